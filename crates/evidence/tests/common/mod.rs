//! What the reader of a vector knows.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test
#![allow(dead_code)] // each test binary uses its own part of this

use auditseal_evidence::{Knowledge, check};
use auditseal_format::hash;
use auditseal_trust::{Heads, TrustFile};
use auditseal_vectors::ProofVector;

fn file(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What the reader of a vector knows.
pub(crate) fn knowledge(vector: &ProofVector) -> Knowledge {
    let origin = vector.origin.as_ref().map(|origin| origin.parse().unwrap());
    if vector.trust.is_empty() {
        return Knowledge::Keys {
            origin: origin.unwrap(),
            vkeys: vector.vkeys.iter().map(|vkey| vkey.parse().unwrap()).collect(),
            head: vector.head.as_ref().map(|head| head.parse().unwrap()),
        };
    }
    let heads = match vector.heads.as_slice() {
        [] => Heads::default(),
        lines => Heads::parse(&file(lines)).unwrap(),
    };
    Knowledge::File { trust: TrustFile::parse(&file(&vector.trust)).unwrap(), heads, origin }
}

/// Writes into a vector what this program says of it.
pub(crate) fn judge(vector: &mut ProofVector) {
    (vector.exit, vector.verdict, vector.event) = match check(&vector.file, &knowledge(vector)) {
        Err(_) => (2, None, None),
        Ok(checked) => match (checked.fault(), checked.proof()) {
            (None, Some(proof)) => (0, None, Some(hash(proof.event()))),
            (Some((verdict, _)), _) => (1, Some(verdict.name().to_owned()), None),
            (None, None) => panic!("a proof without one"),
        },
    };
}
