//! A pack into the store, once, whatever else stands at its key; and what protects it there.

use std::path::Path;
use std::sync::Arc;

use auditseal_chain::Rules;
use auditseal_format::packs::{Attestation, Blob, MAX_GENERATION, PackLock};
use auditseal_format::{Hash, Time};
use auditseal_reader::{Object, Source, Tried};
use auditseal_store::{Error, Kind, Lock, LockMode, Operation, Store, Version};
use bytes::Bytes;

use crate::check;

/// Attempts to put one object: a put whose answer was lost may have been done.
const ATTEMPTS: usize = 4;

/// Where packs are put.
pub(crate) struct Shelf<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) source: &'a Source,
}

impl Shelf<'_> {
    /// Puts a pack, or finds it there: by another packer, or by this one before it was killed. Says in the
    /// attestation where it stands, and what stands there.
    pub(crate) async fn put(
        &self,
        bytes: &Bytes,
        attestation: &mut Attestation,
        notes: &[Hash],
        rules: &Rules,
    ) -> Result<(), Error> {
        for generation in 0..=MAX_GENERATION {
            attestation.generation = generation;
            let key = attestation.pack_key();
            let stands = self.create(&key, bytes).await?;
            if self.stands(&key, &stands, attestation.pack).await? {
                return Ok(());
            }
            let holds = |found: &[u8]| {
                // Another packer's, compressed otherwise: if it holds the same, it is as good.
                let blob = Blob::of(found);
                let other = Attestation { pack: blob, ..attestation.clone() };
                let shown = check::read_back(found, &other, (rules.clone(), None));
                shown.is_ok_and(|shown| shown.notes == notes).then_some(blob)
            };
            if let Some(pack) = self.first(&key, &stands, holds).await? {
                attestation.pack = pack;
                return Ok(());
            }
        }
        let what = "all keys that this pack may have are taken by something else";
        Err(Error::new(Operation::Put, &attestation.pack_key(), Kind::AlreadyExists, what))
    }

    /// Puts an index or an attestation, or finds it there: its key is made of its hash.
    pub(crate) async fn put_named(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        let stands = self.create(key, &bytes).await?;
        if self.first(key, &stands, |found| (found == bytes).then_some(())).await?.is_some() {
            return Ok(());
        }
        let what = "its key holds something else, which a name made of its hash can't be";
        Err(Error::new(Operation::Put, key, Kind::AlreadyExists, what))
    }

    /// Whether one of these versions has these bytes. None of them is held: a pack is in memory once.
    async fn stands(&self, key: &str, stands: &[Version], bytes: Blob) -> Result<bool, Error> {
        let mut tried = Tried::default();
        for Version { id, .. } in stands.iter().filter(|version| version.size == bytes.size) {
            let holds = self.source.holds(Object { key, version: id.as_deref() }, bytes).await;
            if tried.take(holds.map(|holds| holds.then_some(())))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the first of these versions is whose bytes `holds` takes.
    async fn first<T>(
        &self,
        key: &str,
        stands: &[Version],
        holds: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut tried = Tried::default();
        for Version { id, size, .. } in stands {
            let answer = self.source.get(Object { key, version: id.as_deref() }, *size).await;
            if let Some(found) = tried.take(answer.map(|fetched| holds(&fetched.bytes)))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What a store says protects the pack, in the version that has its bytes.
    pub(crate) async fn lock(&self, attestation: &Attestation) -> Result<Lock, Error> {
        let key = attestation.pack_key();
        for Version { id, size, .. } in self.source.versions_at(&key).await? {
            if size == attestation.pack.size {
                return self.source.lock(Object { key: &key, version: id.as_deref() }).await;
            }
        }
        let what = "the pack that was put a moment ago isn't there";
        Err(Error::new(Operation::Lock, &key, Kind::NotFound, what))
    }

    /// Puts an object at a key that should be free, and lists what stands there: whatever the answer was,
    /// only that settles it.
    async fn create(&self, key: &str, bytes: &Bytes) -> Result<Vec<Version>, Error> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let stands = self.source.versions_at(key).await?;
            if !stands.is_empty() {
                return Ok(stands);
            }
            match self.store.put_new(key, bytes.clone()).await {
                Ok(_) => {}
                Err(error) => last = Some(error),
            }
        }
        let stands = self.source.versions_at(key).await?;
        match last.filter(|_| stands.is_empty()) {
            // Something has the key that isn't listed, as a named pipe in a directory has: no version of it fits.
            Some(error) if error.kind() == Kind::AlreadyExists => Ok(stands),
            Some(error) => Err(error),
            None => Ok(stands),
        }
    }
}

/// The pack that was made, from its file.
///
/// # Errors
/// The file can't be read, or holds something else by now.
pub(crate) fn read(path: &Path, attestation: &Attestation) -> Result<Bytes, Error> {
    let failed =
        |what: String| Error::new(Operation::Put, &attestation.pack_key(), Kind::Other, &what);
    let bytes =
        std::fs::read(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    if attestation.pack.is(&bytes) {
        Ok(Bytes::from(bytes))
    } else {
        Err(failed(format!("{}: isn't what was written there a moment ago", path.display())))
    }
}

/// A lock as an attestation tells it.
pub(crate) fn told(lock: &Lock) -> PackLock {
    let until = lock.until.map(Time::from_micros);
    match (lock.mode, until) {
        (LockMode::Compliance, Some(until)) => PackLock::Compliance(until),
        (LockMode::Governance, Some(until)) => PackLock::Governance(until),
        (LockMode::None, _) => PackLock::None,
        _ => PackLock::Undisclosed,
    }
}

/// The lock that an attestation tells.
pub(crate) fn of_told(lock: &PackLock) -> Lock {
    let of =
        |mode, until: Option<Time>| Lock { mode, until: until.map(Time::micros), ..Lock::NONE };
    match lock {
        PackLock::None => Lock::NONE,
        PackLock::Undisclosed => of(LockMode::Undisclosed, None),
        PackLock::Governance(until) => of(LockMode::Governance, Some(*until)),
        PackLock::Compliance(until) => of(LockMode::Compliance, Some(*until)),
    }
}
