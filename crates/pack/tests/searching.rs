//! What is looked for is found in packs by their indexes, and whatever is wrong with those hides nothing.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_chain::{Extent, Rules};
use auditseal_format::Time;
use auditseal_format::packs::{RolledUp, SignedRolledUp};
use auditseal_index::{Lookup, Pattern, TermField, TermKind};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_pack::PackOptions;
use auditseal_reader::{
    Batch, Depth, How, PackCursor, PackRoot, PackedLines, Packs, Reading, Searched, Source, Step,
    Window,
};
use auditseal_store::Operation;
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use common::{DAY, Desk, auditor};

const RARE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"rare-1","stage":"ResponseComplete","verb":"delete","objectRef":{"resource":"networkpolicies","apiGroup":"networking.k8s.io","namespace":"prod","name":"web"},"stageTimestamp":"2026-11-21T00:00:00.000000Z"}"#;

/// A chain of so many days with three batches each; on these days the second has the rare line.
fn chain(days: u64, rare: &[u64]) -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    for day in 0..days {
        for batch in 0..3 {
            chain.wait(5);
            let next = day * 9 + batch * 3;
            let mut lines = events(next..next + 3);
            if batch == 1 && rare.contains(&day) {
                lines.extend(RARE.as_bytes());
                lines.push(b'\n');
            }
            chain.batch(&[Piece::new("audit.log", lines)]);
        }
        chain.wait(DAY - 15);
    }
    chain.heartbeat();
    chain
}

fn rare() -> Lookup {
    let pattern = Pattern::new(TermKind::Action)
        .with(TermField::Resource, "networkpolicies")
        .with(TermField::Group, "networking.k8s.io")
        .with(TermField::Verb, "delete");
    Lookup::Term(pattern)
}

async fn packs(desk: &Desk) -> Packs {
    let root = PackRoot {
        source: Source::new(Arc::new(desk.packs.clone())),
        auditors: desk.trust.auditors_of(desk.chain.origin()),
        by_date: true,
    };
    Packs::read(&root, desk.chain.origin(), Extent::default()).await.unwrap()
}

fn found(searched: &Searched) -> Vec<Vec<u64>> {
    searched.found.iter().map(|candidate| candidate.seqs().collect()).collect()
}

/// The lines that are read of what was found, proved.
async fn read(desk: &Desk, packs: &Packs, searched: &Searched) -> Vec<(u64, Vec<u8>)> {
    let mut lines = Vec::new();
    let source = Source::new(Arc::new(desk.archive.clone()));
    let trusted = desk.trust.get(desk.chain.origin()).unwrap();
    for candidate in &searched.found {
        let one = packs.alone(candidate);
        let rules = Rules { retention: None, ..Rules::trusting(trusted, None) };
        let rules = rules.asked(candidate.extent());
        let packed = PackedLines::Of { found: candidate, times: true };
        let how =
            How { depth: Depth::Seal, retention: None, concurrency: 4, keep: 1 << 20, packed };
        let mut reading = Reading::new(&source, desk.chain.origin(), &[], &one, (rules, None), how);
        let mut sealed = Vec::new();
        while let Some(Step { accepted, error, .. }) = reading.next().await {
            assert!(error.is_none(), "{error:?}");
            sealed.extend(accepted);
        }
        let (last, report) = reading.finish(None);
        assert_eq!(report.findings.findings_total, 0, "{:?}", report.findings);
        sealed.extend(last);
        assert_eq!(sealed.last().unwrap().note.place.seq, candidate.last());
        for one in sealed {
            let seq = one.note.place.seq;
            assert_eq!(one.lines.is_some(), candidate.has(seq), "{seq}");
            lines.extend(one.lines.map(|lines| (seq, lines.concat())));
        }
    }
    lines
}

#[tokio::test]
async fn a_rare_line_of_many_days_is_a_few_ranges_and_one_pack_away() {
    // Batches of day 20 are 61 to 63.
    let desk = Desk::of(chain(45, &[20]));
    let report = desk.pack().await;
    let made = report.chains[0].packs.len() as u64;
    assert_eq!(made, 44);
    assert!(report.chains[0].rolled >= 2, "{report:?}");
    let packs = packs(&desk).await;
    let ranges = desk.packs.calls(Operation::Range);
    let searched = packs.search(&rare(), Window::default()).await;
    assert_eq!((found(&searched), searched.passed), (vec![vec![62]], made - 1));
    assert_eq!(searched.auditors, [auditor().key().clone()]);
    assert_eq!(searched.unusable, []);
    let asked = desk.packs.calls(Operation::Range) - ranges;
    assert!(asked <= 3 * report.chains[0].rolled, "{asked}");
    let lines = read(&desk, &packs, &searched).await;
    assert_eq!(lines.len(), 1);
    assert!(String::from_utf8_lossy(&lines[0].1).contains("rare-1"));
    // What was rolled up isn't again, and what is packed next stands behind it.
    let again = desk.pack().await;
    assert_eq!((again.chains[0].rolled, again.exit_code()), (0, 0));
}

#[tokio::test]
async fn what_no_index_can_tell_is_read() {
    let desk = Desk::of(chain(9, &[2, 7]));
    desk.pack().await;
    let packs = packs(&desk).await;
    let all = packs.taken().len();
    let any = packs.search(&Lookup::Any, Window::default()).await;
    assert_eq!((any.found.len(), any.passed, any.bytes), (all, 0, 0));
    assert!(any.found.iter().all(|candidate| !candidate.indexed));
    let none = packs.search(&Lookup::Either(Vec::new()), Window::default()).await;
    assert_eq!((none.found.len(), none.passed), (0, all as u64));
    let id = packs.search(&Lookup::AuditId("rare-1".to_owned()), Window::default()).await;
    let seqs = found(&id).concat();
    assert!(seqs.contains(&8) && seqs.contains(&23), "{seqs:?}");
    // Of another time than all lines there is nothing to be read.
    let since = Some(desk.chain.now().saturating_add(400 * DAY * 1_000_000));
    let later = packs.search(&rare(), Window { since, until: None }).await;
    assert_eq!((later.found.len(), later.passed, later.bytes), (0, all as u64, 0));
}

/// Indexes and roll-ups that are gone, altered, another's or a stranger's.
#[tokio::test]
async fn nothing_that_is_wrong_with_an_index_hides_a_line() {
    let chain = chain(45, &[3, 20, 40]);
    let fresh = async || {
        let desk = Desk::of(chain.clone());
        desk.pack().await;
        desk
    };
    let expected = [11, 62, 122];
    let holds = async |desk: &Desk, what: &str, unusable: bool| {
        let packs = packs(desk).await;
        let searched = packs.search(&rare(), Window::default()).await;
        let seqs = found(&searched).concat();
        assert!(expected.iter().all(|seq| seqs.contains(seq)), "{what}: {seqs:?}");
        assert_eq!(searched.unusable_total > 0, unusable, "{what}: {:?}", searched.unusable);
        let lines = read(desk, &packs, &searched).await;
        let hits =
            lines.iter().filter(|(_, lines)| String::from_utf8_lossy(lines).contains("rare-1"));
        assert_eq!(hits.count(), 3, "{what}");
    };
    for (what, ending) in
        [("indexes", ".index"), ("roll-ups", ".rollup"), ("notes of roll-ups", ".note")]
    {
        let is_rolled = |key: &String| ending != ".note" || key.starts_with("_rollups/");
        let desk = fresh().await;
        for key in desk.keys(ending).into_iter().filter(is_rolled) {
            desk.packs.remove(&key);
        }
        // Without a note nobody knows that there was a roll-up.
        holds(&desk, &format!("{what} gone"), ending != ".note").await;
        let desk = fresh().await;
        for key in desk.keys(ending).into_iter().filter(is_rolled) {
            let good = desk.packs.remove(&key).unwrap();
            let mut bytes = good.to_vec();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            desk.packs.insert(&key, bytes);
            let packs = packs(&desk).await;
            let seqs = found(&packs.search(&rare(), Window::default()).await).concat();
            assert!(expected.iter().all(|seq| seqs.contains(seq)), "{key} altered: {seqs:?}");
            desk.packs.remove(&key);
            desk.packs.insert(&key, good);
        }
    }
    // A roll-up that was made of a chain without the lines, bound by somebody who isn't trusted.
    let desk = fresh().await;
    let other = Desk::of(self::chain(45, &[]));
    other.pack().await;
    let mut stranger = StaticSigner::from_seed("auditor.example", &[7; 32]).unwrap();
    for (key, note) in other.packs.objects() {
        let Ok(signed) = SignedRolledUp::read(&note) else { continue };
        let rolled = RolledUp { attested: Time::from_micros(i64::MAX / 4), ..signed.rolled };
        let forged = SignedRolledUp::sign(rolled, &mut stranger).unwrap();
        desk.packs
            .insert(&forged.rolled.key(), other.packs.objects()[&forged.rolled.key()].clone());
        desk.packs.insert(&forged.key(), forged.note.clone());
        assert_ne!(key, forged.key());
    }
    holds(&desk, "a stranger's roll-ups", true).await;
    // With the trusted key itself they are of other packs, by the hashes of their last notes.
    let desk = fresh().await;
    for (key, bytes) in other.packs.objects() {
        if key.starts_with("_rollups/") {
            desk.packs.insert(&key, bytes);
        }
    }
    holds(&desk, "roll-ups of other packs", false).await;
}

/// Nobody who isn't an auditor of the cluster has a say in what is left out.
#[tokio::test]
async fn where_nobody_is_trusted_nothing_is_left_out() {
    let mut desk = Desk::of(chain(9, &[2]));
    desk.pack().await;
    desk.trust = common::trusting(&desk.chain, "  begin 0\n  silent-after 366d\n", &[]);
    let searched = packs(&desk).await.search(&rare(), Window::default()).await;
    assert_eq!((searched.found.len(), searched.passed), (0, 0), "no packs: objects are read");
}

/// A payload that is too large to be kept is given out by a cursor.
#[tokio::test]
async fn a_payload_larger_than_is_held_is_read_by_a_cursor() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let large = format!("{{\"verb\":\"get\",\"more\":\"{}\"}}\n", "x".repeat(17 << 20));
    for lines in [events(0..3), large.clone().into_bytes(), events(3..6)] {
        chain.wait(5);
        chain.batch(&[Piece::new("audit.log", lines)]);
    }
    // A key has the date of the seal before.
    chain.wait(DAY).heartbeat();
    chain.wait(5).heartbeat();
    let desk = Desk::of(chain);
    let report = desk.pack().await;
    assert_eq!(report.chains[0].packs.len(), 1, "{report:?}");
    let packs = packs(&desk).await;
    let searched = packs.search(&Lookup::Any, Window::default()).await;
    let [candidate] = &searched.found[..] else { panic!("{searched:?}") };
    let one = packs.alone(candidate);
    let source = Source::new(Arc::new(desk.archive.clone()));
    let trusted = desk.trust.get(desk.chain.origin()).unwrap();
    let rules = Rules::trusting(trusted, None).asked(candidate.extent());
    let packed = PackedLines::Of { found: candidate, times: true };
    let how = How { depth: Depth::Seal, retention: None, concurrency: 1, keep: 1 << 30, packed };
    let mut reading = Reading::new(&source, desk.chain.origin(), &[], &one, (rules, None), how);
    let mut given = Vec::new();
    while let Some(Step { accepted, .. }) = reading.next().await {
        given.extend(accepted);
    }
    given.extend(reading.finish(None).0);
    let large_one = Batch::of(&given[1]);
    let given: Vec<_> = given.iter().map(|sealed| sealed.lines.is_some()).collect();
    assert_eq!(given, [true, false, true, true]);
    let (mut cursor, mut whole) = (PackCursor::default(), Vec::new());
    let taken = cursor.payload(&one, &large_one, async |piece| {
        whole.extend_from_slice(&piece);
        true
    });
    assert!(taken.await.unwrap());
    assert!(whole == large.as_bytes());
}

/// Of what can't be used the first is named, and all of it counted.
#[tokio::test]
async fn roll_ups_that_do_not_count_are_counted_and_the_first_named() {
    let desk = Desk::of(chain(9, &[2]));
    desk.pack().await;
    for nth in 0..150 {
        let folder = "_rollups/cluster=c/node=n/source=s/month=2026-11";
        desk.packs
            .insert(&format!("{folder}/000000000001-000000000009-{nth:016x}.note"), "garbage");
    }
    let searched = packs(&desk).await.search(&rare(), Window::default()).await;
    assert_eq!((searched.unusable.len(), searched.unusable_total), (100, 150));
    assert_eq!(found(&searched).concat(), [8]);
}

/// What was only tried is rolled up as little as it is put.
#[tokio::test]
async fn a_dry_run_rolls_nothing_up() {
    let desk = Desk::of(chain(9, &[2]));
    desk.pack_with(&PackOptions { dry_run: true, ..desk.options() }).await;
    assert!(desk.packs.objects().is_empty());
}
