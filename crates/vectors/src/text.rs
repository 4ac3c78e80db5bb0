//! Edits of a note's text. Each fails loudly when there is nothing to edit: an edit that did
//! nothing would make a vector that shows nothing.

use auditseal_format::seal::Payload;
use auditseal_format::{LineTimes, Time, TimeField, hash};
use auditseal_merkle::RootHasher;

/// Gives the first line with this keyword another value.
///
/// # Panics
/// Without such a line, or when it says so already.
#[must_use]
pub fn set(text: &str, keyword: &str, value: &str) -> String {
    let line = line(text, keyword);
    substitute(text, &line, &format!("{keyword} {value}\n"))
}

/// Removes the first line with this keyword.
///
/// # Panics
/// Without such a line.
#[must_use]
pub fn remove(text: &str, keyword: &str) -> String {
    substitute(text, &line(text, keyword), "")
}

/// Writes the first line with this keyword twice.
///
/// # Panics
/// Without such a line.
#[must_use]
pub fn repeat(text: &str, keyword: &str) -> String {
    let line = line(text, keyword);
    substitute(text, &line, &line.repeat(2))
}

/// Swaps the first lines with these keywords.
///
/// # Panics
/// Without such lines.
#[must_use]
pub fn swap(text: &str, one: &str, other: &str) -> String {
    let (one, other) = (line(text, one), line(text, other));
    let mark = substitute(text, &one, "\0");
    substitute(&substitute(&mark, &other, &one), "\0", &other)
}

/// Puts `added` behind the first line with this keyword.
///
/// # Panics
/// Without such a line.
#[must_use]
pub fn add_after(text: &str, keyword: &str, added: &str) -> String {
    let line = line(text, keyword);
    substitute(text, &line, &format!("{line}{added}"))
}

/// Replaces the first `from` by `to`.
///
/// # Panics
/// When there is none, or `to` is the same.
#[must_use]
pub fn substitute(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from) && from != to, "nothing to edit: {from:?} in {text}");
    text.replacen(from, to, 1)
}

/// The value of the first line with this keyword.
///
/// # Panics
/// Without such a line.
#[must_use]
pub fn value(text: &str, keyword: &str) -> String {
    line(text, keyword)[keyword.len() + 1..].trim_end_matches('\n').to_owned()
}

/// The value of the first line with this keyword, if there is one.
#[must_use]
pub fn find<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '))
}

/// States this payload and these blocks: sets `root`, `chunks`, `lines`, `bytes`, `blocks` and what
/// the lines' times are.
/// `payload` has to end with `\n`.
#[must_use]
pub fn restate(text: &str, payload: &[u8], blocks: &[u8]) -> String {
    let mut root = RootHasher::new();
    root.update(payload);
    let root = root.finish();
    let blocks = format!("{} {}", hash(blocks), blocks.len());
    let mut times = LineTimes::new(TimeField::Audit);
    times.take(payload);
    let mut found = Payload::placeholder(root.hash);
    times.fill(&mut found);
    let end = |time: Option<Time>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    [
        ("root", root.hash.to_string()),
        ("chunks", root.chunks.to_string()),
        ("lines", root.lines.to_string()),
        ("bytes", payload.len().to_string()),
        ("blocks", blocks),
        ("untimed", found.untimed.to_string()),
        ("first", end(found.times.map(|times| times.0))),
        ("last", end(found.times.map(|times| times.1))),
    ]
    .iter()
    .fold(text.to_owned(), |text, (keyword, now)| {
        // What stays as it was is no edit.
        if value(&text, keyword) == *now { text } else { set(&text, keyword, now) }
    })
}

fn line(text: &str, keyword: &str) -> String {
    let found = text
        .split_inclusive('\n')
        .find(|line| line.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '\n'])));
    found.unwrap_or_else(|| panic!("no line '{keyword}' in {text}")).to_owned()
}
