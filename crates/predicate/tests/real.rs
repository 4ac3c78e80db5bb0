//! A real kube-apiserver's log: counts of what predicates say, held against a plain reading of the same lines.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod recorded;

use auditseal_index::{Builder, Index};
use auditseal_predicate::{Event, Keep, ObjectFilter, Predicate, Truth};
use recorded::lines;
use serde_json::Value;

type Reading = fn(&Value) -> bool;

fn text<'e>(event: &'e Value, pointer: &str) -> &'e str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn code(event: &Value) -> u64 {
    event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default()
}

fn dry(event: &Value) -> bool {
    let options = event
        .pointer("/requestObject/dryRun")
        .is_some_and(|all| all.as_array().unwrap().contains(&"All".into()));
    let uri = text(event, "/requestURI").contains("dryRun=All");
    match text(event, "/verb") {
        "delete" | "deletecollection" => options || uri && event.get("requestObject").is_none(),
        "create" | "update" | "patch" => uri,
        _ => false,
    }
}

/// CEL; what a plain reading says; of how many events it is true, and of how many unknown.
const ASKED: [(&str, Reading, usize, usize); 24] = [
    ("verb == 'delete'", |e| text(e, "/verb") == "delete", 612, 0),
    (
        "objectRef.resource == 'networkpolicies' && verb in ['create', 'update', 'patch', 'delete']",
        |e| {
            text(e, "/objectRef/resource") == "networkpolicies"
                && ["create", "update", "patch", "delete"].contains(&text(e, "/verb"))
        },
        240,
        0,
    ),
    ("responseStatus.code == 403", |e| code(e) == 403, 1963, 8700),
    (
        "responseStatus.code >= 400 && responseStatus.code < 500",
        |e| (400..500).contains(&code(e)),
        2639,
        8700,
    ),
    (
        "user.username.startsWith('system:node:') || 'system:masters' in user.groups",
        |e| {
            text(e, "/user/username").starts_with("system:node:")
                || e.pointer("/user/groups").is_some_and(|groups| {
                    groups.as_array().unwrap().contains(&"system:masters".into())
                })
        },
        6381,
        0,
    ),
    ("has(impersonatedUser.username)", |e| e.get("impersonatedUser").is_some(), 60, 8700),
    (
        "annotations['authorization.k8s.io/decision'] == 'forbid'",
        |e| text(e, "/annotations/authorization.k8s.io~1decision") == "forbid",
        1960,
        8700,
    ),
    (
        "annotations.exists(key, value, key.startsWith('pod-security') && value.contains('privileged'))",
        |e| {
            e.get("annotations").and_then(Value::as_object).is_some_and(|all| {
                all.iter().any(|(key, value)| {
                    key.starts_with("pod-security")
                        && value.as_str().unwrap().contains("privileged")
                })
            })
        },
        240,
        8700,
    ),
    (
        "requestURI.contains('&watch=true')",
        |e| text(e, "/requestURI").contains("&watch=true"),
        187,
        0,
    ),
    (
        "'true' in uri.query.watch",
        |e| {
            let query = text(e, "/requestURI").split_once('?').map_or("", |(_, query)| query);
            query.split('&').any(|pair| pair == "watch=true")
        },
        187,
        0,
    ),
    (
        "requestObject.kind == 'DeleteOptions'",
        |e| text(e, "/requestObject/kind") == "DeleteOptions",
        305,
        3577,
    ),
    (
        "requestObject.spec.policyTypes.exists(kind, kind == 'Ingress')",
        |e| {
            let kinds = e.pointer("/requestObject/spec/policyTypes").and_then(Value::as_array);
            kinds.is_some_and(|kinds| kinds.contains(&"Ingress".into()))
        },
        60,
        3577,
    ),
    (
        "requestObject.rules.exists(r, '*' in r.verbs)",
        |e| {
            e.pointer("/requestObject/rules").and_then(Value::as_array).is_some_and(|rules| {
                rules.iter().any(|rule| {
                    rule["verbs"].as_array().is_some_and(|verbs| verbs.contains(&"*".into()))
                })
            })
        },
        2,
        3577,
    ),
    (
        "responseObject.kind == 'Status'",
        |e| text(e, "/responseObject/kind") == "Status",
        969,
        13459,
    ),
    (
        "objectRef.subresource == 'exec' && 'sh' in exec.command",
        |e| {
            text(e, "/objectRef/subresource") == "exec"
                && text(e, "/requestURI").contains("command=sh")
        },
        360,
        0,
    ),
    ("dryRun", dry, 64, 307),
    ("verb == 'delete' && !dryRun", |e| text(e, "/verb") == "delete" && !dry(e), 241, 307),
    (
        "patchKind == 'apply'",
        |e| {
            text(e, "/verb") == "patch"
                && text(e, "/requestURI").contains("force=")
                && !text(e, "/requestObject/kind").is_empty()
        },
        310,
        819,
    ),
    (
        "effectiveUser == 'bob'",
        |e| {
            let user = if e.get("impersonatedUser").is_some() {
                "/impersonatedUser/username"
            } else {
                "/user/username"
            };
            text(e, user) == "bob" && text(e, "/stage") != "RequestReceived"
        },
        600,
        8700,
    ),
    (
        "denied.by == 'authorization'",
        |e| text(e, "/annotations/authorization.k8s.io~1decision") == "forbid",
        1960,
        8700,
    ),
    (
        "sourceIPs.exists(ip, cidr('127.0.0.0/8').containsIP(ip))",
        |e| {
            e["sourceIPs"]
                .as_array()
                .unwrap()
                .iter()
                .any(|ip| ip.as_str().unwrap().starts_with("127."))
        },
        17681,
        0,
    ),
    (
        "timestamp(stageTimestamp) - timestamp(requestReceivedTimestamp) > duration('1s')",
        |e| {
            let micros =
                |pointer| text(e, pointer).parse::<auditseal_audit::Time>().unwrap().micros();
            micros("/stageTimestamp") - micros("/requestReceivedTimestamp") > 1_000_000
        },
        61,
        0,
    ),
    (
        "userAgent.matches('^kubectl/v[0-9.]+ ')",
        |e| {
            let version = text(e, "/userAgent").strip_prefix("kubectl/v");
            version.is_some_and(|rest| {
                let number =
                    rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
                number > 0 && rest[number..].starts_with(' ')
            })
        },
        1830,
        0,
    ),
    (
        "!has(event.objectRef) && level == 'Metadata'",
        |e| e.get("objectRef").is_none() && text(e, "/level") == "Metadata",
        616,
        0,
    ),
];

#[test]
fn counts_are_those_of_a_plain_reading() {
    let lines = lines();
    assert_eq!(lines.len(), 17_681);
    let values: Vec<Value> =
        lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
    let events: Vec<Event<'_>> = lines.iter().map(|line| Event::parse(line).unwrap()).collect();
    let mut faults = Vec::new();
    for (cel, plain, hits, unknown) in ASKED {
        let predicate = Predicate::from_cel(cel).unwrap();
        let answers: Vec<Truth> = events.iter().map(|event| predicate.eval(event)).collect();
        let count = |truth: Truth| answers.iter().filter(|answer| **answer == truth).count();
        if (count(Truth::True), count(Truth::Unknown)) != (hits, unknown) {
            faults.push(format!(
                "{cel}: {} and {} unknown",
                count(Truth::True),
                count(Truth::Unknown)
            ));
        }
        for (at, (answer, value)) in answers.iter().zip(&values).enumerate() {
            // What is known is what stands there.
            if *answer != Truth::Unknown && (*answer == Truth::True) != plain(value) {
                faults.push(format!("{cel}: line {at} is {answer:?}: {value}"));
                break;
            }
        }
        let literals = predicate.literals_for(Keep::All);
        let lost = lines
            .iter()
            .zip(&answers)
            .position(|(line, answer)| *answer != Truth::False && !literals.may_match(line));
        if let Some(at) = lost {
            faults.push(format!("{cel}: line {at} isn't found by {literals:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_index_leads_to_every_hit() {
    let lines = lines();
    // Batches of 50 lines.
    let mut builder = Builder::new(0);
    for batch in lines.chunks(50) {
        for line in batch {
            builder.text(line);
            builder.text(b"\n");
        }
        builder.end_batch();
    }
    let index = Index::open(builder.finish().unwrap()).unwrap();
    let events: Vec<Event<'_>> = lines.iter().map(|line| Event::parse(line).unwrap()).collect();
    let mut read = Vec::new();
    let object = ObjectFilter {
        resource: Some("networkpolicies"),
        group: Some("networking.k8s.io"),
        ..ObjectFilter::default()
    };
    let flags = [
        Predicate::object(ObjectFilter { name: Some("deny"), namespace: Some("t1"), ..object }),
        Predicate::user("alice").unwrap(),
        Predicate::code("403").unwrap(),
        Predicate::all(vec![Predicate::verbs(["patch"]), Predicate::object(object)]),
    ];
    let asked = ASKED.iter().map(|(cel, ..)| Predicate::from_cel(cel).unwrap());
    for predicate in flags.into_iter().chain(asked) {
        let plan = predicate.terms();
        let found = index.answering(&plan);
        for (number, batch) in (0..).zip(events.chunks(50)) {
            let hit = batch.iter().any(|event| predicate.eval(event) == Truth::True);
            assert!(!hit || found.contains(number), "batch {number} for {plan:?}");
        }
        read.push(found.len());
    }
    assert_eq!(index.batches(), 354);
    // Of the flags: batches that are read.
    assert_eq!(read[..4], [2, 205, 148, 58]);
}
