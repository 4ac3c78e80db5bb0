//! What is known of a sink between two runs: how far each chain came, and how long its files were then.
//!
//! ```text
//! auditseal/forward/v1
//! sink opensearch+https://logs.example:9200/audit
//! written 0 -
//! refused 1812
//! origin prod/cp-1/audit 4411:3f…c2 2026-11-21 17
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use auditseal_format::{Hash, Origin};

use crate::position::Position;

const FIRST: &str = "auditseal/forward/v1";

/// How long a sink's own file is, as far as it is known to be on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WrittenFile {
    /// Bytes.
    pub bytes: u64,
    /// Hash of the last 4 KiB of them, by which the file is known again; `None` of an empty file.
    pub anchor: Option<Hash>,
}

/// How far all chains are handed over to one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// Which sink it is: its URL without options.
    pub sink: String,
    /// The file that lines are written to, where the sink is one.
    pub written: WrittenFile,
    /// Bytes of the dead-letter file.
    pub refused: u64,
    /// By chain.
    pub chains: BTreeMap<Origin, Position>,
}

/// Why a text is no book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookError {
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} isn't what forward writes there", self.line)
    }
}

impl std::error::Error for BookError {}

impl Book {
    /// Nothing is handed over yet.
    #[must_use]
    pub fn new(sink: &str) -> Self {
        Self {
            sink: sink.to_owned(),
            written: WrittenFile::default(),
            refused: 0,
            chains: BTreeMap::new(),
        }
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST}\nsink {}", self.sink)?;
        match self.written.anchor {
            Some(anchor) => writeln!(f, "written {} {anchor}", self.written.bytes)?,
            None => writeln!(f, "written {} -", self.written.bytes)?,
        }
        writeln!(f, "refused {}", self.refused)?;
        self.chains.iter().try_for_each(|(origin, at)| writeln!(f, "origin {origin} {at}"))
    }
}

impl FromStr for Book {
    type Err = BookError;

    fn from_str(text: &str) -> Result<Self, BookError> {
        let mut lines = text.lines().zip(1..);
        let mut after = |word: &str, line: usize| {
            let rest = lines.next().and_then(|(text, _)| text.strip_prefix(word));
            rest.ok_or(BookError { line })
        };
        after(FIRST, 1)?;
        let mut book = Self::new(after("sink ", 2)?);
        let written = after("written ", 3)?.split_once(' ').and_then(|(bytes, anchor)| {
            let anchor = match anchor {
                "-" => None,
                anchor => Some(anchor.parse().ok()?),
            };
            Some(WrittenFile { bytes: bytes.parse().ok()?, anchor })
        });
        book.written = written.ok_or(BookError { line: 3 })?;
        book.refused = after("refused ", 4)?.parse().map_err(|_| BookError { line: 4 })?;
        for (text, line) in lines {
            let chain = text.strip_prefix("origin ").and_then(|rest| rest.split_once(' '));
            let chain =
                chain.and_then(|(origin, at)| Some((origin.parse().ok()?, at.parse().ok()?)));
            let (origin, at) = chain.ok_or(BookError { line })?;
            book.chains.insert(origin, at);
        }
        // Each book has one spelling; a file that was cut ends elsewhere.
        if book.to_string() == text {
            Ok(book)
        } else {
            Err(BookError { line: text.lines().count() })
        }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_format::hash;
    use proptest::prelude::*;

    use super::*;

    fn book() -> Book {
        let mut book = Book::new("file:///srv/out.jsonl");
        book.written = WrittenFile { bytes: 4, anchor: Some(hash(b"abc\n")) };
        book.refused = 17;
        for n in 0..3 {
            let at = format!("{n}:{} 2026-11-21 all", hash(&[n]));
            book.chains.insert(format!("c/n-{n}/s").parse().unwrap(), at.parse().unwrap());
        }
        book
    }

    #[test]
    fn a_book_is_read_as_it_was_written() {
        for book in [book(), Book::new("x")] {
            assert_eq!(book.to_string().parse::<Book>().unwrap(), book);
        }
    }

    proptest! {
        /// A crash may leave a part of a file, a disk other bytes: neither is another book.
        #[test]
        fn what_is_cut_or_changed_is_no_book(cut in 0..400_usize, byte in any::<u8>()) {
            let text = book().to_string();
            let cut = cut.min(text.len() - 1);
            let short = &text[..cut];
            // Without its last chains it is whole: a book is replaced in one step, and never cut.
            let whole = short.is_empty() || !short.ends_with('\n') || short.lines().count() < 4;
            if whole {
                prop_assert!(short.parse::<Book>().is_err(), "{short:?}");
            }
            let mut other = text.clone().into_bytes();
            other[cut] = byte;
            if let Ok(other) = String::from_utf8(other)
                && let Ok(read) = other.parse::<Book>()
            {
                prop_assert_eq!(read.to_string(), other);
            }
        }
    }
}
