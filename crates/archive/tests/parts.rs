//! A part of a chain, read from a note that is known; keys that a listing left out; what a salvage gives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use auditseal_archive::{CatOptions, Options, Piped, Report, Restored, cat, verify};
use auditseal_chain::{Begin, Extent};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::ObjectSeal;
use auditseal_format::SealId;
use auditseal_store::{
    Error, Fetched, Kind, Lock, ObjectInfo, Operation, Pieces, Store, Stored, Version,
};
use auditseal_vectors::{Archive, Chain, Piece, TestSigner, events};
use bytes::Bytes;
use common::{LOG, Sink, findings, memory, options, six, store_of, verdicts};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, future::ready};

fn note(chain: &Chain, seq: usize) -> ObjectSeal {
    ObjectSeal::read(&chain.get(seq).bytes).unwrap()
}

fn place(chain: &Chain, seq: usize) -> SealId {
    SealId { seq: seq as u64, hash: note(chain, seq).hash }
}

fn from(chain: &Chain, seq: usize) -> Extent {
    Extent { from: Begin::Known(place(chain, seq)), to: None }
}

fn part(chain: &Chain, extent: Extent) -> Options {
    Options { extent: Some(extent), origins: vec![chain.origin().clone()], ..options(chain) }
}

fn text_of(report: &Report) -> String {
    let mut text = Vec::new();
    report.text(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

async fn given(store: Arc<dyn Store>, chain: &Chain, options: CatOptions) -> (Vec<u8>, Restored) {
    let vkeys = Some(vec![chain.current_signer().identity()]);
    let (sink, options) = (Sink::default(), CatOptions { vkeys, ..options });
    let out = Piped::new(sink.clone());
    let restored = cat(store, chain.origin(), &options, out, |_| {}).await.unwrap();
    (sink.bytes(), restored)
}

/// The chain of [`six`] without its first objects.
fn without_first(chain: &Chain, count: usize) -> Archive {
    let mut archive = chain.archive();
    for seq in 0..count {
        archive.remove(&chain.key(seq)).unwrap();
    }
    archive
}

#[tokio::test]
async fn each_part_from_a_known_note_is_complete_without_what_lies_before() {
    let chain = six();
    for seq in 1..6 {
        let archive = without_first(&chain, seq);
        let whole = findings(&archive, &options(&chain)).await;
        assert_eq!((whole.exit_code(), verdicts(&whole.origins[0].findings)[0].0), (1, "MISSING"));
        let report = findings(&archive, &part(&chain, from(&chain, seq))).await;
        assert_eq!(report.exit_code(), 0, "{seq}: {}", text_of(&report));
        let text = text_of(&report);
        let begun = format!("COMPLETE from={} until=", note(&chain, seq).seal.sealed);
        assert!(text.contains(&begun), "{text}");
        assert!(text.contains(&format!("note: only from seq {seq} on: ")), "{text}");
        assert_eq!(report.origins[0].seals, 6 - seq as u64);
    }
    // Lines 3 to 10 are behind seq 2, itself included.
    let options = CatOptions { extent: Some(from(&chain, 2)), ..CatOptions::default() };
    let (bytes, _) = given(store_of(&without_first(&chain, 2)), &chain, options).await;
    assert_eq!(bytes, events(3..11));
}

#[tokio::test]
async fn nothing_before_the_part_is_fetched() {
    let chain = six();
    let store = memory(&chain.archive());
    let before: BTreeSet<_> = (0..3).map(|seq| chain.key(seq)).collect();
    store.fail_when(move |operation, key, _| {
        let read = matches!(operation, Operation::Get | Operation::Tail | Operation::Stream);
        assert!(!(read && before.contains(key)), "{key} was fetched");
        None
    });
    let report = verify(Arc::new(store), &part(&chain, from(&chain, 3)), |_| {}).await.unwrap();
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn another_note_at_the_place_is_a_fork_and_an_absent_one_is_missing() {
    let chain = six();
    let other = Extent { from: Begin::Known(SealId { seq: 2, ..place(&chain, 3) }), to: None };
    let report = findings(&chain.archive(), &part(&chain, other)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("FORK", Some(2))]);
    let report = findings(&without_first(&chain, 3), &part(&chain, from(&chain, 2))).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("MISSING", Some(2))]);
    let report = findings(&without_first(&chain, 6), &part(&chain, from(&chain, 2))).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("MISSING", None)]);
}

/// Whoever knows a note's hash knows its key, and the next: with keys that change at each note no
/// other is trusted, and what they signed is decompressed and held against its root all the same.
#[tokio::test]
async fn a_known_note_vouches_for_its_key_and_the_next() {
    let mut chain = Chain::new("c/n/s", TestSigner::ratchet(3));
    chain.genesis();
    for n in 0..4 {
        chain.batch(&[Piece::new(LOG, events(n..n + 1))]);
    }
    let stranger = Options::new(vec![TestSigner::new(9).identity()], chain.now());
    let asked = |seq| Options {
        extent: Some(from(&chain, seq)),
        origins: vec![chain.origin().clone()],
        ..stranger.clone()
    };
    let report = findings(&chain.archive(), &asked(2)).await;
    assert_eq!(report.exit_code(), 0, "{}", text_of(&report));
    assert_eq!(report.origins[0].decompressed, 3);
    let report = findings(&chain.archive(), &stranger).await;
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_part_may_end_before_the_chain() {
    let chain = six();
    let until = |to| part(&chain, Extent { from: Begin::Genesis, to: Some(to) });
    let report = findings(&chain.archive(), &until(2)).await;
    assert_eq!(report.exit_code(), 0, "{}", text_of(&report));
    assert_eq!(report.origins[0].seals, 3);
    assert!(text_of(&report).contains("note: only up to seq 2: "));
    // Nothing behind it is looked at: neither garbage, nor silence.
    let mut archive = chain.archive();
    archive.insert(chain.key(4), b"garbage".to_vec());
    let late = Options { now: auditseal_format::Time::from_micros(i64::MAX / 4), ..until(3) };
    assert_eq!(findings(&archive, &late).await.exit_code(), 0);
    let report = findings(&chain.archive(), &until(9)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("TRUNCATED", Some(6))]);
    let both = Extent { to: Some(4), ..from(&chain, 2) };
    let (bytes, _) = given(
        store_of(&chain.archive()),
        &chain,
        CatOptions { extent: Some(both), ..CatOptions::default() },
    )
    .await;
    assert_eq!(bytes, events(3..9));
}

#[tokio::test]
async fn cat_refuses_a_chain_that_ends_before_a_known_head() {
    let chain = six();
    let mut archive = chain.archive();
    archive.remove(&chain.key(5)).unwrap();
    let options = CatOptions {
        vkeys: Some(vec![chain.current_signer().identity()]),
        head: Some(place(&chain, 5)),
        ..CatOptions::default()
    };
    let out = Piped::new(Sink::default());
    let error = cat(store_of(&archive), chain.origin(), &options, out, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("TRUNCATED"), "{error}");
    let (bytes, _) = given(store_of(&chain.archive()), &chain, options).await;
    assert_eq!(bytes, events(0..11));
}

/// A store whose listings leave out some keys, as a directory's does that is read while files come.
#[derive(Debug, Clone)]
struct Blind {
    inside: MemoryStore,
    unlisted: BTreeSet<String>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Store for Blind {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        self.inside.put_new(key, bytes).await
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        self.inside.get(key, version, limit).await
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        self.asked.lock().unwrap().push(key.to_owned());
        self.inside.tail(key, version, length).await
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        self.inside.stream(key, version).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        self.inside.list(prefix)
    }

    /// The whole archive's listing lacks them; that of a day, which is asked for later, doesn't.
    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        let unlisted =
            if prefix.contains("date=") { BTreeSet::new() } else { self.unlisted.clone() };
        let listed = move |version: &Version| ready(!unlisted.contains(&version.key));
        self.inside.versions(prefix).try_filter(listed).boxed()
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        self.inside.lock(key, version).await
    }
}

#[tokio::test]
async fn what_a_listing_left_out_is_asked_for_before_it_is_missing() {
    let chain = six();
    for seqs in [vec![1], vec![0], vec![2, 3], vec![1, 2, 4], vec![0, 1, 2, 3, 4]] {
        let unlisted = seqs.iter().map(|seq| chain.key(*seq)).collect();
        let inside = memory(&chain.archive());
        let store = Blind { inside, unlisted, asked: Arc::default() };
        let report = verify(Arc::new(store.clone()), &options(&chain), |_| {}).await.unwrap();
        assert_eq!(report.exit_code(), 0, "{seqs:?}: {}", text_of(&report));
        assert_eq!((report.origins[0].seals, report.origins[0].lines), (6, 11), "{seqs:?}");
        let (bytes, _) = given(Arc::new(store), &chain, CatOptions::default()).await;
        assert_eq!(bytes, chain.restored(), "{seqs:?}");
    }
    // What is known to be behind the last that was listed is asked for, too.
    let unlisted = BTreeSet::from([chain.key(4), chain.key(5)]);
    let store = Blind { inside: memory(&chain.archive()), unlisted, asked: Arc::default() };
    let known = Options { head: Some(place(&chain, 5)), ..options(&chain) };
    let report = verify(Arc::new(store), &known, |_| {}).await.unwrap();
    assert_eq!((report.exit_code(), report.origins[0].seals), (0, 6));
}

#[tokio::test]
async fn a_run_of_absent_keys_costs_one_question() {
    let chain = six();
    let mut archive = chain.archive();
    for seq in 2..5 {
        archive.remove(&chain.key(seq)).unwrap();
    }
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let store =
        Blind { inside: memory(&archive), unlisted: BTreeSet::new(), asked: Arc::clone(&asked) };
    let report = verify(Arc::new(store), &options(&chain), |_| {}).await.unwrap();
    let found = &report.origins[0].findings;
    assert_eq!(verdicts(found), [("MISSING", Some(2))]);
    assert_eq!(found[0].through, Some(4));
    assert_eq!(*asked.lock().unwrap(), [chain.key(2)]);
}

/// The store doesn't say whether it is there: that is no answer, and not an absence.
#[tokio::test(start_paused = true)]
async fn an_unanswered_question_is_no_finding() {
    let chain = six();
    let inside = memory(&chain.archive());
    let lost = chain.key(2);
    inside.remove(&lost).unwrap();
    inside.fail_when(move |operation, key, _| {
        let asked = operation == Operation::Tail && key == lost;
        asked.then_some(Fault::Refuse(Kind::Unavailable))
    });
    let report = verify(Arc::new(inside), &options(&chain), |_| {}).await.unwrap();
    assert_eq!((report.exit_code(), report.origins[0].unchecked), (2, 1), "{}", text_of(&report));
}

/// R1: the findings that are kept are many, and the one that matters comes behind them.
#[tokio::test]
async fn no_finding_is_forgotten_because_others_came_first() {
    let mut chain = common::started();
    let count = 10_001_u64;
    for n in 0..count {
        chain.batch(&[Piece::new(LOG, events(n..n + 1))]);
    }
    chain.gap(&[auditseal_vectors::Lost::rest(LOG)]);
    chain.heartbeat();
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    for (key, bytes) in &chain.archive() {
        store.insert(key, bytes.clone());
    }
    for seq in 1..=count {
        store.hide(&chain.key(seq as usize));
    }
    let options = CatOptions {
        vkeys: Some(vec![chain.current_signer().identity()]),
        strict: true,
        ..CatOptions::default()
    };
    let out = Piped::new(Sink::default());
    let error = cat(Arc::new(store), chain.origin(), &options, out, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("SOURCE_GAP"), "{error}");
}

#[tokio::test]
async fn a_salvage_gives_all_that_is_proved_and_names_the_rest() {
    let chain = six();
    let mut archive = chain.archive();
    // A bit in the blocks of one object, and another that is gone.
    archive.get_mut(&chain.key(1)).unwrap()[20] ^= 1;
    archive.remove(&chain.key(4)).unwrap();
    let options = CatOptions {
        vkeys: Some(vec![chain.current_signer().identity()]),
        ..CatOptions::default()
    };
    let out = Piped::new(Sink::default());
    let refused = cat(store_of(&archive), chain.origin(), &options, out, |_| {}).await;
    assert_eq!(refused.unwrap_err().written, 0);
    let salvage = CatOptions { salvage: true, ..CatOptions::default() };
    let (bytes, restored) = given(store_of(&archive), &chain, salvage).await;
    assert_eq!(bytes, [events(3..5), events(9..11)].concat());
    assert_eq!(restored.unproved_total, 2, "{:?}", restored.unproved);
    assert!(restored.unproved[0].starts_with("TAMPERED origin=c/n/s seq=1 "));
    assert!(restored.unproved[1].starts_with("MISSING origin=c/n/s seq=4"));
}

/// What hangs together is not worth less because somebody salvages it.
#[tokio::test]
async fn a_salvage_of_a_sound_chain_is_the_chain() {
    let chain = six();
    let salvage = CatOptions { salvage: true, ..CatOptions::default() };
    let (bytes, restored) = given(store_of(&chain.archive()), &chain, salvage).await;
    assert_eq!((bytes, restored.unproved_total), (chain.restored(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_salvage_leaves_out_what_the_store_withholds() {
    let chain = six();
    let store = memory(&chain.archive());
    let held = chain.key(2);
    store.fail_when(move |operation, key, _| {
        let read = matches!(operation, Operation::Get | Operation::Tail | Operation::Stream);
        (read && key == held).then_some(Fault::Refuse(Kind::Denied))
    });
    let salvage = CatOptions { salvage: true, ..CatOptions::default() };
    let (bytes, restored) = given(Arc::new(store), &chain, salvage).await;
    assert_eq!(bytes, [events(0..3), events(5..11)].concat());
    assert_eq!((restored.unproved_total, restored.unread_total), (1, 1), "{:?}", restored.unproved);
    assert!(restored.unproved[0].starts_with("not read: "), "{:?}", restored.unproved);
}
