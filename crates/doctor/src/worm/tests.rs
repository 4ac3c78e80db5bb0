use std::time::Duration;

use auditseal_doubles::{Fault, MemoryStore};
use auditseal_store::{Kind, LockedBy, Operation};
use auditseal_vault::site;

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

fn terms(require: Option<Retention>) -> Terms {
    Terms { site: site("az://archive/p").unwrap(), require, put: 0, keep: false }
}

fn demand(days: u64) -> Option<Retention> {
    Some(Retention { compliance: true, duration: Duration::from_secs(days * 86_400) })
}

fn kept() -> Terms {
    Terms { keep: true, ..terms(None) }
}

async fn test(store: &MemoryStore, require: Option<Retention>) -> Outcome {
    let attacker = store.attacker().await.unwrap();
    let mut shown = 0;
    let outcome = run(&attacker, &terms(require), |_| shown += 1).await;
    assert_eq!(shown, outcome.attempts.len());
    outcome
}

fn verdicts(outcome: &Outcome) -> Vec<(&'static str, Verdict)> {
    outcome.attempts.iter().map(|row| (row.attempt, row.verdict)).collect()
}

#[tokio::test]
async fn compliance_keeps_the_bytes() {
    let store = locked(LockMode::Compliance);
    let outcome = test(&store, demand(30)).await;
    use Verdict::*;
    assert_eq!(
        verdicts(&outcome),
        [
            ("create again", Refused),
            ("overwrite", Shadowed),
            ("delete", Hidden),
            ("create after delete", Shadowed),
            ("delete version", Refused),
            ("lift legal hold", Pointless),
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
    let safe = run(&attacker, &terms(None), |_| {}).await;
    assert_eq!(conclude(&policy(LockedBy::Version), &terms(None), &safe.attempts).1, 0);
    assert_eq!(conclude(&policy(LockedBy::Bucket), &terms(None), &safe.attempts).1, 2);
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
    let outcome = test(&store, demand(31)).await;
    assert_eq!(outcome.exit, 1);
    assert_eq!(outcome.short.as_deref(), Some("it ends too early"));
}

/// What the agent lets pass, and what was demanded of it.
#[tokio::test]
async fn a_lock_is_held_against_what_the_agent_is_told() {
    let at = |require: Option<Retention>, put| Terms { put, ..terms(require) };
    let compliance = locked(LockMode::Compliance).attacker().await.unwrap();
    const HOUR: i64 = DAY / 24;
    for (put, short) in [(HOUR, None), (HOUR + 1, Some("it ends too early".to_owned()))] {
        assert_eq!(conclude(compliance.lock(), &at(demand(30), put), &[]).0, short);
    }
    let governance = locked(LockMode::Governance).attacker().await.unwrap();
    let weak = demand(30).map(|demand| Retention { compliance: false, ..demand });
    assert_eq!(conclude(governance.lock(), &terms(weak), &[]).0, None);
    let short = conclude(governance.lock(), &terms(demand(30)), &[]).0;
    assert_eq!(short.as_deref(), Some("whoever may bypass GOVERNANCE can delete it"));
}

/// Azure's policy of a container: the storage service tells of it, but not whether it is locked.
#[tokio::test]
async fn a_policy_of_unknown_state_is_not_called_safe() {
    let store = MemoryStore::versioned();
    let by = LockedBy::Bucket;
    let mode = LockMode::Undisclosed;
    store.set_lock(Some(Lock { mode, until: None, legal_hold: false, by }));
    for require in [None, demand(1)] {
        let attacker = store.attacker().await.unwrap();
        let refused =
            Row { attempt: "delete version", answer: String::new(), verdict: Verdict::Refused };
        let concluded = conclude(attacker.lock(), &terms(require), &[refused]);
        assert_eq!(concluded, (None, 2), "{require:?}");
        let mut outcome = run(&attacker, &terms(require), |_| {}).await;
        let command = "az storage container immutability-policy show --account-name \"$AZURE_STORAGE_ACCOUNT_NAME\" --container-name archive";
        assert_eq!(outcome.policy_command.as_deref(), Some(command));
        outcome.exit = 2;
        let mut out = Vec::new();
        outcome.tail(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(command) && text.contains("NOT KNOWN"), "{text}");
    }
}

#[tokio::test]
async fn a_hold_is_lifted_where_there_is_one() {
    let hold = |mode, until| Lock { mode, until, legal_hold: true, by: LockedBy::Version };
    for (lock, rest) in [
        (hold(LockMode::Compliance, Some(30 * DAY)), Verdict::Refused),
        (hold(LockMode::None, None), Verdict::BytesLost),
    ] {
        let store = MemoryStore::versioned();
        store.set_lock(Some(lock));
        let outcome = test(&store, None).await;
        let found = verdicts(&outcome);
        assert!(found.contains(&("delete version", Verdict::Refused)), "{found:?}");
        assert!(found.contains(&("lift legal hold", Verdict::Weakened)), "{found:?}");
        assert!(found.contains(&("delete, bypassing", rest)), "{found:?}");
        assert_eq!(outcome.exit, 1);
    }
    let outcome = test(&locked(LockMode::Compliance), None).await;
    let row = outcome.attempts.iter().find(|row| row.attempt == "lift legal hold").unwrap();
    assert_eq!(row.answer, "it has no legal hold");
}

/// Credentials that may change a retention, and bypass it, but not read it.
#[tokio::test]
async fn a_lock_that_was_changed_unseen_is_not_called_safe() {
    let store = locked(LockMode::Governance);
    store.fail_when(|operation, _, _| {
        (operation == Operation::Lock).then_some(Fault::Refuse(Kind::Denied))
    });
    let found = verdicts(&test(&store, None).await);
    assert!(found.contains(&("shorten, bypassing", Verdict::Unknown)), "{found:?}");
    let look = |lock| Look { bytes: CanaryBytes::Intact, seen: Seen::Canary, lock };
    let denied = || Err(Error::new(Operation::Lock, "s3://b", Kind::Denied, "403"));
    let read = || Ok(Lock { legal_hold: true, ..Lock::NONE });
    let done = Answer::Accepted("200".to_owned());
    for attempt in [Attempt::ShortenBypassing, Attempt::RemoveRetention, Attempt::LiftHold] {
        for (before, after) in [(denied(), denied()), (read(), denied()), (denied(), read())] {
            let verdict = verdict(attempt, &done, &look(before), &look(after));
            assert_eq!(verdict, Verdict::Unknown, "{attempt:?}");
        }
        let same = verdict(attempt, &done, &look(read()), &look(read()));
        assert_eq!(same, Verdict::WithoutEffect, "{attempt:?}");
    }
}

#[tokio::test]
async fn create_only_that_is_ignored_is_seen() {
    let store = locked(LockMode::Compliance);
    let attacker = store.attacker().await.unwrap();
    store.fail_when(|operation, _, _| (operation == Operation::Put).then_some(Fault::IgnoreCreate));
    let outcome = run(&attacker, &kept(), |_| {}).await;
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
    let outcome = run(&attacker, &kept(), |_| {}).await;
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
