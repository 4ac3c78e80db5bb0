//! Why nothing could be handed over.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::ledger::LedgerError;

/// Why nothing could be handed over.
#[derive(Debug)]
pub enum NotForwarded {
    /// The state directory can't be used.
    State(auditseal_spool::Error),
    /// A sink's state can't be used.
    Ledger(LedgerError),
    /// Two sinks have one name.
    SameName(String),
    /// Two sinks, by name, are one place at one system.
    SameTarget(String, String),
    /// Two sinks are one file.
    SameFile(PathBuf),
    /// A sink's file can't be used.
    File(PathBuf, io::Error),
    /// Another process writes a sink's file.
    Taken(PathBuf),
    /// It was to end before a disk had answered.
    Silent(String),
    /// The system has no thread for a sink.
    Thread(io::Error),
}

impl fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => write!(f, "{error}"),
            Self::Ledger(error) => write!(f, "{error}"),
            Self::SameName(name) => write!(f, "choose sinks: two of them are called {name}"),
            Self::SameTarget(one, other) => {
                write!(f, "choose sinks: {one} and {other} are one place")
            }
            Self::SameFile(path) => {
                write!(f, "choose sinks: two of them are the file {}", path.display())
            }
            Self::File(path, error) => write!(f, "open {}: {error}", path.display()),
            Self::Taken(path) => write!(f, "open {}: another process writes it", path.display()),
            Self::Silent(why) => f.write_str(why),
            Self::Thread(error) => write!(f, "start a thread for a sink: {error}"),
        }
    }
}

impl std::error::Error for NotForwarded {}

impl NotForwarded {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::State(_) => Some(
                "--forward-state is for one process at a time, in a folder that this user may write",
            ),
            Self::Ledger(error) => error.hint(),
            Self::SameName(_) => {
                Some("give each sink a name of its own: ?name=NAME behind its URL")
            }
            Self::SameTarget(..) => Some(
                "of two, whichever comes first would decide what is there: give each a prefix, a tenant or an address of its own",
            ),
            Self::SameFile(_) => Some("give each sink a file of its own"),
            Self::File(..) => Some("its folder must be there, and this user may write in it"),
            Self::Taken(_) => Some(
                "a sink's file is for one process at a time: end the other one, or name another file",
            ),
            Self::Silent(_) => {
                Some("nothing was handed over; look at the disk, and start it again")
            }
            Self::Thread(_) => Some("the system's limit of threads or of memory is reached"),
        }
    }
}
