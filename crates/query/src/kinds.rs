//! The types that Kubernetes has built in, by all the names that kubectl knows them by.
//!
//! Source: `kubectl api-resources` of Kubernetes 1.36, the resources of its API groups' storage, and the Gateway API's
//! standard channel (`gateway.networking.k8s.io`).

/// A type of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As it stands in `objectRef.resource`.
    pub(crate) plural: &'static str,
    /// As it stands in `objectRef.apiGroup`; empty for the core group.
    pub(crate) group: &'static str,
    /// Short names, and the singular one first.
    pub(crate) others: &'static [&'static str],
}

const fn kind(plural: &'static str, group: &'static str, others: &'static [&'static str]) -> Kind {
    Kind { plural, group, others }
}

/// All of them, in the order of their groups.
pub(crate) const KINDS: &[Kind] = &[
    kind("bindings", "", &["binding"]),
    kind("componentstatuses", "", &["componentstatus", "cs"]),
    kind("configmaps", "", &["configmap", "cm"]),
    kind("endpoints", "", &["endpoint", "ep"]),
    kind("events", "", &["event", "ev"]),
    kind("limitranges", "", &["limitrange", "limits"]),
    kind("namespaces", "", &["namespace", "ns"]),
    kind("nodes", "", &["node", "no"]),
    kind("persistentvolumeclaims", "", &["persistentvolumeclaim", "pvc"]),
    kind("persistentvolumes", "", &["persistentvolume", "pv"]),
    kind("pods", "", &["pod", "po"]),
    kind("podtemplates", "", &["podtemplate"]),
    kind("replicationcontrollers", "", &["replicationcontroller", "rc"]),
    kind("resourcequotas", "", &["resourcequota", "quota"]),
    kind("secrets", "", &["secret"]),
    kind("serviceaccounts", "", &["serviceaccount", "sa"]),
    kind("services", "", &["service", "svc"]),
    kind("mutatingadmissionpolicies", ADMISSION, &["mutatingadmissionpolicy"]),
    kind("mutatingadmissionpolicybindings", ADMISSION, &["mutatingadmissionpolicybinding"]),
    kind("mutatingwebhookconfigurations", ADMISSION, &["mutatingwebhookconfiguration"]),
    kind("validatingadmissionpolicies", ADMISSION, &["validatingadmissionpolicy"]),
    kind("validatingadmissionpolicybindings", ADMISSION, &["validatingadmissionpolicybinding"]),
    kind("validatingwebhookconfigurations", ADMISSION, &["validatingwebhookconfiguration"]),
    kind(
        "customresourcedefinitions",
        "apiextensions.k8s.io",
        &["customresourcedefinition", "crd", "crds"],
    ),
    kind("apiservices", "apiregistration.k8s.io", &["apiservice"]),
    kind("controllerrevisions", "apps", &["controllerrevision"]),
    kind("daemonsets", "apps", &["daemonset", "ds"]),
    kind("deployments", "apps", &["deployment", "deploy"]),
    kind("replicasets", "apps", &["replicaset", "rs"]),
    kind("statefulsets", "apps", &["statefulset", "sts"]),
    kind("selfsubjectreviews", "authentication.k8s.io", &["selfsubjectreview"]),
    kind("tokenreviews", "authentication.k8s.io", &["tokenreview"]),
    kind("localsubjectaccessreviews", "authorization.k8s.io", &["localsubjectaccessreview"]),
    kind("selfsubjectaccessreviews", "authorization.k8s.io", &["selfsubjectaccessreview"]),
    kind("selfsubjectrulesreviews", "authorization.k8s.io", &["selfsubjectrulesreview"]),
    kind("subjectaccessreviews", "authorization.k8s.io", &["subjectaccessreview"]),
    kind("horizontalpodautoscalers", "autoscaling", &["horizontalpodautoscaler", "hpa"]),
    kind("cronjobs", "batch", &["cronjob", "cj"]),
    kind("jobs", "batch", &["job"]),
    kind(
        "certificatesigningrequests",
        "certificates.k8s.io",
        &["certificatesigningrequest", "csr"],
    ),
    kind("clustertrustbundles", "certificates.k8s.io", &["clustertrustbundle"]),
    kind("podcertificaterequests", "certificates.k8s.io", &["podcertificaterequest"]),
    kind("leasecandidates", "coordination.k8s.io", &["leasecandidate"]),
    kind("leases", "coordination.k8s.io", &["lease"]),
    kind("endpointslices", "discovery.k8s.io", &["endpointslice"]),
    kind("events", "events.k8s.io", &["event", "ev"]),
    kind("flowschemas", "flowcontrol.apiserver.k8s.io", &["flowschema"]),
    kind(
        "prioritylevelconfigurations",
        "flowcontrol.apiserver.k8s.io",
        &["prioritylevelconfiguration"],
    ),
    kind("backendtlspolicies", GATEWAY, &["backendtlspolicy", "btlspolicy"]),
    kind("gatewayclasses", GATEWAY, &["gatewayclass", "gc"]),
    kind("gateways", GATEWAY, &["gateway", "gtw"]),
    kind("grpcroutes", GATEWAY, &["grpcroute"]),
    kind("httproutes", GATEWAY, &["httproute"]),
    kind("referencegrants", GATEWAY, &["referencegrant", "refgrant"]),
    kind("ingressclasses", "networking.k8s.io", &["ingressclass"]),
    kind("ingresses", "networking.k8s.io", &["ingress", "ing"]),
    kind("ipaddresses", "networking.k8s.io", &["ipaddress", "ip"]),
    kind("networkpolicies", "networking.k8s.io", &["networkpolicy", "netpol"]),
    kind("servicecidrs", "networking.k8s.io", &["servicecidr"]),
    kind("runtimeclasses", "node.k8s.io", &["runtimeclass"]),
    kind("poddisruptionbudgets", "policy", &["poddisruptionbudget", "pdb"]),
    kind("adminnetworkpolicies", "policy.networking.k8s.io", &["adminnetworkpolicy", "anp"]),
    kind(
        "baselineadminnetworkpolicies",
        "policy.networking.k8s.io",
        &["baselineadminnetworkpolicy", "banp"],
    ),
    kind("clusterrolebindings", "rbac.authorization.k8s.io", &["clusterrolebinding"]),
    kind("clusterroles", "rbac.authorization.k8s.io", &["clusterrole"]),
    kind("rolebindings", "rbac.authorization.k8s.io", &["rolebinding"]),
    kind("roles", "rbac.authorization.k8s.io", &["role"]),
    kind("deviceclasses", "resource.k8s.io", &["deviceclass"]),
    kind("resourceclaims", "resource.k8s.io", &["resourceclaim"]),
    kind("resourceclaimtemplates", "resource.k8s.io", &["resourceclaimtemplate"]),
    kind("resourceslices", "resource.k8s.io", &["resourceslice"]),
    kind("priorityclasses", "scheduling.k8s.io", &["priorityclass", "pc"]),
    kind("csidrivers", "storage.k8s.io", &["csidriver"]),
    kind("csinodes", "storage.k8s.io", &["csinode"]),
    kind("csistoragecapacities", "storage.k8s.io", &["csistoragecapacity"]),
    kind("storageclasses", "storage.k8s.io", &["storageclass", "sc"]),
    kind("volumeattachments", "storage.k8s.io", &["volumeattachment"]),
    kind("volumeattributesclasses", "storage.k8s.io", &["volumeattributesclass", "vac"]),
    kind("storageversionmigrations", "storagemigration.k8s.io", &["storageversionmigration"]),
];

const ADMISSION: &str = "admissionregistration.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";

/// Whether a type is called by its plural alone in this group: no other group has that name built in.
pub(crate) fn is_plain(plural: &str, group: &str) -> bool {
    let mut named = KINDS.iter().filter(|kind| kind.plural == plural);
    named.next().is_some_and(|kind| kind.group == group) && named.next().is_none()
}
