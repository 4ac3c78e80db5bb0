//! Packs beyond every bound of those who make and read them.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_archive::{CatOptions, OriginReport};
use auditseal_format::hash;
use auditseal_pack::PackOptions;
use auditseal_reader::Window;
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use common::{DAY, Desk, chain};

/// So many bytes that hardly compress, in lines.
fn noise(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 128);
    let mut n = 0_u64;
    while out.len() < bytes {
        for _ in 0..1000 {
            out.extend(hash(&n.to_le_bytes()).to_string().as_bytes());
            n += 1;
        }
        out.push(b'\n');
    }
    out
}

/// A pack of more bytes than a reader holds, with a payload of more than a cursor does.
#[tokio::test]
async fn packs_larger_than_memory_are_streamed() {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..3))]);
    chain.batch(&[Piece::new("audit.log", noise(68 << 20))]);
    chain.batch(&[Piece::new("audit.log", events(3..6))]);
    chain.wait(DAY);
    chain.heartbeat();
    chain.heartbeat();
    let desk = Desk::of(chain);
    let report = desk.pack().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    let pack = &report.chains[0].packs[0];
    assert!(pack.stored_bytes > 33 << 20, "{}", pack.stored_bytes);
    desk.expire();
    assert_eq!(desk.verdicts().await, (vec![], true));
    let (whole, source) = (desk.cat().await.unwrap(), desk.chain.restored());
    assert!(whole == source);
    // A window looks at each payload twice.
    let window = Window { since: Some(auditseal_format::Time::EPOCH), until: Some(desk.now) };
    let lines = desk.cat_with(CatOptions { window, ..CatOptions::default() }).await.unwrap();
    assert!(lines == source);
    // Other bytes in the midst of it.
    let key = desk.keys(".jsonl.zst").remove(0);
    let mut bytes = desk.packs.remove(&key).unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    desk.packs.insert(&key, bytes);
    let (found, complete) = desk.verdicts().await;
    assert!(!complete && found.iter().any(|finding| finding.starts_with("TAMPERED")), "{found:?}");
    assert!(desk.cat().await.is_err());
}

/// More objects than are judged together, in days of more objects than that.
#[tokio::test]
async fn a_chain_of_many_slices() {
    let desk = Desk::of(chain(4, 100));
    let report = desk.pack_with(&PackOptions { slice: 10, ..desk.options() }).await;
    assert_eq!((report.exit_code(), report.chains[0].packs.len()), (0, 3), "{report:?}");
    desk.expire();
    assert_eq!(desk.verdicts().await, (vec![], true));
    assert_eq!(desk.cat().await.unwrap(), desk.chain.restored());
}

/// More findings than an attestation tells.
#[tokio::test]
async fn every_finding_is_counted() {
    let desk = Desk::of(chain(2, 1500));
    for seq in 1..1400 {
        desk.archive.hide(&desk.chain.key(seq));
    }
    let report = desk.pack().await;
    assert_eq!((report.exit_code(), report.chains[0].packs[0].findings), (1, 1399));
    assert_eq!(desk.attestations()[0].attestation.found.len(), 1000);
    desk.expire();
    let report = desk.verify().await;
    let OriginReport { findings_total, findings, .. } = &report.origins[0].chain;
    assert_eq!((*findings_total, findings.len()), (1399, 1000));
}

/// A part that is found by the times of its lines reads the packs of that time, and no other.
#[tokio::test]
async fn a_search_by_time_reads_the_packs_that_have_it() {
    let desk = Desk::of(chain(6, 300));
    desk.pack().await;
    desk.expire();
    let source = desk.chain.restored();
    let all: Vec<_> = source.split_inclusive(|b| *b == b'\n').collect();
    let time = |line: &[u8]| {
        let text = std::str::from_utf8(line).unwrap();
        let at = text.find("stageTimestamp\":\"").unwrap() + 17;
        text[at..at + 27].parse::<auditseal_format::Time>().unwrap()
    };
    let reads = |desk: &Desk| desk.packs.calls(auditseal_store::Operation::Get);
    for day in 0..5_usize {
        let of_day = &all[day * 900..(day + 1) * 900];
        let (since, until) = (time(of_day[0]), time(of_day[899]));
        let window = Window { since: Some(since), until: Some(until) };
        let before = reads(&desk);
        let options = CatOptions { window, allow_unanchored: false, ..CatOptions::default() };
        let lines = desk.cat_with(options).await.unwrap();
        let expected: Vec<u8> =
            all.iter().filter(|line| window.has(time(line))).copied().collect::<Vec<_>>().concat();
        assert!(lines == expected, "day {day}");
        // Five attestations, and the packs of a day or two, each in both passes.
        assert!(reads(&desk) - before <= 5 + 4, "day {day}: {}", reads(&desk) - before);
    }
}
