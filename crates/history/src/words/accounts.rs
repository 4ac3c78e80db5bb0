//! Which fields the words of each kind account for: of a change of any other it can't be said what it means.

/// The fields of one kind that its words cover.
///
/// A path is written with dots; `*` stands for an element or any member, `**` at its end for all below.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// Whoever changes one of these changes what the words are made of.
    pub(crate) fields: &'static [&'static str],
    /// Lists whose order means nothing.
    pub(crate) sets: &'static [&'static str],
    /// Annotations that the words are made of.
    pub(crate) annotation: fn(&str) -> bool,
    /// Labels that they are made of.
    pub(crate) label: fn(&str) -> bool,
}

/// Metadata that says why something was done, or that it is being deleted, which the entry tells by itself.
const APART: [&[&str]; 4] = [
    &["metadata", "annotations", "kubernetes.io/change-cause"],
    &["metadata", "annotations", "auditseal.dev/ticket"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
];

impl Accounts {
    /// Whether a value at this place is accounted for.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        APART.contains(&names)
            || matches!(names, ["metadata", "annotations", name] if (self.annotation)(name))
            || matches!(names, ["metadata", "labels", name] if (self.label)(name))
            || self.fields.iter().any(|field| fits(field, names, false))
    }

    /// Whether something empty at this place is: it leads to fields that are, and says no more than if it weren't there.
    pub(crate) fn leads(&self, names: &[&str]) -> bool {
        self.has(names)
            || matches!(names, [] | ["metadata"] | ["metadata", "annotations" | "labels"])
            || self.fields.iter().any(|field| fits(field, names, true))
    }

    pub(crate) fn is_set(&self, names: &[&str]) -> bool {
        self.sets.iter().any(|field| fits(field, names, false))
    }
}

fn fits(field: &str, names: &[&str], begin: bool) -> bool {
    let mut steps = field.split('.');
    for name in names {
        match steps.next() {
            Some("**") => return true,
            Some(step) if step == "*" || step == *name => {}
            _ => return false,
        }
    }
    begin || matches!(steps.next(), None | Some("**"))
}

fn none(_: &str) -> bool {
    false
}

macro_rules! selector {
    ($path:literal) => {
        concat!($path, ".matchLabels.*")
    };
}

/// The accounts of a kind; none: it has no words.
pub(crate) fn accounts(group: &str, kind: &str) -> Option<Accounts> {
    let plain = |fields, sets| Accounts { fields, sets, annotation: none, label: none };
    Some(match (group, kind) {
        ("networking.k8s.io", "NetworkPolicy") => plain(NETWORK_POLICY, &["spec.**"]),
        ("networking.k8s.io", "Ingress") => Accounts {
            fields: INGRESS,
            // An order of rules and paths that may count is told in words.
            sets: &["spec.rules", "spec.rules.*.http.paths", "spec.tls", "spec.tls.*.hosts"],
            annotation: super::ingress::is_weighty,
            label: none,
        },
        ("gateway.networking.k8s.io", "Gateway") => {
            plain(GATEWAY, &["spec.listeners", "spec.addresses", SELECTOR_OF_LISTENER])
        }
        ("gateway.networking.k8s.io", "HTTPRoute") => plain(
            HTTP_ROUTE,
            &[
                "spec.parentRefs",
                "spec.hostnames",
                "spec.rules.*.matches",
                MATCHED_HEADERS,
                MATCHED_PARAMETERS,
            ],
        ),
        ("", "Service") => {
            plain(SERVICE, &["spec.ports", "spec.externalIPs", "spec.loadBalancerSourceRanges"])
        }
        ("", "Namespace") => Accounts {
            fields: &[],
            sets: &[],
            annotation: none,
            label: super::admission::is_of_pod_security,
        },
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => {
            plain(ROLE, &["rules", "rules.*.*", "aggregationRule.**"])
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            plain(BINDING, &["subjects"])
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => {
            plain(WEBHOOKS, HOOKS_IN_ANY_ORDER)
        }
        // One webhook sees what those before it made.
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => {
            plain(WEBHOOKS, &HOOKS_IN_ANY_ORDER[1..])
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => plain(
            POLICY,
            &[
                "spec.matchConstraints.**",
                "spec.matchConditions",
                "spec.validations",
                "spec.variables",
                "spec.auditAnnotations",
            ],
        ),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            plain(POLICY_BINDING, &["spec.validationActions", "spec.matchResources.**"])
        }
        _ => return None,
    })
}

/// Of these the first is the list itself.
const HOOKS_IN_ANY_ORDER: &[&str] = &[
    "webhooks",
    HOOK_RULES,
    HOOK_RULE,
    HOOK_CONDITIONS,
    "webhooks.*.namespaceSelector.**",
    "webhooks.*.objectSelector.**",
];
const SELECTOR_OF_LISTENER: &str = "spec.listeners.*.allowedRoutes.namespaces.selector.**";
const MATCHED_HEADERS: &str = "spec.rules.*.matches.*.headers";
const MATCHED_PARAMETERS: &str = "spec.rules.*.matches.*.queryParams";
const HOOK_RULES: &str = "webhooks.*.rules";
const HOOK_RULE: &str = "webhooks.*.rules.*.*";
const HOOK_CONDITIONS: &str = "webhooks.*.matchConditions";

macro_rules! expressions {
    ($path:literal, $member:literal) => {
        concat!($path, ".matchExpressions.*.", $member)
    };
}

macro_rules! selectors {
    ([$($more:literal),* $(,)?], $($path:literal),* $(,)?) => {
        &[$($more,)* $(
            selector!($path),
            expressions!($path, "key"),
            expressions!($path, "operator"),
            expressions!($path, "values.*"),
        )*]
    };
}

const NETWORK_POLICY: &[&str] = selectors!(
    [
        "spec.policyTypes.*",
        "spec.ingress.*.from.*.ipBlock.cidr",
        "spec.ingress.*.from.*.ipBlock.except.*",
        "spec.ingress.*.ports.*.port",
        "spec.ingress.*.ports.*.endPort",
        "spec.ingress.*.ports.*.protocol",
        "spec.egress.*.to.*.ipBlock.cidr",
        "spec.egress.*.to.*.ipBlock.except.*",
        "spec.egress.*.ports.*.port",
        "spec.egress.*.ports.*.endPort",
        "spec.egress.*.ports.*.protocol",
    ],
    "spec.podSelector",
    "spec.ingress.*.from.*.podSelector",
    "spec.ingress.*.from.*.namespaceSelector",
    "spec.egress.*.to.*.podSelector",
    "spec.egress.*.to.*.namespaceSelector",
);

const INGRESS: &[&str] = &[
    "spec.ingressClassName",
    "spec.defaultBackend.service.name",
    "spec.defaultBackend.service.port.name",
    "spec.defaultBackend.service.port.number",
    "spec.defaultBackend.resource.apiGroup",
    "spec.defaultBackend.resource.kind",
    "spec.defaultBackend.resource.name",
    "spec.rules.*.host",
    "spec.rules.*.http.paths.*.path",
    "spec.rules.*.http.paths.*.pathType",
    "spec.rules.*.http.paths.*.backend.service.name",
    "spec.rules.*.http.paths.*.backend.service.port.name",
    "spec.rules.*.http.paths.*.backend.service.port.number",
    "spec.rules.*.http.paths.*.backend.resource.apiGroup",
    "spec.rules.*.http.paths.*.backend.resource.kind",
    "spec.rules.*.http.paths.*.backend.resource.name",
    "spec.tls.*.hosts.*",
    "spec.tls.*.secretName",
];

const GATEWAY: &[&str] = selectors!(
    [
        "spec.gatewayClassName",
        "spec.listeners.*.name",
        "spec.listeners.*.port",
        "spec.listeners.*.protocol",
        "spec.listeners.*.hostname",
        "spec.listeners.*.allowedRoutes.namespaces.from",
        "spec.listeners.*.tls.mode",
        "spec.listeners.*.tls.certificateRefs.*.name",
        "spec.listeners.*.tls.certificateRefs.*.namespace",
        "spec.addresses.*.value",
    ],
    "spec.listeners.*.allowedRoutes.namespaces.selector",
);

const HTTP_ROUTE: &[&str] = &[
    "spec.parentRefs.*.name",
    "spec.parentRefs.*.namespace",
    "spec.parentRefs.*.sectionName",
    "spec.hostnames.*",
    "spec.rules.*.backendRefs.*.kind",
    "spec.rules.*.backendRefs.*.namespace",
    "spec.rules.*.backendRefs.*.name",
    "spec.rules.*.backendRefs.*.port",
    "spec.rules.*.backendRefs.*.weight",
    "spec.rules.*.filters.**",
    "spec.rules.*.matches.*.method",
    "spec.rules.*.matches.*.path.type",
    "spec.rules.*.matches.*.path.value",
    "spec.rules.*.matches.*.headers.*.type",
    "spec.rules.*.matches.*.headers.*.name",
    "spec.rules.*.matches.*.headers.*.value",
    "spec.rules.*.matches.*.queryParams.*.type",
    "spec.rules.*.matches.*.queryParams.*.name",
    "spec.rules.*.matches.*.queryParams.*.value",
];

const SERVICE: &[&str] = &[
    "spec.type",
    "spec.selector.*",
    "spec.ports.*.name",
    "spec.ports.*.appProtocol",
    "spec.ports.*.port",
    "spec.ports.*.protocol",
    "spec.ports.*.targetPort",
    "spec.ports.*.nodePort",
    "spec.externalIPs.*",
    "spec.loadBalancerSourceRanges.*",
    "spec.externalName",
    "spec.externalTrafficPolicy",
    "spec.internalTrafficPolicy",
    "spec.sessionAffinity",
    "spec.loadBalancerClass",
    "spec.loadBalancerIP",
    "spec.publishNotReadyAddresses",
];

const ROLE: &[&str] = selectors!(
    [
        "rules.*.verbs.*",
        "rules.*.apiGroups.*",
        "rules.*.resources.*",
        "rules.*.resourceNames.*",
        "rules.*.nonResourceURLs.*",
    ],
    "aggregationRule.clusterRoleSelectors.*",
);

const BINDING: &[&str] =
    &["roleRef.kind", "roleRef.name", "subjects.*.kind", "subjects.*.name", "subjects.*.namespace"];

const WEBHOOKS: &[&str] = selectors!(
    [
        "webhooks.*.name",
        "webhooks.*.failurePolicy",
        "webhooks.*.matchPolicy",
        "webhooks.*.timeoutSeconds",
        "webhooks.*.reinvocationPolicy",
        "webhooks.*.clientConfig.url",
        "webhooks.*.clientConfig.caBundle",
        "webhooks.*.clientConfig.service.namespace",
        "webhooks.*.clientConfig.service.name",
        "webhooks.*.clientConfig.service.path",
        "webhooks.*.clientConfig.service.port",
        "webhooks.*.matchConditions.*.name",
        "webhooks.*.matchConditions.*.expression",
        "webhooks.*.rules.*.operations.*",
        "webhooks.*.rules.*.apiGroups.*",
        "webhooks.*.rules.*.apiVersions.*",
        "webhooks.*.rules.*.resources.*",
        "webhooks.*.rules.*.scope",
    ],
    "webhooks.*.namespaceSelector",
    "webhooks.*.objectSelector",
);

const POLICY: &[&str] = selectors!(
    [
        "spec.failurePolicy",
        "spec.paramKind.apiVersion",
        "spec.paramKind.kind",
        "spec.matchConstraints.matchPolicy",
        "spec.matchConstraints.resourceRules.*.operations.*",
        "spec.matchConstraints.resourceRules.*.apiGroups.*",
        "spec.matchConstraints.resourceRules.*.apiVersions.*",
        "spec.matchConstraints.resourceRules.*.resources.*",
        "spec.matchConstraints.resourceRules.*.resourceNames.*",
        "spec.matchConstraints.resourceRules.*.scope",
        "spec.matchConstraints.excludeResourceRules.*.operations.*",
        "spec.matchConstraints.excludeResourceRules.*.apiGroups.*",
        "spec.matchConstraints.excludeResourceRules.*.apiVersions.*",
        "spec.matchConstraints.excludeResourceRules.*.resources.*",
        "spec.matchConstraints.excludeResourceRules.*.resourceNames.*",
        "spec.matchConstraints.excludeResourceRules.*.scope",
        "spec.matchConditions.*.name",
        "spec.matchConditions.*.expression",
        "spec.validations.*.expression",
        "spec.variables.*.name",
        "spec.variables.*.expression",
        "spec.auditAnnotations.*.key",
        "spec.auditAnnotations.*.valueExpression",
    ],
    "spec.matchConstraints.namespaceSelector",
    "spec.matchConstraints.objectSelector",
);

const POLICY_BINDING: &[&str] = selectors!(
    [
        "spec.policyName",
        "spec.validationActions.*",
        "spec.paramRef.**",
        "spec.matchResources.matchPolicy",
        "spec.matchResources.resourceRules.*.operations.*",
        "spec.matchResources.resourceRules.*.apiGroups.*",
        "spec.matchResources.resourceRules.*.apiVersions.*",
        "spec.matchResources.resourceRules.*.resources.*",
        "spec.matchResources.resourceRules.*.resourceNames.*",
        "spec.matchResources.resourceRules.*.scope",
        "spec.matchResources.excludeResourceRules.*.operations.*",
        "spec.matchResources.excludeResourceRules.*.apiGroups.*",
        "spec.matchResources.excludeResourceRules.*.apiVersions.*",
        "spec.matchResources.excludeResourceRules.*.resources.*",
        "spec.matchResources.excludeResourceRules.*.resourceNames.*",
        "spec.matchResources.excludeResourceRules.*.scope",
    ],
    "spec.matchResources.namespaceSelector",
    "spec.matchResources.objectSelector",
);
