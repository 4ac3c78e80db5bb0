use super::*;
use proptest::prelude::*;

/// Whether the line is JSON, and an object, by another parser.
fn is_object(line: &str) -> bool {
    let inner = line.trim_matches([' ', '\t', '\r']);
    inner.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

/// Reads lines in pieces of a size; `None` for each that isn't read.
fn read(text: &[u8], size: usize) -> Vec<Option<String>> {
    let (mut scanner, mut lines) = (Scanner::new(), Vec::new());
    for mut piece in text.chunks(size) {
        while !piece.is_empty() {
            let (taken, ended) = scanner.take(piece);
            piece = &piece[taken..];
            if ended {
                lines.push(scanner.end().map(|facts| summary(&facts)));
            }
        }
    }
    if scanner.is_open() {
        lines.push(scanner.end().map(|facts| summary(&facts)));
    }
    lines
}

fn summary(facts: &Facts<'_>) -> String {
    let list = |items: Vec<&str>| items.join(",");
    format!(
        "{} {} [{}] {:?} {:?} [{}] {:?}",
        facts.audit_id(),
        facts.verb(),
        list(facts.users().collect()),
        facts.resource(),
        facts.object(),
        list(facts.addresses().collect()),
        facts.code
    )
}

fn one(line: &str) -> Option<String> {
    let mut lines = read(line.as_bytes(), 4096);
    assert_eq!(lines.len(), 1, "{line}");
    lines.pop().flatten()
}

const EVENT: &str = r#"{"kind":"Event","auditID":"a-1","requestURI":"/x\u0026y","verb":"patch","user":{"username":"CORP\\eve","groups":["g"],"extra":{"username":["no"]}},"impersonatedUser":{"username":"bob"},"sourceIPs":["10.0.0.1","::1"],"objectRef":{"resource":"pods","namespace":"n","name":"p\u00e9","apiGroup":"g.io","apiVersion":"v1","subresource":"exec"},"responseStatus":{"metadata":{"code":1},"code":403},"requestObject":{"verb":"no","user":{"username":"no"},"a":[1e999,-0.5E+3,true,false,null,{}],"b":"\ud800"}}"#;

#[test]
fn the_fields_of_an_event_are_read() {
    let expected = "a-1 patch [CORP\\eve,bob] [\"pods\", \"g.io\", \"exec\"] [\"n\", \"pé\"] [10.0.0.1,::1] Some(403)";
    assert_eq!(one(EVENT).as_deref(), Some(expected));
    let spaced = EVENT.replace(':', " : ").replace(',', "\t,\r ");
    let spaced = spaced.replace("\" : \" : 1", "::1");
    assert!(one(&format!(" {spaced} ")).is_some());
    assert_eq!(one("{}").as_deref(), Some("  [] [\"\", \"\", \"\"] [\"\", \"\"] [] None"));
    let lists = one(r#"{"x":["a","b"],"sourceIPs":["c","d"],"y":["e",["f"],1,null]}"#);
    assert_eq!(lists.as_deref(), Some("  [] [\"\", \"\", \"\"] [\"\", \"\"] [c,d] None"));
}

#[test]
fn pieces_give_the_same_as_the_whole() {
    let text = format!("{EVENT}\nx\n\n{{\"a\":1.5\n{{\"a\":tru\n{{\"verb\":\"x\n{EVENT}\n{{}}");
    let whole = read(text.as_bytes(), text.len());
    assert_eq!(
        whole.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, false, false, false, false, true, true]
    );
    for size in 1..200 {
        assert_eq!(read(text.as_bytes(), size), whole, "pieces of {size}");
    }
}

#[test]
fn null_is_as_good_as_absent() {
    let line = r#"{"auditID":null,"verb":null,"user":null,"impersonatedUser":null,"sourceIPs":null,"objectRef":{"name":null},"responseStatus":{"code":null}}"#;
    assert_eq!(one(line), one("{}"));
    assert_eq!(one(r#"{"user":{"username":null}}"#), one("{}"));
}

#[test]
fn what_could_be_read_in_two_ways_is_not_read() {
    for line in [
        // Keys twice, and spelled in another way.
        r#"{"verb":"get","verb":"get"}"#,
        r#"{"verb":null,"verb":"get"}"#,
        r#"{"user":{},"user":{}}"#,
        r#"{"user":{"username":"a","username":"b"}}"#,
        r#"{"objectRef":{"name":"a","name":"b"}}"#,
        r#"{"v\u0065rb":"get"}"#,
        r#"{"x\"":1}"#,
        r#"{"user":{"user\u006eame":"a"}}"#,
        // Other types.
        r#"{"verb":1}"#,
        r#"{"verb":true}"#,
        r#"{"verb":["get"]}"#,
        r#"{"verb":{}}"#,
        r#"{"user":"a"}"#,
        r#"{"user":["a"]}"#,
        r#"{"user":{"username":["a"]}}"#,
        r#"{"sourceIPs":"10.0.0.1"}"#,
        r#"{"sourceIPs":{}}"#,
        r#"{"sourceIPs":[null]}"#,
        r#"{"sourceIPs":["a",null]}"#,
        r#"{"sourceIPs":["a",1]}"#,
        r#"{"sourceIPs":[["a"]]}"#,
        r#"{"sourceIPs":[{}]}"#,
        r#"{"responseStatus":{"code":"403"}}"#,
        r#"{"responseStatus":{"code":4e2}}"#,
        r#"{"responseStatus":{"code":403.0}}"#,
        r#"{"responseStatus":{"code":-1}}"#,
        r#"{"responseStatus":{"code":4030000000}}"#,
        // No text.
        r#"{"verb":"\ud800"}"#,
        r#"{"sourceIPs":["\udc00"]}"#,
        // More than an object.
        "{}]",
        "{}}",
        "{},",
        "{},{}",
        "{},\"a\"",
        "{}{}",
        "{}\"\"",
        "{}:",
        "{}1",
        // No object.
        "[]",
        "\"a\"",
        "1",
        "null",
        "",
        "\u{feff}{}",
    ] {
        assert_eq!(one(&format!("{line}\n")), None, "{line}");
    }
    assert_eq!(read(b"{\"verb\":\"\xff\"}", 99), [None]);
    // What isn't read may be anything.
    assert!(read(b"{\"x\":\"\xff\",\"x\":\"\\ud800\"}", 99)[0].is_some());
    assert!(one(r#"{"x":{"a":1,"a\u0020":2,"a":[{"verb":1}]},"verb ":1}"#).is_some());
    assert!(one(r#"{"user":{"extra":{"username":1,"\u0061":2}}}"#).is_some());
}

#[test]
fn values_as_long_as_are_read_and_longer_ones() {
    use super::super::facts::{MAX_ADDRESSES, MAX_RAW};
    let with = |length| format!("{{\"verb\":\"{}\"}}", "x".repeat(length));
    assert!(one(&with(MAX_RAW)).is_some());
    assert!(one(&with(MAX_RAW + 1)).is_none());
    let escaped = |length| format!("{{\"verb\":\"{}\"}}", r"\n".repeat(length));
    assert!(one(&escaped(MAX_RAW / 2)).is_some());
    assert!(one(&escaped(MAX_RAW / 2 + 1)).is_none());
    let from = |count| format!("{{\"sourceIPs\":[{}]}}", vec!["\"a\""; count].join(","));
    assert!(one(&from(MAX_ADDRESSES)).is_some());
    assert!(one(&from(MAX_ADDRESSES + 1)).is_none());
    let digits = |count| format!("{{\"responseStatus\":{{\"code\":{}}}}}", "4".repeat(count));
    assert!(one(&digits(9)).is_some());
    assert!(one(&digits(10)).is_none());
    assert!(one(&digits(1 << 20)).is_none());
}

#[test]
fn lines_of_any_length_and_depth_take_no_more_memory() {
    let nested = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(one(&nested(MAX_DEPTH)).is_some());
    assert!(one(&nested(MAX_DEPTH + 1)).is_none());
    assert!(one(&nested(1 << 20)).is_none());
    let mixed = format!("{{\"a\":{}1{}}}", "[{\"\":".repeat(5000), "}]".repeat(5000));
    assert!(one(&mixed).is_some());
    assert!(one(&mixed.replace("1}]", "1]}")).is_none());

    let (mut scanner, huge) = (Scanner::new(), vec![b'x'; 1 << 20]);
    scanner.take(b"{\"requestObject\":{\"a\":\"");
    for _ in 0..100 {
        assert_eq!(scanner.take(&huge), (huge.len(), false));
    }
    scanner.take(b"\",\"b\":[");
    for _ in 0..200_000 {
        scanner.take(br#"{"verb":"no","user":{}},"#);
    }
    let (_, ended) = scanner.take(b"1]},\"verb\":\"get\"}\n");
    assert!(ended && scanner.end().is_some_and(|facts| facts.verb() == "get"));
    scanner.take(b"{\"");
    for _ in 0..100 {
        scanner.take(&huge);
    }
    assert!(scanner.take(b"\":1}\n").1 && scanner.end().is_some());
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "[-+0-9.eE]{1,5}",
        prop::sample::select(vec!["true", "false", "null", "nul", "truee", "NaN", ""])
            .prop_map(str::to_owned),
        "\"([a-c é]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}|\\\\u[0-9a-g]{3}|\\\\x|\t){0,4}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let space = || "[ \t\r]{0,1}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space(), "[\\[\\]{},]{0,1}").prop_map(
                |(items, space, odd)| format!("[{space}{}{odd}{space}]", items.join(","))
            ),
            (prop::collection::vec(("[a-b]{0,2}", inner), 0..4), space(), "[:,]{0,1}").prop_map(
                |(items, space, odd)| {
                    let items: Vec<_> = items
                        .iter()
                        .map(|(key, value)| format!("\"{key}\"{space}:{value}"))
                        .collect();
                    format!("{{{}{odd}{space}}}", items.join(","))
                }
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Two parsers, one grammar.
    #[test]
    fn what_is_json_is_read_and_nothing_else(
        value in value(), wrapped: bool, behind in "[\\]}, \":1]{0,1}", size in 1..40_usize,
    ) {
        let line = if wrapped { format!("{{\"x\":{value}}}") } else { value } + &behind;
        let read = read(line.as_bytes(), size);
        prop_assert_eq!(read.len(), usize::from(!line.is_empty()));
        prop_assert!(read.iter().all(|read| read.is_some() == is_object(&line)), "{}", line);
    }

    /// One byte of an event changed: it's read by both parsers or by neither, and never splits.
    #[test]
    fn an_altered_event_is_json_or_not_read(at in 0..EVENT.len(), to in prop_oneof![
        prop::sample::select(&b"\"\\{}[]:, 0e-\t\x0b"[..]), any::<u8>()
    ]) {
        let mut line = EVENT.as_bytes().to_vec();
        line[at] = to;
        prop_assume!(to != b'\n');
        let read = read(&line, 64);
        prop_assert_eq!(read.len(), 1);
        if read[0].is_some() {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok());
        }
    }
}
