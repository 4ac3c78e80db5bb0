//! An inode that was seen in the directory, and the descriptor that holds it.

use std::ffi::OsString;
use std::sync::Arc;

use crate::content::Content;
use crate::disk::{DiskFile, Entry, FileKey, FolderId};
use crate::names::{Age, Role};
use crate::scan::{Head, HeadScan};
use crate::types::FileId;
use crate::unpack::Unpack;

/// The key of a file that no listing showed: no file system gives out inode 0.
pub(crate) const NO_INODE: FileKey = FileKey { dev: 0, ino: 0 };

/// Whether somebody may still write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the live name.
    Live,
    /// It has, or had last, a backup's name: with one writer it is closed.
    Rotated,
    /// It had the live name and lost it without getting a backup's that we saw. The apiserver
    /// writes on, without an error, into a live file that was deleted.
    Deleted,
}

/// What is known of a carrier's content.
#[derive(Debug)]
pub(crate) enum State {
    /// Not identified yet.
    Unread,
    /// Identified; which account it belongs to is being found out.
    Identified(Head),
    /// An account reads from it.
    Active(FileId),
    /// It holds the same bytes as an account that reads from another carrier: a copy made by
    /// logrotate, or a compressed file whose plain one we still hold.
    Standby(FileId, Head),
    /// All of it is accounted for, or will never be readable.
    Consumed,
}

/// An open descriptor.
pub(crate) struct Held<F> {
    pub(crate) file: Arc<F>,
    pub(crate) content: Arc<Content<F>>,
    pub(crate) unpack: Option<Unpack<F>>,
    /// An account, and the furthest of its marks that the decoder found as it should be.
    pub(crate) passed: Option<(FileId, u64)>,
}

/// An inode seen in the directory.
pub(crate) struct Carrier<F> {
    /// Place in rotation order, among carriers and accounts.
    pub(crate) order: u64,
    pub(crate) name: OsString,
    pub(crate) role: Role,
    pub(crate) folder: FolderId,
    pub(crate) key: FileKey,
    /// As last seen; stored bytes.
    pub(crate) size: u64,
    pub(crate) links: u64,
    pub(crate) standing: Standing,
    /// In the last listing.
    pub(crate) listed: bool,
    /// Looks in a row whose listing didn't have it.
    pub(crate) misses: u8,
    /// A listing didn't have it, nor did we: under the same name it doesn't come back. Whatever
    /// comes there may have been given its inode.
    pub(crate) gone: bool,
    /// Since when nothing about it changed: neither size nor standing.
    pub(crate) since: u64,
    /// That was noticed in the look under way, or the last one: when it happened, isn't known yet.
    pub(crate) stirred: bool,
    /// The look that saw it get a backup's name, or saw it first.
    pub(crate) rotated: u64,
    /// Looks in a row that found the same size.
    pub(crate) calm: u32,
    pub(crate) held: Option<Held<F>>,
    pub(crate) state: State,
    pub(crate) scan: HeadScan,
    /// This look couldn't find out what it is.
    pub(crate) pending: bool,
    /// Bytes proved, while their account's carrier was there, to be the same as that one's.
    pub(crate) proved: Option<(FileId, u64)>,
    /// Bytes that the plain file had which this compressed one was made of, and which was gone
    /// before it could be opened.
    pub(crate) expected: u64,
    /// Its name was reported, and no listing ever showed anything in it.
    pub(crate) unseen: bool,
    /// It was reported that it was deleted under its live name.
    pub(crate) removed: bool,
    /// The listing that showed it first.
    pub(crate) listing: u64,
    /// The account that it was the first to bring, or that nothing else held when it came.
    pub(crate) account: Option<FileId>,
}

impl<F: DiskFile> Carrier<F> {
    pub(crate) fn new(entry: (Role, Entry), order: u64, now: u64, look: u64) -> Self {
        let (role, Entry { name, folder, key, size, .. }) = entry;
        Self {
            order,
            name,
            standing: if role.age == Age::Live { Standing::Live } else { Standing::Rotated },
            role,
            folder,
            key,
            size,
            links: 1,
            listed: true,
            misses: 0,
            gone: false,
            since: now,
            stirred: true,
            rotated: look,
            calm: 0,
            held: None,
            state: State::Unread,
            scan: HeadScan::new(),
            pending: false,
            proved: None,
            expected: 0,
            unseen: false,
            removed: false,
            listing: 0,
            account: None,
        }
    }

    /// A file of which only the name was reported.
    pub(crate) fn reported(
        (role, name): (Role, OsString),
        order: u64,
        now: u64,
        look: u64,
    ) -> Self {
        let folder = FolderId::default();
        let entry = Entry { name, folder, key: NO_INODE, size: 0, refusal: None };
        let mut carrier = Self::new((role, entry), order, now, look);
        carrier.listed = false;
        carrier.unseen = true;
        carrier
    }

    /// Something about it has changed.
    pub(crate) fn stir(&mut self, now: u64) {
        self.since = now;
        self.stirred = true;
        self.calm = 0;
    }

    /// Another look begins: what the last one noticed happened before this.
    pub(crate) fn settle_since(&mut self, now: u64) {
        // A look may take minutes on a disk that hangs. By its own beginning, what was renamed at
        // its end would count as long over, and be let go of before a late line came.
        if std::mem::take(&mut self.stirred) {
            self.since = now;
        }
    }

    pub(crate) fn hold(&mut self, file: F) {
        let file = Arc::new(file);
        let content = match self.role.codec {
            Some(codec) => Content::packed(codec, Arc::clone(&file)),
            None => Content::plain(Arc::clone(&file)),
        };
        self.held = Some(Held { file, content: Arc::new(content), unpack: None, passed: None });
    }

    pub(crate) fn packed(&self) -> bool {
        self.role.packed()
    }

    pub(crate) fn file(&self) -> Option<Arc<F>> {
        self.held.as_ref().map(|held| Arc::clone(&held.file))
    }

    /// The decoder, from the front if there is none.
    pub(crate) fn unpack(&mut self) -> Option<&mut Unpack<F>> {
        let codec = self.role.codec?;
        let held = self.held.as_mut()?;
        let file = &held.file;
        Some(held.unpack.get_or_insert_with(|| Unpack::new(codec, Arc::clone(file))))
    }

    /// Lets go of the decoder and its memory.
    pub(crate) fn rewind(&mut self) {
        if let Some(held) = &mut self.held {
            held.unpack = None;
            held.passed = None;
        }
    }

    /// Forgets what was found out about the content.
    pub(crate) fn reset(&mut self) {
        self.state = State::Unread;
        self.scan = HeadScan::new();
        self.proved = None;
        self.rewind();
    }

    /// All of it is accounted for: only its name and size are remembered.
    pub(crate) fn consume(&mut self) {
        self.state = State::Consumed;
        self.held = None;
        self.scan = HeadScan::new();
    }

    /// Whether all of it is proved to be a part of what `file`'s account takes or took.
    pub(crate) fn is_copy(&self, file: FileId) -> bool {
        // A compressed file's length isn't its size; it is proved whole or not at all.
        self.proved.is_some_and(|(of, length)| of == file && (self.packed() || length == self.size))
    }

    /// The file whose bytes it holds, if that is known.
    pub(crate) fn of(&self) -> Option<FileId> {
        match self.state {
            State::Active(file) | State::Standby(file, _) => Some(file),
            State::Unread | State::Identified(_) | State::Consumed => None,
        }
    }

    /// Whether nothing can free its bytes but closing the descriptor.
    pub(crate) fn unlinked(&self) -> bool {
        self.held.is_some() && self.links == 0
    }
}
