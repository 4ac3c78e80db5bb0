//! A trust file with one thing changed, as text: remarks and empty lines stay where they stand.

use std::collections::BTreeMap;

use auditseal_format::{Origin, SealId};

use crate::item::{Acceptance, Silence};
use crate::refused::Refused;
use crate::trust_file::TrustFile;
use crate::trusted::TrustedOrigin;

/// One change of what is trusted of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A verdict is accepted.
    Accept(Acceptance),
    /// Reading begins with this seal, and what was accepted of seals before it is forgotten.
    Begin(SealId),
}

impl TrustFile {
    /// The text of a trust file with a change made in it.
    ///
    /// # Errors
    /// [`Refused`], for a text that is none, for a chain that isn't in it (line 1), and for a change that
    /// the format doesn't allow: with the line that it would have.
    pub fn changed(text: &str, origin: &Origin, change: Change) -> Result<String, Refused> {
        let file = Self::parse(text)?;
        let mut origins: BTreeMap<Origin, TrustedOrigin> =
            file.origins().map(|(origin, trusted)| (origin.clone(), trusted.clone())).collect();
        let Some(trusted) = origins.get_mut(origin) else {
            return Err(Refused { line: 1, what: format!("{origin} isn't in this file") });
        };
        trusted.apply(change);
        let changed = Self::new(origins, file.auditors().to_vec())?;
        Ok(beside_remarks(text, &changed.to_string()))
    }
}

impl TrustedOrigin {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Accept(new) => {
                let place = |of: &Acceptance| (of.seal.seq, of.verdict);
                self.accepted.retain(|old| place(old) != place(&new));
                let at = self.accepted.partition_point(|old| place(old) < place(&new));
                self.accepted.insert(at, new);
            }
            Change::Begin(seal) => {
                self.begin = Some(seal).filter(|seal| seal.seq > 0);
                self.accepted.retain(|old| seal.seq <= old.seal.seq);
            }
        }
    }

    /// The seal with which the chain has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<SealId> {
        match self.silence {
            Silence::Ended(seal) => Some(seal),
            Silence::After(_) => None,
        }
    }
}

/// The lines of a file that says something new, with the remarks of the one before: those of lines
/// that both have stay with them.
fn beside_remarks(before: &str, after: &str) -> String {
    let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let old: Vec<&str> = before.lines().filter(says).collect();
    let new: Vec<&str> = after.lines().collect();
    let common = |pairs: &mut dyn Iterator<Item = bool>| pairs.take_while(|same| *same).count();
    let first = common(&mut old.iter().zip(&new).map(|(one, other)| one == other));
    let rest = old.len().min(new.len()) - first;
    let ends = old.iter().rev().zip(new.iter().rev()).map(|(one, other)| one == other);
    let last = common(&mut ends.take(rest));
    let (mut text, mut said) = (String::new(), 0);
    let mut put = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let mut middle = new[first..new.len() - last].iter();
    for line in before.lines() {
        if !says(&line) {
            put(line);
            continue;
        }
        if said == first {
            middle.by_ref().for_each(|line| put(line));
        }
        if said < first || said >= old.len() - last {
            put(line);
        }
        said += 1;
    }
    middle.for_each(|line| put(line));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_stay_with_the_lines_that_stay() {
        let before = "v\n# one\na\n\nb\n# two\nc\n# end\n";
        assert_eq!(beside_remarks(before, "v\na\nb\nc\n"), before);
        let more = "v\n# one\na\n\nb\n# two\nx\nc\n# end\n";
        assert_eq!(beside_remarks(before, "v\na\nb\nx\nc\n"), more);
        assert_eq!(beside_remarks(before, "v\na\nc\n"), "v\n# one\na\n\n# two\nc\n# end\n");
        assert_eq!(beside_remarks(before, "v\na\ny\nc\n"), "v\n# one\na\n\ny\n# two\nc\n# end\n");
        assert_eq!(
            beside_remarks(before, "v\na\nb\nc\nd\n"),
            "v\n# one\na\n\nb\n# two\nc\n# end\nd\n"
        );
        // Two equal lines beside each other: one more of them is one more.
        assert_eq!(beside_remarks("v\na\n", "v\na\na\n"), "v\na\na\n");
    }
}
