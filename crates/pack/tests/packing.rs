//! What is packed, and what is read back from it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_note::Signer as _;
use auditseal_pack::{PackOptions, PackProgress};
use common::{Desk, chain, is_empty};

const NOTHING: (Vec<String>, bool) = (Vec::new(), true);

#[tokio::test]
async fn what_is_packed_is_verified_and_read_without_its_objects() {
    let desk = Desk::of(chain(3, 4));
    let source = desk.chain.restored();
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), &report.chains[0].error), (0, &None));
    // Each day is a pack; of the last one no later seal is there.
    let packs = &report.chains[0].packs;
    let spans: Vec<_> = packs.iter().map(|pack| (pack.first, pack.last)).collect();
    assert_eq!(spans, [(1, 6), (7, 11)], "{report:?}");
    assert!(is_empty(desk.state.path()));
    for expired in [0, 11] {
        assert_eq!(desk.verdicts().await, NOTHING);
        assert_eq!(desk.cat().await.unwrap(), source);
        assert_eq!(desk.expire(), 11 - expired);
    }
}

#[tokio::test]
async fn what_was_packed_is_not_packed_again() {
    let desk = Desk::of(chain(3, 4));
    desk.pack().await;
    let before = desk.packs.objects();
    let again = desk.pack().await;
    assert_eq!((again.exit_code(), again.chains[0].packs.len()), (0, 0));
    assert_eq!(desk.packs.objects(), before);
    // Another day, and the one before is packed.
    let mut desk = desk;
    let (longer, old) = (chain(4, 4), desk.chain.archive());
    for (key, bytes) in longer.archive().into_iter().filter(|(key, _)| !old.contains_key(key)) {
        desk.archive.insert(&key, bytes);
    }
    desk.chain = longer;
    desk.expire();
    let more = desk.pack().await;
    let spans: Vec<_> = more.chains[0].packs.iter().map(|pack| (pack.first, pack.last)).collect();
    assert_eq!(spans, [(12, 16)], "{more:?}");
    desk.expire();
    assert_eq!(desk.verdicts().await, NOTHING);
    assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
}

#[tokio::test]
async fn slices_of_any_size_make_the_same_packs() {
    let whole = Desk::of(chain(5, 3));
    whole.pack().await;
    for slice in 1..12 {
        let desk = Desk::of(chain(5, 3));
        let report = desk.pack_with(&PackOptions { slice, ..desk.options() }).await;
        assert_eq!(report.exit_code(), 0, "{slice}: {report:?}");
        assert_eq!(desk.keys(".jsonl.zst"), whole.keys(".jsonl.zst"), "{slice}");
        assert_eq!(desk.packs.objects(), whole.packs.objects(), "{slice}");
    }
}

/// A chain that has ended has no later seal to wait for.
#[tokio::test]
async fn the_end_of_a_chain_is_packed() {
    let mut chain = chain(2, 4);
    chain.final_();
    let mut desk = Desk::of(chain);
    let head = auditseal_vectors::head_text(desk.chain.head());
    for (rest, packs) in [("  silent-after 366d\n".to_owned(), 1), (format!("  ended {head}\n"), 1)]
    {
        let rest = format!("  begin 0\n{rest}");
        desk.trust = common::trusting(&desk.chain, &rest, &[common::auditor().key().clone()]);
        let report = desk.pack().await;
        assert_eq!(report.chains[0].packs.len(), packs, "{report:?}");
    }
    // Behind its end nothing is missing, whether its objects are still there or not.
    for _ in 0..2 {
        let again = desk.pack().await;
        assert_eq!((again.exit_code(), again.chains[0].packs.len()), (0, 0), "{again:?}");
        desk.expire();
    }
    assert_eq!(desk.verdicts().await, NOTHING);
    assert_eq!(desk.archive.objects().len(), 1, "the genesis alone is left");
    assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
}

/// Whose word an answer trusted stands in the answer.
#[tokio::test]
async fn a_report_says_whose_word_was_taken() {
    let desk = Desk::of(chain(3, 4));
    desk.pack().await;
    for nth in 0..10 {
        let key = format!("_attestations/cluster=c/node=n/source=s/{nth}.note");
        desk.packs.insert(&key, "garbage");
    }
    let report = desk.verify().await;
    let limits = &report.origins[0].chain.limits;
    let told = |what: &str| limits.iter().filter(|limit| limit.contains(what)).count();
    assert_eq!(told("2 packs of seals 1 to 11 are attested by auditor.example"), 1, "{limits:?}");
    assert_eq!((told("an attestation that doesn't count: "), told("and 7 more")), (3, 1));
}

/// A part that begins in a pack, from a seal that somebody knows.
#[tokio::test]
async fn a_part_begins_in_the_midst_of_a_pack() {
    let desk = Desk::of(chain(4, 4));
    desk.pack().await;
    for _ in 0..2 {
        for seq in [1, 6, 7, 9, 12] {
            let seal = auditseal_format::SealId { seq, hash: desk.chain.get(seq as usize).hash };
            let from = auditseal_chain::Begin::Known(seal);
            let extent = auditseal_chain::Extent { from, to: None };
            let options = auditseal_archive::EstateOptions {
                packs: Some(std::sync::Arc::new(desk.packs.clone())),
                skew: Some(i64::MAX / 4),
                extent,
                ..auditseal_archive::EstateOptions::new(desk.trust.clone(), desk.now)
            };
            let archive = std::sync::Arc::new(desk.archive.clone());
            let report = auditseal_archive::verify_estate(archive, &options, |_| {}).await.unwrap();
            let chain = &report.origins[0].chain;
            assert_eq!(
                (chain.findings_total, chain.complete_until.is_some()),
                (0, true),
                "{seq} {chain:?}"
            );
            assert_eq!(chain.seals, 21 - seq, "{seq}");
        }
        desk.expire();
    }
}

/// Packs that were attested without an index, or with another version's.
#[tokio::test]
async fn indexes_are_made_again() {
    let desk = Desk::of(chain(4, 4));
    desk.pack().await;
    let right = desk.keys(".index");
    for signed in desk.attestations().into_iter().take(2) {
        desk.packs.remove(&signed.key());
        let index = None;
        let other = auditseal_format::packs::Attestation { index, ..signed.attestation };
        let signed =
            auditseal_format::packs::SignedAttestation::sign(other, &mut common::auditor());
        let signed = signed.unwrap();
        desk.packs.insert(&signed.key(), signed.note);
    }
    for key in &right {
        desk.packs.remove(key);
    }
    let plain = desk.pack().await;
    assert_eq!(
        (plain.exit_code(), plain.chains[0].reindexed, desk.keys(".index").len()),
        (0, 0, 0)
    );
    let options = || PackOptions { reindex: true, ..desk.options() };
    let report = desk.pack_with(&options()).await;
    assert_eq!((report.exit_code(), report.chains[0].reindexed), (0, 2), "{report:?}");
    assert_eq!(desk.keys(".index"), right, "those that had gone are put again");
    desk.expire();
    assert_eq!(desk.verdicts().await, NOTHING);
    let again = desk.pack_with(&options()).await;
    assert_eq!((again.exit_code(), again.chains[0].reindexed), (0, 0));
}

/// How far it is never goes back, and ends at all that is listed.
#[tokio::test]
async fn progress_counts_the_objects_of_all_slices() {
    for slice in [2, 5, 1000] {
        let desk = Desk::of(chain(3, 4));
        let (mut told, mut made) = (Vec::new(), 0);
        let report = desk
            .pack_told(&PackOptions { slice, ..desk.options() }, |progress| match progress {
                PackProgress::Judged { objects, total } => told.push((objects, total)),
                PackProgress::Made(..) => made += 1,
            })
            .await;
        let listed = desk.archive.objects().len() as u64;
        assert_eq!((made, told.last()), (report.chains[0].packs.len(), Some(&(listed, listed))));
        assert!(
            told.iter().all(|(objects, total)| objects <= total && *total == listed),
            "{told:?}"
        );
    }
}

/// Until the first pack it is the oldest seal that waits; what was packed stays so until more is.
#[tokio::test]
async fn it_is_known_until_when_all_is_packed() {
    let desk = Desk::of(chain(1, 4));
    let waits = desk.pack().await.chains.remove(0);
    let first = desk.chain.get(1).seal.sealed;
    assert_eq!((waits.packs.len(), waits.packed_until), (0, Some(first)), "{waits:?}");
    let desk = Desk::of(chain(3, 4));
    let last = desk.chain.get(11).seal.sealed;
    for packs in [2, 0] {
        let packed = desk.pack().await.chains.remove(0);
        assert_eq!((packed.packs.len(), packed.packed_until), (packs, Some(last)), "{packed:?}");
    }
}
