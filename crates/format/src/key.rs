//! Where an object is stored.

use std::fmt;

use auditseal_audit::Date;

use crate::seal::{MAX_SEQ, Seal};
use crate::{Alternate, Origin};

/// The key of an object below the store's prefix: FORMAT.md, "Keys of objects".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The chain.
    pub origin: Origin,
    /// Place in the chain.
    pub seq: u64,
    /// Which of the seq's keys; `None` for the plain one, which comes first.
    pub alternate: Option<Alternate>,
    /// The UTC day on which the *previous* seal was made; [`Date::EPOCH`] for the genesis.
    pub date: Date,
}

impl ObjectKey {
    /// The plain key of a chain's first object.
    #[must_use]
    pub fn genesis(origin: Origin) -> Self {
        Self { origin, seq: 0, alternate: None, date: Date::EPOCH }
    }

    /// The plain key of the object that follows `seal`.
    #[must_use]
    pub fn after(seal: &Seal) -> Self {
        Self {
            origin: seal.origin.clone(),
            seq: seal.seq + 1,
            alternate: None,
            date: seal.sealed.date(),
        }
    }

    /// The same object's key under another name.
    #[must_use]
    pub fn with(&self, alternate: Option<Alternate>) -> Self {
        Self { alternate, ..self.clone() }
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
        let (seq, alternate) = match name.split_once('.') {
            Some((seq, alternate)) => (seq, Some(Alternate::parse(alternate)?)),
            None => (name, None),
        };
        let key = Self { origin, seq: seq.parse().ok()?, alternate, date };
        // Comparing what it prints refuses every second spelling of a key.
        (segments.next().is_none() && key.seq <= MAX_SEQ && key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/date={}/{:012}", Self::prefix(&self.origin), self.date, self.seq)?;
        if let Some(alternate) = self.alternate {
            write!(f, ".{alternate}")?;
        }
        f.write_str(".jsonl.zst")
    }
}
