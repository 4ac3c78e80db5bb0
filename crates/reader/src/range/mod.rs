//! The part of a chain in which lines of some time lie, found without reading the rest.
//!
//! ```text
//! packs, by their attested times ─────────────────────────────────────────────┐
//! what no pack has ─▶ few seals: all their notes ──────────────────────────────┼─▶ part, and what is unseen
//!                 └─▶ many: search by `sealed` ─▶ edges by `first` and `last` ──┘
//! ```
//!
//! What is passed over as proved to hold no line of that time is so by an attestation, or by its own note. When
//! seals were made, and which days their keys name, is no proof of when their lines happened: it says in which order
//! to look, and where there are too many seals to look at all, what wasn't looked at is told ([`Unseen`]).

mod free;
mod part;
mod search;
mod shelf;
mod tied;

use auditseal_chain::{Begin, Extent, Trust};
use auditseal_format::{Date, Origin, SealId, Time};
use auditseal_store::Error;

use crate::listing::{Entry, Listing};
use crate::packs::{Pack, PackRoot, Packs};
use crate::source::Source;
use crate::times::Window;
use free::{Free, Hull};
pub use part::{Range, Unseen};
use search::{NEAR, SealSearch, after, before, behind};
use shelf::Shelf;
pub(crate) use shelf::days;

/// So many seals that no pack has are looked at all, whatever time is asked for.
const ALL: usize = 512;

/// Lines of which time are looked for, and what is known of their chain.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// Whose seals count. What no trusted key signed counts for nothing: anybody may have put it there.
    pub trust: &'a Trust,
    /// When the lines happened.
    pub window: Window,
    /// Places whose seals are known out of band: a part near one is tied to it.
    pub known: &'a [u64],
    /// The seal with which the chain begins, in place of its genesis: nothing before it is looked for.
    pub begin: Option<SealId>,
    /// Look at each seal that no pack has, however many there are: then [`Range::unseen`] names nothing but what is
    /// missing.
    pub every_seal: bool,
}

impl Range {
    /// The part of a chain in which the lines of a window lie: of packs by what is attested of their times, of what no
    /// pack has by its notes. Of a chain that isn't there it is all of nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        source: &Source,
        origin: &Origin,
        sought: Sought<'_>,
        root: Option<&PackRoot>,
    ) -> Result<Self, Error> {
        let packs = Packs::of(root, origin, Extent::default()).await?;
        let begins = sought.begin.map_or(0, |begin| begin.seq);
        let range = if packs.is_empty() {
            match loose(source, origin, &sought).await? {
                Ok(found) => Self { packs: packs.within(found.extent), ..found },
                // Few enough to be looked at all.
                Err(shelf) => {
                    beside(shelf, vec![Free::from(begins.max(1))], &sought, packs).await?
                }
            }
        } else {
            let frees = Free::between(packs.taken(), begins);
            let mut shelf = Shelf::of(source, origin).await?;
            shelf.list(|day| frees.iter().any(|free| free.may_stand_under(day))).await?;
            beside(shelf, frees, &sought, packs).await?
        };
        range.behind_its_begin(sought.begin).tied(source, origin, &sought, root).await
    }

    /// What stands from the seal on with which the chain begins: nothing before that is fetched.
    fn behind_its_begin(mut self, begin: Option<SealId>) -> Self {
        if let Some(begin) = begin.filter(|begin| self.extent.from.seq() <= begin.seq) {
            self.extent.from = Begin::Known(begin);
            self.entries.retain(|entry| begin.seq <= entry.place.seq);
            self.packs = self.packs.starting(begin.seq);
        }
        self
    }
}

/// The part of a chain that has no packs; or what was listed of it, if that is all, and few enough to be looked at.
async fn loose<'a>(
    source: &'a Source,
    origin: &'a Origin,
    sought: &Sought<'_>,
) -> Result<Result<Range, Shelf<'a>>, Error> {
    let Sought { trust, window, known, begin, every_seal } = *sought;
    if every_seal {
        let mut shelf = Shelf::of(source, origin).await?;
        shelf.list(|_| true).await?;
        return Ok(Err(shelf));
    }
    let days = days(source, origin).await?;
    let (since, until) = (window.since, window.until);
    let first = since.map_or(0, |since| behind(&days, before(since)).saturating_sub(1));
    let last = until.map_or(days.len(), |until| behind(&days, after(until)));
    let last = last.clamp((first + 1).min(days.len()), days.len());
    let mut search = SealSearch::among(source, origin, trust, window, Vec::new());
    (search.days, search.listed) = (days, first..first);
    search.list(first..last).await?;
    let mut some = 1;
    while search.seqs.len() <= ALL && search.listed.len() < search.days.len() {
        search.list_around(some).await?;
        some *= 2;
    }
    if search.seqs.len() <= ALL {
        return Ok(Err(Shelf::full(source, origin, search.into_entries())));
    }
    let (low, high) = search.ordered().await?;
    if search.is_by_others() {
        return Ok(Ok(search.whole().await?));
    }
    let (low, high) = search.with_strange(low, high);
    let mut hull = Hull(Some((low, high)));
    let first = search.seqs[0].max(1).max(begin.map_or(0, |begin| begin.seq));
    let mut missing = Unseen::default();
    search.gaps(&Free::from(first), window, &mut hull, &mut missing).await?;
    let (low, high) = hull.0.unwrap_or((low, high));
    let found = search.tie(low, high, known).await?;
    Ok(Ok(Range { unseen: found.unseen.clone().lacking(missing), ..found }))
}

/// The part of a chain whose packs these are, with what is listed of the runs that no pack has.
async fn beside<'a>(
    mut shelf: Shelf<'a>,
    frees: Vec<Free>,
    sought: &Sought<'a>,
    packs: Packs,
) -> Result<Range, Error> {
    let Sought { trust, window, .. } = *sought;
    let (mut hull, mut unseen) = (Hull::default(), Unseen::default());
    let mut left = if sought.every_seal { usize::MAX } else { ALL };
    let mut tail = None;
    for free in &frees {
        let (mut search, all) = shelf.search(free, (trust, window), left).await?;
        left -= if all { search.seqs.len() } else { 0 };
        let found = search.look_through(free, all, window, &mut unseen).await?;
        found.0.iter().for_each(|(first, last)| hull.take(*first, *last));
        tail = free.last.is_none().then_some((free, search));
    }
    let meets = |pack: &&Pack| window.meets_pack(&pack.attestation);
    packs.taken().iter().filter(meets).for_each(|pack| hull.take(pack.first, pack.last));
    let Some((free, search)) = tail else { return Ok(Range { packs, ..Range::default() }) };
    let newest = packs.taken().last();
    let top = search.top();
    let sealed = top.map(|(_, sealed)| sealed);
    let sealed = sealed.or(newest.map(|pack| pack.attestation.sealed.1));
    // Whether more should follow, the chain's end says.
    let ends = window.until.is_none_or(|until| sealed.is_none_or(|sealed| sealed <= after(until)));
    if ends {
        let end = top.map(|(top, _)| (top, top)).or(newest.map(|pack| (pack.first, pack.last)));
        let (first, last) = end.unwrap_or((free.first, free.first));
        hull.take(first, last);
    }
    let then = || shown_then(window.until?, packs.taken(), &search);
    let Some((first, last)) = hull.0.or_else(then) else {
        return Ok(Range { packs, unseen, ..Range::default() });
    };
    let near = Ends { frees: &frees, tail: &search, known: sought.known };
    let to = near.to(last).filter(|_| !ends);
    let extent = Extent { from: near.from(first), to };
    let packs = packs.within(extent);
    // Beside what is packed there may be objects, too.
    let dates = || packs.taken().iter().map(|pack| pack.attestation.date);
    let (from, to) = (dates().min(), dates().max());
    let (from, to) = (from.filter(|_| extent.from.is_late()), to.filter(|_| extent.to.is_some()));
    if !packs.is_empty() {
        let inside = |day| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to);
        shelf.list(inside).await?;
    }
    let here = |entry: &Entry| extent.has(entry.place.seq);
    if packs.is_empty() && !shelf.entries.iter().any(here) {
        // Before it is said that nothing is there, all is looked for.
        shelf.list(|_| true).await?;
    }
    let mut entries = shelf.entries;
    entries.retain(here);
    Ok(Range { extent, entries, packs, before: None, unseen })
}

/// What shows that a time without lines has passed: the pack or the seal that was made then.
fn shown_then(until: Time, packs: &[Pack], tail: &SealSearch<'_>) -> Option<(u64, u64)> {
    let pack = packs.iter().find(|pack| until <= pack.attestation.sealed.1);
    let seal =
        || tail.seqs.iter().copied().find(|seq| tail.sealed(*seq).is_some_and(|at| until <= at));
    pack.map(|pack| (pack.first, pack.last)).or_else(|| seal().map(|seq| (seq, seq)))
}

/// Where a part begins and ends, which has to have some seqs.
struct Ends<'a> {
    frees: &'a [Free],
    /// What stands behind all packs.
    tail: &'a SealSearch<'a>,
    known: &'a [u64],
}

impl Ends<'_> {
    fn from(&self, first: u64) -> Begin {
        if first <= NEAR {
            return Begin::Genesis;
        }
        let Some(free) = self.frees.iter().find(|free| free.has(first)) else {
            return Begin::At(first);
        };
        if first - free.first <= NEAR {
            // Behind what is attested to be there, so that what is gone is missed.
            let behind = free.behind.filter(|behind| behind.seq + 1 == free.first);
            return behind.map_or(Begin::At(free.first), Begin::After);
        }
        let near = |seq: &u64| *seq < first && first - seq <= NEAR && free.has(*seq);
        let known = self.known.iter().copied().filter(near).max();
        Begin::At(known.unwrap_or(first - 1))
    }

    /// The last seq; without one all up to the chain's end.
    fn to(&self, last: u64) -> Option<u64> {
        let Some(free) = self.frees.iter().find(|free| free.has(last)) else { return Some(last) };
        if let Some(end) = free.last {
            // What follows shows that the chain went on.
            return Some(if last == end { free.shown.unwrap_or(last) } else { last });
        }
        let seqs = &self.tail.seqs;
        let behind = &seqs[seqs.partition_point(|seq| *seq <= last)..];
        if behind.len() as u64 <= NEAR {
            return None;
        }
        let near = |seq: &u64| last < *seq && seq - last <= NEAR;
        let known = self.known.iter().copied().filter(near).min();
        known.or_else(|| behind.first().copied()).or(Some(last))
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
