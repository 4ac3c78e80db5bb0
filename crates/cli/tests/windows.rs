//! Lines of some time, through the program, of a chain ten times as large as each bound of such a search:
//! the bytes that a reading from the genesis gives, or it is said what wasn't looked at.
#![allow(clippy::unwrap_used, reason = "a test")]

mod desk;
mod node;

use auditseal_format::Time;
use auditseal_vectors::{Chain, Piece, TestSigner, head_text};
use desk::{Desk, ORIGIN};
use node::finish;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
const LOG: &str = "audit.log";

/// One event, with as many bytes more.
fn line(time: Time, more: usize, seed: u64) -> Vec<u8> {
    let mut line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":""#.to_vec();
    let mut state = seed;
    line.extend((0..more).map(|_| {
        // Knuth's MMIX generator; a byte that a string may hold as it is.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = (state >> 56) as u8;
        if matches!(byte, 0 | b'\n' | b'"' | b'\\') { b'x' } else { byte }
    }));
    line.extend(format!("\",\"stageTimestamp\":\"{time}\"}}\n").bytes());
    line
}

struct Asked {
    out: Vec<u8>,
    err: String,
    code: i32,
}

/// `cat` of a window.
fn cat(desk: &Desk, chain: &Chain, (since, until): (Time, Time), more: &[&str]) -> Asked {
    let vkey = chain.current_signer().identity().to_string();
    let mut command = desk.command(&["cat", "--origin", ORIGIN, "--vkey", &vkey]);
    command.args(["--since", &since.to_string(), "--until", &until.to_string()]).args(more);
    let done = finish(&mut command);
    Asked { out: done.out, err: done.err, code: done.code }
}

/// 170 days of 17 seals, each of a line of half a minute before; in the midst of day 60 two hundred seals
/// without a line of it, and behind them one line of it that was sealed so late.
///
/// Ten times 16 days listed at a time, 16 quiet seals at an edge, and 256 seals up to what is known.
fn long() -> (Chain, Time, Vec<u8>) {
    let mut chain = Chain::new(ORIGIN, TestSigner::of(ORIGIN, 1));
    chain.genesis();
    let begun = chain.now();
    let mut late = Vec::new();
    for n in 0..170 * 17 {
        let now = begun.saturating_add(n / 17 * DAY + (1 + n % 17) * 60 * MINUTE);
        chain.at(now).batch(&[Piece::new(LOG, line(now.saturating_add(-MINUTE / 2), 0, 1))]);
        if n == 60 * 17 + 8 {
            let now = now.saturating_add(-2 * MINUTE);
            for _ in 0..200 {
                let later = chain.wait(10).now();
                chain.batch(&[Piece::new(LOG, line(later, 0, 1))]);
            }
            late = line(now, 0, 1);
            chain.wait(10).batch(&[Piece::new(LOG, late.clone())]);
        }
    }
    (chain, begun, late)
}

#[test]
fn a_search_beyond_its_bounds_gives_the_bytes_of_the_whole_chain_or_says_so() {
    let (chain, begun, late) = long();
    let desk = Desk::new();
    desk.holds(&[chain.archive()]);
    let at = |day: i64, hour: i64| begun.saturating_add(day * DAY + hour * 60 * MINUTE);
    for (window, lines) in [
        ((at(0, 0), at(200, 0)), 170 * 17 + 201),
        ((at(0, 0), at(165, 0)), 165 * 17 + 201),
        ((at(160, 0), at(160, 8)), 8),
        ((at(169, 0), at(200, 0)), 17),
        ((at(100, 9), at(100, 10)), 1),
    ] {
        let asked = cat(&desk, &chain, window, &["--allow-unanchored"]);
        let all = cat(&desk, &chain, window, &["--from", "0"]);
        assert_eq!((asked.code, all.code), (0, 0), "{}{}", asked.err, all.err);
        assert!(asked.out == all.out, "{window:?}: {} of {} bytes", asked.out.len(), all.out.len());
        assert_eq!(all.out.iter().filter(|byte| **byte == b'\n').count(), lines, "{window:?}");
    }
    // One line sealed behind two hundred of other times: only a reading of the whole chain has it.
    let window = (at(60, 0), at(60, 9));
    let asked = cat(&desk, &chain, window, &["--allow-unanchored"]);
    let all = cat(&desk, &chain, window, &["--from", "0"]).out;
    assert!(all == [asked.out, late].concat(), "the whole chain has one line more");
    assert!(asked.err.contains("only the seals "), "{}", asked.err);
}

#[test]
fn a_part_is_tied_by_what_is_known_near_it_and_by_nothing_further() {
    let (chain, begun, _) = long();
    let desk = Desk::new();
    desk.holds(&[chain.archive()]);
    let day = |day: i64| begun.saturating_add(day * DAY);
    let window = (day(80), day(81));
    let head = |seq: usize| head_text(chain.get(seq));
    let near = 1 + 201 + 81 * 17 + 200;
    for (known, code) in
        [(None, 1), (Some(10), 1), (Some(near + 2_560 - 1_400), 1), (Some(near), 0)]
    {
        let told = known.map(head);
        let more: Vec<&str> = told.iter().flat_map(|head| ["--head", head]).collect();
        let asked = cat(&desk, &chain, window, &more);
        assert_eq!(asked.code, code, "{known:?}: {}", asked.err);
        assert_eq!(asked.err.contains("UNANCHORED"), code == 1, "{known:?}: {}", asked.err);
        assert_eq!(asked.out.iter().filter(|byte| **byte == b'\n').count(), 17, "{known:?}");
    }
}

/// Ten times what is kept between the two passes: the rest is fetched once more, and is the same.
#[test]
fn a_hundred_and_sixty_megabytes_of_a_window_come_back_as_they_were() {
    let mut chain = Chain::new(ORIGIN, TestSigner::of(ORIGIN, 1));
    chain.genesis();
    let begun = chain.now();
    let mut expected = Vec::new();
    for n in 1..=42 {
        let now = begun.saturating_add(n * MINUTE);
        let line = line(now, 4 << 20, n as u64);
        chain.at(now).batch(&[Piece::new(LOG, line.clone())]);
        expected.extend(line);
    }
    let archive = chain.archive();
    let stored: usize = archive.values().map(Vec::len).sum();
    assert!(stored > 160 << 20, "{stored}");
    let desk = Desk::new();
    desk.holds(&[archive]);
    let asked = cat(&desk, &chain, (begun, begun.saturating_add(90 * MINUTE)), &[]);
    assert_eq!(asked.code, 0, "{}", asked.err);
    assert!(asked.out == expected, "{} of {} bytes", asked.out.len(), expected.len());
}
