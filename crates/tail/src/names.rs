//! Which names in a directory belong to one log, and in which order they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use auditseal_decompress::Codec;
use auditseal_format::{Time, printable};

pub(crate) use crate::age::Age;
use crate::gap::GapReason;
use crate::inode::FileKey;
use crate::stamp::{Stamp, number};

/// A log and its rotated siblings, by the names that the field's programs give them.
///
/// For the live file `audit.log`, whose name Go's `filepath.Ext` splits into base and extension:
///
/// | name | who gives it |
/// |---|---|
/// | `audit-2026-01-02T15-04-05.000.log` | lumberjack: kube-apiserver |
/// | `audit.log.N`, any N below 2³² | logrotate |
/// | `audit.N.log` | logrotate with `extension .log` |
/// | `audit.log-20261128`, `audit.log.20261128` and with other times | logrotate with `dateext` |
/// | `audit-20261128.log` and with other times | the same with `extension .log` |
/// | those with a time, and `.N` or another time behind | logrotate, of what was rotated before |
///
/// Each of them also compressed: `.gz`, `.zst`, `.xz`, `.bz2`, before such an `.N` or behind it.
/// Eight or ten digits behind a dot are a time if they can be one (`audit.log.20261128`): nobody
/// keeps twenty million backups. Four are a number, also those of a year, for there are people who
/// keep two thousand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    base: Vec<u8>,
    ext: Vec<u8>,
}

/// What a name means in its family. The order is the rotation order, plain before compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Role {
    pub(crate) age: Age,
    /// How it is compressed, by its name.
    pub(crate) codec: Option<Codec>,
}

impl Role {
    /// Whether the file is compressed.
    pub(crate) fn packed(&self) -> bool {
        self.codec.is_some()
    }

    /// The role of the plain file that a compressed one was made of.
    pub(crate) fn plain(&self) -> Self {
        Self { codec: None, ..*self }
    }

    /// Why its bytes are lost, if nothing more can be had of it though it can be read.
    pub(crate) fn damaged(&self) -> GapReason {
        GapReason::of_damaged(self.codec.unwrap_or(Codec::Gzip))
    }

    /// When the file was rotated, if the name tells.
    pub(crate) fn rotated(&self) -> Option<Time> {
        self.age.rotated()
    }
}

/// Whose backup a name is, as it looks by itself.
#[derive(Debug)]
enum Kin {
    /// This log's.
    Backup(Family),
    /// This log's, or a live log whose name has a date: `audit-20261128.log`.
    Dated(Family),
    /// This log's, or a live log whose name has a number: `apiserver-10.0.0.1.log`.
    Numbered(Family),
}

/// A path that names no log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FamilyError {
    /// The path ends without a file name.
    NoName,
    /// The name is a rotated or compressed file's, not the live one's.
    Rotated {
        /// The name.
        name: OsString,
        /// The live file's name, where it can be told.
        live: Option<OsString>,
    },
    /// The directory has files, but none that looks like an audit log.
    NotFound,
    /// The directory has several logs: their live files' names.
    Several(Vec<OsString>),
}

impl FamilyError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoName => "name the live log file, or its directory".into(),
            Self::Rotated { live: Some(live), .. } => {
                format!("name the live file, {}; its backups belong to it", printable(live))
            }
            Self::Rotated { live: None, .. } => "name the live file".into(),
            Self::NotFound => "name the live log file itself: its extension may be unusual".into(),
            Self::Several(_) => "pass each by --source NAME=PATH, PATH being the file".into(),
        }
    }
}

impl fmt::Display for FamilyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("path has no file name"),
            Self::Rotated { name, .. } => {
                write!(f, "{} is a rotated file, not a live log", printable(name))
            }
            Self::NotFound => f.write_str("directory holds no audit log"),
            Self::Several(names) => {
                f.write_str("directory holds several logs:")?;
                names.iter().try_for_each(|name| write!(f, " {}", printable(name)))
            }
        }
    }
}

impl std::error::Error for FamilyError {}

impl Family {
    /// The family of a live file's base name. A name with a date or a number before its extension
    /// (`audit-20261128.log`) is taken at its word.
    ///
    /// # Errors
    /// When the name is a backup's or a compressed file's.
    pub fn of(name: &OsStr) -> Result<Self, FamilyError> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') {
            return Err(FamilyError::NoName);
        }
        let rotated = |live: Option<Self>| FamilyError::Rotated {
            name: name.to_owned(),
            live: live.map(|family| family.live()),
        };
        let packed = unpacked(bytes).is_some();
        match Self::kin(bytes) {
            Some(Kin::Backup(family)) => Err(rotated(Some(family))),
            Some(Kin::Dated(family) | Kin::Numbered(family)) if packed => {
                Err(rotated(Some(family)))
            }
            None if packed => Err(rotated(None)),
            _ => Ok(Self::split(bytes)),
        }
    }

    /// The one family among a directory's regular files; `None` for a directory with no log yet.
    ///
    /// A log is told by a rotated sibling, or by the extension `.log`, `.json` or `.jsonl`. A name
    /// with a date or a number before the extension is a backup where the log without it is there,
    /// and else a log by itself; two that differ only in their dates are backups in any case.
    ///
    /// # Errors
    /// When there are several logs, or files but no log.
    pub fn among<'a>(
        names: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<Option<Self>, FamilyError> {
        let mut families = BTreeSet::new();
        // Live files, or backups of these logs.
        let mut perhaps: Vec<(Self, Self)> = Vec::new();
        // Logs of which one dated name was seen, or more.
        let mut dated: BTreeMap<Self, bool> = BTreeMap::new();
        let mut others = false;
        for name in names {
            let bytes = name.as_bytes();
            let packed = unpacked(bytes).is_some();
            let kin = Self::kin(bytes);
            if let Some(Kin::Dated(family)) = &kin {
                dated.entry(family.clone()).and_modify(|more| *more = true).or_insert(false);
            }
            match kin {
                Some(Kin::Backup(family)) => {
                    families.insert(family);
                }
                Some(Kin::Dated(family) | Kin::Numbered(family)) if packed => {
                    families.insert(family);
                }
                _ if bytes.starts_with(b".") || bytes == b"termination.log" => {
                    // OpenShift's lock and the kubelet's message stand beside its logs.
                }
                Some(Kin::Dated(family) | Kin::Numbered(family)) if has_log_extension(bytes) => {
                    perhaps.push((Self::split(bytes), family));
                }
                None if has_log_extension(bytes) => {
                    families.insert(Self::split(bytes));
                }
                _ => others = true,
            }
        }
        families.extend(dated.into_iter().filter(|(_, more)| *more).map(|(family, _)| family));
        let own = perhaps.into_iter().filter(|(_, log)| !families.contains(log));
        let own: Vec<Self> = own.map(|(own, _)| own).collect();
        families.extend(own);
        // `audit-20261128.log.1` tells of a log `audit-20261128.log`, which may be a backup.
        let is_log = |family: &&Self| match Self::kin(family.live().as_bytes()) {
            Some(Kin::Dated(other) | Kin::Numbered(other)) => !families.contains(&other),
            _ => true,
        };
        let mut logs: Vec<Self> = families.iter().filter(is_log).cloned().collect();
        match logs.len() {
            0 if others => Err(FamilyError::NotFound),
            0 | 1 => Ok(logs.pop()),
            _ => Err(FamilyError::Several(logs.iter().map(Self::live).collect())),
        }
    }

    /// The log that a regular file's name tells of by itself, by the rules of [`Family::among`];
    /// `None`: it tells of none.
    pub(crate) fn told_by(name: &OsStr) -> Option<Self> {
        let bytes = name.as_bytes();
        let beside = bytes.starts_with(b".") || bytes == b"termination.log";
        match Self::kin(bytes) {
            Some(Kin::Backup(family)) => Some(family),
            Some(Kin::Dated(family) | Kin::Numbered(family)) if unpacked(bytes).is_some() => {
                Some(family)
            }
            _ if beside || !has_log_extension(bytes) => None,
            Some(Kin::Dated(family) | Kin::Numbered(family)) => Some(family),
            None => Some(Self::split(bytes)),
        }
    }

    /// Base name of the live file.
    #[must_use]
    pub fn live(&self) -> OsString {
        OsString::from_vec([self.base.as_slice(), &self.ext].concat())
    }

    /// Whether the name is of this family.
    #[must_use]
    pub fn has(&self, name: &OsStr) -> bool {
        self.role(name).is_some()
    }

    /// Whether the name is a compressed backup's.
    #[must_use]
    pub fn is_packed(&self, name: &OsStr) -> bool {
        self.role(name).is_some_and(|role| role.packed())
    }

    /// When a file was rotated to this backup's name, as the name itself tells: by the clock of
    /// whoever rotated it, taken for UTC; the beginning of the hour or day where the name tells no
    /// more. The names of one file, plain, compressed and rotated again, tell the same.
    #[must_use]
    pub fn rotated(&self, name: &OsStr) -> Option<Time> {
        self.role(name)?.rotated()
    }

    /// What the name means in this family; `None`: nothing.
    pub(crate) fn role(&self, name: &OsStr) -> Option<Role> {
        self.role_of(name.as_bytes())
    }

    pub(crate) fn role_of(&self, name: &[u8]) -> Option<Role> {
        let rest = name.strip_prefix(self.base.as_slice())?;
        let Some((rest, codec, again)) = unpacked(rest) else {
            return Some(Role { age: Age::read(rest, &self.ext)?, codec: None });
        };
        let age = Age::read(rest, &self.ext)?;
        let age = if again.is_empty() { age } else { age.again(again)? };
        // Rotation compresses no live file: whose copy that is, nobody can tell.
        (age != Age::Live).then_some(Role { age, codec: Some(codec) })
    }

    /// The family of a live name's halves, as Go's `filepath.Ext` splits it.
    pub(crate) fn of_halves(base: Vec<u8>, ext: Vec<u8>) -> Self {
        Self { base, ext }
    }

    pub(crate) fn halves(&self) -> (&[u8], &[u8]) {
        (&self.base, &self.ext)
    }

    /// Splits as Go's `filepath.Ext` does, for lumberjack puts its stamp between the halves.
    fn split(name: &[u8]) -> Self {
        let at = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
        Self { base: name[..at].to_vec(), ext: name[at..].to_vec() }
    }

    /// The log whose backup this name is, or may be.
    fn kin(name: &[u8]) -> Option<Kin> {
        let name = unpacked(name).map_or(name, |(rest, ..)| rest);
        // A time stands anywhere behind the base, and holds separators itself: look at each place.
        let places = || (1..name.len()).map(|at| name.split_at(at));
        let lumberjack = places().find_map(|(base, rest)| {
            Stamp::prefixes(rest).filter(|(stamp, _)| stamp.is_lumberjacks()).find_map(
                |(_, rest)| {
                    // The extension, and what a second rotation put behind it.
                    let end = rest.iter().skip(1).position(|byte| b".-_".contains(byte));
                    let (ext, _) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
                    let family = Self { base: base.to_vec(), ext: ext.to_vec() };
                    let plausible = ext.is_empty() || ext[0] == b'.';
                    (plausible && family.role_of(name).is_some()).then_some(family)
                },
            )
        });
        if let Some(family) = lumberjack {
            return Some(Kin::Backup(family));
        }
        let log = |name: &[u8]| match Self::kin(name) {
            // `audit.log-20261128.1`
            Some(Kin::Backup(family)) => family,
            _ => Self::split(name),
        };
        if let Some((base, _)) = places().find(|(_, rest)| Stamp::whole(rest).is_some()) {
            return Some(Kin::Backup(log(base)));
        }
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)?;
        let (base, ext) = name.split_at(dot);
        if number(ext).is_some() {
            return Some(Kin::Backup(log(base)));
        }
        let log = |at: usize| Self { base: base[..at].to_vec(), ext: ext.to_vec() };
        let dated = (1..dot).find(|at| Stamp::whole(&base[*at..]).is_some());
        let numbered = || (1..dot).find(|at| number(&base[*at..]).is_some());
        let dated = dated.map(|at| Kin::Dated(log(at)));
        dated.or_else(|| Some(Kin::Numbered(log(numbered()?))))
    }
}

fn has_log_extension(name: &[u8]) -> bool {
    [&b".log"[..], b".json", b".jsonl"].iter().any(|ext| name.ends_with(ext))
}

/// A compressed file's name without the codec's suffix, and the number or time behind that, if the
/// compressed file was rotated once more. `None`: the name is no compressed file's.
pub(crate) fn unpacked(name: &[u8]) -> Option<(&[u8], Codec, &[u8])> {
    if let Some((rest, codec)) = Codec::strip(name) {
        return Some((rest, codec, b""));
    }
    // What stands behind the suffix is short, and ends with a digit.
    name.last().filter(|byte| byte.is_ascii_digit())?;
    (1..name.len().min(40)).find_map(|length| {
        let (packed, again) = name.split_at(name.len() - length);
        let (rest, codec) = Codec::strip(packed)?;
        (number(again).is_some() || Stamp::whole(again).is_some()).then_some((rest, codec, again))
    })
}

/// Whether two sources take the same files: of these directories, these families'.
#[must_use]
pub fn overlap(a: (FileKey, &Family), b: (FileKey, &Family)) -> bool {
    a.0 == b.0 && (a.1.has(&b.1.live()) || b.1.has(&a.1.live()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn family(live: &str) -> Family {
        Family::of(OsStr::new(live)).unwrap()
    }

    fn among(names: &[&str]) -> Result<Option<Family>, FamilyError> {
        Family::among(names.iter().map(OsStr::new))
    }

    const STAMPED: &str = "audit-2026-01-02T15-04-05.000.log";

    #[test]
    fn a_family_knows_its_files() {
        let audit = family("audit.log");
        for name in [
            "audit.log",
            STAMPED,
            "audit.log.1",
            "audit.log.12.gz",
            "audit.log.1000",
            "audit.log.2026",
            "audit.log.4294967295.xz",
            "audit.1.log",
            "audit.1.log.gz",
            "audit.log-20261128",
            "audit.log-20261128.gz",
            "audit.log-2026112819.zst",
            "audit.log-20261128-134501.bz2",
            "audit.log-1795231800",
            "audit.log-2026-11-28.xz",
            "audit.log-20261128.1",
            "audit.log-20261128.1.gz",
            "audit.log.20261128",
            "audit-20261128.log",
            "audit-20261128.log.gz",
            "audit-20261128.log.1.gz",
            "audit-2026-01-02T15-04-05.000.log.1",
            "audit-2026-01-02T15-04-05.000.log.1.gz",
            "audit-2026-01-02T15-04-05.000.log.gz.1",
            "audit-2026-01-02T15-04-05.000.log-20261128",
            "audit-2026-01-02T15-04-05.000.log-20261128.zst",
            "audit-2026-01-02T15-04-05.log",
        ] {
            assert!(audit.has(OsStr::new(name)), "{name}");
            assert!(!audit.related(OsStr::new(name)), "{name}");
        }
        assert!(audit.has(OsStr::new(&format!("{STAMPED}.gz"))));
        for other in [
            "audit2.log",
            "audit-policy.log",
            "audit.log.gz",
            "audit.log.01",
            "audit.log.42949672960",
            "audit.log.gz.1",
            "audit.log.1.gz.1.gz",
            "audit.log.1.1",
            "audit.log.1.Z",
            "audit.log.1.lz4",
            "audit.log.lock",
            "audit.log~",
            ".lock",
            "termination.log",
            "audit-2026-13-02T15-04-05.000.log",
            "audit-2026-02-30T15-04-05.000.log",
            "audit-2026-02-03T24-04-05.000.log",
            "audit-2026-01-02T15-04-05.000.log.gz.tmp",
            "audit-2026-01-02T15-04-05.000",
            "xaudit.log",
        ] {
            assert!(!audit.has(OsStr::new(other)), "{other}");
        }
    }

    proptest! {
        /// Two names of one role would be one file to the follower: a compressed one of them would
        /// be left out as if it were still being made.
        #[test]
        fn no_two_names_mean_the_same(names in prop::collection::btree_set(
            "audit(\\.log)?[-._](20261128|2026-11-28|1795231800|2026112813|[0-9]{1,2}|20261128-134501)(\\.log)?([-.](1|2|20261129))?(\\.gz|\\.xz)?",
            2..40,
        )) {
            let audit = family("audit.log");
            let mut roles: Vec<Role> = names.iter().filter_map(|name| audit.role(OsStr::new(name))).collect();
            let count = roles.len();
            roles.sort();
            roles.dedup();
            prop_assert_eq!(roles.len(), count);
        }

        #[test]
        fn any_name_is_one_thing(name in "[-a._~log0-9TgzxZ]{0,30}", live in "a[-.a0-9]{0,5}(\\.log)?") {
            let name = OsStr::new(&name);
            drop(among(&[name.to_str().unwrap(), &live]));
            if let Ok(family) = Family::of(OsStr::new(&live)) {
                prop_assert_eq!(family.live(), OsString::from(&live));
                let role = family.role(name);
                prop_assert!(role.is_none() || !family.related(name));
                prop_assert_eq!(role.as_ref().is_some_and(|role| role.age == Age::Live), name == family.live());
                // A backup's name is refused as a live one, or it is a plausible one.
                if let Ok(other) = Family::of(name) {
                    prop_assert_eq!(other.live(), name);
                }
            }
        }
    }

    #[test]
    fn the_order_is_oldest_first_and_plain_before_gzip() {
        let audit = family("audit.log");
        let ordered = [
            "audit.log.10",
            "audit.log.2.gz",
            "audit.log.1",
            "audit-2025-12-31T23-59-59.999.log.gz",
            STAMPED,
            "audit-2026-01-02T15-04-05.000.log.gz",
            "audit.log",
        ];
        let roles: Vec<Role> =
            ordered.iter().map(|name| audit.role(OsStr::new(name)).unwrap()).collect();
        assert!(roles.is_sorted());
    }

    #[test]
    fn a_backups_name_tells_when_it_was_rotated() {
        let audit = family("audit.log");
        let rotated = |name: &str| audit.rotated(OsStr::new(name)).map(|time| time.to_string());
        let at = Some("2026-01-02T15:04:05.000000Z".to_owned());
        assert_eq!((rotated(STAMPED), rotated(&format!("{STAMPED}.gz"))), (at.clone(), at));
        for again in [".1", ".1.gz", ".gz.1", "-20261128.zst"] {
            assert_eq!(rotated(&format!("{STAMPED}{again}")), rotated(STAMPED), "{again}");
        }
        let day = rotated("audit.log-20261128.gz");
        assert_eq!(day.as_deref(), Some("2026-11-28T00:00:00.000000Z"), "as far as it tells");
        for name in ["audit.log", "audit.log.1", "audit-2026-02-30T15-04-05.000.log", "x"] {
            assert_eq!(rotated(name), None, "{name}");
        }
    }

    #[test]
    fn odd_names_follow_lumberjacks_rule() {
        let bare = family("audit");
        assert!(bare.has(OsStr::new("audit-2026-01-02T15-04-05.000")));
        let dotted = family("kube.apiserver.audit.log");
        assert!(dotted.has(OsStr::new("kube.apiserver.audit-2026-01-02T15-04-05.000.log.gz")));
        assert_eq!(dotted.live(), OsStr::new("kube.apiserver.audit.log"));
    }

    #[test]
    fn a_backup_is_not_a_live_file() {
        let rotated = |name: &str| match Family::of(OsStr::new(name)) {
            Err(FamilyError::Rotated { live, .. }) => live,
            other => panic!("{other:?}"),
        };
        for name in [STAMPED, "audit-2026-01-02T15-04-05.000.log.gz", "audit.log.3"] {
            assert_eq!(rotated(name), Some("audit.log".into()), "{name}");
        }
        for name in [
            "audit.log.2026",
            "audit.1.log.gz",
            "audit.log-20261128",
            "audit.log-20261128.1.xz",
            "audit.log.20261128",
            "audit-20261128.log.gz",
            "audit-2026-01-02T15-04-05.000.log.1",
            "audit-2026-01-02T15-04-05.000.log.gz.1",
            "audit-2026-01-02T15-04-05.000.log-20261128.zst",
        ] {
            assert_eq!(rotated(name), Some("audit.log".into()), "{name}");
        }
        assert_eq!(rotated("audit.log.gz"), None);
        // A live log may have a date or a number in its name.
        for name in ["audit-20261128.log", "audit.1.log", "apiserver-2.log", "audit-2026.log"] {
            assert_eq!(family(name).live(), name);
        }
        for name in ["", ".", "..", "a/b"] {
            assert_eq!(Family::of(OsStr::new(name)), Err(FamilyError::NoName));
        }
    }

    #[test]
    fn a_directory_must_hold_one_log() {
        assert_eq!(among(&[]), Ok(None));
        assert_eq!(among(&[".lock", "termination.log"]), Ok(None));
        assert_eq!(among(&["README"]), Err(FamilyError::NotFound));
        let one = Ok(Some(family("audit.log")));
        assert_eq!(among(&["audit.log", ".lock", "termination.log"]), one);
        assert_eq!(among(&[STAMPED, "README"]), one, "a backup alone tells the log");
        for names in [
            &["audit.log", "audit-20261128.log", "audit.1.log"][..],
            &["audit.log-20261128.gz"],
            &["audit-20261128.log.gz"],
            &["audit-20261127.log", "audit-20261128.log"],
            &["audit.log", "audit-20261128.log.1"],
            &["audit.log", "audit-20261127.log.1", "audit-20261128.log.1.gz"],
            &["audit.log", "audit-2026-01-02T15-04-05.000.log.1.gz"],
            &["audit.log", "audit.1.log", "audit.2.log"],
        ] {
            assert_eq!(among(names), one, "{names:?}");
        }
        assert_eq!(among(&["audit-20261128.log"]), Ok(Some(family("audit-20261128.log"))));
        let two = ["apiserver-10.0.0.1.log", "apiserver-10.0.0.2.log"];
        assert!(matches!(among(&two), Err(FamilyError::Several(logs)) if logs == two));
        assert_eq!(among(&two[..1]), Ok(Some(family(two[0]))));
        let error = among(&["audit.log", "kubelet.log", STAMPED]).unwrap_err();
        assert_eq!(error, FamilyError::Several(vec!["audit.log".into(), "kubelet.log".into()]));
        assert_eq!(error.to_string(), "directory holds several logs: audit.log kubelet.log");
        assert!(error.hint().contains("--source NAME=PATH"));
    }

    #[test]
    fn sources_overlap_when_one_takes_the_others_files() {
        let [here, there] = [1, 2].map(|ino| FileKey { dev: 1, ino });
        let (audit, other) = (family("audit.log"), family("audit2.log"));
        assert!(overlap((here, &audit), (here, &audit)));
        assert!(!overlap((here, &audit), (there, &audit)));
        assert!(!overlap((here, &audit), (here, &other)));
        let nested = Family { base: b"audit.log".to_vec(), ext: b".1".to_vec() };
        assert!(
            overlap((here, &audit), (here, &nested)) && overlap((here, &nested), (here, &audit))
        );
    }
}
