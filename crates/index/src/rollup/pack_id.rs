//! Which pack.

use crate::IndexError;
use crate::bytes::Reader;
use crate::layout::{MAX_BATCHES, MAX_SEQ};

/// A pack, as its name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackId {
    /// The seq of its first batch.
    pub first: u64,
    /// The seq of its last batch.
    pub last: u64,
    /// The first 8 bytes of the hash of its last note.
    pub note: [u8; 8],
}

impl PackId {
    /// Bytes of one in a roll-up.
    pub(super) const LENGTH: u64 = 24;

    /// How many batches it has. `None`: no pack is so.
    pub(super) fn batches(&self) -> Option<u32> {
        let batches = self.last.checked_sub(self.first)?.checked_add(1)?;
        let most = u64::from(MAX_BATCHES);
        u32::try_from(batches).ok().filter(|_| batches <= most && self.last <= MAX_SEQ)
    }

    pub(super) fn follows(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| before.last < self.first)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.last.to_le_bytes());
        out.extend_from_slice(&self.note);
    }

    pub(super) fn take(bytes: &mut Reader<'_>) -> Result<Self, IndexError> {
        Ok(Self { first: bytes.u64()?, last: bytes.u64()?, note: bytes.u64()?.to_le_bytes() })
    }
}
