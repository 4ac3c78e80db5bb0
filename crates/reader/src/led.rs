//! The note of a seal in the midst of a chain, where its key may sign there.

use auditseal_chain::{Begin, Rules};
use auditseal_format::{ObjectSeal, Origin, SealId};
use auditseal_store::Error;

use crate::fetch::Depth;
use crate::listed::{How, PackedLines};
use crate::packs::PackRoot;
use crate::range::Range;
use crate::reading::{Reading, Sealed, Step};
use crate::source::{IN_FLIGHT, Source};

/// The note of a seal that is known out of band, for who reads behind it: its key is trusted by itself, or seals lead to
/// it that are the chain's; `None` where neither is so. The rules are those of the whole chain. Where packs end with notes
/// by trusted keys, what lies behind the nearest is read, else the chain from where it begins.
///
/// # Errors
/// The store's.
pub async fn led_to(
    (source, root): (&Source, Option<&PackRoot>),
    origin: &Origin,
    rules: Rules,
    seal: SealId,
) -> Result<Option<Box<ObjectSeal>>, Error> {
    let begin = match rules.extent.from {
        Begin::Known(begin) => Some(begin),
        Begin::Genesis | Begin::After(_) | Begin::At(_) => None,
    };
    let keys = (&rules.trust, begin);
    let way = Range::leading_to((source, root), origin, keys, seal.seq).await?;
    let is_it = |note: &ObjectSeal| note.id() == seal;
    if way.before.as_deref().is_some_and(is_it) {
        return Ok(way.before);
    }
    let rules = (rules.asked(way.extent), way.before.as_deref());
    let how = How {
        depth: Depth::Seal,
        retention: None,
        concurrency: IN_FLIGHT,
        keep: 0,
        packed: PackedLines::None,
    };
    let mut reading = Reading::new(source, origin, &way.entries, &way.packs, rules, how);
    let here = |sealed: Sealed| Some(sealed.note.seal).filter(|note| is_it(note));
    let mut found = None;
    while let Some(Step { accepted, error, .. }) = reading.next().await {
        found = found.or_else(|| accepted.into_iter().find_map(here));
        if let Some(error) = error {
            return Err(error);
        }
    }
    Ok(found.or_else(|| reading.finish(None).0.and_then(here)))
}
