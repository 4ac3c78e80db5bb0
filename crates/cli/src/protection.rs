//! What protects stored objects: from flags to what is asked of the store.

use std::time::Duration;

use auditseal_agent::Outcome;
use auditseal_store::Retention;
use auditseal_vault::{Encryption, Options};

use crate::args::{Asked, RetentionMode, Sse, Writer};
use crate::failure::Failure;

/// A retention as flags say it: COMPLIANCE unless they say otherwise.
pub(crate) fn retention(
    duration: Option<Duration>,
    mode: Option<RetentionMode>,
) -> Option<Retention> {
    let compliance = mode != Some(RetentionMode::Governance);
    duration.map(|duration| Retention { compliance, duration })
}

/// Adds to the options of a store what each put asks of it. What a kind of store can't do, it
/// refuses itself when it is opened.
pub(crate) fn ask(options: Options, asked: &Asked) -> Result<Options, Failure> {
    Ok(Options {
        retention: retention(asked.retention, asked.retention_mode),
        legal_hold: asked.legal_hold,
        encryption: encryption(asked)?,
        ..options
    })
}

fn encryption(asked: &Asked) -> Result<Option<Encryption>, Failure> {
    let refused = |why: &str, hint: &str| {
        Err(Failure::new(format!("read the command line: {why}")).hint(Some(hint)))
    };
    Ok(match (asked.sse, &asked.sse_kms_key_id) {
        (Some(Sse::S3), None) => Some(Encryption::S3Managed),
        (Some(Sse::Kms), Some(id)) => Some(Encryption::S3Kms(id.clone())),
        (Some(Sse::S3), Some(_)) => {
            return refused("--sse s3 takes no --sse-kms-key-id", "--sse kms is what takes one");
        }
        (Some(Sse::Kms), None) => {
            let hint = "name the key with --sse-kms-key-id; where the bucket's default is SSE-KMS, \
                        leave --sse out";
            return refused("--sse kms names no key", hint);
        }
        (None, _) => {
            let google = asked.gcs_kms_key.clone().map(Encryption::GoogleKey);
            google.or_else(|| asked.azure_encryption_scope.clone().map(Encryption::AzureScope))
        }
    })
}

/// Refuses to demand what can't be: a directory has no locks, so each of its objects would be an
/// alarm.
pub(crate) fn check(writer: &Writer) -> Result<(), Failure> {
    let (scheme, _) = writer.store.store.split_once(':').unwrap_or_default();
    if writer.protection.require_retention.is_none() || !scheme.eq_ignore_ascii_case("file") {
        return Ok(());
    }
    let why = "read the command line: --require-retention: a directory has no locks";
    Err(Failure::new(why).hint(Some("leave it out, or use a store that locks objects")))
}

/// Judges the locks of a one-shot: nobody looks at its counters later, so its exit code must tell.
/// The daemon's alarms are its log and its counters; that it was stopped is no failure.
pub(crate) fn conclude(outcomes: &[Outcome]) -> Result<(), Failure> {
    for Outcome { origin, tally, .. } in outcomes {
        if tally.lock_shortfalls > 0 {
            let what = format!("lock {origin} as demanded: {} objects", tally.lock_shortfalls);
            let hint = "everything is stored; set the bucket's default retention (or --retention) \
                        for what comes, and extend the locks of the objects that \
                        `auditseal verify --require-retention` names";
            return Err(Failure::new(format!("{what} fall short")).hint(Some(hint)).code(1));
        }
    }
    for Outcome { origin, tally, .. } in outcomes {
        if tally.lock_unknown > 0 {
            let what = format!("check the locks of {origin}: {} are unknown", tally.lock_unknown);
            let hint = "everything is stored; the log says why, once per cause";
            return Err(Failure::new(what).hint(Some(hint)));
        }
    }
    Ok(())
}

/// What the summary of a one-shot says of the locks.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let (short, unknown) = (outcome.tally.lock_shortfalls, outcome.tally.lock_unknown);
    let mut shown = String::new();
    if short > 0 {
        shown = format!("; {short} LOCKS FALL SHORT");
    }
    if unknown > 0 {
        shown = format!("{shown}; {unknown} LOCKS UNKNOWN");
    }
    shown
}

#[cfg(test)]
mod tests {
    use auditseal_agent::{ChainEnd, Tally};
    use auditseal_format::Origin;

    use super::*;
    use crate::args::LogFormat;

    #[test]
    fn a_short_lock_counts_more_than_an_unknown_one() {
        let outcome = |name: &str, lock_shortfalls, lock_unknown| Outcome {
            origin: Origin::new("c", "n", name).expect("an origin"),
            end: ChainEnd::Done,
            tally: Tally { lock_shortfalls, lock_unknown, ..Tally::default() },
            strangers: None,
            head: None,
        };
        let code = |outcomes: &[Outcome]| match conclude(outcomes) {
            Ok(()) => 0,
            Err(failure) => match format!("{:?}", failure.show(LogFormat::Text)) {
                shown if shown.contains('1') => 1,
                _ => 2,
            },
        };
        assert_eq!(code(&[outcome("a", 0, 0)]), 0);
        assert_eq!(code(&[outcome("a", 0, 3), outcome("b", 0, 0)]), 2);
        assert_eq!(code(&[outcome("a", 0, 3), outcome("b", 1, 0)]), 1);
        assert_eq!(summary(&outcome("a", 2, 3)), "; 2 LOCKS FALL SHORT; 3 LOCKS UNKNOWN");
        assert_eq!(summary(&outcome("a", 0, 0)), "");
    }
}
