//! The finder against an oracle that goes byte by byte, as FORMAT.md, "Times", says it.

use proptest::prelude::*;

use super::*;
use crate::scan;

const AT: &str = "2026-11-21T08:05:36.377966Z";

fn found(field: TimeField, line: &[u8], piece: usize) -> Option<Time> {
    let mut finder = TimeFinder::new(field);
    // What came before leaves no trace.
    finder.take(b"{\"a\":[\"\\");
    finder.end();
    line.chunks(piece.max(1)).for_each(|piece| finder.take(piece));
    finder.end()
}

/// Step by step what the page says, without a thought for speed. `None`: no certain time.
fn oracle(field: &[u8], line: &[u8]) -> Option<Time> {
    let mut rest = line.iter().copied().peekable();
    let white = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
    let mut times = Vec::new();
    if rest.next()? != b'{' {
        return None;
    }
    let mut members = 0;
    loop {
        while rest.next_if(|byte| white(*byte)).is_some() {}
        let first = rest.next()?;
        if first == b'}' && members == 0 {
            break;
        }
        members += 1;
        let key = if first == b'"' { string(&mut rest)? } else { return None };
        if key.contains(&b'\\') {
            return None;
        }
        while rest.next_if(|byte| white(*byte)).is_some() {}
        if rest.next()? != b':' {
            return None;
        }
        while rest.next_if(|byte| white(*byte)).is_some() {}
        let text = match rest.next()? {
            b'"' => Some(string(&mut rest)?),
            b'{' | b'[' => {
                brackets(&mut rest)?;
                None
            }
            byte if word(byte) => {
                while rest.next_if(|byte| word(*byte) && !white(*byte)).is_some() {}
                None
            }
            _ => return None,
        };
        if key == field {
            times.push(text);
        }
        while rest.next_if(|byte| white(*byte)).is_some() {}
        match rest.next()? {
            b',' => {
                // A key must follow, and no end.
                while rest.next_if(|byte| white(*byte)).is_some() {}
                if rest.peek() != Some(&b'"') {
                    return None;
                }
            }
            b'}' => break,
            _ => return None,
        }
    }
    match (rest.next(), times.as_slice()) {
        (None, [Some(text)]) => shape(text),
        _ => None,
    }
}

fn word(byte: u8) -> bool {
    !b"\"\\:,{}[]".contains(&byte)
}

/// A string's bytes, up to the `"` that ends it; that one is taken too.
fn string(rest: &mut impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        match rest.next()? {
            b'"' => return Some(text),
            b'\\' => text.extend([b'\\', rest.next()?]),
            byte => text.push(byte),
        }
    }
}

fn brackets(rest: &mut impl Iterator<Item = u8>) -> Option<()> {
    let mut depth = 1_u64;
    while depth > 0 {
        match rest.next()? {
            b'"' => drop(string(rest)?),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'\\' => return None,
            _ => {}
        }
    }
    Some(())
}

/// `YYYY-MM-DDThh:mm:ss`, up to nine digits of fraction, `Z`; the year's own rules are `Time`'s.
fn shape(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text.strip_suffix('Z')?, None),
    };
    if fraction.is_some_and(|digits| digits.is_empty() || digits.len() > 9) {
        return None;
    }
    let digits = fraction.unwrap_or_default();
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    let six: String = digits.chars().chain("000000".chars()).take(6).collect();
    if all { format!("{whole}.{six}Z").parse().ok() } else { None }
}

fn check(line: &[u8]) {
    for field in [TimeField::Audit, "json:t".parse().unwrap()] {
        let expected = oracle(field.name(), line);
        for piece in [1, 2, 3, 7, 31, 63, 64, 65, 100, line.len()] {
            let found = found(field, line, piece);
            assert_eq!(found, expected, "{piece} of {:?}", String::from_utf8_lossy(line));
        }
    }
    assert_eq!(found(TimeField::None, line, line.len()), None);
}

#[test]
fn each_rule_by_itself() {
    let at: Time = AT.parse().unwrap();
    let time = format!(r#""stageTimestamp":"{AT}""#);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = "x".repeat(3 << 20);
    for line in [
        format!("{{{time}}}"),
        format!("{{ {time}\t}}"),
        format!(r#"{{{}}}"#, time.replace(':', " :\r ").replace(" :\r 05 :\r ", ":05:")),
        format!(r#"{{"a":"\"}}{{",{time}}}"#),
        format!(r#"{{"a":"\\",{time}}}"#),
        format!(r#"{{"a":"\ud800",{time}}}"#),
        format!(r#"{{"a":{deep},{time}}}"#),
        format!(r#"{{"a":"{long}",{time}}}"#),
        format!(r#"{{{time},"a":{{"{long}":1}}}}"#),
        format!(r#"{{"a":[}},{time}}}"#),
        format!(r#"{{"a":{{"b" 1 2,,:}},{time}}}"#),
        format!(r#"{{"a":{{{time},"\u0061":"\""}},{time}}}"#),
        format!(r#"{{"a":-1.5e3,{time},"b":null}}"#),
        format!(r#"{{"a":"{{","a":"}}",{time}}}"#),
        format!("{{\"a\":\"\0\",{time},\"b\":\0}}"),
    ] {
        check(line.as_bytes());
        assert_eq!(found(TimeField::Audit, line.as_bytes(), 64), Some(at), "{line:.300}");
    }
    for line in [
        String::new(),
        "{}".to_owned(),
        "{".to_owned(),
        time.clone(),
        format!("[{time}]"),
        format!(" {{{time}}}"),
        format!("{{{time}}} "),
        format!("{{{time}}}\r"),
        format!("{{{time}}}}}"),
        format!("{{{time}"),
        format!("{{{time}]"),
        format!("{{{time},}}"),
        format!("{{,{time}}}"),
        format!("{{{time}{time}}}"),
        format!("{{{time},{time}}}"),
        format!(r#"{{{time},"stageTimestamp":null}}"#),
        format!(r#"{{"a":{{{time}}}}}"#),
        format!(r#"{{{time},"\u0061":1}}"#),
        format!(r#"{{"\"":1,{time}}}"#),
        format!(r#"{{"stage\u0054imestamp":"{AT}"}}"#),
        format!(r#"{{"StageTimestamp":"{AT}"}}"#),
        format!(r#"{{"stageTimestamp2":"{AT}"}}"#),
        format!(r#"{{"stageTimestam":"{AT}"}}"#),
        format!(r#"{{"stageTimestamp":"{AT} "}}"#),
        format!(r#"{{"stageTimestamp":["{AT}"]}}"#),
        r#"{"stageTimestamp":1795248336}"#.to_owned(),
        r#"{"stageTimestamp":}"#.to_owned(),
        r#"{"stageTimestamp":""}"#.to_owned(),
        format!(r#"{{"stageTimestamp" "{AT}"}}"#),
        format!(r#"{{"a" 1,{time}}}"#),
        format!(r#"{{"a":1 2,{time}}}"#),
        format!(r#"{{"a":1"b",{time}}}"#),
        format!(r#"{{"a":1[],{time}}}"#),
        format!(r#"{{"a":[]1,{time}}}"#),
        format!(r#"{{"a":\1,{time}}}"#),
        format!(r#"{{"a":[\],{time}}}"#),
        format!(r#"{{"a":"\",{time}}}"#),
        format!(r#"{{a:1,{time}}}"#),
        format!(r#"{{"a":{deep}],{time}}}"#),
        format!("{{\u{feff}{time}}}"),
    ] {
        check(line.as_bytes());
        assert_eq!(found(TimeField::Audit, line.as_bytes(), 64), None, "{line:.300}");
    }
}

#[test]
fn of_a_line_cut_anywhere_nothing_is_certain_but_of_the_whole() {
    let line = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","user":{{"groups":["a","b\\"]}},"stageTimestamp":"{AT}","annotations":{{"a":"\"x\""}}}}"#
    );
    for cut in 0..line.len() {
        let (head, tail) = line.as_bytes().split_at(cut);
        check(head);
        check(tail);
        assert_eq!(scan(head).time, None);
        assert_eq!(scan(tail).time.is_some(), cut == 0);
        // A torn line that another is glued to.
        let glued = [head, line.as_bytes()].concat();
        check(&glued);
        assert_eq!(scan(&glued).time.is_some(), cut == 0, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn anything_made_of_what_matters(
        parts in proptest::collection::vec(prop::sample::select(&[
            "{", "}", "[", "]", "\"", "\\", "\\\"", ",", ":", " ", "\t", "\r", "\0", "x", "1", "\"a\":",
            "\"t\":", "\"stageTimestamp\":", "\"2026-11-21T08:05:36.377966Z\"", "\"2026-11-21T08:05:36Z\"",
            "\"\\u0061\":", "{\"b\":1}", "[[\"}\"]]", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
        ][..]), 0..40),
        whole in any::<bool>(),
    ) {
        let inner = parts.concat();
        let line = if whole { format!("{{{inner}}}") } else { inner };
        check(line.as_bytes());
    }

    #[test]
    fn members_in_any_order_and_number(
        members in proptest::collection::vec(prop::sample::select(&[
            "\"t\":\"2026-11-21T08:05:36.377966Z\"",
            "\"stageTimestamp\" : \"2020-11-21T08:05:36.3Z\"",
            "\"a\":\"x\\\"\\\\\"", "\"b\":{\"c\":[{}],\"t\":\"2001-01-01T00:00:00Z\"}", "\"\":1",
            "\"d\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
            "\"e\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\"]",
        ][..]), 0..8),
        flip in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let line = format!("{{{}}}", members.join(", ")).into_bytes();
        check(&line);
        let mut flipped = line;
        let at = flip.index(flipped.len());
        flipped[at] = with;
        check(&flipped);
    }

    #[test]
    fn any_bytes(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&line);
    }
}
