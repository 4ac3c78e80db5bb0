//! Bytes that a line must have.

/// Groups of byte strings: a line that has none of one group is one of which the predicate is false.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Literals(Vec<Vec<Vec<u8>>>);

impl Literals {
    /// The groups: each needs one of its byte strings. No groups: every line may match.
    pub fn groups(&self) -> impl Iterator<Item = &[Vec<u8>]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether a line has one of each group.
    #[must_use]
    pub fn may_match(&self, line: &[u8]) -> bool {
        let has = |literal: &Vec<u8>| memchr::memmem::find(line, literal).is_some();
        self.0.iter().all(|group| group.iter().any(has))
    }
}
