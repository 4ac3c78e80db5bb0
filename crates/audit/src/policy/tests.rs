//! The cases of upstream's `checker_test.go`, with its rules and its requests, and what it leaves
//! out.

use std::borrow::Cow;

use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn of(group: &str, resources: &[&str], names: &[&str]) -> Vec<Resources> {
    let group = group.to_owned();
    vec![Resources { group, resources: words(resources), resource_names: words(names) }]
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn rule(name: &str) -> Rule {
    use Level::{Metadata, Request, RequestResponse};
    let get =
        |level, resources| Rule { level, verbs: words(&["get"]), resources, ..Rule::default() };
    let url = |level, url: &str| Rule {
        level,
        verbs: words(&["get"]),
        urls: words(&[url]),
        ..Rule::default()
    };
    let any = |level| Rule { level, ..Rule::default() };
    match name {
        "catchAll" => any(Metadata),
        "creates" => Rule { verbs: words(&["create"]), ..any(Request) },
        "byUser" => Rule { users: words(&["ann@example.org"]), ..any(Metadata) },
        "byGroup" => Rule { user_groups: words(&["staff"]), ..any(Metadata) },
        "byAccounts" => Rule { user_groups: words(&["system:serviceaccounts"]), ..any(Request) },
        "podReads" => get(RequestResponse, of("", &["pods"], &[])),
        "podLogReads" => get(Request, of("", &["pods/log"], &[])),
        "everything" => get(Request, of("", &["*"], &[])),
        "everyLog" => get(Request, of("", &["*/log"], &[])),
        "ofPods" => get(Request, of("", &["pods/*"], &[])),
        "roleReads" => Rule {
            namespaces: words(&[""]),
            ..get(RequestResponse, of(RBAC, &["clusterroles"], &[]))
        },
        "everyStatus" => Rule {
            verbs: words(&["update"]),
            resources: of("*", &["*/status"], &[]),
            ..any(RequestResponse)
        },
        "logPaths" => url(RequestResponse, "/logs*"),
        "metricPaths" => url(Request, "/metrics"),
        "roleWrites" => Rule { resources: of(RBAC, &["clusterroles"], &["edit"]), ..any(Request) },
        other => panic!("no rule {other}"),
    }
}

const POD: Object<'_> =
    Object { namespace: "default", group: "", resource: "pods", subresource: "", name: "web-0" };
const ROLE: Object<'_> =
    Object { namespace: "", group: RBAC, resource: "clusterroles", subresource: "", name: "edit" };

fn level(request: &str, rules: &[&str]) -> Level {
    let groups = [Cow::from("staff"), Cow::from("on-call")];
    let ann = Who { name: Some("ann@example.org"), groups: &groups };
    let (who, verb, target) = match request {
        "ofNamespace" => (ann, "get", Target::Resource(POD)),
        "ofCluster" => (ann, "get", Target::Resource(ROLE)),
        "ofPath" => (ann, "get", Target::Path("/logs/kubelet.log".into())),
        "ofSubresource" => (ann, "get", Target::Resource(Object { subresource: "log", ..POD })),
        "ofNobody" => (Who::default(), "get", Target::Resource(POD)),
        "ofStatus" => {
            let object = Object { subresource: "status", name: "somerole", ..ROLE };
            (ann, "update", Target::Resource(object))
        }
        other => panic!("no request {other}"),
    };
    let rules = rules.iter().map(|name| rule(name)).collect();
    Policy { rules, ..Policy::default() }.decide(&Request { who, verb, target }).level
}

/// A request, the level it must get, and the policy's rules in their order.
const LEVELS: &str = "
    ofNamespace    Metadata         catchAll
    ofNamespace    None             creates
    ofNamespace    Metadata         byUser
    ofNamespace    Metadata         byGroup
    ofNamespace    None             byAccounts
    ofNamespace    RequestResponse  podReads
    ofNamespace    None             roleReads
    ofNamespace    None             logPaths
    ofNamespace    None             metricPaths
    ofNamespace    Metadata         metricPaths byAccounts catchAll
    ofNamespace    RequestResponse  metricPaths podReads catchAll
    ofNamespace    RequestResponse  podLogReads podReads
    ofCluster      Metadata         catchAll
    ofCluster      None             creates
    ofCluster      Metadata         byUser
    ofCluster      Metadata         byGroup
    ofCluster      None             byAccounts
    ofCluster      None             podReads
    ofCluster      RequestResponse  roleReads
    ofCluster      Request          roleWrites roleReads
    ofCluster      None             logPaths
    ofCluster      None             metricPaths
    ofCluster      Metadata         metricPaths byAccounts catchAll
    ofCluster      RequestResponse  metricPaths roleReads catchAll
    ofCluster      None             podLogReads podReads
    ofPath         Metadata         catchAll
    ofPath         None             creates
    ofPath         Metadata         byUser
    ofPath         Metadata         byGroup
    ofPath         None             byAccounts
    ofPath         None             podReads
    ofPath         None             roleReads
    ofPath         RequestResponse  logPaths
    ofPath         None             metricPaths
    ofPath         Metadata         metricPaths byAccounts catchAll
    ofPath         RequestResponse  logPaths roleReads catchAll
    ofPath         None             podLogReads podReads
    ofSubresource  Request          podLogReads podReads
    ofSubresource  Request          everything
    ofSubresource  Request          everyLog
    ofSubresource  Request          ofPods
    ofSubresource  None             podReads
    ofNobody       None             byUser
    ofNobody       Metadata         byUser catchAll
    ofNobody       None             byGroup
    ofNobody       Metadata         byGroup catchAll
    ofStatus       RequestResponse  everyStatus
";

/// The cases are those of upstream's checker_test.go, told anew.
#[test]
fn levels_are_those_of_upstreams_tests() {
    for row in LEVELS.lines().filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected = match words[1] {
            "None" => Level::None,
            "Metadata" => Level::Metadata,
            "Request" => Level::Request,
            "RequestResponse" => Level::RequestResponse,
            other => panic!("no level {other}"),
        };
        assert_eq!(level(words[0], &words[2..]), expected, "{row}");
    }
}

#[test]
fn patterns_mean_what_upstream_makes_of_them() {
    let pods = |subresource: &'static str| Object { subresource, ..POD };
    for (pattern, subresource, expected) in [
        ("pods", "", true),
        ("pods", "exec", false),
        ("pods/exec", "exec", true),
        ("pods/exec", "", false),
        ("pods/exec", "execs", false),
        ("pods/*", "exec", true),
        ("pods/*", "", true),
        ("pod/*", "exec", false),
        ("*/exec", "exec", true),
        ("*/exec", "", false),
        ("*/*", "exec", false),
        ("*", "exec", true),
        ("*", "", true),
        ("", "", false),
        ("po*", "", false),
    ] {
        let takes = of("", &[pattern], &[])[0].takes(&pods(subresource));
        assert_eq!(takes, expected, "{pattern} pods/{subresource}");
    }
    assert!(of("", &[], &[])[0].takes(&pods("exec")), "no resources are all of the group");
    assert!(!of("apps", &[], &[])[0].takes(&POD));
    assert!(of("*", &[], &[])[0].takes(&ROLE));
    assert!(of("", &["pods"], &["web-0"])[0].takes(&POD));
    assert!(!of("", &["pods"], &["other"])[0].takes(&POD));
    for (pattern, path, expected) in [
        ("*", "/x", true),
        ("/healthz", "/healthz", true),
        ("/healthz", "/healthz/etcd", false),
        ("/healthz*", "/healthz/etcd", true),
        ("/healthz*", "/healthzzz", true),
        ("/healthz/*", "/healthz", false),
        ("/api**", "/apis", true),
        ("healthz", "/healthz", false),
    ] {
        assert_eq!(path_fits(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn namespaces_alone_are_for_resources() {
    let rule = Rule { level: Level::Metadata, namespaces: words(&["default"]), ..Rule::default() };
    let asks = |target| Request { who: Who::default(), verb: "get", target };
    assert!(rule.takes(&asks(Target::Resource(POD))));
    assert!(!rule.takes(&asks(Target::Resource(ROLE))), "it is cluster-wide");
    assert!(!rule.takes(&asks(Target::Path("/default".into()))));
    let star = Rule { verbs: words(&["*"]), ..Rule::default() };
    assert!(!star.takes(&asks(Target::Resource(POD))), "a verb has no wildcard");
}

#[test]
fn user_and_group_must_both_fit() {
    let groups = [Cow::from("a")];
    let who = Who { name: Some("u"), groups: &groups };
    let takes = |users: &[&str], groups: &[&str]| {
        let rule = Rule { users: words(users), user_groups: words(groups), ..Rule::default() };
        rule.takes(&Request { who, verb: "get", target: Target::Resource(POD) })
    };
    assert!(takes(&["u"], &["a", "b"]));
    assert!(!takes(&["u"], &["b"]));
    assert!(!takes(&["v"], &["a"]));
}

#[test]
fn stages_and_managed_fields() {
    let request = Request { who: Who::default(), verb: "get", target: Target::Resource(POD) };
    let rule = |omit_managed_fields| Rule {
        level: Level::Request,
        omit_stages: vec![Stage::ResponseStarted],
        omit_managed_fields,
        ..Rule::default()
    };
    for (all, own, expected) in [
        (false, None, false),
        (true, None, true),
        (true, Some(false), false),
        (false, Some(true), true),
    ] {
        let policy = Policy {
            omit_managed_fields: all,
            omit_stages: vec![Stage::RequestReceived],
            rules: vec![rule(own)],
            ..Policy::default()
        };
        let decision = policy.decide(&request);
        assert_eq!(decision.omit_managed_fields, expected);
        let logged = |stage| policy.logs(decision, stage);
        assert!(!logged(Stage::RequestReceived) && !logged(Stage::ResponseStarted));
        assert!(logged(Stage::ResponseComplete) && logged(Stage::Panic));
    }
    let none = Policy::default().decide(&request);
    assert_eq!((none.rule, none.level), (None, Level::None));
    assert!(!Policy::default().logs(none, Stage::ResponseComplete));
}

#[test]
fn what_kube_apiserver_refuses_is_said() {
    let faults = |rule: Rule| {
        let (kind, api_version) = ("Policy".to_owned(), "audit.k8s.io/v1".to_owned());
        Policy { kind, api_version, rules: vec![rule], ..Policy::default() }.faults().join("; ")
    };
    let urls = |url: &str| Rule { urls: words(&[url]), ..Rule::default() };
    let group = |group: &str| Rule { resources: of(group, &[], &[]), ..Rule::default() };
    assert_eq!(faults(Rule::default()), "");
    for fine in ["*", "/x", "/x*"] {
        assert_eq!(faults(urls(fine)), "", "{fine}");
    }
    for wrong in ["x", "/x*y", "/x**", ""] {
        assert!(faults(urls(wrong)).contains("URL"), "{wrong}");
    }
    for fine in ["", "*", "apps", "a.b-c.d1"] {
        assert_eq!(faults(group(fine)), "", "{fine}");
    }
    for wrong in ["apps/v1", "Apps", "-a", "a.", "a b"] {
        assert!(faults(group(wrong)).contains("group"), "{wrong}");
    }
    let names = Rule { resources: of("", &[], &["x"]), ..Rule::default() };
    assert!(faults(names).contains("names"));
    let both = Rule { namespaces: words(&["x"]), ..urls("/x") };
    assert!(faults(both).contains("resources and"));
    assert_eq!(Policy::default().faults().len(), 2);
}
