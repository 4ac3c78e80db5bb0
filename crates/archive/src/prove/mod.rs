//! `prove`: one line of a chain, with what proves it.
//!
//! By its seal's number only that object, or its pack, is read; by the ID of a request all that was asked
//! for. What is found elsewhere in the chain doesn't matter here: a proof says nothing of it.

mod payload;
mod seek;

use std::fmt;
use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Finding, Findings, Rules, Trust, Verdict};
use auditseal_format::{EventProof, Origin, ProofError, VerifierKey};
use auditseal_reader::{
    Batch, Depth, Error, How, IN_FLIGHT, Listing, PackRoot, PackedLines, Packs, Range, Reading,
    Sealed, Search, Sought, Source, Step, Unseen, Window,
};
use auditseal_store::Store;
use auditseal_trust::TrustedOrigin;

use crate::cat::CatPacks;
use payload::Payload;
pub use seek::RequestStage;
use seek::Seek;

/// Bytes of whole objects that are kept between being read and being looked through.
const KEPT_BYTES: u64 = 16 << 20;
/// Seqs behind one of which nothing is there that are looked at: of so many without a seal of the chain none may follow.
const LATER: usize = 16;
/// Lines of one request that are named.
const NAMED: usize = 100;

/// What a line is looked for by, and whom to trust.
#[derive(Debug, Clone)]
pub struct ProveOptions {
    /// Trusted keys, where there is no trust file.
    pub vkeys: Vec<VerifierKey>,
    /// What a trust file says of the chain, in place of keys.
    pub trusted: Option<TrustedOrigin>,
    /// Where packs of the chain stand.
    pub packs: Option<CatPacks>,
    /// By the ID of a request: the part of the chain to look through; `None` for all of it, or what the
    /// window needs.
    pub extent: Option<Extent>,
    /// By the ID of a request: when the line happened.
    pub window: Window,
}

/// A line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStage {
    /// The seal that it is in.
    pub seq: u64,
    /// Which line of it, from 1.
    pub line: u64,
    /// The stage of the request that it tells of.
    pub stage: RequestStage,
}

/// What was made.
#[derive(Debug)]
pub struct MadeProof {
    /// The proof.
    pub proof: EventProof,
    /// By the ID of a request: its lines, in the order of the chain; the first of them.
    pub stages: Vec<FoundStage>,
    /// How many there are.
    pub stages_total: u64,
    /// Lines that hold the ID's characters, and of which it can't be said whether they are the
    /// request's.
    pub unreadable: u64,
    /// What was found in the part that was read, beside it.
    pub findings: Vec<String>,
}

/// Why there is no proof.
#[derive(Debug)]
pub enum ProveError {
    /// The archive couldn't be read, or what was asked for isn't what it should be.
    Archive(Error),
    /// There is no seal of this number that a trusted key signed; and what was found instead.
    NoSeal(Origin, u64, Vec<String>),
    /// The seal has no such line, or that is too long.
    Line(u64, u64, ProofError),
    /// No line has this ID of a request; in how many lines its characters stand all the same, and what was
    /// found in what was read; and what of the chain was passed over though it may hold some.
    NoRequest(Origin, u64, Vec<String>, Unseen),
}

impl ProveError {
    /// Whether the archive is at fault (exit 1), and not whoever asked (exit 2).
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match self {
            Self::Archive(error) => error.is_finding(),
            Self::NoSeal(_, _, findings) | Self::NoRequest(_, _, findings, _) => {
                !findings.is_empty()
            }
            Self::Line(_, _, error) => !matches!(error, ProofError::Line(_)),
        }
    }
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => write!(f, "{error}"),
            Self::NoSeal(origin, seq, findings) => {
                write!(
                    f,
                    "prove a line of seal {seq} of {origin}: there is no such seal that counts"
                )?;
                findings.iter().try_for_each(|finding| write!(f, "; {finding}"))
            }
            Self::Line(seq, line, error) => write!(f, "prove line {line} of seal {seq}: {error}"),
            Self::NoRequest(origin, unreadable, findings, unseen) => {
                write!(
                    f,
                    "find the request in {origin}: no line of what was read has this auditID"
                )?;
                if *unreadable > 0 {
                    write!(f, "; {unreadable} lines have its characters and can't be read")?;
                }
                findings.iter().try_for_each(|finding| write!(f, "; {finding}"))?;
                if unseen.is_nothing() { Ok(()) } else { write!(f, "; {unseen}") }
            }
        }
    }
}

impl std::error::Error for ProveError {}

impl From<Error> for ProveError {
    fn from(error: Error) -> Self {
        Self::Archive(error)
    }
}

impl From<auditseal_store::Error> for ProveError {
    fn from(error: auditseal_store::Error) -> Self {
        Self::Archive(Error::Store(error))
    }
}

/// Proves a line, counted from 1, of the seal of this number.
///
/// Needs a tokio runtime with time.
///
/// # Errors
/// [`ProveError`].
pub async fn prove_line(
    store: Arc<dyn Store>,
    origin: &Origin,
    options: &ProveOptions,
    seq: u64,
    line: u64,
) -> Result<MadeProof, ProveError> {
    let run = Run::new(store, origin, options)?;
    let (mut seen, mut looked) = (Seen::default(), false);
    for search in Search::ALL {
        let root = run.root.as_ref();
        let range = Range::of_seal(&run.source, origin, root, seq, search).await?;
        if range.entries.is_empty() && range.packs.is_empty() {
            continue;
        }
        let (mut found, here) = run.seal(&range, seq).await?;
        let mut packs = range.packs;
        if found.is_none() && here.strange && !looked {
            looked = true;
            // Whether its key may sign here, the seals before it say.
            let way = run.way_to(seq).await?;
            (found, _) = run.seal(&way, seq).await?;
            packs = way.packs;
        }
        // What was wrong where it was looked for before is told too.
        if found.is_none() || !here.strange {
            seen.add(here);
        }
        if let Some(batch) = found {
            let proof = run.prove(batch, &packs, line).await?;
            let (stages, findings) = (Vec::new(), seen.all());
            return Ok(MadeProof { proof, stages, stages_total: 0, unreadable: 0, findings });
        }
    }
    if seen.findings.is_empty() {
        seen.findings.extend(run.hole(seq).await?);
    }
    Err(ProveError::NoSeal(origin.clone(), seq, seen.findings))
}

/// Proves a line of the request with this `auditID`: of its last stage, and of several such lines the
/// last one. Clients can choose the ID, so it may be that of several requests.
///
/// Needs a tokio runtime with time.
///
/// # Errors
/// [`ProveError`].
pub async fn prove_request(
    store: Arc<dyn Store>,
    origin: &Origin,
    options: &ProveOptions,
    audit_id: &str,
) -> Result<MadeProof, ProveError> {
    let run = Run::new(store, origin, options)?;
    let range = run.range().await?;
    if range.entries.is_empty() && range.packs.is_empty() {
        return Err(Error::NoChain(origin.clone()).into());
    }
    let (mut stages, mut stages_total, mut unreadable) = (Vec::new(), 0, 0);
    let mut best: Option<(FoundStage, Batch)> = None;
    let seen = run
        .read(&range, Depth::Stored, async |sealed| {
            let seal = &sealed.note.seal.seal;
            let passed = sealed.note.timed && !options.window.meets(seal);
            // Of an object that isn't whole a finding tells.
            if seal.payload.root.lines == 0 || !sealed.note.whole || passed {
                return Ok(());
            }
            let (seq, batch) = (seal.seq, Batch::of(sealed));
            let mut seek = Seek::new(audit_id);
            let mut payload =
                Payload::open(&run.source, origin, &range.packs, batch.clone()).await?;
            payload.each(&mut |piece| seek.take(piece)).await?;
            unreadable += seek.unreadable();
            for (line, stage) in seek.found() {
                let found = FoundStage { seq, line, stage };
                stages_total += 1;
                if stages.len() < NAMED {
                    stages.push(found.clone());
                }
                if best.as_ref().is_none_or(|(best, _)| best.stage <= stage) {
                    best = Some((found, batch.clone()));
                }
            }
            Ok(())
        })
        .await?;
    let Some((found, batch)) = best else {
        return Err(ProveError::NoRequest(origin.clone(), unreadable, seen.findings, range.unseen));
    };
    let proof = run.prove(batch, &range.packs, found.line).await?;
    Ok(MadeProof { proof, stages, stages_total, unreadable, findings: seen.all() })
}

/// What was seen in a part that was read.
#[derive(Default)]
struct Seen {
    /// What is wrong.
    findings: Vec<String>,
    /// What stands beside what is the chain's.
    beside: Vec<String>,
    /// A seal by a key of which this part alone doesn't tell whether it may sign there.
    strange: bool,
}

impl Seen {
    fn add(&mut self, mut more: Self) {
        let fresh = |all: &[String], one: &String| !all.contains(one);
        more.findings.retain(|one| fresh(&self.findings, one));
        more.beside.retain(|one| fresh(&self.beside, one));
        self.findings.append(&mut more.findings);
        self.beside.append(&mut more.beside);
    }

    fn all(mut self) -> Vec<String> {
        self.findings.append(&mut self.beside);
        self.findings
    }
}

struct Run<'a> {
    source: Source,
    origin: &'a Origin,
    options: &'a ProveOptions,
    root: Option<PackRoot>,
    rules: Rules,
}

impl<'a> Run<'a> {
    fn new(
        store: Arc<dyn Store>,
        origin: &'a Origin,
        options: &'a ProveOptions,
    ) -> Result<Self, Error> {
        let rules = match &options.trusted {
            Some(trusted) => Rules { retention: None, ..Rules::trusting(trusted, None) },
            None => {
                Error::unless_a_key_is_for(origin, &options.vkeys)?;
                Rules::of(Trust::in_keys_for(origin, &options.vkeys), Extent::default(), None)
            }
        };
        // That a part isn't tied to its chain is what every proof says of itself.
        let rules = Rules { allow_unanchored: true, ..rules };
        let root = options.packs.as_ref().map(|packs| PackRoot {
            source: Source::new(Arc::clone(&packs.store)),
            auditors: packs.auditors.clone(),
            by_date: packs.by_date,
        });
        Ok(Self { source: Source::new(store), origin, options, root, rules })
    }

    /// What is looked through for a request.
    async fn range(&self) -> Result<Range, Error> {
        let (source, origin, root) = (&self.source, self.origin, self.root.as_ref());
        let ProveOptions { extent, window, trusted, .. } = self.options;
        if extent.is_none() && !window.is_open() {
            let begin = trusted.as_ref().and_then(|trusted| trusted.begin);
            let known: Vec<u64> = begin.iter().map(|begin| begin.seq).collect();
            let (trust, begin, window) = (&self.rules.trust, begin, *window);
            let sought = Sought { trust, window, known: &known, begin, every_seal: false };
            return Ok(Range::find(source, origin, sought, root).await?);
        }
        let mut listing = Listing::read(source, std::slice::from_ref(origin)).await?;
        let entries = listing.chains.remove(origin).unwrap_or_default();
        let asked = self.rules.clone().asked(extent.unwrap_or_default()).extent;
        let packs = Packs::of(root, origin, asked).await?;
        Ok(Range { extent: extent.unwrap_or_default(), entries, packs, ..Range::default() })
    }

    /// The seal of a seq among those of a part, and what was found in it.
    async fn seal(&self, range: &Range, seq: u64) -> Result<(Option<Batch>, Seen), ProveError> {
        let mut found = None;
        let each = async |sealed: &Sealed| {
            if sealed.note.seal.seal.seq == seq {
                found = Some(Batch::of(sealed));
            }
            Ok(())
        };
        let seen = self.read(range, Depth::Seal, each).await?;
        Ok((found, seen))
    }

    /// The part of the chain that leads to a seq from where its keys are known: the last note of the nearest pack
    /// before it; else where the trust file begins, or the genesis.
    async fn way_to(&self, seq: u64) -> Result<Range, ProveError> {
        let (origin, root) = (self.origin, self.root.as_ref());
        let mut extent = Extent { from: self.rules.extent.from, to: Some(seq) };
        let mut packs = Packs::of(root, origin, extent).await?;
        let before = match packs.ending_before(seq) {
            Some(pack) => packs.last_note(pack, &self.rules.trust).await?,
            None => None,
        };
        if let Some(before) = &before {
            extent.from = Begin::After(before.id());
            packs = packs.starting(extent.from.seq());
        }
        let mut listing = Listing::read(&self.source, std::slice::from_ref(origin)).await?;
        let mut entries = listing.chains.remove(origin).unwrap_or_default();
        entries.retain(|entry| extent.has(entry.place.seq));
        let before = before.map(Box::new);
        Ok(Range { extent, entries, packs, before, ..Range::default() })
    }

    /// Reads a part of the chain and hands over each note that is the chain's;
    /// gives what was found.
    async fn read(
        &self,
        range: &Range,
        depth: Depth<'_>,
        mut each: impl AsyncFnMut(&Sealed) -> Result<(), ProveError>,
    ) -> Result<Seen, ProveError> {
        let rules = self.rules.clone().asked(range.extent);
        let packed = PackedLines::None;
        let how = How { depth, retention: None, concurrency: IN_FLIGHT, keep: KEPT_BYTES, packed };
        let (entries, packs) = (&range.entries, &range.packs);
        let rules = (rules, range.before.as_deref());
        let mut reading = Reading::new(&self.source, self.origin, entries, packs, rules, how);
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            if let Some(error) = error {
                return Err(error.into());
            }
            for sealed in &accepted {
                each(sealed).await?;
            }
        }
        let (last, report) = reading.finish(None);
        if let Some(sealed) = &last {
            each(sealed).await?;
        }
        let stray = |finding: &&Finding| {
            matches!(finding.verdict, Verdict::UnexpectedObject | Verdict::ForeignChain)
        };
        let Findings { findings, information, .. } = &report.findings;
        Ok(Seen {
            strange: findings.iter().any(|finding| finding.verdict == Verdict::WrongKey),
            findings: findings.iter().map(ToString::to_string).collect(),
            beside: information.iter().filter(stray).map(ToString::to_string).collect(),
        })
    }

    /// That a seq of which nothing is there should be: the chain goes on behind it.
    async fn hole(&self, seq: u64) -> Result<Option<String>, ProveError> {
        let begin = self.options.trusted.as_ref().and_then(|trusted| trusted.begin);
        // What was before may have gone.
        if begin.is_some_and(|begin| seq < begin.seq) {
            return Ok(None);
        }
        let mut listing = Listing::read(&self.source, std::slice::from_ref(self.origin)).await?;
        let entries = listing.chains.remove(self.origin).unwrap_or_default();
        let behind = &entries[entries.partition_point(|entry| entry.place.seq <= seq)..];
        let looked_at = behind.chunk_by(|one, other| one.place.seq == other.place.seq).take(LATER);
        let mut next = None;
        for entries in looked_at {
            let at = entries[0].place.seq;
            let extent = Extent { from: Begin::At(at), to: Some(at) };
            let range = Range { extent, entries: entries.to_vec(), ..Range::default() };
            let each = async |sealed: &Sealed| {
                next = Some(sealed.note.seal.seal.seq);
                Ok(())
            };
            self.read(&range, Depth::Seal, each).await?;
            if next.is_some() {
                break;
            }
        }
        let extent = Extent { from: Begin::At(seq), to: None };
        let packs = Packs::of(self.root.as_ref(), self.origin, extent).await?;
        let packed = packs.taken().iter().map(|pack| pack.first).find(|first| seq < *first);
        let Some(next) = next.into_iter().chain(packed).min() else { return Ok(None) };
        let detail = format!("the chain goes on with seq {next}, and nothing is here");
        let finding = Finding::new(Verdict::Missing, Some(self.origin.clone()), &detail);
        Ok(Some(finding.at(seq).to_string()))
    }

    /// Two passes over a batch: where the line is, and what stands beside it.
    async fn prove(
        &self,
        batch: Batch,
        packs: &Packs,
        line: u64,
    ) -> Result<EventProof, ProveError> {
        let seq = batch.place.seq;
        let failed = |error| ProveError::Line(seq, line, error);
        let mut payload = Payload::open(&self.source, self.origin, packs, batch).await?;
        let mut finder = EventProof::finder(line);
        payload.each(&mut |piece| finder.take(piece)).await?;
        let found = finder.finish().map_err(|error| failed(ProofError::Line(error)))?;
        let seal = Arc::clone(payload.seal());
        let mut prover = found.prover(seal.seal.payload.root.chunks);
        payload.each(&mut |piece| prover.take(piece)).await?;
        EventProof::of_parts(&seal, found, prover.finish()).map_err(failed)
    }
}
