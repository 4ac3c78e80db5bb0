//! Of a request the line of its last stage is told, once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use auditseal_predicate::Predicate;
use auditseal_query::{Answered, Asking, Hit};
use common::{ask, asking, everything, line, sealed, store};

/// Hits as auditID and stage.
async fn told(
    text: &[String],
    each: usize,
    all_stages: bool,
    predicate: Predicate,
) -> (Vec<String>, Answered) {
    let raw: Vec<&[u8]> = text.iter().map(String::as_bytes).collect();
    let chain = sealed("c/n/s", 1, &raw, each);
    let asking = Asking { all_stages, ..asking(&chain, predicate) };
    let (hits, answer) = ask(&store(&[&chain]), &chain, asking).await;
    let shown = |hit: &Hit| {
        let event: serde_json::Value = serde_json::from_slice(&hit.shown).unwrap();
        format!("{} {}", event["auditID"].as_str().unwrap(), event["stage"].as_str().unwrap())
    };
    (hits.iter().map(shown).collect(), answer)
}

fn story() -> Vec<String> {
    [
        ("a", "RequestReceived", "get", "01:00", "01:00"),
        ("a", "ResponseComplete", "get", "01:00", "01:01"),
        ("w", "RequestReceived", "watch", "01:02", "01:02"),
        ("w", "ResponseStarted", "watch", "01:02", "01:03"),
        ("x", "ResponseStarted", "watch", "01:03", "01:04"),
        ("b", "ResponseComplete", "delete", "01:05", "01:05"),
        ("lost", "RequestReceived", "delete", "01:06", "01:06"),
        ("p", "RequestReceived", "patch", "01:07", "01:07"),
        ("p", "Panic", "patch", "01:07", "01:08"),
        ("w", "ResponseComplete", "watch", "01:02", "50:00"),
        ("c", "ResponseComplete", "get", "51:00", "51:00"),
    ]
    .map(|(id, stage, verb, received, at)| line(id, stage, verb, received, at))
    .to_vec()
}

#[tokio::test]
async fn the_last_stage_of_a_request_counts() {
    for each in [1, 2, 3, 100] {
        let (hits, answer) = told(&story(), each, false, everything()).await;
        let expected = [
            "a ResponseComplete",
            "b ResponseComplete",
            "p Panic",
            "w ResponseComplete",
            "c ResponseComplete",
            // Still under way where the chain ends.
            "x ResponseStarted",
            "lost RequestReceived",
        ];
        assert_eq!(hits, expected, "{each} in a batch");
        assert_eq!((answer.meant, answer.late, answer.early), (7, 0, 0));
    }
    let (hits, _) = told(&story(), 2, true, everything()).await;
    assert_eq!(hits.len(), story().len());
}

/// Who chooses another request's auditID takes nothing of it away.
#[tokio::test]
async fn a_chosen_audit_id_hides_no_other_request() {
    let text = [
        line("id", "ResponseStarted", "watch", "01:00", "01:00"),
        line("id", "ResponseComplete", "get", "01:01", "01:01"),
    ];
    let (hits, _) = told(&text, 1, false, everything()).await;
    assert_eq!(hits, ["id ResponseComplete", "id ResponseStarted"]);
}

/// The answer's code isn't known when a request is received, and that is no unknown event.
#[tokio::test]
async fn a_request_that_was_only_received_is_not_unknown() {
    let text = [
        line("a", "RequestReceived", "get", "01:00", "01:00"),
        line("a", "ResponseComplete", "get", "01:00", "01:01"),
    ];
    let (hits, answer) = told(&text, 1, false, Predicate::code("200").unwrap()).await;
    assert_eq!((hits.len(), answer.unknown.total()), (1, 0));
    let (hits, answer) = told(&text, 1, false, Predicate::code("404").unwrap()).await;
    assert_eq!((hits.len(), answer.unknown.total()), (0, 0));
}
