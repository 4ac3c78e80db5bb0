//! Follows a rotated audit log, and loses nothing of it without saying so.
//!
//! [`Follower`] decides which bytes of which file come next; it is pure. [`fs::SourceDisk`] is
//! the real disk, [`Watcher`] tells when to look. Who packs a [`Take`] reads its bytes through
//! [`Content`], once.

mod accounts;
mod age;
mod beginning;
mod carriers;
mod content;
mod disk;
mod follower;
pub mod fs;
mod gap;
mod inode;
mod label;
mod names;
mod queue;
mod related;
mod scan;
mod shelf;
mod sorted;
mod stamp;
mod stored;
mod throttle;
mod types;
mod unpack;
mod watcher;

pub use auditseal_decompress::{Codec, Damage, DamageKind};
pub use auditseal_format::{Anchor, FileId};
pub use beginning::{Beginning, Length};
pub use content::{Content, ReadError};
pub use disk::{Disk, DiskFile, Entry, Folder, Listing, Refusal, Room, Stat};
pub use follower::Follower;
pub use gap::{Gap, GapReason};
pub use inode::{FileKey, FolderId};
pub use names::{Family, FamilyError, overlap};
pub use throttle::Throttle;
pub use types::{
    Backlog, Cursor, FINALS_KEPT, History, Known, Left, Limits, Look, Mode, Notice, Notices,
    Problem, Settings, Take,
};
pub use watcher::{Reports, Wake, Watcher};
