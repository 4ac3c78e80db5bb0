//! The keys of a chain's true objects, for whoever reads them without us.

use std::io;
use std::sync::Arc;

use auditseal_store::Store;

use crate::verify::{Options, rules};
use auditseal_chain::{Finding, Verdict};
use auditseal_reader::{
    Depth, Error, How, Listing, PackedLines, Packs, Reading, Sealed, Source, Step,
};

/// Gives the key of each seq's object whose stored bytes are the signed ones, in the order of the
/// chains, so that an engine that reads these keys reads each line once. Returns what is wrong, the
/// lines that the source lost included.
///
/// An object that is hidden or shadowed is left out, and is a finding: an engine that names no version
/// wouldn't get it.
///
/// # Errors
/// [`Error::NoKeys`], [`Error::NoKeyFor`]; [`Error::Store`] when the store gives no answer, also in the midst;
/// [`Error::Write`] what `each` returns.
pub async fn paths(
    store: Arc<dyn Store>,
    options: &Options,
    mut each: impl FnMut(&str) -> io::Result<()>,
) -> Result<Vec<Finding>, Error> {
    options.check_keys()?;
    let source = Source::new(store);
    let mut listing = Listing::read(&source, &options.origins).await?;
    let (mut found, none) = (Vec::new(), Packs::none());
    for origin in &options.origins {
        let entries = listing.chains.remove(origin).unwrap_or_default();
        let how = How {
            depth: Depth::Stored,
            retention: None,
            concurrency: options.concurrency,
            keep: 0,
            packed: PackedLines::None,
        };
        let mut reading = Reading::new(
            &source,
            origin,
            &entries,
            &none,
            rules(options, origin, options.extent.unwrap_or_default(), &[]),
            how,
        );
        let mut tell = |Sealed { note, .. }: &Sealed| match note.whole && note.plain {
            true => each(&note.place.key(origin).to_string()).map_err(Error::Write),
            false => Ok(()),
        };
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            if let Some(error) = error {
                return Err(Error::Store(error));
            }
            accepted.iter().try_for_each(&mut tell)?;
        }
        let (last, report) = reading.finish(Some(options.now));
        last.iter().try_for_each(&mut tell)?;
        let weak = |finding: &Finding| finding.verdict != Verdict::WeakWorm;
        found.extend(report.findings.findings.into_iter().filter(weak));
    }
    Ok(found)
}
