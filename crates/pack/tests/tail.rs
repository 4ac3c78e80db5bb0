//! What no pack holds yet: a part of it is found by its seals, as in an archive without packs.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_archive::CatOptions;
use auditseal_format::Time;
use auditseal_reader::Window;
use auditseal_store::Operation;
use auditseal_vectors::{Chain, Piece, TestSigner};
use common::{DAY, Desk};

const MINUTE: i64 = 60_000_000;
/// Batches of each day, one a minute.
const BATCHES: i64 = 900;

fn line(at: Time) -> Vec<u8> {
    let event = "\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\"";
    format!("{{{event},\"auditID\":\"{}\",\"stageTimestamp\":\"{at}\"}}\n", at.micros())
        .into_bytes()
}

/// So many days with a batch each minute up to 15:00, of lines half a minute older; gives when the last one begins.
fn chain(days: i64) -> (Chain, Time) {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    let first = chain.now().date().start().saturating_add(DAY * 1_000_000);
    chain.at(first).genesis();
    for minute in (0..days).flat_map(|day| (1..=BATCHES).map(move |minute| day * 1_440 + minute)) {
        let now = first.saturating_add(minute * MINUTE);
        chain.at(now).batch(&[Piece::new("audit.log", line(now.saturating_add(-MINUTE / 2)))]);
    }
    (chain, first.saturating_add((days - 1) * 1_440 * MINUTE))
}

fn requests(desk: &Desk) -> u64 {
    use Operation::{Get, Lock, Stream, Tail, Versions};
    let of = |operation| desk.archive.calls(operation);
    [Get, Lock, Stream, Tail, Versions].into_iter().map(of).sum()
}

/// What the lines of these minutes of the last day cost, which are given as they are.
async fn asked(desk: &Desk, today: Time, (from, to): (i64, Option<i64>)) -> u64 {
    let at = |minute: i64| today.saturating_add(minute * MINUTE);
    let window = Window { since: Some(at(from)), until: to.map(at) };
    let before = requests(desk);
    let lines = desk.cat_with(CatOptions { window, ..CatOptions::default() }).await.unwrap();
    // A day before has its last batch at 15:00.
    let sealed = (from + 1..=to.unwrap_or(BATCHES))
        .filter(|minute| *minute > 0 || *minute <= BATCHES - 1_440);
    let expected = sealed.flat_map(|minute| line(at(minute).saturating_add(-MINUTE / 2)));
    assert!(lines == expected.collect::<Vec<u8>>(), "minutes {from} to {to:?}");
    requests(desk) - before
}

#[tokio::test]
async fn an_hour_that_no_pack_holds_costs_what_an_hour_holds() {
    let (chain, today) = chain(2);
    let desk = Desk::of(chain);
    assert_eq!(desk.pack().await.exit_code(), 0);
    assert_eq!(desk.attestations().iter().map(|of| of.attestation.last).max(), Some(901));
    for loose in [true, false] {
        for from in [1, 300, 600, 840] {
            // With its neighbours, up to 256 seals that tie it to the end, and each batch fetched twice.
            let cost = asked(&desk, today, (from, Some(from + 60))).await;
            assert!(
                cost < 480,
                "{cost} requests from minute {from}, packed objects there: {loose}"
            );
        }
        let cost = asked(&desk, today, (840, None)).await;
        assert!(cost < 480, "{cost} requests for the last hour");
        // Of what is packed the objects are judged too, while they are there.
        let cost = asked(&desk, today, (-600, Some(60))).await;
        assert!(cost < 480 + u64::from(loose) * 1_900, "{cost} requests over a pack's end");
        desk.expire();
    }
}
