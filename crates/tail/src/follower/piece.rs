//! Whether a file that is shorter than what was taken of another one, and begins alike, is a piece of
//! that: a copy made while the other was written to.
//!
//! Notes say where what was taken ends, and nothing of what stands before: only a file that holds all
//! of it can tell. In which order the two are met, and whether that is the run which took it, doesn't
//! matter: the shorter one waits until every file is known that may be the longer one, and that one is
//! asked wherever it lies, though nothing more is expected of it.

use std::io;
use std::sync::Arc;

use auditseal_format::{Anchor, FileId};

use super::{Follower, proves};
use crate::accounts::Mark;
use crate::carriers::{Carrier, Seen, State};
use crate::content::{Content, ReadError};
use crate::disk::{Disk, DiskFile};
use crate::scan::{Head, STEP, Tail, anchor_at};
use crate::types::Look;

/// What is known of whether a file is a piece of what was taken of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// It is, and ends there.
    Whole(u64, Anchor),
    /// It is another file.
    Not,
    /// Nothing that is known holds what was taken.
    Untold,
    /// Not known in this look.
    Pending,
}

/// A carrier and a compressed file, of which it may be a piece, compared as far as this: what a look's
/// work doesn't suffice for, the next ones do. One at a time, for a decoder takes megabytes: both have their
/// own here, and let go of it when it is known.
pub(super) struct Comparison<F> {
    id: u64,
    file: FileId,
    mine: Content<F>,
    theirs: Content<F>,
    /// Where the shorter one ended when this was begun: what it has grown by since is compared with nothing.
    end: Mark,
    at: u64,
    tail: Tail,
    /// The look that came so far.
    look: u64,
}

impl<D: Disk> Follower<D> {
    /// Whether the carrier, which is shorter than what was taken of `file`, is a piece of that.
    pub(super) fn piece(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Piece> {
        let Some(taken) = self.accounts.mark(&file) else { return Ok(Piece::Untold) };
        let Some((length, anchor)) = self.extent(id)? else { return Ok(Piece::Untold) };
        let Some(carrier) = self.carriers.get(id) else { return Ok(Piece::Pending) };
        // Every file may begin with the same line: of a live one that has no more, it tells nothing.
        if length >= taken.0 || (carrier.is_live() && length <= head.end) {
            return Ok(Piece::Untold);
        }
        let Some(witness) = self.witness(id, &file) else { return Ok(Piece::Untold) };
        if witness.role.packed() {
            return self.piece_of_packed(id, (file, taken), (length, anchor), witness, look);
        }
        // Nor is what is shorter read for that: should it be cut, nobody would know that it held anything.
        if witness.size < taken.0 {
            return Ok(Piece::Untold);
        }
        let Some(source) = self.opened(witness) else { return Ok(Piece::Untold) };
        if !proves(&*source, Some(taken))? {
            return Ok(Piece::Untold);
        }
        let same = anchor_at(&*source, length)? == Some(anchor);
        Ok(if same { Piece::Whole(length, anchor) } else { Piece::Not })
    }

    /// Where the carrier ends, and the anchor there; `None`: that isn't known.
    fn extent(&mut self, id: u64) -> io::Result<Option<Mark>> {
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(None) };
        if !carrier.packed() {
            let (size, source) = (carrier.size(), carrier.file());
            let anchor = source.map(|source| anchor_at(&*source, size)).transpose()?.flatten();
            return Ok(anchor.map(|anchor| (size, anchor)));
        }
        let unpack = carrier.unpack();
        let ended = unpack.filter(|unpack| unpack.end().is_some() && unpack.ahead().is_empty());
        Ok(ended.map(|unpack| (unpack.at(), unpack.anchor())))
    }

    /// All that was taken of `file` is in this carrier, as far as is known.
    pub(super) fn held_by(&mut self, id: u64, file: FileId) {
        let renamed = |carrier: &Carrier<D::File>| carrier.packed() && !carrier.age().is_unique();
        if self.carriers.get(id).is_some_and(renamed) {
            self.holders.insert(file, id);
        } else {
            self.holders.remove(&file);
        }
    }

    /// The file that `file`'s account was last known to be. It may be done, and have been closed.
    fn witness(&self, id: u64, file: &FileId) -> Option<Seen> {
        let role = self.accounts.brief(file)?.role()?;
        let known = |seen: &Seen| seen.id != id && seen.listed;
        // It may have been compressed, or decompressed, since.
        let named = |folder| {
            let all = self.carriers.of_age(folder, role.age).filter(known);
            all.min_by_key(|seen| seen.role.packed() != role.packed())
        };
        let held = self.holders.get(file).and_then(|held| self.carriers.seen(*held)).filter(known);
        held.or_else(|| named(self.carriers.folder_of(role.age)?))
    }

    /// The same, open. What can't be opened tells nothing.
    fn opened(&mut self, witness: Seen) -> Option<Arc<D::File>> {
        if let Some(held) = self.carriers.get(witness.id).and_then(Carrier::file) {
            return Some(held);
        }
        let name = self.carriers.name_of(witness.id)?;
        Some(Arc::new(self.disk.open(witness.folder, &name).ok()?))
    }

    /// Compares the carrier's bytes with a compressed file's as they are decoded, and finds out on the
    /// way whether that one holds what was taken.
    fn piece_of_packed(
        &mut self,
        id: u64,
        (file, taken): (FileId, Mark),
        end: Mark,
        witness: Seen,
        look: &mut Look<D::File>,
    ) -> io::Result<Piece> {
        let Some(carrier) = self.carriers.get(id) else { return Ok(Piece::Pending) };
        let (Some(mine), role, live) = (carrier.file(), carrier.role(), carrier.is_live()) else {
            return Ok(Piece::Pending);
        };
        let mut comparison = match self.comparison.take() {
            Some(begun) if (begun.id, begun.file, begun.end) == (id, file, end) => begun,
            // Written to meanwhile: it is read. Its first lines may be archived twice then, and nothing is lost.
            Some(begun) if (begun.id, begun.file) == (id, file) && live => return Ok(Piece::Not),
            Some(begun)
                if (begun.id, begun.file) != (id, file)
                    && begun.look + 1 >= self.looks
                    && self.is_wanted(begun.id) =>
            {
                // The one that is begun is ended first.
                self.comparison = Some(begun);
                look.more = true;
                return Ok(Piece::Pending);
            }
            _ => {
                let Some(theirs) = self.opened(witness) else { return Ok(Piece::Untold) };
                let (mine, theirs) = (Content::of(mine, &role), Content::of(theirs, &witness.role));
                Comparison { id, file, mine, theirs, end, at: 0, tail: Tail::default(), look: 0 }
            }
        };
        let same = comparison.go_on(taken, &mut self.work)?;
        Ok(match same {
            Some(true) => Piece::Whole(end.0, end.1),
            // A line that is written now isn't kept waiting until that is sure.
            Some(false) if live => Piece::Not,
            // Whether it is the one that was taken would be known at its end.
            Some(false) => Piece::Untold,
            None => {
                look.more = true;
                self.comparison = Some(Comparison { look: self.looks, ..comparison });
                Piece::Pending
            }
        })
    }

    /// Whether a comparison is under way.
    pub(super) fn is_comparing(&self) -> bool {
        self.comparison.as_ref().is_some_and(|begun| begun.look == self.looks)
    }

    /// Lets go of the files and decoders of a comparison whose carrier is known otherwise by now, or gone.
    pub(super) fn end_comparing(&mut self) {
        if self.comparison.as_ref().is_some_and(|begun| !self.is_wanted(begun.id)) {
            self.comparison = None;
        }
    }

    fn is_wanted(&self, id: u64) -> bool {
        let state = self.carriers.get(id).map(Carrier::state);
        matches!(state, Some(State::Identified(_)))
    }

    /// Whether a file that isn't known yet may hold all that was taken of one that the carrier begins
    /// like, up to this offset.
    pub(super) fn may_be_told(&self, id: u64, taken: u64) -> bool {
        let Some(mine) = self.carriers.get(id) else { return false };
        let holds = |c: &Carrier<D::File>| match c.packed() {
            true => c.size() > 0,
            false => c.size() >= taken,
        };
        // What this look couldn't find out, the next one may; what stays so isn't waited for.
        let patient = self.is_exhausted()
            || (!self.draining() && self.now - mine.since() < self.settings.linger);
        let comes = |c: &Carrier<D::File>| holds(c) && !c.is_untold() && (!c.pending() || patient);
        let unknown = |c: &Carrier<D::File>| {
            comes(c) && matches!(c.state(), State::Unread | State::Identified(_))
        };
        let held = self.carriers.held(unknown).into_iter().any(|other| other != id);
        // What is written now doesn't wait for others to be opened.
        let waiting = || self.carriers.waiting().filter_map(|other| self.carriers.get(other));
        held || (!mine.is_live() && waiting().any(comes))
    }
}

impl<F: DiskFile> Comparison<F> {
    /// Goes on, decoding about `work` bytes at most.
    fn go_on(&mut self, (taken, anchor): Mark, work: &mut u64) -> io::Result<Option<bool>> {
        let (mut theirs, mut here) = (vec![0; STEP], vec![0; STEP]);
        let (length, _) = self.end;
        while self.at < taken {
            if *work == 0 {
                return Ok(None);
            }
            let until = if self.at < length { length } else { taken };
            let most = usize::try_from(until - self.at).unwrap_or(STEP).min(STEP);
            let read = read(&self.theirs, self.at, &mut theirs[..most])?;
            if read == 0 {
                return Ok(Some(false));
            }
            *work = work.saturating_sub(read as u64);
            let mut compared = if self.at < length { 0 } else { read };
            while compared < read {
                let at = self.at + compared as u64;
                let more = self::read(&self.mine, at, &mut here[compared..read])?;
                if more == 0 {
                    return Ok(Some(false));
                }
                compared += more;
            }
            if self.at < length && theirs[..read] != here[..read] {
                return Ok(Some(false));
            }
            self.tail.push(&theirs[..read]);
            self.at += read as u64;
        }
        Ok(Some(self.tail.anchor() == anchor))
    }
}

/// Reads at an offset. What is damaged ends there.
fn read<F: DiskFile>(content: &Content<F>, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    match content.read_at(offset, buf) {
        Ok(read) => Ok(read),
        Err(ReadError::Damaged(_)) => Ok(0),
        Err(ReadError::Io(error)) => Err(error),
    }
}
