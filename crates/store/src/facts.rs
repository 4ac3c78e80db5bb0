//! What a bucket's configuration says, for whoever judges whether it keeps an archive safe.

use std::time::Duration;

use crate::error::Error;
use crate::lock::LockMode;

/// The answer to one question about a bucket, or why there is none: denied, not told, no server.
pub type Fact<T> = Result<T, Error>;

/// What a bucket or container is set to do. Nothing in it is more than the store's word.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The store's own time.
    pub time: Fact<StoreTime>,
    /// Whether it keeps versions.
    pub versioning: Fact<Versioning>,
    /// How it locks what is put.
    pub lock: Fact<BucketLock>,
    /// What it does to objects as they age.
    pub lifecycle: Fact<Vec<LifecycleRule>>,
    /// Whether it refuses anonymous access whatever its policies say.
    pub private: Fact<bool>,
    /// The default encryption, in the store's words; none for what the store does anyway.
    pub encryption: Fact<Option<String>>,
    /// How long what was deleted can be brought back, apart from versions; zero for not at all.
    pub soft_delete: Fact<Duration>,
    /// Google: whether access is the bucket's to grant, not each object's; none elsewhere.
    pub uniform_access: Fact<Option<bool>>,
    /// What these credentials may do to the bucket that no writer of an archive should.
    pub excess: Fact<Vec<String>>,
}

/// A store's date of an answer, beside this machine's times of the exchange; all in microseconds
/// since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreTime {
    /// The store's date, which has whole seconds.
    pub store: i64,
    /// When the request was sent.
    pub asked: i64,
    /// When the answer was there.
    pub answered: i64,
}

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Never on, or off.
    Off,
    /// Once on: a put replaces the version named `null`.
    Suspended,
    /// On.
    On,
}

/// How a bucket locks what is put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLock {
    /// Whether versions can be locked at all.
    pub enabled: bool,
    /// How firmly it locks each object by default.
    pub mode: LockMode,
    /// For how long; none where nothing is locked by default, or not told.
    pub period: Option<Duration>,
}

/// A rule of a bucket for objects that age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name; Google's rules have none.
    pub id: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// The beginning of the keys that it covers; empty for all.
    pub prefix: String,
    /// Whether it covers nothing but what [`Store::mark`](crate::Store::mark) marked.
    pub marked_only: bool,
    /// Whether it deletes objects, or hides them under a marker.
    pub expires: bool,
    /// Whether it destroys versions that aren't the latest.
    pub expires_versions: bool,
    /// The storage classes that it moves objects, or their older versions, to.
    pub moves_to: Vec<String>,
}

impl Facts {
    /// Facts that are all unknown for one reason.
    pub fn unknown(error: &Error) -> Self {
        Self {
            time: Err(error.clone()),
            versioning: Err(error.clone()),
            lock: Err(error.clone()),
            lifecycle: Err(error.clone()),
            private: Err(error.clone()),
            encryption: Err(error.clone()),
            soft_delete: Err(error.clone()),
            uniform_access: Err(error.clone()),
            excess: Err(error.clone()),
        }
    }
}
