//! What policies make of flows, and what can't be told.

use auditseal_audit::Time;
use auditseal_flows::FlowDirection;

use super::*;

fn told(policies: Vec<PolicyFile>, flows: &[Flow]) -> (Vec<String>, ReplayTotals) {
    let mut replay = Replay::new(policies);
    for (flow, line) in flows.iter().zip(1..) {
        replay.add(flow, &at(1, line));
    }
    let row = |row: ReplayRow| {
        let stopped = if row.stopped { " (stopped then)" } else { "" };
        let ReplayRow { would, way, subject, peer, port, why, lines, cited, .. } = row;
        format!("{would}{stopped} {lines} {way} {subject} | {peer} | {port} | {why} | {}", cited[0])
    };
    let replay = replay.finish();
    (replay.rows().map(row).collect(), replay.totals())
}

fn db() -> PolicyFile {
    let spaces = json!({"matchLabels": {"team": "shop"}});
    let from =
        json!([{"namespaceSelector": spaces, "podSelector": {"matchLabels": {"app": "web"}}}]);
    let ports = json!([{"port": 5432}]);
    policy(
        "db",
        &json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": from, "ports": ports}]}),
    )
}

/// The sample's story: the policy lets web through to db and would have stopped the probe, which was stopped.
#[test]
fn a_log_with_labels_is_told_whole() {
    let web = policy(
        "web",
        &json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 8080}]}],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]}),
    );
    let (rows, totals) = told(vec![db(), web], &sample("hubble.log", "hubble"));
    assert_eq!(
        rows,
        [
            "blocked 1 ingress shop app=web,tier=front | monitoring app.kubernetes.io/name=prometheus | 9090/TCP | no rule of shop/web | prod/w-1/flows 1:6",
            "blocked 1 egress shop app=web,tier=front | 198.51.100.7 | 443/TCP | no rule of shop/web | prod/w-1/flows 1:8",
            "blocked 1 egress shop app=web,tier=front | kube-system k8s-app=kube-dns | 53/UDP | no rule of shop/web | prod/w-1/flows 1:5",
            "allowed 2 ingress shop app=db | shop app=web,tier=front | 5432/TCP | shop/db | prod/w-1/flows 1:2",
            "allowed 1 ingress shop app=web,tier=front | 203.0.113.9 | 8080/TCP | shop/web | prod/w-1/flows 1:1",
            "blocked (stopped then) 1 ingress shop app=db | lab run=probe | 5432/TCP | no rule of shop/db | prod/w-1/flows 1:7",
        ]
    );
    let expected = ReplayTotals {
        lines: 9,
        answers: 1,
        untouched: 1,
        blocked: 3,
        allowed: 3,
        stopped: 1,
        ..ReplayTotals::default()
    };
    assert_eq!(totals, expected);
}

/// A log of addresses: what is for everybody is known, and nothing else is.
#[test]
fn a_log_of_addresses_is_mostly_unknown() {
    let open = policy(
        "open",
        &json!({"podSelector": {}, "ingress": [{"ports": [{"port": 8080}, {"port": 5432}]}]}),
    );
    let (rows, totals) = told(vec![open], &sample("antrea.log", "antrea"));
    assert_eq!((totals.allowed, totals.unknown, totals.stopped), (2, 0, 3));
    assert!(rows[1].contains("203.0.113.9 | 8080/TCP | shop/open"), "{rows:?}");
    let (rows, totals) = told(vec![db()], &sample("antrea.log", "antrea"));
    assert_eq!((totals.allowed, totals.blocked), (0, 0));
    let why = "the log doesn't tell the pod's label app";
    assert!(rows.iter().all(|row| row.starts_with("unknown")), "{rows:?}");
    assert!(rows[0].contains(why) && rows[1].contains(why), "{rows:?}");
    // Connections whose beginning isn't told: what a policy would stop may be an answer.
    let none = policy("none", &json!({"podSelector": {}}));
    let (rows, _) = told(vec![none], &sample("ovn.log", "ovn"));
    assert!(rows[0].contains("it may be an answer"), "{rows:?}");
    assert!(rows.iter().any(|row| row.starts_with("blocked (stopped then)")), "{rows:?}");
}

/// kubernetes.io, "Network Policies": a pod can't block access to itself, nor its node access to it.
#[test]
fn what_always_passes_is_not_blocked() {
    let none = || vec![policy("none", &json!({"podSelector": {}}))];
    let web = || pod("shop", &[("app", "web")]);
    let of = |flow: Flow| told(none(), &[flow]).1;
    let named = |name: &str| Endpoint { pod: Some(name.to_owned()), ip: None, ..web() };
    assert_eq!(of(flow(web(), web(), 80)).untouched, 1, "one address");
    assert_eq!(of(flow(named("a"), named("a"), 80)).untouched, 1, "one name");
    assert_eq!(of(flow(named("a"), named("b"), 80)).blocked, 1);
    assert_eq!(of(flow(named("a-*"), named("a-*"), 80)).unknown, 1, "a name of several");
    let other = Endpoint { ip: None, ..pod("shop", &[("app", "db")]) };
    assert_eq!(of(flow(named("a-*"), other, 80)).blocked, 1);
    let node = |kind| flow(Endpoint { kind, ..outside("10.0.0.1") }, web(), 80);
    assert_eq!(of(node(EndpointKind::OwnNode)).untouched, 1);
    assert_eq!(of(node(EndpointKind::OtherNode)).blocked, 1);
    assert_eq!(of(node(EndpointKind::Node)).unknown, 1, "perhaps the pod's own");
    let stopped = Flow { verdict: FlowVerdict::Denied, ..node(EndpointKind::Node) };
    assert_eq!(of(stopped).stopped, 1);
}

#[test]
fn each_doubt_has_its_reason() {
    let subject = || pod("shop", &[("app", "db")]);
    let one = |rule: Value| policy("p", &json!({"podSelector": {}, "ingress": [rule]}));
    let of = |rule: Value, flow: &Flow| {
        let (rows, totals) = told(vec![one(rule)], std::slice::from_ref(flow));
        assert_eq!(totals.lines, 1);
        rows.first().map_or_else(
            || "untouched".to_owned(),
            |row| row.split(" | ").nth(3).unwrap().to_owned(),
        )
    };
    let web = |port| flow(pod("shop", &[("app", "web")]), subject(), port);
    let block = json!({"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]});
    assert_eq!(of(block.clone(), &web(1)), "a block holds a pod's address: plugins differ");
    let mut node = web(1);
    node.source.kind = EndpointKind::Node;
    assert_eq!(of(block.clone(), &node), "a block holds a node's address: plugins differ");
    node.source.kind = EndpointKind::OwnNode;
    assert_eq!(of(block.clone(), &node), "untouched");
    node.source.kind = EndpointKind::Unknown;
    assert_eq!(of(block.clone(), &node), "the log has an address alone, and a pod may have it");
    node.source.ip = Some("10.2.0.1".parse().unwrap());
    assert_eq!(
        of(block.clone(), &node),
        "no rule of shop/p",
        "neither a pod nor an address there is in it"
    );
    node.source.kind = EndpointKind::Outside;
    node.source.ip = None;
    assert_eq!(of(block, &node), "the log has no address");
    assert_eq!(
        of(json!({"ports": [{"port": "http"}]}), &web(80)),
        "a rule's port has a name, whose number the pod says"
    );
    let mut silent = web(80);
    silent.port = None;
    assert_eq!(of(json!({"ports": [{"port": 80}]}), &silent), "the log has no port");
    assert_eq!(of(json!({}), &silent), "shop/p");
    let icmp = Flow { protocol: Protocol::Icmp, ..silent };
    assert_eq!(of(json!({}), &icmp), "NetworkPolicies say nothing of this protocol");
    let space = json!({"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]});
    assert_eq!(of(space, &web(1)), "the log doesn't tell the namespace's label team");
    let mut unlabelled = web(1);
    unlabelled.destination.labels = LabelSet::default();
    let (rows, _) = told(vec![db()], std::slice::from_ref(&unlabelled));
    assert!(rows[0].contains("the log doesn't tell the pod's label app"), "{rows:?}");
    unlabelled.destination.namespace = Some("lab".to_owned());
    assert_eq!(told(vec![db()], std::slice::from_ref(&unlabelled)).1.untouched, 1);
}

/// Of two policies that may be for a pod, it passes only if whichever is lets it.
#[test]
fn policies_that_may_be_for_a_pod_are_weighed_together() {
    let subject = Endpoint { labels: LabelSet::default(), ..pod("shop", &[]) };
    let seen = flow(pod("shop", &[("app", "web")]), subject, 80);
    let of = |app: &str, port: u16| {
        policy(
            app,
            &json!({"podSelector": {"matchLabels": {"app": app}}, "ingress": [{"ports": [{"port": port}]}]}),
        )
    };
    assert_eq!(told(vec![of("a", 80), of("b", 80)], std::slice::from_ref(&seen)).1.allowed, 1);
    assert_eq!(told(vec![of("a", 80), of("b", 81)], std::slice::from_ref(&seen)).1.unknown, 1);
    let all = policy("all", &json!({"podSelector": {}}));
    assert_eq!(told(vec![all.clone(), of("b", 81)], std::slice::from_ref(&seen)).1.blocked, 1);
    assert_eq!(told(vec![all, of("b", 80)], &[seen]).1.unknown, 1);
}

/// Ten times as many rows as are kept: all lines are counted.
#[test]
fn of_more_rows_than_are_kept_the_lines_are_counted() {
    let mut replay = Replay::new(vec![policy("p", &json!({"podSelector": {}}))]);
    let many = u32::try_from(2 * MAX_ROWS).unwrap();
    for n in 0..many {
        let ip = core::net::Ipv4Addr::from(n).to_string();
        replay.add(&flow(outside(&ip), pod("shop", &[]), 80), &at(1, u64::from(n)));
    }
    let replay = replay.finish();
    assert_eq!(replay.rows().count(), MAX_ROWS);
    assert_eq!(replay.totals().unlisted, u64::from(many) - MAX_ROWS as u64);
    assert_eq!(replay.totals().blocked, u64::from(many));
    let names: Vec<_> =
        (0..10).map(|n| policy(&format!("p{n}"), &json!({"podSelector": {}}))).collect();
    let (rows, _) = told(names, &[flow(outside("192.0.2.1"), pod("shop", &[]), 80)]);
    assert!(rows[0].contains("no rule of shop/p0, shop/p1, shop/p2 and 7 more"), "{rows:?}");
}

#[test]
fn what_is_no_policy_is_refused_by_its_name() {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
    let refused = PolicyFile::all(&object, "shop").unwrap_err().to_string();
    assert_eq!(refused, "shop/x: it is no NetworkPolicy of networking.k8s.io");
    let list = json!({"items": [object]});
    assert!(PolicyFile::all(&list, "shop").is_err());
    let broken = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a\u{1b}b"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}});
    let refused = PolicyFile::all(&broken, "shop").unwrap_err().to_string();
    assert!(
        refused.starts_with("shop/a\\u{1b}b: ") && refused.contains("no block of addresses"),
        "{refused}"
    );
}

/// A connection that one node let out and the other stopped, as both nodes' lines tell it.
fn halves(seconds: [i64; 2], ways: [FlowDirection; 2], verdicts: [FlowVerdict; 2]) -> [Flow; 2] {
    [0, 1].map(|at| Flow {
        time: Some(Time::from_micros(seconds[at] * 1_000_000)),
        source_port: Some(40_000),
        direction: Some(ways[at]),
        verdict: verdicts[at],
        ..flow(pod("shop", &[("app", "web")]), pod("shop", &[("app", "db")]), 5432)
    })
}

#[test]
fn what_the_other_side_stopped_did_not_pass() {
    use FlowDirection::{Egress, Ingress};
    use FlowVerdict::{Allowed, Denied, Unknown};
    let ways = [Egress, Ingress];
    let shut = || vec![policy("none", &json!({"podSelector": {"matchLabels": {"app": "db"}}}))];
    let of = |flows: &[Flow]| {
        let (rows, totals) = told(shut(), flows);
        (rows.len(), totals.blocked, totals.stopped, totals.halves)
    };
    let whole = halves([1, 2], ways, [Allowed, Denied]);
    assert_eq!(of(&whole), (1, 0, 1, 1), "one connection, stopped then");
    let turned = halves([2, 1], [Ingress, Egress], [Denied, Allowed]);
    assert_eq!(of(&turned), (1, 0, 1, 1), "in whichever order the nodes' lines come");
    let (rows, _) = told(shut(), &whole);
    assert!(rows[0].starts_with("blocked (stopped then) 1 ingress"), "{rows:?}");
    // Each packet that was sent again.
    let again: Vec<Flow> =
        (0..5).flat_map(|n| halves([10 * n, 10 * n + 1], ways, [Allowed, Denied])).collect();
    assert_eq!(of(&again), (1, 0, 5, 5));
    for (apart, why) in [
        (halves([1, 2], ways, [Allowed, Allowed]), "both let it through"),
        (halves([1, 200], ways, [Allowed, Denied]), "a port may be given again"),
        (halves([1, 2], [Ingress, Ingress], [Allowed, Denied]), "two lines of one side"),
        (halves([1, 2], ways, [Allowed, Unknown]), "what became of it isn't told"),
    ] {
        assert_eq!(told(shut(), &apart).1.halves, 0, "{why}");
    }
    let without = |change: fn(&mut Flow)| {
        let mut flows = halves([1, 2], ways, [Allowed, Denied]);
        flows.iter_mut().for_each(change);
        of(&flows)
    };
    for change in [
        |flow: &mut Flow| flow.source_port = None,
        |flow: &mut Flow| flow.time = None,
        |flow: &mut Flow| flow.direction = None,
        |flow: &mut Flow| flow.source.ip = None,
    ] {
        assert_eq!(without(change), (2, 1, 1, 0), "no half of anything");
    }
    // What the other side let through first, and stopped later, did pass.
    let [mut out, cut] = halves([1, 30], ways, [Allowed, Denied]);
    let through = Flow { direction: Some(Ingress), time: out.time, ..out.clone() };
    assert_eq!(of(&[out.clone(), through, cut.clone()]), (2, 2, 1, 0));
    out.source_port = Some(40_001);
    assert_eq!(of(&[out, cut]).3, 0, "another connection");
}

/// Ten times as many lines as wait, all of one moment: none is lost, and none is counted twice.
#[test]
fn of_more_lines_than_wait_the_oldest_count_as_they_are() {
    use FlowDirection::{Egress, Ingress};
    use FlowVerdict::{Allowed, Denied};
    let mut replay = Replay::new(vec![policy("none", &json!({"podSelector": {}}))]);
    let many = 10 * MAX_WAITING as u64;
    let [out, stopped] = halves([1, 1], [Egress, Ingress], [Allowed, Denied]);
    for n in 0..many {
        let ip = core::net::Ipv4Addr::from(u32::try_from(n).unwrap());
        replay.add(&Flow { source: outside(&ip.to_string()), ..out.clone() }, &at(1, n));
    }
    let last = core::net::Ipv4Addr::from(u32::try_from(many - 1).unwrap());
    replay.add(&Flow { source: outside(&last.to_string()), ..stopped }, &at(2, 1));
    let totals = replay.finish().totals();
    assert_eq!(
        (totals.lines, totals.blocked, totals.stopped, totals.halves),
        (many + 1, many - 1, 1, 1)
    );
}
