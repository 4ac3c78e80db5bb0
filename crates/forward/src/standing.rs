//! Why a chain can't be gone on with: what it comes after is gone, or what comes next isn't proved.

use auditseal_chain::{Begin, Extent, Severity, Verdict};
use auditseal_format::SealId;
use auditseal_reader::{Depth, Entry, Error, How, PackedLines, Packs, Reading, Source, Step};

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
    let entries: Vec<Entry> =
        entries.iter().filter(|entry| entry.place.seq == last.seq).cloned().collect();
    let known = (chain, source, &entries[..], packs);
    let (found, _) = at(known, Begin::Known(last), last.seq).await?;
    if found == Some(last) {
        return Ok(None);
    }
    // Of those who may sign there, who has signed something else?
    let (other, wrong) = at(known, Begin::At(last.seq), last.seq).await?;
    Ok(Some(match (other, wrong) {
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

/// The seal that is proved to stand at a seq, and what is wrong there.
async fn at(
    (chain, source, entries, packs): (&Followed, &Source, &[Entry], &Packs),
    from: Begin,
    seq: u64,
) -> Result<(Option<SealId>, Option<String>), Error> {
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
    let rules = chain.rules(Extent { from, to: Some(seq) });
    let mut reading = Reading::new(source, &chain.origin, entries, packs, rules, how);
    let mut found = None;
    while let Some(Step { accepted, error, .. }) = reading.next().await {
        found = found.or(accepted.first().map(|sealed| sealed.note.seal.id()));
        if let Some(error) = error {
            return Err(error.into());
        }
    }
    let (last, report) = reading.finish(None);
    let found = found.or(last.map(|sealed| sealed.note.seal.id()));
    let wrong = report.findings.findings.iter().find(|of| of.severity == Severity::Finding);
    Ok((found.filter(|id| id.seq == seq), wrong.map(ToString::to_string)))
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
