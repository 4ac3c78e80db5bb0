//! Notes that say something else of their lines' times than is so: who notices, and what is given all
//! the same.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{CatError, CatOptions, Piped, Restored, cat, inspect};
use auditseal_chain::Verdict;
use auditseal_format::Time;
use auditseal_reader::{Error, Window};
use auditseal_trust::{TrustFile, TrustedOrigin};
use auditseal_vectors::{Archive, Chain, Piece, event, events, head_text};
use common::{LOG, Sink, findings, options, started, store_of, verdicts};

/// Genesis, three batches and a heartbeat; the note of the second batch says that its lines, 10 to 12
/// and one without a time, happened when those of the third did.
fn lying() -> Chain {
    let mut chain = started();
    chain.batch(&[Piece::new(LOG, events(0..3))]);
    chain.batch(&[Piece::new(LOG, [events(10..13), b"klog\n".to_vec()].concat())]);
    let (first, last) = (time_of(20), time_of(22));
    chain.rewrite(|text| said(text, 0, first, last));
    chain.batch(&[Piece::new(LOG, events(20..23))]);
    chain.heartbeat();
    chain
}

fn said(text: &str, untimed: u64, first: Time, last: Time) -> String {
    let (before, rest) = text.split_once("\nuntimed ").unwrap();
    let (_, after) = rest.split_once("\nindex ").unwrap();
    format!("{before}\nuntimed {untimed}\nfirst {first}\nlast {last}\nindex {after}")
}

fn time_of(n: u64) -> Time {
    auditseal_audit::scan(event(n).as_bytes()).time.unwrap()
}

fn window(chain: &Chain, from: u64, to: u64) -> CatOptions {
    let vkeys = Some(vec![chain.current_signer().identity()]);
    let window = Window { since: Some(time_of(from)), until: Some(time_of(to)) };
    CatOptions { vkeys, window, ..CatOptions::default() }
}

async fn cat_of(
    archive: &Archive,
    chain: &Chain,
    options: &CatOptions,
) -> (Result<Restored, CatError>, Vec<u8>) {
    let sink = Sink::default();
    let out = Piped::new(sink.clone());
    let done = cat(store_of(archive), chain.origin(), options, out, |_| {}).await;
    (done, sink.bytes())
}

#[track_caller]
fn is_wrong_times(done: Result<Restored, CatError>) -> CatError {
    let error = done.unwrap_err();
    let Error::Found(finding) = &error.error else { panic!("{error}") };
    assert_eq!((finding.verdict, finding.seq), (Verdict::WrongTimes, Some(2)));
    assert!(finding.detail.contains("its note says"), "{finding}");
    error
}

#[tokio::test]
async fn verify_says_it_once_and_counts_the_lines() {
    let chain = lying();
    let report = findings(&chain.archive(), &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!(verdicts(&origin.findings), [("WRONG_TIMES", Some(2))]);
    assert_eq!((origin.lines, origin.complete_until), (10, None));
    // Its bytes at another key are no second finding, and other bytes beside it no first.
    let mut archive = chain.archive();
    let other = chain.key(2).replace(".jsonl", ".0123456789abcdef.jsonl");
    archive.insert(other, chain.get(2).bytes.clone());
    archive.insert(chain.key(2).replace(".jsonl", ".00000000000000aa.jsonl"), b"garbage".to_vec());
    let report = findings(&archive, &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!(verdicts(&origin.findings), [("WRONG_TIMES", Some(2))]);
    let beside = verdicts(&origin.information);
    assert!(!beside.is_empty() && beside.iter().all(|(name, _)| *name == "UNEXPECTED_OBJECT"));
    // Who looks at stored bytes alone can't know.
    let stored = auditseal_archive::Options { stored_only: true, ..options(&chain) };
    let report = findings(&chain.archive(), &stored).await;
    assert_eq!(verdicts(&report.origins[0].findings), []);
}

#[tokio::test]
async fn cat_stops_where_it_chooses_by_such_times() {
    let chain = lying();
    let archive = chain.archive();
    // Who asks for all lines doesn't ask when they happened: these are the signed ones.
    let all = CatOptions { window: Window::default(), ..window(&chain, 0, 0) };
    let (done, bytes) = cat_of(&archive, &chain, &all).await;
    assert_eq!(done.unwrap().bytes, bytes.len() as u64);
    assert!(bytes == chain.restored());
    let (done, bytes) = cat_of(&archive, &chain, &window(&chain, 21, 30)).await;
    is_wrong_times(done);
    assert!(bytes.is_empty(), "nothing of a batch is written that its lines are chosen from");
    // By the note all of the batch is inside.
    let (done, bytes) = cat_of(&archive, &chain, &window(&chain, 20, 22)).await;
    assert_eq!(is_wrong_times(done).written, bytes.len() as u64);
    // The note passes the batch over: `verify` is who notices.
    let (done, bytes) = cat_of(&archive, &chain, &window(&chain, 1, 11)).await;
    done.unwrap();
    assert!(bytes == events(1..3));
}

#[tokio::test]
async fn a_salvage_passes_over_no_line() {
    let chain = lying();
    let archive = chain.archive();
    let klog = b"klog\n".to_vec();
    let all = [events(0..3), events(10..13), klog.clone(), events(20..23)].concat();
    for (range, expected) in [
        (None, all),
        (Some((1, 11)), [events(1..3), events(10..12), klog.clone()].concat()),
        (Some((20, 22)), [klog.clone(), events(20..23)].concat()),
        (Some((12, 21)), [events(12..13), klog.clone(), events(20..22)].concat()),
    ] {
        let mut options = window(&chain, 0, 0);
        let (since, until) = (range.map(|(from, _)| from), range.map(|(_, to)| to));
        options.window = Window { since: since.map(time_of), until: until.map(time_of) };
        options.salvage = true;
        let (done, bytes) = cat_of(&archive, &chain, &options).await;
        let done = done.unwrap();
        assert!(bytes == expected, "{range:?}: {}", String::from_utf8_lossy(&bytes));
        assert_eq!(done.unproved_total, 1, "{:?}", done.unproved);
        assert!(done.unproved[0].starts_with("WRONG_TIMES origin=c/n/s seq=2"), "{done:?}");
    }
}

/// A trust file's word on a chain: this verdict of seq 2 is accepted.
fn accepting(chain: &Chain, verdict: &str) -> TrustedOrigin {
    let (key, seal) = (chain.current_signer().identity(), head_text(chain.get(2)));
    let text = format!(
        "auditseal/trust/v1\norigin {origin} static {key}\n  begin 0\n  silent-after 10m\n  accept {verdict} {seal} \"x\"\n",
        origin = chain.origin(),
    );
    TrustFile::parse(&text).unwrap().get(chain.origin()).unwrap().clone()
}

#[tokio::test]
async fn a_batch_whose_times_are_known_to_be_wrong_is_in_every_search() {
    let chain = lying();
    let archive = chain.archive();
    let klog = b"klog\n".to_vec();
    for (range, expected) in [
        (None, [events(0..3), events(10..13), klog.clone(), events(20..23)].concat()),
        (Some((1, 11)), [events(1..3), events(10..12), klog.clone()].concat()),
        (Some((20, 22)), [klog.clone(), events(20..23)].concat()),
    ] {
        let (since, until) = (range.map(|(from, _)| from), range.map(|(_, to)| to));
        let window = Window { since: since.map(time_of), until: until.map(time_of) };
        let trusted = Some(accepting(&chain, "WRONG_TIMES"));
        let options = CatOptions { window, trusted, ..CatOptions::default() };
        let (done, bytes) = cat_of(&archive, &chain, &options).await;
        done.unwrap();
        assert!(bytes == expected, "{range:?}: {}", String::from_utf8_lossy(&bytes));
        // Who accepted something else of the seal didn't accept that; without a window it isn't asked.
        let trusted = Some(accepting(&chain, "TIME_INCONSISTENT"));
        let (done, bytes) = cat_of(&archive, &chain, &CatOptions { trusted, ..options }).await;
        let refused = done.is_err() || bytes != expected;
        assert_eq!(refused, range.is_some(), "{range:?}");
    }
}

#[tokio::test]
async fn inspect_says_that_the_bytes_hold_and_the_times_do_not() {
    let chain = lying();
    let shown = inspect(store_of(&chain.archive()), &chain.key(2)).await.unwrap();
    let checks: Vec<_> = shown.checks.iter().map(|check| (check.name, check.holds)).collect();
    let expected =
        ["seal", "signature", "place", "bytes", "times"].map(|name| (name, name != "times"));
    assert_eq!(checks, expected);
    assert!(shown.checks[4].detail.starts_with("WRONG_TIMES: 1 of its lines"), "{shown:?}");
    let fact =
        |name: &str| shown.facts.iter().find(|fact| fact.name == name).unwrap().value.clone();
    assert_eq!((fact("times"), fact("untimed")), ("audit".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn a_batch_with_an_untimed_line_is_in_every_window() {
    let mut chain = started();
    let lines = [events(0..2), b"klog\n".to_vec(), events(2..3)].concat();
    chain.batch(&[Piece::new(LOG, lines)]);
    chain.batch(&[Piece::new(LOG, events(10..12))]);
    let store = Arc::new(chain.archive());
    for (from, to, expected) in [
        (500, 600, b"klog\n".to_vec()),
        (1, 1, [events(1..2), b"klog\n".to_vec()].concat()),
        (11, 20, [b"klog\n".to_vec(), events(11..12)].concat()),
    ] {
        let (done, bytes) = cat_of(&store, &chain, &window(&chain, from, to)).await;
        done.unwrap();
        assert!(bytes == expected, "{from} to {to}: {}", String::from_utf8_lossy(&bytes));
    }
}
