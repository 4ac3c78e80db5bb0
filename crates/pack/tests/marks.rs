//! Which loose objects may go, and when.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_chain::Retention;
use auditseal_doubles::Fault;
use auditseal_pack::PackOptions;
use auditseal_store::{Kind, Lock, LockMode, LockedBy, Operation};
use common::{DAY, Desk, chain};

const NOTHING: (Vec<String>, bool) = (Vec::new(), true);
const YEAR: i64 = 365 * DAY * 1_000_000;

/// A desk whose packs are locked for two years by the store.
fn locked(chain: auditseal_vectors::Chain) -> Desk {
    let desk = Desk::of(chain);
    let until = Some(desk.now.micros() + 2 * YEAR);
    let (mode, by) = (LockMode::Compliance, LockedBy::Version);
    desk.packs.set_lock(Some(Lock { mode, until, legal_hold: false, by }));
    desk
}

fn demanding(desk: &Desk) -> PackOptions {
    let retention = Some(Retention { mode: LockMode::Compliance, micros: YEAR });
    PackOptions { retention, ..desk.options() }
}

/// The seqs of the objects that are marked.
fn marked(desk: &Desk) -> Vec<u64> {
    let keys = desk.archive.marks().into_iter().map(|(key, _)| key);
    keys.map(|key| auditseal_format::ObjectKey::parse(&key).unwrap().seq).collect()
}

#[tokio::test]
async fn what_a_locked_pack_holds_is_marked() {
    let desk = locked(chain(3, 200));
    // Nobody demands a lock: nothing may go.
    let report = desk.pack_with(&PackOptions { dry_run: true, ..demanding(&desk) }).await;
    assert_eq!((report.exit_code(), marked(&desk).len()), (0, 0));
    let report = desk.pack_with(&demanding(&desk)).await;
    assert_eq!((report.exit_code(), report.chains[0].marked), (0, 403), "{report:?}");
    assert_eq!(marked(&desk), (1..=403).collect::<Vec<_>>(), "neither genesis nor the open day");
    // The lifecycle takes them: hidden at first, gone later.
    for days in [1, 2, 3] {
        desk.archive.set_time(desk.now.micros() + days * DAY * 1_000_000);
        desk.archive.expire(0);
        assert_eq!(desk.verdicts().await, NOTHING, "after {days} days");
        assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
    }
    assert!(desk.archive.objects().len() < 250);
}

#[tokio::test]
async fn without_a_lock_that_was_demanded_nothing_may_go() {
    let desk = locked(chain(3, 4));
    desk.pack().await;
    assert_eq!(marked(&desk).len(), 0, "nobody demanded a lock");
    // Demanded and held: the newest pack's objects are marked by the next run.
    let report = desk.pack_with(&demanding(&desk)).await;
    assert_eq!((report.exit_code(), marked(&desk)), (0, (7..=11).collect()));
    // Demanded, and not held: nothing is attested.
    let desk = Desk::of(chain(3, 4));
    let report = desk.pack_with(&demanding(&desk)).await;
    assert_eq!((report.exit_code(), marked(&desk).len(), desk.keys(".note").len()), (2, 0, 0));
    let error = report.chains[0].error.clone().unwrap();
    assert!(error.contains("no lock, where compliance is demanded; it isn't attested"), "{error}");
    // A month of lifecycle without a packer takes nothing.
    desk.archive.set_time(desk.now.micros() + 31 * DAY * 1_000_000);
    desk.archive.expire(0);
    assert_eq!(desk.verdicts().await, NOTHING);
}

/// Whoever is killed between attesting and marking marks what is left when started again.
#[tokio::test]
async fn marks_that_failed_are_made_by_the_next_run() {
    for nth in 1..=6 {
        let desk = locked(chain(2, 4));
        desk.archive.fail_when(move |operation, _, call| {
            (operation == Operation::Mark && call >= nth).then_some(Fault::Refuse(Kind::Denied))
        });
        let report = desk.pack_with(&demanding(&desk)).await;
        assert_eq!(report.exit_code(), 2, "{report:?}");
        assert!(marked(&desk).len() < 6);
        desk.archive.heal();
        let report = desk.pack_with(&demanding(&desk)).await;
        assert_eq!((report.exit_code(), marked(&desk)), (0, (1..=6).collect()), "{nth}");
        assert_eq!(report.chains[0].packs.len(), 0);
    }
}

#[tokio::test]
async fn a_store_without_marks_is_told_once() {
    let desk = locked(chain(4, 4));
    desk.archive.fail_when(|operation, _, _| {
        (operation == Operation::Mark).then_some(Fault::Refuse(Kind::Unsupported))
    });
    let report = desk.pack_with(&demanding(&desk)).await;
    assert_eq!((report.exit_code(), report.chains[0].packs.len()), (0, 3));
    let why = report.chains[0].unmarked.clone().unwrap();
    assert_eq!(why, "the archive's store keeps no marks");
}

/// What isn't the chain's stays: it may be evidence.
#[tokio::test]
async fn the_end_of_a_chain_and_what_is_not_its_own_stay() {
    let mut whole = chain(2, 4);
    whole.final_();
    let mut desk = locked(whole);
    let head = auditseal_vectors::head_text(desk.chain.head());
    let rest = format!("  begin 0\n  ended {head}\n");
    use auditseal_note::Signer as _;
    desk.trust = common::trusting(&desk.chain, &rest, &[common::auditor().key().clone()]);
    desk.archive.shadow(&desk.chain.key(3), "garbage");
    let report = desk.pack_with(&demanding(&desk)).await;
    assert_eq!(report.exit_code(), 1, "{report:?}");
    let last = desk.chain.head().seal.seq;
    assert_eq!(marked(&desk), (1..last).collect::<Vec<_>>());
    assert_eq!(desk.archive.marks().iter().filter(|(key, _)| *key == desk.chain.key(3)).count(), 1);
}
