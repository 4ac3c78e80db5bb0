//! Objects of JSON taken apart, without what is to be left out; what is left is as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use serde_json::value::RawValue;

/// How deep arrays and objects are followed.
const DEEPEST: usize = 64;

/// It can't be taken apart, and so nobody knows what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// A name, and the text of its value.
pub(crate) type Member<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Takes what a path leads to out of an object; through an array, out of each of its elements. Whether it was there.
pub(crate) fn redact(members: &mut Vec<Member<'_>>, path: &[String]) -> Result<bool, Unreadable> {
    redact_at(members, path, DEEPEST)
}

fn redact_at(
    members: &mut Vec<Member<'_>>,
    path: &[String],
    deep: usize,
) -> Result<bool, Unreadable> {
    let Some((first, rest)) = path.split_first() else { return Ok(false) };
    if rest.is_empty() {
        let before = members.len();
        members.retain(|(name, _)| name != first);
        return Ok(members.len() < before);
    }
    let mut found = false;
    for (_, value) in members.iter_mut().filter(|(name, _)| name == first) {
        if let Some(without) = without(value, rest, deep)? {
            *value = Cow::Owned(without);
            found = true;
        }
    }
    Ok(found)
}

/// The text of a value without what a path leads to; `None` if it leads nowhere.
fn without(value: &str, path: &[String], deep: usize) -> Result<Option<String>, Unreadable> {
    let deep = deep.checked_sub(1).ok_or(Unreadable)?;
    match value.as_bytes().first() {
        Some(b'[') => {
            let (mut found, mut each) = (false, Vec::new());
            for element in elements(value)? {
                let without = without(element.get(), path, deep)?;
                found |= without.is_some();
                each.push(without.map_or(Cow::Borrowed(element.get()), Cow::Owned));
            }
            Ok(found.then(|| format!("[{}]", each.join(","))))
        }
        Some(b'{') => {
            let mut members = members(value)?;
            Ok(redact_at(&mut members, path, deep)?.then(|| object(&members)))
        }
        // Nothing is in it.
        _ => Ok(None),
    }
}

/// What some paths lead to, and no more, of members; through an array, of each of its elements.
pub(crate) fn only<'a>(
    members: Vec<Member<'a>>,
    paths: &[&[String]],
) -> Result<Vec<Member<'a>>, Unreadable> {
    only_at(members, paths, DEEPEST)
}

fn only_at<'a>(
    members: Vec<Member<'a>>,
    paths: &[&[String]],
    deep: usize,
) -> Result<Vec<Member<'a>>, Unreadable> {
    let mut kept = Vec::new();
    for (name, value) in members {
        let below = paths.iter().filter_map(|path| path.split_first());
        let below: Vec<&[String]> =
            below.filter(|(first, _)| **first == name).map(|(_, rest)| rest).collect();
        if below.iter().any(|rest| rest.is_empty()) {
            kept.push((name, value));
        } else if !below.is_empty()
            && let Some(part) = part(&value, &below, deep)?
        {
            kept.push((name, Cow::Owned(part)));
        }
    }
    Ok(kept)
}

/// What paths lead to in a value; `None` where it has no members.
fn part(value: &str, paths: &[&[String]], deep: usize) -> Result<Option<String>, Unreadable> {
    let deep = deep.checked_sub(1).ok_or(Unreadable)?;
    match value.as_bytes().first() {
        Some(b'[') => {
            let mut each = Vec::new();
            for element in elements(value)? {
                each.extend(part(element.get(), paths, deep)?);
            }
            Ok(Some(format!("[{}]", each.join(","))))
        }
        Some(b'{') => Ok(Some(object(&only_at(members(value)?, paths, deep)?))),
        _ => Ok(None),
    }
}

fn members(value: &str) -> Result<Vec<Member<'_>>, Unreadable> {
    let Members(members) = serde_json::from_str(value).map_err(|_| Unreadable)?;
    Ok(members.into_iter().map(|(name, value)| (name, Cow::Borrowed(value.get()))).collect())
}

fn elements(value: &str) -> Result<Vec<&RawValue>, Unreadable> {
    let Elements(elements) = serde_json::from_str(value).map_err(|_| Unreadable)?;
    Ok(elements)
}

fn object(members: &[Member<'_>]) -> String {
    format!("{{{}}}", joined(members))
}

/// The members of an object, without its braces.
pub(crate) fn joined(members: &[Member<'_>]) -> String {
    let each = members.iter().map(|(name, value)| format!("{}:{value}", json!(name)));
    each.collect::<Vec<_>>().join(",")
}

/// The members of an object in their order, each value as it stands.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

/// The elements of an array.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as deep as is followed, and far deeper than a stack is.
    #[test]
    fn what_is_too_deep_is_unreadable() {
        for deep in [10 * DEEPEST, 1_000_000] {
            let value = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
            let path = ["a".to_owned(), "b".to_owned()];
            let mut members = vec![("a".into(), value.as_str().into())];
            assert_eq!(redact(&mut members, &path), Err(Unreadable));
            assert_eq!(only(members, &[&path]), Err(Unreadable));
        }
    }
}
