//! Indexes made again of packs that stand, where they were made otherwise or not at all.

use std::sync::Arc;

use auditseal_chain::Rules;
use auditseal_format::VerifierKey;
use auditseal_format::packs::{Attestation, Blob};
use auditseal_reader::{Pack, Packs};
use bytes::Bytes;

use crate::check::read_back;
use crate::maker::Maker;

/// The attestation of a pack with the index that its text gives, and that index; `None` if somebody else
/// attests it: whoever signs again vouches for all that it says.
///
/// # Errors
/// Why the pack can't be read.
pub(crate) async fn reindexed(
    maker: &Maker,
    packs: &Packs,
    pack: &Pack,
    key: &VerifierKey,
    rules: Rules,
) -> Result<Option<(Attestation, Bytes)>, String> {
    if pack.attestation.key != *key {
        return Ok(None);
    }
    let attestation = packs.sizes(pack).await.map_err(|error| error.to_string())?;
    let name = attestation.pack_key();
    let bytes = packs.whole(pack).await.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("pack {name}: its attested bytes aren't there"))?;
    let shown = {
        let attestation = Arc::clone(&attestation);
        maker.run(move || read_back(&bytes[..], &attestation, (rules, None))).await
    };
    let index = shown.map_err(|why| format!("pack {name}: {why}"))?.index;
    let Some(index) = index.map(Bytes::from) else { return Ok(None) };
    let blob = Blob::of(&index);
    Ok(Some((Attestation { index: Some(blob), ..(*attestation).clone() }, index)))
}
