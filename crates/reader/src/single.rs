//! One seal of a chain, found by its seq without listing the chain.

use auditseal_chain::{Begin, Extent};
use auditseal_format::{Date, Origin};
use auditseal_store::Error;

use crate::listing::{Entry, Listing};
use crate::packs::{PackRoot, Packs};
use crate::range::{Range, days};
use crate::source::Source;

/// Where the seal of a seq is looked for. Each further way costs more, and finds what those before it
/// were misled about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// In the packs.
    Packs,
    /// Under the day at which, by the seqs of some other days, it should stand.
    Day,
    /// Under all days.
    AllDays,
}

impl Search {
    /// In this order.
    pub const ALL: [Self; 3] = [Self::Packs, Self::Day, Self::AllDays];
}

impl Range {
    /// What there is at one seq of a chain, as far as it is found so; nothing otherwise.
    ///
    /// # Errors
    /// The store's.
    pub async fn of_seal(
        source: &Source,
        origin: &Origin,
        root: Option<&PackRoot>,
        seq: u64,
        search: Search,
    ) -> Result<Self, Error> {
        let from = if seq == 0 { Begin::Genesis } else { Begin::At(seq) };
        let extent = Extent { from, to: Some(seq) };
        let (packs, entries) = match (search, root) {
            (Search::Packs, Some(root)) => (Packs::read(root, origin, extent).await?, Vec::new()),
            (Search::Packs, None) => (Packs::none(), Vec::new()),
            (Search::Day, _) => (Packs::none(), by_day(source, origin, seq).await?),
            (Search::AllDays, _) => {
                let days = days(source, origin).await?;
                (Packs::none(), Listing::of_days(source, origin, &days).await?)
            }
        };
        let entries = entries.into_iter().filter(|entry| entry.place.seq == seq).collect();
        Ok(Self { extent, entries, packs, ..Self::default() })
    }
}

/// Halves the days until one is found under which the seq is listed. Seqs ascend with the days, and a
/// day's middle one isn't moved far by what somebody else put there.
async fn by_day(source: &Source, origin: &Origin, seq: u64) -> Result<Vec<Entry>, Error> {
    let days: Vec<Date> = days(source, origin).await?;
    let (mut low, mut high) = (0, days.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let listed = Listing::of_days(source, origin, &days[middle..=middle]).await?;
        if listed.iter().any(|entry| entry.place.seq == seq) {
            return Ok(listed);
        }
        let median = listed.get(listed.len() / 2).map(|entry| entry.place.seq);
        if median.is_some_and(|median| seq < median) { high = middle } else { low = middle + 1 }
    }
    Ok(Vec::new())
}
