//! Seals read ahead: the more of them were needed, the more.

use auditseal_format::Origin;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};

use crate::fetch::{Depth, Examined, examine};
use crate::listing::Entry;
use crate::source::Source;
use auditseal_chain::Outcome;

/// Seals fetched at a time at most, 64 KiB each.
const AHEAD: usize = 32;

/// Fetches objects in their order, some of them ahead of what is asked for.
#[derive(Default)]
pub(super) struct Ahead {
    entries: Vec<Entry>,
    /// How many were given out, and how many are fetched or being fetched.
    given: usize,
    begun: usize,
    /// How many of those that were given out had to be fetched.
    needed: usize,
    fetching: FuturesOrdered<BoxFuture<'static, Option<Examined>>>,
}

impl std::fmt::Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead").field("given", &self.given).finish_non_exhaustive()
    }
}

impl Ahead {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    /// The next object with what was found there; with nothing where it is `known`, and so isn't
    /// fetched.
    pub(super) async fn next(
        &mut self,
        source: &Source,
        origin: &Origin,
        known: impl Fn(&Entry) -> bool,
    ) -> Option<(Entry, Option<Examined>)> {
        // As many as were needed so far: the head is mostly the first one.
        let wanted = AHEAD.min(self.needed + 2);
        while self.fetching.len() < wanted
            && let Some(entry) = self.entries.get(self.begun).cloned()
        {
            self.begun += 1;
            let fetch = if known(&entry) {
                std::future::ready(None).boxed()
            } else {
                let (source, origin) = (source.clone(), origin.clone());
                async move { Some(fetch(&source, &origin, entry).await) }.boxed()
            };
            self.fetching.push_back(fetch);
        }
        let examined = self.fetching.next().await?;
        let entry = self.entries.get(self.given)?.clone();
        self.given += 1;
        self.needed += usize::from(examined.is_some());
        Some((entry, examined))
    }

    /// The store gave no answer about what was given out last: it is fetched again. What was fetched
    /// behind it stays, or a store that fails now and then would cost each object many times.
    pub(super) fn fetch_again(&mut self, source: &Source, origin: &Origin) {
        let Some(entry) = self.given.checked_sub(1).and_then(|last| self.entries.get(last)) else {
            return;
        };
        let (source, origin, entry) = (source.clone(), origin.clone(), entry.clone());
        let fetch = async move { Some(fetch(&source, &origin, entry).await) }.boxed();
        self.given -= 1;
        self.fetching.push_front(fetch);
    }

    /// It wasn't the turn of what was given out last: it is the next one.
    pub(super) fn take_back(&mut self, examined: Examined) {
        self.given = self.given.saturating_sub(1);
        self.fetching.push_front(std::future::ready(Some(examined)).boxed());
    }

    /// How many were given out.
    pub(super) fn given(&self) -> usize {
        self.given
    }
}

/// Fetches an object's seal. What is none is asked for once more: whoever passes the head of a chain
/// over, because something between here and the store answered once, makes a second history.
async fn fetch(source: &Source, origin: &Origin, entry: Entry) -> Examined {
    let once = examine(source, origin, entry.clone(), Depth::Seal).await;
    match (&once.sighting.outcome, &once.error) {
        (Outcome::Fault(_), None) => examine(source, origin, entry, Depth::Seal).await,
        _ => once,
    }
}
