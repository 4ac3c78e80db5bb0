//! What has been taken of one source file.

use std::ffi::{OsStr, OsString};

use auditseal_format::{Anchor, FileId};

use crate::gap::GapReason;
use crate::scan::Head;
use crate::types::Known;

/// An offset and the anchor there.
pub(crate) type Mark = (u64, Anchor);

/// Marks of a file that is written to, kept to tell it from another that begins alike. When there
/// are more, every other one is forgotten, never the newest.
const MARKS: usize = 256;

/// A file that nothing on disk is known to hold any more.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) reason: GapReason,
    /// Byte after the last one known to have been there.
    pub(crate) end: Option<u64>,
    pub(crate) since: u64,
    /// Looks in a row that knew all that is on disk, and didn't find it.
    pub(crate) misses: u8,
}

/// Bytes the disk refuses.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) at: u64,
    pub(crate) since: u64,
    /// No attempt before this time.
    pub(crate) retry: u64,
}

/// The running account of one source file.
///
/// Whether it is begun, final, lost or has a place is [`super::Accounts`]' to keep an index of, so
/// it changes only through that.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(super) file: FileId,
    pub(super) name: OsString,
    /// Place in rotation order; `None` for a file of the history not seen on disk.
    pub(super) order: Option<u64>,
    /// End of what was handed out, and the anchor there.
    pub(super) taken: u64,
    pub(super) anchor: Anchor,
    /// What must still be found in the file for it to be the same one: at `taken`, or after the
    /// first line while nothing is taken (the anchor at 0 would fit any file).
    proof: Option<Mark>,
    /// After the first line.
    head: Option<Mark>,
    pub(super) committed: u64,
    /// Where it was final, each time, and where copies of it ended.
    pub(super) ends: Vec<Mark>,
    /// Where takes ended, as far as this run remembers.
    marks: Vec<Mark>,
    pub(super) begun: bool,
    pub(super) final_: bool,
    /// When it became final.
    pub(super) final_since: u64,
    /// Its place among the files of the history that were final.
    pub(super) turn: usize,
    /// The carrier it reads from.
    pub(super) carrier: Option<u64>,
    pub(super) lost: Option<Lost>,
    /// No `\n` between `taken` and here.
    clean: u64,
    /// The file was cut here, above `taken`: what is before is still good, what was after is lost.
    cut: Option<u64>,
    trouble: Option<Trouble>,
    /// Why bytes are lost of which the gap is still to come, behind the file's end: it was truncated
    /// and goes on in a copy.
    owes: Option<GapReason>,
}

impl Account {
    /// A file of which nothing was taken.
    pub(super) fn new(file: FileId, name: OsString, empty: Anchor) -> Self {
        Self {
            file,
            name,
            order: None,
            taken: 0,
            anchor: empty,
            proof: None,
            head: None,
            committed: 0,
            ends: Vec::new(),
            marks: Vec::new(),
            begun: false,
            final_: false,
            final_since: 0,
            turn: 0,
            carrier: None,
            lost: None,
            clean: 0,
            cut: None,
            trouble: None,
            owes: None,
        }
    }

    /// A file the notes know.
    pub(super) fn known(known: Known) -> Self {
        let Known { file, offset, anchor, name } = known;
        Self {
            taken: offset,
            committed: offset,
            clean: offset,
            proof: Some((offset, anchor)),
            begun: true,
            ..Self::new(file, name, anchor)
        }
    }

    /// Its base name now, or the last known.
    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Place in rotation order; `None` for a file of the history not seen on disk.
    pub(crate) fn order(&self) -> Option<u64> {
        self.order
    }

    /// End of what was handed out.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// That, and the anchor there.
    pub(crate) fn mark(&self) -> Mark {
        (self.taken, self.anchor)
    }

    /// What must still be found in the file for it to be the same one.
    pub(crate) fn proof(&self) -> Option<Mark> {
        self.proof
    }

    /// End of the first line, and the anchor there.
    pub(crate) fn head(&self) -> Option<Mark> {
        self.head
    }

    /// Where takes ended, as far as it is remembered: at each of these a copy of the file must have
    /// the same bytes.
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Whether something of it was handed out, or is archived.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(crate) fn is_final(&self) -> bool {
        self.final_
    }

    pub(crate) fn final_since(&self) -> u64 {
        self.final_since
    }

    /// Whether notes account for all that was handed out.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed >= self.taken
    }

    /// The carrier it reads from.
    pub(crate) fn carrier(&self) -> Option<u64> {
        self.carrier
    }

    pub(crate) fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    pub(crate) fn lost_mut(&mut self) -> Option<&mut Lost> {
        self.lost.as_mut()
    }

    /// No `\n` stands between what was taken and here.
    pub(crate) fn clean(&self) -> u64 {
        self.clean
    }

    /// No `\n` stands before this.
    pub(crate) fn clean_up_to(&mut self, offset: u64) {
        self.clean = offset;
    }

    /// Where the file was cut, above what was taken.
    pub(crate) fn cut(&self) -> Option<u64> {
        self.cut
    }

    /// The file is shorter than it was: what is before is still good.
    pub(crate) fn cut_at(&mut self, size: u64) {
        self.cut = Some(self.cut.map_or(size, |cut| cut.min(size)));
        self.clean = self.clean.min(size);
    }

    /// Whether all that was left of a file that was cut is taken. What is written there from now on
    /// follows as a late append does.
    pub(crate) fn end_cut(&mut self) -> bool {
        let over = self.cut == Some(self.taken);
        self.cut.take_if(|_| over);
        over
    }

    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// From `at` on it can't be read for now.
    pub(crate) fn refuse(&mut self, at: u64, now: u64, retry: u64) {
        let since = self.trouble.as_ref().map_or(now, |trouble| trouble.since);
        self.trouble = Some(Trouble { at, since, retry });
    }

    /// No attempt to read what was refused is made any more.
    pub(crate) fn give_up(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    /// Why bytes are lost of which the gap is still to come.
    pub(crate) fn settle_debt(&mut self) -> Option<GapReason> {
        self.owes.take()
    }

    /// Whether a gap is still to come behind the file's end.
    pub(super) fn owes(&self) -> bool {
        self.owes.is_some()
    }

    pub(crate) fn rename(&mut self, name: &OsStr) {
        name.clone_into(&mut self.name);
    }

    /// Its place, unless it has one.
    pub(crate) fn place(&mut self, order: u64) {
        self.order.get_or_insert(order);
    }

    /// It reads from this carrier from now on; `whole`: the carrier has nothing new.
    pub(crate) fn attach(&mut self, carrier: u64, head: Head, whole: bool, now: u64) {
        self.carrier = Some(carrier);
        let lost = self.lost.take().map(|lost| lost.reason);
        self.owes = self.owes.or(lost.filter(|reason| *reason == GapReason::Truncated));
        self.cut = None;
        self.final_ &= whole;
        self.final_since = now;
        self.head = Some((head.end, head.anchor));
        self.stand_at(self.mark());
    }

    /// It reads from no carrier any more.
    pub(crate) fn detach(&mut self) {
        self.carrier = None;
    }

    /// Sets how far it is taken.
    pub(crate) fn stand_at(&mut self, (offset, anchor): Mark) {
        // They could be read after all. Should others behind them be refused, those are waited for
        // from then on, and not given up at once.
        self.trouble.take_if(|trouble| trouble.at < offset);
        self.taken = offset;
        self.anchor = anchor;
        self.clean = offset;
        self.proof = match self.head {
            Some(head) if offset < head.0 => Some(head),
            _ => Some((offset, anchor)),
        };
    }

    /// Bytes up to here were handed out.
    pub(crate) fn take(&mut self, mark: Mark, final_: bool, now: u64) {
        self.begun = true;
        self.stand_at(mark);
        if self.marks.len() >= MARKS {
            let mut even = true;
            self.marks.retain(|_| {
                even = !even;
                even
            });
        }
        self.marks.push(mark);
        self.final_ = false;
        if final_ {
            self.finish(now);
        }
    }

    /// A copy that ends at this mark was let go of: should it be met again under another name, or where
    /// the path leads again, it holds nothing that wasn't taken.
    pub(crate) fn was_copied(&mut self, mark: Option<Mark>) {
        let news = mark.filter(|mark| mark.0 <= self.taken && !self.ends.contains(mark));
        if self.ends.len() < MARKS {
            self.ends.extend(news);
        }
    }

    /// It ends here, for now.
    fn finish(&mut self, now: u64) {
        self.final_ = true;
        self.final_since = now;
        if !self.ends.contains(&self.mark()) {
            self.ends.push(self.mark());
        }
    }

    /// Nothing on disk holds it any more.
    pub(crate) fn lose(&mut self, reason: GapReason, end: Option<u64>, now: u64) {
        self.carrier = None;
        self.lost = Some(Lost { reason, end, since: now, misses: 0 });
        self.final_ = false;
        self.cut = None;
    }

    /// A gap covers what is lost of it.
    pub(crate) fn own_up(&mut self) {
        self.lost = None;
        self.owes = None;
    }

    /// Notes account for it up to here.
    pub(crate) fn commit(&mut self, offset: u64) {
        self.committed = self.committed.max(offset.min(self.taken));
    }
}
