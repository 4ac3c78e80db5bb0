//! A selector for pods of one group and of no other that was seen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::who::PodGroup;

/// A label selector that takes this group, and none of the others in its namespace.
///
/// A group whose labels another one has too, and more, is told from it by a label that is not to be there.
pub(crate) fn selector(group: &PodGroup, others: &BTreeSet<PodGroup>) -> Value {
    let mut absent: BTreeSet<&str> = BTreeSet::new();
    for other in others {
        let has_all = group.iter().all(|(key, value)| other.get(key) == Some(value));
        let more = || other.keys().map(String::as_str).filter(|key| !group.contains_key(*key));
        if has_all && other != group && !more().any(|key| absent.contains(key)) {
            absent.extend(more().next());
        }
    }
    let mut selector = serde_json::Map::new();
    if !group.is_empty() {
        selector.insert("matchLabels".to_owned(), json!(group));
    }
    if !absent.is_empty() {
        let one = |key: &&str| json!({"key": key, "operator": "DoesNotExist"});
        selector.insert("matchExpressions".to_owned(), absent.iter().map(one).collect());
    }
    Value::Object(selector)
}

/// Whether an apiserver takes these as labels.
///
/// Source: kubernetes.io, "Labels and Selectors", "Syntax and character set".
pub(crate) fn are_labels(group: &BTreeMap<String, String>) -> bool {
    group.iter().all(|(key, value)| {
        let (prefix, name) =
            key.split_once('/').map_or((None, key.as_str()), |(p, n)| (Some(p), n));
        let prefix = prefix.is_none_or(is_domain);
        prefix && !name.is_empty() && is_word(name) && (value.is_empty() || is_word(value))
    })
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    let ends = first.is_some_and(plain) && last.is_some_and(plain);
    ends && text.len() <= 63 && text.bytes().all(|byte| plain(byte) || b"-_.".contains(&byte))
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_name)
}

/// Whether a namespace may be called so.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    let ends = first.is_some_and(plain) && last.is_some_and(plain);
    ends && text.len() <= 63 && text.bytes().all(|byte| plain(byte) || byte == b'-')
}
