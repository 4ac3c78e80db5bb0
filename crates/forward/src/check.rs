//! Counts what a sink has against what the archive has, by chain and hour.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use auditseal_delivery::{Parcel, ParcelLimits, Selection, SinkKind, SinkUrl};
use auditseal_format::{Origin, Time};
use auditseal_predicate::Predicate;
use auditseal_reader::{Source, Window};
use tokio::sync::{mpsc, watch};

use crate::asked::{in_opensearch, in_victorialogs};
use crate::counts::{Counts, Place, Span};
use crate::feed::{Loaded, Outlet, Shares};
use crate::filed::{FiledTimes, filed, in_file};
use crate::follow::{FollowOptions, Follower};
use crate::followed::{Archived, Followed};
use crate::lanes::LINES;
use crate::tally::{LaneState, SinkTally};

/// What is counted.
#[derive(Debug)]
pub struct CheckOptions {
    /// The chains.
    pub chains: Vec<Followed>,
    /// Only lines of which this isn't false.
    pub predicate: Option<Predicate>,
    /// Only lines of this time on.
    pub since: Time,
    /// Only lines before this time.
    pub until: Time,
}

/// Where counts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miscount {
    /// The chain; `None` where the sink doesn't tell them apart.
    pub origin: Option<Origin>,
    /// The beginning of the hour; `None` for lines of which nobody knows when they happened.
    pub hour: Option<Time>,
    /// Lines in the archive.
    pub archive: u64,
    /// Lines at the sink.
    pub sink: u64,
}

impl fmt::Display for Miscount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin} ")?,
            None => f.write_str("all chains ")?,
        }
        match self.hour {
            Some(hour) => write!(f, "{hour}")?,
            None => f.write_str("without a time")?,
        }
        write!(f, ": {} in the archive, {} at the sink", self.archive, self.sink)
    }
}

/// What counting came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Lines in the archive.
    pub lines: u64,
    /// Of these, lines that are too long to be handed over to anybody.
    pub too_long: u64,
    /// Hours and chains that have some.
    pub hours: u64,
    /// Where the sink has other numbers.
    pub differences: Vec<Miscount>,
    /// Chains that couldn't be counted to their end, and why.
    pub blocked: Vec<(Origin, String)>,
}

/// Counts.
///
/// # Errors
/// Why the sink can't be asked.
pub async fn check(
    place: &Archived,
    sink: &SinkUrl,
    options: &CheckOptions,
) -> Result<Checked, String> {
    let span = Span::at(sink.kind, options.since, options.until);
    let there = at_sink(sink, options, span).await?;
    let mut here = Archive::new(sink, span);
    for chain in &options.chains {
        here.count(place, chain, options.predicate.as_ref()).await;
    }
    let Archive { counts, later, too_long, blocked, .. } = here;
    let mut differences = Vec::new();
    let places: BTreeSet<&Place> = counts.keys().chain(there.keys()).collect();
    for place in places {
        let count = |of: &Counts| of.get(place).copied().unwrap_or(0);
        let (archive, sink) = (count(&counts), count(&there));
        // Of lines without a time a file has those of all times.
        let most = match place.hour {
            Some(_) => archive,
            None if options.since > Time::EPOCH => u64::MAX,
            None => archive + later,
        };
        if !(archive..=most).contains(&sink) {
            let (origin, hour) = (place.origin.clone(), place.begin());
            differences.push(Miscount { origin, hour, archive, sink });
        }
    }
    let (lines, hours) = (counts.values().sum(), counts.len() as u64);
    Ok(Checked { lines, too_long, hours, differences, blocked })
}

/// What is proved to be in the archive, as a sink would tell it.
struct Archive<'a> {
    sink: &'a SinkUrl,
    span: Span,
    counts: Counts,
    /// Lines without a time that were sealed after the range.
    later: u64,
    too_long: u64,
    blocked: Vec<(Origin, String)>,
    times: FiledTimes,
}

impl<'a> Archive<'a> {
    fn new(sink: &'a SinkUrl, span: Span) -> Self {
        let (counts, times) = (Counts::new(), FiledTimes::new(&sink.shape));
        Self { sink, span, counts, later: 0, too_long: 0, blocked: Vec::new(), times }
    }

    /// Counts what is proved of a chain.
    async fn count(&mut self, place: &Archived, chain: &Followed, predicate: Option<&Predicate>) {
        let source = Source::new(Arc::clone(&place.store));
        let (_go, stop) = watch::channel(false);
        // What a file's lines tell of their times may be something else than what the chain's do.
        let since = (self.sink.kind != SinkKind::File).then_some(self.span.since);
        let follow = FollowOptions {
            window: Window { since: Some(self.span.since), until: None },
            once: true,
            limits: ParcelLimits { bytes: 1 << 20, lines: LINES },
            selection: Selection::new(predicate.cloned(), since),
            readers: 1,
        };
        let (to, mut parcels) = mpsc::channel(1);
        let outlet = Outlet::new(to, Shares::default(), None);
        let lane = SinkTally::default().lane(&chain.origin);
        let root = chain.root(place);
        let follower =
            Follower::new(chain, (&source, root), follow, outlet, (None, Arc::clone(&lane)));
        let counting = async {
            while let Some(Loaded { parcel, .. }) = parcels.recv().await {
                self.take(&chain.origin, &parcel);
            }
        };
        tokio::join!(follower.run(stop.clone()), counting);
        let state = lane.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let LaneState { blocked: Some((why, _)), .. } = &*state {
            self.blocked.push((chain.origin.clone(), why.clone()));
        }
    }

    fn take(&mut self, origin: &Origin, parcel: &Parcel) {
        let file = self.sink.kind == SinkKind::File;
        for line in &parcel.lines {
            let time = match file {
                true => self.times.of(&filed(parcel, line, &self.sink.shape).0),
                false => Some(line.when()),
            };
            self.add(origin, time, line.of.sealed);
        }
        // It isn't looked at when such a line happened.
        for (of, _) in &parcel.too_long {
            let time = (!file).then_some(of.sealed);
            self.too_long += u64::from(self.add(origin, time, of.sealed));
        }
    }

    /// Counts a line, if it is in the range; whether it is.
    fn add(&mut self, origin: &Origin, time: Option<Time>, sealed: Time) -> bool {
        let inside = self.span.has(time.unwrap_or(sealed));
        if inside {
            let origin = (self.sink.kind != SinkKind::File).then(|| origin.clone());
            *self.counts.entry(Place::new(origin, time)).or_default() += 1;
        } else if time.is_none() && sealed >= self.span.until {
            self.later += 1;
        }
        inside
    }
}

async fn at_sink(sink: &SinkUrl, options: &CheckOptions, span: Span) -> Result<Counts, String> {
    let chains: Vec<&Origin> = options.chains.iter().map(|chain| &chain.origin).collect();
    match sink.kind {
        SinkKind::File => in_file(sink, span),
        SinkKind::OpenSearch => in_opensearch(sink, &chains, span).await,
        SinkKind::Loki if sink.address.ends_with("/insert") => {
            in_victorialogs(sink, &chains, span).await
        }
        SinkKind::Loki | SinkKind::Otlp | SinkKind::Syslog => Err(
            "it can't be asked for what it has: files, OpenSearch and VictoriaLogs (by its loki address ending in /insert) can"
                .to_owned(),
        ),
    }
}
