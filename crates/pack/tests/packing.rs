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
