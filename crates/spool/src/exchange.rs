//! All objects of a spool give way to others at once: where a chain goes on from what the store has.
//!
//! Until it is decided the spool is what it was, and afterwards it is the other one: no crash leaves
//! a mixture, and nothing that was sealed here leaves before what replaces it is durable
//! (`turnover.rs`).

use auditseal_format::ObjectKey;

use crate::{Error, Final, Spool, object_name};

/// What a spool will hold, while it is being written. Dropped, it leaves the spool as it was.
#[derive(Debug)]
pub struct Exchange<'a> {
    spool: &'a mut Spool,
    /// The names that what was added will have.
    names: Vec<String>,
    /// From here on only the disk says whether it was.
    decided: bool,
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.decided {
            // Best effort: on a full disk their room is wanted.
            drop(self.spool.forget_next());
        }
    }
}

impl Spool {
    /// Begins to write what will take the place of all objects.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn exchange(&mut self) -> Result<Exchange<'_>, Error> {
        self.recover()?;
        self.forget_next()?;
        Ok(Exchange { spool: self, names: Vec::new(), decided: false })
    }
}

impl Exchange<'_> {
    /// What the spool holds as yet.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        self.spool
    }

    /// Adds an object, durably.
    ///
    /// # Errors
    /// [`Error::Io`]; the object isn't added, and may be added again.
    pub fn add(&mut self, key: &ObjectKey, bytes: &[u8]) -> Result<(), Error> {
        let name = object_name::write(key);
        self.spool.write_next(&name, bytes)?;
        self.names.push(name);
        Ok(())
    }

    /// Puts what was added in the places of all objects, and adds `said` to the finals. Nothing of it
    /// may be sent at once: [`Spool::is_held`].
    ///
    /// # Errors
    /// [`Error`]; the spool is what it was or what it was to be: [`Spool::recover`] finds out.
    pub fn decide(mut self, said: &[Final]) -> Result<(), Error> {
        self.spool.prepare_next(said)?;
        self.decided = true;
        self.spool.give_way(&self.names)
    }
}
