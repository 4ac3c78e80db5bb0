//! The part of a packed chain in which lines of some time lie, by what is attested of its packs.

use auditseal_chain::{Begin, Extent};
use auditseal_format::Time;
use auditseal_format::packs::Attestation;

use super::listing::Pack;

/// The part of a chain in which lines from `since` to `until` lie; `None` where no pack tells. A pack with
/// lines of which nobody knows when they happened may hold some. `slack`, microseconds: how much later a
/// line may be sealed than it was written; `near`: so few seals behind the genesis all is read from there.
pub(crate) fn part(
    packs: &[Pack],
    since: Option<Time>,
    until: Option<Time>,
    slack: i64,
    near: u64,
) -> Option<Extent> {
    let newest = packs.last()?;
    let meets = |pack: &&Pack| {
        let Attestation { times, untimed, .. } = &*pack.attestation;
        *untimed > 0
            || times.is_some_and(|(first, last)| {
                since.is_none_or(|since| since <= last) && until.is_none_or(|until| first <= until)
            })
    };
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
