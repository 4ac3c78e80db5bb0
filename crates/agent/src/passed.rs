//! What a pass costs: seals that were made for a key where foreign bytes stand are discarded, and
//! their lines are sealed once more from the source's files, as far as these are still there.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_format::{FileId, FileName, ObjectKey, Seal};
use auditseal_shipper::Loss;
use auditseal_spool::{Spool, failpoint};
use auditseal_tail::GapReason;

use crate::Error;
use crate::finals::Backups;
use crate::start::read_seal;

/// Discards what was sealed for the key and behind it: nobody will see it. Returns what is lost by
/// that, to be sealed as gaps: the seals that are discarded are the only ones that knew of it.
pub(crate) fn pass(
    spool: &mut Spool,
    key: &ObjectKey,
    backups: &Backups,
) -> Result<Vec<Loss>, Error> {
    let (mut kept, mut discarded) = (None, Vec::new());
    for entry in spool.entries() {
        let seal = read_seal(spool, &entry.key)?;
        if entry.key.seq < key.seq { kept = Some(seal) } else { discarded.push(seal) }
    }
    let lost = lost(kept.as_ref(), &discarded, backups);
    failpoint!("agent.pass.before");
    spool.discard_from(key.seq)?;
    failpoint!("agent.pass.after");
    Ok(lost)
}

/// What only discarded seals knew of, and isn't there any more. Files that the seal before had
/// begun are the follower's: it finds them, or knows that they are lost.
fn lost(head: Option<&Seal>, discarded: &[Seal], backups: &Backups) -> Vec<Loss> {
    let begun: BTreeSet<FileId> =
        head.iter().flat_map(|seal| &seal.cursors).map(|cursor| cursor.file).collect();
    let mut files: BTreeMap<FileId, (&FileName, Option<u64>)> = BTreeMap::new();
    let mut lost = Vec::new();
    for seal in discarded {
        for range in seal.ranges.iter().filter(|range| !begun.contains(&range.file)) {
            files.insert(range.file, (&range.name, range.is_final.then_some(range.end)));
        }
        let gaps = seal.gaps.iter();
        for gap in gaps.filter(|gap| gap.file.is_none_or(|file| !begun.contains(&file))) {
            lost.push(unidentified(gap.name.clone(), gap.end, word(gap.reason.as_str())));
        }
    }
    let mut gone: Vec<_> = files.into_values().filter(|(name, _)| backups.lack(name)).collect();
    gone.sort_unstable_by_key(|(name, _)| name.as_bytes());
    let reason = GapReason::DeletedBeforeRead.word();
    lost.extend(gone.into_iter().map(|(name, end)| unidentified(Some(name.clone()), end, reason)));
    lost
}

/// The chain doesn't know the file: the seal that began it is discarded.
fn unidentified(name: Option<FileName>, end: Option<u64>, reason: &'static str) -> Loss {
    Loss { file: None, start: end.map(|_| 0), end, anchor: None, name, reason }
}

fn word(reason: &str) -> &'static str {
    let known = GapReason::ALL.into_iter().map(GapReason::word).find(|word| *word == reason);
    known.unwrap_or(GapReason::DeletedBeforeRead.word())
}
