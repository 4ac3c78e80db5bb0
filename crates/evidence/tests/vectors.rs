//! testdata/proofs: each file is judged as its vector says.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_vectors::ProofVector;
use common::judge;

#[test]
fn every_proof_is_judged_as_its_vector_says() {
    let vectors = ProofVector::committed().unwrap();
    assert!(vectors.len() > 90, "{}", vectors.len());
    for (name, vector) in vectors {
        let mut judged = vector.clone();
        judge(&mut judged);
        assert_eq!(judged, vector, "{name}");
    }
}
