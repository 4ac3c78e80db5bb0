//! What a store lists, sorted into chains.

use std::collections::BTreeMap;

use auditseal_format::{ObjectKey, Origin};
use auditseal_vault::{Error, ObjectInfo};

use crate::chain::Place;
use crate::finding::{Finding, Verdict};
use crate::source::Source;

/// Names kept of objects that no chain has.
const NAMES_KEPT: usize = 100;

/// An object of a chain as listed. Small: a listing is held as a whole, because stores list in any
/// order, and a chain may have millions of objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) size: u64,
    pub(crate) modified: i64,
}

/// A listing, sorted.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The objects of each chain in the order of their places, each place once.
    pub(crate) chains: BTreeMap<Origin, Vec<Entry>>,
    /// The first names that no chain has.
    names: Vec<String>,
    /// How many there are.
    pub(crate) strangers: u64,
}

impl Listing {
    /// Lists the chains of `origins`, or all there are.
    pub(crate) async fn read(source: &Source, origins: &[Origin]) -> Result<Self, Error> {
        let mut listing = Self::default();
        if origins.is_empty() {
            listing =
                source.list("", Self::default, |listing, info| listing.add(info, None)).await?;
        }
        for origin in origins {
            let prefix = ObjectKey::prefix(origin);
            let one = |listing: &mut Self, info| listing.add(info, Some(origin));
            listing.merge(source.list(&prefix, Self::default, one).await?);
        }
        for entries in listing.chains.values_mut() {
            entries.sort_unstable_by_key(|entry| entry.place);
            entries.dedup_by_key(|entry| entry.place);
            entries.shrink_to_fit();
        }
        Ok(listing)
    }

    fn add(&mut self, info: ObjectInfo, asked: Option<&Origin>) {
        match ObjectKey::parse(&info.key) {
            // A store that lists beside the prefix asked for is wrong; what it says isn't needed.
            Some(key) if asked.is_some_and(|origin| *origin != key.origin) => {}
            Some(key) => {
                let entry =
                    Entry { place: Place::from(&key), size: info.size, modified: info.modified };
                // Looked up before it is cloned: there are many objects and few chains.
                match self.chains.get_mut(&key.origin) {
                    Some(entries) => entries.push(entry),
                    None => drop(self.chains.insert(key.origin, vec![entry])),
                }
            }
            None => {
                self.strangers += 1;
                if self.names.len() < NAMES_KEPT {
                    self.names.push(info.key);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (origin, entries) in other.chains {
            self.chains.entry(origin).or_default().extend(entries);
        }
        self.strangers += other.strangers;
        let room = NAMES_KEPT.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(room));
    }

    /// The objects that no chain has, the first of them by name.
    pub(crate) fn unexpected(&self) -> Vec<Finding> {
        let detail = "not the name of an object of ours";
        let name = |name: &String| Finding::new(Verdict::UnexpectedObject, None, detail).key(name);
        self.names.iter().map(name).collect()
    }
}
