//! How many files came to have the live name, as reports say, and how many of them listings showed.
//!
//! A mirror renames copies over the log, some of them faster than anybody looks. Where the one that
//! is there in the end goes on from what was read before, those between held nothing else. Where it
//! is another file, one that came and went was never read, and nobody can say what it held.

use std::ffi::{OsStr, OsString};

use super::Follower;
use crate::carriers::{Carrier, State};
use crate::disk::Disk;
use crate::gap::{Gap, GapReason};
use crate::names::Age;
use crate::types::{Look, Notice};

/// The files that had the live name.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// So many were listed of which the reports are still to come.
    owed: usize,
    /// One came and went that no listing showed, and what has its name isn't known yet.
    unseen: bool,
    /// The last carrier that had that name when an account was opened for it, and the look.
    opened: Option<(u64, u64)>,
}

impl Turns {
    /// So many were listed for the first time, and so many were reported to have come, each by
    /// being renamed over the one before; `None`: that isn't known.
    fn compare(&mut self, listed: usize, came: Option<usize>) {
        // All that was listed before is reported by now.
        let came = came.map_or(0, |came| came.saturating_sub(self.owed));
        self.unseen |= came > listed;
        self.owed = listed.saturating_sub(came);
    }

    /// Nothing was reported.
    pub(super) fn quiet(&mut self) {
        self.owed = 0;
    }

    /// The carrier has the live name, and is no file that was known.
    pub(super) fn opened(&mut self, id: u64, look: u64) {
        self.opened = Some((id, look));
    }

    /// Whether this carrier, which has the name now, came behind one that nobody saw.
    fn settle(&mut self, id: u64, look: u64) -> bool {
        let unseen = std::mem::take(&mut self.unseen);
        unseen && self.opened.is_some_and(|(other, at)| other == id && look - at <= 1)
    }
}

impl<D: Disk> Follower<D> {
    /// Holds the reports of the live name against what listings showed of it.
    pub(super) fn count_turns(&mut self, reported: &[Notice], deaf: bool) {
        let Some(asked) = self.watch.asked() else { return };
        let folders = self.carriers.current().map(|folder| folder.id);
        let live = folders.flat_map(|folder| self.carriers.of_age(folder, Age::Live));
        let listed = live.filter(|seen| !seen.role.packed() && seen.listing > asked).count();
        let mut came = 0;
        let is_link = |name: &OsStr| self.carriers.is_link(name);
        // What was renamed or deleted has reports of its own.
        let mut known = !deaf;
        for notice in reported {
            let (got, lost) = match notice {
                Notice::Appeared(name) => (Some(name), None),
                Notice::Renamed { from, to } => (Some(to), Some(from)),
                Notice::Removed(name) => (None, Some(name)),
            };
            if got.is_some_and(|name| is_link(name)) {
                // It brings no file: where it leads is what is listed.
                continue;
            }
            let role = |name: Option<&OsString>| Some(self.carriers.role(name?)?.1);
            known &= role(lost).is_none_or(|role| role.age != Age::Live);
            match role(got) {
                Some(role) if role.age == Age::Live => came += usize::from(!role.packed()),
                Some(role) => known &= role.packed(),
                None => {}
            }
        }
        self.turns.compare(listed, known.then_some(came));
    }

    /// What has the live name is another file than the one before, and one between was never seen.
    pub(super) fn settle_turns(&mut self, look: &mut Look<D::File>) {
        let live = |c: &Carrier<D::File>| {
            let known = matches!(c.state(), State::Active(_) | State::Standby(..));
            c.is_live() && c.is_listed() && known
        };
        for id in self.carriers.held(live) {
            if self.turns.settle(id, self.looks) {
                let gap = Gap::unidentified(self.name_of(id), None, GapReason::Replaced);
                look.gaps.push(gap);
            }
        }
    }
}
