//! Packs that one auditor attests, and another one after them.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_format::packs::{Blob, SignedAttestation};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_pack::{PackOptions, PackReport};
use auditseal_vectors::packs::{TestPack, attest_finding};
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use common::{Desk, auditor, chain, trusting};

const TRUST: &str = "  begin 0\n  silent-after 366d\n";

fn second() -> StaticSigner {
    StaticSigner::from_seed("second.example", &[8; 32]).unwrap()
}

/// Both auditors count.
fn desk() -> Desk {
    let mut desk = Desk::of(chain(3, 3));
    let both = [auditor().key().clone(), second().key().clone()];
    desk.trust = trusting(&desk.chain, TRUST, &both);
    desk
}

async fn by_second(desk: &Desk) -> PackReport {
    desk.pack_by(&mut second(), &desk.options(), |_| {}).await
}

/// What the second auditor attests.
fn seconded(desk: &Desk) -> Vec<SignedAttestation> {
    let mut all = desk.attestations();
    all.retain(|signed| signed.attestation.key == *second().key());
    all
}

/// Only the second auditor's word counts from now on.
fn trusting_second(desk: &mut Desk) {
    desk.trust = trusting(&desk.chain, TRUST, &[second().key().clone()]);
}

/// The first auditor attests this pack, whatever it is worth.
fn attested(desk: &Desk, pack: &TestPack) {
    let auditor = TestSigner::named("auditor.example", 9);
    assert_eq!(auditor.key(), common::auditor().key());
    desk.packs.insert(&pack.key(), pack.bytes.clone());
    let signed = pack.signed(&auditor);
    desk.packs.insert(&signed.key(), signed.note);
}

#[tokio::test]
async fn packs_that_stand_are_attested_by_another_auditor_too() {
    for gone in [false, true] {
        let mut desk = desk();
        let first = desk.pack().await;
        let made = first.chains[0].packs.len() as u64;
        assert!(made > 1 && first.chains[0].seconded == 0, "{first:?}");
        if gone {
            assert!(desk.expire() > 0);
        }
        let packs = desk.keys(".jsonl.zst");
        let report = by_second(&desk).await;
        assert_eq!((report.exit_code(), report.chains[0].seconded), (0, made), "{report:?}");
        assert_eq!(desk.keys(".jsonl.zst"), packs, "the same packs");
        let mut words = Vec::new();
        report.text(&mut words).unwrap();
        let words = String::from_utf8(words).unwrap();
        assert!(words.contains("packs that others attest are attested by this auditor"), "{words}");
        // Neither of them finds anything to do then.
        let again = [by_second(&desk).await, desk.pack().await, by_second(&desk).await];
        assert!(again.iter().all(|report| report.chains[0].seconded == 0), "{again:?}");
        assert_eq!(desk.attestations().len() as u64, 2 * made);
        trusting_second(&mut desk);
        assert_eq!(desk.verdicts().await, (vec![], true));
        assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
    }
}

#[tokio::test]
async fn nothing_is_attested_where_it_is_only_tried() {
    let desk = desk();
    let made = desk.pack().await.chains[0].packs.len() as u64;
    let before = desk.packs.objects();
    let options = PackOptions { dry_run: true, ..desk.options() };
    let report = desk.pack_by(&mut second(), &options, |_| {}).await;
    assert_eq!(report.chains[0].seconded, made);
    assert_eq!(desk.packs.objects(), before);
}

/// The newest attestation is the one that is read: what another says of objects that are gone mustn't be forgotten by it.
#[tokio::test]
async fn what_the_first_auditor_found_is_told_by_the_second() {
    let mut desk = desk();
    let chain = &desk.chain;
    let finding = |attestation: &mut _| attest_finding(attestation, "HIDDEN", 2, Some(chain));
    let [pack, ..] = &TestPack::all(chain)[..] else { panic!("packs") };
    let pack = pack.clone().attesting(finding);
    attested(&desk, &pack);
    for seq in pack.attestation.first..=pack.attestation.last {
        desk.archive.remove(&desk.chain.key(seq as usize)).unwrap();
    }
    let report = by_second(&desk).await;
    assert_eq!(report.chains[0].seconded, 1, "{report:?}");
    trusting_second(&mut desk);
    let (findings, _) = desk.verdicts().await;
    assert!(findings.len() == 1 && findings[0].starts_with("HIDDEN"), "{findings:?}");
}

#[tokio::test]
async fn what_stands_beside_the_pack_is_judged_anew() {
    let desk = desk();
    desk.pack().await;
    // Long before it was attested, by the store's date.
    desk.archive.set_time(0);
    let mut other = Chain::new("c/n/s", TestSigner::new(1));
    other.genesis();
    for n in 0..2 {
        other.wait(7);
        other.batch(&[Piece::new("audit.log", events(n..n + 1))]);
    }
    desk.archive.insert(&desk.chain.key(2), other.get(2).bytes.clone());
    let report = by_second(&desk).await;
    let found: Vec<String> = report.chains[0].findings.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|finding| finding.starts_with("FORK")), "{found:?}");
    assert_eq!(report.exit_code(), 1);
    assert!(seconded(&desk).iter().all(|signed| signed.attestation.first > 2));
}

#[tokio::test]
async fn a_pack_that_isnt_as_attested_is_not_attested_again() {
    // Another line, another sum of its times, another chain's word for its end.
    type Lie = fn(TestPack) -> TestPack;
    let lies: [(Lie, &str); 3] = [
        (|pack| pack.edited(|texts, _| texts[1][3] ^= 0x20), "TAMPERED"),
        (|pack| pack.attesting(|attestation| attestation.untimed = 1), "WRONG_TIMES"),
        (|pack| pack.with_bytes(b"no frame".to_vec()), "TAMPERED"),
    ];
    for (lie, verdict) in lies {
        let desk = desk();
        let pack = TestPack::all(&desk.chain).swap_remove(0);
        let pack = lie(pack);
        attested(&desk, &pack);
        for seq in pack.attestation.first..=pack.attestation.last {
            desk.archive.remove(&desk.chain.key(seq as usize)).unwrap();
        }
        let report = by_second(&desk).await;
        let chain = &report.chains[0];
        assert_eq!((report.exit_code(), chain.seconded), (1, 0), "{verdict}: {report:?}");
        let found: Vec<String> = chain.findings.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|finding| finding.starts_with(verdict)), "{verdict}: {found:?}");
        let same = seconded(&desk);
        assert!(same.iter().all(|signed| signed.attestation.first != 1), "{verdict}");
    }
}

/// It hides what is looked for, and the text is right.
#[tokio::test]
async fn a_wrong_index_is_told_and_the_right_one_attested() {
    let mut desk = desk();
    let pack = TestPack::all(&desk.chain).swap_remove(0);
    let index = b"none".to_vec();
    let pack = pack.attesting(|attestation| attestation.index = Some(Blob::of(&index)));
    attested(&desk, &pack);
    let report = by_second(&desk).await;
    assert_eq!((report.exit_code(), report.chains[0].seconded), (1, 1), "{report:?}");
    let found: Vec<String> = report.chains[0].findings.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|finding| finding.starts_with("WRONG_INDEX")), "{found:?}");
    trusting_second(&mut desk);
    assert_eq!(desk.verdicts().await, (vec![], true));
    assert_eq!(by_second(&desk).await.exit_code(), 0);
}
