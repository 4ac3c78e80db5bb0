//! Which lists of Kubernetes' own types are merged element by element, and by what.
//!
//! Facts, taken from the tags `patchStrategy` and `patchMergeKey` of `k8s.io/api` v0.36.3 by reflection over each kind:
//! `tests/merge-keys.txt` is that list, and a test holds this table against it.

use serde_json::Value;

/// How a field is merged by a strategic merge patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A list whose elements are known by this member.
    ByKey(&'static str),
    /// A list of scalars that is a set.
    Set,
    /// It is replaced as a whole, though it is an object.
    Replace,
}

use Rule::{ByKey, Replace, Set};

type Rules = &'static [(&'static str, Rule)];

/// Below a pod's spec, wherever one stands.
const POD_SPEC: Rules = &[
    ("hostAliases", ByKey("ip")),
    ("imagePullSecrets", ByKey("name")),
    ("resourceClaims", ByKey("name")),
    ("schedulingGates", ByKey("name")),
    ("topologySpreadConstraints", ByKey("topologyKey")),
    ("volumes", ByKey("name")),
];

/// Below each kind of container.
const CONTAINER: Rules = &[
    ("", ByKey("name")),
    ("env", ByKey("name")),
    ("ports", ByKey("containerPort")),
    ("volumeDevices", ByKey("devicePath")),
    ("volumeMounts", ByKey("mountPath")),
];

/// Members of a pod's spec that are lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

const POD_STATUS: Rules = &[
    ("status.conditions", ByKey("type")),
    ("status.containerStatuses.allocatedResourcesStatus", ByKey("name")),
    ("status.containerStatuses.volumeMounts", ByKey("mountPath")),
    ("status.ephemeralContainerStatuses.allocatedResourcesStatus", ByKey("name")),
    ("status.ephemeralContainerStatuses.volumeMounts", ByKey("mountPath")),
    ("status.hostIPs", ByKey("ip")),
    ("status.initContainerStatuses.allocatedResourcesStatus", ByKey("name")),
    ("status.initContainerStatuses.volumeMounts", ByKey("mountPath")),
    ("status.podIPs", ByKey("ip")),
    ("status.resourceClaimStatuses", ByKey("name")),
];

const CONDITIONS: Rules = &[("status.conditions", ByKey("type"))];
const WEBHOOKS: Rules = &[("webhooks", ByKey("name")), ("webhooks.matchConditions", ByKey("name"))];

/// Group, kind, where its pod's spec stands, and what else it has.
const KINDS: [(&str, &str, Option<&str>, Rules); 31] = [
    ("", "ComponentStatus", None, &[("conditions", ByKey("type"))]),
    ("", "Namespace", None, CONDITIONS),
    (
        "",
        "Node",
        None,
        &[
            ("spec.podCIDRs", Set),
            ("status.addresses", ByKey("type")),
            ("status.conditions", ByKey("type")),
        ],
    ),
    ("", "PersistentVolumeClaim", None, CONDITIONS),
    ("", "Pod", Some("spec"), POD_STATUS),
    ("", "PodStatusResult", None, POD_STATUS),
    ("", "PodTemplate", Some("template.spec"), &[]),
    ("", "ReplicationController", Some("spec.template.spec"), CONDITIONS),
    ("", "Service", None, &[("spec.ports", ByKey("port")), ("status.conditions", ByKey("type"))]),
    ("", "ServiceAccount", None, &[("secrets", ByKey("name"))]),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        None,
        &[("spec.matchConditions", ByKey("name"))],
    ),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", None, WEBHOOKS),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        None,
        &[("spec.matchConditions", ByKey("name")), ("spec.variables", ByKey("name"))],
    ),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", None, WEBHOOKS),
    ("apps", "DaemonSet", Some("spec.template.spec"), CONDITIONS),
    ("apps", "Deployment", Some("spec.template.spec"), CONDITIONS),
    ("apps", "ReplicaSet", Some("spec.template.spec"), CONDITIONS),
    (
        "apps",
        "StatefulSet",
        Some("spec.template.spec"),
        &[
            ("spec.volumeClaimTemplates.status.conditions", ByKey("type")),
            ("status.conditions", ByKey("type")),
        ],
    ),
    ("autoscaling", "HorizontalPodAutoscaler", None, CONDITIONS),
    ("batch", "CronJob", Some("spec.jobTemplate.spec.template.spec"), &[]),
    ("batch", "Job", Some("spec.template.spec"), CONDITIONS),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", None, CONDITIONS),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", None, CONDITIONS),
    ("networking.k8s.io", "ServiceCIDR", None, CONDITIONS),
    (
        "policy",
        "PodDisruptionBudget",
        None,
        &[("spec.selector", Replace), ("status.conditions", ByKey("type"))],
    ),
    ("resource.k8s.io", "ResourceClaim", None, &[("status.reservedFor", ByKey("uid"))]),
    ("storage.k8s.io", "CSINode", None, &[("spec.drivers", ByKey("name"))]),
    // These have nothing but their metadata.
    ("", "ConfigMap", None, &[]),
    ("", "Secret", None, &[]),
    ("networking.k8s.io", "NetworkPolicy", None, &[]),
    ("networking.k8s.io", "Ingress", None, &[]),
];

/// Groups that the apiserver itself serves: what has another one is a custom resource or an aggregated API.
const GROUPS: [&str; 20] = [
    "",
    "admissionregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// A kind's rules.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Schema {
    own: bool,
    pod: Option<&'static str>,
    rules: Rules,
}

impl Schema {
    /// Of a kind in a group.
    pub(crate) fn new(group: &str, kind: &str) -> Self {
        let own = GROUPS.contains(&group);
        let known = KINDS.iter().find(|(g, k, ..)| (*g, *k) == (group, kind));
        let (pod, rules) = known.map_or((None, &[] as Rules), |(_, _, pod, rules)| (*pod, *rules));
        Self { own, pod, rules }
    }

    /// Of an object, by its own word.
    pub(crate) fn of(object: &Value) -> Self {
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let version = text("apiVersion");
        Self::new(version.split_once('/').map_or("", |(group, _)| group), text("kind"))
    }

    /// Whether the apiserver itself serves it, so that there are strategic merge patches for it.
    pub(crate) fn is_own(self) -> bool {
        self.own
    }

    /// The rule of the field at these member names; steps into lists aren't among them.
    pub(crate) fn rule(self, path: &[&str]) -> Option<Rule> {
        match path {
            [.., "metadata", "finalizers"] if self.own => return Some(Set),
            [.., "metadata", "ownerReferences"] if self.own => return Some(ByKey("uid")),
            _ => {}
        }
        if let Some((_, rule)) = self.rules.iter().find(|(text, _)| is(path, text)) {
            return Some(*rule);
        }
        let pod = self.pod.map(|pod| pod.split('.').count()).filter(|_| self.own)?;
        let inside = path.get(pod..).filter(|_| is(&path[..pod], self.pod.unwrap_or_default()))?;
        let (first, rest) = inside.split_first()?;
        if CONTAINERS.contains(first) {
            return CONTAINER.iter().find(|(text, _)| is(rest, text)).map(|(_, rule)| *rule);
        }
        POD_SPEC.iter().find(|(text, _)| is(inside, text)).map(|(_, rule)| *rule)
    }

    /// Members by which the elements of a list are told apart when two objects are compared: more than a patch is merged
    /// by, for a port may be there once for each protocol.
    pub(crate) fn keys(self, path: &[&str]) -> &'static [&'static str] {
        match (self.rule(path), path.last()) {
            (Some(ByKey("containerPort")), _) => &["containerPort", "protocol"],
            (Some(ByKey("port")), _) => &["port", "protocol"],
            (Some(ByKey("type")), _) | (None, Some(&"conditions")) => &["type"],
            (Some(ByKey("ip")), _) => &["ip"],
            (Some(ByKey("topologyKey")), _) => &["topologyKey", "whenUnsatisfiable"],
            (Some(ByKey("devicePath")), _) => &["devicePath"],
            (Some(ByKey("mountPath")), _) => &["mountPath"],
            (Some(ByKey("uid")), _) => &["uid"],
            _ => &["name"],
        }
    }
}

fn is(path: &[&str], text: &str) -> bool {
    let mut names = text.split('.').filter(|name| !name.is_empty());
    path.iter().all(|name| names.next() == Some(name)) && names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Of k8s.io/api: kind, path, strategies, key.
    const TAGS: &str = include_str!("../tests/merge-keys.txt");

    #[test]
    fn the_table_is_that_of_the_types() {
        let mut kinds: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for line in TAGS.lines() {
            let mut fields = line.split('\t');
            let mut name = fields.next().unwrap().split('/');
            let (group, _, kind) = (name.next().unwrap(), name.next(), name.next().unwrap());
            let paths = kinds.entry((group, kind)).or_default();
            let Some(path) = fields.next() else { continue };
            let (strategy, key) = (fields.next().unwrap(), fields.next().unwrap());
            let path = path.replace(".*", "").trim_start_matches('.').to_owned();
            let names: Vec<_> = path.split('.').collect();
            let schema = Schema::new(group, kind);
            assert!(schema.is_own(), "{group}");
            match (schema.rule(&names), strategy.trim_end_matches(",retainKeys"), key) {
                (Some(ByKey(ours)), "merge", theirs) => assert_eq!(ours, theirs, "{line}"),
                (Some(Set), "merge", "") | (Some(Replace), "replace", "") => {}
                (None, "retainKeys", "") => {}
                other => panic!("{line}: {other:?}"),
            }
            paths.insert(path);
        }
        assert_eq!(kinds.len(), 62);
        // And nothing of ours that they don't have.
        for (group, kind, pod, rules) in KINDS {
            let theirs = &kinds[&(group, kind)];
            for (path, _) in rules {
                assert!(theirs.contains(*path), "{group}/{kind} {path}");
            }
            for (path, _) in POD_SPEC.iter().filter(|_| pod.is_some()) {
                let path = format!("{}.{path}", pod.unwrap());
                assert!(theirs.contains(&path), "{group}/{kind} {path}");
            }
            for list in CONTAINERS.iter().filter(|_| pod.is_some()) {
                for (path, _) in CONTAINER {
                    let path = format!("{}.{list}.{path}", pod.unwrap());
                    let path = path.trim_end_matches('.');
                    assert!(theirs.contains(path), "{group}/{kind} {path}");
                }
            }
        }
    }

    #[test]
    fn custom_resources_have_no_rules() {
        let schema = Schema::new("example.com", "Pod");
        assert!(!schema.is_own() && schema.rule(&["spec", "containers"]).is_none());
        assert!(schema.rule(&["metadata", "finalizers"]).is_none());
        assert!(!Schema::new("gateway.networking.k8s.io", "Gateway").is_own());
    }
}
