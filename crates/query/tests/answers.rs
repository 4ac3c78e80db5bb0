//! An answer is what a filter of the raw log gives, whatever the chain looks like.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::HashMap;

use auditseal_predicate::{ObjectFilter, Predicate};
use auditseal_query::{Asking, Hit, Show};
use auditseal_reader::Window;
use common::{
    ask, asking, by_key, everything, found, line, lines, real, sealed, store, texts, time,
};
use serde_json::Value;

type Test = fn(&Value) -> bool;

/// Questions, and what they mean, read by another reader of JSON.
fn questions() -> Vec<(&'static str, Predicate, Test)> {
    let pods = ObjectFilter { resource: Some("pods"), ..ObjectFilter::default() };
    vec![
        ("everything", everything(), |_| true),
        ("a verb", Predicate::verbs(["delete"]), |event| event["verb"] == "delete"),
        ("two verbs", Predicate::verbs(["create", "patch"]), |event| {
            event["verb"] == "create" || event["verb"] == "patch"
        }),
        ("a type", Predicate::object(pods), |event| event["objectRef"]["resource"] == "pods"),
        ("a code", Predicate::code("4xx").unwrap(), |event| {
            event["responseStatus"]["code"].as_u64().is_some_and(|code| (400..500).contains(&code))
        }),
        ("nobody", Predicate::user("no-such-user").unwrap(), |_| false),
    ]
}

/// Of each request, of the lines that are meant, that of the last stage.
fn naive(raw: &[&[u8]], test: Test) -> Vec<String> {
    let stage = |event: &Value| match event["stage"].as_str() {
        Some("RequestReceived") => 0,
        Some("ResponseStarted") => 1,
        _ => 2,
    };
    let mut meant: Vec<(String, u8, String)> = Vec::new();
    for line in raw {
        let event: Value = serde_json::from_slice(line).unwrap();
        if test(&event) {
            let request = format!("{}{}", event["auditID"], event["requestReceivedTimestamp"]);
            meant.push((request, stage(&event), String::from_utf8(line.to_vec()).unwrap()));
        }
    }
    let mut last = HashMap::new();
    for (request, stage, _) in &meant {
        let reached = last.entry(request.clone()).or_insert(*stage);
        *reached = (*reached).max(*stage);
    }
    let lines = meant.iter().filter(|(request, stage, _)| *stage == 2 || last[request] == *stage);
    let mut lines: Vec<String> = lines.map(|(_, _, line)| line.clone()).collect();
    lines.sort();
    lines
}

fn sorted(hits: &[Hit]) -> Vec<String> {
    let mut lines: Vec<String> = texts(hits).into_iter().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn an_answer_is_what_a_filter_of_the_raw_log_gives() {
    let text = real();
    let raw = lines(&text);
    for each in [7, 5000] {
        let chain = sealed("c/n/s", 1, &raw, each);
        let store = store(&[&chain]);
        for (name, predicate, test) in questions() {
            let (hits, answer) = ask(&store, &chain, asking(&chain, predicate)).await;
            assert_eq!(answer.exit_code(), 0, "{name}: {:?}", answer.chains);
            assert_eq!(sorted(&hits), naive(&raw, test), "{name}, {each} in a batch");
            assert_eq!((answer.meant, answer.given), (hits.len() as u64, hits.len() as u64));
            assert_eq!(answer.chains[0].lines, raw.len() as u64);
        }
    }
}

/// Each hit is where it is said to be, and comes in the order of time.
#[tokio::test]
async fn hits_are_cited_and_in_order() {
    let text = real();
    let raw = lines(&text);
    let (one, other): (Vec<_>, Vec<_>) =
        raw.iter().enumerate().partition(|(at, _)| at / 40 % 2 == 0);
    let one: Vec<&[u8]> = one.into_iter().map(|(_, line)| *line).collect();
    let other: Vec<&[u8]> = other.into_iter().map(|(_, line)| *line).collect();
    let chains = [sealed("c/n/a", 1, &one, 30), sealed("c/n/b", 2, &other, 64)];
    let store = store(&[&chains[0], &chains[1]]);
    let asking = Asking { all_stages: true, ..asking(&chains[0], everything()) };
    let asked = chains.iter().map(by_key).collect();
    let (hits, answer) = found(asking.find(&common::archive(&store), asked).await.unwrap()).await;
    assert_eq!(hits.len(), raw.len());
    for hit in &hits {
        let lines = if hit.chain == 0 { (&one, 30) } else { (&other, 64) };
        let at = (hit.seq - 1) as usize * lines.1 + hit.line as usize - 1;
        assert!(hit.shown == lines.0[at], "{}:{}", hit.seq, hit.line);
    }
    assert!(hits.is_sorted_by_key(|hit| hit.time), "{} late", answer.late);
    assert_eq!(answer.late, 0);
}

#[tokio::test]
async fn a_window_reads_no_more_than_it_must() {
    let text = real();
    let raw = lines(&text);
    let chain = sealed("c/n/s", 1, &raw, 100);
    let store = store(&[&chain]);
    let (since, until) = (time("2026-11-21T08:04:10.000000Z"), time("2026-11-21T08:04:12.000000Z"));
    let window = Window { since: Some(since), until: Some(until) };
    let asking = Asking { window, all_stages: true, ..asking(&chain, everything()) };
    let (hits, answer) = ask(&store, &chain, asking).await;
    let inside = raw.iter().filter(|line| {
        let event: Value = serde_json::from_slice(line).unwrap();
        let at = time(event["stageTimestamp"].as_str().unwrap());
        since <= at && at <= until
    });
    assert_eq!(hits.len(), inside.count());
    assert!(!hits.is_empty() && answer.chains[0].outside > 0, "{:?}", answer.chains);
    assert_eq!(answer.unknown.total(), 0);
}

/// Of what is shown as JSON the event is the line, byte for byte.
#[tokio::test]
async fn json_holds_the_line_and_where_it_is() {
    let text = real();
    let chain = sealed("c/n/s", 1, &lines(&text)[..50], 20);
    let store = store(&[&chain]);
    let asking = Asking { show: Show::Json, all_stages: true, ..asking(&chain, everything()) };
    let (hits, _) = ask(&store, &chain, asking).await;
    for hit in hits {
        let shown: Value = serde_json::from_slice(&hit.shown).unwrap();
        let line = lines(&text)[(hit.seq - 1) as usize * 20 + hit.line as usize - 1];
        let text = String::from_utf8(hit.shown).unwrap();
        assert!(text.contains(std::str::from_utf8(line).unwrap().trim_end()), "{text}");
        assert_eq!(shown["seal"], chain.get(hit.seq as usize).hash.to_string());
        assert_eq!(shown["key"], chain.key(hit.seq as usize));
        assert_eq!(
            (&shown["origin"], &shown["answer"]),
            (&Value::from("c/n/s"), &Value::from("yes"))
        );
    }
}

/// Three times as many chains as are found at a time: all are asked, and their hits are merged.
#[tokio::test]
async fn more_chains_than_are_found_at_a_time() {
    let text = real();
    let raw = lines(&text);
    let chains: Vec<_> =
        (0..48_u8).map(|n| sealed(&format!("c/n-{n}/s"), n + 1, &raw[..5], 2)).collect();
    let store = store(&chains.iter().collect::<Vec<_>>());
    let asking = Asking { all_stages: true, ..asking(&chains[0], everything()) };
    let asked = chains.iter().map(by_key).collect();
    let (hits, answer) = found(asking.find(&common::archive(&store), asked).await.unwrap()).await;
    assert_eq!((hits.len(), answer.chains.len(), answer.exit_code()), (240, 48, 0));
    assert!(hits.is_sorted_by_key(|hit| (hit.time, hit.chain)), "of one moment, by chain");
}

/// Hits of several chains go in the order of time, so one stands still while another's are awaited: what it holds
/// then mustn't be what the other needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_that_wait_for_one_another_come_to_their_ends() {
    let origins = ["c/a/s", "c/b/s", "c/d/s"];
    // Each chain has lines of an hour, out of order: minutes apart, so that the others' are awaited.
    let parts: Vec<Vec<String>> = (0..origins.len())
        .map(|chain| {
            let seconds = (0..200).map(|at| (at * 613 + chain * 413) % 3600);
            let at = seconds.map(|at| format!("{:02}:{:02}", at / 60, at % 60));
            at.map(|at| line(&format!("{chain}-{at}"), "ResponseComplete", "get", &at, &at))
                .collect()
        })
        .collect();
    let chains: Vec<_> = origins
        .iter()
        .zip(&parts)
        .map(|(origin, part)| {
            let part: Vec<&[u8]> = part.iter().map(String::as_bytes).collect();
            sealed(origin, 1, &part, 2)
        })
        .collect();
    let store = store(&chains.iter().collect::<Vec<_>>());
    for cores in [1, 2].repeat(10) {
        let asked = chains.iter().map(by_key).collect();
        let asking = Asking { cores, ..asking(&chains[0], everything()) };
        let search = asking.find(&common::archive(&store), asked).await.unwrap();
        let all = tokio::time::timeout(std::time::Duration::from_secs(60), found(search));
        let (hits, answer) = all.await.expect("it comes to its end");
        assert_eq!((hits.len(), answer.given), (600, 600));
    }
}
