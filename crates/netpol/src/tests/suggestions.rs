//! What is suggested: read by a person, and held against what was seen.

use proptest::prelude::*;

use auditseal_flows::FlowDirection;

use super::brute::{Universe, lets, speaks};
use super::*;

fn suggested(namespace: &str, flows: &[Flow]) -> Suggestion {
    let mut suggest = Suggest::new(namespace).unwrap();
    for (flow, line) in flows.iter().zip(1..) {
        suggest.add(flow, &at(1, line)).unwrap();
    }
    suggest.finish()
}

#[test]
fn a_person_reads_which_flows_ask_for_each_rule() {
    let found = suggested("shop", &sample("hubble.log", "hubble"));
    let expected = include_str!("suggested.yaml");
    assert_eq!(found.yaml, expected, "\n{}", found.yaml);
    assert_eq!((found.size, found.lines), ((2, 6), 9));
    let policies: Vec<PolicyFile> = documents(&found.yaml)
        .iter()
        .flat_map(|one| PolicyFile::all(one, "none").unwrap())
        .collect();
    let mut replay = Replay::new(policies);
    for (flow, line) in sample("hubble.log", "hubble").iter().zip(1..) {
        replay.add(flow, &at(1, line));
    }
    let totals = replay.finish().totals();
    assert_eq!((totals.blocked, totals.unknown, totals.stopped_allowed), (0, 0, 0));
}

#[test]
fn without_labels_nothing_is_suggested_and_why_is_said() {
    let found = suggested("shop", &sample("ovn.log", "ovn"));
    assert!(found.yaml.is_empty());
    let left: Vec<_> = found.left_out.iter().map(|(why, lines, _)| (*why, *lines)).collect();
    assert_eq!(left, [(LeftOut::Stopped, 4), (LeftOut::OwnLabels, 2)]);
    assert!(Suggest::new("a\n---\nkind: Secret").is_none());
}

/// The sides' own words on what was seen from app to db at this port; those of what comes in are of db.
fn words(said: &[(FlowDirection, FlowVerdict)]) -> Suggestion {
    let (app, db) = (pod("shop", &[("app", "app")]), pod("shop", &[("app", "db")]));
    let line = |(side, verdict): &(FlowDirection, FlowVerdict)| Flow {
        direction: Some(*side),
        verdict: *verdict,
        ..flow(app.clone(), db.clone(), 5432)
    };
    suggested("shop", &said.iter().map(line).collect::<Vec<_>>())
}

/// A line speaks for the side whose policies it is about: what a policy of the destination stopped isn't opened because the
/// source's let it out.
#[test]
fn what_one_side_let_through_opens_nothing_on_the_other() {
    use FlowDirection::{Egress, Ingress};
    use FlowVerdict::{Allowed, Denied};
    let types = |found: &Suggestion| -> Vec<String> {
        documents(&found.yaml).iter().map(|one| one["spec"]["policyTypes"].to_string()).collect()
    };
    let left = |found: &Suggestion| -> Vec<_> {
        found.left_out.iter().map(|(why, lines, _)| (*why, *lines)).collect()
    };
    let stopped = words(&[(Egress, Allowed), (Ingress, Denied)]);
    assert_eq!(types(&stopped), [r#"["Egress"]"#]);
    assert_eq!(left(&stopped), [(LeftOut::Stopped, 1), (LeftOut::StoppedHere, 1)]);
    let one = words(&[(Egress, Allowed)]);
    assert_eq!(types(&one), [r#"["Egress"]"#]);
    assert_eq!(left(&one), [(LeftOut::OneSide, 1)]);
    let comment =
        "# MISSING: 1 line: that the other side let through: whether this side did isn't seen (";
    assert!(one.yaml.contains(comment), "{}", one.yaml);
    let both = words(&[(Egress, Allowed), (Ingress, Allowed)]);
    assert_eq!((types(&both).len(), left(&both)), (2, Vec::new()));
    // Later it was let through: that was seen.
    let later = words(&[(Ingress, Denied), (Ingress, Allowed)]);
    assert_eq!(types(&later), [r#"["Ingress"]"#]);
}

/// A log that doesn't tell who began has answers too, and their ports are no services.
#[test]
fn what_may_be_an_answer_makes_no_rule() {
    let (web, db) = (|| pod("shop", &[("app", "web")]), || pod("shop", &[("app", "db")]));
    let untold = |source_port, flow: Flow| Flow { reply: None, source_port, ..flow };
    let found = suggested(
        "shop",
        &[
            untold(Some(5432), flow(db(), web(), 40_000)),
            untold(None, flow(db(), web(), 33_000)),
            untold(Some(5432), flow(db(), web(), 20_000)),
        ],
    );
    assert!(found.yaml.is_empty(), "{}", found.yaml);
    assert_eq!((found.left_out[0].0, found.left_out[0].1), (LeftOut::MayAnswer, 3));
    let begun = suggested("shop", &[untold(Some(40_000), flow(web(), db(), 5432))]);
    assert!(begun.left_out.is_empty() && begun.size == (2, 2), "{}", begun.yaml);
    let told = suggested("shop", &[flow(db(), web(), 40_000)]);
    assert!(told.left_out.is_empty() && told.yaml.contains("40000"), "{}", told.yaml);
}

/// Plugins differ in what a block with a node's address lets through: it is said where such a block is suggested.
#[test]
fn a_block_of_nodes_is_told_apart() {
    let node = |kind| Endpoint { kind, ..outside("192.0.2.7") };
    let found =
        suggested("shop", &[flow(pod("shop", &[("a", "b")]), node(EndpointKind::OtherNode), 6443)]);
    let comment = "        # of nodes or the apiserver: plugins differ in whether a block takes these (Cilium: only\n        \
                   # with policy-cidr-match-mode=nodes), and a replay says that it can't be told\n        - ipBlock: ";
    assert!(found.yaml.contains(comment), "{}", found.yaml);
    let some =
        suggested("shop", &[flow(pod("shop", &[("a", "b")]), node(EndpointKind::Node), 6443)]);
    assert!(
        some.yaml.is_empty()
            && some.left_out[0].0 == LeftOut::SomeNode
            && LeftOut::SomeNode.is_missing()
    );
}

/// Labels that no apiserver takes make no YAML.
#[test]
fn hostile_labels_are_left_out() {
    let long = "x".repeat(64);
    for (key, value) in [
        ("a: b", "c"),
        ("a", "b\"]}"),
        (long.as_str(), "a"),
        ("a", long.as_str()),
        ("/a", "b"),
        ("-a", "b"),
        ("A.b/c", "d"),
    ] {
        let found =
            suggested("shop", &[flow(pod("shop", &[(key, value)]), outside("192.0.2.1"), 80)]);
        assert!(found.yaml.is_empty(), "{}", found.yaml);
        assert_eq!(found.left_out[0].0, LeftOut::NoLabels);
    }
}

/// Beyond what is kept: an error, and no half of a suggestion.
#[test]
fn more_needs_than_are_kept_are_refused() {
    let mut suggest = Suggest::new("shop").unwrap();
    let one = |n: u32| {
        let ip = core::net::Ipv4Addr::from(2 * n).to_string();
        flow(outside(&ip), pod("shop", &[("app", "a")]), 80)
    };
    let most = u32::try_from(MAX_NEEDS).unwrap();
    assert!((0..most).all(|n| suggest.add(&one(n), &at(1, 1)).is_ok()));
    assert_eq!(suggest.add(&one(most), &at(1, 1)), Err(TooManyNeeds));
}

/// More peers than one policy takes are several policies, of which each is read.
#[test]
fn many_peers_are_several_policies() {
    let flows: Vec<_> = (0..2500_u32)
        .map(|n| {
            flow(
                outside(&core::net::Ipv4Addr::from(2 * n).to_string()),
                pod("shop", &[("app", "a")]),
                80,
            )
        })
        .collect();
    let found = suggested("shop", &flows);
    let documents = documents(&found.yaml);
    let names: Vec<_> =
        documents.iter().map(|one| one["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["seen-a", "seen-a-2", "seen-a-3"]);
    let all = documents.iter().flat_map(|one| PolicyFile::all(one, "none").unwrap());
    let mut replay = Replay::new(all.collect());
    for flow in &flows {
        replay.add(flow, &at(1, 1));
    }
    assert_eq!(replay.finish().totals().allowed, 2500);
    let ports: Vec<_> = (0..40)
        .map(|n| {
            flow(outside("192.0.2.1"), pod("shop", &[("app", "a".repeat(60).as_str())]), 8000 + n)
        })
        .collect();
    let found = suggested("shop", &ports);
    assert!(
        found.yaml.contains(r#"- {"endPort": 8039, "port": 8000, "protocol": "TCP"}"#),
        "{}",
        found.yaml
    );
    assert!(found.yaml.contains(&format!("name: \"seen-{}\"", "a".repeat(40))), "{}", found.yaml);
}

/// Sets of flows that are held against a brute-force evaluation; 10,000 take a while without optimisation.
fn cases() -> u32 {
    std::env::var("AUDITSEAL_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(300)
}

fn side() -> impl Strategy<Value = Endpoint> {
    let keys = prop::collection::btree_map(
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(vec!["1", "2"]),
        0..3,
    );
    let names = prop::sample::select(vec!["shop", "shop", "lab"]);
    let hash = prop::option::weighted(0.3, prop::sample::select(vec!["x", "y"]));
    let pods = (names, keys, hash).prop_map(|(namespace, keys, hash)| {
        let hash = hash.map(|hash| ("pod-template-hash", hash));
        let pairs: Vec<(&str, &str)> = keys.into_iter().chain(hash).collect();
        pod(namespace, &pairs)
    });
    let addresses = prop::sample::select(vec![
        "192.0.2.4",
        "192.0.2.5",
        "192.0.2.6",
        "198.51.100.1",
        "2001:db8::1",
    ]);
    prop_oneof![3 => pods, 1 => addresses.prop_map(outside)]
}

fn flows() -> impl Strategy<Value = Vec<Flow>> {
    let verdicts =
        prop::sample::select(vec![FlowVerdict::Allowed, FlowVerdict::Allowed, FlowVerdict::Denied]);
    let protocols = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
    let sides = prop::option::weighted(
        0.7,
        prop::sample::select(vec![FlowDirection::Ingress, FlowDirection::Egress]),
    );
    let one = (side(), side(), 80..84_u16, verdicts, protocols, sides);
    let one = one.prop_map(|(source, destination, port, verdict, protocol, direction)| Flow {
        verdict,
        direction,
        protocol,
        ..flow(source, destination, port)
    });
    prop::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Replayed over the flows that it is made of, a suggestion stops none of them; and between all that was seen it lets
    /// through no peer and port that weren't seen. Both by the brute-force evaluation of the YAML, and the replay agrees with it.
    #[test]
    fn a_suggestion_lets_through_what_was_seen_and_no_more(flows in flows()) {
        let found = suggested("shop", &flows);
        let documents = documents(&found.yaml);
        let universe = Universe::of(&flows);
        let policies: Vec<PolicyFile> = documents.iter().flat_map(|one| PolicyFile::all(one, "none").unwrap()).collect();
        let mut replay = Replay::new(policies);
        let left = |why| found.left_out.iter().any(|(one, ..)| *one == why);
        for one in &flows {
            for (way, let_through) in lets(&documents, one).into_iter().enumerate() {
                // A line that doesn't say of which side it is counts for none that stopped it.
                let kept = one.direction.is_none() && left(LeftOut::StoppedHere);
                prop_assert!(!speaks(one, way) || kept || let_through != Some(false), "{:?}\n{}", one, found.yaml);
            }
            let whole = !left(LeftOut::StoppedHere) && !left(LeftOut::OneSide);
            let would = replay.add(one, &at(1, 1));
            prop_assert!(one.verdict == FlowVerdict::Denied || !whole || would != Some(Would::Blocked));
        }
        prop_assert_eq!(replay.clone().finish().totals().unknown, 0);
        for one in universe.all() {
            for (way, let_through) in lets(&documents, &one).into_iter().enumerate() {
                // Where no policy isolates, nothing is let through by any.
                let seen = universe.seen(&one, way);
                prop_assert!(let_through != Some(true) || seen, "{} {:?}\n{}", way, one, found.yaml);
            }
            // And the replay of all that could be is the brute-force evaluation of it.
            let both = lets(&documents, &one);
            let expected = match both {
                _ if both.contains(&Some(false)) => Some(Would::Blocked),
                _ if both.contains(&Some(true)) => Some(Would::Allowed),
                _ => None,
            };
            prop_assert_eq!(replay.add(&one, &at(1, 1)), expected, "{:?}\n{}", one, found.yaml);
        }
    }

    /// The order in which flows are told changes nothing.
    #[test]
    fn the_order_of_flows_changes_nothing(flows in flows()) {
        let mut suggest = Suggest::new("shop").unwrap();
        for (line, flow) in flows.iter().enumerate().rev() {
            suggest.add(flow, &at(1, line as u64 + 1)).unwrap();
        }
        prop_assert_eq!(suggest.finish().yaml, suggested("shop", &flows).yaml);
    }
}
