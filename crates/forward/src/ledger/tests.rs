//! The power goes between any two operations on the disk, and what wasn't synced is gone, or half there, or all there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use auditseal_delivery::Position;
use auditseal_format::{Date, SealId, Time, hash};

use super::*;

/// What a power cut leaves of things that weren't synced.
#[derive(Debug, Clone, Copy)]
enum Left {
    Nothing,
    NamesAndHalves,
    Everything,
}

/// A file: what a reader sees, and what is durable.
type Contents = (Vec<u8>, Vec<u8>);

#[derive(Debug, Default)]
struct State {
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    /// Operations until the power goes.
    left: usize,
}

#[derive(Debug, Clone, Default)]
struct Machine(Arc<Mutex<State>>);

impl Machine {
    fn step<T>(&self, act: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        state.left = state.left.checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        Ok(act(&mut state))
    }

    fn restarted(&self, what: Left) -> Self {
        let state = self.0.lock().unwrap();
        let names = if matches!(what, Left::Nothing) { &state.durable } else { &state.names };
        let files = state.files.iter().map(|(seen, durable)| match what {
            Left::Nothing => durable.clone(),
            // What was synced stays; of what came after, a half.
            Left::NamesAndHalves if seen.len() > durable.len() => {
                seen[..durable.len() + (seen.len() - durable.len()) / 2].to_vec()
            }
            Left::NamesAndHalves | Left::Everything => seen.clone(),
        });
        let files = files.map(|bytes| (bytes.clone(), bytes)).collect();
        let (names, durable) = (names.clone(), names.clone());
        Self(Arc::new(Mutex::new(State { files, names, durable, left: usize::MAX })))
    }

    fn contents(&self, path: &str) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        state.names.get(Path::new(path)).map(|at| state.files[*at].0.clone()).unwrap_or_default()
    }
}

impl Disk for Machine {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let state = self.0.lock().unwrap();
        Ok(state.names.get(path).map(|at| state.files[*at].0.len() as u64))
    }

    fn read(&self, path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let bytes = &state.files[*state.names.get(path).ok_or(io::ErrorKind::NotFound)?].0;
        Ok(bytes[from as usize..(to as usize).min(bytes.len())].to_vec())
    }

    fn write_at(&mut self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let write = |state: &mut State, bytes: &[u8]| {
            let new = state.files.len();
            let file = *state.names.entry(path.to_owned()).or_insert(new);
            if file == new {
                state.files.push(Contents::default());
            }
            let seen = &mut state.files[file].0;
            seen.resize(seen.len().max(at as usize + bytes.len()), 0);
            seen[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        };
        let torn = self.0.lock().unwrap().left == 1;
        if torn {
            let mut state = self.0.lock().unwrap();
            state.left = 0;
            write(&mut state, &bytes[..bytes.len() / 2]);
            return Err(io::Error::other("no power"));
        }
        self.step(|state| write(state, bytes))
    }

    fn cut(&mut self, path: &Path, size: u64) -> io::Result<()> {
        self.step(|state| {
            let at = state.names[path];
            state.files[at].0.truncate(size as usize);
        })
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.step(|state| {
            let at = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
            state.files[at].1 = state.files[at].0.clone();
            Ok(())
        })?
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|state| {
            let at = state.names.remove(from).unwrap();
            state.names.insert(to.to_owned(), at);
        })
    }

    fn inode(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self.0.lock().unwrap().names.get(path).map(|at| *at as u64))
    }

    fn beside(&self, path: &Path, inode: u64) -> io::Result<Option<PathBuf>> {
        let state = self.0.lock().unwrap();
        let found = state
            .names
            .iter()
            .find(|(name, at)| **at as u64 == inode && name.parent() == path.parent());
        Ok(found.map(|(name, _)| name.clone()))
    }

    fn alike(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock().unwrap();
        Ok(state.names.keys().filter(|name| crate::disk::is_alike(path, name)).cloned().collect())
    }

    fn sync_names(&mut self, folder: &Path) -> io::Result<()> {
        self.step(|state| {
            let names = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
            let names: Vec<_> = names.map(|(path, at)| (path.clone(), *at)).collect();
            state.durable.retain(|path, _| path.parent() != Some(folder));
            state.durable.extend(names);
        })
    }
}

fn paths() -> LedgerPaths {
    LedgerPaths { folder: "/state".into(), name: "out".to_owned(), file: Some("/srv/out".into()) }
}

fn open(machine: &Machine) -> Result<Ledger, LedgerError> {
    Ledger::open(Box::new(machine.clone()), paths(), "file:///srv/out")
}

fn at(line: u64) -> Reached {
    let seal = SealId { seq: 1, hash: hash(b"1") };
    let at = Position { seal, date: Date::EPOCH, lines: Some(line) };
    Reached { at, sealed: Some(Time::EPOCH) }
}

fn origin(chain: u64) -> Origin {
    format!("c/n/s-{chain}").parse().unwrap()
}

/// Hands over what is left of two chains of five lines each, a commit every three lines, every third line refused.
fn work(machine: &Machine) -> Result<(), LedgerError> {
    let mut ledger = open(machine)?;
    for line in 1..=5 {
        for chain in 0..2 {
            if ledger.reached(&origin(chain)).and_then(|reached| reached.at.lines).unwrap_or(0)
                >= line
            {
                continue;
            }
            let text = format!("line {line} of {chain}\n");
            let text = text.as_bytes();
            let given: (&[u8], &[u8]) = if line == 3 { (&[], text) } else { (text, &[]) };
            let settled = ledger.settle(&origin(chain), at(line), given)?;
            if settled % 3 == 0 {
                ledger.commit()?;
            }
        }
    }
    ledger.commit()
}

fn sorted(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Wherever the power goes, and once more while it is gone on with: each line is in one of the two files, once.
#[test]
fn whenever_the_power_goes_each_line_is_there_once() {
    let machine = |left| Machine(Arc::new(Mutex::new(State { left, ..State::default() })));
    let whole = machine(usize::MAX);
    work(&whole).unwrap();
    let expected =
        (sorted(&whole.contents("/srv/out")), sorted(&whole.contents("/state/out.refused.jsonl")));
    assert_eq!((expected.0.len(), expected.1.len()), (8, 2));
    let operations = usize::MAX - whole.0.lock().unwrap().left;
    for first in 0..operations {
        for left in [Left::Nothing, Left::NamesAndHalves, Left::Everything] {
            let cut = machine(first);
            work(&cut).unwrap_err();
            for second in 0..12 {
                let again = cut.restarted(left);
                again.0.lock().unwrap().left = second;
                let after = if work(&again).is_err() { again.restarted(left) } else { again };
                after.0.lock().unwrap().left = usize::MAX;
                work(&after).unwrap_or_else(|error| panic!("{first} {second} {left:?}: {error}"));
                let found = (
                    sorted(&after.contents("/srv/out")),
                    sorted(&after.contents("/state/out.refused.jsonl")),
                );
                assert_eq!(found, expected, "{first} {second} {left:?}");
            }
        }
    }
}

/// A disk that is full for a moment, at any step: what failed counts in neither file, whatever another chain writes before it
/// is tried again, and nothing of it stays behind a process that ends then.
#[test]
fn what_fails_for_a_moment_counts_when_it_is_tried_again() {
    for steps in 0..9 {
        let machine = Machine::default();
        machine.0.lock().unwrap().left = usize::MAX;
        let mut ledger = open(&machine).unwrap();
        ledger.settle(&origin(0), at(1), (b"first\n", b"one\n")).unwrap();
        machine.0.lock().unwrap().left = steps;
        let given: (&[u8], &[u8]) = (b"second, and longer\n", b"two, and longer\n");
        let failed = ledger.settle(&origin(0), at(2), given).is_err();
        machine.0.lock().unwrap().left = usize::MAX;
        ledger.settle(&origin(1), at(1), (b"x\n", b"y\n")).unwrap();
        ledger.commit().unwrap();
        let (text, letters) =
            (machine.contents("/srv/out"), machine.contents("/state/out.refused.jsonl"));
        assert_eq!(failed, ledger.reached(&origin(0)) == Some(at(1)), "{steps}");
        if failed {
            assert_eq!((text, letters), (b"first\nx\n".to_vec(), b"one\ny\n".to_vec()), "{steps}");
            ledger.settle(&origin(0), at(2), given).unwrap();
        }
        ledger.commit().unwrap();
        let text = machine.contents("/srv/out");
        assert_eq!(sorted(&text), ["first", "second, and longer", "x"], "{steps}");
        let letters = machine.contents("/state/out.refused.jsonl");
        assert_eq!(sorted(&letters), ["one", "two, and longer", "y"], "{steps}");
    }
}

/// Who reads dead letters takes them away while more come.
#[test]
fn dead_letters_that_were_taken_away_are_followed_by_new_ones() {
    let machine = Machine::default();
    machine.0.lock().unwrap().left = usize::MAX;
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(1), (b"", b"one\n")).unwrap();
    let mut disk = machine.clone();
    disk.rename(Path::new("/state/out.refused.jsonl"), Path::new("/state/read")).unwrap();
    ledger.settle(&origin(0), at(2), (b"", b"two\n")).unwrap();
    ledger.commit().unwrap();
    assert_eq!(machine.contents("/state/out.refused.jsonl"), b"two\n");
    ledger.settle(&origin(0), at(3), (b"", b"three\n")).unwrap();
    disk.rename(Path::new("/state/out.refused.jsonl"), Path::new("/state/more")).unwrap();
    ledger.commit().unwrap();
    assert_eq!(machine.contents("/state/more"), b"two\nthree\n");
}

/// While it runs, what somebody else writes behind our lines isn't cut.
#[test]
fn what_somebody_writes_meanwhile_stops_the_sink() {
    let machine = Machine::default();
    machine.0.lock().unwrap().left = usize::MAX;
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(1), (b"first\n", b"")).unwrap();
    let mut disk = machine.clone();
    disk.write_at(Path::new("/srv/out"), 6, b"somebody's\n").unwrap();
    let stopped = ledger.settle(&origin(0), at(2), (b"second\n", b""));
    assert!(matches!(stopped, Err(LedgerError::Foreign(..))));
    assert_eq!(machine.contents("/srv/out"), b"first\nsomebody's\n");
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let machine = Machine::default();
    machine.0.lock().unwrap().left = usize::MAX;
    let mut disk = machine.clone();
    disk.write_at(Path::new("/srv/out"), 0, b"somebody's\n").unwrap();
    assert!(matches!(open(&machine), Err(LedgerError::Foreign(..))));
    disk.cut(Path::new("/srv/out"), 0).unwrap();
    work(&machine).unwrap();
    let ours = machine.contents("/srv/out");
    for (change, at) in [(&b"x"[..], 0), (b"y", ours.len() as u64 - 2)] {
        disk.write_at(Path::new("/srv/out"), at, change).unwrap();
        assert!(matches!(open(&machine), Err(LedgerError::Foreign(..))));
        disk.write_at(Path::new("/srv/out"), 0, &ours).unwrap();
    }
    disk.cut(Path::new("/srv/out"), 3).unwrap();
    assert!(matches!(open(&machine), Err(LedgerError::Foreign(..))));
    // Rotated away: a new file is begun.
    disk.rename(Path::new("/srv/out"), Path::new("/srv/out.1")).unwrap();
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(6), (b"new\n", b"")).unwrap();
    ledger.commit().unwrap();
    assert_eq!(machine.contents("/srv/out"), b"new\n");
    let other = Ledger::open(Box::new(machine.clone()), paths(), "file:///srv/other");
    assert!(matches!(other, Err(LedgerError::OtherSink(..))));
}

/// Somebody writes behind our lines again and again, each time something else.
#[test]
fn as_much_is_set_aside_as_there_are_names_for() {
    let machine = Machine::default();
    machine.0.lock().unwrap().left = usize::MAX;
    work(&machine).unwrap();
    let ours = machine.contents("/srv/out");
    let mut disk = machine.clone();
    for nth in 0..10 * ASIDE {
        let theirs = format!("{nth:04} somebody's\n");
        disk.write_at(Path::new("/srv/out"), ours.len() as u64, theirs.as_bytes()).unwrap();
        let opened = open(&machine);
        assert_eq!(opened.is_ok(), nth < ASIDE, "{nth}");
        let kept = if nth < ASIDE { ours.clone() } else { [&ours[..], theirs.as_bytes()].concat() };
        assert_eq!(machine.contents("/srv/out"), kept);
    }
}

/// Whenever it is killed, and the file renamed before it is started again, with an empty one in its place or none: each
/// line is in one of the files, once. Only the first write is at stake: a file of which nothing is durable yet isn't
/// known again.
#[test]
fn a_file_that_was_renamed_after_a_crash_has_no_line_of_the_next_one() {
    let machine = |left| Machine(Arc::new(Mutex::new(State { left, ..State::default() })));
    let whole = machine(usize::MAX);
    work(&whole).unwrap();
    let expected = sorted(&whole.contents("/srv/out"));
    let operations = usize::MAX - whole.0.lock().unwrap().left;
    let (mut exact, mut twice) = (0, 0);
    for first in 0..operations {
        for empty in [false, true] {
            let cut = machine(first);
            work(&cut).unwrap_err();
            // The process is gone, and the machine stays.
            let mut disk = cut.restarted(Left::Everything);
            disk.0.lock().unwrap().left = usize::MAX;
            let book = disk.contents("/state/out.positions");
            let anchored = String::from_utf8(book)
                .unwrap()
                .lines()
                .any(|line| line.starts_with("written ") && !line.starts_with("written 0"));
            if disk.size(Path::new("/srv/out")).unwrap().is_none() {
                continue;
            }
            disk.rename(Path::new("/srv/out"), Path::new("/srv/out.1")).unwrap();
            if empty {
                disk.write_at(Path::new("/srv/out"), 0, b"").unwrap();
            }
            work(&disk).unwrap();
            let both = [disk.contents("/srv/out.1"), disk.contents("/srv/out")].concat();
            if anchored {
                assert_eq!(sorted(&both), expected, "{first} {empty}");
                exact += 1;
            } else {
                let again = disk.contents("/srv/out.1").split(|byte| *byte == b'\n').count();
                assert!(again <= 2, "{first}: no more than the first write");
                twice += 1;
            }
        }
    }
    assert!(exact > 20 && twice > 0, "{exact} {twice}");
}

/// It ended as it should: nothing is looked for, whatever became of the file, and nothing of it is touched.
#[test]
fn a_file_that_was_closed_is_not_looked_for() {
    let machine = Machine::default();
    machine.0.lock().unwrap().left = usize::MAX;
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(1), (b"first\n", b"")).unwrap();
    let open_book = |machine: &Machine| {
        let book: Book =
            String::from_utf8(machine.contents("/state/out.positions")).unwrap().parse().unwrap();
        book.written.inode.is_some()
    };
    assert!(open_book(&machine));
    ledger.close().unwrap();
    assert!(!open_book(&machine));
    let mut disk = machine.clone();
    disk.rename(Path::new("/srv/out"), Path::new("/srv/out.1")).unwrap();
    disk.write_at(Path::new("/srv/out.1"), 6, b"somebody's\n").unwrap();
    work(&machine).unwrap();
    assert_eq!(machine.contents("/srv/out.1"), b"first\nsomebody's\n");
}

/// Renamed while it is written to: what is in it is durable before the next one is begun, and a crash then finds both.
#[test]
fn a_file_that_is_renamed_meanwhile_is_ended() {
    for left in [Left::Nothing, Left::Everything] {
        let machine = Machine::default();
        machine.0.lock().unwrap().left = usize::MAX;
        let mut ledger = open(&machine).unwrap();
        for line in 1..=3 {
            let text = format!("line {line} of 0\n");
            ledger.settle(&origin(0), at(line), (text.as_bytes(), b"")).unwrap();
        }
        let mut disk = machine.clone();
        disk.rename(Path::new("/srv/out"), Path::new("/srv/out.1")).unwrap();
        ledger.settle(&origin(0), at(4), (b"line 4 of 0\n", b"")).unwrap();
        ledger.settle(&origin(0), at(5), (b"line 5 of 0\n", b"")).unwrap();
        let again = machine.restarted(left);
        again.0.lock().unwrap().left = usize::MAX;
        work(&again).unwrap();
        let both = [again.contents("/srv/out.1"), again.contents("/srv/out")].concat();
        let lines: Vec<String> =
            sorted(&both).into_iter().filter(|line| line.ends_with('0')).collect();
        let expected: Vec<String> = (1..=5).map(|line| format!("line {line} of 0")).collect();
        assert_eq!(lines, expected, "{left:?}");
    }
}

/// Whoever reads the log at night learns what the disk lacks.
#[test]
fn a_full_disk_is_called_full() {
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let error = LedgerError::Io("write", "/state/x".into(), full);
    assert!(error.to_string().starts_with("write /state/x: its disk is full"), "{error}");
    assert!(error.passes() && !LedgerError::Foreign("/x".into(), "y").passes());
}

/// Somebody renames the file between a line's write and the moment that it is made durable.
#[test]
fn a_file_that_is_renamed_before_it_is_durable_is_found() {
    let machine = Machine(Arc::new(Mutex::new(State { left: usize::MAX, ..State::default() })));
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(1), (b"one\n", b"")).unwrap();
    ledger.commit().unwrap();
    ledger.settle(&origin(0), at(2), (b"two\n", b"")).unwrap();
    machine.clone().rename(Path::new("/srv/out"), Path::new("/srv/out.1")).unwrap();
    ledger.commit().unwrap();
    ledger.settle(&origin(0), at(3), (b"three\n", b"")).unwrap();
    ledger.commit().unwrap();
    let restarted = machine.restarted(Left::Nothing);
    assert_eq!(restarted.contents("/srv/out.1"), b"one\ntwo\n");
    assert_eq!(restarted.contents("/srv/out"), b"three\n");
    // It was moved out of sight: that is said, and isn't the disk's fault.
    ledger.settle(&origin(0), at(4), (b"four\n", b"")).unwrap();
    machine.clone().rename(Path::new("/srv/out"), Path::new("/elsewhere/out")).unwrap();
    for _ in 0..2 {
        let why = ledger.commit().unwrap_err().to_string();
        let expected =
            "make durable what was written to /srv/out: somebody took it away before that";
        assert_eq!(why, expected);
    }
}

/// Stopped in order, gone on with, rotated, and the state put back to what it was at the stop.
#[test]
fn a_state_that_is_older_than_the_file_that_was_renamed_is_noticed() {
    let machine = Machine(Arc::new(Mutex::new(State { left: usize::MAX, ..State::default() })));
    let mut ledger = open(&machine).unwrap();
    ledger.settle(&origin(0), at(1), (b"one\n", b"")).unwrap();
    ledger.close().unwrap();
    let older = machine.contents("/state/out.positions");
    let mut ledger = open(&machine).unwrap();
    let renamed =
        || machine.clone().rename(Path::new("/srv/out"), Path::new("/srv/out-2026")).unwrap();
    ledger.settle(&origin(0), at(2), (b"two\n", b"")).unwrap();
    ledger.close().unwrap();
    renamed();
    assert_eq!(
        ledger.grown(Path::new("/srv/out")).unwrap(),
        None,
        "after an orderly stop nothing is at stake"
    );
    let mut disk = machine.clone();
    disk.cut(Path::new("/state/out.positions"), 0).unwrap();
    disk.write_at(Path::new("/state/out.positions"), 0, &older).unwrap();
    ledger.book = ledger.read_book().unwrap().unwrap();
    let grown = ledger.grown(Path::new("/srv/out")).unwrap();
    assert_eq!(grown, Some((PathBuf::from("/srv/out-2026"), 4)));
    // Somebody else's file of the same beginning of a name is none of ours.
    disk.write_at(Path::new("/srv/out-2026"), 0, b"ONE\n").unwrap();
    assert_eq!(ledger.grown(Path::new("/srv/out")).unwrap(), None);
}
