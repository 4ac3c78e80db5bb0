//! Stores that lie, fail, or are full of what isn't ours.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auditseal_archive::{Judgement as _, Options, Report, verify};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_reader::Error;
use auditseal_store::{
    Error as StoreError, Fetched, Kind, Lock, ObjectInfo, Operation, Pieces, Store, Stored, Version,
};
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use bytes::Bytes;
use common::{chain, findings, memory, noise, options, six, verdicts};
use futures::StreamExt as _;
use futures::stream::BoxStream;

/// A store whose listing says whatever it likes of sizes, names things twice and in any order.
#[derive(Debug)]
struct Liar {
    inside: MemoryStore,
    size: fn(u64) -> u64,
}

#[async_trait]
impl Store for Liar {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, StoreError> {
        self.inside.put_new(key, bytes).await
    }

    async fn get(
        &self,
        key: &str,
        version: Option<&str>,
        limit: u64,
    ) -> Result<Fetched, StoreError> {
        self.inside.get(key, version, limit).await
    }

    async fn tail(
        &self,
        key: &str,
        version: Option<&str>,
        length: u64,
    ) -> Result<Fetched, StoreError> {
        let mut fetched = self.inside.tail(key, version, length).await?;
        fetched.info.size = (self.size)(fetched.info.size);
        Ok(fetched)
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), StoreError> {
        self.inside.stream(key, version).await
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, StoreError>> {
        let size = self.size;
        let lie = move |info: Result<Version, StoreError>| {
            info.map(|info| Version { size: size(info.size), ..info })
        };
        // Twice each; the second time round from another end.
        let once = self.inside.versions(prefix).map(lie);
        once.chain(self.inside.versions(prefix).skip(1)).boxed()
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, StoreError> {
        self.inside.lock(key, version).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, StoreError>> {
        self.inside.list(prefix)
    }
}

async fn check(store: impl Store + 'static, options: &Options) -> Report {
    verify(Arc::new(store), options, |_| {}).await.unwrap()
}

#[tokio::test]
async fn sizes_in_a_listing_are_hints() {
    let mut chain = six();
    chain.batch(&[Piece::new("new", [noise(5 << 20, 2), b"\n".to_vec()].concat())]);
    let lies: [fn(u64) -> u64; 5] =
        [|_| 0, |_| u64::MAX, |size| size + 1, |size| size / 2, |_| 1 << 50];
    for size in lies {
        let report = check(Liar { inside: memory(&chain.archive()), size }, &options(&chain)).await;
        assert_eq!(verdicts(&report.origins[0].findings), []);
        assert_eq!(report.exit_code(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_exit_2_and_findings_win() {
    let chain = six();
    let key = chain.key(2);
    for operation in [Operation::Get, Operation::Tail] {
        for kind in [Kind::Denied, Kind::Unavailable, Kind::Timeout, Kind::NoBucket, Kind::Other] {
            let store = memory(&chain.archive());
            let (target, large) = (key.clone(), operation == Operation::Tail);
            store.fail_when(move |asked, key, _| {
                (asked == operation && key == target).then_some(Fault::Refuse(kind))
            });
            let mut options = options(&chain);
            let size: fn(u64) -> u64 = if large { |_| u64::MAX } else { |size| size };
            let report = check(Liar { inside: store.clone(), size }, &options).await;
            let origin = &report.origins[0];
            assert_eq!(verdicts(&origin.findings), [], "{operation:?} {kind:?}");
            assert_eq!((origin.unchecked, report.exit_code()), (1, 2), "{operation:?} {kind:?}");
            assert_eq!((origin.complete_until, origin.errors.len()), (None, 1));
            // What is certain all the same is exit 1.
            options.now = options.now.saturating_add(7_200_000_000);
            let report = check(Liar { inside: store, size }, &options).await;
            assert_eq!(verdicts(&report.origins[0].findings), [("SILENT", Some(5))]);
            assert_eq!((report.origins[0].unchecked, report.exit_code()), (1, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_is_asked_again() {
    let mut chain = six();
    chain.batch(&[Piece::new("new", [noise(5 << 20, 2), b"\n".to_vec()].concat())]);
    let store = memory(&chain.archive());
    store.fail(Operation::Versions, 1, Fault::StoreThenFail(Kind::Unavailable));
    store.fail(Operation::Get, 2, Fault::Refuse(Kind::Timeout));
    store.fail(Operation::Get, 3, Fault::StoreThenFail(Kind::Other));
    store.fail(Operation::Tail, 1, Fault::Refuse(Kind::Unavailable));
    store.fail(Operation::Stream, 1, Fault::StoreThenFail(Kind::Timeout));
    store.fail(Operation::Stream, 2, Fault::Refuse(Kind::Unavailable));
    let report = check(store.clone(), &options(&chain)).await;
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.origins[0].seals, 7, "a listing that is begun anew counts once");
    assert_eq!(store.calls(Operation::Stream), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_leaves_a_true_note_unchecked() {
    let mut chain = six();
    chain.batch(&[Piece::new("new", [noise(5 << 20, 2), b"\n".to_vec()].concat())]);
    let store = memory(&chain.archive());
    store.fail_when(|operation, _, _| {
        (operation == Operation::Stream).then_some(Fault::StoreThenFail(Kind::Timeout))
    });
    let report = check(store, &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!((origin.unchecked, origin.findings_total, report.exit_code()), (1, 0, 2));
    assert_eq!(origin.head.map(|head| head.seq), Some(6));
}

#[tokio::test(start_paused = true)]
async fn a_failed_listing_is_never_an_empty_one() {
    for fault in
        [Fault::Refuse(Kind::Denied), Fault::StoreThenFail(Kind::Unavailable), Fault::HtmlPage]
    {
        let store = memory(&six().archive());
        store.fail_when(move |operation, _, _| (operation == Operation::Versions).then_some(fault));
        let error = verify(Arc::new(store), &options(&six()), |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Store(_)), "{error}");
    }
}

#[tokio::test]
async fn an_empty_store_has_nothing_to_verify() {
    let chain = six();
    let report = check(MemoryStore::new(), &options(&chain)).await;
    assert_eq!((report.exit_code(), report.origins.len()), (2, 0));
    let asked = Options { origins: vec![chain.origin().clone()], ..options(&chain) };
    let report = check(MemoryStore::new(), &asked).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("MISSING", None)]);
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn without_keys_or_with_a_head_for_many_nothing_is_checked() {
    let chain = six();
    let store = Arc::new(memory(&chain.archive()));
    let none = Options { vkeys: vec![], ..options(&chain) };
    let error = verify(store.clone(), &none, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::NoKeys) && error.hint().is_some());
    let head = auditseal_format::SealId { seq: 5, hash: chain.head().hash };
    let mut options = Options { head: Some(head), ..options(&chain) };
    assert_eq!(verify(store.clone(), &options, |_| {}).await.unwrap().exit_code(), 0);
    options.origins = vec![chain.origin().clone(), "c/m/s".parse().unwrap()];
    let error = verify(store.clone(), &options, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::NoKeyFor(..)) && error.hint().is_some(), "{error}");
    options.vkeys.push(TestSigner::named("c/m", 1).identity());
    let error = verify(store, &options, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::HeadOfMany(2)), "{error}");
}

#[tokio::test]
async fn an_object_that_is_gone_when_it_is_read_is_missing() {
    let chain = six();
    let store = memory(&chain.archive());
    let key = chain.key(4);
    store.fail_when(move |operation, asked, _| {
        (operation == Operation::Get && asked == key).then_some(Fault::Refuse(Kind::NotFound))
    });
    let report = check(store, &options(&chain)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("MISSING", Some(4))]);
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_key_at_the_end_of_the_numbers_costs_nothing() {
    let chain = six();
    let mut archive = chain.archive();
    let far = |seq: u64, name: &str| {
        format!("cluster=c/node=n/source=s/date=9999-12-31/{seq:012}{name}.jsonl.zst")
    };
    archive.insert(far(999_999_999_999, ""), b"garbage".to_vec());
    archive.insert(far(500_000_000_000, ".ffffffffffffffff"), chain.get(1).bytes.clone());
    let began = Instant::now();
    let report = findings(&archive, &options(&chain)).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(report.exit_code(), 0, "the chain needs neither");
    let found = &report.origins[0].information;
    assert_eq!(
        verdicts(found),
        [
            ("UNEXPECTED_OBJECT", Some(500_000_000_000)),
            ("UNEXPECTED_OBJECT", Some(999_999_999_999)),
        ]
    );
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    assert!(text.len() < 4000);
    // One digit more, and it is no key of ours.
    archive.insert(far(1_000_000_000_000, ""), b"garbage".to_vec());
    let report = findings(&archive, &options(&chain)).await;
    assert_eq!(verdicts(&report.unexpected), [("UNEXPECTED_OBJECT", None)]);
}

/// A note may name any seq too.
#[tokio::test]
async fn a_note_that_names_the_last_seq_costs_nothing() {
    let chain = six();
    let mut forger = chain.clone();
    forger.edit(|seal| seal.seq = 999_999_999_999);
    forger.heartbeat();
    let mut archive = chain.archive();
    archive.insert(chain.next_key().to_string(), forger.head().bytes.clone());
    let report = findings(&archive, &options(&chain)).await;
    let found = verdicts(&report.origins[0].findings);
    assert_eq!(found, [("REORDERED", Some(6)), ("MISSING", Some(7))]);
    assert_eq!(report.origins[0].findings[1].through, Some(999_999_999_999));
}

/// A squatter signs with its own key and names what it likes: the chain is complete beside it.
#[tokio::test]
async fn a_squatting_note_of_somebody_else_names_nothing() {
    let mut squatter = chain("c/n/s", 9);
    squatter.edit(|seal| seal.seq = 999_999_999_999);
    let object = squatter.heartbeat().bytes.clone();
    let mut chain = six();
    chain.squat(&object).heartbeat();
    let report = findings(&chain.archive(), &options(&chain)).await;
    assert_eq!(report.exit_code(), 0);
    let information = verdicts(&report.origins[0].information);
    assert_eq!(information, [("UNEXPECTED_OBJECT", Some(6))]);
}

#[tokio::test]
async fn thousands_of_objects_at_one_seq() {
    let chain = six();
    let mut archive = chain.archive();
    let stranger = common::chain("c/n/s", 9);
    for n in 0..1500_u64 {
        let key = |dir: &str, n: u64| {
            format!("cluster=c/node=n/source=s/date={dir}/000000000002.{n:016x}.jsonl.zst")
        };
        archive.insert(key("2026-11-21", n + 1), b"garbage".to_vec());
        archive.insert(key("2026-11-22", n + 1), stranger.get(2).bytes.clone());
    }
    let report = findings(&archive, &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!((origin.information_total, report.exit_code()), (3000, 0));
    assert!(origin.information.iter().all(|finding| finding.seq == Some(2)));
    assert_eq!(origin.seals, 6, "and the chain goes on through it");
}

#[tokio::test]
async fn more_findings_than_anybody_reads_are_counted() {
    let mut archive = six().archive();
    for n in 1..=12_000 {
        let key =
            format!("cluster=c/node=n/source=s/date=2026-11-21/000000000006.{n:016x}.jsonl.zst");
        archive.insert(key, vec![]);
    }
    // The chain is known to go on, so that all of it stands where it needs something else.
    let mut longer = six();
    longer.heartbeat();
    let mut options = options(&longer);
    let report = findings(&archive, &options).await;
    let origin = &report.origins[0];
    assert_eq!((origin.information.len(), origin.information_total), (10_000, 12_000));
    assert_eq!(report.exit_code(), 0);
    options.head = Some(auditseal_format::SealId { seq: 6, hash: longer.head().hash });
    let report = findings(&archive, &options).await;
    let origin = &report.origins[0];
    // The truncation comes behind the first ten thousand, and is told all the same.
    assert_eq!((origin.findings.len(), origin.findings_total), (10_001, 12_001));
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("… and 2000 more of these\n"));
    assert!(text.contains(" findings=12001 "));
}

#[tokio::test]
async fn names_that_are_not_ours_are_information_and_harmless_to_print() {
    let chain = six();
    let mut archive = chain.archive();
    let names = [
        "README.md",
        "cluster=c/node=n/source=s/date=2026-11-21/1.jsonl.zst",
        "cluster=c/node=n/source=s/date=2026-02-30/000000000001.jsonl.zst",
        "cluster=c/node=n/source=s/date=2026-11-21/000000000001.e0.jsonl.zst",
        "cluster=c/node=n/source=s/date=2026-11-21/+00000000001.jsonl.zst",
        "cluster=c/node=n/source=s/date=2026-11-21/000000000001.jsonl.zst/x",
        "evil\u{1b}]0;title\u{7}\u{202e}\nCOMPLETE until=2099",
    ];
    for name in names {
        archive.insert(name.to_owned(), b"x".to_vec());
    }
    for n in 0..200 {
        archive.insert(format!("stuff/{n}"), vec![]);
    }
    let report = findings(&archive, &options(&chain)).await;
    assert_eq!(report.exit_code(), 0);
    assert_eq!((report.unexpected.len(), report.unexpected_total), (100, 207));
    let (mut text, mut json) = (Vec::new(), Vec::new());
    report.text(&mut text).unwrap();
    report.json(&mut json).unwrap();
    for bytes in [text, json] {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
        assert!(!text.contains("\nCOMPLETE until=2099"));
    }
}

/// A stream that never ends must not be read for ever.
#[derive(Debug)]
struct Endless(MemoryStore);

#[async_trait]
impl Store for Endless {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, StoreError> {
        self.0.put_new(key, bytes).await
    }

    async fn get(
        &self,
        key: &str,
        version: Option<&str>,
        limit: u64,
    ) -> Result<Fetched, StoreError> {
        self.0.get(key, version, limit).await
    }

    async fn tail(
        &self,
        key: &str,
        version: Option<&str>,
        length: u64,
    ) -> Result<Fetched, StoreError> {
        self.0.tail(key, version, length).await
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), StoreError> {
        let (info, stream) = self.0.stream(key, version).await?;
        let more = futures::stream::repeat_with(|| Ok(Bytes::from_static(&[0; 65_536])));
        Ok((info, stream.chain(more).boxed()))
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, StoreError>> {
        self.0.versions(prefix)
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, StoreError> {
        self.0.lock(key, version).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}

#[tokio::test]
async fn a_stream_without_an_end_is_cut_off() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", [noise(5 << 20, 2), b"\n".to_vec()].concat())]);
    let report = check(Endless(memory(&chain.archive())), &options(&chain)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("TAMPERED", Some(1))]);
}

#[tokio::test]
async fn a_store_that_lists_beside_the_prefix_does_not_confuse() {
    #[derive(Debug)]
    struct Everything(MemoryStore);
    #[async_trait]
    impl Store for Everything {
        async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, StoreError> {
            self.0.put_new(key, bytes).await
        }
        async fn get(
            &self,
            key: &str,
            version: Option<&str>,
            limit: u64,
        ) -> Result<Fetched, StoreError> {
            self.0.get(key, version, limit).await
        }
        async fn tail(
            &self,
            key: &str,
            version: Option<&str>,
            length: u64,
        ) -> Result<Fetched, StoreError> {
            self.0.tail(key, version, length).await
        }
        async fn stream(
            &self,
            key: &str,
            version: Option<&str>,
        ) -> Result<(ObjectInfo, Pieces), StoreError> {
            self.0.stream(key, version).await
        }
        fn versions(&self, _: &str) -> BoxStream<'static, Result<Version, StoreError>> {
            self.0.versions("")
        }

        async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, StoreError> {
            self.0.lock(key, version).await
        }

        fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, StoreError>> {
            self.0.list(prefix)
        }
    }
    let (one, other) = (six(), chain("c/m/s", 1));
    let mut archive = one.archive();
    archive.extend(other.archive());
    archive.insert(one.next_key().to_string().replace("node=n", "node=x"), b"x".to_vec());
    let asked = Options { origins: vec![one.origin().clone()], ..options(&one) };
    let report = check(Everything(memory(&archive)), &asked).await;
    assert_eq!((report.origins.len(), report.exit_code()), (1, 0));
    assert_eq!(report.origins[0].lines, one.restored().len() as u64 / events(0..1).len() as u64);
}

/// With a fresh key for each note, what is read ahead is read before its key is known.
#[tokio::test]
async fn of_fresh_keys_every_payload_is_decompressed_once() {
    let mut chain = Chain::new("c/n/s", TestSigner::ratchet(3));
    chain.genesis();
    for n in 0..40 {
        chain.batch(&[Piece::new("audit.log", events(n..n + 1))]);
    }
    for concurrency in [1, 16, 64] {
        let options = Options { concurrency, ..options(&chain) };
        let report = findings(&chain.archive(), &options).await;
        let origin = &report.origins[0];
        assert_eq!((report.exit_code(), origin.seals), (0, 41));
        assert_eq!(origin.decompressed, 41, "{concurrency} at a time");
        let stored_only = Options { stored_only: true, ..options };
        let report = findings(&chain.archive(), &stored_only).await;
        assert_eq!(report.origins[0].decompressed, 0);
    }
}

/// A newer version by another key is no part of the chain, and whoever names no version gets it.
#[tokio::test]
async fn another_keys_genesis_over_ours_shadows_it() {
    let (chain, other) = (six(), chain("c/n/s", 66));
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    for (key, bytes) in chain.archive() {
        store.insert(&key, bytes);
    }
    store.shadow(&chain.key(0), other.get(0).bytes.clone());
    let report = check(store, &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!(verdicts(&origin.findings), [("SHADOWED", Some(0))]);
    assert_eq!(verdicts(&origin.information), [("FOREIGN_CHAIN", Some(0))]);
}

/// However much garbage there is beside it, it is told.
#[tokio::test]
async fn another_keys_chain_is_told_beside_any_number_of_strangers() {
    let (chain, other) = (six(), chain("c/n/s", 66));
    let mut archive = chain.archive();
    for n in 0..12_000 {
        archive.insert(chain.key(0).replace(".jsonl", &format!(".{n:016x}.jsonl")), vec![]);
    }
    let last = chain.key(0).replace(".jsonl", ".ffffffffffffffff.jsonl");
    archive.insert(last, other.get(0).bytes.clone());
    let report = findings(&archive, &options(&chain)).await;
    let origin = &report.origins[0];
    assert_eq!((report.exit_code(), origin.information_total), (0, 12_001));
    assert_eq!(origin.information[0].verdict.name(), "FOREIGN_CHAIN");
}
