//! The file systems that the log and the state are on.

use std::fmt;
use std::io;
use std::path::Path;

use auditseal_tail::Room;

use crate::units::size;

/// The kinds of file system that are memory: Linux's `TMPFS_MAGIC` and `RAMFS_MAGIC`.
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Kinds behind which a server or a program decides whether files can be linked, or renamed so that
/// nothing is replaced.
const BORROWED: [(u64, &str); 5] = [
    (0x6573_5546, "FUSE"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0000_517b, "SMB"),
    (0x0102_1997, "9p"),
];

/// The name of the kind of file system that `path` is on, if it is one that may know no way to put a
/// file without replacing another.
pub(crate) fn borrowed(path: &Path) -> Option<&'static str> {
    #[expect(clippy::cast_sign_loss, reason = "bits, not a number")]
    let kind = rustix::fs::statfs(path).ok()?.f_type as u64;
    borrowed_kind(kind)
}

fn borrowed_kind(kind: u64) -> Option<&'static str> {
    // The kernel keeps some of them in 32 bits, with a sign.
    let kind = kind & 0xffff_ffff;
    BORROWED.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

/// One that tells its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) room: Room,
    /// Whether it is memory.
    pub(crate) memory: bool,
}

impl Disk {
    /// The one that `path` is on; `None`: it doesn't tell its room.
    ///
    /// # Errors
    /// When `path` can't be asked.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        let kind = u64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or(0);
        Ok(Room::of(path)?.map(|room| Self { room, memory: MEMORY.contains(&kind) }))
    }

    /// What is free, of a hundred parts.
    pub(crate) fn percent_free(&self) -> u64 {
        self.room.free.saturating_mul(100) / self.room.all.max(1)
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} free", size(self.room.free), size(self.room.all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_rules_are_somebody_elses_is_told_by_its_kind() {
        assert_eq!(borrowed_kind(0x6573_5546), Some("FUSE"));
        assert_eq!(borrowed_kind(0xffff_ffff_ff53_4d42), Some("CIFS"), "with a sign");
        assert_eq!(borrowed_kind(0x0000_ef53), None, "ext4");
        assert_eq!(borrowed(Path::new("/proc")), None);
    }
}
