//! Lines and questions that somebody made to hurt: time and memory stay bounded, and nothing is hidden.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::{Duration, Instant};

use auditseal_predicate::{Event, FieldValue, Predicate, Truth, Unreadable};

const FRONT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","verb":"patch","objectRef":{"resource":"pods"},"user":{"username":"u","groups":["a","b"]},"requestObject":"#;

fn line(body: &str) -> Vec<u8> {
    format!("{FRONT}{body}}}").into_bytes()
}

fn answer(cel: &str, body: &str) -> Truth {
    let line = line(body);
    Predicate::from_cel(cel).unwrap().eval(&Event::parse(&line).unwrap())
}

#[test]
fn deep_nesting_is_gone_through_without_a_stack() {
    let deep = |depth: usize| format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
    let line_of = line(&deep(8_000));
    let event = Event::parse(&line_of).unwrap();
    for (cel, answer) in [
        ("requestObject.exists(x, x.a.exists(y, y.a == 1))", Truth::False),
        ("patchKind == 'json' && size(requestObject) == 1", Truth::True),
        ("requestObject == 'x'", Truth::False),
    ] {
        assert_eq!(Predicate::from_cel(cel).unwrap().eval(&event), answer, "{cel}");
    }
    for depth in [50_000, 1_000_000] {
        assert_eq!(Event::parse(&line(&deep(depth))).unwrap_err(), Unreadable::TooDeep);
        assert_eq!(Event::parse("[".repeat(depth).as_bytes()).unwrap_err(), Unreadable::NotJson(0));
    }
}

/// Bytes of memory that this process has.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_body_of_100_mb_costs_a_pass_for_each_question_and_no_memory() {
    let elements = |count: usize| vec!["{\"name\":\"x\",\"list\":[1,2,3]}"; count].join(",");
    // A long text, and a hundred thousand small objects.
    for body in [
        format!("{{\"a\":\"{}\"}}", "x".repeat(100 << 20)),
        format!("{{\"a\":[{}]}}", elements(100_000)),
    ] {
        let line = line(&body);
        drop(body);
        let before = memory();
        let start = Instant::now();
        let event = Event::parse(&line).unwrap();
        for cel in [
            "requestObject.b == 'y'",
            "requestObject.a.startsWith('xxy')",
            "requestObject.a.exists(x, x.name == user.username && 'c' in user.groups)",
            "requestObject.a.exists(x, x.list.exists(y, y == x.name || requestObject.a.exists(z, z.name == 'q')))",
            "size(requestObject.a) == 7",
            "patchKind == 'strategic'",
        ] {
            assert_eq!(Predicate::from_cel(cel).unwrap().eval(&event), Truth::False, "{cel}");
        }
        // A pass is a fraction of a second where it is optimised; a product of lists would be hours.
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
        let grown = memory().saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes");
    }
}

#[test]
fn of_a_key_that_stands_twice_each_value_is_tried() {
    for (cel, body, expected) in [
        // Whichever counts, the answer is the same.
        ("requestObject.a == 'x'", r#"{"a":"x","a":"x"}"#, Truth::True),
        ("requestObject.a == 'x'", r#"{"a":"y","a":"z"}"#, Truth::False),
        // It hangs on which one counts: nobody knows, and it isn't "no".
        ("requestObject.a == 'x'", r#"{"a":"x","a":"z"}"#, Truth::Unknown),
        ("requestObject.a == 'x'", r#"{"a":"z","\u0061":"x"}"#, Truth::Unknown),
        ("requestObject.a != 'x'", r#"{"a":"z","a":"x"}"#, Truth::Unknown),
        ("requestObject.a.b == 'x'", r#"{"a":{"b":"x"},"a":{}}"#, Truth::Unknown),
        ("has(requestObject.a.b)", r#"{"a":{"b":"x"},"a":{"b":1}}"#, Truth::True),
        ("requestObject.a.exists(x, x == 1)", r#"{"a":[1],"a":[2]}"#, Truth::Unknown),
        ("requestObject.a == requestObject.b", r#"{"a":1,"b":1,"b":1}"#, Truth::Unknown),
        ("dryRun", r#"{"dryRun":["All"],"dryRun":[]}"#, Truth::False),
    ] {
        assert_eq!(answer(cel, body), expected, "{cel} of {body}");
    }
    for twice in [
        r#"{"verb":"get","verb":"delete"}"#,
        r#"{"objectRef":{"name":"a","name":"b"}}"#,
        r#"{"annotations":{"a":"1","a":"2"}}"#,
    ] {
        assert_eq!(Event::parse(twice.as_bytes()).unwrap_err(), Unreadable::Twice, "{twice}");
    }
    let line = line(r#"{"a":1,"a":2}"#);
    let event = Event::parse(&line).unwrap();
    assert_eq!(event.field(&"requestObject.a".parse().unwrap()), FieldValue::Unknown);
}

#[test]
fn numbers_are_compared_as_they_are_written() {
    for (cel, body, expected) in [
        ("requestObject.n == 9007199254740993", r#"{"n":9007199254740993}"#, Truth::True),
        ("requestObject.n == 9007199254740992", r#"{"n":9007199254740993}"#, Truth::False),
        ("requestObject.n > 18446744073709551615", r#"{"n":1e400}"#, Truth::True),
        ("requestObject.n < 0", r#"{"n":-1e-400}"#, Truth::True),
        ("requestObject.n == 403", r#"{"n":4.030e+2}"#, Truth::True),
        ("requestObject.n == 0x193", r#"{"n":403}"#, Truth::True),
        ("requestObject.n == 403", r#"{"n":"403"}"#, Truth::False),
        ("requestObject.n == '403'", r#"{"n":403}"#, Truth::False),
        ("requestObject.n == 0", r#"{"n":-0.0e-9}"#, Truth::True),
    ] {
        assert_eq!(answer(cel, body), expected, "{cel} of {body}");
    }
    let long = format!("{{\"n\":{},\"l\":[1,2]}}", "9".repeat(1 << 20));
    assert_eq!(answer("requestObject.n > 1", &long), Truth::True);
    // Held against each element, such a number would cost its length each time.
    assert_eq!(answer("requestObject.l.exists(x, x == requestObject.n)", &long), Truth::Unknown);
}

#[test]
fn text_that_is_none_is_read_as_the_apiserver_reads_it() {
    let mut line = FRONT.as_bytes().to_vec();
    line.extend(b"{\"a\":\"x\xff\",\"b\":\"\\ud800\"}}");
    let event = Event::parse(&line).unwrap();
    for (cel, expected) in [
        ("requestObject.a == 'x\\ufffd'", Truth::True),
        ("requestObject.b == '\\ufffd'", Truth::True),
        ("requestObject.a.startsWith('x')", Truth::True),
        ("requestObject.a == 'x'", Truth::False),
    ] {
        assert_eq!(Predicate::from_cel(cel).unwrap().eval(&event), expected, "{cel}");
    }
}

#[test]
fn a_long_text_is_held_against_each_element_without_being_copied() {
    // Escaped, so that it must be decoded.
    let body = format!(
        "{{\"t\":\"{}\\n\",\"l\":[{}]}}",
        "x".repeat(4 << 20),
        vec!["\"xy\""; 50_000].join(",")
    );
    let start = Instant::now();
    for cel in [
        "requestObject.l.exists(x, x == requestObject.t)",
        "requestObject.l.exists(x, x.contains(requestObject.t))",
        "requestObject.l.exists(x, x < requestObject.t)",
    ] {
        assert_eq!(answer(cel, &body), Truth::False, "{cel}");
    }
    // A copy for each element would be 600 GB.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn questions_at_their_bounds_are_answered() {
    let wide = vec!["requestObject.a.exists(x, x.b == 'c')"; 350].join(" || ");
    let mut nested = "x63 == 'q'".to_owned();
    for depth in (0..20).rev() {
        let range = if depth == 0 { "requestObject".to_owned() } else { format!("x{}", depth - 1) };
        nested =
            format!("{range}.exists(x{depth}, {})", nested.replace("x63", &format!("x{depth}")));
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let start = Instant::now();
    assert_eq!(answer(&wide, r#"{"a":[{"b":"d"}]}"#), Truth::False);
    assert_eq!(answer(&nested, &deep), Truth::False);
    assert_eq!(
        answer(
            "requestObject.a.matches('(a*)*(b*)*(a|b)*c$')",
            &format!("{{\"a\":\"{}\"}}", "ab".repeat(100_000))
        ),
        Truth::False
    );
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
