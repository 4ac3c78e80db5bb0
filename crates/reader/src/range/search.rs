//! The search of a chain's loose seals by when they were sealed, and by what their notes say of their lines.
//!
//! A line is sealed after it was written, so by `sealed` one finds where to begin; where its writer was
//! behind, or took up old files, lines of that time are sealed later. So at both edges seals are looked
//! at until some in a row hold no line of that time. Where between them seals are missing or can't be
//! read, these may have held some: they are in the part, which is not whole then. A seal of neither
//! side's is in it too, so that nothing is missing between the part and its neighbours.
//!
//! Where a clock was set back the time of the window came twice. So of what else is listed of these days
//! some seals are looked at, and those between two of which the window may lie.
//!
//! None of that proves that what wasn't looked at has no line of the time: whoever asks is told of it.

use std::collections::BTreeMap;

use auditseal_chain::{Begin, Extent, Outcome, Trust};
use auditseal_format::{Date, Origin, Time};
use auditseal_store::Error;
use futures::StreamExt as _;

use super::part::{Range, Unseen};
use crate::fetch::{Depth, examine};
use crate::listing::{Entry, Listing};
use crate::source::{IN_FLIGHT, Source};
use crate::times::{Side, Window};

/// How much before and after a window's ends seals are looked for, microseconds: a minute. A writer
/// that keeps up seals a line within seconds.
pub(super) const SLACK: i64 = 60_000_000;
/// Seals in a row without a line of the window, at which an edge stands.
const EDGE: usize = 16;
/// Seals beside a part that are looked at to see whether a clock was set back there, and of a day's seals more rarely
/// than each [`EDGE`]th: a request is sent for each.
const SAMPLES: usize = 128;
/// A part that begins or ends so few seals away from the genesis, from the chain's end or from a seal
/// that is known is read up to there: then what it shows is tied to that.
pub(super) const NEAR: u64 = 256;

pub(super) fn before(time: Time) -> Time {
    time.saturating_add(-SLACK)
}

pub(super) fn after(time: Time) -> Time {
    time.saturating_add(SLACK)
}

/// How many of the days aren't behind a time.
pub(super) fn behind(days: &[Date], time: Time) -> usize {
    days.partition_point(|day| day.start() <= time)
}

/// What a seal says of when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) sealed: Time,
    /// Of its lines.
    pub(super) times: Option<(Time, Time)>,
    pub(super) side: Side,
}

pub(super) struct SealSearch<'a> {
    source: &'a Source,
    origin: &'a Origin,
    trust: &'a Trust,
    window: Window,
    /// The days that keys of the chain name, if it may list them.
    pub(super) days: Vec<Date>,
    /// Which of the days are listed.
    pub(super) listed: std::ops::Range<usize>,
    /// What was listed, in the order of the chain.
    entries: Vec<Entry>,
    /// The places among them, each once.
    pub(super) seqs: Vec<u64>,
    /// What was learnt of places; `None` where no seal of the chain's shape stands.
    pub(super) stamps: BTreeMap<u64, Option<Stamp>>,
    /// Places of which only a key that isn't trusted by itself says something, and when it says that it sealed.
    pub(super) strange: BTreeMap<u64, Time>,
}

impl<'a> SealSearch<'a> {
    /// A search among what was listed, in the order of the chain, and nowhere else.
    pub(super) fn among(
        source: &'a Source,
        origin: &'a Origin,
        trust: &'a Trust,
        window: Window,
        entries: Vec<Entry>,
    ) -> Self {
        let mut seqs: Vec<u64> = entries.iter().map(|entry| entry.place.seq).collect();
        seqs.dedup();
        let (stamps, strange) = (BTreeMap::new(), BTreeMap::new());
        let (days, listed) = (vec![], 0..0);
        Self { source, origin, trust, window, days, listed, entries, seqs, stamps, strange }
    }

    /// Lists these days, which lie right before or behind those that are listed.
    pub(super) async fn list(&mut self, days: std::ops::Range<usize>) -> Result<(), Error> {
        let listing = Listing::of_days(self.source, self.origin, &self.days[days.clone()]).await?;
        self.entries.extend(listing);
        self.entries.sort_by_key(Entry::age);
        self.seqs = self.entries.iter().map(|entry| entry.place.seq).collect();
        self.seqs.dedup();
        // A seal may have been listed now where no more than garbage was before.
        self.stamps.retain(|_, stamp| stamp.is_some());
        self.listed = self.listed.start.min(days.start)..self.listed.end.max(days.end);
        Ok(())
    }

    /// Lists one more day; whether there was one.
    pub(super) async fn list_later(&mut self) -> Result<bool, Error> {
        let at = self.listed.end;
        let more = at < self.days.len();
        if more {
            self.list(at..at + 1).await?;
        }
        Ok(more)
    }

    /// Lists so many days more on each side.
    pub(super) async fn list_around(&mut self, some: usize) -> Result<(), Error> {
        let (start, end) = (self.listed.start, self.listed.end);
        self.list(start.saturating_sub(some)..start).await?;
        self.list(end..(end + some).min(self.days.len())).await
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The last seal, and when it was made, if that was looked at.
    pub(super) fn top(&self) -> Option<(u64, Time)> {
        self.seqs.iter().rev().find_map(|seq| Some((*seq, self.sealed(*seq)?)))
    }

    pub(super) async fn list_earlier(&mut self) -> Result<bool, Error> {
        let at = self.listed.start;
        if at > 0 {
            self.list(at - 1..at).await?;
        }
        Ok(at > 0)
    }

    /// What the seals at these places say.
    pub(super) async fn look(&mut self, seqs: Vec<u64>) -> Result<(), Error> {
        let unknown = seqs.into_iter().filter(|seq| !self.stamps.contains_key(seq));
        let this = &*self;
        let looked = futures::stream::iter(unknown.collect::<Vec<_>>())
            .map(|seq| async move { Ok((seq, this.look_at(seq).await?)) });
        let looked: Vec<Result<_, Error>> = looked.buffered(IN_FLIGHT).collect().await;
        for found in looked {
            let (seq, (stamp, strange)) = found?;
            self.stamps.insert(seq, stamp);
            if let Some(sealed) = strange {
                self.strange.insert(seq, sealed);
            }
        }
        Ok(())
    }

    /// What the seal at a place says; where only keys that aren't trusted by themselves say something, when that was
    /// sealed. Of several the one that may have lines of the window.
    async fn look_at(&self, seq: u64) -> Result<(Option<Stamp>, Option<Time>), Error> {
        let first = self.entries.partition_point(|entry| entry.place.seq < seq);
        let here = self.entries[first..].iter().take_while(|entry| entry.place.seq == seq);
        let (mut stamp, mut strange) = (None, None);
        for entry in here {
            let found = examine(self.source, self.origin, entry.clone(), Depth::Seal).await;
            if let Some(error) = found.error {
                return Err(error);
            }
            let Outcome::Note(object, _) = &found.sighting.outcome else { continue };
            let seal = &object.seal;
            if (&seal.origin, seal.seq) != (self.origin, seq) {
                continue;
            }
            if !self.trust.includes(&seal.key, seq) {
                strange = Some(seal.sealed);
                continue;
            }
            let (sealed, times, side) = (seal.sealed, seal.payload.times, self.window.side(seal));
            if stamp.is_none() || side == Side::Inside {
                stamp = Some(Stamp { sealed, times, side });
            }
            if side == Side::Inside {
                break;
            }
        }
        Ok((stamp, strange.filter(|_| stamp.is_none())))
    }

    /// Of these places among those listed, the first with a seal, and what it says.
    async fn first_seal(
        &mut self,
        places: std::ops::Range<usize>,
    ) -> Result<Option<(usize, Stamp)>, Error> {
        let (mut at, mut some) = (places.start, 1);
        while at < places.end && !self.is_by_others() {
            let end = (at + some).min(places.end);
            self.look(self.seqs[at..end].to_vec()).await?;
            let found = (at..end).find_map(|at| Some((at, (*self.stamps.get(&self.seqs[at])?)?)));
            if found.is_some() {
                return Ok(found);
            }
            (at, some) = (end, IN_FLIGHT.min(2 * some));
        }
        Ok(None)
    }

    /// How many of the listed places have seals that were made before a time, if they stand in the order
    /// of their times.
    async fn sealed_before(&mut self, time: Time) -> Result<usize, Error> {
        let (mut low, mut high) = (0, self.seqs.len());
        while low < high {
            let middle = low + (high - low) / 2;
            // What is no seal says nothing: the next one does.
            match self.first_seal(middle..high).await? {
                Some((at, stamp)) if stamp.sealed < time => low = at + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Whether so many seals are by keys that aren't trusted by themselves that these may be the chain's own, which
    /// earlier seals name: whose they are, only who reads the chain from its beginning can tell.
    pub(super) fn is_by_others(&self) -> bool {
        self.strange.len() >= EDGE
    }

    /// The part with the few such seals near it: nothing tells when their lines happened.
    pub(super) fn with_strange(&self, low: u64, high: u64) -> (u64, u64) {
        let near = |seq: &u64| low.saturating_sub(NEAR) <= *seq && *seq <= high + NEAR;
        let strange = || self.strange.keys().copied().filter(near);
        (
            strange().min().map_or(low, |seq| seq.min(low)),
            strange().max().map_or(high, |seq| seq.max(high)),
        )
    }

    /// All of the chain that is listed.
    pub(super) async fn whole(mut self) -> Result<Range, Error> {
        while self.list_earlier().await? {}
        while self.list_later().await? {}
        Ok(Range { entries: self.entries, ..Range::default() })
    }

    /// Where a seq stands among those that are listed, or would.
    fn index(&self, seq: u64) -> usize {
        self.seqs.partition_point(|listed| *listed < seq)
    }

    /// The first and the last seq between which lines of the window are, if its seals stand in the order of their times,
    /// but for those of a writer that was behind for a while, and of a clock that was set back.
    pub(super) async fn ordered(&mut self) -> Result<(u64, u64), Error> {
        let low = self.low().await?;
        let high = self.high(low).await?;
        self.twice(low, high).await
    }

    /// The first seq that is to be read: the last of those that hold no line of the window, before the
    /// first that may.
    async fn low(&mut self) -> Result<u64, Error> {
        // Without a bound all days on that side are listed.
        let Some(since) = self.window.since else { return Ok(self.seqs[0]) };
        let top = self.seqs.len() - 1;
        let first = self.sealed_before(before(since)).await?.min(top);
        self.down(self.seqs[first]).await
    }

    /// The same from a seal on that is to be read.
    async fn down(&mut self, mut low: u64) -> Result<u64, Error> {
        let (mut last, mut at, mut quiet) = (low, low, 0);
        while quiet < EDGE {
            let i = self.index(at);
            if i == 0 {
                let listed = self.seqs.len();
                if !self.list_earlier().await? {
                    break;
                }
                // What was listed may stand above: then all from there down is looked at once more.
                if self.index(at) != self.seqs.len() - listed {
                    (last, at, quiet) = (low, low, 0);
                }
                continue;
            }
            self.look(self.seqs[i.saturating_sub(EDGE)..i].to_vec()).await?;
            at = self.seqs[i - 1];
            let Some(side) = self.side(at) else { continue };
            // Between this seal and the last one seals are missing, or can't be read: who knows of when.
            if side == Side::Inside || at + 1 < last {
                (low, quiet) = (at, 0);
            } else {
                quiet = if side == Side::After { 0 } else { quiet + 1 };
            }
            last = at;
        }
        Ok(self.seqs[self.index(low).saturating_sub(1)])
    }

    /// The last seq that is to be read: the first of those that hold no line of the window, behind the
    /// last that may.
    async fn high(&mut self, low: u64) -> Result<u64, Error> {
        let Some(until) = self.window.until else { return Ok(self.seqs[self.seqs.len() - 1]) };
        // Up to there all is in the part, whatever stands there.
        let sealed = self.sealed_before(after(until)).await?;
        self.up(self.seqs[sealed.saturating_sub(1)].max(low)).await
    }

    /// The same from a seal on that is to be read.
    async fn up(&mut self, mut high: u64) -> Result<u64, Error> {
        let (mut last, mut at, mut quiet) = (high, high, 0);
        while quiet < EDGE {
            let i = self.index(at + 1);
            if i == self.seqs.len() {
                if !self.list_later().await? {
                    break;
                }
                if self.index(at + 1) != i {
                    (last, at, quiet) = (high, high, 0);
                }
                continue;
            }
            let end = (i + EDGE).min(self.seqs.len());
            self.look(self.seqs[i..end].to_vec()).await?;
            at = self.seqs[i];
            let Some(side) = self.side(at) else { continue };
            if side == Side::Inside || last + 1 < at {
                (high, quiet) = (at, 0);
            } else {
                // Before the window its writer was behind, and hasn't come to that time yet.
                quiet = if side == Side::Before { 0 } else { quiet + 1 };
            }
            last = at;
        }
        let next = self.index(high + 1).min(self.seqs.len() - 1);
        Ok(self.seqs[next].max(high))
    }

    /// The part with all that was sealed at the time of the window and is listed outside of it.
    async fn twice(&mut self, mut low: u64, mut high: u64) -> Result<(u64, u64), Error> {
        loop {
            self.fill().await?;
            let outside = [0..self.index(low), self.index(high + 1)..self.seqs.len()];
            let (mut least, mut most) = (low, high);
            for places in outside {
                for seq in self.sealed_then(places).await? {
                    (least, most) = (least.min(seq), most.max(seq));
                }
            }
            if (least, most) == (low, high) {
                return Ok((low, high));
            }
            if least < low {
                low = self.down(least).await?;
            }
            if most > high {
                high = self.up(most).await?;
            }
        }
    }

    /// Of some of the listed places those whose seals were made at the time of the window and may have lines of
    /// it, if they stand in the order of their times but where some in a row were made before those that
    /// stand before them: in a row of many, that is [`SAMPLES`] of which aren't enough to meet it.
    async fn sealed_then(&mut self, places: std::ops::Range<usize>) -> Result<Vec<u64>, Error> {
        let wide = EDGE.max(places.len().div_ceil(SAMPLES));
        let some = self.out_of_order(vec![places], wide).await?;
        let some = self.out_of_order(some, EDGE).await?;
        let seqs: Vec<u64> =
            some.into_iter().flat_map(|at| self.seqs[at].iter().copied()).collect();
        self.look(seqs.clone()).await?;
        let then = |seq: &u64| {
            let stamp = self.stamps.get(seq).copied().flatten();
            stamp.is_some_and(|stamp| {
                stamp.side == Side::Inside && self.is_then(stamp.sealed, stamp.sealed)
            })
        };
        Ok(seqs.into_iter().filter(then).collect())
    }

    /// Of some of the listed places those between which, by each `step`th of them, the window may lie.
    async fn out_of_order(
        &mut self,
        places: Vec<std::ops::Range<usize>>,
        step: usize,
    ) -> Result<Vec<std::ops::Range<usize>>, Error> {
        let mut found = Vec::new();
        for places in places {
            let last = places.clone().last();
            let mut some: Vec<usize> = places.step_by(step).chain(last).collect();
            some.dedup();
            self.look(some.iter().map(|at| self.seqs[*at]).collect()).await?;
            let sealed = |at: &usize| Some((*at, (*self.stamps.get(&self.seqs[*at])?)?.sealed));
            let seen: Vec<(usize, Time)> = some.iter().filter_map(sealed).collect();
            if let [(at, _)] = seen[..] {
                found.push(at..at + 1);
            }
            found.extend(seen.windows(2).filter_map(|pair| {
                let ((at, first), (end, next)) = (pair[0], pair[1]);
                (next < first || self.is_then(first, next)).then_some(at..end + 1)
            }));
        }
        Ok(found)
    }

    /// Whether lines of the window may have been sealed between two times.
    fn is_then(&self, from: Time, to: Time) -> bool {
        let Window { since, until } = self.window;
        since.is_none_or(|since| before(since) <= to)
            && until.is_none_or(|until| from <= after(until))
    }

    /// Lists the days under which what is missing among the listed stands, by the seals before it. A key's
    /// date is that of the seal before: of those on both sides of where a clock was set back, some stand
    /// under later days than the window's.
    async fn fill(&mut self) -> Result<(), Error> {
        loop {
            let gaps = self.seqs.windows(2).filter(|pair| pair[0] + 1 < pair[1]);
            let gaps: Vec<u64> = gaps.map(|pair| pair[0]).collect();
            self.look(gaps.clone()).await?;
            let listed = self.listed.clone();
            for seq in gaps {
                let day = self.stamps.get(&seq).copied().flatten().map(|stamp| stamp.sealed.date());
                let Some(place) = day.and_then(|day| self.days.binary_search(&day).ok()) else {
                    continue;
                };
                while self.listed.end <= place && self.list_later().await? {}
                while self.listed.start > place && self.list_earlier().await? {}
            }
            if self.listed == listed {
                return Ok(());
            }
        }
    }

    /// Where the lines of a seal that was looked at lie; `None` where there is none.
    pub(super) fn side(&self, seq: u64) -> Option<Side> {
        self.stamp(seq).map(|stamp| stamp.side)
    }

    pub(super) fn stamp(&self, seq: u64) -> Option<Stamp> {
        self.stamps.get(&seq).copied().flatten()
    }

    /// When a seal that was looked at says that it was made.
    pub(super) fn sealed(&self, seq: u64) -> Option<Time> {
        self.stamp(seq).map(|stamp| stamp.sealed).or(self.strange.get(&seq).copied())
    }

    /// What wasn't looked at beside a part.
    pub(super) fn unseen(&self, part: Extent) -> Unseen {
        let mut unseen = Unseen::default();
        // A genesis has no lines.
        let passed = |seq: &&u64| **seq > 0 && !part.has(**seq) && !self.stamps.contains_key(seq);
        self.seqs.iter().filter(passed).for_each(|seq| unseen.passes(*seq));
        if !self.days.is_empty() {
            unseen.leaves(self.days.len() - self.listed.len());
        }
        unseen
    }

    /// Ties the part to what is known, where that is near.
    pub(super) async fn tie(
        mut self,
        mut first: u64,
        mut last: u64,
        known: &[u64],
    ) -> Result<Range, Error> {
        let below = known.iter().copied().filter(|seq| *seq < first && first - seq <= NEAR).max();
        let above = known.iter().copied().filter(|seq| *seq > last && seq - last <= NEAR).min();
        let genesis = first <= NEAR;
        first = if genesis { 0 } else { below.unwrap_or(first) };
        while self.seqs[0] > first && self.list_earlier().await? {}
        last = above.unwrap_or(last);
        while self.seqs.last().is_some_and(|top| *top < last) && self.list_later().await? {}
        let behind = self.seqs.partition_point(|seq| *seq <= last);
        let end = self.listed.end == self.days.len() && (self.seqs.len() - behind) as u64 <= NEAR;
        let from = if genesis { Begin::Genesis } else { Begin::At(first) };
        let extent = Extent { from, to: (!end).then_some(last) };
        let unseen = self.unseen(extent);
        self.entries.retain(|entry| extent.has(entry.place.seq));
        Ok(Range { extent, entries: self.entries, unseen, ..Range::default() })
    }
}
