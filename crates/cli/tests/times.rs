//! Lines that a client shapes are found by when they happened, as all others are.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use node::Node;

/// When the client did it; all else happened a day later.
const AT: &str = "2026-11-20T08:00:00.500000Z";
const WINDOW: [&str; 4] = ["--since", "2026-11-20T08:00:00Z", "--until", "2026-11-20T08:00:01Z"];
/// Outside the window: what a client would like its event to have.
const OTHER: &str = "2001-01-01T00:00:00.000000Z";

/// An event at [`AT`]: what the client made of the request, and of what is annotated.
fn event(body: &str, annotations: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"x","stage":"ResponseComplete","verb":"create","requestObject":{body},"requestReceivedTimestamp":"{AT}","stageTimestamp":"{AT}","annotations":{{{annotations}}}}}"#
    )
}

/// Lines as clients can make them, by name.
fn shaped() -> Vec<(&'static str, Vec<u8>)> {
    let stamped = format!(r#"{{"stageTimestamp":"{OTHER}","annotations":{{}}}}"#);
    let quoted = stamped.replace('"', "\\\"");
    let long = "x".repeat(1_200_000);
    let text = |line: String| line.into_bytes();
    vec![
        ("nothing but an event", text(event("{}", ""))),
        ("a body that has such a key", text(event(&stamped, ""))),
        ("a string that looks like one", text(event("{}", &format!(r#""a":"{quoted}""#)))),
        ("more than a megabyte of body", text(event(&format!(r#"{{"a":"{long}"}}"#), ""))),
        (
            "a body that has such a key, and a megabyte of annotations",
            text(event(&stamped, &format!(r#""a":"{long}""#))),
        ),
        (
            "a megabyte of annotations, with what looks like one at their end",
            text(event("{}", &format!(r#""a":"{long}{quoted}""#))),
        ),
        ("ten thousand deep", {
            let deep = format!("{}{stamped}{}", "[".repeat(10_000), "]".repeat(10_000));
            text(event(&deep, ""))
        }),
        ("half a surrogate", text(event(r#"{"a":"\ud800"}"#, ""))),
        ("a NUL, escaped", text(event(r#"{"a":"\u0000"}"#, ""))),
        ("keys twice", text(event(r#"{"a":1,"a":2,"stageTimestamp":1,"stageTimestamp":2}"#, ""))),
        ("bytes that are no UTF-8", {
            let line = event(r#"{"a":"@"}"#, "");
            let (before, after) = line.split_once('@').unwrap();
            [before.as_bytes(), b"\xff\xc3\xed\xa0\x80", after.as_bytes()].concat()
        }),
    ]
}

/// What no rule finds a certain time in: never left out.
fn doubtful() -> Vec<Vec<u8>> {
    let twice = event("{}", "").replacen('{', &format!(r#"{{"stageTimestamp":"{OTHER}","#), 1);
    let escaped = format!(r#"{{"stage\u0054imestamp":"{AT}"}}"#);
    let torn = event("{}", "");
    let torn = &torn[..torn.len() - 9];
    [twice.as_str(), &escaped, torn, "klog: panic"].map(|line| line.as_bytes().to_vec()).into()
}

/// `cat` of the window: a batch may hold the lines alone, or those of a day later too.
/// Says what is wrong, if anything is.
fn found(lines: &[Vec<u8>]) -> Result<(), String> {
    let later = |n: u32| event("{}", "").replace("11-20", "11-21").replace("\"x\"", &n.to_string());
    let mut log = Vec::new();
    for n in 0..20 {
        log.extend(later(n).bytes().chain([b'\n']));
    }
    let mut expected = Vec::new();
    for line in lines {
        expected.extend(line.iter().chain(b"\n"));
    }
    log.extend(&expected);
    let node = Node::with(&log);
    node.backfill().ok();
    let trusted = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey];
    node.read("verify", &trusted).ok();
    let shown = node.read("cat", &[&trusted[..], &WINDOW].concat()).ok();
    if shown.out != expected {
        return Err(format!("{} of {} bytes are found", shown.out.len(), expected.len()));
    }
    let far = ["--since", "2026-12-24T00:00:00Z"];
    let shown = node.read("cat", &[&trusted[..], &far].concat()).ok();
    let untimed: u64 = shown.out.iter().filter(|byte| **byte == b'\n').count() as u64;
    let inspected = of_the_batch(&node, "untimed ");
    if inspected != untimed.to_string() {
        return Err(format!("'untimed {inspected}', and {untimed} lines in a window far away"));
    }
    Ok(())
}

/// A value of the one batch's note.
fn of_the_batch(node: &Node, name: &str) -> String {
    let rows = node.read("ls", &["--format", "json"]).ok().text();
    let rows = rows.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
    let batch = rows.into_iter().find(|row| row["kind"] == "batch").unwrap();
    let shown = node.read("inspect", &[batch["key"].as_str().unwrap()]).ok().text();
    let value = shown.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_default().trim().to_owned()
}

#[test]
fn a_line_that_a_client_shapes_is_found_when_it_happened() {
    let wrong: Vec<String> = shaped()
        .into_iter()
        .filter_map(|(what, line)| Some(format!("{what}: {}", found(&[line]).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_without_a_certain_time_are_in_every_window() {
    found(&doubtful()).unwrap();
    for line in doubtful() {
        found(&[line]).unwrap();
    }
}

#[test]
fn all_of_them_together() {
    let lines: Vec<Vec<u8>> =
        shaped().into_iter().map(|(_, line)| line).chain(doubtful()).collect();
    found(&lines).unwrap();
}

/// Where the clocks were set back, an hour came twice: whoever means it gets both.
#[test]
fn a_local_time_that_came_twice_is_the_earlier_one() {
    let at = |time: &str| event("{}", "").replace(AT, time);
    // In Berlin's time: 2:30 before the clocks were set back from 3:00 to 2:00, and an hour later.
    let log = ["2026-10-25T00:30:00.000000Z", "2026-10-25T01:30:00.000000Z"].map(at).join("\n");
    let node = Node::with(format!("{log}\n").as_bytes());
    node.backfill().ok();
    let mut cat = node.reader("cat");
    cat.args(["--origin", "prod/cp-1/audit", "--vkey", &node.vkey]);
    cat.args(["--since", "2026-10-25T02:30"]);
    let read = node::finish(cat.env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")).ok();
    assert_eq!(read.out, format!("{log}\n").as_bytes(), "{}", read.err);
}
