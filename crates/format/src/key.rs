//! Where an object is stored.

use std::fmt;

use auditseal_audit::Date;

use crate::Origin;
use crate::seal::{MAX_SEQ, Seal};

/// The key of an object below the store's prefix: FORMAT.md, "Keys of objects".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The chain.
    pub origin: Origin,
    /// Place in the chain.
    pub seq: u64,
    /// 0 unless the chain had to pass a squatted key.
    pub epoch: u32,
    /// The UTC day on which the *previous* seal was made; [`Date::EPOCH`] for the genesis.
    pub date: Date,
}

impl ObjectKey {
    /// The key of a chain's first object.
    #[must_use]
    pub fn genesis(origin: Origin) -> Self {
        Self { origin, seq: 0, epoch: 0, date: Date::EPOCH }
    }

    /// The key of the object that follows `seal` in the same epoch.
    #[must_use]
    pub fn after(seal: &Seal) -> Self {
        Self {
            origin: seal.origin.clone(),
            seq: seal.seq + 1,
            epoch: seal.epoch,
            date: seal.sealed.date(),
        }
    }

    /// What all keys of a chain begin with, without a final `/`.
    #[must_use]
    pub fn prefix(origin: &Origin) -> String {
        format!("cluster={}/node={}/source={}", origin.cluster(), origin.node(), origin.source())
    }

    /// Reads a key; `None` for a name that no object of ours has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        let mut field = |name: &str| segments.next()?.strip_prefix(name)?.strip_prefix('=');
        let origin = Origin::new(field("cluster")?, field("node")?, field("source")?).ok()?;
        let date = Date::parse(field("date")?.as_bytes())?;
        let name = segments.next()?.strip_suffix(".jsonl.zst")?;
        let (seq, epoch) = match name.split_once(".e") {
            Some((seq, epoch)) => (seq, epoch.parse().ok()?),
            None => (name, 0),
        };
        let key = Self { origin, seq: seq.parse().ok()?, epoch, date };
        // Comparing what it prints refuses every second spelling of a key.
        (segments.next().is_none() && key.seq <= MAX_SEQ && key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/date={}/{:012}", Self::prefix(&self.origin), self.date, self.seq)?;
        if self.epoch > 0 {
            write!(f, ".e{}", self.epoch)?;
        }
        f.write_str(".jsonl.zst")
    }
}
