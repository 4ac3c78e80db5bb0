//! The key: is it for the chains that it is to sign? Pure.

use auditseal_format::{Origin, VerifierKey};

use crate::check::Check;

/// Checks the public half of the agent's key against the chains that the agent is to seal.
#[must_use]
pub fn examine_key(key: &VerifierKey, origins: &[Origin]) -> Vec<Check> {
    let name = key.name();
    let other = origins.iter().find(|origin| !origin.admits(key));
    vec![match other {
        None => Check::pass("key-name", format!("a key for {name}")),
        Some(origin) => {
            Check::fail("key-name", format!("a key for {name}, and the chain is {origin}"))
                .why("a key signs what its name says: the agent refuses to start with another's")
                .fix("give this node's own key; for a new chain make one")
                .command(format!("auditseal keygen --name {} --out FILE", origin.node_scope()))
        }
    }]
}

/// That there is no key to check: what the agent would say.
#[must_use]
pub fn no_key(why: impl ToString) -> Vec<Check> {
    vec![Check::fail("key", why.to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    #[test]
    fn a_key_is_for_what_its_name_says() {
        let origins = ["audit", "kube"].map(|name| Origin::new("prod", "cp-1", name).unwrap());
        for (name, status) in [
            ("prod/cp-1", Status::Pass),
            ("prod/cp-1/audit", Status::Fail),
            ("prod/cp-10", Status::Fail),
            ("auditseal", Status::Fail),
        ] {
            let key = VerifierKey::new(name, [7; 32]).unwrap();
            let checks = examine_key(&key, &origins);
            assert_eq!((checks.len(), checks[0].status), (1, status), "{name}");
            assert!(checks[0].found.contains(name), "{:?}", checks[0]);
        }
        let other = VerifierKey::new("prod/cp-2", [7; 32]).unwrap();
        let check = &examine_key(&other, &origins)[0];
        assert_eq!(check.found, "a key for prod/cp-2, and the chain is prod/cp-1/audit");
        assert!(check.command.as_ref().unwrap().contains("--name prod/cp-1 "));
        assert_eq!(examine_key(&other, &[])[0].status, Status::Pass, "nothing is known against it");
        assert_eq!(no_key("absent")[0].status, Status::Fail);
    }
}
