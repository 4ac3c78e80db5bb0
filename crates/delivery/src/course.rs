//! The course of a parcel: what of it is sent next, until the sink has each line or it is set aside.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use crate::answer::{Heard, LineHeard};
use crate::shape::LEAST_EVENT;

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait, where the sink asks for none.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// Answers in a row in which a sink may refuse lines and take none. One that goes on so refuses everything, and the
/// fault isn't theirs: a wrong address, or a wrong template. Answers, and not lines: whoever may write events that a
/// sink won't have could stop the chain with a hundred of them otherwise.
const IN_A_ROW: u64 = 100;
/// How often a line by itself is tried again whose connection ended.
const TRIES: u32 = 3;

/// A part of a parcel that is sent in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The places of its lines in the parcel.
    pub lines: Vec<usize>,
    /// Bytes that an event may have: of a longer one something is left out, and the copy says so.
    pub most: Option<usize>,
}

/// A line that the sink won't have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its place in the parcel; where the sink didn't say which of several it was, the first of them.
    pub line: usize,
    /// How many of the lines from there on it may be one of.
    pub of: usize,
    /// How many of them the sink won't have.
    pub count: u64,
    /// What the sink said.
    pub why: String,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Send this.
    Send(Piece),
    /// Wait so long, and send then; what the sink said.
    Wait(Duration, String),
    /// The sink has each line that isn't set aside.
    Done,
}

/// The course of a parcel. Whatever the sink answers, each line comes to one of two ends: the sink said that it
/// has it, or it is set aside.
#[derive(Debug)]
pub struct ParcelCourse {
    pieces: VecDeque<Piece>,
    aside: Vec<SetAside>,
    /// How long the next wait is, if there is one.
    next_wait: Duration,
    waiting: Option<(Duration, String)>,
    /// How often the connection ended within the line that is tried.
    ended: u32,
    /// Bytes of the events of the parcel.
    sizes: Vec<usize>,
}

impl ParcelCourse {
    /// A parcel whose lines have these bytes.
    #[must_use]
    pub fn new(sizes: Vec<usize>) -> Self {
        let lines: Vec<usize> = (0..sizes.len()).collect();
        let pieces =
            if lines.is_empty() { VecDeque::new() } else { [Piece { lines, most: None }].into() };
        Self { pieces, aside: Vec::new(), next_wait: FIRST_WAIT, waiting: None, ended: 0, sizes }
    }

    /// What is to be done next. A wait is told once.
    pub fn then(&mut self) -> Then {
        if let Some((wait, why)) = self.waiting.take() {
            return Then::Wait(wait, why);
        }
        self.pieces.front().map_or(Then::Done, |piece| Then::Send(piece.clone()))
    }

    /// Whether the next thing to do is to wait.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The lines that were set aside since this was last asked.
    pub fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.aside)
    }

    /// Takes the answer to what was sent last. `row`: in how many answers in a row the sink refused something and
    /// took nothing, whichever chain they were about.
    pub fn heard(&mut self, heard: Heard, row: &mut u64) {
        let Some(piece) = self.pieces.pop_front() else { return };
        if !matches!(heard, Heard::Ended(_)) {
            self.ended = 0;
        }
        match heard {
            Heard::All => self.accepted(row),
            Heard::AllBut(count, why) => self.all_but(piece, count, why, row),
            Heard::Each(each) => self.each(piece, each, row),
            Heard::TooLarge(why) => self.too_large(piece, why, row),
            Heard::Ended(why) => self.ended(piece, why, row),
            Heard::Refused(why) => match piece.lines[..] {
                [line] => self.refused(vec![(line, why)], piece.most, row),
                _ => self.split(&piece),
            },
            Heard::Again(why, wait) => self.again(piece, why, wait),
        }
    }

    fn accepted(&mut self, row: &mut u64) {
        (self.next_wait, *row) = (FIRST_WAIT, 0);
    }

    /// Tried again after what the sink asks for, and not sooner than it would be without.
    fn again(&mut self, piece: Piece, why: String, wait: Option<Duration>) {
        self.waiting = Some((wait.unwrap_or_default().max(self.next_wait), why));
        self.next_wait = (2 * self.next_wait).min(LAST_WAIT);
        self.pieces.push_front(piece);
    }

    fn all_but(&mut self, piece: Piece, count: u64, why: String, row: &mut u64) {
        let sent = piece.lines.len();
        match count.cmp(&(sent as u64)) {
            Ordering::Greater => self.again(piece, format!("of {sent} lines, {why}"), None),
            // It is known which they are, and that it took none.
            Ordering::Equal => {
                let each = piece.lines.into_iter().map(|line| (line, why.clone()));
                self.refused(each.collect(), piece.most, row);
            }
            Ordering::Less => {
                self.accepted(row);
                let line = piece.lines.first().copied().unwrap_or(0);
                self.aside.push(SetAside { line, of: sent, count, why });
            }
        }
    }

    fn each(&mut self, piece: Piece, each: Vec<LineHeard>, row: &mut u64) {
        if each.len() != piece.lines.len() {
            let why = format!("answered for {} lines of {}", each.len(), piece.lines.len());
            return self.again(piece, why, None);
        }
        let took = each.contains(&LineHeard::Done);
        if took {
            self.accepted(row);
        }
        let (mut later, mut refused, mut why_later) = (Vec::new(), Vec::new(), None);
        for (line, heard) in piece.lines.into_iter().zip(each) {
            match heard {
                LineHeard::Done => {}
                LineHeard::Again(why) => {
                    later.push(line);
                    why_later.get_or_insert(why);
                }
                LineHeard::TooLarge(why) => {
                    if !self.cut(line, piece.most) {
                        refused.push((line, why));
                    }
                }
                LineHeard::Refused(why) => refused.push((line, why)),
            }
        }
        if let Some(why) = why_later {
            self.again(Piece { lines: later, most: piece.most }, why, None);
        }
        if took {
            refused.into_iter().for_each(|(line, why)| self.aside(line, why));
        } else if !refused.is_empty() {
            self.refused(refused, piece.most, row);
        }
    }

    /// The halves go one after the other; a line that is too large by itself is cut.
    fn too_large(&mut self, piece: Piece, why: String, row: &mut u64) {
        match piece.lines[..] {
            [line] if self.cut(line, piece.most) => {}
            [line] => self.refused(vec![(line, why)], piece.most, row),
            _ => self.split(&piece),
        }
    }

    /// The connection was made for this piece, and ended within it: as if it were too large, but a receiver that is
    /// being started again does so too, and so a line by itself has several tries.
    fn ended(&mut self, piece: Piece, why: String, row: &mut u64) {
        if piece.lines.len() == 1 && self.ended < TRIES {
            self.ended += 1;
            return self.again(piece, why, None);
        }
        (self.ended, self.next_wait) = (0, FIRST_WAIT);
        self.too_large(piece, why, row);
    }

    /// Sends a line again with less of it; whether there is less.
    fn cut(&mut self, line: usize, most: Option<usize>) -> bool {
        let size = most.unwrap_or(usize::MAX).min(self.sizes.get(line).copied().unwrap_or(0));
        let less = size > LEAST_EVENT;
        if less {
            let most = Some((size / 2).max(LEAST_EVENT));
            self.pieces.push_front(Piece { lines: vec![line], most });
        }
        less
    }

    /// Sets the lines of an answer aside that took none.
    fn refused(&mut self, lines: Vec<(usize, String)>, most: Option<usize>, row: &mut u64) {
        if *row < IN_A_ROW {
            *row += 1;
            return lines.into_iter().for_each(|(line, why)| self.aside(line, why));
        }
        let why = lines.first().map(|(_, why)| format!("refuses everything: {why}"));
        let lines = lines.into_iter().map(|(line, _)| line).collect();
        self.again(Piece { lines, most }, why.unwrap_or_default(), Some(LAST_WAIT));
    }

    fn split(&mut self, piece: &Piece) {
        let (first, second) = piece.lines.split_at(piece.lines.len() / 2);
        for half in [second, first] {
            if !half.is_empty() {
                self.pieces.push_front(Piece { lines: half.to_vec(), most: piece.most });
            }
        }
    }

    fn aside(&mut self, line: usize, why: String) {
        self.aside.push(SetAside { line, of: 1, count: 1, why });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A sink that takes so many bytes in a request, so many of an event, and won't have some lines; now and then
    /// it is busy. Answers for the whole request, or for each line.
    struct Simulated {
        request: usize,
        event: usize,
        bad: Vec<bool>,
        by_line: bool,
        busy: Vec<bool>,
        has: BTreeMap<usize, u64>,
    }

    impl Simulated {
        fn answer(&mut self, piece: &Piece, sizes: &[usize]) -> Heard {
            if self.busy.pop().unwrap_or(false) {
                return Heard::Again("busy".to_owned(), None);
            }
            let size = |line: usize| sizes[line].min(piece.most.unwrap_or(usize::MAX));
            if piece.lines.iter().map(|line| size(*line)).sum::<usize>() > self.request {
                return Heard::TooLarge("request".to_owned());
            }
            let each = piece.lines.iter().map(|line| match () {
                () if self.bad[*line] => LineHeard::Refused("bad".to_owned()),
                () if size(*line) > self.event => LineHeard::TooLarge("event".to_owned()),
                () => LineHeard::Done,
            });
            let each: Vec<_> = each.collect();
            if !self.by_line
                && let Some(other) = each.iter().find(|one| **one != LineHeard::Done)
            {
                return match other {
                    LineHeard::TooLarge(why) => Heard::TooLarge(why.clone()),
                    _ => Heard::Refused("bad".to_owned()),
                };
            }
            for (line, heard) in piece.lines.iter().zip(&each) {
                *self.has.entry(*line).or_default() += u64::from(*heard == LineHeard::Done);
            }
            if self.by_line { Heard::Each(each) } else { Heard::All }
        }
    }

    proptest! {
        /// Each line is at the sink once or set aside once, whatever it takes and says.
        #[test]
        fn each_line_comes_to_one_end(
            lines in prop::collection::vec((1..40_000_usize, prop::bool::weighted(0.1)), 0..60),
            request in 8_000..100_000_usize,
            event in LEAST_EVENT..30_000_usize,
            by_line in any::<bool>(),
            busy in prop::collection::vec(any::<bool>(), 0..20),
        ) {
            let sizes: Vec<usize> = lines.iter().map(|line| line.0).collect();
            let bad: Vec<bool> = lines.iter().map(|line| line.1).collect();
            let mut sink = Simulated { request, event, bad: bad.clone(), by_line, busy, has: BTreeMap::new() };
            let mut course = ParcelCourse::new(sizes.clone());
            let (mut aside, mut requests, mut row) = (Vec::new(), 0, 0);
            loop {
                match course.then() {
                    Then::Done => break,
                    Then::Wait(wait, _) => prop_assert!(wait <= LAST_WAIT),
                    Then::Send(piece) => {
                        requests += 1;
                        prop_assert!(requests < 5_000);
                        let heard = sink.answer(&piece, &sizes);
                        course.heard(heard, &mut row);
                        aside.extend(course.set_aside());
                    }
                }
            }
            for (line, bad) in bad.iter().enumerate() {
                let (has, set) = (sink.has.get(&line).copied().unwrap_or(0), aside.iter().filter(|one| one.line == line).count());
                prop_assert_eq!((has, set), if *bad { (0, 1) } else { (1, 0) }, "line {}", line);
            }
        }
    }

    /// Answers until something is waited for, or nothing is left: the wait, and how many were set aside.
    fn answered(
        course: &mut ParcelCourse,
        row: &mut u64,
        say: impl Fn(&Piece) -> Heard,
    ) -> (Option<(Duration, String)>, u64) {
        let mut aside = 0;
        loop {
            match course.then() {
                Then::Send(piece) => course.heard(say(&piece), row),
                Then::Wait(wait, why) => return (Some((wait, why)), aside),
                Then::Done => return (None, aside),
            }
            aside += course.set_aside().iter().map(|one| one.count).sum::<u64>();
        }
    }

    #[test]
    fn a_sink_that_refuses_everything_is_waited_for() {
        for answer in [Heard::Refused("what?".to_owned()), Heard::TooLarge("what?".to_owned())] {
            let (mut course, mut row) = (ParcelCourse::new(vec![1; 3 * IN_A_ROW as usize]), 0);
            let (waited, aside) = answered(&mut course, &mut row, |_| answer.clone());
            let waited = waited.unwrap();
            assert_eq!((waited.0, aside), (LAST_WAIT, IN_A_ROW));
            assert!(waited.1.starts_with("refuses everything"));
            // Once it takes one, of whichever chain, the others go on.
            assert!(matches!(course.then(), Then::Send(_)));
            course.heard(Heard::All, &mut row);
            assert_eq!(row, 0);
        }
    }

    /// A hundred and one events that a sink won't have, in one request beside one that it has, or by themselves.
    #[test]
    fn a_row_is_of_answers_that_took_nothing() {
        for good in [0, 1] {
            let (mut course, mut row) = (ParcelCourse::new(vec![1; 151]), 0);
            let (waited, aside) = answered(&mut course, &mut row, |piece| {
                let each = piece.lines.iter().map(|line| match *line < good {
                    true => LineHeard::Done,
                    false => LineHeard::Refused("no".to_owned()),
                });
                Heard::Each(each.collect())
            });
            assert_eq!((waited, aside, row), (None, 151 - good as u64, 1 - good as u64));
        }
    }

    #[test]
    fn what_is_rejected_is_no_more_than_was_sent() {
        let course = || (ParcelCourse::new(vec![1; 3]), 0);
        let ((mut some, mut row), (mut all, mut row_all)) = (course(), course());
        for count in [4, u64::MAX] {
            some.heard(Heard::AllBut(count, "rejected".to_owned()), &mut row);
            assert!(matches!(some.then(), Then::Wait(..)) && some.set_aside().is_empty());
        }
        some.heard(Heard::AllBut(2, "rejected".to_owned()), &mut row);
        assert_eq!((some.set_aside()[0].of, some.then(), row), (3, Then::Done, 0));
        all.heard(Heard::AllBut(3, "rejected".to_owned()), &mut row_all);
        let aside: Vec<_> = all.set_aside().iter().map(|one| (one.line, one.of)).collect();
        assert_eq!((aside, all.then(), row_all), (vec![(0, 1), (1, 1), (2, 1)], Then::Done, 1));
    }

    /// A receiver ends each connection that brings line 5.
    #[test]
    fn a_line_that_ends_the_connection_is_set_aside() {
        let (mut course, mut row, mut has, mut aside) =
            (ParcelCourse::new(vec![1; 9]), 0, Vec::new(), Vec::new());
        loop {
            match course.then() {
                Then::Done => break,
                Then::Wait(wait, _) => assert!(wait <= Duration::from_secs(1)),
                Then::Send(piece) if piece.lines.contains(&5) => {
                    course.heard(Heard::Ended("it ended".to_owned()), &mut row);
                }
                Then::Send(piece) => {
                    has.extend(piece.lines);
                    course.heard(Heard::All, &mut row);
                }
            }
            aside.extend(course.set_aside().iter().map(|one| one.line));
        }
        assert_eq!((has, aside), (vec![0, 1, 2, 3, 4, 6, 7, 8], vec![5]));
    }

    #[test]
    fn waits_grow_and_end_with_success() {
        let (mut course, mut row) = (ParcelCourse::new(vec![1]), 0);
        let mut waits = Vec::new();
        for at in 0..10 {
            // Whoever says at once is asked no sooner for it.
            let asked = [None, Some(Duration::ZERO)][at % 2];
            course.heard(Heard::Again("no".to_owned(), asked), &mut row);
            let Then::Wait(wait, _) = course.then() else { panic!("no wait") };
            waits.push(wait);
        }
        assert_eq!((waits[0], waits[1], waits[9]), (FIRST_WAIT, 2 * FIRST_WAIT, LAST_WAIT));
        course.heard(Heard::All, &mut row);
        assert_eq!(course.then(), Then::Done);
    }
}
