//! `auditseal/heads/v1`: how far each chain was verified, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;

use auditseal_format::{Hash, Origin, SealId, Time};

use crate::refused::{Refused, lines};

/// First line of the file.
const VERSION: &str = "auditseal/heads/v1";

/// The heads, and what was seen that can't stand beside them. Whatever this holds prints a file that
/// reads back as the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    heads: BTreeMap<Origin, KnownHead>,
    /// Seals of one seq with different hashes, and when each was seen.
    forks: BTreeMap<(Origin, u64), BTreeMap<Hash, Time>>,
}

/// The newest seal of a chain that a reader has verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    /// The seal.
    pub seal: SealId,
    /// When.
    pub verified: Time,
}

impl Heads {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Refused`] unless it is exactly what TRUST.md allows.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let (mut heads, mut last, mut opened) = (Self::default(), None, BTreeMap::new());
        for (line, text) in lines(text, VERSION)? {
            let refused = |what: &str| Refused { line, what: what.to_owned() };
            let said = Said::parse(text).map_err(refused)?;
            if said.to_string() != text {
                return Err(Refused { line, what: format!("write it so: {said}") });
            }
            let place = said.place();
            if last.as_ref().is_some_and(|last| *last >= place) {
                return Err(refused(
                    "lines stand in the order of origin, word, seq and hash, each once",
                ));
            }
            last = Some(place);
            if said.fork {
                opened.entry((said.origin.clone(), said.seal.seq)).or_insert(line);
            }
            heads.add(said);
        }
        for (place, line) in opened {
            if heads.forks.get(&place).is_none_or(|seals| seals.len() < 2) {
                let what = "one seal is no fork: it has at least two of one seq".to_owned();
                return Err(Refused { line, what });
            }
        }
        Ok(heads)
    }

    /// How far a chain was verified.
    #[must_use]
    pub fn get(&self, origin: &Origin) -> Option<KnownHead> {
        self.heads.get(origin).copied()
    }

    /// The chains' heads, in the order of their names.
    pub fn heads(&self) -> impl Iterator<Item = (&Origin, KnownHead)> {
        self.heads.iter().map(|(origin, head)| (origin, *head))
    }

    /// Puts a chain's head in the place of the one before. Whether it follows from that is the
    /// caller's to prove.
    pub fn set(&mut self, origin: Origin, head: KnownHead) {
        self.heads.insert(origin, head);
    }

    /// Keeps two different seals of one seq, for good, each with the time when it was seen first. `false`: they are one seal, or not of one seq.
    pub fn fork(&mut self, origin: &Origin, seals: [KnownHead; 2]) -> bool {
        let [one, other] = seals;
        let forked = one.seal.seq == other.seal.seq && one.seal.hash != other.seal.hash;
        if forked {
            let kept = self.forks.entry((origin.clone(), one.seal.seq)).or_default();
            for head in seals {
                let first = kept.entry(head.seal.hash).or_insert(head.verified);
                *first = head.verified.min(*first);
            }
        }
        forked
    }

    /// The seals of each fork, in the order of the chains' names, of seqs and of hashes.
    pub fn forks(&self) -> impl Iterator<Item = (&Origin, Vec<KnownHead>)> {
        self.forks.iter().map(|((origin, seq), seals)| {
            let seals = seals.iter().map(|(hash, verified)| KnownHead {
                seal: SealId { seq: *seq, hash: *hash },
                verified: *verified,
            });
            (origin, seals.collect())
        })
    }

    /// The seqs at which a chain forked.
    #[must_use]
    pub fn forked(&self, origin: &Origin) -> BTreeSet<u64> {
        let forks = self.forks.keys().filter(|(of, _)| of == origin);
        forks.map(|(_, seq)| *seq).collect()
    }

    fn add(&mut self, said: Said) {
        let Said { origin, fork, seal, time } = said;
        if fork {
            let seals = self.forks.entry((origin, seal.seq)).or_default();
            seals.insert(seal.hash, time);
        } else {
            self.heads.insert(origin, KnownHead { seal, verified: time });
        }
    }
}

/// What a line says.
struct Said {
    origin: Origin,
    fork: bool,
    seal: SealId,
    time: Time,
}

impl Said {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [word, origin, seal, time] = fields.as_slice() else {
            return Err("expected: head CLUSTER/NODE/NAME SEQ:HASH TIME, or fork and the same");
        };
        Ok(Self {
            fork: match *word {
                "head" => false,
                "fork" => true,
                _ => return Err("expected 'head' or 'fork' at the beginning"),
            },
            origin: origin.parse().map_err(|_| "the origin is none")?,
            seal: SealId::from_str(seal).map_err(|()| "SEQ:HASH is none")?,
            time: time.parse().map_err(|_| "the time is none, YYYY-MM-DDThh:mm:ss.ffffffZ")?,
        })
    }

    /// Where it stands in the file: a chain's head, of which there is one, comes before its forks.
    fn place(&self) -> (Origin, Option<(u64, Hash)>) {
        let fork = self.fork.then_some((self.seal.seq, self.seal.hash));
        (self.origin.clone(), fork)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.fork { "fork" } else { "head" };
        write!(f, "{word} {} {} {}", self.origin, self.seal, self.time)
    }
}

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{VERSION}")?;
        let head = |(origin, head): (&Origin, &KnownHead)| Said {
            origin: origin.clone(),
            fork: false,
            seal: head.seal,
            time: head.verified,
        };
        let forks = self.forks.iter().flat_map(|((origin, seq), seals)| {
            seals.iter().map(|(hash, time)| Said {
                origin: origin.clone(),
                fork: true,
                seal: SealId { seq: *seq, hash: *hash },
                time: *time,
            })
        });
        let mut all: Vec<Said> = self.heads.iter().map(head).chain(forks).collect();
        all.sort_by_key(Said::place);
        all.iter().try_for_each(|said| writeln!(f, "{said}"))
    }
}
