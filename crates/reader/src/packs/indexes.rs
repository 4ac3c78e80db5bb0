//! The index of a pack, known to be the attested one before a byte of it is looked at.

use auditseal_index::Index;
use auditseal_store::{Error, Kind, Operation};

use super::listing::{Pack, Packs};
use crate::fetch::blocking;
use crate::versions::Stands;

impl Packs {
    /// The index that is attested of a pack; `None` if none is.
    ///
    /// # Errors
    /// The store's; one that isn't there, or can't be read, is told as such.
    pub async fn index(&self, pack: &Pack) -> Result<Option<Index>, Error> {
        let (Some(source), Some(attested)) = (self.source(), pack.attestation.index) else {
            return Ok(None);
        };
        let key = pack.attestation.name().index(&attested.hash);
        let failed = |kind, why: &str| Error::new(Operation::Get, &key, kind, why);
        if attested.size > Index::MAX_LENGTH as u64 {
            return Err(failed(Kind::TooLarge, "the attested index is larger than any"));
        }
        let bytes = match source.content(&key, attested.size, |bytes| attested.is(bytes)).await? {
            Stands::Found(bytes) => bytes,
            Stands::Other => {
                return Err(failed(Kind::Invalid, "what stands there isn't the attested index"));
            }
            Stands::Nothing => {
                return Err(failed(Kind::NotFound, "the attested index isn't there"));
            }
        };
        let index = blocking(move || Index::open(bytes.into())).await;
        let index = index.map_err(|error| failed(Kind::Invalid, &error.to_string()))?;
        let batches = u64::from(index.batches());
        if (index.first(), batches) != (pack.attestation.first, pack.attestation.objects()) {
            return Err(failed(Kind::Invalid, "the attested index is another pack's"));
        }
        Ok(Some(index))
    }
}
