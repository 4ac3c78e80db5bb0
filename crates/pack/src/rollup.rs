//! Roll-ups of packs' indexes, month by month, so that whoever searches asks one object and not hundreds.
//!
//! Of a month that is over all packs are rolled up together. Of the one that goes on, ever more of them: 4, 16, 64 …
//! of them, in their order, as the digits of their number to the base of 4 say. So each pack is in few roll-ups
//! of a month, and fewer than four are in none; and whoever packs makes the same ones.

use std::collections::BTreeSet;
use std::ops::Range;

use auditseal_format::packs::{Blob, Month, PackKey, RolledUp, SignedRolledUp};
use auditseal_format::{Origin, Time};
use auditseal_index::{IndexError, PackId, Rollup, RollupBuilder};
use auditseal_note::Signer;
use auditseal_reader::{Pack, Packs};
use auditseal_store::Version;
use bytes::Bytes;

use crate::put::Shelf;

/// Fewer packs are asked by their indexes.
const FEWEST: usize = 4;
/// The most packs of a roll-up (FORMAT.md, "Roll-up").
const MOST: usize = 65_536;
/// Bytes of terms that are rolled up together, so that a packer's memory is bounded: of what weighs more, several
/// roll-ups are made.
pub(crate) const MAX_ROLLED_UP: usize = 32 << 20;

/// What rolling up came to.
#[derive(Debug, Default)]
pub(crate) struct Rolled {
    /// Roll-ups that were made.
    pub(crate) made: u64,
    /// Why one wasn't: packs are found without it.
    pub(crate) failed: Option<String>,
}

/// Which packs are rolled up together, of so many that a month has; `over`: no more will come.
fn groups(count: usize, over: bool) -> Vec<Range<usize>> {
    let (mut groups, mut at) = (Vec::new(), 0);
    while count - at >= FEWEST {
        let left = count - at;
        let mut size = FEWEST;
        while size * FEWEST <= left {
            size *= FEWEST;
        }
        let size = if over { left } else { size }.min(MOST);
        groups.push(at..at + size);
        at += size;
    }
    groups
}

/// Makes the roll-ups that aren't there yet of these packs, which are a chain's in its order; those of months in
/// `anew` are made again. `within` is [`MAX_ROLLED_UP`] but in tests.
///
/// # Errors
/// Why they couldn't be put; what can't be read is told in what is returned.
pub(crate) async fn roll_up(
    shelf: &Shelf<'_>,
    packs: &Packs,
    signer: &mut dyn Signer,
    anew: &BTreeSet<Month>,
    (now, within): (Time, usize),
) -> Result<Rolled, auditseal_store::Error> {
    let mut rolled = Rolled::default();
    let indexed: Vec<&Pack> =
        packs.taken().iter().filter(|pack| pack.attestation.index.is_some()).collect();
    let Some(origin) = indexed.first().map(|pack| pack.attestation.origin.clone()) else {
        return Ok(rolled);
    };
    let there = listed(shelf, &origin).await?;
    let newest = packs.taken().last().map(|pack| Month::of(pack.attestation.date));
    let month_of = |pack: &Pack| Month::of(pack.attestation.date);
    for month in indexed.chunk_by(|one, next| month_of(one) == month_of(next)) {
        let Some(name) = month.first().map(|pack| month_of(pack)) else { continue };
        for group in groups(month.len(), newest != Some(name)) {
            let group = &month[group];
            if anew.contains(&name) || !is_there(group, name, &there) {
                let mut made =
                    Making { shelf, packs, signer: &mut *signer, month: name, now, within };
                match made.group(group).await? {
                    Ok(count) => rolled.made += count,
                    Err(why) => rolled.failed = Some(why),
                }
            }
        }
    }
    Ok(rolled)
}

/// The months and seqs of the roll-ups that are listed of a chain.
async fn listed(
    shelf: &Shelf<'_>,
    origin: &Origin,
) -> Result<BTreeSet<(Month, u64, u64)>, auditseal_store::Error> {
    let add = |all: &mut Vec<String>, version: Version| {
        if !version.marker {
            all.push(version.key);
        }
    };
    let keys = shelf.source.versions(&PackKey::rollups(origin), Vec::new, add).await?;
    let names = keys.iter().filter_map(|key| SignedRolledUp::of_key(origin, key));
    Ok(names.map(|name| (name.month, name.first, name.last)).collect())
}

/// Whether roll-ups that are listed cover a group without a hole. Who puts others there has packs asked by their
/// indexes, no more.
fn is_there(group: &[&Pack], month: Month, there: &BTreeSet<(Month, u64, u64)>) -> bool {
    let mut at = 0;
    while at < group.len() {
        let first = group[at].attestation.first;
        let ends = |last: u64| group[at..].iter().position(|pack| pack.attestation.last == last);
        let of = there.range((month, first, 0)..=(month, first, u64::MAX));
        match of.filter_map(|(.., last)| ends(*last)).max() {
            Some(further) => at += further + 1,
            None => return false,
        }
    }
    true
}

struct Making<'a, 'b> {
    shelf: &'a Shelf<'b>,
    packs: &'a Packs,
    signer: &'a mut dyn Signer,
    month: Month,
    now: Time,
    within: usize,
}

impl Making<'_, '_> {
    /// Rolls up a group, in several parts if it weighs too much; gives how many, or why an index can't be read.
    async fn group(
        &mut self,
        group: &[&Pack],
    ) -> Result<Result<u64, String>, auditseal_store::Error> {
        let (mut made, mut from) = (0, 0);
        let mut builder = RollupBuilder::within(self.within);
        for (nth, pack) in group.iter().enumerate() {
            let index = match self.packs.index(pack).await {
                Ok(Some(index)) => index,
                Ok(None) => return Ok(Ok(made)),
                Err(error) => return Ok(Err(error.to_string())),
            };
            let name = pack.attestation.name();
            let id = PackId { first: name.first, last: name.last, note: name.head() };
            match builder.push(id, &index) {
                Err(IndexError::TooMany(_)) if nth > from => {
                    let whole = std::mem::replace(&mut builder, RollupBuilder::within(self.within));
                    made += self.put(whole, &group[from..nth]).await?;
                    from = nth;
                    // One that weighs too much alone is asked by its own index.
                    if builder.push(id, &index).is_err() {
                        from = nth + 1;
                    }
                }
                Err(IndexError::TooMany(_)) => from = nth + 1,
                Err(error) => return Ok(Err(error.to_string())),
                Ok(()) => {}
            }
        }
        made += self.put(builder, &group[from..]).await?;
        Ok(Ok(made))
    }

    /// Puts the roll-up of these packs, and the note that binds it; whether there was anything to roll up.
    async fn put(
        &mut self,
        builder: RollupBuilder,
        of: &[&Pack],
    ) -> Result<u64, auditseal_store::Error> {
        let ([first, .., last], Ok(bytes)) = (of, builder.finish()) else { return Ok(0) };
        let front = Rollup::front_length(&bytes).unwrap_or(bytes.len());
        let rolled = RolledUp {
            origin: first.attestation.origin.clone(),
            key: self.signer.key().clone(),
            month: self.month,
            first: first.attestation.first,
            last: last.attestation.last,
            packs: of.len() as u64,
            front: Blob::of(&bytes[..front]),
            size: bytes.len() as u64,
            attested: self.now,
        };
        let key = rolled.key();
        let signed = SignedRolledUp::sign(rolled, self.signer).map_err(|error| {
            let operation = auditseal_store::Operation::Put;
            auditseal_store::Error::new(
                operation,
                &key,
                auditseal_store::Kind::Invalid,
                &error.what,
            )
        })?;
        self.shelf.put_named(&key, Bytes::from(bytes)).await?;
        self.shelf.put_named(&signed.key(), Bytes::from(signed.note.clone().into_bytes())).await?;
        Ok(1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a helper that fails fails its test
mod tests {
    use std::sync::Arc;

    use super::*;
    use auditseal_chain::Extent;
    use auditseal_doubles::MemoryStore;
    use auditseal_index::Lookup;
    use auditseal_note::StaticSigner;
    use auditseal_reader::{PackRoot, Source, Window};
    use auditseal_store::Store;
    use auditseal_trust::TrustFile;
    use auditseal_vectors::{Chain, Piece, TestSigner};

    /// Of terms that weigh more than a packer holds, several roll-ups are made, and a pack whose terms weigh more
    /// alone is in none; what is looked for is found.
    #[tokio::test]
    async fn terms_that_weigh_too_much_are_rolled_up_in_parts() {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        for day in 0..12 {
            chain.wait(5);
            let many = if day == 5 { 400 } else { 10 };
            let line = |n: u32| format!("{{\"verb\":\"verb-{day}-{n}\"}}\n");
            let lines: String = (0..many).map(line).collect();
            chain.batch(&[Piece::new("audit.log", lines.into_bytes())]);
            chain.wait(86_395);
        }
        chain.heartbeat();
        let (archive, store) = (MemoryStore::new(), Arc::new(MemoryStore::new()));
        for (key, bytes) in chain.archive() {
            archive.insert(&key, bytes);
        }
        let mut signer = StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap();
        let (origin, key) = (chain.origin().clone(), chain.current_signer().identity());
        let trust = format!(
            "auditseal/trust/v1\norigin {origin} static {key}\n  begin 0\n  silent-after 366d\nauditor c {}\n",
            signer.key()
        );
        let trust = TrustFile::parse(&trust).unwrap();
        let state = tempfile::tempdir().unwrap();
        let origins = vec![origin.clone()];
        let options = crate::PackOptions::new(trust.clone(), origins, state.path().to_owned());
        let options = crate::PackOptions { skew: None, ..options };
        let packs: Arc<dyn Store> = store.clone();
        let archive: Arc<dyn Store> = Arc::new(archive);
        let now = chain.now();
        crate::pack(archive, Arc::clone(&packs), &mut signer, &options, || now, |_| {})
            .await
            .unwrap();
        store.objects().keys().filter(|key| key.starts_with("_rollups/")).for_each(|key| {
            store.remove(key);
        });
        let source = Source::new(Arc::clone(&packs));
        let auditors = trust.auditors_of(&origin);
        let root = PackRoot { source: source.clone(), auditors, by_date: false };
        let read = Packs::read(&root, &origin, Extent::default()).await.unwrap();
        let shelf = Shelf { store: &packs, source: &source };
        let anew = BTreeSet::new();
        let rolled = roll_up(&shelf, &read, &mut signer, &anew, (now, 300)).await.unwrap();
        assert!(rolled.made > 2 && rolled.failed.is_none(), "{rolled:?}");
        for day in [3, 5, 11] {
            let verb = format!("verb-{day}-1");
            let wanted = auditseal_index::Pattern::new(auditseal_index::TermKind::Action)
                .with(auditseal_index::TermField::Resource, "")
                .with(auditseal_index::TermField::Group, "")
                .with(auditseal_index::TermField::Subresource, "")
                .with(auditseal_index::TermField::Verb, &verb);
            let found = read.search(&Lookup::Term(wanted), Window::default()).await;
            assert_eq!((found.found.len(), found.unusable_total), (1, 0), "{day}");
        }
    }

    #[test]
    fn each_pack_is_in_few_roll_ups_and_fewer_than_four_are_in_none() {
        let sizes = |count, over| {
            groups(count, over).iter().map(ExactSizeIterator::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(3, false), [0; 0]);
        assert_eq!(sizes(31, false), [16, 4, 4, 4]);
        assert_eq!(sizes(31, true), [31]);
        assert_eq!(sizes(200_000, true), [65_536, 65_536, 65_536, 3_392]);
        // What was rolled up is rolled up again only into one of four times its size.
        let mut rolled = BTreeSet::new();
        for count in 0..=256 {
            let now = groups(count, false);
            assert!(count - now.last().map_or(0, |last| last.end) < 4);
            rolled.extend(now.iter().map(|group| (group.start, group.end)));
        }
        let of = |at: usize| rolled.iter().filter(|(from, to)| (*from..*to).contains(&at)).count();
        assert_eq!((0..256).map(of).max(), Some(4));
    }
}
