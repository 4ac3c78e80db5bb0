//! `cat`: nothing unverified is written, and only what was asked for.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auditseal_archive::{CatError, CatOptions, Piped, Restored, cat};
use auditseal_chain::Verdict;
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::Time;
use auditseal_format::seal::Word;
use auditseal_reader::{Error, Window};
use auditseal_store::{Kind, Operation};
use auditseal_vectors::{Chain, Lost, Piece, event, events, text};
use common::{LOG, Sink, findings, memory, noise, options, six, started};

async fn cat_of(
    store: MemoryStore,
    chain: &Chain,
    options: CatOptions,
) -> (Result<Restored, CatError>, Vec<u8>) {
    let sink = Sink::default();
    let done =
        cat(Arc::new(store), chain.origin(), &options, Piped::new(sink.clone()), |_| {}).await;
    (done, sink.bytes())
}

fn trusting(chain: &Chain) -> CatOptions {
    let vkeys = Some(vec![chain.current_signer().identity()]);
    CatOptions { vkeys, ..CatOptions::default() }
}

#[tokio::test]
async fn what_is_wrong_in_the_chain_stops_it_before_the_first_byte() {
    let chain = six();
    for (what, key, verdict) in
        [("a missing object", 2, Verdict::Missing), ("a broken seal", 4, Verdict::Unsealed)]
    {
        let store = memory(&chain.archive());
        store.remove(&chain.key(key));
        if verdict == Verdict::Unsealed {
            store.insert(&chain.key(key), b"x".to_vec());
        }
        let (done, bytes) = cat_of(store, &chain, trusting(&chain)).await;
        let error = done.unwrap_err();
        let Error::Found(finding) = &error.error else { panic!("{what}: {error}") };
        assert_eq!((finding.verdict, finding.seq), (verdict, Some(key as u64)), "{what}");
        assert!(error.error.is_finding());
        assert_eq!((error.written, bytes.len()), (0, 0), "{what}");
    }
    let (done, _) =
        cat_of(memory(&chain.archive()), &chain, trusting(&common::chain("c/n/s", 2))).await;
    let text = done.unwrap_err().to_string();
    assert!(text.starts_with("read archive: FOREIGN_CHAIN origin=c/n/s seq=0"), "{text}");
}

#[tokio::test]
async fn of_an_altered_object_no_byte_is_written() {
    // The first is met when its seal is read, the second when its lines are to be written.
    let larger = with_a_larger_one();
    for (chain, seq, before) in [(six(), 4, vec![]), (larger, 2, events(0..5))] {
        let store = memory(&chain.archive());
        let mut object = chain.get(seq).bytes.clone();
        object[20] ^= 1;
        store.insert(&chain.key(seq), object);
        let (done, bytes) = cat_of(store, &chain, trusting(&chain)).await;
        let error = done.unwrap_err();
        let told = format!("TAMPERED origin=c/n/s seq={seq} key=cluster=c");
        assert!(error.to_string().contains(&told), "{error}");
        assert_eq!(error.written, bytes.len() as u64);
        assert!(bytes == before, "what stands before it");
        if seq == 2 {
            let written = format!("({} verified bytes were written before)", bytes.len());
            assert!(error.to_string().ends_with(&written), "{error}");
        }
    }
}

/// A chain whose seq 2 is more than its seal's fetch brings: it is asked for twice.
fn with_a_larger_one() -> Chain {
    let mut chain = started();
    chain.batch(&[Piece::new(LOG, events(0..5))]);
    chain.batch(&[Piece::new(LOG, [noise(100 << 10, 3), b"\n".to_vec()].concat())]);
    chain
}

#[tokio::test]
async fn a_store_that_changes_its_mind_between_two_reads_is_caught() {
    let chain = with_a_larger_one();
    // Another object of the chain, perfect in itself, where seq 2 was a moment ago.
    let store = memory(&chain.archive());
    let (other, key) = (store.clone(), chain.key(2));
    let replacement = chain.get(1).bytes.clone();
    let target = key.clone();
    store.fail_when(move |operation, asked, _| {
        if operation == Operation::Get && asked == target {
            other.insert(asked, replacement.clone());
        }
        None
    });
    let (done, bytes) = cat_of(store, &chain, trusting(&chain)).await;
    let text = done.unwrap_err().to_string();
    assert!(text.contains("TAMPERED") && text.contains("two reads"), "{text}");
    assert!(bytes == events(0..5));
    // And nothing at all.
    let store = memory(&chain.archive());
    store.fail_when(move |operation, asked, _| {
        (operation == Operation::Get && asked == key).then_some(Fault::Refuse(Kind::NotFound))
    });
    let (done, _) = cat_of(store, &chain, trusting(&chain)).await;
    let text = done.unwrap_err().to_string();
    assert!(text.contains("MISSING origin=c/n/s seq=2"), "{text}");
}

#[tokio::test]
async fn a_payload_that_its_signer_misstated_stops_it() {
    let mut chain = started();
    chain.batch(&[Piece::new(LOG, events(0..2))]);
    chain.rewrite(|text| {
        let root = text::value(text, "root");
        text::set(text, "root", &format!("{}{}", &root[1..], &root[..1]))
    });
    let (done, _) = cat_of(memory(&chain.archive()), &chain, trusting(&chain)).await;
    let text = done.unwrap_err().to_string();
    assert!(text.contains("MALFORMED origin=c/n/s seq=1"), "{text}");
}

#[tokio::test]
async fn a_store_without_an_answer_is_no_finding() {
    let chain = with_a_larger_one();
    for operation in [Operation::Versions, Operation::Tail, Operation::Get] {
        let store = memory(&chain.archive());
        store.fail_when(move |asked, _, _| {
            (asked == operation).then_some(Fault::Refuse(Kind::Denied))
        });
        let (done, _) = cat_of(store, &chain, trusting(&chain)).await;
        let error = done.unwrap_err();
        assert!(matches!(error.error, Error::Store(_)), "{error}");
        assert!(!error.error.is_finding());
    }
    let (done, _) = cat_of(MemoryStore::new(), &chain, trusting(&chain)).await;
    assert!(matches!(done.unwrap_err().error, Error::NoChain(_)));
}

#[tokio::test]
async fn a_gap_is_a_warning_unless_strict() {
    let mut chain = six();
    chain.gap(&[Lost::bytes("new", 10)]);
    chain.batch(&[Piece::new("new", "after\n")]);
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, trusting(&chain)).await;
    let done = done.unwrap();
    assert_eq!(bytes, [events(0..11), b"after\n".to_vec()].concat());
    assert_eq!(done.bytes, bytes.len() as u64);
    assert!(matches!(&done.warnings[..], [warning] if warning.contains("SOURCE_GAP")));
    let strict = CatOptions { strict: true, ..trusting(&chain) };
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, strict).await;
    assert!(done.unwrap_err().to_string().contains("SOURCE_GAP") && bytes.is_empty());
}

/// A disk that hung for one heartbeat must not keep the log of a year from whoever wants it back.
#[tokio::test]
async fn a_stalled_heartbeat_is_a_warning_unless_strict() {
    let mut chain = six();
    chain.edit(|seal| seal.reason = Word::new("stalled"));
    chain.heartbeat();
    chain.batch(&[Piece::new("new", "after\n")]);
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, trusting(&chain)).await;
    assert!(matches!(&done.unwrap().warnings[..], [warning] if warning.contains("STALLED")));
    assert_eq!(bytes, chain.restored());
    let strict = CatOptions { strict: true, ..trusting(&chain) };
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, strict).await;
    assert!(done.unwrap_err().to_string().contains("STALLED") && bytes.is_empty());
}

#[tokio::test]
async fn without_a_key_the_chain_still_has_to_hang_together() {
    let chain = six();
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, CatOptions::default()).await;
    let warnings = done.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("aren't tied"), "{warnings:?}");
    assert!(bytes == chain.restored());
    let store = memory(&chain.archive());
    store.remove(&chain.key(3));
    let (done, _) = cat_of(store, &chain, CatOptions::default()).await;
    assert!(done.unwrap_err().to_string().contains("MISSING"));
}

#[tokio::test]
async fn a_reader_that_has_enough_is_a_clean_end() {
    let chain = six();
    let (store, options) = (Arc::new(memory(&chain.archive())), trusting(&chain));
    for closes_at in [0, 1, 700] {
        let sink = Sink::closing_at(closes_at);
        let done =
            cat(store.clone(), chain.origin(), &options, Piped::new(sink), |_| {}).await.unwrap();
        assert_eq!((done.closed, done.bytes), (true, closes_at as u64));
    }
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error() {
    let chain = six();
    let (store, options) = (Arc::new(memory(&chain.archive())), trusting(&chain));
    let error = cat(store, chain.origin(), &options, Piped::new(Full), |_| {}).await.unwrap_err();
    assert!(matches!(error.error, Error::Write(_)) && error.written == 0, "{error}");
}

/// Since, until, and the lines of these events and others.
type Windowed = (Option<u64>, Option<u64>, Vec<Vec<u8>>);

fn time_of(n: u64) -> Time {
    auditseal_audit::scan(event(n).as_bytes()).time.unwrap()
}

#[tokio::test]
async fn a_window_prunes_batches_and_filters_lines() {
    let mut chain = started();
    chain.batch(&[Piece::new("a", events(0..4)), Piece::new("b", events(10..14))]);
    chain.batch(&[Piece::new("a", b"no event\n\0\0".to_vec())]);
    let mixed =
        [events(4..6), b"glued".to_vec(), events(6..7), events(20..22), b"torn".to_vec()].concat();
    chain.batch(&[Piece::new("a", mixed).last()]);
    chain.batch(&[Piece::new("b", events(14..16))]);
    let line = |n| events(n..n + 1);
    let glued = [b"glued".to_vec(), line(6)].concat();
    // Whatever the window, for nobody knows when they happened.
    let untimed = vec![b"no event\n".to_vec(), glued.clone(), b"torn".to_vec()];
    let cases: [Windowed; 6] = [
        // All of each batch is inside, or has no time to judge by; holes aren't written.
        (
            Some(0),
            None,
            vec![
                line(0),
                line(1),
                line(2),
                line(3),
                b"no event\n".to_vec(),
                line(4),
                line(5),
                glued.clone(),
                line(20),
                line(21),
                b"torn".to_vec(),
                line(10),
                line(11),
                line(12),
                line(13),
                line(14),
                line(15),
            ],
        ),
        (
            Some(2),
            Some(11),
            vec![
                line(2),
                line(3),
                b"no event\n".to_vec(),
                line(4),
                line(5),
                glued.clone(),
                b"torn".to_vec(),
                line(10),
                line(11),
            ],
        ),
        (Some(5), Some(5), vec![b"no event\n".to_vec(), line(5), glued.clone(), b"torn".to_vec()]),
        (None, Some(0), [vec![line(0)], untimed.clone()].concat()),
        (Some(15), Some(19), [untimed.clone(), vec![line(15)]].concat()),
        (Some(100), None, untimed),
    ];
    for (since, until, expected) in cases {
        let options = CatOptions {
            window: Window { since: since.map(time_of), until: until.map(time_of) },
            ..trusting(&chain)
        };
        let (done, bytes) = cat_of(memory(&chain.archive()), &chain, options).await;
        done.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(bytes == expected.concat(), "{since:?} to {until:?}: {text}");
    }
}

#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A file that somebody truncated under a writer with an old offset: sparse, and huge when read.
#[tokio::test]
async fn a_hole_is_streamed_to_a_pipe_up_to_a_gigabyte() {
    for (hole, fits) in [(1 << 30, true), ((1 << 30) + 1, false), (6_000_000_003_u64, false)] {
        let mut chain = started();
        chain.batch(&[Piece::new(LOG, b"a\n\0\0\0b\n".to_vec()).last()]);
        chain.rewrite(|text| {
            let text = text::substitute(text, "hole 2 3\n", &format!("hole 2 {hole}\n"));
            text::substitute(&text, " 0 7 2 final ", &format!(" 0 {} 2 final ", hole + 4))
        });
        assert_eq!(findings(&chain.archive(), &options(&chain)).await.exit_code(), 0);
        let counter = Counter::default();
        let store = Arc::new(memory(&chain.archive()));
        let out = Piped::new(counter.clone());
        let done = cat(store, chain.origin(), &trusting(&chain), out, |_| {}).await;
        let written = if fits { hole + 4 } else { 2 };
        assert_eq!(done.map_or_else(|failed| failed.written, |done| done.bytes), written);
        assert_eq!(counter.0.load(Ordering::Relaxed), written);
    }
}

/// One line of 33 MiB that doesn't compress: streamed twice, and nothing of it held.
#[tokio::test]
async fn an_object_too_large_to_hold_is_streamed_twice() {
    let mut chain = started();
    let line = [noise(33 << 20, 5), b"\n".to_vec()].concat();
    chain.batch(&[Piece::new(LOG, line.clone()), Piece::new("b", events(0..3))]);
    assert!(chain.get(1).bytes.len() > 32 << 20);
    let store = memory(&chain.archive());
    let (done, bytes) = cat_of(store.clone(), &chain, trusting(&chain)).await;
    assert_eq!(done.unwrap().bytes, bytes.len() as u64);
    assert!(bytes == chain.restored());
    assert_eq!(store.calls(Operation::Get), 0);
    assert_eq!(store.calls(Operation::Stream), 2, "twice, for both files together");
    // Of the file that is asked for last, only the lines inside the window; the long one has none.
    let options =
        CatOptions { window: Window { since: Some(time_of(2)), until: None }, ..trusting(&chain) };
    let (done, bytes) = cat_of(store.clone(), &chain, options).await;
    done.unwrap();
    assert!(bytes == [line.clone(), events(2..3)].concat());
    // Other bytes at the second reading, the one that is written.
    let broken = memory(&chain.archive());
    broken.fail(Operation::Stream, 2, Fault::WrongBytes);
    let (done, bytes) = cat_of(broken, &chain, trusting(&chain)).await;
    let text = done.unwrap_err().to_string();
    assert!(text.contains("TAMPERED") && text.contains("two reads"), "{text}");
    assert!(line.starts_with(&bytes), "what was written is good");
    // And an altered one is never written at all.
    let mut object = chain.get(1).bytes.clone();
    object[30 << 20] ^= 1;
    store.insert(&chain.key(1), object);
    let (done, bytes) = cat_of(store, &chain, trusting(&chain)).await;
    assert!(done.unwrap_err().to_string().contains("TAMPERED") && bytes.is_empty());
}

#[tokio::test]
async fn a_file_before_one_that_nobody_began_stands_last() {
    let mut chain = six();
    chain.edit(|seal| {
        let mut stranger = seal.ranges[0].file;
        stranger.copy = 77;
        seal.ranges[0].before = Some(stranger);
    });
    chain.batch(&[Piece::new("lost", "x\n")]);
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, trusting(&chain)).await;
    done.unwrap();
    assert!(bytes == chain.restored());
}

/// In a window the batch that began the file is passed over: its place is settled all the same.
#[tokio::test]
async fn only_the_first_range_of_a_file_says_where_it_stands() {
    let mut chain = started();
    chain.batch(&[Piece::new("one", events(0..2))]);
    chain.batch(&[Piece::new("two", events(2..4))]);
    let one = chain.get(1).seal.ranges[0].file;
    chain.edit(move |seal| {
        for range in &mut seal.ranges {
            range.before = Some(one).filter(|one| *one != range.file);
        }
    });
    chain.batch(&[Piece::new("two", events(4..5))]);
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, trusting(&chain)).await;
    done.unwrap();
    assert!(bytes == chain.restored());
    let mut twice = started();
    twice.batch(&[Piece::new("one", events(0..2))]);
    let one = twice.get(1).seal.ranges[0].file;
    twice.edit(move |seal| {
        for range in seal.ranges.iter_mut().skip(1) {
            range.before = Some(one);
        }
    });
    twice.batch(&[Piece::new("two", events(2..4)), Piece::new("two", events(4..5))]);
    let (done, bytes) = cat_of(memory(&twice.archive()), &twice, trusting(&twice)).await;
    done.unwrap();
    assert!(bytes == twice.restored());
    let options =
        CatOptions { window: Window { since: Some(time_of(3)), until: None }, ..trusting(&chain) };
    let (done, bytes) = cat_of(memory(&chain.archive()), &chain, options).await;
    done.unwrap();
    assert!(bytes == events(3..5));
}

/// A batch that holds many files is fetched for all of them at once; where they stand in it in another order than in the
/// source, for each run of them that doesn't.
#[tokio::test]
async fn a_batch_of_many_files_is_fetched_once() {
    // More than what the first pass keeps: an object of more than its seal is fetched again.
    let line = |nth: u64| [noise(9000, nth), b"\n".to_vec()].concat();
    let name = |nth: u64| format!("audit-{nth}.log");
    let mut chain = started();
    let files: Vec<Piece> = (0..20).map(|nth| Piece::new(&name(nth), line(nth)).last()).collect();
    chain.batch(&files);
    // Of three files the second stands before the first in the source, and the third goes on in the next batch.
    chain.batch(&[
        Piece::new("x", [line(30), line(31)].concat()).last(),
        Piece::new("w", [line(32), line(33), line(34), line(35), line(36)].concat())
            .last()
            .before("x"),
        Piece::new("y", [line(37), line(38), line(39)].concat()),
    ]);
    chain.batch(&[Piece::new("y", (40..50).flat_map(line).collect::<Vec<_>>())]);
    assert!((1..4).all(|seq| chain.get(seq).bytes.len() > 1 << 16));
    let store = memory(&chain.archive());
    let (done, bytes) = cat_of(store.clone(), &chain, trusting(&chain)).await;
    assert_eq!(done.unwrap().bytes, bytes.len() as u64);
    assert!(bytes == chain.restored());
    assert_eq!(store.calls(Operation::Get), 3, "each batch once");
    // A search reads each whole from the start.
    let window = Window { since: Some(Time::EPOCH), until: None };
    let options = CatOptions { window, ..trusting(&chain) };
    let (done, lines) = cat_of(store, &chain, options).await;
    done.unwrap();
    assert!(lines == bytes, "no line has a time");
}
