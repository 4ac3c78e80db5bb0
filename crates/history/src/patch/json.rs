//! JSON Patch, RFC 6902, within bounds: a `copy` can double an object, and a few dozen fill any memory.
//!
//! kube-apiserver applies them with `evanphx/json-patch` v4, which is followed where it differs from the RFC: `replace` of a
//! member that isn't there adds it, `copy` of one gives null. Where it goes beyond the RFC (indexes that count from the
//! end), or can't do something (put a whole object elsewhere), the answer is [`PatchFault::Odd`].

use serde_json::Value;

use super::fault::{PatchFault, Work};

/// Operations in one patch: kube-apiserver refuses more (`maxJSONPatchOperations`).
pub const MAX_OPERATIONS: usize = 10_000;

/// One operation, with its paths split.
pub(crate) struct Operation<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: Vec<String>,
    pub(crate) from: Option<Vec<String>>,
    pub(crate) value: Option<&'a Value>,
}

/// The operations of a patch.
pub(crate) fn operations(patch: &Value) -> Result<Vec<Operation<'_>>, PatchFault> {
    let list = patch.as_array().ok_or(PatchFault::Form("it is no list of operations"))?;
    if list.len() > MAX_OPERATIONS {
        return Err(PatchFault::Bound);
    }
    list.iter().map(operation).collect()
}

fn operation(one: &Value) -> Result<Operation<'_>, PatchFault> {
    let text = |name| one.get(name).and_then(Value::as_str);
    let name = text("op").ok_or(PatchFault::Form("an operation has no op"))?;
    let path = pointer(text("path").ok_or(PatchFault::Form("an operation has no path"))?)?;
    let from = match name {
        "move" | "copy" => {
            Some(pointer(text("from").ok_or(PatchFault::Form("an operation has no from"))?)?)
        }
        "add" | "replace" | "test" | "remove" => None,
        _ => return Err(PatchFault::Form("an operation is none of the six")),
    };
    let value = one.get("value");
    if value.is_none() && matches!(name, "add" | "replace" | "test") {
        return Err(PatchFault::Odd("an operation has no value"));
    }
    Ok(Operation { name, path, from, value })
}

/// RFC 6901.
fn pointer(text: &str) -> Result<Vec<String>, PatchFault> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix('/').ok_or(PatchFault::Form("a path doesn't begin with /"))?;
    Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// Applies a JSON Patch.
///
/// # Errors
/// [`PatchFault`]; `Misfit` where an operation fails, of which `test` is one.
pub(crate) fn apply(base: &Value, patch: &Value, work: &mut Work) -> Result<Value, PatchFault> {
    let mut object = work.copy(base)?;
    for operation in operations(patch)? {
        let Operation { name, path, from, value } = operation;
        let value = value.map(|value| work.copy(value)).transpose()?;
        match (name, value, from) {
            ("add", Some(value), _) => add(&mut object, &path, value, work)?,
            ("replace", Some(value), _) => {
                work.nests(path.len(), &value)?;
                replace(&mut object, &path, value)?;
            }
            ("test", Some(value), _) => {
                // A member that isn't there counts as null.
                let there = find(&mut object, &path).map(|found| &*found).ok();
                if there.unwrap_or(&Value::Null) != &value {
                    return Err(misfit("a test fails", &path));
                }
            }
            ("remove", ..) => drop(remove(&mut object, &path, work)?),
            ("move", _, Some(from)) => {
                if path.starts_with(&from) && path != from {
                    return Err(PatchFault::Form("something is moved into itself"));
                }
                let value = remove(&mut object, &from, work)?;
                add(&mut object, &path, value, work)?;
            }
            ("copy", _, Some(from)) => {
                let value = match member(&mut object, &from)? {
                    Some(value) => work.copy(value)?,
                    None => Value::Null,
                };
                add(&mut object, &path, value, work)?;
            }
            _ => return Err(PatchFault::Form("an operation lacks a member")),
        }
    }
    Ok(object)
}

fn misfit(what: &str, path: &[String]) -> PatchFault {
    PatchFault::Misfit(format!("{what} at /{}", path.join("/")))
}

fn index(token: &str) -> Result<usize, PatchFault> {
    if token.starts_with('-') && token.len() > 1 {
        return Err(PatchFault::Odd("an index counts from the end"));
    }
    let plain = token == "0" || !token.starts_with('0');
    let digits = plain && token.bytes().all(|byte| byte.is_ascii_digit());
    let index = token.parse().ok().filter(|_| digits);
    index.ok_or_else(|| PatchFault::Misfit(format!("{token:?} is no place in a list")))
}

fn find<'a>(object: &'a mut Value, path: &[String]) -> Result<&'a mut Value, PatchFault> {
    let mut at = object;
    for (depth, token) in path.iter().enumerate() {
        let next = match at {
            Value::Object(members) => members.get_mut(token),
            Value::Array(values) => values.get_mut(index(token)?),
            _ => None,
        };
        at = next.ok_or_else(|| misfit("there is nothing", &path[..=depth]))?;
    }
    Ok(at)
}

/// The value at a path whose last member need not be there.
fn member<'a>(object: &'a mut Value, path: &[String]) -> Result<Option<&'a Value>, PatchFault> {
    let Some((last, parent)) = path.split_last() else { return Ok(Some(object)) };
    match find(object, parent)? {
        Value::Object(members) => Ok(members.get(last)),
        Value::Array(values) => match values.get(index(last)?) {
            Some(value) => Ok(Some(value)),
            None => Err(misfit("there is nothing", path)),
        },
        _ => Err(misfit("there is nothing", path)),
    }
}

fn replace(object: &mut Value, path: &[String], value: Value) -> Result<(), PatchFault> {
    if let Some((last, parent)) = path.split_last()
        && let Value::Object(members) = find(object, parent)?
    {
        members.insert(last.clone(), value);
        return Ok(());
    }
    *find(object, path)? = value;
    Ok(())
}

fn add(
    object: &mut Value,
    path: &[String],
    value: Value,
    work: &mut Work,
) -> Result<(), PatchFault> {
    work.nests(path.len(), &value)?;
    let Some((last, parent)) = path.split_last() else {
        return Err(PatchFault::Odd("something is put in place of the whole object"));
    };
    match find(object, parent)? {
        Value::Object(members) => drop(members.insert(last.clone(), value)),
        Value::Array(values) => {
            let at = if last == "-" { values.len() } else { index(last)? };
            if at > values.len() {
                return Err(misfit("the list ends before", path));
            }
            work.take(values.len() - at)?;
            values.insert(at, value);
        }
        _ => return Err(misfit("nothing can be put", path)),
    }
    Ok(())
}

fn remove(object: &mut Value, path: &[String], work: &mut Work) -> Result<Value, PatchFault> {
    let Some((last, parent)) = path.split_last() else {
        return Err(PatchFault::Odd("the whole object is removed"));
    };
    let gone = match find(object, parent)? {
        Value::Object(members) => members.remove(last),
        Value::Array(values) => {
            let at = index(last)?;
            work.take(values.len().saturating_sub(at))?;
            (at < values.len()).then(|| values.remove(at))
        }
        _ => None,
    };
    gone.ok_or_else(|| misfit("there is nothing", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(base: Value, patch: Value) -> Result<Value, PatchFault> {
        apply(&base, &patch, &mut Work::new())
    }

    #[test]
    fn each_operation_does_what_the_rfc_says() {
        let base = json!({"a": [1, 2], "b": {"x/y": 1, "m~n": 2}});
        for (patch, after) in [
            (
                json!([{"op": "add", "path": "/a/1", "value": 9}]),
                json!({"a": [1, 9, 2], "b": {"x/y": 1, "m~n": 2}}),
            ),
            (
                json!([{"op": "add", "path": "/a/-", "value": 9}]),
                json!({"a": [1, 2, 9], "b": {"x/y": 1, "m~n": 2}}),
            ),
            (json!([{"op": "remove", "path": "/b/x~1y"}]), json!({"a": [1, 2], "b": {"m~n": 2}})),
            (
                json!([{"op": "replace", "path": "/b/m~0n", "value": 3}]),
                json!({"a": [1, 2], "b": {"x/y": 1, "m~n": 3}}),
            ),
            (json!([{"op": "move", "from": "/a", "path": "/b"}]), json!({"b": [1, 2]})),
            (
                json!([{"op": "copy", "from": "/a/0", "path": "/b/z"}]),
                json!({"a": [1, 2], "b": {"x/y": 1, "m~n": 2, "z": 1}}),
            ),
            (
                json!([{"op": "test", "path": "/a", "value": [1, 2]}, {"op": "replace", "path": "", "value": 7}]),
                json!(7),
            ),
        ] {
            assert_eq!(patched(base.clone(), patch), Ok(after));
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for patch in [
            json!({}),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "add", "path": "/a/3", "value": 1}]),
            json!([{"op": "add", "path": "/a/01", "value": 1}]),
            json!([{"op": "add", "path": "/x/y", "value": 1}]),
            json!([{"op": "remove", "path": "/x"}]),
            json!([{"op": "remove", "path": ""}]),
            json!([{"op": "replace", "path": "/x/y", "value": 1}]),
            json!([{"op": "replace", "path": "/a/2", "value": 1}]),
            json!([{"op": "replace", "path": "/a/-1", "value": 1}]),
            json!([{"op": "test", "path": "/a", "value": [1]}]),
            json!([{"op": "move", "from": "/a", "path": "/a/0"}]),
            json!([{"op": "copy", "from": "/q/r", "path": "/a"}]),
            json!([{"op": "frob", "path": "/a"}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"path": "/a"}]),
        ] {
            assert!(patched(json!({"a": [1, 2]}), patch.clone()).is_err(), "{patch}");
        }
    }

    #[test]
    fn a_patch_beyond_the_bounds_ends() {
        let double = json!({"op": "copy", "from": "", "path": "/a"});
        let many = Value::Array(vec![double; 99]);
        assert_eq!(patched(json!({"x": [1, 2, 3]}), many), Err(PatchFault::Bound));
        let wide = json!({"op": "copy", "from": "/l", "path": "/l/-"});
        let doubled = patched(json!({"l": [1]}), Value::Array(vec![wide; 64]));
        assert_eq!(doubled, Err(PatchFault::Bound));
        let sum = json!({"op": "test", "path": "/x", "value": 1});
        let too_many = Value::Array(vec![sum.clone(); MAX_OPERATIONS + 1]);
        assert_eq!(patched(json!({"x": 1}), too_many), Err(PatchFault::Bound));
        assert!(patched(json!({"x": 1}), Value::Array(vec![sum; MAX_OPERATIONS])).is_ok());
        let front = json!({"op": "add", "path": "/l/0", "value": 1});
        let long: Vec<u8> = vec![0; 200_000];
        let inserted = patched(json!({"l": long}), Value::Array(vec![front; 10_000]));
        assert_eq!(inserted, Err(PatchFault::Bound));
    }
}
