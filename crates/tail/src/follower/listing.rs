//! From a directory listing to carriers: which entry is which inode, and opening the new ones.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;

use super::Follower;
use crate::carrier::{Carrier, Standing, State};
use crate::disk::{Disk, DiskFile, Entry, FileKey, Stat};
use crate::names::{Age, Role};
use crate::types::{Look, Problem};

/// A directory that changes faster than it can be opened is listed again this often in a look.
const RELISTS: usize = 6;
/// Distance between places in rotation order, so that others fit in between.
const SPACING: u64 = 1 << 20;

impl<D: Disk> Follower<D> {
    /// Brings the carriers up to date, and holds every one that isn't accounted for: from then on
    /// deleting it loses nothing.
    pub(super) fn refresh(&mut self, look: &mut Look<D::File>) {
        let mut again = true;
        for _ in 0..RELISTS {
            let entries = match self.list() {
                Ok(entries) => entries,
                Err(error) => {
                    // What is held can be read on; who is live stays as it was.
                    self.listed = false;
                    look.problems.push(Problem { name: OsString::new(), operation: "list", error });
                    return;
                }
            };
            self.listed = true;
            let entries = self.ours(entries, look);
            self.listings += 1;
            self.recognise(entries);
            again = self.open_all(look);
            if !again {
                break;
            }
        }
        look.more |= again;
        for carrier in self.carriers.values_mut().filter(|carrier| !carrier.listed) {
            if carrier.held.is_none() {
                carrier.misses = carrier.misses.saturating_add(1);
            } else if carrier.standing == Standing::Live {
                carrier.standing = Standing::Deleted;
                carrier.stir(self.now);
            }
        }
        self.compare(look);
        self.observe_retention();
        // Accounted for and gone: nothing to remember. If it comes back, it is identified anew.
        self.carriers.retain(|_, c| c.listed || !matches!(c.state, State::Consumed));
    }

    /// Lists the directory; again, if the live file is missing: it is probably being renamed, and
    /// under both its names the listing may have passed it by. Without it, the order of files that
    /// are new to us would be a guess.
    fn list(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = self.disk.list()?.entries;
        let live = self
            .carriers
            .values()
            .find(|carrier| carrier.held.is_some() && carrier.standing == Standing::Live);
        if live.is_none_or(|live| entries.iter().any(|entry| entry.key == live.key)) {
            return Ok(entries);
        }
        let again = self.disk.list()?.entries;
        // What was there a moment ago is lost, or renamed: either must be found out.
        entries.retain(|old| !again.iter().any(|new| self.same_file(old, new)));
        entries.extend(again);
        Ok(entries)
    }

    /// Whether an entry of one listing is, in the next, this one: an inode number alone may have
    /// been given to another file in between.
    fn same_file(&self, before: &Entry, after: &Entry) -> bool {
        let roles = self.family.role(&before.name).zip(self.family.role(&after.name));
        before.key == after.key
            && before.size <= after.size
            && roles.is_some_and(|(b, a)| b == a || b.age.becomes(&a.age))
    }

    /// The entries of this family, oldest first.
    fn ours(&mut self, entries: Vec<Entry>, look: &mut Look<D::File>) -> Vec<(Role, Entry)> {
        let mut ours: Vec<(Role, Entry)> = Vec::new();
        for entry in entries {
            let Some(role) = self.family.role(&entry.name) else { continue };
            let Some(refusal) = entry.refusal else {
                self.watch.know(&role);
                ours.push((role, entry));
                continue;
            };
            if !look.problems.iter().any(|problem| problem.name == entry.name) {
                let error = io::Error::new(io::ErrorKind::InvalidInput, refusal.to_string());
                look.problems.push(Problem { name: entry.name, operation: "open", error });
            }
        }
        // A compressed file beside its plain one is being written: it would end anywhere.
        let plain: BTreeSet<Age> =
            ours.iter().filter(|(role, _)| !role.packed()).map(|(role, _)| role.age.clone()).collect();
        ours.retain(|(role, _)| !role.packed() || !plain.contains(&role.age));
        ours.sort_by(|a, b| a.0.cmp(&b.0));
        ours
    }

    fn recognise(&mut self, entries: Vec<(Role, Entry)>) {
        for carrier in self.carriers.values_mut() {
            carrier.gone |= !carrier.listed && carrier.held.is_none();
            carrier.listed = false;
        }
        let mut fresh = Vec::new();
        for (role, entry) in entries {
            match self.find(&role, &entry) {
                Some(id) => self.seen(id, role, entry),
                None => fresh.push((role, entry)),
            }
        }
        self.merge();
        for entry in fresh {
            let order = self.place(&entry.0, entry.1.key);
            self.add(Carrier::new(entry, order, self.now, self.looks));
        }
    }

    fn find(&self, role: &Role, entry: &Entry) -> Option<u64> {
        let fits = || self.carriers.iter().filter(|(_, c)| same(c, role, entry));
        let held = fits().find(|(_, carrier)| carrier.held.is_some());
        held.or_else(|| fits().next()).map(|(id, _)| *id)
    }

    /// A file that was renamed during a listing may have been seen under both names, and opened
    /// under one of them.
    fn merge(&mut self) {
        let twins = self.ids(|placeholder| {
            !placeholder.listed
                && placeholder.held.is_none()
                && self.carriers.values().any(|c| c.held.is_some() && moved(placeholder, c))
        });
        for id in twins {
            self.carriers.remove(&id);
        }
    }

    /// The place in rotation order of a file listed for the first time.
    ///
    /// What wasn't there before was written after all that was, whatever its name says: the clock
    /// that stamps names may step back. Names are believed only among files that got theirs about
    /// now, and the live file is the newest in any case.
    pub(super) fn place(&self, role: &Role, key: FileKey) -> u64 {
        let after = |c: &&Carrier<D::File>| {
            let now = c.standing == Standing::Live || self.looks - c.rotated <= 1;
            c.listed && now && c.role.age > role.age
        };
        // Its plain or compressed sibling's; its own, if it has grown since it was finished.
        let known = self.carriers.values().find(|c| {
            let own = c.key == key && matches!(c.state, State::Consumed);
            role.age.is_unique()
                && c.role.age == role.age
                && (c.role != *role || own)
        });
        if let Some(known) = known {
            return known.order;
        }
        let orders = self.carriers.values().map(|carrier| carrier.order);
        let Some(above) = self.carriers.values().filter(after).map(|c| c.order).min() else {
            return self.last_order();
        };
        let below = orders.filter(|order| *order < above).max().unwrap_or(0);
        // No room left between two neighbours: at the end then, for order is no matter of loss.
        if above - below < 2 { self.last_order() } else { below + (above - below) / 2 }
    }

    pub(super) fn add(&mut self, mut carrier: Carrier<D::File>) {
        carrier.listing = self.listings;
        self.carriers.insert(self.next, carrier);
        self.next += 1;
    }

    fn seen(&mut self, id: u64, role: Role, entry: Entry) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        let standing = if role.age == Age::Live { Standing::Live } else { Standing::Rotated };
        if carrier.standing != standing {
            carrier.standing = standing;
            carrier.stir(self.now);
            carrier.rotated = self.looks;
        }
        carrier.listed = true;
        carrier.misses = 0;
        carrier.gone = false;
        // How its bytes are read was settled when it was opened.
        carrier.role.age = role.age;
        if carrier.held.is_none() && !matches!(carrier.state, State::Consumed) {
            carrier.size = entry.size;
        }
        if carrier.name != entry.name {
            carrier.name = entry.name;
            if let State::Active(file) = carrier.state
                && let Some(account) = self.accounts.get_mut(&file)
            {
                account.name.clone_from(&carrier.name);
            }
        }
    }

    /// Opens what isn't held. Returns whether the directory changed meanwhile.
    fn open_all(&mut self, look: &mut Look<D::File>) -> bool {
        let mut wanted =
            self.ids(|c| c.listed && c.held.is_none() && !matches!(c.state, State::Consumed));
        // The live file first: the limit must not stop what is written now.
        wanted.sort_by_key(|id| self.carriers[id].standing != Standing::Live);
        let mut changed = false;
        for id in wanted {
            let carrier = &self.carriers[&id];
            if carrier.standing != Standing::Live && !self.has_room() {
                self.with_carrier(id, |carrier| carrier.pending = true);
                continue;
            }
            let Carrier { name, folder, .. } = &self.carriers[&id];
            let (name, folder) = (name.clone(), *folder);
            match self.disk.open(folder, &name).and_then(|file| Ok((file.stat()?, file))) {
                Ok((stat, _)) if self.holds(stat.key) => {
                    // Renamed, and known under its other name; or a second name for one file.
                    // If this entry was another file's, that one must turn up elsewhere.
                    let carrier = &self.carriers[&id];
                    if stat.key == carrier.key && stat.size >= carrier.size {
                        self.carriers.remove(&id);
                    } else {
                        changed = true;
                    }
                }
                Ok((stat, file)) if stat.key == self.carriers[&id].key => {
                    self.with_carrier(id, |carrier| {
                        carrier.links = stat.links;
                        carrier.hold(file);
                    });
                }
                Ok((stat, file)) => {
                    // Another file has the name by now. It is held all the same, for it may be
                    // gone at the next listing; the listed one must turn up under its new name.
                    changed = true;
                    self.hold_other(id, stat, file);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => changed = true,
                Err(error) => {
                    self.with_carrier(id, |carrier| carrier.pending = true);
                    self.problem(id, "open", error, look);
                }
            }
        }
        changed
    }

    /// Only a held inode is certain not to have been given to another file.
    fn holds(&self, key: FileKey) -> bool {
        self.carriers.values().any(|carrier| carrier.held.is_some() && carrier.key == key)
    }

    fn hold_other(&mut self, id: u64, stat: Stat, file: D::File) {
        let Some(listed) = self.carriers.get(&id) else { return };
        let entry = Entry {
            name: listed.name.clone(),
            folder: listed.folder,
            key: stat.key,
            size: stat.size,
            refusal: None,
        };
        let entry = (listed.role.clone(), entry);
        let mut carrier = Carrier::new(entry, self.last_order(), self.now, self.looks);
        carrier.links = stat.links;
        carrier.hold(file);
        self.add(carrier);
    }

    /// A place after all others.
    pub(super) fn last_order(&self) -> u64 {
        self.carriers.values().map(|carrier| carrier.order).max().unwrap_or(0) + SPACING
    }
}

/// Whether the entry is the carrier's inode and still the same file.
fn same<F: DiskFile>(carrier: &Carrier<F>, role: &Role, entry: &Entry) -> bool {
    if carrier.key != entry.key {
        return false;
    }
    // A held inode can't be given to another file.
    if carrier.held.is_some() {
        return true;
    }
    if carrier.role.packed() != role.packed() {
        return false;
    }
    let renamed = carrier.role.age.becomes(&role.age);
    if matches!(carrier.state, State::Consumed) {
        // Its number may go up every night. That is believed of compressed files only, where
        // finding out would mean to decode them all again.
        let name = carrier.name == entry.name || (renamed && role.packed());
        name && carrier.size == entry.size
    } else {
        // A stamp is never given twice; other names are, and then an inode may be, too. The file
        // would stand in the place of the one that is gone, before what is older than it.
        let name =
            carrier.name == entry.name && (!carrier.gone || role.age.is_unique());
        (name || renamed) && entry.size >= carrier.size
    }
}

/// Whether a carrier that was never opened is the inode that was opened under another name.
fn moved<F: DiskFile>(placeholder: &Carrier<F>, held: &Carrier<F>) -> bool {
    let (before, after) = (&placeholder.role, &held.role);
    placeholder.key == held.key
        && before.codec == after.codec
        && placeholder.size <= held.size
        && (before.age == after.age || before.age.becomes(&after.age))
}
