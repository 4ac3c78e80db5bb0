use auditseal_chain::Extent;
use auditseal_doubles::MemoryStore;
use auditseal_format::packs::{Attestation, BatchSize, Blob, PackLock, SignedAttestation};
use auditseal_format::{Date, Origin, Time, TimeField, hash};
use auditseal_note::{Signer as _, StaticSigner};
use std::sync::Arc;

use super::listing::{PackRoot, Packs};
use crate::source::Source;

fn auditor() -> StaticSigner {
    StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap()
}

/// An attestation of so many heartbeats; nobody has the pack.
fn attestation(first: u64, last: u64) -> SignedAttestation {
    let seal = 900;
    let objects = last - first + 1;
    let attestation = Attestation {
        origin: "c/n/s".parse().unwrap(),
        key: auditor().key().clone(),
        first,
        last,
        date: Date::parse(b"2026-11-30").unwrap(),
        prev: hash(&(first - 1).to_le_bytes()),
        head: hash(&last.to_le_bytes()),
        generation: 0,
        pack: Blob::of(b"pack"),
        text: u64::from(seal) * objects,
        index: None,
        field: TimeField::Audit,
        untimed: 0,
        times: None,
        sealed: (Time::EPOCH, Time::EPOCH),
        lock: PackLock::None,
        judged: Time::EPOCH,
        attested: Time::EPOCH,
        batches: vec![BatchSize { seal, parts: Vec::new() }; objects as usize],
        findings: 0,
        found: Vec::new(),
    };
    SignedAttestation::sign(attestation, &mut auditor()).unwrap()
}

async fn read(store: &MemoryStore, extent: Extent) -> Packs {
    let root = PackRoot {
        source: Source::new(Arc::new(store.clone())),
        auditors: vec![auditor().key().clone()],
        by_date: true,
    };
    let origin: Origin = "c/n/s".parse().unwrap();
    Packs::read(&root, &origin, extent).await.unwrap()
}

#[tokio::test]
async fn sizes_that_would_fill_the_memory_are_read_again() {
    let store = MemoryStore::new();
    // Fourteen megabytes of attestations.
    let signed: Vec<_> =
        (0..14).map(|nth| attestation(1 + nth * 100_000, (nth + 1) * 100_000)).collect();
    for one in &signed {
        store.insert(&one.key(), one.note.clone());
    }
    let packs = read(&store, Extent::default()).await;
    assert_eq!(packs.taken().len(), 14);
    let kept = packs.taken().iter().filter(|pack| !pack.attestation.batches.is_empty()).count();
    assert!((1..14).contains(&kept), "{kept}");
    for (pack, one) in packs.taken().iter().zip(&signed) {
        assert_eq!(*packs.sizes(pack).await.unwrap(), one.attestation);
    }
    // What was there a moment ago may be gone.
    store.remove(&signed[13].key());
    let error = packs.sizes(&packs.taken()[13]).await.unwrap_err();
    assert!(error.to_string().contains("isn't there any more"), "{error}");
}

#[tokio::test]
async fn what_does_not_count_is_counted_and_the_first_is_named() {
    let store = MemoryStore::new();
    let good = attestation(1, 3);
    store.insert(&good.key(), good.note.clone());
    for nth in 0..1000 {
        store.insert(&format!("_attestations/cluster=c/node=n/source=s/{nth}.note"), "garbage");
    }
    let packs = read(&store, Extent::default()).await;
    let (named, total) = packs.unusable();
    assert_eq!((named.len(), total, packs.taken().len()), (100, 1000, 1));
    // Right names with other bytes, other signers, and other chains.
    let other = attestation(4, 6);
    store.insert(&other.key(), good.note.clone());
    let mut stranger = StaticSigner::from_seed("auditor.example", &[8; 32]).unwrap();
    let signed = SignedAttestation::sign(other.attestation.clone(), &mut stranger).unwrap();
    store.insert(&signed.key(), signed.note.clone());
    let packs = read(&store, Extent::default()).await;
    assert_eq!((packs.unusable().1, packs.taken().len()), (1002, 1));
}

#[tokio::test]
async fn of_packs_that_overlap_those_are_taken_that_cover_most() {
    let taken = async |spans: &[(u64, u64)], from: u64, to: Option<u64>| {
        let store = MemoryStore::new();
        for (first, last) in spans {
            let one = attestation(*first, *last);
            store.insert(&one.key(), one.note.clone());
        }
        let from = from.to_string().parse().unwrap();
        let packs = read(&store, Extent { from, to }).await;
        let spans =
            packs.taken().iter().map(|pack| (pack.attestation.first, pack.attestation.last));
        spans.collect::<Vec<_>>()
    };
    assert_eq!(taken(&[(1, 3), (1, 5), (4, 9), (6, 7)], 0, None).await, [(1, 5), (6, 7)]);
    assert_eq!(taken(&[(1, 3), (1, 5), (4, 9), (6, 7)], 2, None).await, [(1, 5), (6, 7)]);
    assert_eq!(taken(&[(1, 3), (1, 5), (4, 9), (6, 7)], 4, None).await, [(4, 9)]);
    assert_eq!(taken(&[(1, 3), (4, 9), (10, 12)], 0, Some(4)).await, [(1, 3), (4, 9)]);
    assert_eq!(taken(&[(5, 6), (1, 2)], 0, None).await, [(1, 2), (5, 6)]);
}
