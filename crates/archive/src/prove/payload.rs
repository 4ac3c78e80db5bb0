//! The lines of one batch, as often as they are needed, out of its object or out of its pack.

use std::sync::Arc;

use auditseal_chain::{Place, Verdict};
use auditseal_format::{ObjectSeal, Origin, PayloadDecoder, PayloadError};
use auditseal_reader::{Batch, Blocks, Error, PackCursor, Packs, Source};

/// The lines of a batch.
pub(super) struct Payload<'a> {
    origin: &'a Origin,
    place: Place,
    seal: Arc<ObjectSeal>,
    from: From<'a>,
}

enum From<'a> {
    Object(Blocks),
    Pack(PackCursor, &'a Packs, Batch),
}

impl<'a> Payload<'a> {
    /// Fetches a batch whose note is the chain's.
    ///
    /// # Errors
    /// [`Error::Found`] if it isn't what its note says; [`Error::Store`].
    pub(super) async fn open(
        source: &Source,
        origin: &'a Origin,
        packs: &'a Packs,
        batch: Batch,
    ) -> Result<Self, Error> {
        let place = batch.place;
        let (seal, from) = if batch.packed {
            let mut cursor = PackCursor::default();
            (cursor.seal(packs, &batch).await?, From::Pack(cursor, packs, batch))
        } else {
            let blocks = batch.fetch(source.clone(), origin.clone()).await?.check().await?;
            (Arc::clone(&blocks.seal), From::Object(blocks))
        };
        Ok(Self { origin, place, seal, from })
    }

    /// Its seal.
    pub(super) fn seal(&self) -> &Arc<ObjectSeal> {
        &self.seal
    }

    /// Hands over the lines, in pieces. They are known to be the signed ones once this returned.
    ///
    /// # Errors
    /// As [`Payload::open`].
    pub(super) async fn each(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let (origin, place) = (self.origin, self.place);
        let malformed = |error: PayloadError| {
            Error::found(origin, place, Verdict::Malformed, &error.to_string())
        };
        match &mut self.from {
            From::Pack(cursor, packs, batch) => {
                cursor
                    .payload(packs, batch, async |piece| {
                        take(&piece);
                        true
                    })
                    .await?;
            }
            From::Object(blocks) => {
                let payload = &blocks.seal.seal.payload;
                let mut decoder = PayloadDecoder::new(payload).map_err(malformed)?;
                let mut failed = None;
                blocks
                    .pieces(async |piece| {
                        failed = decoder.blocks(&piece, |lines| take(lines)).err();
                        failed.is_none()
                    })
                    .await?;
                failed.map_or(Ok(()), Err).map_err(malformed)?;
                decoder.finish().map_err(malformed)?;
            }
        }
        Ok(())
    }
}
