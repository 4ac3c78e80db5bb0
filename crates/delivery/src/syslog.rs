//! Messages of syslog (RFC 5424), each with its length before it (RFC 6587, RFC 5425).

use auditseal_format::Hash;

use crate::document::unlike;
use crate::loki::{Copied, copy};
use crate::parcel::{Parcel, ParcelLine};
use crate::shape::Shape;

/// Facility 13, *log audit*, and severity 6, *informational*.
const PRIORITY: u8 = 13 * 8 + 6;
/// Characters of the longest MSGID.
const MSGID: usize = 32;
/// Characters of the longest HOSTNAME.
const HOSTNAME: usize = 255;

/// These lines as frames, and which of them were cut.
#[must_use]
pub fn syslog(parcel: &Parcel, lines: &[usize], shape: &Shape) -> (Vec<u8>, Vec<usize>) {
    let (mut frames, mut cut) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().filter_map(|at| Some((*at, parcel.lines.get(*at)?))) {
        let head = head(line, unlike(parcel.bytes(line)));
        // The frame is what a receiver measures: the text after it was converted, with what stands before it.
        let most = shape.most.map(|most| most.saturating_sub(head.len()));
        let Copied { text, cut: was_cut, .. } =
            copy(parcel, line, &Shape { most, ..shape.clone() });
        cut.extend(was_cut.then_some(at));
        let message = format!("{head}{text}");
        frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
        frames.extend_from_slice(message.as_bytes());
    }
    (frames, cut)
}

/// What stands before the text; of a line that isn't UTF-8 its hash, too. The number behind `@` is the one that RFC 5612 gives to whoever has none.
fn head(line: &ParcelLine, unlike: Option<Hash>) -> String {
    let of = &line.of;
    let host: String = of.origin.node().chars().take(HOSTNAME).collect();
    let id: String = of.origin.source().chars().take(MSGID).collect();
    let unlike = unlike.map_or(String::new(), |hash| format!(" hash=\"{hash}\""));
    // An origin has no character that would have to be escaped.
    format!(
        "<{PRIORITY}>1 {} {host} auditseal - {id} [auditseal@32473 origin=\"{}\" seq=\"{}\" line=\"{}\" seal=\"{}\"{unlike}] ",
        line.when(),
        of.origin,
        of.seal.seq,
        line.number,
        of.seal.hash,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loki::tests::parcel;

    #[test]
    fn frames_tell_their_length() {
        let (frames, _) = syslog(&parcel(&["{\"a\":1}", "é"]), &[0, 1], &Shape::default());
        let mut rest = std::str::from_utf8(&frames).unwrap();
        let mut messages = Vec::new();
        while let Some((length, behind)) = rest.split_once(' ') {
            let (message, behind) = behind.split_at(length.parse().unwrap());
            messages.push(message);
            rest = behind;
        }
        assert_eq!(messages.len(), 2);
        assert!(messages[0].starts_with("<110>1 2026-09-21T14:13:20.000000Z n auditseal - s [auditseal@32473 origin=\"c/n/s\" seq=\"7\" line=\"1\" seal=\""), "{}", messages[0]);
        assert!(messages[0].ends_with("\"] {\"a\":1}") && messages[1].ends_with("\"] é"));
    }

    /// Bytes that are no UTF-8 take three times their room, escapes six times theirs.
    #[test]
    fn a_frame_is_no_longer_than_asked_for() {
        let texts: [&[u8]; 4] = [&[0xff; 30_000], &[1; 59_990], &[b'x'; 60_000], b"{\"a\":1}"];
        for most in [4096, 60_000] {
            for text in texts {
                let mut parcel = parcel(&["x"]);
                (parcel.text, parcel.lines[0].at) = (text.to_vec(), 0..text.len());
                let shape = Shape { most: Some(most), ..Shape::default() };
                let (frame, cut) = syslog(&parcel, &[0], &shape);
                let begin = 1 + frame.iter().position(|byte| *byte == b' ').unwrap();
                assert!(frame.len() - begin <= most, "{} of {most}", frame.len());
                assert_eq!(cut.len(), usize::from(text.len() > 100));
            }
        }
    }
}
