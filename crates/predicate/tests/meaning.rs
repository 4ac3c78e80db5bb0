//! What a predicate says of an event is what another reading says, and what it leaves out unread has no answer but no.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod support;

use auditseal_predicate::{Event, Keep, Predicate, Truth};
use proptest::prelude::*;
use support::reading::{found, nothing_is_left_out};
use support::{Ask, Pen, asks, events, line};

fn predicate(ask: &Ask) -> Predicate {
    let cel = ask.cel();
    Predicate::from_cel(&cel).unwrap_or_else(|refused| panic!("{cel}: {refused}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 4000 } else { 100_000 }))]

    #[test]
    fn an_answer_is_what_another_reading_gives(ask in asks(), event in events(), bits in any::<u64>()) {
        let line = line(&event, bits);
        let read = Event::parse(&line).unwrap();
        let answer = predicate(&ask).eval(&read);
        prop_assert_eq!(answer, ask.means(&event), "{} of {}", ask.cel(), event);
        prop_assert_eq!((!predicate(&ask)).eval(&read), !answer);
    }

    #[test]
    fn what_is_left_out_has_no_answer_but_no(
        ask in asks(), event in events(), bits in any::<u64>(), twice in any::<bool>(), broken in any::<bool>(),
    ) {
        let mut line = Vec::new();
        let mut pen = Pen::new(bits);
        (pen.twice, pen.broken) = (twice, broken);
        pen.write(&event, &mut line);
        let predicate = predicate(&ask);
        nothing_is_left_out(&predicate, &line)?;
        nothing_is_left_out(&!predicate, &line)?;
    }

    #[test]
    fn flags_leave_nothing_out_either(
        event in events(), bits in any::<u64>(), at in 0..support::TEXTS.len(), codes in prop::sample::select(&["403", "4xx", "200-599", "2xx,500"][..]),
    ) {
        use auditseal_predicate::ObjectFilter;
        let text = support::TEXTS[at];
        let line = line(&event, bits);
        let object = ObjectFilter { resource: Some(text), namespace: Some("kube-system"), ..ObjectFilter::default() };
        for predicate in [
            Predicate::user(&format!("{text}*")).unwrap(),
            Predicate::verbs([text, "get"]),
            Predicate::code(codes).unwrap(),
            Predicate::source_ip("10.0.0.0/8").unwrap(),
            Predicate::object(object),
            Predicate::object(ObjectFilter { name: Some(text), ..object }),
            Predicate::object(ObjectFilter { name: Some(text), ..ObjectFilter::default() }),
            Predicate::object(ObjectFilter { group: Some(""), subresource: Some(""), ..ObjectFilter::default() }),
            Predicate::audit_id("id"),
            Predicate::audit_id("other"),
            Predicate::from_cel("effectiveUser == 'web-0' || objectName.startsWith('web') || dryRun").unwrap(),
        ] {
            nothing_is_left_out(&predicate, &line)?;
        }
    }
}

#[test]
fn a_search_leaves_out_what_it_can() {
    let literals = |cel: &str| {
        let literals = Predicate::from_cel(cel).unwrap().literals();
        literals
            .groups()
            .map(|group| group.iter().map(|one| one.escape_ascii().to_string()).collect())
            .collect::<Vec<Vec<_>>>()
    };
    assert!(literals("verb == 'delete'")[0].contains(&"delete".to_owned()));
    assert!(literals("verb == 'delete'")[0].contains(&r"\\u006".to_owned()), "an escaped letter");
    assert!(
        literals("requestURI.contains('/api/v1/namespaces')")[0].contains(&"namespaces".to_owned())
    );
    assert_eq!(literals("verb != 'get'"), Vec::<Vec<String>>::new());
    assert_eq!(literals("verb == 'delete' || dryRun"), Vec::<Vec<String>>::new());
    assert_eq!(literals("verb == '&<>'"), Vec::<Vec<String>>::new(), "Go escapes these");
    // A name is looked for, and not what every line has: the field in which it stands.
    let user = Predicate::user("ann").unwrap().literals();
    let has = |line: &str| user.may_match(line.as_bytes());
    assert!(has(r#"{"user":{"username":"ann"}}"#) && !has(r#"{"user":{"username":"bob"}}"#));
    let either = literals("verb == 'delete' || verb == 'patch'");
    assert!(either[0].contains(&"delete".to_owned()) && either[0].contains(&"patch".to_owned()));
    assert!(
        literals("requestObject.spec.hostNetwork")[0].contains(&"hostNetwork".to_owned()),
        "the key"
    );
    let line = br#"{"level":"RequestResponse","stage":"ResponseComplete","verb":"get"}"#;
    assert!(!Predicate::from_cel("requestObject.a == 'zebra'").unwrap().literals().may_match(line));
}

#[test]
fn an_index_is_asked_what_it_can_answer() {
    let plan = |cel: &str| format!("{:?}", Predicate::from_cel(cel).unwrap().terms());
    assert_eq!(plan("requestObject.a == 'b'"), "Any");
    assert_eq!(plan("responseStatus.code == 200"), "Any", "an index has failures alone");
    assert_eq!(plan("false"), "Either([])");
    assert_eq!(plan("objectRef.name < 'b'"), "Any", "an empty name has no term");
    assert!(plan("objectRef.name == 'b'").contains("kind: Object"));
    assert_eq!(
        plan("verb == 'delete' && objectRef.resource == 'secrets' && objectRef.namespace == 'n'"),
        "Term(Pattern { kind: Action, Resource: Text(\"secrets\"), Verb: Text(\"delete\"), Namespace: Text(\"n\") })"
    );
    assert_eq!(
        plan("auditID == 'x' && verb == 'get'"),
        "All([Term(Pattern { kind: Action, Verb: Text(\"get\") }), AuditId(\"x\")])"
    );
    let one_of = plan("verb in ['delete', 'patch'] && user.username == 'u'");
    assert_eq!(one_of.matches("kind: Actor").count(), 2, "{one_of}");
    assert!(plan("responseStatus.code >= 400").contains("kind: Failure, Code: \"a test\""));
    assert!(plan("!(verb in ['get', 'list'])").contains("kind: Action, Verb: \"a test\""));
    assert!(
        plan("sourceIPs.exists(ip, cidr('10.0.0.0/8').containsIP(ip))").contains("kind: Address")
    );
    let all = Predicate::from_cel("responseStatus.code >= 400").unwrap().terms_for(Keep::All);
    assert!(all.is_any(), "events of the first stage have no code yet");
}

#[test]
fn beyond_its_bounds_a_search_leaves_out_less() {
    let line = br#"{"verb":"verb-7","user":{"username":"name-1"},"userAgent":"part-00part-01part-02part-03part-04part-05part-06part-07part-08part-09"}"#;
    let event = Event::parse(line).unwrap();
    let parts = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("userAgent.contains('part-0{n}')")).collect();
        Predicate::from_cel(&all.join(" && ")).unwrap()
    };
    assert_eq!(parts(3).literals().groups().count(), 3);
    assert_eq!(
        parts(10).literals().groups().count(),
        8,
        "the rest is left to whoever reads the line"
    );
    let names = |field: &str, what: &str, count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("'{what}-{n}'")).collect();
        Predicate::from_cel(&format!("{field} in [{}]", all.join(", "))).unwrap()
    };
    assert_eq!(names("verb", "verb", 100).literals().groups().count(), 1);
    assert_eq!(names("verb", "verb", 1000).literals().groups().count(), 0);
    let looked_up = |count: usize| {
        format!("{:?}", names("verb", "verb", count).terms()).matches("Action").count()
    };
    assert_eq!((looked_up(16), looked_up(17)), (16, 1));
    for predicate in [
        parts(10),
        names("verb", "verb", 1000),
        names("verb", "verb", 17),
        names("user.username", "name", 17),
    ] {
        assert_eq!(predicate.eval(&event), Truth::True);
        assert!(predicate.literals().may_match(line) && found(&predicate.terms(), line));
    }
}

/// Each level, stage, verb and reason for which something isn't there, together.
#[test]
fn whatever_makes_an_answer_unknown_keeps_its_line() {
    let predicates = [
        "requestObject.a == 'zebra'",
        "responseObject.a.startsWith('zebra')",
        "annotations['k'] == 'zebra'",
        "annotations['patch.webhook.admission.k8s.io/zebra'] == 'zebra'",
        "'zebra' in annotations",
        "responseStatus.reason == 'zebra'",
        "impersonatedUser.username == 'zebra'",
        "objectRef.name == 'zebra'",
        "objectRef.uid == 'zebra'",
        "objectName == 'zebra'",
        "effectiveUser == 'zebra'",
        "has(requestObject.zebra)",
        "requestObject.zebra.exists(x, x == 'zebra')",
        "requestObject.metadata.managedFields.exists(m, m.manager == 'zebra')",
        "responseStatus.code == 404",
        "user.username == 'zebra'",
        "verb in ['zebra', 'giraffe']",
    ]
    .map(|cel| Predicate::from_cel(cel).unwrap());
    let (mut unknown, mut left_out) = (0, 0);
    for level in ["Metadata", "Request", "RequestResponse"] {
        for stage in ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] {
            for verb in ["get", "create", "update", "watch"] {
                for more in [
                    "",
                    r#","responseStatus":{"status":"Failure"}"#,
                    r#","annotations":{"audit.k8s.io\/truncated":"true"}"#,
                    r#","requestObject":{"metadata":{}},"annotations":{}"#,
                ] {
                    let line = format!(
                        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","stage":"{stage}","verb":"{verb}","user":{{"username":"u"}},"objectRef":{{"resource":"pods"}}{more}}}"#
                    );
                    for predicate in &predicates {
                        nothing_is_left_out(predicate, line.as_bytes()).unwrap();
                        let answer = predicate.eval(&Event::parse(line.as_bytes()).unwrap());
                        unknown += usize::from(answer == Truth::Unknown);
                        left_out += usize::from(!predicate.literals().may_match(line.as_bytes()));
                    }
                }
            }
        }
    }
    // Both happen, or the loop shows nothing.
    assert!(unknown > 1000 && left_out > 1000, "{unknown} {left_out}");
}

#[test]
fn two_users_of_one_event_are_not_taken_for_one() {
    let line = br#"{"verb":"get","user":{"username":"a"},"impersonatedUser":{"username":"b"},"sourceIPs":["10.0.0.1","::1"]}"#;
    for cel in [
        "user.username == 'a' && impersonatedUser.username == 'b'",
        "user.username == 'a' && impersonatedUser.username == 'b' || user.username == 'c'",
        "'10.0.0.1' in sourceIPs && '::1' in sourceIPs || '::2' in sourceIPs",
    ] {
        let predicate = Predicate::from_cel(cel).unwrap();
        assert_eq!(predicate.eval(&Event::parse(line).unwrap()), Truth::True, "{cel}");
        assert!(found(&predicate.terms(), line), "{cel}");
    }
}
