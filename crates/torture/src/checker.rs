//! Holds what came out against what was written.

use std::fmt;
use std::io::{self, BufRead};

use crate::event::{ID_WITHIN, serial};
use crate::options::Options;
use crate::record::{LineHash, Record, VOID};

/// So many runs of lost events are named.
const NAMED: usize = 20;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    expected: u64,
    lines: u64,
    lost: u64,
    repeated: u64,
    /// Lines with other bytes than were written, or that were never written.
    altered: u64,
    disordered: u64,
    /// Runs of lost events: first and last.
    runs: Vec<(u64, u64)>,
}

impl Found {
    pub(crate) fn perfect(&self) -> bool {
        self.lost + self.repeated + self.altered + self.disordered == 0
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, lines, lost, repeated, altered, disordered, runs } = self;
        write!(f, "expected={expected} lines={lines} lost={lost} repeated={repeated} ")?;
        write!(f, "altered={altered} disordered={disordered}")?;
        for (first, last) in runs.iter().take(NAMED) {
            write!(f, "\n  lost {first}..={last}")?;
        }
        if runs.len() > NAMED {
            write!(f, "\n  and {} runs more", runs.len() - NAMED)
        } else {
            Ok(())
        }
    }
}

/// Checks standard input.
pub(crate) fn run(options: &Options) -> Result<Found, String> {
    let path = options.place(0)?;
    let expected = Record::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    check(&expected, &mut io::stdin().lock()).map_err(|e| format!("standard input: {e}"))
}

fn check(expected: &[u64], log: &mut impl BufRead) -> io::Result<Found> {
    let mut found = Found::default();
    let mut seen = vec![false; expected.len()];
    let mut next = 0;
    let mut begin = Vec::new();
    while let Some(hash) = read_line(log, &mut begin)? {
        found.lines += 1;
        let at = serial(&begin).and_then(|serial| usize::try_from(serial).ok());
        let Some(at) = at.filter(|at| expected.get(*at) == Some(&hash)) else {
            found.altered += 1;
            continue;
        };
        if std::mem::replace(&mut seen[at], true) {
            found.repeated += 1;
        } else if at < next {
            found.disordered += 1;
        } else {
            next = at + 1;
        }
    }
    for (at, (seen, hash)) in seen.iter().zip(expected).enumerate() {
        let at = at as u64;
        if *hash == VOID {
            continue;
        }
        found.expected += 1;
        if *seen {
            continue;
        }
        found.lost += 1;
        match found.runs.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => found.runs.push((at, at)),
        }
    }
    Ok(found)
}

/// Reads one line of any length: its hash, and its first bytes into `begin`.
fn read_line(log: &mut impl BufRead, begin: &mut Vec<u8>) -> io::Result<Option<u64>> {
    begin.clear();
    let mut hash = LineHash::default();
    let mut any = false;
    loop {
        let bytes = log.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any.then(|| hash.value()));
        }
        any = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let piece = end.map_or(bytes, |end| &bytes[..=end]);
        hash.add(piece);
        begin.extend_from_slice(&piece[..piece.len().min(ID_WITHIN - begin.len())]);
        let used = piece.len();
        log.consume(used);
        if end.is_some() {
            return Ok(Some(hash.value()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;
    use std::time::SystemTime;

    fn written(count: usize) -> (Vec<Vec<u8>>, Vec<u64>) {
        let mut events = Events::new(3);
        let mut lines = Vec::new();
        for at in 0..count {
            let mut line = Vec::new();
            events.next(SystemTime::now(), if at == 5 { 100_000 } else { 0 }, &mut line);
            lines.push(line);
        }
        let hash = |line: &Vec<u8>| {
            let mut hash = LineHash::default();
            hash.add(line);
            hash.value()
        };
        let hashes = lines.iter().map(hash).collect();
        (lines, hashes)
    }

    fn counts(log: &[Vec<u8>], expected: &[u64]) -> (u64, u64, u64, u64) {
        let found = check(expected, &mut io::BufReader::new(&log.concat()[..])).unwrap();
        assert_eq!(found.lines as usize, log.len());
        (found.lost, found.repeated, found.altered, found.disordered)
    }

    #[test]
    fn it_counts_every_difference() {
        let (lines, hashes) = written(10);
        assert_eq!(counts(&lines, &hashes), (0, 0, 0, 0));

        assert_eq!(counts(&lines[..9], &hashes), (1, 0, 0, 0));
        let twice = [&lines[..4], &lines[2..]].concat();
        assert_eq!(counts(&twice, &hashes), (0, 2, 0, 0));

        let mut swapped = lines.clone();
        swapped.swap(3, 7);
        assert_eq!(counts(&swapped, &hashes), (0, 0, 0, 4));

        let mut altered = lines.clone();
        let last = altered[5].len() - 9;
        altered[5][last] ^= 1;
        assert_eq!(counts(&altered, &hashes), (1, 0, 1, 0));

        let mut cut = lines.clone();
        let half = cut[9].len() / 2;
        cut[9].truncate(half);
        assert_eq!(counts(&cut, &hashes), (1, 0, 1, 0));

        let alien = [&lines[..], &[b"hello\n".to_vec(), b"\n".to_vec()]].concat();
        assert_eq!(counts(&alien, &hashes), (0, 0, 2, 0));
    }

    #[test]
    fn what_was_never_written_is_not_missed() {
        let (lines, mut hashes) = written(4);
        hashes[2] = VOID;
        let rest = [&lines[..2], &lines[3..]].concat();
        assert_eq!(counts(&rest, &hashes), (0, 0, 0, 0));
    }
}
