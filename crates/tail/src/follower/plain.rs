//! Cutting takes from plain files.

use std::io;

use auditseal_format::{Anchor, FileId};

use super::{Follower, proves};
use crate::accounts::Account;
use crate::carriers::{Carrier, Standing};
use crate::disk::{Disk, DiskFile};
use crate::gap::GapReason;
use crate::scan::{ANCHOR, LineEnd, anchor_at, first_line_end, last_line_end};
use crate::types::Look;

/// Behind bytes that can't be read, this many places are tried before the rest is given up.
const RESUMES: u64 = 256;
/// Bytes that were refused are tried again after this time, milliseconds.
const RETRY: u64 = 5_000;

/// What of a plain file can be taken.
struct Cut {
    end: u64,
    unterminated: bool,
    final_: bool,
}

impl<D: Disk> Follower<D> {
    pub(super) fn take_plain(
        &mut self,
        id: u64,
        file: FileId,
        left: &mut u64,
        look: &mut Look<D::File>,
    ) -> io::Result<()> {
        let Some(account) = self.accounts.get(&file) else { return Ok(()) };
        if let Some(trouble) = account.trouble().cloned() {
            let error = io::Error::other(format!("bytes from {} can't be read", trouble.at));
            self.problem(id, "read", error, look);
            if self.now - trouble.since >= self.settings.linger {
                return self.give_up(id, file, look);
            }
        }
        let Some(carrier) = self.carriers.get(id) else { return Ok(()) };
        let Some(source) = carrier.file() else { return Ok(()) };
        let content = carrier.content();
        let (size, more) = (carrier.size(), look.more);
        let cut = match self.cut(id, file, &*source, left, look) {
            Ok(cut) => cut,
            Err(error) => {
                // What is before the bad bytes can be taken meanwhile.
                self.refused(file, &*source, size);
                look.more = true;
                return Err(error);
            }
        };
        let Some(cut) = cut else { return Ok(()) };
        let Some(account) = self.accounts.get(&file) else { return Ok(()) };
        let blocks = || self.carriers.get(id).is_some_and(|carrier| self.blocks(carrier));
        if !cut.final_ && !account.is_begun() && self.is_full() && !blocks() {
            // Once others are over it may be begun. What is final at once isn't kept waiting: it may
            // hold the descriptor that one of those needs.
            look.more = more;
            return Ok(());
        }
        let (taken, proof) = (account.taken(), account.proof());
        let Some(anchor) = anchor_at(&*source, cut.end)? else {
            // Shorter than a moment ago: the next look finds out.
            look.more = true;
            return Ok(());
        };
        // Asked last. Had the file been truncated and written anew before the reads above, the
        // cut would be one of the new file's, and bytes of it would pass for the old one's.
        if !proves(&*source, proof)? {
            look.more = true;
            self.detach(id, GapReason::Truncated, None);
            return Ok(());
        }
        *left = left.saturating_sub(cut.end - taken);
        let Some(content) = content else { return Ok(()) };
        self.emit(file, (cut.end, anchor), (cut.final_, cut.unterminated), content, look);
        self.end_of_cut(file, look);
        Ok(())
    }

    /// Finds the end of the next take; `None`: there is nothing to take now.
    fn cut(
        &mut self,
        id: u64,
        file: FileId,
        source: &D::File,
        budget: &mut u64,
        look: &mut Look<D::File>,
    ) -> io::Result<Option<Cut>> {
        let left = *budget;
        let (Some(carrier), Some(account)) = (self.carriers.get(id), self.accounts.get(&file))
        else {
            return Ok(None);
        };
        let cut_at = account.cut().map_or(carrier.size(), |cut| cut.min(carrier.size()));
        let bad = account.trouble().filter(|trouble| self.now < trouble.retry);
        let size = bad.map_or(cut_at, |trouble| trouble.at.clamp(account.taken(), cut_at));
        let taken = account.taken();
        if account.is_final() && size == taken {
            return Ok(None);
        }
        let mut end = taken;
        if size > taken {
            if left == 0 {
                look.more = true;
                return Ok(None);
            }
            match self.line_end(source, (taken, account.clean(), size), left)? {
                LineEnd::At(at) => end = at,
                LineEnd::None => {
                    self.accounts.change(&file, |account| account.clean_up_to(size));
                }
                LineEnd::Unfinished(at) => {
                    self.accounts.change(&file, |account| account.clean_up_to(at));
                    look.more = true;
                    return Ok(None);
                }
                LineEnd::Hole(at) => {
                    look.more = true;
                    return Ok(Some(Cut { end: at, unterminated: true, final_: false }));
                }
                LineEnd::Short => {
                    look.more = true;
                    return Ok(None);
                }
            }
        }
        // One long line may exceed the limit; it may not do so on top of other takes.
        let crowded = |end: u64| end - taken > left && look.takes.iter().any(|t| t.end > t.start);
        let rest_has_lines = end > taken && end < size && size - taken > left;
        if crowded(end) || rest_has_lines {
            look.more = true;
        }
        if crowded(end) {
            // Nor may younger files overtake it.
            *budget = 0;
            return Ok(None);
        }
        if rest_has_lines || size < cut_at {
            let cut = Cut { end, unterminated: false, final_: false };
            return Ok((end > taken).then_some(cut));
        }
        if crowded(size) {
            // The rest is no whole line, and too much for this look if it is due.
            if self.carriers.get(id).is_some_and(|carrier| self.tail_due(carrier)) {
                look.more = true;
                *budget = 0;
            }
            let cut = Cut { end, unterminated: false, final_: false };
            return Ok((end > taken).then_some(cut));
        }
        self.finish_cut(id, file, source, end, size, look)
    }

    /// The end of the last line within `left` bytes of `taken`; of the first line, if that is
    /// longer. A large hole is a take of its own, whatever stands on both sides of it.
    fn line_end(
        &mut self,
        source: &D::File,
        (taken, clean, size): (u64, u64, u64),
        left: u64,
    ) -> io::Result<LineEnd> {
        let hole = self.settings.limits.hole;
        let data = source.data_after(taken)?.min(size);
        if data - taken >= hole {
            return Ok(LineEnd::Hole(data));
        }
        let near = size.min(taken.saturating_add(left));
        let clean = clean.max(taken);
        match last_line_end(source, clean.min(near), near)? {
            LineEnd::None => first_line_end(source, clean.max(near), size, hole, &mut self.work),
            found => Ok(found),
        }
    }

    /// Remembers from where on a file can't be read, and since when.
    fn refused(&mut self, file: FileId, source: &D::File, size: u64) {
        let now = self.now;
        let Some(account) = self.accounts.get(&file) else { return };
        let at = readable_until(source, account.taken(), size);
        self.accounts.change(&file, |account| account.refuse(at, now, now + RETRY));
    }

    /// No `\n` stands between `end` and the file's end: is it over, and is its rest due?
    fn finish_cut(
        &self,
        id: u64,
        file: FileId,
        source: &D::File,
        mut end: u64,
        size: u64,
        look: &mut Look<D::File>,
    ) -> io::Result<Option<Cut>> {
        let (Some(carrier), Some(account)) = (self.carriers.get(id), self.accounts.get(&file))
        else {
            return Ok(None);
        };
        let cut_short = account.cut() == Some(size);
        let over = self.over(carrier) || cut_short;
        let mut unterminated = false;
        if end < size {
            if self.tail_due(carrier) || cut_short {
                end = size;
                unterminated = true;
            } else if self.draining() {
                look.more = true;
            }
        }
        let mut final_ = false;
        if end == size {
            final_ = over || (self.closed(carrier) && ends_with_newline(source, end)?);
            // A first line that never ended is the file's identity as far as it goes: should it
            // grow, it would be another file's.
            final_ |= unterminated && account.head().is_some_and(|head| head.0 == end);
        }
        Ok((end > account.taken() || final_).then_some(Cut { end, unterminated, final_ }))
    }

    /// Whether its only writer has closed it.
    fn closed(&self, carrier: &Carrier<D::File>) -> bool {
        carrier.standing() == Standing::Rotated
    }

    /// All that was left of a file that was cut short is taken: the rest is lost. What is written
    /// there from now on follows as a late append does.
    fn end_of_cut(&mut self, file: FileId, look: &mut Look<D::File>) {
        if self.accounts.change(&file, Account::end_cut) == Some(true) {
            self.gap(&file, (None, None), GapReason::Truncated, look);
        }
    }

    /// Bytes could not be read for as long as we wait: what is before them is taken, they are a
    /// gap, and reading goes on behind them where it can.
    fn give_up(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) -> io::Result<()> {
        let Some(carrier) = self.carriers.get(id) else { return Ok(()) };
        let Some((source, content)) = carrier.file().zip(carrier.content()) else { return Ok(()) };
        let size = carrier.size();
        let Some(trouble) = self.accounts.change(&file, Account::give_up).flatten() else {
            return Ok(());
        };
        let Some((taken, anchor)) = self.accounts.mark(&file) else { return Ok(()) };
        let good = trouble.at.clamp(taken, size);
        let mark = match anchor_at(&*source, good) {
            Ok(Some(anchor)) => (good, anchor),
            // Not even the bytes before can be read any more.
            _ => (taken, anchor),
        };
        let resume = resume_after(&*source, mark.0, size);
        let newline = mark.0 == taken || ends_with_newline(&*source, mark.0).unwrap_or(false);
        if mark.0 > taken || resume.is_none() {
            self.emit(file, mark, (resume.is_none(), !newline), content, look);
        }
        self.gap(&file, resume.unzip(), GapReason::Unreadable, look);
        match resume {
            Some(mark) => {
                self.accounts.change(&file, |account| account.stand_at(mark));
            }
            None => {
                self.accounts.change(&file, Account::detach);
                self.consume(id);
            }
        }
        look.more = true;
        Ok(())
    }
}

/// How far a file can be read.
fn readable_until<F: DiskFile>(source: &F, from: u64, size: u64) -> u64 {
    let mut piece = [0; ANCHOR];
    let mut at = from;
    while at < size {
        match source.read_at(at, &mut piece) {
            Ok(0) => break,
            Ok(read) => at += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    at.min(size)
}

fn ends_with_newline<F: DiskFile>(source: &F, end: u64) -> io::Result<bool> {
    let mut last = [0];
    Ok(end == 0 || (crate::scan::read_full(source, end - 1, &mut last)? == 1 && last == *b"\n"))
}

/// The first place behind `bad` before which an anchor's bytes can be read.
fn resume_after<F: DiskFile>(source: &F, bad: u64, size: u64) -> Option<(u64, Anchor)> {
    let page = ANCHOR as u64;
    (1..=RESUMES)
        .map(|n| (bad / page + n + 1) * page)
        .take_while(|offset| *offset < size)
        .chain([size])
        .filter(|offset| *offset > bad)
        .find_map(|offset| Some((offset, anchor_at(source, offset).ok()??)))
}
