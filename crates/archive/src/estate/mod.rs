//! `verify` of all chains that a trust file names, or of some of them: several at a time, each held
//! against what the file says of it and against the head that is known; and the heads moved on.

mod proof;
mod report;
mod shard;
mod strangers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use auditseal_chain::{Begin, ChainReport, Extent, Finding, Rules, Trust, Verdict};
use auditseal_format::{Origin, SealId, Time};
use auditseal_reader::{
    Error, IN_FLIGHT, Listing, PackRoot, Packs, Range, Sought, Source, Window, listed_between,
};
use auditseal_store::Store;
use auditseal_trust::{Heads, Kept, KnownHead, Proof, TrustFile, TrustedOrigin};
use futures::StreamExt as _;

use crate::heads_file::{HeadsError, HeadsFile};
use crate::limits::{
    LATEST_ONLY, STORED_ONLY, limit_of_a_head, limit_of_a_search, limit_of_the_clock, told_of_packs,
};
use crate::pass::{Pass, Turn};
use crate::progress::Progress;
use crate::report::{Errors, OriginReport};

pub use report::{Age, EstateChain, EstateReport, Summary};
pub use shard::Shard;
pub use strangers::origins;

/// Chains that are read at a time. The requests in flight are shared among them.
const CHAINS: usize = 16;

/// Findings kept of each chain where there are several.
const KEPT: usize = 100;

/// Names kept of objects and chains that nobody expects.
const NAMES_KEPT: usize = 100;

/// Chains whose results wait to be written into the heads file together.
const TOGETHER: usize = 64;

/// What an estate is held against, and how.
#[derive(Debug, Clone)]
pub struct EstateOptions {
    /// What is trusted of each chain.
    pub trust: TrustFile,
    /// Where the heads are known from, and kept.
    pub heads: Option<HeadsFile>,
    /// The chains that are checked; empty for all of the trust file.
    pub origins: Vec<Origin>,
    /// Which part of them.
    pub shard: Shard,
    /// The part of the only chain that is asked for, and a head that was told beside the heads file.
    pub extent: Extent,
    /// Of each chain the part in which lines of this time lie ([`Range`]), where `extent` asks for none.
    pub window: Window,
    /// That nothing which is known ties a part to its chain is no finding.
    pub allow_unanchored: bool,
    /// The same.
    pub head: Option<SealId>,
    /// The time now.
    pub now: Time,
    /// Compare stored bytes with their signed hash only; don't decompress.
    pub stored_only: bool,
    /// How much later than the store's date of an object its seal may say that it was made,
    /// microseconds; `None` for a store whose dates mean nothing.
    pub skew: Option<i64>,
    /// The name by which the seals call this store.
    pub store: Option<String>,
    /// Where packs of the chains stand; those count that an auditor of the trust file attests.
    pub packs: Option<Arc<dyn Store>>,
}

impl EstateOptions {
    /// All chains of a trust file, all checks, ten minutes of skew, no heads.
    #[must_use]
    pub fn new(trust: TrustFile, now: Time) -> Self {
        Self {
            trust,
            heads: None,
            origins: Vec::new(),
            shard: Shard::ALL,
            extent: Extent::default(),
            window: Window::default(),
            allow_unanchored: false,
            head: None,
            now,
            stored_only: false,
            skew: Some(600_000_000),
            store: None,
            packs: None,
        }
    }
}

/// Why an estate couldn't be checked.
#[derive(Debug)]
pub enum EstateError {
    /// The store gave no answer, or a part was asked for of several chains.
    Read(Error),
    /// The heads file couldn't be read.
    Heads(HeadsError),
    /// This chain isn't in the trust file.
    Untrusted(Origin),
    /// Reading was to begin with this seal, which stands before the one that the trust file begins with.
    BeforeBegin(Begin, SealId),
}

impl fmt::Display for EstateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Heads(error) => write!(f, "{error}"),
            Self::Untrusted(origin) => {
                write!(f, "check signatures of {origin}: the trust file doesn't name this chain")
            }
            Self::BeforeBegin(from, begin) => write!(
                f,
                "choose seals: seq {} is before seq {}, with which the trust file begins",
                from.seq(),
                begin.seq
            ),
        }
    }
}

impl std::error::Error for EstateError {}

impl From<Error> for EstateError {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl From<HeadsError> for EstateError {
    fn from(error: HeadsError) -> Self {
        Self::Heads(error)
    }
}

/// Verifies an estate, and moves its heads on.
///
/// # Errors
/// [`EstateError`]: exit 2 all of them. What the store doesn't answer later on is in the report, and so is
/// a heads file that couldn't be written.
pub async fn verify_estate(
    store: Arc<dyn Store>,
    options: &EstateOptions,
    progress: impl Fn(Progress),
) -> Result<EstateReport, EstateError> {
    let chosen = options.chosen()?;
    let file = options.heads.as_ref();
    let known = file.map(HeadsFile::read).transpose()?.flatten();
    let run = Run {
        source: Source::new(store),
        packs: options.packs.clone().map(Source::new),
        options,
        heads: known.clone().unwrap_or_default(),
        several: chosen.len() > 1,
        concurrency: (IN_FLIGHT / chosen.len().clamp(1, CHAINS)).max(1),
        progress,
        done: Cell::new(Progress { objects: 0, total: 0, bytes: 0 }),
        unexpected: RefCell::default(),
        unwritten: Cell::new(false),
    };
    let mut report = run.empty();
    if file.is_some() && known.is_none() {
        report.limits.push(
            "the heads file wasn't there: it begins with this run, which knew no head".to_owned(),
        );
    }
    if options.origins.is_empty() {
        run.name_strangers(&mut report).await;
    }
    let chains = futures::stream::iter(chosen).map(|(origin, trusted)| run.chain(origin, trusted));
    let mut chains = std::pin::pin!(chains.buffer_unordered(CHAINS));
    let mut waiting = Vec::new();
    while let Some((chain, proof)) = chains.next().await {
        waiting.push((report.origins.len(), proof));
        report.origins.push(chain);
        if waiting.len() == TOGETHER {
            run.keep(&mut report, &mut waiting);
        }
    }
    run.keep(&mut report, &mut waiting);
    report.origins.sort_by(|one, other| one.chain.origin.cmp(&other.chain.origin));
    run.close(&mut report);
    Ok(report)
}

impl EstateOptions {
    /// The chains to check, in the order of their names.
    fn chosen(&self) -> Result<Vec<(&Origin, &TrustedOrigin)>, EstateError> {
        let asked: BTreeSet<&Origin> = self.origins.iter().collect();
        if let Some(other) = asked.iter().find(|origin| self.trust.get(origin).is_none()) {
            return Err(EstateError::Untrusted((*other).clone()));
        }
        let all = self.trust.origins().filter(|(origin, _)| {
            (asked.is_empty() || asked.contains(origin)) && self.shard.has(origin)
        });
        let chosen: Vec<_> = all.collect();
        if self.head.is_some() || self.extent.is_part() {
            let [(_, trusted)] = chosen.as_slice() else {
                return Err(Error::HeadOfMany(chosen.len()).into());
            };
            let from = self.extent.from;
            if let Some(begin) = trusted.begin.filter(|begin| from.seq() < begin.seq)
                && from.is_late()
            {
                return Err(EstateError::BeforeBegin(from, begin));
            }
        }
        Ok(chosen)
    }
}

struct Run<'a, P> {
    source: Source,
    packs: Option<Source>,
    options: &'a EstateOptions,
    heads: Heads,
    several: bool,
    concurrency: usize,
    progress: P,
    done: Cell<Progress>,
    /// Objects below the chains' folders that no chain has: how many, and the first of them.
    unexpected: RefCell<(u64, Vec<Finding>)>,
    /// The heads file couldn't be written.
    unwritten: Cell<bool>,
}

impl<P: Fn(Progress)> Run<'_, P> {
    fn empty(&self) -> EstateReport {
        EstateReport {
            shard: Some(self.options.shard).filter(|shard| shard.is_part()),
            summary: Summary::default(),
            origins: Vec::new(),
            unknown_total: 0,
            unknown: Vec::new(),
            unexpected_total: 0,
            unexpected: Vec::new(),
            versions_listed: true,
            limits: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Names the chains of this part that the store has, and the trust file doesn't name.
    async fn name_strangers(&self, report: &mut EstateReport) {
        let (origins, all) = match origins(&self.source).await {
            Ok(found) => found,
            Err(error) => {
                let why = format!("which other chains the store has isn't known: {error}");
                return report.errors.push(auditseal_chain::escape(&why));
            }
        };
        let (trust, shard) = (&self.options.trust, self.options.shard);
        let unknown =
            origins.into_iter().filter(|origin| trust.get(origin).is_none() && shard.has(origin));
        for origin in unknown {
            report.unknown_total += 1;
            if report.unknown.len() < NAMES_KEPT {
                report.unknown.push(origin);
            }
        }
        if !all {
            report.limits.push(
                "the store has too many chains to name all that the trust file doesn't".to_owned(),
            );
        }
    }

    /// Whether the parts are found by the times of their lines.
    fn searches(&self) -> bool {
        !self.options.window.is_open() && !self.options.extent.is_part()
    }

    /// What is read of a chain.
    async fn range(
        &self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        head: Option<SealId>,
    ) -> Result<Range, auditseal_store::Error> {
        let packs = self.pack_root(origin);
        if self.searches() {
            let trust = Trust::Keys(trusted.keys.clone());
            let known: Vec<u64> = head.iter().chain(&trusted.begin).map(|seal| seal.seq).collect();
            let (window, begin) = (self.options.window, trusted.begin);
            let sought = Sought { trust: &trust, window, known: &known, begin, every_seal: false };
            return Range::find(&self.source, origin, sought, packs.as_ref()).await;
        }
        let begin = trusted.begin.map_or(Begin::Genesis, Begin::Known);
        let Extent { from, to } = self.options.extent;
        let from = if from.is_late() { from } else { begin };
        let extent = Extent { from, to };
        let packs = Packs::of(packs.as_ref(), origin, extent).await?;
        // Of a part that begins in a pack no more is listed than from its day on; unless what lies before it
        // must still be kept.
        let all_must_stay = trusted.retention.is_some() && !self.options.extent.from.is_late();
        let day = packs.with(from.seq()).filter(|_| from.is_late() && !all_must_stay);
        let entries = match day.map(|pack| pack.attestation.date) {
            Some(day) => listed_between(&self.source, origin, Some(day), None).await?,
            None => {
                let mut listing = Listing::read(&self.source, std::slice::from_ref(origin)).await?;
                self.note_unexpected(&listing);
                listing.chains.remove(origin).unwrap_or_default()
            }
        };
        Ok(Range { extent: self.options.extent, entries, packs, ..Range::default() })
    }

    /// Where the packs of a chain stand, and whose attestations count.
    fn pack_root(&self, origin: &Origin) -> Option<PackRoot> {
        let auditors = self.options.trust.auditors_of(origin);
        let source = self.packs.clone()?;
        Some(PackRoot { source, auditors, by_date: self.options.skew.is_some() })
    }

    /// Reads one chain.
    async fn chain(&self, origin: &Origin, trusted: &TrustedOrigin) -> (EstateChain, Proof) {
        let known = self.heads.get(origin);
        let asked = self.options.head.or(known.map(|known| known.seal));
        let range = match self.range(origin, trusted, asked).await {
            Ok(range) => range,
            Err(error) => return self.unread(origin, trusted, known, &error),
        };
        let Range { extent, entries, packs, before: note, unseen } = range;
        let rules = |branch: &[SealId]| Rules {
            branch: branch.to_vec(),
            skew: self.options.skew,
            store: self.options.store.clone(),
            allow_unanchored: self.options.allow_unanchored,
            ..Rules::trusting(trusted, asked).asked(extent)
        };
        let before = self.done.get();
        self.note(|done| done.total += entries.len() as u64 + packs.objects());
        let pass = Pass {
            source: &self.source,
            origin,
            entries: &entries,
            packs: &packs,
            before: note.as_deref(),
            stored_only: self.options.stored_only,
            concurrency: self.concurrency,
            now: self.options.now,
        };
        let judged = pass.judge(&rules, |turn| match turn {
            Turn::Object(size) => self.note(|done| {
                done.objects += 1;
                done.bytes = done.bytes.saturating_add(size);
            }),
            // Other chains have been counted meanwhile: too much is told rather than too little.
            Turn::Anew => self.note(|done| done.total += done.objects - before.objects),
        });
        let (mut chain, errors) = judged.await;
        let rules = rules(&[]);
        if let (Some(begin), Some(retention)) = (trusted.begin, rules.retention)
            && !self.options.extent.from.is_late()
        {
            let mut listed: BTreeSet<u64> = entries.iter().map(|entry| entry.place.seq).collect();
            packs.named_before(begin.seq).for_each(|run| listed.extend(run));
            chain.judge_before(begin, &listed, retention, self.options.now);
        }
        self.recall_forks(origin, &rules, &mut chain);
        // What a payload decompresses to is a part of what a head vouches for.
        let looked_at = errors.count == 0 && !self.options.stored_only;
        let now = self.options.now;
        let proof = proof::of(origin, &chain, &rules, trusted.begin, known, looked_at, now);
        let forked = chain.forked || self.is_forked(origin, &rules);
        let mut told = self.told(origin, chain, errors, &rules, known, forked);
        told.chain.limits.extend(told_of_packs(&packs));
        let search = self.searches().then(|| limit_of_a_search(extent, &unseen));
        told.chain.limits.extend(search.flatten());
        (told, proof)
    }

    /// A chain that the store didn't list. Nothing is known of it, and that is no finding.
    fn unread(
        &self,
        origin: &Origin,
        trusted: &TrustedOrigin,
        known: Option<KnownHead>,
        error: &auditseal_store::Error,
    ) -> (EstateChain, Proof) {
        let mut errors = Errors::default();
        errors.push(error);
        let rules = Rules::trusting(trusted, None);
        let mut chain = proof::unread(origin);
        self.recall_forks(origin, &rules, &mut chain);
        let (begin, now) = (trusted.begin, self.options.now);
        let proof = proof::of(origin, &chain, &rules, begin, known, false, now);
        let forked = self.is_forked(origin, &rules);
        (self.told(origin, chain, errors, &rules, known, forked), proof)
    }

    fn told(
        &self,
        origin: &Origin,
        mut chain: ChainReport,
        errors: Errors,
        rules: &Rules,
        known: Option<KnownHead>,
        forked: bool,
    ) -> EstateChain {
        if self.several {
            // Of one chain a list can be as long as the chain; of thousands it can't.
            chain.findings.findings.truncate(KEPT);
            chain.findings.information.truncate(KEPT);
        }
        let mut limits = Vec::new();
        limits.extend(known.and_then(|known| limit_of_the_clock(known, self.options.now)));
        if let Some(to) = rules.extent.to.filter(|_| !self.searches()) {
            limits.push(format!("only up to seq {to}: what follows wasn't looked at"));
        }
        limits.extend(rules.head.and_then(|head| limit_of_a_head(head, rules.extent)));
        let now = self.options.now.micros();
        EstateChain {
            chain: OriginReport::new(origin.clone(), chain, errors, limits, rules.extent.from),
            known: known.map(|known| known.seal),
            known_since: known.map(|known| known.verified),
            known_age: known.map(|known| (now - known.verified.micros()) / 1_000_000),
            heads: None,
            forked,
        }
    }

    /// What the heads file keeps of forks that nobody settled: that one of the histories is out of
    /// sight now makes it no better.
    fn recall_forks(&self, origin: &Origin, rules: &Rules, chain: &mut ChainReport) {
        for seq in self.open_forks(origin, rules) {
            let told =
                |finding: &Finding| finding.verdict == Verdict::Fork && finding.seq == Some(seq);
            if !chain.findings.findings.iter().any(told) {
                let detail = "the heads file keeps different rightly signed seals of this seq, and the \
                              trust file accepts none of them as the chain's";
                let finding = Finding::new(Verdict::Fork, Some(origin.clone()), detail);
                chain.findings.push(finding.at(seq));
            }
        }
        chain.findings.sort();
    }

    fn open_forks(&self, origin: &Origin, rules: &Rules) -> Vec<u64> {
        let first = rules.extent.from.seq();
        let forks = self.heads.forked(origin).into_iter();
        forks.filter(|seq| first <= *seq && rules.policy.settles(*seq).is_none()).collect()
    }

    fn is_forked(&self, origin: &Origin, rules: &Rules) -> bool {
        !self.open_forks(origin, rules).is_empty()
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        let mut done = self.done.get();
        change(&mut done);
        self.done.set(done);
        (self.progress)(done);
    }

    fn note_unexpected(&self, listing: &Listing) {
        let mut unexpected = self.unexpected.borrow_mut();
        unexpected.0 += listing.strangers;
        let room = NAMES_KEPT.saturating_sub(unexpected.1.len());
        unexpected.1.extend(listing.unexpected().into_iter().take(room));
    }

    /// Writes what these chains came to into the heads file, all at once.
    fn keep(&self, report: &mut EstateReport, waiting: &mut Vec<(usize, Proof)>) {
        let Some(file) = &self.options.heads else { return waiting.clear() };
        // A part without a chain has a heads file as well: whoever merges the parts looks for it.
        let needless = waiting.is_empty() && !report.origins.is_empty();
        // A file that can't be written is told once.
        if needless || self.unwritten.get() {
            return waiting.clear();
        }
        let kept = file.update(|heads| {
            let commit = |(at, proof): &(usize, Proof)| (*at, heads.commit(proof));
            waiting.iter().map(commit).collect::<Vec<_>>()
        });
        match kept {
            Ok(kept) => {
                for (at, kept) in kept {
                    let chain = &mut report.origins[at];
                    chain.heads = Some(kept);
                    if kept == Kept::Forked && !chain.forked {
                        chain.forked = true;
                        chain.chain.contradict();
                    }
                }
            }
            Err(error) => {
                self.unwritten.set(true);
                report.errors.push(auditseal_chain::escape(&error.to_string()));
            }
        }
        waiting.clear();
    }

    /// What is said of all chains together.
    fn close(&self, report: &mut EstateReport) {
        let unexpected = self.unexpected.borrow();
        (report.unexpected_total, report.unexpected) = (unexpected.0, unexpected.1.clone());
        report.versions_listed = !self.source.lists_latest_only();
        if !report.versions_listed {
            report.limits.push(LATEST_ONLY.to_owned());
        }
        let count = |which: fn(&&EstateChain) -> bool| report.origins.iter().filter(which).count();
        let headless = count(|chain| chain.known.is_none());
        let parts = count(|chain| chain.chain.from.is_some());
        if headless > 0 && self.options.head.is_none() {
            report.limits.push(format!(
                "no head was known of {headless} of the chains: that seals are missing at the end is \
                 noticed only once their silence is too long"
            ));
        }
        if parts > 0 {
            report.limits.push(format!(
                "{parts} of the chains are read from a later seal than the genesis: a file that grew \
                 after it was final before that, and a replay of what was sealed before, aren't noticed"
            ));
        }
        if self.options.stored_only {
            let mut limit = STORED_ONLY.to_owned();
            if self.options.heads.is_some() {
                limit.push_str("; the heads file keeps its heads");
            }
            report.limits.push(limit);
        }
        report.add_up();
    }
}
