//! What the shipper reports, counted and logged. What comes once is said each time; what is tried
//! again is said once, then counted.

use auditseal_format::Seal;
use auditseal_shipper::{Loss, Now, Pause, Report};
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
        Report::Missing(first, last) => missing(*first, *last, progress),
        Report::Lacking(first, last) => lacking(*first, *last, progress),
        Report::Regained => regained(progress),
        Report::Without(first, last) => without(*first, *last, progress),
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

fn missing(first: u64, last: u64, progress: &ChainProgress) {
    add(&progress.missing, last - first + 1);
    let origin = progress.facts().origin.as_ref().map(ToString::to_string);
    error!(
        origin,
        first,
        last,
        "sealed objects are neither in the spool nor in the store: somebody deleted them while the agent was down, or the disk lost them; verify will say MISSING, and their lines, if the log's files still have them, are archived by a backfill with another source name"
    );
}

fn lacking(first: u64, last: u64, progress: &ChainProgress) {
    progress.lacks(last - first + 1);
    let origin = progress.facts().origin.as_ref().map(ToString::to_string).unwrap_or_default();
    error!(
        origin,
        first,
        last,
        "the store lacks objects of this chain that it had: nothing is sent to it before it has them; look whether --store is the right one, and its disk mounted. If they are lost for good, --go-on-without {origin}:{last} goes on without them, and verify will say MISSING"
    );
}

fn regained(progress: &ChainProgress) {
    progress.lacks(0);
    let origin = progress.facts().origin.as_ref().map(ToString::to_string);
    info!(origin, "the store has again what it lacked, or is gone on without it: uploads go on");
}

fn without(first: u64, last: u64, progress: &ChainProgress) {
    let origin = progress.facts().origin.as_ref().map(ToString::to_string);
    warn!(
        origin,
        first,
        last,
        "the store lacks what was stored of these: going on without them, as told; verify will say MISSING"
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
