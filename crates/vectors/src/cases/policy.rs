//! What a trust file and a heads file make of a chain: crates/trust/TRUST.md.

use std::fmt::Write as _;

use auditseal_format::{Time, hash};

use super::{LOG, ORIGIN, small, started, stranger};
use crate::chain::head_text;
use crate::{Archive, Chain, Lost, Piece, TestSigner, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [keys(), begins(), silences(), accepted(), forks(), heads(), estates()].concat()
}

/// A trust file's lines of one chain: these keys, each with what stands behind it, and the rest.
fn block(origin: &str, keys: &[(&TestSigner, String)], rest: &[String]) -> String {
    let mut text = String::new();
    for (signer, span) in keys {
        writeln!(text, "origin {origin} static {}{span}", signer.identity()).expect("text");
    }
    rest.iter().for_each(|line| writeln!(text, "  {line}").expect("text"));
    text
}

/// The same of one key for all of a chain, read from its genesis on.
fn plain(chain: &Chain, rest: &[&str]) -> String {
    let lines: Vec<String> =
        ["begin 0"].iter().chain(rest).map(|line| (*line).to_owned()).collect();
    block(&chain.origin().to_string(), &[(chain.current_signer(), String::new())], &lines)
}

fn vector(name: &str, about: &str, chain: &Chain, policy: &str) -> Vector {
    Vector::new(&format!("trust-{name}"), about, chain).policy(policy)
}

/// What holds of a chain that is as it should be.
fn good(name: &str, about: &str, chain: &Chain, policy: &str) -> Vector {
    vector(name, about, chain, policy).complete(chain.head().seal.sealed)
}

/// A seal's place and hash.
fn id(chain: &Chain, seq: usize) -> String {
    head_text(chain.get(seq))
}

/// The same place with another hash.
fn other(seq: u64) -> String {
    format!("{seq}:{}", hash(b"another note"))
}

fn successor() -> TestSigner {
    TestSigner::new(2)
}

/// Genesis, a batch and two heartbeats.
fn four() -> Chain {
    let mut chain = small();
    chain.heartbeat();
    chain.heartbeat();
    chain
}

/// What comes within a retention of a chain's beginning.
fn two_keys(chain: &Chain, until: usize, from: u64) -> String {
    let keys = [
        (&super::signer(), format!(" until={}", id(chain, until))),
        (&successor(), format!(" from={from}")),
    ];
    block(ORIGIN, &keys, &["begin 0".to_owned(), "silent-after 10m".to_owned()])
}

fn keys() -> Vec<Vector> {
    let mut handed = small();
    handed.signer(successor()).reanchor("new-key");
    handed.heartbeat();
    let policy = two_keys(&handed, 1, 2);
    let fine = good("key-after-key", "each key signs its own seqs", &handed, &policy)
        .info("REANCHORED c/n/s 2");
    let over = four();
    let policy = two_keys(&over, 1, 2);
    let over =
        vector("key-past-until", "the first key signs on after its last seal", &over, &policy)
            .complete(over.get(1).seal.sealed)
            .info("UNEXPECTED_OBJECT c/n/s 2")
            .info("UNEXPECTED_OBJECT c/n/s 3");
    let mut taken = small();
    taken.heartbeat();
    taken.signer(successor()).reanchor("new-key");
    let policy = two_keys(&taken, 1, 2);
    let taken =
        vector("key-past-until-inside", "and the second goes on behind it", &taken, &policy)
            .finding("WRONG_KEY c/n/s 2")
            .info("REANCHORED c/n/s 3");
    let mut early = small();
    early.signer(successor()).reanchor("new-key");
    let late = [
        (&super::signer(), format!(" until={}", id(&early, 1))),
        (&successor(), " from=3".to_owned()),
    ];
    let policy = block(ORIGIN, &late, &["begin 0".to_owned(), "silent-after 10m".to_owned()]);
    let early =
        vector("key-before-from", "the second key signs before its first seq", &early, &policy)
            .complete(early.get(1).seal.sealed)
            .info("UNEXPECTED_OBJECT c/n/s 2");
    let mut again = small();
    again.reanchor("state-lost");
    let policy = two_keys(&again, 1, 2);
    let again =
        vector("reanchor-past-until", "the first key takes the chain up again", &again, &policy)
            .complete(again.get(1).seal.sealed)
            .info("UNEXPECTED_OBJECT c/n/s 2");
    let ours = four();
    let theirs = started(stranger());
    let swapped = good(
        "other-key-same-name",
        "a chain by another key of the same name",
        &ours,
        &plain(&ours, &["silent-after 10m"]),
    );
    let swapped = Vector { exit: 1, until: vec![], ..swapped }
        .objects(theirs.archive())
        .finding("FOREIGN_CHAIN c/n/s 0")
        .finding("MISSING c/n/s 0");
    vec![fine, over, taken, early, again, swapped]
}

/// The archive without its first objects.
fn without(chain: &Chain, seqs: &[usize]) -> Archive {
    let mut archive = chain.archive();
    seqs.iter().for_each(|seq| drop(archive.remove(&chain.key(*seq))));
    archive
}

fn begins() -> Vec<Vector> {
    let chain = four();
    let from = |seal: String, rest: &[&str]| {
        let lines = std::iter::once(format!("begin {seal}"));
        let lines: Vec<String> = lines.chain(rest.iter().map(|line| (*line).to_owned())).collect();
        block(ORIGIN, &[(chain.current_signer(), String::new())], &lines)
    };
    let later = from(id(&chain, 2), &["silent-after 10m"]);
    let gone = without(&chain, &[0, 1]);
    let good = good(
        "begin",
        "what comes before the seal that reading begins with is gone",
        &chain,
        &later,
    )
    .objects(gone.clone());
    let wrong = vector(
        "begin-other-hash",
        "another seal stands there",
        &chain,
        &from(other(2), &["silent-after 10m"]),
    )
    .finding("FORK c/n/s 2")
    .forked();
    let kept = from(id(&chain, 2), &["retention 400d compliance", "silent-after 10m"]);
    let early = vector("begin-kept", "what comes before it is gone too early", &chain, &kept)
        .objects(without(&chain, &[0]))
        .finding("MISSING c/n/s 0");
    let absent = vector("begin-missing", "the seal to begin with is gone", &chain, &later)
        .objects(without(&chain, &[0, 1, 2]))
        .finding("MISSING c/n/s 2");
    vec![good, wrong, early, absent]
}

fn silences() -> Vec<Vector> {
    let chain = four();
    let late = |seconds: i64| chain.head().seal.sealed.saturating_add(seconds * 1_000_000);
    let at = |vector: Vector, now: Time| vector.now(now);
    let limit = plain(&chain, &["silent-after 10m"]);
    let quiet = at(
        good("silent-just-not", "nothing came for as long as it may", &chain, &limit),
        late(600),
    );
    let silent =
        at(vector("silent", "and for longer", &chain, &limit), late(601)).finding("SILENT c/n/s 3");
    let patient = at(
        good(
            "silent-later-than-promised",
            "the reader is more patient than the writer",
            &chain,
            &plain(&chain, &["silent-after 2d"]),
        ),
        late(86_400),
    );
    let mut over = four();
    over.final_();
    let unexpected = vector(
        "final-unexpected",
        "a final that nobody expects",
        &over,
        &plain(&over, &["silent-after 2d"]),
    )
    .finding("SILENT c/n/s 4");
    let far = over.head().seal.sealed.saturating_add(86_400_000_000_000);
    let ended = |chain: &Chain, seal: String| plain(chain, &[&format!("ended {seal}")]);
    let done = good("ended", "a chain that has ended", &over, &ended(&over, id(&over, 4))).now(far);
    let cut_off =
        good("ended-without-final", "a node that was lost", &chain, &ended(&chain, id(&chain, 3)))
            .now(far);
    let resumed =
        vector("resumed", "it goes on behind its end", &chain, &ended(&chain, id(&chain, 1)))
            .finding("RESUMED c/n/s 2")
            .finding("RESUMED c/n/s 3");
    let short = vector("ended-truncated", "its end is gone", &chain, &ended(&chain, id(&chain, 3)))
        .objects(without(&chain, &[3]))
        .finding("TRUNCATED c/n/s 3");
    let another =
        vector("ended-other-hash", "it ends with another seal", &chain, &ended(&chain, other(3)))
            .finding("FORK c/n/s 3")
            .forked();
    vec![quiet, silent, patient, unexpected, done, cut_off, resumed, short, another]
}

fn accepted() -> Vec<Vector> {
    let mut chain = small();
    chain.gap(&[Lost::bytes(LOG, 10)]);
    let accept = |verdict: &str, seal: String| {
        plain(&chain, &["silent-after 10m", &format!("accept {verdict} {seal} \"disk replaced\"")])
    };
    let gap = good(
        "accept-gap",
        "somebody accepted the gap",
        &chain,
        &accept("SOURCE_GAP", id(&chain, 2)),
    )
    .info("SOURCE_GAP c/n/s 2");
    let verdict = vector(
        "accept-other-verdict",
        "somebody accepted something else",
        &chain,
        &accept("STALLED", id(&chain, 2)),
    )
    .finding("SOURCE_GAP c/n/s 2");
    let seal = vector(
        "accept-other-hash",
        "somebody accepted the gap of another seal",
        &chain,
        &accept("SOURCE_GAP", other(2)),
    )
    .finding("FORK c/n/s 2")
    .finding("SOURCE_GAP c/n/s 2")
    .forked();
    let elsewhere = vector(
        "accept-other-seq",
        "somebody accepted the gap of another seq",
        &chain,
        &accept("SOURCE_GAP", id(&chain, 1)),
    )
    .finding("SOURCE_GAP c/n/s 2");
    vec![gap, verdict, seal, elsewhere]
}

/// Two histories with one beginning: the second went to alternates.
fn doubles() -> (Chain, Chain) {
    let mut one = small();
    let mut two = one.clone();
    one.heartbeat();
    one.heartbeat();
    two.squat(b"what the store said of it").wait(1).batch(&[Piece::new(LOG, events(2..4))]);
    (one, two)
}

fn forks() -> Vec<Vector> {
    let (one, two) = doubles();
    let both: Archive = two.archive().into_iter().chain(one.archive()).collect();
    let open = vector(
        "fork",
        "two seals of one seq, and nobody knows which is the chain's",
        &one,
        &plain(&one, &["silent-after 10m"]),
    )
    .objects(both.clone())
    .finding("FORK c/n/s 2")
    .forked();
    let accept = |chain: &Chain| {
        plain(
            &one,
            &[
                "silent-after 10m",
                &format!("accept FORK {} \"restored from a copy\"", id(chain, 2)),
            ],
        )
    };
    let first = good("accept-fork", "somebody looked: it is the first", &one, &accept(&one))
        .objects(both.clone())
        .info("FORK c/n/s 2");
    let second = vector(
        "accept-fork-second",
        "or the second, behind which the first goes on",
        &two,
        &accept(&two),
    )
    .objects(both)
    .finding("FORK c/n/s 3")
    .info("FORK c/n/s 2");
    vec![open, first, second]
}

fn heads() -> Vec<Vector> {
    let chain = four();
    let policy = plain(&chain, &["silent-after 10m"]);
    let line =
        |word: &str, seal: String| format!("{word} {ORIGIN} {seal} 2026-11-21T08:00:00.000000Z\n");
    let known =
        good("heads", "the head is known", &chain, &policy).known(&line("head", id(&chain, 2)));
    let short = vector("heads-truncated", "the chain ends before it", &chain, &policy)
        .objects(without(&chain, &[3]))
        .known(&line("head", id(&chain, 3)))
        .finding("TRUNCATED c/n/s 3");
    let fork = vector("heads-fork", "another seal stands in its place", &chain, &policy)
        .known(&line("head", other(2)))
        .finding("FORK c/n/s 2")
        .forked();
    let mut two = [line("fork", other(2)), line("fork", id(&chain, 2))];
    two.sort();
    let both = line("head", id(&chain, 2)) + &two.concat();
    let recalled =
        vector("heads-fork-remembered", "a second history was seen before", &chain, &policy)
            .known(&both)
            .finding("FORK c/n/s 2")
            .forked();
    let accept = format!("accept FORK {} \"ticket 8\"", id(&chain, 2));
    let settled = plain(&chain, &["silent-after 10m", &accept]);
    let settled =
        good("heads-fork-settled", "and somebody settled it", &chain, &settled).known(&both);
    let moved = plain(&chain, &["silent-after 10m", &accept]);
    let moved = good("heads-fork-over", "the head was on the other branch", &chain, &moved)
        .known(&line("head", other(2)));
    vec![known, short, fork, recalled, settled, moved]
}

fn estates() -> Vec<Vector> {
    let one = four();
    let mut two = Chain::new("c/n/t", super::signer());
    two.genesis();
    let blocks = plain(&one, &["silent-after 10m"]) + &plain(&two, &["silent-after 10m"]);
    let both: Archive = one.archive().into_iter().chain(two.archive()).collect();
    let all = good("two-chains", "both chains are there", &one, &blocks)
        .objects(both.clone())
        .complete(two.head().seal.sealed);
    let absent = vector("chain-absent", "one isn't", &one, &blocks).finding("MISSING c/n/t -");
    let unnamed = good(
        "chain-unnamed",
        "one isn't in the trust file",
        &one,
        &plain(&one, &["silent-after 10m"]),
    )
    .objects(both);
    let asked = vector(
        "chain-unknown",
        "a chain that the trust file doesn't name is asked for",
        &one,
        &plain(&one, &["silent-after 10m"]),
    )
    .origin("c/n/t");
    let asked = Vector { exit: 2, ..asked };
    vec![all, absent, unnamed, asked]
}
