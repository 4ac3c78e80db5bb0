//! Asking a store, and changing nothing in it.

use std::time::{SystemTime, UNIX_EPOCH};

use auditseal_vault::{Fact, Options, Retention, Store, canary, open, site};
use futures::StreamExt;

use crate::check::Check;
use crate::store::{self, Holds, StoreFacts};

/// So many versions are looked at, of archives of any size.
const VERSIONS: u64 = 50_000;

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
    let facts = opened.facts().await;
    let now = micros((options.clock)());
    let holds = holds(opened).await;
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
    let facts = StoreFacts { site, endpoint, now, require, facts, holds, newest, create_only };
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

async fn holds(store: &dyn Store) -> Fact<Holds> {
    let mut holds = Holds::default();
    let mut versions = store.versions("");
    while let Some(version) = versions.next().await {
        let version = version?;
        if holds.versions >= VERSIONS {
            holds.more = true;
            break;
        }
        // A canary of worm-test's is attacked, and says nothing of the archive.
        let ours = version.key.starts_with("cluster=");
        if version.marker {
            holds.markers += u64::from(ours);
            continue;
        }
        holds.versions += 1;
        holds.largest = holds.largest.max(version.size);
        if version.latest && is_genesis(&version.key) && holds.genesis.is_none() {
            holds.genesis = Some(version.key.clone());
        }
        let newer = holds.newest.as_ref().is_none_or(|(_, _, date)| version.modified > *date);
        if newer && ours {
            holds.newest = Some((version.key, version.id, version.modified));
        }
    }
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use auditseal_vault::double::MemoryStore;

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
        let holds = holds(&store).await.unwrap();
        assert_eq!((holds.versions, holds.markers, holds.more), (4, 1, false));
        assert_eq!(holds.largest, 1);
        assert_eq!(holds.genesis.unwrap(), genesis);
        assert_eq!(holds.newest.unwrap().0, second, "hidden or not");
    }
}
