//! Texts of batches into parcels: each line once, in order, as far as it is asked for.

use std::sync::Arc;

use auditseal_audit::TimeFinder;
use auditseal_format::{Date, Time, TimeField};
use auditseal_predicate::{Event, Predicate, Truth};

use crate::parcel::{Parcel, ParcelLine, Provenance};
use crate::position::Position;

/// A line of more bytes isn't held, and so is set aside. kube-apiserver takes requests of 3 MiB.
pub const LONGEST: usize = 64 << 20;

/// How much a parcel holds: it is handed on once it has as much.
#[derive(Debug, Clone, Copy)]
pub struct ParcelLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Lines.
    pub lines: usize,
}

/// Which lines are handed over.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those of which this isn't false.
    predicate: Option<Predicate>,
    /// Those that happened from this time on, or of which that isn't known.
    since: Option<Time>,
}

impl Selection {
    /// What is asked for.
    #[must_use]
    pub fn new(predicate: Option<Predicate>, since: Option<Time>) -> Self {
        Self { predicate, since }
    }

    /// Whether a line is handed over. What can't be told is: unknown is never no.
    #[must_use]
    pub fn has(&self, line: &[u8], time: Option<Time>, field: TimeField) -> bool {
        if self.since.zip(time).is_some_and(|(since, time)| time < since) {
            return false;
        }
        let Some(predicate) = &self.predicate else { return true };
        // What a match has to have in it can't stand in for this: a line without it may be none that can be told.
        Event::parse(line)
            .map_or(true, |event| predicate.eval(&event.timed_by(field)) != Truth::False)
    }
}

/// The seal whose text is being taken.
#[derive(Debug)]
struct Under {
    of: Arc<Provenance>,
    /// The date in its key.
    date: Date,
    field: TimeField,
    finder: TimeFinder,
    /// Lines that were handed over before.
    skip: u64,
    /// The number of the line that is open.
    number: u64,
    /// The open line is too long, and passed over.
    passing: bool,
}

/// Makes parcels of a chain's batches.
#[derive(Debug)]
pub struct Loading {
    limits: ParcelLimits,
    selection: Selection,
    longest: usize,
    under: Option<Under>,
    /// The beginning of a line whose end hasn't come.
    open: Vec<u8>,
    text: Vec<u8>,
    lines: Vec<ParcelLine>,
    too_long: Vec<(Arc<Provenance>, u64)>,
    /// What is reached with what is loaded, and when its last seal was made.
    end: Option<(Position, Time)>,
    /// Lines that weren't asked for.
    passed: u64,
}

impl Loading {
    /// Nothing is loaded.
    #[must_use]
    pub fn new(limits: ParcelLimits, selection: Selection) -> Self {
        Self {
            limits,
            selection,
            longest: LONGEST,
            under: None,
            open: Vec::new(),
            text: Vec::new(),
            lines: Vec::new(),
            too_long: Vec::new(),
            end: None,
            passed: 0,
        }
    }

    /// Lines that weren't asked for, of all that was taken.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Bytes that are loaded.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.text.len()
    }

    /// Begins the text of a seal, in whose key this date is; its first lines were handed over before.
    pub fn begin(&mut self, of: Arc<Provenance>, date: Date, field: TimeField, skip: u64) {
        let finder = TimeFinder::new(field);
        self.open.clear();
        self.under = Some(Under { of, date, field, finder, skip, number: 1, passing: false });
    }

    /// Takes the next bytes of the text; `full` takes each parcel that has become full.
    pub fn take(&mut self, piece: &[u8], full: &mut impl FnMut(Parcel)) {
        let mut rest = piece;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(at);
            rest = &behind[1..];
            self.line(line, full);
        }
        self.hold(rest);
    }

    /// Ends the text.
    pub fn end(&mut self, full: &mut impl FnMut(Parcel)) {
        if !self.open.is_empty() || self.under.as_ref().is_some_and(|under| under.passing) {
            self.line(b"", full);
        }
        let Some(under) = self.under.take() else { return };
        self.reached(&under.of, None, under.of.sealed.date());
        if self.text.len() >= self.limits.bytes {
            self.flush().into_iter().for_each(full);
        }
    }

    /// Passes a seal over that has no lines, or none that are asked for.
    pub fn pass(&mut self, of: &Provenance) {
        self.reached(of, None, of.sealed.date());
    }

    /// What is loaded, however little.
    pub fn flush(&mut self) -> Option<Parcel> {
        let (end, sealed) = self.end.take()?;
        let text = std::mem::take(&mut self.text);
        let (lines, too_long) =
            (std::mem::take(&mut self.lines), std::mem::take(&mut self.too_long));
        Some(Parcel { text, lines, too_long, end, sealed })
    }

    fn reached(&mut self, of: &Provenance, lines: Option<u64>, date: Date) {
        self.end = Some((Position { seal: of.seal, date, lines }, of.sealed));
    }

    fn hold(&mut self, part: &[u8]) {
        let Some(under) = &mut self.under else { return };
        if under.passing || self.open.len() + part.len() > self.longest {
            under.passing |= !part.is_empty();
            self.open = Vec::new();
        } else {
            self.open.extend_from_slice(part);
        }
    }

    /// Ends the open line with these bytes.
    fn line(&mut self, last: &[u8], full: &mut impl FnMut(Parcel)) {
        self.hold(last);
        let Some(mut under) = self.under.take() else { return };
        let (number, open) = (under.number, std::mem::take(&mut self.open));
        under.number += 1;
        let passing = std::mem::take(&mut under.passing);
        if number > under.skip {
            if passing {
                self.too_long.push((Arc::clone(&under.of), number));
            } else {
                self.load(&open, number, &mut under);
            }
            if self.text.len() >= self.limits.bytes || self.lines.len() >= self.limits.lines {
                self.reached(&under.of, Some(number), under.date);
                self.flush().into_iter().for_each(full);
            }
        }
        self.open = open;
        self.open.clear();
        self.under = Some(under);
    }

    fn load(&mut self, line: &[u8], number: u64, under: &mut Under) {
        under.finder.take(line);
        let time = under.finder.end();
        if !self.selection.has(line, time, under.field) {
            self.passed += 1;
            return;
        }
        let begin = self.text.len();
        self.text.extend_from_slice(line);
        let at = begin..self.text.len();
        self.text.push(b'\n');
        self.lines.push(ParcelLine { of: Arc::clone(&under.of), number, time, at });
    }
}

#[cfg(test)]
mod tests {
    use auditseal_format::{SealId, hash};
    use proptest::prelude::*;

    use super::*;

    fn of(seq: u64) -> Arc<Provenance> {
        let seal = SealId { seq, hash: hash(&seq.to_be_bytes()) };
        let sealed = Time::from_micros(1_790_000_000_000_000);
        let (origin, key) = ("c/n/s".parse().unwrap(), format!("key-{seq}"));
        Arc::new(Provenance { origin, seal, key, sealed })
    }

    fn loading(bytes: usize, predicate: Option<Predicate>) -> Loading {
        Loading::new(ParcelLimits { bytes, lines: 7 }, Selection::new(predicate, None))
    }

    /// Takes a text in pieces, as if so many of its lines had been handed over.
    fn loaded(text: &str, piece: usize, bytes: usize, skip: u64) -> Vec<Parcel> {
        let (mut loading, mut parcels) = (loading(bytes, None), Vec::new());
        loading.begin(of(3), Date::EPOCH, TimeField::Audit, skip);
        text.as_bytes()
            .chunks(piece)
            .for_each(|piece| loading.take(piece, &mut |full| parcels.push(full)));
        loading.end(&mut |full| parcels.push(full));
        parcels.extend(loading.flush());
        parcels
    }

    proptest! {
        /// However the text comes, and wherever it was left: each line once, in order, with its number.
        #[test]
        fn wherever_it_was_left_it_goes_on(text in "([ab]{0,9}\n){0,30}", piece in 1..20_usize, bytes in 1..40_usize, stop in 0..40_usize) {
            let parcels = loaded(&text, piece, bytes, 0);
            let whole: Vec<u8> = parcels.iter().flat_map(|parcel| parcel.text.clone()).collect();
            prop_assert_eq!(String::from_utf8(whole).unwrap(), text.clone());
            let numbers: Vec<u64> = parcels.iter().flat_map(|parcel| parcel.lines.iter().map(|line| line.number)).collect();
            prop_assert_eq!(numbers, (1..=text.lines().count() as u64).collect::<Vec<_>>());
            prop_assert_eq!(parcels.last().and_then(|last| last.end.lines), None);
            for parcel in &parcels {
                for line in &parcel.lines {
                    prop_assert!(!parcel.bytes(line).contains(&b'\n'));
                }
            }
            let stop = stop.min(parcels.len() - 1);
            let before: String = parcels[..stop].iter().map(|parcel| String::from_utf8(parcel.text.clone()).unwrap()).collect();
            let skip = if stop == 0 { 0 } else { parcels[stop - 1].end.lines.unwrap_or(u64::MAX) };
            let after: String = loaded(&text, piece, bytes, skip).iter().map(|parcel| String::from_utf8(parcel.text.clone()).unwrap()).collect();
            prop_assert_eq!(format!("{before}{after}"), text);
        }
    }

    /// Ten times what is held.
    #[test]
    fn a_line_that_is_too_long_is_set_aside() {
        let (mut loading, mut parcels) = (loading(1000, None), Vec::new());
        loading.longest = 10;
        loading.begin(of(1), Date::EPOCH, TimeField::None, 0);
        loading.take(b"a\n", &mut |_| {});
        (0..10).for_each(|_| loading.take(b"xxxxxxxxxx", &mut |_| {}));
        loading.take(b"\nb\n", &mut |_| {});
        loading.end(&mut |full| parcels.push(full));
        let parcel = loading.flush().unwrap();
        assert_eq!(
            (parcel.text.as_slice(), parcel.too_long.len(), parcel.too_long[0].1),
            (&b"a\nb\n"[..], 1, 2)
        );
        assert_eq!(parcel.lines[1].number, 3);
        assert!(parcels.is_empty() && loading.flush().is_none());
    }

    #[test]
    fn what_is_not_asked_for_moves_on_all_the_same() {
        let mut loading = loading(1000, Some(Predicate::verbs(["delete"])));
        let event = |verb: &str| {
            format!(
                "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\
                 \"stage\":\"ResponseComplete\",\"verb\":\"{verb}\"}}\n"
            )
        };
        // Of the last two nobody can tell what they were.
        let text = format!("{}{}no event\n{{\"verb\":\"del\n", event("get"), event("delete"));
        loading.begin(of(1), Date::EPOCH, TimeField::Audit, 0);
        loading.take(text.as_bytes(), &mut |_| {});
        loading.end(&mut |_| {});
        loading.pass(&of(2));
        let parcel = loading.flush().unwrap();
        assert_eq!((parcel.end.seal.seq, parcel.end.lines), (2, None));
        assert_eq!((parcel.lines.len(), parcel.lines[0].number, loading.passed()), (3, 2, 1));
    }
}
