//! The objects of an imagined cluster: what stands in requests and responses.

use std::fmt::Write as _;

/// A small generator of numbers that look random: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn uuid(&mut self) -> String {
        uuid(self.next(), self.next())
    }
}

/// A version 4 UUID of these bits.
fn uuid(a: u64, b: u64) -> String {
    let (high, middle, low) = (a >> 32, a >> 16 & 0xffff, a & 0xfff);
    format!(
        "{high:08x}-{middle:04x}-4{low:03x}-{:04x}-{:012x}",
        0x8000 | b >> 50,
        b & ((1 << 48) - 1)
    )
}

/// Namespaces, and workloads in each of them.
const NAMESPACES: u64 = 60;
const APPS: u64 = 80;
const WORDS: [&str; 12] = [
    "api", "billing", "cart", "db", "edge", "feed", "gateway", "ingest", "mail", "search", "store",
    "web",
];

/// A workload: everything about it follows from its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    number: u64,
}

impl App {
    pub(crate) fn any(random: &mut Random) -> Self {
        // A few are busy, most are quiet.
        let (a, b) = (random.below(NAMESPACES * APPS), random.below(NAMESPACES * APPS));
        Self { number: a.min(b) }
    }

    pub(crate) fn namespace(self) -> String {
        let number = self.number % NAMESPACES;
        format!("team-{}-{number:02}", WORDS[(number * 7 % 12) as usize])
    }

    pub(crate) fn name(self) -> String {
        let number = self.number / NAMESPACES;
        format!(
            "{}-{}-{number:02}",
            WORDS[(self.number % 12) as usize],
            WORDS[(number % 11) as usize]
        )
    }

    /// The hash in the names of its replica set and pods.
    pub(crate) fn template(self) -> String {
        format!("{:010x}", Random(self.number).next() >> 24)
    }

    pub(crate) fn uid(self, of: u64) -> String {
        let mut random = Random(self.number << 8 | of);
        random.uuid()
    }
}

/// A pod as it is created: what `kube-controller-manager` sends.
pub(crate) fn pod_request(app: App, out: &mut String) {
    let (name, template, owner) = (app.name(), app.template(), app.uid(0));
    put(
        out,
        format_args!(
            concat!(
                r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"generateName":"{n}-{t}-","labels":{{"app":"{n}","pod-template-hash":"{t}"}},"#,
                r#""ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{n}-{t}","uid":"{o}","controller":true,"blockOwnerDeletion":true}}]}},"#,
            ),
            n = name,
            t = template,
            o = owner
        ),
    );
    spec(app, "", out);
    out.push_str(r#","status":{}}"#);
}

/// A pod as the apiserver gives it back.
pub(crate) fn pod(app: App, replica: u64, version: u64, at: &str, out: &mut String) {
    let (name, template) = (app.name(), app.template());
    let mut own = Random(app.number << 20 | replica);
    let (suffix, node, ip) = (own.below(1 << 24), own.below(40), own.below(65_536));
    put(
        out,
        format_args!(
            concat!(
                r#"{{"metadata":{{"name":"{n}-{t}-{s:06x}","generateName":"{n}-{t}-","namespace":"{ns}","uid":"{uid}","#,
                r#""resourceVersion":"{v}","generation":1,"creationTimestamp":"{at}","labels":{{"app":"{n}","pod-template-hash":"{t}"}},"#,
                r#""ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{n}-{t}","uid":"{o}","controller":true,"blockOwnerDeletion":true}}],"#,
                r#""managedFields":[{{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"{at}","fieldsType":"FieldsV1","#,
                r#""fieldsV1":{{"f:metadata":{{"f:generateName":{{}},"f:labels":{{".":{{}},"f:app":{{}},"f:pod-template-hash":{{}}}},"#,
                r#""f:ownerReferences":{{".":{{}},"k:{{\"uid\":\"{o}\"}}":{{}}}}}},"f:spec":{{"f:containers":{{"k:{{\"name\":\"{n}\"}}":{{".":{{}},"f:image":{{}},"#,
                r#""f:imagePullPolicy":{{}},"f:name":{{}},"f:resources":{{}},"f:terminationMessagePath":{{}},"f:terminationMessagePolicy":{{}}}}}},"#,
                r#""f:dnsPolicy":{{}},"f:enableServiceLinks":{{}},"f:restartPolicy":{{}},"f:schedulerName":{{}},"f:securityContext":{{}},"f:terminationGracePeriodSeconds":{{}}}}}}}}]}},"#,
            ),
            n = name,
            t = template,
            s = suffix,
            ns = app.namespace(),
            uid = own.uuid(),
            v = version,
            at = at,
            o = app.uid(0)
        ),
    );
    spec(app, &format!(r#","nodeName":"worker-{node:02}""#), out);
    put(
        out,
        format_args!(
            concat!(
                r#","status":{{"phase":"Running","hostIP":"10.0.1.{node}","podIP":"10.{a}.{b}.{node}","startTime":"{at}","#,
                r#""conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"{at}"}}],"#,
                r#""containerStatuses":[{{"name":"{n}","ready":true,"restartCount":{restarts},"containerID":"containerd://{id}"}}],"#,
                r#""qosClass":"Burstable"}}}}"#,
            ),
            node = node,
            a = ip >> 8,
            b = ip & 0xff,
            at = at,
            n = name,
            restarts = own.below(3),
            id = container(&mut own),
        ),
    );
}

/// A container's id: 64 hexadecimal digits.
fn container(random: &mut Random) -> String {
    (0..4).map(|_| format!("{:016x}", random.next())).collect()
}

fn spec(app: App, node: &str, out: &mut String) {
    let mut own = Random(app.number << 4);
    put(
        out,
        format_args!(
            concat!(
                r#""spec":{{"containers":[{{"name":"{n}","image":"registry.example/{ns}/{n}:v{a}.{b}","ports":[{{"containerPort":80{c:02},"protocol":"TCP"}}],"#,
                r#""resources":{{"requests":{{"cpu":"{cpu}m","memory":"{memory}Mi"}}}},"terminationMessagePath":"/dev/termination-log","#,
                r#""terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"#,
                r#""dnsPolicy":"ClusterFirst","serviceAccountName":"{n}"{node},"securityContext":{{}},"schedulerName":"default-scheduler","#,
                r#""tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},"#,
                r#"{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"#,
                r#""priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}}"#,
            ),
            n = app.name(),
            ns = app.namespace(),
            a = own.below(9),
            b = own.below(40),
            c = own.below(90),
            cpu = 50 * (1 + own.below(20)),
            memory = 32 * (1 + own.below(60)),
            node = node
        ),
    );
}

/// The pods of a workload.
pub(crate) fn pod_list(app: App, version: u64, random: &mut Random, at: &str, out: &mut String) {
    put(
        out,
        format_args!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"}},"items":["#
        ),
    );
    for replica in 0..2 {
        if replica > 0 {
            out.push(',');
        }
        pod(app, replica, version - random.below(400_000), at, out);
    }
    out.push_str("]}");
}

/// A small object with rules or settings: roles, network policies, ingresses and the like.
pub(crate) fn settings(kind: &str, api: &str, app: App, version: u64, at: &str, out: &mut String) {
    let mut own = Random(app.number << 6);
    put(
        out,
        format_args!(
            concat!(
                r#"{{"kind":"{kind}","apiVersion":"{api}","metadata":{{"name":"{n}","namespace":"{ns}","uid":"{uid}","resourceVersion":"{v}","#,
                r#""generation":{g},"creationTimestamp":"{at}","labels":{{"app":"{n}"}},"managedFields":[{{"manager":"kubectl-client-side-apply","operation":"Update","#,
                r#""apiVersion":"{api}","time":"{at}","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:annotations":{{".":{{}}}}}},"f:spec":{{"f:ports":{{}},"f:rules":{{}}}}}}}}]}},"#,
                r#""spec":{{"ports":[{{"port":{port},"protocol":"TCP"}}],"rules":[{{"host":"{n}.{ns}.example","paths":["/v{g}/{n}"]}}]}}}}"#,
            ),
            kind = kind,
            api = api,
            n = app.name(),
            ns = app.namespace(),
            uid = app.uid(1),
            v = version,
            g = own.below(30),
            at = at,
            port = 8000 + own.below(1000)
        ),
    );
}

pub(crate) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string doesn't fail.
    out.write_fmt(text).expect("a string takes everything");
}
