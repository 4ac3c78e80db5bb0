//! Stores and sinks for tests.
#![allow(dead_code)] // each test binary uses its own part of this

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use auditseal_format::{ObjectKey, Origin};
use auditseal_vault::Store;
use auditseal_vault::double::MemoryStore;
use auditseal_vectors::Archive;

/// A store with these objects, all put long after they were sealed.
pub(crate) fn memory(archive: &Archive) -> MemoryStore {
    let store = MemoryStore::new();
    store.set_time(i64::MAX / 2);
    for (key, bytes) in archive {
        store.insert(key, bytes.clone());
    }
    store
}

pub(crate) fn store_of(archive: &Archive) -> Arc<dyn Store> {
    Arc::new(memory(archive))
}

/// The chains that an archive has objects of.
pub(crate) fn origins(archive: &Archive) -> BTreeSet<Origin> {
    archive.keys().filter_map(|key| ObjectKey::parse(key)).map(|key| key.origin).collect()
}

/// An output whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Fails as a closed pipe does once it holds so many bytes.
    pub(crate) closes_at: Option<usize>,
}

impl Sink {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.bytes.lock().unwrap();
        let room = self.closes_at.map_or(usize::MAX, |most| most.saturating_sub(held.len()));
        if room == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(room);
        held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
