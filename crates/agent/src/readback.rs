//! What stands at the key of an upload that may have failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_format::{Hash, MAX_SEAL_BLOCK, ObjectKey, ObjectSeal};
use auditseal_store::{Error, Kind, ObjectInfo, Store, Version};
use bytes::Bytes;
use futures::StreamExt as _;

/// Objects up to this size are fetched whole, whatever they are; no larger one is taken over.
pub(crate) const LARGEST: u64 = 64 << 20;
/// Reads that must agree before garbage is believed to be what the store holds.
const READS: u32 = 3;

/// What stands at a key.
pub(crate) enum Stands {
    /// Our object, and what the store says of it.
    Ours(ObjectInfo),
    /// The store says that there is nothing.
    Nothing,
    /// No answer that can be relied on: the cause as a word, and in full.
    Unknown(&'static str, String),
    /// Other bytes, or the end of an object larger than any of ours.
    Other(Vec<u8>),
}

/// Reads a key back and compares it with our object.
///
/// Only the store's own word counts. Bytes that are no seal make the object go to another key; if it
/// stood here after all, it would be stored twice. So a page that something between us and the store
/// sent with status 200, or a bit that flipped on the way, must not pass for what is stored. And what
/// covers our object, a newer version or a marker, isn't what is stored: the versions tell. Nothing
/// that isn't ours is decoded.
pub(crate) async fn read_back(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> Stands {
    let found = match read(store, key, ours).await {
        Ok(Found::Bytes(found, info)) if found == *ours => return Stands::Ours(info),
        Ok(found) => Some(found),
        Err(error) if error.kind() == Kind::NotFound => None,
        Err(error) => return unread(&error),
    };
    let beneath = match versions(store, key).await {
        Ok(versions) => versions,
        Err(error) => return unread(&error),
    };
    match among(store, key, ours, &beneath).await {
        Ok(Some(info)) => return Stands::Ours(info),
        Ok(None) => {}
        Err(error) => return unread(&error),
    }
    match found {
        // A file system may have something there that is no file: no put ever succeeds then.
        None if beneath.is_empty() => match in_the_way(store, key).await {
            Ok(true) => Stands::Other(Vec::new()),
            Ok(false) => Stands::Nothing,
            Err(error) => unread(&error),
        },
        // A marker, and garbage under it, or nothing: some stores take a put there, and some don't.
        None => Stands::Other(Vec::new()),
        Some(Found::TooLarge) => agreed_end(store, key).await,
        Some(Found::Bytes(found, _)) => agreed(store, key, ours, found, &beneath).await,
    }
}

/// Other bytes at a key are believed if several reads and the listing agree on them.
async fn agreed(
    store: &Arc<dyn Store>,
    key: &ObjectKey,
    ours: &Bytes,
    found: Bytes,
    listed: &[Version],
) -> Stands {
    // A signature can't come about by accident.
    if ObjectSeal::read(&found).is_ok() {
        return Stands::Other(found.to_vec());
    }
    for _ in 1..READS {
        match read(store, key, ours).await {
            Ok(Found::Bytes(again, _)) if again == found => {}
            Ok(Found::Bytes(again, info)) if again == *ours => return Stands::Ours(info),
            Ok(_) => return unreliable("two reads of one object differ"),
            Err(error) => return unread(&error),
        }
    }
    if listed.iter().any(|version| version.latest && version.size == found.len() as u64) {
        return Stands::Other(found.to_vec());
    }
    unreliable("what is read isn't what is listed")
}

/// The same of an object that is larger than any of ours: its end says whose it is.
async fn agreed_end(store: &Arc<dyn Store>, key: &ObjectKey) -> Stands {
    let mut end: Option<Bytes> = None;
    for _ in 0..READS {
        match store.tail(&key.to_string(), None, MAX_SEAL_BLOCK as u64).await {
            Ok(tail) if end.as_ref().is_none_or(|end| *end == tail.bytes) => end = Some(tail.bytes),
            Ok(_) => return unreliable("two reads of one object's end differ"),
            Err(error) => return unread(&error),
        }
    }
    Stands::Other(end.map_or_else(Vec::new, |end| end.to_vec()))
}

/// Our object among the versions of a key, read by their ids.
async fn among(
    store: &Arc<dyn Store>,
    key: &ObjectKey,
    ours: &Bytes,
    versions: &[Version],
) -> Result<Option<ObjectInfo>, Error> {
    let size = ours.len() as u64;
    for version in versions.iter().filter(|version| !version.marker && version.size == size) {
        let Some(id) = &version.id else { continue };
        let found = store.get(&key.to_string(), Some(id), size).await?;
        if found.bytes == *ours {
            return Ok(Some(found.info));
        }
    }
    Ok(None)
}

/// The whole object whose note has this hash, of at most so many bytes: at this key, whatever covers it,
/// or at another of its seq. Whoever may write can put a note behind other bytes.
pub(crate) async fn find_note(
    store: &Arc<dyn Store>,
    key: &ObjectKey,
    hash: &Hash,
    most: u64,
) -> Result<Option<Bytes>, Error> {
    if let Some(found) = note_at(store, key, hash, most).await? {
        return Ok(Some(found));
    }
    let name = key.to_string();
    let day = name.rsplit_once('/').map_or("", |(day, _)| day);
    for folder in [day, &ObjectKey::prefix(&key.origin)] {
        let others = below(store, folder, |other| other.seq == key.seq && other != key).await?;
        let others: BTreeSet<_> = others.into_iter().map(|version| version.key).collect();
        for other in others.iter().filter_map(|other| ObjectKey::parse(other)) {
            if let Some(found) = note_at(store, &other, hash, most).await? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

async fn note_at(
    store: &Arc<dyn Store>,
    key: &ObjectKey,
    hash: &Hash,
    most: u64,
) -> Result<Option<Bytes>, Error> {
    // Whose it is first: what nobody of ours signed isn't decoded.
    let ours = |bytes: &Bytes| ObjectSeal::read(bytes).is_ok_and(|note| note.hash == *hash);
    let whole = |bytes: &Bytes| ours(bytes) && ObjectSeal::open(bytes).is_ok();
    let name = key.to_string();
    match store.get(&name, None, most).await {
        Ok(found) if whole(&found.bytes) => return Ok(Some(found.bytes)),
        Err(error) if !matches!(error.kind(), Kind::NotFound | Kind::TooLarge) => {
            return Err(error);
        }
        Ok(_) | Err(_) => {}
    }
    let beneath = versions(store, key).await?;
    for version in beneath.iter().filter(|version| !version.marker && version.size <= most) {
        let Some(id) = &version.id else { continue };
        let found = store.get(&name, Some(id), most).await?;
        if whole(&found.bytes) {
            return Ok(Some(found.bytes));
        }
    }
    Ok(None)
}

async fn versions(store: &Arc<dyn Store>, key: &ObjectKey) -> Result<Vec<Version>, Error> {
    let name = key.to_string();
    let day = name.rsplit_once('/').map_or("", |(day, _)| day);
    below(store, day, |other| other == key).await
}

/// The versions below a folder of the keys that are asked for.
async fn below(
    store: &Arc<dyn Store>,
    folder: &str,
    wanted: impl Fn(&ObjectKey) -> bool,
) -> Result<Vec<Version>, Error> {
    let mut found = Vec::new();
    let mut listed = store.versions(folder);
    while let Some(version) = listed.next().await {
        let version = version?;
        if ObjectKey::parse(&version.key).is_some_and(|key| wanted(&key)) {
            found.push(version);
        }
    }
    Ok(found)
}

/// Whether something that is no object stands at a key.
async fn in_the_way(store: &Arc<dyn Store>, key: &ObjectKey) -> Result<bool, Error> {
    let name = key.to_string();
    let mut listed = store.versions(name.rsplit_once('/').map_or("", |(day, _)| day));
    while let Some(version) = listed.next().await {
        if version?.in_the_way_of(&name).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

enum Found {
    Bytes(Bytes, ObjectInfo),
    TooLarge,
}

async fn read(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> Result<Found, Error> {
    match store.get(&key.to_string(), None, LARGEST.max(ours.len() as u64)).await {
        Ok(fetched) => Ok(Found::Bytes(fetched.bytes, fetched.info)),
        Err(error) if error.kind() == Kind::TooLarge => Ok(Found::TooLarge),
        Err(error) => Err(error),
    }
}

fn unreliable(why: &str) -> Stands {
    Stands::Unknown(Kind::Other.name(), why.to_owned())
}

fn unread(error: &Error) -> Stands {
    match error.kind() {
        Kind::NotFound => Stands::Nothing,
        kind => Stands::Unknown(kind.name(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use auditseal_doubles::MemoryStore;
    use auditseal_format::{Alternate, Date};
    use auditseal_vectors::{Chain, Piece, TestSigner, events};

    use super::*;

    async fn stands(store: &MemoryStore, ours: &[u8]) -> Stands {
        let key = ObjectKey::genesis("c/n/s".parse().expect("an origin"));
        let store: Arc<dyn Store> = Arc::new(store.clone());
        read_back(&store, &key, &Bytes::copy_from_slice(ours)).await
    }

    /// The answer to an upload is lost, and somebody covers what it stored: ours is there, under its
    /// id, and needn't be stored at another key (finding W9).
    #[tokio::test]
    async fn what_covers_our_object_is_not_what_is_stored() {
        let key = ObjectKey::genesis("c/n/s".parse().expect("an origin")).to_string();
        for cover in ["shadow", "hide", "both"] {
            let store = MemoryStore::versioned();
            store.insert(&key, "ours");
            if cover != "hide" {
                store.shadow(&key, "another's");
            }
            if cover != "shadow" {
                store.hide(&key);
            }
            let Stands::Ours(info) = stands(&store, b"ours").await else { panic!("{cover}") };
            assert!(info.version.is_some(), "{cover}");
            assert!(matches!(stands(&store, b"mine").await, Stands::Other(_)), "{cover}: taken");
        }
        let store = MemoryStore::versioned();
        assert!(matches!(stands(&store, b"ours").await, Stands::Nothing));
        store.hide(&key);
        assert!(matches!(stands(&store, b"ours").await, Stands::Other(_)), "a marker alone");
    }

    /// A folder, say, in a directory: it is listed as none of the objects.
    #[tokio::test]
    async fn what_is_no_object_stands_in_the_way_of_one() {
        let key = ObjectKey::genesis("c/n/s".parse().expect("an origin")).to_string();
        let store = MemoryStore::new();
        store.insert(&format!("{key}x (a folder)"), "");
        assert!(matches!(stands(&store, b"ours").await, Stands::Nothing));
        store.insert(&Version::no_object(&key, "a folder").key, "");
        assert!(matches!(stands(&store, b"ours").await, Stands::Other(_)));
    }

    /// What is to be adopted is found whole, wherever of its keys somebody put its note behind other
    /// bytes.
    #[tokio::test]
    async fn a_note_behind_other_bytes_is_found_whole_at_another_key() {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        chain.heartbeat();
        chain.batch(&[Piece::new("audit.log", events(0..3))]);
        let (object, key) = (&chain.get(2).bytes, ObjectKey::parse(&chain.key(2)).expect("a key"));
        let note = ObjectSeal::open(object).expect("an object");
        let most = note.blocks().end + MAX_SEAL_BLOCK as u64;
        let other = key.with(Alternate::parse("0123456789abcdef"));
        let far = ObjectKey { date: Date::EPOCH, ..key.clone() };
        let behind = [b"other bytes".as_slice(), object].concat();
        for (whole, spoilt) in [(&key, &other), (&other, &key), (&key, &far), (&far, &key)] {
            let memory = MemoryStore::new();
            let store: Arc<dyn Store> = Arc::new(memory.clone());
            memory.insert(&spoilt.to_string(), behind.clone());
            let found = find_note(&store, spoilt, &note.hash, most).await.expect("an answer");
            assert_eq!(found, None, "{spoilt} alone");
            memory.insert(&whole.to_string(), object.clone());
            let found = find_note(&store, spoilt, &note.hash, most).await.expect("an answer");
            assert!(found.is_some_and(|found| found == *object), "{whole} beside {spoilt}");
        }
    }
}
