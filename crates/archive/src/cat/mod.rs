//! `cat`: the source's bytes, given back: FORMAT.md, "Ranges".
//!
//! Two passes. The first reads all seals of the chain and proves that it hangs together; from the
//! notes it makes a plan. The second fetches the objects in the order of the source's bytes. Of
//! each object the signed hash of its blocks is checked before a byte of it is written, so what
//! has been written when something stops it is good.

mod object;
mod output;
mod plan;
mod restore;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use auditseal_format::{FileId, Origin, Time, VerifierKey};
use auditseal_vault::Store;
use futures::StreamExt as _;

use crate::chain::{Chain, Rules, Trust};
use crate::error::Error;
use crate::fetch::{Depth, examine};
use crate::finding::{Findings, Verdict};
use crate::listing::{Entry, Listing};
use crate::source::Source;
use crate::verify::Progress;
use object::{Large, Ready};
pub use output::{Output, Piped, Sparse};
use plan::{Batch, Plan, Window};
use restore::Stop;
use writer::{Mode, Writer};

/// Objects fetched ahead of the one that is written.
const AHEAD: usize = 4;
/// Hidden and shadowed objects that are named.
const NAMED: u64 = 20;

/// What to give back.
#[derive(Debug, Clone, Default)]
pub struct CatOptions {
    /// Trusted keys. `None`: hashes and the chain are checked, and not who made it.
    pub vkeys: Option<Vec<VerifierKey>>,
    /// Leave out lines before this time. With either bound, batches are chosen by the times in
    /// their notes; of these, lines whose own `stageTimestamp` lies outside are left out, lines
    /// without one are kept, and holes aren't written.
    pub since: Option<Time>,
    /// Leave out lines after this time.
    pub until: Option<Time>,
    /// Stop, before anything is written, if source bytes are known to be lost.
    pub strict: bool,
    /// Seals read at a time in the first pass; 0 is taken as 16.
    pub concurrency: usize,
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
        window: Window { since: options.since, until: options.until },
        progress,
        done: Progress { objects: 0, total: 0, bytes: 0 },
    };
    let (plan, warnings) = run.plan(options).await.map_err(nothing)?;
    let mut writer = Writer::start(out);
    let sent = run.send(&plan, &mut writer).await;
    let ended = writer.end().await;
    let written = ended.bytes;
    let failed = |error| Err(CatError { error, written });
    match (ended.stopped, sent) {
        (Some((_, Stop::Write(error))), _) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(Restored { bytes: written, closed: true, warnings })
        }
        (Some((_, Stop::Write(error))), _) => failed(Error::Write(error)),
        (Some((place, Stop::Payload(error))), _) => {
            failed(Error::found(origin, place, Verdict::Malformed, &error.to_string()))
        }
        (None, Err(error)) => failed(error),
        (None, Ok(())) => Ok(Restored { bytes: written, closed: false, warnings }),
    }
}

struct Run<'a, P> {
    source: Source,
    origin: &'a Origin,
    window: Window,
    progress: P,
    done: Progress,
}

impl<P: Fn(Progress)> Run<'_, P> {
    fn step(&mut self, bytes: u64) {
        self.done.objects += 1;
        self.done.bytes = self.done.bytes.saturating_add(bytes);
        (self.progress)(self.done);
    }

    /// The first pass.
    async fn plan(&mut self, options: &CatOptions) -> Result<(Plan, Vec<String>), Error> {
        if let Some(given) = &options.vkeys {
            Error::unless_a_key_is_for(self.origin, given)?;
        }
        let mut listing = Listing::read(&self.source, std::slice::from_ref(self.origin)).await?;
        let entries = listing.chains.remove(self.origin).unwrap_or_default();
        if entries.is_empty() {
            return Err(Error::NoChain(self.origin.clone()));
        }
        self.done.total = entries.len() as u64;
        let trust = match &options.vkeys {
            None => Trust::Anyone,
            Some(given) => Trust::in_keys_for(self.origin, given),
        };
        let untied = trust == Trust::Anyone;
        let (head, branch, accept) = (None, Vec::new(), BTreeSet::new());
        let rules = Rules { trust, head, branch, accept, skew: None, retention: None, store: None };
        let chain = Chain::new(self.origin.clone(), rules);
        let concurrency = if options.concurrency == 0 { 16 } else { options.concurrency };
        let (plan, findings) = self.seals(chain, entries, concurrency).await?;
        let mut warnings = Vec::new();
        if untied {
            warnings.push("no key was given: signatures aren't tied to a trusted key".to_owned());
        }
        let beside = findings.information.iter();
        let foreign = beside.filter(|finding| finding.verdict == Verdict::ForeignChain);
        warnings.extend(foreign.map(ToString::to_string));
        let mut recovered = 0_u64;
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
                Verdict::SourceGap | Verdict::Stalled if !options.strict => {
                    warnings.push(finding.to_string());
                }
                _ => return Err(Error::Found(Box::new(finding))),
            }
        }
        if recovered > NAMED {
            let more = recovered - NAMED;
            warnings.push(format!("{more} more objects are hidden or shadowed: see `verify`"));
        }
        Ok((plan, warnings))
    }

    async fn seals(
        &mut self,
        mut chain: Chain,
        entries: Vec<Entry>,
        concurrency: usize,
    ) -> Result<(Plan, Findings), Error> {
        let mut plan = Plan::new(self.window);
        let (source, origin) = (self.source.clone(), self.origin);
        let seals = futures::stream::iter(entries)
            .map(|entry| examine(&source, origin, entry, Depth::Seal))
            .buffered(concurrency);
        let mut seals = std::pin::pin!(seals);
        while let Some(examined) = seals.next().await {
            if let Some(error) = examined.error {
                return Err(Error::Store(error));
            }
            self.step(0);
            if let Some(note) = chain.object(examined.sighting) {
                plan.note(&note);
            }
        }
        let (note, report) = chain.finish(None);
        note.iter().for_each(|note| plan.note(note));
        Ok((plan, report.findings))
    }

    /// The second pass: fetches in the plan's order and hands over what was checked.
    async fn send(&mut self, plan: &Plan, writer: &mut Writer) -> Result<(), Error> {
        self.done.total = self.done.total.saturating_add(plan.fetches());
        let (source, origin) = (self.source.clone(), self.origin.clone());
        let objects = futures::stream::iter(plan.steps()).map(|(file, batch)| {
            let fetch = object::ready(source.clone(), origin.clone(), batch.clone());
            // A task of its own: it goes on while this one waits for the writer.
            let task = Task(tokio::spawn(fetch));
            async move { (file, batch, task.result().await) }
        });
        let mut objects = std::pin::pin!(objects.buffered(AHEAD));
        while let Some((file, batch, ready)) = objects.next().await {
            let size = batch.size;
            if !self.hand_over(file, batch, ready?, writer).await? {
                break;
            }
            self.step(size);
        }
        Ok(())
    }

    /// Whether the writer takes more.
    async fn hand_over(
        &self,
        file: FileId,
        batch: Batch,
        ready: Ready,
        writer: &mut Writer,
    ) -> Result<bool, Error> {
        let (seal, whole) = match ready {
            Ready::Whole(seal, blocks) => (seal, Some(blocks)),
            Ready::Large(seal) => (seal, None),
        };
        let modes: &[Mode] = if self.window.covers(&seal.seal) {
            if self.window.is_open() { &[Mode::All] } else { &[Mode::AllLines] }
        } else {
            &[Mode::Look(self.window), Mode::Kept]
        };
        if let Some(blocks) = whole {
            for mode in modes {
                let sent = writer.open(batch.place, &seal, file, *mode).await
                    && writer.blocks(blocks.clone()).await
                    && writer.close().await;
                if !sent {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let place = batch.place;
        let large = Large::check(&self.source, self.origin, batch, Arc::clone(&seal)).await?;
        for mode in modes {
            let sent = writer.open(place, &seal, file, *mode).await
                && large.send(writer).await?
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
