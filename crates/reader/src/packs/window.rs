//! The part of a packed chain in which lines of some time lie, by what is attested of its packs.
//!
//! A pack whose attested times lie beside the window has none of them. Seqs that no pack has may have
//! some, unless what is attested of the packs before and behind them tells that they were sealed before
//! the window begins or after it ended. Where the seals behind a hole are older than those before it, the
//! clock was set back in it, and nothing tells when its lines happened.

use auditseal_chain::{Begin, Extent};
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
    let pack = |pack| Piece { before: None, pack: Some(pack), hole: false };
    let meets = |pack: &&Pack| window.meets_pack(&pack.attestation);
    pieces.extend(packs.iter().filter(meets).map(pack));
    // What was sealed later than that may still hold lines of the window.
    let late = newest.attestation.sealed.1;
    if bounds.until.is_none_or(|until| late <= until) {
        pieces.push(Piece { before: Some(newest), pack: None, hole: false });
    }
    if pieces.is_empty() {
        // No pack has any, and neither has what follows: the one that was sealed then shows it.
        let then = packs
            .iter()
            .find(|pack| window.until.is_none_or(|until| until <= pack.attestation.sealed.1))?;
        pieces.push(pack(then));
    }
    let first = pieces.iter().min_by_key(|piece| piece.first())?;
    let to = pieces.iter().map(Piece::last).max()?;
    let to = (to < u64::MAX).then_some(to);
    let extent = Extent { from: first.begin(near), to };
    Some(Part { extent, days: days(packs, &pieces, extent) })
}

/// Some of a chain's seqs.
#[derive(Debug)]
struct Piece<'a> {
    /// The pack before it, of what is no pack.
    before: Option<&'a Pack>,
    /// The pack that it is, or, of a hole, the one behind it.
    pack: Option<&'a Pack>,
    /// No pack has it, and another follows.
    hole: bool,
}

impl Piece<'_> {
    fn first(&self) -> u64 {
        match self.pack.filter(|_| !self.hole) {
            Some(pack) => pack.first,
            // The genesis has no lines, and is in no pack.
            None => self.before.map_or(1, |before| before.last + 1),
        }
    }

    /// Of a hole that of the pack behind it, which shows that the chain went on.
    fn last(&self) -> u64 {
        self.pack.map_or(u64::MAX, |pack| pack.last)
    }

    /// Whether the clock was set back in it, as far as its neighbours tell.
    fn turns_back(&self) -> bool {
        let (begun, ended) = self.sealed();
        self.hole && begun.zip(ended).is_some_and(|(begun, ended)| ended < begun)
    }

    /// Of a hole, when its first and its last seal were made, as far as its neighbours tell.
    fn sealed(&self) -> (Option<Time>, Option<Time>) {
        let before = self.before.map(|pack| pack.attestation.sealed.1);
        (before, self.pack.map(|pack| pack.attestation.sealed.0))
    }

    fn begin(&self, near: u64) -> Begin {
        let first = self.first();
        match self.before.filter(|_| self.hole).map(|pack| &pack.attestation) {
            _ if first <= near => Begin::Genesis,
            // Behind what is attested to be there, so that what is gone is missed.
            Some(before) if before.last + 1 == first => {
                Begin::After(SealId { seq: before.last, hash: before.head })
            }
            _ => Begin::At(first),
        }
    }
}

/// What no pack has, but for what is behind the newest.
fn holes(packs: &[Pack]) -> impl Iterator<Item = Piece<'_>> {
    let before = std::iter::once(None).chain(packs.iter().map(Some));
    let holes =
        before.zip(packs).map(|(before, next)| Piece { before, pack: Some(next), hole: true });
    holes.filter(|hole| hole.pack.is_some_and(|next| hole.first() < next.first))
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
    let unpacked = pieces.iter().filter(|piece| piece.hole || piece.pack.is_none());
    let beside = unpacked.flat_map(|piece| piece.before.into_iter().chain(piece.pack));
    let inside = packs.iter().filter(|pack| extent.has(pack.first));
    let dates = || inside.clone().chain(beside.clone()).map(|pack| pack.attestation.date);
    let from = dates().min().filter(|_| extent.from.is_late());
    (from, dates().max().filter(|_| extent.to.is_some()))
}
