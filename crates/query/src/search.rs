//! A question to an archive: what it will cost, and its answer.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use auditseal_chain::{Begin, Finding, Severity, Verdict, escape};
use auditseal_format::Time;
use auditseal_predicate::{Keep, ObjectFilter, Predicate};
use auditseal_reader::{Error, IN_FLIGHT, Pack, Packs, Range, Searched, Source, Window};
use futures::future::{Either, FutureExt as _, select, select_all};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};

use crate::answer::{Answered, ChainSearched};
use crate::chain::{Reader, Shared, Told, search};
use crate::flows::FlowAsking;
use crate::hit::{Hit, Unknowns};
use crate::order::{HELD, Merge, Standing};
use crate::parts::{Part, parts, whole};
use crate::range::{Archive, AskedChain, ScanCost, cost, find};
use crate::request::RequestIds;
use crate::scan::{Candidate, Filter};
use crate::show::Show;
use crate::sieve::Sieve;
use crate::types::Asked;

/// Chains whose parts are found at a time.
const FOUND_AT_A_TIME: usize = 16;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asking {
    /// What an event must be.
    pub predicate: Predicate,
    /// When it happened.
    pub window: Window,
    /// Each stage of a request counts; else, of those that are meant, the last one.
    pub all_stages: bool,
    /// Give out the events of which it can't be told, in place of those that are meant.
    pub unknown: bool,
    /// How hits are shown.
    pub show: Show,
    /// Don't ask the indexes of packs.
    pub no_index: bool,
    /// Types that are asked for and aren't built in: whether events are of them is found out too.
    pub sought: Vec<Asked>,
    /// Pass over logs that aren't of audit events, by their seals' word, in place of counting their lines as unreadable.
    pub audit_logs: bool,
    /// Of what no pack has look at each seal, however many there are: then nothing is [`ChainSearched::unseen`] but
    /// what is missing.
    pub every_seal: bool,
    /// That nothing which is known ties the part that is searched to its chain is no finding.
    pub allow_unanchored: bool,
    /// The time now.
    pub now: Time,
    /// Batches that are searched at a time; 0: as many as there are cores.
    pub cores: usize,
}

/// A search whose parts of the chains are found.
#[derive(Debug)]
pub struct FoundParts {
    asking: Asking,
    source: Source,
    chains: Vec<ChainFound>,
    dated: bool,
    /// Flows are asked for, in place of events.
    flows: Option<Arc<FlowAsking>>,
}

/// A chain, and what of it is to be searched.
#[derive(Debug)]
struct ChainFound {
    asked: AskedChain,
    range: Range,
    window: Window,
    /// Types that were sought and are in its packs, by their indexes.
    types: BTreeSet<String>,
    /// What the indexes of its packs said, if they were asked.
    indexes: Option<Searched>,
}

impl ChainFound {
    /// What is known of the search before it begins.
    fn before(&self) -> ChainSearched {
        let mut searched = ChainSearched::new(self.asked.origin.clone());
        searched.types = self.types.clone();
        for seq in &self.asked.forks {
            let detail = "the heads file keeps different rightly signed seals of this seq, and the trust file accepts none \
                          of them as the chain's";
            let origin = Some(self.asked.origin.clone());
            searched.found(Finding::new(Verdict::Fork, origin, detail).at(*seq));
            searched.forked = true;
        }
        let taken = self.range.packs.taken();
        searched.packs = taken.len() as u64;
        let times = taken.iter().filter_map(|pack| pack.attestation.times);
        searched.packed_from = times.map(|(first, _)| first).min();
        let (unusable, total) = self.range.packs.unusable();
        for one in unusable {
            let (key, why) = (escape(&one.key), escape(&one.why));
            searched.note(format!("an attestation that doesn't count, so that what it is of was read elsewhere or not at all: {key}: {why}"));
        }
        searched.uncounted = self.range.packs.uncounted().map(ToString::to_string);
        searched.notes_total += total.saturating_sub(unusable.len() as u64);
        self.beside(&mut searched);
        if let Some(said) = &self.indexes {
            let read = self.passed_by_index(said, &mut searched);
            searched.packs_by_index = said.passed.saturating_sub(read);
            searched.index_bytes = said.bytes;
            searched.auditors = said.auditors.iter().map(|key| key.name().to_owned()).collect();
            for unusable in &said.unusable {
                let (key, why) = (escape(&unusable.key), escape(&unusable.why));
                searched.note(format!(
                    "an index that can't be used, so that what it is of was read: {key}: {why}"
                ));
            }
        }
        searched
    }

    /// Packs of which an index, or what is attested of their times, says that they hold nothing: they are searched by
    /// that. How many of them are read all the same.
    fn passed_by_index(&self, said: &Searched, searched: &mut ChainSearched) -> u64 {
        let (known, rules) = (self.asked.known(), self.asked.rules(self.range.extent, false));
        let (mut found, mut read) = (said.found.iter().peekable(), 0);
        for pack in self.range.packs.taken() {
            // Whoever reads less than all of a pack isn't told by it.
            let (told, more) = rules.repeated(&self.asked.origin, &pack.attestation);
            told.into_iter().for_each(|finding| match finding.severity {
                Severity::Finding => searched.found(finding),
                Severity::Information => {}
            });
            searched.findings_total += more;
            if found.next_if(|found| found.pack.attested_at == pack.attested_at).is_some() {
                continue;
            }
            read += u64::from(known.asks(pack));
            searched.passed_all((pack.first, pack.last));
            searched.sealed_at(pack.attestation.sealed.1);
            if self.window.meets_pack(&pack.attestation) {
                searched.spans(pack.attestation.times);
            }
        }
        read
    }

    /// What can't be told of what lies beside the part.
    fn beside(&self, searched: &mut ChainSearched) {
        let (extent, unseen) = (self.range.extent, &self.range.unseen);
        let passed = (!unseen.is_nothing()).then(|| unseen.to_string());
        let told: Vec<String> = passed.into_iter().chain(self.mistimed()).collect();
        searched.unseen = (!told.is_empty()).then(|| told.join("; "));
        if let Some(head) = self.asked.head.filter(|head| !extent.has(head.seq)) {
            searched.note(format!(
                "the head that is known, seq {}, is beside the part that was read: it wasn't compared with",
                head.seq
            ));
        }
        if let (Begin::Known(begin), Some(to)) = (extent.from, extent.to)
            && to < begin.seq
        {
            let before = "what lies in the time that is asked for stands before";
            searched.uncounted =
                Some(format!("{before} {begin}, with which the trust file begins"));
        }
    }

    /// Batches whose notes are known to be wrong about when their lines happened, and that were passed over by such times.
    fn mistimed(&self) -> Option<String> {
        let Range { extent, packs, .. } = &self.range;
        let passed = |seq: u64| {
            let other = |pack: &Pack| !self.window.meets_pack(&pack.attestation);
            !extent.has(seq) || packs.with(seq).is_some_and(other)
        };
        let rules = self.asked.rules(*extent, false);
        let seqs = rules.policy.mistimed().map(|seal| seal.seq).filter(|seq| passed(*seq));
        let seqs: Vec<String> = seqs.map(|seq| seq.to_string()).collect();
        (!self.window.is_open() && !seqs.is_empty()).then(|| {
            let seqs = seqs.join(", ");
            format!("the times in the notes of seq {seqs} are wrong, as the trust file says, and their lines weren't searched")
        })
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let by_index = |said| parts(&self.range, said, &self.asked.known());
        self.indexes.as_ref().map_or_else(|| whole(&self.range), by_index)
    }
}

impl Asking {
    /// Finds the parts of the chains that are to be searched: of each those where lines of the time that is
    /// asked for may be.
    ///
    /// # Errors
    /// [`Error::NoChain`] if the store has nothing of any; [`Error::NoKeyFor`]; the store's.
    pub async fn find(
        &self,
        archive: &Archive,
        chains: Vec<AskedChain>,
    ) -> Result<FoundParts, Error> {
        let source = Source::new(Arc::clone(&archive.store));
        let (window, lookup) = (self.window, self.predicate.terms_for(self.keep()));
        let finding = futures::stream::iter(chains).map(|asked| {
            let (source, lookup) = (&source, &lookup);
            async move {
                let range = find(source, archive, &asked, (window, self.every_seal)).await?;
                let asks = !self.no_index && !range.packs.is_empty();
                let indexes =
                    if asks { Some(range.packs.search(lookup, window).await) } else { None };
                let types =
                    if asks { self.indexed_types(&range.packs).await } else { BTreeSet::new() };
                Ok::<_, Error>(ChainFound { asked, range, window, types, indexes })
            }
        });
        let found: Vec<_> = finding.buffered(FOUND_AT_A_TIME).collect().await;
        let chains = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        let absent = |found: &ChainFound| {
            let Range { extent, entries, packs, .. } = &found.range;
            // What lies before the part may be there: it isn't asked for.
            let empty = extent.to.is_some_and(|to| to < extent.from.seq());
            entries.is_empty() && packs.is_empty() && !empty
        };
        match chains.first() {
            Some(first) if chains.iter().all(absent) => {
                Err(Error::NoChain(first.asked.origin.clone()))
            }
            _ => Ok(FoundParts {
                asking: self.clone(),
                source,
                chains,
                dated: archive.dated,
                flows: None,
            }),
        }
    }

    /// Types that are sought, and that packs have by their indexes: what isn't read of these names them too.
    async fn indexed_types(&self, packs: &Packs) -> BTreeSet<String> {
        let mut types = BTreeSet::new();
        for asked in &self.sought {
            let (resource, group) = (Some(asked.resource.as_str()), asked.group.as_deref());
            let of = ObjectFilter { resource, group, ..ObjectFilter::default() };
            let lookup = Predicate::object(of).terms_for(Keep::All);
            let found = packs.search(&lookup, self.window).await.found;
            if found.iter().any(|pack| pack.indexed && !pack.batches.is_empty()) {
                types.insert(asked.type_name());
            }
        }
        types
    }

    /// Which lines count: whoever asks for all stages asks for those too that can't be answered yet.
    fn keep(&self) -> Keep {
        if self.all_stages { Keep::All } else { Keep::Answered }
    }
}

impl FoundParts {
    /// Asks for flows in place of events.
    pub(crate) fn of_flows(self, flows: Arc<FlowAsking>) -> Self {
        Self { flows: Some(flows), ..self }
    }

    /// What there is to be fetched, by the store's word.
    #[must_use]
    pub fn cost(&self) -> ScanCost {
        let costs = self.chains.iter().map(|found| cost(&found.parts()));
        costs.fold(ScanCost::default(), |sum, one| ScanCost {
            objects: sum.objects + one.objects,
            bytes: sum.bytes.saturating_add(one.bytes),
        })
    }

    /// Searches, and gives out hits in the order of their time until `each` says to stop, or `stop` is done.
    ///
    /// Hits come in order as far as they were sealed within a minute of log time of later ones; those that
    /// come later are counted in the answer. Requests that were under way where their chain ends come last.
    pub async fn run(
        self,
        mut each: impl FnMut(Hit) -> ControlFlow<()>,
        stop: impl Future<Output = ()>,
    ) -> Answered {
        let searched: Vec<Mutex<ChainSearched>> =
            self.chains.iter().map(|found| Mutex::new(found.before())).collect();
        let shared = self.shared();
        let parts: Vec<_> = self.chains.iter().map(ChainFound::parts).collect();
        let shares = (self.chains.len(), shared.ahead);
        let readers = self
            .chains
            .iter()
            .map(|found| Reader::new(&self.source, &found.asked, &found.range, shares));
        let readers: Vec<_> = readers.collect();
        let (mut receivers, mut searches) = (Vec::new(), FuturesUnordered::new());
        for ((reader, parts), searched) in readers.iter().zip(&parts).zip(&searched) {
            let (to, from) = mpsc::unbounded_channel();
            receivers.push(from);
            searches.push(search(reader, parts, &shared, searched, to));
        }
        let mut desk = Desk::new(self.chains.len(), self.asking.unknown);
        let interrupted = {
            let collecting = std::pin::pin!(collect(&mut desk, &mut receivers, &mut each));
            let searching = async { while searches.next().await.is_some() {} };
            // Nobody needs a search whose hits aren't wanted any more.
            let working = std::pin::pin!(async {
                match select(collecting, std::pin::pin!(searching)).await {
                    Either::Left(((), _)) => {}
                    Either::Right(((), collecting)) => collecting.await,
                }
            });
            matches!(select(working, std::pin::pin!(stop)).await, Either::Right(_))
        };
        drop(searches);
        if interrupted {
            // What was found until then is told.
            (0..self.chains.len()).for_each(|chain| desk.merge.ended(chain));
            desk.give(&mut each);
        }
        let chains = searched
            .into_iter()
            .map(|one| one.into_inner().unwrap_or_else(PoisonError::into_inner));
        desk.answer(chains.collect(), interrupted, self.flows.is_some())
    }

    fn shared(&self) -> Shared {
        let Asking { predicate, window, all_stages, unknown, sought, show, now, cores, .. } =
            &self.asking;
        let keep = self.asking.keep();
        let requests = RequestIds::default();
        let filter = |window: Window| {
            let (predicate, sieve) = (predicate.clone(), Sieve::new(&predicate.literals_for(keep)));
            let (show, requests) = (show.clone(), requests.clone());
            let (all_stages, unknown, sought) = (*all_stages, *unknown, sought.clone());
            let flows = self.flows.clone();
            Arc::new(Filter {
                predicate,
                window,
                sieve,
                all_stages,
                unknown,
                sought,
                show,
                requests,
                flows,
            })
        };
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = if *cores == 0 { available } else { *cores };
        let chains = self.chains.len().max(1);
        // Of a directory nothing is waited for.
        let ahead = if self.dated { IN_FLIGHT / 4 / chains } else { 0 };
        Shared {
            inside: filter(Window::default()),
            around: filter(*window),
            window: *window,
            now: *now,
            cores: Arc::new(Semaphore::new(cores)),
            ahead: ahead.max(cores + 1),
            in_flight: (IN_FLIGHT / chains).max(2),
            audit_logs: self.asking.audit_logs,
            allow_unanchored: self.asking.allow_unanchored,
        }
    }
}

/// Takes what the chains tell, those first without which no hit can go, and gives out hits.
async fn collect(
    desk: &mut Desk,
    receivers: &mut [mpsc::UnboundedReceiver<Told>],
    each: &mut impl FnMut(Hit) -> ControlFlow<()>,
) {
    loop {
        desk.give(each);
        if desk.closed {
            return;
        }
        let awaited = desk.merge.awaited();
        if awaited.is_empty() {
            return;
        }
        let mut next = Vec::with_capacity(awaited.len());
        for (chain, receiver) in receivers.iter_mut().enumerate() {
            if awaited.binary_search(&chain).is_ok() {
                next.push(async move { (chain, receiver.recv().await) }.boxed_local());
            }
        }
        let ((chain, told), ..) = select_all(next).await;
        match told {
            Some(told) => desk.take(chain, told),
            None => desk.merge.ended(chain),
        }
    }
}

/// Where hits of all chains come together.
struct Desk {
    merge: Merge<Hit>,
    /// Those of which it can't be told are given out.
    asks_unknown: bool,
    given: u64,
    meant: u64,
    unknown: Unknowns,
    truncated: u64,
    undated: u64,
    early: u64,
    closed: bool,
}

impl Desk {
    fn new(chains: usize, asks_unknown: bool) -> Self {
        Self {
            merge: Merge::new(chains, HELD),
            asks_unknown,
            given: 0,
            meant: 0,
            unknown: Unknowns::default(),
            truncated: 0,
            undated: 0,
            early: 0,
            closed: false,
        }
    }

    /// Gives out the hits of which it is known that they come next.
    fn give(&mut self, each: &mut impl FnMut(Hit) -> ControlFlow<()>) {
        while let Some(hit) = self.merge.next() {
            self.given += 1;
            if each(hit).is_break() {
                self.closed = true;
                return;
            }
        }
    }

    fn take(&mut self, chain: usize, told: Told) {
        match told {
            Told::Batch { candidates, unknowns, until, _turn } => {
                self.unknown.add(&unknowns);
                self.count(chain, candidates, false);
                if let Some(until) = until {
                    self.merge.searched(chain, until.micros());
                }
            }
            Told::End { candidates, early } => {
                self.count(chain, candidates, true);
                self.early += early;
                self.merge.ended(chain);
            }
        }
    }

    fn count(&mut self, chain: usize, candidates: Vec<Candidate>, behind: bool) {
        for candidate in candidates {
            let Candidate { seq, line, seal, time, stands, unknown, truncated, shown, .. } =
                candidate;
            match &unknown {
                Some(unknown) => self.unknown.add(unknown),
                None => {
                    self.meant += 1;
                    self.truncated += u64::from(truncated);
                    self.undated += u64::from(time.is_none());
                }
            }
            if unknown.is_some() == self.asks_unknown {
                let at = Standing { behind, micros: stands.micros(), chain, seq, line };
                self.merge.push(at, shown.len(), Hit { chain, seq, line, seal, time, shown });
            }
        }
    }

    fn answer(self, chains: Vec<ChainSearched>, interrupted: bool, flows: bool) -> Answered {
        Answered {
            chains,
            given: self.given,
            meant: self.meant,
            unknown: self.unknown,
            truncated: self.truncated,
            undated: self.undated,
            late: self.merge.late(),
            early: self.early,
            interrupted,
            closed: self.closed,
            flows,
        }
    }
}
