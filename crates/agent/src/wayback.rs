//! The way back through the store, after the state was lost: which files are final, as far as
//! anything on disk may ask.

use std::collections::BTreeSet;

use auditseal_format::{ObjectSeal, Time};
use auditseal_reader::Before;
use auditseal_spool::Final;
use auditseal_tail::FINALS_KEPT;
use tracing::warn;

use crate::finals::Backups;
use crate::untold::{DAY, Known};

/// What was met on the way, and what is still looked for.
#[derive(Debug)]
pub(crate) struct WayBack<'a> {
    backups: &'a Backups,
    /// Newest first.
    finals: Vec<Final>,
    /// Backups that no note met so far accounts for: those whose names tell when they were rotated,
    /// and the others.
    left: BTreeSet<Time>,
    untold: Vec<Known>,
    /// All of the others.
    there: Vec<Known>,
    /// The oldest note met so far.
    reached: ObjectSeal,
    /// When anything before it was stored at the latest.
    earlier: Time,
}

impl<'a> WayBack<'a> {
    /// Begins at `head`; `finals` are what is known already, oldest first, and `untold` is what is
    /// known of the backups whose names tell nothing.
    pub(crate) fn new(
        backups: &'a Backups,
        untold: Vec<Known>,
        head: &ObjectSeal,
        finals: Vec<Final>,
    ) -> Self {
        let left = backups.there().unwrap_or_default().iter().copied().collect();
        let (reached, there) = (head.clone(), untold.clone());
        let mut way =
            Self { backups, finals: vec![], left, untold, there, reached, earlier: Time::MAX };
        // What the newest note has a cursor for is read on from there.
        for cursor in &head.seal.cursors {
            way.untold.retain(|backup| !backup.is_begun_by(cursor));
        }
        way.add(finals);
        way
    }

    fn add(&mut self, finals: Vec<Final>) {
        for known in finals.into_iter().rev() {
            let rotated = self.backups.rotated(&known.name);
            if let Some(at) = rotated {
                self.left.remove(&at);
            }
            self.untold.retain(|backup| !backup.is_finished_by(&known));
            let there = || self.there.iter().any(|backup| backup.begins_as(&known.file));
            if self.finals.len() < FINALS_KEPT || self.backups.may_hold(rotated) || there() {
                self.finals.push(known);
            }
        }
    }

    pub(crate) fn met(&mut self, before: Before) {
        self.add(Final::of(&before.object.seal).collect());
        (self.reached, self.earlier) = (before.object, before.earlier);
    }

    /// Whether nothing before can matter: every backup is accounted for, or was rotated after all
    /// that comes before was stored. To end too early is to archive a file twice.
    pub(crate) fn is_over(&self) -> bool {
        let told = self.backups.there().is_some();
        let sealed = self.earlier;
        told && self.left.first().is_none_or(|oldest| sealed.saturating_add(DAY) < *oldest)
            && self.untold.iter().all(|backup| backup.is_later_than(sealed))
    }

    /// A note isn't there, or not at hand. What is unknown is unread: rather twice than not at all,
    /// and an agent that never starts archives nothing.
    pub(crate) fn broken(&self, why: &auditseal_reader::Error) {
        let origin = &self.reached.seal.origin;
        let (seq, left) = (self.reached.seal.seq, self.left.len() + self.untold.len());
        warn!(%origin, seq, left, "the chain can't be followed further back: {why}; files that only older seals account for are archived again");
    }

    /// Oldest first.
    pub(crate) fn end(mut self) -> Vec<Final> {
        self.finals.reverse();
        self.finals
    }
}
