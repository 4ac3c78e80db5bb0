use super::policy::Lane;
use super::*;
use core::net::IpAddr;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn policy(spec: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "shop"}, "spec": spec})
}

fn words(before: Value, after: Value) -> Vec<String> {
    network_policy(Some(&policy(before)), Some(&policy(after))).unwrap()
}

fn db(from: Value, ports: Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": from, "ports": ports}]})
}

/// Pairs of policies, and the sentence that a person should read.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of pairs")]
fn pairs_are_told_as_a_person_would() {
    let web = json!([{"podSelector": {"matchLabels": {"app": "web"}}}]);
    let pg = json!([{"port": 5432}]);
    for (before, after, sentences) in [
        (
            db(web.clone(), pg.clone()),
            db(json!([{"namespaceSelector": {}}]), pg.clone()),
            &[
                "opened: any pod in any namespace → port 5432 of pods with app=db (a part of it was open before)",
            ][..],
        ),
        (
            db(json!([{"namespaceSelector": {"matchLabels": {"team": "a"}}}]), pg.clone()),
            db(
                json!([{"namespaceSelector": {"matchLabels": {"team": "a"}}}, {"namespaceSelector": {"matchLabels": {"team": "b"}}}]),
                pg.clone(),
            ),
            &["opened: any pod in namespaces with team=b → port 5432 of pods with app=db"],
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 5432}]}]}),
            &["opened: any pod in any namespace → port 5432"],
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}),
            &["opened: anyone → all ports"],
        ),
        (
            db(web.clone(), pg.clone()),
            db(json!([]), pg.clone()),
            &["opened: anyone → port 5432 of pods with app=db (a part of it was open before)"],
        ),
        (
            db(web.clone(), json!([{"port": 5432}, {"port": 9187}])),
            db(web.clone(), pg.clone()),
            &["closed: pods with app=web in namespace shop → port 9187 of pods with app=db"],
        ),
        (
            db(web.clone(), pg.clone()),
            db(web.clone(), json!([{"port": 5432, "endPort": 5440}])),
            &["opened: pods with app=web in namespace shop → ports 5433-5440 of pods with app=db"],
        ),
        (
            db(json!([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]}}]), pg.clone()),
            db(json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]), pg.clone()),
            &["opened: 10.9.0.0/16 → port 5432 of pods with app=db"],
        ),
        (
            db(json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]), pg.clone()),
            db(json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}]), pg.clone()),
            &["opened: 0.0.0.0/0 but 10.0.0.0/8 → port 5432 of pods with app=db"],
        ),
        (
            json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]}),
            json!({"podSelector": {"matchLabels": {"app": "db", "tier": "x"}}, "policyTypes": ["Ingress"]}),
            &[
                "no longer isolated: what comes in to pods with app=db and tier≠x, but by other policies",
            ],
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
            &["no longer isolated: what goes out of all pods, but by other policies"],
        ),
        (
            json!({"podSelector": {}}),
            json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}]}),
            &[
                "isolated: what goes out of all pods, but for what policies allow",
                "allowed: all pods → port 443 of 0.0.0.0/0",
            ],
        ),
        // The same in other words.
        (json!({"podSelector": {}}), json!({"policyTypes": ["Ingress"], "ingress": []}), &[]),
        (
            db(web.clone(), pg.clone()),
            db(
                json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                    "podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}]),
                json!([{"port": 5432, "protocol": "TCP"}]),
            ),
            &[],
        ),
        (
            db(web.clone(), json!([{"port": 80, "endPort": 90}])),
            db(web, json!([{"port": 80, "endPort": 85}, {"port": 84, "endPort": 90}])),
            &[],
        ),
        // All ports of all protocols that have some aren't all that a rule without ports lets through.
        (
            db(json!([]), json!([])),
            db(json!([]), json!([{"protocol": "TCP"}, {"protocol": "UDP"}, {"protocol": "SCTP"}])),
            &["closed: anyone → other protocols (plugins differ) of pods with app=db"],
        ),
    ] {
        assert_eq!(words(before.clone(), after.clone()), sentences, "{before}\n{after}");
    }
    let created = network_policy(None, Some(&policy(db(json!([{"podSelector": {}}]), json!([])))));
    assert_eq!(
        created.unwrap(),
        [
            "isolated: what comes in to pods with app=db, but for what policies allow",
            "allowed: any pod in namespace shop → all ports of pods with app=db"
        ]
    );
    let deleted = network_policy(Some(&policy(json!({"podSelector": {}}))), None);
    assert_eq!(
        deleted.unwrap(),
        ["no longer isolated: what comes in to all pods, but by other policies"]
    );
}

#[test]
fn what_is_no_policy_or_too_large_is_said() {
    let refused = |spec: Value| network_policy(Some(&policy(spec)), None).unwrap_err();
    assert_eq!(
        refused(db(json!([{"ipBlock": {"cidr": "x"}}]), json!([]))),
        Unclear::Block("x".into())
    );
    for spec in [
        db(json!([{}]), json!([])),
        db(json!(7), json!([])),
        db(json!([{"podSelector": 7}]), json!([])),
        db(
            json!([{"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}]),
            json!([]),
        ),
        db(json!([{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]), json!([])),
    ] {
        assert!(matches!(refused(spec), Unclear::Form(_)));
    }
    let ports: Vec<_> = (0..=MAX_LISTED).map(|n| json!({"port": n + 1})).collect();
    assert_eq!(refused(db(json!([]), json!(ports))), Unclear::Large);
    let values: Vec<_> = (0..=MAX_REQUIREMENTS).map(|n| n.to_string()).collect();
    let wide = json!([{"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": values}]}}]);
    assert_eq!(refused(db(wide, json!([]))), Unclear::Large);
    let one = |n: usize| json!({"podSelector": {"matchLabels": {"a": n.to_string()}}});
    let peers: Vec<_> = (0..700).map(one).collect();
    let rules: Vec<_> = (0..3).map(|_| json!({"from": peers})).collect();
    let lanes = json!({"podSelector": {}, "ingress": rules});
    assert!(700 * 3 > MAX_LANES && refused(lanes) == Unclear::Large);
}

// A model of what a policy means, in the plainest way: point by point, over a small universe.

type Pod = BTreeMap<String, String>;

#[derive(Debug, Clone)]
enum Peer {
    Pod(Pod, Pod),
    Address(IpAddr),
}

#[derive(Debug, Clone)]
struct Point {
    direction: Direction,
    pod: Pod,
    peer: Peer,
    protocol: &'static str,
    port: Result<u16, &'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Nothing,
    Yes,
    No,
}

fn selects(selector: &Value, labels: &Pod) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(k, v)| labels.get(k).map(String::as_str) == v.as_str());
    let mut more = selector["matchExpressions"].as_array().into_iter().flatten().map(|one| {
        let value = labels.get(one["key"].as_str().unwrap());
        let listed = |v: &String| one["values"].as_array().unwrap().contains(&json!(v));
        match one["operator"].as_str().unwrap() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            _ => value.is_none(),
        }
    });
    equal.all(|fits| fits) && more.all(|fits| fits)
}

fn inside(cidr: &str, address: IpAddr) -> bool {
    let (base, bits) = cidr.split_once('/').unwrap();
    let number = |address: IpAddr| match address {
        IpAddr::V4(a) => (32, u128::from(u32::from(a))),
        IpAddr::V6(a) => (128, u128::from(a)),
    };
    let ((width, base), (other, address)) = (number(base.parse().unwrap()), number(address));
    let drop = width - bits.parse::<u32>().unwrap();
    width == other && base.checked_shr(drop).unwrap_or(0) == address.checked_shr(drop).unwrap_or(0)
}

fn model(spec: Option<&Value>, at: &Point) -> Say {
    let Some(spec) = spec else { return Say::Nothing };
    if !selects(&spec["podSelector"], &at.pod) {
        return Say::Nothing;
    }
    let (kind, rules, side) = match at.direction {
        Direction::Ingress => ("Ingress", "ingress", "from"),
        Direction::Egress => ("Egress", "egress", "to"),
    };
    let types = match spec["policyTypes"].as_array() {
        Some(types) if !types.is_empty() => types.contains(&json!(kind)),
        _ => kind == "Ingress" || spec["egress"].as_array().is_some_and(|rules| !rules.is_empty()),
    };
    if !types {
        return Say::Nothing;
    }
    let passes = spec[rules].as_array().into_iter().flatten().any(|rule| {
        let peers = rule[side].as_array().filter(|peers| !peers.is_empty());
        let ports = rule["ports"].as_array().filter(|ports| !ports.is_empty());
        let peer = peers.is_none_or(|peers| peers.iter().any(|peer| is_peer(peer, &at.peer)));
        peer && ports.is_none_or(|ports| ports.iter().any(|port| is_port(port, at)))
    });
    if passes { Say::Yes } else { Say::No }
}

fn is_peer(peer: &Value, of: &Peer) -> bool {
    match of {
        Peer::Address(address) => {
            let block = &peer["ipBlock"];
            let mut except = block["except"].as_array().into_iter().flatten();
            block["cidr"].as_str().is_some_and(|cidr| inside(cidr, *address))
                && !except.any(|cidr| inside(cidr.as_str().unwrap(), *address))
        }
        Peer::Pod(namespace, pod) => {
            let (spaces, pods) = (&peer["namespaceSelector"], &peer["podSelector"]);
            let here = namespace[NAMESPACE] == "shop";
            let space = if spaces.is_null() { here } else { selects(spaces, namespace) };
            (!spaces.is_null() || !pods.is_null())
                && space
                && (pods.is_null() || selects(pods, pod))
        }
    }
}

fn is_port(port: &Value, at: &Point) -> bool {
    if port["protocol"].as_str().unwrap_or("TCP") != at.protocol {
        return false;
    }
    match (&port["port"], at.port) {
        (Value::Null, _) => true,
        (Value::String(name), of) => of == Err(name.as_str()),
        (from, Ok(number)) => {
            let from = from.as_u64().unwrap();
            (from..=port["endPort"].as_u64().unwrap_or(from)).contains(&u64::from(number))
        }
        (_, Err(_)) => false,
    }
}

/// What the findings say of a point: before and after.
fn seen(found: &[Finding], at: &Point) -> Vec<&'static str> {
    let lane = |lane: &Lane| {
        let peer = match (&lane.peers, &at.peer) {
            (Peers::Addresses(addresses), Peer::Address(address)) => addresses.holds(*address),
            (Peers::Pods { namespaces, pods }, Peer::Pod(namespace, pod)) => {
                namespaces.holds(namespace) && pods.holds(pod)
            }
            _ => false,
        };
        let ports = lane.ports.holds(at.protocol, at.port);
        lane.direction == at.direction && lane.pods.holds(&at.pod) && peer && ports
    };
    let group =
        |direction: &Direction, pods: &Labels| *direction == at.direction && pods.holds(&at.pod);
    let mut words: Vec<_> = found
        .iter()
        .filter_map(|finding| match finding {
            Finding::Opened(of) if lane(&of.part) => Some("opened"),
            Finding::Closed(of) if lane(&of.part) => Some("closed"),
            Finding::LetsThrough(of) if lane(of) => Some("lets"),
            Finding::Isolated(direction, pods) if group(direction, pods) => Some("isolated"),
            Finding::Released(direction, pods) if group(direction, pods) => Some("released"),
            _ => None,
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn truth(before: Say, after: Say) -> Vec<&'static str> {
    match (before, after) {
        (Say::No, Say::Yes) => vec!["opened"],
        (Say::Yes, Say::No) => vec!["closed"],
        (Say::Nothing, Say::Yes) => vec!["isolated", "lets"],
        (Say::Nothing, Say::No) => vec!["isolated"],
        (Say::Yes | Say::No, Say::Nothing) => vec!["released"],
        _ => vec![],
    }
}

fn universe() -> Vec<Point> {
    let pod = |pairs: &[(&str, &str)]| -> Pod {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let pods = [
        &[][..],
        &[("a", "1")],
        &[("a", "2")],
        &[("a", "3")],
        &[("a", "1"), ("b", "1")],
        &[("b", "2")],
    ];
    let spaces = [
        pod(&[(NAMESPACE, "shop"), ("t", "1")]),
        pod(&[(NAMESPACE, "other")]),
        pod(&[(NAMESPACE, "third"), ("t", "1")]),
    ];
    let mut peers: Vec<Peer> = Vec::new();
    for space in &spaces {
        peers.extend(pods.iter().map(|labels| Peer::Pod(space.clone(), pod(labels))));
    }
    let addresses =
        ["10.0.0.1", "10.1.0.1", "10.1.2.3", "8.8.8.8", "255.255.255.255", "::1", "2001:db8::1"];
    peers.extend(addresses.map(|text| Peer::Address(text.parse().unwrap())));
    let ports = [
        ("TCP", Ok(1)),
        ("TCP", Ok(80)),
        ("TCP", Ok(81)),
        ("TCP", Ok(90)),
        ("TCP", Ok(65535)),
        ("TCP", Err("http")),
        ("TCP", Err("else")),
        ("UDP", Ok(80)),
        ("UDP", Err("http")),
        ("SCTP", Ok(80)),
        ("ICMP", Ok(1)),
    ];
    let mut points = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        for labels in pods {
            for peer in &peers {
                for (protocol, port) in ports {
                    let (pod, peer) = (pod(labels), peer.clone());
                    points.push(Point { direction, pod, peer, protocol, port });
                }
            }
        }
    }
    points
}

fn selector() -> impl Strategy<Value = Value> {
    let values = || prop::sample::subsequence(vec!["1", "2", "3"], 1..3);
    let key = || prop::sample::select(vec!["a", "b"]);
    prop_oneof![
        2 => Just(json!({})),
        2 => (key(), prop::sample::select(vec!["1", "2"])).prop_map(|(k, v)| json!({"matchLabels": {k: v}})),
        1 => (key(), values(), prop::sample::select(vec!["In", "NotIn"])).prop_map(|(key, values, operator)| {
            json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
        }),
        1 => (key(), prop::sample::select(vec!["Exists", "DoesNotExist"])).prop_map(|(key, operator)| {
            json!({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": key, "operator": operator}]})
        }),
    ]
}

fn spaces() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        Just(json!({"matchLabels": {"t": "1"}})),
        Just(json!({"matchLabels": {NAMESPACE: "shop"}})),
        Just(
            json!({"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": ["other"]}]})
        ),
    ]
}

fn peer() -> impl Strategy<Value = Value> {
    let blocks =
        vec!["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "::/0", "2001:db8::/32"];
    let block = (
        prop::sample::select(blocks),
        prop::sample::subsequence(vec!["10.1.0.0/16", "10.1.2.3/32"], 0..3),
    );
    prop_oneof![
        selector().prop_map(|pods| json!({"podSelector": pods})),
        spaces().prop_map(|spaces| json!({"namespaceSelector": spaces})),
        (spaces(), selector()).prop_map(|(s, p)| json!({"namespaceSelector": s, "podSelector": p})),
        block.prop_map(|(cidr, except)| json!({"ipBlock": {"cidr": cidr, "except": except}})),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({"port": 80}),
        json!({"port": 80, "endPort": 90}),
        json!({"port": 81, "protocol": "TCP"}),
        json!({"port": "http"}),
        json!({"protocol": "UDP"}),
        json!({"port": 80, "protocol": "UDP"}),
        json!({"port": 1, "endPort": 65535}),
        json!({"protocol": "SCTP", "port": 80}),
        json!({"protocol": "SCTP"}),
        json!({"port": "http", "protocol": "UDP"}),
    ])
}

fn rules(side: &'static str) -> impl Strategy<Value = Value> {
    let some = prop::collection::vec(peer(), 0..3);
    let rule = (
        prop::option::weighted(0.8, some),
        prop::option::weighted(0.8, prop::collection::vec(port(), 0..3)),
    );
    let rule = rule.prop_map(move |(peers, ports)| {
        let mut rule = json!({});
        peers.into_iter().for_each(|peers| rule[side] = json!(peers));
        ports.into_iter().for_each(|ports| rule["ports"] = json!(ports));
        rule
    });
    prop::collection::vec(rule, 0..3).prop_map(|rules| json!(rules))
}

fn spec() -> impl Strategy<Value = Value> {
    let types = vec![
        json!(null),
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ];
    let parts = (
        selector(),
        prop::sample::select(types),
        prop::option::weighted(0.8, rules("from")),
        prop::option::weighted(0.6, rules("to")),
    );
    parts.prop_map(|(pods, types, ingress, egress)| {
        let mut spec = json!({"podSelector": pods});
        if !types.is_null() {
            spec["policyTypes"] = types;
        }
        ingress.into_iter().for_each(|rules| spec["ingress"] = rules);
        egress.into_iter().for_each(|rules| spec["egress"] = rules);
        spec
    })
}

/// Two policies: unrelated ones, or one that was changed a little.
fn pair() -> impl Strategy<Value = (Option<Value>, Option<Value>)> {
    let changed = (spec(), spec(), 0..5_usize).prop_map(|(one, other, part)| {
        let mut after = one.clone();
        let name = ["podSelector", "policyTypes", "ingress", "egress", "none"][part];
        if let Some(value) = other.get(name) {
            after[name] = value.clone();
        }
        (Some(one), Some(after))
    });
    prop_oneof![
        3 => changed,
        3 => (spec(), spec()).prop_map(|(one, other)| (Some(one), Some(other))),
        1 => spec().prop_map(|one| (Some(one), None)),
    ]
}

/// Pairs of policies that are held against the model; 10,000 take minutes without optimisation.
fn pairs() -> u32 {
    std::env::var("AUDITSEAL_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: pairs(), ..ProptestConfig::default() })]

    /// Both directions: what the model sees differ is told, and what is told the model sees.
    #[test]
    fn words_say_what_the_model_sees((before, after) in pair()) {
        thread_local! {
            static POINTS: Vec<Point> = universe();
        }
        let read = |spec: &Option<Value>| spec.as_ref().map(|spec| Meaning::read(&policy(spec.clone())).unwrap());
        let (old, new) = (read(&before), read(&after));
        for (old, new, before, after) in [(&old, &new, &before, &after), (&new, &old, &after, &before)] {
            let found = compare(old.as_ref(), new.as_ref()).unwrap();
            prop_assert_eq!(found.is_empty(), said(&found).is_empty());
            POINTS.with(|points| {
                for at in points {
                    let real = truth(model(before.as_ref(), at), model(after.as_ref(), at));
                    prop_assert_eq!(seen(&found, at), real, "{:?}\n{:?}\n{:?}\n{:?}", at, before, after, said(&found));
                }
                Ok(())
            })?;
        }
    }

    /// What the sentences are made of is still what was found.
    #[test]
    fn joining_lanes_changes_nothing((before, after) in pair()) {
        let read = |spec: &Option<Value>| spec.as_ref().map(|spec| Meaning::read(&policy(spec.clone())).unwrap());
        let found = compare(read(&before).as_ref(), read(&after).as_ref()).unwrap();
        let parts: Vec<Part> = found.iter().filter_map(|f| match f { Finding::Opened(part) => Some(part.clone()), _ => None }).collect();
        let whole = |part: &Part| (part.part.clone(), false);
        let groups = joined(parts.iter().map(whole).collect());
        let again: Vec<Finding> = groups.into_iter().flat_map(|Group { lane, peers, .. }| {
            peers.into_iter().map(move |peers| {
                let part = Lane { peers, ..lane.clone() };
                Finding::Opened(Part { whole: part.clone(), part })
            })
        }).collect();
        let opened: Vec<Finding> = parts.into_iter().map(Finding::Opened).collect();
        for at in universe().iter().step_by(37) {
            prop_assert_eq!(seen(&opened, at), seen(&again, at));
        }
    }
}
