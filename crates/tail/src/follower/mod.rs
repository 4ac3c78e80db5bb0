//! The follower: which bytes of which file come next.
//!
//! Pure: the disk is a trait, time is an argument. Two things are kept apart. A *carrier* is an
//! inode seen in the directory, with the descriptor that holds it; an *account* is what has been
//! taken of one source file. A file's account outlives its carriers: it moves from the live file
//! to its compressed copy, and from one run to the next.
//!
//! The disk changes between any two calls, so everything read is proved *afterwards*: a
//! truncation can't be undone, hence an anchor that still matches after a read says that the read
//! was of the file it was meant for. Whatever can't be proved is left for the next look.

mod assign;
mod finish;
mod gunzip;
mod identify;
mod inspect;
mod listing;
mod plain;
mod retention;
mod unseen;
mod vanished;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use auditseal_merkle::hash;

use crate::account::{Account, Mark};
use crate::carrier::{Carrier, Standing, State};
use crate::content::Content;
use crate::disk::{Disk, DiskFile};
use crate::names::Family;
use crate::types::{
    Anchor, Backlog, Cursor, FileId, Gap, GapReason, History, Look, Mode, Problem, Settings, Take,
};

/// Compressed files are decoded at most about this far per look to find out what they are.
const WORK: u64 = 32 << 20;
/// Beyond [`Settings::max_begun`], this many files may be begun before new ones have to wait.
const SPARE: usize = 16;

/// Follows one source: tells the ranges to take, in rotation order, exactly once each.
pub struct Follower<D: Disk> {
    family: Family,
    disk: D,
    settings: Settings,
    /// By order of first sight.
    carriers: BTreeMap<u64, Carrier<D::File>>,
    next: u64,
    accounts: BTreeMap<FileId, Account>,
    /// Accounts that nothing on disk is known to hold.
    orphans: BTreeSet<FileId>,
    now: u64,
    /// Looks so far.
    looks: u64,
    /// Listings so far.
    listings: u64,
    watch: unseen::Watch,
    retention: retention::Retention,
    /// The last listing succeeded.
    listed: bool,
    /// Bytes that may still be decoded in this look.
    work: u64,
    /// Files begun and not final.
    begun: usize,
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
    /// A follower of `family` in the directory `disk`, which continues where `history` ends.
    #[must_use]
    pub fn new(family: Family, disk: D, history: History, settings: Settings) -> Self {
        let prune_above = 2 * settings.finals_kept;
        let mut follower = Self {
            family,
            disk,
            settings,
            carriers: BTreeMap::new(),
            next: 0,
            accounts: BTreeMap::new(),
            orphans: BTreeSet::new(),
            now: 0,
            looks: 0,
            listings: 0,
            watch: unseen::Watch::default(),
            retention: retention::Retention::default(),
            listed: false,
            work: 0,
            begun: 0,
            prune_above,
        };
        follower.remember(history);
        follower
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
        self.settle_unseen(&mut look);
        self.take(limit, &mut look);
        self.settle(&mut look);
        self.release(&mut look);
        look
    }

    /// Tells that notes account for `file` up to `offset`: its descriptor may be closed when it is
    /// final and this is its end.
    pub fn committed(&mut self, file: &FileId, offset: u64) {
        if let Some(account) = self.accounts.get_mut(file) {
            account.commit(offset);
        }
    }

    /// The cursors as of the takes handed out so far: each file begun and not final.
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        self.accounts
            .values()
            .filter(|account| account.begun && !account.final_)
            .map(|account| Cursor {
                file: account.file,
                offset: account.taken,
                anchor: account.anchor,
                name: account.name.clone(),
            })
            .collect()
    }

    /// What is known and not taken.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let (unlinked_bytes, until_loss) = (self.unlinked_bytes(), self.until_loss());
        let mut backlog = Backlog { unlinked_bytes, until_loss, ..Backlog::default() };
        for carrier in self.carriers.values() {
            backlog.open += usize::from(carrier.held.is_some());
            let (taken, final_) = match carrier.state {
                State::Unread | State::Identified(_) => (0, false),
                State::Active(file) => {
                    self.accounts.get(&file).map_or((0, true), |a| (a.taken, a.final_))
                }
                State::Standby(..) | State::Consumed => continue,
            };
            let bytes = if carrier.packed() {
                u64::from(!final_) * carrier.size
            } else {
                carrier.size.saturating_sub(taken)
            };
            if bytes > 0 {
                *(if carrier.packed() { &mut backlog.gzip_bytes } else { &mut backlog.bytes }) +=
                    bytes;
                backlog.files += 1;
                backlog.oldest.get_or_insert_with(|| carrier.name.clone());
            }
        }
        backlog
    }

    fn remember(&mut self, history: History) {
        for known in history.finals.iter().chain(&history.cursors) {
            if let Some(role) = self.family.role(&known.name) {
                self.watch.know(&role);
            }
            // Nobody reported what happened since the notes were written.
            self.blinded();
        }
        for (turn, known) in history.finals.into_iter().enumerate() {
            let file = known.file;
            let end = (known.offset, known.anchor);
            let account =
                self.accounts.entry(file).or_insert_with(|| Account::known(known.clone()));
            if account.taken <= end.0 {
                let mut ends = std::mem::take(&mut account.ends);
                ends.push(end);
                *account = Account { ends, turn, final_: true, ..Account::known(known) };
            } else {
                account.ends.push(end);
            }
        }
        for known in history.cursors {
            let file = known.file;
            let ends = self.accounts.remove(&file).map(|account| account.ends);
            let mut account = Account { ends: ends.unwrap_or_default(), ..Account::known(known) };
            account.lose(GapReason::DeletedBeforeRead, None, 0);
            self.orphans.insert(file);
            self.accounts.insert(file, account);
        }
    }

    fn start(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.work = WORK;
        self.begun = self.accounts.values().filter(|a| a.begun && !a.final_).count();
        for carrier in self.carriers.values_mut() {
            carrier.pending = false;
            carrier.settle_since(self.now);
        }
        self.looks += 1;
        if self.looks == 1 {
            for file in &self.orphans {
                if let Some(lost) = self.accounts.get_mut(file).and_then(|a| a.lost.as_mut()) {
                    lost.since = self.now;
                }
            }
            self.watch.started(self.now);
        }
    }

    /// Hands out takes in rotation order. Unlinked files come first without further ado: backups
    /// are deleted oldest first.
    fn take(&mut self, limit: u64, look: &mut Look<D::File>) {
        let mut active: Vec<(Option<u64>, FileId, u64)> = self
            .carriers
            .iter()
            .filter(|(_, carrier)| carrier.held.is_some() && !carrier.pending)
            .filter_map(|(id, carrier)| match carrier.state {
                State::Active(file) => Some((self.accounts.get(&file)?.order, file, *id)),
                _ => None,
            })
            .collect();
        active.sort_unstable();
        let mut left = limit;
        let unplaced = self.looks == 1 && !self.orphans.is_empty();
        let mut waiting = unplaced;
        for (_, file, id) in active {
            // The first listing may have missed a file that was begun and is being renamed. Until
            // it is found, nobody can tell which files stand before it.
            let begun = self.accounts.get(&file).is_some_and(|account| account.begun);
            let Some(carrier) = self.carriers.get(&id) else { continue };
            let full = self.begun >= self.settings.max_begun + SPARE;
            if !begun && (waiting || full || self.must_wait(carrier)) {
                look.more |= unplaced || self.unreported(carrier);
                // Nor is a younger one begun before it: after a crash, that would tell that nothing
                // is missing.
                waiting = true;
                continue;
            }
            let gzip = carrier.packed();
            let done = if gzip {
                self.take_gzip(id, file, &mut left, look)
            } else {
                self.take_plain(id, file, &mut left, look)
            };
            if let Err(error) = done {
                // A decoder that met a disk error is in an unknown state.
                self.with_carrier(id, |carrier| {
                    carrier.rewind();
                    carrier.pending = true;
                });
                self.problem(id, "read", error, look);
            }
        }
    }

    /// Hands out one take and moves the account on.
    fn emit(
        &mut self,
        file: FileId,
        (end, anchor): Mark,
        final_: bool,
        unterminated: bool,
        content: Arc<Content<D::File>>,
        look: &mut Look<D::File>,
    ) {
        let before = self.before(&file);
        let now = self.now;
        let Some(account) = self.accounts.get_mut(&file) else { return };
        look.takes.push(Take {
            file,
            name: account.name.clone(),
            start: account.taken,
            end,
            anchor,
            final_,
            unterminated,
            before,
            content,
        });
        // About: a finished file that turned out to go on is counted at the next look.
        let open = usize::from(account.begun && !account.final_);
        self.begun = (self.begun + usize::from(!final_)).saturating_sub(open);
        account.begun = true;
        account.stand_at((end, anchor));
        account.final_ = false;
        if final_ {
            account.finish(now);
            if std::mem::take(&mut account.owes) {
                self.gap(&file, None, GapReason::Truncated, look);
            }
        }
    }

    /// The file already begun before which this one, not begun yet, stands.
    fn before(&self, file: &FileId) -> Option<FileId> {
        let account = self.accounts.get(file).filter(|account| !account.begun)?;
        let order = account.order?;
        self.accounts
            .values()
            .filter(|other| other.begun)
            .filter_map(|other| other.order.filter(|place| *place > order).map(|p| (p, other.file)))
            .min()
            .map(|(_, file)| file)
    }

    /// Ends an account where it stands, with nothing more to read.
    fn close(&mut self, file: FileId, look: &mut Look<D::File>) {
        let Some(account) = self.accounts.get(&file) else { return };
        let mark = (account.taken, account.anchor);
        let nothing = Arc::new(Content::memory(account.taken, Vec::new()));
        self.emit(file, mark, true, false, nothing, look);
    }

    /// Nothing is known to hold the file any more; copies of it are asked next.
    fn lose(&mut self, file: FileId, reason: GapReason, end: Option<u64>) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.lose(reason, end, self.now);
            self.orphans.insert(file);
        }
    }

    fn gap(&self, file: &FileId, end: Option<u64>, reason: GapReason, look: &mut Look<D::File>) {
        self.gap_up_to(file, (end, None), reason, look);
    }

    /// A gap, and the anchor at its end if reading goes on there.
    fn gap_up_to(
        &self,
        file: &FileId,
        (end, anchor): (Option<u64>, Option<Anchor>),
        reason: GapReason,
        look: &mut Look<D::File>,
    ) {
        if let Some(account) = self.accounts.get(file) {
            look.gaps.push(Gap {
                file: Some(*file),
                name: account.name.clone(),
                start: Some(account.taken),
                end,
                anchor,
                reason,
            });
        }
    }

    fn problem(
        &self,
        id: u64,
        operation: &'static str,
        error: io::Error,
        look: &mut Look<D::File>,
    ) {
        let name = self.carriers.get(&id).map(|c| c.name.clone()).unwrap_or_default();
        // A listing may be repeated within a look; one complaint about a name is enough.
        if !look.problems.iter().any(|p| p.name == name && p.operation == operation) {
            look.problems.push(Problem { name, operation, error });
        }
    }

    fn with_carrier(&mut self, id: u64, change: impl FnOnce(&mut Carrier<D::File>)) {
        if let Some(carrier) = self.carriers.get_mut(&id) {
            change(carrier);
        }
    }

    fn draining(&self) -> bool {
        self.settings.mode == Mode::Drain
    }

    /// Whether nobody is expected to write to the carrier any more, not even late.
    fn over(&self, carrier: &Carrier<D::File>) -> bool {
        let quiet = self.now - carrier.since >= self.settings.linger;
        match carrier.standing {
            Standing::Live => false,
            // Should somebody write late all the same, further takes follow.
            Standing::Rotated => self.draining() || quiet || self.crowded(),
            // The apiserver writes into a deleted live file until it opens a new one.
            Standing::Deleted => self.draining() || (quiet && self.has_live()),
        }
    }

    /// Whether more files are begun than the notes have room for.
    fn crowded(&self) -> bool {
        self.begun >= self.settings.max_begun
    }

    /// Whether a line without its end is to be taken as it is.
    fn tail_due(&self, carrier: &Carrier<D::File>) -> bool {
        // A line may be seen half written: drained, the live file gets a second look.
        self.over(carrier) || (self.draining() && carrier.calm >= 2)
    }

    fn has_live(&self) -> bool {
        self.carriers.values().any(|c| c.listed && c.standing == Standing::Live)
    }

    fn ids(&self, wanted: impl Fn(&Carrier<D::File>) -> bool) -> Vec<u64> {
        self.carriers.iter().filter(|(_, c)| wanted(c)).map(|(id, _)| *id).collect()
    }

    fn new_account(&mut self, file: FileId, name: &OsStr) -> &mut Account {
        self.accounts.entry(file).or_insert_with(|| Account::new(file, name.to_owned(), hash(b"")))
    }
}

/// Whether a plain file still has the bytes before an offset that it had.
fn proves<F: DiskFile>(file: &F, mark: Option<Mark>) -> io::Result<bool> {
    mark.map_or(Ok(true), |(offset, anchor)| {
        Ok(crate::scan::anchor_at(file, offset)? == Some(anchor))
    })
}
