//! What one run proved of a chain, and what becomes of the head that is known by then.

use std::collections::BTreeSet;

use auditseal_format::{Hash, Origin, SealId, Time};

use crate::heads::{Heads, KnownHead};

/// What one run proved of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The chain.
    pub origin: Origin,
    /// When.
    pub at: Time,
    /// The newest seal that is the chain's.
    pub newest: Option<SealId>,
    /// Whether each seal up to it is proved. Gaps, silence, weak locks, hidden and shadowed objects
    /// leave it so; faults of the chain and objects that couldn't be read don't.
    pub whole: bool,
    /// The seq with which the trust file begins: a head before it is settled by that file.
    pub begin: u64,
    /// The head that was known when the run began, if the chain was found to hold it.
    pub held: Option<SealId>,
    /// The latest seals that are the chain's, in order.
    pub trail: Vec<SealId>,
    /// Seqs for which two different rightly signed seals were seen, and their hashes.
    pub forks: Vec<(u64, [Hash; 2])>,
    /// Seqs for which the trust file says which of several seals is the chain's.
    pub settled: BTreeSet<u64>,
}

/// What became of a chain's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// There was none, and this run's is kept.
    First,
    /// It moved on to this run's.
    Advanced,
    /// It is this run's already.
    Confirmed,
    /// It is ahead of this run's, and stays.
    Ahead,
    /// The run proved less than the chain up to its newest seal: it stays.
    Blocked,
    /// It isn't the one that the run was held against, and too far back to be compared: it stays.
    Unjoined,
    /// Two different seals stand for one seq: both are kept, and it stays.
    Forked,
}

impl Kept {
    /// The word that reports print.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Advanced => "advanced",
            Self::Confirmed => "confirmed",
            Self::Ahead => "ahead",
            Self::Blocked => "blocked",
            Self::Unjoined => "unjoined",
            Self::Forked => "forked",
        }
    }
}

impl Heads {
    /// Applies what a run proved to what is known now, which may be more than was known when the run
    /// began: another may have moved the head meanwhile, and a shorter run than its own is no fork.
    pub fn commit(&mut self, proof: &Proof) -> Kept {
        let Proof { origin, at, .. } = proof;
        let mut forked = false;
        for (seq, hashes) in &proof.forks {
            let seen =
                hashes.map(|hash| KnownHead { seal: SealId { seq: *seq, hash }, verified: *at });
            forked |= self.fork(origin, seen);
        }
        let Some(known) = self.get(origin) else {
            return self.follow(proof, forked, Kept::First);
        };
        let place = known.seal.seq;
        let Some(newest) = proof.newest.filter(|newest| place <= newest.seq) else {
            return if forked { Kept::Forked } else { Kept::Ahead };
        };
        match proof.hash_at(place) {
            _ if place < proof.begin => {}
            None => return if forked { Kept::Forked } else { proof.unjoined() },
            Some(hash) if hash == known.seal.hash || proof.settled.contains(&place) => {}
            Some(hash) => {
                let ours = KnownHead { seal: SealId { seq: place, hash }, verified: *at };
                forked |= self.fork(origin, [known, ours]);
            }
        }
        let same = newest == known.seal;
        self.follow(proof, forked, if same { Kept::Confirmed } else { Kept::Advanced })
    }

    /// Puts a run's newest seal in the head's place, unless something keeps it from that.
    fn follow(&mut self, proof: &Proof, forked: bool, kept: Kept) -> Kept {
        match proof.newest {
            _ if forked => Kept::Forked,
            Some(seal) if proof.whole => {
                // A time that was given may lie before one that was read off a clock.
                let before = self.get(&proof.origin).filter(|known| known.seal == seal);
                let verified = before.map_or(proof.at, |known| known.verified.max(proof.at));
                self.set(proof.origin.clone(), KnownHead { seal, verified });
                kept
            }
            _ => Kept::Blocked,
        }
    }

    /// Takes over what other files know: of each chain the head that is further on, and all forks.
    /// Nothing of them proves that the further one follows from the other; two hashes for one seq are
    /// a fork. Gives the chains and seqs of which that is new.
    pub fn merge(&mut self, other: &Self) -> BTreeSet<(Origin, u64)> {
        let mut found = BTreeSet::new();
        for (origin, seals) in other.forks() {
            for pair in seals.windows(2) {
                self.fork(origin, [pair[0], pair[1]]);
            }
        }
        for (origin, head) in other.heads() {
            match self.get(origin) {
                Some(known) if known.seal.seq > head.seal.seq => {}
                Some(known) if known.seal.seq == head.seal.seq => {
                    if self.fork(origin, [known, head]) {
                        found.insert((origin.clone(), head.seal.seq));
                    } else if known.verified < head.verified {
                        self.set(origin.clone(), head);
                    }
                }
                _ => self.set(origin.clone(), head),
            }
        }
        found
    }
}

impl Proof {
    /// The hash of the chain's seal at a seq, as far as it is remembered.
    fn hash_at(&self, seq: u64) -> Option<Hash> {
        let at = self.trail.binary_search_by_key(&seq, |seal| seal.seq);
        let held = self.held.filter(|held| held.seq == seq);
        at.ok().map(|at| self.trail[at].hash).or(held.map(|held| held.hash))
    }

    fn unjoined(&self) -> Kept {
        if self.whole { Kept::Unjoined } else { Kept::Blocked }
    }
}
