//! Attacks on what a [`MemoryStore`] holds, refused by its locks as a real store's refuse them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use auditseal_attack::{Answer, Attacker, Attempt, CanaryKey, Order, Weapon};
use auditseal_store::Error;
use auditseal_store::{Lock, LockMode, Store as _};

/// How long after the store's own time a shortened retention ends, microseconds.
const SOON: i64 = 60_000_000;

impl MemoryStore {
    /// Puts a canary, to be attacked as in a bucket of S3.
    ///
    /// # Errors
    /// As [`Attacker::plant`].
    pub async fn attacker(&self) -> Result<Attacker, Error> {
        Attacker::plant(Arc::new(self.clone()), Box::new(self.clone()), false).await
    }

    fn relock(&self, order: &Order<'_>, key: &str, bypassing: bool, lock: Lock) -> Answer {
        let now = self.lock_state().time;
        let mut state = self.lock_state();
        let entries = state.objects.get_mut(key).into_iter().flatten();
        let Some(entry) = entries.into_iter().find(|entry| entry.id.as_deref() == order.version)
        else {
            return refused("no such version");
        };
        let weaker = (lock.mode, lock.until) < (entry.lock.mode, entry.lock.until);
        if weaker && holds(&entry.lock, now, bypassing) {
            return refused("locked");
        }
        entry.lock = lock;
        Answer::Accepted("done".to_owned())
    }

    fn delete(&self, key: &str, version: Option<&str>, bypassing: bool) -> Answer {
        let now = self.lock_state().time;
        let Some(id) = version else {
            let locked = matches!(self.find_lock(key), Some(lock) if holds(&lock, now, bypassing));
            if locked {
                return refused("locked");
            }
            return done(self.remove(key));
        };
        let mut state = self.lock_state();
        let entries = state.objects.get_mut(key).into_iter().flatten();
        let locked = entries
            .filter(|entry| entry.id.as_deref() == Some(id))
            .any(|entry| entry.lock.legal_hold || holds(&entry.lock, now, bypassing));
        drop(state);
        if locked { refused("locked") } else { done(self.remove_version(key, id)) }
    }

    fn find_lock(&self, key: &str) -> Option<Lock> {
        self.lock_state().latest(key).map(|entry| entry.lock.clone())
    }
}

/// Whether a lock is in force for somebody who may bypass GOVERNANCE, or may not.
fn holds(lock: &Lock, now: i64, bypassing: bool) -> bool {
    let firm = match lock.mode {
        LockMode::None => false,
        LockMode::Governance => !bypassing,
        LockMode::Undisclosed | LockMode::Compliance => true,
    };
    firm && lock.until.is_none_or(|until| until > now)
}

fn refused(why: &str) -> Answer {
    Answer::Refused(why.to_owned())
}

fn done(removed: Option<Bytes>) -> Answer {
    removed.map_or(refused("no such object"), |_| Answer::Accepted("done".to_owned()))
}

#[async_trait]
impl Weapon for MemoryStore {
    fn knows(&self, attempt: Attempt) -> bool {
        !matches!(attempt, Attempt::Rename | Attempt::DeleteBatch | Attempt::DeleteForGood)
    }

    async fn carry_out(&self, key: &CanaryKey, order: &Order<'_>) -> Answer {
        let key = key.as_str();
        let (versioned, now) = {
            let state = self.lock_state();
            (state.versioned, state.time)
        };
        let lock = order.lock.cloned().unwrap_or(Lock::NONE);
        let soon = Some(now + SOON);
        match order.attempt {
            Attempt::CreateAgain | Attempt::PutOverMarker => {
                match self.put_new(key, order.bytes.clone()).await {
                    Ok(_) => Answer::Accepted("done".to_owned()),
                    Err(_) => refused("the key is taken"),
                }
            }
            Attempt::Overwrite if versioned => {
                self.insert(key, order.bytes.clone());
                Answer::Accepted("done".to_owned())
            }
            Attempt::Overwrite => {
                if matches!(self.find_lock(key), Some(lock) if holds(&lock, now, false)) {
                    return refused("locked");
                }
                self.insert(key, order.bytes.clone());
                Answer::Accepted("done".to_owned())
            }
            Attempt::Delete if versioned => {
                self.hide(key);
                Answer::Accepted("done".to_owned())
            }
            Attempt::Delete => self.delete(key, None, false),
            Attempt::LiftHold => self.relock(order, key, false, Lock { legal_hold: false, ..lock }),
            Attempt::Shorten => self.relock(order, key, false, Lock { until: soon, ..lock }),
            Attempt::ShortenBypassing => {
                self.relock(order, key, true, Lock { until: soon, ..lock })
            }
            Attempt::LowerMode => {
                self.relock(order, key, true, Lock { mode: LockMode::Governance, ..lock })
            }
            Attempt::RemoveRetention => self.relock(order, key, true, Lock::NONE),
            Attempt::DeleteVersion => self.delete(key, order.version, false),
            _ => self.delete(key, order.version, true),
        }
    }

    async fn clear(&self, key: &CanaryKey, version: Option<&str>) -> Answer {
        self.delete(key.as_str(), version, false)
    }
}
