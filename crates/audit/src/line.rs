//! Whether a line is an audit event, and its `stageTimestamp`.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};
use serde::Deserialize;

use crate::Time;

/// How kube-apiserver's encoder begins every event.
const HEAD: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v"#;
/// The key of the timestamp. Inside a string value its quotes would be escaped.
const STAGE_TIMESTAMP: &[u8] = br#""stageTimestamp":""#;

/// Made once: to make one takes longer than to look through most lines.
static HEADS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(HEAD));
static STAGE_TIMESTAMPS: LazyLock<FinderRev<'static>> =
    LazyLock::new(|| FinderRev::new(STAGE_TIMESTAMP));

/// Longest line that is kept whole for a close look; longer ones are judged by head and tail.
const WHOLE: usize = 1 << 20;
/// What is kept of a longer line's end: the timestamp and the annotations stand there.
const TAIL: usize = 64 << 10;

/// What a line says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineFacts {
    /// Its `stageTimestamp`; only ever set on a well-formed line.
    pub stage_timestamp: Option<Time>,
}

impl LineFacts {
    /// Whether the line is one audit event with a readable timestamp.
    #[must_use]
    pub fn well_formed(self) -> bool {
        self.stage_timestamp.is_some()
    }
}

/// Looks at a whole line (without its newline).
///
/// A line in exactly the shape that kube-apiserver writes is believed after a quick look: parsing
/// each line would cost more than hashing and signing it. Whatever looks otherwise (another
/// encoder, a line glued to a torn one) is parsed in full.
#[must_use]
pub fn scan(line: &[u8]) -> LineFacts {
    let quick = line.starts_with(HEAD)
        && line.ends_with(b"}")
        && HEADS.find(&line[1..]).is_none()
        && memchr::memchr(0, line).is_none();
    let stage_timestamp = if quick { timestamp_near_end(line) } else { None };
    LineFacts { stage_timestamp: stage_timestamp.or_else(|| parse(line)) }
}

/// The last `stageTimestamp` key: the top level's stands behind the request and response objects.
fn timestamp_near_end(line: &[u8]) -> Option<Time> {
    let at = STAGE_TIMESTAMPS.rfind(line)? + STAGE_TIMESTAMP.len();
    let (text, rest) = line.get(at..)?.split_at_checked(27)?;
    // A line torn just before its end would otherwise still end in a brace.
    let annotated = rest.starts_with(br#"","annotations":{"#) && rest.ends_with(b"}}");
    if annotated || rest == br#""}"# { Time::parse(text) } else { None }
}

fn parse(line: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event<'a> {
        #[serde(borrow)]
        kind: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        api_version: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        stage_timestamp: std::borrow::Cow<'a, str>,
    }
    let event: Event<'_> = serde_json::from_slice(line).ok()?;
    let ours = event.kind == "Event" && event.api_version.starts_with("audit.k8s.io/");
    if ours { Time::parse(event.stage_timestamp.as_bytes()) } else { None }
}

/// Looks at lines that come in pieces, in bounded memory.
#[derive(Debug, Default)]
pub struct LineScanner {
    /// The open line; of one longer than [`WHOLE`], its head and its latest bytes.
    kept: Vec<u8>,
    cut: bool,
}

impl LineScanner {
    /// Takes the next bytes of the open line (no newline among them).
    pub fn extend(&mut self, piece: &[u8]) {
        if self.kept.len() + piece.len() > WHOLE {
            self.cut = true;
            let keep = piece.len().min(TAIL);
            // Head and tail only: a line may be as long as the apiserver's file limit.
            if self.kept.len() + keep > WHOLE {
                let from = self.kept.len() - TAIL.min(self.kept.len() - HEAD.len());
                self.kept.drain(HEAD.len()..from);
            }
            self.kept.extend_from_slice(&piece[piece.len() - keep..]);
        } else {
            self.kept.extend_from_slice(piece);
        }
    }

    /// Ends the open line, whose last bytes are `rest`.
    pub fn end_line(&mut self, rest: &[u8]) -> LineFacts {
        if self.kept.is_empty() {
            return scan(rest);
        }
        self.extend(rest);
        let event = !self.cut || (self.kept.starts_with(HEAD) && self.kept.ends_with(b"}"));
        let facts = match (self.cut, event) {
            (false, _) => scan(&self.kept),
            (true, true) => LineFacts { stage_timestamp: timestamp_near_end(&self.kept) },
            (true, false) => LineFacts { stage_timestamp: None },
        };
        self.kept.clear();
        self.cut = false;
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete","requestReceivedTimestamp":"2026-11-21T08:05:36.370188Z","stageTimestamp":"2026-11-21T08:05:36.377966Z","annotations":{"a":"\"stageTimestamp\":\"1999-01-01T00:00:00.000000Z\""}}"#;

    fn time(line: &[u8]) -> Option<String> {
        scan(line).stage_timestamp.map(|time| time.to_string())
    }

    #[test]
    fn finds_the_top_level_timestamp() {
        assert_eq!(time(LINE.as_bytes()).as_deref(), Some("2026-11-21T08:05:36.377966Z"));
        let nested = LINE.replace(
            r#""requestReceived"#,
            r#""requestObject":{"stageTimestamp":"2001-01-01T00:00:00.000000Z"},"requestReceived"#,
        );
        assert_eq!(time(nested.as_bytes()).as_deref(), Some("2026-11-21T08:05:36.377966Z"));
    }

    #[test]
    fn another_encoder_is_read_too() {
        let other =
            LINE.replace("\":", "\": ").replace(r#"{"kind": "Event","#, r#"{ "kind": "Event" , "#);
        assert!(time(other.as_bytes()).is_some());
    }

    #[test]
    fn whatever_is_no_event_is_malformed() {
        let glued = format!("{}{LINE}", &LINE[..90]);
        let nul = LINE.replace("auditID", "audit\0ID");
        for line in [
            "",
            "{}",
            "x",
            &LINE[1..],
            &LINE[..LINE.len() - 1],
            &glued,
            &nul,
            &LINE.replace("Event", "Pod"),
            &LINE.replace("stageTimestamp\":\"2026", "stageTimestamp\":\"late"),
            &format!("{LINE}{LINE}"),
        ] {
            assert!(!scan(line.as_bytes()).well_formed(), "{line}");
        }
        assert!(!scan(&[0xff, 0xfe, b'{']).well_formed());
    }

    #[test]
    fn pieces_give_the_same_answer_as_the_whole() {
        for cut in 1..LINE.len() {
            let mut scanner = LineScanner::default();
            for piece in LINE.as_bytes()[..LINE.len() - 1].chunks(cut) {
                scanner.extend(piece);
            }
            assert_eq!(scanner.end_line(b"}"), scan(LINE.as_bytes()), "cut {cut}");
        }
    }

    #[test]
    fn a_huge_line_is_judged_in_bounded_memory() {
        let mut scanner = LineScanner::default();
        for round in 0..2 {
            scanner.extend(&LINE.as_bytes()[..100]);
            for _ in 0..500 {
                scanner.extend(&[b'x'; 10_000]);
                assert!(scanner.kept.capacity() <= 2 * WHOLE);
            }
            assert!(scanner.end_line(&LINE.as_bytes()[100..]).well_formed(), "round {round}");
        }
        scanner.extend(&[b'x'; 3 * WHOLE]);
        assert!(!scanner.end_line(&LINE.as_bytes()[100..]).well_formed());
    }
}
