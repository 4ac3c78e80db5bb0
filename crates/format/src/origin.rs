//! The name of a chain.

use std::fmt;
use std::str::FromStr;

/// `<cluster>/<node>/<source>`: the name of one chain of objects.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    text: String,
    /// Where the node and the source begin in `text`.
    node: usize,
    source: usize,
}

impl Origin {
    /// Longest part, characters: behind `cluster=` it must fit a file name of 255 bytes.
    pub const MAX_PART: usize = 245;

    /// Joins three parts.
    ///
    /// # Errors
    /// Says which part isn't 1–245 of `A–Z a–z 0–9 . _ -`, beginning with a letter or digit. The
    /// parts become segments of object keys and fields of a line: nothing else is safe in both.
    pub fn new(cluster: &str, node: &str, source: &str) -> Result<Self, OriginError> {
        for (part, text) in [("cluster", cluster), ("node", node), ("source", source)] {
            if !valid(text) {
                return Err(OriginError { part, text: text.to_owned() });
            }
        }
        Ok(Self {
            text: format!("{cluster}/{node}/{source}"),
            node: cluster.len() + 1,
            source: cluster.len() + node.len() + 2,
        })
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        self.text.get(..self.node - 1).unwrap_or_default()
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &str {
        self.text.get(self.node..self.source - 1).unwrap_or_default()
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &str {
        self.text.get(self.source..).unwrap_or_default()
    }
}

pub(crate) fn valid(part: &str) -> bool {
    (1..=Origin::MAX_PART).contains(&part.len())
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && part.as_bytes()[0].is_ascii_alphanumeric()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(cluster), Some(node), Some(source), None) => Self::new(cluster, node, source),
            _ => Err(OriginError { part: "origin", text: text.to_owned() }),
        }
    }
}

/// A part of an origin that can't be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginError {
    part: &'static str,
    text: String,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(64).collect();
        if self.part == "origin" {
            return write!(f, "{shown:?} is not CLUSTER/NODE/SOURCE");
        }
        write!(
            f,
            "{} {shown:?}: use 1 to 245 of letters, digits, '.', '_' and '-', beginning with a letter or digit",
            self.part
        )
    }
}

impl std::error::Error for OriginError {}
