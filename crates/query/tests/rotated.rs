//! A chain whose seals name another key as their next, some of whose packs nobody attests: an index changes no answer, and
//! accuses nobody.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_chain::Verdict;
use auditseal_doubles::MemoryStore;
use auditseal_format::packs::Attestation;
use auditseal_predicate::Predicate;
use auditseal_query::{Answered, Archive, AskedChain, Asking, Hit};
use auditseal_reader::Window;
use auditseal_trust::TrustFile;
use auditseal_vectors::{Chain, Piece, TestSigner, text};
use common::{Dice, archive, asking, auditor, by_key, event, found, indexed, packed, store};

/// Three batches a day. Some seals change the key, at their places or each of them.
fn story(dice: &mut Dice) -> Chain {
    let ratchet = dice.hits(4);
    let first = if ratchet { TestSigner::ratchet(1) } else { TestSigner::new(1) };
    let mut chain = Chain::new("c/n/s", first);
    chain.genesis();
    let count = 12 + dice.roll(60);
    let rotates: BTreeSet<u64> = (0..1 + dice.roll(3)).map(|_| 1 + dice.roll(count)).collect();
    for seq in 1..=count {
        chain.wait(8 * 3600);
        let user = if dice.hits(7) { "eve" } else { "ann" };
        let lines: Vec<String> = (0..1 + dice.roll(3))
            .map(|nth| event(10 * seq + nth, chain.now().saturating_add(-1_000_000), user))
            .collect();
        chain.batch(&[Piece::new("audit.log", lines.concat())]);
        if !ratchet && rotates.contains(&seq) {
            let later = TestSigner::named("c/n", 100 + u8::try_from(seq).unwrap());
            let next = later.identity().to_string();
            chain.rewrite(|note| text::set(note, "next", &next));
            chain.signer(later);
        }
    }
    chain
}

/// What is trusted is the key of the genesis.
fn asked(chain: &Chain) -> AskedChain {
    let (first, auditor) = (&chain.get(0).seal.key, auditor().identity());
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {first}\n  begin 0\n  silent-after 366d\nauditor c {auditor}\n"
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let trusted = trust.get(chain.origin()).cloned();
    let auditors = trust.auditors_of(chain.origin());
    AskedChain { vkeys: Vec::new(), trusted, auditors, ..by_key(chain) }
}

/// Exit code, lines, and what is wrong but for what isn't there: how that is told, the parts decide that were read.
fn told((hits, answer): &(Vec<Hit>, Answered)) -> (u8, Vec<(u64, u64)>, BTreeSet<Verdict>) {
    let hits = hits.iter().map(|hit| (hit.seq, hit.line)).collect();
    let findings = answer.chains[0].findings.iter().map(|one| one.verdict);
    let wrong = findings.filter(|of| !matches!(of, Verdict::Missing | Verdict::Truncated));
    (answer.exit_code(), hits, wrong.collect())
}

/// Takes the attestations of some packs away; gives those.
fn unattested(chain: &Chain, packs: &MemoryStore, dice: &mut Dice) -> Vec<Attestation> {
    let mut gone = Vec::new();
    for (pack, _) in indexed(chain) {
        if dice.hits(4) {
            packs.remove(&pack.signed(&auditor()).key()).unwrap();
            gone.push(pack.attestation);
        }
    }
    gone
}

#[tokio::test]
async fn an_index_accuses_nobody_where_attestations_are_gone() {
    let (mut left_out, mut holes, mut missing) = (0, 0, 0);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let chain = story(&mut dice);
        let (objects, packs) = (store(&[&chain]), packed(&chain));
        let gone = unattested(&chain, &packs, &mut dice);
        // What packs hold has expired; then, what those held of which nobody tells any more.
        let expired = dice.roll(3);
        for (pack, _) in indexed(&chain) {
            let unattested = gone.iter().any(|of| of.first == pack.attestation.first);
            for seq in pack.attestation.first..=pack.attestation.last {
                if expired == 2 || expired == 1 && !unattested {
                    objects.remove(&chain.key(usize::try_from(seq).unwrap()));
                }
            }
        }
        let sealed = |seq: u64| chain.get(usize::try_from(seq).unwrap()).seal.sealed;
        let last = chain.batches().count() as u64 - 1;
        let from = dice.roll(last);
        let until = dice.hits(2).then(|| sealed(from + dice.roll(last - from)));
        let late = Window { since: Some(sealed(from)), until };
        let from = Archive { packs: Some(Arc::new(packs)), ..archive(&objects) };
        for window in [Window::default(), late] {
            let user = ["eve", "ann", "nobody"][usize::try_from(dice.roll(3)).unwrap()];
            let plain = asking(&chain, Predicate::user(user).unwrap());
            let asking = Asking { window, all_stages: true, allow_unanchored: true, ..plain };
            let mut answers = Vec::new();
            for no_index in [false, true] {
                let asking = Asking { no_index, ..asking.clone() };
                answers.push(found(asking.find(&from, vec![asked(&chain)]).await.unwrap()).await);
            }
            let (with, without) = (told(&answers[0]), told(&answers[1]));
            assert_eq!(with, without, "seed {seed} {user} {window:?}: with an index, and without");
            let right = |one: &Verdict| *one == Verdict::Truncated;
            let lost = expired == 2 && !gone.is_empty();
            let chain = &answers[0].1.chains[0];
            if !lost {
                let wrong = chain.findings.iter().find(|one| !right(&one.verdict));
                assert!(wrong.is_none() && with.0 == 0, "seed {seed} {user}: {with:?}");
            }
            left_out += chain.packs_by_index;
            missing += u64::from(lost && with.0 != 0);
        }
        holes += gone.len();
    }
    assert!(left_out > 30 && holes > 30 && missing > 6, "{left_out} {holes} {missing}");
}
