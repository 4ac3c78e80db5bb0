//! How far a run has come.

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Objects looked at.
    pub objects: u64,
    /// Objects there are to look at.
    pub total: u64,
    /// Bytes of the objects looked at.
    pub bytes: u64,
}
