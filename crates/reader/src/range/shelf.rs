//! What is listed of a chain's loose objects, day by day.

use std::collections::BTreeSet;

use auditseal_chain::Trust;
use auditseal_format::{Date, ObjectKey, Origin};
use auditseal_store::Error;

use super::free::Free;
use super::search::SealSearch;
use crate::listing::{Entry, Listing};
use crate::source::Source;
use crate::times::Window;

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

/// What was listed of a chain.
pub(super) struct Shelf<'a> {
    source: &'a Source,
    origin: &'a Origin,
    days: Vec<Date>,
    listed: BTreeSet<Date>,
    /// In the order of the chain.
    pub(super) entries: Vec<Entry>,
}

impl<'a> Shelf<'a> {
    pub(super) async fn of(source: &'a Source, origin: &'a Origin) -> Result<Self, Error> {
        let days = days(source, origin).await?;
        Ok(Self { source, origin, days, listed: BTreeSet::new(), entries: Vec::new() })
    }

    /// All that is listed of a chain.
    pub(super) fn full(source: &'a Source, origin: &'a Origin, entries: Vec<Entry>) -> Self {
        Self { source, origin, days: Vec::new(), listed: BTreeSet::new(), entries }
    }

    /// Lists the days of these that keys name; whether one of them wasn't listed before.
    pub(super) async fn list(&mut self, wanted: impl Fn(Date) -> bool) -> Result<bool, Error> {
        let fresh = |day: &Date| wanted(*day) && !self.listed.contains(day);
        let days: Vec<Date> = self.days.iter().copied().filter(fresh).collect();
        if days.is_empty() {
            return Ok(false);
        }
        self.entries.extend(Listing::of_days(self.source, self.origin, &days).await?);
        self.entries.sort_by_key(Entry::age);
        self.listed.extend(days);
        Ok(true)
    }

    /// A search among what is listed of a run that no pack has, and whether all seals of it were looked at: where there
    /// are at most so many. A key's date says when the seal before was made, so where one is missing that seal tells
    /// under which day it would stand.
    pub(super) async fn search(
        &mut self,
        free: &Free,
        (trust, window): (&'a Trust, Window),
        most: usize,
    ) -> Result<(SealSearch<'a>, bool), Error> {
        let mut before: Option<SealSearch<'a>> = None;
        loop {
            let entries = self.entries.iter().filter(|entry| free.has(entry.place.seq)).cloned();
            let (source, origin) = (self.source, self.origin);
            let mut search = SealSearch::among(source, origin, trust, window, entries.collect());
            if let Some(before) = before.take() {
                // A seal may have been listed now where no more than garbage was before.
                search.stamps = before.stamps;
                search.stamps.retain(|_, stamp| stamp.is_some());
                search.strange = before.strange;
            }
            let all = search.seqs.len() <= most;
            if all {
                search.look(search.seqs.clone()).await?;
            }
            let ends = search.ends(free);
            search.look(ends.clone()).await?;
            let sealed = |seq: &u64| search.sealed(*seq).map(|sealed| sealed.date());
            let days: BTreeSet<Date> = ends.iter().filter_map(sealed).collect();
            if !self.list(|day| days.contains(&day)).await? {
                return Ok((search, all));
            }
            before = Some(search);
        }
    }
}
