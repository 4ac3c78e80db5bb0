//! Events by dice, and what an index of them must say, found by another parser in the plainest way.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::{BTreeMap, BTreeSet};

use auditseal_index::{Builder, Term, TermKind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A batch's lines.
pub(crate) type Batch = Vec<String>;

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

/// An event with fields of few values, so that terms meet; now and then one that is odd, long or absent.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let text = || {
        prop_oneof![
            8 => pick(&["a", "b", "system:node:n", "", "CORP\\e"]).prop_map(str::to_owned),
            1 => "[a-z\\x00-\\x20é]{0,4}",
            1 => "[a-c]{126,131}",
        ]
    };
    let object = || (text(), text(), text(), text(), text());
    let who = (text(), prop::option::weighted(0.3, text()));
    let rest = (
        prop::collection::vec(text(), 0..4),
        prop::option::of(prop_oneof![Just(200_u32), 399..405_u32]),
    );
    (object(), text(), who, rest, text(), 0..9_u8).prop_map(
        |((resource, group, sub, namespace, name), verb, (user, as_user), (ips, code), id, left)| {
            let mut event = json!({
                "kind": "Event", "auditID": id, "verb": verb, "user": {"username": user, "uid": "1"},
                "sourceIPs": ips, "requestObject": {"verb": "no"},
                "objectRef": {"resource": resource, "apiGroup": group, "subresource": sub,
                    "namespace": namespace, "name": name},
            });
            if let Some(user) = as_user {
                event["impersonatedUser"] = json!({"username": user});
            }
            if let Some(code) = code {
                event["responseStatus"] = json!({"code": code, "metadata": {}});
            }
            match left {
                0 => drop(event.as_object_mut().unwrap().remove("objectRef")),
                1 => event["user"] = Value::Null,
                2 => event["objectRef"]["name"] = Value::Null,
                _ => {}
            }
            event.to_string()
        },
    )
}

/// A line that no index can read.
pub(crate) fn broken() -> impl Strategy<Value = String> {
    prop_oneof![
        event().prop_map(|line| line[..line.len() - 1].to_owned()),
        event().prop_map(|line| line.replace("\"kind\"", "\"verb\":1,\"kind\"")),
        Just("panic: runtime error".to_owned()),
        Just(String::new()),
    ]
}

pub(crate) fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let line = || prop_oneof![30 => event(), 1 => broken()];
    prop::collection::vec(prop::collection::vec(line(), 0..5), 1..12)
}

/// The terms of a line that is read.
pub(crate) fn terms(line: &str) -> Option<(BTreeSet<Term>, String)> {
    let Ok(Value::Object(_)) = serde_json::from_str::<Value>(line) else { return None };
    let twice = line.matches("\"verb\":").count() > 2;
    let event: Value = serde_json::from_str(line).ok().filter(|_| !twice)?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let resource =
        [text("/objectRef/resource"), text("/objectRef/apiGroup"), text("/objectRef/subresource")];
    let (verb, namespace, name) =
        (text("/verb"), text("/objectRef/namespace"), text("/objectRef/name"));
    let mut all = BTreeSet::new();
    let mut add = |kind, values: &[&[&str]]| all.insert(Term::new(kind, &values.concat()).unwrap());
    add(TermKind::Action, &[&resource, &[verb, namespace]]);
    add(TermKind::Actor, &[&resource, &[verb, text("/user/username")]]);
    if event.get("impersonatedUser").is_some() {
        add(TermKind::Actor, &[&resource, &[verb, text("/impersonatedUser/username")]]);
    }
    if !name.is_empty() {
        add(TermKind::Object, &[&resource, &[namespace, name]]);
    }
    for address in event["sourceIPs"].as_array().unwrap() {
        add(TermKind::Address, &[&[address.as_str().unwrap()]]);
    }
    let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0);
    if code >= 400 {
        add(TermKind::Failure, &[&[&code.to_string()], &resource, &[verb]]);
    }
    Some((all, text("/auditID").to_owned()))
}

/// What an index must say: batches of each term, batches that are open, audit IDs.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) terms: BTreeMap<Term, BTreeSet<u32>>,
    pub(crate) open: BTreeSet<u32>,
    pub(crate) ids: BTreeSet<String>,
}

impl Model {
    pub(crate) fn of(batches: &[Batch]) -> Self {
        let mut model = Self::default();
        for (number, batch) in (0..).zip(batches) {
            let lines: Vec<_> = batch.iter().map(|line| terms(line)).collect();
            model.ids.extend(lines.iter().flatten().map(|(_, id)| id.clone()));
            if lines.iter().any(Option::is_none) {
                model.open.insert(number);
                continue;
            }
            for term in lines.into_iter().flatten().flat_map(|(terms, _)| terms) {
                model.terms.entry(term).or_default().insert(number);
            }
        }
        model.ids.remove("");
        model
    }
}

/// The index of batches, whose text comes in pieces of a size.
pub(crate) fn build(first: u64, batches: &[Batch], size: usize) -> Vec<u8> {
    let mut builder = Builder::new(first);
    for batch in batches {
        let text: String = batch.iter().map(|line| format!("{line}\n")).collect();
        text.as_bytes().chunks(size).for_each(|piece| builder.text(piece));
        builder.end_batch();
    }
    builder.finish().unwrap()
}
