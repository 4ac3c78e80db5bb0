//! What objects tell of flows, and what they don't.

use auditseal_audit::Time;
use proptest::prelude::*;

use super::brute::lets;
use super::*;
use crate::filled::Filled;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// So many seconds after the beginning of a day.
fn second(at: i64) -> Time {
    Time::parse(b"2026-11-29T00:00:00.000000Z").unwrap().saturating_add(at * SECOND)
}

/// As Kubernetes writes it.
fn stamp(at: i64) -> String {
    let text = second(at).to_string();
    format!("{}Z", &text[..19])
}

/// A pod that was created at this second, and had its address ten seconds later.
fn listed(name: &str, uid: &str, made: i64, ip: &str, labels: &Value) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "uid": uid, "labels": labels, "creationTimestamp": stamp(made)},
        "spec": {},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "192.0.2.1", "startTime": stamp(made),
            "conditions": [{"type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": stamp(made + 10)}],
            "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": stamp(made + 12)}}}]}})
}

fn space(name: &str, made: i64, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "uid": name, "labels": labels, "creationTimestamp": stamp(made)}})
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn roster(files: &[(&str, i64, Value)]) -> Roster {
    let mut roster = Roster::default();
    files
        .iter()
        .for_each(|(name, at, objects)| roster.add(name, Some(second(*at)), objects).unwrap());
    roster
}

/// When each file was written, from its first document to its last.
fn times(roster: &Roster) -> Vec<(Time, Time)> {
    roster.files().iter().map(|file| (file.first, file.last)).collect()
}

fn named(name: &str) -> Endpoint {
    let (namespace, name) = name.split_once('/').unwrap();
    let (namespace, pod) = (Some(namespace.to_owned()), Some(name.to_owned()));
    Endpoint { kind: EndpointKind::Pod, namespace, pod, ..Endpoint::default() }
}

fn address(ip: &str) -> Endpoint {
    Endpoint { ip: Some(ip.parse().unwrap()), ..Endpoint::default() }
}

fn seen(at: i64, source: Endpoint, destination: Endpoint) -> Flow {
    Flow { time: Some(second(at)), ..flow(source, destination, 80) }
}

/// What is told of a side: its name and a label, and whose word that is.
fn of(side: &Endpoint, mark: &SideMark) -> String {
    let app = side.labels.listed().get("app").cloned().unwrap_or_default();
    let team = side.namespace_labels.listed().get("team").cloned().unwrap_or_default();
    format!("{} {} app={app} team={team}{mark}", side.kind.word(), side.name())
}

fn source(roster: &Roster, at: i64, side: Endpoint) -> String {
    let line = seen(at, side, outside("203.0.113.1"));
    let Filled { flow, source, .. } = roster.fill(&line);
    of(&flow.source, &source)
}

#[test]
fn a_pod_is_told_from_when_it_was_there_until_it_was_seen() {
    let all = list(&[
        space("shop", 0, &json!({"team": "shop", "kubernetes.io/metadata.name": "shop"})),
        listed("shop/db-0", "u1", 1000, "10.0.0.1", &json!({"app": "db"})),
    ]);
    let roster = roster(&[("o.yaml", 5000, all)]);
    let by_name = |at| source(&roster, at, named("shop/db-0"));
    assert_eq!(by_name(1060), "pod shop/db-0 app=db team=shop (by o.yaml)");
    let young =
        "pod shop/db-0 app= team=shop (its namespace by o.yaml; in part younger among the objects)";
    assert_eq!(by_name(1059), young);
    assert_eq!(by_name(500), young);
    assert_eq!(by_name(4940), "pod shop/db-0 app=db team=shop (by o.yaml)");
    assert_eq!(by_name(4941), "pod shop/db-0 app= team= (seen after the objects were)");
    // The address is surely its own only from when its sandbox was ready.
    let by_address = |at| source(&roster, at, address("10.0.0.1"));
    assert_eq!(by_address(1069), "unknown 10.0.0.1 app= team= (younger among the objects)");
    assert_eq!(by_address(1070), "pod shop/db-0 app=db team=shop (by o.yaml)");
    // Of an address that nobody has nothing is told, and so nothing is said.
    assert_eq!(source(&roster, 2000, address("10.0.0.9")), "unknown 10.0.0.9 app= team=");
    let hour = Flow {
        until: Some(second(4960)),
        ..seen(2000, named("shop/db-0"), outside("203.0.113.1"))
    };
    assert_eq!(roster.fill(&hour).source.lacks, Some(NotTold::Later), "an interval ends after it");
    let never = Flow { time: None, ..seen(0, named("shop/db-0"), outside("203.0.113.1")) };
    assert_eq!(roster.fill(&never).source.lacks, Some(NotTold::NoTime));
}

#[test]
fn where_the_line_says_otherwise_its_word_counts() {
    let db =
        |uid, made, app: &str| listed("shop/db-0", uid, made, "10.0.0.1", &json!({"app": app}));
    let one = roster(&[("o", 5000, list(&[db("u1", 1000, "db")]))]);
    let told = |side: Endpoint| source(&one, 2000, side);
    let other = " (otherwise among the objects)";
    assert_eq!(
        told(Endpoint { namespace: Some("lab".into()), ..address("10.0.0.1") }),
        format!("unknown lab/10.0.0.1 app= team={other}")
    );
    assert_eq!(
        told(Endpoint { ip: address("10.0.0.2").ip, ..named("shop/db-0") }),
        format!("pod shop/db-0 app= team={other}")
    );
    let some = |pairs: &[(&str, &str)], unlisted| {
        let all = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Endpoint { labels: LabelSet::new(all, unlisted).unwrap(), ..named("shop/db-0") }
    };
    assert_eq!(
        told(some(&[("app", "old")], Unlisted::Unknown)),
        format!("pod shop/db-0 app=old team={other}")
    );
    // All labels are listed by the line: nothing is lacking, and nothing taken.
    assert_eq!(told(some(&[("app", "old")], Unlisted::Absent)), "pod shop/db-0 app=old team=");
    assert_eq!(
        told(some(&[], Unlisted::AbsentButCiliums)),
        format!("pod shop/db-0 app= team={other}")
    );
    assert_eq!(
        told(some(&[("app", "db")], Unlisted::AbsentButCiliums)),
        "pod shop/db-0 app=db team= (by o)"
    );
    let group = |name: &str| Endpoint { ip: address("10.0.0.1").ip, ..named(name) };
    assert_eq!(told(group("shop/db-*")), "pod shop/db-0 app=db team= (by o)");
    assert_eq!(told(group("shop/web-*")), format!("pod shop/web-* app= team={other}"));
    // Two files: of one pod with other labels, of two pods at one time, of one after the other.
    let two = |later: Value| {
        roster(&[("a", 3000, list(&[db("u1", 1000, "db")])), ("b", 5000, list(&[later]))])
    };
    let of = |later, at| source(&two(later), at, named("shop/db-0"));
    assert_eq!(of(db("u1", 1000, "db"), 2000), "pod shop/db-0 app=db team= (by b)");
    assert_eq!(of(db("u1", 1000, "quarantine"), 2000), format!("pod shop/db-0 app= team={other}"));
    assert_eq!(of(db("u2", 1500, "db"), 2000), format!("pod shop/db-0 app= team={other}"));
    assert_eq!(of(db("u2", 3500, "new"), 2000), "pod shop/db-0 app=db team= (by a)");
    assert_eq!(of(db("u2", 3500, "new"), 4000), "pod shop/db-0 app=new team= (by b)");
    assert_eq!(
        of(db("u2", 3500, "new"), 3400),
        "pod shop/db-0 app= team= (seen after the objects were)"
    );
}

#[test]
fn what_may_have_given_its_address_away_has_none() {
    let web = || listed("shop/web", "u1", 1000, "10.0.0.1", &json!({"app": "web"}));
    let told = |change: fn(&mut Value), side: Endpoint| {
        let mut pod = web();
        change(&mut pod);
        source(&roster(&[("o", 5000, list(&[pod]))]), 2000, side)
    };
    let ip = || address("10.0.0.1");
    let young = "unknown 10.0.0.1 app= team= (younger among the objects)";
    assert_eq!(told(|_| {}, ip()), "pod shop/web app=web team= (by o)");
    assert_eq!(told(|pod| pod["status"]["phase"] = "Succeeded".into(), ip()), young);
    assert_eq!(told(|pod| pod["metadata"]["deletionTimestamp"] = stamp(4000).into(), ip()), young);
    assert_eq!(
        told(|pod| pod["status"]["conditions"][0]["status"] = "False".into(), ip()),
        "pod shop/web app=web team= (by o)"
    );
    let bare = |pod: &mut Value| {
        pod["status"]["conditions"] = json!([]);
        pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {}});
    };
    assert_eq!(told(bare, ip()), young);
    // By its name it is told all the same, for it is there until it is gone.
    assert_eq!(
        told(|pod| pod["status"]["phase"] = "Succeeded".into(), named("shop/web")),
        "pod shop/web app=web team= (by o)"
    );
    assert_eq!(
        told(|pod| pod["spec"]["hostNetwork"] = true.into(), named("shop/web")),
        "pod shop/web app= team= (in its node's network)"
    );
    // Two pods that run and have one address: one of both is wrong.
    let mut other = web();
    other["metadata"]["uid"] = "u2".into();
    other["metadata"]["name"] = "other".into();
    let both = roster(&[("o", 5000, list(&[web(), other]))]);
    assert_eq!(
        source(&both, 2000, ip()),
        "unknown 10.0.0.1 app= team= (otherwise among the objects)"
    );
}

/// A pod's own node always reaches it, and another one doesn't.
#[test]
fn nodes_are_told_by_the_pods_on_them() {
    let mut far = listed("shop/far", "u2", 1000, "10.0.0.2", &json!({}));
    far["status"]["hostIP"] = "192.0.2.2".into();
    let near = listed("shop/near", "u1", 1000, "10.0.0.1", &json!({}));
    let roster = roster(&[("o", 5000, list(&[near, far]))]);
    let kind =
        |at, node: &str, pod: Endpoint| roster.fill(&seen(at, address(node), pod)).flow.source.kind;
    assert_eq!(kind(2000, "192.0.2.1", named("shop/near")), EndpointKind::OwnNode);
    assert_eq!(kind(2000, "192.0.2.2", named("shop/near")), EndpointKind::OtherNode);
    assert_eq!(kind(2000, "192.0.2.2", named("shop/nobody")), EndpointKind::Node);
    assert_eq!(kind(1000, "192.0.2.1", named("shop/near")), EndpointKind::Unknown);
    assert_eq!(kind(2000, "192.0.2.3", named("shop/near")), EndpointKind::Unknown);
}

#[test]
fn a_file_that_no_apiserver_listed_is_refused() {
    let refused = |objects: Value| {
        Roster::default().add("o", Some(second(5000)), &objects).unwrap_err().to_string()
    };
    let mut pod = listed("shop/\u{1b}x", "u", 0, "10.0.0.1", &json!({}));
    pod["metadata"].as_object_mut().unwrap().remove("uid");
    assert_eq!(
        refused(pod),
        "pod shop/\\u{1b}x has no uid or no creationTimestamp: no apiserver listed it"
    );
    let late = listed("shop/x", "u", 5049, "10.0.0.1", &json!({}));
    assert_eq!(
        refused(list(&[late])),
        "it has a time of 2026-11-29T01:24:21.000000Z, and is said to be written before that, at 2026-11-29T01:23:20.000000Z"
    );
    assert_eq!(refused(json!(7)), "there is something that has no kind");
    let many: BTreeMap<String, String> =
        (0..2000).map(|n| (format!("l{n}"), String::new())).collect();
    assert!(
        refused(listed("shop/x", "u", 0, "10.0.0.1", &json!(many)))
            .starts_with("labels of an object: ")
    );
    // As the apiserver itself lists them, and what is neither.
    let mut bare = listed("shop/x", "u", 0, "10.0.0.1", &json!({}));
    bare.as_object_mut().unwrap().remove("kind");
    let mut told = Roster::default();
    told.add("a", None, &json!({"kind": "PodList", "apiVersion": "v1", "items": [bare]})).unwrap();
    let service = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}});
    told.add("b", None, &list(&[service, space("x", 0, &json!({}))])).unwrap();
    let counts: Vec<_> =
        told.files().iter().map(|file| (file.pods, file.namespaces, file.others)).collect();
    assert_eq!(counts, [(1, 0, 0), (0, 1, 1)]);
    // Nobody says when they were written: they were there at the newest time in them.
    assert_eq!(times(&told), [(second(12), second(12)), (second(0), second(0))]);
}

/// A container writes its message itself, and whoever sets a condition of its own may say any time.
#[test]
fn a_text_is_no_time_at_which_a_file_was_written() {
    let text = "2099-01-01T00:00:00Z";
    let mut pod = listed("shop/x", "u", 0, "10.0.0.1", &json!({}));
    pod["metadata"]["annotations"] = json!({"at": text});
    pod["status"]["message"] = text.into();
    pod["status"]["containerStatuses"][0]["lastState"] = json!({"terminated": {"message": text, "reason": text,
        "startedAt": stamp(13), "finishedAt": stamp(20)}});
    let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
    conditions[0]["message"] = text.into();
    conditions
        .push(json!({"type": "example.com/mine", "status": "True", "lastTransitionTime": text}));
    let mut space = space("shop", 0, &json!({}));
    space["status"] = json!({"phase": "Active", "conditions": [{"type": "Mine", "lastTransitionTime": text, "message": text}]});
    let mut roster = Roster::default();
    roster.add("o", None, &list(&[pod.clone(), space])).unwrap();
    assert_eq!(times(&roster), [(second(20), second(20))]);
    roster.add("said", Some(second(5000)), &pod).unwrap();
    // What the kubelet stamps counts.
    for (path, at) in [
        ("/status/conditions/0/lastTransitionTime", 30),
        ("/status/containerStatuses/0/state/running/startedAt", 40),
        ("/status/startTime", 50),
    ] {
        *pod.pointer_mut(path).unwrap() = stamp(at).into();
        roster.add(path, None, &pod).unwrap();
        assert_eq!(times(&roster).last(), Some(&(second(at), second(at))), "{path}");
    }
}

/// Each document holds until its own time, whichever comes first in the file.
#[test]
fn documents_of_one_file_are_one_file_and_hold_each_until_its_own_time() {
    let early = listed("shop/early", "u1", 1000, "10.0.0.1", &json!({}));
    let late = listed("shop/late", "u2", 4000, "10.0.0.2", &json!({}));
    let service = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}});
    let mut roster = Roster::default();
    for document in [&late, &service, &early] {
        roster.add("o", None, document).unwrap();
    }
    let [file] = roster.files() else { panic!("{:?}", roster.files()) };
    assert_eq!((file.documents, file.pods, file.others, file.said), (2, 2, 1, false));
    assert_eq!(times(&roster), [(second(1012), second(4012))]);
    let at = |time| roster.fill(&seen(time, named("shop/early"), address("10.9.9.9"))).source.lacks;
    assert_eq!(at(3000), Some(NotTold::Later));
}

/// A namespace's label of that name is its name; anybody may put it on a pod.
#[test]
fn a_pods_own_label_of_the_namespaces_name_is_kept() {
    let labels = json!({"kubernetes.io/metadata.name": "x", "app": "db"});
    let pod = listed("shop/db-0", "u", 1000, "10.0.0.1", &labels);
    let roster = roster(&[("o", 5000, list(&[pod, space("shop", 0, &labels)]))]);
    let line = seen(2000, named("shop/db-0"), address("10.9.9.9"));
    let filled = roster.fill(&line).flow.source.clone();
    let of = |labels: &LabelSet| labels.listed().get("kubernetes.io/metadata.name").cloned();
    assert_eq!(of(&filled.labels).as_deref(), Some("x"));
    assert_eq!(of(&filled.namespace_labels), None);
}

/// One pod of the model, from when to when it was there and had its address.
#[derive(Debug, Clone)]
struct Lived {
    name: &'static str,
    uid: String,
    app: &'static str,
    ip: String,
    made: i64,
    ended: i64,
    gone: i64,
}

const NAMES: [&str; 4] = ["shop/db-0", "shop/web-0", "lab/db-0", "lab/probe"];
const APPS: [&str; 3] = ["db", "web", "probe"];

/// A cluster that makes pods anew under old names, and gives old addresses to new pods.
fn lived(steps: &[(i64, usize, usize, usize, bool)]) -> Vec<Lived> {
    let mut all: Vec<Lived> = Vec::new();
    let mut now = 0;
    for (wait, name, app, ip, keeps) in steps {
        now += wait;
        let there = |one: &Lived| one.name == NAMES[*name] && one.gone == i64::MAX;
        if let Some(one) = all.iter_mut().find(|one| there(one)) {
            // Some have ended for a while before they are gone.
            match (keeps, one.ended) {
                (true, i64::MAX) => one.ended = now,
                _ => {
                    one.ended = one.ended.min(now);
                    one.gone = now;
                }
            }
            continue;
        }
        let ip = format!("10.0.0.{ip}");
        if !all.iter().any(|one| one.ip == ip && one.ended == i64::MAX) {
            let uid = format!("u{}", all.len());
            let (name, app) = (NAMES[*name], APPS[*app]);
            all.push(Lived { name, uid, app, ip, made: now, ended: i64::MAX, gone: i64::MAX });
        }
    }
    all
}

/// What kubectl prints at this second.
fn printed(all: &[Lived], at: i64) -> Value {
    let there = all.iter().filter(|one| one.made <= at && at < one.gone);
    let pods = there.map(|one| {
        let mut pod = listed(one.name, &one.uid, one.made, &one.ip, &json!({"app": one.app}));
        if one.ended <= at {
            pod["status"]["phase"] = "Succeeded".into();
        }
        pod
    });
    list(&pods.collect::<Vec<_>>())
}

fn whole(one: &Lived) -> Endpoint {
    let labels = labels(&[("app", one.app)]);
    Endpoint { labels, ip: address(&one.ip).ip, ..named(one.name) }
}

/// What a log that tells less has of it.
fn stripped(one: &Lived, how: usize) -> Endpoint {
    let namespace = named(one.name).namespace;
    match how {
        0 => named(one.name),
        1 => address(&one.ip),
        2 => Endpoint { ip: address(&one.ip).ip, ..named(one.name) },
        _ => Endpoint { kind: EndpointKind::Pod, namespace, ..address(&one.ip) },
    }
}

fn rule(namespace: &str, app: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}, "podSelector": {"matchLabels": {"app": app}}})
}

/// Policies in the spelling that the plain evaluation knows.
fn model_policies() -> Vec<Value> {
    let one = |name: &str, app: &str, spec: Value| {
        let mut spec = spec;
        spec["podSelector"] = json!({"matchLabels": {"app": app}});
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    };
    let ports = json!([{"port": 80, "protocol": "TCP"}]);
    vec![
        one(
            "db",
            "db",
            json!({"policyTypes": ["Ingress"], "ingress": [{"from": [rule("shop", "web"), rule("lab", "db")], "ports": ports}]}),
        ),
        one(
            "web",
            "web",
            json!({"policyTypes": ["Ingress", "Egress"], "ingress": [{"from": [rule("lab", "probe")], "ports": ports}],
            "egress": [{"to": [rule("shop", "db")], "ports": ports}]}),
        ),
    ]
}

fn cases() -> u32 {
    std::env::var("AUDITSEAL_PAIRS").ok().and_then(|sets| sets.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    /// What is told of a side is what it was; what lived from two minutes before to two minutes after is told; and what a
    /// replay says then is what the policies make of what really was.
    #[test]
    fn what_objects_tell_is_what_was(
        steps in prop::collection::vec((1..400_i64, 0..4_usize, 0..3_usize, 1..5_usize, any::<bool>()), 4..40),
        written in prop::collection::btree_set(0..8000_i64, 1..4),
        flows in prop::collection::vec((0..8000_i64, 0..64_usize, 0..64_usize, 0..4_usize, 0..4_usize, -25..25_i64), 1..40),
    ) {
        let all = lived(&steps);
        let mut roster = Roster::default();
        for at in &written {
            let said = (at % 2 == 0).then(|| second(*at));
            roster.add("o", said, &printed(&all, *at)).unwrap();
        }
        let documents = model_policies();
        let policies = || documents.iter().flat_map(|one| PolicyFile::all(one, "x").unwrap()).collect();
        for (at, from, to, how, other, skew) in flows {
            let live: Vec<&Lived> = all.iter().filter(|one| one.made + 10 <= at && at < one.ended).collect();
            if live.is_empty() {
                continue;
            }
            let (from, to) = (live[from % live.len()], live[to % live.len()]);
            let line = seen(at + skew, stripped(from, how), stripped(to, other));
            let Filled { flow: filled, .. } = roster.fill(&line);
            for (side, real, how) in [(&filled.source, from, how), (&filled.destination, to, other)] {
                if side.labels.unlisted() == Unlisted::Absent {
                    prop_assert_eq!(side, &Endpoint { ip: side.ip, namespace_labels: side.namespace_labels.clone(), ..whole(real) });
                }
                // Those who saw it, and when it still ran.
                let mut saw = written.iter().filter(|seen| **seen % 2 == 0 && at + 120 <= **seen && **seen < real.gone);
                let told = match how {
                    0 => saw.any(|_| real.made + 120 <= at),
                    _ => saw.any(|seen| *seen < real.ended && real.made + 130 <= at),
                };
                prop_assert!(!told || side.labels.unlisted() == Unlisted::Absent, "{side:?} {real:?}");
            }
            let mut replay = Replay::new(policies()).with_roster(roster.clone());
            let would = replay.add(&line, &super::at(1, 1));
            let real = lets(&documents, &seen(at, whole(from), whole(to)));
            let real = match (real.contains(&Some(false)), real.contains(&Some(true))) {
                (true, _) => Some(Would::Blocked),
                (false, true) => Some(Would::Allowed),
                (false, false) => None,
            };
            prop_assert!(would == Some(Would::Unknown) || would == real, "{would:?} {real:?} {line:?}");
        }
    }
}
