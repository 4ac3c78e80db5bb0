//! What is done to objects behind the back of who put them.

/// What somebody does who may put and delete, but not destroy versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Deletes the object by its key.
    Hide,
    /// Puts [`SHADOW`] at the key, whatever is there.
    Shadow,
}

/// The bytes that [`Attack::Shadow`] puts.
pub const SHADOW: &[u8] = b"something else\n";
