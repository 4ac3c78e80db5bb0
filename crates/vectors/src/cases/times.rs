//! When lines happened, line by line, and notes that say it wrongly.
//!
//! All lines of a good case have the same certain time, or none has one: so one line that a reader takes
//! otherwise is a finding.

use super::{LOG, ORIGIN, signer, started, with_lines};
use crate::{Chain, Piece, Vector};

/// The time of lines that have one, in the spelling of notes and in that of its lines.
const AT: &str = "2026-11-21T08:05:36.300000Z";
const FIELD: &str = r#""stageTimestamp":"2026-11-21T08:05:36.3Z""#;

pub(super) fn cases() -> Vec<Vector> {
    [form(), others(), punctuation(), keys(), values(), fields(), sizes(), looser(), wrong()]
        .concat()
}

/// A batch of these lines, whose note says this of their times.
fn said(lines: &[String], how: &str, untimed: usize, first: &str, last: &str) -> Chain {
    let source: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut chain = with_lines(source.as_bytes());
    chain.rewrite(|text| {
        let (before, rest) = text.split_once("\ntimes ").expect("a line 'times'");
        let (_, after) = rest.split_once("\nindex ").expect("a line 'index'");
        let times = format!("times {how}\nuntimed {untimed}\nfirst {first}\nlast {last}");
        format!("{before}\n{times}\nindex {after}")
    });
    chain
}

/// Lines that all happened at [`AT`].
fn certain(name: &str, about: &str, lines: &[String]) -> Vector {
    let chain = said(lines, "audit", 0, AT, AT);
    Vector::good(&format!("times-{name}"), about, &chain)
}

/// Lines of which nobody knows when they happened.
fn uncertain(name: &str, about: &str, lines: &[String]) -> Vector {
    let chain = said(lines, "audit", lines.len(), "-", "-");
    Vector::good(&format!("times-{name}"), about, &chain)
}

/// Each of these with the field in place of `@`.
fn each<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.iter().map(|line| line.replace('@', FIELD)).collect()
}

fn form() -> Vec<Vector> {
    vec![
        certain(
            "form",
            "members of all sorts, in any order, and white space",
            &each([
                "{@}",
                "{ @\t}",
                "{@ , \"a\"\t:\r1 }",
                r#"{"a":"","b":[],"c":{},@,"d":null}"#,
                r#"{"a":-1.5e+3,"b":true,@}"#,
                r#"{"":0,@,"":0}"#,
            ]),
        ),
        certain(
            "strings",
            "what looks like structure inside strings",
            &each([
                r#"{"a":"{",@}"#,
                r#"{"a":"\"},{\"",@}"#,
                r#"{"a":"\\",@,"b":"\\\\\""}"#,
                r#"{"a":["]","\"]"],@}"#,
                r#"{"a":"\"stageTimestamp\":\"2001-01-01T00:00:00Z\"",@}"#,
            ]),
        ),
        certain(
            "deeper",
            "what stands deeper than the top level isn't judged",
            &each([
                r#"{"a":{"stageTimestamp":"2001-01-01T00:00:00Z","stageTimestamp":1},@}"#,
                r#"{"a":[{@}],@}"#,
                r#"{"a":{"\u0061":1},@}"#,
                r#"{"a":[},@}"#,
                r#"{"a":{"b" 1 2,,::},@}"#,
            ]),
        ),
        certain(
            "words",
            "a word is any bytes but those of the structure",
            &each(["{\"a\":nulL,@}", "{\"a\":'x',@}", "{\"a\":1\u{a0}2,@}"]),
        ),
    ]
}

/// What isn't of the form.
fn others() -> Vec<Vector> {
    vec![
        uncertain(
            "not-an-object",
            "something stands before or behind the object",
            &each([
                "",
                "{}",
                "{",
                "}",
                "@",
                "[@]",
                " {@}",
                "{@} ",
                "{@}\r",
                "{@}}",
                "{@}{@}",
                "{{@}}",
                "\u{feff}{@}",
            ]),
        ),
        uncertain(
            "torn",
            "lines that are cut, or glued to a torn one",
            &each([
                "{@",
                r#"{"a":1,@"#,
                r#"{"a":"{@}"#,
                r#"{"a":{"b":{@}"#,
                r#"{"a":{"b":"x{"c":"d",@}"#,
                r#"{"kind":"Event","level":"Met{"kind":"Event",@}"#,
                r#""d",@}"#,
            ]),
        ),
    ]
}

fn punctuation() -> Vec<Vector> {
    vec![
        uncertain(
            "members",
            "colons, commas and brackets that are out of place",
            &each([
                "{@,}",
                "{,@}",
                "{@,,\"a\":1}",
                "{@@}",
                "{\"a\" 1,@}",
                "{\"a\"::1,@}",
                "{\"a\":,@}",
                "{\"a\":1:2,@}",
                "{\"a\":1 2,@}",
                "{\"a\":\"1\"2,@}",
                "{\"a\":1\"2\",@}",
                "{\"a\":[]1,@}",
                "{\"a\":1[],@}",
                "{a:1,@}",
                "{1:1,@}",
                "{\"a\":[]],@}",
                "{@]",
                "{\"a\":},@}",
                "{\"a\",@}",
            ]),
        ),
        uncertain(
            "backslash-outside",
            "a backslash outside strings, at any depth",
            &each([
                r#"{"a":\1,@}"#,
                r#"{"a":[\],@}"#,
                r#"{\"a":1,@}"#,
                r#"{@\}"#,
                r#"{"a":[[["",\]]],@}"#,
            ]),
        ),
    ]
}

fn keys() -> Vec<Vector> {
    vec![
        uncertain(
            "key-absent",
            "the key is absent, or not quite it",
            &each([
                r#"{"a":1}"#,
                r#"{"StageTimestamp":"2026-11-21T08:05:36.3Z"}"#,
                r#"{"stageTimestamp ":"2026-11-21T08:05:36.3Z"}"#,
                r#"{"stageTimestam":"2026-11-21T08:05:36.3Z"}"#,
                r#"{"stageTimestamps":"2026-11-21T08:05:36.3Z"}"#,
                r#"{"a":{@}}"#,
                r#"{"a":[@]}"#,
                r#"{"a":"stageTimestamp","2026-11-21T08:05:36.3Z":1}"#,
            ]),
        ),
        uncertain(
            "key-twice",
            "the key stands there twice",
            &each(["{@,@}", r#"{@,"stageTimestamp":null}"#, r#"{"stageTimestamp":[],"a":{},@}"#]),
        ),
        uncertain(
            "key-escaped",
            "a key at the top level has an escape in it",
            &each([
                r#"{"stage\u0054imestamp":"2026-11-21T08:05:36.3Z"}"#,
                r#"{@,"stage\u0054imestamp":"2001-01-01T00:00:00Z"}"#,
                r#"{@,"\\":1}"#,
                r#"{"a\"":1,@}"#,
            ]),
        ),
    ]
}

fn values() -> Vec<Vector> {
    let of = |values: &[&str]| -> Vec<String> {
        values.iter().map(|value| format!(r#"{{"stageTimestamp":{value},"a":1}}"#)).collect()
    };
    let at = |rest: &str| format!("\"2026-11-21T08:05:36{rest}\"");
    let good: Vec<String> = [".3Z", ".30Z", ".300000Z", ".300000999Z", ".3000000Z"].map(at).into();
    let bad: Vec<String> = [
        "",
        ".3",
        ".Z",
        ".3000000000Z",
        ",3Z",
        ".3z",
        ".3Z ",
        ".3ZZ",
        ".3+00:00",
        "-08:00",
        ".-3Z",
        ".3x0Z",
        "\\u002e3Z",
    ]
    .map(at)
    .into();
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let mut bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    bad.extend([
        "\"\"",
        "null",
        "1795248336",
        "{}",
        "[\"2026-11-21T08:05:36Z\"]",
        "\" 2026-11-21T08:05:36Z\"",
        "\"2026-11-21t08:05:36Z\"",
        "\"2026-11-21 08:05:36Z\"",
        "\"2026-11-21T08:05Z\"",
        "\"20261121T080536Z\"",
        "\"2026-11-31T08:05:36Z\"",
        "\"2026-02-29T08:05:36Z\"",
        "\"1969-12-31T23:59:59Z\"",
        "\"2026-13-01T08:05:36Z\"",
        "\"2026-11-21T24:00:00Z\"",
        "\"2026-11-21T08:60:36Z\"",
        "\"2026-12-31T23:59:60Z\"",
        "\"02026-11-21T08:05:36Z\"",
        "\"+026-11-21T08:05:36Z\"",
    ]);
    let leap = of(&["\"2024-02-29T00:00:00Z\""]);
    let (least, most) =
        (of(&["\"1970-01-01T00:00:00Z\""]), of(&["\"9999-12-31T23:59:59.999999999Z\""]));
    let single = |name: &str, about: &str, lines: &[String], at: &str| {
        Vector::good(&format!("times-{name}"), about, &said(lines, "audit", 0, at, at))
    };
    vec![
        certain("value", "fractions, of which six digits count", &of(&good)),
        uncertain("value-other", "values that are no time, or no string", &of(&bad)),
        single("value-leap-day", "29 February", &leap, "2024-02-29T00:00:00.000000Z"),
        single("value-least", "the least time", &least, "1970-01-01T00:00:00.000000Z"),
        single("value-greatest", "the greatest time", &most, "9999-12-31T23:59:59.999999Z"),
    ]
}

fn fields() -> Vec<Vector> {
    let lines = [
        r#"{"@timestamp":"2026-11-21T08:05:36.3Z"}"#,
        r#"{"stageTimestamp":1,"stageTimestamp":2,"@timestamp":"2026-11-21T08:05:36.3Z"}"#,
    ];
    let lines = lines.map(str::to_owned);
    let longest = "x".repeat(64);
    let long = vec![
        format!(r#"{{"{longest}":"2026-11-21T08:05:36.3Z"}}"#),
        format!(r#"{{"{longest}x":1,"{longest}":"2026-11-21T08:05:36.3Z","{}":1}}"#, &longest[1..]),
    ];
    let audit = each(["{@}", r#"{"time":1,@}"#]);
    vec![
        Vector::good(
            "times-json",
            "the time at another key",
            &said(&lines, "json:@timestamp", 0, AT, AT),
        ),
        Vector::good(
            "times-json-longest",
            "a key of 64 bytes",
            &said(&long, &format!("json:{longest}"), 0, AT, AT),
        ),
        Vector::good(
            "times-json-not-there",
            "audit events, and another key is looked for",
            &said(&audit, "json:time", 2, "-", "-"),
        ),
        Vector::good("times-none", "audit events, and no key", &said(&audit, "none", 2, "-", "-")),
    ]
}

fn sizes() -> Vec<Vector> {
    let deep = format!("{}{}", "[{\"a\":".repeat(5_000), "}]".repeat(5_000));
    let long = "x".repeat(1_200_000);
    let mut torn = started(signer());
    torn.batch(&[Piece::new(LOG, format!("{{{FIELD}}}\n{{{FIELD},\"a\":1"))]);
    torn.batch(&[Piece::new(LOG, format!("}}\n{{{FIELD}}}\n"))]);
    vec![
        certain(
            "long",
            "a line of more than a megabyte, with the key at its end",
            &[format!(r#"{{"a":"{long}",{FIELD}}}"#)],
        ),
        certain("deep", "ten thousand brackets", &[format!(r#"{{"a":{deep},{FIELD}}}"#)]),
        uncertain(
            "deep-torn",
            "… and the last is missing",
            &[format!(r#"{{"a":{},{FIELD}}}"#, &deep[..deep.len() - 1])],
        ),
        certain(
            "many-backslashes",
            "long runs of them",
            &[format!(
                r#"{{"a":"{}","b":"{}\"",{FIELD}}}"#,
                "\\\\".repeat(500),
                "\\\\".repeat(501)
            )],
        ),
        Vector::good("times-of-a-line-in-two", "a range ends inside a line: two lines", &torn),
    ]
}

/// A note may say less than is so.
fn looser() -> Vec<Vector> {
    let lines = each(["{@}", "{@}", "klog"]);
    let good = |name: &str, about: &str, chain: &Chain| Vector::good(name, about, chain);
    let early = "1970-01-01T00:00:00.000000Z";
    let late = "9999-12-31T23:59:59.999999Z";
    vec![
        good(
            "times-wider",
            "first and last are further apart",
            &said(&lines, "audit", 1, early, late),
        ),
        good("times-more-untimed", "more lines are untimed", &said(&lines, "audit", 2, AT, AT)),
    ]
}

fn wrong() -> Vec<Vector> {
    let lines = each(["{@}", r#"{"stageTimestamp":"2026-11-21T08:05:37Z"}"#, "klog"]);
    let (first, last) = (AT, "2026-11-21T08:05:37.000000Z");
    let case = |name: &str, about: &str, how: &str, untimed: usize, first: &str, last: &str| {
        let chain = said(&lines, how, untimed, first, last);
        let vector = Vector::new(&format!("times-wrong-{name}"), about, &chain);
        vector.finding(&format!("WRONG_TIMES {ORIGIN} 1"))
    };
    vec![
        case(
            "first",
            "a line happened a microsecond before first",
            "audit",
            1,
            "2026-11-21T08:05:36.300001Z",
            last,
        ),
        case(
            "last",
            "a line happened a microsecond behind last",
            "audit",
            1,
            first,
            "2026-11-21T08:05:36.999999Z",
        ),
        case("untimed", "a line has no certain time, and none is said", "audit", 0, first, last),
        case("none-timed", "all lines are said to be untimed", "audit", 3, "-", "-"),
        case("field", "times of another key", "json:time", 1, first, last),
    ]
}
