//! How this process behaves on a machine that isn't its own.

use std::fs;

use ioprio::{Class, Pid, Priority, Target};
use rustix::fs::Mode;
use rustix::process::{
    Resource, Rlimit, getpriority_process, setpriority_process, setrlimit, umask,
};
use tracing::{debug, warn};

/// How far below ordinary processes.
const NICE: i32 = 10;
/// Descriptors beside those of one source's files: spool, store, pages, watches.
const OTHERS: u64 = 64;

/// Lowers this process: nice 10, and disk time only while nobody else wants any. To be called
/// before there are other threads, which take it from the first. A machine that refuses (a strict
/// seccomp filter, say) is no reason not to do the work.
pub fn stand_back() {
    // Whoever started it at a lower priority still means that.
    let lowered = getpriority_process(None)
        .and_then(|now| if now < NICE { setpriority_process(None, NICE) } else { Ok(()) });
    if let Err(error) = lowered {
        debug!("lower the priority: {error}");
    }
    // Asked of the calling thread. Only some disk schedulers heed it (BFQ, mq-deadline).
    let me = Target::Process(Pid::from_raw(0));
    if let Err(error) = ioprio::set_priority(me, Priority::new(Class::Idle)) {
        debug!("lower the disk priority: {error}");
    }
}

/// Lets as many files be open at a time as this process may have, and warns where these are too few
/// for the backups of one source. To be called before sources are opened.
pub fn open_many() {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some((current, maximum)) = files(&limits) else { return };
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = &raised {
        debug!("raise the number of open files: {error}");
    }
    if let Some(why) = few(raised.map_or(current, |()| maximum)) {
        warn!("{why}");
    }
}

/// How many files may be open now, and after raising that, in the kernel's list of a process's
/// limits; `None` within: any number. It is read there, for a filter of system calls may keep us from
/// asking.
fn files(limits: &str) -> Option<(Option<u64>, Option<u64>)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = line.split_whitespace();
    let mut number = || match words.next()? {
        "unlimited" => Some(None),
        word => word.parse().ok().map(Some),
    };
    Some((number()?, number()?))
}

/// What is to be said of a limit of open files; `None`: it is enough, or there is none.
fn few(limit: Option<u64>) -> Option<String> {
    let wanted = auditseal_tail::Limits::default().open as u64 + OTHERS;
    let limit = limit.filter(|limit| *limit < wanted)?;
    Some(format!(
        "only {limit} files can be open at a time: with many backups, reading and sealing fail \
         (\"Too many open files\"); allow {wanted} and more (ulimit -Hn, LimitNOFILE= of systemd)"
    ))
}

/// From now on, what this process creates is its owner's alone: audit events hold secrets, and an
/// archive on a disk and the state hold audit events. The umask of whoever started it may let others
/// read, or keep the files from ourselves.
pub fn keep_to_owner() {
    umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_open_files_are_told() {
        let told = few(Some(20)).unwrap();
        assert!(told.starts_with("only 20 files can be open at a time: "), "{told}");
        assert_eq!(few(Some(319)).map(|_| ()), Some(()));
        let list = "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  8  processes\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(files(list), Some((Some(1024), Some(524_288))));
        assert_eq!(files("Max open files unlimited unlimited files"), Some((None, None)));
        assert_eq!(
            (files(""), files("Max open files many"), files("Max open files")),
            (None, None, None)
        );
        let here = fs::read_to_string("/proc/self/limits").unwrap();
        assert!(files(&here).is_some(), "{here}");
        assert_eq!((few(Some(320)), few(Some(1024)), few(None)), (None, None, None));
    }

    #[test]
    fn a_thread_that_stands_back_is_nice_and_idle() {
        let nice = || getpriority_process(None).unwrap();
        let before = nice();
        let lower = before.max(NICE + 5);
        // Both are a thread's own: the other tests go on as they were.
        let there = std::thread::spawn(move || {
            stand_back();
            let stood = (nice(), ioprio::get_priority(Target::Process(Pid::from_raw(0))).unwrap());
            setpriority_process(None, lower).unwrap();
            stand_back();
            (stood, nice())
        });
        let ((stood, priority), still) = there.join().unwrap();
        assert_eq!((stood, priority.class()), (before.max(NICE), Some(Class::Idle)));
        assert_eq!(still, lower, "it isn't raised");
        assert_eq!(nice(), before);
    }
}
