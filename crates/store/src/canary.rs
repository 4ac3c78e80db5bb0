//! Proof, at every start, that a store refuses to put over an object.

use crate::contract::Store;
use crate::error::{Error, Kind};

/// The largest object to try with, bytes: the genesis has a few hundred.
const LIMIT: u64 = 1 << 20;

/// What came of trying to put over an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canary {
    /// The store refused because the key is taken: two writers can't both have one.
    Honoured,
    /// The store took the put, so it is no lock: two writers would fork the chain unnoticed. Where
    /// it keeps versions, this one was added; its bytes are those of the object.
    Ignored {
        /// The version that was made.
        version: Option<String>,
    },
    /// Nothing can be said.
    Unchecked(Error),
}

/// Puts the object at `key` once more, with the bytes that it has, and sees whether the store
/// refuses as it must.
///
/// Some servers ignore the condition of a conditional put, and say so nowhere. `key` names an
/// object that is there: the genesis of the chain, which exists from the first start on, is small,
/// and never expires. So nothing is stored that the verifier wouldn't expect, and no object's bytes
/// change: what a store without the condition makes of it is the same object again, which to the
/// verifier is an identical extra version.
pub async fn canary(store: &dyn Store, key: &str) -> Canary {
    let fetched = match store.get(key, None, LIMIT).await {
        Ok(fetched) => fetched,
        Err(error) => return Canary::Unchecked(error),
    };
    match store.put_new(key, fetched.bytes).await {
        Err(error) if error.kind() == Kind::AlreadyExists => Canary::Honoured,
        Err(error) => Canary::Unchecked(error),
        Ok(stored) => Canary::Ignored { version: stored.version },
    }
}
