//! Asking a store, and changing nothing in it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use auditseal_store::{Error, Fact, Retention, Store, Version, canary};
use auditseal_vault::{Options, Provider, open, site};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::check::Check;
use crate::disk;
use crate::store::{self, Holds, StoreFacts};
use crate::units;

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// How much is looked at, of archives of any size.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Versions and markers of one listing, and dates of a chain.
    entries: usize,
    /// Chains, where each is asked for its newest.
    chains: usize,
}

const LIMITS: Limits = Limits { entries: 50_000, chains: 500 };

/// Checks the store at `url`. The one request that isn't a question puts the genesis of a chain
/// once more, with its own bytes and on condition that it isn't there, as the agent does at each
/// start: where the store honours the condition, nothing happens.
pub async fn examine_store(
    url: &str,
    options: &Options,
    require: Option<Retention>,
) -> (String, Vec<Check>) {
    let site = match site(url) {
        Ok(site) => site,
        Err(error) => return ("store".to_owned(), store::unreachable(&error)),
    };
    let shown = site.shown.clone();
    let opened = match open(url, options) {
        Ok(opened) => opened,
        Err(error) => return (shown, store::unreachable(&error)),
    };
    let opened = opened.as_ref();
    let now = micros((options.clock)());
    let facts = opened.facts().await;
    let holds = holds(opened, LIMITS, now).await;
    let (newest, create_only) = match &holds {
        Err(_) => (None, None),
        Ok(holds) => {
            let newest = match &holds.newest {
                Some((key, id, _)) => Some(opened.lock(key, id.as_deref()).await),
                None => None,
            };
            let create_only = match &holds.genesis {
                Some(key) => Some(canary(opened, key).await),
                None => None,
            };
            (newest, create_only)
        }
    };
    let endpoint = options.endpoint.clone();
    let (server, quirks) = (opened.endpoint(), opened.quirks());
    let borrowed = match site.provider {
        Provider::Directory => disk::borrowed(Path::new(&site.bucket)),
        _ => None,
    };
    let facts = StoreFacts {
        site,
        endpoint,
        server,
        now,
        require,
        facts,
        quirks,
        borrowed,
        holds,
        newest,
        create_only,
    };
    (shown, store::check(&facts))
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The first object of a chain, told by its constant date and number.
fn is_genesis(key: &str) -> bool {
    key.ends_with("/date=1970-01-01/000000000000.jsonl.zst")
}

async fn holds(store: &dyn Store, limits: Limits, now: i64) -> Fact<Holds> {
    let mut holds = Holds::default();
    let mut versions = store.versions("");
    let mut left = limits.entries;
    while let Some(version) = versions.next().await {
        let version = version?;
        if left == 0 {
            holds.more = true;
            break;
        }
        left -= 1;
        holds.add(version);
    }
    if holds.more {
        // Stores list by key: what was seen last is an old day of the first chain.
        holds.newest = None;
        holds.untold = !among_many(store, &mut holds, limits, now).await?;
    }
    Ok(holds)
}

/// Asks each chain for its last day. False when there are so many that the newest isn't known.
async fn among_many(
    store: &dyn Store,
    holds: &mut Holds,
    limits: Limits,
    now: i64,
) -> Result<bool, Error> {
    let Some(chains) = chains(store, limits.chains).await? else { return Ok(false) };
    // The date of a key is never later than its object; whoever may put can make one up.
    let tomorrow = units::date(now.saturating_add(DAY));
    for chain in chains {
        let days = format!("{chain}/date=");
        let Some(found) = bounded(store.folders(&days), limits.entries).await? else {
            return Ok(false);
        };
        let past = |day: &&String| day.get(days.len()..).is_some_and(|day| *day <= *tomorrow);
        let last = found.iter().filter(past).max();
        let first = found.iter().find(|day| day.ends_with("/date=1970-01-01"));
        for day in last.into_iter().chain(first.filter(|_| holds.genesis.is_none())) {
            let Some(versions) = bounded(store.versions(day), limits.entries).await? else {
                return Ok(false);
            };
            for version in versions {
                holds.note(version);
            }
        }
    }
    Ok(true)
}

/// The chains that the store holds; none when they are more than `limit`.
async fn chains(store: &dyn Store, limit: usize) -> Result<Option<Vec<String>>, Error> {
    let mut found = vec![String::new()];
    for level in ["cluster=", "/node=", "/source="] {
        let mut next = Vec::new();
        for parent in found {
            let room = limit.saturating_sub(next.len());
            let below = bounded(store.folders(&format!("{parent}{level}")), room).await?;
            let Some(below) = below else { return Ok(None) };
            next.extend(below);
        }
        found = next;
    }
    Ok(Some(found))
}

/// All of a listing; none when it has more than `limit` entries.
async fn bounded<T>(
    listing: BoxStream<'static, Result<T, Error>>,
    limit: usize,
) -> Result<Option<Vec<T>>, Error> {
    let found: Vec<T> = listing.take(limit.saturating_add(1)).try_collect().await?;
    Ok((found.len() <= limit).then_some(found))
}

impl Holds {
    /// Counts what is listed.
    fn add(&mut self, version: Version) {
        if version.marker {
            // A canary of worm-test's is attacked, and says nothing of the archive.
            self.markers += u64::from(version.key.starts_with("cluster="));
            return;
        }
        self.versions += 1;
        self.note(version);
    }

    /// Remembers the first object of a chain, the newest and the largest.
    fn note(&mut self, version: Version) {
        if version.marker {
            return;
        }
        self.largest = self.largest.max(version.size);
        if version.latest && is_genesis(&version.key) && self.genesis.is_none() {
            self.genesis = Some(version.key.clone());
        }
        let newer = self.newest.as_ref().is_none_or(|(_, _, date)| version.modified > *date);
        if newer && version.key.starts_with("cluster=") {
            self.newest = Some((version.key, version.id, version.modified));
        }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_doubles::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn the_newest_of_the_archive_is_found() {
        let store = MemoryStore::versioned();
        let chain = "cluster=c/node=n/source=s";
        let genesis = format!("{chain}/date=1970-01-01/000000000000.jsonl.zst");
        let second = format!("{chain}/date=2026-11-21/000000000001.jsonl.zst");
        for (time, key) in [(1, genesis.as_str()), (3, &second), (2, &format!("{chain}/other"))] {
            store.set_time(time);
            store.insert(key, "x");
        }
        store.set_time(9);
        store.insert("auditseal-worm-test/0/canary", "x");
        store.hide(&second);
        store.hide("worm-test/auditseal-worm-test/0/canary");
        let holds = holds(&store, LIMITS, 9).await.unwrap();
        assert_eq!((holds.versions, holds.markers, holds.more), (4, 1, false));
        assert_eq!(holds.largest, 1);
        assert_eq!(holds.genesis.unwrap(), genesis);
        assert_eq!(holds.newest.unwrap().0, second, "hidden or not");
    }

    const NOW: i64 = 20_780 * DAY;
    const FEW: Limits = Limits { entries: 4, chains: 2 };

    fn key(node: &str, day: &str, seq: u64) -> String {
        format!("cluster=c/node={node}/source=s/date={day}/{seq:012}.jsonl.zst")
    }

    /// Two chains of three days; the second goes on longer.
    fn two_chains() -> MemoryStore {
        let store = MemoryStore::versioned();
        for (node, start) in [("a", 10), ("b", 20)] {
            for (seq, day) in ["1970-01-01", "2026-11-20", "2026-11-21"].into_iter().enumerate() {
                store.set_time(start + i64::try_from(seq).unwrap());
                store.insert(&key(node, day, seq as u64), "x");
            }
        }
        store
    }

    #[tokio::test]
    async fn the_newest_of_many_is_looked_for_where_it_is() {
        let store = two_chains();
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert_eq!((found.versions, found.more, found.untold), (4, true, false));
        assert_eq!(found.newest.unwrap().0, key("b", "2026-11-21", 2));
        // What somebody dated into the future isn't the newest day, and hides nothing.
        store.set_time(5);
        store.insert(&key("b", "9999-12-31", 3), "x");
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert_eq!(found.newest.unwrap().0, key("b", "2026-11-21", 2));
    }

    #[tokio::test]
    async fn what_sorts_before_the_archive_hides_neither_newest_nor_genesis() {
        let store = two_chains();
        for number in 0..9 {
            store.insert(&format!("auditseal-worm-test/{number}/canary"), "x");
        }
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert_eq!(found.genesis.unwrap(), key("a", "1970-01-01", 0));
        assert_eq!(found.newest.unwrap().0, key("b", "2026-11-21", 2));
    }

    #[tokio::test]
    async fn markers_are_not_looked_at_without_end() {
        let store = MemoryStore::versioned();
        for number in 0..9 {
            store.hide(&format!("cluster=c/{number}"));
        }
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert_eq!((found.versions, found.markers, found.more), (0, 4, true));
        assert_eq!((found.newest, found.untold), (None, false), "there is no chain");
    }

    #[tokio::test]
    async fn among_too_many_the_newest_is_not_told() {
        let store = two_chains();
        store.insert(&key("c", "2026-11-21", 0), "x");
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert_eq!((found.newest, found.untold), (None, true), "three chains are one too many");
        let store = two_chains();
        for _ in 0..5 {
            store.shadow(&key("b", "2026-11-21", 2), "y");
        }
        let found = holds(&store, FEW, NOW).await.unwrap();
        assert!(found.untold, "so are five versions in a day");
    }
}
