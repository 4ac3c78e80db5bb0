//! What the program takes for what was made.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use auditseal_format::{Date, Time};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_reader::{find_head, find_newest};
use auditseal_vault::Options;

use crate::month::shelf::{self, Shelf};
use crate::month::stand::{ARCHIVE, Loose, PACKS, Stand};
use crate::reader::watch;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// How long packs are to be locked, as the packer demands it.
const RETENTION: &str = "400d";

/// What one command took.
#[derive(Debug)]
pub struct Cost {
    /// What the store held: all objects, packs beside them, or packs in their place. Of what isn't a command, that it is
    /// told how many objects the store has, and their bytes.
    pub held: &'static str,
    /// The command.
    pub name: &'static str,
    /// Requests that it sent.
    pub requests: u64,
    /// Bytes of the answers.
    pub received: u64,
    /// Wall time.
    pub time: Duration,
    /// The most memory that it held at once, KiB.
    pub peak: u64,
    /// The last line that it wrote.
    pub said: String,
}

/// Has `program` pack all chains, twice, without a delay; keeps the packs on the shelf, and what it marked. What each
/// command took is told when it ends.
///
/// # Errors
/// A command that fails, files that can't be read or written.
pub fn pack(directory: &Path, program: &Path, mut tell: impl FnMut(&Cost)) -> io::Result<()> {
    let shelf = Shelf::at(directory);
    let packed = shelf.file("packs").exists();
    let course = Course::start(&shelf, program, (Loose::All, packed), "objects")?;
    tell(&course.holds("objects", ARCHIVE, ""));
    tell(&course.packs("pack, one process a chain")?);
    course.stand.keep(&shelf)?;
    tell(&course.packs("pack, again")?);
    tell(&course.holds("packs", PACKS, ".jsonl.zst"));
    tell(&course.holds("their indexes", PACKS, ".index"));
    tell(&course.holds("roll-ups", PACKS, ".rollup"));
    Ok(())
}

/// What the store holds, by name: all objects; packs beside them; packs in the place of those that they hold.
pub const HELD: [&str; 3] = ["objects", "objects and packs", "packs"];

/// Has `program` read what was made behind this round trip, while the store holds what one of [`HELD`] says.
///
/// # Errors
/// A command that fails, files that can't be read, another name.
pub fn read(
    directory: &Path,
    round_trip: Duration,
    program: &Path,
    held: &str,
    mut tell: impl FnMut(&Cost),
) -> io::Result<()> {
    let known =
        HELD.into_iter().zip([Loose::All, Loose::All, Loose::Unmarked]).zip([false, true, true]);
    let found = known.into_iter().find(|((name, _), _)| *name == held);
    let ((held, loose), packed) = found
        .ok_or_else(|| io::Error::other(format!("{held}: the store holds one of {HELD:?}")))?;
    let shelf = Shelf::at(directory);
    let course = Course::start(&shelf, program, (loose, packed), held)?;
    course.stand.delay(round_trip);
    course.look(&mut tell)?;
    if packed {
        course.ask(&mut tell)?;
    }
    course.verify(packed, &mut tell)
}

/// A store that holds something, and a program that reads it.
struct Course<'a> {
    shelf: &'a Shelf,
    program: &'a Path,
    stand: Stand,
    held: &'static str,
    /// When the first chain begins and ends.
    ends: (Time, Time),
}

impl<'a> Course<'a> {
    fn start(
        shelf: &'a Shelf,
        program: &'a Path,
        (loose, packed): (Loose, bool),
        held: &'static str,
    ) -> io::Result<Self> {
        let stand = Stand::start(shelf, loose, packed)?;
        let made = shelf.read(1)?;
        let ends = made.first().zip(made.last()).map(|(first, last)| (first.time, last.time));
        let ends = ends.ok_or_else(|| io::Error::other("a chain has no objects"))?;
        Ok(Self { shelf, program, stand, held, ends })
    }

    /// What a bucket holds, of keys that end so.
    fn holds(&self, name: &'static str, bucket: &str, ending: &str) -> Cost {
        let (requests, received) = self.stand.holds(bucket, ending);
        let (time, said) = (Duration::ZERO, String::new());
        Cost { held: "it holds", name, requests, received, time, peak: 0, said }
    }

    /// Packs each chain by a process of its own, as an Indexed Job does, all at once. Its cost is that of all, its time that of the
    /// slowest, and its memory that of the largest.
    fn packs(&self, name: &'static str) -> io::Result<Cost> {
        let before = self.stand.traffic();
        let chains = 1..=self.shelf.chains()?;
        let costs: Vec<io::Result<Cost>> = thread::scope(|scope| {
            let pack = |number| scope.spawn(move || self.pack(name, number));
            let threads: Vec<_> = chains.map(pack).collect();
            let gone = |_| Err(io::Error::other("a packer's thread panicked"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
        });
        let costs = costs.into_iter().collect::<io::Result<Vec<Cost>>>()?;
        let after = self.stand.traffic();
        let worst = |one: Cost, other: Cost| Cost {
            time: one.time.max(other.time),
            peak: one.peak.max(other.peak),
            ..other
        };
        let worst = costs.into_iter().reduce(worst);
        let worst = worst.ok_or_else(|| io::Error::other("there is no chain to pack"))?;
        Ok(Cost { requests: after.0 - before.0, received: after.1 - before.1, ..worst })
    }

    fn pack(&self, name: &'static str, number: u64) -> io::Result<Cost> {
        let state = self.shelf.file(&format!("state-{number}"));
        fs::create_dir_all(&state)?;
        let origin = shelf::origin(number)?.to_string();
        let mut command =
            self.command(&["pack", "--pack-retention", RETENTION, "--origin", &origin]);
        command.arg("--auditor-key").arg(self.shelf.file("auditor.key"));
        command.arg("--pack-state").arg(state);
        self.measure(name, command, &format!("pack-{number}"))
    }

    /// What needs a part of a chain.
    fn look(&self, tell: &mut impl FnMut(&Cost)) -> io::Result<()> {
        let (begun, ended) = self.ends;
        let days = (ended.micros() - begun.micros()) / DAY;
        let time = |before: i64| ended.saturating_add(-before).to_string();
        let midst = days.max(1) * DAY / 2;
        let (day, hour, since, until) = (time(DAY), time(HOUR), time(midst + HOUR), time(midst));
        let first = |name: &str, more: &[&str]| {
            let chain = [name, "--allow-unanchored", "--origin", "month/cp-1/audit"];
            self.command(&[&chain[..], more].concat())
        };
        tell(&self.head("find the head, nothing known", None)?);
        tell(&self.head("find the head, the newest day known", Some(ended.date()))?);
        let newest = first("verify", &["--since", &day]);
        tell(&self.measure("verify, the newest 24 hours", newest, "read")?);
        tell(&self.measure("cat, the last hour", first("cat", &["--since", &hour]), "read")?);
        let an_hour = first("cat", &["--since", &since, "--until", &until]);
        tell(&self.measure("cat, an hour in the midst", an_hour, "read")?);
        Ok(())
    }

    /// Questions to all chains: up to the end of the last day that is over, and up to now.
    fn ask(&self, tell: &mut impl FnMut(&Cost)) -> io::Result<()> {
        // A pack's last seal is of some seconds behind its day's end.
        let over = self.ends.1.date().start().saturating_add(-120_000_000).to_string();
        let id = "5eed5eed-0000-4000-8000-000000000001";
        let rare = ["networkpolicies", "--verb", "delete"];
        let none = ["secrets", "--verb", "deletecollection"];
        let (user, event) = (["--user", "person-17@example.com"], ["--audit-id", id]);
        let packed: [(&'static str, &[&str]); 4] = [
            ("query, one event, days that are over", &rare),
            ("query, no event, days that are over", &none),
            ("query, one user, days that are over", &user),
            ("query, one auditID, days that are over", &event),
        ];
        for (name, what) in packed {
            let args = [&["query", "-o", "count", "--until", &over], what].concat();
            tell(&self.measure(name, self.command(&args), "read")?);
        }
        let now = self.command(&[&["query", "-o", "count", "--yes"], &rare[..]].concat());
        tell(&self.measure("query, one event, up to now", now, "read")?);
        Ok(())
    }

    /// All that there is.
    fn verify(&self, packed: bool, tell: &mut impl FnMut(&Cost)) -> io::Result<()> {
        let whole = self.command(&["verify", "--origin", "month/cp-1/audit"]);
        tell(&self.measure("verify, a chain", whole, "read")?);
        if packed {
            tell(&self.measure("verify, all chains", self.command(&["verify"]), "read")?);
        }
        Ok(())
    }

    /// The program with what it is to read.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(args).args(["--store", &format!("s3://{ARCHIVE}")]);
        command.args(["--packs", &format!("s3://{PACKS}"), "--trust"]).arg(self.shelf.trust());
        command.args(["--endpoint", &self.stand.server.endpoint()]);
        command.env("NO_PROXY", "127.0.0.1").envs(self.stand.server.environment());
        command
    }

    fn measure(&self, name: &'static str, mut command: Command, file: &str) -> io::Result<Cost> {
        let of = |kind: &str| self.shelf.file(&format!("{file}.{kind}"));
        let (out, err) = (of("out"), of("err"));
        if command.get_args().next() == Some("cat".as_ref()) {
            command.stdout(Stdio::null());
        } else {
            command.stdout(File::create(&out)?);
        }
        command.stderr(File::create(&err)?);
        let before = self.stand.traffic();
        let begun = Instant::now();
        let (peak, ended) = watch(&mut command.spawn()?)?;
        let (time, after) = (begun.elapsed(), self.stand.traffic());
        if !ended.success() {
            let said = fs::read_to_string(err)?;
            return Err(io::Error::other(format!("{command:?}: {ended}: {said}")));
        }
        let said = fs::read_to_string(out).unwrap_or_default();
        let said = said.lines().last().unwrap_or_default().to_owned();
        let (requests, received) = (after.0 - before.0, after.1 - before.1);
        Ok(Cost { held: self.held, name, requests, received, time, peak, said })
    }

    /// The head of the first chain, as an agent looks for it that lost its state, or that knows the day of its newest object.
    fn head(&self, name: &'static str, day: Option<Date>) -> io::Result<Cost> {
        let environment = self.stand.server.environment().into_iter();
        let options = Options {
            endpoint: Some(self.stand.server.endpoint()),
            environment: environment.map(|(name, value)| (name.into(), value.into())).collect(),
            ..Options::default()
        };
        let store = auditseal_vault::open(&format!("s3://{ARCHIVE}"), &options);
        let store = store.map_err(io::Error::other)?;
        let signer = fs::read_to_string(self.shelf.file("cp-1.key"))?;
        let signer = StaticSigner::from_private_text(&signer).map_err(io::Error::other)?;
        let (origin, vkeys) = (shelf::origin(1)?, [signer.key().clone()]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (before, begun) = (self.stand.traffic(), Instant::now());
        let found = runtime.block_on(async {
            match day {
                Some(day) => {
                    find_newest(store, &origin, &vkeys, (day, day)).await.map(|it| it.head)
                }
                None => find_head(store, &origin, &vkeys).await,
            }
        });
        let (time, after) = (begun.elapsed(), self.stand.traffic());
        let found = found.map_err(|error| io::Error::other(format!("{error:?}")))?;
        let seq = found.map(|found| found.object.seal.seq);
        Ok(Cost {
            held: self.held,
            name,
            requests: after.0 - before.0,
            received: after.1 - before.1,
            time,
            peak: 0,
            said: format!("{seq:?}"),
        })
    }
}
