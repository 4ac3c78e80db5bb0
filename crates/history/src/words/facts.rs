//! An object as statements, each about one thing: what two of them differ in is what is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::unclear::Unclear;

/// Statements of one object: with more, it isn't told in words.
pub const MAX_FACTS: usize = 4096;

/// What is said of each thing.
#[derive(Debug, Default)]
pub(crate) struct Facts(BTreeMap<String, String>);

impl Facts {
    /// Says something of a thing; what is said of it twice is told together.
    pub(crate) fn say(&mut self, thing: impl Into<String>, what: &str) -> Result<(), Unclear> {
        if self.0.len() >= MAX_FACTS || what.len() > MAX_TEXT {
            return Err(Unclear::Large);
        }
        let said = self.0.entry(thing.into()).or_default();
        if said.len() + what.len() > MAX_TEXT {
            return Err(Unclear::Large);
        }
        if said.is_empty() {
            said.push_str(what);
        } else if said != what {
            said.push_str(" and ");
            said.push_str(what);
        }
        Ok(())
    }

    /// The same, where there is something to say.
    pub(crate) fn say_some(&mut self, thing: &str, what: Option<String>) -> Result<(), Unclear> {
        what.map_or(Ok(()), |what| self.say(thing, &what))
    }

    /// What the second says otherwise than the first.
    pub(crate) fn changes(old: &Self, new: &Self) -> Vec<String> {
        let things: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
        let tell = |thing: &&String| {
            Some(match (old.0.get(*thing), new.0.get(*thing)) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) => format!("{thing}: {old} → {new}"),
                (None, Some(new)) if new.is_empty() => format!("added: {thing}"),
                (None, Some(new)) => format!("added: {thing}: {new}"),
                (Some(old), None) if old.is_empty() => format!("removed: {thing}"),
                (Some(old), None) => format!("removed: {thing} (was {old})"),
                (None, None) => return None,
            })
        };
        things.iter().filter_map(tell).collect()
    }
}

/// Bytes that are said of one thing.
pub const MAX_TEXT: usize = 16_384;

/// The text of a member; none: it isn't there, or is null.
pub(crate) fn text_of(of: &Value, name: &str) -> Option<String> {
    of.get(name).filter(|value| !value.is_null()).map(crate::path::plain)
}

/// What somebody wrote, within a sentence: quoted, where it could be taken for a part of the sentence.
pub(crate) fn shown(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:*@+=~%$^&?!<>#\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

/// The shown text of a member; empty where it isn't there.
pub(crate) fn said_of(of: &Value, name: &str) -> String {
    text_of(of, name).map_or(String::new(), |text| shown(&text))
}

/// A selector of labels in words; what can't be read as one as it is written.
pub(crate) fn selected(selector: &Value) -> String {
    match super::netpol::selector(selector) {
        Ok(words) => words,
        Err(_) => selector.to_string(),
    }
}

/// The elements of a list; none where it isn't there.
pub(crate) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list whose order means nothing, joined.
pub(crate) fn joined(of: &Value, name: &str) -> String {
    let all: BTreeSet<String> =
        list(of, name).iter().map(|one| shown(&crate::path::plain(one))).collect();
    all.into_iter().collect::<Vec<_>>().join(", ")
}

/// `key=value` of a map, joined.
pub(crate) fn pairs(of: Option<&Value>) -> String {
    let members = of.and_then(Value::as_object).into_iter().flatten();
    members
        .map(|(key, value)| match crate::path::plain(value) {
            none if none.is_empty() => format!("{}=", shown(key)),
            value => format!("{}={}", shown(key), shown(&value)),
        })
        .collect::<Vec<_>>()
        .join(", ")
}
