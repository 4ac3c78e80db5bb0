//! JSON merge patch, RFC 7386, as `evanphx/json-patch` does it: what is new loses its nulls, those in lists too.

use serde_json::{Map, Value};

use super::fault::{PatchFault, Work};

/// Applies a merge patch.
///
/// # Errors
/// [`PatchFault::Bound`] where it costs too much, `Form` where it is no object.
pub(crate) fn apply(base: &Value, patch: &Value, work: &mut Work) -> Result<Value, PatchFault> {
    let Value::Object(patch) = patch else {
        return Err(PatchFault::Form("it is no object"));
    };
    let Value::Object(mut object) = work.copy(base)? else {
        return Err(PatchFault::Misfit("the object is none".to_owned()));
    };
    merge(&mut object, patch, work)?;
    Ok(Value::Object(object))
}

fn merge(
    object: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    work: &mut Work,
) -> Result<(), PatchFault> {
    for (name, new) in patch {
        work.take(1)?;
        match (object.get_mut(name), new) {
            (_, Value::Null) => drop(object.remove(name)),
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new, work)?,
            (Some(Value::Object(_)), _) => drop(object.insert(name.clone(), work.copy(new)?)),
            _ => {
                let mut new = work.copy(new)?;
                prune(&mut new);
                object.insert(name.clone(), new);
            }
        }
    }
    Ok(())
}

/// Takes out members that are null.
pub(crate) fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(values) => values.iter_mut().for_each(prune),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7386, appendix A: those of its cases that are about objects.
    #[test]
    fn the_cases_of_the_rfc_hold() {
        for (base, patch, after) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(apply(&base, &patch, &mut Work::new()), Ok(after), "{base} {patch}");
        }
        assert!(apply(&json!({}), &json!([1]), &mut Work::new()).is_err());
    }
}
