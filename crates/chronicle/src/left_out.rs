//! Lines that aren't told, counted, with where the first of them is sealed.

use auditseal_format::Origin;
use auditseal_history::Cite;

/// How many lines, and the first of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) count: u64,
    first: Option<Cite>,
}

impl LeftOut {
    pub(crate) fn add(&mut self, cite: Cite) {
        self.count += 1;
        self.first.get_or_insert(cite);
    }

    /// `N WHAT, the first ORIGIN SEQ:LINE`; none: there is none.
    pub(crate) fn said(&self, what: &str, chains: &[Origin]) -> Option<String> {
        let first = self.first?;
        let origin = chains.get(first.chain).map(ToString::to_string).unwrap_or_default();
        Some(format!("{} {what}, the first {origin} {}:{}", self.count, first.seq, first.line))
    }
}
