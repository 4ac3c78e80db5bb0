//! The files of an exchange, by which the objects of a directory give way to others: what each crash
//! leaves is either what was or what was to be.
//!
//! ```text
//!            add                      decide                        remove, rename
//!  objects ───────▶ objects, *.next ─────────▶ the file `exchange` ───────────────▶ objects
//!     ▲                    │                          │
//!     └────────────────────┘                          └─ a crash: the next open goes on
//!       a crash: the next open removes *.next
//! ```

use auditseal_format::Origin;

use crate::folder::Folder;
use crate::{Error, failpoint, object_name};

/// Ends the names of what will take the places of others.
pub(crate) const NEXT: &str = ".next";
/// The exchange is decided: the objects go.
const DECIDED: &str = "exchange";
/// They are gone: the others get their names.
const RENAMING: &str = "exchange.renaming";
/// For whoever finds one of the two.
const TEXT: &str = "The objects here give way to these, at the next start at the latest:\n";

/// Removes what was added for an exchange that wasn't decided.
pub(crate) fn forget(folder: &mut Folder) -> Result<(), Error> {
    for name in folder.names()?.iter().filter(|name| name.ends_with(NEXT)) {
        folder.remove(name)?;
    }
    Ok(())
}

/// Decides that the objects of these names take the places of all that are there.
pub(crate) fn decide(folder: &mut Folder, names: &[String]) -> Result<(), Error> {
    failpoint!("spool.exchange.before");
    let text = format!("{TEXT}{}\n", names.join("\n"));
    folder.write_whole(DECIDED, |disk, name| disk.write(name, text.as_bytes()))?;
    failpoint!("spool.exchange.decided");
    Ok(())
}

/// Brings to an end what was decided; what wasn't is forgotten.
pub(crate) fn recover(folder: &mut Folder, origin: &Origin) -> Result<(), Error> {
    if folder.names()?.iter().any(|name| name == DECIDED || name == RENAMING) {
        return finish(folder, origin);
    }
    // Best effort: whoever begins another exchange insists on it.
    drop(forget(folder));
    Ok(())
}

/// From wherever it is: each step may have been done before, in part or in full.
fn finish(folder: &mut Folder, origin: &Origin) -> Result<(), Error> {
    let found = folder.names()?;
    if let Some(expected) = folder.text(DECIDED)? {
        let mut expected = expected.strip_prefix(TEXT).into_iter().flat_map(str::lines).peekable();
        let there = |name: &str| found.contains(&format!("{name}{NEXT}"));
        // Nothing was removed yet, and nothing is where what is to come isn't all there.
        if expected.peek().is_none() || !expected.all(there) {
            return Err(folder.corrupt(DECIDED, "what it names isn't all here"));
        }
        for name in found.iter().filter(|name| object_name::parse(origin, name).is_some()) {
            folder.remove(name)?;
        }
        // Or a power cut might bring one back, under a name that another has by then.
        folder.sync_names()?;
        failpoint!("spool.exchange.removed");
        folder.rename(DECIDED, RENAMING)?;
        folder.sync_names()?;
    }
    for name in &found {
        if let Some(plain) = name.strip_suffix(NEXT) {
            folder.rename(name, plain)?;
        }
    }
    folder.sync_names()?;
    failpoint!("spool.exchange.renamed");
    folder.remove(RENAMING)?;
    folder.sync_names()
}
