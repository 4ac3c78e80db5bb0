//! What is found of a chain.

use auditseal_format::{ObjectKey, ObjectSeal, Time, VerifierKey};

use super::days::Days;

/// A chain's newest seal, as far as the store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadFound {
    /// Where its object stands.
    pub key: ObjectKey,
    /// The seal.
    pub object: ObjectSeal,
    /// Objects at or above its seq that aren't the chain's notes, the first hundred: their keys can't
    /// be used.
    pub passed: Vec<ObjectKey>,
}

/// What was found of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its newest seal.
    pub head: Option<HeadFound>,
    /// A genesis of its name by another key, where no seal but perhaps the genesis is there.
    pub foreign: Option<(ObjectKey, VerifierKey)>,
    /// On which days its objects lie, if all of it was listed: for [`super::walk_back`].
    pub days: Option<Days>,
}

/// A note on the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Where its object stands.
    pub key: ObjectKey,
    /// The note.
    pub object: ObjectSeal,
    /// When any object before it was stored at the latest, by the days that their keys name and by
    /// the store's own dates: one clock may have been wrong for a while.
    pub earlier: Time,
}
