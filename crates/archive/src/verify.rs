//! `verify`: every object of every chain, fetched in order and held against the format.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auditseal_format::{Origin, SealId, Time, VerifierKey};
use auditseal_store::Store;
use auditseal_trust::TrustedOrigin;

use crate::limits::{LATEST_ONLY, STORED_ONLY, limit_of_a_head, limit_of_a_search};
use crate::pass::{Pass, Turn};
use crate::progress::Progress;
use crate::report::{OriginReport, Report};
use auditseal_chain::{ChainReport, Extent, Retention, Rules, Trust};
use auditseal_reader::{Entry, Error, IN_FLIGHT, Listing, Range, Sought, Source, Unseen, Window};

/// What an archive is held against, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Trusted keys, learnt out of band; at least one.
    pub vkeys: Vec<VerifierKey>,
    /// What a trust file says of chains, in place of keys for them.
    pub trusted: BTreeMap<Origin, TrustedOrigin>,
    /// The chains to expect. Empty: those that the store lists.
    pub origins: Vec<Origin>,
    /// The part of the only chain that is asked for. `None`: all of every chain, or with a window the
    /// part in which lines of that time lie ([`Range`]).
    pub extent: Option<Extent>,
    /// The time that is asked for.
    pub window: Window,
    /// That nothing which is known ties a part to its chain is no finding.
    pub allow_unanchored: bool,
    /// A head known out of band, of the only chain.
    pub head: Option<SealId>,
    /// Source gaps that somebody looked at and accepted: chain and seq.
    pub accept: Vec<(Origin, u64)>,
    /// The time now: a promised seal that isn't there by then is overdue.
    pub now: Time,
    /// Compare stored bytes with their signed hash only; don't decompress.
    pub stored_only: bool,
    /// Objects in flight at a time. Fewer are, if they are large.
    pub concurrency: usize,
    /// How much later than the store's date of an object its seal may say that it was made,
    /// microseconds; `None` for a store whose dates mean nothing.
    pub skew: Option<i64>,
    /// What must protect each object. Asks the store for one lock per object.
    pub retention: Option<Retention>,
    /// The name by which the seals call this store, if it is the one they were put into: versions
    /// that they pin there must be there.
    pub store: Option<String>,
}

impl Options {
    /// Options with nothing but keys and the time: all chains, all checks, ten minutes of skew.
    #[must_use]
    pub fn new(vkeys: Vec<VerifierKey>, now: Time) -> Self {
        Self {
            vkeys,
            trusted: BTreeMap::new(),
            origins: Vec::new(),
            extent: None,
            window: Window::default(),
            allow_unanchored: false,
            head: None,
            accept: Vec::new(),
            now,
            stored_only: false,
            concurrency: IN_FLIGHT,
            skew: Some(600_000_000),
            retention: None,
            store: None,
        }
    }
}

impl Options {
    /// Whether there is a key for each chain that is asked for.
    pub(crate) fn check_keys(&self) -> Result<(), Error> {
        if self.vkeys.is_empty() && self.trusted.is_empty() {
            return Err(Error::NoKeys);
        }
        let mut rest = self.origins.iter().filter(|origin| !self.trusted.contains_key(origin));
        rest.try_for_each(|origin| Error::unless_a_key_is_for(origin, &self.vkeys))
    }
}

/// Verifies an archive.
///
/// # Errors
/// [`Error::NoKeys`], [`Error::NoKeyFor`], [`Error::HeadOfMany`], and [`Error::Store`] when the listing failed: exit 2
/// all of them. What the store doesn't answer later on is in the report.
pub async fn verify(
    store: Arc<dyn Store>,
    options: &Options,
    progress: impl Fn(Progress),
) -> Result<Report, Error> {
    options.check_keys()?;
    let source = Source::new(store);
    let mut listing = Listing::default();
    let named = options.extent.is_some_and(|extent| extent.is_part());
    let ranges = if options.window.is_open() || options.extent.is_some() {
        listing = Listing::read(&source, &options.origins).await?;
        whole(std::mem::take(&mut listing.chains), options)
    } else {
        searched(&source, options).await?
    };
    if (options.head.is_some() || named) && ranges.len() != 1 {
        return Err(Error::HeadOfMany(ranges.len()));
    }
    if let Some((absent, _)) = options.accept.iter().find(|(of, _)| !ranges.contains_key(of)) {
        return Err(Error::NoChain(absent.clone()));
    }
    let (unexpected, unexpected_total) = (listing.unexpected(), listing.strangers);
    let total = ranges.values().map(|range| range.entries.len() as u64).sum();
    let mut run = Run { source, options, progress, done: Progress { objects: 0, total, bytes: 0 } };
    let mut origins = Vec::new();
    for (origin, range) in ranges {
        origins.push(run.chain(origin, range).await);
    }
    let mut limits = Vec::new();
    if options.origins.is_empty() {
        limits.push(
            "no origin was given: a chain that is absent as a whole isn't noticed".to_owned(),
        );
    }
    let versions_listed = !run.source.lists_latest_only();
    if !versions_listed {
        limits.push(LATEST_ONLY.to_owned());
    }
    Ok(Report { origins, unexpected_total, unexpected, versions_listed, limits })
}

/// The chains that are listed, and those that are asked for.
fn whole(chains: BTreeMap<Origin, Vec<Entry>>, options: &Options) -> BTreeMap<Origin, Range> {
    let extent = options.extent.unwrap_or_default();
    let listed = chains
        .into_iter()
        .map(|(origin, entries)| (origin, Range { extent, entries, ..Range::default() }));
    let mut ranges: BTreeMap<_, _> = listed.collect();
    for origin in &options.origins {
        let absent = || Range { extent, ..Range::default() };
        ranges.entry(origin.clone()).or_insert_with(absent);
    }
    ranges
}

/// The parts of the chains in which lines of the window lie.
async fn searched(source: &Source, options: &Options) -> Result<BTreeMap<Origin, Range>, Error> {
    if options.origins.is_empty() {
        return Err(Error::NoOrigin);
    }
    let known: Vec<u64> = options.head.iter().map(|head| head.seq).collect();
    let mut ranges = BTreeMap::new();
    for origin in &options.origins {
        let trust = rules(options, origin, Extent::default(), &[]).trust;
        let sought = Sought {
            trust: &trust,
            window: options.window,
            known: &known,
            begin: options.trusted.get(origin).and_then(|trusted| trusted.begin),
            every_seal: false,
        };
        let range = Range::find(source, origin, sought, None).await?;
        ranges.insert(origin.clone(), range);
    }
    Ok(ranges)
}

struct Run<'a, P> {
    source: Source,
    options: &'a Options,
    progress: P,
    done: Progress,
}

impl<P: Fn(Progress)> Run<'_, P> {
    async fn chain(&mut self, origin: Origin, range: Range) -> OriginReport {
        let before = self.done;
        let Range { extent, entries, packs, before: note, unseen } = range;
        let (source, options, progress) = (&self.source, self.options, &self.progress);
        let done = &mut self.done;
        let pass = Pass {
            source,
            origin: &origin,
            entries: &entries,
            packs: &packs,
            before: note.as_deref(),
            stored_only: options.stored_only,
            concurrency: options.concurrency,
            now: options.now,
        };
        let judged = pass.judge(
            |branch| rules(options, &origin, extent, branch),
            |turn| match turn {
                Turn::Object(size) => {
                    done.objects += 1;
                    done.bytes = done.bytes.saturating_add(size);
                    progress(*done);
                }
                Turn::Anew => *done = before,
            },
        );
        let (chain, mut errors) = judged.await;
        let Rules { extent, accept, .. } = rules(options, &origin, extent, &[]);
        let newest = chain.newest.map(|(newest, _)| newest.seq);
        for seq in accept.iter().filter(|seq| extent.has(**seq) && newest < Some(**seq)) {
            errors.say(format!("accept a gap of seq {seq}: the chain has no seal of this number"));
        }
        let limits = self.limits(&chain, extent, &unseen);
        OriginReport::new(origin, chain, errors, limits, extent.from)
    }

    fn limits(&self, chain: &ChainReport, extent: Extent, unseen: &Unseen) -> Vec<String> {
        let Extent { from, to } = extent;
        let mut limits = Vec::new();
        if self.options.extent.is_none() {
            limits.extend(limit_of_a_search(extent, unseen));
        }
        if from.is_late() {
            limits.push(format!(
                "only from seq {} on: a file that grew after it was final before that, and a replay \
                 of what was sealed before, aren't noticed",
                from.seq()
            ));
        }
        let head = self.options.head;
        if let Some(to) = to {
            limits.push(format!("only up to seq {to}: what follows wasn't looked at"));
        }
        limits.extend(head.and_then(|head| limit_of_a_head(head, extent)));
        // A head that isn't in the part says nothing of the part's end.
        let told = head.is_some_and(|head| extent.has(head.seq));
        if let (None, false, Some((newest, _))) = (to, told, &chain.newest) {
            let head = if head.is_some() { "no head in that part" } else { "no head" };
            limits.push(match chain.next_by {
                Some(next_by) => format!(
                    "{head} was given: seals missing after seq {} are noticed only after next-by={next_by}",
                    newest.seq
                ),
                None => format!(
                    "{head} was given: seals missing after seq {}, a final, aren't noticed",
                    newest.seq
                ),
            });
        }
        if self.options.stored_only {
            limits.push(STORED_ONLY.to_owned());
        }
        limits
    }
}

/// What a chain is held against.
pub(crate) fn rules(
    options: &Options,
    origin: &Origin,
    extent: Extent,
    branch: &[SealId],
) -> Rules {
    let accepted = options.accept.iter().filter(|(of, _)| of == origin);
    let plain = match options.trusted.get(origin) {
        Some(trusted) => {
            let rules = Rules { retention: None, ..Rules::trusting(trusted, options.head) };
            rules.asked(extent)
        }
        None => {
            let trust = Trust::in_keys_for(origin, &options.vkeys);
            Rules::of(trust, extent, options.head)
        }
    };
    Rules {
        allow_unanchored: options.allow_unanchored,
        branch: branch.to_vec(),
        accept: accepted.map(|(_, seq)| *seq).collect::<BTreeSet<_>>(),
        skew: options.skew,
        retention: options.retention.or(plain.retention),
        store: options.store.clone(),
        ..plain
    }
}
