//! Named points at which tests kill the process, to see that what is on the disks then is enough.
//!
//! `AUDITSEAL_FAILPOINT=spool.rename.after=2` kills it where that point is reached for the second
//! time; `AUDITSEAL_FAILPOINT=spool.rename.before=2:error` lets that rename fail instead, once,
//! as on a full disk; `=2:hang` lets the thread that gets there wait for ever, as on a dead disk. A
//! comma stands between several. `AUDITSEAL_SENT=DIR` keeps every body that leaves the process, whatever
//! becomes of it. Only with the cargo feature `failpoints`: without it, a point is no code.

/// A point. `try` marks one in front of a file operation that may fail, inside a function that
/// returns its error; `torn` one that writes half of the bytes first.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::failpoint::hit($name)
    };
    (try $name:literal) => {
        $crate::failpoint::hit_or_fail($name)?
    };
    (torn $name:literal, $file:expr, $bytes:expr) => {
        $crate::failpoint::tear($name, &mut $file, $bytes)?
    };
    (sent $seq:expr, $bytes:expr) => {
        $crate::failpoint::sent($seq, $bytes)
    };
}

/// Nothing: the points are for tests, see the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($($point:tt)*) => {};
}

#[cfg(feature = "failpoints")]
pub use armed::{hit, hit_or_fail, sent, tear};

#[cfg(feature = "failpoints")]
mod armed {
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    /// What is to happen.
    #[derive(Clone, Copy, PartialEq)]
    enum End {
        Die,
        Fail,
        Hang,
    }

    /// What the environment asks for.
    struct Plan {
        name: String,
        nth: u64,
        end: End,
        hits: AtomicU64,
    }

    static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
        let Ok(text) = std::env::var("AUDITSEAL_FAILPOINT") else { return vec![] };
        // A plan that can't be read must not look like a point that isn't reached.
        let plan = |text| parse(text).unwrap_or_else(|| panic!("{text}: not NAME=N"));
        text.split(',').map(plan).collect()
    });

    fn parse(text: &str) -> Option<Plan> {
        let (name, rest) = text.split_once('=')?;
        let (nth, end) = match rest.split_once(':') {
            None => (rest, End::Die),
            Some((nth, "error")) => (nth, End::Fail),
            Some((nth, "hang")) => (nth, End::Hang),
            Some(_) => return None,
        };
        let (name, nth) = (name.to_owned(), nth.parse().ok()?);
        Some(Plan { name, nth, end, hits: AtomicU64::new(0) })
    }

    /// The plan, if this is the hit that it waits for.
    fn due(name: &str) -> Option<&'static Plan> {
        let hit = |plan: &&Plan| plan.hits.fetch_add(1, Ordering::SeqCst) + 1 == plan.nth;
        // Each counts the hit, whichever waits for it.
        PLANS.iter().filter(|plan| plan.name == name).filter(hit).last()
    }

    /// Kills this process, if the plan says here and now.
    pub fn hit(name: &str) {
        match due(name) {
            Some(plan) if plan.end == End::Hang => hang(),
            Some(_) => die(),
            None => {}
        }
    }

    /// Kills this process or fails, if the plan says here and now.
    ///
    /// # Errors
    /// The disk is full, it says.
    pub fn hit_or_fail(name: &str) -> io::Result<()> {
        match due(name) {
            Some(plan) if plan.end == End::Fail => Err(Errno::NOSPC.into()),
            Some(plan) if plan.end == End::Hang => hang(),
            Some(_) => die(),
            None => Ok(()),
        }
    }

    /// Writes half of the bytes and kills this process or fails, if the plan says here and now.
    ///
    /// # Errors
    /// The disk is full, it says.
    pub fn tear(name: &str, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let Some(plan) = due(name) else { return Ok(()) };
        file.write_all(&bytes[..bytes.len() / 2])?;
        match plan.end {
            End::Fail => Err(Errno::NOSPC.into()),
            End::Hang => hang(),
            End::Die => die(),
        }
    }

    /// Keeps what is being sent, under its seq and what tells it from others.
    pub fn sent(seq: u64, bytes: &[u8]) {
        let Some(dir) = std::env::var_os("AUDITSEAL_SENT") else { return };
        let path =
            std::path::Path::new(&dir).join(format!("{seq}-{}", auditseal_format::hash(bytes)));
        std::fs::write(path, bytes).expect("what is sent must be known");
    }

    fn hang() -> ! {
        loop {
            std::thread::park();
        }
    }

    /// As the kernel does it for want of memory: nothing of ours runs any more.
    fn die() -> ! {
        loop {
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        }
    }
}
