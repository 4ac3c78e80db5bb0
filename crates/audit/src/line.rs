//! What a log's lines say of themselves.

use crate::certain::TimeFinder;
use crate::{Time, TimeField};

/// How kube-apiserver's encoder begins every event.
const HEAD: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v"#;

/// What a line says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineFacts {
    /// Its certain time.
    pub time: Option<Time>,
    /// Whether it begins as an audit event does.
    begins_as_event: bool,
}

impl LineFacts {
    /// Whether it is an audit event, by a quick look: it begins as one and has a certain time.
    #[must_use]
    pub fn well_formed(self) -> bool {
        self.begins_as_event && self.time.is_some()
    }
}

/// Looks at a whole line of an audit log, without its newline.
#[must_use]
pub fn scan(line: &[u8]) -> LineFacts {
    LineScanner::new(TimeField::Audit).end_line(line)
}

/// Looks at lines that come in pieces, in constant memory.
#[derive(Debug, Clone)]
pub struct LineScanner {
    times: TimeFinder,
    beginning: Beginning,
}

impl LineScanner {
    /// A scanner before its first line.
    #[must_use]
    pub fn new(field: TimeField) -> Self {
        Self { times: TimeFinder::new(field), beginning: Beginning::default() }
    }

    /// Takes the next bytes of the open line (no newline among them).
    pub fn extend(&mut self, piece: &[u8]) {
        self.beginning.take(piece);
        self.times.take(piece);
    }

    /// Ends the open line, whose last bytes are `rest`.
    pub fn end_line(&mut self, rest: &[u8]) -> LineFacts {
        self.extend(rest);
        let begins_as_event = std::mem::take(&mut self.beginning).is_events();
        LineFacts { time: self.times.end(), begins_as_event }
    }
}

/// How far the line is [`HEAD`], white space apart.
#[derive(Debug, Clone, Copy, Default)]
struct Beginning {
    matched: usize,
    other: bool,
}

impl Beginning {
    fn take(&mut self, piece: &[u8]) {
        if self.matched == 0 && piece.starts_with(HEAD) {
            self.matched = HEAD.len();
        }
        for byte in piece.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            if self.other || self.is_events() {
                return;
            }
            self.other = HEAD[self.matched] != *byte;
            self.matched += 1;
        }
    }

    fn is_events(self) -> bool {
        !self.other && self.matched == HEAD.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete","requestReceivedTimestamp":"2026-11-21T08:05:36.370188Z","stageTimestamp":"2026-11-21T08:05:36.377966Z","annotations":{"a":"\"stageTimestamp\":\"1999-01-01T00:00:00.000000Z\""}}"#;

    fn time(line: &[u8]) -> Option<String> {
        scan(line).time.map(|time| time.to_string())
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
        assert!(scan(other.as_bytes()).well_formed(), "{other}");
    }

    #[test]
    fn whatever_is_no_event_is_malformed() {
        let glued = format!("{}{LINE}", &LINE[..90]);
        for line in [
            "",
            "{}",
            "x",
            &LINE[1..],
            &LINE[..LINE.len() - 1],
            &glued,
            &LINE.replace("Event", "Pod"),
            &LINE.replace("\"Event\"", "\"Events\""),
            &LINE.replace("stageTimestamp\":\"2026", "stageTimestamp\":\"late"),
            &format!("{LINE}{LINE}"),
        ] {
            assert!(!scan(line.as_bytes()).well_formed(), "{line}");
        }
        assert!(!scan(&[0xff, 0xfe, b'{']).well_formed());
    }

    #[test]
    fn pieces_give_the_same_answer_as_the_whole() {
        let spaced = LINE.replace(":\"Event\"", " : \"Event\"\t");
        for line in
            [LINE, &spaced, &LINE.replace("Event", "Pod"), &LINE.replace("stageT", "staget")]
        {
            let mut scanner = LineScanner::new(TimeField::Audit);
            for cut in 1..line.len() {
                for piece in line.as_bytes()[..line.len() - 1].chunks(cut) {
                    scanner.extend(piece);
                }
                assert_eq!(scanner.end_line(b"}"), scan(line.as_bytes()), "cut {cut}");
            }
        }
    }

    #[test]
    fn a_huge_line_is_as_good_as_any() {
        let mut scanner = LineScanner::new(TimeField::Audit);
        let (begin, end) = LINE.as_bytes().split_at(LINE.find("\"auditID\"").unwrap());
        for inner in [&b"x"[..], br#"\"stageTimestamp\":\"1999-01-01T00:00:00.000000Z\""#] {
            scanner.extend(begin);
            scanner.extend(b"\"huge\":\"");
            for _ in 0..300_000 {
                scanner.extend(inner);
            }
            scanner.extend(b"\",");
            let facts = scanner.end_line(end);
            assert!(facts.well_formed());
            assert_eq!(facts.time, scan(LINE.as_bytes()).time);
        }
        scanner.extend(&[b'x'; 3 << 20]);
        assert!(!scanner.end_line(end).well_formed());
    }
}
