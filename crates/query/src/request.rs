//! Which request a line is of, and how far that had come: kube-apiserver writes a line for each stage.
//!
//! A client chooses its request's auditID, and may choose another request's. So lines are of one request
//! only where the moment at which the apiserver received it, URI, verb and user are the same too: with many
//! requests under one auditID, two come in the same microsecond, and one must not hide the other.

use std::hash::{BuildHasher as _, RandomState};

use auditseal_audit::policy::Stage;

/// How far a request had come: the later one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// `RequestReceived`.
    Received,
    /// `ResponseStarted`: of a watch, an exec and the like, which go on for long.
    Started,
    /// `ResponseComplete` or `Panic`.
    Ended,
}

impl Reach {
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"RequestReceived" => Some(Self::Received),
            b"ResponseStarted" => Some(Self::Started),
            b"ResponseComplete" | b"Panic" => Some(Self::Ended),
            _ => None,
        }
    }
}

impl From<Stage> for Reach {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::RequestReceived => Self::Received,
            Stage::ResponseStarted => Self::Started,
            Stage::ResponseComplete | Stage::Panic => Self::Ended,
        }
    }
}

/// A request, as a hash that nobody can aim at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(u64);

/// Makes ids of requests; those of one maker can be compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestIds(RandomState);

impl RequestIds {
    /// `about` is what all stages have in common: from the URI to the user.
    pub(crate) fn id(&self, audit_id: &[u8], about: &[u8], received: &[u8]) -> RequestId {
        RequestId(self.0.hash_one((audit_id, about, received)))
    }

    /// The request and the stage of a line as kube-apiserver writes it; `None` for any other line, of
    /// which nothing is concluded.
    pub(crate) fn of(&self, line: &[u8]) -> Option<(RequestId, Reach)> {
        let rest =
            line.strip_prefix(br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":""#)?;
        let (_, rest) = word(rest)?;
        let (audit_id, rest) = word(rest.strip_prefix(br#","auditID":""#)?)?;
        let (stage, rest) = word(rest.strip_prefix(br#","stage":""#)?)?;
        let stage = Reach::of(stage)?;
        // Who is impersonated isn't known yet when a request is received. In a string the quotes of such a key
        // would be escaped.
        let ends = [&br#","sourceIPs":["#[..], br#","impersonatedUser":{"#];
        let ends = ends.map(|end| memchr::memmem::find(rest, end));
        let about = &rest[..ends.into_iter().flatten().min()?];
        // The keys behind it are annotations, whose values are strings: in one of these its quotes would
        // be escaped. In a body it would stand before it.
        let at = memchr::memmem::rfind(line, RECEIVED)? + RECEIVED.len();
        let (received, _) = word(&line[at..])?;
        Some((self.id(audit_id, about, received), stage))
    }
}

const RECEIVED: &[u8] = br#","requestReceivedTimestamp":""#;

/// Up to the closing quote, of what holds no escape, and what is behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: &str, received: &str, annotation: &str) -> String {
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{id}\",\
             \"stage\":\"{stage}\",\"requestURI\":\"/?a\\u0026b\",\"verb\":\"get\",\"user\":{{\"username\":\"u\"}},\
             \"sourceIPs\":[],\"requestReceivedTimestamp\":\"{received}\",\
             \"stageTimestamp\":\"x\",\"annotations\":{{\"a\":\"{annotation}\"}}}}\n"
        )
    }

    #[test]
    fn stages_of_one_request_have_one_id() {
        let ids = RequestIds::default();
        let of = |id, stage, received, annotation| {
            ids.of(line(id, stage, received, annotation).as_bytes())
        };
        let first = of("1", "RequestReceived", "t", "").unwrap();
        let forged = r#",\"requestReceivedTimestamp\":\"u\""#;
        let last = of("1", "ResponseComplete", "t", forged).unwrap();
        assert_eq!((first.0, first.1, last.1), (last.0, Reach::Received, Reach::Ended));
        assert_ne!(of("2", "ResponseComplete", "t", "").unwrap().0, first.0);
        assert_ne!(
            of("1", "ResponseComplete", "u", "").unwrap().0,
            first.0,
            "an auditID that was chosen"
        );
        for (what, other) in [("get", "list"), ("/?a", "/?b"), ("\"u\"", "\"v\"")] {
            let line = line("1", "ResponseComplete", "t", "").replacen(what, other, 1);
            assert_ne!(
                ids.of(line.as_bytes()).unwrap().0,
                first.0,
                "in the same microsecond: {other}"
            );
        }
        let line = line("1", "ResponseComplete", "t", "");
        let impersonated = line
            .replace(",\"sourceIPs\"", ",\"impersonatedUser\":{\"username\":\"v\"},\"sourceIPs\"");
        assert_eq!(
            ids.of(impersonated.as_bytes()).unwrap().0,
            first.0,
            "known in later stages alone"
        );
        assert_eq!(of("a\\u0031", "ResponseComplete", "t", ""), None);
        assert_eq!(of("1", "Other", "t", ""), None);
    }

    /// Each line of a real apiserver's log is understood.
    #[test]
    fn real_lines_are_understood() {
        let folder =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kube-apiserver-1.36.3/audit.log");
        let text = std::fs::read(folder).unwrap();
        let ids = RequestIds::default();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        assert!(lines.map(|line| ids.of(line)).all(|found| found.is_some()));
    }
}
