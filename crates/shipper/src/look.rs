//! When the source is looked at, and what looks have shown of it.

use crate::types::Rest;

/// A one-shot looks again after so long, nanoseconds of boot time, when something is there that
/// can't be taken yet.
const LATER: u64 = 200_000_000;

/// The look under way, and what calls for the next one. Times are boot time in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// When the look under way began.
    began: Option<u64>,
    /// When the newest look ended that had room to take something in.
    completed: Option<u64>,
    /// The look under way began before the stop: another one must follow it.
    stale: bool,
    /// Start of the next window.
    tick: u64,
    /// More is known to be there: look again as soon as there is room.
    soon: bool,
    /// What is left can't be taken before then.
    again: Option<u64>,
    /// What is left can't be taken before something that was handed out is committed.
    awaits_commit: bool,
    /// Something was committed since the look under way began, which may not have known of it.
    committed: bool,
    /// The directory changed: look again, room or not.
    changed: bool,
    /// The look under way takes nothing, for want of room; it only holds on to files.
    holding: bool,
    /// The window is over: the batch closes when this look has brought in what there is.
    closing: bool,
}

/// What a look that ended means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Nothing is left, and this look could have taken it.
    pub(crate) drained: bool,
    /// The open batch is to be closed.
    pub(crate) close: bool,
}

impl Look {
    /// The directory changed.
    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    /// What the last look showed may be old by now: another one is wanted.
    pub(crate) fn once_more(&mut self) {
        self.soon = true;
    }

    /// A last look is wanted: one that begins from now on.
    pub(crate) fn stop(&mut self) {
        self.soon = true;
        self.stale = self.began.is_some();
    }

    /// When the source is to be looked at. Without room too, when its directory changed: a new file
    /// is opened then, so that deleting it doesn't lose it.
    pub(crate) fn due(&self, room: bool) -> Option<u64> {
        if self.began.is_some() {
            return None;
        }
        if self.changed || (self.soon && room) {
            return Some(0);
        }
        Some(self.again.map_or(self.tick, |again| again.min(self.tick)))
    }

    /// A look begins, with `room` to take something in or without.
    pub(crate) fn begin(&mut self, now: u64, room: bool, window: u64) {
        self.began = Some(now);
        self.changed = false;
        self.holding = !room;
        self.soon &= !room;
        self.again = None;
        (self.awaits_commit, self.committed) = (false, false);
        if self.tick <= now {
            self.closing = true;
            self.tick = now.saturating_add(window);
        }
    }

    /// The look under way ended. `one_shot`: the source is to be drained; `stopping`: as far as it
    /// can be at once.
    pub(crate) fn end(&mut self, rest: Rest, now: u64, one_shot: bool, stopping: bool) -> Ended {
        self.began = None;
        let (stale, holding) = (std::mem::take(&mut self.stale), std::mem::take(&mut self.holding));
        if !holding {
            self.completed = Some(now);
        }
        self.soon |= holding || rest == Rest::More || (rest == Rest::Sealing && self.committed);
        self.awaits_commit = rest == Rest::Sealing && !self.committed;
        if rest == Rest::Later && one_shot && !holding {
            self.again = Some(now.saturating_add(LATER));
        }
        // A stop must end: what only time can make takeable is left to the next start.
        let nothing = rest == Rest::Nothing || (rest == Rest::Later && stopping);
        let drained = nothing && (one_shot || stopping) && !stale && !holding;
        // Extra looks (a rotation) only hold on to what they found; a window's own look seals it.
        let goes_on = matches!(rest, Rest::More | Rest::Sealing);
        let over = drained || (self.closing && !goes_on && !holding);
        self.closing &= !over;
        Ended { drained, close: over || rest == Rest::Sealing }
    }

    /// Nothing that was handed out is on its way into the spool. A source that waits for a commit
    /// all the same is asked again after a while, for none will come.
    pub(crate) fn nothing_to_commit(&mut self, now: u64) {
        if std::mem::take(&mut self.awaits_commit) {
            self.again = Some(now.saturating_add(LATER));
        }
    }

    /// An object was committed: what waited for that can be taken now.
    pub(crate) fn committed(&mut self) {
        self.soon |= std::mem::take(&mut self.awaits_commit);
        self.committed = true;
    }

    /// By when the look under way has taken longer than `limit`, nanoseconds.
    pub(crate) fn overdue(&self, limit: u64) -> Option<u64> {
        self.began.map(|began| began.saturating_add(limit))
    }

    /// Whether a look that could take something in has ended in the `interval`, nanoseconds, before
    /// `at`.
    pub(crate) fn is_fresh(&self, at: u64, interval: u64) -> bool {
        self.completed.is_some_and(|completed| at.saturating_sub(completed) <= interval)
    }
}
