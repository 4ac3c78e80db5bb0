//! What a sink's answer means, whatever its protocol.

use std::time::Duration;

/// What a sink said of the lines of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It has them all.
    All,
    /// Of each line by itself, in the order of the request.
    Each(Vec<LineHeard>),
    /// It has all but so many, and doesn't say which: asked again, it would have the others twice.
    AllBut(u64, String),
    /// The request is larger than it takes.
    TooLarge(String),
    /// The connection was made for this request, and ended within it: nobody knows how much of it was taken.
    Ended(String),
    /// It won't have this request, however often it is asked: something in it is at fault.
    Refused(String),
    /// Not now, and not for the lines' sake; when to ask again, where it says so.
    Again(String, Option<Duration>),
}

impl Heard {
    /// How many of these lines, of those that were sent, the sink has.
    #[must_use]
    pub fn has(&self, these: &[usize], sent: &[usize]) -> u64 {
        let done = |each: &[LineHeard], line: &usize| {
            let at = sent.iter().position(|one| one == line);
            at.and_then(|at| each.get(at)) == Some(&LineHeard::Done)
        };
        match self {
            Self::All => these.len() as u64,
            // It didn't say which it hasn't.
            Self::AllBut(count, _) => {
                (these.len() as u64).min((sent.len() as u64).saturating_sub(*count))
            }
            Self::Each(each) => these.iter().filter(|line| done(each, line)).count() as u64,
            _ => 0,
        }
    }

    /// Whether it holds words of the sink's.
    #[must_use]
    pub fn has_words(&self) -> bool {
        match self {
            Self::All => false,
            Self::Each(each) => each.iter().any(|heard| *heard != LineHeard::Done),
            _ => true,
        }
    }

    /// The same, with nothing of what the sink said: it quoted what must not be written down.
    #[must_use]
    pub fn untold(self) -> Self {
        let untold = |why: String| {
            let status = why.split(':').next().unwrap_or_default();
            format!("{status}: quotes credentials, and so isn't told")
        };
        match self {
            Self::All => Self::All,
            Self::Each(each) => Self::Each(
                each.into_iter()
                    .map(|heard| match heard {
                        LineHeard::Done => LineHeard::Done,
                        LineHeard::Again(why) => LineHeard::Again(untold(why)),
                        LineHeard::TooLarge(why) => LineHeard::TooLarge(untold(why)),
                        LineHeard::Refused(why) => LineHeard::Refused(untold(why)),
                    })
                    .collect(),
            ),
            Self::AllBut(count, why) => Self::AllBut(count, untold(why)),
            Self::TooLarge(why) => Self::TooLarge(untold(why)),
            Self::Ended(why) => Self::Ended(untold(why)),
            Self::Refused(why) => Self::Refused(untold(why)),
            Self::Again(why, wait) => Self::Again(untold(why), wait),
        }
    }
}

/// What it said of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineHeard {
    /// It has it.
    Done,
    /// Not now.
    Again(String),
    /// It is larger than it takes.
    TooLarge(String),
    /// It won't have it, however often it is asked.
    Refused(String),
}

/// The longest wait that a sink may ask for: whoever says a day has made a mistake.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Characters of an answer that are told.
const TOLD: usize = 300;

/// What a status of HTTP means by itself; `None` where the body says more.
#[must_use]
pub fn of_status(status: u16, wait: Option<Duration>, body: &[u8]) -> Option<Heard> {
    let why = || format!("answered {status}: {}", told(body));
    match status {
        200..=299 => None,
        413 => Some(Heard::TooLarge(why())),
        400 | 422 => Some(Heard::Refused(why())),
        // 401, 403, 404 and the like are about who asks whom, and not about an event.
        _ => Some(Heard::Again(why(), wait.map(|wait| wait.min(LONGEST_WAIT)))),
    }
}

/// The beginning of what a sink said, fit for one line of a log.
pub(crate) fn told(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * TOLD).unwrap_or(body));
    let text: String = text.chars().take(TOLD).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "nothing more".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_of_the_request_is_one() {
        let heard = |status| of_status(status, None, b"no\r\n\x1b[0m");
        assert_eq!(heard(204), None);
        assert!(matches!(heard(413), Some(Heard::TooLarge(_))));
        for status in [400, 422] {
            let expected = format!("answered {status}: no [0m");
            assert_eq!(heard(status), Some(Heard::Refused(expected)));
        }
        for status in [301, 401, 403, 404, 405, 407, 408, 415, 429, 500, 502, 503, 504] {
            assert!(matches!(heard(status), Some(Heard::Again(_, None))), "{status}");
        }
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(
            of_status(429, day, b""),
            Some(Heard::Again("answered 429: nothing more".into(), Some(LONGEST_WAIT)))
        );
    }

    #[test]
    fn what_was_cut_and_taken_is_counted() {
        let refused = LineHeard::Refused("answered 400: pw".to_owned());
        let each = Heard::Each(vec![LineHeard::Done, refused, LineHeard::Done]);
        assert!(each.has_words() && !Heard::Each(vec![LineHeard::Done; 2]).has_words());
        assert_eq!((each.has(&[4, 5], &[3, 4, 5]), Heard::All.has(&[4], &[3, 4])), (1, 1));
        assert_eq!(Heard::TooLarge(String::new()).has(&[3], &[3]), 0);
        let Heard::Each(untold) = each.untold() else { panic!("another kind") };
        let why = "answered 400: quotes credentials, and so isn't told";
        assert_eq!(untold[..2], [LineHeard::Done, LineHeard::Refused(why.to_owned())]);
    }

    /// Ten times what is told.
    #[test]
    fn an_answer_is_told_in_part() {
        assert_eq!(told(&[b'x'; 10 * TOLD]).len(), TOLD);
    }
}
