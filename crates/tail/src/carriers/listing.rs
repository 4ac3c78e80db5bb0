//! What a listing shows: which files are known, which are new, and where these stand.

use super::matching::{Newer, moved, same, same_done};
use super::sight::{Sight, Sights};
use super::unopened::Unopened;
use super::{Carrier, Carriers, SPACING, Standing};
use crate::disk::{DiskFile, Folder};
use crate::inode::{FileKey, FolderId};
use crate::names::{Age, Role};

impl<F: DiskFile> Carriers<F> {
    /// Takes in what a listing showed. Returns the known files that have another name now.
    pub(crate) fn recognise(&mut self, folders: Vec<Folder>, sights: Sights, now: u64) -> Vec<u64> {
        let Sights { unchanged, known, mut fresh } = sights;
        self.families.extend(folders.iter().map(|folder| (folder.id, folder.family.clone())));
        self.folders = folders;
        self.files.values_mut().for_each(Carrier::begin_listing);
        self.listings += 1;
        for id in unchanged.iter() {
            if let Some(carrier) = self.files.get_mut(id) {
                carrier.list(carrier.size());
            }
        }
        let mut renamed = Vec::new();
        for sight in known {
            match self.find(&sight) {
                Some(id) => renamed.extend(self.show(id, &sight, now).then_some(id)),
                // Its inode was given to another file.
                None => drop(fresh.insert(sight)),
            }
        }
        self.unopened = Unopened::of(self.files.iter());
        if !fresh.is_empty() || self.files.iter().any(|(_, carrier)| carrier.has_vanished()) {
            self.altered = self.listings;
        }
        self.merge();
        if fresh.is_empty() {
            return renamed;
        }
        let mut newer = Newer::of(self);
        // Oldest first.
        for sight in fresh {
            let order = self.place(&sight, &mut newer);
            let size = sight.size;
            let mut carrier = self.first_seen(sight, order, now);
            carrier.list(size);
            self.add(carrier);
        }
        renamed
    }

    /// After the last listing of a look: what it didn't show is missing once more, and a live file
    /// that has lost its name is deleted.
    pub(crate) fn conclude(&mut self, now: u64) {
        let missing = self.files.values_mut().filter(|c| !c.is_done() && !c.is_listed());
        missing.for_each(|carrier| carrier.miss(now));
    }

    /// Forgets what is accounted for and not listed any more: if it comes back, it is identified
    /// anew.
    pub(crate) fn forget_gone(&mut self) {
        let gone = self.files.iter().filter(|(_, c)| c.is_done() && !c.is_listed());
        let gone: Vec<u64> = gone.map(|(id, _)| id).collect();
        gone.into_iter().for_each(|id| self.remove(id));
        let former: Vec<FolderId> = self.families.keys().copied().collect();
        for folder in former {
            if !self.folders.iter().any(|known| known.id == folder) && !self.has_any(folder) {
                self.families.remove(&folder);
            }
        }
    }

    /// The backup that this entry shows just as it is known, if it isn't open and not compressed: a
    /// listing of a hundred thousand shows hardly any others, and need not be held for them.
    pub(crate) fn unchanged(&self, sight: &Sight) -> Option<u64> {
        let id = self.find(sight)?;
        let known = self.files.get(id)?;
        let backup = known.standing() == Standing::Rotated && known.age() != Age::Live;
        let closed = known.is_listed() && !known.is_held() && !known.packed();
        let same = *known.label() == sight.label && known.folder() == sight.folder;
        (backup && closed && same && known.size() == sight.size).then_some(id)
    }

    /// Whether it is an inode that any carrier has.
    pub(crate) fn has_inode(&self, key: FileKey) -> bool {
        self.with_key(key).next().is_some()
    }

    /// What a listing would show of it, if nothing changed.
    pub(crate) fn sight(&self, id: u64) -> Option<Sight> {
        let known = self.files.get(id)?;
        let (label, folder) = (known.label().clone(), known.folder());
        Some(Sight { label, folder, key: known.key(), size: known.size() })
    }

    /// Whether the file is open, or accounted for: another name for it, or another owner, says
    /// nothing of what was read.
    pub(crate) fn knows(&self, sight: &Sight) -> bool {
        let known = self.find(sight).and_then(|id| self.files.get(id));
        known.is_some_and(|known| known.is_done() || known.is_held())
    }

    fn find(&self, sight: &Sight) -> Option<u64> {
        let role = sight.label.role()?;
        let mut other = None;
        for (id, known) in self.with_key(sight.key) {
            if known.is_held() {
                return Some(id);
            }
            let same = if known.is_done() { same_done } else { same };
            if known.packed() == role.packed() && same(known, sight, role.age) {
                other = other.or(Some(id));
            }
        }
        other
    }

    pub(super) fn standing_of(&self, folder: FolderId, age: Option<Age>) -> Standing {
        match age {
            Some(Age::Live) if self.current().any(|current| current.id == folder) => Standing::Live,
            Some(Age::Live) => Standing::Deleted,
            _ => Standing::Rotated,
        }
    }

    /// A known file is listed under this name. Returns whether that is another one than before.
    fn show(&mut self, id: u64, sight: &Sight, now: u64) -> bool {
        let age = sight.label.role().map(|role| role.age);
        let standing = self.standing_of(sight.folder, age);
        let Some(carrier) = self.files.get(id) else { return false };
        let moved = carrier.folder() != sight.folder;
        let named = moved.then(|| self.name(carrier));
        let relabelled = *carrier.label() != sight.label;
        if moved || relabelled {
            self.rename(id, sight.folder, sight.label.clone());
        }
        let looks = self.looks;
        let Some(carrier) = self.files.get_mut(id) else { return false };
        carrier.set_standing(standing, looks, now);
        if !carrier.list(sight.size) {
            self.altered = self.listings;
        }
        let Some(carrier) = self.get(id) else { return false };
        // In another directory the same label may stand for another name.
        named.map_or(relabelled, |named| named != self.name(carrier))
    }

    /// A file that was renamed during a listing may have been seen under both names, and opened
    /// under one of them.
    fn merge(&mut self) {
        let missing: Vec<u64> = self.missing().collect();
        for id in missing {
            let Some(placeholder) = self.get(id) else { continue };
            let mut same_inode = self.with_key(placeholder.key());
            if same_inode.any(|(_, c)| c.is_held() && moved(placeholder, c)) {
                drop(same_inode);
                self.remove(id);
            }
        }
    }

    /// The place in rotation order of a file listed for the first time.
    ///
    /// What wasn't there before was written after all that was, whatever its name says: the clock
    /// that stamps names may step back. Names are believed only among files that got theirs about
    /// now, and the live file is the newest in any case.
    pub(super) fn place(&self, sight: &Sight, newer: &mut Newer) -> u64 {
        let Some(role) = sight.label.role() else { return self.last_order() };
        let Role { age, .. } = role;
        // Its plain or compressed sibling's; its own, if it has grown since it was finished.
        let known = self.of_age(sight.folder, age).filter(|_| age.is_unique());
        let known =
            known.filter(|c| c.role != role || (c.key == sight.key && c.done)).min_by_key(|c| c.id);
        if let Some(known) = known {
            return known.order;
        }
        let Some(above) = newer.above(sight.folder, &age) else { return self.last_order() };
        let below = newer.below(above, || self.all().map(|seen| seen.order).collect());
        // No room left between two neighbours: at the end then, for order is no matter of loss.
        if above - below < 2 {
            return self.last_order();
        }
        newer.takes(below + (above - below) / 2)
    }

    /// A place after all others.
    pub(super) fn last_order(&self) -> u64 {
        self.last + SPACING
    }
}
