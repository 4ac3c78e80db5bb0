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
//! side's is in it too, so that nothing is missing between the part and its neighbours. What is beyond
//! them isn't looked at: whoever must be certain reads from a seal that is trusted.

use std::collections::BTreeMap;

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
        let Some(extent) = part(packs.taken(), window, SLACK, NEAR) else {
            let found = Self::find(source, origin, trust, window, known).await?;
            return Ok(Self { packs: packs.within(found.extent), ..found });
        };
        let newest = packs.taken().last().map(|pack| (pack.last, pack.attestation.date));
        let packs = packs.within(extent);
        let first = packs.taken().first().map(|pack| pack.attestation.date);
        // Where none is read, what lies behind all of them begins with the newest one's day.
        let from = first.or(newest.map(|(_, date)| date));
        let to =
            packs.taken().last().map(|pack| pack.attestation.date).filter(|_| extent.to.is_some());
        let mut days = days(source, origin).await?;
        let genesis = extent.from == Begin::Genesis;
        days.retain(|day| {
            (genesis || from.is_none_or(|from| from <= *day)) && to.is_none_or(|to| *day <= to)
        });
        let mut entries = Listing::of_days(source, origin, &days).await?;
        entries.retain(|entry| extent.has(entry.place.seq));
        let range = Self { extent, entries, packs };
        match newest.filter(|_| extent.to.is_none()) {
            Some((last, _)) => range.narrowed(source, origin, trust, (window, known), last).await,
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
        let (entries, stamps) = (entries.to_vec(), BTreeMap::new());
        Self { source, origin, trust, window, days: vec![], listed: 0..0, entries, seqs, stamps }
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
            for entry in here {
                let found = examine(source, origin, entry.clone(), Depth::Seal).await;
                if let Some(error) = found.error {
                    return Err(error);
                }
                if let Outcome::Note(object, _) = &found.sighting.outcome
                    && (&object.seal.origin, object.seal.seq) == (origin, seq)
                    && trust.includes(&object.seal.key, seq)
                {
                    let (sealed, side) = (object.seal.sealed, window.side(&object.seal));
                    return Ok((seq, Some(Stamp { sealed, side })));
                }
            }
            Ok((seq, None))
        });
        let looked: Vec<_> = looked.buffered(IN_FLIGHT).collect().await;
        for found in looked {
            let (seq, stamp) = found?;
            self.stamps.insert(seq, stamp);
        }
        Ok(())
    }

    /// Of these places among those listed, the first with a seal, and what it says.
    async fn first_seal(
        &mut self,
        places: std::ops::Range<usize>,
    ) -> Result<Option<(usize, Stamp)>, Error> {
        let (mut at, mut some) = (places.start, 1);
        while at < places.end {
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
        let mut low = self.seqs[first];
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
        let mut high = self.seqs[sealed.saturating_sub(1)].max(low);
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
