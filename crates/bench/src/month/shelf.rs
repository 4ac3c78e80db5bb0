//! What was made, on disk: for each chain one file of all its objects, and one of where each of them lies.
//!
//! ```text
//! DIRECTORY/cp-1.objects   one behind the other
//! DIRECTORY/cp-1.table     12 bytes each: when it was sealed (microseconds, i64), its size (u32), little-endian
//! DIRECTORY/cp-1.key       the node's key; auditor.key that of the auditor
//! DIRECTORY/trust          who is trusted
//! DIRECTORY/packs/…        what `auditseal pack` put
//! DIRECTORY/marks          the keys that it marked, one a line
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use auditseal_format::{Origin, Time};
use auditseal_note::{Signer as _, StaticSigner};
use bytes::Bytes;

use crate::month::node::{self, Node, WINDOW};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
const ENTRY: usize = 12;

/// How much is made.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Chains, one for each node.
    pub chains: u64,
    /// Days of each.
    pub days: u64,
    /// Lines of each batch.
    pub lines: u64,
}

/// An object as it was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) key: String,
    pub(super) bytes: Bytes,
    /// When it was sealed.
    pub(super) time: Time,
}

/// A directory of what was made.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

/// Makes so many days that end now, and the keys and the trust file for them. Returns its objects and their bytes.
///
/// # Errors
/// Those of the disk, and of `program` when it makes no keys.
pub fn make(measure: Measure, directory: &Path, program: &Path) -> io::Result<(u64, u64)> {
    fs::create_dir_all(directory)?;
    let shelf = &Shelf(directory.to_owned());
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since_epoch.map_err(io::Error::other)?.as_micros();
    let days = i64::try_from(measure.days).map_err(io::Error::other)? * DAY;
    let begun = i64::try_from(now).map_err(io::Error::other)? - days;
    let mut trust = "auditseal/trust/v1\n".to_owned();
    let mut nodes = Vec::new();
    for number in 1..=measure.chains {
        let key = shelf.keygen(program, &format!("cp-{number}"), &format!("month/cp-{number}"))?;
        let signer = StaticSigner::from_private_text(&fs::read_to_string(key)?);
        let signer = signer.map_err(io::Error::other)?;
        let origin = origin(number)?;
        let vkey = signer.key();
        trust += &format!("origin {origin} static {vkey}\n  begin 0\n  silent-after 366d\n");
        nodes.push((number, Node::new(origin, signer, number, Time::from_micros(begun))));
    }
    let written: Vec<io::Result<(u64, u64)>> = thread::scope(|scope| {
        let write = |(number, node)| scope.spawn(move || shelf.write(node, measure, number));
        let threads: Vec<_> = nodes.into_iter().map(write).collect();
        let gone = |_| Err(io::Error::other("a node's thread panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    let auditor = shelf.keygen(program, "auditor", "month/auditor")?;
    let auditor = StaticSigner::from_private_text(&fs::read_to_string(auditor)?);
    trust += &format!("auditor month {}\n", auditor.map_err(io::Error::other)?.key());
    fs::write(shelf.trust(), trust)?;
    written.into_iter().try_fold((0, 0), |(objects, bytes), chain| {
        let (more, of_these) = chain?;
        Ok((objects + more, bytes + of_these))
    })
}

pub(super) fn origin(number: u64) -> io::Result<Origin> {
    Origin::new("month", &format!("cp-{number}"), "audit").map_err(io::Error::other)
}

impl Shelf {
    pub(super) fn at(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    pub(super) fn trust(&self) -> PathBuf {
        self.0.join("trust")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The chains that were made, from 1.
    pub(super) fn chains(&self) -> io::Result<u64> {
        let chains = (1..).take_while(|number| self.file(&format!("cp-{number}.table")).exists());
        match chains.count() {
            0 => Err(io::Error::other(format!("{}: no chains were made here", self.0.display()))),
            some => Ok(some as u64),
        }
    }

    fn keygen(&self, program: &Path, file: &str, name: &str) -> io::Result<PathBuf> {
        let path = self.file(&format!("{file}.key"));
        let mut command = Command::new(program);
        let made = command.args(["keygen", "--name", name, "--out"]).arg(&path).output()?;
        match made.status.success() {
            true => Ok(path),
            false => Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned())),
        }
    }

    /// Writes a chain; the event that is planted stands in the first one, after half of its days: of two days or more that is a day that is over.
    fn write(&self, mut node: Node, measure: Measure, number: u64) -> io::Result<(u64, u64)> {
        let file = |kind: &str| File::create(self.file(&format!("cp-{number}.{kind}")));
        let mut objects = BufWriter::with_capacity(1 << 20, file("objects")?);
        let mut table = BufWriter::with_capacity(1 << 16, file("table")?);
        let count = measure.days * u64::try_from(DAY / WINDOW).unwrap_or(0);
        let mut bytes = 0;
        for seq in 0..count {
            let here = number == 1 && seq == count / 2;
            let event = here.then(|| node::planted(node.now().saturating_add(-1_000_000)));
            let sealed = match seq {
                0 => node.genesis(),
                _ => node.batch(measure.lines, event.as_deref()),
            };
            let sealed = sealed.map_err(io::Error::other)?;
            let size = u32::try_from(sealed.bytes.len()).map_err(io::Error::other)?;
            objects.write_all(&sealed.bytes)?;
            table.write_all(&sealed.time.micros().to_le_bytes())?;
            table.write_all(&size.to_le_bytes())?;
            bytes += u64::from(size);
        }
        objects.flush()?;
        table.flush()?;
        Ok((count, bytes))
    }

    /// The objects of a chain, in order; they share one copy of its file.
    pub(super) fn read(&self, number: u64) -> io::Result<Vec<Made>> {
        let origin = origin(number)?;
        let mut rest = Bytes::from(fs::read(self.file(&format!("cp-{number}.objects")))?);
        let table = fs::read(self.file(&format!("cp-{number}.table")))?;
        let (mut made, mut before) = (Vec::with_capacity(table.len() / ENTRY), None);
        for (seq, entry) in (0..).zip(table.as_chunks::<ENTRY>().0) {
            let [a, b, c, d, e, f, g, h, sizes @ ..] = *entry;
            let time = Time::from_micros(i64::from_le_bytes([a, b, c, d, e, f, g, h]));
            let size = u32::from_le_bytes(sizes) as usize;
            if rest.len() < size {
                return Err(io::Error::other(format!("cp-{number}.objects ends before its table")));
            }
            let key = node::key(&origin, seq, before).to_string();
            made.push(Made { key, bytes: rest.split_to(size), time });
            before = Some(time);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_format::{Hash, ObjectSeal};

    /// What is read is what was made: each object opens, at its place, and says the one before it.
    #[test]
    fn a_chain_is_read_as_it_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(directory.path());
        let signer = StaticSigner::from_seed("month/cp-1", &[3; 32]).unwrap();
        let begun = Time::from_micros(1_795_248_000_000_000);
        let node = Node::new(origin(1).unwrap(), signer, 1, begun);
        let measure = Measure { chains: 1, days: 1, lines: 1 };
        let (objects, bytes) = shelf.write(node, measure, 1).unwrap();
        let made = shelf.read(1).unwrap();
        assert_eq!((objects, made.len()), (17_280, 17_280));
        assert_eq!(shelf.chains().unwrap(), 1);
        assert_eq!(made.iter().map(|made| made.bytes.len() as u64).sum::<u64>(), bytes);
        let mut prev: Option<Hash> = None;
        let mut found = 0;
        for (seq, made) in made.iter().enumerate() {
            let opened = ObjectSeal::open(&made.bytes).unwrap();
            assert_eq!((opened.seal.seq, opened.seal.prev), (seq as u64, prev));
            assert_eq!(opened.seal.sealed, made.time);
            assert!(made.key.ends_with(&format!("/{seq:012}.jsonl.zst")), "{}", made.key);
            found += u64::from(opened.seal.payload.root.lines == 2);
            prev = Some(opened.id().hash);
        }
        assert_eq!(found, 1, "one event is planted");
    }
}
