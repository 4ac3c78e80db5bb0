//! Which source of the process reads which files: none is to be sealed by two.

use std::sync::{Arc, Mutex, PoisonError};

use crate::inode::FileKey;
use crate::names::{Family, overlap};

/// The directories that the sources' paths lead to, told to each other.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<Vec<Claim>>>);

#[derive(Debug)]
struct Claim {
    /// The source's name.
    who: String,
    /// Its disk: a source may open another one before it closes this.
    by: Arc<()>,
    folder: (FileKey, Family),
}

/// One source's part in it.
#[derive(Debug)]
pub(super) struct Claimant {
    claims: Claims,
    who: String,
    me: Arc<()>,
}

impl Claimant {
    pub(super) fn new(claims: Claims, who: &str) -> Self {
        Self { claims, who: who.to_owned(), me: Arc::new(()) }
    }

    /// Claims these, instead of what was claimed before.
    ///
    /// # Errors
    /// The name of the source that has one of them; nothing is claimed then.
    pub(super) fn claim(&self, wanted: Vec<(FileKey, Family)>) -> Result<(), String> {
        let mut claims = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|claim| !Arc::ptr_eq(&claim.by, &self.me));
        let taken = claims.iter().find(|claim| {
            let (key, family) = &claim.folder;
            let both = |w: &(FileKey, Family)| overlap((w.0, &w.1), (*key, family));
            claim.who != self.who && wanted.iter().any(both)
        });
        if let Some(taken) = taken {
            return Err(taken.who.clone());
        }
        let claim = |folder| Claim { who: self.who.clone(), by: Arc::clone(&self.me), folder };
        claims.extend(wanted.into_iter().map(claim));
        Ok(())
    }
}

impl Drop for Claimant {
    fn drop(&mut self) {
        // To claim nothing succeeds.
        self.claim(Vec::new()).ok();
    }
}
