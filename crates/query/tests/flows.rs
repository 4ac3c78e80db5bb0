//! Flows asked of an archive: found, cited, and nothing guessed.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::ops::ControlFlow;

use auditseal_flows::{FlowVerdict, LogFormat};
use auditseal_format::Time;
use auditseal_query::{Answered, AskedChain, FlowAsking, FlowQuestion, FlowShow, Hit, carried};
use auditseal_reader::Window;
use auditseal_vectors::{Chain, Piece, TestSigner};
use common::{archive, by_key, lines, real, sealed, store};

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/flows/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// A chain of a log of flows, two lines in each batch.
fn flows(origin: &str, name: &str, format: &str) -> Chain {
    let mut chain = Chain::new(origin, TestSigner::of(origin, 1));
    chain.times(format.parse::<LogFormat>().unwrap().times());
    chain.genesis();
    for batch in lines(&sample(name)).chunks(2) {
        chain.batch(&[Piece::new("events.log", batch.concat())]);
    }
    chain
}

fn asking(question: FlowQuestion, chain: &Chain) -> FlowAsking {
    let (window, show, now) = (Window::default(), FlowShow::Table, chain.now());
    let (unknown, every_seal, allow_unanchored, cores) = (false, false, false, 2);
    FlowAsking { question, window, unknown, show, every_seal, allow_unanchored, now, cores }
}

async fn ask(chains: &[&Chain], asking: FlowAsking) -> (Vec<Hit>, Answered) {
    let store = store(chains);
    let asked: Vec<AskedChain> = chains.iter().map(|chain| by_key(chain)).collect();
    let found = asking.find(&archive(&store), asked).await.unwrap();
    let mut hits = Vec::new();
    let each = |hit| {
        hits.push(hit);
        ControlFlow::Continue(())
    };
    let answer = found.run(each, std::future::pending()).await;
    (hits, answer)
}

fn told(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| String::from_utf8(hit.shown.clone()).unwrap().trim().to_owned()).collect()
}

fn denied() -> FlowQuestion {
    FlowQuestion { verdicts: vec![FlowVerdict::Denied], ..FlowQuestion::default() }
}

#[tokio::test]
async fn denied_flows_of_all_logs_in_the_order_of_time_each_cited() {
    let hubble = flows("c/n/hubble", "hubble.log", "hubble");
    let ovn = flows("c/n/ovn", "ovn.log", "ovn");
    let audit = sealed("c/n/audit", 1, &lines(&real())[..20], 5);
    let (hits, answer) = ask(&[&audit, &hubble, &ovn], asking(denied(), &hubble)).await;
    assert_eq!(
        told(&hits),
        [
            "2026-11-29T10:00:03.000Z\tdenied ingress\tlab/probe\tshop/db-0\t5432/TCP\t-\tc/n/hubble 4:1",
            "2026-11-29T10:00:03.000Z\tdenied ingress\t10.129.4.40\tshop/10.129.2.21\t5432/TCP\t-\tc/n/ovn 2:1",
            "2026-11-29T10:00:03.900Z\tdenied egress\tshop/10.129.2.11\t10.129.3.3\t53/UDP\t-\tc/n/ovn 2:2",
            "2026-11-29T10:00:04.100Z\tdenied ingress\t10.129.4.40\tshop/10.129.2.21\tICMP\t-\tc/n/ovn 3:1",
            "2026-11-29T10:00:04.300Z\tdenied ingress\t2001:db8::40\tshop/2001:db8::21\t5432/TCP\t-\tc/n/ovn 3:2",
        ]
    );
    assert_eq!(answer.unknown.no_flow, 1, "hubble's own note of what it lost");
    assert_eq!((answer.unknown.total(), answer.exit_code()), (1, 0));
    assert_eq!(answer.chains[0].batches, 0, "an audit log has no flows, and isn't read");
}

#[tokio::test]
async fn a_window_is_held_against_what_the_line_says() {
    let time = |text: &str| text.parse::<Time>().unwrap();
    let window = Window {
        since: Some(time("2026-11-29T10:00:03.000000Z")),
        until: Some(time("2026-11-29T10:00:04.000000Z")),
    };
    for (name, format, seen) in [("hubble.log", "hubble", 1), ("ovn.log", "ovn", 2)] {
        let chain = flows("c/n/f", name, format);
        let (hits, _) = ask(&[&chain], FlowAsking { window, ..asking(denied(), &chain) }).await;
        assert_eq!(hits.len(), seen, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_counted_and_listed() {
    let chain = flows("c/n/ovn", "ovn.log", "ovn");
    let question = FlowQuestion { namespaces: vec!["lab".to_owned()], ..FlowQuestion::default() };
    let (hits, answer) = ask(&[&chain], asking(question.clone(), &chain)).await;
    assert_eq!(
        (hits.len(), answer.unknown.untold),
        (0, 6),
        "the peers' namespaces aren't in the log"
    );
    let asking = FlowAsking { unknown: true, show: FlowShow::Json, ..asking(question, &chain) };
    let (hits, _) = ask(&[&chain], asking).await;
    let first: serde_json::Value = serde_json::from_slice(&hits[0].shown).unwrap();
    assert_eq!(first["answer"], "unknown");
    assert_eq!(first["flow"]["destination"]["namespace"], "shop");
    assert_eq!((first["seq"].as_u64(), first["line"].as_u64()), (Some(1), Some(1)));
}

#[tokio::test]
async fn what_is_carried_is_the_flow() {
    for (name, format) in
        [("hubble.log", "hubble"), ("gke.jsonl", "jsonl:timestamp"), ("netfilter.log", "text")]
    {
        let chain = flows("c/n/f", name, format);
        let asking =
            FlowAsking { show: FlowShow::Carried, ..asking(FlowQuestion::default(), &chain) };
        let (hits, _) = ask(&[&chain], asking).await;
        let format: LogFormat = format.parse().unwrap();
        let text = sample(name);
        let expected: Vec<_> = text
            .split(|b| *b == b'\n')
            .filter_map(|line| auditseal_flows::read(line, format).ok())
            .collect();
        assert!(!expected.is_empty());
        let flows: Vec<_> = hits.iter().map(|hit| carried(&hit.shown).unwrap()).collect();
        assert_eq!(flows, expected, "{name}");
    }
}
