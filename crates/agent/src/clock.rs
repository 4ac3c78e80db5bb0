//! The clocks and the machine, read at the edge.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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

/// Seconds of nanoseconds.
pub(crate) fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Nanoseconds of a time: more than five hundred years fit.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The kernel's boot id; all zeros where there is none.
fn boot_id() -> Uuid {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(Uuid([0; 16]))
}

/// An id of this machine: derived, because `machine-id(5)` asks not to publish the original, and
/// only root may read the firmware's.
pub(crate) fn machine_id() -> Option<[u8; 16]> {
    machine_id_below(Path::new("/"))
}

/// A pod has the node's `/sys`, but no file of its `/etc` unless somebody mounts it, and some nodes
/// have no such file. There the firmware's id stands in, kubelet's `systemUUID`.
fn machine_id_below(root: &Path) -> Option<[u8; 16]> {
    let kinds =
        [("machine-id", "etc/machine-id"), ("product-uuid", "sys/class/dmi/id/product_uuid")];
    kinds.into_iter().find_map(|(kind, path)| {
        let id = fs::read_to_string(root.join(path)).ok()?;
        let id = id.trim();
        let derived = hash(format!("auditseal {kind} v1\n{id}").as_bytes());
        (!id.is_empty()).then(|| std::array::from_fn(|i| derived.as_bytes()[i]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_without_machine_id_states_the_firmwares() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(machine_id_below(root.path()), None);

        put("sys/class/dmi/id/product_uuid", "9f3c0e1e-6a1b-4b0e-9d43-0a5b8f6c1d2e\n");
        let firmware = machine_id_below(root.path());
        assert!(firmware.is_some());
        put("sys/class/dmi/id/product_uuid", "00000000-6a1b-4b0e-9d43-0a5b8f6c1d2e\n");
        assert_ne!(machine_id_below(root.path()), firmware, "another machine has another id");

        put("etc/machine-id", "\n");
        assert!(machine_id_below(root.path()).is_some(), "an empty file is none");
        put("etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n");
        let derived = hash(b"auditseal machine-id v1\nb08dfa6083e7567a1921a715000001fb");
        assert_eq!(machine_id_below(root.path()).unwrap(), derived.as_bytes()[..16]);
    }
}
