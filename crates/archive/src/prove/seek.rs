//! The lines of one request among those of a batch.

use std::borrow::Cow;
use std::fmt;

use auditseal_format::MOST_BYTES;
use memchr::memmem::Finder;
use serde::Deserialize;

/// How far a request had come; in this order they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestStage {
    /// None that is known.
    Unknown,
    /// It came in.
    RequestReceived,
    /// Its answer's head was sent: of a watch, say.
    ResponseStarted,
    /// Its answer was sent.
    ResponseComplete,
    /// The server failed.
    Panic,
}

impl fmt::Display for RequestStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown stage",
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        })
    }
}

impl From<Option<&str>> for RequestStage {
    fn from(stage: Option<&str>) -> Self {
        let all =
            [Self::RequestReceived, Self::ResponseStarted, Self::ResponseComplete, Self::Panic];
        let known = all.into_iter().find(|known| stage == Some(known.to_string().as_str()));
        known.unwrap_or(Self::Unknown)
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stage: Option<Cow<'a, str>>,
}

/// Goes through the lines of a batch that come in pieces.
pub(super) struct Seek<'a> {
    id: &'a str,
    /// The ID's bytes, where no encoder of JSON writes them otherwise: most lines don't have them, and
    /// needn't be parsed.
    finder: Option<Finder<'a>>,
    /// The open line, as far as it has come; `None` where it is too long to be proved.
    open: Option<Vec<u8>>,
    line: u64,
    found: Vec<(u64, RequestStage)>,
    unreadable: u64,
}

impl<'a> Seek<'a> {
    /// Looks for the lines with this `auditID`.
    pub(super) fn new(id: &'a str) -> Self {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/ ".contains(&b);
        let finder = (!id.is_empty() && id.bytes().all(plain)).then(|| Finder::new(id));
        Self { id, finder, open: Some(Vec::new()), line: 0, found: Vec::new(), unreadable: 0 }
    }

    /// Takes the next bytes of the lines.
    pub(super) fn take(&mut self, mut payload: &[u8]) {
        while let Some(at) = memchr::memchr(b'\n', payload) {
            self.line += 1;
            let (end, rest) = (&payload[..at], &payload[at + 1..]);
            match self.open.take() {
                Some(open) if open.is_empty() => self.look(end),
                Some(mut open) => {
                    open.extend_from_slice(end);
                    self.look(&open);
                }
                None => self.unreadable += 1,
            }
            self.open = Some(Vec::new());
            payload = rest;
        }
        if let Some(open) = self.open.as_mut().filter(|_| !payload.is_empty()) {
            if open.len() + payload.len() > MOST_BYTES {
                self.open = None;
            } else {
                open.extend_from_slice(payload);
            }
        }
    }

    /// The lines, from 1.
    pub(super) fn found(&self) -> impl Iterator<Item = (u64, RequestStage)> {
        self.found.iter().copied()
    }

    /// Lines that have the ID's bytes, or are too long to look for them, and can't be read.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn look(&mut self, line: &[u8]) {
        if self.finder.as_ref().is_some_and(|finder| finder.find(line).is_none()) {
            return;
        }
        match serde_json::from_slice::<Members<'_>>(line) {
            Ok(event) if event.audit_id.as_deref() == Some(self.id) => {
                self.found.push((self.line, event.stage.as_deref().into()));
            }
            Ok(_) => {}
            Err(_) => self.unreadable += u64::from(self.finder.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seek(id: &str, lines: &[u8], cut: usize) -> (Vec<(u64, RequestStage)>, u64) {
        let mut seek = Seek::new(id);
        lines.chunks(cut).for_each(|piece| seek.take(piece));
        (seek.found().collect(), seek.unreadable())
    }

    #[test]
    fn the_lines_of_a_request_are_found_however_they_come() {
        let lines = concat!(
            "{\"auditID\":\"a1\",\"stage\":\"RequestReceived\"}\n",
            "{\"auditID\":\"a2\",\"requestObject\":{\"auditID\":\"a1\"}}\n",
            "\n",
            "{\"stage\":\"ResponseComplete\",\"auditID\":\"a1\"}\n",
            "{\"auditID\":\"a1\",\"auditID\":\"a2\"}\n",
            "{\"auditID\":\"a1\"\n",
            "{\"auditID\":\"\\u00e9\\\"\",\"stage\":\"Panic\"}\n",
            "{\"auditID\":\"a1\",\"stage\":\"x\"}\n",
        );
        for cut in [1, 7, 50, 10_000] {
            let (found, unreadable) = seek("a1", lines.as_bytes(), cut);
            let wanted = [
                (1, RequestStage::RequestReceived),
                (4, RequestStage::ResponseComplete),
                (8, RequestStage::Unknown),
            ];
            assert_eq!(found, wanted, "{cut}");
            assert_eq!(unreadable, 2, "one line has two IDs, one no end");
            assert_eq!(seek("\u{e9}\"", lines.as_bytes(), cut).0, [(7, RequestStage::Panic)]);
            assert_eq!(seek("", lines.as_bytes(), cut).0, []);
        }
    }

    #[test]
    fn stages_stand_in_their_order() {
        let all = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];
        let stages: Vec<_> = all.iter().map(|name| RequestStage::from(Some(*name))).collect();
        assert!(stages.is_sorted() && stages[0] > RequestStage::from(None));
        assert_eq!(stages.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
    }
}
