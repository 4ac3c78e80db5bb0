//! Holding what was reported against what is listed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use auditseal_format::FileId;

use super::Follower;
use super::settle::MISSES;
use super::watch::{Blind, Watched};
use crate::carriers::{Carrier, Newer, State};
use crate::disk::Disk;
use crate::gap::{Gap, GapReason};
use crate::inode::FolderId;
use crate::names::{Age, Role};
use crate::types::{Look, Notice, Notices};

/// What is asked of all carriers or accounts, at most once in a comparison.
#[derive(Default)]
struct Asked {
    newer: Option<Newer>,
    archived: Option<BTreeSet<Role>>,
    /// Something that had the live name lost it.
    live: bool,
}

impl<D: Disk> Follower<D> {
    /// Tells what was reported of the directory since the last look, before the next one.
    ///
    /// Never called, the directory counts as watched without a break: right where it can't change
    /// between two looks.
    pub fn noticed(&mut self, notices: Notices) {
        if notices.events.is_empty() && !notices.lost {
            self.turns.quiet();
        }
        // Before the first listing of all nothing is known that could be missing since.
        let listings = self.carriers.listings();
        let began = listings > 0 || self.accounts.any_begun();
        let current = self.carriers.current().map(|folder| folder.id);
        let folders = current.filter(|folder| self.carriers.has_any(*folder)).collect();
        let watched = Watched { folders, newest: self.carriers.newest_folder() };
        self.watch.notice(notices, listings, self.now, (began, watched));
    }

    /// Compares what was reported with what is listed.
    pub(super) fn compare(&mut self, look: &mut Look<D::File>) {
        let held = self.directory.leads_beyond(self.disk.leads_beyond());
        if held && self.disk.leads_beyond() {
            // It may be of the directory that isn't read yet: it is compared when that is.
            if self.watch.hold() {
                look.gaps.push(self.unseen());
            }
            return;
        }
        let (reported, deaf) = self.watch.take_reported();
        let deaf = deaf || held;
        if deaf {
            // What became of these was reported then, if ever.
            self.leave_unnamed();
            self.watch.live_stands(true);
        }
        let mut asked = Asked::default();
        self.count_turns(&reported, deaf);
        for notice in reported {
            match notice {
                Notice::Appeared(name) => self.got(name, &mut asked, look),
                Notice::Renamed { from, to } => {
                    self.lost(&from, Some(&to), &mut asked);
                    self.got(to, &mut asked, look);
                }
                Notice::Removed(name) => self.lost(&name, None, &mut asked),
            }
        }
        if asked.live {
            // Those that were listed first amid all this may be any of the files that had the name.
            self.leave_unnamed();
        }
        self.carriers.drop_found();
        let carriers = &self.carriers;
        let there = |folder: FolderId, role: &Role| {
            carriers.of_age(folder, role.age).any(|c| c.listed && c.role == *role)
        };
        self.watch.forget(1024 + 2 * carriers.len(), there);
        self.carriers.forget_names(self.watch.asked_before());
    }

    /// What a reported name means: where the path led when it was reported, if it leads nowhere by now.
    fn role_of(&self, name: &OsStr) -> Option<(FolderId, Role)> {
        let told = |folder| self.watch.tells_of(folder);
        self.carriers.role(name).or_else(|| self.carriers.former_role(name, told))
    }

    /// A file lost this name, to another one if that is known.
    fn lost(&mut self, name: &OsStr, to: Option<&OsStr>, asked: &mut Asked) {
        let Some((folder, role)) = self.role_of(name) else { return };
        if role.age.is_unique() {
            self.watch.falls(self.folder_of(folder, &role), &role);
        } else if role.age == Age::Live && !role.packed() {
            self.watch.live_stands(false);
            self.live_lost(to, asked);
        }
    }

    /// A file got this name. If no listing showed it there, it is gone again. One that is there and
    /// isn't opened has a gap of its own.
    fn got(&mut self, name: OsString, asked: &mut Asked, look: &mut Look<D::File>) {
        let Some((folder, role)) = self.role_of(&name) else { return };
        if role.age == Age::Live && !role.packed() && self.watch.live_stands(true) {
            // The one that still had the name was renamed over.
            self.live_lost(None, asked);
        }
        if !role.age.is_unique() {
            return;
        }
        let folder = self.folder_of(folder, &role);
        let known = self.knows(&role, asked);
        let again = self.watch.stands(folder, &role);
        if again && !role.packed() {
            // Whether it was ever held under this name, or the other, can't be told.
            look.gaps.push(Gap::unidentified(name, None, GapReason::Replaced));
        } else if !known && !self.directory.refuses(&name) {
            let newer = asked.newer.get_or_insert_with(|| Newer::of(&self.carriers));
            self.carriers.report((folder, role), &name, newer, self.now);
        }
    }

    /// Where a name of this role is known, for a report doesn't say.
    fn folder_of(&self, folder: FolderId, role: &Role) -> FolderId {
        self.carriers.folder_of(role.age).unwrap_or(folder)
    }

    /// The live file lost its name: it was renamed to another one, or is gone. If it was there
    /// before all that is being reported, this is the first that happened to the name: what had it
    /// later is another file.
    fn live_lost(&mut self, to: Option<&OsStr>, asked: &mut Asked) {
        asked.live = true;
        let since = self.watch.asked_before();
        let told = |folder| self.watch.tells_of(folder);
        let Some(id) = self.carriers.vanished_live(since, told) else { return };
        let named = to.and_then(|name| Some((name, self.role_of(name)?.1)));
        let Some((name, role)) = named.filter(|(_, role)| role.age.is_unique()) else {
            return self.carriers.set_removed(id);
        };
        self.carriers.set_unseen(id);
        self.rename_vanished(id, role, name);
    }

    /// What became of the live files that are gone by now won't be reported any more.
    fn leave_unnamed(&mut self) {
        let watch = &self.watch;
        while let Some(id) = self.carriers.vanished_live(u64::MAX, |of| watch.tells_of(of)) {
            self.carriers.set_removed(id);
        }
    }

    /// Whether a file of this name, or the plain file of it, was listed or is archived.
    fn knows(&self, role: &Role, asked: &mut Asked) -> bool {
        let plain = role.plain();
        if [role, &plain].iter().any(|role| self.carriers.showed(role)) {
            return true;
        }
        let archived = asked.archived.get_or_insert_with(|| {
            let names = self.accounts.briefs().filter(|account| account.begun);
            names.filter_map(|account| account.role()).collect()
        });
        archived.contains(role) || archived.contains(&plain)
    }

    /// A compressed copy of a vanished live file tells what that was renamed to.
    pub(super) fn name_by_copy(&mut self, id: u64, file: FileId) {
        let Some(copy) = self.carriers.get(id).filter(|copy| copy.is_copy(file)) else { return };
        let Some(source) = self.accounts.get(&file).and_then(|account| account.carrier()) else {
            return;
        };
        let Some(carrier) = self.carriers.get(source) else { return };
        if !carrier.is_listed() && carrier.age() == Age::Live && copy.age().is_unique() {
            let (role, name) = (copy.role(), self.carriers.name(copy));
            self.rename_vanished(source, role, &name);
        }
    }

    fn rename_vanished(&mut self, id: u64, role: Role, name: &OsStr) {
        self.carriers.rename_vanished(id, role, name, self.now);
        self.rename_account(id);
    }

    /// The file that an account reads from has another name now.
    pub(super) fn rename_account(&mut self, id: u64) {
        let Some(carrier) = self.carriers.get(id) else { return };
        if let State::Active(file) = carrier.state() {
            let name = self.carriers.name(carrier);
            self.accounts.change(&file, |account| account.rename(&name));
        }
    }

    /// After a time without reports: is anything there that was there before?
    pub(super) fn settle_unseen(&mut self, look: &mut Look<D::File>) {
        self.watch.begin_settling();
        let Some(blind) = self.watch.blind().filter(|_| self.directory.is_listed()) else { return };
        if self.in_common(&blind) {
            // Who takes what is there now, and watches nothing, asks no more than once.
            if self.draining() || self.is_lasting(&blind) {
                return self.watch.sighted();
            }
            look.more |= self.directory.listed_now();
            return;
        }
        let fresh = || self.carriers.open().filter(|(_, c)| c.first_listing() > blind.listing);
        // An empty file says nothing yet, nor does an empty directory: the next may be being made.
        let done = self.carriers.all().any(|c| c.done && c.listing > blind.listing && c.size > 0);
        let empty = !done && fresh().all(|(_, c)| c.size() == 0);
        let unsure = fresh().any(|(_, c)| {
            let unread = matches!(c.state(), State::Unread | State::Identified(_));
            let waits = c.is_listed() && !c.is_held();
            c.pending() || waits || (unread && c.packed())
        });
        self.watch.finds(empty);
        let listed = self.directory.listed_now();
        look.more |= listed && !empty && (!unsure || self.draining());
        let unsure = unsure || empty;
        if unsure && (self.is_exhausted() || self.now - blind.since < self.settings.linger) {
            return;
        }
        if !listed || self.watch.missed() < MISSES {
            return;
        }
        self.watch.breaks();
        look.more = true;
        look.gaps.push(self.unseen());
    }

    /// The gap of what came and went while nothing was reported.
    fn unseen(&self) -> Gap {
        let (name, reason) = (self.family.live(), GapReason::Unseen);
        Gap { file: None, name, start: None, end: None, anchor: None, reason }
    }

    /// Whether what is listed of before the time without reports was there still when a whole listing
    /// had been made since: all that came after it stood in that one. Within one listing, it may be
    /// deleted right after its own entry was read, and others before theirs are.
    fn is_lasting(&self, blind: &Blind) -> bool {
        let before = blind.listing;
        let linked = |c: &Carrier<D::File>| c.is_held() && !c.pending() && !c.unlinked();
        let there = |c: &Carrier<D::File>| c.is_listed() && blind.tells(c.folder()) && linked(c);
        self.carriers.listings() > blind.ended + 1
            || self.carriers.all_held().filter(|c| there(c)).any(|c| {
                c.first_listing() <= before || self.shows_begun(c) || self.was_plain(c, before)
            })
    }

    /// Whether something is listed that was there in this listing, or before.
    pub(super) fn in_common(&self, blind: &Blind) -> bool {
        let before = blind.listing;
        // Where nothing is archived, what was there before is what the first listing showed, or
        // what was listed once and has vanished.
        let first = !self.accounts.any_begun();
        let known = !first || self.carriers.all().any(|c| c.listing <= before || !c.listed);
        let seen = if first { before.max(1) } else { before };
        // Who takes what is there now, and watches nothing, asks for what the first listing showed.
        // Who watches may have missed in that what went before the second.
        let known_by = if self.draining() { seen } else { before };
        if !known || self.carriers.some_done(known_by, |folder| blind.tells(folder)) {
            return true;
        }
        let there = |c: &Carrier<D::File>| c.is_listed() && blind.tells(c.folder());
        self.carriers.open().filter(|(_, c)| there(c)).any(|(_, c)| {
            c.first_listing() <= known_by || self.shows_begun(c) || self.was_plain(c, seen)
        }) || self.carriers.all().any(|c| {
            let there = c.done && c.listed && blind.tells(c.folder);
            there && c.role.packed() && self.had_plain(c.folder, &c.role, seen, None)
        })
    }

    /// Whether the carrier is what a file became that was there in a listing up to `seen`.
    fn was_plain(&self, carrier: &Carrier<D::File>, seen: u64) -> bool {
        // Its plain file is held, or its stamp tells: stamps don't come twice.
        let copied = match carrier.state() {
            State::Standby(file, _) => self.accounts.get(&file).and_then(|a| a.carrier()),
            _ => None,
        };
        self.had_plain(carrier.folder(), &carrier.role(), seen, copied)
    }

    fn had_plain(&self, folder: FolderId, role: &Role, seen: u64, copied: Option<u64>) -> bool {
        let gone = |c: crate::carriers::Seen| c.listing <= seen && !c.listed;
        let copied = copied.and_then(|id| self.carriers.seen(id)).is_some_and(gone);
        let stamped = role.packed() && role.age.is_unique();
        copied || (stamped && self.carriers.of_age(folder, role.age).any(gone))
    }

    /// Whether the reports of what happened before the file was listed first are still to come.
    pub(super) fn unreported(&self, carrier: &Carrier<D::File>) -> bool {
        self.watch.unreported(carrier.first_listing())
    }
}
