//! What the kernel says of this process.

use procfs::process::Process as Own;
use procfs::{boot_time_secs, page_size, ticks_per_second};

use crate::rules::snapshot::Process;

/// Reads `/proc/self`; `None` where that is hidden.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "ticks since the boot fit a double")]
pub fn process() -> Option<Process> {
    let own = Own::myself().ok()?;
    let stat = own.stat().ok()?;
    let seconds = |ticks: u64| ticks as f64 / ticks_per_second() as f64;
    Some(Process {
        resident_bytes: stat.rss.saturating_mul(page_size()),
        cpu_seconds: seconds(stat.utime.saturating_add(stat.stime)),
        started: boot_time_secs().ok()? as f64 + seconds(stat.starttime),
        open_fds: own.fd_count().ok()? as u64,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory_and_descriptors() {
        let own = super::process().expect("/proc is there");
        assert!(own.resident_bytes > 100_000 && own.open_fds >= 3, "{own:?}");
        assert!(own.started > 1.5e9, "{own:?}");
    }
}
