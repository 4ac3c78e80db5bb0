use auditseal_vault::double::{Fault, MemoryStore};
use auditseal_vault::{Kind, LockedBy, Operation};

use super::*;

const DAY: i64 = 86_400_000_000;

fn locked(mode: LockMode) -> MemoryStore {
    let store = MemoryStore::versioned();
    store.set_lock(Some(Lock {
        mode,
        until: Some(30 * DAY),
        legal_hold: false,
        by: LockedBy::Version,
    }));
    store
}

async fn test(store: &MemoryStore, require: Option<Duration>) -> Outcome {
    let attacker = store.attacker().await.unwrap();
    let mut shown = 0;
    let outcome = run(&attacker, require, 0, false, |_| shown += 1).await;
    assert_eq!(shown, outcome.attempts.len());
    outcome
}

fn verdicts(outcome: &Outcome) -> Vec<(&'static str, Verdict)> {
    outcome.attempts.iter().map(|row| (row.attempt, row.verdict)).collect()
}

#[tokio::test]
async fn compliance_keeps_the_bytes() {
    let store = locked(LockMode::Compliance);
    let outcome = test(&store, Some(Duration::from_secs(30 * 86_400))).await;
    use Verdict::*;
    assert_eq!(
        verdicts(&outcome),
        [
            ("create again", Refused),
            ("overwrite", Shadowed),
            ("delete", Hidden),
            ("create after delete", Shadowed),
            ("delete version", Refused),
            ("lift legal hold", WithoutEffect),
            ("shorten retention", Refused),
            ("shorten, bypassing", Refused),
            ("lower the mode", Refused),
            ("remove retention", Refused),
            ("delete, bypassing", Refused),
        ]
    );
    assert_eq!((outcome.exit, &outcome.short), (0, &None));
    assert_eq!(outcome.left, "3 versions and markers stay: they can't be deleted");
}

#[tokio::test]
async fn governance_is_bypassed() {
    let outcome = test(&locked(LockMode::Governance), None).await;
    let found = verdicts(&outcome);
    assert!(found.contains(&("shorten retention", Verdict::Refused)), "{found:?}");
    assert!(found.contains(&("shorten, bypassing", Verdict::Weakened)), "{found:?}");
    assert!(found.contains(&("lower the mode", Verdict::Pointless)), "{found:?}");
    assert_eq!(outcome.exit, 1);
}

/// Google's retention policy that isn't locked: no attempt shows that it can be taken away.
#[tokio::test]
async fn a_policy_that_is_not_locked_is_not_called_safe() {
    let store = locked(LockMode::Compliance);
    let attacker = store.attacker().await.unwrap();
    let policy = |by| Ok(Lock { mode: LockMode::Governance, until: None, legal_hold: false, by });
    let safe = run(&attacker, None, 0, false, |_| {}).await;
    assert_eq!(conclude(&policy(LockedBy::Version), None, 0, &safe.attempts).1, 0);
    assert_eq!(conclude(&policy(LockedBy::Bucket), None, 0, &safe.attempts).1, 2);
}

#[tokio::test]
async fn without_a_lock_the_bytes_are_lost() {
    let outcome = test(&MemoryStore::versioned(), None).await;
    let found = verdicts(&outcome);
    assert!(found.contains(&("delete version", Verdict::BytesLost)), "{found:?}");
    assert!(found.contains(&("shorten retention", Verdict::Pointless)), "{found:?}");
    assert_eq!(found.last(), Some(&("delete, bypassing", Verdict::Pointless)), "nothing is left");
    assert_eq!(outcome.exit, 1);
    assert_eq!(outcome.left, "removed, with all that the attempts put there");

    let outcome = test(&MemoryStore::new(), None).await;
    assert_eq!(verdicts(&outcome)[1], ("overwrite", Verdict::BytesLost));
    assert_eq!(outcome.exit, 1);
}

#[tokio::test]
async fn a_lock_that_is_short_fails() {
    let store = locked(LockMode::Compliance);
    let outcome = test(&store, Some(Duration::from_secs(31 * 86_400))).await;
    assert_eq!(outcome.exit, 1);
    assert_eq!(outcome.short.as_deref(), Some("it ends too early"));
}

#[tokio::test]
async fn create_only_that_is_ignored_is_seen() {
    let store = locked(LockMode::Compliance);
    let attacker = store.attacker().await.unwrap();
    store.fail_when(|operation, _, _| (operation == Operation::Put).then_some(Fault::IgnoreCreate));
    let outcome = run(&attacker, None, 0, true, |_| {}).await;
    assert_eq!(verdicts(&outcome)[0], ("create again", Verdict::Shadowed));
    let mut out = Vec::new();
    outcome.tail(&mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("create-only isn't honoured"));
    assert_eq!(outcome.left, "kept as it is");
}

#[tokio::test]
async fn what_cannot_be_read_back_is_not_judged() {
    let store = locked(LockMode::Compliance);
    let attacker = store.attacker().await.unwrap();
    store.fail_when(|operation, _, nth| {
        (operation == Operation::Get && nth > 5).then_some(Fault::Refuse(Kind::Timeout))
    });
    let outcome = run(&attacker, None, 0, true, |_| {}).await;
    assert_eq!(outcome.exit, 2);
    assert!(verdicts(&outcome).iter().any(|(_, verdict)| *verdict == Verdict::Unknown));
}

#[tokio::test]
async fn nothing_but_the_canary_is_touched() {
    let store = locked(LockMode::None);
    let keys = ["cluster=a/x", "auditseal-worm-test/0/canary", "canary"];
    for key in keys {
        store.insert(key, "theirs");
    }
    assert!(holds_chains(&store).await.unwrap());
    assert_eq!(test(&store, None).await.exit, 1);
    for key in keys {
        assert_eq!(store.remove(key).unwrap(), "theirs", "{key}");
    }
    assert!(store.objects().is_empty());
    assert!(!holds_chains(&store).await.unwrap());
}
