//! Honest archives are complete, and give back their source byte for byte.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_vectors::{Chain, Piece, TestSigner, events};
use common::{LOG, findings, noise, options, restored, six, started, verdicts};

type Histories = Vec<(&'static str, Chain)>;

/// Honest histories of every kind, by name.
fn histories() -> Histories {
    [of_chains(), of_files(), of_bytes()].concat()
}

fn of_chains() -> Histories {
    let mut heartbeats = started();
    for _ in 0..3 {
        heartbeats.heartbeat();
    }
    let mut reanchored = six();
    reanchored.reanchor("state-lost");
    reanchored.batch(&[Piece::new("new", events(11..14))]);
    let mut passed = six();
    passed.squat(b"garbage");
    passed.batch(&[Piece::new("new", events(11..14))]);
    let mut passed_twice = passed.clone();
    passed_twice.squat(&six().get(2).bytes);
    passed_twice.batch(&[Piece::new("new", events(14..15))]);
    let mut resumed = six();
    resumed.final_();
    resumed.batch(&[Piece::new("new", events(11..12))]);
    let mut ratchet = Chain::new("c/n/s", TestSigner::ratchet(1));
    ratchet.genesis();
    ratchet.batch(&[Piece::new(LOG, events(0..3))]);
    ratchet.batch(&[Piece::new(LOG, events(3..4))]);
    let mut midnight = six();
    midnight.wait(86_400).batch(&[Piece::new("new", events(11..12))]);
    midnight.batch(&[Piece::new("new", events(12..13))]);
    vec![
        ("six objects", six()),
        ("heartbeats", heartbeats),
        ("reanchor", reanchored),
        ("garbage at a key", passed),
        ("a copy at a key after it", passed_twice),
        ("final, then another batch", resumed),
        ("a fresh key for each note", ratchet),
        ("days", midnight),
    ]
}

fn of_files() -> Histories {
    let mut late = six();
    late.batch(&[Piece::new(LOG, events(30..31)).named("audit-1.log").last()]);
    late.batch(&[Piece::new("new", events(11..12))]);
    let mut order = six();
    order.batch(&[Piece::new("older", events(0..2)).last().before(LOG)]);
    order.batch(&[Piece::new("oldest", events(40..41)).last().before("older")]);
    order.batch(&[Piece::new("older too", "x\n").last().before(LOG), Piece::new("new", "y\n")]);
    let mut interleaved = started();
    let two = |n: u64| [Piece::new("a", events(n..n + 2)), Piece::new("b", events(n + 2..n + 3))];
    interleaved.batch(&two(0));
    interleaved.batch(&[Piece::new("a", events(3..4))]);
    interleaved.heartbeat();
    interleaved.batch(&two(4));
    interleaved.batch(&[
        Piece::new("b", events(7..8)),
        Piece::new("a", events(8..9)),
        Piece::new("b", "last\n"),
    ]);
    vec![
        ("a final file grows", late),
        ("files found later that stand before", order),
        ("two files interleaved", interleaved),
    ]
}

fn of_bytes() -> Histories {
    let mut unterminated = started();
    unterminated.batch(&[Piece::new(LOG, "one\ntwo\nno newline").last()]);
    unterminated
        .batch(&[Piece::new(LOG, " goes on\nthree\n\n\r\n").last(), Piece::new("b", "b\nc")]);
    let mut holes = started();
    holes.batch(&[Piece::new(LOG, b"\0\0\0one\n\0two\n\0\0".to_vec())]);
    holes.batch(&[Piece::new(LOG, vec![0; 70_000]), Piece::new("b", b"\0first\n\0\0".to_vec())]);
    holes.batch(&[Piece::new("b", b"\0\0".to_vec()), Piece::new(LOG, b"\0x\0\0".to_vec()).last()]);
    let mut few_holes = started();
    few_holes.max_holes(2);
    few_holes.batch(&[Piece::new(LOG, b"a\0b\0c\0\0d\n".to_vec())]);
    let mut binary = started();
    let mut bytes = noise(300_000, 1);
    bytes.push(b'\n');
    binary.batch(&[Piece::new(LOG, bytes), Piece::new("b", b"\xff\xfe\n\n\n".to_vec())]);
    vec![
        ("unterminated", unterminated),
        ("holes", holes),
        ("more NUL runs than holes", few_holes),
        ("bytes of any kind", binary),
    ]
}

#[tokio::test]
async fn honest_histories_are_complete_and_come_back() {
    for (name, chain) in histories() {
        let report = findings(&chain.archive(), &options(&chain)).await;
        let origin = &report.origins[0];
        assert_eq!(verdicts(&origin.findings), [], "{name}");
        assert_eq!(report.exit_code(), 0, "{name}");
        assert_eq!(origin.complete_until, Some(chain.head().seal.sealed), "{name}");
        assert_eq!(origin.seals as usize, chain.batches().count(), "{name}");
        let lines: u64 = chain.batches().map(|batch| batch.seal.payload.root.lines).sum();
        assert_eq!(origin.lines, lines, "{name}");
        let bytes = restored(&chain.archive(), &chain).await.unwrap();
        assert!(bytes == chain.restored(), "{name}");
    }
}

/// Histories that nobody thought of: files interleaved, NULs and torn lines anywhere.
#[tokio::test]
async fn random_histories_come_back() {
    for seed in 0..150 {
        let mut dice = noise(4000, seed).into_iter().map(usize::from);
        let mut roll = |sides: usize| dice.next().unwrap() % sides;
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.promise(1_000_000).max_holes(roll(6)).genesis();
        let mut begun: Vec<String> = Vec::new();
        for _ in 0..roll(12) {
            match roll(8) {
                0 => drop(chain.heartbeat().clone()),
                1 => drop(chain.reanchor("state-lost").clone()),
                2 => drop(chain.squat(b"garbage").heartbeat().clone()),
                3 => drop(chain.wait(40_000)),
                _ => {
                    let pieces: Vec<_> =
                        (0..=roll(3)).map(|_| piece(&mut roll, &mut begun)).collect();
                    chain.batch(&pieces);
                }
            }
        }
        let report = findings(&chain.archive(), &options(&chain)).await;
        assert_eq!(verdicts(&report.origins[0].findings), [], "seed {seed}");
        let bytes = restored(&chain.archive(), &chain).await.unwrap();
        assert!(bytes == chain.restored(), "seed {seed}");
    }
}

fn piece(roll: &mut impl FnMut(usize) -> usize, begun: &mut Vec<String>) -> Piece {
    let label = ["a", "b", "c", "d"][roll(4)].to_owned();
    let mut bytes = Vec::new();
    let new = !begun.contains(&label);
    if new {
        bytes.extend(vec![0; roll(3)]);
        bytes.extend(format!("first of {label}\n").bytes());
    }
    bytes.extend((0..=roll(20)).map(|_| b"xy\n\0\0"[roll(5)]));
    let mut piece = Piece::new(&label, bytes);
    if new && !begun.is_empty() && roll(2) == 0 {
        piece = piece.before(&begun[roll(begun.len())]);
    }
    if new {
        begun.push(label);
    }
    if roll(4) == 0 { piece.last() } else { piece }
}
