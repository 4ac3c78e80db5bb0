//! What is shown of a hit: made where it is found, so that of all that was read only this is kept.

use std::borrow::Cow;
use std::str::FromStr;

use auditseal_chain::escape;
use auditseal_predicate::{Event, FieldPath, FieldValue};
use serde_json::{Value, json};

use crate::hit::Citation;

/// How hits are shown.
#[derive(Debug, Clone)]
pub enum Show {
    /// Cells for people, with tabs between ([`Columns`](crate::Columns) puts them below each other). Nothing that
    /// acts on a terminal gets there.
    Table,
    /// The lines, byte for byte.
    Lines,
    /// An object for each, with its citation.
    Json,
    /// Nothing of them: they are counted.
    Count,
    /// One field's value, by which they are counted.
    Field(FieldPath),
}

/// Most characters of a value in a column.
const WIDEST: usize = 120;

/// What a hit is shown as: an event, or a line that isn't one that can be read.
pub(crate) fn shown(
    show: &Show,
    at: Citation<'_>,
    line: &[u8],
    event: Option<&Event<'_>>,
    known: bool,
) -> Vec<u8> {
    match show {
        Show::Count => Vec::new(),
        Show::Lines => {
            let mut whole = line.to_vec();
            whole.push(b'\n');
            whole
        }
        Show::Json => json_of(at, line, event, known),
        Show::Table => row(at, event).into_bytes(),
        Show::Field(path) => match event.map(|event| event.field(path)) {
            None => b"(unreadable)".to_vec(),
            Some(value) => text_of(&value)
                .map_or_else(|| b"(none)".to_vec(), |text| text.into_owned().into_bytes()),
        },
    }
}

fn json_of(at: Citation<'_>, line: &[u8], event: Option<&Event<'_>>, known: bool) -> Vec<u8> {
    let time = event.and_then(Event::time).map(|time| time.to_string());
    let cited = json!({
        "origin": at.origin.to_string(),
        "seq": at.seq,
        "line": at.line,
        "seal": at.seal.to_string(),
        "key": at.key,
        "time": time,
        "answer": if known { "yes" } else { "unknown" },
    });
    let mut out = cited.to_string().into_bytes();
    // The closing bracket comes behind the event, which stands there as it was sealed.
    out.pop();
    match (event, std::str::from_utf8(line)) {
        (Some(_), Ok(text)) => {
            out.extend_from_slice(b",\"event\":");
            out.extend_from_slice(text.trim().as_bytes());
        }
        _ => {
            let text = Value::from(String::from_utf8_lossy(line).into_owned());
            out.extend_from_slice(format!(",\"event\":null,\"text\":{text}").as_bytes());
        }
    }
    out.extend_from_slice(b"}\n");
    out
}

/// A field's value as text; `None` where there is none.
fn text_of<'a>(value: &FieldValue<'a>) -> Option<Cow<'a, str>> {
    match value {
        FieldValue::Text(text) => Some(text.clone()),
        FieldValue::Number(number) => Some(Cow::Borrowed(number)),
        FieldValue::Bool(value) => Some(Cow::Owned(value.to_string())),
        FieldValue::Json(json) => Some(String::from_utf8_lossy(json)),
        FieldValue::Texts(texts) => Some(Cow::Owned(texts.join(", "))),
        FieldValue::Absent => None,
        FieldValue::Unknown => Some(Cow::Borrowed("(unknown)")),
    }
}

/// The fields of a row, read once.
struct Paths {
    user: FieldPath,
    acting: FieldPath,
    verb: FieldPath,
    code: FieldPath,
    from: FieldPath,
    uri: FieldPath,
    resource: FieldPath,
    group: FieldPath,
    namespace: FieldPath,
    name: FieldPath,
    subresource: FieldPath,
}

fn paths() -> Option<&'static Paths> {
    static PATHS: std::sync::OnceLock<Option<Paths>> = std::sync::OnceLock::new();
    let path = |text| FieldPath::from_str(text).ok();
    let all = || {
        Some(Paths {
            user: path("user.username")?,
            acting: path("impersonatedUser.username")?,
            verb: path("verb")?,
            code: path("responseStatus.code")?,
            from: path("sourceIPs")?,
            uri: path("requestURI")?,
            resource: path("objectRef.resource")?,
            group: path("objectRef.apiGroup")?,
            namespace: path("objectRef.namespace")?,
            name: path("objectRef.name")?,
            subresource: path("objectRef.subresource")?,
        })
    };
    PATHS.get_or_init(all).as_ref()
}

fn row(at: Citation<'_>, event: Option<&Event<'_>>) -> String {
    let (Some(event), Some(paths)) = (event, paths()) else {
        return format!("(not an event)\t{at}\n");
    };
    let time = event.time().map_or_else(|| "-".to_owned(), |time| milliseconds(&time.to_string()));
    let of = |path: &FieldPath| match event.field(path) {
        FieldValue::Absent | FieldValue::Unknown => None,
        value => text_of(&value).map(|text| fit(&text)).filter(|text| !text.is_empty()),
    };
    let or_dash = |path: &FieldPath| of(path).unwrap_or_else(|| "-".to_owned());
    let part = |path: &FieldPath| match event.field(path) {
        FieldValue::Absent | FieldValue::Unknown => None,
        value => text_of(&value).filter(|text| !text.is_empty()).map(|text| fit_part(&text)),
    };
    let user = match (or_dash(&paths.user), of(&paths.acting)) {
        (user, None) => user,
        (user, Some(acting)) => format!("{user} as {acting}"),
    };
    let object = match part(&paths.resource) {
        None => or_dash(&paths.uri),
        Some(resource) => {
            let group =
                part(&paths.group).filter(|group| !crate::kinds::is_plain(&resource, group));
            let group = group.map(|group| format!(".{group}")).unwrap_or_default();
            let rest = [part(&paths.name), part(&paths.subresource)];
            let rest: String = rest.into_iter().flatten().map(|part| format!("/{part}")).collect();
            let space = part(&paths.namespace)
                .map(|namespace| format!(" -n {namespace}"))
                .unwrap_or_default();
            format!("{resource}{group}{rest}{space}")
        }
    };
    let (verb, code, from) = (or_dash(&paths.verb), or_dash(&paths.code), from(event, &paths.from));
    format!("{time}\t{verb}\t{code}\t{from}\t{user}\t{object}\t{at}\n")
}

/// A time without its last three digits, which the line itself has.
fn milliseconds(time: &str) -> String {
    format!("{}Z", time.get(..23).unwrap_or(time))
}

/// The address that the apiserver saw itself is the last one; those before it are what was claimed.
fn from(event: &Event<'_>, path: &FieldPath) -> String {
    let FieldValue::Json(list) = event.field(path) else { return "-".to_owned() };
    let all: Vec<String> = serde_json::from_slice(list).unwrap_or_default();
    match all.as_slice() {
        [] => "-".to_owned(),
        [one] => fit(one),
        [claimed, .., seen] => format!("{} for {}", fit(seen), fit(claimed)),
    }
}

/// A line of JSON in which nothing acts on a terminal: what would is written as JSON escapes it, so it means
/// what it meant. What isn't UTF-8 is U+FFFD.
#[must_use]
pub fn for_terminal(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let plain = c == '\n' || (' '..='~').contains(&c);
        // What is escaped for people begins with a backslash, as what is a backslash doesn't.
        if plain || escape(&c.to_string()) == c.to_string() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            c.encode_utf16(&mut units)
                .iter()
                .for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out.into_bytes()
}

/// A value that fits a column, and a terminal, and can't be taken for several: one with blanks stands in quotes, and so
/// does one that reads like none.
fn fit(text: &str) -> String {
    let cut = text.char_indices().nth(WIDEST).map(|(at, _)| at);
    let mut fit = escape(&text[..cut.unwrap_or(text.len())]);
    fit.extend(cut.map(|_| '…'));
    if text == "-" || text.chars().any(|c| c == '"' || is_blank(c)) { quoted(&fit) } else { fit }
}

/// The same of a part of an object's path, whose parts have a `/` between them.
fn fit_part(text: &str) -> String {
    let fit = fit(text);
    if text.contains('/') && !fit.starts_with('"') { quoted(&fit) } else { fit }
}

/// In quotes. What is a quote or a blank that isn't a space is escaped: each quote that is there ends a value or begins
/// one.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            ' ' => quoted.push(c),
            c if c == '"' || is_blank(c) => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What looks like nothing: spaces of any width, and letters without a shape.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete","requestURI":"/apis/networking.k8s.io/v1/namespaces/prod/networkpolicies/web","verb":"delete","user":{"username":"ann"},"impersonatedUser":{"username":"bob"},"sourceIPs":["192.0.2.9","10.0.0.1"],"objectRef":{"resource":"networkpolicies","namespace":"prod","name":"web","apiGroup":"networking.k8s.io","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-21T08:05:36.370188Z","stageTimestamp":"2026-11-21T08:05:36.377966Z"}"#;

    fn told(show: &Show, line: &str) -> String {
        let origin = "prod/cp-1/audit".parse().unwrap();
        let seal = auditseal_format::hash(b"");
        let at = Citation { origin: &origin, seq: 17, line: 204, seal, key: "k" };
        let event = Event::parse(line.as_bytes()).ok();
        String::from_utf8(shown(show, at, line.as_bytes(), event.as_ref(), true)).unwrap()
    }

    #[test]
    fn a_row_has_what_a_person_asks() {
        let row = told(&Show::Table, LINE);
        assert_eq!(
            row,
            "2026-11-21T08:05:36.377Z\tdelete\t200\t10.0.0.1 for 192.0.2.9\tann as bob\t\
             networkpolicies/web -n prod\tprod/cp-1/audit 17:204\n"
        );
        let plain = LINE
            .replace("\"networkpolicies\"", "\"widgets\"")
            .replace(r#""apiGroup":"networking.k8s.io""#, r#""apiGroup":"example.com""#);
        assert!(
            told(&Show::Table, &plain).contains("widgets.example.com/web -n prod"),
            "{}",
            told(&Show::Table, &plain)
        );
        let uri = LINE.replace("objectRef", "other");
        assert!(
            told(&Show::Table, &uri).contains("\t/apis/networking.k8s.io/v1/"),
            "{}",
            told(&Show::Table, &uri)
        );
    }

    /// No value can be taken for several cells, for a cell that has none, or for words that are ours.
    #[test]
    fn a_value_imitates_no_column() {
        let row = |field: &str, value: &str| {
            let line = LINE.replace(&format!("\"{field}\""), &Value::from(value).to_string());
            told(&Show::Table, &line)
        };
        for (field, value, shown) in [
            (
                "ann",
                "ann  pods/x -n kube-system  prod/cp-1/audit 1:1",
                "\"ann  pods/x -n kube-system  prod/cp-1/audit 1:1\"",
            ),
            ("ann", "ann as root", "\"ann as root\""),
            ("ann", "a\" b", "\"a\\u{22} b\""),
            ("ann", "a\u{a0}\u{3000}\u{2800}b", "\"a\\u{a0}\\u{3000}\\u{2800}b\""),
            ("ann", "-", "\"-\""),
            ("10.0.0.1", "10.0.0.1 for 10.0.0.2", "\"10.0.0.1 for 10.0.0.2\" for 192.0.2.9"),
            ("web", "web -n other", "networkpolicies/\"web -n other\" -n prod"),
            ("web", "web/exec", "networkpolicies/\"web/exec\" -n prod"),
        ] {
            let row = row(field, value);
            let cells: Vec<_> = row.trim_end().split('\t').collect();
            assert_eq!(cells.len(), 7, "{row}");
            assert!(cells.iter().any(|cell| cell.split(" as bob").next() == Some(shown)), "{row}");
        }
        // Ordinary names have no quotes.
        assert!(!row("ann", "system:serviceaccount:ci:deploy").contains('"'));
    }

    /// Nothing acts on a terminal, and no value is longer than is shown.
    #[test]
    fn a_row_is_fit_for_a_terminal() {
        let long = "x".repeat(10 * WIDEST);
        for value in [r"\u001b[2J", r"\u202e", "\u{9b}", r"\n\t", long.as_str()] {
            let line = LINE
                .replace("\"ann\"", &format!("\"{value}\""))
                .replace("\"web\"", &format!("\"{value}\""));
            let row = told(&Show::Table, &line);
            assert!(
                row.matches('\t').count() == 6
                    && !row
                        .replace(['\t', '\n'], "")
                        .chars()
                        .any(|c| c.is_control() || c == '\u{202e}'),
                "{row:?}"
            );
            assert!(row.chars().count() < 10 * WIDEST, "{row}");
        }
        assert!(told(&Show::Table, "no event").starts_with("(not an event)"));
    }

    #[test]
    fn a_field_is_told_or_that_there_is_none() {
        let field = |path: &str| told(&Show::Field(path.parse().unwrap()), LINE);
        assert_eq!(field("verb"), "delete");
        assert_eq!(field("responseStatus.code"), "200");
        assert_eq!(field("userAgent"), "(none)");
        assert_eq!(field("requestObject.spec"), "(unknown)");
    }

    /// The same JSON, with nothing in it that acts on a terminal.
    #[test]
    fn lines_for_a_terminal_mean_the_same() {
        let line = "{\"a\":\"\\\\ \u{9b}2J \u{202e}x \u{e0041} é 😀 \\u001b\"}\n";
        let shown = String::from_utf8(for_terminal(line.as_bytes())).unwrap();
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&shown), value(line));
        assert!(shown.contains("\\u009b2J \\u202ex \\udb40\\udc41 é 😀"), "{shown}");
        assert_eq!(for_terminal(b"\x1b[2J\xff"), "\\u001b[2J\u{fffd}".as_bytes());
    }

    #[test]
    fn what_is_no_event_is_text_in_json() {
        let value: Value = serde_json::from_str(&told(&Show::Json, "no \"event\"")).unwrap();
        assert_eq!((&value["event"], &value["text"]), (&Value::Null, &Value::from("no \"event\"")));
    }
}
