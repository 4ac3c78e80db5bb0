//! What an event answers in full, it never answers otherwise when a level, a stage, a policy or truncation cut it: it
//! answers the same, or that it isn't known. For every operator over every kind of thing that may be left out.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod support;

use auditseal_predicate::{Event, Predicate, Truth};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::reading::nothing_is_left_out;

const PATCH: &str = "patch.webhook.admission.k8s.io/round_0_index_0";
const PATCHES: &str = "patch.webhook.admission.k8s.io/";
const READS: [&str; 3] = ["get", "list", "watch"];
const TRUNCATED: &str = "audit.k8s.io/truncated";

/// Keys, values and parts of both: among them those that are left out.
const WORDS: [&str; 20] = [
    "managedFields",
    "metadata",
    "name",
    "uid",
    "resourceVersion",
    PATCH,
    "patch.webhook.admission.k8s.io/",
    "patch.webhook.admission.k8s.io/round_1_index_7",
    "patch.",
    "pod-security.kubernetes.io/audit-violations",
    "authorization.k8s.io/decision",
    "allow",
    "a",
    "kubectl",
    "labels",
    "web",
    "spec",
    "",
    "items",
    "/",
];
/// Objects whose keys may be gone through.
const MAPS: [&str; 16] = [
    "annotations",
    "annotations",
    "annotations",
    "event.annotations",
    "objectRef",
    "event.objectRef",
    "user",
    "impersonatedUser",
    "responseStatus",
    "requestObject",
    "requestObject.metadata",
    "requestObject.metadata",
    "requestObject.metadata.labels",
    "requestObject.spec",
    "responseObject",
    "responseObject.metadata",
];
const LISTS: [&str; 9] = [
    "responseObject.items",
    "responseObject.rows",
    "requestObject.metadata.managedFields",
    "responseObject.metadata.managedFields",
    "user.groups",
    "impersonatedUser.groups",
    "sourceIPs",
    "violated",
    "event.requestObject",
];
const TEXTS: [&str; 17] = [
    "verb",
    "user.username",
    "impersonatedUser.username",
    "effectiveUser",
    "objectName",
    "objectRef.name",
    "objectRef.uid",
    "objectRef.resourceVersion",
    "objectRef.subresource",
    "denied.by",
    "patchKind",
    "annotations['a.b/c']",
    "annotations['patch.webhook.admission.k8s.io/round_0_index_0']",
    "requestObject.metadata.name",
    "responseObject.metadata.name",
    "requestObject.spec.time",
    "responseStatus.reason",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&WORDS[..]).prop_map(|word| format!("'{word}'"))
}

/// A test of what should be a text.
fn of_text(of: String) -> BoxedStrategy<String> {
    let at = |of: &str| of.to_owned();
    let (a, b, c, d, e, f) = (at(&of), at(&of), at(&of), at(&of), at(&of), at(&of));
    let (g, h) = (at(&of), at(&of));
    prop_oneof![
        4 => (prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]), word())
            .prop_map(move |(how, word)| format!("{a} {how} {word}")),
        4 => (prop::sample::select(&["startsWith", "endsWith", "contains"][..]), word())
            .prop_map(move |(how, word)| format!("{b}.{how}({word})")),
        1 => prop::sample::select(&["^patch", "index_0$", "^[a-z]+$", "managed", ""][..])
            .prop_map(move |regex| format!("{c}.matches('{regex}')")),
        1 => prop::collection::vec(word(), 1..4).prop_map(move |words| format!("{d} in [{}]", words.join(","))),
        1 => (prop::sample::select(&["==", "<", ">", "<=", ">="][..]), 0..50)
            .prop_map(move |(how, size)| format!("size({e}) {how} {size}")),
        2 => (prop::sample::select(&["==", "!=", "<"][..]), prop::sample::select(&TEXTS[..]))
            .prop_map(move |(how, other)| format!("{f} {how} {other}")),
        1 => (prop::sample::select(&["startsWith", "endsWith", "contains"][..]), prop::sample::select(&TEXTS[..]))
            .prop_map(move |(how, other)| format!("{g}.{how}({other})")),
        1 => Just(format!("timestamp({h}) > timestamp('2026-11-30T06:00:00Z')")),
    ]
    .boxed()
}

/// A test of whatever it is.
fn of_any(of: String) -> BoxedStrategy<String> {
    let at = |of: &str| of.to_owned();
    let (a, b, c, d, e, f) = (at(&of), at(&of), at(&of), at(&of), at(&of), at(&of));
    prop_oneof![
        3 => word().prop_map(move |word| format!("{word} in {a}")),
        2 => prop::sample::select(&TEXTS[..]).prop_map(move |other| format!("{other} in {b}")),
        2 => (prop::sample::select(&["==", "<", ">", "<=", ">=", "!="][..]), 0..6)
            .prop_map(move |(how, size)| format!("size({c}) {how} {size}")),
        1 => Just(format!("{d} == null")),
        1 => Just(format!("{e} == 5")),
        1 => prop::sample::select(&["metadata", "managedFields", "name", "a"][..])
            .prop_map(move |member| format!("has({f}.{member})")),
        2 => of_text(of),
    ]
    .boxed()
}

/// A question of the elements of a list or an object; `deep`: how many more may be in it.
fn of_each(range: String, deep: u32) -> BoxedStrategy<String> {
    let key = format!("k{deep}");
    let value = format!("v{deep}");
    let body = |key: String, value: String, keyed: bool| {
        let mut one = vec![of_text(value.clone()), of_any(value.clone())];
        if keyed {
            one.extend([of_text(key.clone()), of_text(key)]);
        }
        one.push(of_any(format!("{value}.metadata")));
        if deep > 0 {
            one.extend([
                of_each(value.clone(), deep - 1),
                of_each(format!("{value}.metadata"), deep - 1),
            ]);
        }
        let one = prop::strategy::Union::new(one);
        prop::collection::vec((any::<bool>(), one), 1..3).prop_flat_map(|parts| {
            let parts: Vec<_> = parts
                .iter()
                .map(|(no, part)| format!("{}({part})", if *no { "!" } else { "" }))
                .collect();
            prop::sample::select(&["&&", "||"][..]).prop_map(move |sign| parts.join(sign))
        })
    };
    let alone = body(key.clone(), value.clone(), false);
    let both = body(key.clone(), value.clone(), true);
    let how = || prop::sample::select(&["exists", "all"][..]);
    let (a, b) = (range.clone(), range);
    let (one, two) = (value.clone(), value);
    prop_oneof![
        (how(), alone).prop_map(move |(how, body)| format!("{a}.{how}({one}, {body})")),
        (how(), both).prop_map(move |(how, body)| format!("{b}.{how}({key}, {two}, {body})")),
    ]
    .boxed()
}

fn questions() -> impl Strategy<Value = String> {
    let map = || prop::sample::select(&MAPS[..]).prop_map(str::to_owned);
    let list = || prop::sample::select(&LISTS[..]).prop_map(str::to_owned);
    let text = || prop::sample::select(&TEXTS[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        6 => map().prop_flat_map(|map| of_each(map, 1)),
        3 => list().prop_flat_map(|list| of_each(list, 2)),
        4 => map().prop_flat_map(of_any),
        1 => list().prop_flat_map(of_any),
        2 => text().prop_flat_map(of_text),
        1 => Just("dryRun".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) && ({other})")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one}) || ({other})")),
        ]
    })
}

fn any_word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WORDS[..])
}

/// An object of a body, with what a policy leaves out.
fn object() -> impl Strategy<Value = Value> {
    let managed = prop::option::weighted(0.6, prop::collection::vec(any_word(), 0..3));
    let labels = prop::option::of(prop::collection::vec((any_word(), any_word()), 0..3));
    let spec = prop::option::of((any_word(), any::<bool>()));
    (prop::option::of(any_word()), managed, labels, spec).prop_map(
        |(name, managed, labels, spec)| {
            let mut metadata = json!({ "creationTimestamp": null });
            if let Some(name) = name {
                metadata["name"] = json!(name);
            }
            if let Some(managers) = managed {
                metadata["managedFields"] =
                    managers.iter().map(|name| json!({ "manager": name })).collect();
            }
            if let Some(labels) = labels {
                metadata["labels"] =
                    labels.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            }
            let mut object = json!({ "kind": "X", "metadata": metadata });
            if let Some((time, on)) = spec {
                object["spec"] = json!({ "time": time, "on": on, "a": 5 });
            }
            object
        },
    )
}

fn response() -> impl Strategy<Value = Value> {
    prop_oneof![
        object(),
        prop::collection::vec(object(), 0..3)
            .prop_map(|items| json!({ "metadata": {}, "items": items })),
        prop::collection::vec(object(), 0..3).prop_map(|all| {
            let rows: Vec<_> =
                all.iter().map(|one| json!({ "cells": ["x"], "object": one })).collect();
            json!({ "kind": "Table", "metadata": {}, "rows": rows })
        }),
    ]
}

/// An event of which nothing is left out.
fn events() -> impl Strategy<Value = Value> {
    let verb = prop::sample::select(
        &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"][..],
    );
    let reference = (
        prop::option::of(any_word()),
        prop::option::of(any_word()),
        prop::option::weighted(0.3, prop::sample::select(&["status", "exec"][..])),
        prop::option::of(Just("7")),
    );
    let person = || (any_word(), prop::collection::vec(any_word(), 0..3));
    let people = (person(), prop::option::weighted(0.3, person()));
    let annotations =
        prop::option::weighted(0.8, prop::collection::vec((any_word(), any_word()), 0..4));
    let status = (prop::sample::select(&[200, 201, 403, 500][..]), any_word());
    let bodies = (object(), response(), prop::option::of(prop::sample::select(&["All", "x"][..])));
    let truncated = any::<bool>();
    (verb, reference, people, annotations, status, bodies, truncated).prop_map(
        |(verb, reference, people, annotations, status, bodies, truncated)| {
            let mut event = json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "id",
                "stage": "ResponseComplete", "verb": verb, "requestURI": "/api/x?command=a", "sourceIPs": ["10.0.0.1"],
                "responseStatus": { "code": status.0, "reason": status.1 },
            });
            let person = |(name, groups): (&str, Vec<&str>)| json!({ "username": name, "groups": groups });
            event["user"] = person(people.0);
            if let Some(other) = people.1 {
                event["impersonatedUser"] = person(other);
            }
            let mut object_ref = json!({ "resource": "pods", "apiVersion": "v1" });
            let (name, uid, subresource, version) = reference;
            for (key, value) in [("name", name), ("uid", uid), ("subresource", subresource), ("resourceVersion", version)] {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    object_ref[key] = json!(value);
                }
            }
            event["objectRef"] = object_ref;
            let failed = status.0 >= 400;
            if failed {
                event["responseStatus"]["status"] = json!("Failure");
            }
            with_bodies(&mut event, bodies);
            let admitted = !READS.contains(&verb) || subresource == Some("exec");
            let all = annotations.into_iter().flatten();
            let all = all.filter(|(key, _)| admitted || !key.starts_with(PATCHES));
            let all: Map<_, _> = all.map(|(key, value)| (key.to_owned(), json!(value))).collect();
            // An apiserver writes none in place of an empty one.
            if !all.is_empty() {
                event["annotations"] = Value::Object(all);
            }
            // The annotation that truncation makes is in both.
            if truncated {
                let mut all = event["annotations"].as_object().cloned().unwrap_or_default();
                all.insert(TRUNCATED.to_owned(), json!("true"));
                event["annotations"] = Value::Object(all);
            }
            event
        },
    )
}

/// Gives an event the bodies that its verb has.
fn with_bodies(event: &mut Value, (object, response, options): (Value, Value, Option<&str>)) {
    if event["objectRef"]["subresource"] == "exec" {
        return;
    }
    match event["verb"].as_str().unwrap() {
        "create" | "update" => event["requestObject"] = object,
        "patch" => {
            event["requestObject"] = json!([{ "op": "remove", "path": "/metadata/managedFields" }]);
        }
        "delete" | "deletecollection" => {
            event["requestObject"] = json!({ "kind": "DeleteOptions", "dryRun": options });
        }
        _ => {}
    }
    if event["verb"] != "watch" {
        event["responseObject"] = response;
    }
}

/// Takes out what a policy omits, as the apiserver does: of an object, of a list's and of a table's.
fn omit(body: Option<&mut Value>) {
    let Some(body) = body else { return };
    let omit = |object: &mut Value| {
        object
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
            .map(|all| all.remove("managedFields"))
    };
    omit(body);
    for item in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        omit(item);
    }
    for row in body.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        row.get_mut("object").map(omit);
    }
}

/// The same event as a policy of each kind, each stage and truncation leave it.
fn cuts(event: &Value) -> Vec<(String, Value)> {
    let truncated = event["annotations"].get(TRUNCATED).is_some();
    let mut all = Vec::new();
    for level in ["Metadata", "Request", "RequestResponse"] {
        for stage in ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] {
            for (omits, cut) in [(false, false), (true, false), (false, truncated)] {
                let mut event = event.clone();
                let members = event.as_object_mut().unwrap();
                of_level(members, level);
                of_stage(members, stage);
                if omits {
                    let patch = members["verb"] == "patch";
                    omit(members.get_mut("requestObject").filter(|_| !patch));
                    omit(members.get_mut("responseObject"));
                }
                if cut {
                    members.remove("requestObject");
                    members.remove("responseObject");
                }
                all.push((format!("{level} {stage} omits {omits} truncated {cut}"), event));
            }
        }
    }
    all
}

fn of_level(event: &mut Map<String, Value>, level: &str) {
    event.insert("level".to_owned(), json!(level));
    if level != "RequestResponse" {
        event.remove("responseObject");
    }
    if level == "Metadata" {
        event.remove("requestObject");
        if let Some(all) = event.get_mut("annotations").and_then(Value::as_object_mut) {
            all.retain(|key, _| !key.starts_with(PATCHES));
            if all.is_empty() {
                event.remove("annotations");
            }
        }
    }
}

fn of_stage(event: &mut Map<String, Value>, stage: &str) {
    event.insert("stage".to_owned(), json!(stage));
    let early =
        ["responseStatus", "impersonatedUser", "annotations", "requestObject", "responseObject"];
    let lost = match stage {
        "RequestReceived" => &early[..],
        "ResponseStarted" => &early[4..],
        "Panic" => &early[3..],
        _ => &[],
    };
    lost.iter().for_each(|key| drop(event.remove(*key)));
    let create = event["verb"] == "create";
    let writes = !READS.contains(&event["verb"].as_str().unwrap());
    if stage == "RequestReceived"
        && let Some(reference) = event["objectRef"].as_object_mut()
    {
        if create && !reference.contains_key("subresource") {
            reference.remove("name");
        }
        if writes {
            reference.remove("uid");
            reference.remove("resourceVersion");
        }
    }
    if stage == "Panic"
        && let Some(all) = event.get_mut("annotations").and_then(Value::as_object_mut)
    {
        // What comes behind the panic isn't annotated any more.
        let kept = all.len() / 2;
        let keys: Vec<_> = all.keys().skip(kept).cloned().collect();
        keys.iter().filter(|key| *key != TRUNCATED).for_each(|key| drop(all.remove(key)));
    }
}

fn never_the_opposite(cel: &str, event: &Value) -> Result<(), TestCaseError> {
    let Ok(predicate) = Predicate::from_cel(cel) else {
        return Err(TestCaseError::reject("refused"));
    };
    let answer =
        |event: &Value| predicate.eval(&Event::parse(event.to_string().as_bytes()).unwrap());
    let full = answer(event);
    for (how, cut) in cuts(event) {
        let of_cut = answer(&cut);
        prop_assert!(
            of_cut == Truth::Unknown || of_cut == full,
            "{cel}\nis {full:?} of {event}\nand {of_cut:?} at {how} of {cut}"
        );
        nothing_is_left_out(&predicate, cut.to_string().as_bytes())?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 1_000_000, ..ProptestConfig::with_cases(if cfg!(debug_assertions) { 1500 } else { 100_000 })
    })]

    #[test]
    fn a_cut_event_never_says_the_opposite(cel in questions(), event in events()) {
        never_the_opposite(&cel, &event)?;
    }
}

/// Cuts, and questions of what they leave out: each is true of the event in full.
const LEFT_OUT: [(&str, &[&str]); 3] = [
    (
        "Metadata ResponseComplete omits false",
        &[
            "annotations.exists(k, k.startsWith('patch.webhook.admission.k8s.io/'))",
            "annotations.exists(k, k == 'patch.webhook.admission.k8s.io/round_0_index_0')",
            "annotations.exists(k, k.contains('index_0'))",
            "annotations.exists(k, k.matches('index_0$'))",
            "annotations.exists(k, k.endsWith('index_0'))",
            "annotations.exists(k, k in ['x', 'patch.webhook.admission.k8s.io/round_0_index_0'])",
            "annotations.exists(k, k == user.username)",
            "annotations.exists(k, v, v == '{}')",
            "annotations.exists(k, size(k) > 40)",
            "!annotations.all(k, !k.startsWith('patch.'))",
            "user.username in annotations",
            "'patch.webhook.admission.k8s.io/round_0_index_0' in annotations",
            "size(annotations) == 2",
            "'metadata' in requestObject",
            "size(requestObject) == 1",
            "requestObject.exists(k, k == 'metadata')",
            "has(responseObject.items)",
        ],
    ),
    (
        "RequestResponse ResponseComplete omits true",
        &[
            "requestObject.metadata.exists(k, k == 'managedFields')",
            "requestObject.metadata.exists(k, v, k.startsWith('managed') && size(v) == 1)",
            "!requestObject.metadata.all(k, k != 'managedFields')",
            "size(requestObject.metadata) == 2",
            "user.groups.exists(g, g == 'managedFields') && 'managedFields' in requestObject.metadata",
            "requestObject.exists(k, v, v.exists(m, m == 'managedFields'))",
            "requestObject.exists(k, v, k == 'metadata' && 'managedFields' in v)",
            "responseObject.items.exists(i, has(i.metadata.managedFields))",
            "responseObject.items.exists(i, size(i.metadata) == 1)",
            "responseObject.items.exists(i, i.metadata.exists(k, k == 'managedFields'))",
        ],
    ),
    (
        "RequestResponse RequestReceived omits false",
        &[
            "objectRef.exists(k, k == 'name')",
            "objectRef.exists(k, v, v == 'web')",
            "size(objectRef) == 4",
            "'uid' in objectRef",
            "objectRef.all(k, k != 'other' && objectRef.name == 'web')",
            "'a.b/c' in annotations",
            "annotations.exists(k, k == 'a.b/c')",
            "size(annotations) > 0",
            "has(event.annotations)",
        ],
    ),
];

/// Each kind of thing that is left out, with each operator, by hand: known of the full event, unknown of the cut one.
#[test]
fn what_is_left_out_is_unknown_to_every_operator() {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "verb": "create", "user": { "username": PATCH, "groups": ["managedFields"] },
        "objectRef": { "resource": "pods", "name": "web", "uid": "u", "resourceVersion": "7" },
        "responseStatus": { "code": 201 },
        "annotations": { PATCH: "{}", "a.b/c": "d" },
        "requestObject": { "metadata": { "name": "web", "managedFields": [{ "manager": "kubectl" }] } },
        "responseObject": { "items": [{ "metadata": { "managedFields": [] } }] },
    });
    for (cut, questions) in LEFT_OUT {
        let (_, cut) = cuts(&event).into_iter().find(|(how, _)| how.starts_with(cut)).unwrap();
        for cel in questions {
            let predicate = Predicate::from_cel(cel).unwrap();
            let answer = |event: &Value| {
                predicate.eval(&Event::parse(event.to_string().as_bytes()).unwrap())
            };
            assert_eq!(answer(&event), Truth::True, "{cel}");
            assert_eq!(answer(&cut), Truth::Unknown, "{cel} of {cut}");
        }
    }
}

/// What no level leaves out stays known.
#[test]
fn what_is_never_left_out_is_no() {
    let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","verb":"update","user":{"username":"u"},"objectRef":{"resource":"pods","name":"web"},"annotations":{"authorization.k8s.io/decision":"allow"}}"#;
    for cel in [
        "annotations.exists(k, k.startsWith('pod-security.'))",
        "annotations.exists(k, v, k.startsWith('failed-open.') && v == 'true')",
        "annotations.exists(k, k == 'x')",
        "'x' in annotations",
        "user.username in annotations",
        "size(annotations) == 0",
        "size(objectRef) > 2",
        "objectRef.exists(k, k == 'uid')",
        "user.exists(k, k == 'managedFields')",
    ] {
        let event = Event::parse(line).unwrap();
        assert_eq!(Predicate::from_cel(cel).unwrap().eval(&event), Truth::False, "{cel}");
    }
    // Of a log that isn't an apiserver's nothing is left out.
    let other = br#"{"flow":{"metadata":{}},"list":[{"metadata":{}}]}"#;
    for cel in [
        "'managedFields' in event.flow.metadata",
        "event.list.exists(x, has(x.metadata.managedFields))",
    ] {
        assert_eq!(
            Predicate::from_cel(cel).unwrap().eval(&Event::parse(other).unwrap()),
            Truth::False,
            "{cel}"
        );
    }
}
