//! Proofs that are held against a trust file and a heads file.

use auditseal_format::hash;
use auditseal_note::Signer as _;

use super::proofs::{given, proves, refused, seven};
use super::{ORIGIN, neighbour, signer, stranger};
use crate::ProofVector;
use crate::chain::head_text;

/// A trust file's lines of the chain.
const PLAIN: &str = "ORIGIN\n  begin 0\n  silent-after 1h";

pub(super) fn cases() -> Vec<ProofVector> {
    [keys(), seals(), heads()].concat()
}

/// A trust file of one block, without keys and an origin.
fn policy(vector: ProofVector, block: &str) -> ProofVector {
    let key = signer().key().to_string();
    let block = block.replace("ORIGIN", &format!("origin {ORIGIN} static {key}"));
    let lines = std::iter::once("auditseal/trust/v1").chain(block.lines());
    ProofVector {
        trust: lines.map(str::to_owned).collect(),
        vkeys: Vec::new(),
        origin: None,
        ..vector
    }
}

fn file() -> Vec<u8> {
    seven().proof(3)
}

fn good(name: &str, about: &str, block: &str) -> ProofVector {
    policy(proves(name, about, file()), block)
}

fn bad(name: &str, about: &str, verdict: &str, block: &str) -> ProofVector {
    policy(refused(name, about, verdict, file()), block)
}

/// The seal that the proof is of.
fn own() -> String {
    head_text(seven().batch())
}

/// Another seal, of this seq.
fn other(seq: u64) -> String {
    format!("{seq}:{}", hash(b"another note"))
}

/// The chain's key may sign up to this seal, and another one from seal 9 on.
fn until(seal: &str) -> String {
    let next = stranger().key().to_string();
    let keys = format!("ORIGIN until={seal}\norigin {ORIGIN} static {next} from=9");
    format!("{keys}\n  begin 0\n  silent-after 1h")
}

fn keys() -> Vec<ProofVector> {
    vec![
        good("trust-plain", "a trust file that names the chain", PLAIN),
        good(
            "trust-ended-here",
            "its chain ended with this seal",
            &format!("ORIGIN\n  begin 0\n  ended {}", own()),
        ),
        good("trust-until-here", "the key's last seal is this one", &until(&own())),
        good(
            "trust-begin-behind",
            "readers begin behind it",
            &format!("ORIGIN\n  begin {}\n  silent-after 1h", other(5)),
        ),
        good(
            "trust-accepted",
            "something was found of it and accepted",
            &format!("{PLAIN}\n  accept SOURCE_GAP {} \"disk replaced\"", own()),
        ),
        policy(
            ProofVector {
                exit: 2,
                ..given(
                    "trust-of-another-chain",
                    "a trust file that doesn't name the chain",
                    file(),
                )
            },
            &PLAIN.replace("ORIGIN", &format!("origin c/m/s static {}", neighbour().key())),
        ),
        bad(
            "trust-key-from-later",
            "the key may sign from seal 2 on",
            "WRONG_KEY",
            &format!("{}\n  begin 2:{}\n  silent-after 1h", "ORIGIN from=2", hash(b"a note")),
        ),
        bad(
            "trust-key-until-before",
            "the key may sign up to seal 0",
            "WRONG_KEY",
            &until(&head_text(seven().chain.get(0))).replace("from=9", "from=1"),
        ),
    ]
}

fn seals() -> Vec<ProofVector> {
    vec![
        bad(
            "trust-until-another",
            "another seal is the key's last, at its seq",
            "FORK",
            &until(&other(1)),
        ),
        bad(
            "trust-begin-another",
            "readers begin with another seal at its seq",
            "FORK",
            &format!("ORIGIN\n  begin {}\n  silent-after 1h", other(1)),
        ),
        bad(
            "trust-ended-another",
            "the chain ended with another seal at its seq",
            "FORK",
            &format!("ORIGIN\n  begin 0\n  ended {}", other(1)),
        ),
        bad(
            "trust-fork-accepted-for-another",
            "another seal was accepted at its seq",
            "FORK",
            &format!("{PLAIN}\n  accept FORK {} \"the other is ours\"", other(1)),
        ),
        bad(
            "trust-ended-before",
            "the chain ended before it",
            "RESUMED",
            &format!("ORIGIN\n  begin 0\n  ended {}", head_text(seven().chain.get(0))),
        ),
    ]
}

/// With a heads file too.
fn with_heads(vector: ProofVector, lines: &[String]) -> ProofVector {
    let heads = [vec!["auditseal/heads/v1".to_owned()], lines.to_vec()].concat();
    ProofVector { heads, ..vector }
}

fn heads() -> Vec<ProofVector> {
    let at = "2026-11-21T09:00:00.000000Z";
    let fork = |one: &str, two: &str| {
        let mut lines = [format!("fork {ORIGIN} {one} {at}"), format!("fork {ORIGIN} {two} {at}")];
        lines.sort();
        lines
    };
    let own = own();
    vec![
        with_heads(
            good("heads-equal", "it is the verified head", PLAIN),
            &[format!("head {ORIGIN} {own} {at}")],
        ),
        with_heads(
            good("heads-behind", "the verified head is behind it", PLAIN),
            &[format!("head {ORIGIN} {} {at}", other(9))],
        ),
        with_heads(
            bad("heads-another", "another seal was verified at its seq", "FORK", PLAIN),
            &[format!("head {ORIGIN} {} {at}", other(1))],
        ),
        with_heads(
            bad("heads-forked", "a fork is known at its seq", "FORK", PLAIN),
            &fork(&own, &other(1)),
        ),
        with_heads(
            good("heads-forked-elsewhere", "a fork is known at another seq", PLAIN),
            &fork(&other(4), &format!("4:{}", hash(b"a third"))),
        ),
        with_heads(
            good(
                "heads-forked-and-accepted",
                "a fork is known at its seq, and it was accepted as the chain's",
                &format!("{PLAIN}\n  accept FORK {own} \"the other is a stranger's\""),
            ),
            &fork(&own, &other(1)),
        ),
    ]
}
