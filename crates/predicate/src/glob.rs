//! Globs: `*` is any text, `?` any character.

/// The longest glob, in bytes.
const MAX_GLOB: usize = 1024;

/// A pattern of a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    /// A glob. `None`: it is too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        (text.len() <= MAX_GLOB).then(|| Self(text.to_owned()))
    }

    /// The text that it is, if it has no wildcard.
    pub(crate) fn plain(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(&self.0)
    }

    /// Texts that must stand in whatever fits.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split(['*', '?']).filter(|part| !part.is_empty())
    }

    /// Whether a whole text fits.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_str(), text);
        // Where to go on with one character more for the last `*`.
        let mut again: Option<(&str, &str)> = None;
        loop {
            let mut left = pattern.chars();
            match (left.next(), rest.chars().next()) {
                (Some('*'), _) => {
                    pattern = left.as_str();
                    again = Some((pattern, rest));
                    continue;
                }
                (Some(wanted), Some(met)) if wanted == '?' || wanted == met => {
                    pattern = left.as_str();
                    rest = &rest[met.len_utf8()..];
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            let Some((behind, from)) = again else { return false };
            let Some(passed) = from.chars().next() else { return false };
            rest = &from[passed.len_utf8()..];
            (pattern, again) = (behind, Some((behind, rest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by its definition.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', behind)), _) => {
                (0..=text.len()).any(|at| by_definition(behind, &text[at..]))
            }
            (Some((wanted, behind)), Some((met, rest))) => {
                (*wanted == '?' || wanted == met) && by_definition(behind, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_fits_what_its_definition_says(pattern in "[ab*?é]{0,6}", text in "[abé]{0,7}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let glob = Glob::new(&pattern).unwrap();
            let fits = by_definition(&chars(&pattern), &chars(&text));
            prop_assert_eq!(glob.fits(&text), fits);
            prop_assert!(!fits || glob.parts().all(|part| text.contains(part)));
            prop_assert_eq!(glob.plain().is_some_and(|plain| plain == text), fits && !pattern.contains(['*', '?']));
        }
    }

    #[test]
    fn a_glob_is_bounded_and_so_is_its_work() {
        assert!(Glob::new(&"a".repeat(MAX_GLOB)).is_some());
        assert!(Glob::new(&"a".repeat(MAX_GLOB + 1)).is_none());
        let glob = Glob::new(&"*a".repeat(MAX_GLOB / 2)).unwrap();
        assert!(!glob.fits(&format!("{}b", "a".repeat(100_000))));
    }
}
