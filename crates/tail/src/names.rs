//! Which names in a directory belong to one log, and in which order they were written.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use auditseal_format::{Time, printable};

use crate::disk::FileKey;

/// Length of lumberjack's stamp, `2006-01-02T15-04-05.000`.
const STAMP: usize = 23;
const GZIP: &[u8] = b".gz";

/// A log and its rotated siblings: the live file `<base><ext>`, lumberjack's backups
/// `<base>-2006-01-02T15-04-05.000<ext>`, logrotate's `<base><ext>.N`, and both with `.gz`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    base: Vec<u8>,
    ext: Vec<u8>,
}

/// When a name's file was rotated away. The order is the rotation order: oldest first.
///
/// Numbered backups come before stamped ones. Both together mean that somebody else's logrotate
/// also works on a log that kube-apiserver rotates, and no order is certain then; nor does it
/// matter to anything but the order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    Numbered(Reverse<u32>),
    Stamped([u8; STAMP]),
    Live,
}

/// What a name means in its family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Role {
    pub(crate) age: Age,
    pub(crate) gzip: bool,
}

impl Age {
    /// Whether no two files ever get this name: a stamp is given once, numbers and the live name
    /// are given again and again.
    pub(crate) fn is_unique(&self) -> bool {
        matches!(self, Self::Stamped(_))
    }

    /// Whether rotation makes the one name of the other.
    pub(crate) fn becomes(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Live, Self::Stamped(_) | Self::Numbered(_)) => true,
            (Self::Numbered(before), Self::Numbered(after)) => after.0 == before.0 + 1,
            _ => false,
        }
    }
}

impl Role {
    /// Whether the file is compressed.
    pub(crate) fn packed(&self) -> bool {
        self.gzip
    }

    /// The role of the plain file that a compressed one was made of.
    pub(crate) fn plain(&self) -> Self {
        Self { gzip: false, ..self.clone() }
    }

    /// When the file got this name, if the name tells.
    pub(crate) fn rotated(&self) -> Option<Time> {
        let Age::Stamped(stamp) = &self.age else { return None };
        let mut text = stamp.to_vec();
        // Lumberjack writes a time that can stand in a file name, and milliseconds.
        (text[13], text[16]) = (b':', b':');
        text.extend(b"000Z");
        std::str::from_utf8(&text).ok()?.parse().ok()
    }
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
    /// The family of a live file's base name.
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
        if let Some(family) = Self::of_backup(bytes) {
            return Err(rotated(Some(family)));
        }
        if bytes.ends_with(GZIP) {
            return Err(rotated(None));
        }
        Ok(Self::split(bytes))
    }

    /// The one family among a directory's regular files; `None` for a directory with no log yet.
    ///
    /// A log is told by a rotated sibling, or by the extension `.log`, `.json` or `.jsonl`.
    ///
    /// # Errors
    /// When there are several logs, or files but no log.
    pub fn among<'a>(
        names: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<Option<Self>, FamilyError> {
        // Per family: whether a rotated file says that it is one.
        let mut families: BTreeMap<Self, bool> = BTreeMap::new();
        let mut others = false;
        for name in names {
            let bytes = name.as_bytes();
            if let Some(family) = Self::of_backup(bytes) {
                families.insert(family, true);
            } else if bytes.starts_with(b".") || bytes == b"termination.log" {
                // OpenShift's lock and the kubelet's message stand beside its logs.
            } else if [&b".log"[..], b".json", b".jsonl"].iter().any(|ext| bytes.ends_with(ext)) {
                families.entry(Self::split(bytes)).or_insert(false);
            } else {
                others = true;
            }
        }
        match families.len() {
            0 if others => Err(FamilyError::NotFound),
            0 => Ok(None),
            1 => Ok(families.into_keys().next()),
            _ => Err(FamilyError::Several(families.keys().map(Self::live).collect())),
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

    /// When a file was renamed to this backup's name, as the name itself tells: by the clock of
    /// whoever rotated it. The plain file's name and the compressed one's tell the same.
    #[must_use]
    pub fn rotated(&self, name: &OsStr) -> Option<Time> {
        self.role(name)?.rotated()
    }

    /// What the name means in this family; `None`: nothing.
    pub(crate) fn role(&self, name: &OsStr) -> Option<Role> {
        let rest = name.as_bytes().strip_prefix(self.base.as_slice())?;
        if rest == self.ext {
            return Some(Role { age: Age::Live, gzip: false });
        }
        let (rest, gzip) = rest.strip_suffix(GZIP).map_or((rest, false), |rest| (rest, true));
        if let Some(digits) =
            rest.strip_prefix(self.ext.as_slice()).and_then(|r| r.strip_prefix(b"."))
            && let Some(number) = number(digits)
        {
            return Some(Role { age: Age::Numbered(Reverse(number)), gzip });
        }
        let stamp = rest.strip_prefix(b"-")?.strip_suffix(self.ext.as_slice())?;
        Some(Role { age: Age::Stamped(stamp_of(stamp)?), gzip })
    }

    /// Splits as Go's `filepath.Ext` does, for lumberjack puts its stamp between the halves.
    fn split(name: &[u8]) -> Self {
        let at = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
        Self { base: name[..at].to_vec(), ext: name[at..].to_vec() }
    }

    /// The family whose backup this name is.
    fn of_backup(name: &[u8]) -> Option<Self> {
        let name = name.strip_suffix(GZIP).unwrap_or(name);
        // `-` before, the extension after: the stamp itself holds a dot, so look at each place.
        let stamped = (1..name.len().saturating_sub(STAMP)).find_map(|at| {
            let (base, rest) = (&name[..at], name[at..].strip_prefix(b"-")?);
            let (stamp, ext) = rest.split_at_checked(STAMP)?;
            stamp_of(stamp)?;
            let plausible = ext.is_empty() || (ext[0] == b'.' && !ext[1..].contains(&b'.'));
            plausible.then(|| Self { base: base.to_vec(), ext: ext.to_vec() })
        });
        stamped.or_else(|| {
            let dot = name.iter().rposition(|byte| *byte == b'.')?;
            number(&name[dot + 1..])?;
            (dot > 0).then(|| Self::split(&name[..dot]))
        })
    }
}

/// Whether two sources take the same files: of these directories, these families'.
#[must_use]
pub fn overlap(a: (FileKey, &Family), b: (FileKey, &Family)) -> bool {
    a.0 == b.0 && (a.1.has(&b.1.live()) || b.1.has(&a.1.live()))
}

/// A logrotate number: no leading zeros but `0` itself.
fn number(digits: &[u8]) -> Option<u32> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let canonical = digits.len() == 1 || digits.first() != Some(&b'0');
    // Four digits would be a year, or a part of some other name: nobody keeps 1,000 backups so.
    if !plain || !canonical || digits.len() > 3 {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Lumberjack's stamp, with a month, day and time that exist: it ignores other names too.
fn stamp_of(text: &[u8]) -> Option<[u8; STAMP]> {
    let stamp: [u8; STAMP] = text.try_into().ok()?;
    for (byte, form) in stamp.iter().zip(b"0000-00-00T00-00-00.000") {
        let fits = if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        if !fits {
            return None;
        }
    }
    let part = |range: std::ops::Range<usize>| {
        stamp[range].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    let exists =
        (1..=days).contains(&day) && part(11..13) < 24 && part(14..16) < 60 && part(17..19) < 60;
    exists.then_some(stamp)
}

#[cfg(test)]
mod tests {
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
        let ours = ["audit.log", STAMPED, "audit.log.1", "audit.log.12.gz"];
        assert!(ours.iter().all(|name| audit.has(OsStr::new(name))));
        assert!(audit.has(OsStr::new(&format!("{STAMPED}.gz"))));
        for other in [
            "audit2.log",
            "audit-policy.log",
            "audit.log.gz",
            "audit.log.01",
            "audit.log.2026",
            "audit.log.lock",
            "audit.log~",
            ".lock",
            "termination.log",
            "audit-2026-13-02T15-04-05.000.log",
            "audit-2026-02-30T15-04-05.000.log",
            "audit-2026-02-03T24-04-05.000.log",
            "audit-2026-01-02T15-04-05.log",
            "audit-2026-01-02T15-04-05.000.log.gz.tmp",
            "audit-2026-01-02T15-04-05.000",
            "xaudit.log",
        ] {
            assert!(!audit.has(OsStr::new(other)), "{other}");
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
        assert_eq!(rotated("audit.log.gz"), None);
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
