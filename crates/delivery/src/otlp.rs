//! Logs of OTLP, in Protocol Buffers over HTTP: opentelemetry-proto 1, `logs_service.proto`. Not in JSON, which
//! not every receiver takes.

use std::time::Duration;

use serde::Deserialize;

use crate::answer::{Heard, of_status, told};
use crate::loki::{Copied, copy, nanos};
use crate::members::Members;
use crate::parcel::{Parcel, ParcelLine};
use crate::shape::Shape;
use crate::wire::{Field, Message, fields};

/// `SEVERITY_NUMBER_INFO`.
const INFO: u64 = 9;

/// An `ExportLogsServiceRequest` of these lines, and which of them were cut.
#[must_use]
pub fn otlp(parcel: &Parcel, lines: &[usize], shape: &Shape) -> (Vec<u8>, Vec<usize>) {
    let mut cut = Vec::new();
    let lines: Vec<(usize, &ParcelLine)> =
        lines.iter().filter_map(|at| Some((*at, parcel.lines.get(*at)?))).collect();
    let mut scope = Message::default();
    scope.bytes(1, &Message::default().bytes(1, b"auditseal").0);
    for (at, line) in &lines {
        let copied = copy(parcel, line, shape);
        cut.extend(copied.cut.then_some(*at));
        scope.bytes(2, &record(line, &copied));
    }
    let mut resource = Message::default();
    if let Some((_, line)) = lines.first() {
        let origin = &line.of.origin;
        for (name, value) in [
            ("service.name", origin.source()),
            ("k8s.cluster.name", origin.cluster()),
            ("k8s.node.name", origin.node()),
            ("auditseal.origin", origin.as_str()),
        ] {
            resource.bytes(1, &text_attribute(name, value));
        }
    }
    let mut of_resource = Message::default();
    of_resource.bytes(1, &resource.0).bytes(2, &scope.0);
    (std::mem::take(&mut Message::default().bytes(1, &of_resource.0).0), cut)
}

/// A `LogRecord`.
fn record(line: &ParcelLine, Copied { text, unlike, .. }: &Copied) -> Vec<u8> {
    let mut record = Message::default();
    record.fixed(1, u64::try_from(nanos(line)).unwrap_or(0)).number(2, INFO);
    record.bytes(5, &Message::default().bytes(1, text.as_bytes()).0);
    for (name, value) in [("auditseal.seq", line.of.seal.seq), ("auditseal.line", line.number)] {
        let value = std::mem::take(&mut Message::default().number(3, value).0);
        record.bytes(6, &attribute(name, &value));
    }
    record.bytes(6, &text_attribute("auditseal.seal", &line.of.seal.hash.to_string()));
    record.bytes(6, &text_attribute("auditseal.key", &line.of.key));
    if let Some(hash) = unlike {
        record.bytes(6, &text_attribute("auditseal.hash", &hash.to_string()));
    }
    let sealed = u64::try_from(line.of.sealed.micros()).unwrap_or(0).saturating_mul(1000);
    record.fixed(11, sealed);
    record.0
}

fn text_attribute(name: &str, value: &str) -> Vec<u8> {
    attribute(name, &Message::default().bytes(1, value.as_bytes()).0)
}

/// A `KeyValue`.
fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    std::mem::take(&mut Message::default().bytes(1, name.as_bytes()).bytes(2, value).0)
}

/// What the answer to it means: an `ExportLogsServiceResponse` of this content type, or a status. What says yes and is
/// no such answer comes from somebody else: a proxy, a page that wants a password.
#[must_use]
pub fn otlp_answer(status: u16, wait: Option<Duration>, (content, body): (&str, &[u8])) -> Heard {
    if let Some(heard) = of_status(status, wait, body) {
        return heard;
    }
    let said = match content {
        // Without anything in it, it is empty in each of these.
        "application/x-protobuf" | "application/protobuf" | "application/octet-stream" => {
            binary(body)
        }
        "application/json" | "text/plain" if !body.is_empty() => json(body),
        "application/json" | "text/plain" => Some((0, String::new())),
        "" => binary(body).or_else(|| json(body)),
        _ => None,
    };
    match said {
        None => Heard::Again(
            format!("answered {status}, and what no receiver of OTLP says: {}", told(body)),
            None,
        ),
        Some((0, _)) => Heard::All,
        Some((rejected, why)) => Heard::AllBut(rejected, format!("rejected {rejected}: {why}")),
    }
}

/// How many records an answer in Protocol Buffers says are rejected, and why. One that has more than such an answer
/// has, or something twice, is another message.
fn binary(body: &[u8]) -> Option<(u64, String)> {
    let (mut partial, mut rejected, mut why) = (None, None, None);
    for field in fields(body) {
        match field.ok()? {
            (1, Field::Bytes(bytes)) if partial.is_none() => partial = Some(bytes),
            _ => return None,
        }
    }
    for field in fields(partial.unwrap_or_default()) {
        match field.ok()? {
            (1, Field::Number(count)) if rejected.is_none() => rejected = Some(count),
            (2, Field::Bytes(text)) if why.is_none() => why = Some(told(text)),
            _ => return None,
        }
    }
    Some((rejected.unwrap_or(0), why.unwrap_or_else(|| told(b""))))
}

/// The same of an answer in JSON, <https://protobuf.dev/programming-guides/json>.
fn json(body: &[u8]) -> Option<(u64, String)> {
    let Members(answer) = serde_json::from_slice(body).ok()?;
    let partial: Option<Members<'_>> = match &answer[..] {
        [] => None,
        [(name, partial)] if matches!(&**name, "partialSuccess" | "partial_success") => {
            serde_json::from_str(partial.get()).ok()?
        }
        _ => return None,
    };
    let (mut rejected, mut why) = (None, None);
    for (name, value) in partial.map(|Members(each)| each).unwrap_or_default() {
        match &*name {
            "rejectedLogRecords" | "rejected_log_records" if rejected.is_none() => {
                rejected = Some(match serde_json::from_str(value.get()).ok()? {
                    None => 0,
                    Some(Count::Number(count)) => count,
                    Some(Count::Text(text)) => text.parse().ok()?,
                });
            }
            "errorMessage" | "error_message" if why.is_none() => {
                why = Some(serde_json::from_str::<Option<String>>(value.get()).ok()?);
            }
            _ => return None,
        }
    }
    Some((rejected.unwrap_or(0), told(why.flatten().unwrap_or_default().as_bytes())))
}

/// A number of 64 bits: JSON has it as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loki::tests::parcel;

    fn inside<'a>(message: &'a [u8], path: &[u64]) -> Vec<&'a [u8]> {
        let Some((first, rest)) = path.split_first() else { return vec![message] };
        let parts = fields(message).filter_map(|field| match field.unwrap() {
            (number, Field::Bytes(bytes)) if number == *first => Some(bytes),
            _ => None,
        });
        parts.flat_map(|part| inside(part, rest)).collect()
    }

    #[test]
    fn a_request_has_a_record_for_each_line() {
        let (body, cut) =
            otlp(&parcel(&["{\"a\":1}", "{\"b\":2}", "c"]), &[0, 2], &Shape::default());
        let bodies = inside(&body, &[1, 2, 2, 5, 1]);
        assert_eq!((bodies, cut), (vec![&b"{\"a\":1}"[..], b"c"], vec![]));
        assert_eq!(inside(&body, &[1, 1, 1, 2, 1]), [&b"s"[..], b"c", b"n", b"c/n/s"]);
        assert_eq!(inside(&body, &[1, 2, 2, 6, 1]).len(), 8);
    }

    #[test]
    fn what_a_receiver_rejects_is_counted() {
        let (binary, json) = ("application/x-protobuf", "application/json");
        for (content, body) in [("", ""), (binary, ""), (json, "{}"), ("text/plain", "{}")] {
            assert_eq!(otlp_answer(200, None, (content, body.as_bytes())), Heard::All);
        }
        let mut partial = Message::default();
        partial.number(1, 3).bytes(2, b"too old");
        let mut answer = Message::default();
        answer.bytes(1, &partial.0);
        let json_of = |count: &str| {
            format!(
                "{{\"partialSuccess\":{{\"rejectedLogRecords\":{count},\"errorMessage\":\"too old\"}}}}"
            )
        };
        let (text, number) = (json_of("\"3\""), json_of("3"));
        let snake =
            "{\"partial_success\":{\"rejected_log_records\":3,\"error_message\":\"too old\"}}";
        for (content, body) in [
            (binary, &answer.0[..]),
            ("", &answer.0),
            (json, text.as_bytes()),
            (json, number.as_bytes()),
            ("", snake.as_bytes()),
        ] {
            let rejected = Heard::AllBut(3, "rejected 3: too old".to_owned());
            assert_eq!(otlp_answer(200, None, (content, body)), rejected, "{content}");
        }
        // Whoever says yes so is somebody else, or was cut off.
        for (content, body) in [
            ("text/html", &b"<html>please log in</html>"[..]),
            ("", b"<html>please log in</html>"),
            ("text/plain", b"ok"),
            (binary, b"{}"),
            (binary, &answer.0[..answer.0.len() - 1]),
            (json, b"{\"partialSuccess\":{\"rejectedLogRecords\":\"many\"}}"),
            (json, b"[]"),
            (json, b"{"),
            (json, b"{\"error\":\"unauthorized\"}"),
            (json, b"{\"status\":\"error\",\"code\":503,\"message\":\"queue is full\"}"),
            ("text/plain", b"{\"error\":\"unauthorized\"}"),
            ("", b"{\"login\":\"please\"}"),
            (json, b"{\"PartialSuccess\":{\"RejectedLogRecords\":448}}"),
            (json, b"{\"partialSuccess\":{},\"error\":\"unauthorized\"}"),
            (json, b"{\"partialSuccess\":{\"rejected\":448}}"),
            (json, b"{\"partialSuccess\":{},\"partial_success\":{\"rejectedLogRecords\":448}}"),
            (json, b"null"),
            // A `google.rpc.Status`' message, one answer behind another, a count twice, what no such answer has.
            (binary, b"\x12\x05hello"),
            (binary, b"\x0a\x03\x08\xc0\x03\x0a\x02\x08\x00"),
            (binary, b"\x0a\x05\x08\xc0\x03\x08\x00"),
            (binary, b"\x0a\x05\x08\xc0\x03\x18\x00"),
            ("", b"\x12\x05hello"),
            ("text/html", b""),
        ] {
            let heard = otlp_answer(200, None, (content, body));
            assert!(matches!(heard, Heard::Again(..)), "{content} {heard:?}");
        }
        assert!(matches!(otlp_answer(503, None, ("", b"")), Heard::Again(..)));
    }
}
