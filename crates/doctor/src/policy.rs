//! What an audit policy leaves out, and what it must not let in. Pure.

pub use auditseal_audit::policy::Policy;
use auditseal_audit::policy::{Level, Object, Resources, Rule, Stage};

use crate::check::Check;

/// A request that the policy is asked about.
struct Probe {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
}

const fn probe(verb: &'static str, group: &'static str, resource: &'static str) -> Probe {
    Probe { verb, group, resource }
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// What an investigation asks first: it must be in the log.
const NEEDED: [(&str, &[Probe]); 3] = [
    ("policy-secrets", &[probe("get", "", "secrets"), probe("list", "", "secrets")]),
    (
        "policy-exec",
        // `get` is what kubectl sends since 1.31.
        &[
            probe("create", "", "pods/exec"),
            probe("get", "", "pods/exec"),
            probe("create", "", "pods/attach"),
            probe("create", "", "pods/portforward"),
        ],
    ),
    (
        "policy-rbac",
        &[
            probe("create", RBAC, "clusterrolebindings"),
            probe("create", RBAC, "rolebindings"),
            probe("update", RBAC, "clusterroles"),
            probe("patch", RBAC, "roles"),
        ],
    ),
];

/// What holds secrets in its body, or in that of its answer: kubectl apply patches, and deleting
/// may answer with what was deleted. A watch isn't here, for kube-apiserver never logs its events.
const BODIES: [Probe; 16] = [
    probe("create", "", "secrets"),
    probe("update", "", "secrets"),
    probe("patch", "", "secrets"),
    probe("get", "", "secrets"),
    probe("list", "", "secrets"),
    probe("delete", "", "secrets"),
    probe("deletecollection", "", "secrets"),
    probe("create", "", "configmaps"),
    probe("update", "", "configmaps"),
    probe("patch", "", "configmaps"),
    probe("get", "", "configmaps"),
    probe("list", "", "configmaps"),
    probe("delete", "", "configmaps"),
    probe("deletecollection", "", "configmaps"),
    probe("create", "", "serviceaccounts/token"),
    probe("create", "authentication.k8s.io", "tokenreviews"),
];

/// Reads a policy.
///
/// # Errors
/// A sentence when it isn't one.
pub fn parse(text: &str) -> Result<Policy, String> {
    let policy: Policy =
        auditseal_yaml::read(text).map_err(|error| format!("it can't be read: {error}"))?;
    if policy.kind == "Policy" { Ok(policy) } else { Err("its kind isn't Policy".to_owned()) }
}

impl Probe {
    fn object(&self) -> Object<'static> {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        Object { group: self.group, resource, subresource, ..Object::default() }
    }
}

/// Whether it is for some users, namespaces or names only.
fn is_narrow(rule: &Rule, object: &Object<'_>) -> bool {
    let named = |resources: &Resources| !resources.resource_names.is_empty();
    let taking = || rule.resources.iter().filter(|resources| resources.takes_kind(object));
    !rule.users.is_empty()
        || !rule.user_groups.is_empty()
        || !rule.namespaces.is_empty()
        || (taking().next().is_some() && taking().all(named))
}

/// The level for everybody, and the levels of narrower rules that come before it.
fn levels(policy: &Policy, probe: &Probe) -> (Level, Vec<Level>) {
    let (object, mut narrow) = (probe.object(), Vec::new());
    for rule in policy.rules.iter().filter(|rule| rule.takes_kind(probe.verb, &object)) {
        if !is_narrow(rule, &object) {
            return (rule.level, narrow);
        }
        narrow.push(rule.level);
    }
    // What no rule takes isn't logged.
    (Level::None, narrow)
}

/// The level for everybody of such a request, and whether somebody's isn't logged at all; with a
/// slash, the resource is a part of one.
pub(crate) fn level_of(
    policy: &Policy,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
) -> (Level, bool) {
    let (level, narrow) = levels(policy, &probe(verb, group, resource));
    (level, narrow.contains(&Level::None))
}

/// Judges a policy.
#[must_use]
pub fn check(policy: &Policy) -> Vec<Check> {
    let mut checks: Vec<_> =
        NEEDED.iter().map(|(name, probes)| needed(policy, name, probes)).collect();
    checks.push(bodies(policy));
    checks.push(stages(policy));
    checks.push(patches(policy));
    checks
}

fn shown(probe: &Probe) -> String {
    format!("{} {}", probe.verb, probe.resource)
}

fn needed(policy: &Policy, name: &'static str, probes: &[Probe]) -> Check {
    let level = |probe: &Probe| levels(policy, probe).0;
    let missing: Vec<_> =
        probes.iter().filter(|probe| level(probe) == Level::None).map(shown).collect();
    if !missing.is_empty() {
        return Check::fail(name, format!("not logged: {}", missing.join(", ")))
            .why("what isn't in the log isn't in the archive, and nothing will tell")
            .fix("let an earlier rule log it at level Metadata, and restart kube-apiserver");
    }
    let partly: Vec<_> = probes
        .iter()
        .filter(|probe| levels(policy, probe).1.contains(&Level::None))
        .map(shown)
        .collect();
    if !partly.is_empty() {
        return Check::warn(
            name,
            format!("not logged for some users or namespaces: {}", partly.join(", ")),
        )
        .why("who has such a user's credentials leaves no trace")
        .fix("let the rule of level None name what is harmless, not who is trusted");
    }
    Check::pass(name, "logged")
}

fn bodies(policy: &Policy) -> Check {
    let name = "policy-bodies";
    // By resource and level: one rule for all verbs must not be told seven times.
    let mut found: Vec<(&str, Level, Vec<&str>)> = Vec::new();
    for probe in &BODIES {
        let (level, narrow) = levels(policy, probe);
        let highest = narrow.into_iter().chain([level]).max().unwrap_or_default();
        if highest <= Level::Metadata {
            continue;
        }
        match found.iter_mut().find(|(of, at, _)| (*of, *at) == (probe.resource, highest)) {
            Some((_, _, verbs)) => verbs.push(probe.verb),
            None => found.push((probe.resource, highest, vec![probe.verb])),
        }
    }
    if found.is_empty() {
        return Check::pass(name, "no bodies of Secrets, ConfigMaps and tokens");
    }
    let found: Vec<_> = found
        .iter()
        .map(|(of, level, verbs)| format!("{of} at {} ({})", level.name(), verbs.join(", ")))
        .collect();
    Check::fail(name, format!("bodies are logged: {}", found.join(", ")))
        .why("passwords and tokens would lie in the archive, and its lock keeps them there for years")
        .fix("let the first rule log secrets, configmaps, serviceaccounts/token and tokenreviews at level Metadata, and restart kube-apiserver")
}

fn stages(policy: &Policy) -> Check {
    let name = "policy-stages";
    let omitted = |stage: Stage| {
        let has = |stages: &[Stage]| stages.contains(&stage);
        has(&policy.omit_stages)
            || policy.rules.iter().any(|rule| rule.level > Level::None && has(&rule.omit_stages))
    };
    if omitted(Stage::ResponseComplete) {
        return Check::fail(name, "ResponseComplete is omitted")
            .why("only that stage says whether a request succeeded")
            .fix("omit RequestReceived alone");
    }
    match [Stage::Panic, Stage::ResponseStarted].into_iter().find(|stage| omitted(*stage)) {
        Some(Stage::Panic) => Check::warn(name, "Panic is omitted").why("a request that crashed its handler leaves no trace"),
        Some(_) => Check::warn(name, "ResponseStarted is omitted")
            .why("a long exec or watch is logged only when it ends; one that outlives kube-apiserver never is"),
        None => Check::pass(name, "nothing that matters is omitted"),
    }
}

/// Bodies of patches must not be all that is asked for: one that isn't JSON doesn't fit into its
/// event, and the stage before the body is what is left then (docs/audit-policy.md).
fn patches(policy: &Policy) -> Check {
    let name = "policy-patches";
    let received = Stage::RequestReceived;
    let patch = |rule: &&Rule| {
        let verbs = &rule.verbs;
        rule.level >= Level::Request
            && (verbs.is_empty() || verbs.iter().any(|verb| verb == "patch"))
    };
    let lost = |rule: &&Rule| {
        policy.omit_stages.contains(&received) || rule.omit_stages.contains(&received)
    };
    let about_objects = |rule: &&Rule| rule.urls.is_empty();
    let lost: Vec<_> =
        policy.rules.iter().filter(patch).filter(lost).filter(about_objects).collect();
    if lost.is_empty() {
        return Check::pass(name, "no client can have its own patch left out");
    }
    let rules = if let [_] = *lost { "rule".to_owned() } else { format!("{} rules", lost.len()) };
    let of: Vec<_> = lost.iter().take(NAMED_RULES).map(|rule| of_what(rule)).collect();
    let more = if lost.len() > NAMED_RULES { ", …" } else { "" };
    Check::warn(name, format!("RequestReceived is omitted where patches are logged with their body: {rules} ({}{more})", of.join(", ")))
        .why("a server-side apply in YAML is done and answered, and kube-apiserver can't write its event: nothing is left in the log")
        .fix("omit RequestReceived rule by rule, and not where patches are logged at Request or RequestResponse")
}

/// Rules that a finding names.
const NAMED_RULES: usize = 3;

/// The first resource that a rule is for.
fn of_what(rule: &Rule) -> String {
    let of = rule.resources.first();
    match of.map(|of| (of.group.as_str(), of.resources.first())) {
        None => "everything".to_owned(),
        Some((group, None)) => group.to_owned(),
        Some((_, Some(resource))) => resource.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    fn policy(rules: &str) -> Policy {
        parse(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}")).unwrap()
    }

    fn status(policy: &Policy, name: &str) -> (Status, String) {
        let checks = check(policy);
        let found = checks.iter().find(|check| check.check == name).unwrap();
        (found.status, found.found.clone())
    }

    const ALL: &str = "- level: Metadata\n";

    type Row = (String, &'static str, Status, &'static str);

    fn hold(rows: impl IntoIterator<Item = Row>) {
        for (rules, name, expected, found) in rows {
            let (status, text) = status(&policy(&rules), name);
            assert_eq!(status, expected, "{name} of {rules}: {text}");
            assert!(text.contains(found), "{name} of {rules}: {text}");
        }
    }

    #[test]
    fn what_must_be_logged() {
        let none = |what: &str| format!("- level: None\n{what}{ALL}");
        let secrets = "  resources: [{group: '', resources: [secrets]}]\n";
        hold([
            (ALL.to_owned(), "policy-secrets", Status::Pass, ""),
            (ALL.to_owned(), "policy-bodies", Status::Pass, ""),
            (ALL.to_owned(), "policy-stages", Status::Pass, ""),
            (
                "- level: None\n".to_owned(),
                "policy-rbac",
                Status::Fail,
                "create clusterrolebindings",
            ),
            (" []".to_owned(), "policy-exec", Status::Fail, "create pods/exec"),
            (none(secrets), "policy-secrets", Status::Fail, "get secrets, list secrets"),
            (
                none(&format!("  verbs: [get]\n{secrets}")),
                "policy-secrets",
                Status::Fail,
                "not logged: get secrets",
            ),
            (
                none(&format!("  users: [a]\n{secrets}")),
                "policy-secrets",
                Status::Warn,
                "for some users",
            ),
            (none("  namespaces: [kube-system]\n"), "policy-rbac", Status::Warn, "for some users"),
            (none("  verbs: [get]\n"), "policy-exec", Status::Fail, "get pods/exec"),
            (none("  nonResourceURLs: ['/healthz*']\n"), "policy-exec", Status::Pass, ""),
            (
                none("  resources: [{group: '', resources: ['pods/*']}]\n"),
                "policy-exec",
                Status::Fail,
                "pods/attach",
            ),
            (
                none("  resources: [{group: '', resources: ['*/exec']}]\n"),
                "policy-exec",
                Status::Fail,
                "pods/exec",
            ),
            (
                none("  resources: [{group: '', resources: [pods]}]\n"),
                "policy-exec",
                Status::Pass,
                "",
            ),
            (
                none("  resources: [{group: '', resources: [secrets], resourceNames: [x]}]\n"),
                "policy-secrets",
                Status::Warn,
                "",
            ),
        ]);
    }

    #[test]
    fn what_must_not_be_logged() {
        let secrets = "  resources: [{group: '', resources: [secrets]}]\n";
        hold([
            (
                "- level: RequestResponse\n".to_owned(),
                "policy-bodies",
                Status::Fail,
                "secrets at RequestResponse (create, update, patch, get, list, delete, deletecollection)",
            ),
            (
                format!("- level: Metadata\n{secrets}- level: Request\n"),
                "policy-bodies",
                Status::Fail,
                "configmaps at Request (create",
            ),
            (
                format!("- level: Request\n  users: [a]\n{ALL}"),
                "policy-bodies",
                Status::Fail,
                "tokenreviews at Request (create)",
            ),
            (
                "- level: Metadata\n  omitStages: [ResponseComplete]\n".to_owned(),
                "policy-stages",
                Status::Fail,
                "ResponseComplete",
            ),
            (
                "- level: Metadata\n  omitStages: [ResponseStarted, RequestReceived]\n".to_owned(),
                "policy-stages",
                Status::Warn,
                "ResponseStarted",
            ),
            (format!("{ALL}omitStages: [RequestReceived]\n"), "policy-stages", Status::Pass, ""),
            (format!("{ALL}omitStages: [RequestReceived]\n"), "policy-patches", Status::Pass, ""),
            (
                "- level: Request\n  verbs: [create, patch]\n  resources: [{group: apps, resources: [deployments]}]\n- level: Request\nomitStages: [RequestReceived]\n".to_owned(),
                "policy-patches",
                Status::Warn,
                "2 rules (deployments, everything)",
            ),
            (
                format!("- level: RequestResponse\n  resources: [{{group: apps}}]\n  omitStages: [RequestReceived]\n{ALL}"),
                "policy-patches",
                Status::Warn,
                "rule (apps)",
            ),
            (
                format!("- level: Request\n  verbs: [create, update]\n  omitStages: [RequestReceived]\n- level: RequestResponse\n  verbs: [patch]\n{ALL}"),
                "policy-patches",
                Status::Pass,
                "",
            ),
        ]);
    }

    #[test]
    fn more_rules_than_are_named_are_counted() {
        let rule = |n: usize| {
            format!("- level: Request\n  resources: [{{group: g, resources: [r{n}]}}]\n")
        };
        let rules: String = (0..10 * NAMED_RULES).map(rule).collect();
        let policy = policy(&format!("{rules}omitStages: [RequestReceived]\n"));
        let (status, text) = status(&policy, "policy-patches");
        assert_eq!(status, Status::Warn);
        assert!(text.contains("30 rules (r0, r1, r2, …)") && !text.contains("r3"), "{text}");
    }

    #[test]
    fn no_verb_may_log_a_body() {
        for resource in ["secrets", "configmaps"] {
            for verb in ["create", "update", "patch", "get", "list", "delete", "deletecollection"] {
                let rules = format!(
                    "- level: RequestResponse\n  verbs: [{verb}]\n  resources: [{{group: '', resources: [{resource}]}}]\n{ALL}"
                );
                let found = format!("bodies are logged: {resource} at RequestResponse ({verb})");
                let (status, text) = status(&policy(&rules), "policy-bodies");
                assert_eq!((status, text), (Status::Fail, found));
            }
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert!(parse("kind: Pod").unwrap_err().contains("Policy"));
        assert!(parse("rules: [{level: Everything}]").is_err());
        assert!(parse("{").is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\nkind: [*d,*d,*d,*d,*d,*d,*d,*d]\n";
        assert!(parse(bomb).is_err());
    }
}
