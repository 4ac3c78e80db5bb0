//! `cat`: the source's bytes, given back: FORMAT.md, "Ranges".
//!
//! Two passes. The first reads all seals of the chain and proves that it hangs together; from the
//! notes it makes a plan. The second fetches the objects in the order of the source's bytes. Of
//! each object the signed hash of its blocks is checked before a byte of it is written, so what
//! has been written when something stops it is good.

mod output;
mod plan;
mod restore;
mod writer;

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use auditseal_format::{FileId, Origin, SealId, Time, VerifierKey};
use auditseal_store::Store;
use auditseal_trust::TrustedOrigin;
use futures::StreamExt as _;

use crate::verify::Progress;
use auditseal_chain::{Extent, Findings, KEPT, Rules, Trust, Verdict};
use auditseal_reader::{
    Blocks, Depth, Entry, Error, How, IN_FLIGHT, Listing, Payloads, Reading, Source, Step,
};
pub use output::{Output, Piped, Sparse};
use plan::{Plan, Window};
use restore::Stop;
use writer::{Mode, Writer};

/// Hidden and shadowed objects that are named.
const NAMED: u64 = 20;

/// What to give back.
#[derive(Debug, Clone, Default)]
pub struct CatOptions {
    /// Trusted keys. `None`: hashes and the chain are checked, and not who made it.
    pub vkeys: Option<Vec<VerifierKey>>,
    /// What a trust file says of the chain, in place of keys.
    pub trusted: Option<TrustedOrigin>,
    /// Leave out lines before this time. With either bound, batches are chosen by the times in
    /// their notes; of these, lines whose own `stageTimestamp` lies outside are left out, lines
    /// without one are kept, and holes aren't written.
    pub since: Option<Time>,
    /// Leave out lines after this time.
    pub until: Option<Time>,
    /// Stop, before anything is written, if source bytes are known to be lost.
    pub strict: bool,
    /// Give back all that is proved, whatever is wrong beside it: [`Restored::unproved`] says what.
    pub salvage: bool,
    /// The part of the chain that is asked for.
    pub extent: Extent,
    /// A head that the chain must reach.
    pub head: Option<SealId>,
    /// Seals read at a time in the first pass; 0 is taken as 128.
    pub concurrency: usize,
}

impl CatOptions {
    /// What the chain is held against.
    fn rules(&self, origin: &Origin) -> Rules {
        let trust = match (&self.trusted, &self.vkeys) {
            (Some(trusted), _) => {
                let rules = Rules { retention: None, ..Rules::trusting(trusted, self.head) };
                return rules.asked(self.extent);
            }
            (None, Some(given)) => Trust::in_keys_for(origin, given),
            (None, None) => Trust::Anyone,
        };
        Rules::of(trust, self.extent, self.head)
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
    /// With [`CatOptions::salvage`]: what is wrong or isn't proved, so that its lines aren't among the
    /// bytes; the first of them.
    pub unproved: Vec<String>,
    /// How many of these there are.
    pub unproved_total: u64,
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
/// are there, stops it before the first byte.
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
        window: Window { since: options.since, until: options.until },
        progress,
        done: Progress { objects: 0, total: 0, bytes: 0 },
        unproved: Unproved::default(),
    };
    let (plan, warnings) = run.plan().await.map_err(nothing)?;
    let mut writer = Writer::start(out);
    let sent = run.send(&plan, &mut writer).await;
    let ended = writer.end().await;
    let written = ended.bytes;
    let failed = |error| Err(CatError { error, written });
    let Unproved { first: unproved, total: unproved_total } = run.unproved;
    let restored =
        |closed| Ok(Restored { bytes: written, closed, warnings, unproved, unproved_total });
    match (ended.stopped, sent) {
        (Some((_, Stop::Write(error))), _) if error.kind() == ErrorKind::BrokenPipe => {
            restored(true)
        }
        (Some((_, Stop::Write(error))), _) => failed(Error::Write(error)),
        (Some((place, Stop::Payload(error))), _) => {
            failed(Error::found(origin, place, Verdict::Malformed, &error.to_string()))
        }
        (None, Err(error)) => failed(error),
        (None, Ok(())) => restored(false),
    }
}

/// What a salvage couldn't prove.
#[derive(Debug, Default)]
struct Unproved {
    first: Vec<String>,
    total: u64,
}

impl Unproved {
    fn push(&mut self, what: String) {
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(what);
        }
    }
}

struct Run<'a, P> {
    source: Source,
    origin: &'a Origin,
    options: &'a CatOptions,
    window: Window,
    progress: P,
    done: Progress,
    unproved: Unproved,
}

impl<P: Fn(Progress)> Run<'_, P> {
    fn step(&mut self, bytes: u64) {
        self.done.objects += 1;
        self.done.bytes = self.done.bytes.saturating_add(bytes);
        (self.progress)(self.done);
    }

    /// The first pass.
    async fn plan(&mut self) -> Result<(Plan, Vec<String>), Error> {
        if let Some(given) = &self.options.vkeys {
            Error::unless_a_key_is_for(self.origin, given)?;
        }
        let mut listing = Listing::read(&self.source, std::slice::from_ref(self.origin)).await?;
        let entries = listing.chains.remove(self.origin).unwrap_or_default();
        if entries.is_empty() {
            return Err(Error::NoChain(self.origin.clone()));
        }
        self.done.total = entries.len() as u64;
        let rules = self.options.rules(self.origin);
        let mut warnings = Vec::new();
        if rules.trust == Trust::Anyone {
            warnings.push("no key was given: signatures aren't tied to a trusted key".to_owned());
        }
        let (plan, findings) = self.seals(rules, &entries).await?;
        let beside = findings.information.iter();
        let foreign = beside.filter(|finding| finding.verdict == Verdict::ForeignChain);
        warnings.extend(foreign.map(ToString::to_string));
        self.judge(findings, &mut warnings)?;
        Ok((plan, warnings))
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
                // What the writer took is all there, whatever it couldn't take or see.
                Verdict::SourceGap | Verdict::Stalled
                    if !self.options.strict && !self.options.salvage =>
                {
                    warnings.push(finding.to_string());
                }
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

    async fn seals(&mut self, rules: Rules, entries: &[Entry]) -> Result<(Plan, Findings), Error> {
        let mut plan = Plan::new(self.window);
        let source = self.source.clone();
        // Whoever salvages goes on behind what is wrong, so all is looked at before any is written.
        let payloads = Arc::new(Payloads::of(&rules.trust, rules.extent.from));
        let depth = if self.options.salvage { Depth::Payload(&payloads) } else { Depth::Seal };
        let concurrency =
            if self.options.concurrency == 0 { IN_FLIGHT } else { self.options.concurrency };
        let how = How { depth, retention: None, concurrency };
        let mut reading = Reading::new(&source, self.origin, entries, rules, how);
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            match error {
                Some(error) if self.options.salvage => self.unproved.push(error.to_string()),
                Some(error) => return Err(Error::Store(error)),
                None => {}
            }
            self.step(0);
            accepted.iter().for_each(|note| plan.note(note));
        }
        let (note, report) = reading.finish(None);
        note.iter().for_each(|note| plan.note(note));
        Ok((plan, report.findings))
    }

    /// The second pass: fetches in the plan's order and hands over what was checked.
    async fn send(&mut self, plan: &Plan, writer: &mut Writer) -> Result<(), Error> {
        self.done.total = self.done.total.saturating_add(plan.fetches());
        let (source, origin) = (self.source.clone(), self.origin.clone());
        // Room is waited for in the plan's order, and given back when an object was handed over: so none
        // waits for one behind it.
        let held = &source;
        let steps = futures::stream::iter(plan.steps()).then(|(file, batch)| async move {
            let room = held.room(batch.size).await;
            (file, batch, room)
        });
        let objects = steps.map(|(file, batch, room)| {
            let fetch = batch.clone().fetch(source.clone(), origin.clone());
            // A task of its own: it goes on while this one waits for the writer.
            let task = Task(tokio::spawn(fetch));
            async move { (file, batch, task.result().await, room) }
        });
        let mut objects = std::pin::pin!(objects.buffered(IN_FLIGHT));
        while let Some((file, batch, ready, _room)) = objects.next().await {
            let size = batch.size;
            let checked = match ready {
                Ok(fetched) => fetched.check().await,
                Err(error) => Err(error),
            };
            match checked {
                Ok(checked) if self.hand_over(file, &checked, writer).await? => self.step(size),
                Ok(_) => break,
                // It was whole when all was looked at: the store gives other bytes, or none, now.
                Err(error) if self.options.salvage => self.unproved.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the writer takes more.
    async fn hand_over(
        &self,
        file: FileId,
        blocks: &Blocks,
        writer: &mut Writer,
    ) -> Result<bool, Error> {
        let seal = &blocks.seal;
        let modes: &[Mode] = if self.window.covers(&seal.seal) {
            if self.window.is_open() { &[Mode::All] } else { &[Mode::AllLines] }
        } else {
            &[Mode::Look(self.window), Mode::Kept]
        };
        for mode in modes {
            let sent = writer.open(blocks.place, seal, file, *mode).await
                && blocks.pieces(async |piece| writer.blocks(piece).await).await?
                && writer.close().await;
            if !sent {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(tokio::task::JoinHandle<T>);

impl<T> Task<T> {
    async fn result(mut self) -> T {
        match (&mut self.0).await {
            Ok(result) => result,
            // Nobody else can cancel it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
