//! Notes that are signed and not of the format: MALFORMED, one case per rule of the grammar.

use super::{LOG, bad_object, four, good, signer, small, small_parts, started, with_last_needed};
use crate::text::{add_after, remove, repeat, set, substitute, swap, value};
use crate::{Chain, Lost, Parts, Vector};

pub(super) fn cases() -> Vec<Vector> {
    [missing(), values(), optional(), order(), shape(), kinds(), lists(), signature_lines()]
        .concat()
}

/// A case in which the newest note of `chain` is signed with an edited text.
pub(super) fn edited(
    chain: &Chain,
    name: &str,
    about: &str,
    edit: impl FnOnce(&str) -> String,
) -> Vector {
    let parts = Parts::of(&chain.head().bytes).edit(&mut signer(), edit);
    let finding = format!("MALFORMED c/n/s {}", chain.head().seal.seq);
    let archive = with_last_needed(chain, parts.bytes());
    Vector::new(name, about, chain).objects(archive).finding(&finding)
}

const REQUIRED: [&str; 22] = [
    "auditseal/seal/v1",
    "origin",
    "seq",
    "kind",
    "prev",
    "key",
    "next",
    "root",
    "chunks",
    "lines",
    "bytes",
    "blocks",
    "window",
    "malformed",
    "times",
    "untimed",
    "first",
    "last",
    "index",
    "sealed",
    "boot",
    "next-by",
];

/// Each line that must be there is left out once, and once stands there twice.
fn missing() -> Vec<Vector> {
    let chain = small();
    let both = |keyword: &&str| {
        let name = keyword.replace('/', "-");
        [
            edited(&chain, &format!("note-no-{name}"), "a line is left out", |text| {
                remove(text, keyword)
            }),
            edited(&chain, &format!("note-two-{name}"), "a line stands there twice", |text| {
                repeat(text, keyword)
            }),
        ]
    };
    REQUIRED.iter().flat_map(both).collect()
}

/// What a hash of other lines looks like.
const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Case name, keyword, value that it can't have.
const VALUES: &[(&str, &str, &str)] = &[
    ("origin-two-parts", "origin", "c/n"),
    ("origin-four-parts", "origin", "c/n/s/x"),
    ("origin-empty-part", "origin", "c//s"),
    ("origin-dot-first", "origin", "c/.n/s"),
    ("origin-escape", "origin", "c/n%6e/s"),
    ("origin-not-ascii", "origin", "c/nö/s"),
    ("malformed-too-high", "malformed", "18446744073709551616"),
    ("malformed-leading-zero", "malformed", "00"),
    ("malformed-negative", "malformed", "-0"),
    ("seq-too-high", "seq", "1000000000000"),
    ("seq-leading-zero", "seq", "01"),
    ("seq-plus", "seq", "+1"),
    ("seq-padded", "seq", " 1"),
    ("seq-hex", "seq", "0x1"),
    ("seq-empty", "seq", ""),
    ("kind-unknown", "kind", "restart"),
    ("kind-upper-case", "kind", "Batch"),
    ("prev-short", "prev", "0123456789abcdef"),
    ("prev-base64", "prev", "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8="),
    ("root-dash", "root", "-"),
    ("chunks-leading-zero", "chunks", "02"),
    ("chunks-fewer-than-lines", "chunks", "1"),
    ("chunks-none", "chunks", "0"),
    ("lines-plus", "lines", "+2"),
    ("lines-none", "lines", "0"),
    ("bytes-too-high", "bytes", "18446744073709551616"),
    ("bytes-none", "bytes", "0"),
    ("bytes-not-the-ranges", "bytes", "300"),
    ("window-too-small", "window", "16"),
    ("window-too-large", "window", "24"),
    ("window-leading-zero", "window", "017"),
    ("malformed-more-than-lines", "malformed", "3"),
    ("times-empty", "times", ""),
    ("times-dash", "times", "-"),
    ("times-upper-case", "times", "Audit"),
    ("times-other-word", "times", "sealed"),
    ("times-json-no-field", "times", "json:"),
    ("times-json-alone", "times", "json"),
    ("times-json-audit", "times", "json:stageTimestamp"),
    ("times-json-quote", "times", "json:a\"b"),
    ("times-json-backslash", "times", "json:a\\b"),
    ("times-json-space", "times", "json:a b"),
    ("times-json-not-ascii", "times", "json:ä"),
    ("times-json-control", "times", "json:a\u{7f}"),
    (
        "times-json-too-long",
        "times",
        "json:0123456789012345678901234567890123456789012345678901234567890123x",
    ),
    ("times-none-and-timed", "times", "none"),
    ("untimed-more-than-lines", "untimed", "3"),
    ("untimed-all-and-timed", "untimed", "2"),
    ("untimed-leading-zero", "untimed", "00"),
    ("untimed-plus", "untimed", "+0"),
    ("untimed-too-high", "untimed", "18446744073709551616"),
    ("first-only", "last", "-"),
    ("last-only", "first", "-"),
    ("first-after-last", "first", "2026-11-21T09:00:00.000000Z"),
    ("first-no-fraction", "first", "2026-11-21T07:59:00Z"),
    ("first-milliseconds", "first", "2026-11-21T07:59:00.000Z"),
    ("first-lower-case", "first", "2026-11-21t07:59:00.000000z"),
    ("first-offset", "first", "2026-11-21T07:59:00.000000+00:00"),
    ("index-dash-dash", "index", "--"),
    ("sealed-dash", "sealed", "-"),
    ("sealed-second-60", "sealed", "2026-12-31T23:59:60.000000Z"),
    ("sealed-hour-24", "sealed", "2026-12-31T24:00:00.000000Z"),
    ("sealed-no-such-day", "sealed", "2026-02-29T08:00:00.000000Z"),
    ("sealed-before-1970", "sealed", "1969-12-31T23:59:59.999999Z"),
    ("boot-no-time", "boot", "b0b0b0b0-b0b0-b0b0-b0b0-b0b0b0b0b0b0"),
    ("boot-third-value", "boot", "b0b0b0b0-b0b0-b0b0-b0b0-b0b0b0b0b0b0 1 2"),
    ("boot-upper-case", "boot", "B0B0B0B0-B0B0-B0B0-B0B0-B0B0B0B0B0B0 1"),
    ("boot-no-hyphens", "boot", "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0 1"),
    ("boot-other-hyphens", "boot", "b0b0b0b0b-0b0-b0b0-b0b0-b0b0b0b0b0b0 1"),
    ("next-by-dash", "next-by", "-"),
    ("next-by-word", "next-by", "never"),
];

fn values() -> Vec<Vector> {
    let chain = small();
    let about = |keyword: &str| format!("a value that '{keyword}' can't have");
    let mut cases: Vec<Vector> = VALUES
        .iter()
        .map(|(name, keyword, bad)| {
            edited(&chain, &format!("note-{name}"), &about(keyword), |text| set(text, keyword, bad))
        })
        .collect();
    for keyword in ["prev", "root"] {
        cases.push(edited(
            &chain,
            &format!("note-{keyword}-upper-case"),
            &about(keyword),
            |text| set(text, keyword, &value(text, keyword).to_uppercase()),
        ));
    }
    let long = format!("{}/n/s", "c".repeat(254));
    cases.push(edited(&chain, "note-origin-too-long", "a part of 254 characters", |text| {
        set(text, "origin", &long)
    }));
    let blocks = |name: &str, about: &str, value: &str| {
        edited(&chain, &format!("note-blocks-{name}"), about, |text| set(text, "blocks", value))
    };
    cases.push(blocks("no-size", "only the hash", HASH));
    cases.push(blocks("none", "lines, and blocks of no bytes", &format!("{HASH} 0")));
    cases.push(blocks("no-hash", "only the size", "17"));
    cases.extend(["key", "next"].into_iter().flat_map(vkeys));
    cases
}

fn vkeys(keyword: &'static str) -> Vec<Vector> {
    let chain = small();
    let case = |name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        edited(&chain, &format!("note-{keyword}-{name}"), about, |text| {
            set(text, keyword, &edit(&value(text, keyword)))
        })
    };
    let id = |vkey: &str| vkey[4..12].to_owned();
    vec![
        case("wrong-id", "the key id isn't the key's", &|key| {
            substitute(key, &id(key), "00000000")
        }),
        case("upper-case-id", "the key id in upper case", &|key| {
            substitute(key, &id(key), &id(key).to_uppercase())
        }),
        case("other-type", "C2SP's type 0x02", &|key| substitute(key, "+AY", "+Ao")),
        case("not-canonical", "base64 with stray bits", &|key| {
            format!("{}=", &key[..key.len() - 1])
        }),
        case("short", "31 bytes of key", &|key| key[..key.len() - 4].to_owned()),
        case("long-name", "a name of 738 characters", &|key| {
            substitute(key, "c/n+", &format!("{}+", "t".repeat(738)))
        }),
        case("space-in-name", "a space in the name", &|key| substitute(key, "c/n+", "c /n+")),
        case("not-ascii-name", "a look-alike letter in the name", &|key| {
            substitute(key, "c/n+", "с/n+")
        }),
        case("no-name", "no name", &|key| substitute(key, "c/n+", "+")),
    ]
}

fn optional() -> Vec<Vector> {
    let chain = good::optional_fields();
    let with = |name: &str, keyword: &str, bad: &str| {
        let about = format!("a value that '{keyword}' can't have");
        edited(&chain, &format!("note-{name}"), &about, |text| set(text, keyword, bad))
    };
    let uuid = "c1c1c1c1-c1c1-c1c1-c1c1-c1c1c1c1c1c1";
    let since = "2026-11-21T08:00:00.000000Z";
    let mut cases = vec![
        edited(&chain, "note-reason-no-value", "a keyword without value", |text| {
            substitute(text, "reason flush", "reason")
        }),
        with("cluster-uid-upper-case", "cluster-uid", &uuid.to_uppercase()),
        with("cluster-uid-dash", "cluster-uid", "-"),
        with("machine-id-hyphens", "machine-id", uuid),
        with("machine-id-short", "machine-id", "abababababababababababababababa"),
        with("machine-id-upper-case", "machine-id", "ABABABABABABABABABABABABABABABAB"),
        with("config-dash", "config", "-"),
        with("counters-no-errors", "counters", &format!("{since} 7")),
        with("counters-fourth-value", "counters", &format!("{since} 7 1 0")),
        with("counters-leading-zero", "counters", &format!("{since} 07 1")),
        with("counters-no-start", "counters", "- 7 1"),
        with("reason-empty", "reason", ""),
        with("reason-upper-case", "reason", "Flush"),
        with("reason-two-words", "reason", "state lost"),
        with("reason-too-long", "reason", &"x".repeat(65)),
    ];
    for keyword in ["cluster-uid", "machine-id", "config", "counters", "reason", "before"] {
        let name = format!("note-two-{keyword}");
        cases
            .push(edited(&chain, &name, "a line stands there twice", |text| repeat(text, keyword)));
    }
    cases
}

fn order() -> Vec<Vector> {
    let chain = good::optional_fields();
    let mut gap = small();
    gap.gap(&[Lost::bytes(LOG, 9)]);
    let pairs = [
        ("origin", "seq"),
        ("key", "next"),
        ("chunks", "lines"),
        ("malformed", "times"),
        ("times", "untimed"),
        ("untimed", "first"),
        ("first", "last"),
        ("sealed", "boot"),
        ("cluster-uid", "machine-id"),
        ("machine-id", "config"),
        ("counters", "reason"),
        ("next-by", "cluster-uid"),
        ("range", "reason"),
        ("before", "hole"),
        ("cursor", "stored"),
        ("range", "cursor"),
    ];
    let mut cases: Vec<Vector> = pairs
        .iter()
        .map(|(one, other)| {
            let name = format!("note-order-{one}-{other}");
            edited(&chain, &name, "two lines are swapped", |text| swap(text, one, other))
        })
        .collect();
    cases.push(edited(&gap, "note-order-gap-cursor", "two lines are swapped", |text| {
        swap(text, "gap", "cursor")
    }));
    cases
}

fn shape() -> Vec<Vector> {
    let chain = small();
    let case = |name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        edited(&chain, &format!("note-{name}"), about, edit)
    };
    vec![
        case("other-version", "version 2", &|text| substitute(text, "seal/v1", "seal/v2")),
        case("trailing-space", "a space at the end of a line", &|text| {
            substitute(text, "seq 1\n", "seq 1 \n")
        }),
        case("leading-space", "a space at the start of a line", &|text| {
            substitute(text, "\nseq", "\n seq")
        }),
        case("two-spaces", "two spaces between values", &|text| {
            substitute(text, "seq 1", "seq  1")
        }),
        case("tab", "a tab instead of a space", &|text| substitute(text, "seq 1", "seq\t1")),
        case("crlf", "lines that end with CR LF", &|text| text.replace('\n', "\r\n")),
        case("nul", "a NUL byte", &|text| substitute(text, "seq 1", "seq 1\0")),
        case("keyword-upper-case", "a keyword in upper case", &|text| {
            substitute(text, "\nseq", "\nSeq")
        }),
        case("epoch", "a line of before the first release", &|text| {
            add_after(text, "origin", "epoch 0\n")
        }),
        case("unknown-line", "a keyword that the table doesn't have", &|text| {
            add_after(text, "next-by", "comment hello\n")
        }),
        case("unknown-line-at-the-end", "the same, as the last line", &|text| {
            format!("{text}comment hello\n")
        }),
        case("second-value", "a value too many", &|text| substitute(text, "seq 1", "seq 1 1")),
        case("empty-line", "an empty line inside the text", &|text| {
            substitute(text, "\nseq", "\n\nseq")
        }),
        case("byte-order-mark", "a byte order mark", &|text| format!("\u{feff}{text}")),
    ]
}

/// Which lines belong to which kind.
fn kinds() -> Vec<Vector> {
    let (batch, quiet) = (small(), four());
    let mut gap = small();
    gap.gap(&[Lost::bytes(LOG, 9)]);
    let mut reanchor = small();
    reanchor.reanchor("state-lost");
    let mut ended = small();
    ended.final_();
    let genesis = started(signer());
    let time = "2026-11-21T09:00:00.000000Z";
    let kind = |chain: &Chain, name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        edited(chain, &format!("kind-{name}"), about, edit)
    };
    let range = |text: &str| format!("range {}\n", value(text, "range"));
    let lost = "gap - - - deleted - - -\n";
    vec![
        kind(&batch, "genesis-later", "a genesis at seq 1", &|t| set(t, "kind", "genesis")),
        kind(&genesis, "first-not-genesis", "a heartbeat at seq 0", &|t| {
            set(t, "kind", "heartbeat")
        }),
        kind(&genesis, "genesis-with-prev", "a genesis with prev", &|t| set(t, "prev", HASH)),
        kind(&batch, "no-prev", "seq 1 without prev", &|t| set(t, "prev", "-")),
        kind(&quiet, "batch-without-range", "a batch without a range", &|t| {
            set(t, "kind", "batch")
        }),
        kind(&batch, "heartbeat-with-range", "a heartbeat with lines", &|t| {
            set(t, "kind", "heartbeat")
        }),
        kind(&batch, "batch-with-gap", "a batch that has a gap too", &|t| {
            add_after(t, "range", lost)
        }),
        kind(&gap, "gap-with-range", "a gap that has a range too", &|t| {
            let range = range(batch_text(&batch).as_str());
            substitute(t, "gap ", &format!("{range}gap "))
        }),
        kind(&gap, "gap-without-gap", "a gap without a gap line", &|t| remove(t, "gap")),
        kind(&quiet, "heartbeat-with-gap", "a heartbeat with a gap line", &|t| {
            add_after(t, "next-by", lost)
        }),
        kind(&quiet, "lines-without-range", "a heartbeat that counts lines", &|t| {
            set(t, "lines", "1")
        }),
        kind(&quiet, "times-without-lines", "a heartbeat with first and last", &|t| {
            set(&set(t, "first", time), "last", time)
        }),
        kind(&quiet, "untimed-without-lines", "untimed lines of none", &|t| set(t, "untimed", "1")),
        kind(&quiet, "malformed-without-lines", "malformed lines of none", &|t| {
            set(t, "malformed", "1")
        }),
        kind(&reanchor, "reanchor-without-reason", "no reason", &|t| remove(t, "reason")),
        kind(&ended, "final-with-promise", "a final with next-by", &|t| set(t, "next-by", time)),
    ]
}

fn batch_text(chain: &Chain) -> String {
    Parts::of(&chain.head().bytes).text().to_owned()
}

/// Gaps, cursors and stored lines. Ranges have a file of their own.
fn lists() -> Vec<Vector> {
    let rich = good::optional_fields();
    let mut gap = small();
    gap.gap(&[Lost::unknown(None)]);
    let known = |text: &str| value(text, "cursor").split(' ').next().unwrap_or_default().to_owned();
    let lost = |name: &str, about: &str, line: &dyn Fn(&str) -> String| {
        edited(&gap, &format!("gap-{name}"), about, |text| set(text, "gap", &line(&known(text))))
    };
    let pinned = |name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        edited(&rich, &format!("stored-{name}"), about, |text| {
            set(text, "stored", &edit(&value(text, "stored")))
        })
    };
    let cursor = |name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        edited(&rich, &format!("cursor-{name}"), about, |text| {
            set(text, "cursor", &edit(&value(text, "cursor")))
        })
    };
    vec![
        lost("known-file-no-start", "a known file without start", &|file| {
            format!("{file} - - deleted - - -")
        }),
        lost("end-without-start", "an end without start", &|_| "- - 9 deleted - - -".to_owned()),
        lost("end-before-start", "an end before the start", &|file| {
            format!("{file} 9 8 deleted - - -")
        }),
        lost("no-reason", "no reason", &|_| "- - -  - - -".to_owned()),
        lost("bad-time", "a time that is none", &|_| "- - - deleted now - -".to_owned()),
        lost("no-name-field", "a field too few", &|_| "- - - deleted - -".to_owned()),
        lost("bad-file", "a file that is none", &|_| "x - - deleted - - -".to_owned()),
        edited(&gap, "gap-too-many", "65 gap lines", |text| {
            set(text, "gap", &["- - - deleted - - -"; 65].join("\ngap "))
        }),
        cursor("leading-zero", "an offset with a leading zero", &|c| substitute(c, ":0 ", ":0 0")),
        cursor("no-name", "a field too few", &|c| substitute(c, " audit.log", "")),
        cursor("no-anchor", "no anchor", &|c| {
            format!("{} - audit.log", c[..c.len() - 75].trim_end())
        }),
        edited(&rich, "cursor-twice", "two cursors for one file", |text| repeat(text, "cursor")),
        pinned("store-upper-case", "the store's name in upper case", &|s| {
            substitute(s, "primary", "Primary")
        }),
        pinned("store-too-long", "a store's name of 65 characters", &|s| {
            substitute(s, "primary", &"p".repeat(65))
        }),
        pinned("alternate-short", "15 digits of an alternate", &|s| {
            substitute(s, "primary 0 -", "primary 0 0123456789abcde")
        }),
        pinned("alternate-upper-case", "an alternate in upper case", &|s| {
            substitute(s, "primary 0 -", "primary 0 0123456789ABCDEF")
        }),
        pinned("alternate-left-out", "a field too few", &|s| {
            substitute(s, "primary 0 -", "primary 0")
        }),
        pinned("not-earlier", "the object itself", &|s| substitute(s, "primary 0", "primary 1")),
        pinned("sha256-upper-case", "a hash in upper case", &str::to_uppercase),
        pinned("version-lower-case", "an escape in lower case", &|s| substitute(s, "%2F", "%2f")),
        pinned("version-escaped", "an escape that isn't needed", &|s| substitute(s, "L4", "%4C4")),
        pinned("version-too-long", "1,025 bytes", &|s| format!("{s}{}", "x".repeat(1025))),
        edited(&rich, "stored-too-many", "66 stored lines", |text| {
            let line = format!("stored b 0 - {HASH} -\n");
            format!("{text}{}", line.repeat(64))
        }),
    ]
}

/// The lines after the text: exactly one signature.
fn signature_lines() -> Vec<Vector> {
    let case = |name: &str, about: &str, verdict: &str, edit: &dyn Fn(&str) -> String| {
        let mut parts = small_parts();
        parts.note = edit(&parts.note);
        bad_object(&format!("signature-{name}"), about, verdict, parts.bytes())
    };
    let malformed = "MALFORMED";
    let last = |note: &str| note.lines().last().unwrap_or_default().to_owned() + "\n";
    let base64 = |note: &str| last(note).trim_end().rsplit(' ').next().unwrap_or("").to_owned();
    vec![
        case("two", "the signature line twice", malformed, &|n| format!("{n}{}", last(n))),
        case("cosigned", "a signature line of another key", malformed, &|n| {
            let line = last(&crate::resign("x\n", &mut super::stranger()));
            format!("{n}{line}")
        }),
        case("none", "no signature line", malformed, &|n| substitute(n, &last(n), "")),
        case("no-empty-line", "no empty line", malformed, &|n| substitute(n, "\n\n", "\n")),
        case("unended", "no newline at the end", malformed, &|n| n.trim_end().to_owned()),
        case("line-after", "an empty line at the end", malformed, &|n| format!("{n}\n")),
        case("hyphen", "a hyphen instead of the dash", malformed, &|n| substitute(n, "— ", "- ")),
        case("trailing-space", "a space at its end", malformed, &|n| {
            substitute(n, &last(n), &format!("{} \n", last(n).trim_end()))
        }),
        case("no-padding", "base64 without padding", malformed, &|n| {
            substitute(n, &base64(n), base64(n).trim_end_matches('='))
        }),
        case("short", "63 bytes of signature", malformed, &|n| {
            let text = base64(n);
            substitute(n, &text, &text[..text.len() - 4])
        }),
        case("no-text", "a note without text", malformed, &|n| format!("\n\n{}", last(n))),
        case("other-name", "the line names another key", "BAD_SIGNATURE", &|n| {
            substitute(n, "— c/n ", "— c/n/s ")
        }),
        case("other-id", "the line has another key id", "BAD_SIGNATURE", &|n| {
            let text = base64(n);
            let first = if text.starts_with('A') { "B" } else { "A" };
            substitute(n, &text, &format!("{first}{}", &text[1..]))
        }),
        case("flipped", "a bit of the signature", "BAD_SIGNATURE", &|n| {
            let text = base64(n);
            let at = text.len() / 2;
            let middle = if &text[at..=at] == "A" { "B" } else { "A" };
            substitute(n, &text, &format!("{}{middle}{}", &text[..at], &text[at + 1..]))
        }),
        case("not-of-this-text", "the signature of another text", "BAD_SIGNATURE", &|n| {
            substitute(n, "\nsealed 2026", "\nsealed 2025")
        }),
    ]
}
