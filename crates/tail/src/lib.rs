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
pub use beginning::{Beginning, Length};
pub use content::{Content, ReadError};
pub use disk::{Disk, DiskFile, Entry, FileKey, Folder, FolderId, Listing, Refusal, Room, Stat};
pub use follower::Follower;
pub use names::{Family, FamilyError, overlap};
pub use throttle::Throttle;
pub use types::{
    Anchor, Backlog, Cursor, FINALS_KEPT, FileId, Gap, GapReason, History, Known, Left, Limits,
    Look, Mode, Notice, Notices, Problem, Settings, Take,
};
pub use watcher::{Reports, Wake, Watcher};
