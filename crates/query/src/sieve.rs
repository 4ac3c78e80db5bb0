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
/// So many texts are looked for one by one; more together.
const FEW: usize = 4;
/// How a character begins that is escaped by its number.
const ESCAPE: &[u8] = b"\\u00";

/// Bytes of which a line must have some: one of each group.
#[derive(Debug)]
pub(crate) struct Sieve {
    groups: Vec<Group>,
    /// The group that is looked for; the others are asked of the lines that have it.
    rarest: OnceLock<usize>,
}

#[derive(Debug)]
enum Group {
    /// A few texts, and how characters of theirs may be escaped, if they may.
    Few(Vec<Finder<'static>>, Option<Box<Escapes>>),
    Many(AhoCorasick),
}

/// Escaped characters, all of which begin alike.
#[derive(Debug)]
struct Escapes {
    begin: Finder<'static>,
    all: Vec<Vec<u8>>,
}

impl Escapes {
    /// Where one of them stands next, or the end.
    fn find(&self, text: &[u8], from: usize) -> usize {
        let Self { begin, all } = self;
        let mut at = found(begin, text, from);
        while at < text.len() && !all.iter().any(|one| text[at..].starts_with(one)) {
            at = found(begin, text, at + 1);
        }
        at
    }
}

impl Group {
    /// `None` where the group lets every line pass: one that would be too large to be looked for does.
    fn of(literals: &[Vec<u8>]) -> Option<Self> {
        if literals.iter().any(Vec::is_empty) {
            return None;
        }
        let (escapes, texts): (Vec<_>, Vec<_>) =
            literals.iter().partition(|literal| literal.starts_with(ESCAPE));
        if texts.len() > FEW {
            return AhoCorasick::new(literals).ok().map(Self::Many);
        }
        let finder = |text: &[u8]| Finder::new(text).into_owned();
        let texts = texts.into_iter().map(|text| finder(text)).collect();
        let all: Vec<_> = escapes.into_iter().cloned().collect();
        let escapes = (!all.is_empty()).then(|| Box::new(Escapes { begin: finder(ESCAPE), all }));
        Some(Self::Few(texts, escapes))
    }

    fn is_in(&self, text: &[u8]) -> bool {
        self.looked_for_in(text).next(0).is_some()
    }

    fn count(&self, text: &[u8]) -> usize {
        let (mut from, mut count, mut looked) = (0, 0, self.looked_for_in(text));
        while let Some(at) = looked.next(from) {
            (from, count) = (at + 1, count + 1);
        }
        count
    }

    fn looked_for_in<'a>(&'a self, text: &'a [u8]) -> Looked<'a> {
        Looked { group: self, text, ahead: [None; FEW + 1] }
    }
}

/// A group that is looked for in a text, from its start to its end. The text is gone through once for each of a few.
struct Looked<'a> {
    group: &'a Group,
    text: &'a [u8],
    /// Where each of a few stands next, or the text's end; `None` before it was looked for.
    ahead: [Option<usize>; FEW + 1],
}

impl Looked<'_> {
    /// The first place from one on, which isn't before the latest.
    fn next(&mut self, from: usize) -> Option<usize> {
        let Self { group, text, ahead } = self;
        let (texts, escaped) = match group {
            Group::Few(texts, escaped) => (texts, escaped),
            Group::Many(automaton) => {
                return automaton.find(text.get(from..)?).map(|found| from + found.start());
            }
        };
        let (escape, ahead) = ahead.split_last_mut()?;
        for (at, finder) in ahead.iter_mut().zip(texts) {
            if at.is_none_or(|at| at < from) {
                *at = Some(found(finder, text, from));
            }
        }
        if let Some(escapes) = escaped
            && escape.is_none_or(|at| at < from)
        {
            *escape = Some(escapes.find(text, from));
        }
        ahead.iter().chain([&*escape]).flatten().min().copied().filter(|at| *at < text.len())
    }
}

/// Where a text stands next, or the end.
fn found(finder: &Finder<'_>, text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    finder.find(rest).map_or(text.len(), |at| from + at)
}

impl Sieve {
    pub(crate) fn new(literals: &Literals) -> Self {
        let mut groups: Vec<_> = literals.groups().collect();
        // The longest are the rarest, until more is known.
        groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(Vec::len).min()));
        let groups = groups.into_iter().filter_map(Group::of).collect();
        Self { groups, rarest: OnceLock::new() }
    }

    /// The lines, among whole lines, that may be meant: where each is, without its newline.
    pub(crate) fn lines<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut looked = self.looked_for(text).map(|group| group.looked_for_in(text));
        let mut from = 0;
        std::iter::from_fn(move || {
            while from < text.len() {
                let line = match &mut looked {
                    None => from..line_end(text, from),
                    Some(looked) => {
                        let at = looked.next(from)?;
                        let begin =
                            memchr::memrchr(b'\n', &text[from..at]).map_or(from, |n| from + n + 1);
                        begin..line_end(text, at)
                    }
                };
                from = line.end + 1;
                if self.groups.iter().all(|group| group.is_in(&text[line.clone()])) {
                    return Some(line);
                }
            }
            None
        })
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
        sieve.lines(text.as_bytes()).map(|line| &text[line]).collect()
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

    proptest! {
        /// Few texts or many, escaped or not, and however often they stand there.
        #[test]
        fn lines_are_found_by_any_of_a_group(lines in prop::collection::vec(r"(a|b|c|\\u006|\\u007|\\u00){0,4}", 0..200), few in 1..8_usize) {
            let all: [&[u8]; 7] = [b"ab", b"\\u0061", b"bc", b"\\u007", b"cb", b"cc", b"ca"];
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let has = |line: &&str| all[..few].iter().any(|one| memchr::memmem::find(line.as_bytes(), one).is_some());
            let expected: Vec<&str> = lines.iter().map(String::as_str).filter(has).collect();
            prop_assert_eq!(found(&sieve(&[&all[..few]]), &text), expected);
        }
    }

    #[test]
    fn a_predicate_says_what_is_looked_for() {
        let literals = Predicate::all(Vec::new()).literals();
        assert!(Sieve::new(&literals).groups.is_empty(), "nothing is asked, and each line passes");
    }
}
