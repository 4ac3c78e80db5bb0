use std::fmt::Write as _;

use std::io::Read as _;

use auditseal_audit::Event;
use auditseal_audit::policy::{Level, Policy};

use super::*;

/// What an event is about: user, groups, verb, group, resource (with its part), code.
type About<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, u16);

/// An event at a level, with these members before its end, at this second.
fn event(level: &str, about: About<'_>, more: &str, second: u32) -> String {
    let (user, groups, verb, group, resource, code) = about;
    let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
    let groups: Vec<_> = groups.split(' ').map(|group| format!("\"{group}\"")).collect();
    let target = if resource.is_empty() {
        format!(r#""requestURI":"{group}""#)
    } else {
        format!(
            r#""requestURI":"/x/{resource}/o","objectRef":{{"resource":"{resource}","namespace":"n","name":"o","apiGroup":"{group}","subresource":"{part}"}}"#
        )
    };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"x","stage":"ResponseComplete",{target},"verb":"{verb}","user":{{"username":"{user}","groups":[{}]}},"responseStatus":{{"code":{code}}}{more},"stageTimestamp":"2026-11-21T08:{:02}:{:02}.000000Z"}}"#,
        groups.join(","),
        second / 60,
        second % 60,
    ) + "\n"
}

fn page(log: &str) -> Page {
    let mut suggester = Suggester::new().unwrap();
    suggester.lines(log.as_bytes()).unwrap();
    suggester.finish(None).unwrap()
}

fn row<'a>(page: &'a Page, block: &str) -> &'a Row {
    page.rows.iter().find(|row| row.block == block).unwrap_or_else(|| panic!("no row {block}"))
}

fn words(page: &Page) -> String {
    let mut out = Vec::new();
    page.text(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const NODE: (&str, &str) = ("system:node:n", "system:nodes system:authenticated");
const SECRET: &str = r#","responseObject":{"metadata":{"name":"db","namespace":"prod"},"data":{"p":"aHVudGVyMg=="}}"#;

/// A cluster with a bit of everything; `heartbeats` of each kind.
fn log(heartbeats: u32) -> String {
    let mut log = String::new();
    for n in 0..heartbeats {
        let of = |verb, group, resource| (NODE.0, NODE.1, verb, group, resource, 200);
        log += &event("Metadata", of("patch", "coordination.k8s.io", "leases"), "", n);
        let own = "system:serviceaccount:vault:vault-agent";
        let lease = ("update", "coordination.k8s.io", "leases");
        log += &event(
            "Metadata",
            (own, "system:serviceaccounts", lease.0, lease.1, lease.2, 200),
            "",
            n,
        );
        log += &event("Metadata", ("lb", "x", "get", "/livez?verbose", "", 200), "", n);
    }
    log += &event("RequestResponse", ("alice", "a", "get", "", "secrets", 200), SECRET, 59);
    log += &event(
        "Metadata",
        ("alice", "a", "patch", "networking.k8s.io", "networkpolicies", 200),
        "",
        60,
    );
    log += &event("Metadata", ("alice", "a", "update", "example.com", "widgets", 200), "", 60);
    log
}

/// The stage before, of each event that has a body by the policy that ships or hasn't.
fn with_received(log: &str) -> String {
    let stage = |stage: &str| format!("\"stage\":\"{stage}\"");
    let (complete, received) = (stage("ResponseComplete"), stage("RequestReceived"));
    let before = |line: &str| line.replace(&complete, &received).replace(SECRET, "");
    log.lines().map(|line| format!("{}\n{line}\n", before(line))).collect()
}

#[test]
fn a_policy_for_this_cluster_comes_of_its_log() {
    let page = page(&log(50));
    assert_eq!((page.events, page.foreign, page.seconds, page.exit), (153, 0, 60, 1));
    for (block, events, chosen) in [
        ("bodies", 1, true),
        ("network", 1, true),
        ("noise-leases", 50, true),
        ("noise-own-leases", 50, true),
        ("noise-health", 50, true),
        ("noise-events", 0, false),
        ("rest", 1, true),
    ] {
        let row = row(&page, block);
        assert_eq!((row.events, row.chosen), (events, chosen), "{block}");
        assert_eq!(page.policy.contains(&format!("\n# [{block}] ")), chosen, "{block}");
    }
    assert!(page.policy.contains("  - \"system:serviceaccount:vault:vault-agent\"\n"));
    assert!(page.policy.contains("#   - {group: example.com, resources: [widgets]} # once\n"));
    let network = row(&page, "network");
    assert_eq!(network.unknown_bodies, 2, "the patch, and what came of it");
    assert!(network.then.low > network.now && network.then.high > network.then.low);
    let secret = row(&page, "bodies");
    let gone = (SECRET.len() + "RequestResponse".len() - "Metadata".len()) as u64;
    assert_eq!(secret.then, Range { low: secret.now - gone, high: secret.now - gone });
    let policy: Policy = policy::parse(&page.policy).unwrap();
    assert_eq!(policy.faults(), Vec::<String>::new());
    for check in policy::check(&policy) {
        assert_eq!(check.status, crate::Status::Pass, "{check:?}");
    }
}

/// kube-apiserver can't write an event whose patch isn't JSON: the stage before is what is left.
#[test]
fn what_came_before_a_patch_with_its_body_stays() {
    let page = page(&with_received(&log(50)));
    assert_eq!(page.events, 2 * 153);
    for (block, events) in [("network", 2), ("bodies", 1), ("rest", 1), ("(RequestReceived)", 152)]
    {
        assert_eq!(row(&page, block).events, events, "{block}");
    }
}

#[test]
fn what_saves_little_is_not_dropped() {
    let page = page(&log(0));
    assert!(page.rows.iter().all(|row| row.chosen != row.block.starts_with("noise-")));
    assert!(!page.policy.contains("level: None"), "{}", page.policy);
}

/// The other way to the same figures: each event by the policy that came out.
#[test]
fn the_figures_are_those_of_the_policy_itself() {
    let logs = [0, 1, 7, 300].map(|heartbeats| (heartbeats, log(heartbeats)));
    let received = logs.clone().map(|(heartbeats, log)| (heartbeats, with_received(&log)));
    for (heartbeats, log) in logs.into_iter().chain(received) {
        let page = page(&log);
        let policy = policy::parse(&page.policy).unwrap();
        let (mut events, mut bytes) = (0, 0);
        for line in log.lines() {
            let event = Event::parse(line.as_bytes()).unwrap();
            let decision = policy.decide(&event.request());
            if policy.logs(decision, event.stage) {
                events += 1;
                let cost = event.cost(line.len(), decision.level, decision.omit_managed_fields);
                bytes += cost.bytes;
            }
        }
        let kept = page.rows.iter().filter(|row| row.chosen && row.level != Level::None.name());
        assert_eq!(kept.clone().map(|row| row.events).sum::<u64>(), events, "{heartbeats}");
        // A body that isn't known counts at least so much; a line of this log has two of them.
        let least = 2 * (2 + 17);
        assert_eq!(page.then.low, bytes + least, "{heartbeats}");
        assert_eq!(page.now, log.len() as u64, "{heartbeats}");
    }
}

#[test]
fn the_same_log_gives_the_same_words_in_any_order() {
    let whole = log(20);
    let mut lines: Vec<_> = whole.lines().collect();
    let first = page(&whole);
    lines.reverse();
    let second = page(&(lines.join("\n") + "\n"));
    assert_eq!((&first.policy, words(&first)), (&second.policy, words(&second)));
}

#[test]
fn what_is_locked_is_named_and_never_shown() {
    let token = r#","requestObject":{"spec":{}},"responseObject":{"status":{"token":"ey.J0"}}"#;
    let pod = r#","requestObject":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"hunter3"}]}]}}"#;
    let mut log = log(0);
    log +=
        &event("RequestResponse", ("b", "x", "create", "", "serviceaccounts/token", 201), token, 9);
    log += &event("Request", ("b", "x", "create", "", "pods", 201), pod, 9);
    let exec = event("Metadata", ("b", "x", "get", "", "pods/exec", 101), "", 9);
    log += &exec.replace("/o\"", "/o/exec?command=mysql&command=-phunter4\"");
    for n in 0..1100 {
        let body = SECRET.replace("db", &format!("s{n}"));
        log += &event("RequestResponse", ("b", "x", "get", "", "secrets", 200), &body, 9);
    }
    let page = page(&log);
    let secrets = &page.exposed[0];
    assert_eq!((secrets.bodies, secrets.objects, secrets.bodies_of_others), (1101, 1000, 101));
    assert_eq!(secrets.named[0], "prod/db");
    assert_eq!(page.exposed.len(), 3);
    assert_eq!((page.commands, page.exit), (1, 1));
    let mut json = Vec::new();
    page.json(&mut json).unwrap();
    let all = words(&page) + &String::from_utf8(json).unwrap();
    for secret in ["aHVudGVyMg", "hunter", "ey.J0"] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
    for named in [
        "values of Secrets",
        "prod/db, prod/s0",
        "tokens: 1 bodies of 1 objects: n/o",
        "and 990 more",
    ] {
        assert!(all.contains(named), "{named}: {all}");
    }
}

#[test]
fn blind_spots_are_told_by_log_or_policy() {
    let spot = |page: &Page, question: &str| {
        let spot = page.spots.iter().find(|spot| spot.question.contains(question)).unwrap();
        (spot.now, spot.then)
    };
    let by_log = page(&log(1));
    assert_eq!(spot(&by_log, "NetworkPolicy"), (Answer::Happened, Answer::Full));
    assert_eq!(spot(&by_log, "read which Secret"), (Answer::Full, Answer::Full));
    assert_eq!(spot(&by_log, "ConfigMap held"), (Answer::NoEvent, Answer::Happened));
    let mut suggester = Suggester::new().unwrap();
    suggester.lines(log(1).as_bytes()).unwrap();
    let now = "kind: Policy\nrules: [{level: None, resources: [{group: '', resources: [secrets]}]}, {level: Request, verbs: [create]}, {level: Metadata}]";
    let now = policy::parse(now).unwrap();
    let by_policy = suggester.finish(Some(Ok(("p".to_owned(), now)))).unwrap();
    assert_eq!(spot(&by_policy, "read which Secret"), (Answer::Nothing, Answer::Full));
    assert_eq!(spot(&by_policy, "what was deployed"), (Answer::Partly, Answer::Full));
    assert_eq!(spot(&by_policy, "who approved"), (Answer::Full, Answer::Full));
}

#[test]
fn hostile_lines_are_counted() {
    let mut log = log(3).into_bytes();
    let whole = log.clone();
    log.extend_from_slice(b"\0\0\0{\"kind\":\"Event\"}\nx\n\n{}\n\xff\xfe\n");
    // Somebody's own address and name, as they stand in a log.
    let names = [
        ("a: b\n- level: None", "update", "example.com}]\n- level: None", "x"),
        ("system:serviceaccount:a:b\"\n- level: None", "update", "coordination.k8s.io", "leases"),
        ("u", "create", "evil.example\n", "y"),
    ];
    for (user, verb, group, resource) in names {
        let escape = |text: &str| text.replace('"', "\\\"").replace('\n', "\\n");
        let (user, group) = (escape(user), escape(group));
        for _ in 0..50 {
            log.extend_from_slice(
                event("Metadata", (&user, "x", verb, &group, resource, 200), "", 1).as_bytes(),
            );
        }
    }
    let mut suggester = Suggester::new().unwrap();
    suggester.lines(log.as_slice()).unwrap();
    // A hundred megabytes without an end, and half a line after it.
    suggester.lines(io::repeat(b'x').take(100 << 20)).unwrap();
    suggester.lines(&whole[..whole.len() - 9]).unwrap();
    let page = suggester.finish(None).unwrap();
    assert_eq!((page.foreign, page.too_long), (4, 1));
    assert_eq!(page.too_long_bytes, (100 << 20) + 1);
    let policy = policy::parse(&page.policy).unwrap();
    assert!(policy.rules.iter().all(|rule| rule.users.iter().all(|user| !user.contains('\n'))));
    let own = policy::parse(include_str!("../../../../deploy/audit-policy.yaml")).unwrap();
    assert!(policy.rules.len() <= own.rules.len() + 1, "{}", page.policy);
    assert!(!page.policy.contains("evil") && !page.policy.contains("example.com}"));
}

#[test]
fn without_an_event_there_is_no_policy() {
    let mut suggester = Suggester::new().unwrap();
    suggester.lines(b"x\n{}\n".as_slice()).unwrap();
    assert!(suggester.finish(None).unwrap_err().contains("no audit event"));
}

#[test]
fn more_kinds_than_are_told_apart_are_priced_together() {
    let mut log = String::new();
    for n in 0..5000 {
        let group = format!("g{n}.example");
        write!(log, "{}", event("Metadata", ("u", "x", "create", &group, "things", 201), "", 1))
            .unwrap();
    }
    let page = page(&log);
    assert_eq!((page.events, row(&page, "rest").events), (5000, 5000));
    assert!(page.policy.contains("# and 4086 more kinds"), "{}", page.policy);
}

#[test]
fn the_sample_log_of_a_real_apiserver() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kube-apiserver-1.36.3");
    let page = suggest(&[root], &Host::elsewhere(0)).unwrap();
    assert_eq!((page.files, page.events, page.foreign), (10, 17_681, 0));
    assert_eq!((page.now, page.bytes), (19_256_174, 19_256_174));
    assert!(page.then.high < page.now, "{:?}", page.then);
    println!("{}\n{}", page.policy, words(&page));
}
