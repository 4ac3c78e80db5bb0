//! What is known of a sink between two runs: how far each chain came, and how long its files were then.
//!
//! ```text
//! auditseal/forward/v1
//! sink file:///srv/audit.jsonl
//! written 73400320 5e…07 1835046
//! refused 1812
//! origin prod/cp-1/audit 4411:3f…c2 2026-11-21 17 2026-11-21T08:04:19.851000Z
//! ```
//!
//! The last word of `written` and of each `origin` may be absent: the first where nobody writes to the file any more,
//! the second in books of older programs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use auditseal_format::{Hash, Origin, Time};

use crate::position::Position;

const FIRST: &str = "auditseal/forward/v1";

/// How long a sink's own file is, as far as it is known to be on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WrittenFile {
    /// Bytes.
    pub bytes: u64,
    /// Hash of the last 4 KiB of them, by which the file is known again; `None` of an empty file.
    pub anchor: Option<Hash>,
    /// The file's inode, while there may be more in it than this: it is found by it if somebody renames it after a
    /// crash.
    pub inode: Option<u64>,
}

impl fmt::Display for WrittenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.anchor {
            Some(anchor) => write!(f, "{} {anchor}", self.bytes)?,
            None => write!(f, "{} -", self.bytes)?,
        }
        self.inode.iter().try_for_each(|inode| write!(f, " {inode}"))
    }
}

impl FromStr for WrittenFile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let bytes = words.next().and_then(|bytes| bytes.parse().ok()).ok_or(())?;
        let anchor = match words.next().ok_or(())? {
            "-" => None,
            anchor => Some(anchor.parse().map_err(|_| ())?),
        };
        let inode = words.next().map(str::parse).transpose().map_err(|_| ())?;
        Ok(Self { bytes, anchor, inode })
    }
}

/// How far a chain is handed over, and when the last seal was made of which something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// How far.
    pub at: Position,
    /// When that seal was made; `None` where the book was written by a program that didn't say.
    pub sealed: Option<Time>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        self.sealed.iter().try_for_each(|sealed| write!(f, " {sealed}"))
    }
}

impl FromStr for Reached {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(at) = text.parse() {
            return Ok(Self { at, sealed: None });
        }
        let (at, sealed) = text.rsplit_once(' ').ok_or(())?;
        let sealed = Time::parse(sealed.as_bytes()).ok_or(())?;
        Ok(Self { at: at.parse()?, sealed: Some(sealed) })
    }
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
    pub chains: BTreeMap<Origin, Reached>,
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
        writeln!(f, "written {}", self.written)?;
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
        book.written = after("written ", 3)?.parse().map_err(|()| BookError { line: 3 })?;
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
        book.written = WrittenFile { bytes: 4, anchor: Some(hash(b"abc\n")), inode: Some(17) };
        book.refused = 17;
        for n in 0..3 {
            let sealed = if n == 1 { "" } else { " 2026-11-21T08:04:19.851000Z" };
            let at = format!("{n}:{} 2026-11-21 all{sealed}", hash(&[n]));
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

    /// An update of the program goes on from what an older one wrote.
    #[test]
    fn a_book_of_an_older_program_is_read() {
        let (file, seal) = (hash(b"abc\n"), hash(b"1"));
        let old = format!(
            "{FIRST}\nsink file:///a\nwritten 4 {file}\nrefused 0\norigin c/n/s 7:{seal} 2026-11-21 3\n"
        );
        let book: Book = old.parse().unwrap();
        let reached = book.chains.values().next().unwrap();
        assert_eq!((book.written.inode, reached.sealed, reached.at.lines), (None, None, Some(3)));
        assert_eq!(book.to_string(), old);
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
