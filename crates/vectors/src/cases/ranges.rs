//! Ranges, names and holes that are signed and not of the format.

use super::notes::edited;
use super::{LOG, good, signer, small, started, with_last_needed};
use crate::text::{add_after, repeat, restate, set, substitute, value};
use crate::{Chain, Parts, Piece, Vector, events, raw_block};

pub(super) fn cases() -> Vec<Vector> {
    [fields(), names(), bounds(), holes()].concat()
}

/// Edits the values of the range of [`small`]: file, start, end, lines, flags, anchor, name.
fn range(name: &str, about: &str, edit: impl Fn(&mut Vec<String>)) -> Vector {
    edited(&small(), &format!("range-{name}"), about, |text| {
        let line = value(text, "range");
        let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
        edit(&mut fields);
        set(text, "range", &fields.join(" "))
    })
}

fn fields() -> Vec<Vector> {
    let flags = |name: &str, flags: &'static str| {
        range(&format!("flags-{name}"), "flags that there aren't", move |r| r[4] = flags.to_owned())
    };
    let file = |name: &str, about: &str, edit: &'static dyn Fn(&str) -> String| {
        range(&format!("file-{name}"), about, |r| r[0] = edit(&r[0]))
    };
    vec![
        file("no-copy", "no copy number", &|f| f[..f.len() - 2].to_owned()),
        file("copy-too-high", "a copy of 33 bits", &|f| f[..f.len() - 1].to_owned() + "4294967296"),
        file("leading-zero", "a base with a leading zero", &|f| substitute(f, ":0:", ":00:")),
        file("upper-case", "a hash in upper case", &|f| f.to_uppercase()),
        file("dash", "no file", &|_| "-".to_owned()),
        flags("order", "unterminated,final"),
        flags("unknown", "final,closed"),
        flags("empty", ""),
        flags("twice", "final,final"),
        range("leading-zero", "a start with a leading zero", |r| r[1] = "00".to_owned()),
        range("no-anchor", "a dash for the anchor", |r| r[5] = "-".to_owned()),
        range("field-missing", "a field too few", |r| drop(r.remove(3))),
        range("field-added", "a field too many", |r| r.push("x".to_owned())),
        range("lines-not-the-sum", "another number of lines than in the note", |r| {
            r[3] = "1".to_owned();
        }),
        range("bytes-not-the-sum", "another number of bytes than in the note", |r| {
            r[2] = "9".to_owned();
        }),
        edited(&small(), "before-itself", "a file that stands before itself", |text| {
            let file = value(text, "range").split(' ').next().unwrap_or_default().to_owned();
            add_after(text, "range", &format!("before {file}\n"))
        }),
        edited(&small(), "before-no-file", "before nothing", |text| {
            add_after(text, "range", "before -\n")
        }),
    ]
}

fn names() -> Vec<Vector> {
    let named = |name: &str, about: &str, bad: &str| {
        let bad = bad.to_owned();
        range(&format!("name-{name}"), about, move |r| bad.clone_into(&mut r[6]))
    };
    vec![
        named("empty", "an empty name", ""),
        named("slash", "a byte that must be escaped", "a/b"),
        named("escaped-letter", "an escape that isn't needed", "%41udit.log"),
        named("escaped-dot", "an escape that isn't needed", "audit%2Elog"),
        named("lower-case-escape", "an escape in lower case", "a%2fb"),
        named("cut-escape", "an escape of one digit", "a%2"),
        named("no-escape", "a percent sign by itself", "100%"),
        named("plus-escape", "a sign in an escape", "a%+fb"),
        named("not-ascii", "a letter that must be escaped", "é"),
        named("too-long", "256 bytes", &"a".repeat(256)),
    ]
}

fn bounds() -> Vec<Vector> {
    let mut unended = started(signer());
    unended.batch(&[Piece::new(LOG, "one\ntwo").last()]);
    let mut empty = small();
    empty.batch(&[Piece::new(LOG, "").last()]);
    let mut two = started(signer());
    two.batch(&[Piece::new("a", "one\n").last(), Piece::new("b", events(1..2))]);
    vec![
        range("backwards", "an end before the start", |r| {
            r.swap(1, 2);
        }),
        edited(&empty, "range-empty-not-final", "an empty range that isn't final", |text| {
            substitute(text, " 0 final ", " 0 - ")
        }),
        made_up_line(&empty),
        edited(&empty, "range-empty-unterminated", "unterminated, and no line", |text| {
            substitute(text, " 0 final ", " 0 final,unterminated ")
        }),
        edited(&unended, "range-flag-left-out", "the flag unterminated is left out", |text| {
            substitute(text, "final,unterminated", "final")
        }),
        edited(&two, "range-bytes-without-lines", "all lines given to the second range", |text| {
            substitute(&substitute(text, " 0 4 1 ", " 0 4 0 "), " 1 - ", " 2 - ")
        }),
        edited(&two, "range-lines-without-bytes", "more lines in a range than bytes", |text| {
            let text = substitute(text, " 0 4 1 ", " 0 4 5 ");
            set(&set(&text, "lines", "6"), "chunks", "6")
        }),
    ]
}

/// One `\n` and no source byte: everything else in the object agrees with it.
fn made_up_line(chain: &Chain) -> Vector {
    let mut parts = Parts::of(&chain.head().bytes);
    parts.blocks = raw_block(b"\n");
    let blocks = parts.blocks.clone();
    let parts = parts.edit(&mut signer(), |text| {
        let text = substitute(text, " 0 final ", " 1 final,unterminated ");
        restate(&text, b"\n", &blocks)
    });
    Vector::new("range-empty-with-line", "an empty range that makes up a line", chain)
        .objects(with_last_needed(chain, parts.bytes()))
        .finding("MALFORMED c/n/s 2")
}

fn holes() -> Vec<Vector> {
    let mut chain = started(signer());
    // Holes at 0+2, 6+1 and 11+2 of 13 bytes.
    chain.batch(&[Piece::new(LOG, "\0\0one\n\0two\n\0\0").last()]);
    let hole = |name: &str, about: &str, from: &str, to: &str| {
        edited(&chain, &format!("hole-{name}"), about, |text| substitute(text, from, to))
    };
    let rich = good::optional_fields();
    vec![
        hole("outside-end", "a hole that ends behind its range", "hole 11 2", "hole 12 2"),
        hole("touching", "two holes that touch", "hole 6 1", "hole 2 1"),
        hole("overlapping", "two holes that overlap", "hole 6 1", "hole 1 1"),
        hole("descending", "holes in another order", "hole 0 2\nhole 6 1", "hole 6 1\nhole 0 2"),
        hole("empty", "a hole of no bytes", "hole 6 1", "hole 6 0"),
        hole("not-counted", "a longer hole than the payload's size allows", "hole 6 1", "hole 6 2"),
        hole("leading-zero", "a leading zero", "hole 6 1", "hole 06 1"),
        hole("third-value", "a value too many", "hole 6 1", "hole 6 1 1"),
        hole("overflow", "a hole that ends behind 2^64", "hole 6 1", "hole 6 18446744073709551615"),
        edited(&chain, "hole-without-range", "a hole line that follows no range", |text| {
            let text = substitute(text, "hole 11 2\n", "");
            substitute(&text, "range ", "hole 11 2\nrange ")
        }),
        edited(&rich, "before-twice", "two before lines for one range", |text| {
            repeat(text, "before")
        }),
        edited(&outside_start(), "hole-outside-start", "a hole before its range", |text| {
            substitute(text, "hole 4 1", "hole 3 1")
        }),
    ]
}

/// The newest range starts at 4, with a hole.
fn outside_start() -> Chain {
    let mut chain = started(signer());
    chain.batch(&[Piece::new(LOG, "one\n")]);
    chain.batch(&[Piece::new(LOG, "\0two\n")]);
    chain
}
