//! What the shipper reports, counted and logged. What comes once is said each time; what is tried
//! again is said once, then counted.

use auditseal_format::Seal;
use auditseal_shipper::{Loss, Now, Pause, Report, Seqs};
use tracing::{debug, error, info, warn};

use crate::clock::seconds;
use crate::complaints::say;
use crate::progress::{ChainProgress, add};

pub(crate) fn tell(report: &Report, progress: &ChainProgress, now: Now) {
    let nanos = now.boot.nanos;
    match report {
        Report::Sealed { seal, size, .. } => sealed(seal, *size, progress, now),
        Report::Stored(key) => {
            add(&progress.stored, 1);
            info!(%key, "stored");
            let mut facts = progress.facts();
            facts.stored(key, true, now);
            let over = facts.said.uploads.over(nanos);
            drop(facts);
            say(&key.origin, over);
        }
        Report::FoundStored(key) => {
            debug!(%key, "stored before");
            progress.facts().stored(key, false, now);
        }
        Report::Retry(key, pause) => {
            let mut facts = progress.facts();
            facts.retry(now);
            // By cause: the words of a store hold a number that is another each time.
            let what = format!("upload: {}", facts.cause);
            let course = facts.said.uploads.met(&what, nanos);
            drop(facts);
            let (attempt, Pause { why, .. }) = (pause.attempts, pause);
            if let Some(course) = course {
                warn!(%key, attempt, "upload: {why}{course}; next attempt in {}", wait(pause));
            }
        }
        Report::SpoolRetry(pause) => {
            let mut facts = progress.facts();
            facts.spool_retries += 1;
            let course = facts.said.commits.met(&format!("commit: {}", pause.why), nanos);
            drop(facts);
            let (attempt, Pause { why, .. }) = (pause.attempts, pause);
            if let Some(course) = course {
                error!(attempt, "commit: {why}{course}; next attempt in {}", wait(pause));
            }
        }
        Report::SpoolFull(bytes) => {
            // It is full again after each upload while these don't keep up.
            let what = "spool is full: the source waits until uploads make room";
            let course = progress.facts().said.full.met(what, nanos);
            if let Some(course) = course {
                warn!(bytes, "{what}{course}");
            }
        }
        Report::Lost(loss) => lost(loss, progress),
        Report::Missing(seqs) => missing(*seqs, progress),
        Report::Lacking(seqs) => lacking(*seqs, progress),
        Report::Regained => regained(progress),
        Report::Without(seqs) => without(*seqs, progress),
        Report::Squatter(key, why) => {
            progress.facts().squatted += 1;
            error!(%key, "bytes that are no seal of this chain stand at its key: {why}");
        }
    }
}

fn wait(pause: &Pause) -> String {
    format!("{:.1} s", seconds(pause.nanos))
}

fn sealed(seal: &Seal, size: u64, progress: &ChainProgress, now: Now) {
    let bytes = seal.ranges.iter().map(|range| range.end - range.start).sum();
    let mut facts = progress.facts();
    facts.lag.sealed(bytes);
    facts.sealed(seal, size);
    let over = facts.said.commits.over(now.boot.nanos);
    drop(facts);
    add(&progress.sealed_bytes, bytes);
    add(&progress.lines, seal.payload.root.lines);
    add(&progress.seals, 1);
    add(&progress.object_bytes, size);
    let (seq, lines) = (seal.seq, seal.payload.root.lines);
    info!(origin = %seal.origin, seq, kind = %seal.kind, lines, size, "sealed");
    say(&seal.origin, over);
}

fn missing(seqs: Seqs, progress: &ChainProgress) {
    add(&progress.missing, seqs.count());
    let origin = progress.facts().origin.as_ref().map(ToString::to_string);
    error!(
        origin,
        %seqs,
        "sealed objects are neither in the spool nor in the store: somebody deleted them while the agent was down, or the disk lost them; verify will say MISSING, and their lines, if the log's files still have them, are archived by a backfill with another source name"
    );
}

fn lacking(seqs: Seqs, progress: &ChainProgress) {
    let mut facts = progress.facts();
    facts.lacking = Some(seqs);
    let origin = facts.origin.as_ref().map(ToString::to_string).unwrap_or_default();
    drop(facts);
    error!(
        origin,
        %seqs,
        "the store lacks objects of this chain that it had: nothing is sent to it before it has them; look whether --store is the right one, and its disk mounted. If they are lost for good, --go-on-without {origin}:{seqs} goes on without them, and verify will say MISSING of those that no pack has"
    );
}

fn regained(progress: &ChainProgress) {
    let mut facts = progress.facts();
    facts.lacking = None;
    let origin = facts.origin.as_ref().map(ToString::to_string);
    drop(facts);
    info!(origin, "the store has again what it lacked, or is gone on without it: uploads go on");
}

fn without(seqs: Seqs, progress: &ChainProgress) {
    let mut facts = progress.facts();
    facts.goes_on_without(seqs);
    let origin = facts.origin.as_ref().map(ToString::to_string);
    drop(facts);
    warn!(
        origin,
        %seqs,
        "the store lacks these, which it had: going on without them, as told; verify will say MISSING of those that no pack has"
    );
}

/// Of a loss that nobody knows the file of, or where it begins or ends, the fields are left out.
fn lost(loss: &Loss, progress: &ChainProgress) {
    add(&progress.gaps, 1);
    let mut facts = progress.facts();
    facts.lost(loss);
    let origin = facts.origin.as_ref().map(ToString::to_string);
    drop(facts);
    let name = loss.name.as_ref().map(ToString::to_string);
    let (start, end, reason) = (loss.start, loss.end, loss.reason);
    error!(origin, name, start, end, reason, "source bytes were lost; a gap seal says so");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::sync::Arc;
    use std::time::Duration;

    use auditseal_format::seal::{Boot, Uuid};
    use auditseal_format::{ObjectKey, Origin, Time};
    use auditseal_shipper::Seqs;

    use super::*;
    use crate::progress::Progress;

    fn chain(progress: &Progress) -> (Arc<ChainProgress>, ObjectKey) {
        let origin = Origin::new("c", "n", "s").unwrap();
        let chain = progress.chain(&origin, 100, Duration::from_secs(5));
        (chain, ObjectKey::genesis(origin))
    }

    fn now() -> Now {
        Now { wall: Time::EPOCH, boot: Boot { id: Uuid([7; 16]), nanos: 1_000_000_000 } }
    }

    fn seqs(first: u64, end: u64) -> Seqs {
        Seqs::before(first, end).unwrap()
    }

    /// Each takes locks of its own, and what shows them takes some while it holds others.
    #[test]
    fn whatever_is_told_waits_for_nothing_and_is_shown() {
        let progress = Progress::default();
        let (chain, key) = chain(&progress);
        let pause = Pause { nanos: 1, attempts: 1, why: "it is away".to_owned() };
        let loss = Loss {
            file: None,
            name: None,
            start: Some(3),
            end: Some(9),
            anchor: None,
            reason: "truncated",
        };
        for _ in 0..2 {
            for report in [
                Report::Retry(key.clone(), pause.clone()),
                Report::SpoolRetry(pause.clone()),
                Report::SpoolFull(7),
                Report::Lost(loss.clone()),
                Report::Missing(seqs(3, 5)),
                Report::Lacking(seqs(0, 3)),
                Report::Squatter(key.clone(), "garbage".to_owned()),
                Report::Stored(key.clone()),
                Report::FoundStored(key.clone()),
            ] {
                tell(&report, &chain, now());
                let shown = progress.snapshot(now());
                assert_eq!(shown.chains.len(), 1);
                assert!(!progress.settled(std::time::Instant::now()));
            }
        }
        let shown = progress.snapshot(now()).chains.remove(0);
        assert_eq!((shown.squatted, shown.spool_retries, shown.gaps["truncated"]), (2, 2, 2));
        assert_eq!((shown.missing, progress.total().missing), (4, 4));
    }

    #[test]
    fn what_the_store_lacks_is_shown_until_it_has_it_or_is_gone_on_without() {
        let progress = Progress::default();
        let (chain, _) = chain(&progress);
        let shown = || {
            let shown = progress.snapshot(now()).chains.remove(0);
            (shown.lacking, shown.without, shown.missing)
        };
        let which = || (3, "seq 0 to 2".to_owned());
        tell(&Report::Lacking(seqs(0, 3)), &chain, now());
        assert_eq!(shown(), (Some(which()), vec![], 0));
        tell(&Report::Regained, &chain, now());
        assert_eq!(shown(), (None, vec![], 0));
        // Another pipeline of the same process finds it out anew.
        for _ in 0..2 {
            tell(&Report::Without(seqs(0, 3)), &chain, now());
            assert_eq!(shown(), (None, vec![which()], 0));
        }
        tell(&Report::Lacking(seqs(0, 3)), &chain, now());
        chain.facts().begins(None, &auditseal_shipper::Spooled::default());
        assert_eq!(shown(), (None, vec![which()], 0));
    }
}
