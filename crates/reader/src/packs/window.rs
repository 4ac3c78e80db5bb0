//! The part of a packed chain in which lines of some time lie, by what is attested of its packs.
//!
//! A pack whose attested times lie beside the window has none of them. Seqs that no pack has may have
//! some, unless what is attested of the packs before and behind them tells that they were sealed before
//! the window begins or after it ended. Where the seals behind a hole are older than those before it, the
//! clock was set back in it, and nothing tells when its lines happened.

use auditseal_chain::{Begin, Extent};
use auditseal_format::packs::Attestation;
use auditseal_format::{Date, SealId, Time};

use super::listing::Pack;
use crate::times::Window;

/// A part of a packed chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) extent: Extent,
    /// The first and the last date that keys of its objects have; without one, any.
    pub(crate) days: (Option<Date>, Option<Date>),
}

impl Part {
    pub(crate) fn has_day(&self, day: Date) -> bool {
        let (from, to) = self.days;
        from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
    }
}

/// The part of a chain in which lines of a window lie; `None` where no pack tells. A pack with
/// lines of which nobody knows when they happened may hold some. `slack`, microseconds: how much later a
/// line may be sealed than it was written; `near`: so few seals behind the genesis all is read from there.
pub(crate) fn part(packs: &[Pack], window: Window, slack: i64, near: u64) -> Option<Part> {
    let newest = packs.last()?;
    let bounds = Bounds {
        since: window.since.map(|since| since.saturating_add(-slack)),
        until: window.until.map(|until| until.saturating_add(slack)),
    };
    let mut pieces: Vec<Piece<'_>> = holes(packs).filter(|hole| bounds.may_be_in(hole)).collect();
    let meets = |pack: &&Pack| window.meets_pack(&pack.attestation);
    pieces.extend(packs.iter().filter(meets).map(Piece::Pack));
    // What was sealed later than that may still hold lines of the window.
    let late = newest.attestation.sealed.1;
    if bounds.until.is_none_or(|until| late <= until) {
        pieces.push(Piece::Tail(newest));
    }
    if pieces.is_empty() {
        // No pack has any, and neither has what follows: the one that was sealed then shows it.
        let then = packs
            .iter()
            .find(|pack| window.until.is_none_or(|until| until <= pack.attestation.sealed.1))?;
        pieces.push(Piece::Pack(then));
    }
    let first = pieces.iter().min_by_key(|piece| piece.first())?;
    let to = pieces.iter().map(Piece::last).max()?;
    let to = (to < u64::MAX).then_some(to);
    let extent = Extent { from: first.begin(near), to };
    Some(Part { extent, days: days(packs, &pieces, extent) })
}

/// Some of a chain's seqs.
#[derive(Debug)]
enum Piece<'a> {
    /// Those of a pack.
    Pack(&'a Pack),
    /// Those that no pack has, between one, or the genesis, and the next.
    Hole(Option<&'a Pack>, &'a Pack),
    /// Those behind the newest pack.
    Tail(&'a Pack),
}

impl Piece<'_> {
    fn first(&self) -> u64 {
        match self {
            Self::Pack(pack) => pack.first,
            // The genesis has no lines, and is in no pack.
            Self::Hole(None, _) => 1,
            Self::Hole(Some(before), _) | Self::Tail(before) => before.last + 1,
        }
    }

    /// Of a hole that of the pack behind it, which shows that the chain went on.
    fn last(&self) -> u64 {
        match self {
            Self::Pack(pack) | Self::Hole(_, pack) => pack.last,
            Self::Tail(_) => u64::MAX,
        }
    }

    /// Of a hole, when its first and its last seal were made, as far as its neighbours tell.
    fn sealed(&self) -> (Option<Time>, Option<Time>) {
        let Self::Hole(before, next) = self else { return (None, None) };
        (before.map(|pack| pack.attestation.sealed.1), Some(next.attestation.sealed.0))
    }

    /// Whether the clock was set back in a hole, as far as its neighbours tell.
    fn turns_back(&self) -> bool {
        let (begun, ended) = self.sealed();
        begun.zip(ended).is_some_and(|(begun, ended)| ended < begun)
    }

    fn begin(&self, near: u64) -> Begin {
        let first = self.first();
        match self {
            _ if first <= near => Begin::Genesis,
            // Behind what is attested to be there, so that what is gone is missed.
            Self::Hole(Some(before), _) if before.attestation.last + 1 == first => {
                let Attestation { last, head, .. } = *before.attestation;
                Begin::After(SealId { seq: last, hash: head })
            }
            _ => Begin::At(first),
        }
    }

    /// The packs beside what no pack has.
    fn beside(&self) -> impl Iterator<Item = &Pack> {
        let (before, next) = match *self {
            Self::Pack(_) => (None, None),
            Self::Hole(before, next) => (before, Some(next)),
            Self::Tail(before) => (Some(before), None),
        };
        before.into_iter().chain(next)
    }
}

/// What no pack has, but for what is behind the newest.
fn holes(packs: &[Pack]) -> impl Iterator<Item = Piece<'_>> {
    let before = std::iter::once(None).chain(packs.iter().map(Some));
    let holes = before.zip(packs).map(|(before, next)| (next.first, Piece::Hole(before, next)));
    holes.filter(|(next, hole)| hole.first() < *next).map(|(_, hole)| hole)
}

/// When what holds lines of a window was sealed.
struct Bounds {
    since: Option<Time>,
    until: Option<Time>,
}

impl Bounds {
    fn may_be_in(&self, hole: &Piece<'_>) -> bool {
        let (begun, ended) = hole.sealed();
        let early = ended.zip(self.since).is_some_and(|(ended, since)| ended < since);
        let late = begun.zip(self.until).is_some_and(|(begun, until)| until < begun);
        hole.turns_back() || !early && !late
    }
}

/// Under which days the objects of a part stand: those of its packs, and of what surrounds what no pack has.
fn days(packs: &[Pack], pieces: &[Piece<'_>], extent: Extent) -> (Option<Date>, Option<Date>) {
    if pieces.iter().any(Piece::turns_back) {
        return (None, None);
    }
    // What lies behind all packs begins with the newest one's day.
    let beside = pieces.iter().flat_map(Piece::beside);
    let inside = packs.iter().filter(|pack| extent.has(pack.first));
    let dates: Vec<Date> = inside.chain(beside).map(|pack| pack.attestation.date).collect();
    let from = dates.iter().min().copied().filter(|_| extent.from.is_late());
    (from, dates.iter().max().copied().filter(|_| extent.to.is_some()))
}
