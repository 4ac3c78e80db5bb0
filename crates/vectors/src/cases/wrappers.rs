//! Seal lines in another spelling than the one there is.

use super::{LOG, bad_object, signer, small_parts, started, with_last_needed};
use crate::text::substitute;
use crate::{Chain, Parts, Piece, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [spelling(), unfindable(), indexes()].concat()
}

fn spelled(name: &str, about: &str, verdict: &str, edit: impl Fn(&str) -> String) -> Vector {
    let parts = small_parts();
    let line = String::from_utf8(parts.line()).expect("a seal line is UTF-8");
    let object = parts.bytes_with_line(edit(&line).as_bytes());
    bad_object(&format!("wrapper-{name}"), about, verdict, object)
}

fn spelling() -> Vec<Vector> {
    let case = |name: &str, about: &str, from: &str, to: &str| {
        spelled(name, about, "MALFORMED", |line| substitute(line, from, to))
    };
    let parts = small_parts();
    let mut line = parts.line();
    let at = line.iter().position(|b| *b == b'c').expect("a letter in the note") + 200;
    line[at] = 0xff;
    vec![
        case("escaped-newline", "a newline as \\u000a", r"\norigin", r"\u000aorigin"),
        case("escaped-letter", "a letter as \\u006f", r"\norigin", r"\n\u006frigin"),
        case("escaped-slash", "a slash as \\/", "auditseal/seal/v1", r"auditseal\/seal\/v1"),
        case("escaped-dash", "the dash of the signature as \\u2014", "—", r"\u2014"),
        case("raw-newline", "a newline that isn't escaped", r"\nseq", "\nseq"),
        case("space-after-note", "a space before the brace", "\"}\n", "\" }\n"),
        case("space-before-note", "a space after the colon", "\"note\":\"", "\"note\": \""),
        case("space-at-the-end", "a space after the brace", "}\n", "} \n"),
        case("cr", "a CR before the newline", "}\n", "}\r\n"),
        case("second-newline", "an empty line at the end", "}\n", "}\n\n"),
        case("no-newline", "no newline at the end", "}\n", "}"),
        case("added-member", "a member that there isn't", "}\n", ",\"comment\":{}}\n"),
        case("second-note", "two notes", "}\n", ",\"note\":\"x\"}\n"),
        case("unended", "no brace at the end", "}\n", "\n"),
        case("note-unended", "no quotation mark at the end", "\"}\n", "}\n"),
        spelled("note-null", "no note", "MALFORMED", |line| {
            let prefix = &line[..line.find("auditseal/seal").expect("a note") - 1];
            format!("{prefix}null}}\n")
        }),
        spelled("note-empty", "an empty note", "MALFORMED", |line| {
            let prefix = &line[..line.find("auditseal/seal").expect("a note")];
            format!("{prefix}\"}}\n")
        }),
        bad_object(
            "wrapper-note-not-utf8",
            "a byte of the note that isn't UTF-8",
            "MALFORMED",
            parts.bytes_with_line(&line),
        ),
    ]
}

/// The seal's first bytes are others: a reader doesn't find it.
fn unfindable() -> Vec<Vector> {
    let case = |name: &str, about: &str, from: &str, to: &str| {
        spelled(name, about, "UNSEALED", |line| substitute(line, from, to))
    };
    let kind = r#""kind":"BatchSeal","#;
    let version = r#""apiVersion":"auditseal/v1","#;
    vec![
        case("other-kind", "another kind", "BatchSeal", "BatchStamp"),
        case("other-api-version", "auditseal/v2", "auditseal/v1", "auditseal/v2"),
        case("leading-space", "a space in front", "{\"kind", "{ \"kind"),
        case(
            "member-order",
            "kind and apiVersion swapped",
            &format!("{kind}{version}"),
            &format!("{version}{kind}"),
        ),
        case("index-first", "the index before the note", r#""note":"#, r#""index":{},"note":"#),
    ]
}

/// An index that nobody can have written; the note holds its true hash.
fn indexes() -> Vec<Vector> {
    let case = |name: &str, about: &str, index: &[u8]| {
        let chain = indexed();
        let mut parts = Parts::of(&chain.head().bytes);
        parts.index = Some(index.to_vec());
        let hash = auditseal_format::hash(index).to_string();
        let parts = parts.edit(&mut signer(), |text| crate::text::set(text, "index", &hash));
        Vector::new(&format!("index-{name}"), about, &chain)
            .objects(with_last_needed(&chain, parts.bytes()))
            .finding("MALFORMED c/n/s 1")
    };
    vec![
        case("array", "not an object", b"[]"),
        case("string", "not an object", b"\"{}\""),
        case("null", "not an object", b"null"),
        case("nothing", "no value", b""),
        case("newline", "a newline", b"{\n}"),
        case("carriage-return", "a CR", b"{\r}"),
        case("not-json", "not JSON", b"{a:1}"),
        case("two-objects", "two objects", b"{}{}"),
        case("nested-128", "one level more than may be", &nested(128)),
        case("trailing-space", "white space behind it", b"{} "),
        case("not-utf8", "a string that isn't UTF-8", b"{\"a\":\"\xff\"}"),
        case(
            "seal-inside",
            "the bytes by which the seal is found",
            br#"{"x":{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":"y"}}"#,
        ),
    ]
}

/// An object with so many levels of objects, itself among them.
pub(super) fn nested(levels: usize) -> Vec<u8> {
    let inner = levels - 1;
    format!("{}{{}}{}", r#"{"x":"#.repeat(inner), "}".repeat(inner)).into_bytes()
}

/// Genesis and one batch with an index.
pub(super) fn indexed() -> Chain {
    let mut chain = started(signer());
    chain.index(br#"{"v":0,"verbs":["get","list"]}"#);
    chain.batch(&[Piece::new(LOG, events(0..2))]);
    chain
}
