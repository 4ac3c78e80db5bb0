//! Lines of some time, without reading the chain before them: what is found, what it costs, what is said
//! of it, and who may mislead it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use auditseal_archive::{
    CatOptions, CatPacks, Options, Piped, ProveOptions, Restored, cat, prove_request, verify,
};
use auditseal_chain::{Begin, Extent, Verdict};
use auditseal_doubles::MemoryStore;
use auditseal_format::{ObjectKey, SealId, Time};
use auditseal_reader::{Error, Window};
use auditseal_store::Operation;
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner, head_text, text};
use common::{LOG, Sink, memory, options};

const MINUTE: i64 = 60_000_000;

/// One event at a time.
fn line(time: Time) -> Vec<u8> {
    let head = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"#;
    format!("{head}\"{}\",\"stageTimestamp\":\"{time}\"}}\n", time.micros()).into_bytes()
}

/// A chain of a batch each minute, each of one line of half a minute before.
fn minutes(count: u64) -> (Chain, Time) {
    let mut chain = common::started();
    let begun = chain.now();
    for minute in 1..=count as i64 {
        let now = begun.saturating_add(minute * MINUTE);
        chain.at(now).batch(&[Piece::new(LOG, line(now.saturating_add(-MINUTE / 2)))]);
    }
    (chain, begun)
}

fn between(begun: Time, from: i64, to: i64) -> Window {
    let at = |minute| Some(begun.saturating_add(minute * MINUTE));
    Window { since: at(from), until: at(to) }
}

struct Asked {
    lines: Vec<u8>,
    restored: Restored,
    requests: u64,
}

async fn ask(store: &MemoryStore, chain: &Chain, options: CatOptions) -> Asked {
    let before = requests(store);
    let vkeys = Some(vec![chain.current_signer().identity()]);
    let (sink, options) = (Sink::default(), CatOptions { vkeys, ..options });
    let out = Piped::new(sink.clone());
    let restored =
        cat(Arc::new(store.clone()), chain.origin(), &options, out, |_| {}).await.unwrap();
    Asked { lines: sink.bytes(), restored, requests: requests(store) - before }
}

fn requests(store: &MemoryStore) -> u64 {
    use Operation::{Get, Lock, Stream, Tail, Versions};
    [Get, Lock, Stream, Tail, Versions].into_iter().map(|operation| store.calls(operation)).sum()
}

fn in_window(window: Window) -> CatOptions {
    CatOptions { window, ..CatOptions::default() }
}

/// The same from the genesis on: nothing is left to chance there.
fn in_all(window: Window) -> CatOptions {
    CatOptions { extent: Some(Extent::default()), ..in_window(window) }
}

fn warns(asked: &Asked, what: &str) -> bool {
    asked.restored.warnings.iter().any(|warning| warning.contains(what))
}

#[tokio::test]
async fn an_hour_costs_what_an_hour_holds() {
    let (chain, begun) = minutes(4_500);
    let store = memory(&chain.archive());
    for from in [0, 5, 300, 301, 1_439, 1_440, 2_879, 4_200, 4_439, 4_499] {
        let window = between(begun, from, from + 60);
        let asked = ask(&store, &chain, in_window(window)).await;
        let all = ask(&store, &chain, in_all(window)).await;
        assert!(asked.lines == all.lines, "from minute {from}");
        assert!(!all.lines.is_empty() && all.requests > 4_500);
        assert!(asked.requests < 480, "{} requests from minute {from}", asked.requests);
        assert_eq!(asked.restored.unanchored.is_some(), from >= 300, "from minute {from}");
        assert!(all.restored.unanchored.is_none() && all.restored.warnings.is_empty());
        assert!(warns(&asked, "only the seals"), "from minute {from}");
    }
}

/// A search doesn't come to a batch by a note that is known to be wrong: then it says so.
#[tokio::test]
async fn a_batch_whose_times_are_known_to_be_wrong_is_named_where_it_is_not_looked_at() {
    let (mut chain, begun) = (common::started(), common::started().now());
    let late = begun.saturating_add(700 * MINUTE);
    chain.at(begun.saturating_add(MINUTE)).batch(&[Piece::new(LOG, line(late))]);
    let early = begun.to_string();
    chain.rewrite(|note| text::set(&text::set(note, "last", &early), "first", &early));
    for minute in 2..=900 {
        let now = begun.saturating_add(minute * MINUTE);
        chain.at(now).batch(&[Piece::new(LOG, line(now.saturating_add(-MINUTE / 2)))]);
    }
    let (key, seal) = (chain.current_signer().identity(), head_text(chain.get(1)));
    let policy = format!(
        "auditseal/trust/v1\norigin {origin} static {key}\n  begin 0\n  silent-after 10m\n  \
         accept WRONG_TIMES {seal} \"x\"\n",
        origin = chain.origin()
    );
    let trusted = TrustFile::parse(&policy).unwrap().get(chain.origin()).cloned();
    let window = between(begun, 690, 710);
    let store = memory(&chain.archive());
    let options = CatOptions { trusted: trusted.clone(), ..in_window(window) };
    let asked = ask(&store, &chain, options).await;
    assert!(warns(&asked, "the times in the notes of seq 1 are wrong"), "{:?}", asked.restored);
    assert_eq!(asked.lines.iter().filter(|byte| **byte == b'\n').count(), 20);
    let all = ask(&store, &chain, CatOptions { trusted, ..in_all(window) }).await;
    assert!(!warns(&all, "are wrong") && all.lines == [line(late), asked.lines].concat());
}

#[tokio::test]
async fn open_ends_and_times_without_a_line() {
    let (chain, begun) = minutes(1_600);
    let store = memory(&chain.archive());
    let (since, until) = (between(begun, 1_500, 0).since, between(begun, 0, 100).until);
    let nothing = between(begun, 90_000, 90_060);
    let early = between(begun, -90_060, -90_000);
    for (window, lines) in [
        (Window { since, until: None }, 100),
        (Window { since: None, until }, 100),
        (nothing, 0),
        (early, 0),
    ] {
        let asked = ask(&store, &chain, in_window(window)).await;
        assert!(asked.lines == ask(&store, &chain, in_all(window)).await.lines, "{window:?}");
        assert_eq!(asked.lines.iter().filter(|byte| **byte == b'\n').count(), lines, "{window:?}");
        assert!(asked.requests < 480, "{} requests for {window:?}", asked.requests);
    }
}

#[tokio::test]
async fn a_part_says_that_nothing_ties_it_until_something_does() {
    let (chain, begun) = minutes(1_600);
    let archive = memory(&chain.archive());
    let store = Arc::new(archive.clone());
    let place = |seq: usize| SealId { seq: seq as u64, hash: chain.get(seq).hash };
    let asked = Options {
        origins: vec![chain.origin().clone()],
        window: between(begun, 800, 830),
        ..options(&chain)
    };
    let verified = |options: Options| {
        let store = store.clone();
        async move { verify(store, &options, |_| {}).await.unwrap() }
    };
    let report = verified(asked.clone()).await;
    let [part] = report.origins.as_slice() else { panic!("one chain") };
    assert_eq!((report.exit_code(), part.findings[0].verdict), (1, Verdict::Unanchored));
    assert!(part.seals < 120 && part.complete_until.is_none());

    let report = verified(Options { allow_unanchored: true, ..asked.clone() }).await;
    let [part] = report.origins.as_slice() else { panic!("one chain") };
    assert_eq!((report.exit_code(), part.information[0].verdict), (0, Verdict::Unanchored));
    assert!(part.complete_from.is_some() && part.complete_until.is_some());

    // A head in the part, and one near it.
    for seq in [810, 1_000] {
        let report = verified(Options { head: Some(place(seq)), ..asked.clone() }).await;
        assert_eq!((report.exit_code(), report.origins[0].information.len()), (0, 0), "head {seq}");
    }
    let other = SealId { seq: 810, ..place(811) };
    let report = verified(Options { head: Some(other), ..asked.clone() }).await;
    let verdicts: Vec<_> = report.origins[0].findings.iter().map(|found| found.verdict).collect();
    assert!(verdicts.contains(&Verdict::Fork) && verdicts.contains(&Verdict::Unanchored));

    // A seq without a hash, by name; and without a chain nobody knows where to look.
    let extent = Some(Extent { from: Begin::At(1_550), to: None });
    let report = verified(Options { extent, ..asked.clone() }).await;
    assert_eq!((report.exit_code(), report.origins[0].seals), (1, 51));
    let nowhere = Options { origins: vec![], ..asked };
    assert!(matches!(verify(store, &nowhere, |_| {}).await, Err(Error::NoOrigin)));
}

/// A month of lines that were sealed within minutes: by when they were sealed nothing is found.
#[tokio::test]
async fn lines_that_were_sealed_late_are_found() {
    let mut chain = common::started();
    let begun = chain.now().saturating_add(-40 * 1_440 * MINUTE);
    for minute in 0..1_500 {
        chain.wait(1).batch(&[Piece::new(LOG, line(begun.saturating_add(minute * MINUTE)))]);
    }
    let store = memory(&chain.archive());
    for from in [0, 700, 1_400] {
        let window = between(begun, from, from + 60);
        let asked = ask(&store, &chain, in_window(window)).await;
        assert!(asked.lines == ask(&store, &chain, in_all(window)).await.lines, "from {from}");
        assert!(!asked.lines.is_empty());
    }
    // A writer that was behind for an hour, and then sealed it all at once.
    let (mut chain, begun) = minutes(700);
    let behind = (700..760).flat_map(|minute| line(begun.saturating_add(minute * MINUTE)));
    chain.wait(7_200).batch(&[Piece::new(LOG, behind.collect::<Vec<_>>())]);
    for _ in 0..400 {
        let now = chain.wait(60).now();
        chain.batch(&[Piece::new(LOG, line(now))]);
    }
    let store = memory(&chain.archive());
    let window = between(begun, 710, 720);
    let asked = ask(&store, &chain, in_window(window)).await;
    assert!(asked.lines == ask(&store, &chain, in_all(window)).await.lines);
    assert_eq!(asked.lines.iter().filter(|byte| **byte == b'\n').count(), 11);
}

/// Whoever may put objects puts garbage, and seals by a key of their own with the times that they like.
#[tokio::test]
async fn others_objects_mislead_no_search() {
    let (chain, begun) = minutes(1_600);
    let mut stranger = Chain::new("c/n/s", TestSigner::new(9));
    stranger.edit(|seal| {
        seal.seq += 1_000_000;
        (seal.kind, seal.prev) = (auditseal_format::Kind::Heartbeat, Some(seal.payload.blocks));
        seal.sealed = Time::EPOCH;
    });
    stranger.genesis();
    let mut archive = chain.archive();
    let day = |seq: usize| ObjectKey::parse(&chain.key(seq)).unwrap().date;
    for (n, seq) in [1_700, 5_000, 1_000_000].into_iter().enumerate() {
        for date in [day(100), day(900), day(1_500)] {
            let key = ObjectKey { origin: chain.origin().clone(), seq, alternate: None, date };
            let bytes = if n == 2 { stranger.get(0).bytes.clone() } else { b"garbage".to_vec() };
            archive.insert(key.to_string(), bytes);
        }
    }
    let store = memory(&archive);
    for from in [400, 900, 1_560] {
        let window = between(begun, from, from + 30);
        let asked = ask(&store, &chain, in_window(window)).await;
        assert_eq!(asked.lines.iter().filter(|byte| **byte == b'\n').count(), 30, "from {from}");
    }
}

/// The clock was set back by a day in between: seals don't stand in the order of their times.
#[tokio::test]
async fn a_clock_that_was_set_loses_no_line_that_is_looked_for_from_the_genesis() {
    let (mut chain, begun) = minutes(900);
    chain.step_clock(-86_400);
    for _ in 0..900 {
        let now = chain.wait(60).now();
        chain.batch(&[Piece::new(LOG, line(now))]);
    }
    let store = memory(&chain.archive());
    let window = between(begun, 400, 430);
    let all = ask(&store, &chain, in_all(window)).await;
    assert!(all.restored.unanchored.is_none() && !all.lines.is_empty());
    let asked = ask(&store, &chain, in_window(window)).await;
    // Whatever was found, it is said where it was looked for.
    assert!(warns(&asked, "only the seals"));
}

/// An hour apart, over forty days: more days than are listed at a time.
#[tokio::test]
async fn more_days_than_are_listed_at_a_time_are_found() {
    let mut chain = common::started();
    let begun = chain.now();
    for hour in 1..=40 * 24 {
        let now = begun.saturating_add(hour * 60 * MINUTE);
        chain.at(now).batch(&[Piece::new(LOG, line(now))]);
    }
    let store = memory(&chain.archive());
    for (from, to) in [(10, 30), (0, 40), (39, 90)] {
        let window = between(begun, from * 1_440, to * 1_440);
        let asked = ask(&store, &chain, in_window(window)).await;
        assert!(asked.lines == ask(&store, &chain, in_all(window)).await.lines, "day {from} on");
        assert!(!asked.lines.is_empty());
    }
}

/// More bytes than are kept of the first look: the others are asked for once more.
#[tokio::test]
async fn more_than_is_kept_is_fetched_once_more() {
    let mut chain = common::started();
    let begun = chain.now();
    let mut expected = Vec::new();
    for minute in 1..=60 {
        let now = begun.saturating_add(minute * MINUTE);
        let head = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","noise":""#;
        let noise: String = common::noise(500 << 10, minute as u64)
            .iter()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        let line = format!("{head}{noise}\",\"stageTimestamp\":\"{now}\"}}\n").into_bytes();
        chain.at(now).batch(&[Piece::new(LOG, line.clone())]);
        expected.extend(line);
    }
    let stored: usize = chain.archive().values().map(Vec::len).sum();
    assert!(stored > 17 << 20, "{stored}");
    let store = memory(&chain.archive());
    let asked = ask(&store, &chain, in_window(between(begun, 0, 90))).await;
    assert!(asked.lines == expected);
}

/// Whoever may delete takes away what somebody looks for, and what stands around it; whoever may put
/// puts garbage where a search begins.
#[tokio::test]
async fn a_hole_at_the_edge_of_a_search_is_missing() {
    // Lines of a month before, sealed within minutes: what stands in the midst of them is looked for.
    let mut chain = common::started();
    let begun = chain.now().saturating_add(-40 * 1_440 * MINUTE);
    for minute in 0..700 {
        chain.wait(1).batch(&[Piece::new(LOG, line(begun.saturating_add(minute * MINUTE)))]);
    }
    let window = between(begun, 496, 496);
    let (lively, started) = minutes(1_600);
    let head = SealId { seq: 1_500, hash: lively.get(1_500).hash };
    for (chain, window, gone, head) in [
        (&chain, window, 497..=497, None),
        (&chain, window, 477..=517, None),
        (&chain, window, 397..=597, None),
        (&lively, between(started, 800, 802), 801..=801, Some(head)),
        (&lively, between(started, 800, 802), 795..=809, Some(head)),
        (&lively, between(started, 800, 802), 600..=1_000, Some(head)),
    ] {
        let store = memory(&chain.archive());
        for seq in gone.clone() {
            store.remove(&chain.key(seq));
        }
        let asked = Options {
            origins: vec![chain.origin().clone()],
            window,
            allow_unanchored: true,
            head,
            ..options(chain)
        };
        let report = verify(Arc::new(store.clone()), &asked, |_| {}).await.unwrap();
        let missing =
            report.origins[0].findings.iter().any(|found| found.verdict == Verdict::Missing);
        assert!(missing, "{gone:?}: {:?}", report.origins[0].findings);
        // Garbage or a copy in their place, or at the seq of one but under the day of the window.
        let day = window.since.unwrap().date();
        let seq = *gone.start() as u64;
        let key = ObjectKey { origin: chain.origin().clone(), seq, alternate: None, date: day };
        store.insert(&key.to_string(), b"garbage".to_vec());
        store.insert(&chain.key(*gone.start()), chain.get(3).bytes.clone());
        let report = verify(Arc::new(store), &asked, |_| {}).await.unwrap();
        assert_eq!(report.exit_code(), 1, "{gone:?}");
    }
    // Nothing is gone, and garbage stands under the day of the window.
    let store = memory(&chain.archive());
    for (n, seq) in [497, 200, 650, 5_000].into_iter().enumerate() {
        let date = window.since.unwrap().saturating_add(n as i64 % 2 * 1_440 * MINUTE).date();
        let key = ObjectKey { origin: chain.origin().clone(), seq, alternate: None, date };
        store.insert(&key.to_string(), b"garbage".to_vec());
        let asked = ask(&store, &chain, in_window(window)).await;
        assert!(asked.lines == ask(&store, &chain, in_all(window)).await.lines, "{seq}");
        assert_eq!(asked.lines, line(begun.saturating_add(496 * MINUTE)), "{seq}");
    }
}

/// Each seal is by a fresh key, which the one before it names: the trust file has the first one alone.
#[tokio::test]
async fn lines_are_found_whatever_keys_came_before() {
    // Of the last one ten seals alone are by another key than the first.
    for (later, fresh) in [(5, true), (40, true), (400, true), (400, false)] {
        let signer = if fresh { TestSigner::ratchet(1) } else { TestSigner::new(1) };
        let mut chain = Chain::new("c/n/s", signer);
        let first = chain.current_signer().identity();
        let begun = chain.promise(86_400).genesis().seal.sealed;
        for minute in 1..=later {
            if !fresh && minute == later - 9 {
                let second = TestSigner::named("c/n", 2);
                let next = second.identity().to_string();
                chain.rewrite(|note| text::set(note, "next", &next));
                chain.signer(second);
            }
            let now = begun.saturating_add(minute * MINUTE);
            chain.at(now).batch(&[Piece::new(LOG, line(now.saturating_add(-MINUTE / 2)))]);
        }
        let store = memory(&chain.archive());
        for (from, to) in [(later - 3, later), (later - 5, later - 2), (1, 3)] {
            let window = between(begun, from, to);
            let (sink, vkeys) = (Sink::default(), Some(vec![first.clone()]));
            let options = CatOptions { vkeys, window, ..CatOptions::default() };
            let out = Piped::new(sink.clone());
            cat(Arc::new(store.clone()), chain.origin(), &options, out, |_| {}).await.unwrap();
            let expected = (from + 1..=to)
                .flat_map(|minute| line(begun.saturating_add(minute * MINUTE - MINUTE / 2)));
            assert!(sink.bytes() == expected.collect::<Vec<u8>>(), "{from} to {to} of {later}");
        }
    }
}

fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

fn packed(packs: &[TestPack]) -> CatPacks {
    let store = MemoryStore::new();
    for pack in packs {
        store.insert(&pack.key(), pack.bytes.clone());
        let signed = pack.signed(&auditor());
        store.insert(&signed.key(), signed.note);
    }
    let auditors = vec![auditor().identity()];
    CatPacks { store: Arc::new(store), auditors, by_date: false }
}

/// A batch an hour; from seal 100 on by another key, which the one before names, and the trust file doesn't.
fn rotated(count: i64) -> (Chain, Time) {
    let mut chain = common::started();
    let begun = chain.now();
    for hour in 1..=count {
        if hour == 100 {
            let second = TestSigner::named("c/n", 2);
            let next = second.identity().to_string();
            chain.rewrite(|note| text::set(note, "next", &next));
            chain.signer(second);
        }
        let now = begun.saturating_add(hour * 60 * MINUTE);
        chain.at(now).batch(&[Piece::new(LOG, line(now.saturating_add(-MINUTE / 2)))]);
    }
    (chain, begun)
}

/// A key that an earlier seal names signs in packs what it signs in objects.
#[tokio::test]
async fn lines_in_packs_are_found_whatever_keys_came_before() {
    let (chain, begun) = rotated(420);
    let packs = packed(&TestPack::all(&chain));
    let store = memory(&chain.archive());
    let vkeys = vec![TestSigner::new(1).identity()];
    for hour in [50, 99, 101, 320, 390, 418] {
        let window = between(begun, 60 * (hour - 2), 60 * hour);
        let (sink, packs) = (Sink::default(), Some(packs.clone()));
        let (keys, packs_of) = (Some(vkeys.clone()), packs.clone());
        let options =
            CatOptions { vkeys: keys, packs, allow_unanchored: true, ..in_window(window) };
        let out = Piped::new(sink.clone());
        let given = cat(Arc::new(store.clone()), chain.origin(), &options, out, |_| {}).await;
        assert!(given.is_ok(), "hour {hour}: {given:?}");
        let expected: Vec<u8> = (hour - 1..=hour)
            .flat_map(|hour| line(begun.saturating_add(hour * 60 * MINUTE - MINUTE / 2)))
            .collect();
        assert!(
            sink.bytes() == expected,
            "hour {hour}: {}",
            String::from_utf8_lossy(&sink.bytes())
        );
        let asked = ProveOptions {
            vkeys: vkeys.clone(),
            trusted: None,
            packs: packs_of,
            extent: None,
            window,
        };
        let time = begun.saturating_add(hour * 60 * MINUTE - MINUTE / 2);
        let id = time.micros().to_string();
        let made = prove_request(Arc::new(store.clone()), chain.origin(), &asked, &id).await;
        assert_eq!(made.unwrap().stages[0].seq, hour.unsigned_abs(), "hour {hour}");
    }
}

/// Of a pack one signature doesn't hold, and a later seal vouches for what stands before it: a salvage gives what `cat`
/// gives, and names that signature.
#[tokio::test]
async fn a_salvage_gives_the_lines_for_which_a_later_seal_vouches() {
    let (chain, _) = minutes(40);
    let altered = TestPack::of(&chain, 1..=39).edited(|texts, _| {
        let text = &mut texts[14];
        // The note's signature ends the line.
        let at = text.len() - 30;
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    });
    let packs = packed(&[altered]);
    let store = memory(&chain.archive());
    (1..=39).for_each(|seq| drop(store.remove(&chain.key(seq))));
    let plain = CatOptions { packs: Some(packs), ..CatOptions::default() };
    let all = ask(&store, &chain, plain.clone()).await;
    assert_eq!(all.lines.iter().filter(|byte| **byte == b'\n').count(), 40);
    let salvage = ask(&store, &chain, CatOptions { salvage: true, ..plain }).await;
    assert!(salvage.lines == all.lines, "{:?}", salvage.restored);
    assert!(salvage.restored.unproved_total > 0);
}
