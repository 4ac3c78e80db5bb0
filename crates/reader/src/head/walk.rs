//! The way back from a note to the chain's first.

use std::sync::Arc;

use auditseal_format::{Hash, ObjectSeal, Origin, Time};
use auditseal_store::Store;
use futures::stream::{self, Stream};

use super::ahead::Ahead;
use super::days::{Days, day_after};
use super::found::Before;
use super::pass::{Folders, Pass};
use super::search::note;
use super::window::{ROOM, Rank, Window};
use crate::error::Error;
use crate::listing::Entry;
use crate::source::Source;
use auditseal_chain::{Finding, Verdict};

/// The notes before `head`, newest to oldest, each held against the hash that the one after it
/// names; so what can be trusted of the head can be trusted of them. `days` is where they lie, if
/// somebody just found out.
///
/// Some days are listed at a time, and some thousand keys of them kept, however long the chain is.
/// Ends with the genesis, or with [`Error::Found`] when a note isn't there. After [`Error::Store`] it
/// may be asked again, and goes on where it was.
pub fn walk_back(
    store: Arc<dyn Store>,
    head: &ObjectSeal,
    days: Option<Days>,
) -> impl Stream<Item = Result<Before, Error>> + Send + use<> {
    back(Source::new(store), head, days, ROOM)
}

pub(super) fn back(
    source: Source,
    head: &ObjectSeal,
    days: Option<Days>,
    room: usize,
) -> impl Stream<Item = Result<Before, Error>> + Send + use<> {
    let seal = &head.seal;
    let walk = Walk {
        source,
        origin: seal.origin.clone(),
        next: seal.prev.map(|prev| (seal.seq.saturating_sub(1), prev)),
        room,
        days,
        pass: None,
        whole: false,
        ahead: Ahead::default(),
        earlier: vec![],
        rest: Some(Rank::at(seal.seq)),
        met: None,
    };
    stream::unfold(walk, |mut walk| async move {
        let item = walk.step().await?;
        Some((item, walk))
    })
}

struct Walk {
    source: Source,
    origin: Origin,
    /// Seq and hash of the note that comes next.
    next: Option<(u64, Hash)>,
    room: usize,
    /// Where what lies; `None`: the chain is listed as a whole.
    days: Option<Days>,
    /// The listing that the store didn't finish.
    pass: Option<Pass>,
    /// Whether the last one was of the whole chain.
    whole: bool,
    /// What was kept of the last one.
    ahead: Ahead,
    /// [`Before::earlier`] of each.
    earlier: Vec<Time>,
    /// What is below this wasn't looked at.
    rest: Option<Rank>,
    /// A key of the seq that comes next, with another note.
    met: Option<String>,
}

impl Walk {
    async fn step(&mut self) -> Option<Result<Before, Error>> {
        let (seq, hash) = self.next?;
        loop {
            match self.object(seq, hash).await {
                Ok(Some(before)) => {
                    let prev = before.object.seal.prev;
                    self.next = prev.map(|prev| (seq.saturating_sub(1), prev));
                    self.met = None;
                    return Some(Ok(before));
                }
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            match self.list(seq).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        self.next = None;
        let detail = format!("no object of seq {seq} has the note that the one after it names");
        let finding = Finding::new(Verdict::Missing, Some(self.origin.clone()), &detail).at(seq);
        let finding = match &self.met {
            Some(key) => finding.key(key),
            None => finding,
        };
        Some(Err(Error::Found(Box::new(finding))))
    }

    /// Looks for a note in what was kept of the listing.
    async fn object(&mut self, seq: u64, hash: Hash) -> Result<Option<Before>, Error> {
        loop {
            let given = self.ahead.given();
            let next = self.ahead.next(&self.source, &self.origin, |_| false).await;
            let Some((entry, Some(examined))) = next else { return Ok(None) };
            let place = entry.place;
            if place.seq < seq {
                // It isn't the turn of this one.
                self.ahead.take_back(examined);
                return Ok(None);
            }
            let again = |_: &_| self.ahead.fetch_again(&self.source, &self.origin);
            let note = note(examined).inspect_err(again)?;
            let key = place.key(&self.origin);
            if place.seq == seq {
                self.met = Some(key.to_string());
            }
            let note = note.filter(|note| note.hash == hash && note.seal.origin == self.origin);
            if let Some(object) = note {
                let earlier = self.earlier.get(given).copied().unwrap_or(Time::MAX);
                return Ok(Some(Before { key, object, earlier }));
            }
        }
    }

    /// Lists what is below what was looked at. Returns whether a note of that seq may be there.
    async fn list(&mut self, seq: u64) -> Result<bool, Error> {
        let mut pass = match self.pass.take() {
            Some(pass) => pass,
            None => match self.rest.clone().filter(|rest| rest.top() >= Some(seq)) {
                Some(rest) => self.below(rest),
                None if self.whole => return Ok(false),
                // On which days what lies was found out a while ago: before a note is called
                // missing, all is listed once more.
                None => Pass::new(Folders::Chain, self.window(Rank::at(seq + 1))),
            },
        };
        let asked = pass.run(&self.source, &self.origin).await;
        if let Err(error) = asked {
            self.pass = Some(pass);
            return Err(error.into());
        }
        self.whole = pass.is_whole();
        let (top, days) = pass.end();
        self.days = self.days.take().or(days);
        self.earlier = earlier(&top.entries, top.latest);
        self.ahead = Ahead::new(top.entries);
        self.rest = top.rest;
        Ok(true)
    }

    fn window(&self, below: Rank) -> Window {
        Window::new(Some(below), self.room)
    }

    /// A pass through what is below, or through the days that hold the first of it.
    fn below(&self, rest: Rank) -> Pass {
        let pick = self.days.as_ref().zip(rest.top()).and_then(|(days, top)| days.pick(top));
        let mut window = self.window(rest);
        let Some(pick) = pick else { return Pass::new(Folders::Chain, window) };
        if let Some(above) = pick.above {
            window.leave_out(Rank::at(above + 1), pick.latest);
        }
        Pass::new(Folders::Days(pick.days.into()), window)
    }
}

/// [`Before::earlier`] of each of these, the highest first, where what is below them was stored at
/// the `latest` then. An object's key names the day of the note before.
fn earlier(entries: &[Entry], mut latest: Time) -> Vec<Time> {
    let from_below = entries.iter().rev().map(|entry| {
        latest = latest.max(day_after(entry.place.date));
        let earlier = latest;
        latest = latest.max(Time::from_micros(entry.modified));
        earlier
    });
    let mut earlier: Vec<_> = from_below.collect();
    earlier.reverse();
    earlier
}

#[cfg(test)]
mod tests {
    use auditseal_store::Version;

    use super::super::days::{DAY, stored};
    use super::*;
    use auditseal_chain::Place;

    fn entry(seq: u64, day: i64) -> Entry {
        let date = Time::from_micros(day * DAY).date();
        let modified = (day * DAY) + seq as i64;
        let (key, id) = (String::new(), None);
        let (size, latest, marker, archived) = (1, true, false, false);
        let version = Version { key, id, size, modified, latest, marker, archived };
        Entry::of(Place { seq, alternate: None, date }, version, 0)
    }

    /// Knuth's MMIX generator.
    fn next(seed: &mut u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    }

    /// A chain of some days, a few of its objects on any other day.
    fn jumbled(seed: &mut u64, objects: u64, days: u64, strays: u64) -> Vec<Entry> {
        let day = |seq| (seq * days / objects) as i64;
        let mut all: Vec<_> = (0..objects).map(|seq| entry(seq, day(seq))).collect();
        for _ in 0..strays {
            let at = next(seed) % objects;
            all[at as usize] = entry(at, (next(seed) % days) as i64);
        }
        all
    }

    /// What a walk down these objects sees that lists by what the days tell; how often all are
    /// listed, and how many are in all.
    fn walk(all: &[Entry], room: usize) -> (Vec<u64>, usize, usize) {
        let mut days = Days::default();
        all.iter().for_each(|entry| days.add(entry));
        let (mut seen, mut whole, mut listed) = (vec![], 0, 0);
        let mut rest = Some(Rank::at(u64::MAX));
        while let Some(below) = rest {
            let top = below.top().unwrap();
            let mut window = Window::new(Some(below), room);
            let pick = days.pick(top);
            if let Some((above, latest)) = pick.as_ref().and_then(|p| Some((p.above?, p.latest))) {
                window.leave_out(Rank::at(above + 1), latest);
            }
            whole += usize::from(pick.is_none());
            let days = pick.map(|pick| pick.days);
            for entry in all {
                if days.as_ref().is_none_or(|days| days.contains(&entry.place.date)) {
                    window.add(entry.clone());
                    listed += 1;
                }
            }
            let end = window.end();
            let left = all.iter().filter(|entry| {
                end.rest.as_ref().is_some_and(|rest| Some(entry.place.seq) <= rest.top())
            });
            let latest = left.map(stored).max();
            assert!(latest.is_none_or(|latest| end.latest >= latest), "dated too early");
            seen.extend(end.entries.iter().map(|entry| entry.place.seq));
            rest = end.rest.filter(|rest| rest.top().is_some());
        }
        (seen, whole, listed)
    }

    #[test]
    fn whatever_lies_where_all_is_seen_from_the_top_down() {
        for seed in 0..12 {
            let mut state = seed;
            let strays = if seed % 3 == 0 { 0 } else { seed };
            let all = jumbled(&mut state, 40_000, 5 + seed % 7, strays);
            let (seen, whole, listed) = walk(&all, 1 << 20);
            assert!(seen.iter().copied().eq((0..40_000).rev()), "seed {seed}");
            if strays == 0 {
                assert!(whole == 0 && listed < 5 * all.len(), "{whole}, {listed}, seed {seed}");
            }
        }
    }

    #[test]
    fn many_days_of_few_objects_are_listed_as_a_whole() {
        let (seen, whole, _) = walk(&jumbled(&mut 1, 20_000, 2_000, 0), 1 << 20);
        assert!(seen.into_iter().eq((0..20_000).rev()) && whole > 0);
    }
}
