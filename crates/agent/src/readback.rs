//! What stands at the key of an upload that may have failed.

use std::sync::Arc;

use auditseal_format::{ObjectKey, ObjectSeal};
use auditseal_shipper::ReadBack;
use auditseal_vault::{Error, Kind, Store};
use bytes::Bytes;
use futures::StreamExt as _;

/// Objects up to this size are fetched whole, whatever they are: largest that is taken over.
const LARGEST: u64 = 64 << 20;
/// Reads that must agree before garbage is believed to be what the store holds.
const READS: u32 = 3;

/// Reads a key back and compares it with our object.
///
/// Only the store's own word counts. Bytes that are no seal make the chain go on past this key, in
/// another epoch, with the same lines once more; if our object stood there after all, they would be
/// in the archive twice. So a page that something between us and the store sent with status 200,
/// or a bit that flipped on the way, must not pass for what is stored.
pub(crate) async fn read_back(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> ReadBack {
    let found = match read(store, key, ours).await {
        Ok(Found::Bytes(found)) => found,
        Ok(Found::TooLarge) => return confirm_size(store, key, ours).await,
        Err(error) => return unread(&error),
    };
    if found == *ours {
        return ReadBack::Same;
    }
    // A signature can't come about by accident.
    if ObjectSeal::open(&found).is_ok() {
        return ReadBack::Other(found.to_vec());
    }
    for _ in 1..READS {
        match read(store, key, ours).await {
            Ok(Found::Bytes(again)) if again == found => {}
            Ok(Found::Bytes(again)) if again == *ours => return ReadBack::Same,
            Ok(_) => return ReadBack::Unknown("two reads of one object differ".to_owned()),
            Err(error) => return unread(&error),
        }
    }
    match listed_size(store, key).await {
        Ok(Some(size)) if size == found.len() as u64 => ReadBack::Other(found.to_vec()),
        Ok(_) => ReadBack::Unknown("what is read isn't what is listed".to_owned()),
        Err(error) => unread(&error),
    }
}

enum Found {
    Bytes(Bytes),
    TooLarge,
}

async fn read(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> Result<Found, Error> {
    match store.get(&key.to_string(), None, LARGEST.max(ours.len() as u64)).await {
        Ok(fetched) => Ok(Found::Bytes(fetched.bytes)),
        Err(error) if error.kind() == Kind::TooLarge => Ok(Found::TooLarge),
        Err(error) => Err(error),
    }
}

/// An object larger than any of ours; unless the listing says that it isn't.
async fn confirm_size(store: &Arc<dyn Store>, key: &ObjectKey, ours: &Bytes) -> ReadBack {
    match listed_size(store, key).await {
        Ok(Some(size)) if size > LARGEST.max(ours.len() as u64) => ReadBack::Other(Vec::new()),
        Ok(_) => ReadBack::Unknown("what is read isn't what is listed".to_owned()),
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

fn unread(error: &Error) -> ReadBack {
    match error.kind() {
        Kind::NotFound => ReadBack::Absent,
        _ => ReadBack::Unknown(error.to_string()),
    }
}
