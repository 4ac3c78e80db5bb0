//! Alive and ready, with reasons.

use super::snapshot::{Chain, Snapshot, State};

/// Seconds behind the log at which a source isn't ready: twelve windows.
pub const LAG_LIMIT: f64 = 60.0;
/// Seconds without an accepted upload at which a source isn't ready: one slow answer isn't an
/// outage.
pub const STORE_LIMIT: f64 = 60.0;
/// Seconds until unread bytes are deleted, below which a source isn't ready.
pub const LOSS_LIMIT: f64 = 3600.0;
/// Seconds without an answer of a disk at which a source that hasn't started names it.
pub(crate) const DISK_LIMIT: f64 = 5.0;
/// Seconds without a completed look at which a source isn't ready; where the window is long, twice
/// the window.
pub const LOOK_LIMIT: f64 = 60.0;
/// Seconds without anything at the source's path at which it isn't ready: a rotation takes less.
pub const ABSENT_LIMIT: f64 = 30.0;
/// Seconds for which a compressed file may lack its end before the source isn't ready: whoever makes
/// it is slow, or died over it.
pub(crate) const UNFINISHED_LIMIT: f64 = 60.0;
/// A file that is read within seconds of its writing is in no danger, however short its life.
const LAG_HARMLESS: f64 = 10.0;

/// A verdict: fine when nothing stands against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// What stands against it, one line each.
    pub reasons: Vec<String>,
    /// What somebody should know all the same, one line each.
    pub notes: Vec<String>,
}

impl Health {
    /// Whether nothing stands against it.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Whether the loops turn. Restarting helps when they don't, and only then: so neither a store that
/// is away nor a fork is a reason, for both would be there after the restart too.
#[must_use]
pub fn alive(snapshot: &Snapshot) -> Health {
    let reason = |chain: &Chain| Some(format!("{}: {} hangs", chain.origin, chain.stuck?));
    Health { reasons: snapshot.chains.iter().filter_map(reason).collect(), notes: Vec::new() }
}

/// Whether every source is being sealed and stored in time.
#[must_use]
pub fn ready(snapshot: &Snapshot) -> Health {
    let mut reasons = alive(snapshot).reasons;
    if snapshot.chains.is_empty() {
        reasons.push("not yet started".to_owned());
    }
    for chain in &snapshot.chains {
        reasons.extend(against(chain).into_iter().map(|why| format!("{}: {why}", chain.origin)));
    }
    let notes = snapshot.chains.iter().flat_map(|chain| {
        chain.without.iter().map(|(objects, which)| {
            let of = &chain.origin;
            format!("{of}: the store lacks {which} ({objects} objects), gone on without as told")
        })
    });
    Health { reasons, notes: notes.collect() }
}

/// What keeps one source from being ready.
pub(crate) fn against(chain: &Chain) -> Vec<String> {
    let mut reasons = Vec::new();
    let state = match &chain.state {
        State::Running => None,
        State::Starting => Some(format!("not yet started: {}", awaited(chain))),
        State::Stopping => Some("stopping".to_owned()),
        State::Ended => Some("ended".to_owned()),
        State::Forked(what) => Some(format!("forked: {what}")),
    };
    reasons.extend(state);
    // A look may hang on a dead disk or take an hour: nothing is known of the log meanwhile, so
    // neither the lag nor an unreadable file says anything.
    if let Some(seconds) = chain.last_look
        && seconds > LOOK_LIMIT.max(2.0 * chain.window)
    {
        reasons.push(format!("the source was last read {seconds:.0} s ago"));
    }
    if let Some(seconds) = chain.absent.filter(|seconds| *seconds > ABSENT_LIMIT) {
        reasons.push(format!("nothing is at the source's path for {seconds:.0} s"));
    }
    if let Some((name, seconds)) = &chain.unfinished
        && *seconds > UNFINISHED_LIMIT
    {
        reasons.push(format!("{name} has lain there without its end for {seconds:.0} s"));
    }
    if let Some((seconds, cause)) = &chain.failing
        && *seconds > STORE_LIMIT
    {
        reasons.push(format!("the store has accepted nothing for {seconds:.0} s ({cause})"));
    }
    if let Some((seconds, cause)) = &chain.asked
        && chain.state == State::Running
        && *seconds > STORE_LIMIT
    {
        reasons.push(format!(
            "the store hasn't told for {seconds:.0} s what it has of the chain ({cause})"
        ));
    }
    if chain.spool_limit > 0 && chain.spool_bytes >= chain.spool_limit {
        reasons.push(format!("the spool is full: {} bytes wait to be stored", chain.spool_bytes));
    }
    if let Some((objects, which)) = &chain.lacking {
        reasons.push(format!(
            "the store lacks {which} ({objects} objects), which it had: nothing is sent to it; is it \
             the right one, and its disk mounted? See the log"
        ));
    }
    if chain.missing > 0 {
        let missing = chain.missing;
        reasons.push(format!(
            "{missing} sealed objects are neither in the spool nor in the store: see the log"
        ));
    }
    if chain.lag > LAG_LIMIT {
        let (seconds, bytes) = (chain.lag, chain.lag_bytes);
        reasons.push(format!("{seconds:.0} s behind the log, {bytes} bytes are not sealed"));
    }
    if let Some(left) = chain.until_loss.filter(|left| *left < LOSS_LIMIT)
        && chain.lag > LAG_HARMLESS
    {
        reasons.push(format!("unread files will be deleted in about {:.0} min", left / 60.0));
    }
    if chain.unreadable > 0 {
        reasons.push(format!("{} files of the source can't be read", chain.unreadable));
    }
    if chain.refused > 0 {
        let refused = chain.refused;
        reasons.push(format!("{refused} files beside the log are not opened: see the log"));
    }
    reasons
}

/// What a chain that hasn't started waits for.
fn awaited(chain: &Chain) -> String {
    let slow = chain.disks.iter().filter(|(_, seconds)| **seconds >= DISK_LIMIT);
    if let Some((disk, seconds)) = slow.max_by(|a, b| a.1.total_cmp(b.1)) {
        let disk = match *disk {
            "source" => "source's disk",
            "state" => "state directory's disk",
            _ => "key's disk",
        };
        return format!("the {disk} has given no answer for {seconds:.0} s");
    }
    match &chain.asked {
        Some((seconds, cause)) if *seconds >= DISK_LIMIT => {
            format!("the store hasn't told for {seconds:.0} s where the chain goes on ({cause})")
        }
        _ => "finding out where the chain goes on".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(chain: Chain) -> Snapshot {
        Snapshot {
            chains: vec![Chain { origin: "c/n/s".to_owned(), ..chain }],
            ..Snapshot::default()
        }
    }

    fn running() -> Chain {
        Chain { state: State::Running, spool_limit: 100, ..Chain::default() }
    }

    #[test]
    fn nothing_is_ready_before_it_has_started() {
        assert!(!ready(&Snapshot::default()).is_fine());
        assert!(alive(&Snapshot::default()).is_fine());
        let starting = ready(&one(Chain::default()));
        assert!(starting.reasons[0].starts_with("c/n/s: not yet started"), "{starting:?}");
        assert!(ready(&one(running())).is_fine());
    }

    #[test]
    fn what_hasnt_started_says_whom_it_waits_for() {
        let asked = |seconds| Some((seconds, "denied".to_owned()));
        for (disks, asked, word) in [
            ([("key", 0.0), ("source", 4.9)], asked(4.9), "finding out where"),
            ([("key", 0.0), ("source", 5.0)], asked(9.0), "the source's disk has given no answer"),
            ([("source", 6.0), ("state", 7.0)], None, "state directory's disk has given no answer"),
            ([("key", 12.3), ("state", 7.0)], None, "the key's disk has given no answer for 12 s"),
            (
                [("key", 0.0), ("source", 0.0)],
                asked(5.0),
                "for 5 s where the chain goes on (denied)",
            ),
        ] {
            let starting = Chain { disks: disks.into(), asked, ..Chain::default() };
            let found = ready(&one(starting.clone()));
            assert_eq!(found.reasons.len(), 1, "{found:?}");
            assert!(found.reasons[0].contains("not yet started: "), "{found:?}");
            assert!(found.reasons[0].contains(word), "{found:?}");
            assert!(alive(&one(starting.clone())).is_fine(), "a restart would lead there again");
            let running = Chain { state: State::Running, ..starting };
            assert!(ready(&one(running)).is_fine(), "a look may take its time");
        }
    }

    #[test]
    fn each_reason_is_said_and_only_a_hung_loop_is_death() {
        let failing = |seconds| Some((seconds, "denied".to_owned()));
        let cut = |seconds| Some(("a.gz".to_owned(), seconds));
        for (chain, word) in [
            (Chain { state: State::Stopping, ..running() }, "stopping"),
            (Chain { state: State::Ended, ..running() }, "ended"),
            (Chain { state: State::Forked("k".to_owned()), ..running() }, "forked"),
            (Chain { failing: failing(61.0), ..running() }, "nothing for 61 s (denied)"),
            (Chain { asked: failing(61.0), ..running() }, "hasn't told for 61 s what it has"),
            (Chain { spool_bytes: 100, ..running() }, "spool is full"),
            (Chain { lag: 61.0, lag_bytes: 7, ..running() }, "61 s behind the log, 7 bytes"),
            (Chain { lag: 11.0, until_loss: Some(600.0), ..running() }, "in about 10 min"),
            (
                Chain { missing: 2, ..running() },
                "2 sealed objects are neither in the spool nor in the store",
            ),
            (
                Chain { lacking: Some((12, "seq 0 to 11".to_owned())), ..running() },
                "the store lacks seq 0 to 11 (12 objects), which it had: nothing is sent to it",
            ),
            (Chain { unreadable: 2, ..running() }, "2 files"),
            (Chain { refused: 3, ..running() }, "3 files beside the log are not opened"),
            (Chain { absent: Some(61.0), ..running() }, "nothing is at the source's path for 61 s"),
            (
                Chain { unfinished: cut(61.0), ..running() },
                "a.gz has lain there without its end for 61 s",
            ),
            (Chain { last_look: Some(61.0), ..running() }, "the source was last read 61 s ago"),
        ] {
            let snapshot = one(chain);
            let found = ready(&snapshot);
            assert_eq!(found.reasons.len(), 1, "{found:?}");
            assert!(found.reasons[0].contains(word), "{found:?}");
            assert!(alive(&snapshot).is_fine());
        }
        let fine = Chain {
            failing: failing(60.0),
            asked: failing(60.0),
            lag: 60.0,
            spool_bytes: 99,
            last_look: Some(60.0),
            absent: Some(30.0),
            unfinished: cut(60.0),
            // They are opened one after the other: the lag says whether that is too slow.
            waiting: 10_000,
            ..running()
        };
        assert!(ready(&one(fine)).is_fine());
        let fresh = Chain { lag: 9.0, until_loss: Some(1.0), ..running() };
        assert!(ready(&one(fresh)).is_fine());
        let seldom = |last_look| Chain { last_look: Some(last_look), window: 300.0, ..running() };
        assert!(ready(&one(seldom(600.0))).is_fine(), "it was told to look every five minutes");
        assert!(!ready(&one(seldom(601.0))).is_fine());
        let hung = one(Chain { stuck: Some("commit"), ..running() });
        assert!(!alive(&hung).is_fine() && !ready(&hung).is_fine());
    }
}
