//! All objects of a spool give way to others at once: where a chain goes on from what the store has.
//!
//! ```text
//!            add                      decide                        remove, rename
//!  objects ───────▶ objects, *.next ─────────▶ the file `exchange` ───────────────▶ objects
//!     ▲                    │                          │
//!     └────────────────────┘                          └─ a crash: the next open goes on
//!       a crash: the next open removes *.next
//! ```
//!
//! Until it is decided the spool is what it was, and afterwards it is the other one: no crash leaves
//! a mixture, and nothing that was sealed here leaves before what replaces it is durable.

use auditseal_format::ObjectKey;

use crate::spool::{FINALS, HOLD, HOLD_TEXT, Spool};
use crate::{Error, Final, failpoint, object_name};

/// Ends the names of what will take the places of others.
const NEXT: &str = ".next";
/// The exchange is decided: the objects go.
const DECIDED: &str = "exchange";
/// They are gone: the others get their names.
const RENAMING: &str = "exchange.renaming";
/// For whoever finds one of the two.
const TEXT: &str = "The objects here give way to these, at the next start at the latest:\n";

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
            drop(forget(self.spool));
        }
    }
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(spool: &'a mut Spool) -> Result<Self, Error> {
        spool.recover()?;
        forget(spool)?;
        Ok(Self { spool, names: Vec::new(), decided: false })
    }

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
        let next = format!("{name}{NEXT}");
        self.spool.write_whole(&next, |disk, name| disk.write(name, bytes))?;
        self.names.push(name);
        Ok(())
    }

    /// Puts what was added in the places of all objects, and adds `said` to the finals. Nothing of it
    /// may be sent at once: [`Spool::is_held`].
    ///
    /// # Errors
    /// [`Error`]; the spool is what it was or what it was to be: [`Spool::recover`] finds out.
    pub fn decide(mut self, said: &[Final]) -> Result<(), Error> {
        let spool = &mut *self.spool;
        let known = spool.read_finals()?;
        let all = known.into_iter().flatten().chain(said.iter().map(|known| Ok(known.clone())));
        spool.write_finals(&format!("{FINALS}{NEXT}"), all)?;
        spool.write_whole(&format!("{HOLD}{NEXT}"), |disk, name| disk.write(name, HOLD_TEXT))?;
        // The other file may be shorter.
        spool.forget_length()?;
        failpoint!("spool.exchange.before");
        self.decided = true;
        spool.interrupted = true;
        let text = format!("{TEXT}{}\n", self.names.join("\n"));
        spool.write_whole(DECIDED, |disk, name| disk.write(name, text.as_bytes()))?;
        failpoint!("spool.exchange.decided");
        finish(spool)
    }
}

/// Removes what was added for an exchange that wasn't decided.
fn forget(spool: &mut Spool) -> Result<(), Error> {
    for name in names(spool)?.iter().filter(|name| name.ends_with(NEXT)) {
        spool.remove(name)?;
    }
    Ok(())
}

/// Brings to an end what a crash left of an exchange, at an opening of the spool.
pub(crate) fn recover(spool: &mut Spool) -> Result<(), Error> {
    let decided = |name: &String| name == DECIDED || name == RENAMING;
    if names(spool)?.iter().any(decided) {
        spool.interrupted = true;
        return finish(spool);
    }
    // Best effort: whoever begins another exchange insists on it.
    drop(forget(spool));
    Ok(())
}

/// From wherever it is: each step may have been done before, in part or in full.
fn finish(spool: &mut Spool) -> Result<(), Error> {
    let found = names(spool)?;
    if found.iter().any(|name| name == DECIDED) {
        let expected = spool.text_of(DECIDED)?;
        let mut expected = expected.strip_prefix(TEXT).into_iter().flat_map(str::lines).peekable();
        let there = |name: &str| found.contains(&format!("{name}{NEXT}"));
        // Nothing was removed yet, and nothing is where what is to come isn't all there.
        if expected.peek().is_none() || !expected.all(there) {
            return Err(spool.corrupt(DECIDED, "what it names isn't all here"));
        }
        for name in &found {
            if object_name::parse(spool.origin(), name).is_some() {
                spool.remove(name)?;
            }
        }
        // Or a power cut might bring one back, under a name that another has by then.
        spool.sync_names()?;
        failpoint!("spool.exchange.removed");
        spool.rename(DECIDED, RENAMING)?;
        spool.sync_names()?;
    }
    for name in &found {
        if let Some(plain) = name.strip_suffix(NEXT) {
            spool.rename(name, plain)?;
        }
    }
    spool.sync_names()?;
    failpoint!("spool.exchange.renamed");
    spool.remove(RENAMING)?;
    spool.sync_names()?;
    spool.list()?;
    spool.interrupted = false;
    Ok(())
}

fn names(spool: &Spool) -> Result<Vec<String>, Error> {
    let mut names: Vec<_> = spool.files()?.into_iter().map(|(name, _)| name).collect();
    names.sort();
    Ok(names)
}
