//! Audit events as a cluster's apiserver writes them.
//!
//! The mix of verbs, resources, levels and stages, the lengths, and how often a thing comes again
//! are those of `testdata`'s real log; names, ids and addresses are of a larger cluster than that,
//! so that the log compresses as those of clusters with work to do: `zstd -3` makes it 10 to 14
//! times smaller.

use std::collections::VecDeque;

use auditseal_format::Time;

use crate::cluster::{App, Random, pod, pod_list, pod_request, put, settings};

/// When the first event happens: 2026-01-01, microseconds since the Unix epoch.
const START: i64 = 1_767_225_600_000_000;
/// The most requests that are under way at the same time.
const UNDER_WAY: u64 = 12;

/// What a request and its response carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects {
    None,
    /// A pod in both.
    Pod,
    /// A list of pods in the response.
    PodList,
    /// A small object in the response, and in the request if it is changed.
    Settings,
}

/// One kind of request.
struct Shape {
    /// How many of a thousand requests are of this kind.
    weight: u64,
    verb: &'static str,
    resource: &'static str,
    kind: &'static str,
    group: &'static str,
    objects: Objects,
}

const fn shape(
    weight: u64,
    verb: &'static str,
    resource: &'static str,
    kind: &'static str,
    group: &'static str,
    objects: Objects,
) -> Shape {
    Shape { weight, verb, resource, kind, group, objects }
}

/// The requests of the real log, and how frequent they are there.
const SHAPES: [Shape; 19] = [
    shape(153, "list", "secrets", "Secret", "", Objects::None),
    shape(141, "list", "services", "Service", "", Objects::None),
    shape(141, "list", "pods", "Pod", "", Objects::PodList),
    shape(141, "list", "configmaps", "ConfigMap", "", Objects::None),
    shape(36, "get", "namespaces", "Namespace", "", Objects::None),
    shape(28, "create", "events", "Event", "", Objects::None),
    shape(26, "update", "deployments", "Deployment", "apps", Objects::None),
    shape(
        33,
        "list",
        "clusterroles",
        "ClusterRole",
        "rbac.authorization.k8s.io",
        Objects::Settings,
    ),
    shape(23, "list", "deployments", "Deployment", "apps", Objects::None),
    shape(23, "list", "networkpolicies", "NetworkPolicy", "networking.k8s.io", Objects::Settings),
    shape(70, "update", "leases", "Lease", "coordination.k8s.io", Objects::None),
    shape(28, "create", "pods", "Pod", "", Objects::Pod),
    shape(21, "delete", "ingresses", "Ingress", "networking.k8s.io", Objects::Settings),
    shape(15, "create", "serviceaccounts", "ServiceAccount", "", Objects::None),
    shape(14, "patch", "networkpolicies", "NetworkPolicy", "networking.k8s.io", Objects::Settings),
    shape(28, "patch", "pods", "Pod", "", Objects::Pod),
    shape(14, "update", "replicasets", "ReplicaSet", "apps", Objects::None),
    shape(57, "update", "endpointslices", "EndpointSlice", "discovery.k8s.io", Objects::None),
    shape(
        8,
        "create",
        "rolebindings",
        "RoleBinding",
        "rbac.authorization.k8s.io",
        Objects::Settings,
    ),
];

const AGENTS: [&str; 8] = [
    "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/$Format/replicaset-controller",
    "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/$Format/deployment-controller",
    "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/$Format/leader-election",
    "kube-scheduler/v1.36.3 (linux/amd64) kubernetes/$Format/scheduler",
    "kubelet/v1.36.3 (linux/amd64) kubernetes/$Format",
    "kubectl/v1.36.3 (linux/amd64) kubernetes/$Format",
    "operator/v0.14.2 (linux/amd64) kubernetes/$Format",
    "argocd-application-controller/v3.4.1 (linux/amd64) kubernetes/$Format",
];

/// A request that has no answer yet.
#[derive(Debug)]
struct Request {
    shape: usize,
    id: String,
    app: App,
    caller: u64,
    received: i64,
}

/// Makes events: the same ones for the same seed.
#[derive(Debug)]
pub struct Events {
    random: Random,
    /// Microseconds since the Unix epoch.
    now: i64,
    version: u64,
    under_way: VecDeque<Request>,
    text: String,
}

impl Events {
    /// The events of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let under_way = VecDeque::new();
        Self {
            random: Random(seed),
            now: START,
            version: 41_000_000,
            under_way,
            text: String::new(),
        }
    }

    /// Lets time pass until then: what happens next happens behind it.
    pub fn advance(&mut self, time: Time) {
        self.now = self.now.max(time.micros());
    }

    /// The next line, with its `\n`.
    pub fn line(&mut self) -> &[u8] {
        self.text.clear();
        self.now += 50 + i64::try_from(self.random.below(900)).unwrap_or(0);
        let waiting = self.under_way.len() as u64;
        if waiting > 0 && self.random.below(UNDER_WAY) < waiting {
            let at = usize::try_from(self.random.below(waiting.min(3))).unwrap_or(0);
            if let Some(request) = self.under_way.remove(at) {
                self.answer(&request);
            }
        } else {
            self.receive();
        }
        self.text.as_bytes()
    }

    fn receive(&mut self) {
        let mut left = self.random.below(1000);
        let shape = SHAPES.iter().position(|shape| {
            let found = left < shape.weight;
            left = left.saturating_sub(shape.weight);
            found
        });
        let request = Request {
            shape: shape.unwrap_or(0),
            id: self.random.uuid(),
            app: App::any(&mut self.random),
            caller: self.random.below(400),
            received: self.now,
        };
        self.head(&request, "RequestReceived");
        self.times(&request);
        self.text.push_str("}\n");
        self.under_way.push_back(request);
    }

    fn answer(&mut self, request: &Request) {
        let shape = &SHAPES[request.shape];
        self.version += 1 + self.random.below(3);
        self.head(request, "ResponseComplete");
        let code = if shape.verb == "create" { 201 } else { 200 };
        put(&mut self.text, format_args!(r#","responseStatus":{{"metadata":{{}},"code":{code}}}"#));
        self.objects(request);
        self.times(request);
        self.text.push_str(r#","annotations":{"authorization.k8s.io/decision":"allow","#);
        let (namespace, name) = (request.app.namespace(), request.app.name());
        if request.caller < 300 {
            put(
                &mut self.text,
                format_args!(
                    r#""authorization.k8s.io/reason":"RBAC: allowed by RoleBinding \"{name}/{namespace}\" of Role \"{name}\" to ServiceAccount \"{name}/{namespace}\"""#,
                ),
            );
        } else {
            self.text.push_str(r#""authorization.k8s.io/reason":"""#);
        }
        self.text.push_str("}}\n");
    }

    fn head(&mut self, request: &Request, stage: &str) {
        let Request { id, app, caller, .. } = request;
        let shape = &SHAPES[request.shape];
        let level = if shape.objects == Objects::None { "Metadata" } else { "RequestResponse" };
        let (namespace, name) = (app.namespace(), app.name());
        put(
            &mut self.text,
            format_args!(
                concat!(
                    r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"{id}","stage":"{stage}","requestURI":""#,
                ),
                level = level,
                id = id,
                stage = stage
            ),
        );
        let (group, resource) = (shape.group, shape.resource);
        if group.is_empty() {
            self.text.push_str("/api/v1");
        } else {
            put(&mut self.text, format_args!("/apis/{group}/v1"));
        }
        put(&mut self.text, format_args!("/namespaces/{namespace}/{resource}"));
        match shape.verb {
            "list" => self.text.push_str(r"?limit=500\u0026resourceVersion=0"),
            "create" => self.text.push_str("?fieldManager=manager"),
            _ => put(&mut self.text, format_args!(r"/{name}?timeout=10s")),
        }
        put(&mut self.text, format_args!(r#"","verb":"{}","user":{{"username":""#, shape.verb));
        self.caller(*caller, *app);
        put(
            &mut self.text,
            format_args!(
                concat!(
                    r#""sourceIPs":["10.0.{a}.{b}"],"userAgent":"{agent}","objectRef":{{"resource":"{resource}","namespace":"{namespace}","#,
                ),
                a = caller / 40,
                b = caller % 250,
                agent = AGENTS[(caller % 8) as usize],
                resource = resource,
                namespace = namespace
            ),
        );
        if shape.verb != "list" {
            put(&mut self.text, format_args!(r#""name":"{name}","#));
        }
        if !group.is_empty() {
            put(&mut self.text, format_args!(r#""apiGroup":"{group}","#));
        }
        self.text.push_str(r#""apiVersion":"v1"}"#);
    }

    fn caller(&mut self, caller: u64, app: App) {
        let text = &mut self.text;
        if caller < 300 {
            let (ns, n, uid) = (app.namespace(), app.name(), app.uid(2));
            put(
                text,
                format_args!(
                    concat!(
                        r#"system:serviceaccount:{ns}:{n}","uid":"{uid}","groups":["system:serviceaccounts","#,
                        r#""system:serviceaccounts:{ns}","system:authenticated"]}},"#,
                    ),
                    ns = ns,
                    n = n,
                    uid = uid
                ),
            );
        } else if caller < 360 {
            put(
                text,
                format_args!(
                    r#"system:node:worker-{:02}","groups":["system:nodes","system:authenticated"]}},"#,
                    caller - 300
                ),
            );
        } else {
            put(
                text,
                format_args!(
                    r#"person-{caller}@example.com","groups":["oidc:developers","system:authenticated"]}},"#
                ),
            );
        }
    }

    fn objects(&mut self, request: &Request) {
        let shape = &SHAPES[request.shape];
        let (app, text, version) = (request.app, &mut self.text, self.version);
        // An object is as old as its workload; only its version is new.
        let born =
            START - 86_400_000_000 + i64::try_from(app.namespace().len()).unwrap_or(0) * 1_000_000;
        let at = format!("{}Z", &Time::from_micros(born).to_string()[..19]);
        let api =
            if shape.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", shape.group) };
        match shape.objects {
            Objects::None => {}
            Objects::Pod => {
                text.push_str(r#","requestObject":"#);
                pod_request(app, text);
                text.push_str(r#","responseObject":"#);
                pod(app, self.random.below(1000), version, &at, text);
            }
            Objects::PodList => {
                text.push_str(r#","responseObject":"#);
                pod_list(app, version, &mut self.random, &at, text);
            }
            Objects::Settings => {
                if shape.verb != "list" {
                    text.push_str(r#","requestObject":"#);
                    settings(shape.kind, &api, app, version - 1, &at, text);
                }
                text.push_str(r#","responseObject":"#);
                settings(shape.kind, &api, app, version, &at, text);
            }
        }
    }

    fn times(&mut self, request: &Request) {
        let (received, now) = (Time::from_micros(request.received), Time::from_micros(self.now));
        put(
            &mut self.text,
            format_args!(r#","requestReceivedTimestamp":"{received}","stageTimestamp":"{now}""#),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_audit::scan;
    use auditseal_format::{Compression, Packer};

    fn bytes(seed: u64, least: usize) -> Vec<u8> {
        let (mut events, mut all) = (Events::new(seed), Vec::new());
        while all.len() < least {
            all.extend_from_slice(events.line());
        }
        all
    }

    #[test]
    fn one_seed_one_log() {
        assert!(bytes(1, 1 << 20) == bytes(1, 1 << 20));
        assert!(bytes(1, 1 << 20) != bytes(2, 1 << 20));
    }

    #[test]
    fn zstd_makes_it_ten_to_fourteen_times_smaller() {
        for seed in [1, 7] {
            let all = bytes(seed, 32 << 20);
            let mut packer = Packer::new(Compression::default(), 0).unwrap();
            packer.begin_range(0);
            packer.source(&all).unwrap();
            packer.end_range().unwrap();
            let payload = packer.finish().unwrap().payload;
            let ratio = payload.bytes as f64 / payload.blocks_len as f64;
            assert!((10.0..14.0).contains(&ratio), "seed {seed}: {ratio:.2}");
            assert_eq!(payload.malformed, 0);
        }
    }

    #[test]
    fn lines_are_as_long_as_the_real_ones() {
        let all = bytes(3, 8 << 20);
        let lines: Vec<_> = all.split_inclusive(|byte| *byte == b'\n').collect();
        assert!(lines.iter().all(|line| scan(&line[..line.len() - 1]).well_formed()));
        let mut lengths: Vec<_> = lines.iter().map(|line| line.len()).collect();
        lengths.sort_unstable();
        let mean = all.len() / lines.len();
        // The real log: mean 1,089, half below 726, one in ten above 1,718, hardly any above 7,573.
        assert!((900..1_400).contains(&mean), "mean {mean}");
        let half = lengths[lengths.len() / 2];
        assert!((600..900).contains(&half), "half {half}");
        let tenth = lengths[lengths.len() * 9 / 10];
        assert!((1_200..5_500).contains(&tenth), "tenth {tenth}");
        assert!(lengths.last().is_some_and(|longest| *longest < 8_000));
    }
}
