//! On which days lies what of a chain, as far as a listing tells. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use auditseal_format::{Date, Time};

use crate::listing::Entry;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// Days that are told apart: eleven years. Of a chain with keys of more it isn't known what lies
/// where, and it is listed as a whole.
const KEPT: usize = 4_096;
/// Objects that are listed at a time, but for those of one day: about what is kept of a listing.
const AT_A_TIME: u64 = 20_000;
/// Objects in a page of a listing.
const PAGE: u64 = 1_000;

/// When an object was stored at the latest, by its key, which names the day of the note before, and
/// by the store: one clock may have been wrong.
pub(super) fn stored(entry: &Entry) -> Time {
    day_after(entry.place.date).max(Time::from_micros(entry.modified))
}

/// When a day is over.
pub(super) fn day_after(date: Date) -> Time {
    date.start().saturating_add(DAY)
}

/// On which days objects of a chain lie: found on the way by whoever lists the chain, so that the
/// way back from its head needn't list all of it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days {
    days: BTreeMap<Date, Day>,
    too_many: bool,
}

/// What has keys of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    low: u64,
    high: u64,
    objects: u64,
    /// When the newest of them was stored.
    latest: i64,
}

/// What is to be listed next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) days: Vec<Date>,
    /// All that is above this seq is on these days; `None`: all there is.
    pub(super) above: Option<u64>,
    /// When what is on other days was stored at the latest.
    pub(super) latest: Time,
}

impl Days {
    pub(super) fn add(&mut self, entry: &Entry) {
        let (seq, latest) = (entry.place.seq, entry.modified);
        if self.too_many {
            return;
        }
        let new = Day { low: seq, high: seq, objects: 0, latest };
        let day = self.days.entry(entry.place.date).or_insert(new);
        day.low = day.low.min(seq);
        day.high = day.high.max(seq);
        day.objects += 1;
        day.latest = day.latest.max(latest);
        if self.days.len() > KEPT {
            *self = Self { days: BTreeMap::new(), too_many: true };
        }
    }

    /// The days on which objects up to a seq are to be looked for first. `None`: to list the chain
    /// as a whole costs less.
    pub(super) fn pick(&self, top: u64) -> Option<Pick> {
        let mut below: Vec<_> = self.days.iter().filter(|(_, day)| day.low <= top).collect();
        below.sort_by_key(|(date, day)| (Reverse(day.high.min(top)), Reverse(**date)));
        let mut objects = 0;
        let more = |(_, day): &(&Date, &Day)| {
            let more = objects == 0 || day.high >= top || objects + day.objects <= AT_A_TIME;
            objects += day.objects;
            more
        };
        let picked = below.iter().copied().take_while(more).count();
        let all: u64 = self.days.values().map(|day| day.objects).sum();
        if picked == 0 || picked as u64 > 1 + all / PAGE {
            return None;
        }
        let others = below.split_off(picked);
        let latest =
            |(date, day): &(&Date, &Day)| day_after(**date).max(Time::from_micros(day.latest));
        Some(Pick {
            days: below.into_iter().map(|(date, _)| *date).collect(),
            above: others.iter().map(|(_, day)| day.high.min(top)).max(),
            latest: others.iter().map(latest).max().unwrap_or(Time::EPOCH),
        })
    }
}

#[cfg(test)]
mod tests {
    use auditseal_store::Version;

    use super::*;
    use auditseal_chain::Place;

    #[test]
    fn more_days_than_are_told_apart_are_listed_as_a_whole() {
        let mut days = Days::default();
        for n in 0..KEPT as u64 + 5 {
            let date = Time::from_micros(n as i64 * DAY).date();
            let (key, id) = (String::new(), None);
            let (size, modified, latest, marker, archived) = (1, 0, true, false, false);
            let version = Version { key, id, size, modified, latest, marker, archived };
            days.add(&Entry::of(Place { seq: n, alternate: None, date }, version, 0));
            assert_eq!(days.too_many, n >= KEPT as u64);
        }
        assert_eq!((days.days.len(), days.pick(9)), (0, None));
    }
}
