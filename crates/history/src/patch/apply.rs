//! Server-side apply, as far as it can be told without the types' schemas: what is applied is there afterwards; what the
//! same manager applied before and doesn't any more is gone, unless somebody else owns it too.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fault::{PatchFault, Work};
use super::merge::prune;
use crate::path::plain;
use crate::schema::{Rule, Schema};

/// What came of an apply.
pub(crate) struct Applied {
    pub(crate) object: Value,
    /// Nothing says which fields the manager owned before, so some of the others may be gone.
    pub(crate) owners_unknown: bool,
}

/// Applies a configuration in the name of a manager.
///
/// # Errors
/// [`PatchFault`] where it is no object or costs too much.
pub(crate) fn apply(
    base: &Value,
    config: &Value,
    manager: Option<&str>,
    schema: Schema,
    work: &mut Work,
) -> Result<Applied, PatchFault> {
    let (Value::Object(mut object), Value::Object(mut config)) =
        (work.copy(base)?, work.copy(config)?)
    else {
        return Err(PatchFault::Form("it is no object"));
    };
    let owners = object.get("metadata").and_then(|of| of.get("managedFields")).cloned();
    let owners_unknown = owners.is_none() || manager.is_none();
    if let (Some(owners), Some(manager)) = (&owners, manager) {
        let (mine, others) = owned(owners, manager, work)?;
        for path in mine.difference(&others) {
            let covers = |inner: &Vec<String>| inner.len() > path.len() && inner.starts_with(path);
            if !others.iter().any(covers) && !holds(&Value::Object(config.clone()), path, work)? {
                remove(&mut object, path);
            }
        }
    }
    prune_object(&mut config);
    merge(&mut object, config, schema, &mut Vec::new(), work)?;
    Ok(Applied { object: Value::Object(object), owners_unknown })
}

fn prune_object(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    object.values_mut().for_each(prune);
}

type Paths = BTreeSet<Vec<String>>;

/// Leaves that a manager owns by apply, and those that anybody else owns, as `fieldsV1` names them.
fn owned(owners: &Value, manager: &str, work: &mut Work) -> Result<(Paths, Paths), PatchFault> {
    let (mut mine, mut others) = (Paths::new(), Paths::new());
    for entry in owners.as_array().into_iter().flatten() {
        let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let own = text("manager") == manager
            && text("operation") == "Apply"
            && text("subresource").is_empty();
        let into = if own { &mut mine } else { &mut others };
        let fields = entry.get("fieldsV1").unwrap_or(&Value::Null);
        leaves(fields, &mut Vec::new(), into, work)?;
    }
    Ok((mine, others))
}

fn leaves(
    fields: &Value,
    path: &mut Vec<String>,
    into: &mut Paths,
    work: &mut Work,
) -> Result<(), PatchFault> {
    let members = fields.as_object();
    let inner = members.into_iter().flatten().filter(|(name, _)| *name != ".");
    let mut leaf = true;
    for (name, fields) in inner {
        leaf = false;
        path.push(name.clone());
        leaves(fields, path, into, work)?;
        path.pop();
    }
    // An element of a list is owned by itself, too.
    if (leaf || members.is_some_and(|members| members.contains_key("."))) && !path.is_empty() {
        work.take(1 + path.len())?;
        into.insert(path.clone());
    }
    Ok(())
}

/// Whether a value has what a path of `fieldsV1` names.
fn holds(value: &Value, path: &[String], work: &mut Work) -> Result<bool, PatchFault> {
    let mut at = value;
    for step in path {
        let next = match (step.split_once(':'), at) {
            (Some(("f", name)), at) => at.get(name),
            (Some((kind @ ("k" | "v"), text)), Value::Array(items)) => {
                work.take(items.len())?;
                items.iter().find(|item| is_element(item, kind, text))
            }
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(false),
        }
    }
    Ok(true)
}

fn is_element(item: &Value, kind: &str, text: &str) -> bool {
    let Ok(wanted) = crate::value::parse(text) else { return false };
    match (kind, wanted) {
        ("v", wanted) => *item == wanted,
        (_, Value::Object(keys)) => keys.iter().all(|(name, value)| {
            // A protocol that isn't said is TCP, the one key that has a default.
            match item.get(name) {
                Some(there) => there == value,
                None => name == "protocol" && value == "TCP",
            }
        }),
        _ => false,
    }
}

fn remove(object: &mut Map<String, Value>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(name) = first.strip_prefix("f:") else { return };
    if rest.is_empty() {
        object.remove(name);
    } else if let Some(value) = object.get_mut(name) {
        remove_inside(value, rest);
    }
}

fn remove_inside(value: &mut Value, path: &[String]) {
    match (value, path.split_first()) {
        (Value::Object(members), _) => remove(members, path),
        (Value::Array(items), Some((first, rest))) => {
            let Some((kind, text)) = first.split_once(':') else { return };
            let Some(at) = items.iter().position(|item| is_element(item, kind, text)) else {
                return;
            };
            if rest.is_empty() {
                items.remove(at);
            } else {
                remove_inside(&mut items[at], rest);
            }
        }
        _ => {}
    }
}

fn merge(
    object: &mut Map<String, Value>,
    config: Map<String, Value>,
    schema: Schema,
    path: &mut Vec<String>,
    work: &mut Work,
) -> Result<(), PatchFault> {
    for (name, new) in config {
        work.take(1)?;
        path.push(name.clone());
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let rule = schema.rule(&names);
        match (object.get_mut(&name), new, rule) {
            (Some(Value::Object(old)), Value::Object(new), _) => {
                merge(old, new, schema, path, work)?
            }
            (Some(Value::Array(old)), Value::Array(new), Some(Rule::ByKey(_))) => {
                let keys = schema.keys(&names);
                for item in new {
                    work.take(old.len())?;
                    let same = old.iter_mut().find(|old| same_keys(old, &item, keys));
                    match (same, item) {
                        (Some(Value::Object(old)), Value::Object(item)) => {
                            merge(old, item, schema, path, work)?;
                        }
                        (_, item) => old.push(item),
                    }
                }
            }
            (Some(Value::Array(old)), Value::Array(new), Some(Rule::Set)) => {
                work.take(old.len().saturating_mul(new.len()))?;
                let more: Vec<_> = new.into_iter().filter(|item| !old.contains(item)).collect();
                old.extend(more);
            }
            (_, new, _) => drop(object.insert(name, new)),
        }
        path.pop();
    }
    Ok(())
}

fn same_keys(one: &Value, other: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| {
        let of = |value: &Value| match value.get(key) {
            None if *key == "protocol" => Some("TCP".to_owned()),
            found => found.map(plain),
        };
        of(one) == of(other)
    })
}
