//! What stands at the key of an upload that may have failed.

use std::sync::Arc;

use auditseal_format::{ObjectKey, ObjectSeal};
use auditseal_vault::{Error, Kind, ObjectInfo, Store};
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
    /// Other bytes; none for an object larger than any of ours.
    Other(Vec<u8>),
}

/// Reads a key back and compares it with our object.
///
/// Only the store's own word counts. Bytes that are no seal make the chain go on past this key, in
/// another epoch, with the same lines once more; if our object stood there after all, they would be
/// in the archive twice. So a page that something between us and the store sent with status 200,
/// or a bit that flipped on the way, must not pass for what is stored.
pub(crate) async fn read_back(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> Stands {
    let found = match read(store, key, ours).await {
        Ok(Found::Bytes(found, info)) if found == *ours => return Stands::Ours(info),
        Ok(Found::Bytes(found, _)) => found,
        Ok(Found::TooLarge) => return confirm_size(store, key, ours).await,
        Err(error) => return unread(&error),
    };
    // A signature can't come about by accident.
    if ObjectSeal::open(&found).is_ok() {
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
    match listed_size(store, key).await {
        Ok(Some(size)) if size == found.len() as u64 => Stands::Other(found.to_vec()),
        Ok(_) => unreliable("what is read isn't what is listed"),
        Err(error) => unread(&error),
    }
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

/// An object larger than any of ours; unless the listing says that it isn't.
async fn confirm_size(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> Stands {
    match listed_size(store, key).await {
        Ok(Some(size)) if size > LARGEST.max(ours.len() as u64) => Stands::Other(Vec::new()),
        Ok(_) => unreliable("what is read isn't what is listed"),
        Err(error) => unread(&error),
    }
}

async fn listed_size(store: &Arc<dyn Store>, key: &ObjectKey) -> Result<Option<u64>, Error> {
    let key = key.to_string();
    let directory = key.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut objects = store.list(directory);
    while let Some(object) = objects.next().await {
        let object = object?;
        if object.key == key {
            return Ok(Some(object.size));
        }
    }
    Ok(None)
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
