//! What an investigation asks, and how much of the answer a log holds. Pure.

use auditseal_audit::Event;
use auditseal_audit::policy::Level;
use serde::Serialize;

use crate::policy::{Policy, level_of};

/// A question, and the level that answers it.
pub(crate) struct Question {
    pub(crate) text: &'static str,
    needed: Level,
    verbs: &'static [&'static str],
    objects: &'static [(&'static str, &'static str)],
}

const WRITES: &[&str] = &["create", "update", "patch"];
const ALL_WRITES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const READS: &[&str] = &["get", "list", "watch"];

const fn question(
    text: &'static str,
    needed: Level,
    verbs: &'static [&'static str],
    objects: &'static [(&'static str, &'static str)],
) -> Question {
    Question { text, needed, verbs, objects }
}

/// All of them.
pub(crate) const QUESTIONS: [Question; 16] = [
    question(
        "what changed in a NetworkPolicy",
        Level::RequestResponse,
        ALL_WRITES,
        &[("networking.k8s.io", "networkpolicies")],
    ),
    question(
        "what changed in an Ingress, a Gateway or a route",
        Level::RequestResponse,
        ALL_WRITES,
        &[
            ("networking.k8s.io", "ingresses"),
            ("gateway.networking.k8s.io", "gateways"),
            ("gateway.networking.k8s.io", "httproutes"),
        ],
    ),
    question("what changed in a Service", Level::RequestResponse, ALL_WRITES, &[("", "services")]),
    question(
        "which rights were given or taken",
        Level::RequestResponse,
        ALL_WRITES,
        &[
            ("rbac.authorization.k8s.io", "roles"),
            ("rbac.authorization.k8s.io", "clusterroles"),
            ("rbac.authorization.k8s.io", "rolebindings"),
            ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ],
    ),
    question(
        "what changed in webhooks and admission policies",
        Level::RequestResponse,
        ALL_WRITES,
        &[
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
            ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ],
    ),
    question(
        "what changed in a namespace's labels",
        Level::RequestResponse,
        ALL_WRITES,
        &[("", "namespaces")],
    ),
    question(
        "which kinds were defined",
        Level::Request,
        WRITES,
        &[("apiextensions.k8s.io", "customresourcedefinitions")],
    ),
    question(
        "what was deployed: images, privileges, volumes",
        Level::Request,
        WRITES,
        &[
            ("apps", "deployments"),
            ("apps", "daemonsets"),
            ("apps", "statefulsets"),
            ("batch", "cronjobs"),
        ],
    ),
    question("what was in a pod that somebody made", Level::Request, WRITES, &[("", "pods")]),
    question(
        "who went into a container",
        Level::Metadata,
        &["create", "get"],
        &[("", "pods/exec"), ("", "pods/attach"), ("", "pods/portforward")],
    ),
    question("who read which Secret", Level::Metadata, READS, &[("", "secrets")]),
    question("what a ConfigMap held", Level::RequestResponse, WRITES, &[("", "configmaps")]),
    question(
        "for whom a token was made",
        Level::Metadata,
        &["create"],
        &[("", "serviceaccounts/token")],
    ),
    question(
        "who approved a certificate",
        Level::Metadata,
        &["update", "patch"],
        &[("certificates.k8s.io", "certificatesigningrequests/approval")],
    ),
    question(
        "who deleted the cluster's Events",
        Level::Metadata,
        &["delete", "deletecollection"],
        &[("", "events"), ("events.k8s.io", "events")],
    ),
    question(
        "what a node says of itself",
        Level::Request,
        &["patch", "update"],
        &[("", "nodes/status")],
    ),
];

/// How much of an answer there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The log has no event of it, and the policy isn't known.
    NoEvent,
    /// Nothing of it is logged.
    Nothing,
    /// Some of it isn't logged, or not in full.
    Partly,
    /// That it happened, and not what.
    Happened,
    /// All that is asked.
    Full,
}

impl Answer {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoEvent => "no event",
            Self::Nothing => "nothing",
            Self::Partly => "partly",
            Self::Happened => "that it happened",
            Self::Full => "yes",
        }
    }

    fn of(needed: Level, least: Level, most: Level) -> Self {
        match (least, most) {
            (_, Level::None) => Self::Nothing,
            (least, _) if least >= needed => Self::Full,
            (least, most) if least == Level::None || most >= needed => Self::Partly,
            _ => Self::Happened,
        }
    }
}

/// The levels at which a log has events of one question.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) events: u64,
    levels: Option<(Level, Level)>,
}

impl Seen {
    pub(crate) fn add(&mut self, level: Level) {
        self.events += 1;
        let (least, most) = self.levels.unwrap_or((level, level));
        self.levels = Some((least.min(level), most.max(level)));
    }
}

impl Question {
    /// Whether an event is about it. What failed changed nothing; that it was tried is an answer only
    /// where nothing more is asked.
    pub(crate) fn is_about(&self, event: &Event<'_>) -> bool {
        let Some(object) = event.object() else { return false };
        let fits = |(group, resource): &(&str, &str)| {
            let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
            (*group, resource, part) == (object.group, object.resource, object.subresource)
        };
        let counts = event.succeeded() || self.needed == Level::Metadata;
        counts && self.verbs.contains(&&*event.verb) && self.objects.iter().any(fits)
    }

    /// What a log answers by its events alone.
    pub(crate) fn in_log(&self, seen: Seen) -> Answer {
        let Some((least, most)) = seen.levels else { return Answer::NoEvent };
        Answer::of(self.needed, least, most)
    }

    /// What a policy answers, whoever asks.
    pub(crate) fn by(&self, policy: &Policy) -> Answer {
        let (mut least, mut most) = (Level::RequestResponse, Level::None);
        for verb in self.verbs {
            for (group, resource) in self.objects {
                let (level, some_dropped) = level_of(policy, verb, group, resource);
                least = if some_dropped { Level::None } else { least.min(level) };
                most = most.max(level);
            }
        }
        Answer::of(self.needed, least, most)
    }
}
