//! File systems that ought to be mounted for an archive to be there.
//!
//! Where nothing is mounted at a mount point that `/etc/fstab` names, what lies below it isn't the
//! archive: it looks empty, and a second history would begin there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The table of file systems that a machine mounts: fstab(5).
pub(crate) const TABLE: &str = "/etc/fstab";

/// What is mounted: proc_pid_mountinfo(5).
const MOUNTED: &str = "/proc/self/mountinfo";

/// Mount points on the way to a directory, as a table names them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts {
    table: PathBuf,
    directory: PathBuf,
    points: Vec<PathBuf>,
}

impl Mounts {
    /// Those of the table in a file. A machine without one, or whose table can't be read, names none.
    pub(crate) fn read(table: &Path, directory: &Path) -> Self {
        let text = fs::read(table).unwrap_or_default();
        let points = points(&text, directory);
        Self { table: table.to_owned(), directory: directory.to_owned(), points }
    }

    /// The first at which nothing is mounted. Where the kernel doesn't tell, none.
    pub(crate) fn absent(&self) -> Option<PathBuf> {
        self.unmounted()?;
        // Somebody may have taken it out of the table since.
        Self::read(&self.table, &self.directory).unmounted().map(Path::to_owned)
    }

    fn unmounted(&self) -> Option<&Path> {
        if self.points.is_empty() {
            return None;
        }
        let mounted = fs::read(MOUNTED).ok()?;
        let is = |point: &Path| is_mounted(&mounted, point);
        // mount(8) mounts where a link leads to.
        let there = |point: &Path| is(point) || fs::canonicalize(point).is_ok_and(|real| is(&real));
        self.points.iter().map(PathBuf::as_path).find(|point| !there(point))
    }
}

/// The mount points of a table on the way to a directory.
fn points(table: &[u8], directory: &Path) -> Vec<PathBuf> {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let real = fs::canonicalize(&directory).unwrap_or_else(|_| directory.clone());
    let leads_to = |point: &Path| directory.starts_with(point) || real.starts_with(point);
    let on_the_way = |point: &PathBuf| {
        // `none` and the like are no paths, and something is always mounted at the root.
        point.is_absolute()
            && point.parent().is_some()
            && (leads_to(point) || fs::canonicalize(point).is_ok_and(|real| leads_to(&real)))
    };
    let lines = lines(table).filter(|fields| !fields[0].starts_with(b"#") && is_expected(fields));
    let points = lines.filter_map(|fields| fields.get(1).map(|field| path(field)));
    points.filter(on_the_way).collect()
}

/// Whether a machine that is up has mounted a line of the table, and whether that could be seen: a disc or a rescue disk
/// is mounted when somebody asks for it, and a directory that is bound to itself shows what it shows without that.
fn is_expected(fields: &[&[u8]]) -> bool {
    let options: Vec<&[u8]> =
        fields.get(3).map_or(vec![], |field| field.split(|byte| *byte == b',').collect());
    let has = |option: &str| options.contains(&option.as_bytes());
    let asked_for = has("noauto") && !has("x-systemd.automount");
    let bound = (has("bind") || has("rbind")) && fields.first() == fields.get(1);
    !asked_for && !bound
}

/// One file system in one place.
struct Mount {
    id: Vec<u8>,
    parent: Vec<u8>,
    device: Vec<u8>,
    /// What of the file system is there.
    root: PathBuf,
    point: PathBuf,
}

impl Mount {
    fn of(fields: &[&[u8]]) -> Option<Self> {
        let [id, parent, device, root, point, ..] = fields else { return None };
        let [id, parent, device] = [id, parent, device].map(|field| field.to_vec());
        Some(Self { id, parent, device, root: path(root), point: path(point) })
    }

    /// Whether this shows what is there without it: a service manager that lets a service write to a
    /// directory mounts the directory over itself.
    fn shows_the_same(&self, below: &Self) -> bool {
        let rest = self.point.strip_prefix(&below.point);
        self.device == below.device && rest.is_ok_and(|rest| self.root == below.root.join(rest))
    }
}

/// Whether a file system is mounted at a path, and isn't hidden there.
fn is_mounted(mounted: &[u8], point: &Path) -> bool {
    let all: Vec<_> = lines(mounted).filter_map(|fields| Mount::of(&fields)).collect();
    let here = || all.iter().filter(|mount| mount.point == point);
    let Some(top) = here().find(|one| !here().any(|other| other.parent == one.id)) else {
        return false;
    };
    let around = all.iter().filter(|mount| mount.point != point && point.starts_with(&mount.point));
    let around = around.max_by_key(|mount| mount.point.components().count());
    !around.is_some_and(|around| top.shows_the_same(around))
}

/// The lines of a table, as their fields, of which there is at least one.
fn lines(table: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    table.split(|byte| *byte == b'\n').map(fields).filter(|fields| !fields.is_empty())
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    let fields = line.split(|byte| matches!(byte, b' ' | b'\t'));
    fields.filter(|field| !field.is_empty()).collect()
}

/// A field with its octal escapes taken back: a space is `\040`.
fn path(field: &[u8]) -> PathBuf {
    let (mut text, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..3).filter(|_| *first == b'\\').and_then(octal);
        let (byte, behind) = code.map_or((*first, behind), |code| (code, &behind[3..]));
        text.push(byte);
        rest = behind;
    }
    OsString::from_vec(text).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |sum, digit| {
        let digit = char::from(*digit).to_digit(8).and_then(|digit| u8::try_from(digit).ok())?;
        sum.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    fn named(table: &str, directory: &str) -> Vec<String> {
        let found = points(table.as_bytes(), Path::new(directory));
        found.into_iter().map(|point| point.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_table_names_what_is_on_the_way() {
        let table = "# /dev/x /mnt ext4\n\n/dev/a / ext4 defaults 0 1\nUUID=1\t/mnt/archive\text4\n\
                     swap none swap\n  nas:/x /mnt/with\\040space nfs noauto,x-systemd.automount\n/dev/b /mnt/arch ext4\n\
                     /dev/sr0 /mnt/archive/cd iso9660 ro,noauto\n/mnt/archive /mnt/archive none bind\n\
                     /dev/c\n/dev/d /mnt ext4 nofail\n/dev/e relative ext4\n/dev/f /odd\\9\\777 ext4";
        assert_eq!(named(table, "/mnt/archive/k8s"), ["/mnt/archive", "/mnt"]);
        assert_eq!(named(table, "/mnt/archive"), ["/mnt/archive", "/mnt"]);
        assert_eq!(named(table, "/mnt/archive/cd/k8s"), ["/mnt/archive", "/mnt"], "asked for");
        assert_eq!(named(table, "/mnt/with space/k8s"), ["/mnt/with space", "/mnt"]);
        assert_eq!(named(table, "/mnt/archives"), ["/mnt"]);
        assert_eq!(named(table, "/odd\\9\\777/x"), ["/odd\\9\\777"], "no escapes of a byte");
        assert_eq!(named(table, "/srv/archive"), [""; 0]);
        assert_eq!(named("", "/mnt/archive"), [""; 0]);
    }

    #[test]
    fn a_link_leads_to_a_mount_point_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(real.join("disk/k8s")).unwrap();
        std::os::unix::fs::symlink(real.join("disk"), real.join("link")).unwrap();
        let table = real.join("fstab");
        for (named, asked) in [("disk", "link"), ("link", "disk"), ("link", "link")] {
            let point = real.join(named);
            fs::write(&table, format!("/dev/a {} ext4", point.display())).unwrap();
            let found = Mounts::read(&table, &real.join(asked).join("k8s"));
            assert_eq!(found.absent(), Some(point));
            fs::write(&table, "").unwrap();
            assert_eq!(found.absent(), None, "it is taken out of the table");
        }
    }

    #[test]
    fn what_is_mounted_is_told_from_what_isnt() {
        let root = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n24 22 0:5 / /proc rw - proc proc rw\n";
        let disk = "30 22 8:17 / /srv/archive rw shared:9 - ext4 /dev/sdb1 rw\n";
        let space = "31 22 8:18 / /srv/with\\040space rw - ext4 /dev/sdc1 rw\n";
        // A unit's ReadWritePaths; with the disk beneath it, which is hidden so.
        let itself = "40 22 8:1 /srv/archive /srv/archive rw - ext4 /dev/sda1 rw\n";
        let hidden = "40 30 8:1 /srv/archive /srv/archive rw - ext4 /dev/sda1 rw\n";
        // That of a mounted disk, and another directory mounted there.
        let over = "41 30 8:17 / /srv/archive rw - ext4 /dev/sdb1 rw\n";
        let bound = "42 22 8:1 /data/archive /srv/archive rw - ext4 /dev/sda1 rw\n";
        let short = "43 22 8:1\n";
        for (mounts, is) in [
            (vec![], false),
            (vec![short], false),
            (vec![space], false),
            (vec![disk], true),
            (vec![itself], false),
            (vec![disk, hidden], false),
            (vec![hidden, disk], false),
            (vec![disk, over], true),
            (vec![bound], true),
        ] {
            let mounted = format!("{root}{}", mounts.concat());
            assert_eq!(is_mounted(mounted.as_bytes(), Path::new("/srv/archive")), is, "{mounts:?}");
        }
        let mounted = format!("{root}{space}");
        assert!(is_mounted(mounted.as_bytes(), Path::new("/srv/with space")));
    }

    #[test]
    fn the_kernel_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("fstab");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/proc", &link).unwrap();
        let read = |table: &str, directory: &Path| {
            fs::write(&at, table).unwrap();
            let found = Mounts::read(&at, directory);
            (found.points.len(), found.absent())
        };
        let table = format!("proc /proc proc\n/dev/a {} ext4", dir.path().display());
        assert_eq!(read(&table, Path::new("/proc/self")), (1, None));
        let linked = format!("proc {} proc", link.display());
        assert_eq!(read(&linked, &link.join("self")), (1, None));
        let ours = read(&table, &dir.path().join("archive"));
        assert_eq!(ours, (1, Some(dir.path().to_owned())));
        assert_eq!(Mounts::read(Path::new("/absent/fstab"), dir.path()).absent(), None);
    }
}
