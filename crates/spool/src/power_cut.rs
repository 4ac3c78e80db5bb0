//! The power goes between any two operations on the disk, and what wasn't synced is gone, or half
//! there, or all there.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use auditseal_format::{Date, ObjectKey, Origin};

use crate::Spool;
use crate::disk::Disk;
use crate::finals_file::FINALS_LENGTH;

/// What a power cut leaves of things that weren't synced.
#[derive(Debug, Clone, Copy)]
enum Left {
    Nothing,
    /// Names as they were last, contents half: what a file system may do with delayed allocation.
    NamesAndHalves,
    Everything,
}

#[derive(Debug, Default)]
struct State {
    /// Contents: what a reader sees, and what is durable.
    files: Vec<(Vec<u8>, Vec<u8>)>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Operations until the power goes.
    left: usize,
}

#[derive(Debug, Clone, Default)]
struct Machine(Arc<Mutex<State>>);

impl Machine {
    fn new(operations: usize) -> Self {
        Self(Arc::new(Mutex::new(State { left: operations, ..State::default() })))
    }

    /// One operation, unless the power is gone.
    fn step<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        if state.left == 0 {
            return Err(io::Error::other("no power"));
        }
        state.left -= 1;
        act(&mut state)
    }

    /// The machine after the cut, with power for as long as wanted.
    fn restarted(&self, what: Left) -> Self {
        let state = self.0.lock().unwrap();
        let names = match what {
            Left::Nothing => &state.durable,
            Left::NamesAndHalves | Left::Everything => &state.names,
        };
        let files = state.files.iter().map(|(seen, durable)| match what {
            Left::Nothing => durable.clone(),
            Left::NamesAndHalves if seen != durable => seen[..seen.len() / 2].to_vec(),
            Left::NamesAndHalves | Left::Everything => seen.clone(),
        });
        Self(Arc::new(Mutex::new(State {
            files: files.map(|bytes| (bytes.clone(), bytes)).collect(),
            names: names.clone(),
            durable: names.clone(),
            left: usize::MAX,
        })))
    }
}

impl Disk for Machine {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let state = self.0.lock().unwrap();
        let entry = |(name, at): (&String, &usize)| (name.clone(), state.files[*at].0.len() as u64);
        Ok(state.names.iter().map(entry).collect())
    }

    fn read_tail(&self, name: &str, length: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let at = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let bytes = &state.files[at].0;
        let from = (bytes.len() as u64).saturating_sub(length) as usize;
        Ok(bytes[from..].to_vec())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn io::Read>> {
        Ok(Box::new(io::Cursor::new(self.read_tail(name, u64::MAX)?)))
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            state.files.push((bytes.to_vec(), Vec::new()));
            state.names.insert(name.to_owned(), state.files.len() - 1);
            Ok(())
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            let at = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
            state.files[at].0.extend(bytes);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.step(|state| {
            let at = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
            state.files[at].1 = state.files[at].0.clone();
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state| {
            let at = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), at);
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.step(|state| {
            state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
            Ok(())
        })
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.step(|state| {
            state.durable = state.names.clone();
            Ok(())
        })
    }
}

fn key(seq: u64) -> ObjectKey {
    let origin = Origin::new("c", "n", "s").unwrap();
    ObjectKey { origin, seq, alternate: None, date: Date::EPOCH }
}

fn object(seq: u64) -> Vec<u8> {
    format!("the whole of object {seq}").into_bytes()
}

fn open(machine: &Machine) -> Result<Spool, crate::Error> {
    Spool::open(PathBuf::from("spool"), Box::new(machine.clone()), &key(0).origin)
}

/// Commits and discards until the power goes; returns the seqs whose commit returned, and those
/// whose discard began.
fn work(machine: &Machine) -> (Vec<u64>, Vec<u64>) {
    let (mut committed, mut discarded) = (vec![], vec![]);
    let Ok(mut spool) = open(machine) else { return (committed, discarded) };
    for seq in 0..4 {
        if spool.commit(&key(seq), &object(seq)).is_err() {
            break;
        }
        committed.push(seq);
        if seq >= 2 {
            discarded.push(seq - 2);
            if spool.discard(&key(seq - 2)).is_err() {
                break;
            }
        }
    }
    (committed, discarded)
}

#[test]
fn whenever_the_power_goes_what_was_committed_is_there_and_whole() {
    let enough = Machine::new(usize::MAX);
    assert_eq!(work(&enough).0, [0, 1, 2, 3]);
    let operations = usize::MAX - enough.0.lock().unwrap().left;
    assert!(operations > 15);
    for cut in 0..=operations {
        for left in [Left::Nothing, Left::NamesAndHalves, Left::Everything] {
            let machine = Machine::new(cut);
            let (committed, discarded) = work(&machine);
            let spool = open(&machine.restarted(left)).unwrap();
            let found: Vec<u64> = spool.entries().map(|entry| entry.key.seq).collect();
            for seq in committed.iter().filter(|seq| !discarded.contains(seq)) {
                assert!(found.contains(seq), "cut {cut}, {left:?}: {seq} is gone");
            }
            for seq in found {
                let read = spool.read(&key(seq)).unwrap();
                assert_eq!(read, object(seq), "cut {cut}, {left:?}: {seq} is torn");
            }
        }
    }
}

#[test]
fn a_failed_commit_can_be_tried_again() {
    for failing in 1..=4 {
        let machine = Machine::new(failing);
        let mut spool = open(&machine).unwrap();
        spool.commit(&key(0), &object(0)).unwrap_err();
        assert_eq!(spool.entries().count(), 0);
        machine.0.lock().unwrap().left = usize::MAX;
        spool.commit(&key(0), &object(0)).unwrap();
        assert_eq!(spool.read(&key(0)).unwrap(), object(0));
        assert_eq!(open(&machine.restarted(Left::Nothing)).unwrap().entries().count(), 1);
    }
}

/// What the spool holds before an exchange, and afterwards: other bytes under the same names among it.
fn before() -> Vec<(u64, Vec<u8>)> {
    (0..4).map(|seq| (seq, object(seq))).collect()
}

fn after() -> Vec<(u64, Vec<u8>)> {
    (2..7).map(|seq| (seq, format!("the other {seq}").into_bytes())).collect()
}

fn held(spool: &mut Spool) -> (Vec<(u64, Vec<u8>)>, usize) {
    let objects = spool.entries().map(|entry| (entry.key.seq, spool.read(&entry.key).unwrap()));
    let objects = objects.collect();
    (objects, spool.finals().unwrap().unwrap().len())
}

fn exchange(spool: &mut Spool) -> Result<(), crate::Error> {
    let mut exchange = spool.exchange()?;
    for (seq, bytes) in after() {
        exchange.add(&key(seq), &bytes)?;
    }
    exchange.decide(&[crate::tests::a_final("theirs")])
}

/// Whenever the power goes, and goes again while what it left is brought to an end: the spool holds
/// what it held, or what it was to hold, and nothing in between.
#[test]
fn an_exchange_is_done_or_not_whenever_the_power_goes() {
    const LEFT: [Left; 3] = [Left::Nothing, Left::NamesAndHalves, Left::Everything];
    let mut seen = std::collections::BTreeSet::new();
    let mut cut = 0;
    loop {
        let mut whole = false;
        for (left, again, then) in LEFT
            .iter()
            .flat_map(|left| (0..24).flat_map(move |again| LEFT.map(|then| (*left, again, then))))
        {
            let machine = Machine::new(usize::MAX);
            let mut spool = open(&machine).unwrap();
            spool.replace_finals(&[crate::tests::a_final("ours")]).unwrap();
            before().iter().for_each(|(seq, bytes)| spool.commit(&key(*seq), bytes).unwrap());
            machine.0.lock().unwrap().left = cut;
            whole |= exchange(&mut spool).is_ok();
            let second = machine.restarted(left);
            second.0.lock().unwrap().left = again;
            drop(open(&second));
            let third = second.restarted(then);
            let mut spool = open(&third).unwrap();
            let found = held(&mut spool);
            let done = found == (after(), 2);
            assert!(done || found == (before(), 1), "cut {cut}, {left:?}, {again}, {then:?}");
            assert!(done || !whole, "it was done: cut {cut}");
            let files = third.list().unwrap();
            let files = files.iter().filter(|(name, _)| name != FINALS_LENGTH).count();
            assert_eq!(spool.is_held(), done, "cut {cut}, {left:?}");
            let others = 1 + usize::from(done);
            assert_eq!(files, found.0.len() + others, "nothing else is left: cut {cut}, {left:?}");
            seen.insert(done);
        }
        if whole {
            break;
        }
        cut += 1;
    }
    assert!(cut > 30 && seen.len() == 2, "{cut} cuts");
}

/// The disk refuses something in the midst of an exchange, and the process goes on: what is committed
/// afterwards is there after a crash, whatever became of the exchange.
#[test]
fn a_process_that_outlives_a_failed_exchange_goes_on_from_what_the_disk_has() {
    let mut outcomes = std::collections::BTreeSet::new();
    for cut in 0..60 {
        let machine = Machine::new(usize::MAX);
        let mut spool = open(&machine).unwrap();
        spool.replace_finals(&[crate::tests::a_final("ours")]).unwrap();
        before().iter().for_each(|(seq, bytes)| spool.commit(&key(*seq), bytes).unwrap());
        machine.0.lock().unwrap().left = cut;
        let failed = exchange(&mut spool).is_err();
        machine.0.lock().unwrap().left = usize::MAX;
        spool.recover().unwrap();
        let done = held(&mut spool).0 == after();
        assert!(done || (failed && held(&mut spool).0 == before()), "cut {cut}");
        spool.commit(&key(9), &object(9)).unwrap();
        // A second exchange begins where the first one failed.
        drop(spool.exchange().unwrap());
        let mut spool = open(&machine.restarted(Left::Everything)).unwrap();
        let mut expected = if done { after() } else { before() };
        expected.push((9, object(9)));
        assert_eq!(held(&mut spool).0, expected, "cut {cut}");
        outcomes.insert((failed, done));
    }
    assert_eq!(outcomes.len(), 3, "not done, done all the same, and done: {outcomes:?}");
}

/// A commit whose last fsync failed has left a whole object that is no entry.
#[test]
fn what_a_failed_commit_left_goes_with_the_others() {
    let machine = Machine::new(usize::MAX);
    let mut spool = open(&machine).unwrap();
    spool.replace_finals(&[]).unwrap();
    spool.commit(&key(0), &object(0)).unwrap();
    machine.0.lock().unwrap().left = 3;
    spool.commit(&key(9), &object(9)).unwrap_err();
    machine.0.lock().unwrap().left = usize::MAX;
    exchange(&mut spool).unwrap();
    for left in [Left::Nothing, Left::NamesAndHalves, Left::Everything] {
        let mut spool = open(&machine.restarted(left)).unwrap();
        assert_eq!(held(&mut spool), (after(), 1), "{left:?}");
    }
}
