//! An archive in a directory is read where it lies, in pieces; elsewhere objects come whole. What is found must be the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::sync::Arc;

use auditseal_archive::{Options, verify};
use auditseal_store::Store;
use auditseal_vectors::{Archive, Chain, Piece};
use common::{chain, findings, noise, options};
use tempfile::TempDir;

/// A chain whose last object takes four pieces and a bit.
fn large() -> (Chain, String) {
    let mut chain = chain("c/n/s", 1);
    chain.batch(&[Piece::new("new", [noise(1_100_000, 2), b"\n".to_vec()].concat())]);
    chain.heartbeat();
    let archive = chain.archive();
    let (key, _) = archive.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    (chain, key.clone())
}

fn laid_out(archive: &Archive) -> (TempDir, Arc<dyn Store>) {
    let root = tempfile::tempdir().unwrap();
    for (key, bytes) in archive {
        let path = root.path().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let url = format!("file://{}", root.path().display());
    let store = auditseal_vault::open(&url, &auditseal_vault::Options::default()).unwrap();
    (root, store)
}

/// What a directory's archive is found to be, after holding it against the same one in memory.
async fn same(what: &str, archive: &Archive, options: &Options) -> bool {
    let (_root, store) = laid_out(archive);
    let here = verify(store, options, |_| {}).await.unwrap();
    let there = findings(archive, options).await;
    let found = |report: &auditseal_archive::Report| format!("{:#?}", report.origins[0].findings);
    assert_eq!(found(&here), found(&there), "{what}");
    here.exit_code() == 0
}

#[tokio::test]
async fn a_sound_archive() {
    let (chain, _) = large();
    assert!(same("sound", &chain.archive(), &options(&chain)).await);
    let stored = Options { stored_only: true, ..options(&chain) };
    assert!(same("sound, stored bytes only", &chain.archive(), &stored).await);
}

#[tokio::test]
async fn every_piece_is_looked_at() {
    let (chain, key) = large();
    let size = chain.archive()[&key].len();
    let (tail, piece) = (64 << 10, 256 << 10);
    let edges = [0, 13, 14, piece, 2 * piece, size - tail, size - 1];
    for at in edges.iter().flat_map(|edge| [edge.saturating_sub(1), *edge, edge + 1]) {
        let mut archive = chain.archive();
        let Some(byte) = archive.get_mut(&key).unwrap().get_mut(at) else { continue };
        *byte ^= 1;
        for stored_only in [false, true] {
            let options = Options { stored_only, ..options(&chain) };
            assert!(!same(&format!("byte {at}"), &archive, &options).await, "byte {at}");
        }
    }
}

#[tokio::test]
async fn other_lengths() {
    let (chain, key) = large();
    let whole = chain.archive()[&key].clone();
    let lengths = [0, 1, 14, 64 << 10, 256 << 10, whole.len() - 1, whole.len() + 1];
    for length in lengths.into_iter().chain([whole.len() + (100 << 10), whole.len() + (3 << 20)]) {
        let mut archive = chain.archive();
        // Put before the end, so that the seal is still found.
        let mut grown = whole[..whole.len() / 2].to_vec();
        grown.resize(whole.len() / 2 + length.saturating_sub(whole.len()), b'x');
        grown.extend(&whole[whole.len() / 2..]);
        let bytes = if length < whole.len() { whole[..length].to_vec() } else { grown };
        archive.insert(key.clone(), bytes);
        assert!(!same(&format!("{length} bytes"), &archive, &options(&chain)).await, "{length}");
    }
}

/// A pipe or a device under an object's name: nobody waits for it, and it is named.
#[tokio::test]
async fn what_is_no_file_is_named_and_not_opened() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (chain, _) = large();
    let (root, store) = laid_out(&chain.archive());
    let at = |seq: usize| root.path().join(chain.key(seq));
    fs::remove_file(at(2)).unwrap();
    mknodat(CWD, at(2), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    fs::remove_file(at(3)).unwrap();
    std::os::unix::fs::symlink("nowhere", at(3)).unwrap();
    let soon = std::time::Duration::from_secs(20);
    let options = options(&chain);
    let report = tokio::time::timeout(soon, verify(store, &options, |_| {}));
    let report = report.await.expect("nothing waits for a pipe").unwrap();
    assert_eq!(common::verdicts(&report.origins[0].findings), [("MISSING", Some(2))]);
    assert_eq!(report.origins[0].findings[0].through, Some(3));
    let mut named: Vec<_> = report.unexpected.iter().filter_map(|f| f.key.clone()).collect();
    named.sort();
    assert_eq!(
        named,
        [
            format!("{} (a pipe)", chain.key(2)),
            format!("{} (a link that leads nowhere)", chain.key(3))
        ]
    );
}
