//! The store that serves what was made: two buckets, the archive's and the packs'.

use std::fs;
use std::io;
use std::time::Duration;

use auditseal_format::Time;
use auditseal_standin::{
    Bucket, Dialect, Effect, Entry, Fault, Keys, On, Retention, Server, World, time,
};
use auditseal_store::MARK;
use bytes::Bytes;

use crate::files::files_below;
use crate::month::shelf::Shelf;

pub(super) const ARCHIVE: &str = "archive";
pub(super) const PACKS: &str = "packs";
/// How long a store takes an object for its own date's: a second after it was sealed.
const UPLOAD: i64 = 1_000_000;
/// How long everything is locked.
const LOCKED: i64 = 400 * time::DAY;

/// What of the archive is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loose {
    /// All objects.
    All,
    /// Those that the packer didn't mark: what a lifecycle leaves once their locks are over.
    Unmarked,
}

/// A store that runs.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) server: Server,
}

impl Stand {
    /// Serves what is on the shelf.
    pub(super) fn start(shelf: &Shelf, loose: Loose, packed: bool) -> io::Result<Self> {
        let keys = Keys::fresh().map_err(|error| io::Error::other(error.to_string()))?;
        let lock = Retention { firm: true, until: LOCKED };
        let locks = Bucket { versioned: true, lockable: true, ..Bucket::default() };
        let mut archive = locks.clone();
        let mut packs = Bucket { default: Some(lock), ..locks };
        for number in 1..=shelf.chains()? {
            for made in shelf.read(number)? {
                let put = made.time.saturating_add(UPLOAD);
                archive.objects.insert(made.key, vec![entry(made.bytes, put)]);
            }
        }
        if packed {
            let (name, value) = MARK;
            for key in fs::read_to_string(shelf.file("marks"))?.lines() {
                match archive.objects.get_mut(key).and_then(|entries| entries.last_mut()) {
                    Some(entry) if loose == Loose::All => {
                        entry.tags = vec![(name.to_owned(), value.to_owned())];
                    }
                    _ => drop(archive.objects.remove(key)),
                }
            }
            let now = Time::from_micros(time::now());
            for (key, bytes) in files_below(&shelf.file("packs"))? {
                packs.objects.insert(key, vec![entry(bytes.into(), now)]);
            }
        }
        let world = World::new(Dialect::Aws, keys).with(ARCHIVE, archive).with(PACKS, packs);
        Ok(Self { server: Server::start(world)? })
    }

    /// Answers each request so much later from now on.
    pub(super) fn delay(&self, round_trip: Duration) {
        let slow = Fault::always(On::All, Effect::Slow(round_trip));
        self.server.world().faults =
            vec![slow].into_iter().filter(|_| !round_trip.is_zero()).collect();
    }

    /// Requests that were answered so far, and bytes of the answers.
    pub(super) fn traffic(&self) -> (u64, u64) {
        let world = self.server.world();
        (world.answered, world.sent)
    }

    /// What a bucket holds of keys that end so: objects, and bytes of them.
    pub(super) fn holds(&self, bucket: &str, ending: &str) -> (u64, u64) {
        let world = self.server.world();
        let objects = world.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.objects);
        let meant = objects.filter(|(key, _)| key.ends_with(ending));
        meant
            .flat_map(|(_, entries)| entries)
            .fold((0, 0), |(number, bytes), entry| (number + 1, bytes + entry.bytes.len() as u64))
    }

    /// Keeps what a packer put, and which objects it marked.
    pub(super) fn keep(&self, shelf: &Shelf) -> io::Result<()> {
        let world = self.server.world();
        let of = |bucket: &str| world.buckets.get(bucket).into_iter().flat_map(|it| &it.objects);
        for (key, entries) in of(PACKS) {
            let path = shelf.file("packs").join(key);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            entries.last().map_or(Ok(()), |entry| fs::write(path, &entry.bytes))?;
        }
        let marked = of(ARCHIVE).filter(|(_, it)| it.iter().any(|entry| !entry.tags.is_empty()));
        let marks: String = marked.map(|(key, _)| format!("{key}\n")).collect();
        fs::write(shelf.file("marks"), marks)
    }
}

fn entry(bytes: Bytes, put: Time) -> Entry {
    let time = put.micros();
    let retention = Some(Retention { firm: true, until: time + LOCKED });
    // As long as AWS makes them.
    let id = format!("{time:032x}");
    Entry { id, bytes, time, live: true, retention, ..Entry::default() }
}
