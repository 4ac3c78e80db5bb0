//! What `TYPE/NAME` means, as kubectl reads it: plural, singular and short names, with a group or without,
//! several with commas between them.

use std::collections::BTreeSet;
use std::fmt;

use crate::kinds::{KINDS, Kind};

/// Names that are offered in place of one that isn't known.
const OFFERED: usize = 5;
/// The most characters of a name that is compared with those that are known.
const COMPARED: usize = 63;
/// Types whose names are remembered, beside those that are sought.
pub(crate) const TYPES: usize = 1000;
/// Most objects that are asked for at a time.
const ASKED: usize = 1000;

/// Objects that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// `objectRef.resource`.
    pub resource: String,
    /// `objectRef.apiGroup`, empty for the core group; `None` for any.
    pub group: Option<String>,
    /// `objectRef.name`; `None` for any.
    pub name: Option<String>,
    /// `objectRef.subresource`; `None` for any, and for none.
    pub subresource: Option<String>,
    /// The type is one of those that are built in; another may be anybody's, or a slip.
    pub known: bool,
}

/// Why an argument isn't understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAsked {
    /// It isn't of the shape `TYPE`, `TYPE/NAME` or `TYPE/NAME/SUBRESOURCE`.
    Shape(String),
    /// No type of that name is known, and these are like it.
    Unknown(String, Vec<String>),
    /// A type isn't built in, and no event that was searched names it; these are like it.
    Unseen(String, Vec<String>),
    /// Several types have that name.
    Ambiguous(String, Vec<String>),
    /// More than may be asked for at a time.
    TooMany,
}

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(text) => {
                write!(f, "'{text}' is neither TYPE nor TYPE/NAME nor TYPE/NAME/SUBRESOURCE")
            }
            Self::Unknown(name, _) => write!(f, "no type is called '{name}'"),
            Self::Unseen(name, _) => {
                write!(
                    f,
                    "the type '{name}' isn't built in, and no event that was searched is of it"
                )
            }
            Self::Ambiguous(name, of) => {
                write!(f, "'{name}' is a name of several types: {}", of.join(", "))
            }
            Self::TooMany => write!(f, "more than {ASKED} objects are named"),
        }
    }
}

impl std::error::Error for NotAsked {}

impl NotAsked {
    /// What to give instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(name, like) if like.is_empty() => {
                format!("a type that isn't built in is given with its group: {name}.GROUP")
            }
            Self::Unknown(name, like) => format!(
                "did you mean {}? A type that isn't built in is given with its group: {name}.GROUP",
                like.join(" or ")
            ),
            Self::Unseen(_, like) if like.is_empty() => {
                "is it the plural? Ask without a type, with --top objectRef.resource, for those that there are"
                    .to_owned()
            }
            Self::Unseen(_, like) => format!("did you mean {}?", like.join(" or ")),
            Self::Ambiguous(..) => "give it with its group: TYPE.GROUP".to_owned(),
            Self::Shape(_) => {
                "like networkpolicies, netpol/web or pods/web/exec; several types have commas between them, several objects spaces"
                    .to_owned()
            }
            Self::TooMany => "ask for their type, or for their namespace".to_owned(),
        }
    }
}

impl Asked {
    /// The type as it is called: with its group, if it is of one.
    pub(crate) fn type_name(&self) -> String {
        type_name(&self.resource, self.group.as_deref().unwrap_or_default())
    }

    /// Whether a type that is called so is meant.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let (resource, group) = name.split_once('.').unwrap_or((name, ""));
        self.resource == resource && self.group.as_ref().is_none_or(|asked| asked == group)
    }
}

/// How a type is called of which events are: `pods`, `deployments.apps`.
pub(crate) fn type_name(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

/// Adds the name of a type that an event is of, if it is sought, or as long as there are few.
pub(crate) fn remember(sought: &[Asked], types: &mut BTreeSet<String>, name: &str) {
    let wanted = || types.len() < TYPES || sought.iter().any(|asked| asked.is_called(name));
    if !types.contains(name) && wanted() {
        types.insert(name.to_owned());
    }
}

/// Of types that were asked for and aren't built in, the first that no event which was searched is of, and
/// what it may have been. `seen`: types with their groups, as they are called.
#[must_use]
pub fn strange(asked: &[Asked], seen: &BTreeSet<String>) -> Option<NotAsked> {
    let unseen = |asked: &&Asked| !asked.known && !seen.iter().any(|name| asked.is_called(name));
    let unseen = asked.iter().find(unseen)?;
    let mut near: Vec<String> = like(&unseen.resource);
    let apart =
        |other: &String| distance(&unseen.resource, other.split('.').next().unwrap_or_default());
    let mut others: Vec<&String> = seen.iter().filter(|other| apart(other) <= 2).collect();
    others.sort_by_key(|other| apart(other));
    near.extend(
        others.into_iter().filter(|other| !near.contains(other)).cloned().collect::<Vec<_>>(),
    );
    near.truncate(OFFERED);
    Some(NotAsked::Unseen(unseen.type_name(), near))
}

/// What arguments `TYPE[,TYPE …][/NAME[/SUBRESOURCE]]` ask for: any of these objects.
///
/// # Errors
/// [`NotAsked`]: the first that isn't understood.
pub fn asked(arguments: &[String]) -> Result<Vec<Asked>, NotAsked> {
    let mut all = BTreeSet::new();
    for argument in arguments {
        let parts: Vec<&str> = argument.split('/').collect();
        let (types, name, subresource) = match parts[..] {
            [types] => (types, None, None),
            [types, name] => (types, Some(name), None),
            [types, name, subresource] => (types, Some(name), Some(subresource)),
            _ => return Err(NotAsked::Shape(argument.clone())),
        };
        // Only types are listed with commas: no object's name has one.
        if parts.iter().any(|part| part.is_empty())
            || parts[1..].iter().any(|part| part.contains([',', '*']))
        {
            return Err(NotAsked::Shape(argument.clone()));
        }
        for word in types.split(',') {
            let (resource, group, known) = resolved(word)?;
            let (name, subresource) = (name.map(str::to_owned), subresource.map(str::to_owned));
            all.insert(Asked { resource, group, name, subresource, known });
            if all.len() > ASKED {
                return Err(NotAsked::TooMany);
            }
        }
    }
    Ok(all.into_iter().collect())
}

/// Types that are built in and whose objects are in no namespace.
const OF_THE_CLUSTER: [&str; 38] = [
    "adminnetworkpolicies",
    "apiservices",
    "baselineadminnetworkpolicies",
    "certificatesigningrequests",
    "clusterrolebindings",
    "clusterroles",
    "clustertrustbundles",
    "componentstatuses",
    "csidrivers",
    "csinodes",
    "customresourcedefinitions",
    "deviceclasses",
    "flowschemas",
    "gatewayclasses",
    "ingressclasses",
    "ipaddresses",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "namespaces",
    "nodes",
    "persistentvolumes",
    "priorityclasses",
    "prioritylevelconfigurations",
    "resourceslices",
    "runtimeclasses",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "servicecidrs",
    "storageclasses",
    "storageversionmigrations",
    "subjectaccessreviews",
    "tokenreviews",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
    "volumeattachments",
];

impl Asked {
    /// Whether its objects are known to be in namespaces.
    #[must_use]
    pub fn is_of_namespaces(&self) -> bool {
        self.known && !OF_THE_CLUSTER.contains(&&*self.resource)
    }

    /// Whether its objects are known to be in no namespace: kubectl doesn't look at `-n` then.
    #[must_use]
    pub fn is_of_the_cluster(&self) -> bool {
        let kind = KINDS.iter().any(|kind| {
            kind.plural == self.resource
                && self.group.as_ref().is_none_or(|group| *group == kind.group)
        });
        self.known && kind && OF_THE_CLUSTER.contains(&&*self.resource)
    }
}

/// A type's resource and group, and whether it is built in.
fn resolved(word: &str) -> Result<(String, Option<String>, bool), NotAsked> {
    let lower = word.to_lowercase();
    if lower.is_empty() || !lower.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) {
        return Err(NotAsked::Shape(word.to_owned()));
    }
    let (name, group) = match lower.split_once('.') {
        None => (lower.as_str(), None),
        Some((name, group)) => (name, Some(without_version(group))),
    };
    let named = |kind: &&Kind| kind.plural == name || kind.others.contains(&name);
    let of_group = |kind: &&Kind| group.is_none_or(|group| kind.group == group);
    let found: BTreeSet<&str> =
        KINDS.iter().filter(named).filter(of_group).map(|kind| kind.plural).collect();
    match (found.len(), group) {
        (1, _) => {
            let plural = found.into_iter().collect::<String>();
            Ok((plural, group.map(str::to_owned), true))
        }
        (0, Some(group)) => Ok((name.to_owned(), Some(group.to_owned()), false)),
        (0, None) => match like(name) {
            near if near.is_empty() => Ok((name.to_owned(), None, false)),
            near => Err(NotAsked::Unknown(word.to_owned(), near)),
        },
        _ => Err(NotAsked::Ambiguous(
            word.to_owned(),
            found.into_iter().map(str::to_owned).collect(),
        )),
    }
}

/// A group without the version that kubectl lets stand before it: `v1.apps`.
fn without_version(group: &str) -> &str {
    let (first, rest) = group.split_once('.').unwrap_or((group, ""));
    let number =
        first.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if number { rest } else { group }
}

/// Names of built-in types that are like a name: what may be a slip of the keyboard.
fn like(name: &str) -> Vec<String> {
    let slips = if name.len() < 5 { 1 } else { 2 };
    let names =
        |kind: &'static Kind| std::iter::once(kind.plural).chain(kind.others.iter().copied());
    let near = |kind: &&Kind| {
        names_of(kind)
            .any(|other| (other.len() > 3 || name.len() > 3) && distance(name, other) <= slips)
    };
    let mut found: Vec<String> = Vec::new();
    for kind in KINDS.iter().filter(near) {
        let best = names(kind).min_by_key(|other| distance(name, other)).unwrap_or(kind.plural);
        if !found.iter().any(|other| other == best) {
            found.push(best.to_owned());
        }
    }
    found.sort_by_key(|other| distance(name, other));
    found.truncate(OFFERED);
    found
}

fn names_of(kind: &Kind) -> impl Iterator<Item = &'static str> {
    std::iter::once(kind.plural).chain(kind.others.iter().copied())
}

/// All names of built-in types, for a shell that completes them.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(names_of)
}

/// How many characters must be put, taken, changed or swapped with the next one to make one name of the
/// other.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > COMPARED || other.len() > COMPARED {
        return usize::MAX;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut rows = vec![(0..width).collect::<Vec<_>>()];
    for i in 1..=one.len() {
        let mut row = vec![i; width];
        for j in 1..width {
            let changed = usize::from(one[i - 1] != other[j - 1]);
            row[j] = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[one.len()][width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(argument: &str) -> Result<String, NotAsked> {
        let found = asked(&[argument.to_owned()])?;
        let shown = |asked: &Asked| {
            let Asked { resource, group, name, subresource, known } = asked;
            let group = group.as_ref().map(|group| format!(".{group}")).unwrap_or_default();
            let rest = [name, subresource].into_iter().flatten().map(|part| format!("/{part}"));
            let mark = if *known { "" } else { "?" };
            format!("{resource}{group}{}{mark}", rest.collect::<String>())
        };
        Ok(found.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn types_of_the_cluster_are_known() {
        for kind in OF_THE_CLUSTER {
            assert!(KINDS.iter().any(|known| known.plural == kind), "{kind}");
        }
        let is = |text: &str| asked(&[text.to_owned()]).unwrap()[0].is_of_the_cluster();
        assert!(is("clusterrole/a") && is("ns") && is("gatewayclass"));
        assert!(!is("role/a") && !is("netpol") && !is("nodes.metrics.example.com"));
    }

    #[test]
    fn a_type_has_the_names_that_kubectl_knows() {
        for (given, meant) in [
            ("networkpolicies/web", "networkpolicies/web"),
            ("netpol/web", "networkpolicies/web"),
            ("NetworkPolicy", "networkpolicies"),
            ("deploy", "deployments"),
            ("deployments.apps", "deployments.apps"),
            ("deployments.v1.apps/api", "deployments.apps/api"),
            ("po,svc,ing", "ingresses pods services"),
            ("pods/web-1/exec", "pods/web-1/exec"),
            ("ingresses.networking.k8s.io", "ingresses.networking.k8s.io"),
            ("ingresses.extensions", "ingresses.extensions?"),
            ("events", "events"),
            ("ev.events.k8s.io", "events.events.k8s.io"),
            ("widgets.example.com/a", "widgets.example.com/a?"),
            ("widgets", "widgets?"),
        ] {
            assert_eq!(one(given).as_deref(), Ok(meant), "{given}");
        }
    }

    #[test]
    fn a_slip_is_refused_with_what_it_may_have_been() {
        for (given, like) in [
            ("netpool", "netpol"),
            ("networkpolicys", "networkpolicy"),
            ("netwrokpolicies", "networkpolicies"),
            ("deployment5", "deployments"),
            ("secerts", "secrets"),
            ("podz", "pods"),
        ] {
            let refused = one(given).unwrap_err();
            assert!(refused.hint().contains(&format!("did you mean {like}")), "{}", refused.hint());
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for given in [
            "",
            "/",
            "a//b",
            "pods/",
            "/web",
            "a/b/c/d",
            "po,",
            "pods/web/",
            "p*",
            "a b",
            "netpol/db,web",
            "netpol/db,netpol/web",
            "netpol/*",
        ] {
            assert!(matches!(one(given), Err(NotAsked::Shape(_))), "{given}");
        }
        let many: Vec<String> = (0..2000).map(|n| format!("pods/p-{n}")).collect();
        assert_eq!(asked(&many), Err(NotAsked::TooMany));
        assert!(like(&"x".repeat(10_000)).is_empty());
    }

    #[test]
    fn a_type_that_nothing_is_of_is_told_with_what_it_may_have_been() {
        let seen = ["widgets.example.com", "pods", "deployments.apps"]
            .map(str::to_owned)
            .into_iter()
            .collect();
        let asking = |word: &str| strange(&asked(&[word.to_owned()]).unwrap(), &seen);
        assert_eq!(asking("widgets.example.com"), None);
        assert_eq!(asking("secrets"), None, "it is built in: none of it is an answer");
        assert_eq!(asking("widgets"), None, "of any group");
        for wrong in ["widgets.other.com", "pods.example.com", "deployments.example.com"] {
            assert!(asking(wrong).unwrap().to_string().contains(wrong), "its group is another");
        }
        let refused = asking("widget.example.com").unwrap();
        assert_eq!(refused.hint(), "did you mean widgets.example.com?");
        assert!(refused.to_string().contains("'widget.example.com'"), "{refused}");
        assert!(asking("gizmos").unwrap().hint().contains("--top objectRef.resource"));
    }

    /// No short name stands for two types, so that none is refused for being built in.
    #[test]
    fn no_built_in_name_is_ambiguous() {
        for name in names() {
            assert!(one(name).is_ok(), "{name}");
        }
    }
}
