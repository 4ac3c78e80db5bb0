//! What a store lists, sorted into chains.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_format::{Date, ObjectKey, Origin};
use auditseal_store::{Error, Version};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::source::Source;
use auditseal_chain::{Finding, Place, Verdict};

/// Names kept of objects that no chain has.
const NAMES_KEPT: usize = 100;
/// Days of a chain that are listed at a time.
const DAYS_AT_A_TIME: usize = 16;

/// A version of an object of a chain as listed. Small: a listing is held as a whole, because
/// stores list in any order, and a chain may have millions of objects.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// Its size in bytes, as listed.
    pub size: u64,
    /// The store's own date of it, microseconds since the Unix epoch.
    pub modified: i64,
    /// What it is read by: between the listing and the reading another version may come.
    pub version: Option<Arc<str>>,
    /// Whoever names no version gets no object at this key.
    pub hidden: bool,
    /// The key has further versions.
    pub several: bool,
    /// Whoever names no version gets this one.
    pub latest: bool,
    /// It is a delete marker.
    pub marker: bool,
    /// How many entries of the listing came before it.
    pub nth: u32,
}

impl Entry {
    /// What a listing says of the version of an object, the `nth` that it names.
    pub fn of(place: Place, version: Version, nth: u32) -> Self {
        Self {
            place,
            size: version.size,
            modified: version.modified,
            version: version.id.map(Arc::from),
            hidden: false,
            several: false,
            latest: version.latest,
            marker: version.marker,
            nth,
        }
    }

    /// By this order the versions of a place stand from the oldest to the newest. S3 lists the newest
    /// first, and its dates may be whole seconds: of equal dates the one listed last is the oldest.
    pub fn age(&self) -> (Place, bool, i64, Reverse<u32>) {
        (self.place, self.latest, self.modified, Reverse(self.nth))
    }

    /// Whether it can't be asked for: it was deleted, and has no id to read it by.
    pub fn out_of_reach(&self) -> bool {
        self.version.is_none() && !self.latest
    }
}

/// A listing, sorted.
#[derive(Debug, Default)]
pub struct Listing {
    /// The versions of the objects of each chain in the order of their places, and the oldest
    /// version of each place first.
    pub chains: BTreeMap<Origin, Vec<Entry>>,
    /// The first names that no chain has.
    names: Vec<(String, &'static str)>,
    /// How many there are.
    pub strangers: u64,
    /// Entries seen.
    seen: u32,
}

impl Listing {
    /// Lists the chains of `origins`, or all there are.
    pub async fn read(source: &Source, origins: &[Origin]) -> Result<Self, Error> {
        let mut listing = Self::default();
        if origins.is_empty() {
            let all = |listing: &mut Self, version| listing.add(version, None);
            listing = source.versions("", Self::default, all).await?;
        }
        for origin in origins {
            let one = |listing: &mut Self, version| listing.add(version, Some(origin));
            listing.merge(source.versions(&ObjectKey::prefix(origin), Self::default, one).await?);
        }
        listing.sort();
        Ok(listing)
    }

    /// Lists what stands under these days of a chain, in the order of its places.
    pub(crate) async fn of_days(
        source: &Source,
        origin: &Origin,
        days: &[Date],
    ) -> Result<Vec<Entry>, Error> {
        let one = |listing: &mut Self, version| listing.add(version, Some(origin));
        let days = days.iter().map(|day| format!("{}/date={day}", ObjectKey::prefix(origin)));
        let lists = futures::stream::iter(days)
            .map(|day| async move { source.versions(&day, Self::default, one).await })
            .buffered(DAYS_AT_A_TIME);
        let mut listing = lists
            .try_fold(Self::default(), |mut all, one| async move {
                all.merge(one);
                Ok(all)
            })
            .await?;
        listing.sort();
        Ok(listing.chains.remove(origin).unwrap_or_default())
    }

    /// Lists what there is at the key of one object, the oldest version first.
    pub async fn of(source: &Source, key: &ObjectKey) -> Result<Vec<Entry>, Error> {
        let (name, place) = (key.to_string(), Place::from(key));
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let one = |listing: &mut Self, version: Version| {
            if version.key == name {
                listing.add(version, Some(&key.origin));
            }
        };
        let mut listing = source.versions(folder, Self::default, one).await?;
        listing.sort();
        let entries = listing.chains.remove(&key.origin).unwrap_or_default();
        debug_assert!(entries.iter().all(|entry| entry.place == place));
        Ok(entries)
    }

    fn add(&mut self, version: Version, asked: Option<&Origin>) {
        self.seen = self.seen.saturating_add(1);
        match ObjectKey::parse(&version.key) {
            // A store that lists beside the prefix asked for is wrong; what it says isn't needed.
            Some(key) if asked.is_some_and(|origin| *origin != key.origin) => {}
            Some(key) => {
                let entry = Entry::of(Place::from(&key), version, self.seen);
                // Looked up before it is cloned: there are many objects and few chains.
                match self.chains.get_mut(&key.origin) {
                    Some(entries) => entries.push(entry),
                    None => drop(self.chains.insert(key.origin, vec![entry])),
                }
            }
            // What can't be read any more, and isn't ours, is nobody's concern.
            None if version.marker || !version.latest => {}
            None => self.stranger(version.key, "not the name of an object of ours"),
        }
    }

    fn stranger(&mut self, name: String, why: &'static str) {
        self.strangers += 1;
        if self.names.len() < NAMES_KEPT {
            self.names.push((name, why));
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

    /// Puts the versions of each key together, and markers into what they say of the others.
    fn sort(&mut self) {
        let mut bare = Vec::new();
        for (origin, entries) in &mut self.chains {
            entries.sort_unstable_by(|a, b| (a.place, &a.version).cmp(&(b.place, &b.version)));
            entries.dedup_by(|a, b| (a.place, &a.version) == (b.place, &b.version));
            entries.sort_unstable_by_key(Entry::age);
            for versions in entries.chunk_by_mut(|a, b| a.place == b.place) {
                let hidden = !versions.iter().any(|entry| entry.latest && !entry.marker);
                let count = versions.iter().filter(|entry| !entry.marker).count();
                if count == 0 {
                    bare.extend(versions.first().map(|entry| entry.place.key(origin).to_string()));
                }
                for entry in versions {
                    (entry.hidden, entry.several) = (hidden, count > 1);
                }
            }
            entries.retain(|entry| !entry.marker);
            entries.shrink_to_fit();
        }
        self.chains.retain(|_, entries| !entries.is_empty());
        for key in bare {
            // Deleting what never was leaves one as well, so it says nothing about the chain.
            self.stranger(key, "a delete marker, and no version of an object under it");
        }
    }

    /// The objects that no chain has, the first of them by name.
    pub fn unexpected(&self) -> Vec<Finding> {
        let name = |(name, why): &(String, &'static str)| {
            Finding::new(Verdict::UnexpectedObject, None, why).key(name)
        };
        self.names.iter().map(name).collect()
    }
}
