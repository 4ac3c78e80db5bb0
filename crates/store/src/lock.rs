//! What a store says protects a version.

/// How firmly a version is locked; a later one is firmer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockMode {
    /// Not at all.
    None,
    /// A policy covers the container, but whether it is locked, and until when, isn't told here:
    /// Azure keeps that for its management interface.
    Undisclosed,
    /// Whoever has the permission may lift it: S3's and Google's GOVERNANCE, an unlocked policy.
    Governance,
    /// Nobody may lift or shorten it: COMPLIANCE, a locked policy.
    Compliance,
}

/// What a lock is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockedBy {
    /// The version itself.
    Version,
    /// Its bucket or container as a whole.
    Bucket,
}

/// What a store says protects a version. It is the store's claim: only trying to destroy the
/// version would prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// How firmly.
    pub mode: LockMode,
    /// Until when, microseconds since the Unix epoch; none where nothing is locked, or not told.
    pub until: Option<i64>,
    /// Whether a legal hold protects it until it is lifted. False also where the credentials may
    /// not know.
    pub legal_hold: bool,
    /// What `mode` and `until` are attached to.
    pub by: LockedBy,
}

impl Lock {
    /// No protection.
    pub const NONE: Self =
        Self { mode: LockMode::None, until: None, legal_hold: false, by: LockedBy::Version };
}
