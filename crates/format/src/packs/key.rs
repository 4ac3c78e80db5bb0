//! Where a pack stands, its attestations, and its index: FORMAT.md, "Keys of packs".

use std::fmt;

use auditseal_audit::Date;
use auditseal_merkle::{Hash, hash};

use crate::seal::MAX_SEQ;
use crate::{ObjectKey, Origin};

/// Highest generation of a pack: so many keys of one name may be taken by something else.
pub const MAX_GENERATION: u32 = 99;

/// Digits of a hash in a key.
const DIGITS: usize = 16;

/// What a pack is called, below the root of packs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackKey {
    /// The chain.
    pub origin: Origin,
    /// The date in the keys of its objects.
    pub date: Date,
    /// Seq of its first object.
    pub first: u64,
    /// Seq of its last.
    pub last: u64,
    /// The first eight bytes of the hash of the last one's note.
    print: u64,
}

impl PackKey {
    /// The name of the pack of these objects; `head` is the hash of the last one's note.
    #[must_use]
    pub fn new(origin: Origin, date: Date, first: u64, last: u64, head: &Hash) -> Self {
        Self { origin, date, first, last, print: print(head) }
    }

    /// The key of the pack itself; a later generation where something else took the ones before.
    #[must_use]
    pub fn pack(&self, generation: u32) -> String {
        match generation {
            0 => format!("{self}.jsonl.zst"),
            later => format!("{self}.{later}.jsonl.zst"),
        }
    }

    /// The key of an attestation of the pack with this content.
    #[must_use]
    pub fn attestation(&self, note: &[u8]) -> String {
        format!("{}{self}.{:016x}.note", Self::ATTESTATIONS, print(&hash(note)))
    }

    /// The key of an index with this hash.
    #[must_use]
    pub fn index(&self, index: &Hash) -> String {
        format!("{}{self}.{:016x}.index", Self::INDEXES, print(index))
    }

    /// Under this stand the attestations, in the folders of their chains.
    pub const ATTESTATIONS: &str = "_attestations/";
    /// Under this stand the indexes.
    pub const INDEXES: &str = "_indexes/";
    /// Under this stand the roll-ups, and what binds them.
    pub const ROLLUPS: &str = "_rollups/";

    /// What the keys of all attestations of a chain begin with, without a final `/`.
    #[must_use]
    pub fn attestations(origin: &Origin) -> String {
        format!("{}{}", Self::ATTESTATIONS, ObjectKey::prefix(origin))
    }

    /// What the keys of all roll-ups of a chain begin with, without a final `/`.
    #[must_use]
    pub fn rollups(origin: &Origin) -> String {
        format!("{}{}", Self::ROLLUPS, ObjectKey::prefix(origin))
    }

    /// The first eight bytes of the hash of its last object's note.
    #[must_use]
    pub fn head(&self) -> [u8; 8] {
        self.print.to_be_bytes()
    }

    /// Reads the key of an attestation: what it is about, and the first eight bytes of its own hash.
    /// `None` for another name.
    #[must_use]
    pub fn of_attestation(text: &str) -> Option<(Self, u64)> {
        let name = text.strip_prefix(Self::ATTESTATIONS)?.strip_suffix(".note")?;
        let (name, own) = name.rsplit_once('.')?;
        Some((Self::parse(name)?, digits(own)?))
    }

    /// Reads the key of a pack, and which generation it is. `None` for another name.
    #[must_use]
    pub fn of_pack(text: &str) -> Option<(Self, u32)> {
        let name = text.strip_suffix(".jsonl.zst")?;
        let (folder, file) = name.rsplit_once('/')?;
        let (name, generation) = match file.split_once('.') {
            None => (name, 0),
            Some((file, later)) => {
                let generation: u32 = later.parse().ok()?;
                (&name[..folder.len() + 1 + file.len()], generation)
            }
        };
        let key = Self::parse(name)?;
        (generation <= MAX_GENERATION && key.pack(generation) == text).then_some((key, generation))
    }

    /// Whether content with this hash has this print in its name.
    #[must_use]
    pub fn matches(own: u64, content: &[u8]) -> bool {
        print(&hash(content)) == own
    }

    fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        let mut field = |name: &str| segments.next()?.strip_prefix(name)?.strip_prefix('=');
        let origin = Origin::new(field("cluster")?, field("node")?, field("source")?).ok()?;
        let date = Date::parse(field("date")?.as_bytes())?;
        let mut name = segments.next()?.splitn(3, '-');
        let (first, last) = (name.next()?.parse().ok()?, name.next()?.parse().ok()?);
        let key = Self { origin, date, first, last, print: digits(name.next()?)? };
        let fits = segments.next().is_none() && 0 < first && first <= last && last <= MAX_SEQ;
        // Comparing what it prints refuses every second spelling of a key.
        (fits && key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for PackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, date) = (ObjectKey::prefix(&self.origin), self.date);
        let Self { first, last, print, .. } = self;
        write!(f, "{prefix}/date={date}/{first:012}-{last:012}-{print:016x}")
    }
}

/// The first eight bytes of a hash.
pub(super) fn print(hash: &Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

pub(super) fn digits(text: &str) -> Option<u64> {
    let lower = text.len() == DIGITS
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    u64::from_str_radix(text, 16).ok().filter(|_| lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let origin: Origin = "prod/cp-1/audit".parse().unwrap();
        let date = Date::parse(b"2026-11-30").unwrap();
        let key = PackKey::new(origin, date, 1, 17_280, &hash(b"x"));
        let print = &hash(b"x").to_string()[..16];
        let name = format!(
            "cluster=prod/node=cp-1/source=audit/date=2026-11-30/000000000001-000000017280-{print}"
        );
        assert_eq!(key.pack(0), format!("{name}.jsonl.zst"));
        assert_eq!(key.pack(7), format!("{name}.7.jsonl.zst"));
        assert_eq!(PackKey::of_pack(&key.pack(0)), Some((key.clone(), 0)));
        assert_eq!(PackKey::of_pack(&key.pack(7)), Some((key.clone(), 7)));
        let attestation = key.attestation(b"note");
        let own = &hash(b"note").to_string()[..16];
        assert_eq!(attestation, format!("_attestations/{name}.{own}.note"));
        let (read, print_of_it) = PackKey::of_attestation(&attestation).unwrap();
        assert_eq!(read, key);
        assert!(PackKey::matches(print_of_it, b"note") && !PackKey::matches(print_of_it, b"other"));
        assert_eq!(key.index(&hash(b"note")), format!("_indexes/{name}.{own}.index"));
        for bad in [
            format!("{name}.0.jsonl.zst"),
            format!("{name}.07.jsonl.zst"),
            format!("{name}.+7.jsonl.zst"),
            format!("{name}.100.jsonl.zst"),
            format!("{name}.jsonl"),
            format!("/{name}.jsonl.zst"),
            name.replace("000000000001-", "000000000000-") + ".jsonl.zst",
            name.replace("000000000001-", "000000017281-") + ".jsonl.zst",
            name.replace("000000000001-", "1-") + ".jsonl.zst",
            name.replace("2026-11-30", "2026-11-31") + ".jsonl.zst",
            name.to_uppercase() + ".jsonl.zst",
        ] {
            assert_eq!(PackKey::of_pack(&bad), None, "{bad}");
        }
        assert_eq!(ObjectKey::parse(&key.pack(0)), None);
    }
}
