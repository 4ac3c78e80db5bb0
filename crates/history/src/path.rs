//! Where in an object a value stands.

use std::fmt;

use serde_json::Value;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// The member of this name.
    Key(String),
    /// The element of a list whose members have these values, written as JSON (strings plain).
    Item(Vec<(String, String)>),
    /// The element at this place.
    Index(usize),
}

/// The way from an object to one of its fields; written as `spec.containers[name=web].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(pub Vec<PathStep>);

impl ObjectPath {
    /// Of members alone.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| PathStep::Key((*name).to_owned())).collect())
    }

    /// One step further.
    #[must_use]
    pub fn with(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether it leads to the same place as `other`, or to one above it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Whether one of both is above the other, or they are the same.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The same of two ways into one object, where an element of a list may be named by its place in one of them and by its
    /// keys in the other.
    #[must_use]
    pub fn meets_in(&self, object: &Value, other: &Self) -> bool {
        let mut value = Some(object);
        self.0.iter().zip(&other.0).all(|(one, other)| {
            let item = |at: usize, keys: &[(String, String)]| {
                value.and_then(|list| list.get(at)).is_some_and(|item| has(item, keys))
            };
            let same = match (one, other) {
                (PathStep::Item(keys), PathStep::Index(at))
                | (PathStep::Index(at), PathStep::Item(keys)) => item(*at, keys),
                (one, other) => one == other,
            };
            value = value.and_then(|value| match (one, other) {
                (PathStep::Index(at), _) | (_, PathStep::Index(at)) => value.get(at),
                (step, _) => Self(vec![step.clone()]).find(value),
            });
            same
        })
    }

    /// Whether it begins with these member names.
    #[must_use]
    pub fn is_below(&self, names: &[&str]) -> bool {
        let fits =
            |(step, name): (&PathStep, &&str)| matches!(step, PathStep::Key(key) if key == name);
        self.0.len() >= names.len() && self.0.iter().zip(names).all(fits)
    }

    /// The value there.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            PathStep::Key(name) => value.get(name),
            PathStep::Index(index) => value.get(index),
            PathStep::Item(keys) => value.as_array()?.iter().find(|item| has(item, keys)),
        })
    }
}

fn has(item: &Value, keys: &[(String, String)]) -> bool {
    keys.iter().all(|(name, value)| item.get(name).map(plain).as_ref() == Some(value))
}

/// A value on one line: a string as it is, all else as JSON.
#[must_use]
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(name) if is_word(name) => {
                    f.write_str(if at == 0 { "" } else { "." })?;
                    f.write_str(name)?;
                }
                PathStep::Key(name) => write!(f, "[{name:?}]")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Item(keys) => {
                    let keys: Vec<_> = keys.iter().map(|(name, value)| item(name, value)).collect();
                    write!(f, "[{}]", keys.join(","))?;
                }
            }
        }
        if self.0.is_empty() { f.write_str("(the object)") } else { Ok(()) }
    }
}

fn item(name: &str, value: &str) -> String {
    let quoted = value.is_empty() || value.contains(|c: char| c.is_control() || ",]\"".contains(c));
    if quoted { format!("{name}={value:?}") } else { format!("{name}={value}") }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_written_as_people_write_them() {
        let item = |keys: &[(&str, &str)]| {
            PathStep::Item(keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
        };
        let spec = ObjectPath::of(&["spec"]);
        for (path, text) in [
            (ObjectPath::default(), "(the object)"),
            (ObjectPath::of(&["metadata", "labels", "a.b/c"]), "metadata.labels[\"a.b/c\"]"),
            (spec.with(PathStep::Index(3)).with(PathStep::Key("x".into())), "spec[3].x"),
            (spec.with(item(&[("name", "web")])), "spec[name=web]"),
            (spec.with(item(&[("port", "80"), ("protocol", "TCP")])), "spec[port=80,protocol=TCP]"),
            (spec.with(item(&[("name", "a]\n")])), "spec[name=\"a]\\n\"]"),
        ] {
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn an_element_is_the_same_by_its_place_and_by_its_keys() {
        let object = json!({"a": [{"name": "x"}, {"name": "y", "v": [1]}]});
        let (a, key) = (ObjectPath::of(&["a"]), |name: &str| PathStep::Key(name.into()));
        let item = |name: &str| a.with(PathStep::Item(vec![("name".into(), name.into())]));
        let place = a.with(PathStep::Index(1)).with(key("v")).with(PathStep::Index(0));
        for (path, meets) in [
            (item("y"), true),
            (item("y").with(key("v")), true),
            (item("y").with(key("w")), false),
            (item("x"), false),
            (item("z"), false),
            (a.clone(), true),
            (a.with(PathStep::Index(1)), true),
            (a.with(PathStep::Index(0)), false),
            (ObjectPath::of(&["b"]), false),
        ] {
            assert_eq!(path.meets_in(&object, &place), meets, "{path}");
            assert_eq!(place.meets_in(&object, &path), meets, "{path}");
        }
    }

    #[test]
    fn paths_lead_to_values() {
        let object = json!({"a": [{"name": "x", "v": 1}, {"name": "y", "v": [7]}]});
        let item = PathStep::Item(vec![("name".into(), "y".into())]);
        let path = ObjectPath::of(&["a"]).with(item).with(PathStep::Key("v".into()));
        assert_eq!(path.find(&object), Some(&json!([7])));
        assert_eq!(path.with(PathStep::Index(0)).find(&object), Some(&json!(7)));
        assert_eq!(path.with(PathStep::Index(1)).find(&object), None);
        assert!(ObjectPath::of(&["a"]).covers(&path) && !path.covers(&ObjectPath::of(&["a"])));
        assert!(path.is_below(&["a"]) && !path.is_below(&["v"]));
    }
}
