//! query --proof: a proof for each event that was told, in a folder.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auditseal_agent::open_named;
use auditseal_archive::{CatPacks, ProveOptions, prove_line};
use auditseal_format::Origin;
use auditseal_query::{Archive, AskedChain, Hit};
use auditseal_reader::Window;

use crate::asking::stopped;
use crate::failure::{Failure, archive_hint};
use crate::runtime::{block_on_threads, cores};

/// Most proofs of one answer: each reads its batch once more.
const PROOFS: usize = 1000;

/// The events of an answer that are to be proved.
#[derive(Debug)]
pub(crate) struct Proofs {
    folder: PathBuf,
    /// Chain, as a place among those that were asked; seq; line.
    events: Vec<(usize, u64, u64)>,
    total: u64,
}

impl Proofs {
    /// None yet, for a folder that is there, or is made.
    pub(crate) fn new(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        Ok(Self { folder: folder.to_owned(), events: Vec::new(), total: 0 })
    }

    /// An event was told.
    pub(crate) fn told(&mut self, hit: &Hit) {
        self.total += 1;
        if self.events.len() < PROOFS {
            self.events.push((hit.chain, hit.seq, hit.line));
        }
    }

    /// Writes a file for each of them, unless somebody wants it to stop; says how many there are.
    pub(crate) fn write_all(
        self,
        archive: &Archive,
        chains: &[AskedChain],
    ) -> Result<String, Failure> {
        block_on_threads(cores() + 2, async {
            let stop = stopped()?;
            tokio::select! {
                written = self.write(archive, chains) => written,
                () = stop => Err(Failure::new("write proofs: interrupted; what is written so far stays")),
            }
        })?
    }

    async fn write(self, archive: &Archive, chains: &[AskedChain]) -> Result<String, Failure> {
        for (chain, seq, line) in &self.events {
            let asked = &chains[*chain];
            let options = options(archive, asked);
            let store = Arc::clone(&archive.store);
            let made = prove_line(store, &asked.origin, &options, *seq, *line).await;
            let made = made.map_err(|error| {
                let hint = match &error {
                    auditseal_archive::ProveError::Archive(error) => archive_hint(error),
                    _ => None,
                };
                Failure::new(&error).hint(hint).code(if error.is_finding() { 1 } else { 2 })
            })?;
            made.findings.iter().for_each(|finding| tracing::warn!("{finding}"));
            let name = file_name(&asked.origin, *seq, *line);
            write(&self.folder.join(name), &made.proof.bytes())?;
        }
        Ok(self.made())
    }

    fn made(&self) -> String {
        let (count, folder) = (self.events.len(), self.folder.display());
        let more = match self.total - count as u64 {
            0 => String::new(),
            more => format!("; of {more} more none was made, for one answer gets {PROOFS}"),
        };
        format!(
            "proofs: {count} in {folder}; `auditseal check` reads them without the archive{more}"
        )
    }
}

/// No part of an origin has a plus: two events never have one name.
fn file_name(origin: &Origin, seq: u64, line: u64) -> String {
    format!("{}-{seq}-{line}.proof", origin.to_string().replace('/', "+"))
}

fn options(archive: &Archive, asked: &AskedChain) -> ProveOptions {
    let packs = archive.packs.as_ref().map(|store| CatPacks {
        store: Arc::clone(store),
        auditors: asked.auditors.clone(),
        by_date: archive.dated,
    });
    let (vkeys, trusted) = (asked.vkeys.clone(), asked.trusted.clone());
    ProveOptions { vkeys, trusted, packs, extent: None, window: Window::default() }
}

/// A proof of one line is always the same: one that is there may stay.
fn write(path: &Path, proof: &[u8]) -> Result<(), Failure> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).open(path);
    match opened {
        Ok(mut file) => file.write_all(proof).map_err(|error| {
            drop(fs::remove_file(path));
            unwritten(path, &error)
        }),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match there(path, proof.len()) {
            Ok(there) if there == proof => Ok(()),
            Ok(_) => Err(unwritten(path, &"another file of this name is there already")),
            Err(error) => Err(unwritten(path, &error)),
        },
        Err(error) => Err(unwritten(path, &error)),
    }
}

/// As much of the file that is there as tells it from one of this length.
fn there(path: &Path, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_named(path)?.take(length as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unwritten(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("write proofs to {}: {why}", path.display()))
        .hint(Some("--proof names a folder that can be written to, and is made if it isn't there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_never_share_a_file() {
        let name = |origin: &str| file_name(&origin.parse().unwrap(), 7, 2);
        assert_eq!(name("prod/cp-1/audit"), "prod+cp-1+audit-7-2.proof");
        assert_ne!(name("a_b/c/d"), name("a/b_c/d"));
    }

    #[test]
    fn of_more_events_than_are_proved_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut proofs = Proofs::new(&folder.path().join("a/b")).unwrap();
        for line in 0..10 * PROOFS as u64 {
            let seal = auditseal_format::hash(b"");
            proofs.told(&Hit { chain: 0, seq: 1, line, seal, time: None, shown: Vec::new() });
        }
        assert_eq!((proofs.events.len(), proofs.total), (PROOFS, 10 * PROOFS as u64));
        proofs.events.clear();
        assert_eq!(
            proofs.made(),
            format!(
                "proofs: 0 in {}; `auditseal check` reads them without the archive; of 10000 more none was made, for one answer gets 1000",
                folder.path().join("a/b").display()
            )
        );
    }
}
