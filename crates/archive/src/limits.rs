//! What a run couldn't have noticed, in words.

use std::collections::BTreeSet;

use auditseal_chain::{Extent, escape};
use auditseal_format::{SealId, Time};
use auditseal_reader::{Packs, Unseen};
use auditseal_trust::KnownHead;

/// Attestations that don't count which are named.
const NAMED: usize = 3;

/// What can't be told of a store that lists no versions.
pub(crate) const LATEST_ONLY: &str = "the store lists no versions (501 NotImplemented): an object that was put \
     over or hidden shows as tampered or missing, and whether its true version is still there isn't \
     known";

/// What wasn't looked at where payloads aren't decompressed.
pub(crate) const STORED_ONLY: &str = "only stored bytes were checked, not what they decompress to";

/// What a search by time can't show, if there is any such thing.
pub(crate) fn limit_of_a_search(extent: Extent, unseen: &Unseen) -> Option<String> {
    let from = extent.from.seq();
    let seals = match (extent.from.is_late(), extent.to) {
        (false, None) => return None,
        (true, None) => format!("from {from} on"),
        (_, Some(to)) => format!("{from} to {to}"),
    };
    (!unseen.is_nothing()).then(|| {
        format!("only the seals {seals} were read; {unseen}; --from 0 reads the whole chain")
    })
}

/// Whose word a search took for it that packs have no line of that time.
pub(crate) fn limit_of_attested_times(packs: &Packs) -> Option<String> {
    let passed: Vec<_> = packs.passed().collect();
    let who: BTreeSet<&str> = passed.iter().map(|attested| attested.key.name()).collect();
    let who = who.into_iter().collect::<Vec<_>>().join(", ");
    (!passed.is_empty()).then(|| {
        format!(
            "{} packs were passed over, for by the word of {who} their lines are of other times; `verify` holds \
             that against the notes",
            passed.len()
        )
    })
}

/// That a head which is known isn't in the part that was read.
pub(crate) fn limit_of_a_head(head: SealId, extent: Extent) -> Option<String> {
    let side = if head.seq < extent.from.seq() { "before" } else { "behind" };
    (!extent.has(head.seq)).then(|| {
        format!("the head at seq {} is {side} what was read: it wasn't compared", head.seq)
    })
}

/// That a head was verified at a time which is still to come.
pub(crate) fn limit_of_the_clock(known: KnownHead, now: Time) -> Option<String> {
    (now < known.verified).then(|| {
        format!(
            "the heads file says that seq {} was verified at {}, which is after this run's time, {now}: \
             a clock was wrong, or --at is in the past",
            known.seal.seq, known.verified
        )
    })
}

/// Whose word was taken for what stands in packs, and whose wasn't.
pub(crate) fn told_of_packs(packs: &Packs) -> Vec<String> {
    let mut told = Vec::new();
    let taken = packs.taken();
    if !taken.is_empty() {
        let who: BTreeSet<&str> = taken.iter().map(|pack| pack.attestation.key.name()).collect();
        let who = who.into_iter().collect::<Vec<_>>().join(", ");
        let (mut runs, mut more) = (Vec::<(u64, u64)>::new(), 0);
        for pack in taken {
            let full = runs.len() == NAMED;
            match runs.last_mut() {
                Some(run) if run.1 + 1 == pack.first => run.1 = pack.last,
                _ if full => more += 1,
                _ => runs.push((pack.first, pack.last)),
            }
        }
        let mut spans: Vec<_> =
            runs.iter().map(|(first, last)| format!("{first} to {last}")).collect();
        spans.extend((more > 0).then(|| format!("{more} more packs")));
        told.push(format!(
            "{} packs of seals {} are attested by {who}: each batch in one is proved by its own seal, and \
             what stood beside its objects is known by that word alone",
            taken.len(),
            spans.join(", ")
        ));
    }
    told.extend(packs.uncounted().map(ToString::to_string));
    let (unusable, total) = packs.unusable();
    for other in unusable.iter().take(NAMED) {
        told.push(format!(
            "an attestation that doesn't count: {}: {}",
            escape(&other.key),
            escape(&other.why)
        ));
    }
    let more = total.saturating_sub(NAMED as u64);
    if more > 0 {
        told.push(format!("and {more} more attestations that don't count"));
    }
    told
}
