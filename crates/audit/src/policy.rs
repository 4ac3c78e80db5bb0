//! What kube-apiserver's audit policy makes of a request: the same rule first, and the same level.
//!
//! Source of the semantics: `k8s.io/apiserver`, `pkg/audit/policy/checker.go` (`ruleMatches`) and
//! `pkg/apis/audit/validation`.

use serde::Deserialize;

/// How much of an event is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Level {
    /// Nothing: there is no event.
    #[default]
    None,
    /// Who did what to which object when, from where, and how it ended.
    Metadata,
    /// And the body of the request.
    Request,
    /// And the body of the response.
    RequestResponse,
}

impl Level {
    /// Its spelling in policies and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// When in a request's life an event is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Stage {
    /// Before it is handled.
    RequestReceived,
    /// The headers of the response are sent: only of long requests.
    ResponseStarted,
    /// It is over.
    ResponseComplete,
    /// Its handler crashed.
    Panic,
}

/// An `audit.k8s.io` Policy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `Policy`, or it isn't one.
    #[serde(default)]
    pub kind: String,
    /// `audit.k8s.io/v1`.
    #[serde(default)]
    pub api_version: String,
    /// Stages that no rule logs.
    #[serde(default)]
    pub omit_stages: Vec<Stage>,
    /// Whether bodies lose their managed fields, where a rule doesn't say.
    #[serde(default)]
    pub omit_managed_fields: bool,
    /// The first that takes a request decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule: it takes a request when all that it names fits. What it doesn't name fits everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// What it decides.
    pub level: Level,
    /// Names of users, as authenticated.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups, of which the user must have one.
    #[serde(default)]
    pub user_groups: Vec<String>,
    /// Verbs. There is no wildcard.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// Resources, of which one must fit.
    #[serde(default)]
    pub resources: Vec<Resources>,
    /// Namespaces; the empty one is that of cluster-wide objects.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Paths of requests that are for no resource.
    #[serde(default, rename = "nonResourceURLs")]
    pub urls: Vec<String>,
    /// Stages that this rule doesn't log.
    #[serde(default)]
    pub omit_stages: Vec<Stage>,
    /// Whether its bodies lose their managed fields.
    #[serde(default)]
    pub omit_managed_fields: Option<bool>,
}

/// Resources of one group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// The group; empty is the core, `*` is all.
    #[serde(default)]
    pub group: String,
    /// `pods`, `pods/log`, `pods/*`, `*/status` or `*`; none are all.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Names of objects; none are all.
    #[serde(default)]
    pub resource_names: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Who<'a> {
    /// The name; none where nobody was authenticated.
    pub name: Option<&'a str>,
    /// The groups.
    pub groups: &'a [std::borrow::Cow<'a, str>],
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// An object, or a collection of them.
    Resource(Object<'a>),
    /// Anything else, by its path without the query.
    Path(std::borrow::Cow<'a, str>),
}

/// An object as the request's address names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Object<'a> {
    /// Empty for cluster-wide objects.
    pub namespace: &'a str,
    /// Empty for the core group.
    pub group: &'a str,
    /// In plural.
    pub resource: &'a str,
    /// Empty where it is the object itself.
    pub subresource: &'a str,
    /// Empty for collections, and for what is created.
    pub name: &'a str,
}

/// A request, as the policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// The verb.
    pub verb: &'a str,
    /// What is asked for.
    pub target: Target<'a>,
}

/// What a policy decides of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The rule that took it; none where no rule did.
    pub rule: Option<usize>,
    /// How much is logged.
    pub level: Level,
    /// Whether managed fields are taken out of bodies.
    pub omit_managed_fields: bool,
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == wanted)
}

impl Resources {
    /// Whether the object is among these.
    #[must_use]
    pub fn takes(&self, object: &Object<'_>) -> bool {
        // Names count only beside resources: a policy with names alone is refused.
        let all = self.resources.is_empty() || self.resource_names.is_empty();
        self.takes_kind(object) && (all || has(&self.resource_names, object.name))
    }

    /// Whether some object of this kind is.
    #[must_use]
    pub fn takes_kind(&self, object: &Object<'_>) -> bool {
        let group = self.group == object.group || self.group == "*";
        let kind = || self.resources.iter().any(|one| fits(one, object));
        group && (self.resources.is_empty() || kind())
    }
}

/// Whether a resource's pattern means this one. A plain name doesn't mean its subresources, `*`
/// does, and `pods/*` means `pods`, too.
fn fits(pattern: &str, object: &Object<'_>) -> bool {
    let whole = match object.subresource {
        "" => pattern == object.resource,
        part => pattern
            .strip_prefix(object.resource)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|rest| rest == part),
    };
    let every = !object.subresource.is_empty()
        && pattern.strip_prefix("*/").is_some_and(|part| part == object.subresource);
    whole
        || pattern == "*"
        || every
        || pattern.strip_suffix("/*").is_some_and(|resource| resource == object.resource)
}

fn path_fits(pattern: &str, path: &str) -> bool {
    pattern == "*"
        || pattern == path
        || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

impl Rule {
    /// Whether the rule decides on the request.
    #[must_use]
    pub fn takes(&self, request: &Request<'_>) -> bool {
        let Who { name, groups } = request.who;
        let user = self.users.is_empty() || name.is_some_and(|name| has(&self.users, name));
        let member = || groups.iter().any(|group| has(&self.user_groups, group));
        let group = self.user_groups.is_empty() || (name.is_some() && member());
        user && group
            && self.takes_verb(request.verb)
            && match &request.target {
                Target::Resource(object) => {
                    let place =
                        self.namespaces.is_empty() || has(&self.namespaces, object.namespace);
                    place && self.is_for(|resources| resources.takes(object))
                }
                Target::Path(path) => {
                    let resources = !self.namespaces.is_empty() || !self.resources.is_empty();
                    let fits = || self.urls.iter().any(|pattern| path_fits(pattern, path));
                    !resources && (self.urls.is_empty() || fits())
                }
            }
    }

    /// Whether it decides on such a request of somebody, somewhere, on some object of this kind.
    #[must_use]
    pub fn takes_kind(&self, verb: &str, object: &Object<'_>) -> bool {
        self.takes_verb(verb) && self.is_for(|resources| resources.takes_kind(object))
    }

    fn takes_verb(&self, verb: &str) -> bool {
        self.verbs.is_empty() || has(&self.verbs, verb)
    }

    fn is_for(&self, takes: impl Fn(&Resources) -> bool) -> bool {
        match self.resources.as_slice() {
            // A rule on URLs says nothing of resources.
            [] => self.urls.is_empty() || !self.namespaces.is_empty(),
            resources => resources.iter().any(takes),
        }
    }
}

impl Policy {
    /// What the policy decides of a request.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let found = self.rules.iter().position(|rule| rule.takes(request));
        let rule = found.and_then(|at| self.rules.get(at));
        Decision {
            rule: found,
            level: rule.map_or(Level::None, |rule| rule.level),
            omit_managed_fields: rule
                .and_then(|rule| rule.omit_managed_fields)
                .unwrap_or(self.omit_managed_fields),
        }
    }

    /// Whether an event of this stage is logged after that decision.
    #[must_use]
    pub fn logs(&self, decision: Decision, stage: Stage) -> bool {
        let rule = decision.rule.and_then(|at| self.rules.get(at));
        let omitted = rule.is_some_and(|rule| rule.omit_stages.contains(&stage));
        decision.level > Level::None && !omitted && !self.omit_stages.contains(&stage)
    }

    /// Why kube-apiserver wouldn't start with it; empty when it would.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.kind != "Policy" || self.api_version != "audit.k8s.io/v1" {
            faults.push("it is no Policy of audit.k8s.io/v1".to_owned());
        }
        if self.rules.is_empty() {
            faults.push("it has no rules".to_owned());
        }
        for (number, rule) in (1..).zip(&self.rules) {
            faults.extend(rule.faults().map(|fault| format!("rule {number}: {fault}")));
        }
        faults
    }
}

impl Rule {
    fn faults(&self) -> impl Iterator<Item = String> {
        let both =
            !self.urls.is_empty() && (!self.resources.is_empty() || !self.namespaces.is_empty());
        let both = both.then(|| "it is for resources and for other URLs".to_owned());
        let urls = self.urls.iter().filter(|url| *url != "*");
        let urls = urls.filter(|url| {
            let inner = url.strip_suffix('*').unwrap_or(url);
            !url.starts_with('/') || inner.contains('*')
        });
        let urls = urls.map(|url| format!("a URL it can't have: {url}"));
        let groups = self.resources.iter().filter(|of| !is_group(&of.group));
        let groups = groups.map(|of| format!("a group it can't have: {}", of.group));
        let lone = |of: &&Resources| of.resources.is_empty() && !of.resource_names.is_empty();
        let names = self.resources.iter().filter(lone);
        let names = names.map(|_| "names of objects without a resource".to_owned());
        both.into_iter().chain(urls).chain(groups).chain(names)
    }
}

/// A DNS subdomain of lower case, the empty group, or all of them.
fn is_group(group: &str) -> bool {
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.iter().all(|c| edge(*c) || *c == b'-')
            && bytes.first().is_some_and(|c| edge(*c))
            && bytes.last().is_some_and(|c| edge(*c))
    };
    group.is_empty() || group == "*" || (group.len() <= 253 && group.split('.').all(label))
}

#[cfg(test)]
mod tests;
