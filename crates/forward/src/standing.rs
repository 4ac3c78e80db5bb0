//! Why a chain can't be gone on with: what it comes after is gone, or what comes next isn't proved.

use auditseal_chain::{Begin, Extent, Severity, Verdict};
use auditseal_format::{ObjectSeal, SealId};
use auditseal_reader::{
    Depth, Entry, Error, How, PackRoot, PackedLines, Packs, Reading, Sealed, Source, Step,
};

use crate::followed::Followed;

/// Objects at one place that are fetched at a time.
const IN_FLIGHT: usize = 2;

/// Why what comes after a seal can't be trusted to come: it isn't the archive's seal of its seq any more. `None`: it
/// is.
///
/// # Errors
/// The store's.
pub(crate) async fn fallen(
    chain: &Followed,
    source: &Source,
    last: SealId,
    (entries, packs): (&[Entry], &Packs),
) -> Result<Option<String>, Error> {
    if stands(chain, source, last, (entries, packs)).await?.is_some() {
        return Ok(None);
    }
    // Of those who may sign there, who has signed something else?
    let known = (chain, source, entries, packs);
    let (other, wrong) = at(known, Begin::At(last.seq), last.seq).await?;
    Ok(Some(match (other.map(|other| other.id()), wrong) {
        (Some(other), _) => format!(
            "the archive has seal {other}, where seal {last} stood that was handed over: it was reset, or is forked"
        ),
        (None, Some(wrong)) => {
            format!("seal {last}, which was handed over, isn't proved any more: {wrong}")
        }
        (None, None) => format!(
            "the archive ends before seal {last}, which was handed over: it was set back, taken away, or expired"
        ),
    }))
}

/// The note of a seal that is known, where it stands.
///
/// # Errors
/// The store's.
pub(crate) async fn stands(
    chain: &Followed,
    source: &Source,
    seal: SealId,
    (entries, packs): (&[Entry], &Packs),
) -> Result<Option<Box<ObjectSeal>>, Error> {
    let known = (chain, source, entries, packs);
    let (found, _) = at(known, Begin::Known(seal), seal.seq).await?;
    Ok(found.filter(|note| note.id() == seal))
}

/// The note of a seal, where its key may sign there: that is trusted by itself, or seals that are the chain's lead to it.
/// What was trusted when it was handed over may not be any more.
///
/// # Errors
/// The store's.
pub(crate) async fn led_to(
    chain: &Followed,
    (source, root): (&Source, Option<&PackRoot>),
    note: Box<ObjectSeal>,
) -> Result<Option<Box<ObjectSeal>>, Error> {
    let (rules, seal) = (chain.rules(Extent::default()), note.id());
    if chain.trusted.begin == Some(seal) || rules.trust.includes(&note.seal.key, seal.seq) {
        return Ok(Some(note));
    }
    Ok(auditseal_reader::led_to((source, root), &chain.origin, rules, seal).await?)
}

type Listed<'a> = (&'a Followed, &'a Source, &'a [Entry], &'a Packs);

/// The note that is proved to stand at a seq, and what is wrong there.
async fn at(
    (chain, source, entries, packs): Listed<'_>,
    from: Begin,
    seq: u64,
) -> Result<(Option<Box<ObjectSeal>>, Option<String>), Error> {
    if entries.is_empty() && packs.is_empty() {
        return Ok((None, None));
    }
    let how = How {
        depth: Depth::Seal,
        retention: None,
        concurrency: IN_FLIGHT,
        keep: 0,
        packed: PackedLines::None,
    };
    let rules = (chain.rules(Extent { from, to: Some(seq) }), None);
    let mut reading = Reading::new(source, &chain.origin, entries, packs, rules, how);
    let here = |sealed: Sealed| Some(sealed.note.seal).filter(|note| note.seal.seq == seq);
    let mut found = None;
    while let Some(Step { accepted, error, .. }) = reading.next().await {
        found = found.or_else(|| accepted.into_iter().find_map(here));
        if let Some(error) = error {
            return Err(error.into());
        }
    }
    let (last, report) = reading.finish(None);
    let found = found.or_else(|| last.and_then(here));
    let wrong = report.findings.findings.iter().find(|of| of.severity == Severity::Finding);
    Ok((found, wrong.map(ToString::to_string)))
}

/// Whether what is found says that a seal which comes next isn't proved to be the chain's. All else is about seals that
/// are, or about what the chain can do without.
pub(crate) fn unproves(verdict: Verdict) -> bool {
    use Verdict::*;
    matches!(
        verdict,
        Tampered
            | Missing
            | Reordered
            | WrongOrigin
            | Fork
            | Unanchored
            | Truncated
            | BadSignature
            | WrongKey
            | ForeignChain
            | Unsealed
            | Malformed
            | WrongIndex
    )
}
