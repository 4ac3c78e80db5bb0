//! What is wrong is said once, then counted: time goes in, what to say comes out.
//!
//! A directory stands where the live file should be. The source is looked at five times a second,
//! and each look meets the same problem: five lines a second, for as long as nobody mends it, push
//! everything else out of the log. So the first look says it in full, the others count, a line every
//! ten minutes says that it is still so, and one line says when it is over.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use auditseal_format::Origin;
use tracing::{info, warn};

use crate::clock::seconds;

/// Problems that are told apart at one time. Others that stand beside them are counted together.
const TOLD_APART: usize = 16;
/// New problems that are said within [`REPEAT`]: what comes and goes all the time, or has a new
/// number in its text each time, must not fill the log either.
const NEW: usize = 32;
/// A problem that stays is said again after so long, nanoseconds.
const REPEAT: u64 = 600_000_000_000;
/// A problem that wasn't met for so long is over, nanoseconds: not each look tries each file.
const GONE: u64 = 15_000_000_000;

/// Problems of one kind of work, at one chain.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    standing: BTreeMap<String, Standing>,
    /// Of the others, by the last count.
    others: Others,
    /// Since when new problems are counted, and how many were said.
    new: (u64, usize),
}

/// A problem that was said and isn't over.
#[derive(Debug)]
struct Standing {
    since: u64,
    met: u64,
    /// When it was met last.
    last: u64,
    /// When it was said last.
    said: u64,
}

/// Problems beyond those that are told apart.
#[derive(Debug, Default)]
struct Others {
    /// When they were said last.
    said: Option<u64>,
    /// When there were any.
    last: u64,
    /// They were said, and are not over.
    standing: bool,
}

/// How often and for how long something was so: nothing when it is said for the first time, else
/// "(12 times in 10 min)" with a blank before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    times: u64,
    nanos: u64,
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            0 | 1 => Ok(()),
            times => write!(f, " ({times} times in {})", span(self.nanos)),
        }
    }
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// This is wrong.
    Wrong(String),
    /// This was wrong, and isn't any more.
    Over(String),
}

/// The complaints of one chain, by what was tried.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Of what the looks met at the source.
    pub(crate) looks: Complaints,
    /// Of uploads that failed, by cause.
    pub(crate) uploads: Complaints,
    /// Of the spool's disk, which takes no object.
    pub(crate) commits: Complaints,
    /// Of the spool's disk, which lets go of none.
    pub(crate) discards: Complaints,
    /// Of uploads that don't keep up.
    pub(crate) full: Complaints,
    /// Of stored versions that aren't locked as demanded.
    pub(crate) locks: Complaints,
    /// Of events that no seal holds.
    pub(crate) counts: Complaints,
}

/// Says them, each with the chain that it is about.
pub(crate) fn say(origin: &Origin, lines: Vec<Line>) {
    for line in lines {
        match line {
            Line::Wrong(text) => warn!(%origin, "{text}"),
            Line::Over(text) => info!(%origin, "{text}"),
        }
    }
}

impl Complaints {
    /// One was met at `now` (nanoseconds of a clock that never goes back): whether to say so, and
    /// since when and how often it was met. `what` names what was tried, at what, and why it failed.
    pub(crate) fn met(&mut self, what: &str, now: u64) -> Option<Course> {
        if let Some(standing) = self.standing.get_mut(what) {
            standing.met += 1;
            standing.last = now;
            let due = now.saturating_sub(standing.said) >= REPEAT;
            return due.then(|| {
                standing.said = now;
                standing.course()
            });
        }
        if now.saturating_sub(self.new.0) >= REPEAT {
            self.new = (now, 0);
        }
        if self.standing.len() >= TOLD_APART || self.new.1 >= NEW {
            return None;
        }
        self.new.1 += 1;
        let standing = Standing { since: now, met: 1, last: now, said: now };
        let course = standing.course();
        self.standing.insert(what.to_owned(), standing);
        Some(course)
    }

    /// Everything that one look met, and so everything that stands now as far as it was tried.
    pub(crate) fn looked(&mut self, met: &[String], now: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut others = 0;
        for what in met {
            match self.met(what, now) {
                Some(course) => lines.push(Line::Wrong(format!("{what}{course}"))),
                None if self.standing.contains_key(what) => {}
                None => others += 1,
            }
        }
        lines.extend(self.others(others, now));
        lines.extend(self.settle(|standing| now.saturating_sub(standing.last) >= GONE, now));
        lines
    }

    /// It worked: nothing stands any more.
    pub(crate) fn over(&mut self, now: u64) -> Vec<Line> {
        self.settle(|_| true, now)
    }

    fn settle(&mut self, over: impl Fn(&Standing) -> bool, now: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        self.standing.retain(|what, standing| {
            let over = over(standing);
            if over {
                let (times, after) = (standing.met, span(now.saturating_sub(standing.since)));
                let said = format!("no longer: {what} (met {times} times, over after {after})");
                lines.push(Line::Over(said));
            }
            !over
        });
        lines
    }

    fn others(&mut self, count: u64, now: u64) -> Option<Line> {
        let others = &mut self.others;
        if count > 0 {
            others.last = now;
            let due = others.said.is_none_or(|said| now.saturating_sub(said) >= REPEAT);
            return due.then(|| {
                (others.said, others.standing) = (Some(now), true);
                Line::Wrong(format!(
                    "{count} more problems of this kind; they are counted, not said"
                ))
            });
        }
        let over = others.standing && now.saturating_sub(others.last) >= GONE;
        over.then(|| {
            others.standing = false;
            Line::Over("no longer: more problems than are said one by one".to_owned())
        })
    }
}

impl Standing {
    fn course(&self) -> Course {
        Course { times: self.met, nanos: self.last.saturating_sub(self.since) }
    }
}

/// "42 s", "10 min", "3 h".
fn span(nanos: u64) -> String {
    match Duration::from_nanos(nanos).as_secs() {
        0..120 => format!("{:.0} s", seconds(nanos)),
        whole @ 120..7200 => format!("{} min", whole / 60),
        whole => format!("{} h", whole / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const MINUTE: u64 = 60 * SECOND;

    fn wrong(text: &str) -> Line {
        Line::Wrong(text.to_owned())
    }

    fn over(text: &str) -> Line {
        Line::Over(text.to_owned())
    }

    fn named(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("open source file {n:05}: denied")).collect()
    }

    #[test]
    fn a_problem_is_said_once_counted_repeated_and_said_to_be_over() {
        let (mut complaints, what) =
            (Complaints::default(), ["read source file a: EIO".to_owned()]);
        let mut said = Vec::new();
        // Five looks a second for 21 minutes, then it is mended.
        for look in 0..21 * 60 * 5 {
            let now = look * SECOND / 5;
            said.extend(complaints.looked(&what, now).into_iter().map(|line| (now, line)));
        }
        assert_eq!(
            said,
            [
                (0, wrong("read source file a: EIO")),
                (10 * MINUTE, wrong("read source file a: EIO (3001 times in 10 min)")),
                (20 * MINUTE, wrong("read source file a: EIO (6001 times in 20 min)")),
            ]
        );
        let now = 21 * MINUTE;
        assert_eq!(complaints.looked(&[], now), [], "not each look tries each file");
        assert_eq!(
            complaints.looked(&[], now + GONE),
            [over("no longer: read source file a: EIO (met 6300 times, over after 21 min)")]
        );
        assert_eq!(complaints.looked(&[], now + 2 * GONE), []);
        // It may come again, and is new then.
        assert_eq!(complaints.looked(&what, now + 3 * GONE), [wrong(&what[0])]);
    }

    #[test]
    fn what_is_tried_and_what_is_answered_tell_problems_apart() {
        let mut complaints = Complaints::default();
        let one =
            ["open source file a: denied".to_owned(), "open source file b: denied".to_owned()];
        assert_eq!(complaints.looked(&one, 0).len(), 2);
        let two = ["read source file a: EIO".to_owned(), one[1].clone()];
        assert_eq!(complaints.looked(&two, SECOND), [wrong(&two[0])]);
    }

    #[test]
    fn ten_thousand_problems_at_once_are_a_few_lines_and_little_memory() {
        for count in [TOLD_APART, TOLD_APART + 1, 10 * TOLD_APART, 10_000] {
            let (mut complaints, met) = (Complaints::default(), named(count));
            let first = complaints.looked(&met, 0);
            let others = count - TOLD_APART;
            assert_eq!(first.len(), TOLD_APART + usize::from(others > 0), "{count}");
            assert_eq!(first[0], wrong(&met[0]));
            if others > 0 {
                let text =
                    format!("{others} more problems of this kind; they are counted, not said");
                assert_eq!(first[TOLD_APART], wrong(&text));
            }
            for second in (1..600).step_by(20) {
                assert_eq!(complaints.looked(&met, second * SECOND), [], "{count}, {second} s");
            }
            assert_eq!(complaints.looked(&met, REPEAT).len(), first.len(), "{count}");
            assert_eq!(complaints.standing.len(), TOLD_APART);
            let last = complaints.looked(&[], REPEAT + GONE);
            assert_eq!(last.len(), first.len());
            assert!(last.iter().all(|line| matches!(line, Line::Over(_))), "{last:?}");
            assert!(complaints.standing.is_empty());
        }
    }

    #[test]
    fn the_next_is_named_when_one_is_mended() {
        let (mut complaints, met) = (Complaints::default(), named(TOLD_APART + 2));
        complaints.looked(&met, 0);
        assert_eq!(complaints.looked(&met[1..], GONE).len(), 1, "the first is over");
        assert_eq!(complaints.looked(&met[1..], GONE + 1), [wrong(&met[TOLD_APART])]);
    }

    /// A text with a number that is another each time, or problems that come and go.
    #[test]
    fn what_never_repeats_does_not_fill_the_log() {
        let mut complaints = Complaints::default();
        let mut lines = 0;
        for look in 0..3600 {
            let what = [format!("read source file a at {look}: EIO")];
            lines += complaints.looked(&what, look * SECOND).len();
        }
        let bound = 6 * (2 * NEW + TOLD_APART + 2);
        assert!(lines > 2 * NEW && lines <= bound, "{lines} lines in an hour");
        assert!(complaints.standing.len() <= TOLD_APART);
    }

    #[test]
    fn attempts_are_said_by_their_cause_until_one_works() {
        let mut complaints = Complaints::default();
        assert_eq!(
            complaints.met("timeout", 0).map(|course| course.to_string()),
            Some(String::new())
        );
        assert_eq!(complaints.met("timeout", 30 * SECOND), None);
        assert!(complaints.met("denied", 60 * SECOND).is_some(), "another cause is news");
        let again = complaints.met("timeout", REPEAT).map(|course| course.to_string());
        assert_eq!(again.as_deref(), Some(" (3 times in 10 min)"));
        let said = complaints.over(REPEAT + SECOND);
        assert_eq!(
            said,
            [
                over("no longer: denied (met 1 times, over after 9 min)"),
                over("no longer: timeout (met 3 times, over after 10 min)"),
            ]
        );
        assert_eq!(complaints.over(2 * REPEAT), []);
    }

    #[test]
    fn spans_are_for_people() {
        let shown = [5, 119, 120, 7199, 7200].map(|seconds| span(seconds * SECOND));
        assert_eq!(shown, ["5 s", "119 s", "2 min", "119 min", "2 h"]);
    }
}
