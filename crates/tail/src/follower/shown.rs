//! What one listing of the directories shows, as small as can be.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;

use crate::carriers::{Carriers, Sight, Sights};
use crate::disk::{Disk, DiskFile, Entry, Folder, Refusal};
use crate::inode::{FileKey, FolderId};
use crate::label::Label;
use crate::names::{Age, Family};

/// The entries of one listing that are the log's, or look as if they were.
pub(super) struct Shown {
    pub(super) folders: Vec<Folder>,
    /// How many entries it had, the log's or not.
    pub(super) entries: usize,
    /// Those of the log that may be opened.
    pub(super) ours: Sights,
    /// Those that have a name of the log's, and may not be opened.
    pub(super) refused: Vec<(Sight, Refusal)>,
    /// Those that look like the log's and have names that mean nothing.
    pub(super) strangers: BTreeSet<(FolderId, OsString)>,
    /// Whether any entry is this inode.
    wanted: Option<FileKey>,
    pub(super) has_wanted: bool,
}

impl Shown {
    /// Lists, and sees whether this inode is there: each name is read once, and kept only where it
    /// says more than what it means.
    pub(super) fn by<D: Disk>(
        disk: &mut D,
        carriers: &Carriers<D::File>,
        wanted: Option<FileKey>,
    ) -> io::Result<Self> {
        let mut shown = Self {
            folders: Vec::new(),
            entries: 0,
            ours: Sights::default(),
            refused: Vec::new(),
            strangers: BTreeSet::new(),
            wanted,
            has_wanted: false,
        };
        shown.folders = disk.each(&mut |family, entry| shown.add(family, entry, carriers))?;
        Ok(shown)
    }

    fn add<F: DiskFile>(&mut self, family: &Family, entry: Entry, carriers: &Carriers<F>) {
        let Entry { name, folder, key, size, refusal } = entry;
        self.entries += 1;
        self.has_wanted |= self.wanted == Some(key);
        let label = Label::of(family, &name);
        let known = label.role().is_some();
        let sight = Sight { folder, label, key, size };
        match refusal {
            None if known => match carriers.unchanged(&sight) {
                Some(id) => self.ours.unchanged.add(id),
                None if carriers.has_inode(key) => self.ours.known.push(sight),
                None => drop(self.ours.fresh.insert(sight)),
            },
            Some(why) if known => self.refused.push((sight, why)),
            _ if family.related(&name) => drop(self.strangers.insert((folder, name))),
            _ => {}
        }
    }

    /// The same with what is unchanged written out: as it is known.
    pub(super) fn in_full<F: DiskFile>(mut self, carriers: &Carriers<F>) -> Self {
        let unchanged = std::mem::take(&mut self.ours.unchanged);
        self.ours.known.extend(unchanged.iter().filter_map(|id| carriers.sight(id)));
        self
    }

    /// Adds what this listing had that the next one, `again`, doesn't have: what was there a moment
    /// ago is lost, or renamed, and either must be found out.
    pub(super) fn followed_by(self, again: Self) -> Self {
        let Sights { known, fresh, .. } = &again.ours;
        let refused = again.refused.iter().map(|(sight, _)| sight);
        let there = known.iter().chain(fresh).chain(refused);
        let mut there: Vec<&Sight> = there.collect();
        there.sort_unstable_by_key(|sight| sight.key);
        let gone = |before: &Sight| {
            let from = there.partition_point(|after| after.key < before.key);
            let same = there[from..].iter().take_while(|after| after.key == before.key);
            !same.into_iter().any(|after| same_file(before, after))
        };
        let Sights { mut known, mut fresh, .. } = self.ours;
        let mut refused = self.refused;
        known.retain(gone);
        fresh.retain(gone);
        refused.retain(|(sight, _)| gone(sight));
        drop(there);
        let mut all = again;
        known.append(&mut all.ours.known);
        fresh.append(&mut all.ours.fresh);
        refused.append(&mut all.refused);
        all.strangers.extend(self.strangers);
        all.entries = known.len() + fresh.len() + refused.len() + all.strangers.len();
        Self { ours: Sights { known, fresh, ..Sights::default() }, refused, ..all }
    }

    /// Leaves out each compressed file that lies beside its plain one: it is being written, and would
    /// end anywhere. Known inodes that are left come in the order of their names: that in which a
    /// directory names its files is none, and each run must do the same.
    pub(super) fn settle<F: DiskFile>(&mut self, carriers: &Carriers<F>) {
        self.hide_unfinished(carriers);
        let families: BTreeMap<FolderId, &Family> =
            self.folders.iter().map(|folder| (folder.id, &folder.family)).collect();
        self.ours.known.sort_unstable_by(|a, b| {
            let texts = || families.get(&a.folder).map(|family| a.label.cmp_text(&b.label, family));
            a.folder.cmp(&b.folder).then_with(|| texts().unwrap_or(Ordering::Equal))
        });
    }

    fn hide_unfinished<F: DiskFile>(&mut self, carriers: &Carriers<F>) {
        let packed = |sight: &Sight| sight.label.role().is_some_and(|role| role.packed());
        let stands = |sight: &Sight| (sight.folder, sight.label.role().map(|role| role.age));
        let Sights { unchanged, known, fresh } = &mut self.ours;
        if !known.iter().chain(&*fresh).any(packed) {
            return;
        }
        let plain = known.iter().chain(&*fresh).filter(|sight| !packed(sight));
        let mut plain: Vec<(FolderId, Option<Age>)> = plain.map(stands).collect();
        plain.sort_unstable();
        // What is unchanged is plain.
        let beside = |(folder, age): (FolderId, Option<Age>)| {
            let seen = age.into_iter().flat_map(|age| carriers.of_age(folder, age));
            seen.into_iter().any(|seen| unchanged.has(&seen.id))
        };
        let whole = |sight: &Sight| {
            let stands = stands(sight);
            !packed(sight) || (plain.binary_search(&stands).is_err() && !beside(stands))
        };
        known.retain(whole);
        fresh.retain(whole);
    }
}

/// Whether an entry of one listing is, in the next, this one: an inode number alone may have been
/// given to another file in between.
fn same_file(before: &Sight, after: &Sight) -> bool {
    let roles = before.label.role().zip(after.label.role());
    before.key == after.key
        && before.folder == after.folder
        && before.size <= after.size
        && roles.is_some_and(|(b, a)| b == a || b.age.becomes(&a.age))
}
