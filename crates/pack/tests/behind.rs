//! What went missing behind the newest attestation is told by each run, and made up for where its objects are still
//! there.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_pack::PackReport;
use auditseal_store::Operation;
use common::{Desk, chain};

fn spans(report: &PackReport) -> Vec<(u64, u64)> {
    assert_eq!(report.chains[0].error, None);
    report.chains[0].packs.iter().map(|pack| (pack.first, pack.last)).collect()
}

fn verdicts(report: &PackReport) -> Vec<String> {
    let findings = report.chains[0].findings.iter();
    findings.map(|finding| finding.verdict.name().to_owned()).collect()
}

const CLEAN: (Vec<String>, bool) = (Vec::new(), true);

/// Packs of seqs 1–6, 7–11 and 12–16.
async fn packed() -> Desk {
    let desk = Desk::of(chain(4, 4));
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), spans(&report)), (0, vec![(1, 6), (7, 11), (12, 16)]));
    desk
}

fn key_of(desk: &Desk, nth: usize, ending: &str) -> String {
    let keys = desk.keys(ending);
    keys.into_iter().filter(|key| !key.starts_with("_rollups/")).nth(nth).unwrap()
}

#[tokio::test]
async fn a_lost_pack_is_made_again_while_its_objects_are_there() {
    for nth in 0..3 {
        let desk = packed().await;
        let key = key_of(&desk, nth, ".jsonl.zst");
        let bytes = desk.packs.remove(&key).unwrap();
        let again = desk.pack().await;
        assert_eq!((again.exit_code(), spans(&again).len()), (0, 1), "{nth}");
        assert_eq!(desk.packs.objects()[&key], bytes);
        desk.expire();
        assert_eq!(desk.verdicts().await, CLEAN);
        assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
        let last = desk.pack().await;
        assert_eq!((last.exit_code(), spans(&last)), (0, vec![]));
    }
}

#[tokio::test]
async fn a_lost_pack_whose_objects_are_gone_is_told_by_each_run() {
    for nth in 0..3 {
        let desk = packed().await;
        desk.expire();
        desk.packs.remove(&key_of(&desk, nth, ".jsonl.zst")).unwrap();
        for _ in 0..2 {
            let again = desk.pack().await;
            assert_eq!(again.exit_code(), 1, "{again:?}");
            assert!(verdicts(&again).contains(&"MISSING".to_owned()), "{again:?}");
            assert_eq!(spans(&again), []);
            assert!(
                again.metrics(desk.now).contains("auditseal_pack_findings{origin=\"c/n/s\"} 1")
            );
        }
    }
}

#[tokio::test]
async fn a_lost_attestation_is_made_again() {
    for nth in 0..3 {
        let desk = packed().await;
        desk.packs.remove(&key_of(&desk, nth, ".note")).unwrap();
        let again = desk.pack().await;
        assert_eq!((again.exit_code(), spans(&again).len()), (0, 1), "{nth}");
        desk.expire();
        assert_eq!(desk.verdicts().await, CLEAN);
    }
}

/// An object that wasn't there when its neighbours were packed, and comes to light later.
#[tokio::test]
async fn a_missing_object_is_told_until_it_is_there() {
    let desk = Desk::of(chain(4, 4));
    let key = desk.chain.key(9);
    let bytes = desk.archive.remove(&key).unwrap();
    for _ in 0..3 {
        let report = desk.pack().await;
        assert_eq!(report.exit_code(), 1, "{report:?}");
        assert_eq!(verdicts(&report), ["MISSING"]);
    }
    desk.archive.insert(&key, bytes);
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), spans(&report)), (0, vec![(9, 9)]));
    let last = desk.pack().await;
    assert_eq!((last.exit_code(), spans(&last)), (0, vec![]));
    desk.expire();
    assert_eq!(desk.verdicts().await, CLEAN);
    assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
}

/// A look behind is worth a listing, however long the chain is.
#[tokio::test]
async fn where_nothing_is_missing_no_object_is_read_again() {
    let desk = Desk::of(chain(40, 2));
    desk.pack().await;
    let asked = |operation| desk.archive.calls(operation);
    let before = (asked(Operation::Get), asked(Operation::Versions));
    desk.pack().await;
    let (gets, lists) = (asked(Operation::Get) - before.0, asked(Operation::Versions) - before.1);
    assert!(gets <= 8 && lists <= 4, "{gets} objects, {lists} listings");
}

/// A chain whose last seals are all packed, and whose loose objects have all gone: nothing is missing.
#[tokio::test]
async fn a_chain_may_end_with_its_packs() {
    let mut desk = packed().await;
    // Somebody said once that it had ended, and the line is gone from the trust file by now.
    let end = desk.chain.head();
    let rest = format!("  begin 0\n  ended {}\n", auditseal_vectors::head_text(end));
    let silent = desk.trust.clone();
    desk.trust = common::trusting(
        &desk.chain,
        &rest,
        &[auditseal_note::Signer::key(&common::auditor()).clone()],
    );
    assert_eq!(spans(&desk.pack().await), [(17, 20)]);
    for key in desk.archive.objects().keys() {
        desk.archive.remove(key);
    }
    desk.trust = silent;
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), verdicts(&report)), (0, vec![]), "{report:?}");
    // That it has been silent for too long is found all the same.
    desk.now = desk.now.saturating_add(400 * common::DAY * 1_000_000);
    let late = desk.pack().await;
    assert_eq!((late.exit_code(), verdicts(&late)), (1, vec!["SILENT".to_owned()]), "{late:?}");
}
