//! Which finished files a chain remembers.
//!
//! A file is finished when a note says so, and the notes of a year name hundreds of thousands. They
//! are asked for one thing: whether a backup in the source's directory is archived already. So
//! those are remembered whose backups are there, and the newest: without the first a backup would
//! be archived once more, and with all of them the memory would grow for ever.

use std::ffi::OsStr;
use std::sync::Arc;

use auditseal_format::{FileName, Time};
use auditseal_spool::{Behind, Final, Spool};
use auditseal_tail::{Disk as _, FINALS_KEPT, Family};

use crate::Error;
use crate::place::Place;
use crate::source::file_name;
use crate::untold::{DAY, Untold};

/// The backups in a source's directories, told by when they were rotated.
#[derive(Debug)]
pub(crate) struct Backups {
    families: Vec<Family>,
    /// In ascending order. `None`: they couldn't be listed, and any may be there.
    there: Option<Vec<Time>>,
    /// Those whose names don't tell it, or a time to come: then clocks were wrong.
    pub(crate) untold: Arc<Untold>,
}

impl Backups {
    /// Those that are there now, wherever the source's path leads.
    pub(crate) fn of(place: &Place, now: Time) -> Self {
        let mut disk = place.disk();
        let unknown = || Self::unknown(place.path.family().clone());
        let (mut all, mut untold) = (Self::none(), Vec::new());
        // One by one: a hundred thousand entries at once would take more memory than all else here.
        let listed = disk.each(&mut |family, entry| {
            // An empty one holds nothing that could be archived twice.
            if entry.size > 0 && all.add(family, &entry.name, now) {
                untold.push((entry.folder, family.clone(), entry.name.clone()));
            }
        });
        let Ok(folders) = listed else { return unknown() };
        if disk.state().trouble().is_some() {
            return unknown();
        }
        all.read(folders.iter().map(|folder| &folder.family));
        all.untold = Arc::new(Untold::new(disk, untold, now));
        all
    }

    fn none() -> Self {
        Self { families: vec![], there: Some(Vec::new()), untold: Arc::default() }
    }

    /// Nobody can say.
    fn unknown(family: Family) -> Self {
        Self { families: vec![family], there: None, untold: Arc::default() }
    }

    /// Those of a family among the names in a directory.
    #[cfg(test)]
    pub(crate) fn among<'n>(
        family: &Family,
        names: impl IntoIterator<Item = &'n OsStr>,
        now: Time,
    ) -> Self {
        let mut all = Self::none();
        let untold = names.into_iter().filter(|name| all.add(family, name, now)).count();
        all.read([family]);
        all.untold = Arc::new(Untold::unreadable(untold));
        all
    }

    /// Whether it is one whose name doesn't tell.
    fn add(&mut self, family: &Family, name: &OsStr, now: Time) -> bool {
        let time = family.rotated(name);
        if time.is_none() && (!family.has(name) || *name == family.live()) {
            return false;
        }
        self.there.get_or_insert_default().extend(time);
        time.is_none_or(|at| at > now.saturating_add(DAY))
    }

    /// All are added; files of these families are asked for.
    fn read<'f>(&mut self, families: impl IntoIterator<Item = &'f Family>) {
        for family in families {
            if !self.families.contains(family) {
                self.families.push(family.clone());
            }
        }
        self.there.iter_mut().for_each(|there| {
            there.sort_unstable();
            there.dedup();
        });
    }

    /// When they were rotated, of those whose names tell it, in ascending order; `None`: any may be
    /// there.
    pub(crate) fn there(&self) -> Option<&[Time]> {
        self.there.as_deref()
    }

    pub(crate) fn rotated(&self, name: &FileName) -> Option<Time> {
        let name = file_name(name);
        self.families.iter().find_map(|family| family.rotated(&name))
    }

    /// Whether one is there, or may be, that was rotated then as its name tells.
    pub(crate) fn may_hold(&self, rotated: Option<Time>) -> bool {
        let is_there = |there: &Vec<Time>| {
            rotated.is_some_and(|rotated| there.binary_search(&rotated).is_ok())
        };
        self.there.as_ref().is_none_or(is_there)
    }

    /// Whether a final is to be remembered that was rotated then, behind which so many come, of all and
    /// of those whose names tell no time. A backup that is called by a number (`audit.log.1100`) has had
    /// as many names as there were rotations since: none of them tells which file it is, but those that
    /// are there are the newest of their kind.
    fn keeps(&self, behind: Behind, rotated: Option<Time>) -> bool {
        behind.all < FINALS_KEPT
            || rotated.is_none() && behind.alike < FINALS_KEPT + self.untold.count()
            || self.may_hold(rotated)
    }

    /// Leaves out what nothing will ask for. Oldest first, as the chain names them.
    pub(crate) fn needed(&self, finals: Vec<Final>) -> Vec<Final> {
        let mut behind = Behind::default();
        let needed = |known: &Final| {
            let rotated = self.rotated(&known.name);
            let keeps = self.keeps(behind, rotated);
            behind.all += 1;
            behind.alike += usize::from(rotated.is_none());
            keeps
        };
        let mut needed: Vec<_> = finals.into_iter().rev().filter(needed).collect();
        needed.reverse();
        needed
    }
}

/// Forgets durably what is no longer needed, once it is much.
pub(crate) fn compact(spool: &mut Spool, place: &Place, now: Time) -> Result<(), Error> {
    let backups = Backups::of(place, now);
    let rotated = |known: &Final| backups.rotated(&known.name);
    let untold = |known: &Final| rotated(known).is_none();
    let keep = |behind, known: &Final| backups.keeps(behind, rotated(known));
    Ok(spool.forget_finals(FINALS_KEPT, untold, keep)?)
}

/// How many finals may be remembered until it is looked again which of so many are needed: each
/// time all of them are read, and the directory is listed, so that is done more and more rarely.
pub(crate) fn compact_above(remembered: usize) -> usize {
    remembered + FINALS_KEPT.max(remembered / 2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use auditseal_format::{FileId, Hash};
    use auditseal_spool::StateDir;
    use auditseal_tail::fs::LogPath;

    use super::*;

    fn known(n: u64, name: &str) -> Final {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        let hash = Hash::new(hash);
        let file = FileId { hash, base: 0, copy: 0 };
        Final { file, end: n, anchor: hash, name: FileName::new(name.as_bytes()) }
    }

    /// A file for each minute of some hours, oldest first.
    fn minutes(files: u64) -> Vec<Final> {
        let name = |n| {
            let (day, hour, minute) = (1 + n / 1440, n / 60 % 24, n % 60);
            format!("audit-2026-01-{day:02}T{hour:02}-{minute:02}-00.000.log")
        };
        (0..files).map(|n| known(n, &name(n))).collect()
    }

    fn family() -> Family {
        Family::of(OsStr::new("audit.log")).unwrap()
    }

    #[test]
    fn the_newest_are_kept_and_those_that_are_there() {
        let family = family();
        let finals = minutes(FINALS_KEPT as u64 + 100);
        let ends = |backups: Backups| {
            let kept = backups.needed(finals.clone());
            assert!(kept.is_sorted_by_key(|known| known.end));
            (kept.len() - FINALS_KEPT, kept[0].end)
        };
        let names = ["audit-2026-01-01T00-07-00.000.log.gz", "audit.log", "notes.txt"];
        let listed = Backups::among(&family, names.iter().map(OsStr::new), Time::MAX);
        assert_eq!(ends(listed), (1, 7));
        assert_eq!(ends(Backups::among(&family, [], Time::MAX)), (0, 100));
        let unlisted = Backups::unknown(family.clone());
        assert_eq!(ends(unlisted), (100, 0), "any may be there");
    }

    #[test]
    fn of_numbered_backups_as_many_more_are_kept_as_are_there() {
        let there: Vec<String> = (1..=2000).map(|n| format!("audit.log.{n}")).collect();
        let listed = Backups::among(&family(), there.iter().map(OsStr::new), Time::MAX);
        // Each was sealed under the name that it had when it was final.
        let finals: Vec<Final> = (0..9000).map(|n| known(n, "audit.log.1")).collect();
        let kept = listed.needed(finals.clone());
        assert_eq!((kept.len(), kept[0].end), (FINALS_KEPT + 2000, 7000 - FINALS_KEPT as u64));
        // However many others came behind them, whose names tell when.
        let both = finals.into_iter().chain(minutes(3 * FINALS_KEPT as u64)).collect();
        let kept = listed.needed(both);
        assert_eq!((kept.len(), kept[0].end), (2 * FINALS_KEPT + 2000, 7000 - FINALS_KEPT as u64));
    }

    #[test]
    fn the_spool_forgets_much_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&dir.path().join("state")).unwrap();
        let origin = "c/n/audit".parse().unwrap();
        let mut spool = state.spool(&origin).unwrap();
        let directory = dir.path().join("logs");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("audit-2026-01-01T00-03-00.000.log"), "x").unwrap();
        let place = Place::new(
            origin,
            LogPath::directory(&directory, family()),
            auditseal_format::TimeField::Audit,
        );
        spool.replace_finals(&minutes(2 * FINALS_KEPT as u64 - 1)).unwrap();
        compact(&mut spool, &place, Time::MAX).unwrap();
        assert_eq!(spool.remembered(), 2 * FINALS_KEPT - 1, "not worth it yet");
        spool.remember(&[known(99_998, "audit.log.1"), known(99_999, "audit.log.1")]).unwrap();
        compact(&mut spool, &place, Time::MAX).unwrap();
        let kept = spool.finals().unwrap().unwrap();
        assert_eq!((kept.len(), spool.remembered()), (FINALS_KEPT + 1, FINALS_KEPT + 1));
        assert_eq!((kept[0].end, kept[FINALS_KEPT].end), (3, 99_999));
    }
}
