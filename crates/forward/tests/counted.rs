//! What a sink has, counted against the archive: what stands there is called so, however it was written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use auditseal_doubles::MemoryStore;
use auditseal_format::{Time, TimeField};
use auditseal_forward::{CheckOptions, Checked, check};
use auditseal_standin::{SinkManners, SinkServer};
use auditseal_vectors::{Chain, Piece, TestSigner};
use common::{followed, lines, once, options, place, real, sealed, store};

const ORIGIN: &str = "c/n/s";

async fn counted(
    store: &MemoryStore,
    chain: &Chain,
    sink: &str,
    (since, until): (Time, Time),
) -> Result<Checked, String> {
    let options = CheckOptions { chains: vec![followed(chain)], predicate: None, since, until };
    check(&place(store), &sink.parse().unwrap(), &options).await
}

/// What differs in a range of times.
async fn differing(
    store: &MemoryStore,
    chain: &Chain,
    sink: &str,
    range: (Time, Time),
) -> Vec<String> {
    let checked = counted(store, chain, sink, range).await.unwrap();
    assert!(checked.blocked.is_empty(), "{:?}", checked.blocked);
    checked.differences.iter().map(ToString::to_string).collect()
}

async fn handed_over(store: &MemoryStore, chain: &Chain, sinks: &[String], state: &Path) {
    let handed = once(store, options(&[chain], sinks, state)).await;
    assert!(handed.iter().all(|sink| sink.blocked.is_empty()), "{handed:?}");
}

const ALL: (Time, Time) = (Time::EPOCH, Time::MAX);

/// An event of a moment, with something in it.
fn event(at: i64, more: &str) -> String {
    let at = Time::from_micros(at);
    format!(
        "{{\"kind\":\"Event\",\"verb\":\"get\",\"requestReceivedTimestamp\":\"{at}\",\"stageTimestamp\":\"{at}\"{more}}}\n"
    )
}

/// Microseconds of an hour, and a moment.
const HOUR: i64 = 3_600_000_000;
const MOMENT: i64 = 1_790_000_000_000_000 / HOUR * HOUR;

#[tokio::test]
async fn another_index_that_begins_alike_is_not_counted() {
    let server = SinkServer::start(SinkManners::default()).unwrap();
    let (text, folder) = (real(), tempfile::tempdir().unwrap());
    let chain = sealed(ORIGIN, &lines(&text)[..300], 60);
    let all = store(&[&chain]);
    let sinks: Vec<String> = ["k8s", "k8s-audit", "k8s-2026"]
        .map(|prefix| format!("opensearch+{}/{prefix}", server.url()))
        .into();
    handed_over(&all, &chain, &sinks, folder.path()).await;
    for sink in &sinks {
        assert_eq!(differing(&all, &chain, sink, ALL).await, Vec::<String>::new(), "{sink}");
    }
    // One that is gone there is missed there, and not made up for by another's.
    let first = server
        .holdings()
        .documents
        .keys()
        .find(|(index, _)| index.starts_with("k8s-2026."))
        .cloned();
    server.holdings().documents.remove(&first.expect("an index"));
    let differences = differing(&all, &chain, &sinks[0], ALL).await;
    assert!(
        differences.len() == 1 && differences[0].contains("300 in the archive, 299 at the sink"),
        "{differences:?}"
    );
}

/// OpenSearch keeps milliseconds; a file keeps what was written.
#[tokio::test]
async fn ranges_to_the_microsecond_differ_nowhere() {
    let server = SinkServer::start(SinkManners::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..40).map(|n| event(MOMENT + n * 100, "")).collect();
    let chain = sealed(ORIGIN, &lines(text.as_bytes()), 60);
    let all = store(&[&chain]);
    let sinks = [
        format!("opensearch+{}/audit", server.url()),
        format!("file://{}/out", folder.path().display()),
    ];
    handed_over(&all, &chain, &sinks, &folder.path().join("state")).await;
    for sink in &sinks {
        for (since, until) in [(0, 4000), (1, 3999), (950, 2050), (1000, 2000), (1099, 1101)] {
            let range = (Time::from_micros(MOMENT + since), Time::from_micros(MOMENT + until));
            let differences = differing(&all, &chain, sink, range).await;
            assert_eq!(differences, Vec::<String>::new(), "{sink} from {since} until {until}");
        }
        let none = (Time::from_micros(MOMENT + 10_000), Time::MAX);
        assert_eq!(counted(&all, &chain, sink, none).await.unwrap().lines, 0, "{sink}");
    }
}

/// Fields that were left out may be those that say when.
#[tokio::test]
async fn copies_in_files_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let text = real();
    let mut raw: Vec<Vec<u8>> = lines(&text)[..200].iter().map(|line| line.to_vec()).collect();
    let long = format!(",\"requestObject\":\"{}\"", "x".repeat(20_000));
    for n in 0..4 {
        raw.push(event(MOMENT + n * HOUR, &long).into_bytes());
    }
    // Of these nobody knows when they happened, whatever they say of their copies.
    raw.push(b"no event\n".to_vec());
    raw.push(b"{\"@timestamp\":\"2001-01-01T00:00:00.000000Z\",\"auditseal\":{}}\n".to_vec());
    let raw: Vec<&[u8]> = raw.iter().map(Vec::as_slice).collect();
    let chain = sealed(ORIGIN, &raw, 60);
    let all = store(&[&chain]);
    let shapes = [
        "name=a",
        "fields=verb",
        "redact=requestReceivedTimestamp,stageTimestamp",
        "redact=requestObject",
        "max-event=5000",
        "fields=verb,stageTimestamp&max-event=4096",
    ];
    for (shape, nth) in shapes.iter().zip(0..) {
        let path = folder.path().join(format!("{nth}.jsonl"));
        let sink = format!("file://{}?{shape}", path.display());
        handed_over(
            &all,
            &chain,
            std::slice::from_ref(&sink),
            &folder.path().join(nth.to_string()),
        )
        .await;
        let later = (Time::from_micros(MOMENT + HOUR), Time::from_micros(MOMENT + 3 * HOUR));
        for range in [ALL, later] {
            assert_eq!(
                differing(&all, &chain, &sink, range).await,
                Vec::<String>::new(),
                "{shape}"
            );
        }
        assert_eq!(counted(&all, &chain, &sink, later).await.unwrap().hours, 2, "{shape}");
        // One of these hours' is lost, and another's is there twice.
        let written = fs::read_to_string(&path).unwrap();
        let mut kept: Vec<&str> = written.lines().collect();
        kept.remove(201);
        kept.push(kept[202]);
        fs::write(&path, kept.join("\n") + "\n").unwrap();
        let differences = differing(&all, &chain, &sink, ALL).await;
        assert!(
            differences.len() == 2
                && differences[0].ends_with("1 in the archive, 0 at the sink")
                && differences[1].ends_with("1 in the archive, 2 at the sink"),
            "{shape}: {differences:?}"
        );
    }
}

/// Whoever makes a request writes its body, and may write into it what a copy's citation looks like.
#[tokio::test]
async fn what_a_request_says_of_its_time_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let body = |time: &str| {
        format!(
            ",\"requestObject\":{{\"a\":{{}},\"@timestamp\":\"{time}\",\"auditseal\":{{\"x\":1}}}}"
        )
    };
    let (never, long_ago) = ("9999-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z");
    let mut text: String = (0..6).map(|n| event(MOMENT + n, "")).collect();
    for forged in [never, long_ago] {
        // Where it stands first, in the middle, and last.
        let last = event(MOMENT, &body(forged));
        text.push_str(&last);
        text.push_str(&last.replace("}}\n", "},\"annotations\":{\"a\":\"b\"}}\n"));
        text.push_str(&last.replace("{\"kind\"", &format!("{{{},\"kind\"", &body(forged)[1..])));
    }
    let chain = sealed(ORIGIN, &lines(text.as_bytes()), 60);
    let all = store(&[&chain]);
    for (shape, nth) in ["name=a", "max-event=5000", "redact=responseObject"].iter().zip(0..) {
        let path = folder.path().join(format!("{nth}.jsonl"));
        let sink = format!("file://{}?{shape}", path.display());
        let state = folder.path().join(nth.to_string());
        handed_over(&all, &chain, std::slice::from_ref(&sink), &state).await;
        let now = (Time::EPOCH, Time::from_micros(MOMENT + HOUR));
        let later = (Time::from_micros(MOMENT), Time::MAX);
        for range in [ALL, now, later] {
            assert_eq!(
                differing(&all, &chain, &sink, range).await,
                Vec::<String>::new(),
                "{shape}"
            );
        }
        let checked = counted(&all, &chain, &sink, now).await.unwrap();
        assert_eq!((checked.lines, checked.hours), (12, 1), "{shape}");
        // What is gone from the file is missed there, whatever it said.
        let written = fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = written.lines().take(6).collect();
        fs::write(&path, kept.join("\n") + "\n").unwrap();
        let differences = differing(&all, &chain, &sink, now).await;
        assert!(
            differences.len() == 1 && differences[0].ends_with("12 in the archive, 6 at the sink"),
            "{shape}: {differences:?}"
        );
    }
}

/// A file doesn't tell when it got a line that says nothing of when it happened.
#[tokio::test]
async fn lines_without_a_time_are_neither_missed_nor_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(ORIGIN, TestSigner::of(ORIGIN, 1));
    chain.genesis();
    for n in 0..4 {
        let events = format!("none {n}\n{}", event(MOMENT, ""));
        chain.wait(3600).batch(&[Piece::new("audit.log", events.into_bytes())]);
    }
    let all = store(&[&chain]);
    let path = folder.path().join("out");
    let sink = format!("file://{}", path.display());
    handed_over(&all, &chain, std::slice::from_ref(&sink), &folder.path().join("state")).await;
    let middle = Time::from_micros(chain.now().micros() - 2 * HOUR + 1);
    for range in [ALL, (middle, Time::MAX), (Time::EPOCH, middle), (middle, middle)] {
        assert_eq!(differing(&all, &chain, &sink, range).await, Vec::<String>::new(), "{range:?}");
    }
    let kept = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = kept.lines().filter(|line| !line.starts_with("none")).collect();
    fs::write(&path, kept.join("\n") + "\n").unwrap();
    for (range, there) in [(ALL, 4), ((middle, Time::MAX), 2), ((Time::EPOCH, middle), 2)] {
        let expected = format!("all chains without a time: {there} in the archive, 0 at the sink");
        assert_eq!(differing(&all, &chain, &sink, range).await, [expected], "{range:?}");
    }
}

/// In a file nothing says by which field its lines tell their times.
#[tokio::test]
async fn lines_that_tell_their_time_by_another_field_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(ORIGIN, TestSigner::of(ORIGIN, 1));
    chain.times("json:time".parse::<TimeField>().unwrap()).genesis();
    let text: String = (0..9)
        .map(|n| format!("{{\"time\":\"{}\"}}\n", Time::from_micros(MOMENT + n * HOUR)))
        .collect();
    chain.batch(&[Piece::new("flows.log", text.into_bytes())]);
    let all = store(&[&chain]);
    let sink = format!("file://{}/out", folder.path().display());
    handed_over(&all, &chain, std::slice::from_ref(&sink), &folder.path().join("state")).await;
    let later = (Time::from_micros(MOMENT + 4 * HOUR), Time::MAX);
    for range in [ALL, later] {
        assert_eq!(differing(&all, &chain, &sink, range).await, Vec::<String>::new(), "{range:?}");
    }
}

/// More hours than an answer has.
#[tokio::test]
async fn as_many_hours_as_there_are_are_counted() {
    let server =
        SinkServer::start(SinkManners { no_refresh: true, ..SinkManners::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..2500).map(|n| event(MOMENT - n * HOUR, "")).collect();
    let chain = sealed(ORIGIN, &lines(text.as_bytes()), 1000);
    let all = store(&[&chain]);
    let sink = format!("opensearch+{}/audit", server.url());
    handed_over(&all, &chain, std::slice::from_ref(&sink), folder.path()).await;
    let checked = counted(&all, &chain, &sink, ALL).await.unwrap();
    assert_eq!((checked.hours, checked.differences), (2500, Vec::new()));
    // Where shards give no answer, what is counted is no count.
    server.holdings().manners.shards_failed = 1;
    let failed = counted(&all, &chain, &sink, ALL).await.unwrap_err();
    assert!(failed.contains("a part"), "{failed}");
}
