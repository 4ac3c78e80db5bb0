//! An inode that was seen in a directory, and the descriptor that holds it.

use std::sync::Arc;

use auditseal_decompress::Codec;
use auditseal_format::{Anchor, FileId};

use super::held::Held;
use super::sight::Sight;
use super::state::{Standing, State};
use crate::content::Content;
use crate::disk::{DiskFile, Stat};
use crate::inode::{FileKey, FolderId};
use crate::label::Label;
use crate::names::{Age, Role};
use crate::scan::{Head, HeadScan};
use crate::unpack::{End, Unpack};

/// The key of a file that no listing showed: no file system gives out inode 0.
pub(crate) const NO_INODE: FileKey = FileKey { dev: 0, ino: 0 };

/// What few carriers have.
struct More<F> {
    held: Option<Held<F>>,
    /// Bytes that the plain file had which this compressed one was made of, and which was gone
    /// before it could be opened.
    expected: u64,
    /// Only another file, which isn't known yet, can tell whether it holds anything new.
    untold: bool,
}

/// What is to be expected of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Something isn't accounted for.
    Open(Standing),
    /// All is accounted for, or will never be readable.
    Done,
    /// The same, and it was there before: something of it is archived.
    Archived,
}

/// What listings say of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The last one had it.
    Now,
    /// The one before had it, and the last one didn't.
    Last,
    /// Neither had it.
    Before,
    /// One didn't have it, nor did we: under the same name it doesn't come back. Whatever comes
    /// there may have been given its inode.
    Gone,
}

/// An inode that a directory showed, or whose name was reported. As small as can be: a directory may
/// hold a hundred thousand that wait to be opened, or are accounted for.
///
/// Its place, label, key and whether it is held are [`super::Carriers`]' to change, which finds it
/// by them.
pub(crate) struct Carrier<F> {
    /// Place in rotation order, among carriers and accounts.
    order: u64,
    key: FileKey,
    label: Label,
    /// The listing that showed it first.
    listing: u64,
    /// As last seen; stored bytes.
    size: u64,
    /// Since when nothing about it changed: neither size nor standing.
    since: u64,
    more: Option<Box<More<F>>>,
    folder: FolderId,
    /// The look with a listing that saw it get a backup's name, or saw it first: the low digits are
    /// compared with the last look's.
    rotated: u32,
    phase: Phase,
    shown: Shown,
    /// How its bytes are read: settled when it was seen first, whatever it is called later.
    codec: Option<Codec>,
    /// Looks in a row whose listing didn't have it.
    misses: u8,
    /// Its name was reported, and no listing ever showed anything in it.
    unseen: bool,
    /// It had the live name and lost it, and no report will tell to which other one.
    removed: bool,
    /// That something changed was noticed in the look under way, or the last one: when it happened,
    /// isn't known yet.
    stirred: bool,
    /// This look couldn't find out what it is.
    pending: bool,
}

impl<F> Carrier<F> {
    /// What was seen first in this listing, the look under way being the other number.
    pub(super) fn new(
        sight: Sight,
        standing: Standing,
        order: u64,
        (listing, look): (u64, u64),
        now: u64,
    ) -> Self {
        let Sight { label, folder, key, size } = sight;
        let codec = label.role().and_then(|role| role.codec);
        Self {
            order,
            key,
            label,
            listing,
            size,
            since: now,
            more: None,
            folder,
            rotated: look as u32,
            phase: Phase::Open(standing),
            shown: Shown::Before,
            codec,
            misses: 0,
            unseen: false,
            removed: false,
            stirred: true,
            pending: false,
        }
    }

    /// The same, which was reported, and shown by no listing.
    pub(super) fn reported(self) -> Self {
        Self { unseen: true, ..self }
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
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// What its name means, but for how its bytes are read.
    pub(crate) fn role(&self) -> Role {
        Role { age: self.age(), codec: self.codec }
    }

    pub(crate) fn age(&self) -> Age {
        // No name that means nothing becomes a carrier's.
        self.label.role().map_or(Age::Live, |role| role.age)
    }

    /// Whether the file is compressed.
    pub(crate) fn packed(&self) -> bool {
        self.codec.is_some()
    }

    /// Whether all of it is accounted for.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.phase, Phase::Open(_))
    }

    /// Whether it is accounted for, and something of it is archived.
    pub(super) fn is_begun(&self) -> bool {
        self.phase == Phase::Archived
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.phase {
            Phase::Open(standing) => standing,
            _ if self.age() == Age::Live => Standing::Live,
            _ => Standing::Rotated,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.standing() == Standing::Live
    }

    /// The listing that showed it first.
    pub(crate) fn first_listing(&self) -> u64 {
        self.listing
    }

    /// Whether the last listing showed it.
    pub(crate) fn is_listed(&self) -> bool {
        self.shown == Shown::Now
    }

    /// Whether it got its name in this look or in the one before.
    pub(super) fn is_recent(&self, look: u64) -> bool {
        (look as u32).wrapping_sub(self.rotated) <= 1
    }

    /// Whether the last listing is the first that didn't show it.
    pub(super) fn has_vanished(&self) -> bool {
        self.shown == Shown::Last
    }

    /// Whether a listing didn't have it, nor did we.
    pub(super) fn is_gone(&self) -> bool {
        self.shown == Shown::Gone
    }

    /// Whether it had the live name and lost it, and no report will tell to which other one.
    pub(super) fn is_removed(&self) -> bool {
        self.removed
    }

    /// Looks in a row whose listing didn't have it.
    pub(crate) fn misses(&self) -> u8 {
        self.misses
    }

    /// Whether its name was reported, and no listing ever showed anything in it.
    pub(crate) fn unseen(&self) -> bool {
        self.unseen
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

    /// Whether this look couldn't find out what it is.
    pub(crate) fn pending(&self) -> bool {
        self.pending
    }

    /// This look can't find out what it is; the next one tries again.
    pub(crate) fn put_off(&mut self) {
        self.pending = true;
    }

    /// Whether only another file, which isn't known yet, can tell whether it holds anything new.
    pub(crate) fn is_untold(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.untold)
    }

    /// Whether it is opened behind all others, which may tell of it. What is written now waits for none.
    pub(crate) fn comes_last(&self) -> bool {
        self.is_untold() && !self.is_live()
    }

    /// That is so of a file that was open, or isn't any more.
    pub(crate) fn set_untold(&mut self, untold: bool) {
        if let Some(more) = &mut self.more {
            more.untold = untold;
        }
    }

    /// It is closed, to be opened again.
    pub(super) fn set_aside(&mut self) {
        if let Some(more) = &mut self.more {
            more.held = None;
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held().is_some()
    }

    fn held(&self) -> Option<&Held<F>> {
        self.more.as_ref()?.held.as_ref()
    }

    fn held_mut(&mut self) -> Option<&mut Held<F>> {
        self.more.as_mut()?.held.as_mut()
    }

    /// What was found out by the descriptor: of a file that isn't open, nothing.
    fn know(&mut self, learn: impl FnOnce(&mut Held<F>)) {
        if let Some(held) = self.held_mut() {
            learn(held);
        }
    }

    fn more(&mut self) -> &mut More<F> {
        self.more.get_or_insert_with(|| Box::new(More { held: None, expected: 0, untold: false }))
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
    fn stir(&mut self, now: u64) {
        self.since = now;
        self.stirred = true;
        self.know(|held| held.calm = 0);
    }

    /// Another listing begins.
    pub(super) fn begin_listing(&mut self) {
        self.shown = match self.shown {
            Shown::Now => Shown::Last,
            Shown::Last | Shown::Before if self.is_held() => Shown::Before,
            _ => Shown::Gone,
        };
    }

    /// The listing shows it, with this size. Returns whether the one before did, too.
    pub(super) fn list(&mut self, size: u64) -> bool {
        let before = std::mem::replace(&mut self.shown, Shown::Now);
        if !self.is_done() {
            self.misses = 0;
            // An open file tells its size itself.
            self.size = if self.is_held() { self.size } else { size };
        }
        matches!(before, Shown::Now | Shown::Last)
    }

    /// Its standing is another one, as of this look.
    pub(super) fn set_standing(&mut self, standing: Standing, look: u64, now: u64) {
        if !self.is_done() && self.standing() != standing {
            self.phase = Phase::Open(standing);
            self.stir(now);
            self.rotated = look as u32;
        }
    }

    /// A look's last listing didn't show it: it is missing once more, and a live file that has lost
    /// its name is deleted.
    pub(super) fn miss(&mut self, now: u64) {
        if !self.is_held() {
            self.misses = self.misses.saturating_add(1);
        } else if self.phase == Phase::Open(Standing::Live) {
            self.phase = Phase::Open(Standing::Deleted);
            self.stir(now);
        }
    }

    /// It was renamed to a backup's name before it vanished.
    pub(super) fn rotate_away(&mut self, now: u64) {
        self.phase = Phase::Open(Standing::Rotated);
        self.stir(now);
    }

    /// It has this name now, in this directory; of one that is accounted for that is all there is to
    /// learn in this look.
    pub(super) fn set_label(&mut self, folder: FolderId, label: Label, look: u64) {
        self.folder = folder;
        self.label = label;
        if self.is_done() {
            self.rotated = look as u32;
        }
    }

    /// It had the live name and lost it, and no report will tell to which other one.
    pub(super) fn set_removed(&mut self) {
        self.removed = true;
    }

    /// It was written to after it was listed: see [`super::Carriers::set_unseen`].
    pub(super) fn set_unseen(&mut self) {
        self.unseen = !self.is_held() && self.size == 0;
    }

    /// All of it is accounted for: only its name and size are remembered.
    pub(super) fn finish(&mut self, begun: bool) {
        self.phase = if begun { Phase::Archived } else { Phase::Done };
        self.more = None;
    }
}

impl<F: DiskFile> Carrier<F> {
    /// Looks in a row that found the same size.
    pub(crate) fn calm(&self) -> u32 {
        self.held().map_or(0, |held| held.calm)
    }

    pub(crate) fn state(&self) -> State {
        self.held().map_or(State::Unread, |held| held.state)
    }

    /// Whether nothing can free its bytes but closing the descriptor.
    pub(crate) fn unlinked(&self) -> bool {
        self.held().is_some_and(|held| held.links == 0)
    }

    /// The descriptor tells what the file is like now. Returns the size known before.
    pub(crate) fn measure(&mut self, stat: Stat, now: u64) -> u64 {
        let before = self.size;
        self.size = stat.size;
        self.know(|held| {
            held.links = stat.links;
            held.calm = held.calm.saturating_add(1);
        });
        if stat.size != before {
            self.stir(now);
        }
        before
    }

    pub(super) fn hold(&mut self, file: F, links: u64) {
        let file = Arc::new(file);
        let content = Content::of(Arc::clone(&file), &self.role());
        self.more().held = Some(Held::new(file, content, links));
    }

    /// The open file.
    pub(crate) fn file(&self) -> Option<Arc<F>> {
        self.held().map(|held| Arc::clone(&held.file))
    }

    /// Its bytes, for whoever packs them.
    pub(crate) fn content(&self) -> Option<Arc<Content<F>>> {
        self.held().map(|held| Arc::clone(&held.content))
    }

    /// The decoder, from the front if there is none.
    pub(crate) fn unpack(&mut self) -> Option<&mut Unpack<F>> {
        let codec = self.codec?;
        let held = self.held_mut()?;
        let file = &held.file;
        Some(held.unpack.get_or_insert_with(|| Unpack::new(codec, Arc::clone(file))))
    }

    /// Whether it is compressed and ends before its content does: whoever makes it isn't done, or
    /// died over it.
    pub(crate) fn is_unfinished(&self) -> bool {
        let unpack = self.held().and_then(|held| held.unpack.as_ref());
        unpack.is_some_and(|unpack| matches!(unpack.end(), Some(End::Damaged(_))))
    }

    /// The furthest mark of `file`'s account that the decoder found as it should be.
    pub(crate) fn passed(&self, file: FileId) -> Option<u64> {
        let passed = self.held().and_then(|held| held.passed);
        passed.filter(|(of, _)| *of == file).map(|(_, offset)| offset)
    }

    /// The decoder found `file`'s account's marks as they should be, up to here.
    pub(crate) fn pass(&mut self, file: FileId, offset: Option<u64>) {
        self.know(|held| held.passed = offset.map(|offset| (file, offset)));
    }

    /// Lets go of the decoder and its memory.
    pub(crate) fn rewind(&mut self) {
        self.know(Held::rewind);
    }

    /// Its decoded bytes are being compared with this carrier's.
    pub(crate) fn compare(&mut self, other: Option<u64>) {
        self.know(|held| held.compared = other);
    }

    /// Whether that comparison is under way.
    pub(crate) fn compares(&self, other: Option<u64>) -> bool {
        other.is_some() && self.held().is_some_and(|held| held.compared == other)
    }

    /// Its bytes aren't this carrier's: they needn't be decoded for that again.
    pub(crate) fn differ(&mut self, other: Option<u64>) {
        self.know(|held| {
            held.unlike.extend(other);
            held.compared = None;
        });
    }

    /// Whether its bytes are known not to be this carrier's.
    pub(crate) fn differs(&self, other: Option<u64>) -> bool {
        let unlike = |held: &Held<F>| other.is_some_and(|other| held.unlike.contains(&other));
        self.held().is_some_and(unlike)
    }

    /// The search for the first line, which has come so far.
    pub(crate) fn scan(&self) -> Option<&HeadScan> {
        self.held()?.scan.as_deref()
    }

    pub(crate) fn take_scan(&mut self) -> Box<HeadScan> {
        let begun = self.held_mut().and_then(|held| held.scan.take());
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
            held.unlike.clear();
        });
        self.set_untold(false);
        self.rewind();
    }

    /// Its bytes up to here are those that `file`'s account takes or took.
    pub(crate) fn prove(&mut self, file: FileId, length: u64, anchor: Option<Anchor>) {
        self.know(|held| held.proved = Some((file, length, anchor)));
    }

    fn proof(&self) -> Option<(FileId, u64)> {
        self.held()?.proved.map(|(file, length, _)| (file, length))
    }

    /// The end of what was proved to be the same as another carrier's, and the anchor there.
    pub(crate) fn proof_end(&self) -> Option<(u64, Anchor)> {
        let (_, length, anchor) = self.held()?.proved?;
        Some((length, anchor?))
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
        let more = self.more();
        more.expected = more.expected.max(size);
    }

    pub(crate) fn expected(&self) -> u64 {
        self.more.as_ref().map_or(0, |more| more.expected)
    }

    /// What was expected of it is settled.
    pub(crate) fn settle_expected(&mut self) -> u64 {
        self.more.as_mut().map_or(0, |more| std::mem::take(&mut more.expected))
    }

    /// It holds what `file`'s account has taken; a copy of what was held is no news.
    pub(crate) fn bring(&mut self, file: FileId) {
        self.know(|held| held.brought = held.proved.is_none().then_some(file));
    }

    /// The file that shows that this one was there before: see [`super::super::follower`].
    pub(crate) fn shows(&self) -> Option<FileId> {
        self.state().file().or_else(|| self.held()?.brought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_is_small() {
        assert!(size_of::<Carrier<()>>() <= 88, "{}", size_of::<Carrier<()>>());
        assert_eq!(size_of::<Carrier<()>>(), size_of::<Option<Carrier<()>>>());
    }
}
