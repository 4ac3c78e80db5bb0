//! Writes events at a rate, and keeps the record of them.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::event::Events;
use crate::lumberjack::{Log, Plan};
use crate::options::Options;
use crate::record::{LineHash, Record, VOID};

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Told {
    events: u64,
    bytes: u64,
    failed: u64,
    /// How far behind its rate it ever was: a machine too slow for the case shows here.
    late: Duration,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, bytes, failed, late } = self;
        write!(f, "events={events} bytes={bytes} failed={failed} late_ms={}", late.as_millis())
    }
}

/// Writes what the options say.
pub(crate) fn run(options: &Options) -> Result<Told, String> {
    let (directory, record) = (options.place(0)?, options.place(1)?);
    let fail = |why: std::io::Error| format!("{}: {why}", directory.display());
    let plan = Plan {
        directory: directory.to_owned(),
        size: options.size,
        backups: options.backups,
        gzip: options.gzip,
    };
    let mut log = Log::new(plan, &journal(record)).map_err(fail)?;
    let mut record = Record::create(record).map_err(fail)?;
    let (mut events, mut line) = (Events::new(options.seed), Vec::new());
    let (mut told, start) = (Told::default(), Instant::now());
    let total = options.rate * options.seconds;
    for serial in 0..total {
        let due = Duration::from_nanos(serial * 1_000_000_000 / options.rate.max(1));
        told.late = told.late.max(pace(start, due));
        let length = if serial == total / 2 { options.huge } else { 0 };
        events.next(SystemTime::now(), length, &mut line);
        let mut hash = LineHash::default();
        hash.add(&line);
        match log.write(&line) {
            Ok(()) => {
                record.add(hash.value()).map_err(fail)?;
                told.events += 1;
                told.bytes += line.len() as u64;
            }
            Err((written, _)) if options.forgiving => {
                record.add(VOID).map_err(fail)?;
                told.failed += 1;
                told.bytes += written as u64;
            }
            Err((_, why)) => return Err(fail(why)),
        }
    }
    record.finish().map_err(fail)?;
    log.finish().map_err(fail)?;
    Ok(told)
}

fn journal(record: &Path) -> std::path::PathBuf {
    let mut name = record.as_os_str().to_owned();
    name.push(".files");
    name.into()
}

/// Waits until an event is due, a millisecond at least, so that events come in small bursts and
/// the clock isn't all there is to do. Returns how late it is.
fn pace(start: Instant, due: Duration) -> Duration {
    let now = start.elapsed();
    if due > now {
        thread::sleep((due - now).max(Duration::from_millis(1)));
    }
    now.saturating_sub(due)
}
