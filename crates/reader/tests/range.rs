//! The part of a chain in which lines of some time lie: where no pack has it, where all of a day is hidden,
//! where a clock was set back.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Trust};
use auditseal_doubles::MemoryStore;
use auditseal_format::{ObjectKey, SealId, Time};
use auditseal_note::Signer as _;
use auditseal_reader::{PackRoot, Range, Search, Sought, Source, Window, listed_between};
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner};

const HOUR: i64 = 3_600;
const SECOND: i64 = 1_000_000;

fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

/// A batch with one line of half a minute ago.
fn step(chain: &mut Chain, seconds: i64) {
    let now = chain.wait(seconds).now();
    let line = now.saturating_add(-30 * SECOND);
    let head = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"#;
    let line = format!("{head}\"{}\",\"stageTimestamp\":\"{line}\"}}\n", line.micros());
    chain.batch(&[Piece::new("audit.log", line.into_bytes())]);
}

/// So many batches, an hour apart.
fn hours(count: usize) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    (0..count).for_each(|_| step(&mut chain, HOUR));
    chain
}

/// The time of the lines of these seals.
fn window(chain: &Chain, first: usize, last: usize) -> Window {
    let sealed = |seq: usize| chain.get(seq).seal.sealed;
    let since = sealed(first).saturating_add(-30 * SECOND);
    Window { since: Some(since), until: Some(sealed(last)) }
}

fn date(chain: &Chain, seq: usize) -> auditseal_format::Date {
    ObjectKey::parse(&chain.key(seq)).unwrap().date
}

struct Desk {
    chain: Chain,
    archive: MemoryStore,
    packs: MemoryStore,
}

impl Desk {
    /// All objects, and these packs.
    fn of(chain: Chain, packs: &[TestPack]) -> Self {
        let (archive, store) = (MemoryStore::versioned(), MemoryStore::new());
        for (key, bytes) in chain.archive() {
            archive.insert(&key, bytes);
        }
        for pack in packs {
            store.insert(&pack.key(), pack.bytes.clone());
            let signed = pack.signed(&auditor());
            store.insert(&signed.key(), signed.note);
        }
        Self { chain, archive, packs: store }
    }

    fn source(&self) -> Source {
        Source::new(Arc::new(self.archive.clone()))
    }

    fn trust(&self) -> Trust {
        let key = self.chain.current_signer().identity().clone();
        Trust::in_keys_for(self.chain.origin(), &[key])
    }

    async fn find(&self, window: Window) -> Range {
        self.find_in(window, false).await
    }

    async fn find_in(&self, window: Window, every_seal: bool) -> Range {
        let root = PackRoot {
            source: Source::new(Arc::new(self.packs.clone())),
            auditors: vec![auditor().key().clone()],
            by_date: true,
        };
        let (source, origin, root) = (self.source(), self.chain.origin(), Some(&root));
        let (trust, known, begin) = (self.trust(), &[][..], None);
        let sought = Sought { trust: &trust, window, known, begin, every_seal };
        Range::find(&source, origin, sought, root).await.unwrap()
    }

    /// Whether each of these seqs is read: from a pack, from an object, or as what isn't there.
    async fn finds(&self, (first, last): (usize, usize), gone: &[usize]) {
        let range = self.find(window(&self.chain, first, last)).await;
        for seq in first..=last {
            let at = seq as u64;
            assert!(range.extent.has(at), "{seq} of {first}-{last}: {:?}", range.extent);
            let listed = range.entries.iter().any(|entry| entry.place.seq == at);
            let there = listed || range.packs.with(at).is_some();
            assert_eq!(there, !gone.contains(&seq), "{seq} of {first}-{last}");
        }
    }
}

/// The packs of a chain without those that have any of these seqs.
fn but(chain: &Chain, gone: std::ops::RangeInclusive<u64>) -> Vec<TestPack> {
    let mut packs = TestPack::all(chain);
    packs.retain(|pack| {
        pack.attestation.last < *gone.start() || *gone.end() < pack.attestation.first
    });
    packs
}

#[tokio::test]
async fn what_no_pack_has_is_read_from_objects_or_missed() {
    let chain = hours(480);
    let packs = TestPack::all(&chain);
    let hole = packs.iter().find(|pack| pack.attestation.first > 330).unwrap();
    let (lo, hi) = (hole.attestation.first as usize, hole.attestation.last as usize);
    let packs = but(&chain, lo as u64..=hi as u64);
    let desk = Desk::of(chain, &packs);
    let windows = [
        (lo, hi),
        (lo + 2, lo + 3),
        (lo - 3, lo + 3),
        (hi - 3, hi + 3),
        (lo - 30, lo),
        (hi, hi + 40),
    ];
    for seqs in windows {
        desk.finds(seqs, &[]).await;
    }
    let gone: Vec<usize> = (lo..=hi).collect();
    gone.iter().for_each(|seq| drop(desk.archive.remove(&desk.chain.key(*seq))));
    for seqs in windows {
        desk.finds(seqs, &gone).await;
    }
    // It begins behind what is attested, so that what is gone is missed.
    let last = SealId { seq: lo as u64 - 1, hash: desk.chain.get(lo - 1).hash };
    let range = desk.find(window(&desk.chain, lo + 2, hi)).await;
    assert_eq!(range.extent.from, Begin::After(last));
    // Beside other times nothing of it is looked at.
    for (first, last) in [(lo - 40, lo - 30), (hi + 30, hi + 40)] {
        let range = desk.find(window(&desk.chain, first, last)).await;
        assert!(gone.iter().all(|seq| !range.extent.has(*seq as u64)), "{:?}", range.extent);
    }
}

#[tokio::test]
async fn what_stands_before_the_first_pack_is_read() {
    let chain = hours(480);
    // A packer that begins in the midst of a day passes over the rest of it.
    let packs = but(&chain, 0..=320);
    let first = packs[0].attestation.first as usize;
    let desk = Desk::of(chain, &packs);
    for seqs in [(301, 305), (301, first), (first - 2, first + 3), (302, first + 40)] {
        desk.finds(seqs, &[]).await;
    }
}

/// Where the clock was set back in a hole, what surrounds it doesn't tell when its lines happened.
#[tokio::test]
async fn a_hole_in_which_a_clock_was_set_back_is_read_for_all_times() {
    let mut chain = hours(400);
    chain.step_clock(-60 * HOUR);
    (0..100).for_each(|_| step(&mut chain, HOUR));
    let packs = but(&chain, 395..=410);
    let desk = Desk::of(chain, &packs);
    let range = desk.find(window(&desk.chain, 350, 352)).await;
    assert!((350..=410).all(|seq| range.extent.has(seq)), "{:?}", range.extent);
    let here = |seq: u64| range.entries.iter().any(|entry| entry.place.seq == seq);
    assert!((395..=410).all(here));
}

#[tokio::test]
async fn a_day_of_which_all_is_hidden_is_read() {
    let desk = Desk::of(hours(400), &[]);
    let (day, origin) = (date(&desk.chain, 300), desk.chain.origin());
    let hidden: Vec<usize> = (0..400).filter(|seq| date(&desk.chain, *seq) == day).collect();
    hidden.iter().for_each(|seq| desk.archive.hide(&desk.chain.key(*seq)));
    let (first, last) = (hidden[3], hidden[9]);
    desk.finds((first, last), &[]).await;
    let listed = listed_between(&desk.source(), origin, Some(day), Some(day)).await.unwrap();
    let versions = listed.iter().filter(|entry| !entry.marker);
    assert_eq!(versions.count(), hidden.len());
    assert!(listed.iter().all(|entry| entry.hidden || entry.marker));
    for search in [Search::Day, Search::AllDays] {
        let seq = first as u64;
        let one = Range::of_seal(&desk.source(), origin, None, seq, search).await.unwrap();
        assert!(one.entries.iter().any(|entry| !entry.marker), "{search:?}");
    }
    // And where nothing else is left.
    (0..=400).for_each(|seq| desk.archive.hide(&desk.chain.key(seq)));
    desk.finds((first, last), &[]).await;
}

/// A time that came twice is read twice.
#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    // Of the last one no more than each thirtieth seal beside the part is looked at.
    let few = [(600, 2), (600, 10), (600, 30), (60, 1), (60, 4), (60, 9)];
    let few = few.map(|(every, back)| (every, back, 600));
    for (every, back, count) in few.into_iter().chain([(10, 2, 3_800)]) {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        (0..count).for_each(|_| step(&mut chain, every));
        chain.step_clock(-back * HOUR);
        (0..count).for_each(|_| step(&mut chain, every));
        let twice = back * HOUR / every;
        let desk = Desk::of(chain, &[]);
        for hour in [-HOUR / every, 0, twice / 2, twice - HOUR / every] {
            // The hour as it came the second time; before that, its end alone came twice.
            let second = hour >= 0;
            let first = usize::try_from(count + 2 + hour - if second { 0 } else { twice }).unwrap();
            let asked =
                window(&desk.chain, first, first + usize::try_from(HOUR / every).unwrap() - 1);
            let range = desk.find(asked).await;
            let all = 1..desk.chain.batches().count();
            for seq in all.filter(|seq| asked.meets(&desk.chain.get(*seq).seal)) {
                let here = |entry: &auditseal_reader::Entry| entry.place.seq == seq as u64;
                assert!(range.entries.iter().any(here), "{seq}, {every} s, {back} h, {hour}");
            }
            let Extent { from, to } = range.extent;
            let to = to.unwrap_or(desk.chain.batches().count() as u64 - 1);
            for seq in from.seq()..=to {
                let here = |entry: &auditseal_reader::Entry| entry.place.seq == seq;
                assert!(range.entries.iter().any(here), "{seq} isn't missing, {every} s, {back} h");
            }
        }
    }
}

/// What is looked at for it doesn't grow with what there is beside the days of the window.
#[tokio::test]
async fn a_search_looks_at_few_seals_of_the_days_around_it() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    (0..5_000).for_each(|_| step(&mut chain, 60));
    let desk = Desk::of(chain, &[]);
    let tails = desk.archive.calls(auditseal_store::Operation::Tail);
    desk.find(window(&desk.chain, 2_500, 2_559)).await;
    let tails = desk.archive.calls(auditseal_store::Operation::Tail) - tails;
    assert!(tails < 240, "{tails}");
}

/// A time at which nothing was sealed.
#[tokio::test]
async fn a_time_of_nothing_is_empty() {
    let desk = Desk::of(hours(30), &[]);
    let at = |hour: i64| Some(desk.chain.now().saturating_add(hour * HOUR * SECOND));
    let range = desk.find(Window { since: at(50), until: at(60) }).await;
    let newest = desk.chain.batches().count() as u64 - 1;
    assert!(range.extent.to.is_none() && range.extent.has(newest));
    assert_ne!(Time::EPOCH, desk.chain.now());
}

/// A line of the first hours, sealed days later among others.
#[tokio::test]
async fn a_few_seals_are_looked_at_all_and_of_many_it_is_said_which_were_not() {
    for (every, count, packed) in
        [(3_600, 400_u64, false), (3_600, 400, true), (600, 900, false), (300, 1_400, true)]
    {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        (0..50).for_each(|_| step(&mut chain, every));
        let window = window(&chain, 5, 6);
        let old = window.since.unwrap().saturating_add(SECOND);
        (0..count - 60).for_each(|_| step(&mut chain, every));
        let late = chain.batches().count() as u64;
        let line = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"stageTimestamp\":\"{old}\"}}\n"
        );
        chain.wait(every).batch(&[Piece::new("audit.log", line.into_bytes())]);
        (0..10).for_each(|_| step(&mut chain, every));
        // The first days are packed.
        let packs = if packed { but(&chain, count / 2..=u64::MAX) } else { Vec::new() };
        assert_eq!(packs.is_empty(), !packed);
        let desk = Desk::of(chain, &packs);
        for every_seal in [false, true] {
            let range = desk.find_in(window, every_seal).await;
            let certain = every_seal || count < 512;
            assert_eq!(range.unseen.is_nothing(), certain, "{count}: {}", range.unseen);
            assert_eq!(range.extent.has(late), certain, "{count}: {:?}", range.extent);
            assert!(range.extent.has(5) && range.extent.has(6), "{count}: {:?}", range.extent);
        }
        let told = desk.find(window).await.unseen.to_string();
        assert_eq!(told.contains("weren't looked at"), count > 512, "{told}");
    }
}

/// What isn't there, and by its neighbours is of another time, is told of all the same.
#[tokio::test]
async fn what_is_missing_elsewhere_is_told_of() {
    let desk = Desk::of(hours(480), &[]);
    (400..=405).for_each(|seq| drop(desk.archive.remove(&desk.chain.key(seq))));
    let range = desk.find(window(&desk.chain, 20, 22)).await;
    assert!(!range.extent.has(400), "{:?}", range.extent);
    let told = range.unseen.to_string();
    assert!(told.starts_with("what seq 400 to 405 held, which isn't there, isn't known"), "{told}");
    let range = desk.find(window(&desk.chain, 399, 402)).await;
    assert!((400..=405).all(|seq| range.extent.has(seq)) && range.unseen.is_nothing());
}

/// All is packed, and nothing has followed since: the newest pack shows where the chain ends.
#[tokio::test]
async fn behind_packs_the_newest_one_is_read() {
    let chain = hours(480);
    let packs = TestPack::all(&chain);
    let last = packs.last().unwrap().attestation.last;
    let desk = Desk::of(chain, &packs);
    (last + 1..=480).for_each(|seq| drop(desk.archive.remove(&desk.chain.key(seq as usize))));
    let at = |hour: i64| Some(desk.chain.now().saturating_add(hour * HOUR * SECOND));
    let range = desk.find(Window { since: at(50), until: at(60) }).await;
    assert!(range.extent.to.is_none() && range.packs.with(last).is_some(), "{:?}", range.extent);
}
