//! Files that are final, sealed to their ends, and read by nobody.

use std::cmp::Ordering;
use std::num::NonZeroU64;

use auditseal_format::FileId;
use auditseal_merkle::Hash;

use super::account::{Account, Mark};
use crate::label::Label;
use crate::names::Family;
use crate::scan::Head;
use crate::shelf::Shelf;
use crate::sorted::Sorted;
use crate::types::Known;

/// One of them, as small as can be: a directory may hold a hundred thousand, and each must be known
/// again when it is renamed or compressed.
#[derive(Debug)]
pub(super) struct Finished {
    hash: Hash,
    base: u64,
    copy: u32,
    /// Its place among the files of the history that were final.
    turn: u32,
    label: Label,
    end: Mark,
    since: u64,
    /// Place in rotation order, unless it is a file of the history that wasn't seen on disk.
    order: Option<NonZeroU64>,
    earlier: Option<Box<Earlier>>,
}

/// Where a file was final before. Few were, so it is behind a pointer.
#[derive(Debug, Default)]
struct Earlier(Vec<Mark>);

impl Finished {
    /// What notes say of a file.
    pub(super) fn known(known: &Known, turn: usize, family: &Family) -> Self {
        let FileId { hash, base, copy } = known.file;
        Self {
            hash,
            base,
            copy,
            turn: u32::try_from(turn).unwrap_or(u32::MAX),
            label: Label::of(family, &known.name),
            end: (known.offset, known.anchor),
            since: 0,
            order: None,
            earlier: None,
        }
    }

    /// What an account comes to, if nothing more is expected of it.
    pub(super) fn of(account: &Account, family: &Family) -> Option<Self> {
        let over = account.final_
            && account.is_committed()
            && account.carrier.is_none()
            && account.lost.is_none()
            && !account.owes();
        if !over {
            return None;
        }
        let (offset, anchor) = account.mark();
        let name = account.name.clone();
        let known = Known { file: account.file, offset, anchor, name };
        let end = account.mark();
        let earlier: Vec<Mark> = account.ends.iter().copied().filter(|mark| *mark != end).collect();
        Some(Self {
            since: account.final_since,
            order: account.order.and_then(NonZeroU64::new),
            earlier: (!earlier.is_empty()).then(|| Box::new(Earlier(earlier))),
            ..Self::known(&known, account.turn, family)
        })
    }

    pub(super) fn reopen(self, family: &Family) -> Account {
        let (file, order) = (self.file(), self.order());
        let (offset, anchor) = self.end;
        let name = self.label.text(family);
        let mut account = Account::known(Known { file, offset, anchor, name });
        account.ends = self.marks().collect();
        account.order = order;
        account.final_ = true;
        account.final_since = self.since;
        account.turn = self.turn();
        account
    }

    pub(super) fn file(&self) -> FileId {
        FileId { hash: self.hash, base: self.base, copy: self.copy }
    }

    pub(super) fn label(&self) -> &Label {
        &self.label
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Mark {
        self.end
    }

    /// Wherever it was final.
    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.earlier.iter().flat_map(|earlier| &earlier.0).copied().chain([self.end])
    }

    /// When it became final; 0 if that was before this run.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    pub(super) fn order(&self) -> Option<u64> {
        self.order.map(NonZeroU64::get)
    }

    pub(super) fn turn(&self) -> usize {
        self.turn as usize
    }

    /// Notes say the same file to be final once more.
    fn add(&mut self, again: Self) {
        let end = if self.end.0 > again.end.0 {
            again.end
        } else {
            (self.label, self.turn) = (again.label, again.turn);
            std::mem::replace(&mut self.end, again.end)
        };
        self.earlier.get_or_insert_default().0.push(end);
    }
}

/// All of them, found by file, and so by first line, and by place.
#[derive(Debug)]
pub(super) struct FinishedFiles {
    files: Shelf<Finished>,
    /// By file.
    by_file: Sorted<u64>,
    /// Those that have a place, by that and by file.
    by_order: Sorted<u64>,
}

impl FinishedFiles {
    pub(super) fn new() -> Self {
        let (by_file, by_order) = (Sorted::default(), Sorted::default());
        Self { files: Shelf::new(), by_file, by_order }
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn get(&self, file: &FileId) -> Option<&Finished> {
        self.files.get(self.number(file)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Finished> {
        self.files.iter().map(|(_, file)| file)
    }

    /// Adds a file, or what is known of it besides.
    pub(super) fn add(&mut self, file: Finished) {
        if let Some(known) = self.number(&file.file()).and_then(|n| self.files.get_mut(n)) {
            return known.add(file);
        }
        let number = self.files.next();
        self.by_file.insert(number, is(&self.files, file.file()));
        if let Some(order) = file.order() {
            let place = (order, file.file());
            self.by_order.insert(number, |other| stands(&self.files, *other).cmp(&Some(place)));
        }
        self.files.add(file);
    }

    pub(super) fn remove(&mut self, file: &FileId) -> Option<Finished> {
        let number = self.number(file)?;
        let place = stands(&self.files, number);
        if place.is_some() {
            self.by_order.remove(|other| stands(&self.files, *other).cmp(&place));
        }
        self.by_file.remove(is(&self.files, *file));
        self.files.remove(number)
    }

    /// All that have this first line.
    pub(super) fn copies(&self, head: &Head) -> impl Iterator<Item = FileId> {
        let (hash, base) = (head.hash, head.base);
        let from = self.by_file.from(is(&self.files, FileId { hash, base, copy: 0 }));
        let files = from.filter_map(|number| self.files.get(number)).map(Finished::file);
        files.take_while(move |file| (file.hash, file.base) == (hash, base))
    }

    /// The first one behind this place.
    pub(super) fn behind(&self, order: u64) -> Option<(u64, FileId)> {
        let behind = |other: &u64| match stands(&self.files, *other) {
            Some((at, _)) if at > order => Ordering::Greater,
            _ => Ordering::Less,
        };
        self.by_order.from(behind).next().and_then(|number| stands(&self.files, number))
    }

    fn number(&self, file: &FileId) -> Option<u64> {
        let number = self.by_file.from(is(&self.files, *file)).next()?;
        (self.files.get(number)?.file() == *file).then_some(number)
    }
}

/// How a number stands to this file's.
fn is(files: &Shelf<Finished>, file: FileId) -> impl Fn(&u64) -> Ordering {
    move |other| files.get(*other).map(Finished::file).cmp(&Some(file))
}

/// Place and file of one that has a place.
fn stands(files: &Shelf<Finished>, number: u64) -> Option<(u64, FileId)> {
    let file = files.get(number)?;
    Some((file.order()?, file.file()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_finished_file_is_small() {
        assert!(size_of::<Finished>() <= 128, "{}", size_of::<Finished>());
    }

    #[test]
    fn files_whose_hashes_begin_alike_are_told_apart() {
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let file = |last: u8, copy: u32| {
            let mut hash = [7; 32];
            hash[31] = last;
            FileId { hash: Hash::new(hash), base: 0, copy }
        };
        let known = |file: FileId, offset: u64| {
            let (anchor, name) = (file.hash, "audit.log.1".into());
            Finished::known(&Known { file, offset, anchor, name }, 0, &family)
        };
        let mut all = FinishedFiles::new();
        for (at, file) in [file(1, 0), file(2, 0), file(2, 1), file(3, 0)].into_iter().enumerate() {
            let order = NonZeroU64::new(10 - at as u64);
            all.add(Finished { order, ..known(file, at as u64) });
        }
        assert_eq!(all.get(&file(2, 1)).map(|f| f.end().0), Some(2));
        let head = Head { hash: file(2, 0).hash, base: 0, end: 0, anchor: file(2, 0).hash };
        assert!(all.copies(&head).eq([file(2, 0), file(2, 1)]));
        assert_eq!(all.behind(7), Some((8, file(2, 1))));
        assert!(all.remove(&file(2, 1)).is_some() && all.remove(&file(2, 1)).is_none());
        assert_eq!((all.behind(7), all.len()), (Some((9, file(2, 0))), 3));
        assert_eq!(all.behind(10), None);
        all.add(known(file(3, 0), 5));
        let ends: Vec<u64> = all.get(&file(3, 0)).unwrap().marks().map(|mark| mark.0).collect();
        assert_eq!(ends, [3, 5], "final once more");
    }
}
