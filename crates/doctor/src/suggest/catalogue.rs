//! The policy that ships, `deploy/audit-policy.yaml`, as blocks of which a suggestion takes some.
//! Pure.

use auditseal_audit::policy::{Level, Request, Rule, Stage};
use serde::Deserialize;

/// The page that people read and use as it is.
const OURS: &str = include_str!("../../../../deploy/audit-policy.yaml");

/// Blocks with such a name drop events: a cluster in which one drops little does without it.
const NOISE: &str = "noise-";

/// Rules with one purpose, and the words about them.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The word in brackets.
    pub(crate) id: String,
    /// Comment and rules as they stand in the page.
    pub(crate) text: String,
    /// What it leaves out.
    pub(crate) unseen: String,
    /// What all its rules decide.
    pub(crate) level: Level,
    /// Whether its rules log the stage RequestReceived, too.
    pub(crate) received: bool,
    rules: Vec<Rule>,
}

/// All blocks in their order, and what stands before them.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(crate) head: String,
    pub(crate) blocks: Vec<Block>,
}

/// Where a request belongs, whichever of the dropping blocks are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The first block that doesn't drop and takes it.
    pub(crate) block: usize,
    /// The dropping blocks that would take it before that, as bits by their place.
    pub(crate) dropped: u32,
}

impl Block {
    /// Whether it drops what it takes, and may be left out.
    pub(crate) fn drops(&self) -> bool {
        self.level == Level::None
    }

    fn takes(&self, request: &Request<'_>) -> bool {
        self.rules.iter().any(|rule| rule.takes(request))
    }

    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Rules {
            rules: Vec<Rule>,
        }
        let id = text.strip_prefix("# [").and_then(|rest| rest.split_once(']'));
        let id = id.map(|(id, _)| id.to_owned()).ok_or("a block has no name")?;
        let comment: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let comment = comment.join(" ");
        let unseen = comment.split_once("Unseen: ").map(|(_, unseen)| unseen.to_owned());
        let unseen = unseen.ok_or_else(|| format!("[{id}] doesn't say what stays unseen"))?;
        let Rules { rules } = auditseal_yaml::read(&format!("rules:\n{text}"))
            .map_err(|error| format!("[{id}] can't be read: {error}"))?;
        let level =
            rules.first().map(|rule| rule.level).ok_or_else(|| format!("[{id}] is empty"))?;
        if rules.iter().any(|rule| rule.level != level) {
            return Err(format!("[{id}] has several levels"));
        }
        if (level == Level::None) != id.starts_with(NOISE) {
            return Err(format!("[{id}] drops, and its name doesn't say so"));
        }
        let omits = |rule: &Rule| rule.omit_stages.contains(&Stage::RequestReceived);
        let received = level > Level::None && !rules.iter().any(omits);
        if !received && !rules.iter().all(|rule| omits(rule) || rule.level == Level::None) {
            return Err(format!("[{id}] omits RequestReceived in some of its rules only"));
        }
        Ok(Self { id, text: text.trim_end().to_owned(), unseen, level, received, rules })
    }
}

impl Catalogue {
    /// The one that ships.
    pub(crate) fn ours() -> Result<Self, String> {
        Self::parse(OURS)
    }

    fn parse(page: &str) -> Result<Self, String> {
        let mut parts = page.split("\n# [");
        let head = parts.next().unwrap_or_default().trim_end().to_owned();
        let blocks = parts.map(|part| Block::parse(&format!("# [{part}")));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        if blocks.len() > 32 {
            return Err("more blocks than there are bits".to_owned());
        }
        match blocks.last() {
            Some(rest) if rest.level == Level::Metadata => Ok(Self { head, blocks }),
            _ => Err("no block takes the rest".to_owned()),
        }
    }

    /// The place of the block that takes the rest.
    pub(crate) fn rest(&self) -> usize {
        self.blocks.len() - 1
    }

    pub(crate) fn place(&self, request: &Request<'_>) -> Place {
        let mut dropped = 0;
        for (at, block) in self.blocks.iter().enumerate() {
            if !block.takes(request) {
                continue;
            }
            if !block.drops() {
                return Place { block: at, dropped };
            }
            dropped |= 1 << at;
        }
        Place { block: self.rest(), dropped }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_audit::policy::{Object, Policy, Target, Who};

    use super::*;

    #[test]
    fn the_page_is_a_policy_that_kube_apiserver_takes() {
        let policy: Policy = auditseal_yaml::read(OURS).unwrap();
        assert_eq!(policy.faults(), Vec::<String>::new());
        assert!(policy.omit_stages.is_empty());
        assert!(policy.omit_managed_fields);
        let blocks = Catalogue::ours().unwrap().blocks;
        let rules = blocks.iter().map(|block| block.rules.len()).sum::<usize>();
        assert_eq!(policy.rules.len(), rules, "a rule stands in no block");
    }

    #[test]
    fn doctor_has_nothing_against_the_page() {
        let policy = crate::policy::parse(OURS).unwrap();
        for check in crate::policy::check(&policy) {
            assert_eq!(check.status, crate::Status::Pass, "{check:?}");
        }
    }

    #[test]
    fn what_can_drop_comes_after_all_that_must_not_be_lost() {
        let blocks = Catalogue::ours().unwrap().blocks;
        let first = blocks.iter().position(Block::drops).unwrap();
        let kept: Vec<_> = blocks[first..].iter().filter(|block| !block.drops()).collect();
        assert_eq!(kept.len(), 1, "only the rest stands behind the first that drops");
        let groups = [
            "system:nodes",
            "system:authenticated",
            "system:serviceaccounts",
            "system:serviceaccounts:kube-system",
        ];
        let groups = groups.map(std::borrow::Cow::from);
        let sensitive = [
            ("", "secrets", ""),
            ("", "configmaps", ""),
            ("", "serviceaccounts", "token"),
            ("", "pods", "exec"),
            ("", "nodes", "proxy"),
            ("authentication.k8s.io", "tokenreviews", ""),
            ("certificates.k8s.io", "certificatesigningrequests", "approval"),
        ];
        let writes = [
            ("rbac.authorization.k8s.io", "clusterrolebindings", ""),
            ("networking.k8s.io", "networkpolicies", ""),
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations", ""),
            ("", "pods", ""),
            ("", "namespaces", ""),
        ];
        let all =
            ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
        for user in ["system:node:n", "system:kube-controller-manager", "system:apiserver", "alice"]
        {
            let level = |verb, (group, resource, subresource)| {
                let who = Who { name: Some(user), groups: &groups };
                let object = Object { namespace: "n", group, resource, subresource, name: "o" };
                let request = Request { who, verb, target: Target::Resource(object) };
                let policy: Policy = auditseal_yaml::read(OURS).unwrap();
                policy.decide(&request).level
            };
            for verb in all {
                for of in sensitive {
                    assert_eq!(level(verb, of), Level::Metadata, "{user} {verb} {of:?}");
                }
                for of in writes.into_iter().filter(|_| !["get", "list", "watch"].contains(&verb)) {
                    assert!(level(verb, of) >= Level::Metadata, "{user} {verb} {of:?}");
                }
                for of in writes.into_iter().filter(|_| ["get", "list"].contains(&verb)) {
                    assert_eq!(level(verb, of), Level::Metadata, "{user} {verb} {of:?}");
                }
            }
            for verb in ["delete", "deletecollection"] {
                assert_eq!(level(verb, ("", "events", "")), Level::Metadata, "{user} {verb}");
            }
        }
    }

    #[test]
    fn a_page_with_a_fault_is_refused() {
        let rest = "\n# [rest] x\n# Unseen: y\n- level: Metadata\n";
        let fault = |block: &str| Catalogue::parse(&format!("h\n{block}{rest}")).err();
        assert_eq!(fault(""), None);
        for (block, expected) in [
            ("\n# [a] x\n- level: Metadata\n", "unseen"),
            ("\n# [a] x\n# Unseen: y\n", "[a]"),
            ("\n# [a] x\n# Unseen: y\n- level: None\n", "drops"),
            ("\n# [noise-a] x\n# Unseen: y\n- level: Request\n", "drops"),
            ("\n# [a] x\n# Unseen: y\n- level: Request\n- level: Metadata\n", "several"),
        ] {
            let found = fault(block).unwrap();
            assert!(found.contains(expected), "{found}");
        }
        assert!(Catalogue::parse("h").unwrap_err().contains("rest"));
    }

    #[test]
    fn a_request_has_one_place() {
        let catalogue = Catalogue::ours().unwrap();
        let id = |at: usize| catalogue.blocks[at].id.as_str();
        let groups = ["system:nodes".into(), "system:authenticated".into()];
        let who = Who { name: Some("system:node:n"), groups: &groups };
        let ask = |verb, target| {
            let place = catalogue.place(&Request { who, verb, target });
            let dropped = (0..32).filter(|at| place.dropped & (1 << at) != 0).map(id);
            (id(place.block), dropped.collect::<Vec<_>>())
        };
        let object = |group, resource| {
            Target::Resource(Object { group, resource, name: "o", ..Object::default() })
        };
        assert_eq!(ask("watch", object("", "secrets")), ("bodies", vec![]));
        assert_eq!(ask("watch", object("", "pods")), ("rest", vec!["noise-watches"]));
        assert_eq!(
            ask("patch", object("coordination.k8s.io", "leases")),
            ("rest", vec!["noise-leases"])
        );
        assert_eq!(ask("get", Target::Path("/livez/ping".into())), ("rest", vec!["noise-health"]));
        assert_eq!(
            ask("get", Target::Path("/apis/x/v1".into())),
            ("rest", vec!["noise-discovery"])
        );
        assert_eq!(ask("create", object("networking.k8s.io", "ingresses")), ("network", vec![]));
    }
}
