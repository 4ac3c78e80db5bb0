//! The clocks and the machine, read at the edge.

use std::fs;
use std::sync::Arc;

use auditseal_format::seal::{Boot, Uuid};
use auditseal_format::{Time, hash};
use auditseal_shipper::Now;
use rustix::time::{ClockId, clock_gettime};

/// Reads the clocks. An argument of everything that needs them, so that a run can be repeated.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The node's own clocks.
#[must_use]
pub fn system_clock() -> Clock {
    let id = boot_id();
    Arc::new(move || {
        let wall = clock_gettime(ClockId::Realtime);
        // Counts while the machine sleeps, and can't be set: what waits, waits by this one.
        let boot = clock_gettime(ClockId::Boottime);
        let nanos = u64::try_from(boot.tv_sec * 1_000_000_000 + boot.tv_nsec).unwrap_or(0);
        Now {
            wall: Time::from_micros(wall.tv_sec.saturating_mul(1_000_000) + wall.tv_nsec / 1000),
            boot: Boot { id, nanos },
        }
    })
}

/// The kernel's boot id; all zeros where there is none.
fn boot_id() -> Uuid {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(Uuid([0; 16]))
}

/// An id of this machine: derived, because `machine-id(5)` asks not to publish the original.
pub(crate) fn machine_id() -> Option<[u8; 16]> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    let derived = hash(format!("auditseal machine-id v1\n{id}").as_bytes());
    (!id.is_empty()).then(|| std::array::from_fn(|i| derived.as_bytes()[i]))
}
