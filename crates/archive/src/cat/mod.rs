//! `cat`: the source's bytes, given back: FORMAT.md, "Ranges".
//!
//! Two passes. The first reads all seals of the chain and proves that it hangs together; from the
//! notes it makes a plan. The second fetches the objects in the order of the source's bytes. Of
//! each object the signed hash of its blocks is checked before a byte of it is written, so what
//! has been written when something stops it is good.

mod hand_over;
mod output;
mod plan;
mod restore;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use auditseal_format::{ObjectSeal, Origin, SealId, Time, VerifierKey};
use auditseal_store::Store;
use auditseal_trust::TrustedOrigin;

use crate::limits::{limit_of_a_head, limit_of_a_search, limit_of_attested_times};
use crate::progress::Progress;
use auditseal_chain::{Extent, Finding, Findings, KEPT, Rules, Trust, Verdict};
use auditseal_reader::{
    Depth, Entry, Error, How, IN_FLIGHT, Listing, PackRoot, PackedLines, Packs, Payloads, Range,
    Reading, Sought, Source, Step, Window,
};
pub use output::{Output, Piped, Sparse};
use plan::Plan;
use restore::Stop;
use writer::Writer;

/// Hidden and shadowed objects that are named.
const NAMED: u64 = 20;
/// Bytes of whole objects that the first pass keeps for the second, where it fetches them.
const KEPT_BYTES: u64 = 16 << 20;

/// What to give back.
#[derive(Debug, Clone, Default)]
pub struct CatOptions {
    /// Trusted keys. `None`: hashes and the chain are checked, and not who made it.
    pub vkeys: Option<Vec<VerifierKey>>,
    /// What a trust file says of the chain, in place of keys.
    pub trusted: Option<TrustedOrigin>,
    /// Leave out lines of other times. With a bound, batches are chosen by the times in their notes; of
    /// these, lines whose certain time lies outside are left out, lines without one are kept, and so are
    /// all batches that have any; holes aren't written.
    pub window: Window,
    /// Stop, before anything is written, if source bytes are known to be lost.
    pub strict: bool,
    /// Give back all that is proved, whatever is wrong beside it: [`Restored::unproved`] says what.
    pub salvage: bool,
    /// The part of the chain that is asked for. `None`: all of it, or with a bound of time the part in
    /// which lines of that time lie ([`Range`]).
    pub extent: Option<Extent>,
    /// That nothing which is known ties the part to its chain is no finding.
    pub allow_unanchored: bool,
    /// A head that the chain must reach.
    pub head: Option<SealId>,
    /// The time now: a seal that was promised by then and isn't there is a warning.
    /// Without it, nothing is overdue.
    pub now: Option<Time>,
    /// Seals read at a time in the first pass; 0 is taken as 128.
    pub concurrency: usize,
    /// Where packs of the chain stand, and whose attestations of them count.
    pub packs: Option<CatPacks>,
}

/// Where packs of the chain stand.
#[derive(Debug, Clone)]
pub struct CatPacks {
    /// The store, from the root of packs on.
    pub store: Arc<dyn Store>,
    /// The keys of the chain's auditors.
    pub auditors: Vec<VerifierKey>,
    /// The dates of the archive's store mean something.
    pub by_date: bool,
}

impl CatPacks {
    /// For the reader.
    pub(crate) fn root(&self) -> PackRoot {
        let Self { store, auditors, by_date } = self;
        let (source, auditors) = (Source::new(Arc::clone(store)), auditors.clone());
        PackRoot { source, auditors, by_date: *by_date }
    }
}

impl CatOptions {
    /// What the chain is held against.
    fn rules(&self, origin: &Origin) -> Rules {
        let trust = match (&self.trusted, &self.vkeys) {
            (Some(trusted), _) => {
                let trusting = Rules::trusting(trusted, self.head);
                let allow_unanchored = self.allow_unanchored;
                let rules = Rules { retention: None, allow_unanchored, ..trusting };
                return rules.asked(self.extent.unwrap_or_default());
            }
            (None, Some(given)) => Trust::in_keys_for(origin, given),
            (None, None) => Trust::Anyone,
        };
        let allow_unanchored = self.allow_unanchored;
        let plain = Rules::of(trust, self.extent.unwrap_or_default(), self.head);
        Rules { allow_unanchored, ..plain }
    }
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Bytes written.
    pub bytes: u64,
    /// The reader of the output closed it before the end (as `head` does): a clean end.
    pub closed: bool,
    /// What whoever reads the bytes should know.
    pub warnings: Vec<String>,
    /// That nothing which is known ties these bytes to the chain, and this wasn't allowed.
    pub unanchored: Option<String>,
    /// With [`CatOptions::salvage`]: what is wrong or isn't proved, so that its lines aren't among the
    /// bytes; the first of them.
    pub unproved: Vec<String>,
    /// How many of these there are.
    pub unproved_total: u64,
    /// How many of them the store gave no answer for, so that nothing is known of them.
    pub unread_total: u64,
}

/// Why not everything was given back.
#[derive(Debug)]
pub struct CatError {
    /// What stopped it.
    pub error: Error,
    /// Bytes written before, each of them verified.
    pub written: u64,
}

impl fmt::Display for CatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} verified bytes were written before)", self.error, self.written)
    }
}

impl std::error::Error for CatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Writes the bytes of a chain's source to `out`, file after file.
///
/// Needs a multi-threaded or current-thread tokio runtime with time; `out` is written to on a
/// thread of its own, so it may block.
///
/// # Errors
/// [`CatError`]: anything that `verify` calls wrong in the chain, but for source gaps and stalled
/// heartbeats without `strict`, for what only a clock can tell, and for hidden and shadowed objects, whose true bytes
/// are there, stops it before the first byte. A pack that breaks later, while objects of their own give its lines, is
/// [`Error::Found`] once all is written.
pub async fn cat<W: Output + Send + 'static>(
    store: Arc<dyn Store>,
    origin: &Origin,
    options: &CatOptions,
    out: W,
    progress: impl Fn(Progress),
) -> Result<Restored, CatError> {
    let nothing = |error| CatError { error, written: 0 };
    let mut run = Run {
        source: Source::new(store),
        origin,
        options,
        window: options.window,
        progress,
        done: Progress { objects: 0, total: 0, bytes: 0 },
        unproved: Unproved::default(),
        unanchored: None,
        replaced: BTreeSet::new(),
        broken: None,
    };
    let Planned { plan, entries, packs, mut warnings } = run.plan().await.map_err(nothing)?;
    let mut writer = Writer::start(out);
    let sent = run.send(&plan, (&entries, &packs), &mut writer).await;
    let sent = sent.and_then(|()| run.broken.take().map_or(Ok(()), |one| Err(Error::Found(one))));
    let ended = writer.end().await;
    let written = ended.bytes;
    warnings.extend(limit_of_files_without_an_end(ended.glued));
    let failed = |error| Err(CatError { error, written });
    let Unproved { first: unproved, total: unproved_total, unread: unread_total } = run.unproved;
    let unanchored = run.unanchored;
    let restored = |closed| {
        let bytes = written;
        Ok(Restored { bytes, closed, warnings, unanchored, unproved, unproved_total, unread_total })
    };
    match (ended.stopped, sent) {
        (Some((_, Stop::Write(error))), _) if error.kind() == ErrorKind::BrokenPipe => {
            restored(true)
        }
        (Some((_, Stop::Write(error))), _) => failed(Error::Write(error)),
        (Some((place, Stop::Payload(error))), _) => {
            failed(Error::found(origin, place, Verdict::Malformed, &error.to_string()))
        }
        (Some((place, Stop::Times(error))), _) => {
            failed(Error::found(origin, place, Verdict::WrongTimes, &error.to_string()))
        }
        (None, Err(error)) => failed(error),
        (None, Ok(())) => restored(false),
    }
}

/// Where a file has no last line break, a rotation tore its last line, or somebody copied it amid one.
fn limit_of_files_without_an_end(files: u64) -> Option<String> {
    (files > 0).then(|| {
        format!(
            "{files} files don't end with a line break: each is given back as it was, so its last line \
             and the next file's first one stand in one line"
        )
    })
}

/// What a salvage couldn't prove.
#[derive(Debug, Default)]
struct Unproved {
    first: Vec<String>,
    total: u64,
    unread: u64,
}

impl Unproved {
    /// The store gave no answer for something.
    fn unread(&mut self, error: &auditseal_store::Error) {
        self.unread += 1;
        self.push(format!("not read: {error}"));
    }

    fn push(&mut self, what: String) {
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(what);
        }
    }
}

/// What came of the first pass.
struct Planned {
    plan: Plan,
    /// What was listed.
    entries: Vec<Entry>,
    packs: Packs,
    warnings: Vec<String>,
}

/// What was listed of a part, its packs, and the note before it, where that is known.
type What<'a> = (&'a [Entry], &'a Packs, Option<&'a ObjectSeal>);

struct Run<'a, P> {
    source: Source,
    origin: &'a Origin,
    options: &'a CatOptions,
    window: Window,
    progress: P,
    done: Progress,
    unproved: Unproved,
    unanchored: Option<String>,
    /// Attestations of packs in whose place objects were given that stand by themselves.
    replaced: BTreeSet<String>,
    /// What the first of these packs has come to, where nobody salvages.
    broken: Option<Box<Finding>>,
}

impl<P: Fn(Progress)> Run<'_, P> {
    fn step(&mut self, bytes: u64) {
        self.done.objects += 1;
        self.done.bytes = self.done.bytes.saturating_add(bytes);
        (self.progress)(self.done);
    }

    /// The first pass.
    async fn plan(&mut self) -> Result<Planned, Error> {
        if let Some(given) = &self.options.vkeys {
            Error::unless_a_key_is_for(self.origin, given)?;
        }
        let rules = self.options.rules(self.origin);
        let mut warnings = Vec::new();
        let Range { extent, entries, packs, before, unseen } = self.range(&rules).await?;
        if entries.is_empty() && packs.is_empty() {
            return Err(Error::NoChain(self.origin.clone()));
        }
        self.done.total = entries.len() as u64 + packs.objects();
        warnings.extend(self.searched().then(|| limit_of_a_search(extent, &unseen)).flatten());
        warnings.extend(self.searched().then(|| limit_of_attested_times(&packs)).flatten());
        warnings.extend(packs.uncounted().map(ToString::to_string));
        if rules.trust == Trust::Anyone {
            warnings.push("no key was given: signatures aren't tied to a trusted key".to_owned());
        }
        let rules = rules.asked(extent);
        warnings.extend(self.options.head.and_then(|head| limit_of_a_head(head, extent)));
        warnings.extend(self.passed_over(&rules));
        let read = (&entries[..], &packs, before.as_deref());
        let (plan, findings) = self.seals(rules, read).await?;
        let beside = findings.information.iter();
        let foreign = beside.filter(|finding| finding.verdict == Verdict::ForeignChain);
        warnings.extend(foreign.map(ToString::to_string));
        self.judge(findings, &mut warnings)?;
        self.untold(&packs)?;
        Ok(Planned { plan, entries, packs, warnings })
    }

    /// Whether the part is found by the times of its lines.
    fn searched(&self) -> bool {
        self.options.extent.is_none() && !self.window.is_open()
    }

    /// Batches of which somebody has accepted that their notes are wrong about when their lines
    /// happened, and which a search didn't come to.
    fn passed_over(&self, rules: &Rules) -> Option<String> {
        let seals = rules.policy.mistimed().filter(|seal| !rules.extent.has(seal.seq));
        let seqs: Vec<String> = seals.map(|seal| seal.seq.to_string()).collect();
        (self.searched() && !seqs.is_empty()).then(|| {
            format!(
                "the times in the notes of seq {} are wrong, as the trust file says: lines of theirs that \
                 happened then aren't given; --from 0 reads the whole chain",
                seqs.join(", ")
            )
        })
    }

    /// What is to be read.
    async fn range(&self, rules: &Rules) -> Result<Range, Error> {
        let root = self.options.packs.as_ref().map(CatPacks::root);
        let (source, origin, root) = (&self.source, self.origin, root.as_ref());
        if self.searched() {
            let begin = self.options.trusted.as_ref().and_then(|trusted| trusted.begin.as_ref());
            let known: Vec<u64> = self.options.head.iter().chain(begin).map(|at| at.seq).collect();
            let (window, begin) = (self.window, begin.copied());
            // Whoever wants all or nothing is told what there is, and not what is likely.
            let every_seal = self.options.strict;
            let sought = Sought { trust: &rules.trust, window, known: &known, begin, every_seal };
            return Ok(Range::find(source, origin, sought, root).await?);
        }
        let mut listing = Listing::read(&self.source, std::slice::from_ref(self.origin)).await?;
        let entries = listing.chains.remove(self.origin).unwrap_or_default();
        let packs = Packs::of(root, origin, rules.extent).await?;
        let extent = self.options.extent.unwrap_or_default();
        Ok(Range { extent, entries, packs, ..Range::default() })
    }

    /// Of more findings than an attestation tells nobody knows what they are: none of them is accepted.
    fn untold(&mut self, packs: &Packs) -> Result<(), Error> {
        for pack in packs.taken() {
            let attested = &pack.attestation;
            let more = attested.findings.saturating_sub(attested.found.len() as u64);
            if more == 0 {
                continue;
            }
            let detail = format!(
                "{} attests {more} more findings of these objects than it tells: what is wrong with them isn't \
                 known, and can't be accepted",
                attested.key.name()
            );
            let origin = Some(self.origin.clone());
            let finding = Finding::new(Verdict::UnexpectedObject, origin, &detail);
            let finding = finding.as_finding().at(pack.first).through(pack.last);
            if !self.options.salvage {
                return Err(Error::Found(Box::new(finding.key(&attested.pack_key()))));
            }
            self.unproved.push(finding.to_string());
        }
        Ok(())
    }

    /// What of the findings stops it, what is a warning, and what a salvage leaves out. The first of
    /// each verdict is among those that are kept, so none is decided without having been looked at.
    fn judge(&mut self, findings: Findings, warnings: &mut Vec<String>) -> Result<(), Error> {
        let mut recovered = 0_u64;
        let more = findings.findings_total - findings.findings.len() as u64;
        for finding in findings.findings {
            match finding.verdict {
                // What was hidden has been found: none of it is lost, and it goes out.
                Verdict::Hidden | Verdict::Shadowed => {
                    recovered += 1;
                    if recovered <= NAMED {
                        warnings.push(finding.to_string());
                    }
                }
                // A clock alone says so, and none of what is there is worse for it.
                Verdict::Silent => warnings.push(finding.to_string()),
                // What the writer took is all there, whatever it couldn't take or see.
                Verdict::SourceGap | Verdict::Stalled
                    if !self.options.strict && !self.options.salvage =>
                {
                    warnings.push(finding.to_string());
                }
                // What goes out is proved; whether it is of the history that is known isn't.
                Verdict::Unanchored => self.unanchored = Some(finding.to_string()),
                _ if self.options.salvage => self.unproved.push(finding.to_string()),
                _ => return Err(Error::Found(Box::new(finding))),
            }
        }
        if recovered > NAMED {
            let more = recovered - NAMED;
            warnings.push(format!("{more} more objects are hidden or shadowed: see `verify`"));
        }
        if more > 0 {
            warnings.push(format!("{more} more findings of the same kinds: see `verify`"));
            self.unproved.total += if self.options.salvage { more } else { 0 };
        }
        Ok(())
    }

    /// Reads the seals. Of those in a pack one signature vouches for what stands before it, unless something of the
    /// pack is altered: then each object's own signature tells from where on. Whoever salvages is told of each
    /// signature that doesn't hold, and is given the lines for which a later one vouches.
    async fn seals(&mut self, rules: Rules, what: What<'_>) -> Result<(Plan, Findings), Error> {
        let (_, packs, _) = what;
        let before = self.done;
        let any = |findings: &Findings, verdict| {
            findings.findings.iter().any(|finding| finding.verdict == verdict)
        };
        let doubtful = |findings: &Findings| any(findings, Verdict::Tampered);
        if !self.options.salvage && !packs.is_empty() {
            let (plan, findings) = self.read(rules.clone(), what, PackedLines::Later).await?;
            if !doubtful(&findings) {
                return Ok((plan, findings));
            }
            self.done = before;
        }
        let (plan, findings) = self.read(rules.clone(), what, PackedLines::None).await?;
        // What doesn't decode is known only where all payloads were decompressed.
        let wrong = any(&findings, Verdict::Malformed) || !doubtful(&findings);
        if !self.options.salvage || packs.is_empty() || wrong {
            return Ok((plan, findings));
        }
        // What the store doesn't answer was told by the first reading.
        let unproved = std::mem::take(&mut self.unproved);
        self.done = before;
        let (vouched, later) = self.read(rules, what, PackedLines::Later).await?;
        self.unproved = unproved;
        Ok((if doubtful(&later) { plan } else { vouched }, findings))
    }

    async fn read(
        &mut self,
        rules: Rules,
        (entries, packs, before): What<'_>,
        packed: PackedLines<'_>,
    ) -> Result<(Plan, Findings), Error> {
        let mut plan = Plan::new(self.window);
        let source = self.source.clone();
        let payloads = Arc::new(Payloads::of(&rules.trust, rules.extent.from.known()));
        let depth = match (self.options.salvage, packed) {
            (true, PackedLines::Later) => Depth::Stored,
            (true, _) => Depth::Payload(&payloads),
            // Most of what a search leaves will be written: it is fetched once.
            (false, _) if self.searched() => Depth::Stored,
            (false, _) => Depth::Seal,
        };
        let concurrency =
            if self.options.concurrency == 0 { IN_FLIGHT } else { self.options.concurrency };
        let how = How { depth, retention: None, concurrency, keep: KEPT_BYTES, packed };
        let rules = (rules, before);
        let mut reading = Reading::new(&source, self.origin, entries, packs, rules, how);
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            match error {
                Some(error) if self.options.salvage => self.unproved.unread(&error),
                Some(error) => return Err(Error::Store(error)),
                None => {}
            }
            self.step(0);
            accepted.iter().for_each(|note| plan.note(note));
        }
        let (note, report) = reading.finish(self.options.now);
        note.iter().for_each(|note| plan.note(note));
        Ok((plan, report.findings))
    }
}
