//! What was taken of each source file, what is final, and what is lost.
//!
//! A file that is finished and let go of takes as little room as can be: a directory may hold a
//! hundred thousand of them, and each must be known again when it is renamed or compressed.

mod account;
mod finished;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use auditseal_format::FileId;
use auditseal_merkle::{Hash, hash};

use crate::gap::GapReason;
use crate::label::Label;
use crate::names::{Family, Role};
use crate::scan::Head;
use crate::types::{Cursor, History};

pub(crate) use account::{Account, Mark};
use finished::{Finished, FinishedFiles};

/// A file's account, as far as others ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief<'a> {
    pub(crate) file: FileId,
    name: Name<'a>,
    /// End of what was handed out.
    pub(crate) taken: u64,
    pub(crate) final_: bool,
    /// When it became final; 0 if that was before this run.
    pub(crate) final_since: u64,
    pub(crate) begun: bool,
    /// The carrier it reads from.
    pub(crate) carrier: Option<u64>,
    turn: usize,
    committed: bool,
}

/// A base name, however it is kept.
#[derive(Debug, Clone, Copy)]
enum Name<'a> {
    Text(&'a OsStr, &'a Family),
    Label(&'a Label, &'a Family),
}

/// All accounts of one source.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// Whose names most of them have.
    family: Family,
    open: BTreeMap<FileId, Account>,
    finished: FinishedFiles,
    /// Those of `open` that nothing on disk is known to hold.
    lost: BTreeSet<FileId>,
    /// Those of `open` that are begun, by place.
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
    pub(crate) fn of(history: History, family: Family) -> Self {
        let mut accounts = Self {
            family,
            open: BTreeMap::new(),
            finished: FinishedFiles::new(),
            lost: BTreeSet::new(),
            begun: BTreeSet::new(),
            unfinished: 0,
        };
        for (turn, known) in history.finals.into_iter().enumerate() {
            accounts.finished.add(Finished::known(&known, turn, &accounts.family));
        }
        for known in history.cursors {
            let before = accounts.finished.remove(&known.file);
            let mut account = Account::known(known);
            account.ends = before.map(|finished| finished.marks().collect()).unwrap_or_default();
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
        self.finished.len() > 0 || self.open.values().any(Account::is_begun)
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
        let open = self.open.get(file).map(|account| Brief::of(account, &self.family));
        let finished = || self.finished.get(file);
        open.or_else(|| finished().map(|known| Brief::of_finished(known, &self.family)))
    }

    /// All accounts.
    pub(crate) fn briefs(&self) -> impl Iterator<Item = Brief<'_>> {
        let finished = self.finished.iter().map(|known| Brief::of_finished(known, &self.family));
        self.open.values().map(|account| Brief::of(account, &self.family)).chain(finished)
    }

    /// Where the file stands, and wherever it was final, in ascending order.
    pub(crate) fn marks(&self, file: &FileId) -> Vec<Mark> {
        let mut marks = match (self.open.get(file), self.finished.get(file)) {
            (Some(account), _) => account.ends.iter().copied().chain([account.mark()]).collect(),
            (_, Some(finished)) => finished.marks().collect(),
            _ => Vec::new(),
        };
        marks.sort_unstable_by_key(|mark: &Mark| mark.0);
        marks
    }

    /// Where the file stands.
    pub(crate) fn mark(&self, file: &FileId) -> Option<Mark> {
        let open = self.open.get(file).map(Account::mark);
        open.or_else(|| self.finished.get(file).map(Finished::end))
    }

    /// Whether the file was once final at this mark: a copy made then, before a late append, is as
    /// long as that and holds nothing that wasn't taken.
    pub(crate) fn is_end(&self, file: &FileId, mark: Mark) -> bool {
        let open = self.open.get(file).is_some_and(|account| account.ends.contains(&mark));
        let finished = || self.finished.get(file);
        open || finished().is_some_and(|finished| finished.marks().any(|end| end == mark))
    }

    /// All files with this first line.
    pub(crate) fn copies(&self, head: &Head) -> Vec<FileId> {
        let of = |copy| FileId { hash: head.hash, base: head.base, copy };
        let open = self.open.range(of(0)..=of(u32::MAX)).map(|(file, _)| *file);
        let mut all: Vec<FileId> = open.chain(self.finished.copies(head)).collect();
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
            self.insert(finished.reopen(&self.family));
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
        let over = self.open.get(file).and_then(|account| Finished::of(account, &self.family));
        if let Some(finished) = over {
            self.forget(file);
            self.finished.add(finished);
        }
    }

    /// Forgets an account that isn't finished.
    fn forget(&mut self, file: &FileId) {
        if let Some(account) = self.open.remove(file) {
            self.index(*file, Indexed::of(&account), Indexed::default());
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
        let open = self.begun.range((order.saturating_add(1), first)..).next().copied();
        open.into_iter().chain(self.finished.behind(order)).min().map(|(_, file)| file)
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
    /// still asks for; and of those whose names tell no time, `numbered` more.
    pub(crate) fn prune(
        &mut self,
        (kept, numbered): (usize, usize),
        there: impl Fn(Brief<'_>) -> bool,
    ) {
        let over = self.briefs().filter(|a| a.final_ && a.committed && !there(*a));
        let told = |a: &Brief<'_>| a.role().is_some_and(|role| role.rotated().is_some());
        let mut over: Vec<_> = over.map(|a| (a.final_since, a.turn, a.file, told(&a))).collect();
        over.sort_unstable();
        over.truncate(over.len().saturating_sub(kept));
        let untold = over.iter().filter(|(.., told)| !told).count();
        let mut gone = untold.saturating_sub(numbered);
        over.retain(|(.., told)| {
            let goes = *told || gone > 0;
            gone -= usize::from(!told && goes);
            goes
        });
        for (_, _, file, _) in over {
            self.finished.remove(&file);
            self.forget(&file);
        }
    }
}

impl<'a> Brief<'a> {
    fn of(account: &'a Account, family: &'a Family) -> Self {
        Self {
            file: account.file,
            name: Name::Text(&account.name, family),
            taken: account.taken,
            final_: account.final_,
            final_since: account.final_since,
            begun: account.begun,
            carrier: account.carrier,
            turn: account.turn,
            committed: account.is_committed(),
        }
    }

    fn of_finished(finished: &'a Finished, family: &'a Family) -> Self {
        Self {
            file: finished.file(),
            name: Name::Label(finished.label(), family),
            taken: finished.end().0,
            final_: true,
            final_since: finished.since(),
            begun: true,
            carrier: None,
            turn: finished.turn(),
            committed: true,
        }
    }

    /// Its base name now, or the last known.
    pub(crate) fn name(&self) -> OsString {
        match self.name {
            Name::Text(name, _) => name.to_owned(),
            Name::Label(label, family) => label.text(family),
        }
    }

    /// What that means in the source's family.
    pub(crate) fn role(&self) -> Option<Role> {
        match self.name {
            Name::Text(name, family) => family.role(name),
            Name::Label(label, _) => label.role(),
        }
    }
}
