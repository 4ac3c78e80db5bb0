use auditseal_chain::Extent;
use auditseal_doubles::MemoryStore;
use auditseal_format::packs::{Attestation, BatchSize, Blob, PackLock, SignedAttestation};
use auditseal_format::{Date, Origin, Time, TimeField, hash};
use auditseal_index::{Lookup, Pattern, TermField, TermKind};
use auditseal_note::{Signer as _, StaticSigner};
use std::sync::Arc;

use super::listing::{PackRoot, Packs};
use super::rollups;
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
        gaps: 0,
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
        let spans = packs.taken().iter().map(|pack| {
            let attested = (pack.attestation.first, pack.attestation.last);
            (attested, (pack.first, pack.last))
        });
        spans.collect::<Vec<_>>()
    };
    let spans = [(1, 3), (1, 5), (4, 9), (6, 7)];
    // Each seq is read from one of them, whatever else that one holds.
    let all = taken(&spans, 0, None).await;
    assert_eq!(all, [((1, 5), (1, 5)), ((4, 9), (6, 9))]);
    let midst = taken(&spans, 2, None).await;
    assert_eq!(midst, [((1, 5), (2, 5)), ((4, 9), (6, 9))]);
    assert_eq!(taken(&spans, 0, Some(4)).await, [((1, 5), (1, 4))]);
    assert_eq!(taken(&spans, 3, Some(8)).await, [((1, 5), (3, 5)), ((4, 9), (6, 8))]);
    assert_eq!(taken(&spans, 10, None).await, []);
    let apart = taken(&[(5, 6), (1, 2)], 0, None).await;
    assert_eq!(apart, [((1, 2), (1, 2)), ((5, 6), (5, 6))]);
    let inside = taken(&[(1, 9), (2, 3), (4, 9)], 0, None).await;
    assert_eq!(inside, [((1, 9), (1, 9))]);
}

/// `testdata/rollups`: which of them is asked in its packs' place.
#[tokio::test]
async fn a_roll_up_is_asked_where_the_vectors_say_so() {
    let (mut used, mut unused) = (0, 0);
    for vector in auditseal_vectors::cases::rollups() {
        let store = MemoryStore::new();
        let (key, note) = &vector.note;
        store.insert(key, note.clone());
        if let Some((key, bytes)) = &vector.stored {
            store.insert(key, bytes.clone());
        }
        let root = PackRoot {
            source: Source::new(Arc::new(store)),
            auditors: vec![vector.auditor.parse().unwrap()],
            by_date: true,
        };
        let origin: Origin = vector.origin.parse().unwrap();
        let packs = Packs::read(&root, &origin, Extent::default()).await.unwrap();
        let (counting, unusable) = rollups::counting(&packs, &origin, (1, 6)).await.unwrap();
        // What isn't the name of one isn't looked at.
        assert!(counting.len() + unusable.len() <= 1, "{}", vector.name);
        let delete = Pattern::new(TermKind::Action).with(TermField::Resource, "pods");
        let mut asked = false;
        for rolled in counting {
            let lookup = Lookup::Term(delete.clone());
            let source = packs.source().unwrap();
            let said = rollups::ask(source, &rolled, &lookup, |_| u64::MAX).await;
            asked |= said.is_ok_and(|said| said.is_some_and(|said| said.packs.len() == 3));
        }
        assert_eq!(asked, vector.used, "{}", vector.name);
        (used, unused) = (used + u32::from(asked), unused + u32::from(!asked));
    }
    assert!(used >= 2 && unused >= 30, "{used} {unused}");
}
