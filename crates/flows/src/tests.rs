#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use auditseal_audit::{Time, TimeField};
use proptest::prelude::*;

use super::*;

fn sample(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/flows/");
    std::fs::read_to_string(format!("{path}{name}")).unwrap()
}

fn format(text: &str) -> LogFormat {
    text.parse().unwrap()
}

/// A flow in one line, as short as it can be told.
fn told(line: &str, format: LogFormat) -> String {
    let flow = match read(line.as_bytes(), format) {
        Ok(flow) => flow,
        Err(why) => return why.to_string(),
    };
    let side = |of: &Endpoint| format!("{}({})", of.name(), of.kind.word());
    let port = |port: Option<u16>| port.map_or_else(String::new, |port| format!(":{port}"));
    let direction = flow.direction.map_or("?", FlowDirection::word);
    let reply = if flow.reply == Some(true) { " reply" } else { "" };
    let (from, to) = (side(&flow.source), side(&flow.destination));
    let (to_port, policies) = (port(flow.port), flow.policies.join(" "));
    let (verdict, protocol) = (flow.verdict.word(), flow.protocol);
    format!("{verdict} {direction} {protocol} {from} > {to}{to_port} [{policies}]{reply}")
}

fn all(name: &str, of: &str) -> Vec<String> {
    let (text, of) = (sample(name), format(of));
    for line in text.lines() {
        let times = of.times();
        assert_eq!(LogFormat::of(line.as_bytes(), times), of, "{line}");
        let seen = auditseal_audit_time(line, times);
        if let (Ok(flow), Some(certain)) = (read(line.as_bytes(), of), seen) {
            assert_eq!(flow.time, Some(certain), "the seal and the flow tell one time: {line}");
        }
    }
    text.lines().map(|line| told(line, of)).collect()
}

/// The certain time of a line, as a seal has it.
fn auditseal_audit_time(line: &str, field: TimeField) -> Option<Time> {
    let mut finder = auditseal_audit::TimeFinder::new(field);
    finder.take(line.as_bytes());
    finder.end()
}

#[test]
fn hubble() {
    assert_eq!(
        all("hubble.log", "hubble"),
        [
            "allowed ingress TCP 203.0.113.9(outside) > shop/web-6c9d8b7f5-x2x7k(pod):8080 []",
            "allowed egress TCP shop/web-6c9d8b7f5-x2x7k(pod) > shop/db-0(pod):5432 []",
            "allowed ingress TCP shop/web-6c9d8b7f5-x2x7k(pod) > shop/db-0(pod):5432 [shop/db]",
            "allowed ingress TCP shop/db-0(pod) > shop/web-6c9d8b7f5-x2x7k(pod):41022 [] reply",
            "allowed egress UDP shop/web-6c9d8b7f5-x2x7k(pod) > kube-system/coredns-5d78c9869d-4gq8t(pod):53 []",
            "allowed ingress TCP monitoring/prometheus-0(pod) > shop/web-6c9d8b7f5-x2x7k(pod):9090 []",
            "denied ingress TCP lab/probe(pod) > shop/db-0(pod):5432 []",
            "allowed egress TCP shop/web-6c9d8b7f5-x2x7k(pod) > 198.51.100.7(outside):443 []",
            "allowed ingress TCP 10.244.1.1(own-node) > shop/web-6c9d8b7f5-x2x7k(pod):8080 []",
            "not a flow: the log's own note, lost_events",
        ]
    );
    let first = sample("hubble.log");
    let flow = read(first.lines().next().unwrap().as_bytes(), LogFormat::Hubble).unwrap();
    let labels = &flow.destination.labels;
    assert_eq!(labels.get("app"), LabelValue::Is("web"));
    assert_eq!(labels.get("role"), LabelValue::Absent);
    assert_eq!(labels.get("app.kubernetes.io/name"), LabelValue::Absent);
    assert_eq!(labels.get("pod-template-hash"), LabelValue::Unknown);
    assert_eq!(labels.get("topology.kubernetes.io/zone"), LabelValue::Unknown);
    assert_eq!(flow.destination.namespace_labels.get("team"), LabelValue::Is("shop"));
    assert!(flow.source.labels.is_unknown());
    assert!(labels.listed().keys().all(|key| !key.starts_with("io.")), "{labels:?}");
}

#[test]
fn antrea() {
    assert_eq!(
        all("antrea.log", "antrea"),
        [
            "allowed ingress TCP 203.0.113.9(unknown) > shop/web-6c9d8b7f5-x2x7k(pod):8080 [shop/web-in]",
            "allowed ingress TCP 10.10.1.11(unknown) > shop/db-0(pod):5432 [shop/db]",
            "denied ingress TCP 10.10.4.40(unknown) > shop/db-0(pod):5432 []",
            "denied egress TCP shop/web-6c9d8b7f5-x2x7k(pod) > 198.51.100.7(unknown):25 [no-smtp]",
            "denied ingress ICMP 10.10.4.40(unknown) > shop/db-0(pod) []",
        ]
    );
}

#[test]
fn calico() {
    assert_eq!(
        all("calico.log", "calico"),
        [
            "allowed ingress TCP 203.0.113.9(outside) > shop/web-6c9d8b7f5-x2x7k(pod):8080 [shop/knp.default.web]",
            "allowed ingress TCP shop/web-6c9d8b7f5-x2x7k(pod) > shop/db-0(pod):5432 [shop/knp.default.db]",
            "denied ingress TCP lab/?(pod) > shop/db-0(pod):5432 [shop/knp.default.db]",
            "allowed egress TCP shop/web-6c9d8b7f5-x2x7k(pod) > 198.51.100.7(outside):443 [__PROFILE__.kns.shop]",
            "allowed egress ICMP shop/web-6c9d8b7f5-x2x7k(pod) > shop/db-0(pod) [__PROFILE__.kns.shop]",
        ]
    );
    let text = sample("calico.log");
    let summed = read(text.lines().nth(2).unwrap().as_bytes(), LogFormat::Calico).unwrap();
    assert_eq!(summed.source.labels.get("run"), LabelValue::Is("probe"));
    assert_eq!(summed.source.labels.get("app"), LabelValue::Unknown, "pods are summed up");
    assert_eq!(summed.destination.labels.get("run"), LabelValue::Absent);
    assert_eq!(summed.time.unwrap().to_string(), "2026-11-29T10:00:00.000000Z");
}

#[test]
fn ovn() {
    assert_eq!(
        all("ovn.log", "ovn"),
        [
            "allowed ingress TCP 203.0.113.9(unknown) > shop/10.129.2.11(pod):8080 [shop/web]",
            "allowed ingress TCP 10.129.2.11(unknown) > shop/10.129.2.21(pod):5432 [shop/db]",
            "denied ingress TCP 10.129.4.40(unknown) > shop/10.129.2.21(pod):5432 []",
            "denied egress UDP shop/10.129.2.11(pod) > 10.129.3.3(unknown):53 []",
            "denied ingress ICMP 10.129.4.40(unknown) > shop/10.129.2.21(pod) []",
            "denied ingress TCP 2001:db8::40(unknown) > shop/2001:db8::21(pod):5432 []",
        ]
    );
    // As OpenShift 4.9 wrote it, without a direction.
    let old = r#"2021-06-13T19:33:11.590Z|00005|acl_log(ovn_pinctrl0)|INFO|name="shop_deny-all", verdict=drop, severity=alert: icmp,vlan_tci=0x0000,nw_src=10.128.2.57,nw_dst=10.128.2.55,icmp_type=8,icmp_code=0"#;
    assert_eq!(
        told(old, LogFormat::Ovn),
        "denied ? ICMP 10.128.2.57(unknown) > 10.128.2.55(unknown) [shop_deny-all]"
    );
}

#[test]
fn json_and_text_of_others() {
    assert_eq!(
        all("gke.jsonl", "jsonl:timestamp"),
        [
            "allowed ingress TCP 203.0.113.9(unknown) > shop/web-6c9d8b7f5-x2x7k(pod):8080 [shop/web]",
            "denied ingress TCP lab/probe(pod) > shop/db-0(pod):5432 []",
        ]
    );
    assert_eq!(
        all("vpc-cni.jsonl", "jsonl:ts"),
        [
            "allowed ? UDP 192.168.87.155(unknown) > 192.168.64.60(unknown):53 []",
            "denied ? TCP 192.168.87.155(unknown) > 192.168.64.61(unknown):5432 []",
            "not a flow: there is no source and no destination",
        ]
    );
    assert_eq!(
        all("netfilter.log", "text"),
        [
            "unknown ? TCP 10.48.4.40(unknown) > 10.48.2.21(unknown):5432 []",
            "unknown ? UDP 2001:db8::40(unknown) > 2001:db8::21(unknown):53 []",
            "denied ingress TCP 10.48.4.40(unknown) > 10.48.2.21(unknown):5432 [shop/db]",
        ]
    );
}

#[test]
fn formats_have_one_name() {
    for text in ["audit", "hubble", "antrea", "calico", "ovn", "jsonl:ts", "text"] {
        assert_eq!(format(text).to_string(), text);
    }
    for text in ["", "jsonl", "jsonl:", "Hubble", "jsonl:a b", "json:x"] {
        assert!(text.parse::<LogFormat>().is_err(), "{text}");
    }
    let times = |text| format(text).times().to_string();
    assert_eq!(times("hubble"), "json:time");
    assert_eq!(times("jsonl:ts"), "json:ts");
    assert_eq!(times("ovn"), "none");
    assert_eq!(LogFormat::of(b"{}", TimeField::Audit), LogFormat::Audit);
}

/// A value that is called as a key of another log, or stands deeper, or is of another kind, tells nothing.
#[test]
fn a_format_is_told_by_the_keys_of_the_line_itself() {
    let pod = r#"{"source":{"namespace":"shop","pod":"flow"},"destination":{"ip":"10.0.0.1"},"a":{"flow":{}}}"#;
    let of = |line: &str, by: &str| LogFormat::of(line.as_bytes(), format(by).times());
    assert_eq!(of(pod, "jsonl:time"), format("jsonl:time"));
    assert_eq!(
        told(pod, of(pod, "jsonl:time")),
        "unknown ? other shop/flow(pod) > 10.0.0.1(unknown) []"
    );
    assert_eq!(of(r#"{"flow":"f-1","src_ip":"10.0.0.1"}"#, "jsonl:time"), format("jsonl:time"));
    assert_eq!(of(r#"{"flow":{}}"#, "jsonl:ts"), format("jsonl:ts"));
    assert_eq!(of(r#"{"x":1,"flow":{}}"#, "hubble"), format("hubble"));
    let calico = r#"{"reporter":"src","start_time":1}"#;
    assert_eq!(of(calico, "calico"), format("calico"));
    assert_eq!(of(calico, "jsonl:ts"), format("jsonl:ts"));
    let labels = r#"{"source":{"pod":"a","labels":{"reporter":"src","start_time":"1"}}}"#;
    assert_eq!(of(labels, "calico"), format("jsonl:time"));
}

/// What `Pass` leaves to other policies may be stopped by these.
#[test]
fn a_line_that_passes_on_tells_nothing() {
    let line = sample("antrea.log").lines().next().unwrap().replace(" Allow ", " Pass ");
    let flow = read(line.as_bytes(), format("antrea")).unwrap();
    assert_eq!((flow.verdict, flow.said.as_str()), (FlowVerdict::Unknown, "Pass"));
}

/// `host` is the node that wrote the line: the pod's own only where the line is the pod's side.
#[test]
fn a_host_is_the_pods_own_node_only_where_the_pods_node_says_so() {
    let node = |label: &str, at: &str, way: &str| {
        let (pod, node) = (
            r#"{"namespace":"shop","pod_name":"db"}"#,
            format!(r#"{{"labels":["reserved:{label}"]}}"#),
        );
        let (source, destination) =
            if at == "source" { (node.as_str(), pod) } else { (pod, node.as_str()) };
        let line = format!(
            r#"{{"flow":{{"verdict":"FORWARDED","source":{source},"destination":{destination},"traffic_direction":"{way}"}}}}"#
        );
        let flow = read(line.as_bytes(), format("hubble")).unwrap();
        if at == "source" { flow.source.kind } else { flow.destination.kind }
    };
    use EndpointKind::{Node, OtherNode, OwnNode};
    let of = |label| {
        [
            ("source", "INGRESS"),
            ("source", "EGRESS"),
            ("source", ""),
            ("destination", "EGRESS"),
            ("destination", "INGRESS"),
        ]
        .map(|(at, way)| node(label, at, way))
    };
    assert_eq!(of("host"), [OwnNode, Node, Node, OwnNode, Node]);
    assert_eq!(of("remote-node"), [OtherNode, Node, Node, OtherNode, Node]);
}

#[test]
fn hostile_lines_are_no_flows_and_say_why() {
    let hubble = sample("hubble.log").lines().nth(6).unwrap().to_owned();
    let with = |from: &str, to: &str| {
        assert!(hubble.contains(from), "{from}");
        told(&hubble.replace(from, to), LogFormat::Hubble)
    };
    let port = "\"destination_port\":5432";
    for (line, why) in [
        (with(port, "\"destination_port\":0"), "the port is none: '0'"),
        (with(port, "\"destination_port\":70000"), "the port is none: '70000'"),
        (with(port, "\"destination_port\":-1"), "the port is none: '-1'"),
        (with(port, "\"destination_port\":1.5"), "the port is none: '1.5'"),
        (with(port, "\"destination_port\":[1]"), "the port is none: '[1]'"),
        (with("10.244.4.40", "fe80::1%eth0"), "the source address is none: 'fe80::1%eth0'"),
        (with("10.244.4.40", "010.1.1.1"), "the source address is none: '010.1.1.1'"),
        (with("\"verdict\":\"DROPPED\"", "\"verdict\":7"), "the verdict is none: '7'"),
        (
            with("\"pod_name\":\"probe\"", "\"pod_name\":\"a\\u001b[2J\""),
            r"the pod's name is none: 'a\u{1b}[2J'",
        ),
        (with("k8s:run=probe", "k8s:run=\\u0000"), r"the label's value is none: '\0'"),
        (
            with("\"verdict\":\"DROPPED\"", "\"verdict\":\"DROPPED\",\"verdict\":\"FORWARDED\""),
            "a key stands twice",
        ),
        (with("2026-11-29T10:00:03.000000001Z", "yesterday"), "the time is none: 'yesterday'"),
        (with("\"flow\":", "\"flo\":"), "there is no flow"),
        (with("\"is_reply\":false", "\"is_reply\":\"no\""), r#"the is_reply is none: '\"no\"'"#),
    ] {
        assert_eq!(line, format!("not a flow: {why}"));
    }
    let deep = format!("{{\"flow\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(told(&deep, LogFormat::Hubble), "not a flow: not a JSON object, or nested too deep");
    let labels: Vec<_> = (0..10 * MAX_LABELS).map(|n| format!("\"k8s:a{n}=1\"")).collect();
    let many = "more than 256 labels or 64 policies";
    assert_eq!(with("\"k8s:run=probe\"", &labels.join(",")), format!("not a flow: {many}"));
    let policies: Vec<_> =
        (0..10 * MAX_POLICIES).map(|n| format!("{{\"name\":\"p{n}\"}}")).collect();
    let named = format!("\"ingress_denied_by\":[{}]", policies.join(","));
    assert_eq!(with("\"ingress_denied_by\":[]", &named), format!("not a flow: {many}"));
    let name = "x".repeat(10_000);
    let shown = format!("not a flow: the pod's name is none: '{}'", "x".repeat(40));
    assert_eq!(with("\"pod_name\":\"probe\"", &format!("\"pod_name\":\"{name}\"")), shown);
    let long = vec![b'x'; 10 * MAX_LINE];
    assert_eq!(read(&long, LogFormat::Text), Err(NotAFlow::Long));
    assert_eq!(read(b"\xff{}", LogFormat::Hubble), Err(NotAFlow::NotText));
}

#[test]
fn lines_of_words_are_no_flows_and_say_why() {
    for (line, of, why) in [
        ("2026/11/29 10:00:00 x", "antrea", "it has fewer words than a line of np.log"),
        (
            "2026/11/29 25:00:00 T P r Ingress Drop 1 a/b 10.0.0.1 1 10.0.0.2 2 TCP 60 l",
            "antrea",
            "the time is none: '2026-11-29T25:00:00Z'",
        ),
        (
            "2026/11/29 10:00:00 T P r Ingress Drop 1 a/b 10.0.0.1 0 10.0.0.2 2 TCP 60 l",
            "antrea",
            "the port is none: '0'",
        ),
        ("2026-11-29T10:00:00Z|1|acl_log(x)|INFO|name=\"a\"", "ovn", "it says nothing of a packet"),
        (
            "2026-11-29T10:00:00Z|1|acl_log(x)|INFO|name=\"a\", verdict=drop: tcp,nw_src=1.2.3.4",
            "ovn",
            "there is no address",
        ),
        (
            "{\"action\":\"allow\",\"start_time\":1e300}",
            "calico",
            "the start_time is none: '1e+300'",
        ),
        ("SRC=1.2.3.4", "text", "there is no SRC= and DST="),
        ("SRC=1.2.3.4 DST=1.2.3.5 DPT=70000", "text", "the port is none: '70000'"),
        ("[]", "jsonl:time", "not a JSON object, or nested too deep"),
    ] {
        assert_eq!(told(line, format(of)), format!("not a flow: {why}"), "{line}");
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9./-]{1,20}"
}

fn labels() -> impl Strategy<Value = LabelSet> {
    let others = vec![Unlisted::Unknown, Unlisted::Absent, Unlisted::AbsentButCiliums];
    let all = prop::collection::btree_map(name(), "[a-zA-Z0-9._-]{0,10}", 0..4);
    (all, prop::sample::select(others))
        .prop_map(|(all, unlisted)| LabelSet::new(all, unlisted).unwrap())
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let ip = prop_oneof![
        any::<u32>().prop_map(|n| core::net::IpAddr::from(core::net::Ipv4Addr::from(n))),
        any::<u128>().prop_map(|n| core::net::IpAddr::from(core::net::Ipv6Addr::from(n))),
    ];
    let places = vec![
        EndpointKind::Pod,
        EndpointKind::Outside,
        EndpointKind::OwnNode,
        EndpointKind::Node,
        EndpointKind::OtherNode,
    ];
    let parts = (
        ip,
        prop::sample::select(places),
        prop::option::of(name()),
        prop::option::of(name()),
        labels(),
        labels(),
    );
    parts.prop_map(|(ip, place, namespace, pod, labels, namespace_labels)| Endpoint {
        ip: Some(ip),
        kind: place,
        namespace,
        pod,
        labels,
        namespace_labels,
    })
}

/// Nobody with nobody would be anybody with anybody.
#[test]
fn a_line_that_names_nobody_is_no_flow() {
    let line = r#"{"start_time":1795946400,"dest_type":"wep","dest_labels":{"labels":["app=web"]},"action":"allow","reporter":"dst"}"#;
    let why = "not a flow: there is no source and no destination";
    assert_eq!(read(line.as_bytes(), LogFormat::Calico).unwrap_err().to_string(), why);
    let word = r#"{"source":{"ip":"10.0.0.1","labels":{"a":"b"},"other_labels":"some"}}"#;
    let why = r#"not a flow: the word for other labels is none: '\"some\"'"#;
    assert_eq!(read(word.as_bytes(), format("jsonl:time")).unwrap_err().to_string(), why);
}

proptest! {
    /// Our own spelling has all of a flow.
    #[test]
    fn what_is_written_is_read_back(
        source in endpoint(),
        destination in endpoint(),
        micros in prop::option::of(0..4_000_000_000_000_000_i64),
        lasts in prop::option::of(0..600_000_000_i64),
        (protocol, verdict, direction) in (
            prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp, Protocol::Other]),
            prop::sample::select(vec![FlowVerdict::Allowed, FlowVerdict::Denied, FlowVerdict::Unknown]),
            prop::option::of(prop::sample::select(vec![FlowDirection::Ingress, FlowDirection::Egress])),
        ),
        (source_port, port) in (prop::option::of(1..=u16::MAX), prop::option::of(1..=u16::MAX)),
        (said, policies, reply, no_zone) in ("[A-Z]{1,9}", prop::collection::btree_set(name(), 0..4), any::<Option<bool>>(), any::<bool>()),
    ) {
        let time = micros.map(Time::from_micros);
        let policies = policies.into_iter().collect();
        let until = time.zip(lasts).map(|(time, lasts)| time.saturating_add(lasts));
        let flow = Flow { time, no_zone, until, source, destination, protocol, source_port, port, verdict, said, policies, direction, reply };
        let text = flow.to_json().to_string();
        prop_assert_eq!(read(text.as_bytes(), format("jsonl:time")), Ok(flow), "{}", text);
    }

    /// Whatever is changed in a line, it is a flow or it isn't; nothing panics.
    #[test]
    fn changed_lines_never_panic(
        at in any::<prop::sample::Index>(),
        length in 0..12_usize,
        put in prop::collection::vec(any::<u8>(), 0..12),
        line in any::<prop::sample::Index>(),
    ) {
        for (file, of) in [("hubble.log", "hubble"), ("antrea.log", "antrea"), ("calico.log", "calico"),
            ("ovn.log", "ovn"), ("gke.jsonl", "jsonl:timestamp"), ("netfilter.log", "text")] {
            let text = sample(file);
            let lines: Vec<_> = text.lines().collect();
            let mut bytes = line.get(&lines).as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes.splice(at..(at + length).min(bytes.len()), put.iter().copied());
            let of: LogFormat = of.parse().unwrap();
            if let Err(why) = read(&bytes, of) {
                prop_assert!(why.to_string().starts_with("not a flow: "));
            }
            drop(LogFormat::of(&bytes, of.times()).to_string());
        }
    }
}
