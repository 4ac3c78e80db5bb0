//! Whose files are read.
//!
//! auditseal reads with root's rights what lies in a directory where others may put names. Who has
//! no right to read a file mustn't get it archived by giving it a log's name. A symbolic link is
//! such a name, and never followed. A hard link is another: the file then has two names. So a file
//! with one name is one that was made here, or moved here by who might as well have deleted it; and
//! of a file with several names it is asked who could have given it this one.

use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::{FileType, Stat};
use rustix::process::geteuid;

use crate::disk::Refusal;

/// Permission to write for the group or for all. An access list with a further user or group that
/// may write shows here, too: as the group's.
const SHARED: u32 = 0o022;

/// Users whose files are read though they have several names, and whose links are followed. Clones
/// share them: what is told to one holds for all, from the next look on.
#[derive(Debug, Clone, Default)]
pub struct Owners(Arc<RwLock<Vec<u32>>>);

impl<const N: usize> From<[u32; N]> for Owners {
    fn from(accepted: [u32; N]) -> Self {
        Self::from(&accepted[..])
    }
}

impl From<&[u32]> for Owners {
    fn from(accepted: &[u32]) -> Self {
        Self(Arc::new(RwLock::new(accepted.to_vec())))
    }
}

impl Owners {
    /// Accepts these users, and no others any more. What is open already stays open.
    pub fn replace(&self, accepted: &[u32]) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = accepted.to_vec();
    }

    fn accept(&self, user: u32) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }

    /// Whether the file `found` in `folder` may not be read; `live` is the owner of the live file
    /// there.
    pub(super) fn refuse(
        &self,
        found: &Stat,
        folder: &Stat,
        live: impl FnOnce() -> Option<u32>,
    ) -> Option<Refusal> {
        if let Some(kind) = refuse_kind(found.st_mode) {
            return Some(kind);
        }
        let (count, owner) = (links(found), found.st_uid);
        if count <= 1 || self.accept(owner) {
            return None;
        }
        // Only the directory's owner and root can have given it this name, and either may: the one
        // his own file, root any.
        let alone = folder.st_mode & SHARED == 0;
        let lent = owner == folder.st_uid
            || (folder.st_uid == 0 && live().is_some_and(|live| live == owner));
        (!alone || !lent).then_some(Refusal::Names { count, owner })
    }

    /// Why a symbolic link in the live file's place isn't followed. Only root's, our own user's and
    /// accepted users' are: anybody else's could lead to what its maker may not read.
    pub(super) fn refuse_link(&self, link: &Stat, folder: &Stat) -> Option<Refusal> {
        let owner = link.st_uid;
        if self.accept(owner) {
            return None;
        }
        if owner != 0 && owner != geteuid().as_raw() {
            return Some(Refusal::Owner(owner));
        }
        // Links, too, can be given a second name.
        let lent = links(link) > 1 && (folder.st_mode & SHARED != 0 || folder.st_uid != owner);
        lent.then(|| Refusal::Names { count: links(link), owner })
    }
}

/// Why what has this mode is no file to be read; `None`: it is a regular one.
pub(super) fn refuse_kind(mode: u32) -> Option<Refusal> {
    Some(match FileType::from_raw_mode(mode) {
        FileType::RegularFile => return None,
        FileType::Symlink => Refusal::Link,
        FileType::Directory => Refusal::Directory,
        FileType::Fifo => Refusal::Special("FIFO"),
        FileType::Socket => Refusal::Special("socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Refusal::Special("device"),
        FileType::Unknown => Refusal::Unknown,
    })
}

/// How many names a file has.
#[allow(clippy::unnecessary_cast, reason = "it is a u32 on some machines")]
fn links(found: &Stat) -> u64 {
    found.st_nlink as u64
}
