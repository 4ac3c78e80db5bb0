//! What the fuzzers begin with: of bytes that aren't read at all they learn nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use auditseal_format::packs::{Attestation, SignedAttestation};

fn seed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/fuzz/corpus/attestation");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn seeds_of_attestations_are_read() {
    let signed = SignedAttestation::read(&seed("signed")).unwrap();
    let text = String::from_utf8(seed("whole")).unwrap();
    assert_eq!(Attestation::parse(&text).unwrap().text(), text);
    assert!(signed.note.starts_with(&text));
}
