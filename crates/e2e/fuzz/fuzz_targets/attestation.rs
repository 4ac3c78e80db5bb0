//! Whatever is accepted as an attestation prints the same again, and none of it panics; names of packs
//! likewise.
#![no_main]

use auditseal_format::packs::{Attestation, PackKey, SignedAttestation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = SignedAttestation::read(bytes) {
        assert_eq!(signed.note.as_bytes(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(attestation) = Attestation::parse(text) {
        assert_eq!(attestation.text(), text);
        assert!(PackKey::of_pack(&attestation.pack_key()).is_some());
    }
    if let Some((key, generation)) = PackKey::of_pack(text) {
        assert_eq!(key.pack(generation), text);
    }
    if let Some((key, _)) = PackKey::of_attestation(text) {
        assert!(text.contains(&key.to_string()));
    }
});
