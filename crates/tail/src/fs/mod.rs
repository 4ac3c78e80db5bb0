//! The real disk: what a source's path means now, and the directories that it leads to.
//!
//! The path is the operator's; whatever lies in the directories may be anybody's. So the path is
//! asked again with every listing, links and all, while nothing below is ever reached through a
//! link: entries are looked at and opened by the directory's descriptor.

mod claims;
mod disk;
mod file;
mod folder;
mod named;
mod others;
mod owners;
mod path;

pub use claims::Claims;
pub use disk::{PathState, SourceDisk, Trouble};
pub use file::{Manners, OpenFile};
pub(crate) use folder::DirFd;
pub use named::{open_beside, open_live, open_named};
pub use others::OtherLogs;
pub use owners::Owners;
pub use path::{FindError, LogPath};

/// How much is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Directories that the path once led to and that aren't read to their end. While there are
    /// more, the path isn't followed to yet another one: none is ever given up for the next.
    pub former_folders: usize,
    /// Symbolic links from the path to the file.
    pub links: usize,
    /// Reports of a watch kept until somebody asks for them; beyond, it is only told that there
    /// were more. The kernel's own queue holds fewer (16,384) unless told otherwise.
    pub notices: usize,
    /// Reports read from the kernel in a row: only who makes events faster than they are read comes
    /// this far.
    pub drain: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // The kernel, too, follows forty links.
        Self { former_folders: 8, links: 40, notices: 65_536, drain: 65_536 }
    }
}
