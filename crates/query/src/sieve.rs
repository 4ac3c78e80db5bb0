//! Finds the lines that are worth reading, by bytes that they must have.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use auditseal_predicate::Literals;
use memchr::memmem::Finder;

/// So much text is looked at to learn which of the groups is the rarest.
const SAMPLE: usize = 64 << 10;
/// Of less text nothing is learnt.
const LEAST: usize = 8 << 10;

/// Bytes of which a line must have some: one of each group.
#[derive(Debug)]
pub(crate) struct Sieve {
    groups: Vec<Group>,
    /// The group that is looked for; the others are asked of the lines that have it.
    rarest: OnceLock<usize>,
}

#[derive(Debug)]
enum Group {
    One(Finder<'static>),
    Many(AhoCorasick),
}

impl Group {
    /// `None` where the group lets every line pass: one that would be too large to be looked for does.
    fn of(literals: &[Vec<u8>]) -> Option<Self> {
        match literals {
            _ if literals.iter().any(Vec::is_empty) => None,
            [one] => Some(Self::One(Finder::new(one).into_owned())),
            many => AhoCorasick::new(many).ok().map(Self::Many),
        }
    }

    fn find(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::One(finder) => finder.find(text),
            Self::Many(automaton) => automaton.find(text).map(|found| found.start()),
        }
    }

    fn count(&self, text: &[u8]) -> usize {
        match self {
            Self::One(finder) => finder.find_iter(text).count(),
            Self::Many(automaton) => automaton.find_iter(text).count(),
        }
    }
}

impl Sieve {
    pub(crate) fn new(literals: &Literals) -> Self {
        let mut groups: Vec<_> = literals.groups().collect();
        // The longest are the rarest, until more is known.
        groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(Vec::len).min()));
        let groups = groups.into_iter().filter_map(Group::of).collect();
        Self { groups, rarest: OnceLock::new() }
    }

    /// The first line of whole lines, from a line's begin on, that may be meant: where it is, without its
    /// newline.
    pub(crate) fn next(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let mut from = from;
        while from < text.len() {
            let line = match self.looked_for(text) {
                None => from..line_end(text, from),
                Some(group) => {
                    let at = from + group.find(&text[from..])?;
                    let begin =
                        memchr::memrchr(b'\n', &text[from..at]).map_or(from, |n| from + n + 1);
                    begin..line_end(text, at)
                }
            };
            if self.groups.iter().all(|group| group.find(&text[line.clone()]).is_some()) {
                return Some(line);
            }
            from = line.end + 1;
        }
        None
    }

    fn looked_for(&self, text: &[u8]) -> Option<&Group> {
        if self.groups.len() < 2 || text.len() < LEAST && self.rarest.get().is_none() {
            return self.groups.first();
        }
        let rarest = *self.rarest.get_or_init(|| {
            let sample = &text[..text.len().min(SAMPLE)];
            let counts = self.groups.iter().map(|group| group.count(sample));
            counts.enumerate().min_by_key(|(_, count)| *count).map_or(0, |(at, _)| at)
        });
        self.groups.get(rarest)
    }
}

/// Where the line ends in which a byte is.
fn line_end(text: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end)
}

#[cfg(test)]
mod tests {
    use auditseal_predicate::Predicate;
    use proptest::prelude::*;

    use super::*;

    fn sieve(groups: &[&[&[u8]]]) -> Sieve {
        let group = |group: &&[&[u8]]| {
            let literals: Vec<Vec<u8>> = group.iter().map(|literal| literal.to_vec()).collect();
            Group::of(&literals)
        };
        Sieve { groups: groups.iter().filter_map(group).collect(), rarest: OnceLock::new() }
    }

    fn found<'a>(sieve: &Sieve, text: &'a str) -> Vec<&'a str> {
        let (mut from, mut all) = (0, Vec::new());
        while let Some(line) = sieve.next(text.as_bytes(), from) {
            from = line.end + 1;
            all.push(&text[line]);
        }
        all
    }

    #[test]
    fn lines_are_found_that_have_one_of_each_group() {
        let text = "ab\nac\nb\n\nca b\n";
        assert_eq!(found(&sieve(&[]), text), ["ab", "ac", "b", "", "ca b"]);
        assert_eq!(found(&sieve(&[&[b"a"]]), text), ["ab", "ac", "ca b"]);
        assert_eq!(found(&sieve(&[&[b"a"], &[b"b", b"x"]]), text), ["ab", "ca b"]);
        assert_eq!(found(&sieve(&[&[b""]]), "a\n"), ["a"], "an empty literal says nothing");
        assert!(
            found(&sieve(&[&[b"x"]]), text).is_empty() && found(&sieve(&[&[b"a"]]), "").is_empty()
        );
    }

    proptest! {
        /// Whichever group is looked for, the same lines are found.
        #[test]
        fn what_is_looked_for_first_changes_nothing(lines in prop::collection::vec("[abc]{0,4}", 0..4000), first in 0..3_usize) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let learning = sieve(&[&[b"a"], &[b"bb", b"c"], &[b"ab"]]);
            let fixed = sieve(&[&[b"a"], &[b"bb", b"c"], &[b"ab"]]);
            fixed.rarest.set(first).unwrap();
            let expected: Vec<&str> = lines
                .iter()
                .map(String::as_str)
                .filter(|line| line.contains("ab") && (line.contains("bb") || line.contains('c')))
                .collect();
            prop_assert_eq!(found(&learning, &text), expected.clone());
            prop_assert_eq!(found(&fixed, &text), expected);
        }
    }

    #[test]
    fn a_predicate_says_what_is_looked_for() {
        let literals = Predicate::all(Vec::new()).literals();
        assert!(Sieve::new(&literals).groups.is_empty(), "nothing is asked, and each line passes");
    }
}
