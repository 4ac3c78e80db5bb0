//! What was reported of the directory, and when nobody looked.
//!
//! A listing shows what is there, not what was. Two things tell of the rest. While the directory
//! is watched, the name that every rotated file gets is reported, once, and lumberjack never gives
//! a name twice but within one millisecond, when the second file overwrites the first: a name that
//! no listing showed, or that comes again, is a file that is gone. And where reports are
//! missing (no watch, lost events, the time between two runs), two views of the directory must
//! have a file in common: the oldest backups are deleted first, so whatever was written after that
//! file is still there. If they have none, nobody can say what stood between them.

use std::collections::BTreeSet;

use crate::inode::FolderId;
use crate::names::Role;
use crate::types::{Notice, Notices};

/// Reports that are held until the directory is read that they may be of.
const HELD: usize = 65_536;

/// What was reported, and since when nothing was.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Names that files were reported to have got, and not to have lost again.
    stand: BTreeSet<(FolderId, Role)>,
    /// Reported, and not compared with a listing yet.
    reported: Vec<Notice>,
    /// Listings there had been when reports were last handed in; `None`: they never are.
    asked: Option<u64>,
    /// The same, of the time before: from then on happened what was reported last.
    asked_before: u64,
    /// Where they came from then.
    watched: Option<Watched>,
    /// A file has the live name, as far as was reported.
    live: bool,
    /// Reports were lost since the last listing.
    deaf: bool,
    /// Something happened to names since the last listing.
    changed: bool,
    blind: Option<Blind>,
    /// Another one, that came before that was settled.
    blind_again: Option<Blind>,
    /// Nothing is there that could be compared with what was before.
    bare: bool,
    /// The last listing before the time that this look found files to be missing of.
    broken: Option<u64>,
}

/// A time without reports.
#[derive(Debug, Clone)]
pub(super) struct Blind {
    pub(super) since: u64,
    /// What later listings show first is new.
    pub(super) listing: u64,
    /// Listings there had been when it ended.
    pub(super) ended: u64,
    /// Looks in a row that found nothing in common.
    pub(super) misses: u8,
    watched: Watched,
}

/// The directories that are reported of, when the path leads there, and which of them hold files.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    pub(super) folders: BTreeSet<FolderId>,
    /// The newest of all that are read then.
    pub(super) newest: Option<FolderId>,
}

impl Blind {
    /// Whether a file in this directory says something of those where reports are missing. One that
    /// the path led to before them doesn't: what lies there still, lies there whatever came and went
    /// elsewhere.
    pub(super) fn tells(&self, folder: FolderId) -> bool {
        let Watched { folders, newest } = &self.watched;
        folders.is_empty() || folders.contains(&folder) || Some(folder) > *newest
    }
}

/// What calls for a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    /// Names changed, or nobody ever says whether they did.
    pub(super) names: bool,
    /// Nobody knows whether they did.
    pub(super) lost: bool,
}

impl Watch {
    /// Time begins.
    pub(super) fn started(&mut self, now: u64) {
        if let Some(blind) = &mut self.blind {
            blind.since = now;
        }
    }

    /// Takes in what was reported; `listings`: those made so far; `began`: something is known
    /// that could be missing; `watched`: where reports come from as of the last listing.
    pub(super) fn notice(
        &mut self,
        notices: Notices,
        listings: u64,
        now: u64,
        (began, watched): (bool, Watched),
    ) {
        let before = self.watched.replace(watched.clone()).unwrap_or(watched);
        self.changed |= notices.changed || !notices.events.is_empty();
        self.reported.extend(notices.events);
        self.deaf |= notices.lost;
        if notices.lost && began {
            self.blinded(listings, now, before);
        }
        self.asked_before = self.asked.unwrap_or(listings);
        self.asked = Some(listings);
    }

    /// What came and went since the last listing is not known.
    pub(super) fn blinded(&mut self, listings: u64, now: u64, watched: Watched) {
        // What listings showed since then, may already be what came after what is missing.
        let listing = self.asked.unwrap_or(listings);
        let began = Blind { since: now, listing, ended: listings, misses: 0, watched };
        match &self.blind {
            None => self.blind = Some(began),
            // Nobody has looked since that one ended: it goes on.
            Some(blind) if blind.ended == listings => {}
            Some(_) => self.blind_again.get_or_insert(began).ended = listings,
        }
    }

    pub(super) fn news(&self) -> News {
        News { names: self.changed || self.asked.is_none(), lost: self.deaf }
    }

    /// What was reported since the last listing, and whether more may have happened: it is compared
    /// with a listing now.
    pub(super) fn take_reported(&mut self) -> (Vec<Notice>, bool) {
        self.changed = false;
        (std::mem::take(&mut self.reported), std::mem::take(&mut self.deaf))
    }

    /// What was reported can't be compared with a listing yet, and is kept for later. Returns whether
    /// that became too much, and none of it is.
    pub(super) fn hold(&mut self) -> bool {
        self.changed = false;
        let full = self.reported.len() > HELD;
        if full {
            self.reported = Vec::new();
        }
        full
    }

    /// A file got the live name, or it was lost. Returns whether one may have had it.
    pub(super) fn live_stands(&mut self, stands: bool) -> bool {
        std::mem::replace(&mut self.live, stands)
    }

    /// A file got this name. Returns whether another one had it, as far as was reported.
    pub(super) fn stands(&mut self, folder: FolderId, role: &Role) -> bool {
        !self.stand.insert((folder, *role))
    }

    /// The file of this name was deleted.
    pub(super) fn falls(&mut self, folder: FolderId, role: &Role) {
        self.stand.remove(&(folder, *role));
    }

    /// Forgets names whose deletion nobody reported, once they outnumber what is there.
    pub(super) fn forget(&mut self, most: usize, there: impl Fn(FolderId, &Role) -> bool) {
        if self.stand.len() > most {
            self.stand.retain(|(folder, role)| there(*folder, role));
        }
    }

    /// Whether what was reported last may have happened in this directory: the path may lead elsewhere
    /// since.
    pub(super) fn tells_of(&self, folder: FolderId) -> bool {
        self.watched.as_ref().is_none_or(|watched| watched.folders.contains(&folder))
    }

    /// Listings there had been when reports were last handed in.
    pub(super) fn asked(&self) -> Option<u64> {
        self.asked
    }

    /// From this listing on happened what was reported last.
    pub(super) fn asked_before(&self) -> u64 {
        self.asked_before
    }

    /// Whether the reports of what happened before a file was listed first are still to come.
    pub(super) fn unreported(&self, first_listing: u64) -> bool {
        self.asked.is_some_and(|asked| first_listing > asked)
    }

    /// Nothing is there, or something, that could be compared with what was before.
    pub(super) fn finds(&mut self, bare: bool) {
        self.bare = bare;
    }

    /// Whether a time without reports could be settled, and isn't yet.
    pub(super) fn is_doubtful(&self) -> bool {
        self.blind.is_some() && !self.bare
    }

    /// Whether a time without reports isn't settled yet.
    pub(super) fn is_blind(&self) -> bool {
        self.blind.is_some()
    }

    /// The time without reports.
    pub(super) fn blind(&self) -> Option<Blind> {
        self.blind.clone()
    }

    /// A look begins to settle it.
    pub(super) fn begin_settling(&mut self) {
        self.broken = None;
    }

    /// Nothing is missing of the time without reports.
    pub(super) fn sighted(&mut self) {
        self.blind = self.blind_again.take();
    }

    /// One more look found nothing in common.
    pub(super) fn missed(&mut self) -> u8 {
        self.blind.as_mut().map_or(0, |blind| {
            blind.misses += 1;
            blind.misses
        })
    }

    /// Files are missing of the time without reports.
    pub(super) fn breaks(&mut self) {
        self.blind_again = None;
        self.broken = self.blind.take().map(|blind| blind.listing);
    }

    /// What was listed first after this listing has to wait: something that stood before it may be
    /// missing.
    pub(super) fn barrier(&self) -> Option<u64> {
        self.blind.as_ref().map(|blind| blind.listing).or(self.broken)
    }
}
