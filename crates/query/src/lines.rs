//! Text that comes in pieces, as whole lines.

/// A line of more bytes isn't held, and so isn't looked at. kube-apiserver takes requests of 3 MiB.
pub(crate) const LONGEST: usize = 64 << 20;
/// A buffer of more bytes is given back when its line is done.
const KEPT: usize = 1 << 20;

/// What there is to look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// Whole lines, each with its newline, and the number of the first one.
    Lines(&'a [u8], u64),
    /// The number of a line that is too long to be held.
    TooLong(u64),
}

/// Puts lines together that come in pieces. What lies whole in a piece isn't copied.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The beginning of a line whose end hasn't come.
    open: Vec<u8>,
    /// The open line is too long, and what comes of it is passed over.
    passing: bool,
    /// The number of the line that begins next, from 1, or of the open one.
    number: u64,
    longest: usize,
}

impl Lines {
    pub(crate) fn new(longest: usize) -> Self {
        Self { open: Vec::new(), passing: false, number: 1, longest }
    }

    /// Lines whose end has come.
    pub(crate) fn ended(&self) -> u64 {
        self.number - 1
    }

    /// Takes the next piece, and tells what is whole with it.
    pub(crate) fn take(&mut self, mut piece: &[u8], tell: &mut impl FnMut(Text<'_>)) {
        if (self.passing || !self.open.is_empty())
            && let Some(end) = memchr::memchr(b'\n', piece)
        {
            let (rest, behind) = piece.split_at(end + 1);
            self.hold(rest);
            self.end_line(tell);
            piece = behind;
        }
        let whole = match self.passing || !self.open.is_empty() {
            true => 0,
            false => memchr::memrchr(b'\n', piece).map_or(0, |end| end + 1),
        };
        let (lines, rest) = piece.split_at(whole);
        if !lines.is_empty() {
            tell(Text::Lines(lines, self.number));
            self.number += memchr::memchr_iter(b'\n', lines).count() as u64;
        }
        self.hold(rest);
    }

    /// Ends the text: its last line may lack a newline.
    pub(crate) fn end(&mut self, tell: &mut impl FnMut(Text<'_>)) {
        if self.passing || !self.open.is_empty() {
            self.end_line(tell);
        }
    }

    fn hold(&mut self, part: &[u8]) {
        if self.passing || self.open.len() + part.len() > self.longest {
            self.passing |= !part.is_empty();
            self.open = Vec::new();
        } else {
            self.open.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, tell: &mut impl FnMut(Text<'_>)) {
        if std::mem::take(&mut self.passing) {
            tell(Text::TooLong(self.number));
        } else {
            tell(Text::Lines(&self.open, self.number));
        }
        self.number += 1;
        self.open.clear();
        if self.open.capacity() > KEPT {
            self.open = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each line with its number; one that is too long has no text.
    fn told(pieces: &[&[u8]], longest: usize) -> (Vec<(u64, Option<Vec<u8>>)>, u64) {
        let (mut lines, mut all) = (Lines::new(longest), Vec::new());
        let mut tell = |text: Text<'_>| match text {
            Text::TooLong(number) => all.push((number, None)),
            Text::Lines(text, first) => {
                for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
                    all.push((first + at as u64, Some(line.to_vec())));
                }
            }
        };
        pieces.iter().for_each(|piece| lines.take(piece, &mut tell));
        lines.end(&mut tell);
        let ended = lines.ended();
        (all, ended)
    }

    proptest! {
        #[test]
        fn pieces_are_the_same_lines_as_the_whole(text in "[ab\n]{0,60}", cuts in prop::collection::vec(0..60_usize, 0..6)) {
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            let expected: Vec<(u64, Option<Vec<u8>>)> = text
                .split_inclusive(|byte| *byte == b'\n')
                .zip(1..)
                .map(|(line, number)| (number, Some(line.to_vec())))
                .collect();
            let ended = expected.len() as u64;
            prop_assert_eq!(told(&pieces, 1000), (expected, ended));
        }
    }

    /// Ten times what is held: passed over, counted, and what follows it is found with its number.
    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut pieces: Vec<&[u8]> = vec![b"a\nb"];
        pieces.extend(std::iter::repeat_n(&b"xxxxxxxxxx"[..], 10));
        pieces.push(b"\nc\n");
        let (all, ended) = told(&pieces, 10);
        let line = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(all, [(1, line("a\n")), (2, None), (3, line("c\n"))]);
        assert_eq!(ended, 3);
    }
}
