//! Audit events that look like a cluster's, each with a serial number of its own.

use std::time::SystemTime;

/// How every line begins: kube-apiserver's field order.
pub(crate) const BEGIN: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":""#;
/// What stands before the id, which ends in the serial number.
const ID: &[u8] = br#""auditID":""#;
/// Characters of an id, and of the serial number at its end.
const ID_CHARS: usize = 36;
const SERIAL_CHARS: usize = 12;
/// The id stands within so many bytes of a line's start.
pub(crate) const ID_WITHIN: usize = 192;

const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "patch"];
const AGENTS: [&str; 4] = [
    "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/$Format/replicaset-controller",
    "kubelet/v1.36.3 (linux/amd64) kubernetes/$Format",
    "kube-scheduler/v1.36.3 (linux/amd64) kubernetes/$Format/leader-election",
    "kubectl/v1.36.3 (linux/amd64) kubernetes/$Format",
];
const RESOURCES: [(&str, &str); 5] = [
    ("pods", ""),
    ("configmaps", ""),
    ("deployments", "apps"),
    ("leases", "coordination.k8s.io"),
    ("endpointslices", "discovery.k8s.io"),
];

/// Makes events: the same ones for the same seed, but for their times.
#[derive(Debug)]
pub(crate) struct Events {
    state: u64,
    serial: u64,
}

impl Events {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, serial: 0 }
    }

    fn random(&mut self) -> u64 {
        // splitmix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[(self.random() % of.len() as u64) as usize]
    }

    /// Writes the next event into `line`, at least `length` bytes of it.
    pub(crate) fn next(&mut self, now: SystemTime, length: usize, line: &mut Vec<u8>) {
        line.clear();
        let kind = self.random() % 100;
        let (objects, stage) = match kind {
            0..20 => (0, "RequestReceived"),
            20..56 => (0, "ResponseComplete"),
            _ => (1 + kind as usize % 2, "ResponseComplete"),
        };
        self.head(line, if objects > 0 { "RequestResponse" } else { "Metadata" }, stage);
        if stage == "ResponseComplete" {
            put(line, r#","responseStatus":{"metadata":{},"code":200}"#);
        }
        for name in ["requestObject", "responseObject"].iter().take(objects) {
            self.pod(line, name);
        }
        if length > line.len() {
            put(line, r#","responseObject":{"kind":"List","apiVersion":"v1","items":["#);
            while line.len() < length {
                let word = self.random();
                put(
                    line,
                    &format!(
                        r#"{{"metadata":{{"name":"item-{:06x}","labels":{{"a":"b"}}}},"data":"{:x}"}},"#,
                        line.len(),
                        word % 4096
                    ),
                );
            }
            put(line, "{}]}");
        }
        let at = humantime::format_rfc3339_micros(now).to_string();
        put(line, &format!(r#","requestReceivedTimestamp":"{at}","stageTimestamp":"{at}""#));
        if stage == "ResponseComplete" {
            put(
                line,
                r#","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}"#,
            );
        }
        put(line, "}\n");
        self.serial += 1;
    }

    fn head(&mut self, line: &mut Vec<u8>, level: &str, stage: &str) {
        let (id, serial) = (self.random(), self.serial);
        let verb = self.pick(&VERBS);
        let (resource, group) = self.pick(&RESOURCES);
        let agent = self.pick(&AGENTS);
        let (namespace, name) = (self.random() % 60, self.random() % 10_000);
        let path = if group.is_empty() { "api/v1".into() } else { format!("apis/{group}/v1") };
        put(line, BEGIN);
        put(
            line,
            &format!(
                concat!(
                    r#"{level}","#,
                    r#""auditID":"{:08x}-{:04x}-4{:03x}-8{:03x}-{serial:012x}","#,
                    r#""stage":"{stage}","#,
                    r#""requestURI":"/{path}/namespaces/team-{namespace}/{resource}/app-{name}?fieldManager=agent\u0026timeout=10s","#,
                    r#""verb":"{verb}","#,
                    r#""user":{{"username":"system:serviceaccount:kube-system:app-{}","#,
                    r#""uid":"810ae24a-a022-4600-8f32-f30fdcd0e213","#,
                    r#""groups":["system:serviceaccounts","#,
                    r#""system:serviceaccounts:kube-system","system:authenticated"]}},"#,
                    r#""sourceIPs":["10.0.{}.{}"],"userAgent":"{agent}","#,
                    r#""objectRef":{{"resource":"{resource}","namespace":"team-{namespace}","#,
                    r#""name":"app-{name}","apiGroup":"{group}","apiVersion":"v1"}}"#,
                ),
                id >> 32,
                id >> 16 & 0xffff,
                id >> 4 & 0xfff,
                id & 0xfff,
                name % 20,
                id % 250,
                name % 250,
                level = level,
                serial = serial,
                stage = stage,
                path = path,
                namespace = namespace,
                resource = resource,
                name = name,
                verb = verb,
                agent = agent,
                group = group,
            ),
        );
    }

    fn pod(&mut self, line: &mut Vec<u8>, field: &str) {
        let (a, b, c) = (self.random(), self.random(), self.random());
        put(
            line,
            &format!(
                concat!(
                    r#","{field}":{{"kind":"Pod","apiVersion":"v1","#,
                    r#""metadata":{{"name":"app-{:08x}-{:05x}","generateName":"app-{:08x}-","#,
                    r#""namespace":"team-{}","uid":"{:08x}-b56b-441a-a248-{:012x}","#,
                    r#""resourceVersion":"{}","creationTimestamp":"2026-11-21T08:04:24Z","#,
                    r#""labels":{{"app":"app","pod-template-hash":"{:08x}"}},"#,
                    r#""managedFields":[{{"manager":"kube-controller-manager","#,
                    r#""operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","#,
                    r#""fieldsV1":{{"f:metadata":{{"f:generateName":{{}},"#,
                    r#""f:labels":{{".":{{}},"f:app":{{}},"f:pod-template-hash":{{}}}}}},"#,
                    r#""f:spec":{{"f:containers":{{"k:{{\"name\":\"c\"}}":{{".":{{}},"#,
                    r#""f:image":{{}},"f:imagePullPolicy":{{}},"f:name":{{}},"#,
                    r#""f:resources":{{}}}}}},"f:dnsPolicy":{{}},"#,
                    r#""f:restartPolicy":{{}}}}}}}}]}},"spec":{{"containers":[{{"name":"c","#,
                    r#""image":"app:v{}","resources":{{"requests":{{"cpu":"100m","#,
                    r#""memory":"64Mi"}}}},"terminationMessagePath":"/dev/termination-log","#,
                    r#""terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}}],"#,
                    r#""restartPolicy":"Always","terminationGracePeriodSeconds":30,"#,
                    r#""dnsPolicy":"ClusterFirst","securityContext":{{}},"#,
                    r#""schedulerName":"default-scheduler","#,
                    r#""tolerations":[{{"key":"node.kubernetes.io/not-ready","#,
                    r#""operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"#,
                    r#""priority":0,"enableServiceLinks":true}},"status":{{"phase":"Running","#,
                    r#""podIP":"10.1.{}.{}","qosClass":"Burstable"}}}}"#,
                ),
                a >> 32,
                a & 0xf_ffff,
                a >> 32,
                b % 60,
                b >> 32,
                b & 0xffff_ffff_ffff,
                c % 1_000_000,
                a >> 32,
                c % 9,
                c >> 8 & 0xff,
                c >> 16 & 0xff,
                field = field,
            ),
        );
    }
}

fn put(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

/// The serial number of a line, of which at least the first [`ID_WITHIN`] bytes are given.
pub(crate) fn serial(line: &[u8]) -> Option<u64> {
    let line = &line[..line.len().min(ID_WITHIN)];
    let from = line.windows(ID.len()).position(|window| window == ID)? + ID.len();
    let id = std::str::from_utf8(line.get(from..from + ID_CHARS)?).ok()?;
    u64::from_str_radix(id.get(ID_CHARS - SERIAL_CHARS..)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_like_a_clusters() {
        let (mut events, mut line) = (Events::new(7), Vec::new());
        let (mut bytes, mut longest) = (0, 0);
        for want in 0..20_000 {
            events.next(SystemTime::now(), 0, &mut line);
            assert_eq!(serial(&line), Some(want));
            let text = std::str::from_utf8(&line).unwrap();
            assert!(text.starts_with(BEGIN) && text.contains(r#","stageTimestamp":"20"#));
            assert_eq!(text.find('\n'), Some(text.len() - 1));
            bytes += line.len();
            longest = longest.max(line.len());
        }
        assert!((1_700..1_900).contains(&(bytes / 20_000)), "mean {}", bytes / 20_000);
        assert!((3_000..5_000).contains(&longest), "longest {longest}");
    }

    #[test]
    fn a_huge_event_is_one_line() {
        let (mut events, mut line) = (Events::new(7), Vec::new());
        events.next(SystemTime::now(), 1_500_000, &mut line);
        assert!((1_500_000..1_501_000).contains(&line.len()));
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
    }
}
