//! Pushes of Loki: <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>.

use std::time::Duration;

use auditseal_format::Hash;
use serde_json::{Value, json};

use crate::answer::{Heard, of_status, told};
use crate::document::{document, unlike};
use crate::parcel::{Parcel, ParcelLine};
use crate::shape::Shape;

/// The labels of a chain's stream.
#[must_use]
pub fn loki_labels(line: &ParcelLine) -> Value {
    let origin = &line.of.origin;
    json!({ "job": "auditseal", "cluster": origin.cluster(), "node": origin.node(), "source": origin.source() })
}

/// A push of these lines, and which of them were cut. A line goes as it is, and what it cites as structured
/// metadata beside it.
#[must_use]
pub fn loki(parcel: &Parcel, lines: &[usize], shape: &Shape) -> (Vec<u8>, Vec<usize>) {
    let mut cut = Vec::new();
    let lines: Vec<(usize, &ParcelLine)> =
        lines.iter().filter_map(|at| Some((*at, parcel.lines.get(*at)?))).collect();
    let labels = lines.first().map_or_else(|| json!({}), |(_, line)| loki_labels(line));
    // Written as it goes: as a tree of values a push would be in memory twice.
    let mut body = format!("{{\"streams\":[{{\"stream\":{labels},\"values\":[").into_bytes();
    for (nth, (at, line)) in lines.iter().enumerate() {
        let Copied { text, cut: was_cut, unlike } = copy(parcel, line, shape);
        cut.extend(was_cut.then_some(*at));
        let between = if nth == 0 { "" } else { "," };
        body.extend_from_slice(format!("{between}[\"{}\",", nanos(line)).as_bytes());
        body.extend_from_slice(Value::String(text).to_string().as_bytes());
        // Neither numbers nor hashes have anything to be escaped.
        let unlike = unlike.map_or(String::new(), |hash| format!("\"auditseal_hash\":\"{hash}\","));
        let cited = format!(
            ",{{{unlike}\"auditseal_line\":\"{}\",\"auditseal_seal\":\"{}\",\"auditseal_seq\":\"{}\"}}]",
            line.number, line.of.seal.hash, line.of.seal.seq,
        );
        body.extend_from_slice(cited.as_bytes());
    }
    body.extend_from_slice(b"]}]}");
    (body, cut)
}

/// What the answer to it means. Loki, and who takes its pushes, says 204 and nothing more; what says yes with words
/// is somebody else: a proxy, a page that wants a password.
#[must_use]
pub fn loki_answer(status: u16, wait: Option<Duration>, body: &[u8]) -> Heard {
    match of_status(status, wait, body) {
        Some(heard) => heard,
        None if body.trim_ascii().is_empty() => Heard::All,
        None => {
            let why = format!("answered {status}, and what no Loki says: {}", told(body));
            Heard::Again(why, None)
        }
    }
}

/// What of a line goes to a sink that takes text.
pub(crate) struct Copied {
    pub(crate) text: String,
    pub(crate) cut: bool,
    /// The hash of the line, where it is no UTF-8: what was sent for the rest isn't what was written.
    pub(crate) unlike: Option<Hash>,
}

/// A line as it is, or, where something of it is left out, its copy.
pub(crate) fn copy(parcel: &Parcel, line: &ParcelLine, shape: &Shape) -> Copied {
    let text = parcel.bytes(line);
    let unlike = unlike(text);
    if shape.leaves(text.len()) {
        let whole = String::from_utf8_lossy(text);
        // What is no UTF-8 takes more room than it took.
        if shape.leaves(whole.len()) {
            return Copied { text: whole.into_owned(), cut: false, unlike };
        }
    }
    let document = document(line, text, shape);
    let text = String::from_utf8_lossy(&document.text).into_owned();
    Copied { text, cut: document.cut, unlike }
}

/// Nanoseconds since the Unix epoch. Events have microseconds: the rest is from the line's number, so that those of
/// one moment stay in order, and two that are alike stay two.
pub(crate) fn nanos(line: &ParcelLine) -> i64 {
    let number = i64::try_from(line.number % 1000).unwrap_or(0);
    line.when().micros().saturating_mul(1000).saturating_add(number)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use auditseal_format::{SealId, Time, hash};

    use super::*;
    use crate::parcel::Provenance;
    use crate::position::Position;

    /// A parcel of these lines.
    pub(crate) fn parcel(texts: &[&str]) -> Parcel {
        let seal = SealId { seq: 7, hash: hash(b"7") };
        let sealed = Time::from_micros(1_790_000_000_000_000);
        let of = Provenance { origin: "c/n/s".parse().unwrap(), seal, key: "k".to_owned(), sealed };
        let (of, mut text, mut lines) = (Arc::new(of), Vec::new(), Vec::new());
        for (line, number) in texts.iter().zip(1..) {
            let begin = text.len();
            text.extend_from_slice(line.as_bytes());
            lines.push(ParcelLine {
                of: Arc::clone(&of),
                number,
                time: None,
                at: begin..text.len(),
            });
            text.push(b'\n');
        }
        let end = Position { seal, date: sealed.date(), lines: None };
        Parcel { text, lines, too_long: Vec::new(), end, sealed }
    }

    #[test]
    fn a_push_has_lines_as_they_are() {
        let parcel = parcel(&["{\"a\": [1]}", "{\"a\": [1]}", "not asked"]);
        let (body, cut) = loki(&parcel, &[0, 1], &Shape::default());
        let push: Value = serde_json::from_slice(&body).unwrap();
        let stream = &push["streams"][0];
        assert_eq!((&stream["stream"]["node"], cut), (&json!("n"), vec![]));
        let values = stream["values"].as_array().unwrap();
        assert_eq!((values.len(), &values[0][1]), (2, &json!("{\"a\": [1]}")));
        assert_eq!(values[0][0], "1790000000000000001");
        assert_ne!(values[0][0], values[1][0], "two events that are alike are two");
        assert_eq!(values[1][2]["auditseal_line"], "2");
    }

    #[test]
    fn only_lokis_yes_is_one() {
        assert_eq!(loki_answer(204, None, b""), Heard::All);
        assert_eq!(loki_answer(200, None, b"\n"), Heard::All);
        for (status, body) in
            [(200, "<html>please log in</html>"), (200, "{}"), (302, ""), (500, "")]
        {
            let heard = loki_answer(status, None, body.as_bytes());
            assert!(matches!(heard, Heard::Again(..)), "{heard:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = format!("{{\"verb\":\"get\",\"requestObject\":\"{}\"}}", "x".repeat(100_000));
        let shape = Shape { most: Some(10_000), ..Shape::default() };
        let (body, cut) = loki(&parcel(&[&long]), &[0], &shape);
        assert!(cut == [0] && body.len() < 10_000, "{cut:?} {}", body.len());
    }
}
