//! An inode that was seen in a directory, and the descriptor that holds it.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use crate::content::Content;
use crate::disk::{DiskFile, Entry, FileKey, FolderId, Stat};
use crate::names::{Age, Role};
use crate::scan::{Head, HeadScan};
use crate::types::FileId;
use crate::unpack::{End, Unpack};

/// The key of a file that no listing showed: no file system gives out inode 0.
pub(crate) const NO_INODE: FileKey = FileKey { dev: 0, ino: 0 };

/// Whether somebody may still write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the live name, where the source's path leads now.
    Live,
    /// It has, or had last, a backup's name: with one writer it is closed.
    Rotated,
    /// It had the live name and lost it without getting a backup's that we saw, or the path leads
    /// elsewhere. The apiserver writes on, without an error, into a live file that was deleted.
    Deleted,
}

/// What is known of a carrier's content.
#[derive(Debug, Clone, Copy)]
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
}

impl State {
    /// The file whose bytes it holds, if that is known.
    pub(crate) fn file(self) -> Option<FileId> {
        match self {
            Self::Active(file) | Self::Standby(file, _) => Some(file),
            Self::Unread | Self::Identified(_) => None,
        }
    }
}

/// An open descriptor, and what is known of the bytes behind it. Apart from the carrier: of a
/// hundred thousand that wait to be opened, nothing of this is known.
struct Held<F> {
    file: Arc<F>,
    content: Arc<Content<F>>,
    unpack: Option<Unpack<F>>,
    /// An account, and the furthest of its marks that the decoder found as it should be.
    passed: Option<(FileId, u64)>,
    state: State,
    /// The search for its first line; `None` before it began.
    scan: Option<Box<HeadScan>>,
    /// Bytes proved, while their account's carrier was there, to be the same as that one's.
    proved: Option<(FileId, u64)>,
    /// The account that it was the first to bring, or that nothing else held when it came.
    brought: Option<FileId>,
}

/// An inode seen in a directory that isn't accounted for: what is, is a [`super::Done`].
///
/// Its name, key and whether it is held are [`super::Carriers`]' to change, which finds it by them.
pub(crate) struct Carrier<F> {
    /// Place in rotation order, among carriers and accounts.
    pub(super) order: u64,
    pub(super) folder: FolderId,
    pub(super) name: OsString,
    pub(super) role: Role,
    pub(super) key: FileKey,
    /// The last listing that showed it.
    pub(super) listed: u64,
    /// The listing that showed it first.
    pub(super) listing: u64,
    /// The look with a listing that saw it get a backup's name, or saw it first.
    pub(super) rotated: u64,
    /// Looks in a row whose listing didn't have it.
    pub(super) misses: u8,
    /// A listing didn't have it, nor did we: under the same name it doesn't come back. Whatever
    /// comes there may have been given its inode.
    pub(super) gone: bool,
    pub(super) standing: Standing,
    /// Its name was reported, and no listing ever showed anything in it.
    pub(super) unseen: bool,
    /// It was reported that it was deleted under its live name.
    pub(super) removed: bool,
    /// Its name was the first to be reported when it had lost the live one: another file may have
    /// got that.
    pub(super) guessed: bool,
    /// As last seen; stored bytes.
    size: u64,
    links: u64,
    /// Since when nothing about it changed: neither size nor standing.
    since: u64,
    /// That was noticed in the look under way, or the last one: when it happened, isn't known yet.
    stirred: bool,
    /// Looks in a row that found the same size.
    calm: u32,
    held: Option<Box<Held<F>>>,
    /// This look couldn't find out what it is.
    pending: bool,
    /// Bytes that the plain file had which this compressed one was made of, and which was gone
    /// before it could be opened.
    expected: u64,
}

impl<F: DiskFile> Carrier<F> {
    /// An entry that a listing showed, not opened yet.
    pub(super) fn listed(
        role: Role,
        entry: Entry,
        standing: Standing,
        order: u64,
        now: u64,
    ) -> Self {
        let Entry { name, folder, key, size, .. } = entry;
        Self {
            order,
            folder,
            name,
            role,
            key,
            listed: 0,
            listing: 0,
            rotated: 0,
            misses: 0,
            gone: false,
            standing,
            unseen: false,
            removed: false,
            guessed: false,
            size,
            links: 1,
            since: now,
            stirred: true,
            calm: 0,
            held: None,
            pending: false,
            expected: 0,
        }
    }

    /// Place in rotation order.
    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    pub(crate) fn key(&self) -> FileKey {
        self.key
    }

    pub(crate) fn folder(&self) -> FolderId {
        self.folder
    }

    /// Its base name now, or the last known.
    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(crate) fn role(&self) -> &Role {
        &self.role
    }

    pub(crate) fn age(&self) -> &Age {
        &self.role.age
    }

    /// Whether the file is compressed.
    pub(crate) fn packed(&self) -> bool {
        self.role.packed()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    pub(crate) fn is_live(&self) -> bool {
        self.standing == Standing::Live
    }

    /// The listing that showed it first.
    pub(crate) fn first_listing(&self) -> u64 {
        self.listing
    }

    /// Looks in a row whose listing didn't have it.
    pub(crate) fn misses(&self) -> u8 {
        self.misses
    }

    /// Whether its name was reported, and no listing ever showed anything in it.
    pub(crate) fn unseen(&self) -> bool {
        self.unseen
    }

    /// Whether its name was the first to be reported when it had lost the live one, and no more is
    /// known of it.
    pub(crate) fn guessed(&self) -> bool {
        self.guessed
    }

    /// Stored bytes, as last seen.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Its uncompressed size, where it can be known.
    pub(crate) fn known_size(&self) -> Option<u64> {
        (!self.packed() && !self.unseen).then_some(self.size)
    }

    /// Since when nothing about it changed.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Whether the look under way, or the last one, noticed that something about it changed.
    pub(crate) fn stirred(&self) -> bool {
        self.stirred
    }

    /// Looks in a row that found the same size.
    pub(crate) fn calm(&self) -> u32 {
        self.calm
    }

    pub(crate) fn state(&self) -> State {
        self.held.as_ref().map_or(State::Unread, |held| held.state)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether nothing can free its bytes but closing the descriptor.
    pub(crate) fn unlinked(&self) -> bool {
        self.held.is_some() && self.links == 0
    }

    /// Whether this look couldn't find out what it is.
    pub(crate) fn pending(&self) -> bool {
        self.pending
    }

    /// This look can't find out what it is; the next one tries again.
    pub(crate) fn put_off(&mut self) {
        self.pending = true;
    }

    /// Another look begins.
    pub(crate) fn begin_look(&mut self, now: u64) {
        self.pending = false;
        // A look may take minutes on a disk that hangs. By its own beginning, what was renamed at
        // its end would count as long over, and be let go of before a late line came.
        if std::mem::take(&mut self.stirred) {
            self.since = now;
        }
    }

    /// Something about it has changed.
    pub(super) fn stir(&mut self, now: u64) {
        self.since = now;
        self.stirred = true;
        self.calm = 0;
    }

    /// A listing shows its size, which matters while it isn't open.
    pub(super) fn show(&mut self, size: u64) {
        if self.held.is_none() {
            self.size = size;
        }
    }

    /// The descriptor tells what the file is like now. Returns the size known before.
    pub(crate) fn measure(&mut self, stat: Stat, now: u64) -> u64 {
        let before = self.size;
        self.links = stat.links;
        self.size = stat.size;
        if stat.size == before {
            self.calm = self.calm.saturating_add(1);
        } else {
            self.stir(now);
        }
        before
    }

    pub(super) fn hold(&mut self, file: F, links: u64) {
        let file = Arc::new(file);
        let content = Content::of(Arc::clone(&file), &self.role);
        self.links = links;
        self.held = Some(Box::new(Held {
            file,
            content: Arc::new(content),
            unpack: None,
            passed: None,
            state: State::Unread,
            scan: None,
            proved: None,
            brought: None,
        }));
    }

    /// The open file.
    pub(crate) fn file(&self) -> Option<Arc<F>> {
        self.held.as_ref().map(|held| Arc::clone(&held.file))
    }

    /// Its bytes, for whoever packs them.
    pub(crate) fn content(&self) -> Option<Arc<Content<F>>> {
        self.held.as_ref().map(|held| Arc::clone(&held.content))
    }

    /// The decoder, from the front if there is none.
    pub(crate) fn unpack(&mut self) -> Option<&mut Unpack<F>> {
        let codec = self.role.codec?;
        let held = self.held.as_mut()?;
        let file = &held.file;
        Some(held.unpack.get_or_insert_with(|| Unpack::new(codec, Arc::clone(file))))
    }

    /// Whether it is compressed and ends before its content does: whoever makes it isn't done, or
    /// died over it.
    pub(crate) fn is_unfinished(&self) -> bool {
        let unpack = self.held.as_ref().and_then(|held| held.unpack.as_ref());
        unpack.is_some_and(|unpack| matches!(unpack.end(), Some(End::Damaged(_))))
    }

    /// The furthest mark of `file`'s account that the decoder found as it should be.
    pub(crate) fn passed(&self, file: FileId) -> Option<u64> {
        let passed = self.held.as_ref().and_then(|held| held.passed);
        passed.filter(|(of, _)| *of == file).map(|(_, offset)| offset)
    }

    /// The decoder found `file`'s account's marks as they should be, up to here.
    pub(crate) fn pass(&mut self, file: FileId, offset: Option<u64>) {
        self.know(|held| held.passed = offset.map(|offset| (file, offset)));
    }

    /// Lets go of the decoder and its memory.
    pub(crate) fn rewind(&mut self) {
        self.know(|held| {
            held.unpack = None;
            held.passed = None;
        });
    }

    /// The search for the first line, which has come so far.
    pub(crate) fn scan(&self) -> Option<&HeadScan> {
        self.held.as_ref()?.scan.as_deref()
    }

    pub(crate) fn take_scan(&mut self) -> Box<HeadScan> {
        let begun = self.held.as_mut().and_then(|held| held.scan.take());
        begun.unwrap_or_else(|| Box::new(HeadScan::new()))
    }

    pub(crate) fn keep_scan(&mut self, scan: Box<HeadScan>) {
        self.know(|held| held.scan = Some(scan));
    }

    /// Its first line is found.
    pub(crate) fn identify(&mut self, head: Head) {
        self.know(|held| {
            held.state = State::Identified(head);
            held.scan = None;
        });
    }

    /// An account reads from it.
    pub(crate) fn activate(&mut self, file: FileId) {
        self.know(|held| {
            held.state = State::Active(file);
            held.brought = Some(file);
            held.scan = None;
        });
    }

    /// It waits beside the carrier that `file`'s account reads from.
    pub(crate) fn stand_by(&mut self, file: FileId, head: Head) {
        self.know(|held| held.state = State::Standby(file, head));
    }

    /// Forgets what was found out about the content.
    pub(crate) fn reset(&mut self) {
        self.know(|held| {
            held.state = State::Unread;
            held.scan = None;
            held.proved = None;
        });
        self.rewind();
    }

    /// Its bytes up to here are those that `file`'s account takes or took.
    pub(crate) fn prove(&mut self, file: FileId, length: u64) {
        self.know(|held| held.proved = Some((file, length)));
    }

    /// What was found out about the content: of a file that isn't open, nothing.
    fn know(&mut self, learn: impl FnOnce(&mut Held<F>)) {
        if let Some(held) = self.held.as_deref_mut() {
            learn(held);
        }
    }

    fn proof(&self) -> Option<(FileId, u64)> {
        self.held.as_ref()?.proved
    }

    /// Bytes proved to be the same as another carrier's.
    pub(crate) fn proved(&self) -> Option<u64> {
        self.proof().map(|(_, length)| length)
    }

    /// Whether some of it was proved to be a part of what `file`'s account takes or took.
    pub(crate) fn proved_of(&self, file: FileId) -> bool {
        self.proof().is_some_and(|(of, _)| of == file)
    }

    /// Whether all of it is proved to be a part of what `file`'s account takes or took.
    pub(crate) fn is_copy(&self, file: FileId) -> bool {
        // A compressed file's length isn't its size; it is proved whole or not at all.
        self.proof()
            .is_some_and(|(of, length)| of == file && (self.packed() || length == self.size))
    }

    /// The plain file that this compressed one was made of had so many bytes at least.
    pub(crate) fn expect(&mut self, size: u64) {
        self.expected = self.expected.max(size);
    }

    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// What was expected of it is settled.
    pub(crate) fn settle_expected(&mut self) -> u64 {
        std::mem::take(&mut self.expected)
    }

    /// It holds what `file`'s account has taken; a copy of what was held is no news.
    pub(crate) fn bring(&mut self, file: FileId) {
        self.know(|held| held.brought = held.proved.is_none().then_some(file));
    }

    /// The file that shows that this one was there before: see [`super::super::follower`].
    pub(crate) fn shows(&self) -> Option<FileId> {
        self.state().file().or_else(|| self.held.as_ref()?.brought)
    }
}
