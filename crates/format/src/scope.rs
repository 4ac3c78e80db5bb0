//! What a key may sign, as its name says it.

use std::fmt;
use std::str::FromStr;

use auditseal_note::VerifierKey;

use crate::Origin;
use crate::origin::valid;

/// What a key may sign: one chain (`<cluster>/<node>/<source>`), or every chain of one node
/// (`<cluster>/<node>`). It is the key's name.
///
/// A name proves nothing, for anybody can give a key any name: a reader trusts a key that it was
/// given, and this one for no more than its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// Whether a chain is within it: whole parts are compared, so `prod/cp-1` covers no chain of
    /// `prod/cp-10`.
    #[must_use]
    pub fn covers(&self, origin: &Origin) -> bool {
        covers(&self.0, origin)
    }

    /// The name of a key that may sign this.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let parts: Vec<&str> = text.split('/').collect();
        let fits = matches!(parts.len(), 2 | 3) && parts.into_iter().all(valid);
        if fits { Ok(Self(text.to_owned())) } else { Err(ScopeError) }
    }
}

impl Origin {
    /// Whether a key may sign for the chain, by its name. Whether it is the key of anybody whom a
    /// reader trusts is asked beside.
    #[must_use]
    pub fn admits(&self, key: &VerifierKey) -> bool {
        covers(key.name(), self)
    }

    /// The name of a key that may sign for every chain of this one's node.
    #[must_use]
    pub fn node_scope(&self) -> Scope {
        Scope(format!("{}/{}", self.cluster(), self.node()))
    }
}

fn covers(name: &str, origin: &Origin) -> bool {
    let rest = origin.as_str().strip_prefix(name);
    rest.is_some_and(|rest| {
        // Of all the names that an origin goes on behind with a '/', only its node's has one.
        rest.is_empty() || (rest.starts_with('/') && name.contains('/'))
    })
}

/// A text that isn't the name of a key which could sign a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeError;

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a key's name says what it may sign: CLUSTER/NODE, or CLUSTER/NODE/NAME for one source; \
             each part is 1 to 245 of letters, digits, '.', '_' and '-', beginning with a letter or \
             digit",
        )
    }
}

impl std::error::Error for ScopeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_whole_parts() {
        let origin = Origin::new("prod", "cp-1", "audit").unwrap();
        for (name, covered) in [
            ("prod/cp-1", true),
            ("prod/cp-1/audit", true),
            ("prod/cp-10", false),
            ("prod/cp-", false),
            ("prod/cp-1/aud", false),
            ("prod/cp-1/audit2", false),
            ("prod/cp-2", false),
            ("Prod/cp-1", false),
        ] {
            assert_eq!(name.parse::<Scope>().unwrap().covers(&origin), covered, "{name}");
            let key = VerifierKey::new(name, [7; 32]).unwrap();
            assert_eq!(origin.admits(&key), covered, "{name}");
        }
        // No scopes, though keys may be called so.
        for name in ["prod", "prod/", "prod/cp-1/", "/", "prod//audit", "prod/cp-1/audit/x", "test"]
        {
            assert!(name.parse::<Scope>().is_err(), "{name}");
            assert!(!origin.admits(&VerifierKey::new(name, [7; 32]).unwrap()), "{name}");
        }
        let ten = Origin::new("prod", "cp-10", "audit").unwrap();
        assert!(!"prod/cp-1".parse::<Scope>().unwrap().covers(&ten));
        assert_eq!(ten.node_scope().as_str(), "prod/cp-10");
        assert!(ten.node_scope().covers(&ten));
    }

    /// The bound of a key's name is the note's; that the longest origin fits it is known here alone.
    #[test]
    fn the_longest_origin_is_the_longest_name() {
        let part = "o".repeat(Origin::MAX_PART);
        let origin = Origin::new(&part, &part, &part).unwrap();
        assert!(origin.admits(&VerifierKey::new(origin.as_str(), [7; 32]).unwrap()));
        assert!(VerifierKey::new(&format!("{origin}o"), [7; 32]).is_err());
        assert_eq!(origin.as_str().parse::<Scope>().unwrap().as_str(), origin.as_str());
        assert!(format!("{origin}o").parse::<Scope>().is_err());
    }
}
