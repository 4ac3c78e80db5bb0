//! The text of a vector of a roll-up in a store: `testdata/rollups/README.md`.

use std::fmt;
use std::path::PathBuf;

/// A roll-up, the note that should bind it to an auditor's word, and what is to be made of them.
#[derive(Debug, Clone)]
pub struct RollupVector {
    /// The case's name, and its file's.
    pub name: String,
    /// What was done, in one line.
    pub about: String,
    /// The chain that is searched.
    pub origin: String,
    /// The auditor whose word counts.
    pub auditor: String,
    /// It is asked in its packs' place.
    pub used: bool,
    /// It is the one that the packs' indexes make.
    pub made: bool,
    /// First and last seq, the beginning of the last note's hash, and the lines of each batch.
    pub packs: Vec<RolledPack>,
    /// Key and bytes of the note.
    pub note: (String, Vec<u8>),
    /// Key and bytes of the roll-up; `None` where it isn't there.
    pub stored: Option<(String, Vec<u8>)>,
}

/// One of the packs.
#[derive(Debug, Clone)]
pub struct RolledPack {
    /// Seq of its first batch.
    pub first: u64,
    /// Seq of its last batch.
    pub last: u64,
    /// The first bytes of the hash of its last note.
    pub note: [u8; 8],
    /// The lines of each batch.
    pub batches: Vec<Vec<String>>,
}

impl RollupVector {
    /// The directory that the committed vectors are in.
    #[must_use]
    pub fn committed_dir() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/rollups")
    }
}

impl fmt::Display for RollupVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, origin, auditor, used, made, packs, note, stored } = self;
        let yes = |is: &bool| if *is { "yes" } else { "no" };
        writeln!(f, "rollup: {name}\nabout: {about}\norigin: {origin}\nauditor: {auditor}")?;
        writeln!(f, "used: {}\nmade: {}\n", yes(used), yes(made))?;
        for RolledPack { first, last, note, batches } in packs {
            writeln!(f, "pack: {first} {last} {}", hex(note))?;
            for batch in batches {
                f.write_str("batch:\n")?;
                batch.iter().try_for_each(|line| writeln!(f, "{line}"))?;
            }
        }
        for (what, (key, bytes)) in
            std::iter::once(("note", note)).chain(stored.iter().map(|stored| ("stored", stored)))
        {
            writeln!(f, "{what}: {key}")?;
            bytes.chunks(32).try_for_each(|line| writeln!(f, "{}", hex(line)))?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
