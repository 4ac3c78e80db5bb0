//! The part of a chain in which lines of some time lie, found without reading the rest.
//!
//! ```text
//! days of the keys ──▶ listing of those days ──▶ search by `sealed` ──▶ edges by `first` and `last`
//! ```
//!
//! A line is sealed after it was written, so by `sealed` one finds where to begin; where its writer was
//! behind, or took up old files, lines of that time are sealed later. So at both edges seals are looked
//! at until some in a row hold no line of that time. Where between them seals are missing or can't be
//! read, these may have held some: they are in the part, which is not whole then. A seal of neither
//! side's is in it too, so that nothing is missing between the part and its neighbours.
//!
//! Where a clock was set back the time of the window came twice. So of what else is listed of these days
//! some seals are looked at, and those between two of which the window may lie. What is beyond isn't:
//! whoever must be certain reads from a seal that is trusted.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_chain::{Begin, Extent, Outcome, Trust};
use auditseal_format::{Date, ObjectKey, Origin, Time};
use auditseal_store::Error;
use futures::StreamExt as _;

use crate::fetch::{Depth, examine};
use crate::listing::{Entry, Listing};
use crate::packs::{PackRoot, Packs, part};
use crate::source::{IN_FLIGHT, Source};
use crate::times::{Side, Window};

/// How much before and after a window's ends seals are looked for, microseconds: a minute. A writer
/// that keeps up seals a line within seconds.
const SLACK: i64 = 60_000_000;
/// Seals in a row without a line of the window, at which an edge stands.
const EDGE: usize = 16;
/// Seals beside a part that are looked at to see whether a clock was set back there, and of a day's seals more rarely
/// than each [`EDGE`]th: a request is sent for each.
const SAMPLES: usize = 128;
/// A part that begins or ends so few seals away from the genesis, from the chain's end or from a seal
/// that is known is read up to there: then what it shows is tied to that.
const NEAR: u64 = 256;

/// A part of a chain, and what was listed of it.
#[derive(Debug, Default)]
pub struct Range {
    /// What is to be read.
    pub extent: Extent,
    /// What was listed, in the order of the chain.
    pub entries: Vec<Entry>,
    /// The packs in it.
    pub packs: Packs,
}

impl Range {
    /// The part of a chain in which the lines of a window lie, by what is attested of its packs, and of what
    /// no pack holds as [`Range::find`] says. What is packed isn't looked at to find it.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_packed(
        source: &Source,
        origin: &Origin,
        trust: &Trust,
        window: Window,
        known: &[u64],
        root: Option<&PackRoot>,
    ) -> Result<Self, Error> {
        let packs = Packs::of(root, origin, Extent::default()).await?;
        let Some(part) = part(packs.taken(), window, SLACK, NEAR) else {
            let found = Self::find(source, origin, trust, window, known).await?;
            return Ok(Self { packs: packs.within(found.extent), ..found });
        };
        let extent = part.extent;
        let newest = packs.taken().last().map(|pack| pack.last);
        let packs = packs.within(extent);
        let mut days = days(source, origin).await?;
        days.retain(|day| part.has_day(*day));
        let mut entries = Listing::of_days(source, origin, &days).await?;
        entries.retain(|entry| extent.has(entry.place.seq));
        let range = Self { extent, entries, packs };
        match newest.filter(|_| extent.to.is_none()) {
            Some(last) => range.narrowed(source, origin, trust, (window, known), last).await,
            None => Ok(range),
        }
    }

    /// The same without what no pack holds and no line of the window can be in; `last` is the newest pack's last seq.
    async fn narrowed(
        mut self,
        source: &Source,
        origin: &Origin,
        trust: &Trust,
        (window, known): (Window, &[u64]),
        last: u64,
    ) -> Result<Self, Error> {
        let behind = self.entries.partition_point(|entry| entry.place.seq <= last);
        let mut search = Search::among(source, origin, trust, window, &self.entries[behind..]);
        let Some(first) = search.seqs.first().copied() else { return Ok(self) };
        let begins = self.packs.taken().is_empty();
        let low = if begins { search.low().await? } else { first };
        let high = search.high(low).await?;
        let (low, high) = search.twice(low, high).await?;
        // When lines of seals by other keys happened isn't known.
        if !search.strange.is_empty() {
            return Ok(self);
        }
        let known: Vec<u64> = known.iter().copied().filter(|seq| last < *seq).collect();
        let found = search.tie(low, high, &known).await?.extent;
        let from = if begins { found.from } else { self.extent.from };
        self.extent = Extent { from, to: found.to };
        self.entries.retain(|entry| self.extent.has(entry.place.seq));
        Ok(self)
    }

    /// Finds the part of a chain in which the lines of a window lie; `known` are places whose seals are
    /// known out of band. What no trusted key signed counts for nothing: anybody may have put it there.
    /// Of a chain that isn't there it is all of nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        source: &Source,
        origin: &Origin,
        trust: &Trust,
        window: Window,
        known: &[u64],
    ) -> Result<Self, Error> {
        let days = days(source, origin).await?;
        let (since, until) = (window.since, window.until);
        let first = since.map_or(0, |since| behind(&days, before(since)).saturating_sub(1));
        let last = until.map_or(days.len(), |until| behind(&days, after(until)));
        let last = last.clamp((first + 1).min(days.len()), days.len());
        let none = Search::among(source, origin, trust, window, &[]);
        let mut search = Search { days, listed: first..first, ..none };
        search.list(first..last).await?;
        while search.seqs.is_empty() {
            if !search.list_later().await? && !search.list_earlier().await? {
                return Ok(Self::default());
            }
        }
        let low = search.low().await?;
        let high = search.high(low).await?;
        let (low, high) = search.twice(low, high).await?;
        if search.is_by_others() {
            return search.whole().await;
        }
        let (low, high) = search.with_strange(low, high);
        search.tie(low, high, known).await
    }
}

fn before(time: Time) -> Time {
    time.saturating_add(-SLACK)
}

fn after(time: Time) -> Time {
    time.saturating_add(SLACK)
}

/// How many of the days aren't behind a time.
fn behind(days: &[Date], time: Time) -> usize {
    days.partition_point(|day| day.start() <= time)
}

/// The days that keys of a chain name, in order.
pub(crate) async fn days(source: &Source, origin: &Origin) -> Result<Vec<Date>, Error> {
    let folder = format!("{}/date=", ObjectKey::prefix(origin));
    let folders = source.folders(&folder).await?;
    let day = |name: &String| Date::parse(name.strip_prefix(&folder)?.as_bytes());
    let mut days: Vec<Date> = folders.iter().filter_map(day).collect();
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// What a seal says of when.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    sealed: Time,
    side: Side,
}

struct Search<'a> {
    source: &'a Source,
    origin: &'a Origin,
    trust: &'a Trust,
    window: Window,
    days: Vec<Date>,
    /// Which of the days are listed.
    listed: std::ops::Range<usize>,
    /// What was listed, in the order of the chain.
    entries: Vec<Entry>,
    /// The places among them, each once.
    seqs: Vec<u64>,
    /// What was learnt of places; `None` where no seal of the chain's shape stands.
    stamps: BTreeMap<u64, Option<Stamp>>,
    /// Places of which only a key that isn't trusted by itself says something.
    strange: BTreeSet<u64>,
}

impl<'a> Search<'a> {
    /// A search among what was listed, in the order of the chain, and nowhere else.
    fn among(
        source: &'a Source,
        origin: &'a Origin,
        trust: &'a Trust,
        window: Window,
        entries: &[Entry],
    ) -> Self {
        let mut seqs: Vec<u64> = entries.iter().map(|entry| entry.place.seq).collect();
        seqs.dedup();
        let (entries, stamps, strange) = (entries.to_vec(), BTreeMap::new(), BTreeSet::new());
        let (days, listed) = (vec![], 0..0);
        Self { source, origin, trust, window, days, listed, entries, seqs, stamps, strange }
    }

    /// Lists these days, which lie right before or behind those that are listed.
    async fn list(&mut self, days: std::ops::Range<usize>) -> Result<(), Error> {
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
    async fn list_later(&mut self) -> Result<bool, Error> {
        let at = self.listed.end;
        let more = at < self.days.len();
        if more {
            self.list(at..at + 1).await?;
        }
        Ok(more)
    }

    async fn list_earlier(&mut self) -> Result<bool, Error> {
        let at = self.listed.start;
        if at > 0 {
            self.list(at - 1..at).await?;
        }
        Ok(at > 0)
    }

    /// What the seals at these places say.
    async fn look(&mut self, seqs: Vec<u64>) -> Result<(), Error> {
        let unknown = seqs.into_iter().filter(|seq| !self.stamps.contains_key(seq));
        let (entries, window, trust) = (&self.entries, self.window, self.trust);
        let (source, origin) = (self.source, self.origin);
        let looked = futures::stream::iter(unknown.collect::<Vec<_>>()).map(|seq| async move {
            let first = entries.partition_point(|entry| entry.place.seq < seq);
            let here = entries[first..].iter().take_while(|entry| entry.place.seq == seq);
            let mut strange = false;
            for entry in here {
                let found = examine(source, origin, entry.clone(), Depth::Seal).await;
                if let Some(error) = found.error {
                    return Err(error);
                }
                if let Outcome::Note(object, _) = &found.sighting.outcome
                    && (&object.seal.origin, object.seal.seq) == (origin, seq)
                {
                    if trust.includes(&object.seal.key, seq) {
                        let (sealed, side) = (object.seal.sealed, window.side(&object.seal));
                        return Ok((seq, Some(Stamp { sealed, side }), false));
                    }
                    strange = true;
                }
            }
            Ok((seq, None, strange))
        });
        let looked: Vec<_> = looked.buffered(IN_FLIGHT).collect().await;
        for found in looked {
            let (seq, stamp, strange) = found?;
            self.stamps.insert(seq, stamp);
            if strange {
                self.strange.insert(seq);
            }
        }
        Ok(())
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
    fn is_by_others(&self) -> bool {
        self.strange.len() >= EDGE
    }

    /// The part with the few such seals near it: nothing tells when their lines happened.
    fn with_strange(&self, low: u64, high: u64) -> (u64, u64) {
        let near = |seq: &u64| low.saturating_sub(NEAR) <= *seq && *seq <= high + NEAR;
        let strange = || self.strange.iter().copied().filter(near);
        (
            strange().min().map_or(low, |seq| seq.min(low)),
            strange().max().map_or(high, |seq| seq.max(high)),
        )
    }

    /// All of the chain that is listed.
    async fn whole(mut self) -> Result<Range, Error> {
        while self.list_earlier().await? {}
        while self.list_later().await? {}
        Ok(Range { extent: Extent::default(), entries: self.entries, packs: Packs::none() })
    }

    /// Where a seq stands among those that are listed, or would.
    fn index(&self, seq: u64) -> usize {
        self.seqs.partition_point(|listed| *listed < seq)
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
    fn side(&self, seq: u64) -> Option<Side> {
        self.stamps.get(&seq).copied().flatten().map(|stamp| stamp.side)
    }

    /// Ties the part to what is known, where that is near.
    async fn tie(mut self, mut first: u64, mut last: u64, known: &[u64]) -> Result<Range, Error> {
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
        self.entries.retain(|entry| extent.has(entry.place.seq));
        Ok(Range { extent, entries: self.entries, packs: Packs::none() })
    }
}

/// What the store lists of a chain under the days from one on and up to another, in the order of the chain; without
/// these, of all days.
///
/// # Errors
/// The store's.
pub async fn listed_between(
    source: &Source,
    origin: &Origin,
    from: Option<Date>,
    to: Option<Date>,
) -> Result<Vec<Entry>, Error> {
    let mut days = days(source, origin).await?;
    days.retain(|day| from.is_none_or(|from| from <= *day) && to.is_none_or(|to| *day <= to));
    Listing::of_days(source, origin, &days).await
}
