//! How long backups are kept, as far as deletions have shown it.

use std::collections::VecDeque;

use auditseal_format::Time;

use super::Follower;
use crate::carriers::Carrier;
use crate::disk::Disk;
use crate::names::Role;
use crate::sorted::Sorted;

/// Deletions remembered: the shortest time counts, but not for ever.
const REMEMBERED: usize = 8;

/// What the listings showed of backups' ages.
#[derive(Debug, Default)]
pub(super) struct Retention {
    /// Stamps listed last, microseconds, in ascending order.
    present: Sorted<i64>,
    /// How old a backup was when it was deleted, by the newest one's stamp: microseconds.
    spans: VecDeque<i64>,
}

impl Retention {
    fn saw(&mut self, present: Sorted<i64>) {
        if let Some(newest) = present.last() {
            let gone = |stamp: &i64| *stamp < newest && !present.has(stamp);
            for gone in self.present.iter().filter(gone) {
                self.spans.push_back(newest - gone);
                if self.spans.len() > REMEMBERED {
                    self.spans.pop_front();
                }
            }
        }
        self.present = present;
    }

    /// Milliseconds until a file of this stamp is deleted; the live one's, for none.
    fn left(&self, oldest: Option<i64>) -> Option<u64> {
        let (span, newest) = (self.spans.iter().min()?, self.present.last()?);
        let age = oldest.map_or(0, |oldest| newest - oldest);
        u64::try_from((span - age).max(0) / 1000).ok()
    }
}

impl<D: Disk> Follower<D> {
    /// Learns from the listing just made.
    pub(super) fn observe_retention(&mut self) {
        let listed = self.carriers.all().filter(|carrier| carrier.listed);
        self.retention.saw(listed.filter_map(|carrier| stamp(&carrier.role)).collect());
    }

    /// Milliseconds until the oldest file with bytes to take is deleted, at the pace seen so far.
    pub(super) fn until_loss(&self) -> Option<u64> {
        let unread = |c: &&Carrier<D::File>| c.is_listed() && self.left_of(c) > 0;
        let held = self.carriers.all_held().filter(unread).map(|c| stamp(&c.role()));
        // What waits to be opened does so in rotation order, behind the live files.
        let waiting = |live: bool| {
            let waiting = self.carriers.waiting().filter_map(|id| self.carriers.get(id));
            waiting.filter(|c| c.is_live() == live).find(unread).map(|c| stamp(&c.role()))
        };
        let held = held.chain(waiting(false));
        // A live file is younger than all backups.
        let oldest = held.chain(waiting(true)).min_by_key(|at| at.unwrap_or(i64::MAX))?;
        self.retention.left(oldest)
    }
}

/// When the file got its backup name, by that name: microseconds.
fn stamp(role: &Role) -> Option<i64> {
    role.rotated().map(Time::micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_tells_how_long_the_rest_is_kept() {
        let minutes = |list: &[i64]| list.iter().map(|minute| minute * 60_000_000).collect();
        let mut retention = Retention::default();
        retention.saw(minutes(&[0, 10, 20]));
        assert_eq!(retention.left(Some(0)), None, "nothing was deleted yet");
        retention.saw(minutes(&[10, 20, 30]));
        assert_eq!(retention.left(Some(10 * 60_000_000)), Some(10 * 60_000), "30 minutes are kept");
        assert_eq!(retention.left(None), Some(30 * 60_000), "the live file");
        retention.saw(minutes(&[30, 40]));
        assert_eq!(retention.left(Some(30 * 60_000_000)), Some(10 * 60_000), "20 minutes now");
        assert_eq!(retention.left(Some(0)), Some(0), "overdue");
        retention.saw(minutes(&[]));
        assert_eq!(retention.left(None), None, "no backup to compare with");
    }
}
