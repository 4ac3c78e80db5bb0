//! What a listing shows: which files are known, which are new, and where these stand.

use super::matching::{Newer, moved, same, same_done};
use super::unopened::Unopened;
use super::{Carrier, Carriers, NameHash, SPACING, Standing};
use crate::disk::{DiskFile, Entry, FileKey, Folder, FolderId};
use crate::names::{Age, Role};

impl<F: DiskFile> Carriers<F> {
    /// Takes in what a listing showed, with their roles. Returns the known files that have another
    /// name now.
    pub(crate) fn recognise(
        &mut self,
        folders: Vec<Folder>,
        entries: Vec<(Role, Entry)>,
        now: u64,
    ) -> Vec<u64> {
        self.folders = folders;
        for carrier in self.open.values_mut() {
            carrier.gone |= carrier.listed != self.listings && !carrier.is_held();
        }
        self.listings += 1;
        let (mut fresh, mut renamed) = (Vec::new(), Vec::new());
        for (role, entry) in entries {
            let Some(id) = self.find(&role, &entry) else {
                fresh.push((role, entry));
                continue;
            };
            if self.show(id, role, entry, now) {
                renamed.push(id);
            }
        }
        self.unopened = Unopened::of(&self.open, self.listings);
        self.merge();
        if fresh.is_empty() {
            return renamed;
        }
        // Oldest first.
        fresh.sort_by(|a: &(Role, Entry), b| (a.1.folder, &a.0).cmp(&(b.1.folder, &b.0)));
        let mut newer = Newer::of(self);
        for (role, entry) in fresh {
            let order = self.place(entry.folder, &role, entry.key, &mut newer);
            let standing = self.standing_of(entry.folder, &role);
            let mut carrier = Carrier::listed(role, entry, standing, order, now);
            carrier.listed = self.listings;
            self.add(carrier);
        }
        renamed
    }

    /// After the last listing of a look: what it didn't show is missing once more, and a live file
    /// that has lost its name is deleted. What is accounted for and gone is forgotten: if it comes
    /// back, it is identified anew.
    pub(crate) fn conclude(&mut self, now: u64) {
        let listings = self.listings;
        for carrier in self.open.values_mut().filter(|carrier| carrier.listed != listings) {
            if !carrier.is_held() {
                carrier.misses = carrier.misses.saturating_add(1);
            } else if carrier.standing == Standing::Live {
                carrier.standing = Standing::Deleted;
                carrier.stir(now);
            }
        }
    }

    /// Forgets what is accounted for and not listed any more.
    pub(crate) fn forget_gone(&mut self) {
        let gone: Vec<u64> = self
            .done
            .iter()
            .filter(|(_, done)| done.listed != self.listings)
            .map(|(id, _)| *id)
            .collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// Whether the file is open, or accounted for: another name for it, or another owner, says
    /// nothing of what was read.
    pub(crate) fn knows(&self, role: &Role, entry: &Entry) -> bool {
        let id = self.find(role, entry);
        id.is_some_and(|id| self.get(id).is_none_or(Carrier::is_held))
    }

    fn find(&self, role: &Role, entry: &Entry) -> Option<u64> {
        let mut other = None;
        for id in self.with_key(entry.key) {
            match self.open.get(&id) {
                Some(carrier) if carrier.is_held() => return Some(id),
                Some(carrier) if same(carrier, role, entry) => other = other.or(Some(id)),
                Some(_) => {}
                None if self.done.get(&id).is_some_and(|done| same_done(done, role, entry)) => {
                    other = other.or(Some(id));
                }
                None => {}
            }
        }
        other
    }

    pub(super) fn standing_of(&self, folder: FolderId, role: &Role) -> Standing {
        match role.age {
            Age::Live if self.current().any(|current| current.id == folder) => Standing::Live,
            Age::Live => Standing::Deleted,
            _ => Standing::Rotated,
        }
    }

    /// A known file is listed under this name. Returns whether that is another one than before.
    fn show(&mut self, id: u64, role: Role, entry: Entry, now: u64) -> bool {
        let standing = self.standing_of(entry.folder, &role);
        self.set_role(id, entry.folder, &role);
        let (listings, looks) = (self.listings, self.looks);
        if let Some(done) = self.done.get_mut(&id) {
            done.listed = listings;
            let name = NameHash::of(&entry.name);
            if done.name != name {
                done.name = name;
                done.rotated = looks;
            }
            return false;
        }
        let Some(carrier) = self.open.get_mut(&id) else { return false };
        if carrier.standing != standing {
            carrier.standing = standing;
            carrier.stir(now);
            carrier.rotated = looks;
        }
        carrier.listed = listings;
        carrier.misses = 0;
        carrier.gone = false;
        carrier.guessed = false;
        carrier.show(entry.size);
        let renamed = carrier.name != entry.name;
        if renamed {
            carrier.name = entry.name;
        }
        renamed
    }

    /// A file that was renamed during a listing may have been seen under both names, and opened
    /// under one of them.
    fn merge(&mut self) {
        let missing: Vec<u64> = self.missing().collect();
        for id in missing {
            let Some(placeholder) = self.open.get(&id) else { continue };
            let twin = self.with_key(placeholder.key).any(|other| {
                self.open.get(&other).is_some_and(|c| c.is_held() && moved(placeholder, c))
            });
            if twin {
                self.remove(id);
            }
        }
    }

    /// The place in rotation order of a file listed for the first time.
    ///
    /// What wasn't there before was written after all that was, whatever its name says: the clock
    /// that stamps names may step back. Names are believed only among files that got theirs about
    /// now, and the live file is the newest in any case.
    pub(super) fn place(
        &self,
        folder: FolderId,
        role: &Role,
        key: FileKey,
        newer: &mut Newer,
    ) -> u64 {
        // Its plain or compressed sibling's; its own, if it has grown since it was finished.
        let known = self.of_age(folder, &role.age).filter(|_| role.age.is_unique());
        let known =
            known.filter(|c| c.role != role || (c.key == key && c.done)).min_by_key(|c| c.id);
        if let Some(known) = known {
            return known.order;
        }
        let Some(above) = newer.above(folder, &role.age) else { return self.last_order() };
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
