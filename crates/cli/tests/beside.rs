//! `history --with-flows` through the program: a change of a policy and what the network then blocked, in one view.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use node::{Done, Node, finish, without_hashes};
use serde_json::{Value, json};

const AUDIT: &str = "prod/cp-1/audit";
const FLOWS: &str = "prod/cp-1/flows";

/// A policy for the database: a rule from these peers.
fn policy(version: u64, from: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "db", "namespace": "shop", "uid": "u-1", "resourceVersion": version.to_string(), "generation": version},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "ingress": [{"from": from}]},
    })
}

fn event(at: &str, user: &str, verb: &str, code: u64, request: &Value, response: &Value) -> String {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": format!("a-{at}"), "verb": verb, "user": {"username": user}, "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1",
        "requestURI": "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/db",
        "objectRef": {"apiGroup": "networking.k8s.io", "apiVersion": "v1", "resource": "networkpolicies", "namespace": "shop", "name": "db"},
        "responseStatus": {"code": code}, "requestObject": request, "responseObject": response,
        "requestReceivedTimestamp": format!("2026-11-29T{at}.000000Z"), "stageTimestamp": format!("2026-11-29T{at}.000000Z"),
    });
    format!("{event}\n")
}

/// Made for web alone, opened for everybody, a change that is refused, and closed again.
fn audit() -> String {
    let web = json!([{"podSelector": {"matchLabels": {"app": "web"}}}]);
    let all = json!([{"podSelector": {"matchLabels": {"app": "web"}}}, {"namespaceSelector": {}}]);
    let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403});
    [
        event("10:00:00", "dana", "create", 201, &policy(0, &web), &policy(1, &web)),
        event("10:02:00", "mallory", "update", 200, &policy(1, &all), &policy(2, &all)),
        event("10:03:00", "mallory", "update", 403, &policy(2, &web), &refused),
        event("10:04:00", "dana", "update", 200, &policy(2, &web), &policy(3, &web)),
    ]
    .concat()
}

fn sample(name: &str, line: usize) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/flows");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(text.lines().nth(line).unwrap()).unwrap()
}

/// When, up to when, and whether probe of lab reached db: before the policy, after each change of it, and over one.
const SEEN: [(&str, &str, bool); 6] = [
    ("09:59:00", "09:59:01", true),
    ("10:00:03", "10:00:04", false),
    ("10:00:09", "10:00:10", false),
    ("10:02:05", "10:02:06", true),
    ("10:03:50", "10:04:20", false),
    ("10:04:30", "10:04:31", false),
];

fn hubble() -> String {
    let line = |(at, _, passed): &(&str, &str, bool)| {
        let mut line = sample("hubble.log", 6);
        let time = json!(format!("2026-11-29T{at}.000000000Z"));
        (line["time"], line["flow"]["time"]) = (time.clone(), time);
        line["flow"]["verdict"] = json!(if *passed { "FORWARDED" } else { "DROPPED" });
        format!("{line}\n")
    };
    let mut text: String = SEEN.iter().map(line).collect();
    let mut answer = sample("hubble.log", 6);
    answer["flow"]["time"] = json!("2026-11-29T10:02:05.100000000Z");
    answer["time"] = answer["flow"]["time"].clone();
    answer["flow"]["is_reply"] = json!(true);
    writeln!(text, "{answer}").unwrap();
    text
}

fn calico() -> String {
    let seconds = |at: &str| {
        let time: auditseal_format::Time = format!("2026-11-29T{at}.000000Z").parse().unwrap();
        time.micros() / 1_000_000
    };
    let line = |(at, until, passed): &(&str, &str, bool)| {
        let mut line = sample("calico.log", 2);
        (line["start_time"], line["end_time"]) = (json!(seconds(at)), json!(seconds(until)));
        line["action"] = json!(if *passed { "allow" } else { "deny" });
        format!("{line}\n")
    };
    SEEN.iter().map(line).collect()
}

/// A node that has archived the audit log, and this log of flows beside it.
fn archived(flows: Option<(&str, &str)>) -> Node {
    let node = Node::with(audit().as_bytes());
    let mut writer = node.writer("backfill");
    if let Some((text, format)) = flows {
        node.write("flows.log", text.as_bytes());
        writer.args(["--source", &format!("flows={}", node.shown("logs/flows.log"))]);
        writer.args(["--source-format", &format!("flows={format}")]);
    }
    finish(&mut writer).ok();
    node
}

fn ask(node: &Node, origins: &[&str], words: &[&str]) -> Done {
    let mut args = vec!["netpol/db", "-n", "shop", "--with-flows", "--vkey", &node.vkey];
    origins.iter().for_each(|origin| args.extend(["--origin", origin]));
    node.read("history", &[&args, words].concat())
}

/// The lines of flows below the entry that begins with this.
fn beside(text: &str, entry: &str) -> Vec<String> {
    let below = text.split(entry).nth(1).unwrap_or_else(|| panic!("no {entry} in {text}"));
    let below = below.split("\n\n").next().unwrap();
    let of = ["flows after it", "blocked,", "newly allowed,"];
    let lines = below.lines().map(str::trim);
    lines.filter(|line| of.iter().any(|start| line.starts_with(start))).map(str::to_owned).collect()
}

const PEERS: &str = "lab run=probe → shop app=db port 5432/TCP (ingress)";

/// What people see: `beside.txt` is read by who judges it; AUDITSEAL_OVERWRITE=1 writes it anew.
#[test]
fn the_view_is_as_it_was_judged() {
    let mut shown = String::new();
    for (text, format) in [(hubble(), "hubble"), (calico(), "calico")] {
        let node = archived(Some((&text, format)));
        for origins in [&[AUDIT, FLOWS][..], &[AUDIT]] {
            let done = ask(&node, origins, &[]);
            let all = without_hashes(&format!("{}{}", done.text(), done.err));
            let asked = origins.join(" --origin ");
            writeln!(
                shown,
                "$ auditseal history netpol/db -n shop --with-flows --origin {asked} # {format}\n{all}exit {}\n",
                done.code
            )
            .unwrap();
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/beside.txt");
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        fs::write(file, &shown).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(
        shown == expected,
        "AUDITSEAL_OVERWRITE=1 writes it anew, and git diff shows what differs"
    );
}

#[test]
fn a_change_stands_beside_what_the_network_then_blocked() {
    let node = archived(Some((&hubble(), "hubble")));
    let done = ask(&node, &[AUDIT, FLOWS], &[]).ok();
    let text = done.text();
    assert_eq!(
        beside(&text, "dana: created"),
        [
            "flows after it, until the next change at 2026-11-29T10:02:00.000000Z: 2 lines blocked"
                .to_owned(),
            format!("blocked, allowed before: {PEERS}: 2 lines, first prod/cp-1/flows 1:2"),
        ]
    );
    assert_eq!(
        beside(&text, "mallory: changed"),
        [
            "flows after it, until the next change at 2026-11-29T10:04:00.000000Z: 1 line blocked, 1 line newly allowed".to_owned(),
            format!("blocked, as before: {PEERS}: 1 line, first prod/cp-1/flows 1:5"),
            format!("newly allowed, blocked before: {PEERS}: 1 line, first prod/cp-1/flows 1:4"),
        ]
    );
    assert_eq!(
        beside(&text, "dana: changed"),
        [
            "flows after it: 1 line blocked".to_owned(),
            format!(
                "blocked, some of it blocked before: {PEERS}: 1 line, first prod/cp-1/flows 1:6"
            ),
        ]
    );
    assert!(beside(&text, "mallory: refused").is_empty(), "it changed nothing");
    // Both searches stand below.
    for line in [
        "searched: 2 chains, namespace shop\n",
        "  prod/cp-1/flows: seals 0 to 2, of another kind of log, and not read\n",
        "flows: searched: 2 chains, namespace shop, from 2026-11-29T09:00:00.000000Z on\n",
        "flows:   prod/cp-1/audit: seals 0 to 2, of another kind of log, and not read\n",
        "flows: networkpolicies.networking.k8s.io/db -n shop: 7 lines; beside no change: 1 of before the first change, 1 answers",
        "found: 4 events\n",
    ] {
        assert!(done.err.contains(line), "{line}\n{}", done.err);
    }
    assert!(!done.err.contains("unknown:"), "flows aren't events that can't be read: {}", done.err);
}

/// Calico sums up intervals, and names the policy.
#[test]
fn what_a_log_sums_up_over_a_change_is_said_to_be() {
    let node = archived(Some((&calico(), "calico")));
    let text = ask(&node, &[AUDIT, FLOWS], &[]).ok().text();
    // Of pods that it sums up it tells the labels that all of them have.
    let peers = "lab run=probe,… → shop app=db port 5432/TCP (ingress)";
    let names = "the log names this policy";
    assert_eq!(
        beside(&text, "dana: created"),
        [
            "flows after it, until the next change at 2026-11-29T10:02:00.000000Z: 2 lines blocked"
                .to_owned(),
            format!(
                "blocked, allowed before: {peers}: 2 lines, first prod/cp-1/flows 1:2; {names}"
            ),
        ]
    );
    let over = "the log sums up a time in which the change was made, and some may be of before it";
    assert_eq!(
        beside(&text, "dana: changed"),
        [
            "flows after it: 2 lines blocked".to_owned(),
            format!("blocked, allowed before: {peers}: 1 line, first prod/cp-1/flows 1:6; {names}"),
            format!(
                "blocked, allowed before: {peers}: 1 line, first prod/cp-1/flows 1:5; {names}; {over}"
            ),
        ]
    );
    let json = ask(&node, &[AUDIT, FLOWS], &["-o", "json"]).ok().text();
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let flows = &lines[0]["flows"];
    assert_eq!((&flows["blocked"], &flows["newlyAllowed"]), (&json!(2), &json!(0)));
    assert_eq!(
        flows["rows"][0],
        json!({
            "verdict": "denied", "before": "allowed", "across": false, "direction": "ingress", "from": "lab run=probe,…",
            "to": "shop app=db", "port": "5432/TCP", "lines": 2, "naming": 2,
            "first": {"origin": FLOWS, "seq": 1, "line": 2},
        })
    );
    assert!(lines[2].get("flows").is_none(), "{}", lines[2]);
    assert_eq!(lines.last().unwrap()["whole"], true);
    let page = ask(&node, &[AUDIT, FLOWS], &["-o", "html"]).ok().text();
    let row = format!("<li class=\"flow\">blocked, allowed before: {peers}: 2 lines");
    assert!(page.contains(&row), "{page}");
}

/// Antrea writes its node's local time.
#[test]
fn a_line_whose_time_has_no_zone_may_stand_beside_the_wrong_change() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/flows");
    let log = fs::read_to_string(folder.join("antrea.log")).unwrap();
    let done = ask(&archived(Some((&log, "antrea"))), &[AUDIT, FLOWS], &[]).ok();
    let said = "; by a time without a zone, which was read as UTC: ";
    assert!(done.err.contains(said), "{}", done.err);
    let done = ask(&archived(Some((&hubble(), "hubble"))), &[AUDIT, FLOWS], &[]).ok();
    assert!(!done.err.contains("without a zone"), "{}", done.err);
}

#[test]
fn what_flows_cannot_show_is_said() {
    // No log of flows was asked, and there is one.
    let node = archived(Some((&hubble(), "hubble")));
    for (node, origins) in [(&node, [AUDIT]), (&archived(None), [AUDIT])] {
        let done = ask(node, &origins, &[]).ok();
        let why = "the chains that were asked hold no log of flows of this time";
        let until = "until the next change at 2026-11-29T10:02:00.000000Z";
        assert_eq!(
            beside(&done.text(), "dana: created"),
            [format!("flows after it, {until}: none is sealed; {why}")]
        );
        assert!(
            done.err.contains("flows: no log of flows of this time is among the chains"),
            "{}",
            done.err
        );
        let json = ask(node, &origins, &["-o", "json"]).ok().text();
        let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
        assert_eq!(last["whole"], false, "{last}");
    }
    // The log begins after a change.
    let late: String = hubble().lines().skip(3).map(|line| format!("{line}\n")).collect();
    let text = ask(&archived(Some((&late, "hubble"))), &[AUDIT, FLOWS], &[]).ok().text();
    let begun = "the first flow that is sealed is of 2026-11-29T10:02:05.000000Z";
    assert!(
        beside(&text, "dana: created")[0].ends_with(&format!("none is sealed; {begun}")),
        "{text}"
    );
    let begun = "the first flow that is sealed is of 2026-11-29T10:02:05.000000Z, and what was before it may not be";
    assert!(beside(&text, "mallory: changed")[0].ends_with(begun), "{text}");
    // What nobody wrote was changed by nobody.
    let none = node.read(
        "history",
        &[
            "netpol/none",
            "-n",
            "shop",
            "--with-flows",
            "--vkey",
            &node.vkey,
            "--origin",
            AUDIT,
            "--origin",
            FLOWS,
        ],
    );
    assert!(none.ok().err.contains("flows: nothing was changed, so that none were looked for"));
}

#[test]
fn flows_stand_beside_network_policies_alone() {
    let node = archived(None);
    let ask = |object: &str, more: &[&str]| {
        let args =
            [&[object, "--with-flows", "--origin", AUDIT, "--vkey", &node.vkey][..], more].concat();
        node.read("history", &args)
    };
    ask("services/db", &[]).refused(
        "flows stand beside changes of network policies in a namespace, and services are none",
    );
    ask("networkpolicies.example.com/db", &[])
        .refused("flows stand beside changes of network policies");
    assert_eq!(ask("netpol/db", &["--at", "2026-11-29T10:00:00Z"]).code, 2);
    assert_eq!(
        ask("ciliumnetworkpolicies.cilium.io/db", &[]).code,
        2,
        "a type that isn't in the archive"
    );
}

/// Labels and names of policies are what anybody calls them; with what acts on an eye a line is no flow.
#[test]
fn what_flows_are_called_acts_on_nobody() {
    let named = |bad: &str| {
        let mut line = sample("hubble.log", 6);
        line["time"] = json!("2026-11-29T10:00:03.000000000Z");
        line["flow"]["time"] = line["time"].clone();
        line["flow"]["source"]["labels"] =
            json!([format!("k8s:run={bad}"), "k8s:io.kubernetes.pod.namespace=lab"]);
        line["flow"]["ingress_denied_by"] = json!([{"name": bad, "namespace": "shop"}]);
        format!("{line}\n")
    };
    let markup = "</li></ul><script>alert(1)</script><img src=x onerror=alert(1)>";
    let flows = [named(markup), named("\u{202e}x"), named("\u{1b}[2J")].concat();
    let node = archived(Some((&flows, "hubble")));
    for words in [&[][..], &["-o", "html"]] {
        let done = ask(&node, &[AUDIT, FLOWS], words).ok();
        let text = done.text();
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(acts) && !done.err.contains(acts), "{text}");
        let page = words.contains(&"html");
        let shown = if page {
            "run=&lt;/li&gt;&lt;/ul&gt;&lt;script&gt;"
        } else {
            "run=</li></ul><script>"
        };
        assert!(text.contains(shown), "{text}");
        assert!(!page || !(text.contains("<script>alert") || text.contains("<img")), "{text}");
    }
}
