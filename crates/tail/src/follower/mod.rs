//! The follower: which bytes of which file come next.
//!
//! Pure: the disk is a trait, time is an argument. Three things are kept apart, and each has one
//! home. [`Carriers`] is what lies in the directories: every inode seen, and the descriptors that
//! hold some of them. [`Accounts`] is what has been taken of each source file, what is final and
//! what is lost: an account outlives its carriers, and moves from the live file to its compressed
//! copy and from one run to the next. [`Watch`] is what was reported of the directory, and when
//! nobody looked.
//!
//! The disk changes between any two calls, so everything read is proved *afterwards*: a
//! truncation can't be undone, hence an anchor that still matches after a read says that the read
//! was of the file it was meant for. Whatever can't be proved is left for the next look.
//!
//! The order of a look's phases matters:
//!
//! 1. `refresh`: list, tell known files from new ones, open them; compare with what was reported.
//! 2. `inspect`: ask each open file whether it still has the bytes that were taken of it.
//! 3. `identify`: find each new file's first line, and by it the account that it belongs to.
//! 4. `settle_turns`, `settle_unseen`: did a live file come and go that nobody saw; is a file of
//!    before the time without reports still there? A gap that stands before new files is handed out
//!    before anything of them is.
//! 5. `take`: hand out what can be taken, in rotation order.
//! 6. `settle`: files that nothing on disk holds any more become gaps, behind their takes.
//! 7. `release`: close what nothing more is expected of.

mod asking;
mod assign;
mod compare;
mod identify;
mod inspect;
mod likeness;
mod packed;
mod piece;
mod plain;
mod refresh;
mod release;
mod retention;
mod settle;
mod shown;
mod take;
mod turns;
mod vanished;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

use auditseal_format::{Anchor, FileId};

use crate::accounts::Accounts;
use crate::carriers::{Carrier, Carriers, Standing, State};
use crate::disk::{Disk, DiskFile};
use crate::gap::{Gap, GapReason};
use crate::names::Family;
use crate::types::{Backlog, Cursor, History, Left, Look, Mode, Problem, Settings};
use refresh::Directory;
use watch::{Watch, Watched};

/// Follows one source: tells the ranges to take, in rotation order, exactly once each.
pub struct Follower<D: Disk> {
    family: Family,
    disk: D,
    settings: Settings,
    carriers: Carriers<D::File>,
    accounts: Accounts,
    watch: Watch,
    turns: turns::Turns,
    directory: Directory,
    retention: retention::Retention,
    now: u64,
    /// Looks so far.
    looks: u64,
    /// Bytes that may still be decoded in this look.
    work: u64,
    /// A comparison that a look's work didn't suffice for.
    comparison: Option<piece::Comparison<D::File>>,
    asking: asking::Asking,
    /// The compressed carriers that hold all of what was taken, of files whose names are given again:
    /// renamed when nothing more is expected of them, they aren't opened again.
    holders: BTreeMap<FileId, u64>,
    /// Accounts from which on those that nobody will ask for are forgotten.
    prune_above: usize,
}

impl<D: Disk> std::fmt::Debug for Follower<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("family", &self.family)
            .field("carriers", &self.carriers.len())
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}

impl<D: Disk> Follower<D> {
    /// A follower of `family` in the directories of `disk`, which continues where `history` ends.
    #[must_use]
    pub fn new(family: Family, disk: D, history: History, settings: Settings) -> Self {
        let prune_above = 2 * settings.limits.finals;
        let mut watch = Watch::default();
        if !history.finals.is_empty() || !history.cursors.is_empty() {
            // Nobody reported what happened since the notes were written.
            watch.blinded(0, 0, Watched::default());
        }
        Self {
            accounts: Accounts::of(history, family.clone()),
            family,
            disk,
            settings,
            carriers: Carriers::new(),
            watch,
            turns: turns::Turns::default(),
            directory: Directory::default(),
            retention: retention::Retention::default(),
            now: 0,
            looks: 0,
            work: 0,
            comparison: None,
            asking: asking::Asking::default(),
            holders: BTreeMap::new(),
            prune_above,
        }
    }

    /// One look: lists, opens, identifies, and returns what to take, at most about `limit` source
    /// bytes. A single line longer than that is taken whole.
    ///
    /// `now` is monotonic, in milliseconds. Look as often as the directory changes, and with a
    /// limit of 0 when nothing can be taken in: new files are opened in any case, so that deleting
    /// them doesn't lose them.
    pub fn look(&mut self, now: u64, limit: u64) -> Look<D::File> {
        let mut look = Look::default();
        self.start(now);
        self.refresh(&mut look);
        self.inspect(&mut look);
        self.identify(&mut look);
        self.settle_turns(&mut look);
        self.settle_unseen(&mut look);
        self.take(limit, &mut look);
        self.settle(&mut look);
        self.release(&mut look);
        look.left = self.left(&look);
        look
    }

    /// Tells that notes account for `file` up to `offset`: its descriptor may be closed when it is
    /// final and this is its end.
    pub fn committed(&mut self, file: &FileId, offset: u64) {
        // What is finished is committed already.
        if self.accounts.get(file).is_some() {
            self.accounts.change(file, |account| account.commit(offset));
            self.accounts.close(file);
        }
    }

    /// The cursors as of the takes handed out so far: each file begun and not final.
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        self.accounts.cursors()
    }

    /// What is known and not taken.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let unread = self.carriers.unread();
        let mut backlog = Backlog {
            bytes: unread.bytes,
            gzip_bytes: unread.packed,
            files: unread.files,
            unlinked_bytes: self.unlinked_bytes(),
            until_loss: self.until_loss(),
            open: self.carriers.held_count(),
            waiting: self.carriers.waiting_count(),
            refused: self.directory.refused(),
            absent: self.directory.absent_since().map(|since| self.now - since),
            ..Backlog::default()
        };
        for carrier in self.carriers.all_held() {
            let bytes = self.left_of(carrier);
            if bytes > 0 {
                *(if carrier.packed() { &mut backlog.gzip_bytes } else { &mut backlog.bytes }) +=
                    bytes;
                backlog.files += 1;
                backlog.oldest.get_or_insert_with(|| self.carriers.name(carrier));
            }
        }
        let unfinished =
            |carrier: &&Carrier<D::File>| carrier.is_unfinished() && !self.over(carrier);
        backlog.unfinished = self
            .carriers
            .all_held()
            .filter(unfinished)
            .min_by_key(|carrier| carrier.since())
            .map(|carrier| (self.carriers.name(carrier), self.now - carrier.since()));
        // Whatever is open was there before what waits to be opened.
        if unread.files > 0 && backlog.oldest.is_none() {
            let unread = |id| self.carriers.get(id).filter(|c| c.size() > 0);
            let mut unopened = self.carriers.waiting().chain(self.carriers.missing());
            backlog.oldest = unopened.find_map(unread).map(|c| self.carriers.name(c));
        }
        backlog
    }

    /// Bytes of a file that aren't taken: stored ones, where it is compressed.
    fn left_of(&self, carrier: &Carrier<D::File>) -> u64 {
        let (taken, final_) = match carrier.state() {
            State::Unread | State::Identified(_) => (0, false),
            State::Active(file) => {
                self.accounts.get(&file).map_or((0, true), |a| (a.taken(), a.is_final()))
            }
            // All of it is taken elsewhere; or it is being written, which is told otherwise.
            State::Standby(file, _) if carrier.is_copy(file) || carrier.is_unfinished() => {
                return 0;
            }
            State::Standby(..) => (0, false),
        };
        if carrier.packed() {
            u64::from(!final_) * carrier.size()
        } else {
            carrier.size().saturating_sub(taken)
        }
    }

    fn start(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.work = self.settings.limits.work;
        self.looks += 1;
        self.carriers.begin_look(self.now);
        if self.looks == 1 {
            for file in self.accounts.lost().clone() {
                self.accounts.change(&file, |account| {
                    if let Some(lost) = account.lost_mut() {
                        lost.since = now;
                    }
                });
            }
            self.watch.started(self.now);
            self.directory.started(self.now);
        }
    }

    /// Whether anything is left of what is known, and what it waits for.
    fn left(&self, look: &Look<D::File>) -> Left {
        let sealing = !self.accounts.all_committed() || look.takes.iter().any(|t| t.end > t.start);
        if look.more {
            Left::More
        } else if self.carriers.waiting_count() > 0 || self.crowded() || self.copies_wait() {
            if sealing { Left::Sealing } else { Left::Later }
        } else if !look.problems.is_empty()
            || !self.at_rest()
            || self.stale()
            || self.disk.leads_beyond()
        {
            Left::Later
        } else {
            Left::Nothing
        }
    }

    /// Whether a copy waits for the file that it is a copy of to be sealed.
    fn copies_wait(&self) -> bool {
        let waits = |c: &Carrier<D::File>| match c.state() {
            State::Standby(file, _) => !c.is_copy(file),
            _ => false,
        };
        self.carriers.all_held().any(waits)
    }

    /// Whether the last listing is too old to tell that nothing is left.
    fn stale(&self) -> bool {
        self.draining() && !self.directory.listed_now()
    }

    /// Whether every file is taken as far as it goes, and every doubt settled.
    fn at_rest(&self) -> bool {
        let over = |c: &Carrier<D::File>| match c.state() {
            State::Unread => c.size() == 0,
            State::Identified(_) => false,
            State::Standby(..) => true,
            State::Active(file) => self.accounts.get(&file).is_none_or(|account| {
                let whole = c.packed() || c.size() <= account.taken();
                whole && (account.is_final() || (c.is_live() && !c.packed()))
            }),
        };
        self.directory.is_complete()
            && self.accounts.lost().is_empty()
            && !self.watch.is_doubtful()
            && self.carriers.missing().next().is_none()
            && self.carriers.all_held().all(|c| !c.pending() && over(c))
    }

    /// Nothing is known to hold the file any more; copies of it are asked next.
    fn lose(&mut self, file: FileId, reason: GapReason, end: Option<u64>) {
        let now = self.now;
        self.accounts.change(&file, |account| account.lose(reason, end, now));
    }

    /// A gap from where the file stands, and the anchor at its end if reading goes on there.
    fn gap(
        &self,
        file: &FileId,
        (end, anchor): (Option<u64>, Option<Anchor>),
        reason: GapReason,
        look: &mut Look<D::File>,
    ) {
        if let Some(account) = self.accounts.brief(file) {
            let (name, start) = (account.name(), Some(account.taken));
            look.gaps.push(Gap { file: Some(*file), name, start, end, anchor, reason });
        }
    }

    fn problem(
        &self,
        id: u64,
        operation: &'static str,
        error: io::Error,
        look: &mut Look<D::File>,
    ) {
        let name = self.name_of(id);
        self.complain(name, operation, error, look);
    }

    /// A carrier's base name now, or the last known.
    fn name_of(&self, id: u64) -> OsString {
        self.carriers.get(id).map(|carrier| self.carriers.name(carrier)).unwrap_or_default()
    }

    fn complain(
        &self,
        name: OsString,
        operation: &'static str,
        error: io::Error,
        look: &mut Look<D::File>,
    ) {
        // A listing may be repeated within a look; one complaint about a name is enough.
        if !look.problems.iter().any(|p| p.name == name && p.operation == operation) {
            look.problems.push(Problem { name, operation, error });
        }
    }

    /// Whether there was more to find out than a look's work suffices for. The next looks do, however
    /// long that takes: until then nothing is known to be missing.
    fn is_exhausted(&self) -> bool {
        self.work == 0
    }

    fn put_off(&mut self, id: u64) {
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.put_off();
        }
    }

    /// All of the carrier is accounted for.
    fn consume(&mut self, id: u64) {
        let begun = self.carriers.get(id).is_some_and(|carrier| self.shows_begun(carrier));
        self.carriers.consume(id, begun);
    }

    /// Whether something of the file that the carrier holds is archived, or handed out to be.
    fn shows_begun(&self, carrier: &Carrier<D::File>) -> bool {
        carrier.shows().is_some_and(|file| self.accounts.brief(&file).is_some_and(|a| a.begun))
    }

    fn draining(&self) -> bool {
        self.settings.mode == Mode::Drain
    }

    /// Whether nobody is expected to write to the carrier any more, not even late.
    fn over(&self, carrier: &Carrier<D::File>) -> bool {
        let quiet = self.now - carrier.since() >= self.settings.linger;
        match carrier.standing() {
            Standing::Live => false,
            // Should somebody write late all the same, further takes follow.
            Standing::Rotated => self.draining() || quiet || self.crowded(),
            // The apiserver writes into a deleted live file until it opens a new one.
            Standing::Deleted => self.draining() || (quiet && self.is_elsewhere()),
        }
    }

    /// Whether the log goes on in a file that has its name now. Where the path leads to what isn't
    /// read before what it led to is done, nobody sees whether it does.
    fn is_elsewhere(&self) -> bool {
        self.carriers.has_live() || self.disk.leads_beyond()
    }

    /// Whether more files are begun than the notes have room for.
    fn crowded(&self) -> bool {
        self.accounts.unfinished() >= self.settings.limits.begun
    }

    /// Whether a line without its end is to be taken as it is.
    fn tail_due(&self, carrier: &Carrier<D::File>) -> bool {
        // A line may be seen half written: drained, the live file gets a second look.
        self.over(carrier) || (self.draining() && carrier.calm() >= 2)
    }
}

/// Whether a plain file still has the bytes before an offset that it had.
fn proves<F: DiskFile>(file: &F, mark: Option<crate::accounts::Mark>) -> io::Result<bool> {
    mark.map_or(Ok(true), |(offset, anchor)| {
        Ok(crate::scan::anchor_at(file, offset)? == Some(anchor))
    })
}
