//! An auditor's folder: a store, a trust file and a heads file.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use auditseal_vectors::{Archive, Chain, Piece, TestSigner, events};
use tempfile::TempDir;

use super::node::{Done, finish, program};

pub(crate) const ORIGIN: &str = "prod/cp-1/audit";

/// The folder: a store below `store`, and the two files.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.path("store")).unwrap();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the bucket hold these objects, and no others.
    pub(crate) fn holds(&self, archives: &[Archive]) {
        fs::remove_dir_all(self.path("store")).unwrap();
        fs::create_dir(self.path("store")).unwrap();
        for (key, bytes) in archives.iter().flatten() {
            let path = self.path("store").join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// A trust file with this key for each of these chains.
    pub(crate) fn trusts(&self, chains: &[&Chain]) {
        let mut text = "auditseal/trust/v1\n".to_owned();
        for chain in chains {
            let key = chain.current_signer().identity();
            text +=
                &format!("origin {} static {key}\n  begin 0\n  silent-after 10m\n", chain.origin());
        }
        fs::write(self.path("trust"), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = program();
        command.args(words).args(["--store", &format!("file://{}", self.path("store").display())]);
        command
    }

    /// `verify`, with the two files, as soon as the newest seal of this chain was made.
    pub(crate) fn verifying(&self, chain: &Chain, heads: &str, more: &[&str]) -> Command {
        let mut command = self.command(&["verify", "--at", &chain.now().to_string()]);
        command.arg("--trust").arg(self.path("trust"));
        command.arg("--heads").arg(self.path(heads)).args(more);
        command
    }

    #[track_caller]
    pub(crate) fn verify(&self, chain: &Chain, code: i32) -> String {
        said(&mut self.verifying(chain, "heads", &[]), code)
    }

    pub(crate) fn heads(&self) -> String {
        fs::read_to_string(self.path("heads")).unwrap()
    }
}

#[track_caller]
pub(crate) fn said(command: &mut Command, code: i32) -> String {
    let done: Done = finish(command);
    let text = done.text();
    assert_eq!(done.code, code, "{text}\n{}", done.err);
    text
}

pub(crate) fn begun(origin: &str, signer: TestSigner) -> Chain {
    let mut chain = Chain::new(origin, signer);
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..3))]);
    chain
}

pub(crate) fn grown(mut chain: Chain, more: usize) -> Chain {
    for _ in 0..more {
        chain.heartbeat();
    }
    chain
}

pub(crate) fn ours() -> Chain {
    begun(ORIGIN, TestSigner::of(ORIGIN, 1))
}
