//! What no pack has of a chain: before the first, between two, behind the newest.
//!
//! No attestation speaks of these seals, so nothing but their own notes says when their lines happened. When they
//! were sealed is no evidence of it: a writer may have been behind, and a clock wrong.

use auditseal_format::{Date, SealId, Time};
use auditseal_store::Error;

use super::part::Unseen;
use super::search::{SealSearch, after, before};
use crate::packs::Pack;
use crate::times::{Side, Window};

/// A run of seqs that no pack has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Free {
    pub(super) first: u64,
    /// Without one it is behind the newest pack.
    pub(super) last: Option<u64>,
    /// The seal before it, as it is attested.
    pub(super) behind: Option<SealId>,
    /// The last seq of the pack that follows: it shows that the chain went on.
    pub(super) shown: Option<u64>,
    before: Option<Edge>,
    next: Option<Edge>,
    /// The first day under which keys of it stand, and the last, while no clock is set back.
    days: (Option<Date>, Option<Date>),
}

/// What is known of a seal beside a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    sealed: Time,
    lines: Option<(Time, Time)>,
}

impl Edge {
    fn times(self) -> impl Iterator<Item = Time> {
        let lines = self.lines.into_iter().flat_map(|(first, last)| [first, last]);
        std::iter::once(self.sealed).chain(lines)
    }
}

impl Free {
    /// All of a chain from a seq on.
    pub(super) fn from(first: u64) -> Self {
        let (last, behind, shown, before, next) = (None, None, None, None, None);
        Self { first, last, behind, shown, before, next, days: (None, None) }
    }

    /// What these packs don't have of a chain that begins with a seq.
    pub(super) fn between(packs: &[Pack], begin: u64) -> Vec<Self> {
        let before = std::iter::once(None).chain(packs.iter().map(Some));
        let next = packs.iter().map(Some).chain(std::iter::once(None));
        let all = before.zip(next).map(|(before, next)| {
            let end = |pack: &Pack| {
                let attested = &pack.attestation;
                (attested.last == pack.last)
                    .then_some(SealId { seq: attested.last, hash: attested.head })
            };
            let beside = |sealed, line: Option<Time>| Edge { sealed, lines: line.zip(line) };
            Self {
                // A genesis has no lines, and is in no pack.
                first: before.map_or(1, |pack| pack.last + 1).max(begin),
                last: next.map(|pack| pack.first.saturating_sub(1)),
                behind: before.and_then(end),
                shown: next.map(|pack| pack.last),
                before: before.map(|pack| {
                    let attested = &pack.attestation;
                    beside(attested.sealed.1, attested.times.map(|(_, last)| last))
                }),
                next: next.map(|pack| {
                    let attested = &pack.attestation;
                    beside(attested.sealed.0, attested.times.map(|(first, _)| first))
                }),
                days: (
                    before.map(|pack| pack.attestation.sealed.1.date()),
                    next.map(|pack| pack.attestation.date),
                ),
            }
        });
        all.filter(|free| free.last.is_none_or(|last| free.first <= last)).collect()
    }

    pub(super) fn has(&self, seq: u64) -> bool {
        self.first <= seq && self.last.is_none_or(|last| seq <= last)
    }

    /// Whether keys of it stand under a day, as far as its neighbours tell: a key's date is that of the seal before. Where
    /// a clock was set back or ahead more days follow from the seals themselves.
    pub(super) fn may_stand_under(&self, day: Date) -> bool {
        let (from, to) = self.days;
        from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
            || from == Some(day)
            || to == Some(day)
    }
}

/// Seqs that are to be read, from the first to the last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hull(pub(super) Option<(u64, u64)>);

impl Hull {
    pub(super) fn take(&mut self, first: u64, last: u64) {
        let (low, high) = self.0.unwrap_or((first, last));
        self.0 = Some((low.min(first), high.max(last)));
    }

    fn has(&self, seq: u64) -> bool {
        self.0.is_some_and(|(first, last)| (first..=last).contains(&seq))
    }
}

impl SealSearch<'_> {
    /// What is to be read of a run that no pack has: where all its seals were looked at, from the first that may have
    /// lines of the window to the last; else what is found by the order of seals, and the rest is told of.
    pub(super) async fn look_through(
        &mut self,
        free: &Free,
        all: bool,
        window: Window,
        unseen: &mut Unseen,
    ) -> Result<Hull, Error> {
        let mut hull = Hull::default();
        if all {
            let inside =
                |seq: &u64| self.side(*seq) == Some(Side::Inside) || self.strange.contains_key(seq);
            self.seqs.iter().copied().filter(inside).for_each(|seq| hull.take(seq, seq));
        } else if let [first, .., last] = self.seqs[..] {
            let (low, high) = self.ordered().await?;
            let some = self.seqs.iter().filter(|seq| (low..=high).contains(seq));
            // When lines of seals by other keys happened isn't known.
            if !self.strange.is_empty() {
                hull.take(first, last);
            } else if some.copied().any(|seq| self.side(seq).is_none_or(|of| of == Side::Inside)) {
                hull.take(low, high);
            }
        }
        self.gaps(free, window, &mut hull, unseen).await?;
        if !all {
            let passed = |seq: &&u64| !hull.has(**seq) && !self.stamps.contains_key(seq);
            self.seqs.iter().filter(passed).for_each(|seq| unseen.passes(*seq));
        }
        Ok(hull)
    }

    /// Where a seal stands, as far as is known.
    pub(super) fn is_seal(&self, seq: u64) -> bool {
        self.stamps.get(&seq).is_none_or(Option::is_some) || self.strange.contains_key(&seq)
    }

    /// Seqs of a run at which no seal is, each run with the seals beside it.
    fn lacking(&self, free: &Free) -> Vec<(u64, u64, Option<u64>, Option<u64>)> {
        let (mut next, mut before, mut lacking) = (free.first, None, Vec::new());
        for seq in self.seqs.iter().copied().filter(|seq| free.has(*seq) && self.is_seal(*seq)) {
            if next < seq {
                lacking.push((next, seq - 1, before, Some(seq)));
            }
            (next, before) = (seq.saturating_add(1), Some(seq));
        }
        if let Some(last) = free.last.filter(|last| next <= *last) {
            lacking.push((next, last, before, None));
        }
        lacking
    }

    /// Seals of a run behind which none is listed.
    pub(super) fn ends(&self, free: &Free) -> Vec<u64> {
        let seals = self.seqs.iter().copied().filter(|seq| self.is_seal(*seq));
        let top = seals.max();
        self.lacking(free).into_iter().filter_map(|(.., before, _)| before).chain(top).collect()
    }

    /// Seqs that aren't there are to be read where by the seals beside them they may have held lines of the window; else
    /// they are told of.
    pub(super) async fn gaps(
        &mut self,
        free: &Free,
        window: Window,
        hull: &mut Hull,
        unseen: &mut Unseen,
    ) -> Result<(), Error> {
        let lacking = self.lacking(free);
        let beside = lacking.iter().flat_map(|(.., before, next)| [*before, *next]);
        self.look(beside.flatten().collect()).await?;
        for (first, last, before, next) in lacking {
            let before = before.map_or(free.before, |seq| self.edge(seq));
            let next = next.map_or(free.next, |seq| self.edge(seq));
            if may_hold(window, before, next) {
                hull.take(first, last);
            } else {
                unseen.misses(first, last);
            }
        }
        Ok(())
    }

    fn edge(&self, seq: u64) -> Option<Edge> {
        let lines = self.stamp(seq).and_then(|stamp| stamp.times);
        self.sealed(seq).map(|sealed| Edge { sealed, lines })
    }
}

/// Whether lines of a window may have been between two seals: when these were sealed or have lines, and where the
/// clock was set back in between, at any time.
fn may_hold(window: Window, behind: Option<Edge>, next: Option<Edge>) -> bool {
    if behind.zip(next).is_some_and(|(behind, next)| next.sealed < behind.sealed) {
        return true;
    }
    let times = || behind.into_iter().chain(next).flat_map(Edge::times);
    let (least, most) = (times().min(), times().max());
    let early = |since| next.and(most).is_some_and(|most| most < before(since));
    let late = |until| behind.and(least).is_some_and(|least| after(until) < least);
    !window.since.is_some_and(early) && !window.until.is_some_and(late)
}
