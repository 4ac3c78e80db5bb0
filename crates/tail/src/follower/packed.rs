//! Cutting takes from compressed files.

use std::io;
use std::sync::Arc;

use auditseal_format::FileId;

use super::Follower;
use crate::carriers::Carrier;
use crate::content::Content;
use crate::disk::Disk;
use crate::gap::GapReason;
use crate::types::Look;
use crate::unpack::{End, Skip};

impl<D: Disk> Follower<D> {
    pub(super) fn take_packed(
        &mut self,
        id: u64,
        file: FileId,
        left: &mut u64,
        look: &mut Look<D::File>,
    ) -> io::Result<()> {
        if self.accounts.get(&file).is_none_or(|account| account.is_final()) {
            return Ok(());
        }
        if *left == 0 {
            look.more = true;
            return Ok(());
        }
        if !self.stand(id, file, look)? {
            return Ok(());
        }
        let limit = usize::try_from(self.settings.limits.piece.min(*left)).unwrap_or(usize::MAX);
        let over = self.carriers.get(id).is_some_and(|carrier| self.over(carrier));
        let Some(unpack) = self.carriers.get_mut(id).and_then(Carrier::unpack) else {
            return Ok(());
        };
        unpack.fill(limit)?;
        let end = unpack.end().cloned();
        let rest = unpack.ahead().len();
        let last = rest <= limit && (end == Some(End::Whole) || (end.is_some() && over));
        let length = if last { rest } else { unpack.lines(limit) };
        let waits = rest <= limit && end.is_some() && !last;
        if length == 0 && !last {
            if waits {
                return self.wait_for_rest(id, file, look);
            }
            look.more = true;
            if look.takes.iter().any(|take| take.end > take.start) {
                *left = 0;
                return Ok(());
            }
            return self.take_long_line(id, file, left, over, look);
        }
        let ignored = unpack.ignored().filter(|_| last);
        let start = unpack.at();
        let bytes = unpack.take(length);
        let mark = (unpack.at(), unpack.anchor());
        let unterminated = length > 0 && unpack.last() != Some(b'\n');
        *left = left.saturating_sub(length as u64);
        if !last && !waits {
            look.more = true;
            // The next ones come when this one is done: each half read one holds a buffer.
            *left = 0;
        }
        let content = Arc::new(Content::memory(start, bytes));
        self.emit(file, mark, (last, unterminated), content, look);
        if last && let Some(carrier) = self.carriers.get_mut(id) {
            // Its decoder holds megabytes, and hundreds of files may wait to be sealed.
            carrier.rewind();
        }
        if last && end != Some(End::Whole) {
            self.gap(&file, (None, None), self.damage(id), look);
        } else if last {
            self.fall_short(id, file, look);
            if let Some((carrier, at)) = self.carriers.get(id).zip(ignored) {
                look.ignored.push((self.carriers.name(carrier), at));
            }
        }
        Ok(())
    }

    /// Why bytes are lost that can't be had of a compressed file.
    pub(super) fn damage(&self, id: u64) -> GapReason {
        self.carriers.get(id).map_or(GapReason::Undecodable, |carrier| carrier.role().damaged())
    }

    /// Brings the decoder to where the account stands, and proves that it is the same file.
    fn stand(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) -> io::Result<bool> {
        let Some(account) = self.accounts.get(&file) else { return Ok(false) };
        let (taken, anchor) = account.mark();
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(false) };
        if carrier.unpack().is_some_and(|unpack| unpack.at() > taken) {
            carrier.rewind();
        }
        let Some(unpack) = carrier.unpack() else { return Ok(false) };
        let skip = if unpack.at() == taken {
            Skip::Reached
        } else {
            unpack.skip_to(taken, &mut self.work)?
        };
        let here = unpack.anchor();
        let damaged = matches!(unpack.end(), Some(End::Damaged(_)));
        match skip {
            Skip::Reached if here == anchor => return Ok(true),
            Skip::Pending => look.more = true,
            Skip::Ended if damaged => return self.wait_for_rest(id, file, look).map(|()| false),
            _ => {
                look.more = true;
                self.detach(id, GapReason::Replaced, None);
            }
        }
        Ok(false)
    }

    /// The compressed file ends early. It may be about to grow; a plain copy of it is better.
    fn wait_for_rest(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) -> io::Result<()> {
        if self.promote(id, file, look)? {
            look.more = true;
            return Ok(());
        }
        let over = self.carriers.get(id).is_some_and(|carrier| self.over(carrier));
        if over {
            // It ends before what was taken of it once: nothing is left to take.
            self.detach(id, self.damage(id), None);
            look.more = true;
        }
        self.put_off(id);
        Ok(())
    }

    /// A line longer than the limit: its end is found without keeping it, and whoever packs it
    /// decodes it again.
    fn take_long_line(
        &mut self,
        id: u64,
        file: FileId,
        left: &mut u64,
        over: bool,
        look: &mut Look<D::File>,
    ) -> io::Result<()> {
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(()) };
        let Some(source) = carrier.file() else { return Ok(()) };
        let Some(unpack) = carrier.unpack() else { return Ok(()) };
        unpack.skip_line()?;
        let mark = (unpack.at(), unpack.anchor());
        let unterminated = unpack.last() != Some(b'\n');
        let damaged = matches!(unpack.end(), Some(End::Damaged(_)));
        if unterminated && damaged && !over {
            carrier.rewind();
            return self.wait_for_rest(id, file, look);
        }
        *left = 0;
        let content = Arc::new(Content::of(source, &carrier.role()));
        self.emit(file, mark, (unterminated, unterminated), content, look);
        if unterminated && damaged {
            self.gap(&file, (None, None), self.damage(id), look);
        } else if unterminated {
            self.fall_short(id, file, look);
        }
        Ok(())
    }
}
