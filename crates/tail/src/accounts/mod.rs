//! What was taken of each source file, what is final, and what is lost.
//!
//! A file that is finished and let go of takes as little room as can be: a directory may hold a
//! hundred thousand of them, and each must be known again when it is renamed or compressed.

mod account;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use auditseal_merkle::{Hash, hash};

use crate::scan::Head;
use crate::types::{Cursor, FileId, GapReason, History, Known};

pub(crate) use account::{Account, Mark};

/// A file that is final, sealed to its end, and read by nobody.
#[derive(Debug, Clone)]
struct Finished {
    name: Box<OsStr>,
    end: Mark,
    /// Where it was final before.
    earlier: Vec<Mark>,
    order: Option<u64>,
    since: u64,
    turn: usize,
}

impl Finished {
    /// What an account comes to, if nothing more is expected of it.
    fn of(account: &Account) -> Option<Self> {
        let over = account.final_
            && account.is_committed()
            && account.carrier.is_none()
            && account.lost.is_none()
            && !account.owes();
        if !over {
            return None;
        }
        let end = account.mark();
        let earlier: Vec<Mark> = account.ends.iter().copied().filter(|mark| *mark != end).collect();
        Some(Self {
            name: account.name.clone().into_boxed_os_str(),
            end,
            earlier,
            order: account.order,
            since: account.final_since,
            turn: account.turn,
        })
    }

    fn reopen(self, file: FileId) -> Account {
        let (offset, anchor) = self.end;
        let name = self.name.into_os_string();
        let mut account = Account::known(Known { file, offset, anchor, name });
        account.ends = self.earlier;
        account.ends.push(self.end);
        account.order = self.order;
        account.final_ = true;
        account.final_since = self.since;
        account.turn = self.turn;
        account
    }
}

/// A file's account, as far as others ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief<'a> {
    pub(crate) file: FileId,
    pub(crate) name: &'a OsStr,
    /// End of what was handed out.
    pub(crate) taken: u64,
    pub(crate) final_: bool,
    /// When it became final; 0 if that was before this run.
    pub(crate) final_since: u64,
    pub(crate) begun: bool,
    /// The carrier it reads from.
    pub(crate) carrier: Option<u64>,
    order: Option<u64>,
    turn: usize,
    committed: bool,
}

/// All accounts of one source.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    open: BTreeMap<FileId, Account>,
    finished: BTreeMap<FileId, Box<Finished>>,
    /// Those of `open` that nothing on disk is known to hold.
    lost: BTreeSet<FileId>,
    /// Those begun, by place.
    begun: BTreeSet<(u64, FileId)>,
    /// How many are begun and not final.
    unfinished: usize,
}

/// What the indexes say of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Indexed {
    lost: bool,
    begun: Option<u64>,
    unfinished: bool,
}

impl Indexed {
    fn of(account: &Account) -> Self {
        Self {
            lost: account.lost.is_some(),
            begun: account.order.filter(|_| account.begun),
            unfinished: account.begun && !account.final_,
        }
    }
}

impl Accounts {
    /// The accounts that notes give.
    pub(crate) fn of(history: History) -> Self {
        let mut accounts = Self::default();
        for (turn, known) in history.finals.into_iter().enumerate() {
            let end = (known.offset, known.anchor);
            match accounts.finished.get_mut(&known.file) {
                Some(before) if before.end.0 > end.0 => {
                    before.earlier.push(end);
                }
                Some(before) => {
                    let earlier = std::mem::replace(&mut before.end, end);
                    before.earlier.push(earlier);
                    (before.name, before.turn) = (known.name.into_boxed_os_str(), turn);
                }
                None => {
                    let (name, earlier) = (known.name.into_boxed_os_str(), Vec::new());
                    let file = Finished { name, end, earlier, order: None, since: 0, turn };
                    accounts.finished.insert(known.file, Box::new(file));
                }
            }
        }
        for known in history.cursors {
            let file = known.file;
            let before = accounts.finished.remove(&file).map(|finished| finished.reopen(file));
            let mut account = Account::known(known);
            account.ends = before.map(|account| account.ends).unwrap_or_default();
            account.lose(GapReason::DeletedBeforeRead, None, 0);
            accounts.insert(account);
        }
        accounts
    }

    /// How many files are remembered.
    pub(crate) fn len(&self) -> usize {
        self.open.len() + self.finished.len()
    }

    /// Whether something of any file is archived, or handed out to be.
    pub(crate) fn any_begun(&self) -> bool {
        !self.finished.is_empty() || self.open.values().any(Account::is_begun)
    }

    /// Files begun and not final.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// An account that isn't over.
    pub(crate) fn get(&self, file: &FileId) -> Option<&Account> {
        self.open.get(file)
    }

    /// Any account.
    pub(crate) fn brief(&self, file: &FileId) -> Option<Brief<'_>> {
        let open = self.open.get(file).map(Brief::of);
        open.or_else(|| self.finished.get(file).map(|finished| Brief::of_finished(*file, finished)))
    }

    /// All accounts.
    pub(crate) fn briefs(&self) -> impl Iterator<Item = Brief<'_>> {
        let finished = self.finished.iter().map(|(file, known)| Brief::of_finished(*file, known));
        self.open.values().map(Brief::of).chain(finished)
    }

    /// Where the file stands, and wherever it was final, in ascending order.
    pub(crate) fn marks(&self, file: &FileId) -> Vec<Mark> {
        let mut marks = match (self.open.get(file), self.finished.get(file)) {
            (Some(account), _) => account.ends.iter().copied().chain([account.mark()]).collect(),
            (_, Some(finished)) => finished.earlier.iter().copied().chain([finished.end]).collect(),
            _ => Vec::new(),
        };
        marks.sort_unstable_by_key(|mark: &Mark| mark.0);
        marks
    }

    /// Where the file stands.
    pub(crate) fn mark(&self, file: &FileId) -> Option<Mark> {
        let open = self.open.get(file).map(Account::mark);
        open.or_else(|| self.finished.get(file).map(|finished| finished.end))
    }

    /// Whether the file was once final at this mark: a copy made then, before a late append, is as
    /// long as that and holds nothing that wasn't taken.
    pub(crate) fn is_end(&self, file: &FileId, mark: Mark) -> bool {
        let open = self.open.get(file).is_some_and(|account| account.ends.contains(&mark));
        open || self
            .finished
            .get(file)
            .is_some_and(|finished| finished.end == mark || finished.earlier.contains(&mark))
    }

    /// All files with this first line.
    pub(crate) fn copies(&self, head: &Head) -> Vec<FileId> {
        let of = |copy| FileId { hash: head.hash, base: head.base, copy };
        let range = of(0)..=of(u32::MAX);
        let open = self.open.range(range.clone()).map(|(file, _)| *file);
        let mut all: Vec<FileId> =
            open.chain(self.finished.range(range).map(|(file, _)| *file)).collect();
        all.sort_unstable();
        all
    }

    /// Of these, those that nothing reads, the likeliest first, and those that something reads.
    ///
    /// Two files that begin alike may both be archived, one to its end and the other not: what has
    /// the first one's end is that one, or its rest would be taken again for the other. So the longer
    /// proof decides, and between equal ones the unfinished account.
    pub(crate) fn by_likelihood(&self, files: &[FileId]) -> (Vec<FileId>, Vec<FileId>) {
        let free = |file: &&FileId| self.brief(file).is_some_and(|a| a.carrier.is_none());
        let (mut free, busy): (Vec<&FileId>, Vec<&FileId>) = files.iter().partition(free);
        free.sort_by_key(|file| self.brief(file).map(|a| (Reverse(a.taken), a.final_)));
        (free.into_iter().copied().collect(), busy.into_iter().copied().collect())
    }

    /// Opens an account for a file that nobody knows.
    pub(crate) fn open(&mut self, file: FileId, name: OsString) {
        self.insert(Account::new(file, name, hash(b"")));
    }

    /// Changes an account; `None`: there is none.
    pub(crate) fn change<R>(
        &mut self,
        file: &FileId,
        change: impl FnOnce(&mut Account) -> R,
    ) -> Option<R> {
        if let Some(finished) = self.finished.remove(file) {
            // Its place among those begun stays.
            let account = finished.reopen(*file);
            self.open.insert(*file, account);
        }
        let account = self.open.get_mut(file)?;
        let before = Indexed::of(account);
        let result = change(account);
        let after = Indexed::of(account);
        self.index(*file, before, after);
        Some(result)
    }

    /// Nothing reads the file any more: it takes little room from now on, if it is over.
    pub(crate) fn close(&mut self, file: &FileId) {
        if let Some(finished) = self.open.get(file).and_then(Finished::of) {
            self.open.remove(file);
            self.finished.insert(*file, Box::new(finished));
        }
    }

    fn insert(&mut self, account: Account) {
        let (file, after) = (account.file, Indexed::of(&account));
        self.open.entry(file).or_insert(account);
        self.index(file, Indexed::default(), after);
    }

    fn index(&mut self, file: FileId, before: Indexed, after: Indexed) {
        if before == after {
            return;
        }
        self.unfinished -= usize::from(before.unfinished);
        self.unfinished += usize::from(after.unfinished);
        if after.lost {
            self.lost.insert(file);
        } else {
            self.lost.remove(&file);
        }
        if let Some(order) = before.begun.filter(|_| after.begun != before.begun) {
            self.begun.remove(&(order, file));
        }
        self.begun.extend(after.begun.map(|order| (order, file)));
    }

    /// Those that nothing on disk is known to hold.
    pub(crate) fn lost(&self) -> &BTreeSet<FileId> {
        &self.lost
    }

    /// The file already begun that stands next behind this place.
    pub(crate) fn begun_behind(&self, order: u64) -> Option<FileId> {
        let first = FileId { hash: Hash::new([0; 32]), base: 0, copy: 0 };
        self.begun.range((order.saturating_add(1), first)..).next().map(|(_, file)| *file)
    }

    /// The cursors as of the takes handed out so far: each file begun and not final.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        let begun = self.open.values().filter(|account| account.begun && !account.final_);
        let cursor = |account: &Account| Cursor {
            file: account.file,
            offset: account.taken,
            anchor: account.anchor,
            name: account.name.clone(),
        };
        begun.map(cursor).collect()
    }

    /// Whether all that was handed out is sealed.
    pub(crate) fn all_committed(&self) -> bool {
        self.open.values().all(Account::is_committed)
    }

    /// Forgets finished files, the oldest first, until `kept` are left besides those that `there`
    /// still asks for.
    pub(crate) fn prune(&mut self, kept: usize, there: impl Fn(Brief<'_>) -> bool) {
        let over = self.briefs().filter(|a| a.final_ && a.committed && !there(*a));
        let mut over: Vec<_> = over.map(|a| (a.final_since, a.turn, a.file)).collect();
        over.sort_unstable();
        over.truncate(over.len().saturating_sub(kept));
        for (_, _, file) in over {
            if let Some(order) = self.brief(&file).and_then(|a| a.order) {
                self.begun.remove(&(order, file));
            }
            self.finished.remove(&file);
            self.open.remove(&file);
            self.lost.remove(&file);
        }
    }
}

impl<'a> Brief<'a> {
    fn of(account: &'a Account) -> Self {
        Self {
            file: account.file,
            name: &account.name,
            taken: account.taken,
            final_: account.final_,
            final_since: account.final_since,
            begun: account.begun,
            carrier: account.carrier,
            order: account.order,
            turn: account.turn,
            committed: account.is_committed(),
        }
    }

    fn of_finished(file: FileId, finished: &'a Finished) -> Self {
        Self {
            file,
            name: &finished.name,
            taken: finished.end.0,
            final_: true,
            final_since: finished.since,
            begun: true,
            carrier: None,
            order: finished.order,
            turn: finished.turn,
            committed: true,
        }
    }
}
