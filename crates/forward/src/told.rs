//! Findings of a chain that were told.

use std::collections::BTreeSet;

/// Findings that are remembered, so that each is told once.
const TOLD: usize = 1000;

/// What was told, so that it is told once. More than this is counted.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeSet<String>);

impl Told {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// Whether there is room to tell of it.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        self.0.len() < TOLD && self.0.insert(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times what is told.
    #[test]
    fn more_than_is_told_is_counted() {
        let mut told = Told::default();
        let texts = (0..10 * TOLD).map(|n| n.to_string());
        assert_eq!(texts.filter(|text| told.take(text)).count(), TOLD);
        assert!(told.has("7") && !told.take("7") && !told.has("100000"));
    }
}
