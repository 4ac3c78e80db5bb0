//! What changed beside what a kind's words account for: whoever says that two objects mean the same must have looked at
//! every field in which they differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::accounts::Accounts;
use crate::diff::noise;
use crate::path::{ObjectPath, PathStep, plain};

/// Fields that are named; more are counted.
pub const MAX_NAMED: usize = 5;

/// The beginning of the sentence that names them.
const CHANGED: &str = "changed: ";

/// Whether a sentence only names fields that changed, and says nothing of what they mean.
#[must_use]
pub fn only_names(sentence: &str) -> bool {
    sentence.starts_with(CHANGED)
}

/// Fields that changed and that no word covers.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    named: Vec<ObjectPath>,
    more: usize,
    /// Lists whose order counts and whose elements have no names: words that are the same don't say that they are.
    ordered: Vec<ObjectPath>,
}

impl Rest {
    /// Of two objects of one kind.
    pub(crate) fn of(before: &Value, after: &Value, accounts: &Accounts) -> Self {
        let mut walk =
            Walk { accounts, names: Vec::new(), path: Vec::new(), found: Self::default() };
        walk.compare(Some(before), Some(after));
        walk.found
    }

    /// Says it behind the sentences that there are.
    pub(crate) fn say(mut self, said: &mut Vec<String>) {
        if said.is_empty() {
            self.ordered.retain(|path| !self.named.contains(path));
            self.named.append(&mut self.ordered);
        }
        let count = self.named.len() + self.more;
        if count == 0 {
            return;
        }
        let named: Vec<String> =
            self.named.iter().take(MAX_NAMED).map(ToString::to_string).collect();
        let more = match count - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let these = if count == 1 { "it means" } else { "these mean" };
        said.push(format!(
            "{CHANGED}{}{more}; nothing more is said of what {these}",
            named.join(", ")
        ));
    }
}

struct Walk<'a> {
    accounts: &'a Accounts,
    /// The way here, with `*` for each element of a list.
    names: Vec<&'a str>,
    path: Vec<PathStep>,
    found: Rest,
}

impl<'a> Walk<'a> {
    fn compare(&mut self, before: Option<&'a Value>, after: Option<&'a Value>) {
        if before == after || noise(&ObjectPath(self.path.clone())).is_some() {
            return;
        }
        match (before, after) {
            (Some(Value::Object(_)), Some(Value::Object(_)) | None)
            | (None, Some(Value::Object(_))) => {
                let members = |of: Option<&'a Value>| of.and_then(Value::as_object);
                let (old, new) = (members(before), members(after));
                let names: BTreeSet<&String> =
                    old.into_iter().chain(new).flat_map(serde_json::Map::keys).collect();
                if names.is_empty() {
                    return self.leaves(before, after);
                }
                for name in names {
                    self.step(name, PathStep::Key(name.clone()), |walk| {
                        walk.compare(
                            old.and_then(|of| of.get(name)),
                            new.and_then(|of| of.get(name)),
                        );
                    });
                }
            }
            (Some(Value::Array(_)), Some(Value::Array(_)) | None)
            | (None, Some(Value::Array(_))) => {
                let items = |of: Option<&'a Value>| {
                    of.and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
                };
                if items(before).is_empty() && items(after).is_empty() {
                    return self.leaves(before, after);
                }
                self.lists(items(before), items(after));
            }
            _ => self.leaves(before, after),
        }
    }

    fn step(&mut self, name: &'a str, step: PathStep, inner: impl FnOnce(&mut Self)) {
        self.names.push(name);
        self.path.push(step);
        inner(self);
        self.path.pop();
        self.names.pop();
    }

    fn lists(&mut self, old: &'a [Value], new: &'a [Value]) {
        let set = self.accounts.is_set(&self.names);
        let (old_left, new_left) = without_common(old, new);
        if set && old_left.is_empty() && new_left.is_empty() {
            return;
        }
        let scalars = old.iter().chain(new).all(|item| !item.is_object() && !item.is_array());
        if scalars {
            return self.scalars(old, new, set);
        }
        // Of a set what is in both is no change; of a list each place counts.
        let (old_items, new_items) = match set {
            true => (old_left.clone(), new_left.clone()),
            false => (old.iter().collect(), new.iter().collect()),
        };
        if let Some((before, after)) = by_name(&old_items).zip(by_name(&new_items)) {
            let order = |of: &[&'a Value], other: &BTreeMap<String, &'a Value>| -> Vec<String> {
                of.iter()
                    .filter_map(|item| name_of(item))
                    .filter(|name| other.contains_key(name))
                    .collect()
            };
            if !set && order(&old_items, &after) != order(&new_items, &before) {
                self.tell();
            }
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let item = PathStep::Item(vec![("name".to_owned(), name.clone())]);
                self.step("*", item, |walk| {
                    walk.compare(before.get(name).copied(), after.get(name).copied());
                });
            }
            return;
        }
        if set {
            // Which of them became which isn't known, so each must be covered as a whole.
            self.names.push("*");
            let covered = old_left.iter().chain(&new_left).all(|item| self.covers(item));
            self.names.pop();
            if !covered {
                self.tell();
            }
            return;
        }
        if old_left.is_empty() && new_left.is_empty() {
            return self.tell();
        }
        if old.len().max(new.len()) > 1 {
            self.found.ordered.push(ObjectPath(self.path.clone()));
        }
        for at in 0..old.len().max(new.len()) {
            self.step("*", PathStep::Index(at), |walk| walk.compare(old.get(at), new.get(at)));
        }
    }

    fn scalars(&mut self, old: &'a [Value], new: &'a [Value], set: bool) {
        self.names.push("*");
        let covered = old.iter().chain(new).all(|item| self.covers(item));
        self.names.pop();
        if !covered {
            return self.tell();
        }
        if !set {
            self.found.ordered.push(ObjectPath(self.path.clone()));
        }
    }

    fn leaves(&mut self, before: Option<&'a Value>, after: Option<&'a Value>) {
        let covered = before.into_iter().chain(after).all(|value| self.covers(value));
        if !covered {
            self.tell();
        }
    }

    /// Whether each value in it is accounted for.
    fn covers(&mut self, value: &'a Value) -> bool {
        match value {
            Value::Object(members) if !members.is_empty() => members.iter().all(|(name, value)| {
                self.names.push(name);
                let covered = self.covers(value);
                self.names.pop();
                covered
            }),
            Value::Array(items) if !items.is_empty() => {
                self.names.push("*");
                let covered = items.iter().all(|item| self.covers(item));
                self.names.pop();
                covered
            }
            Value::Object(_) | Value::Array(_) | Value::Null => self.accounts.leads(&self.names),
            _ => self.accounts.has(&self.names),
        }
    }

    fn tell(&mut self) {
        let path = ObjectPath(self.path.clone());
        if noise(&path).is_some() || self.found.named.contains(&path) {
            return;
        }
        if self.found.named.len() < MAX_NAMED {
            self.found.named.push(path);
        } else {
            self.found.more += 1;
        }
    }
}

/// What each has that the other hasn't, as often.
fn without_common<'a>(old: &'a [Value], new: &'a [Value]) -> (Vec<&'a Value>, Vec<&'a Value>) {
    let left = |of: &'a [Value], other: &'a [Value]| {
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        for item in other {
            *there.entry(item.to_string()).or_default() += 1;
        }
        let is_left = |item: &&'a Value| match there.get_mut(&item.to_string()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        };
        of.iter().filter(is_left).collect()
    };
    (left(old, new), left(new, old))
}

fn name_of(item: &Value) -> Option<String> {
    item.get("name").filter(|name| name.is_string()).map(plain)
}

/// Elements by their names; none where one has none, or another's.
fn by_name<'a>(items: &[&'a Value]) -> Option<BTreeMap<String, &'a Value>> {
    let mut named = BTreeMap::new();
    for item in items {
        if named.insert(name_of(item)?, *item).is_some() {
            return None;
        }
    }
    Some(named)
}
