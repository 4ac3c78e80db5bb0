//! The part of a packed chain in which lines of some time lie, by what is attested of its packs.

use auditseal_chain::{Begin, Extent};

use super::listing::Pack;
use crate::times::Window;

/// The part of a chain in which lines of a window lie; `None` where no pack tells. A pack with
/// lines of which nobody knows when they happened may hold some. `slack`, microseconds: how much later a
/// line may be sealed than it was written; `near`: so few seals behind the genesis all is read from there.
pub(crate) fn part(packs: &[Pack], window: Window, slack: i64, near: u64) -> Option<Extent> {
    let newest = packs.last()?;
    let until = window.until;
    let meets = |pack: &&Pack| window.meets_pack(&pack.attestation);
    let behind = newest.last + 1;
    let first = packs.iter().find(meets);
    let last = packs.iter().rev().find(meets);
    // What was sealed later than that may still hold lines of the window.
    let late = newest.attestation.sealed.1;
    let tail = until.is_none_or(|until| late <= until.saturating_add(slack));
    let from = first.map_or(behind, |pack| pack.first);
    let to = match (tail, last) {
        (true, _) => None,
        (false, Some(last)) => Some(last.last),
        // No pack has any, and neither has what follows: the one that was sealed then shows it.
        (false, None) => {
            let then = packs.iter().find(|pack| {
                let sealed = pack.attestation.sealed.1;
                until.is_none_or(|until| until <= sealed)
            })?;
            return Some(Extent { from: begin(then.first, near), to: Some(then.last) });
        }
    };
    Some(Extent { from: begin(from, near), to })
}

fn begin(first: u64, near: u64) -> Begin {
    if first <= near { Begin::Genesis } else { Begin::At(first) }
}
