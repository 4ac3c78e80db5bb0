//! The roll-ups of a chain's packs that a trusted auditor's word binds: FORMAT.md, "Roll-ups in a store".

use std::cmp::Reverse;

use auditseal_format::Origin;
use auditseal_format::packs::{Blob, MAX_ROLLED, PackKey, RolledUp, SignedRolledUp};
use auditseal_index::{Lookup, PackId, Rollup, RollupSearch};
use auditseal_store::{Error, Kind, Operation, Version};
use futures::StreamExt as _;

use super::listing::{Pack, Packs, Unusable};
use crate::source::{IN_FLIGHT, Object, Source};

/// Bytes of a roll-up that are asked for at a time.
const PIECE: u64 = 4 << 20;

/// What a roll-up says.
pub(super) struct Said {
    /// The packs that it is of.
    pub(super) packs: Vec<PackId>,
    /// Whether each of them may hold an answer.
    pub(super) may: Vec<bool>,
    /// How many bytes of it were read.
    pub(super) bytes: u64,
}

/// How a roll-up calls a pack.
pub(super) fn id(pack: &Pack) -> PackId {
    let name = pack.attestation.name();
    PackId { first: name.first, last: name.last, note: name.head() }
}

/// The roll-ups that count and have some seq of a part, those of the most packs first, of equals the newest; and
/// what looks like one and doesn't count.
///
/// # Errors
/// The store's, of the listing.
pub(super) async fn counting(
    packs: &Packs,
    origin: &Origin,
    (first, last): (u64, u64),
) -> Result<(Vec<RolledUp>, Vec<Unusable>), Error> {
    let Some(source) = packs.source() else { return Ok(Default::default()) };
    let add = |all: &mut Vec<String>, version: Version| {
        if !version.marker {
            all.push(version.key);
        }
    };
    let mut keys = source.versions(&PackKey::rollups(origin), Vec::new, add).await?;
    keys.sort_unstable();
    keys.dedup();
    let wanted = keys.into_iter().filter_map(|key| {
        let name = SignedRolledUp::of_key(origin, &key)?;
        (first <= name.last && name.first <= last).then_some((key, name.own))
    });
    let read = futures::stream::iter(wanted.collect::<Vec<_>>()).map(|(key, own)| async move {
        let fits = |bytes: &[u8]| PackKey::matches(own, bytes);
        let content = source.content(&key, MAX_ROLLED as u64, fits).await;
        (key, content)
    });
    let mut read = std::pin::pin!(read.buffered(IN_FLIGHT));
    let (mut found, mut unusable) = (Vec::new(), Vec::new());
    while let Some((key, content)) = read.next().await {
        let content = content.map(|stands| stands.found());
        let rolled = match content {
            Err(error) => Err(error.to_string()),
            Ok(None) => Err("no version of it has the bytes that its name says".to_owned()),
            Ok(Some(bytes)) => trusted(packs, &key, &bytes),
        };
        match rolled {
            Ok(rolled) => found.push(rolled),
            Err(why) => unusable.push(Unusable { key, why }),
        }
    }
    found.sort_by_key(|rolled| (Reverse(rolled.packs), Reverse(rolled.attested)));
    Ok((found, unusable))
}

fn trusted(packs: &Packs, key: &str, bytes: &[u8]) -> Result<RolledUp, String> {
    let signed = SignedRolledUp::read(bytes).map_err(|error| error.to_string())?;
    if signed.key() != key {
        return Err("it is about something else than its name says".to_owned());
    }
    if !packs.auditors().contains(&signed.rolled.key) {
        let who = signed.rolled.key.name();
        return Err(format!(
            "signed by {who}, who isn't an auditor of this cluster by the trust file"
        ));
    }
    Ok(signed.rolled)
}

/// Asks a roll-up; `None` where that would read more than `indexes` says of its packs.
///
/// # Errors
/// The store's, and why it can't be used.
pub(super) async fn ask(
    source: &Source,
    rolled: &RolledUp,
    lookup: &Lookup,
    indexes: impl Fn(&[PackId]) -> u64,
) -> Result<Option<Said>, Error> {
    let key = rolled.key();
    let object = Object { key: &key, version: None };
    let failed = |why: &str| Error::new(Operation::Range, &key, Kind::Invalid, why);
    if rolled.front.size > Rollup::MAX_FRONT as u64 {
        return Err(failed("its front is larger than any"));
    }
    let front = source.range(object, 0..rolled.front.size).await?.bytes;
    if Blob::of(&front) != rolled.front {
        return Err(failed("what stands there isn't what an auditor's note binds"));
    }
    let rollup = Rollup::open(&front).map_err(|error| failed(&error.to_string()))?;
    let ends = rollup.packs().first().zip(rollup.packs().last());
    let says = (rolled.packs, Some((rolled.first, rolled.last)), rolled.size);
    let has = ends.map(|(first, last)| (first.first, last.last));
    if says != (rollup.packs().len() as u64, has, rollup.length()) {
        return Err(failed("its front isn't of the packs that an auditor's note names"));
    }
    let mut search = RollupSearch::new(&rollup, lookup, PIECE);
    let mut bytes = rolled.front.size;
    if search.needs() > indexes(rollup.packs()) {
        return Ok(None);
    }
    while let Some(range) = search.wants() {
        let piece = source.range(object, range).await?.bytes;
        bytes += piece.len() as u64;
        search.take(&piece).map_err(|error| failed(&error.to_string()))?;
    }
    let may = search.finish();
    let packs = rollup.packs().to_vec();
    let may = (0..may.below()).map(|nth| may.contains(nth)).collect();
    Ok(Some(Said { packs, may, bytes }))
}
