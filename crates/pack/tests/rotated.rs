//! A chain whose seals name another key as their next is packed to its end, and what is packed of it is packed on.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{EstateOptions, verify_estate};
use auditseal_doubles::MemoryStore;
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_pack::{PackOptions, PackReport};
use auditseal_reader::Window;
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner, events, text};
use common::{DAY, Desk, auditor};

const DAYS: u64 = 14;

fn second() -> StaticSigner {
    StaticSigner::from_seed("second.example", &[8; 32]).unwrap()
}

/// Two batches on each day. The seals of these places change the key; the trust file names the first one.
fn desk(rotates: &[u64]) -> Desk {
    trusting_the_first(story(0, rotates))
}

/// So many heartbeats come before.
fn story(before: u64, rotates: &[u64]) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let changes = |chain: &mut Chain, seq: u64| {
        if let Some(which) = rotates.iter().position(|of| *of == seq) {
            let later = TestSigner::named("c/n", 7 + which as u8);
            let next = later.identity().to_string();
            chain.rewrite(|note| text::set(note, "next", &next));
            chain.signer(later);
        }
    };
    for seq in 1..=before {
        chain.wait(60).heartbeat();
        changes(&mut chain, seq);
    }
    for nth in 0..2 * DAYS {
        chain.wait(DAY / 2);
        chain.batch(&[Piece::new("audit.log", events(3 * nth..3 * nth + 3))]);
        changes(&mut chain, before + nth + 1);
    }
    chain
}

fn trusting_the_first(chain: Chain) -> Desk {
    let mut desk = Desk::of(chain);
    let (first, one, two) =
        (TestSigner::new(1).identity(), auditor().key().clone(), second().key().clone());
    desk.trust = TrustFile::parse(&format!(
        "auditseal/trust/v1\norigin c/n/s static {first}\n  begin 0\n  silent-after 366d\nauditor c {one}\n\
         auditor c {two}\n"
    ))
    .unwrap();
    desk
}

/// Begins with an empty archive; gives what is to come into it, in order.
fn emptied(desk: &mut Desk) -> Vec<(String, Vec<u8>)> {
    desk.archive = MemoryStore::versioned();
    desk.archive.set_time(desk.chain.now().micros() + 1_000_000);
    let seqs = 0..desk.chain.batches().count();
    seqs.map(|seq| (desk.chain.key(seq), desk.chain.get(seq).bytes.clone())).collect()
}

fn is_right(report: &PackReport) -> bool {
    let chain = &report.chains[0];
    report.exit_code() == 0 && chain.error.is_none() && chain.findings.is_empty()
}

async fn is_packed(desk: &Desk) {
    let packed: u64 = desk.attestations().iter().map(|signed| signed.attestation.objects()).sum();
    assert!(packed >= 2 * DAYS - 4, "{packed}");
    assert!(desk.attestations().iter().all(|signed| signed.attestation.findings == 0));
    assert_eq!(desk.verdicts().await, (vec![], true));
    assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
}

#[tokio::test]
async fn a_changed_key_is_packed_from_run_to_run() {
    for (rotates, expire) in
        [(&[5][..], false), (&[5], true), (&[4, 5, 12], false), (&[4, 15], true)]
    {
        let mut desk = desk(rotates);
        let mut coming = emptied(&mut desk).into_iter();
        for more in [3, 3, 2, 5, 1, 8, 7] {
            for (key, bytes) in coming.by_ref().take(more) {
                desk.archive.insert(&key, bytes);
            }
            let report = desk.pack().await;
            assert!(is_right(&report), "{rotates:?} {expire}: {report:?}");
            if expire {
                desk.expire();
            }
        }
        assert_eq!(coming.count(), 0);
        // Nothing is new then.
        let again = desk.pack().await;
        assert!(is_right(&again) && again.chains[0].packs.is_empty(), "{again:?}");
        is_packed(&desk).await;
    }
}

#[tokio::test]
async fn a_changed_key_is_packed_slice_by_slice() {
    for slice in 1..9 {
        let desk = desk(&[4, 9]);
        let options = PackOptions { slice, ..desk.options() };
        let report = desk.pack_with(&options).await;
        assert!(is_right(&report), "{slice}: {report:?}");
        is_packed(&desk).await;
    }
}

/// An attestation is lost behind the place where the key changed, and with another one that key's pack.
#[tokio::test]
async fn what_is_lost_is_packed_again() {
    for nth in 0..DAYS as usize - 2 {
        let desk = desk(&[5]);
        assert!(is_right(&desk.pack().await));
        let notes: Vec<_> =
            desk.keys(".note").into_iter().filter(|key| !key.starts_with("_rollups/")).collect();
        desk.packs.remove(&notes[nth]).unwrap();
        let report = desk.pack().await;
        assert!(is_right(&report) && report.chains[0].packs.len() == 1, "{nth}: {report:?}");
        desk.expire();
        is_packed(&desk).await;
    }
}

#[tokio::test]
async fn a_changed_key_is_attested_by_another_auditor_too() {
    for expire in [false, true] {
        let desk = desk(&[5, 14]);
        let made = desk.pack().await.chains[0].packs.len() as u64;
        if expire {
            desk.expire();
        }
        let report = desk.pack_by(&mut second(), &desk.options(), |_| {}).await;
        assert!(is_right(&report) && report.chains[0].seconded == made, "{made}: {report:?}");
        is_packed(&desk).await;
    }
}

/// Behind a pack whose last seal names another key, what that key signed is decompressed and held against its seals, as
/// if the pack had been read.
#[tokio::test]
async fn what_a_changed_key_signed_is_decompressed_behind_a_pack() {
    // Further from the genesis than is read to be tied to it.
    let before = 300;
    let last = TestPack::all(&story(before, &[]))[0].attestation.last;
    let mut desk = trusting_the_first(story(before, &[last]));
    let all = emptied(&mut desk);
    let put = |some: &[(String, Vec<u8>)]| {
        some.iter().for_each(|(key, bytes)| desk.archive.insert(key, bytes.clone()));
    };
    put(&all[..last as usize + 2]);
    let report = desk.pack().await;
    assert!(is_right(&report) && report.chains[0].packs[0].last == last, "{report:?}");
    put(&all[last as usize + 2..]);
    let since = desk.chain.get(last as usize + 1).seal.payload.times.unwrap().0;
    let window = Window { since: Some(since), until: None };
    let options = EstateOptions {
        window,
        packs: Some(Arc::new(desk.packs.clone())),
        skew: Some(i64::MAX / 4),
        ..EstateOptions::new(desk.trust.clone(), desk.now)
    };
    let report = verify_estate(Arc::new(desk.archive.clone()), &options, |_| {}).await.unwrap();
    let chain = &report.origins[0].chain;
    assert!(chain.findings.is_empty(), "{:?}", chain.findings);
    assert_eq!(chain.decompressed, before + 2 * DAYS - last);
}

/// Whoever wasn't named may not sign behind the newest pack, though the trust file names no key for it.
#[tokio::test]
async fn who_was_not_named_is_told() {
    let mut desk = desk(&[5]);
    let all = emptied(&mut desk);
    for (key, bytes) in &all[..20] {
        desk.archive.insert(key, bytes.clone());
    }
    assert!(is_right(&desk.pack().await));
    let mut other = Chain::new("c/n/s", TestSigner::named("c/n", 77));
    other.genesis();
    for _ in 1..=2 * DAYS {
        other.wait(DAY / 2);
        other.batch(&[Piece::new("audit.log", events(0..3))]);
    }
    desk.archive.remove(&desk.chain.key(19)).unwrap();
    for seq in 19..25 {
        desk.archive.insert(&desk.chain.key(seq), other.get(seq).bytes.clone());
    }
    let report = desk.pack().await;
    let found = &report.chains[0].findings;
    assert!(report.exit_code() == 1 && report.chains[0].packs.is_empty(), "{report:?}");
    assert!(found.iter().any(|one| one.verdict.name() == "WRONG_KEY"), "{report:?}");
}
