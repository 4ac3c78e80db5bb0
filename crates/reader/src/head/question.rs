//! Asking a store for the head of a chain, once, however often it gives no answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_format::{Date, ObjectKey, Origin, VerifierKey};
use auditseal_store::{Error as StoreError, Store};

use super::ahead::Ahead;
use super::days::{DAY, Days};
use super::found::Found;
use super::judged::{Judge, Judged};
use super::pass::{Folders, Pass};
use super::search::Search;
use super::window::{ROOM, Rank, Window};
use crate::error::Error;
use crate::source::Source;

/// Days by which clocks may differ without a start missing what another process made.
const SPARE_DAYS: i64 = 2;
/// Days that are listed one by one: where there are more, the chain is listed as a whole.
const MOST_DAYS: usize = 400;

/// The question for a chain's head: [`super::find_chain`]. After an error of the store it may be
/// asked again, and goes on where it was: in the middle of a listing of millions, or between two of
/// the objects that were listed. The answer is as of when it was begun, or later: whoever wants to
/// know anew asks a new question.
#[derive(Debug)]
pub struct Question {
    asker: Asker,
    /// The days to be looked through first: [`super::find_newest`].
    first: Option<(Date, Date)>,
    /// Up to this seq the chain is known to who asks.
    known: Option<u64>,
    run: Option<Run>,
}

/// What a search is made with.
#[derive(Debug)]
struct Asker {
    source: Source,
    origin: Origin,
    vkeys: Vec<VerifierKey>,
    judge: Judge,
    judged: Judged,
    /// Bytes of a listing that are kept at a time.
    room: usize,
}

/// One search, through some days or all of the chain.
#[derive(Debug)]
struct Run {
    folders: Folders,
    search: Search,
    at: At,
    /// What the first pass found out.
    days: Option<Days>,
}

#[derive(Debug)]
enum At {
    /// A listing is under way.
    Pass(Pass),
    /// Its top is looked at; the rest is below this.
    Top(Ahead, Option<Rank>),
}

impl Question {
    /// A question for a chain. What was `judged` isn't looked at again.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        origin: &Origin,
        vkeys: &[VerifierKey],
        judged: &Judged,
    ) -> Self {
        let asker = Asker {
            source: Source::new(store),
            origin: origin.clone(),
            vkeys: vkeys.to_vec(),
            judge: Judge::new(origin, vkeys),
            judged: judged.clone(),
            room: ROOM,
        };
        Self { asker, first: None, known: None, run: None }
    }

    /// Looks through these days first, and through all of the chain if nothing of it is there.
    #[must_use]
    pub fn from(mut self, days: (Date, Date)) -> Self {
        self.first = Some(days);
        self
    }

    /// Asks for one who has the chain's notes up to this seq: that one of them stands at a higher key,
    /// and not at its own, isn't news of more. Who doesn't know the chain can't tell, and is told.
    #[must_use]
    pub fn knowing(mut self, newest: Option<u64>) -> Self {
        self.known = newest;
        self
    }

    /// Keeps so many bytes of a listing at a time, and not four million.
    #[must_use]
    pub fn keeping(mut self, bytes: usize) -> Self {
        self.asker.room = bytes;
        self
    }

    /// What the store last answered instead of what was asked for.
    #[must_use]
    pub fn refusal(&self) -> Option<StoreError> {
        self.asker.source.refusal()
    }

    /// What the store has of the chain.
    ///
    /// # Errors
    /// As [`super::find_head`]. Asked again after [`Error::Store`] it goes on.
    pub async fn answer(&mut self) -> Result<Found, Error> {
        loop {
            let run = match &mut self.run {
                Some(run) => run,
                none => none.insert(self.asker.begin(self.first).await?),
            };
            self.asker.look(run).await?;
            let Some(run) = self.run.take() else { continue };
            let found = run.search.end(self.known)?;
            let whole = self.first.take().is_none() || matches!(run.folders, Folders::Chain);
            // None of what this node stored is there: what there is, then, must be known in full.
            if found.head.is_some() || whole {
                return Ok(Found { days: run.days, ..found });
            }
        }
    }
}

impl Asker {
    async fn begin(&self, first: Option<(Date, Date)>) -> Result<Run, Error> {
        let folders = match first {
            None => Folders::Chain,
            Some(days) => self.folders(days).await?,
        };
        let search = Search::new(self.origin.clone(), self.vkeys.clone());
        let at = At::Pass(Pass::new(folders.clone(), Window::new(None, self.room)));
        Ok(Run { folders, search, at, days: None })
    }

    /// The days around these, and all later ones.
    async fn folders(&self, (first, next): (Date, Date)) -> Result<Folders, Error> {
        let mut days = BTreeSet::new();
        // The clock may have been set back between the two.
        let mut day = first.min(next).start().saturating_add(-SPARE_DAYS * DAY);
        let last = first.max(next).start().saturating_add(SPARE_DAYS * DAY);
        while day <= last && days.len() <= MOST_DAYS {
            days.insert(day.date());
            day = day.saturating_add(DAY);
        }
        let folder = format!("{}/date=", ObjectKey::prefix(&self.origin));
        for found in self.source.folders(&folder).await? {
            let day = found.strip_prefix(&folder).and_then(|day| Date::parse(day.as_bytes()));
            days.extend(day.filter(|day| day.start() > last));
        }
        let few = days.len() <= MOST_DAYS;
        Ok(if few { Folders::Days(days.into_iter().collect()) } else { Folders::Chain })
    }

    /// Looks at the chain from its top down, until its head is certain or all of it was seen.
    async fn look(&self, run: &mut Run) -> Result<(), Error> {
        loop {
            match &mut run.at {
                At::Pass(pass) => {
                    pass.run(&self.source, &self.origin).await?;
                    let next = At::Top(Ahead::default(), None);
                    let At::Pass(pass) = std::mem::replace(&mut run.at, next) else { continue };
                    let (top, days) = pass.end();
                    run.days = run.days.take().or(days);
                    run.at = At::Top(Ahead::new(top.entries), top.rest);
                }
                At::Top(ahead, rest) => {
                    if !self.judge_top(ahead, &mut run.search).await? {
                        return Ok(());
                    }
                    // Nothing that was kept told the head: then it is below, if there is one.
                    let Some(below) = rest.take() else { return Ok(()) };
                    let window = Window::new(Some(below), self.room);
                    run.at = At::Pass(Pass::new(run.folders.clone(), window));
                }
            }
        }
    }

    /// Judges what was kept of a listing. Returns whether more is needed.
    async fn judge_top(&self, ahead: &mut Ahead, search: &mut Search) -> Result<bool, Error> {
        let name = |entry: &_| self.judge.name(&self.origin, entry);
        let known = |entry: &_| self.judged.holds(&name(entry));
        while let Some((entry, examined)) = ahead.next(&self.source, &self.origin, known).await {
            let Some(examined) = examined else {
                if !search.foreign(entry.place)? {
                    return Ok(false);
                }
                continue;
            };
            let as_listed = examined.sighting.size == entry.size;
            let again = |_: &_| ahead.fetch_again(&self.source, &self.origin);
            let judgement = search.object(examined).inspect_err(again)?;
            if judgement.foreign && as_listed {
                self.judged.remember(name(&entry));
            }
            if !judgement.more {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
