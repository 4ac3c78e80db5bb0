//! What policies make of flows, and what can't be told.

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
