//! Correctly signed notes that don't make one chain: what a writer at fault, or whoever has its
//! key, can do.

use auditseal_format::{Signer as _, hash};

use super::{LOG, ORIGIN, four, signer, small, started, stranger};
use crate::text::{set, substitute};
use crate::{Chain, Lost, Piece, TestSigner, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [forks(), heads(), keys(), joins()].concat()
}

fn forks() -> Vec<Vector> {
    let mut prev = small();
    prev.heartbeat();
    prev.rewrite(|text| set(text, "prev", &hash(b"another note").to_string()));
    prev.heartbeat();
    // Two writers at once, and a store that kept what both sent.
    let mut one = small();
    let mut two = one.clone();
    one.heartbeat();
    two.squat(b"what the store said of it").wait(1).heartbeat();
    let mut both = two.archive();
    both.extend(one.archive());
    one.heartbeat();
    two.squat(b"once more").heartbeat();
    let mut longer = two.archive();
    longer.extend(one.archive());
    // Two histories of which the second hides the first one's seq 2, but not its seq 3: that one
    // has another date, and by the note 2 that is there it is at the wrong key.
    let mut again = small();
    again.wait(86_400).heartbeat();
    again.heartbeat();
    let mut rival = small();
    rival.heartbeat();
    rival.heartbeat();
    let mut histories = rival.archive();
    histories.extend(again.archive());
    vec![
        Vector::new("fork-prev", "prev is another note's hash; the chain goes on from it", &prev)
            .finding("FORK c/n/s 2"),
        Vector::new("fork-alternates", "two notes for one seq, at two of its keys", &two)
            .objects(both)
            .finding("FORK c/n/s 2"),
        Vector::new("fork-alternates-continued", "both go on: the chain ends before them", &one)
            .objects(longer.clone())
            .finding("FORK c/n/s 2"),
        Vector::new("fork-alternates-head-known", "the head tells which is the chain's", &one)
            .objects(longer.clone())
            .head_of(&one)
            .finding("FORK c/n/s 2")
            .finding("FORK c/n/s 3"),
        Vector::new("fork-alternates-other-head", "or the other", &two)
            .objects(longer)
            .head_of(&two)
            .finding("FORK c/n/s 2")
            .finding("FORK c/n/s 3"),
        Vector::new("fork-dates", "two notes for one seq, at keys with two dates", &again)
            .objects(histories)
            .finding("FORK c/n/s 3")
            .info("UNEXPECTED_OBJECT c/n/s 3"),
    ]
}

fn heads() -> Vec<Vector> {
    let chain = four();
    let with = |name: &str, about: &str, head: String| {
        let mut vector = Vector::new(name, about, &chain);
        vector.head = Some(head);
        vector
    };
    let other = hash(b"another note");
    vec![
        with("head-other-hash", "the newest note isn't the known head", format!("3:{other}"))
            .finding("FORK c/n/s 3"),
        with("head-other-hash-inside", "nor is an older one", format!("1:{other}"))
            .finding("FORK c/n/s 1"),
        with("head-ahead", "the known head is later", format!("4:{other}"))
            .finding("TRUNCATED c/n/s 4"),
        with("head-ahead-and-overdue", "and the next seal is overdue", format!("4:{other}"))
            .now(chain.head().seal.next_by.expect("a promise").saturating_add(1))
            .finding("SILENT c/n/s 3")
            .finding("TRUNCATED c/n/s 4"),
    ]
}

fn keys() -> Vec<Vector> {
    let other = stranger().key().to_string();
    let trusts_first = |name: &str, about: &str, chain: &Chain| {
        let mut vector = Vector::new(name, about, chain);
        vector.vkeys = vec![signer().identity().to_string()];
        vector
    };
    let mut not_next = small();
    not_next.signer(stranger()).heartbeat();
    not_next.signer(signer()).heartbeat();
    // The newest note hands over to a key, and the old one signs once more.
    let mut ignored = small();
    ignored.rewrite(|text| set(text, "next", &other));
    ignored.heartbeat();
    ignored.signer(stranger()).heartbeat();
    // Trusted, but not the one that may sign here.
    let trusted = trusts_first("key-trusted-not-next", "a trusted key that isn't next", &not_next);
    let mut ratchet = started(TestSigner::ratchet(3));
    ratchet.heartbeat();
    let mut reused = ratchet.clone();
    reused.signer(TestSigner::new(3)).heartbeat();
    reused.reanchor("state-lost");
    let mut fresh = ratchet.clone();
    fresh.edit(|seal| {
        seal.kind = auditseal_format::Kind::Reanchor;
        seal.reason = auditseal_format::seal::Word::new("state-lost");
    });
    fresh.heartbeat();
    fresh.reanchor("state-lost");
    vec![
        trusts_first("key-not-next", "a key that isn't the one named next", &not_next)
            .finding("WRONG_KEY c/n/s 2"),
        trusted.trust(&other).finding("WRONG_KEY c/n/s 2"),
        trusts_first("key-after-handing-over", "the old key signs after it handed over", &ignored)
            .finding("WRONG_KEY c/n/s 2"),
        Vector::new("key-identity-in-a-ratchet", "the identity key signs a heartbeat", &reused)
            .finding("WRONG_KEY c/n/s 2")
            .info("REANCHORED c/n/s 3"),
        Vector::new(
            "key-reanchor-by-next",
            "a reanchor with the next key, which isn't trusted",
            &fresh,
        )
        .finding("WRONG_KEY c/n/s 2")
        .info("REANCHORED c/n/s 3"),
    ]
}

/// Ranges and gaps of one file that don't join.
fn joins() -> Vec<Vector> {
    let line = events(2..3);
    let size = line.len() as u64;
    // The writer takes the same piece, and says that it stood elsewhere.
    let shifted = |by: i64| {
        let piece = line.clone();
        let mut chain = small();
        chain.edit(move |seal| {
            for range in &mut seal.ranges {
                range.start = range.start.saturating_add_signed(by);
                range.end = range.end.saturating_add_signed(by);
            }
            for cursor in &mut seal.cursors {
                cursor.offset = cursor.offset.saturating_add_signed(by);
            }
        });
        chain.batch(&[Piece::new(LOG, piece)]);
        chain
    };
    let mut late = started(signer());
    late.batch(&[Piece::new(LOG, events(0..1))]);
    late.rewrite(|text| {
        let (start, end) = (" 0 ", format!(" {} ", events(0..1).len()));
        let later = format!(" 100 {} ", events(0..1).len() + 100);
        substitute(text, &format!("{}{}", start.trim_end(), end), &later)
    });
    let mut twice = small();
    let back = -i64::try_from(size).unwrap_or(0);
    twice.edit(move |seal| {
        seal.ranges[0].start = seal.ranges[0].start.saturating_add_signed(back);
        seal.ranges[0].end = seal.ranges[0].end.saturating_add_signed(back);
        seal.cursors[0].offset = seal.ranges[0].end;
    });
    twice.batch(&[Piece::new(LOG, events(1..2))]);
    let mut behind = small();
    behind.gap(&[Lost::bytes(LOG, 100)]);
    behind.edit(|seal| {
        seal.ranges[0].start += 50;
        seal.ranges[0].end += 50;
        seal.cursors[0].offset = seal.ranges[0].end;
    });
    behind.batch(&[Piece::new(LOG, line.clone())]);
    vec![
        Vector::new("range-starts-later", "bytes that nobody accounts for", &shifted(10))
            .finding("SOURCE_GAP c/n/s 2"),
        Vector::new("range-overlaps", "bytes that were sealed before", &shifted(-10))
            .finding("REPLAY c/n/s 2"),
        Vector::new("range-sealed-twice", "a whole line sealed twice", &twice)
            .finding("REPLAY c/n/s 2"),
        Vector::new("range-first-not-at-0", "a file's first range starts at 100", &late)
            .finding("SOURCE_GAP c/n/s 1"),
        Vector::new("range-later-than-gap", "a range that starts behind the gap's end", &behind)
            .finding("SOURCE_GAP c/n/s 2")
            .finding("SOURCE_GAP c/n/s 3"),
        Vector::new("two-genesis", "a chain that was begun twice", &two_geneses().0)
            .objects(two_geneses().1)
            .finding("FORK c/n/s 0")
            .info("UNEXPECTED_OBJECT - -"),
    ]
}

/// A second genesis at an alternate, after the first was there.
fn two_geneses() -> (Chain, crate::Archive) {
    let first = started(signer());
    let mut second = Chain::new(ORIGIN, signer());
    second.wait(60).squat(b"the first").genesis();
    let mut archive = second.archive();
    archive.extend(first.archive());
    archive.insert("notes.txt".to_owned(), b"why?".to_vec());
    (second, archive)
}
