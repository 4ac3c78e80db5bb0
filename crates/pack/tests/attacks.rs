//! Whoever can change packs, attestations or objects, and what a reader says of it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_doubles::MemoryStore;
use auditseal_format::packs::{Attestation, Blob, SignedAttestation};
use auditseal_format::{ObjectKey, Time};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_store::{Kind, Operation};
use auditseal_vectors::{Chain, Piece, TestSigner, assemble, events, frame_header};
use common::{Desk, auditor, chain, trusting};

/// A desk whose packs are made, and whose loose objects are gone where that is asked for.
async fn packed(expired: bool) -> Desk {
    let desk = Desk::of(chain(3, 4));
    assert_eq!(desk.pack().await.exit_code(), 0);
    if expired {
        assert_eq!(desk.expire(), 11);
    }
    desk
}

/// What a verification says, and that nothing but proved lines is given out.
async fn judged(desk: &Desk) -> (Vec<String>, bool) {
    let (findings, complete) = desk.verdicts().await;
    match desk.cat().await {
        Ok(source) => assert_eq!(source, desk.chain.restored()),
        Err(error) => assert!(!complete, "complete, and yet: {error}"),
    }
    let verdict = |finding: String| {
        let words = finding.split(" key=").next().unwrap_or_default();
        words.split(": ").next().unwrap_or_default().to_owned()
    };
    (findings.into_iter().map(verdict).collect(), complete)
}

fn said(verdicts: &[&str]) -> (Vec<String>, bool) {
    (verdicts.iter().map(|verdict| (*verdict).to_owned()).collect(), verdicts.is_empty())
}

/// An attestation of the first pack with something else in it, signed by the auditor.
fn attest(desk: &Desk, edit: impl FnOnce(&mut Attestation)) {
    let mut first = desk.attestations().remove(0).attestation;
    let old = desk.keys(".note").remove(0);
    desk.packs.remove(&old).unwrap();
    edit(&mut first);
    let signed = SignedAttestation::sign(first, &mut auditor()).unwrap();
    desk.packs.insert(&signed.key(), signed.note);
}

/// The first pack with another text, rightly attested.
fn repack(desk: &Desk, edit: impl FnOnce(&mut Vec<Vec<u8>>, &mut Attestation)) {
    let key = desk.keys(".jsonl.zst").remove(0);
    let first = desk.attestations().remove(0).attestation;
    let objects = desk.chain.batches().skip(1).take(first.objects() as usize);
    let mut texts: Vec<_> = objects.map(|object| decoded(&object.bytes)).collect();
    desk.packs.remove(&key).unwrap();
    attest(desk, |attestation| {
        edit(&mut texts, attestation);
        let text = texts.concat();
        attestation.text = text.len() as u64;
        let pack = assemble(&frame_header(23, attestation.text), &[], &text);
        attestation.pack = Blob::of(&pack);
        desk.packs.insert(&key, pack);
    });
}

fn decoded(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1 << 20];
    let mut frames = auditseal_format::ForeignFrames::new(23).unwrap();
    let step = frames.decode(frame, &mut out);
    assert!(step.done);
    out.truncate(step.produced);
    out
}

const LOST: &str = "MISSING origin=c/n/s seq=1-6";

#[tokio::test]
async fn a_pack_that_was_changed_is_named_and_not_believed() {
    for expired in [false, true] {
        let desk = packed(expired).await;
        let key = desk.keys(".jsonl.zst").remove(0);
        let mut bytes = desk.packs.objects()[&key].to_vec();
        bytes[100] ^= 1;
        desk.packs.remove(&key);
        desk.packs.insert(&key, bytes);
        let mut expected = vec!["TAMPERED origin=c/n/s seq=1-6"];
        if expired {
            expected.insert(0, LOST);
        }
        let (mut found, complete) = judged(&desk).await;
        found.sort();
        expected.sort_unstable();
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), complete),
            (expected, false)
        );
    }
}

#[tokio::test]
async fn half_a_pack_is_none() {
    for expired in [false, true] {
        let desk = packed(expired).await;
        let key = desk.keys(".jsonl.zst").remove(0);
        let bytes = desk.packs.remove(&key).unwrap();
        desk.packs.insert(&key, bytes.slice(..bytes.len() / 2));
        let (found, complete) = judged(&desk).await;
        assert!(!complete);
        assert!(
            found.iter().any(|finding| finding == "TAMPERED origin=c/n/s seq=1-6"),
            "{found:?}"
        );
        assert_eq!(found.iter().any(|finding| finding == LOST), expired, "{found:?}");
    }
}

#[tokio::test]
async fn a_pack_that_is_gone_is_missing_and_one_that_is_hidden_is_not() {
    let desk = packed(false).await;
    let key = desk.keys(".jsonl.zst").remove(0);
    // Whoever deletes it hides it: its version is read.
    desk.expire();
    desk.packs.hide(&key);
    assert_eq!(judged(&desk).await, said(&[]));
    desk.packs.shadow(&key, "something else");
    assert_eq!(judged(&desk).await, said(&[]));
    desk.packs.remove(&key);
    let (found, complete) = judged(&desk).await;
    assert!(!complete);
    assert_eq!(found, [LOST, LOST], "the pack, and its objects");
}

#[tokio::test]
async fn a_hidden_attestation_is_read_all_the_same() {
    let desk = packed(true).await;
    for key in desk.keys(".note") {
        desk.packs.hide(&key);
    }
    assert_eq!(judged(&desk).await, said(&[]));
}

/// A pack that nobody attests isn't even asked for.
#[tokio::test]
async fn what_nobody_attests_is_never_read() {
    let desk = packed(false).await;
    for key in desk.keys(".note") {
        desk.packs.remove(&key);
    }
    let gets = desk.packs.calls(Operation::Get);
    assert_eq!(judged(&desk).await, said(&[]));
    assert_eq!(desk.packs.calls(Operation::Get), gets);
    desk.expire();
    let (found, complete) = judged(&desk).await;
    assert!(!complete && found[0].starts_with("MISSING"), "{found:?}");
}

#[tokio::test]
async fn another_clusters_auditor_is_nobody() {
    let mut desk = packed(true).await;
    let key = auditor().key().clone();
    let mut text = trusting(&desk.chain, "  begin 0\n  silent-after 366d\n", &[]).to_string();
    text.push_str(&format!("auditor other {key}\n"));
    desk.trust = auditseal_trust::TrustFile::parse(&text).unwrap();
    let (found, complete) = judged(&desk).await;
    assert!(!complete && found[0].starts_with("MISSING origin=c/n/s seq=1-11"), "{found:?}");
    // And one with the auditor's name, and another key.
    let mut other = StaticSigner::from_seed("auditor.example", &[8; 32]).unwrap();
    desk.trust = trusting(&desk.chain, "  begin 0\n  silent-after 366d\n", &[other.key().clone()]);
    let (found, _) = judged(&desk).await;
    assert!(found[0].starts_with("MISSING origin=c/n/s seq=1-11"), "{found:?}");
    // What it attests itself counts.
    for signed in desk.attestations() {
        let signed = SignedAttestation::sign(signed.attestation, &mut other).unwrap();
        desk.packs.insert(&signed.key(), signed.note);
    }
    assert_eq!(judged(&desk).await, said(&[]));
}

/// An auditor who attests something else than the chain's objects can't make seals.
#[tokio::test]
async fn what_an_auditor_attests_is_held_against_the_seals() {
    type Edit = fn(&mut Vec<Vec<u8>>, &mut Attestation);
    let edits: [(&str, Edit); 4] = [
        ("a line changed", |texts, _| {
            let at = texts[2].iter().position(|b| *b == b'k').unwrap();
            texts[2][at] = b'K';
        }),
        ("a batch left out", |texts, attestation| {
            texts.remove(2);
            attestation.batches.remove(2);
            attestation.last -= 1;
        }),
        ("two swapped", |texts, attestation| {
            texts.swap(2, 3);
            attestation.batches.swap(2, 3);
        }),
        ("a line more", |texts, attestation| {
            texts[2].splice(..0, *b"{}\n");
            attestation.batches[2].parts[0].bytes += 3;
            attestation.batches[2].parts[0].lines += 1;
            attestation.untimed += 1;
        }),
    ];
    for (what, edit) in edits {
        for expired in [false, true] {
            let desk = packed(false).await;
            repack(&desk, edit);
            if expired {
                for seq in 1..=6 {
                    desk.archive.remove(&desk.chain.key(seq)).unwrap();
                }
            }
            let (found, complete) = judged(&desk).await;
            assert!(!(expired && complete), "{what}: {found:?}");
            let clean = desk.cat().await;
            assert!(!expired || clean.is_err(), "{what}");
        }
    }
}

#[tokio::test]
async fn another_chains_pack_is_no_pack_of_this() {
    let desk = packed(true).await;
    let mut other = Chain::new("c/n/other", TestSigner::of("c/n/other", 1));
    other.genesis();
    other.batch(&[Piece::new("audit.log", events(0..3))]);
    let text = decoded(&other.get(1).bytes);
    let key = desk.keys(".jsonl.zst").remove(0);
    desk.packs.remove(&key);
    attest(&desk, |attestation| {
        let line = text.len() - other.get(1).seal.payload.bytes as usize;
        attestation.last = 1;
        attestation.batches.truncate(1);
        attestation.batches[0].seal = line as u32;
        attestation.batches[0].parts[0].bytes = other.get(1).seal.payload.bytes;
        attestation.batches[0].parts[0].lines = 3;
        attestation.untimed = 0;
        attestation.text = text.len() as u64;
        attestation.head = other.get(1).hash;
        let pack = assemble(&frame_header(23, attestation.text), &[], &text);
        attestation.pack = Blob::of(&pack);
        desk.packs.insert(&attestation.pack_key(), pack);
    });
    let (found, complete) = judged(&desk).await;
    assert!(!complete);
    assert!(found.iter().any(|finding| finding.starts_with("TAMPERED")), "{found:?}");
}

#[tokio::test]
async fn a_second_history_beside_a_pack_is_a_fork() {
    let desk = packed(false).await;
    // By the same key, another note for seq 3: put after the auditor looked.
    let mut other = Chain::new("c/n/s", TestSigner::new(1));
    other.genesis();
    for nth in 0..3 {
        other.wait(5);
        other.batch(&[Piece::new("audit.log", events(nth * 3..nth * 3 + 2))]);
    }
    desk.archive.remove(&desk.chain.key(3));
    desk.archive.insert(&other.key(3), other.get(3).bytes.clone());
    let (found, complete) = judged(&desk).await;
    assert!(!complete && found.contains(&"FORK origin=c/n/s seq=3".to_owned()), "{found:?}");
    // One from before is among what was judged: its auditor says so, and nobody reads it again.
    let desk = packed(false).await;
    let gets = desk.archive.calls(Operation::Get);
    assert_eq!(desk.verdicts().await, said(&[]));
    assert!(desk.archive.calls(Operation::Get) - gets < 11);
}

#[tokio::test]
async fn garbage_beside_a_pack_is_worth_a_word() {
    let desk = packed(false).await;
    desk.archive.remove(&desk.chain.key(3));
    desk.archive.insert(&desk.chain.key(3), "garbage");
    assert_eq!(judged(&desk).await, said(&[]));
    let report = desk.verify().await;
    let told: Vec<_> =
        report.origins[0].chain.information.iter().map(|told| told.to_string()).collect();
    assert!(
        told.iter().any(|told| told.contains("seq=3") && told.contains("UNSEALED")),
        "{told:?}"
    );
}

/// What was wrong with loose objects is told as long as nobody accepts it, though they are gone.
#[tokio::test]
async fn a_finding_outlives_the_objects_that_had_it() {
    let mut desk = Desk::of(chain(3, 4));
    desk.archive.hide(&desk.chain.key(2));
    let report = desk.pack().await;
    assert_eq!(report.exit_code(), 1);
    assert_eq!(report.chains[0].packs.iter().map(|pack| pack.findings).collect::<Vec<_>>(), [1, 0]);
    desk.expire();
    assert_eq!(judged(&desk).await, said(&["HIDDEN origin=c/n/s seq=2"]));
    let hash = desk.chain.get(2).hash;
    let rest = format!("  begin 0\n  silent-after 366d\n  accept HIDDEN 2:{hash} \"ticket 7\"\n");
    desk.trust = trusting(&desk.chain, &rest, &[auditor().key().clone()]);
    assert_eq!(judged(&desk).await, said(&[]));
    // Where nobody took the objects away, what can be seen is told once.
    let desk = Desk::of(chain(3, 4));
    desk.archive.hide(&desk.chain.key(2));
    desk.pack().await;
    let (found, _) = judged(&desk).await;
    assert_eq!(found, ["HIDDEN origin=c/n/s seq=2"]);
}

#[tokio::test]
async fn two_attested_histories_are_a_fork() {
    let desk = packed(false).await;
    let other = packed(false).await;
    attest(&other, |attestation| attestation.head = auditseal_format::hash(b"another"));
    for (key, note) in other.packs.objects().into_iter().filter(|(key, _)| key.ends_with(".note")) {
        desk.packs.insert(&key, note);
    }
    let (found, complete) = judged(&desk).await;
    assert!(!complete);
    assert!(
        found.iter().any(|finding| finding.starts_with("FORK origin=c/n/s seq=6")),
        "{found:?}"
    );
}

/// A line of the source that is a seal line, byte for byte.
#[tokio::test]
async fn a_line_that_looks_like_a_seal_is_a_line() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..3))]);
    let seal = {
        let text = decoded(&chain.get(1).bytes);
        let payload = chain.get(1).seal.payload.bytes as usize;
        text[payload..].to_vec()
    };
    let mut source = events(3..4);
    source.extend(seal.repeat(3));
    source.extend(events(4..5));
    chain.batch(&[Piece::new("audit.log", source)]);
    chain.wait(common::DAY);
    chain.heartbeat();
    chain.heartbeat();
    let desk = Desk::of(chain);
    assert_eq!(desk.pack().await.exit_code(), 0);
    assert!(desk.expire() > 0);
    assert_eq!(judged(&desk).await, said(&[]));
}

/// A store that doesn't answer is no proof of anything.
#[tokio::test]
async fn a_pack_that_cannot_be_read_is_not_missing() {
    let desk = packed(true).await;
    let key = desk.keys(".jsonl.zst").remove(0);
    desk.packs.fail_when(move |operation, of, _| {
        let fails = operation == Operation::Get && of == key;
        fails.then_some(auditseal_doubles::Fault::Refuse(Kind::Denied))
    });
    let report = desk.verify().await;
    let chain = &report.origins[0].chain;
    assert_eq!((chain.findings_total, chain.complete_until), (0, None));
    assert!(chain.unchecked > 0);
    assert!(desk.cat().await.is_err());
}

#[tokio::test]
async fn what_takes_a_packs_key_costs_a_generation() {
    let good = packed(false).await;
    let desk = Desk::of(chain(3, 4));
    let keys = good.keys(".jsonl.zst");
    desk.packs.insert(&keys[0], "squatted");
    // Half of the right bytes: another packer that was killed.
    let half = good.packs.objects()[&keys[1]].clone();
    desk.packs.insert(&keys[1], half.slice(..half.len() / 2));
    let report = desk.pack().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    let generations: Vec<_> =
        desk.attestations().iter().map(|signed| signed.attestation.generation).collect();
    assert_eq!(generations, [1, 1]);
    desk.expire();
    assert_eq!(judged(&desk).await, said(&[]));
}

/// Two at once, with other levels, make one pack of each name.
#[tokio::test]
async fn two_packers_share_their_packs() {
    let desk = Desk::of(chain(4, 4));
    let other = tempfile::tempdir().unwrap();
    let compression = auditseal_format::Compression { level: 1, window: 20 };
    let (one, two) = (desk.options(), desk.options());
    let two = auditseal_pack::PackOptions { state: other.path().into(), compression, ..two };
    let (first, second) = tokio::join!(desk.pack_with(&one), desk.pack_with(&two));
    assert_eq!((first.exit_code(), second.exit_code()), (0, 0), "{first:?} {second:?}");
    assert_eq!(desk.keys(".jsonl.zst").len(), 3);
    desk.expire();
    assert_eq!(judged(&desk).await, said(&[]));
    // The same folder is refused while somebody has it.
    let lock = std::fs::File::open(desk.state.path().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let (mut signer, options) = (auditor(), desk.options());
    let refused = auditseal_pack::pack(
        std::sync::Arc::new(desk.archive.clone()),
        std::sync::Arc::new(MemoryStore::new()),
        &mut signer,
        &options,
        || Time::EPOCH,
        |_| {},
    );
    let error = refused.await.unwrap_err().to_string();
    assert!(
        error.ends_with("another process packs with this folder; give each its own"),
        "{error}"
    );
}

/// Histories that fork aren't packed from there on, until somebody says which is the chain's.
#[tokio::test]
async fn nothing_behind_an_open_fork_is_packed() {
    let mut desk = Desk::of(chain(3, 4));
    let mut other = Chain::new("c/n/s", TestSigner::new(1));
    other.genesis();
    for nth in 0..8 {
        other.wait(if nth == 6 { common::DAY } else { 5 });
        other.batch(&[Piece::new("audit.log", events(nth * 3..nth * 3 + 2))]);
    }
    let key: ObjectKey = ObjectKey::parse(&desk.chain.key(8)).unwrap();
    let aside = ObjectKey { date: key.date, ..key }.to_string();
    desk.archive.shadow(&aside, other.get(8).bytes.clone());
    let report = desk.pack().await;
    assert_eq!(report.exit_code(), 1, "{report:?}");
    let spans: Vec<_> = report.chains[0].packs.iter().map(|pack| (pack.first, pack.last)).collect();
    assert_eq!((spans, report.chains[0].fork), (vec![(1, 6)], Some(8)));
    let hash = desk.chain.get(8).hash;
    let rest = format!("  begin 0\n  silent-after 366d\n  accept FORK 8:{hash} \"ticket 8\"\n");
    desk.trust = trusting(&desk.chain, &rest, &[auditor().key().clone()]);
    let report = desk.pack().await;
    let spans: Vec<_> = report.chains[0].packs.iter().map(|pack| (pack.first, pack.last)).collect();
    assert_eq!((spans, report.chains[0].fork), (vec![(7, 11)], None), "{report:?}");
}

/// An index that hides something is named by whoever verifies the pack in full.
#[tokio::test]
async fn an_index_of_another_text_is_named() {
    let desk = packed(true).await;
    assert_eq!(desk.keys(".index").len(), 2);
    attest(&desk, |attestation| attestation.index = Some(Blob::of(b"with a term left out")));
    assert_eq!(judged(&desk).await, said(&["WRONG_INDEX origin=c/n/s seq=1-6"]));
    attest(&desk, |attestation| attestation.index = None);
    assert_eq!(judged(&desk).await, said(&[]));
}

/// Whoever takes the key of an index takes the index, and no more.
#[tokio::test]
async fn a_taken_key_of_an_index_costs_the_index() {
    let good = packed(false).await;
    let desk = Desk::of(chain(3, 4));
    let key = good.keys(".index").remove(0);
    desk.packs.insert(&key, "squatted");
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), report.chains[0].packs.len()), (0, 2), "{report:?}");
    let without = desk.attestations().iter().filter(|of| of.attestation.index.is_none()).count();
    assert_eq!(without, 1);
    desk.expire();
    assert_eq!(judged(&desk).await, said(&[]));
}

/// A search by time passes packs over by what is attested of their times: that is held against the notes.
#[tokio::test]
async fn times_that_an_auditor_gets_wrong_are_named() {
    type Edit = fn(&mut Attestation);
    let edits: [Edit; 4] = [
        |a| a.times = a.times.map(|(first, _)| (first, first)),
        |a| a.untimed = 1,
        |a| a.sealed.1 = a.sealed.0,
        |a| {
            a.times = a.times.map(|(first, last)| (first, last.saturating_add(1)));
            a.index = Some(Blob::of(b"another"));
        },
    ];
    for (edit, index) in edits.into_iter().zip([false, false, false, true]) {
        let desk = packed(true).await;
        attest(&desk, edit);
        let (mut found, complete) = judged(&desk).await;
        found.sort();
        let mut expected = vec!["WRONG_TIMES origin=c/n/s seq=1-6"];
        if index {
            expected.insert(0, "WRONG_INDEX origin=c/n/s seq=1-6");
        }
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), complete),
            (expected, false)
        );
    }
}

/// A directory lists a folder that it can't look into by its name: nothing is concluded from what isn't seen.
#[tokio::test]
async fn a_folder_of_packs_that_cannot_be_read_is_no_empty_one() {
    for folder in [
        "_attestations/cluster=c/node=n/source=s/date=2026-11-22/",
        "cluster=c/node=n/source=s/date=2026-11-22/",
    ] {
        let desk = packed(true).await;
        desk.packs.insert(folder, "");
        let report = desk.verify().await;
        let chain = &report.origins[0].chain;
        assert_eq!((chain.findings_total, chain.complete_until, chain.unchecked), (0, None, 1));
        assert!(chain.errors[0].contains("this folder of packs can't be looked into"));
        assert!(desk.cat().await.is_err());
        assert_eq!(desk.pack().await.exit_code(), 2);
    }
}
