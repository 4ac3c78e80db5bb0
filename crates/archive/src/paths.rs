//! The keys of a chain's true objects, for whoever reads them without us.

use std::io;
use std::sync::Arc;

use auditseal_chain::{Accepted, Finding, Verdict};
use auditseal_format::Origin;
use auditseal_reader::{
    Depth, Error, How, Listing, PackedLines, Packs, Reading, Sealed, Source, Step,
};
use auditseal_store::Store;

use crate::cat::CatPacks;
use crate::verify::{Options, rules};

/// What an engine is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TruePath<'a> {
    /// An object of the archive, by its key.
    Object(&'a str),
    /// A pack, by its key below the root of packs.
    Pack(&'a str),
}

/// Gives the key of each seq's object whose stored bytes are the signed ones, in the order of the
/// chains, so that an engine that reads these keys reads each line once; of a pack, whose objects all are as signed,
/// its own key in their place. Returns what is wrong, the lines that the source lost included, and what is to be known of
/// packs that are left out.
///
/// An object that is hidden or shadowed is left out, and is a finding: an engine that names no version
/// wouldn't get it. So is a pack of which not all is proved, or that holds objects which are given out otherwise.
///
/// # Errors
/// [`Error::NoKeys`], [`Error::NoKeyFor`]; [`Error::Store`] when the store gives no answer, also in the midst;
/// [`Error::Write`] what `each` returns.
pub async fn paths(
    store: Arc<dyn Store>,
    options: &Options,
    packs: impl Fn(&Origin) -> Option<CatPacks>,
    mut each: impl FnMut(TruePath<'_>) -> io::Result<()>,
) -> Result<(Vec<Finding>, Vec<String>), Error> {
    options.check_keys()?;
    let source = Source::new(store);
    let mut listing = Listing::read(&source, &options.origins).await?;
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for origin in &options.origins {
        let entries = listing.chains.remove(origin).unwrap_or_default();
        let rules = rules(options, origin, options.extent.unwrap_or_default(), &[]);
        let root = packs(origin).map(|packs| packs.root());
        let packs = Packs::of(root.as_ref(), origin, rules.extent).await?;
        left_out.extend(packs.uncounted().map(|packs| format!("{origin}: {packs}")));
        let how = How {
            depth: Depth::Stored,
            retention: None,
            concurrency: options.concurrency,
            keep: 0,
            packed: PackedLines::None,
        };
        let mut reading = Reading::new(&source, origin, &entries, &packs, (rules, None), how);
        let mut telling =
            Telling { origin, packs: &packs, each: &mut each, open: None, left: vec![] };
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            if let Some(error) = error {
                return Err(Error::Store(error));
            }
            accepted.iter().try_for_each(|sealed| telling.note(sealed))?;
        }
        let (last, report) = reading.finish(Some(options.now));
        last.iter().try_for_each(|sealed| telling.note(sealed))?;
        telling.end()?;
        found.append(&mut telling.left);
        let weak = |finding: &Finding| finding.verdict != Verdict::WeakWorm;
        found.extend(report.findings.findings.into_iter().filter(weak));
    }
    Ok((found, left_out))
}

struct Telling<'a, E> {
    origin: &'a Origin,
    packs: &'a Packs,
    each: &'a mut E,
    /// The pack whose objects come, by its key and the first of these; and how many came that are whole.
    open: Option<(Arc<str>, u64, u64)>,
    /// What isn't given out.
    left: Vec<Finding>,
}

impl<E: FnMut(TruePath<'_>) -> io::Result<()>> Telling<'_, E> {
    fn note(&mut self, sealed: &Sealed) -> Result<(), Error> {
        let Accepted { place, pack, whole, plain, .. } = &sealed.note;
        let Some(pack) = pack else {
            self.end()?;
            let key = place.key(self.origin).to_string();
            return match *whole && *plain {
                true => (self.each)(TruePath::Object(&key)).map_err(Error::Write),
                false => Ok(()),
            };
        };
        if self.open.as_ref().is_none_or(|(open, ..)| open != pack) {
            self.end()?;
            self.open = Some((Arc::clone(pack), place.seq, 0));
        }
        if let Some((.., count)) = &mut self.open {
            *count += u64::from(*whole);
        }
        Ok(())
    }

    /// Gives out the pack that is open, if all that it holds came from it.
    fn end(&mut self) -> Result<(), Error> {
        let Some((key, first, count)) = self.open.take() else { return Ok(()) };
        let objects = self.packs.with(first).map_or(0, |pack| pack.attestation.objects());
        if count == objects {
            return (self.each)(TruePath::Pack(&key)).map_err(Error::Write);
        }
        let detail = format!(
            "a pack of which {count} of {objects} objects are to be read from it: whoever reads all of it reads others \
             twice, or what isn't proved; it isn't listed, and neither are they"
        );
        let finding = Finding::new(Verdict::UnexpectedObject, Some(self.origin.clone()), &detail);
        self.left.push(finding.as_finding().at(first).key(&key));
        Ok(())
    }
}
