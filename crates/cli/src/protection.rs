//! What protects stored objects: from flags to what is asked of the store.

use std::time::Duration;

use auditseal_agent::Outcome;
use auditseal_store::Retention;
use auditseal_vault::{Encryption, Options};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::units;

/// How firmly a retention holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetentionMode {
    /// Nobody can lift or shorten it.
    Compliance,
    /// Whoever has the permission can.
    Governance,
}

/// Whose keys S3 encrypts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sse {
    /// The store's own.
    S3,
    /// One of the key management service.
    Kms,
}

/// What each put asks for beside storing.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Put each object with a retention of its own. Better is the bucket's default retention, and
    /// a writer that may not set any.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_RETENTION", value_name = "DAYS", value_parser = units::retention)]
    pub(crate) retention: Option<Duration>,
    /// How firm that retention is [default: compliance].
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_RETENTION_MODE",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        requires = "retention"
    )]
    pub(crate) retention_mode: Option<RetentionMode>,
    /// Put each object with a legal hold, which lasts until somebody lifts it (S3 and Azure).
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_LEGAL_HOLD", value_parser = BoolishValueParser::new())]
    pub(crate) legal_hold: bool,
    /// S3: encrypt with the store's own keys (s3) or with one of the key management service (kms)
    /// instead of the bucket's default.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_SSE", value_name = "s3|kms", value_enum, hide_possible_values = true,
          conflicts_with_all = ["gcs_kms_key", "azure_encryption_scope"])]
    pub(crate) sse: Option<Sse>,
    /// S3: id or ARN of the key for --sse kms.
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_SSE_KMS_KEY_ID",
        value_name = "ID",
        requires = "sse"
    )]
    pub(crate) sse_kms_key_id: Option<String>,
    /// Google: name of the key to encrypt with, projects/…/cryptoKeys/….
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_GCS_KMS_KEY",
        value_name = "NAME",
        conflicts_with = "azure_encryption_scope"
    )]
    pub(crate) gcs_kms_key: Option<String>,
    /// Azure: the encryption scope.
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_AZURE_ENCRYPTION_SCOPE",
        value_name = "SCOPE"
    )]
    pub(crate) azure_encryption_scope: Option<String>,
}

/// What each put asks for, and what is held against it afterwards.
#[derive(Debug, Args)]
pub(crate) struct Protection {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Read the lock of each stored version, and raise an alarm if it ends earlier than so long
    /// after its put (an hour's difference of clocks is let pass).
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_REQUIRE_RETENTION", value_name = "DAYS", value_parser = units::retention)]
    pub(crate) require_retention: Option<Duration>,
    /// How firm the lock must be at least [default: compliance].
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_REQUIRE_RETENTION_MODE",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        requires = "require_retention"
    )]
    pub(crate) require_retention_mode: Option<RetentionMode>,
    /// Go on with a store that puts over objects: then nothing keeps a second writer from forking
    /// the chain, and without versions from destroying objects.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_ALLOW_OVERWRITE_STORE", value_parser = BoolishValueParser::new())]
    pub(crate) allow_overwrite_store: bool,
    /// Read each object back before it counts as stored and leaves this node: for a store whose word
    /// for an upload isn't enough. It costs one GET each.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_READ_BACK", value_parser = BoolishValueParser::new())]
    pub(crate) read_back: bool,
}

/// How firm a lock must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequiredMode {
    Compliance,
    Governance,
}

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
pub(crate) fn check(store: &str, protection: &Protection) -> Result<(), Failure> {
    let (scheme, _) = store.split_once(':').unwrap_or_default();
    if protection.require_retention.is_none() || !scheme.eq_ignore_ascii_case("file") {
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
    use crate::logging::LogFormat;

    #[test]
    fn a_short_lock_counts_more_than_an_unknown_one() {
        let outcome = |name: &str, lock_shortfalls, lock_unknown| Outcome {
            origin: Origin::new("c", "n", name).expect("an origin"),
            end: ChainEnd::Done,
            tally: Tally { lock_shortfalls, lock_unknown, ..Tally::default() },
            without: vec![],
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
