//! The head of a chain among as many keys as a year leaves, and as many as somebody else may put above
//! it: requests are counted. `AUDITSEAL_BOUNDS=production`, as `make soak` has it, means a million.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::sync::Arc;

use auditseal_doubles::{Crowd, Fault, MemoryStore};
use auditseal_format::{
    Alternate, Hash, Kind, ObjectKey, ObjectSeal, Origin, Seal, Time, VerifierKey, hash,
};
use auditseal_reader::{Error, Found, Judged, Question, walk_back};
use auditseal_store::{Kind as Failure, Operation};
use auditseal_vectors::{Chain, TestSigner};
use futures::StreamExt as _;

/// Objects of a day, at one each five seconds.
const A_DAY: u64 = 17_280;
const DAY: i64 = 86_400_000_000;

/// How many of something: `full` at the size that is promised, else `few`.
fn many(few: u64, full: u64) -> u64 {
    let told = std::env::var_os("AUDITSEAL_BOUNDS").is_some_and(|told| told == "production");
    if told { full } else { few }
}

/// A chain of so many keys, of whose objects the newest are there.
struct Long {
    store: MemoryStore,
    crowd: Crowd,
    origin: Origin,
    vkeys: [VerifierKey; 1],
    /// Hash and seal of its head.
    head: ObjectSeal,
}

/// Moves a chain's seals to higher seqs.
fn raise(seal: &mut Seal, by: u64) {
    if seal.kind == Kind::Genesis {
        (seal.kind, seal.prev) = (Kind::Heartbeat, Some(hash(b"the one before")));
    }
    seal.seq += by;
}

impl Long {
    fn new(keys: u64, real: u64) -> Self {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        let store = MemoryStore::new();
        let mut key = ObjectKey {
            origin: chain.origin().clone(),
            seq: keys,
            alternate: None,
            date: chain.now().date(),
        };
        for n in 0..real {
            chain.edit(move |seal| raise(seal, keys));
            let sealed = if n == 0 { chain.genesis() } else { chain.heartbeat() };
            store.set_time(sealed.seal.sealed.micros());
            store.insert(&key.to_string(), sealed.bytes.clone());
            key = ObjectKey::after(&sealed.seal);
        }
        let origin = chain.origin().clone();
        let begun = chain.get(0).seal.sealed.saturating_add(-DAY * (1 + (keys / A_DAY) as i64));
        let name = {
            let origin = origin.clone();
            move |n: u64| {
                let date = begun.saturating_add(DAY * (n / A_DAY) as i64).date();
                ObjectKey { origin: origin.clone(), seq: n, alternate: None, date }.to_string()
            }
        };
        let crowd = Crowd::new(store.clone(), keys, name);
        let head = ObjectSeal::read(&chain.head().bytes).unwrap();
        Self { store, crowd, origin, vkeys: [chain.current_signer().identity()], head }
    }

    fn question(&self, judged: &Judged) -> Question {
        Question::new(Arc::new(self.crowd.clone()), &self.origin, &self.vkeys, judged)
    }

    async fn ask(&self, question: &mut Question) -> Found {
        let found = question.answer().await.unwrap();
        assert_eq!(found.head.as_ref().map(|head| head.object.hash), Some(self.head.hash));
        found
    }

    fn pages(&self) -> u64 {
        self.store.calls(Operation::Versions)
    }

    fn reads(&self) -> u64 {
        let operations = [Operation::Tail, Operation::Get, Operation::Stream];
        operations.into_iter().map(|operation| self.store.calls(operation)).sum()
    }

    /// Puts garbage above the head: far seqs, and alternates of the next one.
    fn squat(&self, count: u64) {
        let next = ObjectKey::after(&self.head.seal);
        for n in 0..count {
            let name = Alternate::parse(&format!("{:016x}", n + 1));
            let far = ObjectKey { seq: next.seq + n * n * 1_000, ..next.clone() };
            let key = if n % 2 == 0 { next.with(name) } else { far };
            self.store.insert(&key.to_string(), format!("garbage {n}"));
        }
    }
}

/// Peak of the memory since the last call, KiB; none where the system doesn't tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let peak = line.split_whitespace().nth(1)?.parse().ok();
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    peak
}

/// What is kept of a million keys is a few megabytes; and they are listed once, page by page.
#[tokio::test]
async fn a_head_is_found_in_one_listing_of_which_the_top_is_kept() {
    let keys = many(30_000, 1_000_000);
    let long = Long::new(keys, 10);
    let before = peak();
    let begun = std::time::Instant::now();
    let found = long.ask(&mut long.question(&Judged::default())).await;
    let (seconds, after) = (begun.elapsed().as_secs_f64(), peak());
    println!("{keys} keys: {} pages, {} reads, {seconds:.2} s", long.pages(), long.reads());
    println!("peak before {before:?} KiB, then {after:?} KiB");
    assert_eq!(long.pages(), (keys + 10) / 1_000 + 1);
    assert!(long.reads() <= 4, "{} reads", long.reads());
    let grown = after.zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
    assert!(grown < 24 << 10, "{grown} KiB");
    // The way back from there begins where the listing found things, and lists a day of them.
    let pages = long.pages();
    let store = Arc::new(long.crowd.clone());
    let walk = walk_back(store, &long.head, found.days);
    assert_eq!(walk.take(9).filter(|step| std::future::ready(step.is_ok())).count().await, 9);
    assert!(long.pages() - pages <= 1 + A_DAY / 1_000 + 1, "{} pages more", long.pages() - pages);
}

/// Whatever fails, no page that was read is read again.
#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_where_the_store_failed() {
    let long = Long::new(30_000, 10);
    long.store.fail_when(|operation, _, nth| {
        let now = operation == Operation::Versions && nth % 3 != 0;
        now.then_some(Fault::Refuse(Failure::Unavailable))
    });
    long.ask(&mut long.question(&Judged::default())).await;
    assert!((31 * 3 - 3..=31 * 3).contains(&long.pages()), "{} pages", long.pages());
    // For longer than a question waits: then it is for whoever asks to ask again.
    let (pages, reads) = (long.pages(), long.reads());
    long.store.fail_when(move |operation, _, nth| {
        let listing = operation == Operation::Versions && (pages + 10..pages + 30).contains(&nth);
        let reading = operation == Operation::Tail && (reads..reads + 30).contains(&nth);
        (listing || reading).then_some(Fault::Refuse(Failure::Unavailable))
    });
    let mut question = long.question(&Judged::default());
    let mut failed = 0;
    let found = loop {
        match question.answer().await {
            Ok(found) => break found,
            Err(Error::Store(_)) => failed += 1,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(failed > 5, "{failed} errors");
    assert_eq!(found.head.unwrap().object.hash, long.head.hash);
    assert_eq!(long.pages() - pages, 31 + 20);
}

/// Ten thousand objects above the head are looked at once, and not with every question: but what is
/// new among them is.
#[tokio::test]
async fn what_is_above_the_head_is_judged_once() {
    let count = many(3_000, 10_000);
    let (long, judged) = (Long::new(5_000, 10), Judged::default());
    long.squat(count);
    let begun = std::time::Instant::now();
    let found = long.ask(&mut long.question(&judged)).await;
    println!("{count} above: {} reads, {:.2} s", long.reads(), begun.elapsed().as_secs_f64());
    // Each twice: what is no seal is asked for again before that is believed.
    assert!((2 * count..=2 * count + 40).contains(&long.reads()), "{} reads", long.reads());
    assert_eq!(found.head.unwrap().passed.len(), 100, "the first hundred are named");
    for _ in 0..3 {
        let (reads, pages) = (long.reads(), long.pages());
        long.ask(&mut long.question(&judged)).await;
        assert!(long.reads() - reads <= 4, "{} reads again", long.reads() - reads);
        assert!(long.pages() - pages <= 1 + (5_010 + count) / 1_000);
    }
    // Another object at a key that was judged is another object.
    let next = ObjectKey::after(&long.head.seal).with(Alternate::parse("0000000000000001"));
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let (seq, prev) = (long.head.seal.seq + 1, long.head.hash);
    chain.edit(move |seal| (seal.seq, seal.prev) = (seq, Some(prev)));
    let newer = chain.heartbeat();
    long.store.insert(&next.to_string(), newer.bytes.clone());
    let found = long.question(&judged).answer().await.unwrap().head.unwrap();
    assert_eq!((found.object.hash, found.key), (newer.hash, next));
}

/// With room for little of a listing it is listed again, for what is below; and "no chain" is said
/// only after every key was judged.
#[tokio::test]
async fn below_what_is_kept_it_goes_on() {
    let long = Long::new(5_000, 10);
    long.squat(2_000);
    let mut question = long.question(&Judged::default()).keeping(20_000);
    long.ask(&mut question).await;
    assert!(long.pages() > 50, "{} pages", long.pages());
    assert!((4_000..4_040).contains(&long.reads()), "{} reads", long.reads());
    // Nothing of ours is there.
    let (stranger, reads) = ([TestSigner::new(9).identity()], long.reads());
    let store = MemoryStore::new();
    for (key, bytes) in long.store.objects() {
        store.insert(&key, bytes);
    }
    for keeping in [20_000, 4 << 20] {
        let judged = Judged::default();
        let reads = |store: &MemoryStore| store.calls(Operation::Tail);
        let ask = || {
            let store = Arc::new(store.clone());
            Question::new(store, &long.origin, &stranger, &judged).keeping(keeping)
        };
        let before = reads(&store);
        assert_eq!(ask().answer().await.unwrap().head, None);
        // Notes by other keys are certain at once.
        assert_eq!(reads(&store) - before, 2 * 2_000 + 10);
        assert_eq!(ask().answer().await.unwrap().head, None);
        assert_eq!(reads(&store) - before, 2 * 2_000 + 10, "all of it is known");
    }
    assert_eq!(reads, long.reads());
}

/// A note that answered as garbage once isn't passed over.
#[tokio::test]
async fn one_wrong_answer_passes_no_head_over() {
    let (long, judged) = (Long::new(100, 10), Judged::default());
    for fault in [Fault::HtmlPage, Fault::WrongBytes] {
        let nth = long.store.calls(Operation::Tail) + 1;
        long.store.fail(Operation::Tail, nth, fault);
        long.ask(&mut long.question(&judged)).await;
    }
    // Something between here and the store that goes on answering isn't remembered.
    long.store
        .fail_when(|operation, _, _| (operation == Operation::Tail).then_some(Fault::HtmlPage));
    let small = Question::new(Arc::new(long.store.clone()), &long.origin, &long.vkeys, &judged);
    assert_eq!({ small }.answer().await.unwrap().head, None);
    long.store.heal();
    long.ask(&mut long.question(&judged)).await;
}

/// Copies of the head at keys of many days: its own is the one that the note before names.
#[tokio::test]
async fn a_head_at_five_thousand_dates_is_told_by_the_note_before() {
    let long = Long::new(100, 10);
    let own = long.store.objects().last_key_value().unwrap().0.clone();
    let key = ObjectKey::parse(&own).unwrap();
    let bytes = long.store.objects()[&own].clone();
    for n in 0..5_000 {
        let date = Time::from_micros(n * DAY).date();
        let name = Alternate::parse(&format!("{:016x}", n + 1));
        long.store.insert(&ObjectKey { date, ..key.clone() }.with(name).to_string(), bytes.clone());
    }
    let found = long.ask(&mut long.question(&Judged::default())).await.head.unwrap();
    assert_eq!((found.key.to_string(), found.passed.len()), (own, 100));
}

/// Days are listed going back, some at a time; and what isn't where it was is looked for everywhere
/// before it is called missing.
#[tokio::test(start_paused = true)]
async fn the_way_back_lists_some_days_at_a_time() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    // A few on each of many days, or as many on each of a few as a busy chain has.
    let (count, apart) = (many(4_000, 45_000), many(3_600, 0));
    for _ in 1..count {
        chain.wait(apart as i64).heartbeat();
    }
    let store = MemoryStore::new();
    for (seq, sealed) in chain.batches().enumerate() {
        store.set_time(sealed.seal.sealed.micros());
        store.insert(&chain.key(seq), sealed.bytes.clone());
    }
    let origin = chain.origin().clone();
    let vkeys = [chain.current_signer().identity()];
    let mut question = Question::new(Arc::new(store.clone()), &origin, &vkeys, &Judged::default());
    let found = question.answer().await.unwrap();
    let head = found.head.unwrap().object;
    let all = async |store: &MemoryStore, days| {
        let mut walk = std::pin::pin!(walk_back(Arc::new(store.clone()), &head, days));
        let (mut notes, mut failed): (Vec<(u64, Hash, Time)>, _) = (vec![], 0);
        while let Some(step) = walk.next().await {
            match step {
                Ok(before) => {
                    notes.push((before.object.seal.seq, before.object.hash, before.earlier));
                }
                Err(Error::Store(_)) => failed += 1,
                Err(error) => return (notes, failed, Some(error)),
            }
        }
        (notes, failed, None)
    };
    let (notes, _, error) = all(&store, None).await;
    assert!(error.is_none() && notes.len() as u64 == count - 1);
    assert!(notes.iter().map(|(seq, ..)| *seq).eq((0..count - 1).rev()));
    assert!(notes.iter().all(|(seq, hash, _)| chain.get(*seq as usize).hash == *hash));
    // Whichever way it is listed, it is known when what comes before was stored at the latest.
    assert_eq!(all(&store, found.days.clone()).await.0, notes);
    // It fails every third time, and for longer than it waits.
    store.fail_when(|operation, _, nth| {
        let now = nth.is_multiple_of(3) || nth % 40 < 8;
        let asked = matches!(operation, Operation::Tail | Operation::Versions);
        (asked && now).then_some(Fault::Refuse(Failure::Unavailable))
    });
    let calls = store.calls(Operation::Tail);
    let (failing, failed, error) = all(&store, found.days.clone()).await;
    assert!(error.is_none() && failing == notes && failed > 10, "{failed} errors");
    let calls = store.calls(Operation::Tail) - calls;
    assert!(calls < 3 * count, "{calls} reads");
    store.heal();
    // Somebody put an object back, at the key of another day, after the days were told.
    let (key, elsewhere) = (chain.key(2_000), "date=2031-01-01");
    let bytes = store.remove(&key).unwrap();
    let date = key.split('/').nth(3).unwrap();
    store.insert(&key.replace(date, elsewhere), bytes);
    let (found_there, _, error) = all(&store, found.days.clone()).await;
    assert!(error.is_none() && found_there.len() == notes.len());
    store.remove(&key.replace(date, elsewhere)).unwrap();
    let (until, _, error) = all(&store, found.days).await;
    assert!(matches!(error, Some(Error::Found(_))));
    assert_eq!(until.last().map(|(seq, ..)| *seq), Some(2_001));
}
