//! Attacks on one object of our own, to see what a store's lock is worth.
//!
//! Nothing here can be pointed at somebody's object. Every attempt goes through a [`Weapon`], which
//! takes nothing but a [`CanaryKey`]; a canary's key is made of random bytes in this file, never of
//! a caller's text; and an [`Attacker`] comes into being only by putting its canary, create-only.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use auditseal_store::{Error, Kind, Lock, LockMode, Operation, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

/// The folder that canaries lie in, below the store's prefix.
const FOLDER: &str = "auditseal-worm-test";
/// More than this isn't read back: the canary has a few hundred bytes.
const LIMIT: u64 = 1 << 16;
/// The most versions of the canary that are cleared away: as many as the attempts could have made.
const VERSIONS: usize = 100;

/// The key of a canary; there is no way to make one of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryKey {
    folder: String,
    key: String,
}

impl CanaryKey {
    fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // A folder of its own, because listings and their clearing go by folder.
        let folder = format!("{FOLDER}/{name}");
        Ok(Self { key: format!("{folder}/canary"), folder })
    }

    /// Below the store's prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }
}

/// A way to change, hide or destroy an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// Put other bytes on condition that the key is free.
    CreateAgain,
    /// Put other bytes.
    Overwrite,
    /// Give it another name.
    Rename,
    /// Delete it by its key alone: where versions are kept, that hides it.
    Delete,
    /// Put other bytes on condition that the key is free, after it was deleted by its key.
    PutOverMarker,
    /// Lift a legal hold.
    LiftHold,
    /// Let the retention end in a minute.
    Shorten,
    /// The same, with the right to bypass GOVERNANCE.
    ShortenBypassing,
    /// Turn COMPLIANCE into GOVERNANCE, a locked policy into an unlocked one.
    LowerMode,
    /// Take the retention away.
    RemoveRetention,
    /// Delete the version.
    DeleteVersion,
    /// The same, with the right to bypass GOVERNANCE.
    DeleteBypassing,
    /// The same once more in a batch: not every server checks there what it checks elsewhere.
    DeleteBatch,
    /// Delete the version for good, past soft delete.
    DeleteForGood,
}

impl Attempt {
    /// In the order that leaves the most of them a canary. Deleting comes before all that sets a
    /// lock: where a store claims one and keeps none, that would lock the canary for the first time,
    /// and the deletes that follow would be refused.
    const ORDER: [Self; 14] = [
        Self::CreateAgain,
        Self::Overwrite,
        Self::Rename,
        Self::Delete,
        Self::PutOverMarker,
        Self::DeleteVersion,
        Self::LiftHold,
        Self::Shorten,
        Self::ShortenBypassing,
        Self::LowerMode,
        Self::RemoveRetention,
        Self::DeleteBypassing,
        Self::DeleteBatch,
        Self::DeleteForGood,
    ];

    /// What is tried, in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateAgain => "create again",
            Self::Overwrite => "overwrite",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::PutOverMarker => "create after delete",
            Self::LiftHold => "lift legal hold",
            Self::Shorten => "shorten retention",
            Self::ShortenBypassing => "shorten, bypassing",
            Self::LowerMode => "lower the mode",
            Self::RemoveRetention => "remove retention",
            Self::DeleteVersion => "delete version",
            Self::DeleteBypassing => "delete, bypassing",
            Self::DeleteBatch => "delete in a batch",
            Self::DeleteForGood => "delete for good",
        }
    }

    /// Whether it concerns the lock alone: what it came to is seen there, not by the bytes.
    #[must_use]
    pub fn is_on_lock(self) -> bool {
        self == Self::LiftHold || self.is_on_retention()
    }

    /// Whether there is something to attack only where a retention is.
    fn is_on_retention(self) -> bool {
        let attempts =
            [Self::Shorten, Self::ShortenBypassing, Self::LowerMode, Self::RemoveRetention];
        attempts.contains(&self)
    }
}

/// What came back from an attempt. It's what the store says; what it did is another matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The store agreed, in these words.
    Accepted(String),
    /// The store refused, in these words.
    Refused(String),
    /// There was no answer.
    Silent(Error),
    /// There is nothing to attack so.
    Pointless(&'static str),
}

/// What became of the canary's bytes, as read by its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanaryBytes {
    /// They are there.
    Intact,
    /// Other bytes are in their place.
    Changed,
    /// They are gone.
    Gone,
    /// It couldn't be found out.
    Unknown(Error),
}

/// What a reader who names no version gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The canary.
    Canary,
    /// Other bytes.
    Other,
    /// The answer that there is none.
    Absent,
    /// It couldn't be found out.
    Unknown(Error),
}

/// The canary at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its bytes.
    pub bytes: CanaryBytes,
    /// What is seen in its place.
    pub seen: Seen,
    /// Its lock, where that can be read.
    pub lock: Result<Lock, Error>,
}

/// What a weapon is told beside its target.
#[derive(Debug)]
pub struct Order<'a> {
    /// What to try.
    pub attempt: Attempt,
    /// The canary's version, where the store has versions.
    pub version: Option<&'a str>,
    /// What to put.
    pub bytes: Bytes,
    /// The lock to be weakened, as it was first, where that is known.
    pub lock: Option<&'a Lock>,
}

/// How one kind of store is attacked.
#[async_trait]
pub trait Weapon: Send + Sync {
    /// Whether the attempt makes sense there.
    fn knows(&self, attempt: Attempt) -> bool;

    /// Carries out an attempt.
    async fn carry_out(&self, key: &CanaryKey, order: &Order<'_>) -> Answer;

    /// Deletes a version of the canary as anybody would: no bypassing.
    async fn clear(&self, key: &CanaryKey, version: Option<&str>) -> Answer;
}

/// Somebody with the store's credentials and one object to try them on.
pub struct Attacker {
    store: Arc<dyn Store>,
    weapon: Box<dyn Weapon>,
    key: CanaryKey,
    bytes: Bytes,
    version: Option<String>,
    lock: Result<Lock, Error>,
    /// Whether the canary was put with a legal hold, which not everybody may see.
    held: bool,
}

impl fmt::Debug for Attacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attacker").field("store", &self.store).field("key", &self.key.key).finish()
    }
}

impl Attacker {
    /// Puts a canary into a store, as a batch would be put there; `weapon` is that store's, and `held`
    /// says whether what is put has a legal hold.
    ///
    /// # Errors
    /// As [`Store::put_new`]; also when the canary can't be read back, for then nothing could be said
    /// of any attempt.
    pub async fn plant(
        store: Arc<dyn Store>,
        weapon: Box<dyn Weapon>,
        held: bool,
    ) -> Result<Self, Error> {
        let random = |error: getrandom::Error| {
            let why = format!("the system gives no random bytes: {error}");
            Error::new(Operation::Attack, &format!("{store:?}"), Kind::Other, &why)
        };
        let key = CanaryKey::random().map_err(random)?;
        let bytes = Bytes::from(format!(
            "A canary of auditseal worm-test. Whoever may write here tried to change and delete \
             it; it is no part of an archive, and nothing refers to it.\n{}\n",
            key.key
        ));
        let put = store.put_new(&key.key, bytes.clone()).await?;
        // The id that a reader is to use, as the store itself gives it with the object.
        let read = store.get(&key.key, put.version.as_deref(), LIMIT).await?;
        if read.bytes != bytes {
            let why = "the canary was read back with other bytes than it was put with";
            return Err(Error::new(Operation::Attack, &key.key, Kind::Unavailable, why));
        }
        let version = put.version.or(read.info.version).filter(|id| !id.is_empty());
        let lock = store.lock(&key.key, version.as_deref()).await;
        Ok(Self { store, weapon, key, bytes, version, lock, held })
    }

    /// The canary's key, below the store's prefix.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key.key
    }

    /// The canary's version, where the store has versions.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The lock that the canary was put with.
    pub fn lock(&self) -> &Result<Lock, Error> {
        &self.lock
    }

    /// The attempts that make sense on this store, in their order.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> {
        Attempt::ORDER.into_iter().filter(|attempt| self.weapon.knows(*attempt))
    }

    /// Tries to change, hide or destroy the canary.
    pub async fn attempt(&self, attempt: Attempt) -> Answer {
        let unlocked = matches!(&self.lock, Ok(lock) if lock.mode == LockMode::None);
        if unlocked && attempt.is_on_retention() {
            return Answer::Pointless("it has no retention");
        }
        let free = matches!(&self.lock, Ok(lock) if !lock.legal_hold) && !self.held;
        if attempt == Attempt::LiftHold && free {
            return Answer::Pointless("it has no legal hold");
        }
        if attempt == Attempt::LowerMode
            && matches!(&self.lock, Ok(lock) if lock.mode == LockMode::Governance)
        {
            return Answer::Pointless("no mode is lower");
        }
        let order = Order {
            attempt,
            version: self.version.as_deref(),
            bytes: Bytes::from(format!("Not the canary any more: {}.\n", attempt.name())),
            lock: self.lock.as_ref().ok(),
        };
        self.weapon.carry_out(&self.key, &order).await
    }

    /// Reads the canary, by its version and without.
    pub async fn look(&self) -> Look {
        let bytes = match self.store.get(&self.key.key, self.version(), LIMIT).await {
            Ok(fetched) if fetched.bytes == self.bytes => CanaryBytes::Intact,
            Ok(_) => CanaryBytes::Changed,
            Err(error) if error.kind() == Kind::NotFound => CanaryBytes::Gone,
            Err(error) if error.kind() == Kind::TooLarge => CanaryBytes::Changed,
            Err(error) => CanaryBytes::Unknown(error),
        };
        let seen = match self.store.get(&self.key.key, None, LIMIT).await {
            Ok(fetched) if fetched.bytes == self.bytes => Seen::Canary,
            Ok(_) => Seen::Other,
            Err(error) if error.kind() == Kind::NotFound => Seen::Absent,
            Err(error) if error.kind() == Kind::TooLarge => Seen::Other,
            Err(error) => Seen::Unknown(error),
        };
        let lock = self.store.lock(&self.key.key, self.version()).await;
        Look { bytes, seen, lock }
    }

    /// Clears away what the test left at the canary's key, as far as that is possible without
    /// bypassing a lock; returns how many versions and markers are still there.
    ///
    /// # Errors
    /// When what is there can't be listed.
    pub async fn clear(&self) -> Result<usize, Error> {
        for version in self.left().await? {
            // Whether it worked is seen by looking again.
            drop(self.weapon.clear(&self.key, version.as_deref()).await);
        }
        Ok(self.left().await?.len())
    }

    /// The ids of all that is at the canary's key.
    async fn left(&self) -> Result<Vec<Option<String>>, Error> {
        let listed = self.store.versions(&self.key.folder).take(VERSIONS);
        let versions: Vec<_> = listed.try_collect().await?;
        let ours = versions.into_iter().filter(|version| version.key == self.key.key);
        Ok(ours.map(|version| version.id).collect())
    }
}
