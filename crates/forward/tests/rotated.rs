//! A chain whose seals name another key as their next is handed on to its end, wherever reading begins again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use auditseal_doubles::MemoryStore;
use auditseal_format::Time;
use auditseal_forward::{AcceptedChains, Archived, ForwardTally, Handed, forward};
use auditseal_trust::TrustFile;
use auditseal_vectors::packs::TestPack;
use auditseal_vectors::{Chain, Piece, TestSigner, text};
use common::{followed, lines, options, place, store};
use tokio::sync::watch;

const DAY: i64 = 86_400;

fn auditor() -> TestSigner {
    TestSigner::named("c/auditor", 200)
}

/// A batch of one line on each of so many days, whose key the seal of a day changes.
fn story(days: usize, rotates: usize) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    for day in 1..=days {
        chain.wait(DAY);
        let line = format!("{{\"day\":{day},\"stageTimestamp\":\"{}\"}}\n", chain.now());
        chain.batch(&[Piece::new("audit.log", line.into_bytes())]);
        if day == rotates {
            let second = TestSigner::named("c/n", 7);
            let next = second.identity().to_string();
            chain.rewrite(|note| text::set(note, "next", &next));
            chain.signer(second);
        }
    }
    chain
}

/// Hands over once what there is, to files in a folder; gives what is in them.
async fn handed(
    chain: &Chain,
    (archive, folder): (&Archived, &Path),
    since: Option<Time>,
) -> (usize, Vec<Handed>) {
    let (state, out) = (folder.join("state"), folder.join("out"));
    let mut asked = options(&[], &[format!("file://{}?name=out", out.display())], &state);
    let mut accepted = followed(chain);
    let auditor = auditor().identity();
    let text = format!("auditseal/trust/v1\nauditor c {auditor}\n");
    accepted.auditors = TrustFile::parse(&text).unwrap().auditors_of(chain.origin());
    let all = AcceptedChains::new([accepted], archive.packs.clone());
    asked.chains = watch::channel(Arc::new(all)).1;
    asked.since = since;
    let (_go, stop) = watch::channel(false);
    let handed = forward(archive, asked, &ForwardTally::default(), stop).await.unwrap();
    (fs::read(out).map_or(0, |text| lines(&text).len()), handed)
}

fn is_right(handed: &[Handed]) -> bool {
    handed.iter().all(|handed| handed.blocked.is_empty() && handed.findings == 0)
}

/// Two days are listed at a time, so reading begins again between them; and with each run.
#[tokio::test]
async fn a_changed_key_is_followed_from_run_to_run() {
    let chain = story(20, 3);
    let (objects, folder) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let all = chain.archive();
    let mut there = 0;
    for days in [2, 3, 4, 5, 12, 20] {
        for (key, bytes) in all.iter().take(1 + days).skip(there) {
            objects.insert(key, bytes.clone());
        }
        there = 1 + days;
        let (count, handed) = handed(&chain, (&place(&objects), folder.path()), None).await;
        assert!(is_right(&handed) && count == days, "{days}: {count} {handed:?}");
    }
}

/// Where the seals of a time begin, the note before them tells whose key is right.
#[tokio::test]
async fn a_changed_key_is_followed_from_a_time_on() {
    let chain = story(20, 3);
    for since in [2, 4, 12, 20] {
        let folder = tempfile::tempdir().unwrap();
        let here = chain.get(since).seal.payload.times.unwrap().0;
        let archive = place(&store(&[&chain]));
        let (count, handed) = handed(&chain, (&archive, folder.path()), Some(here)).await;
        assert!(is_right(&handed) && count == 21 - since, "{since}: {count} {handed:?}");
    }
}

/// The seal that was handed over last stands in a pack, or at its own key.
#[tokio::test]
async fn a_changed_key_is_followed_where_packs_hold_it() {
    let chain = story(20, 3);
    for (expired, since) in [(false, None), (true, None), (false, Some(8)), (true, Some(8))] {
        let (objects, packs) = (store(&[&chain]), MemoryStore::new());
        let folder = tempfile::tempdir().unwrap();
        let part = store(&[&story(9, 3)]);
        let since = since.map(|seq: usize| chain.get(seq).seal.payload.times.unwrap().0);
        let before = place(&part);
        let _ = handed(&chain, (&before, folder.path()), since).await;
        for pack in TestPack::all(&chain) {
            packs.insert(&pack.key(), pack.bytes.clone());
            let signed = pack.signed(&auditor());
            packs.insert(&signed.key(), signed.note.into_bytes());
            for seq in pack.attestation.first..=pack.attestation.last {
                if expired {
                    objects.remove(&chain.key(seq as usize));
                }
            }
        }
        let archive = Archived { packs: Some(Arc::new(packs)), ..place(&objects) };
        let (count, handed) = handed(&chain, (&archive, folder.path()), since).await;
        let expected = if since.is_some() { 13 } else { 20 };
        assert!(is_right(&handed) && count == expected, "{expired}: {count} {handed:?}");
    }
}
