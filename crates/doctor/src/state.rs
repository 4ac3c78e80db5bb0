//! The directory where sealed batches wait: looked at, and not made.

use std::path::Path;

use crate::check::Check;
use crate::disk::Disk;

/// Bytes of sealed batches that may wait where nothing else is set.
const SPOOL: u64 = 1 << 30;
/// Bytes without which not even one batch fits: a few of the usual size.
const LEAST: u64 = 64 << 20;

/// Checks the agent's state directory, or where it would be made.
#[must_use]
pub fn examine_state(path: &Path) -> Vec<Check> {
    let Some(there) = path.ancestors().find(|folder| folder.exists()) else {
        return vec![Check::fail("state", "neither it nor what it would be in is there")];
    };
    if !there.is_dir() {
        return vec![
            Check::fail("state", format!("{} isn't a directory", there.display()))
                .fix("give a directory of the agent's own"),
        ];
    }
    match Disk::of(there) {
        Ok(Some(disk)) => check(disk),
        Ok(None) => vec![Check::unknown("state-disk", "the file system doesn't tell its room")],
        Err(error) => vec![Check::unknown("state-disk", error.to_string())],
    }
}

fn check(disk: Disk) -> Vec<Check> {
    let found = format!("{disk} where the state is");
    let why = "when it's full nothing can be sealed, and the log's own backups are all that is left; etcd may be on it too";
    let fix = "free some, or give another disk; keep --spool-limit, 1 GiB where it isn't set, within what is there";
    let mut checks = vec![match disk.room.free {
        0..LEAST => Check::fail("state-disk", found).why(why).fix(fix),
        LEAST..SPOOL => Check::warn("state-disk", found).why(why).fix(fix),
        _ => Check::pass("state-disk", found),
    }];
    if disk.memory {
        checks.push(
            Check::warn("state", "it is in memory")
                .why("what is sealed and not stored yet is gone when the machine stops")
                .fix("give a directory on a disk"),
        );
    }
    checks
}

#[cfg(test)]
mod tests {
    use auditseal_tail::Room;

    use super::*;
    use crate::check::Status;

    #[test]
    fn room_is_judged() {
        let disk = |free| Disk { room: Room { free, all: 1 << 40 }, memory: false };
        for (free, expected) in [
            (LEAST - 1, Status::Fail),
            (LEAST, Status::Warn),
            (SPOOL - 1, Status::Warn),
            (SPOOL, Status::Pass),
        ] {
            let checks = check(disk(free));
            assert_eq!((checks.len(), checks[0].status), (1, expected), "{free}");
        }
        let memory = check(Disk { memory: true, ..disk(SPOOL) });
        assert_eq!((memory[1].check, memory[1].status), ("state", Status::Warn));
    }

    #[test]
    fn a_directory_is_looked_at_and_not_made() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("to/be/made");
        assert!(examine_state(&path)[0].found.ends_with("free where the state is"));
        assert!(!root.path().join("to").exists());
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(examine_state(&file.join("below"))[0].status, Status::Fail);
    }
}
