//! Objects as they are now, held against what the trail knows of them.

use std::collections::BTreeMap;

use auditseal_audit::Time;
use auditseal_history::life::{
    CompareVerdict, Doubt, FieldChange, KnownObject, ObjectName, compare,
};
use serde_json::Value;

use crate::lives::Lives;
use crate::said::{Said, SaidKind};
use crate::shown::{object_name, side};
use crate::text::bracket;

/// Objects that were read from the cluster.
#[derive(Debug)]
pub struct LiveObjects {
    /// Kind and group that all of them have.
    pub kind: String,
    /// Empty for the core.
    pub group: String,
    objects: BTreeMap<(String, String), Value>,
    /// They are a list, so what is missing from it may be gone.
    list: bool,
}

/// Why a file can't be compared with.
pub type NotComparable = String;

impl LiveObjects {
    /// Of an object, or of a list of objects of one type, as `kubectl get -o yaml` prints them.
    ///
    /// # Errors
    /// [`NotComparable`], in words.
    pub fn of(value: Value) -> Result<Self, NotComparable> {
        let (list, items) = match value {
            Value::Object(mut members) if members.get("items").is_some_and(Value::is_array) => {
                match members.remove("items") {
                    Some(Value::Array(items)) => {
                        let kind = members
                            .get("kind")
                            .and_then(Value::as_str)
                            .and_then(|kind| kind.strip_suffix("List"));
                        let version = members.get("apiVersion").cloned().unwrap_or_default();
                        (
                            true,
                            items
                                .into_iter()
                                .map(|item| typed(item, kind.unwrap_or_default(), &version))
                                .collect(),
                        )
                    }
                    _ => (true, Vec::new()),
                }
            }
            one => (false, vec![one]),
        };
        let mut objects = BTreeMap::new();
        let mut of: Option<(String, String)> = None;
        for item in items {
            let text = |path: &str| {
                item.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let (kind, version, name) =
                (text("/kind"), text("/apiVersion"), text("/metadata/name"));
            if kind.is_empty() || version.is_empty() || name.is_empty() {
                return Err("it holds something that isn't an object with apiVersion, kind and metadata.name".to_owned());
            }
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            let this = (kind, group);
            if of.as_ref().is_some_and(|of| *of != this) {
                return Err(format!(
                    "it holds objects of several types, {} and {}",
                    of.unwrap_or_default().0,
                    this.0
                ));
            }
            of = Some(this);
            let place = text("/metadata/namespace");
            if objects.insert((place, name.clone()), item).is_some() {
                return Err(format!("it holds {name} twice"));
            }
        }
        let (kind, group) = of.ok_or("it holds no object")?;
        Ok(Self { kind, group, objects, list })
    }
}

/// Items of a typed list lack their type.
fn typed(mut item: Value, kind: &str, version: &Value) -> Value {
    if let Some(members) = item.as_object_mut()
        && !kind.is_empty()
    {
        members.entry("kind").or_insert_with(|| kind.into());
        members.entry("apiVersion").or_insert_with(|| version.clone());
    }
    item
}

/// What came of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedObject {
    /// Which.
    pub object: ObjectName,
    /// The file has it; else the trail's last word is that it is there.
    pub listed: bool,
    /// What is to be said of it.
    pub verdict: CompareVerdict,
    /// When it says of itself that it was created.
    pub created: Option<Time>,
    /// It says that it was created before all that was searched.
    pub from_before: bool,
    /// Field by field, from what the trail knows to what is live.
    pub fields: Vec<FieldChange>,
    /// How many more.
    pub more: usize,
}

impl ComparedObject {
    /// Whether somebody should look: it was written, made or taken away by what isn't in the trail.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match &self.verdict {
            _ if !self.listed => true,
            CompareVerdict::Unseen { .. }
            | CompareVerdict::OtherObject
            | CompareVerdict::Deleted
            | CompareVerdict::Contradiction => true,
            CompareVerdict::Unknown(Doubt::NeverSeen) => !self.from_before,
            CompareVerdict::Unknown(_) => false,
            CompareVerdict::Same | CompareVerdict::Older | CompareVerdict::Unproved => false,
        }
    }

    /// It is just as the trail knows it.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.listed && self.verdict == CompareVerdict::Same
    }

    /// What it came to, in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let created = self
            .created
            .map(|time| format!(" It says that it was created at {time}."))
            .unwrap_or_default();
        match &self.verdict {
            _ if !self.listed => {
                "the trail's last word is that it is there, and the file doesn't list it: it was deleted by what isn't in the trail, or the \
                 file is of a part, or older"
                    .to_owned()
            }
            CompareVerdict::Same => "as the trail knows it".to_owned(),
            CompareVerdict::Unseen { least: 0 } => {
                "it was written by what isn't in the trail: by another way into the store, a chain that wasn't asked, or what the audit \
                 policy leaves out"
                    .to_owned()
            }
            CompareVerdict::Unseen { least } => format!(
                "at least {least} changes of it aren't in the trail: they came another way into the store, in a chain that wasn't asked, or \
                 the audit policy leaves them out"
            ),
            CompareVerdict::Older => "the file is older than the trail's last word".to_owned(),
            CompareVerdict::Unproved => "requests that the trail holds may have made it what it is; their answers aren't logged".to_owned(),
            CompareVerdict::OtherObject => {
                format!("it is another object of that name than the trail's last one: how it came isn't in the trail.{created}")
            }
            CompareVerdict::Deleted => format!("the trail says that it was deleted, and it is there: how it came isn't in the trail.{created}"),
            CompareVerdict::Contradiction => {
                "it has the version that the trail knows, and other content: it was written into the store past the apiserver, or one of \
                 both isn't what it says"
                    .to_owned()
            }
            CompareVerdict::Unknown(Doubt::NeverSeen) if self.from_before => {
                format!("no state of it is in the trail: it is older than what was searched.{created}")
            }
            CompareVerdict::Unknown(Doubt::NeverSeen) => {
                format!("no state of it is in the trail, and nothing shows that it is older: how it came isn't known.{created}")
            }
            CompareVerdict::Unknown(doubt) => format!("what the trail knows of it can't be compared: {doubt}"),
        }
    }

    /// The same for a terminal, with its fields below.
    #[must_use]
    pub fn lines(&self) -> String {
        let escape = auditseal_chain::escape;
        let mut text = format!("{}: {}\n", object_name(&self.object), escape(&self.text()));
        for said in self.said() {
            text += &format!(
                "    {}{}\n",
                escape(&said.text),
                escape(&bracket(said.mark.as_ref(), true))
            );
        }
        text
    }

    fn said(&self) -> Vec<Said> {
        let field = |of: &FieldChange| Said {
            kind: SaidKind::Field,
            text: format!(
                "{}: the trail has {}, it is {}",
                of.path,
                side(&of.before),
                side(&of.after)
            ),
            mark: None,
        };
        let mut said: Vec<Said> = self.fields.iter().map(field).collect();
        if self.more > 0 {
            said.push(Said {
                kind: SaidKind::Note,
                text: format!("and {} fields more", self.more),
                mark: None,
            });
        }
        said
    }
}

/// Compares live objects with lives that are told to their end; `begin`: the first time of the lines that were searched.
#[must_use]
pub fn compared(
    lives: &Lives,
    live: &LiveObjects,
    resource: &str,
    begin: Option<Time>,
) -> Vec<ComparedObject> {
    let ends: BTreeMap<&ObjectName, &KnownObject> =
        lives.ends().map(|end| (end.object, end.known)).collect();
    let mut all = Vec::new();
    for ((namespace, name), object) in &live.objects {
        let of = ObjectName {
            group: live.group.clone(),
            resource: resource.to_owned(),
            namespace: namespace.clone(),
            name: name.clone(),
        };
        if !lives.wanted().has(&of) {
            continue;
        }
        let never = KnownObject::Nothing(Doubt::NeverSeen);
        let known = ends.get(&of).copied().unwrap_or(&never);
        let found = compare(known, object);
        let created = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        let created = created.and_then(|text| Time::certain(text.as_bytes()));
        let from_before = created.zip(begin).is_some_and(|(created, begin)| created < begin);
        all.push(ComparedObject {
            from_before,
            object: of,
            listed: true,
            verdict: found.verdict,
            created,
            fields: found.fields,
            more: found.more,
        });
    }
    if live.list {
        let listed =
            |of: &ObjectName| live.objects.contains_key(&(of.namespace.clone(), of.name.clone()));
        let gone = ends.into_iter().filter(|(of, known)| known.state().is_some() && !listed(of));
        all.extend(gone.map(|(object, _)| ComparedObject {
            object: object.clone(),
            listed: false,
            verdict: CompareVerdict::Unproved,
            created: None,
            from_before: false,
            fields: Vec::new(),
            more: 0,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}})
    }

    #[test]
    fn objects_and_lists_are_read_as_kubectl_prints_them() {
        let one = LiveObjects::of(map("c")).unwrap();
        assert_eq!((one.kind.as_str(), one.group.as_str(), one.list), ("ConfigMap", "", false));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [map("a"), map("b")]});
        let list = LiveObjects::of(list).unwrap();
        assert_eq!((list.objects.len(), list.list), (2, true));
        // The apiserver's own lists name the type once.
        let bare = json!({"metadata": {"name": "p", "namespace": "n"}});
        let typed =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressList", "items": [bare]});
        let typed = LiveObjects::of(typed).unwrap();
        assert_eq!((typed.kind.as_str(), typed.group.as_str()), ("Ingress", "networking.k8s.io"));
    }

    #[test]
    fn what_cannot_be_compared_with_says_why() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        for (value, why) in [
            (json!({"items": []}), "it holds no object"),
            (json!({"items": [map("a"), map("a")]}), "it holds a twice"),
            (json!({"items": [map("a"), secret]}), "of several types, ConfigMap and Secret"),
            (json!({"items": [3]}), "something that isn't an object"),
            (json!("text"), "something that isn't an object"),
        ] {
            let refused = LiveObjects::of(value).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    /// Whoever reads the trail must look where something isn't explained, and only there.
    #[test]
    fn what_no_request_explains_is_a_finding() {
        let of = |verdict: CompareVerdict, listed, from_before| ComparedObject {
            object: ObjectName::default(),
            listed,
            verdict,
            created: None,
            from_before,
            fields: Vec::new(),
            more: 0,
        };
        let never = || CompareVerdict::Unknown(Doubt::NeverSeen);
        for (one, finding) in [
            (of(CompareVerdict::Same, true, false), false),
            (of(CompareVerdict::Same, false, false), true),
            (of(CompareVerdict::Unseen { least: 0 }, true, false), true),
            (of(CompareVerdict::Unseen { least: 3 }, true, false), true),
            (of(CompareVerdict::Older, true, false), false),
            (of(CompareVerdict::Unproved, true, false), false),
            (of(CompareVerdict::OtherObject, true, false), true),
            (of(CompareVerdict::Deleted, true, false), true),
            (of(CompareVerdict::Contradiction, true, false), true),
            (of(never(), true, false), true),
            (of(never(), true, true), false),
            (of(CompareVerdict::Unknown(Doubt::Level), true, false), false),
        ] {
            assert_eq!(one.is_finding(), finding, "{one:?}");
            assert!(one.text().len() > 10 && !one.text().contains('\n'), "{}", one.text());
        }
    }
}
