//! What pods are called that come and go: their labels without those that change with each of them.

use std::collections::BTreeMap;

use auditseal_flows::{Endpoint, EndpointKind, LabelValue, Unlisted};

use crate::doubt::{FlowDoubt, Known};

/// Labels of pods that are alike but for some that their controllers give to each.
pub(crate) type PodGroup = BTreeMap<String, String>;

/// Labels that controllers give, and that say nothing of what a pod is for.
///
/// Source: kubernetes.io, "Well-Known Labels, Annotations and Taints".
const GIVEN: [&str; 12] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// The group of a pod, if the line tells all that its group is made of.
pub(crate) fn group(side: &Endpoint) -> Option<(&str, PodGroup)> {
    if side.kind != EndpointKind::Pod || side.labels.unlisted() == Unlisted::Unknown {
        return None;
    }
    let lasting = side.labels.listed().iter().filter(|(key, _)| !GIVEN.contains(&key.as_str()));
    let lasting = lasting.map(|(key, value)| (key.clone(), value.clone())).collect();
    side.namespace.as_deref().map(|namespace| (namespace, lasting))
}

/// Whether both sides are one pod.
pub(crate) fn itself(one: &Endpoint, other: &Endpoint) -> Known {
    // Some logs write what several pods' names have in common, with a star behind it.
    let pod = |side: &Endpoint| {
        let name = side.pod.clone().filter(|name| !name.ends_with('*'));
        side.namespace.clone().zip(name)
    };
    if let Some((one, other)) = pod(one).zip(pod(other)) {
        return Known::of(one == other);
    }
    if let Some((one, other)) = one.ip.zip(other.ip) {
        return Known::of(one == other);
    }
    let is_pod = |side: &Endpoint| matches!(side.kind, EndpointKind::Pod | EndpointKind::Unknown);
    let spaces = one.namespace.as_ref().zip(other.namespace.as_ref());
    let apart = |(key, value): (&String, &String)| match other.labels.get(key) {
        LabelValue::Is(own) => own != value,
        LabelValue::Absent => true,
        LabelValue::Unknown => false,
    };
    let differ = spaces.is_some_and(|(one, other)| one != other);
    if !is_pod(one) || !is_pod(other) || differ || one.labels.listed().iter().any(apart) {
        return Known::No;
    }
    Known::Doubt(FlowDoubt::MayBeItself)
}

/// Pods whose names the line leaves out and of whose labels it tells some.
fn some_labels(side: &Endpoint) -> Option<String> {
    let namespace = side.namespace.as_deref()?;
    let listed = side.labels.listed().iter().filter(|(key, _)| !GIVEN.contains(&key.as_str()));
    let labels: Vec<_> = listed.map(|(key, value)| format!("{key}={value}")).collect();
    (!labels.is_empty()).then(|| format!("{namespace} {},…", labels.join(",")))
}

/// One side in words, so that pods that are alike are one.
pub(crate) fn said(side: &Endpoint) -> String {
    match group(side) {
        Some((namespace, group)) if !group.is_empty() => {
            let labels: Vec<_> =
                group.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{namespace} {}", labels.join(","))
        }
        _ if side.pod.is_none() => some_labels(side).unwrap_or_else(|| side.name()),
        _ => side.name(),
    }
}
