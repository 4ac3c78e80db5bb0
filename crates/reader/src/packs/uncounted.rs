//! Packs whose attestations nobody trusts.

use std::collections::BTreeSet;
use std::fmt;

use auditseal_chain::escape;
use auditseal_format::Origin;

/// Names of keys that aren't trusted which are told.
const SIGNERS: usize = 3;

/// Packs that nobody who is trusted attests, and that no other pack stands in for: what they alone hold isn't read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncounted {
    /// Attestations of such packs.
    pub attestations: u64,
    /// The first and the last seq that they name.
    pub seqs: (u64, u64),
    /// The names of the keys that signed them, the first few: the signatures weren't held against anything.
    pub signers: BTreeSet<String>,
    /// The cluster for which the trust file would have to name them.
    cluster: String,
}

impl Uncounted {
    /// Adds an attestation.
    pub(super) fn add(
        of: &mut Option<Self>,
        origin: &Origin,
        (first, last): (u64, u64),
        signer: &str,
    ) {
        let one = of.get_or_insert_with(|| Self {
            attestations: 0,
            seqs: (first, last),
            signers: BTreeSet::new(),
            cluster: origin.cluster().to_owned(),
        });
        one.attestations += 1;
        one.seqs = (one.seqs.0.min(first), one.seqs.1.max(last));
        if one.signers.len() < SIGNERS {
            one.signers.insert(signer.to_owned());
        }
    }
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attestations, seqs: (first, last), signers, cluster } = self;
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        write!(
            f,
            "{attestations} packs, named for seals {first} to {last}, aren't read, and of what they alone hold nothing is \
             known: they are attested by {}, who is no auditor of {cluster} by the trust file; its line 'auditor \
             {cluster} VKEY' says who is one",
            escape(&signers.join(", "))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times what is named: all are counted, and the sentence stays short.
    #[test]
    fn all_are_counted_and_some_are_named() {
        let (mut of, origin) = (None, "c/n/s".parse::<Origin>().unwrap());
        for n in 0..10 * SIGNERS as u64 {
            Uncounted::add(&mut of, &origin, (5 * n + 1, 5 * n + 5), &format!("c/a\u{1b}{n}"));
        }
        let of = of.unwrap();
        assert_eq!((of.attestations, of.seqs), (30, (1, 150)));
        assert_eq!(of.signers.len(), SIGNERS);
        let text = of.to_string();
        assert!(text.starts_with("30 packs, named for seals 1 to 150, aren't read"), "{text}");
        assert!(text.contains("'auditor c VKEY'") && !text.contains('\u{1b}'), "{text}");
    }
}
