//! The top of a listing, however long that is: what is kept of it at a time. Pure.

use std::cmp::Reverse;
use std::sync::Arc;

use auditseal_format::{Date, Time};

use super::days::stored;
use crate::listing::Entry;
use auditseal_chain::Place;

/// Bytes of a listing that are kept at a time: the versions of some ten thousand objects, a few
/// days of a busy chain. Twice as much lies in memory before what is beyond is left out.
pub(super) const ROOM: usize = 4 << 20;
/// What the allocator and the reference count add to a version's id.
const AROUND_AN_ID: usize = 32;

/// What orders the versions of a chain's objects for good, whatever is put or deleted meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(Place, Option<Arc<str>>);

impl Rank {
    fn of(entry: &Entry) -> Self {
        Self(entry.place, entry.version.clone())
    }

    /// The lowest of a seq: above all that lower ones have.
    pub(super) fn at(seq: u64) -> Self {
        Self(Place { seq, alternate: None, date: Date::EPOCH }, None)
    }

    /// The highest seq of what is below.
    pub(super) fn top(&self) -> Option<u64> {
        let seq = self.0.seq;
        if *self == Self::at(seq) { seq.checked_sub(1) } else { Some(seq) }
    }
}

/// Keeps the highest versions of those that it is told of, in bounded memory.
#[derive(Debug)]
pub(super) struct Window {
    /// What isn't below this was looked at before.
    below: Option<Rank>,
    /// What is below this is left out.
    floor: Option<Rank>,
    /// When what is left out was stored at the latest: see [`super::found::Before::earlier`].
    latest: Time,
    entries: Vec<Entry>,
    bytes: usize,
    room: usize,
}

/// What a pass through a listing leaves.
#[derive(Debug)]
pub(super) struct Top {
    /// The highest first; of a place the newest version first.
    pub(super) entries: Vec<Entry>,
    /// What is below this was left out; `None`: nothing was.
    pub(super) rest: Option<Rank>,
    /// When that was stored at the latest.
    pub(super) latest: Time,
}

impl Window {
    pub(super) fn new(below: Option<Rank>, room: usize) -> Self {
        let (entries, latest) = (Vec::new(), Time::EPOCH);
        Self { below, floor: None, latest, entries, bytes: 0, room }
    }

    /// Leaves out what is below `floor`, for not all of it will be told; it was stored then at the
    /// latest.
    pub(super) fn leave_out(&mut self, floor: Rank, latest: Time) {
        self.floor = self.floor.take().max(Some(floor));
        self.latest = self.latest.max(latest);
    }

    pub(super) fn add(&mut self, entry: Entry) {
        let rank = Rank::of(&entry);
        if self.below.as_ref().is_some_and(|below| rank >= *below) {
            return;
        }
        if self.floor.as_ref().is_some_and(|floor| rank < *floor) {
            self.latest = self.latest.max(stored(&entry));
            return;
        }
        self.bytes += size(&entry);
        self.entries.push(entry);
        if self.bytes > 2 * self.room {
            self.prune();
        }
    }

    /// Leaves out what is beyond the room.
    fn prune(&mut self) {
        self.entries.sort_unstable_by(|a, b| (b.place, &b.version).cmp(&(a.place, &a.version)));
        self.entries.dedup_by(|a, b| (a.place, &a.version) == (b.place, &b.version));
        let (mut bytes, mut kept) = (0, 0);
        for entry in &self.entries {
            // One stays, or no pass would come any further.
            if kept > 0 && bytes + size(entry) > self.room {
                break;
            }
            (bytes, kept) = (bytes + size(entry), kept + 1);
        }
        self.bytes = bytes;
        if kept < self.entries.len() {
            self.floor = self.entries.get(kept.saturating_sub(1)).map(Rank::of);
        }
        for entry in self.entries.drain(kept..) {
            self.latest = self.latest.max(stored(&entry));
        }
    }

    /// What is there at the end of the listing.
    pub(super) fn end(mut self) -> Top {
        self.prune();
        self.entries.sort_unstable_by_key(|entry| Reverse(entry.age()));
        self.entries.shrink_to_fit();
        Top { entries: self.entries, rest: self.floor, latest: self.latest }
    }
}

fn size(entry: &Entry) -> usize {
    let id = entry.version.as_ref().map_or(0, |id| id.len() + AROUND_AN_ID);
    size_of::<Entry>() + id
}

#[cfg(test)]
mod tests {
    use auditseal_store::Version;

    use super::*;

    fn entry(seq: u64, id: Option<&str>, nth: u32) -> Entry {
        let key = String::new();
        let (size, modified, latest) = (1, seq as i64, true);
        let id = id.map(str::to_owned);
        let version = Version { key, id, size, modified, latest, marker: false, archived: false };
        Entry::of(Place { seq, alternate: None, date: Date::EPOCH }, version, nth)
    }

    /// All that passes of this room see, and how many they are.
    fn passes(all: &[Entry], room: usize) -> (Vec<Rank>, usize) {
        let (mut seen, mut below, mut passes) = (vec![], None, 0);
        loop {
            let mut window = Window::new(below.take(), room);
            for entry in all {
                window.add(entry.clone());
                assert!(window.bytes <= 2 * room + 200, "{} bytes", window.bytes);
            }
            passes += 1;
            let top = window.end();
            assert!(!top.entries.is_empty(), "no pass without progress");
            seen.extend(top.entries.iter().map(Rank::of));
            match top.rest {
                Some(rest) => below = Some(rest),
                None => return (seen, passes),
            }
        }
    }

    /// In whatever order a store lists, and however often, each pass sees what the one before left
    /// out, and all of it is seen once.
    #[test]
    fn passes_see_everything_once_from_the_top_down() {
        let mut all: Vec<_> = (0..5_000).map(|seq| entry(seq, None, seq as u32)).collect();
        // Of one object more versions than a pass keeps.
        all.extend((0..600).map(|n| entry(2_500, Some(&format!("v{n:04}")), n)));
        let mut expected: Vec<_> = all.iter().map(Rank::of).collect();
        expected.sort();
        expected.reverse();
        let seqs: Vec<_> = expected.iter().map(|rank| rank.0.seq).collect();
        for order in 0..3 {
            match order {
                1 => all.reverse(),
                2 => all.sort_by_key(|entry| (entry.place.seq * 7_919 % 5_003, entry.nth)),
                _ => all.extend_from_within(100..900),
            }
            for room in [1, 20_000, 50_000, ROOM] {
                // Nothing fits: one entry at a time would take too long here.
                let some = if room == 1 { &all[..50] } else { &all[..] };
                let (seen, passes) = passes(some, room);
                if room == 1 {
                    assert_eq!(passes, seen.len());
                    continue;
                }
                assert_eq!(seen.iter().map(|rank| rank.0.seq).collect::<Vec<_>>(), seqs);
                assert!(passes <= 2 + 6_000 * 150 / room, "{passes} passes of {room}");
                let mut ids: Vec<_> = seen.iter().filter_map(|rank| rank.1.clone()).collect();
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), 600);
            }
        }
    }

    #[test]
    fn what_is_left_out_is_dated() {
        let mut window = Window::new(Some(Rank::at(90)), 20 * size_of::<Entry>());
        (0..100).for_each(|seq| window.add(entry(seq, None, 0)));
        let top = window.end();
        let seqs: Vec<_> = top.entries.iter().map(|entry| entry.place.seq).collect();
        assert_eq!(seqs, (70..90).rev().collect::<Vec<_>>());
        assert_eq!(top.rest.unwrap().top(), Some(69));
        // The end of the day that its key names, as it was stored before that.
        assert_eq!(top.latest.micros(), 86_400_000_000);
    }
}
