//! The readers beyond their bounds: what isn't shown is counted, and the verdict is the same.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use std::sync::Arc;

use auditseal_archive::{CatOptions, Piped, Report, Row, cat, ls, verify};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_store::Operation;
use auditseal_vectors::{Piece, events};
use common::{LOG, Sink, findings, memory, options, six, started};

/// Findings kept, as `finding.rs` has it.
const KEPT: usize = 10_000;
/// Names of strangers kept, as `listing.rs` has it.
const NAMES: usize = 100;
/// Hidden objects that `cat` names, as `cat/mod.rs` has it.
const NAMED: usize = 20;
/// Errors kept, as `report.rs` has it.
const ERRORS: usize = 20;

fn around(bound: usize) -> [usize; 4] {
    [bound - 1, bound, bound + 1, 10 * bound]
}

fn text_of(report: &Report) -> String {
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn every_finding_is_counted_and_decides_the_exit_code() {
    for count in around(KEPT) {
        // Where the chain needs an object.
        let mut archive = six().archive();
        let plain = six().key(3);
        archive.remove(&plain).unwrap();
        for n in 1..=count {
            archive.insert(plain.replace(".jsonl", &format!(".{n:016x}.jsonl")), vec![]);
        }
        let report = findings(&archive, &options(&six())).await;
        let origin = &report.origins[0];
        assert_eq!(report.exit_code(), 1, "{count} findings");
        assert_eq!(origin.findings_total, count as u64);
        assert_eq!(origin.findings.len(), count.min(KEPT));
        let text = text_of(&report);
        assert!(text.contains(&format!(" findings={count} ")), "{count} findings");
        let more = format!("… and {} more of these\n", count.saturating_sub(KEPT));
        assert_eq!(text.contains(&more), count > KEPT, "{count} findings");
    }
}

#[tokio::test]
async fn strangers_are_counted_beyond_those_that_are_named() {
    for count in around(NAMES) {
        let mut archive = six().archive();
        for n in 0..count {
            archive.insert(format!("readme-{n}.txt"), vec![]);
        }
        let report = findings(&archive, &options(&six())).await;
        assert_eq!(report.unexpected_total, count as u64);
        assert_eq!(report.unexpected.len(), count.min(NAMES));
        assert_eq!(report.exit_code(), 0, "names of others are information");
    }
}

/// What couldn't be read is no verdict, however much of it there is.
#[tokio::test(start_paused = true)]
async fn objects_without_an_answer_are_counted_beyond_those_that_are_told() {
    for count in around(ERRORS) {
        let mut chain = started();
        for n in 0..count as u64 {
            chain.batch(&[Piece::new(LOG, events(n..n + 1))]);
        }
        let store = memory(&chain.archive());
        let genesis = chain.key(0);
        store.fail_when(move |operation, key, _| {
            let read = matches!(operation, Operation::Get | Operation::Tail | Operation::Stream);
            let refused = Fault::Refuse(auditseal_store::Kind::Unavailable);
            (read && key != genesis).then_some(refused)
        });
        let report = verify(Arc::new(store), &options(&chain), |_| {}).await.unwrap();
        let origin = &report.origins[0];
        assert_eq!((origin.unchecked, report.exit_code()), (count as u64, 2), "{count} errors");
        assert_eq!(origin.errors.len(), count.min(ERRORS));
        assert_eq!(origin.complete_until, None);
    }
}

/// More versions of one key than a page of a listing holds, below and above the true one.
#[tokio::test]
async fn any_number_of_versions_of_a_key_leaves_one_true() {
    for count in around(1000) {
        let chain = six();
        let store = MemoryStore::versioned();
        store.set_time(i64::MAX / 2);
        for (key, bytes) in chain.archive() {
            store.insert(&key, bytes);
        }
        for n in 0..count {
            store.shadow(&chain.key(2), format!("not ours, {n}"));
        }
        let report = verify(Arc::new(store.clone()), &options(&chain), |_| {}).await.unwrap();
        let origin = &report.origins[0];
        assert_eq!((report.exit_code(), origin.seals), (1, 6), "{count} shadows");
        assert!(origin.findings.iter().all(|finding| finding.verdict.name() == "SHADOWED"));
        assert!(origin.findings_total > 0);
        let vkeys = Some(vec![chain.current_signer().identity()]);
        let told = CatOptions { vkeys, ..CatOptions::default() };
        let sink = Sink::default();
        cat(Arc::new(store), chain.origin(), &told, Piped::new(sink.clone()), |_| {})
            .await
            .unwrap();
        let whole = common::restored(&chain.archive(), &chain).await.unwrap();
        assert!(sink.bytes() == whole, "{count} shadows");
    }
}

/// Hidden objects are given back all the same; some are named, and all are counted.
#[tokio::test]
async fn hidden_objects_are_counted_beyond_those_that_are_named() {
    for count in around(NAMED) {
        let mut chain = started();
        for n in 0..count as u64 {
            chain.batch(&[Piece::new(LOG, events(n..n + 1))]);
        }
        let store = MemoryStore::versioned();
        store.set_time(i64::MAX / 2);
        for (key, bytes) in chain.archive() {
            store.insert(&key, bytes);
            if key != chain.key(0) {
                store.hide(&key);
            }
        }
        let vkeys = Some(vec![chain.current_signer().identity()]);
        let told = CatOptions { vkeys, ..CatOptions::default() };
        let sink = Sink::default();
        let done = cat(Arc::new(store), chain.origin(), &told, Piped::new(sink.clone()), |_| {})
            .await
            .unwrap();
        let whole = common::restored(&chain.archive(), &chain).await.unwrap();
        assert!(sink.bytes() == whole, "{count} hidden");
        let more = format!("{} more objects are hidden", count.saturating_sub(NAMED));
        let said = done.warnings.iter().any(|warning| warning.contains(&more));
        assert_eq!(said, count > NAMED, "{count} hidden: {:?}", done.warnings.last());
    }
}

/// As many objects as fill several pages of a listing.
#[tokio::test]
async fn every_object_of_many_is_verified_listed_and_given_back() {
    for count in [999, 1000, 1001, 3000] {
        let mut chain = started();
        let mut text = Vec::new();
        for n in 1..count {
            let line = format!("{{\"event\":{n}}}\n").into_bytes();
            chain.batch(&[Piece::new(LOG, line.clone())]);
            text.extend(line);
        }
        let archive = chain.archive();
        let report = findings(&archive, &options(&chain)).await;
        let origin = &report.origins[0];
        assert_eq!((report.exit_code(), origin.seals), (0, count as u64));
        let mut rows = 0;
        let store = Arc::new(memory(&archive));
        let each = |_: &Row| {
            rows += 1;
            Ok(())
        };
        ls(store, &[], |_| None, each).await.unwrap();
        assert_eq!(rows, count);
        assert!(common::restored(&archive, &chain).await.unwrap() == text, "{count} objects");
    }
}
