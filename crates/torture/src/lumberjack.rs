//! The rotation of kube-apiserver's log, step by step as lumberjack v2.2.1 does it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;

const LIVE: &str = "audit.log";

/// How a log is rotated.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) directory: PathBuf,
    pub(crate) size: u64,
    pub(crate) backups: usize,
    pub(crate) gzip: bool,
}

/// Where it's noted what became of each file. Lines are appended whole, so threads needn't agree.
#[derive(Debug)]
struct Journal(File);

impl Journal {
    fn note(&self, what: &str, name: &Path) -> io::Result<()> {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        (&self.0).write_all(format!("{now}\t{what}\t{name}\n").as_bytes())
    }
}

/// The log's writer.
#[derive(Debug)]
pub(crate) struct Log {
    plan: Plan,
    file: Option<File>,
    size: u64,
    journal: Arc<Journal>,
    /// Wakes the thread that removes and compresses; full if it has yet to wake.
    mill: SyncSender<()>,
    miller: JoinHandle<io::Result<()>>,
}

impl Log {
    pub(crate) fn new(plan: Plan, journal: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(journal)?;
        let journal = Arc::new(Journal(file));
        let (mill, wake) = sync_channel(1);
        let (its_plan, its_journal) = (plan.clone(), Arc::clone(&journal));
        let body = move || {
            while wake.recv().is_ok() {
                mill_once(&its_plan, &its_journal)?;
            }
            Ok(())
        };
        let miller = thread::Builder::new().name("mill".to_owned()).spawn(body)?;
        Ok(Self { plan, file: None, size: 0, journal, mill, miller })
    }

    /// Writes one event in one call. Says how much of it is in the file; what was cut short stays
    /// there, and the next event is glued to it.
    pub(crate) fn write(&mut self, line: &[u8]) -> Result<(), (usize, io::Error)> {
        let length = line.len() as u64;
        if length > self.plan.size {
            return Err((0, io::Error::other("the event is longer than a file may be")));
        }
        if self.file.is_none() {
            self.open_existing_or_new(length).map_err(|e| (0, e))?;
        }
        if self.size + length > self.plan.size {
            self.rotate().map_err(|e| (0, e))?;
        }
        let Some(file) = &mut self.file else { return Err((0, io::Error::other("no file"))) };
        let mut written = 0;
        // Go's File.Write goes on after a short write, until all is written or one fails.
        let outcome = loop {
            match file.write(&line[written..]) {
                Ok(n) if written + n == line.len() => break Ok(()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err((written, error)),
            }
        };
        self.size += if outcome.is_ok() { length } else { written as u64 };
        outcome
    }

    /// Closes the log, and waits until backups are as they should be.
    pub(crate) fn finish(self) -> io::Result<()> {
        drop((self.file, self.mill));
        self.miller.join().map_err(|_| io::Error::other("the mill panicked"))?
    }

    fn live(&self) -> PathBuf {
        self.plan.directory.join(LIVE)
    }

    fn open_existing_or_new(&mut self, length: u64) -> io::Result<()> {
        self.wake_mill();
        match fs::metadata(self.live()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.open_new(),
            Err(error) => Err(error),
            Ok(found) if found.len() + length >= self.plan.size => self.rotate(),
            Ok(found) => {
                self.file = Some(OpenOptions::new().append(true).open(self.live())?);
                self.size = found.len();
                Ok(())
            }
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        self.open_new()?;
        self.wake_mill();
        Ok(())
    }

    /// Without O_APPEND, as lumberjack opens the files it makes itself.
    fn open_new(&mut self) -> io::Result<()> {
        let live = self.live();
        let mut mode = 0o600;
        match fs::metadata(&live) {
            Ok(found) => {
                mode = found.permissions().mode() & 0o777;
                let backup = self.plan.directory.join(backup_name(SystemTime::now()));
                fs::rename(&live, &backup)?;
                self.journal.note("rotated", &backup)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(mode);
        self.file = Some(options.open(&live)?);
        self.size = 0;
        Ok(())
    }

    fn wake_mill(&self) {
        match self.mill.try_send(()) {
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

fn backup_name(now: SystemTime) -> String {
    let stamp = humantime::format_rfc3339_millis(now).to_string();
    format!("audit-{}.log", stamp.trim_end_matches('Z').replace(':', "-"))
}

/// Removes the oldest beyond the number kept, then compresses the others, oldest last.
fn mill_once(plan: &Plan, journal: &Journal) -> io::Result<()> {
    let mut backups: Vec<String> = fs::read_dir(&plan.directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("audit-") && name.contains(".log"))
        .collect();
    backups.sort_unstable_by(|a, b| b.cmp(a));
    let mut kept: Vec<String> = Vec::new();
    let mut compress = Vec::new();
    for name in backups {
        // A backup and its compressed copy count as one.
        let plain = name.trim_end_matches(".gz").to_owned();
        if !kept.contains(&plain) {
            kept.push(plain);
        }
        let path = plan.directory.join(&name);
        if plan.backups > 0 && kept.len() > plan.backups {
            fs::remove_file(&path)?;
            journal.note("deleted", &path)?;
        } else if plan.gzip && !name.ends_with(".gz") {
            compress.push(path);
        }
    }
    for path in compress {
        compress_file(&path)?;
        journal.note("compressed", &path)?;
    }
    Ok(())
}

fn compress_file(plain: &Path) -> io::Result<()> {
    let mut name = plain.as_os_str().to_owned();
    name.push(".gz");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    // Once to set the owner, empty, and once to fill it: so a reader may see it empty.
    drop(options.open(&name)?);
    let mut packed = GzEncoder::new(options.open(&name)?, Compression::default());
    io::copy(&mut File::open(plain)?, &mut packed)?;
    packed.finish()?;
    fs::remove_file(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_rotates_by_size_and_keeps_the_newest() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("log");
        fs::create_dir(&directory).unwrap();
        let plan = Plan { directory: directory.clone(), size: 100, backups: 2, gzip: true };
        let mut log = Log::new(plan, &root.path().join("files")).unwrap();
        for _ in 0..10 {
            log.write(&[b'x'; 60]).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        assert!(log.write(&[b'x'; 101]).is_err(), "longer than a file");
        log.finish().unwrap();
        let names = names(&directory);
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[..2].iter().all(|name| name.ends_with(".log.gz")), "{names:?}");
        assert_eq!(fs::metadata(directory.join(LIVE)).unwrap().len(), 60);
    }

    #[test]
    fn backups_are_named_by_utc_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_248_259_851);
        assert_eq!(backup_name(time), "audit-2026-11-21T08-04-19.851.log");
    }
}
