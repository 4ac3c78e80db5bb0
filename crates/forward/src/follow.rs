//! Follows one chain: its next seals in order, each proved, and their lines handed on as parcels.
//!
//! While there is much, what is listed of some days is read at a time. When nothing more is listed, the next key is
//! asked for by its name, which follows from the newest seal, as often as seals usually come; and now and then all
//! that is listed is looked at again, for a seal may stand at another of its keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auditseal_chain::{Begin, Extent, Finding, Place as Stand, Severity, Verdict};
use auditseal_delivery::{Loading, Pacer, ParcelLimits, Position, Provenance, Selection};
use auditseal_format::{Date, Kind, MAX_SEAL_BLOCK, ObjectKey, ObjectSeal, SealId};
use auditseal_reader::{
    Batch, Depth, Entry, How, Object, PackCursor, PackRoot, PackedLines, Packs, Range, Reading,
    Sealed, Sought, Source, Step, Window, listed_between,
};
use auditseal_store::Kind as Why;
use auditseal_trust::Silence;
use tokio::sync::watch;

use crate::feed::{Headed, Outlet, Text, feed};
use crate::followed::Followed;
use crate::halt::Halt;
use crate::standing::{fallen, led_to, stands, unproves};
use crate::tally::Lane;
use crate::told::Told;

/// Days whose listing is read at a time; more where nothing of the chain is found in these.
const DAYS: usize = 2;
/// Bytes of objects and of packs' texts that are kept from when their seals were proved.
const KEPT: u64 = 8 << 20;
/// Seals that are fetched at a time.
const IN_FLIGHT: usize = 16;
/// After so long without a new seal, what is listed is looked at again.
const RELIST: Duration = Duration::from_secs(60);
/// The longest wait after the store gave no answer, or the chain can't be gone on with.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often in a row the store may give no answer to whoever wants all that stands there once.
const ATTEMPTS: u32 = 5;
/// Less than this much text waits for more of the chain before it is handed on.
const LITTLE: usize = 64 << 10;

/// What came of looking once.
struct Looked {
    /// Seals that were new.
    seals: u64,
    /// There are later days than those that were looked at.
    more: bool,
}

/// How a chain is followed.
#[derive(Debug, Clone)]
pub(crate) struct FollowOptions {
    /// Only lines of this time on, where nothing was handed over yet.
    pub(crate) window: Window,
    /// Ends when all that stands there is handed on.
    pub(crate) once: bool,
    /// How much a parcel holds.
    pub(crate) limits: ParcelLimits,
    /// Which lines are handed over.
    pub(crate) selection: Selection,
    /// How many chains there are, each of which may be read at the same time.
    pub(crate) readers: usize,
}

/// Where the chain begins for us.
struct Start {
    from: Begin,
    /// The date in the first seal's key.
    date: Date,
    /// The note behind which that is, where it is known.
    before: Option<Box<ObjectSeal>>,
}

/// Follows one chain for one sink.
pub(crate) struct Follower<'a> {
    chain: &'a Followed,
    source: Source,
    root: Option<PackRoot>,
    options: FollowOptions,
    outlet: Outlet,
    lane: Arc<Lane>,
    /// What is loaded, or handed on.
    position: Option<Position>,
    loading: Option<Loading>,
    /// Where nothing was handed over yet.
    begin: Option<Start>,
    /// The note of the seal that was handed over last, which says whose key may sign the next one.
    last: Option<Box<ObjectSeal>>,
    /// The seal of which that isn't to be had, and when it was looked for.
    unled: Option<(SealId, Instant)>,
    days: usize,
    listed: Option<Instant>,
    told: Told,
    /// What of the last reading stands in the way of going on, if nothing came of it.
    unproved: Option<String>,
    /// Where the newest seal stood that was read.
    place: Option<Stand>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        chain: &'a Followed,
        (source, root): (&Source, Option<PackRoot>),
        options: FollowOptions,
        outlet: Outlet,
        (position, lane): (Option<Position>, Arc<Lane>),
    ) -> Self {
        let source = source.apart(options.readers);
        let loading = Some(Loading::new(options.limits, options.selection.clone()));
        Self {
            chain,
            source,
            root,
            options,
            outlet,
            lane,
            position,
            loading,
            begin: None,
            last: None,
            unled: None,
            days: DAYS,
            listed: None,
            told: Told::default(),
            unproved: None,
            place: None,
        }
    }

    /// Follows until it is to stop, or with `once` until nothing more is there. Gives the end of what is handed on.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Option<Position> {
        self.follow(&mut stop).await;
        self.outlet.handed()
    }

    async fn follow(&mut self, stop: &mut watch::Receiver<bool>) {
        let (mut pacer, mut wait, mut failed) = (Pacer::default(), Duration::ZERO, 0);
        loop {
            let looked = tokio::select! {
                () = stopped(stop) => return,
                looked = self.look() => looked,
            };
            wait = match looked {
                Ok(Looked { seals: 0, more: false }) => {
                    self.lane.caught_up();
                    if self.options.once {
                        return;
                    }
                    pacer.wait()
                }
                Ok(looked) => {
                    failed = 0;
                    if looked.seals > 0 {
                        self.lane.unblocked();
                        pacer.found();
                    }
                    continue;
                }
                Err(Halt::Closed) => return,
                Err(halt) => {
                    failed += 1;
                    if (self.halted(halt) || failed == ATTEMPTS) && self.options.once {
                        return;
                    }
                    (2 * wait).clamp(Duration::from_secs(1), LONGEST_WAIT)
                }
            };
            tokio::select! {
                () = stopped(stop) => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Goes back to what is handed on. Whether waiting changes nothing.
    fn halted(&mut self, halt: Halt) -> bool {
        self.position = self.outlet.handed();
        self.loading = Some(Loading::new(self.options.limits, self.options.selection.clone()));
        self.listed = None;
        let (origin, broken) = (&self.chain.origin, matches!(halt, Halt::Broken(_)));
        match halt {
            Halt::Closed => {}
            Halt::Unread(error) => {
                if self.lane.blocked(&error.to_string(), false) {
                    tracing::warn!(%origin, "read the archive: {error}; tried again");
                }
            }
            Halt::Broken(why) => {
                if self.lane.blocked(&why, true) {
                    tracing::error!(%origin, "nothing behind it is handed over: {why}");
                }
            }
        }
        broken
    }

    async fn look(&mut self) -> Result<Looked, Halt> {
        let due = self.listed.is_none_or(|at| at.elapsed() >= RELIST);
        let looked = match self.position {
            Some(position) if position.lines.is_none() && !due => self.probe(position).await?,
            _ => self.list().await?,
        };
        self.flush().await?;
        Ok(looked)
    }

    /// Hands on what is loaded.
    async fn flush(&mut self) -> Result<(), Halt> {
        let Some(parcel) = self.loading.as_mut().and_then(Loading::flush) else { return Ok(()) };
        if self.outlet.send(parcel).await { Ok(()) } else { Err(Halt::Closed) }
    }

    /// Asks for the next key by its name.
    async fn probe(&mut self, position: Position) -> Result<Looked, Halt> {
        let place = Stand { seq: position.seal.seq + 1, alternate: None, date: position.date };
        let Some(entry) = self.stands(place).await? else {
            return Ok(Looked { seals: 0, more: false });
        };
        let seals = self.read(&[entry], &Packs::none(), false).await?;
        if seals == 0 {
            // It isn't the chain's: that one stands at another key, which only a listing tells.
            self.listed = None;
        } else {
            self.listed = Some(Instant::now());
        }
        Ok(Looked { seals, more: seals == 0 })
    }

    /// The object at a key, if there is one.
    async fn stands(&self, place: Stand) -> Result<Option<Entry>, Halt> {
        let key = place.key(&self.chain.origin).to_string();
        let found =
            self.source.tail(Object { key: &key, version: None }, MAX_SEAL_BLOCK as u64).await;
        let found = match found {
            Ok(found) => found.info,
            Err(error) if error.kind() == Why::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Entry {
            place,
            size: found.size,
            modified: found.modified,
            version: found.version.map(Arc::from),
            hidden: false,
            several: false,
            latest: true,
            marker: false,
            nth: 0,
        }))
    }

    /// Reads what is listed of the next days.
    async fn list(&mut self) -> Result<Looked, Halt> {
        let (seq, date) = self.next_place().await?;
        let origin = &self.chain.origin;
        let folder = format!("{}/date=", ObjectKey::prefix(origin));
        let folders = self.source.folders(&folder).await?;
        let day = |name: &String| Date::parse(name.strip_prefix(&folder)?.as_bytes());
        let folders: BTreeSet<Date> = folders.iter().filter_map(day).collect();
        let last = folders.range(date..).take(self.days).last().copied();
        let more = folders.range(date..).count() > self.days;
        let mut entries = match last {
            Some(last) => listed_between(&self.source, origin, Some(date), Some(last)).await?,
            None => Vec::new(),
        };
        self.recall(&entries, &folders).await?;
        entries.retain(|entry| entry.place.seq >= seq);
        let extent = Extent { from: self.from(), to: None };
        let packs = Packs::of(self.root.as_ref(), origin, extent).await?;
        let seals = match self.read(&entries, &packs, more).await {
            // What doesn't follow may follow another seal than the one that was handed over.
            Err(Halt::Broken(why)) => {
                let Some(position) = self.position else { return Err(Halt::Broken(why)) };
                let fallen = self.fallen(position, &folders).await?;
                return Err(Halt::Broken(fallen.unwrap_or(why)));
            }
            read => read?,
        };
        self.days = if seals > 0 { DAYS } else { 2 * self.days };
        if !more {
            self.days = DAYS;
            // What came may be all there is, or all that is proved: that shows when nothing more comes.
            self.listed = (seals == 0).then(Instant::now);
        }
        if seals == 0 && !more {
            self.at_its_end(&folders, entries.is_empty() && packs.is_empty()).await?;
        }
        Ok(Looked { seals, more })
    }

    /// Nothing more is proved to follow: whether that is because nothing more is there.
    async fn at_its_end(&mut self, days: &BTreeSet<Date>, empty: bool) -> Result<(), Halt> {
        let Some(position) = self.position else {
            // What was sealed before the time that is asked for may be all there is.
            let before = empty && self.options.window.since.is_some() && self.begin.is_some();
            return match self.unproved.take() {
                _ if before => Ok(()),
                Some(why) => Err(Halt::Broken(why)),
                None => Err(Halt::Broken(
                    "trust names the chain, and nothing of it stands there".to_owned(),
                )),
            };
        };
        let (last, trusted) = (position.seal, &self.chain.trusted);
        let unproved = self.unproved.take();
        if trusted.silence == Silence::Ended(last) && unproved.is_none() {
            return Ok(());
        }
        let fallen = self.fallen(position, days).await?;
        if let Some(why) = fallen.or(unproved) {
            return Err(Halt::Broken(why));
        }
        if let Silence::Ended(end) = trusted.silence
            && end.seq > last.seq
        {
            return Err(Halt::Broken(format!(
                "trust says that the chain ended with seal {end}, and nothing is proved behind seal {last}"
            )));
        }
        if position.lines.is_some() {
            return Err(Halt::Broken(format!("the rest of seal {last} can't be read")));
        }
        Ok(())
    }

    /// Why the seal that was handed over last isn't the archive's any more.
    async fn fallen(&self, at: Position, days: &BTreeSet<Date>) -> Result<Option<String>, Halt> {
        let standing = self.standing(at, days).await?;
        let packs = self.packs_at(at).await?;
        Ok(fallen(self.chain, &self.source, at.seal, (&standing, &packs)).await?)
    }

    /// Has the note of the seal that was handed over last, if that is the chain's by what is trusted now: another run
    /// handed it over, or what was read since isn't handed on.
    async fn recall(&mut self, listed: &[Entry], days: &BTreeSet<Date>) -> Result<(), Halt> {
        let Some(at) = self.position.filter(|at| at.lines.is_none()) else { return Ok(()) };
        // What leads to it may be all of the chain: that isn't read as often as is looked here.
        let waits = |(seal, since): (SealId, Instant)| seal == at.seal && since.elapsed() < RELIST;
        if self.last.as_ref().is_some_and(|last| last.id() == at.seal)
            || self.unled.is_some_and(waits)
        {
            return Ok(());
        }
        let here = listed.iter().filter(|entry| entry.place.seq == at.seal.seq);
        let mut standing: Vec<Entry> = here.cloned().collect();
        if standing.is_empty() {
            standing = self.standing(at, days).await?;
        }
        let packs = self.packs_at(at).await?;
        let stands = stands(self.chain, &self.source, at.seal, (&standing, &packs)).await?;
        self.last = match stands {
            Some(note) => led_to(self.chain, (&self.source, self.root.as_ref()), note).await?,
            None => None,
        };
        self.unled = self.last.is_none().then(|| (at.seal, Instant::now()));
        Ok(())
    }

    /// The packs that have the seq of the seal that was handed over last.
    async fn packs_at(&self, at: Position) -> Result<Packs, Halt> {
        let extent = Extent { from: Begin::Known(at.seal), to: Some(at.seal.seq) };
        Ok(Packs::of(self.root.as_ref(), &self.chain.origin, extent).await?)
    }

    /// What stands at the seq of the seal that was handed over last.
    async fn standing(&self, last: Position, days: &BTreeSet<Date>) -> Result<Vec<Entry>, Halt> {
        if let Some(place) = self.place.filter(|place| place.seq == last.seal.seq)
            && let Some(entry) = self.stands(place).await?
        {
            return Ok(vec![entry]);
        }
        // A key's date is that of the seal before.
        let mut behind = days.range(..=last.date).rev();
        let near: Vec<Date> = behind.by_ref().take(DAYS).copied().collect();
        let origin = &self.chain.origin;
        for (first, until) in
            [(near.last().copied(), Some(last.date)), (None, behind.next().copied())]
        {
            if until.is_none() || near.is_empty() {
                break;
            }
            let mut entries = listed_between(&self.source, origin, first, until).await?;
            entries.retain(|entry| entry.place.seq == last.seal.seq);
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }

    /// Where the next seal stands, as far as is known.
    async fn next_place(&mut self) -> Result<(u64, Date), Halt> {
        if let Some(position) = self.position {
            let seq = position.seal.seq + u64::from(position.lines.is_none());
            return Ok((seq, position.date));
        }
        if let Some(begin) = &self.begin {
            return Ok((begin.from.seq(), begin.date));
        }
        let first = self.chain.trusted.begin.map_or(Begin::Genesis, Begin::Known);
        let mut begin = Start { from: first, date: Date::EPOCH, before: None };
        if self.options.window.since.is_some() {
            let rules = self.chain.rules(Extent::default());
            let (source, origin, root) = (&self.source, &self.chain.origin, self.root.as_ref());
            let (trust, window, known) = (&rules.trust, self.options.window, &[][..]);
            let chain_begin = self.chain.trusted.begin;
            let sought = Sought { trust, window, known, begin: chain_begin, every_seal: false };
            let range = Range::find(source, origin, sought, root).await?;
            let (from, seq) = (range.extent.from, range.extent.from.seq());
            let date = range.entries.iter().find(|entry| entry.place.seq >= seq);
            let date = date.map_or(Date::EPOCH, |entry| entry.place.date);
            if seq > first.seq() {
                let from = if range.before.is_some() { from } else { Begin::At(seq) };
                begin = Start { from, date, before: range.before };
            }
            let stands = !range.entries.is_empty() || !range.packs.is_empty();
            if !stands {
                return Ok((begin.from.seq(), begin.date));
            }
        }
        Ok((begin.from.seq(), self.begin.insert(begin).date))
    }

    /// Where reading begins.
    fn from(&self) -> Begin {
        match self.position {
            Some(Position { seal, lines: None, .. }) => Begin::After(seal),
            Some(Position { seal, lines: Some(_), .. }) => Begin::Known(seal),
            None => match (&self.begin, self.chain.trusted.begin) {
                (Some(begin), _) => begin.from,
                (None, Some(begin)) => Begin::Known(begin),
                (None, None) => Begin::Genesis,
            },
        }
    }

    /// The note behind that, where it is known.
    fn before(&self) -> Option<&ObjectSeal> {
        match self.position {
            Some(_) => self.last.as_deref(),
            None => self.begin.as_ref()?.before.as_deref(),
        }
    }

    /// Reads what was listed, and hands on what is proved to be next. Gives how many seals that were.
    async fn read(&mut self, entries: &[Entry], packs: &Packs, part: bool) -> Result<u64, Halt> {
        self.unproved = None;
        if self.position.is_some() && entries.is_empty() && packs.is_empty() {
            // Nothing more is there, which is no fault of what is.
            return Ok(0);
        }
        let how = How {
            depth: Depth::Seal,
            retention: None,
            concurrency: (IN_FLIGHT / self.options.readers.max(1)).max(2),
            keep: KEPT,
            packed: if packs.is_empty() {
                PackedLines::None
            } else {
                PackedLines::All { times: true }
            },
        };
        let rules = self.chain.rules(Extent { from: self.from(), to: None });
        let rules = (rules, self.before());
        let (source, chain) = (self.source.clone(), self.chain);
        let reading = Reading::new(&source, &chain.origin, entries, packs, rules, how);
        let mut reading = reading.going_on();
        let (mut seals, mut cursor) = (0, PackCursor::default());
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            for sealed in accepted {
                self.hand(sealed, packs, &mut cursor).await?;
                seals += 1;
            }
            if let Some(error) = error {
                return Err(error.into());
            }
        }
        let (last, report) = reading.finish(None);
        for finding in &report.findings.findings {
            // Of a part of what is there, that it isn't all says nothing.
            if !(part && matches!(finding.verdict, Verdict::Truncated | Verdict::Missing)) {
                self.tell(finding);
                let stands_in_the_way =
                    finding.severity == Severity::Finding && unproves(finding.verdict);
                if stands_in_the_way && self.unproved.is_none() {
                    self.unproved = Some(finding.to_string());
                }
            }
        }
        if let Some(sealed) = last {
            self.hand(sealed, packs, &mut cursor).await?;
            seals += 1;
        }
        Ok(seals)
    }

    fn tell(&mut self, finding: &Finding) {
        let text = finding.to_string();
        if finding.severity != Severity::Finding || self.told.has(&text) {
            return;
        }
        if self.told.take(&text) {
            tracing::warn!(origin = %self.chain.origin, "found in the archive: {text}");
        }
        self.lane.found();
    }

    /// Hands on a seal's lines, if it is the next one.
    async fn hand(
        &mut self,
        mut sealed: Sealed,
        packs: &Packs,
        cursor: &mut PackCursor,
    ) -> Result<(), Halt> {
        let skip = self.next_is(&sealed).map_err(Halt::Broken)?;
        let (id, place) = (sealed.note.seal.id(), sealed.note.place);
        self.place = Some(place);
        let seal = &sealed.note.seal.seal;
        let of = Arc::new(Provenance {
            origin: self.chain.origin.clone(),
            seal: id,
            key: place.key(&self.chain.origin).to_string(),
            sealed: seal.sealed,
        });
        let (lines, field) = (seal.payload.root.lines, seal.payload.field);
        let done = Position { seal: id, date: seal.sealed.date(), lines: None };
        let Some(mut loading) = self.loading.take() else { return Err(Halt::Closed) };
        if seal.kind != Kind::Batch || lines <= skip || self.outside(&sealed) {
            loading.pass(&of);
            (self.loading, self.position) = (Some(loading), Some(done));
            self.last = Some(sealed.note.seal);
            return Ok(());
        }
        if !sealed.note.whole {
            return Err(Halt::Broken(format!(
                "seq {}: stored bytes aren't the signed ones",
                id.seq
            )));
        }
        let text = match sealed.lines.take() {
            Some(pieces) => Text::Held(pieces),
            None if sealed.note.pack.is_some() => Text::Packed(packs, cursor),
            None => Text::Loose(&self.source, &self.chain.origin),
        };
        let headed = Headed { of, date: place.date, field, skip };
        let turn = self.outlet.shares.turn().await;
        let fed = feed(loading, headed, Batch::of(&sealed), text, &self.outlet).await?;
        drop(turn);
        let Some(loading) = fed else { return Err(Halt::Closed) };
        let waits = loading.loaded() < LITTLE;
        (self.loading, self.position) = (Some(loading), Some(done));
        self.last = Some(sealed.note.seal);
        if waits { Ok(()) } else { self.flush().await }
    }

    /// Whether it has no line of the time that is asked for.
    fn outside(&self, sealed: &Sealed) -> bool {
        sealed.note.timed && !self.options.window.meets(&sealed.note.seal.seal)
    }

    /// Whether a seal is what comes next, and how many of its lines are handed over.
    fn next_is(&self, sealed: &Sealed) -> Result<u64, String> {
        let (id, prev) = (sealed.note.seal.id(), sealed.note.seal.seal.prev);
        let fits = match self.position {
            None => match self.from() {
                Begin::Known(begin) => id == begin,
                begin => id.seq == begin.seq(),
            },
            Some(Position { seal, lines: Some(_), .. }) => id == seal,
            Some(Position { seal, lines: None, .. }) => {
                id.seq == seal.seq + 1 && prev == Some(seal.hash)
            }
        };
        match (fits, self.position) {
            (true, position) => Ok(position.and_then(|position| position.lines).unwrap_or(0)),
            (false, Some(position)) => {
                Err(format!("seq {} doesn't follow seal {}", id.seq, position.seal))
            }
            (false, None) => {
                Err(format!("the chain begins with seq {}, and not where it should", id.seq))
            }
        }
    }
}

/// Done when it is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: then it is to stop, too.
    drop(stop.wait_for(|stop| *stop).await);
}
