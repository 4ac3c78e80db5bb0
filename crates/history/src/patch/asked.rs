//! Which fields a patch names, whatever the object was.

use serde_json::Value;

use super::json::operations;
use super::kind::PatchKind;
use super::strategic::{DELETE, ORDER, PATCH, RETAIN};
use crate::path::{ObjectPath, PathStep, plain};
use crate::schema::{Rule, Schema};

/// Fields that are listed of one request: a patch that names more is told by its first ones.
pub const MAX_ASKED: usize = 4096;

/// A field that a request names.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedField {
    /// Which.
    pub path: ObjectPath,
    /// What it should become; none: it should go, or what it becomes isn't told by the patch alone.
    pub value: Option<Value>,
}

/// The fields that a patch names, in its own order; [`MAX_ASKED`] at most, and whether that are all.
#[must_use]
pub fn asked(body: &Value, kind: PatchKind, schema_of: (&str, &str)) -> (Vec<AskedField>, bool) {
    let schema = Schema::new(schema_of.0, schema_of.1);
    let mut naming = Naming { schema, kind, found: Vec::new(), all: true };
    match body {
        Value::Array(_) => naming.operations(body),
        Value::Object(_) => naming.member(body, &ObjectPath::default(), &mut Vec::new()),
        _ => naming.all = false,
    }
    (naming.found, naming.all)
}

struct Naming {
    schema: Schema,
    kind: PatchKind,
    found: Vec<AskedField>,
    all: bool,
}

impl Naming {
    fn tell(&mut self, path: ObjectPath, value: Option<Value>) {
        if self.found.len() < MAX_ASKED {
            self.found.push(AskedField { path, value });
        } else {
            self.all = false;
        }
    }

    fn operations(&mut self, body: &Value) {
        let Ok(operations) = operations(body) else {
            self.all = false;
            return;
        };
        let path = |tokens: &[String]| {
            let step = |token: &String| match token.parse() {
                Ok(index) => PathStep::Index(index),
                Err(_) => PathStep::Key(token.clone()),
            };
            ObjectPath(tokens.iter().filter(|token| *token != "-").map(step).collect())
        };
        for operation in operations.iter().filter(|operation| operation.name != "test") {
            // What is put into a list changes the places of what stands behind it: the list as a whole is named.
            let is_place = |token: &String| token == "-" || token.parse::<usize>().is_ok();
            let of = |tokens: &[String]| match tokens.split_last() {
                Some((last, list)) if is_place(last) && operation.name != "replace" => path(list),
                _ => path(tokens),
            };
            let at = of(&operation.path);
            let value = operation.value.filter(|_| at.0.len() == operation.path.len()).cloned();
            self.tell(at, value);
            if let (Some(from), "move") = (&operation.from, operation.name) {
                self.tell(of(from), None);
            }
        }
    }

    fn member<'a>(&mut self, value: &'a Value, path: &ObjectPath, names: &mut Vec<&'a str>) {
        if !self.all {
            return;
        }
        let merged = self.kind != PatchKind::Merge;
        match value {
            Value::Object(members) if !members.is_empty() || path.0.is_empty() => {
                if self.kind == PatchKind::Strategic && members.contains_key(PATCH) {
                    return self.tell(path.clone(), None);
                }
                for (name, value) in members {
                    let plain = name.strip_prefix(DELETE);
                    if (name == RETAIN || name.starts_with(ORDER)) && merged {
                        self.tell(path.clone(), None);
                        continue;
                    }
                    let inner = path.with(PathStep::Key(plain.unwrap_or(name).to_owned()));
                    if plain.is_some() && merged {
                        self.tell(inner, None);
                        continue;
                    }
                    names.push(name);
                    self.member(value, &inner, names);
                    names.pop();
                }
            }
            Value::Array(items) if merged => match self.schema.rule(names) {
                Some(Rule::ByKey(key)) => self.items(items, key, path, names),
                _ => self.tell(path.clone(), Some(value.clone())),
            },
            Value::Null => self.tell(path.clone(), None),
            _ => self.tell(path.clone(), Some(value.clone())),
        }
    }

    fn items<'a>(
        &mut self,
        items: &'a [Value],
        key: &str,
        path: &ObjectPath,
        names: &mut Vec<&'a str>,
    ) {
        for item in items {
            let Some(value) = item.get(key) else {
                self.tell(path.clone(), None);
                continue;
            };
            let inner = path.with(PathStep::Item(vec![(key.to_owned(), plain(value))]));
            self.member(item, &inner, names);
        }
    }
}

/// Whether a field that a request named may be this one: elements of lists are told apart by what both name them by.
#[must_use]
pub(crate) fn may_be(asked: &ObjectPath, field: &ObjectPath) -> bool {
    asked.0.iter().zip(&field.0).all(|pair| match pair {
        (PathStep::Key(one), PathStep::Key(other)) => one == other,
        (PathStep::Item(one), PathStep::Item(other)) => one.iter().all(|(name, value)| {
            other.iter().find(|(of, _)| of == name).is_none_or(|(_, of)| of == value)
        }),
        (PathStep::Key(name), PathStep::Index(_)) => name.parse::<usize>().is_ok(),
        (PathStep::Index(at), PathStep::Key(name)) => *name == at.to_string(),
        (PathStep::Index(one), PathStep::Index(other)) => one == other,
        (PathStep::Index(_) | PathStep::Key(_), PathStep::Item(_)) => true,
        (PathStep::Item(_), _) => matches!(pair.1, PathStep::Index(_)),
    })
}
