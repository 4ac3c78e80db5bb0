//! The course of a parcel: what of it is sent next, until the sink has each line or it is set aside.

use std::collections::VecDeque;
use std::time::Duration;

use crate::answer::{Heard, LineHeard};
use crate::shape::LEAST_EVENT;

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait, where the sink asks for none.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// Lines that a sink may refuse in a row, without having had any in between. One that refuses more refuses
/// everything, and the fault isn't theirs: a wrong address, or a wrong template.
const IN_A_ROW: u64 = 100;

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
    /// Lines refused since the sink last had one.
    row: u64,
    /// Bytes of the events of the parcel.
    sizes: Vec<usize>,
}

impl ParcelCourse {
    /// A parcel whose lines have these bytes. `row`: lines that the sink refused in a row before.
    #[must_use]
    pub fn new(sizes: Vec<usize>, row: u64) -> Self {
        let lines: Vec<usize> = (0..sizes.len()).collect();
        let pieces =
            if lines.is_empty() { VecDeque::new() } else { [Piece { lines, most: None }].into() };
        Self { pieces, aside: Vec::new(), next_wait: FIRST_WAIT, waiting: None, row, sizes }
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

    /// Lines that were refused in a row.
    #[must_use]
    pub fn row(&self) -> u64 {
        self.row
    }

    /// The lines that were set aside since this was last asked.
    pub fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.aside)
    }

    /// Takes the answer to what was sent last.
    pub fn heard(&mut self, heard: Heard) {
        let Some(piece) = self.pieces.pop_front() else { return };
        match heard {
            Heard::All => self.accepted(),
            Heard::AllBut(count, why) => {
                self.accepted();
                let line = piece.lines.first().copied().unwrap_or(0);
                self.aside.push(SetAside { line, of: piece.lines.len(), count, why });
            }
            Heard::Each(each) => self.each(piece, each),
            Heard::TooLarge(why) => self.too_large(piece, why),
            Heard::Refused(why) => self.refused(piece, why),
            Heard::Again(why, wait) => self.again(piece, why, wait),
        }
    }

    fn accepted(&mut self) {
        (self.next_wait, self.row) = (FIRST_WAIT, 0);
    }

    fn again(&mut self, piece: Piece, why: String, wait: Option<Duration>) {
        self.waiting = Some((wait.unwrap_or(self.next_wait), why));
        self.next_wait = (2 * self.next_wait).min(LAST_WAIT);
        self.pieces.push_front(piece);
    }

    fn each(&mut self, piece: Piece, each: Vec<LineHeard>) {
        if each.len() != piece.lines.len() {
            let why = format!("answered for {} lines of {}", each.len(), piece.lines.len());
            return self.again(piece, why, None);
        }
        let some_done = each.contains(&LineHeard::Done);
        if some_done {
            self.accepted();
        }
        let (mut later, mut single, mut why_later) = (Vec::new(), Vec::new(), None);
        for (line, heard) in piece.lines.into_iter().zip(each) {
            let alone = |why| (Piece { lines: vec![line], most: piece.most }, why);
            match heard {
                LineHeard::Done => {}
                LineHeard::Again(why) => {
                    later.push(line);
                    why_later.get_or_insert(why);
                }
                LineHeard::TooLarge(why) => single.push((alone(why), true)),
                LineHeard::Refused(why) => single.push((alone(why), false)),
            }
        }
        if let Some(why) = why_later {
            self.again(Piece { lines: later, most: piece.most }, why, None);
        }
        for ((piece, why), large) in single {
            if large { self.too_large(piece, why) } else { self.refused(piece, why) }
        }
    }

    /// The halves go one after the other; a line that is too large by itself is cut.
    fn too_large(&mut self, piece: Piece, why: String) {
        let [line] = piece.lines[..] else { return self.split(&piece) };
        let size = piece.most.unwrap_or(usize::MAX).min(self.sizes.get(line).copied().unwrap_or(0));
        if size <= LEAST_EVENT {
            return self.aside(line, why);
        }
        let most = Some((size / 2).max(LEAST_EVENT));
        self.pieces.push_front(Piece { most, ..piece });
    }

    fn refused(&mut self, piece: Piece, why: String) {
        match piece.lines[..] {
            [line] if self.row < IN_A_ROW => {
                self.row += 1;
                self.aside(line, why);
            }
            [_] => self.again(piece, format!("refuses everything: {why}"), Some(LAST_WAIT)),
            _ => self.split(&piece),
        }
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
            let mut course = ParcelCourse::new(sizes.clone(), 0);
            let (mut aside, mut requests) = (Vec::new(), 0);
            loop {
                match course.then() {
                    Then::Done => break,
                    Then::Wait(wait, _) => prop_assert!(wait <= LAST_WAIT),
                    Then::Send(piece) => {
                        requests += 1;
                        prop_assert!(requests < 5_000);
                        let heard = sink.answer(&piece, &sizes);
                        course.heard(heard);
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

    #[test]
    fn a_sink_that_refuses_everything_is_waited_for() {
        let mut course = ParcelCourse::new(vec![1; 3 * IN_A_ROW as usize], 0);
        let mut aside = 0;
        let waited = loop {
            match course.then() {
                Then::Send(_) => course.heard(Heard::Refused("what?".to_owned())),
                Then::Wait(wait, why) => break (wait, why),
                Then::Done => panic!("nothing was taken"),
            }
            aside += course.set_aside().len() as u64;
        };
        assert_eq!((waited.0, aside), (LAST_WAIT, IN_A_ROW));
        assert!(waited.1.starts_with("refuses everything"));
        // Once it takes one, the others go on.
        assert!(matches!(course.then(), Then::Send(_)));
        course.heard(Heard::All);
        assert_eq!(course.row(), 0);
    }

    #[test]
    fn waits_grow_and_end_with_success() {
        let mut course = ParcelCourse::new(vec![1], 0);
        let mut waits = Vec::new();
        for _ in 0..10 {
            course.heard(Heard::Again("no".to_owned(), None));
            let Then::Wait(wait, _) = course.then() else { panic!("no wait") };
            waits.push(wait);
        }
        assert_eq!((waits[0], waits[1], waits[9]), (FIRST_WAIT, 2 * FIRST_WAIT, LAST_WAIT));
        course.heard(Heard::AllBut(1, "one of them".to_owned()));
        assert_eq!((course.then(), course.set_aside().len()), (Then::Done, 1));
    }
}
