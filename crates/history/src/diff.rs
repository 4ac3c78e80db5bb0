//! What differs between two objects, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::path::{ObjectPath, PathStep, plain};
use crate::schema::Schema;

/// Fields that are listed; more are counted. A field deep inside takes its whole path.
pub const MAX_FIELDS: usize = 4096;

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDiff {
    /// Which.
    pub path: ObjectPath,
    /// What it was; none: it wasn't there.
    pub before: Option<Value>,
    /// What it is; none: it isn't there any more.
    pub after: Option<Value>,
    /// The elements are the same, in another order: before and after are their keys.
    pub order: bool,
}

/// All that differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diff {
    /// The fields, in the order of their paths; [`MAX_FIELDS`] at most.
    pub fields: Vec<FieldDiff>,
    /// How many more there are.
    pub more: usize,
}

/// Fields that change by themselves, or say again what others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noise {
    /// `metadata.managedFields`.
    ManagedFields,
    /// `metadata.resourceVersion` and `metadata.generation`.
    Version,
    /// `status`.
    Status,
    /// Which object it is: `apiVersion`, `kind`, name, namespace, uid, and when it was created.
    Identity,
    /// The copy of what was applied that kubectl keeps in an annotation.
    LastApplied,
}

/// The annotation that `kubectl apply` keeps what it applied in.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Which noise a field is; none: it is what somebody wanted.
#[must_use]
pub fn noise(path: &ObjectPath) -> Option<Noise> {
    [
        (&["metadata", "managedFields"][..], Noise::ManagedFields),
        (&["metadata", "resourceVersion"], Noise::Version),
        (&["metadata", "generation"], Noise::Version),
        (&["status"], Noise::Status),
        (&["apiVersion"], Noise::Identity),
        (&["kind"], Noise::Identity),
        (&["metadata", "name"], Noise::Identity),
        (&["metadata", "namespace"], Noise::Identity),
        (&["metadata", "uid"], Noise::Identity),
        (&["metadata", "creationTimestamp"], Noise::Identity),
        (&["metadata", "annotations", LAST_APPLIED], Noise::LastApplied),
    ]
    .into_iter()
    .find(|(names, _)| path.is_below(names))
    .map(|(_, noise)| noise)
}

/// Compares two objects; none: it isn't there. Lists are compared by the keys of their kind, or by `name`, where each
/// element has them and no two are alike; lists of scalars as a whole; others by place.
#[must_use]
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Diff {
    let schema = Schema::of(after.or(before).unwrap_or(&Value::Null));
    let mut walk = Walk { schema, names: Vec::new(), path: Vec::new(), found: Diff::default() };
    walk.compare(before, after);
    walk.found
}

struct Walk<'a> {
    schema: Schema,
    /// Names of the members that lead here.
    names: Vec<&'a str>,
    path: Vec<PathStep>,
    found: Diff,
}

impl<'a> Walk<'a> {
    fn compare(&mut self, before: Option<&'a Value>, after: Option<&'a Value>) {
        if before == after {
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.members(Some(before), Some(after));
            }
            // What is new or gone is told by its parts where noise stands among them.
            (None, Some(Value::Object(after))) if self.is_outer() && !after.is_empty() => {
                self.members(None, Some(after));
            }
            (Some(Value::Object(before)), None) if self.is_outer() && !before.is_empty() => {
                self.members(Some(before), None);
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.lists(old, new),
            _ => self.tell(before.cloned(), after.cloned(), false),
        }
    }

    fn is_outer(&self) -> bool {
        matches!(self.names[..], [] | ["metadata"] | ["metadata", "annotations"])
    }

    fn tell(&mut self, before: Option<Value>, after: Option<Value>, order: bool) {
        if self.found.fields.len() >= MAX_FIELDS {
            self.found.more += 1;
            return;
        }
        let path = ObjectPath(self.path.clone());
        self.found.fields.push(FieldDiff { path, before, after, order });
    }

    fn members(
        &mut self,
        before: Option<&'a Map<String, Value>>,
        after: Option<&'a Map<String, Value>>,
    ) {
        let names: BTreeSet<&String> =
            before.into_iter().chain(after).flat_map(|members| members.keys()).collect();
        for name in names {
            let of = |members: Option<&'a Map<String, Value>>| members.and_then(|m| m.get(name));
            self.names.push(name);
            self.path.push(PathStep::Key(name.clone()));
            self.compare(of(before), of(after));
            self.path.pop();
            self.names.pop();
        }
    }

    fn lists(&mut self, old: &'a [Value], new: &'a [Value]) {
        let mut all = old.iter().chain(new);
        if all.all(|item| !item.is_object() && !item.is_array()) {
            return self.tell(Some(old.to_vec().into()), Some(new.to_vec().into()), false);
        }
        let keys = self.schema.keys(&self.names);
        match (keyed(old, keys), keyed(new, keys)) {
            (Some(before), Some(after)) => self.by_key(&before, &after),
            _ => {
                for at in 0..old.len().max(new.len()) {
                    self.path.push(PathStep::Index(at));
                    self.compare(old.get(at), new.get(at));
                    self.path.pop();
                }
            }
        }
    }

    fn by_key(&mut self, before: &Keyed<'a>, after: &Keyed<'a>) {
        let common = |of: &Keyed<'a>, other: &Keyed<'a>| -> Vec<Value> {
            let kept = of.order.iter().filter(|key| other.items.contains_key(*key));
            kept.map(|key| name(key).into()).collect()
        };
        let (old, new) = (common(before, after), common(after, before));
        if old != new {
            self.tell(Some(old.into()), Some(new.into()), true);
        }
        let keys: BTreeSet<_> = before.items.keys().chain(after.items.keys()).collect();
        for key in keys {
            self.path.push(PathStep::Item(key.clone()));
            self.compare(before.items.get(key).copied(), after.items.get(key).copied());
            self.path.pop();
        }
    }
}

type Key = Vec<(String, String)>;

fn name(key: &Key) -> String {
    key.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")
}

struct Keyed<'a> {
    items: BTreeMap<Key, &'a Value>,
    order: Vec<Key>,
}

/// The elements of a list by their keys; none where one has no key, or one has another's.
fn keyed<'a>(list: &'a [Value], keys: &[&str]) -> Option<Keyed<'a>> {
    let mut found = Keyed { items: BTreeMap::new(), order: Vec::new() };
    for item in list {
        let mut key = Key::new();
        for (at, name) in keys.iter().enumerate() {
            match item.get(name) {
                Some(value) if !value.is_object() && !value.is_array() => {
                    key.push(((*name).to_owned(), plain(value)));
                }
                None if at > 0 && item.is_object() => {}
                _ => return None,
            }
        }
        if found.items.insert(key.clone(), item).is_some() {
            return None;
        }
        found.order.push(key);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(before: &Value, after: &Value) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".into(), Value::to_string);
        let field = |f: &FieldDiff| {
            let order = if f.order { " (order)" } else { "" };
            format!("{} {} -> {}{order}", f.path, text(&f.before), text(&f.after))
        };
        diff(Some(before), Some(after)).fields.iter().map(field).collect()
    }

    fn deployment(containers: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn containers_are_known_by_name_and_ports_by_protocol() {
        let before = deployment(json!([
            {"name": "a", "image": "x", "ports": [{"containerPort": 53, "protocol": "TCP"}]},
            {"name": "b", "image": "y"},
        ]));
        let after = deployment(json!([
            {"name": "new", "image": "n"},
            {"name": "a", "image": "x2", "ports": [
                {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]},
        ]));
        let pre = "spec.template.spec.containers";
        assert_eq!(
            told(&before, &after),
            [
                format!(r#"{pre}[name=a].image "x" -> "x2""#),
                format!(
                    r#"{pre}[name=a].ports[containerPort=53,protocol=UDP] - -> {{"containerPort":53,"protocol":"UDP"}}"#
                ),
                format!(r#"{pre}[name=b] {{"image":"y","name":"b"}} -> -"#),
                format!(r#"{pre}[name=new] - -> {{"image":"n","name":"new"}}"#),
            ]
        );
    }

    #[test]
    fn another_order_is_said() {
        let list = |names: [&str; 2]| deployment(json!(names.map(|name| json!({"name": name}))));
        assert_eq!(
            told(&list(["a", "b"]), &list(["b", "a"])),
            [r#"spec.template.spec.containers ["a","b"] -> ["b","a"] (order)"#]
        );
    }

    #[test]
    fn lists_without_keys_are_compared_by_place_and_scalars_as_a_whole() {
        let object = |x: Value| json!({"kind": "X", "spec": x});
        assert_eq!(
            told(&object(json!([{"a": 1}, {"a": 2}])), &object(json!([{"a": 1}, {"a": 3}, []]))),
            ["spec[1].a 2 -> 3", "spec[2] - -> []"]
        );
        assert_eq!(told(&object(json!([1])), &object(json!([1, 2]))), ["spec [1] -> [1,2]"]);
        // Two of one name can't be told apart.
        assert_eq!(
            told(
                &object(json!([{"name": "a", "v": 1}, {"name": "a"}])),
                &object(json!([{"name": "a"}]))
            ),
            ["spec[0].v 1 -> -", r#"spec[1] {"name":"a"} -> -"#]
        );
    }

    #[test]
    fn what_is_created_is_told_apart_from_noise() {
        let object = json!({"kind": "X", "metadata": {"name": "n", "resourceVersion": "1",
            "annotations": {LAST_APPLIED: "{}", "a": "b"}}, "spec": {"x": {}}, "status": {"y": 1}});
        let found = diff(None, Some(&object));
        let loud = found.fields.iter().filter(|f| noise(&f.path).is_none());
        let loud: Vec<_> = loud.map(|f| f.path.to_string()).collect();
        assert_eq!(loud, ["metadata.annotations.a", "spec"]);
        let quiet: Vec<_> = found.fields.iter().filter_map(|f| noise(&f.path)).collect();
        use Noise::{Identity, LastApplied, Status, Version};
        assert_eq!(quiet, [Identity, LastApplied, Identity, Version, Status]);
    }

    #[test]
    fn beyond_the_bound_fields_are_counted() {
        let many: Map<String, Value> =
            (0..MAX_FIELDS + 7).map(|n| (n.to_string(), json!(n))).collect();
        let found = diff(Some(&json!({"kind": "X"})), Some(&json!({"kind": "X", "data": many})));
        assert_eq!((found.fields.len(), found.more), (1, 0));
        let found = diff(Some(&json!({"data": {}})), Some(&json!({"data": many})));
        assert_eq!((found.fields.len(), found.more), (MAX_FIELDS, 7));
    }
}
