//! What an attacker does, and what the verifier says: the table of reference attacks as data.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_archive::{Options, verify};
use auditseal_format::SealId;
use auditseal_format::seal::Gap;
use auditseal_format::{Alternate, ObjectKey, Time};
use auditseal_reader::Error;
use auditseal_vectors::{Archive, Chain, Lost, Parts, Piece, TestSigner, events, seal_line, text};
use common::{chain, findings, noise, options, six, store_of, verdicts};

type Attack = fn(&Chain, &mut Archive);
type Told = fn(&Chain, &mut Options);

struct Row {
    what: &'static str,
    attack: Attack,
    /// What the reader knows beside the key.
    told: Told,
    found: &'static [(&'static str, Option<u64>)],
}

fn nothing(_: &Chain, _: &mut Options) {}

fn told_head(chain: &Chain, options: &mut Options) {
    options.head = Some(SealId { seq: chain.head().seal.seq, hash: chain.head().hash });
}

fn much_later(chain: &Chain, options: &mut Options) {
    options.now = chain.now().saturating_add(7_200_000_000);
}

fn replace(chain: &Chain, archive: &mut Archive, seq: usize, edit: impl FnOnce(Parts) -> Vec<u8>) {
    let object = edit(Parts::of(&chain.get(seq).bytes));
    archive.insert(chain.key(seq), object).unwrap();
}

/// The same statement, signed by another key that names itself.
fn signed_by(parts: Parts, number: u8) -> Vec<u8> {
    let mut signer = TestSigner::new(number);
    let (old, new) = (TestSigner::new(1).identity(), signer.identity());
    parts.edit(&mut signer, |text| text.replace(&old.to_string(), &new.to_string())).bytes()
}

fn moved(archive: &mut Archive, from: &str, to: &str) {
    let object = archive.remove(from).unwrap();
    archive.insert(to.to_owned(), object);
}

/// The key of a chain's object with another part in its place.
fn key_with(chain: &Chain, seq: usize, from: &str, to: &str) -> String {
    let key = chain.key(seq);
    assert!(key.contains(from));
    key.replacen(from, to, 1)
}

const ROWS: &[Row] = &[
    Row { what: "nothing", attack: |_, _| {}, told: told_head, found: &[] },
    Row {
        what: "removes the genesis",
        attack: |chain, archive| drop(archive.remove(&chain.key(0)).unwrap()),
        told: nothing,
        found: &[("MISSING", Some(0))],
    },
    Row {
        what: "removes a batch from the middle",
        attack: |chain, archive| drop(archive.remove(&chain.key(2)).unwrap()),
        told: nothing,
        found: &[("MISSING", Some(2))],
    },
    Row {
        what: "removes two in a row: one finding",
        attack: |chain, archive| {
            archive.remove(&chain.key(2)).unwrap();
            archive.remove(&chain.key(3)).unwrap();
        },
        told: nothing,
        found: &[("MISSING", Some(2))],
    },
    Row {
        what: "removes the newest, and the head is known",
        attack: |chain, archive| drop(archive.remove(&chain.key(5)).unwrap()),
        told: told_head,
        found: &[("TRUNCATED", Some(5))],
    },
    Row {
        what: "removes the newest two, and the next is overdue",
        attack: |chain, archive| {
            archive.remove(&chain.key(4)).unwrap();
            archive.remove(&chain.key(5)).unwrap();
        },
        told: much_later,
        found: &[("SILENT", Some(3))],
    },
    Row {
        what: "removes everything, and the origin is asked for",
        attack: |_, archive| archive.clear(),
        told: |chain, options| options.origins = vec![chain.origin().clone()],
        found: &[("MISSING", None)],
    },
    Row {
        what: "swaps two",
        attack: |chain, archive| {
            let (one, other) = (chain.get(1).bytes.clone(), chain.get(4).bytes.clone());
            archive.insert(chain.key(1), other);
            archive.insert(chain.key(4), one);
        },
        told: nothing,
        found: &[("REORDERED", Some(1)), ("REORDERED", Some(4))],
    },
    Row {
        what: "copies one over another",
        attack: |chain, archive| drop(archive.insert(chain.key(4), chain.get(1).bytes.clone())),
        told: nothing,
        found: &[("REPLAY", Some(4))],
    },
    Row {
        what: "moves one under another date",
        attack: |chain, archive| {
            let key = key_with(chain, 4, "date=2026-11-21", "date=2026-11-22");
            moved(archive, &chain.key(4), &key);
        },
        told: nothing,
        found: &[("MISSING", Some(4)), ("REORDERED", Some(4))],
    },
    Row {
        what: "moves one far behind",
        attack: |chain, archive| {
            let key = key_with(chain, 4, "/000000000004.", "/000000000009.");
            moved(archive, &chain.key(4), &key);
        },
        told: nothing,
        found: &[("MISSING", Some(4)), ("REORDERED", Some(9))],
    },
    Row {
        what: "moves the newest over the heartbeat: its note still names seq 5",
        attack: |chain, archive| {
            let key = chain.key(3);
            moved(archive, &chain.key(5), &key);
        },
        told: nothing,
        found: &[("REORDERED", Some(3)), ("MISSING", Some(5))],
    },
    Row {
        what: "copies the genesis to another node",
        attack: |chain, archive| {
            let key = key_with(chain, 0, "node=n", "node=m");
            archive.insert(key, chain.get(0).bytes.clone());
        },
        told: nothing,
        found: &[("WRONG_ORIGIN", Some(0))],
    },
    Row {
        what: "copies the genesis to another cluster",
        attack: |chain, archive| {
            let key = key_with(chain, 0, "cluster=c", "cluster=d");
            archive.insert(key, chain.get(0).bytes.clone());
        },
        told: nothing,
        found: &[("WRONG_ORIGIN", Some(0))],
    },
    Row {
        what: "hides the newest at a key where garbage was",
        attack: |chain, archive| {
            let mut longer = chain.clone();
            longer.squat(b"garbage").heartbeat();
            longer.heartbeat();
            archive.extend(longer.archive());
            moved(archive, &longer.key(7), &chain.next_key().to_string());
        },
        told: nothing,
        found: &[("MISSING", Some(7)), ("REORDERED", Some(6))],
    },
    Row {
        what: "signs one with another key",
        attack: |chain, archive| {
            replace(chain, archive, 4, |parts| signed_by(parts, 9));
        },
        told: nothing,
        found: &[("WRONG_KEY", Some(4)), ("FORK", Some(5))],
    },
    Row {
        what: "signs the newest with another key",
        attack: |chain, archive| {
            replace(chain, archive, 5, |parts| signed_by(parts, 9));
        },
        told: told_head,
        found: &[("WRONG_KEY", Some(5)), ("TRUNCATED", Some(5))],
    },
    Row {
        what: "signs another text with the stolen key: prev of the next convicts it",
        attack: |chain, archive| {
            replace(chain, archive, 3, |parts| {
                let earlier = |text: &str| text::substitute(text, "08:00:15.0", "08:00:14.0");
                parts.edit(&mut TestSigner::new(1), earlier).bytes()
            });
        },
        told: nothing,
        found: &[("FORK", Some(4))],
    },
    Row {
        what: "the same at the head, which is known",
        attack: |chain, archive| {
            replace(chain, archive, 5, |parts| {
                let other = |text: &str| text::set(text, "malformed", "1");
                parts.edit(&mut TestSigner::new(1), other).bytes()
            });
        },
        told: told_head,
        found: &[("FORK", Some(5))],
    },
    Row {
        what: "adds a second signature line",
        attack: |chain, archive| {
            replace(chain, archive, 2, |mut parts| {
                let line = parts.note.lines().last().unwrap().to_owned();
                parts.note.push_str(&(line + "\n"));
                parts.bytes()
            });
        },
        told: nothing,
        found: &[("MALFORMED", Some(2))],
    },
    Row {
        what: "escapes the note's JSON otherwise",
        attack: |chain, archive| {
            replace(chain, archive, 2, |parts| {
                let line = String::from_utf8(seal_line(&parts.note, None)).unwrap();
                parts.bytes_with_line(
                    line.replacen("auditseal/seal", "auditseal\\/seal", 1).as_bytes(),
                )
            });
        },
        told: nothing,
        found: &[("MALFORMED", Some(2))],
    },
    Row {
        what: "cuts an object short",
        attack: |chain, archive| archive.get_mut(&chain.key(4)).unwrap().truncate(700),
        told: nothing,
        found: &[("MALFORMED", Some(4))],
    },
    Row {
        what: "empties an object",
        attack: |chain, archive| archive.get_mut(&chain.key(4)).unwrap().clear(),
        told: nothing,
        found: &[("UNSEALED", Some(4))],
    },
];

#[tokio::test]
async fn every_attack_has_its_verdict() {
    let honest = six();
    for row in ROWS {
        let (mut archive, mut options) = (honest.archive(), options(&honest));
        (row.attack)(&honest, &mut archive);
        (row.told)(&honest, &mut options);
        let report = findings(&archive, &options).await;
        let mut found: Vec<_> =
            report.origins.iter().flat_map(|origin| verdicts(&origin.findings)).collect();
        found.sort();
        let mut expected = row.found.to_vec();
        expected.sort();
        assert_eq!(found, expected, "{}", row.what);
        let exit = u8::from(!expected.is_empty());
        assert_eq!(report.exit_code(), exit, "{}", row.what);
        let complete = report.origins.iter().all(|origin| origin.complete_until.is_some());
        assert_eq!(complete, exit == 0, "{}", row.what);
    }
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_named() {
    let honest = six();
    let key = honest.key(4);
    let object = &honest.get(4).bytes;
    let options = options(&honest);
    for at in 0..object.len() {
        let mut archive = honest.archive();
        archive.get_mut(&key).unwrap()[at] ^= 1 << (at % 8);
        let report = findings(&archive, &options).await;
        assert_eq!(report.exit_code(), 1, "byte {at}");
        let found = verdicts(&report.origins[0].findings);
        let of_this = found.iter().all(|(_, seq)| *seq == Some(4));
        assert!(of_this && !found.is_empty(), "byte {at}: {found:?}");
    }
}

/// Two chains with one large object each: one that is fetched whole, and one that is streamed.
fn with_large(bytes: usize) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let mut lines: Vec<u8> = noise(bytes, 7);
    lines.iter_mut().skip(900).step_by(1500).for_each(|byte| *byte = b'\n');
    lines.push(b'\n');
    chain.batch(&[Piece::new("audit.log", lines)]);
    chain.heartbeat();
    chain
}

async fn flips(chain: &Chain, count: usize) {
    let (key, options) = (chain.key(1), options(chain));
    let size = chain.get(1).bytes.len();
    assert_eq!(findings(&chain.archive(), &options).await.exit_code(), 0);
    let places = noise(8 * count, 3);
    for place in places.chunks_exact(8) {
        let at = usize::try_from(u64::from_le_bytes(place.try_into().unwrap())).unwrap() % size;
        let mut archive = chain.archive();
        archive.get_mut(&key).unwrap()[at] ^= 1 << (at % 8);
        let report = findings(&archive, &options).await;
        let found = verdicts(&report.origins[0].findings);
        assert_eq!((report.exit_code(), found.len()), (1, 1), "byte {at}: {found:?}");
        assert_eq!(found[0].1, Some(1), "byte {at}");
        // Almost all of the object is blocks: what isn't is the seal at its end.
        if at < size - 2000 {
            assert_eq!(found[0].0, "TAMPERED", "byte {at}");
        }
    }
}

#[tokio::test]
async fn one_flipped_bit_of_a_large_object_is_named() {
    flips(&with_large(64 << 10), 1000).await;
}

#[tokio::test]
async fn one_flipped_bit_of_a_streamed_object_is_named() {
    let chain = with_large(5 << 20);
    assert!(chain.get(1).bytes.len() > 4 << 20);
    flips(&chain, 12).await;
}

#[tokio::test]
async fn stored_bytes_alone_show_a_flipped_bit_too() {
    for bytes in [3000, 5 << 20] {
        let chain = with_large(bytes);
        let mut options = options(&chain);
        options.stored_only = true;
        let report = findings(&chain.archive(), &options).await;
        assert_eq!(report.exit_code(), 0);
        assert!(report.origins[0].limits.iter().any(|limit| limit.contains("stored bytes")));
        let mut archive = chain.archive();
        archive.get_mut(&chain.key(1)).unwrap()[100] ^= 1;
        let report = findings(&archive, &options).await;
        assert_eq!(verdicts(&report.origins[0].findings), [("TAMPERED", Some(1))]);
    }
}

/// Whoever may put objects may put these, and the chain can do without them.
#[tokio::test]
async fn what_the_chain_does_not_need_is_information() {
    let chain = six();
    let stray = chain.get(1).bytes.clone();
    for (key, object, seq) in [
        (chain.next_key().to_string(), stray.clone(), 6),
        (chain.next_key().to_string(), b"garbage".to_vec(), 6),
        (key_with(&chain, 4, "date=2026-11-21", "date=2026-11-20"), chain.get(4).bytes.clone(), 4),
        (key_with(&chain, 4, ".jsonl", ".0123456789abcdef.jsonl"), stray, 4),
        (key_with(&chain, 4, ".jsonl", ".0123456789abcdef.jsonl"), b"garbage".to_vec(), 4),
    ] {
        let mut archive = chain.archive();
        archive.insert(key, object);
        let report = findings(&archive, &options(&chain)).await;
        let origin = &report.origins[0];
        assert_eq!((report.exit_code(), origin.seals), (0, 6));
        assert_eq!(verdicts(&origin.information), [("UNEXPECTED_OBJECT", Some(seq))]);
    }
}

#[tokio::test]
async fn a_thief_of_the_key_is_convicted_by_two_notes() {
    let mut one = six();
    let mut other = one.clone();
    one.heartbeat();
    other.wait(1).heartbeat();
    let options = options(&other);
    // The bucket shows one of them at a time; both together, they can't stand at one key.
    let mut archive = one.archive();
    let key = ObjectKey::after(&one.get(5).seal).with(Alternate::parse("00000000000000ff"));
    archive.insert(key.to_string(), other.head().bytes.clone());
    let report = findings(&archive, &options).await;
    let found = verdicts(&report.origins[0].findings);
    assert_eq!(found, [("FORK", Some(6))]);
    assert_eq!(report.origins[0].head.map(|head| head.seq), Some(5), "undecided behind it");
}

#[tokio::test]
async fn dates_of_the_store_contradict_seals_from_the_future() {
    let honest = six();
    let mut options = options(&honest);
    let sealed = honest.get(0).seal.sealed.micros();
    for (stored, found) in [(0, 0), (-600_000_000, 0), (-600_000_001, 1)] {
        let store = common::memory(&honest.archive());
        store.set_time(sealed + stored);
        let genesis = honest.archive().remove(&honest.key(0)).unwrap();
        store.insert(&honest.key(0), genesis);
        let store = std::sync::Arc::new(store);
        let report = verify(store.clone(), &options, |_| {}).await.unwrap();
        let verdicts = verdicts(&report.origins[0].findings);
        assert_eq!(verdicts, vec![("TIME_INCONSISTENT", Some(0)); found], "{stored}");
        options.skew = None;
        let report = verify(store, &options, |_| {}).await.unwrap();
        assert_eq!(report.exit_code(), 0, "dates that mean nothing");
        options.skew = Some(600_000_000);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_is_information() {
    let mut chain = six();
    chain.step_clock(3600);
    chain.heartbeat();
    chain.step_clock(-60);
    chain.heartbeat();
    let report = findings(&chain.archive(), &options(&chain)).await;
    assert_eq!(report.exit_code(), 0);
    let information = verdicts(&report.origins[0].information);
    assert_eq!(information, [("CLOCK_STEP", Some(6)), ("CLOCK_STEP", Some(7))]);
    assert!(report.origins[0].information[0].detail.contains("+3600s"));
}

#[tokio::test]
async fn a_gap_is_a_finding_until_somebody_accepts_it() {
    let mut chain = six();
    let (after, before) = (Time::from_micros(1), Time::from_micros(2));
    chain.gap(&[Lost::bytes("new", 100).between(Some(after), Some(before))]);
    chain.gap(&[Lost::unknown(Some("audit\u{1b}[2J.log"))]);
    chain.batch(&[Piece::new("new", events(20..21))]);
    let mut options = options(&chain);
    let report = findings(&chain.archive(), &options).await;
    let found = verdicts(&report.origins[0].findings);
    assert_eq!(found, [("SOURCE_GAP", Some(6)), ("SOURCE_GAP", Some(7))]);
    assert_eq!(report.exit_code(), 1);
    // Of another chain it is another matter, and of one that isn't there a mistake.
    options.accept = vec![("x/y/z".parse().unwrap(), 7)];
    let refused = verify(store_of(&chain.archive()), &options, |_| {}).await.unwrap_err();
    assert!(matches!(refused, Error::NoChain(_)), "{refused}");
    options.accept = vec![(chain.origin().clone(), 6)];
    let report = findings(&chain.archive(), &options).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("SOURCE_GAP", Some(7))]);
    options.accept.push((chain.origin().clone(), 7));
    let report = findings(&chain.archive(), &options).await;
    assert_eq!(report.exit_code(), 0);
    let information = &report.origins[0].information;
    assert_eq!(verdicts(information), [("SOURCE_GAP", Some(6)), ("SOURCE_GAP", Some(7))]);
    assert!(information.iter().all(|finding| finding.detail.ends_with("(accepted)")));
    assert!(!information[1].detail.contains('\u{1b}'));
}

/// What a writer that lies about its source gives away.
#[tokio::test]
async fn ranges_that_do_not_join_are_found() {
    let shift = |by: i64| {
        let mut chain = six();
        chain.edit(move |seal| {
            let range = &mut seal.ranges[0];
            range.start = range.start.checked_add_signed(by).unwrap();
            range.end = range.end.checked_add_signed(by).unwrap();
        });
        chain.batch(&[Piece::new("new", events(11..12))]);
        chain
    };
    let absent = shift(10);
    let report = findings(&absent.archive(), &options(&absent)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("SOURCE_GAP", Some(6))]);
    let twice = shift(-10);
    let report = findings(&twice.archive(), &options(&twice)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("REPLAY", Some(6))]);
    // Behind a missing note a later start is what the missing note explains; its own cursors
    // settle where the files stand.
    let mut archive = absent.archive();
    archive.remove(&absent.key(4)).unwrap();
    let report = findings(&archive, &options(&absent)).await;
    assert_eq!(
        verdicts(&report.origins[0].findings),
        [("MISSING", Some(4)), ("SOURCE_GAP", Some(6))]
    );
}

#[tokio::test]
async fn a_file_closed_by_a_gap_does_not_go_on_silently() {
    let mut chain = six();
    chain.gap(&[Lost::rest("new")]);
    chain.batch(&[Piece::new("new", events(11..12))]);
    let mut options = options(&chain);
    options.accept = vec![(chain.origin().clone(), 6)];
    let report = findings(&chain.archive(), &options).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("SOURCE_GAP", Some(7))]);
    let Gap { end, .. } = chain.get(6).seal.gaps[0].clone();
    assert_eq!(end, None);
}

#[tokio::test]
async fn chains_are_judged_one_by_one() {
    let (one, other) = (six(), chain("c/m/s", 1));
    let mut archive = one.archive();
    archive.extend(other.archive());
    let mut options = options(&one);
    // One key is trusted for one node: nobody said that of the other's, who began that chain.
    let report = findings(&archive, &options).await;
    assert_eq!((report.origins.len(), report.exit_code()), (2, 1));
    assert!(report.origins[0].complete_until.is_none() && report.origins[1].findings.is_empty());
    options.vkeys.push(other.current_signer().identity());
    let report = findings(&archive, &options).await;
    assert_eq!((report.origins.len(), report.exit_code()), (2, 0));
    archive.remove(&other.key(2)).unwrap();
    let report = findings(&archive, &options).await;
    assert_eq!(report.exit_code(), 1);
    assert!(report.origins[0].findings_total == 1 && report.origins[1].complete_until.is_some());
    // Whoever asks for one gets that one, and an absent one is missing as a whole.
    options.origins = vec![one.origin().clone()];
    assert_eq!(findings(&archive, &options).await.exit_code(), 0);
    options.origins.push("c/x/s".parse().unwrap());
    let error = verify(store_of(&archive), &options, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::NoKeyFor(..)), "nothing could be found: {error}");
    options.vkeys.push(TestSigner::named("c/x/s", 1).identity());
    let report = findings(&archive, &options).await;
    assert_eq!((report.origins.len(), report.exit_code()), (2, 1));
    assert_eq!(verdicts(&report.origins[1].findings), [("MISSING", None)]);
}
