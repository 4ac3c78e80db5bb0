//! Names that look like a log's and are none that rotation gives.
//!
//! Whatever is in such a file is archived by nobody, so it is named. One name too many costs a
//! line, one too few would hide a file that somebody believes to be safe; but a line for each file
//! of another log in the same directory would teach people to look away.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::names::{Family, unpacked};
use crate::stamp::{Stamp, number};

/// What people and programs append to the name of a copy, or of a file that they are making: all
/// but the last letters of what compresses, which [`Family::related`] strips by itself.
const COPIES: [&str; 26] = [
    ".7z", ".Z", ".backup", ".bak", ".br", ".bz", ".copy", ".gpg", ".lz", ".lz4", ".lzma", ".lzo",
    ".new", ".old", ".orig", ".part", ".prev", ".rotated", ".save", ".sz", ".tar", ".temp", ".tgz",
    ".tmp", ".zip", "~",
];

/// What a name has between base and extension that says the same.
const WORDS: [&str; 13] = [
    "archive", "archived", "backup", "bak", "copy", "old", "orig", "part", "prev", "previous",
    "rotated", "saved", "tmp",
];

/// Files that programs keep beside a log: positions, locks, checksums. None holds lines.
const TOOLS: [&str; 9] =
    [".lock", ".md5", ".offset", ".pid", ".pos", ".sha256", ".sig", ".state", ".swp"];

impl Family {
    /// Whether the name looks like this log's, though it is none that rotation gives: a copy
    /// (`audit.log.bak`, `audit-old.log`), a compressed live file (`audit.log.gz`), a codec that
    /// isn't read (`audit.log.1.lz4`), a file that is being made (`audit.log.1.gz.tmp`). Nobody
    /// archives what is in it.
    ///
    /// So does a name of this log's in other capitals: `audit.LOG.1`.
    ///
    /// Other logs in the directory, and their backups, aren't related, nor are configuration and
    /// lock files.
    #[must_use]
    pub fn related(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        if self.role_of(name).is_some() {
            return false;
        }
        let (base, ext) = self.halves();
        if !name.get(..base.len()).is_some_and(|start| start.eq_ignore_ascii_case(base)) {
            return false;
        }
        let looks = |family: &Self, name: &[u8]| !is_tools(name) && family.descends(name);
        looks(self, name) || looks(&Self::of_halves(folded(base), folded(ext)), &folded(name))
    }

    /// Whether the name is one of this log's with something behind it, or nearly one.
    fn descends(&self, name: &[u8]) -> bool {
        if self.role_of(name).is_some() {
            return true;
        }
        let (base, ext) = self.halves();
        let Some(rest) = name.strip_prefix(base) else { return false };
        if rest.strip_prefix(ext).is_some_and(|rest| rest.first().is_some_and(separates)) {
            // `audit.log.anything`; without an extension that would be any other log's name.
            if !ext.is_empty() {
                return true;
            }
        }
        if let Some(older) = self.without_end(name) {
            return self.descends(older);
        }
        // `audit-old.log`, `audit-2026.log`, `audit-old`
        let between = rest.strip_suffix(ext).unwrap_or(rest).split_first();
        between
            .is_some_and(|(first, middle)| !base.is_empty() && separates(first) && is_copy(middle))
    }

    /// The name of which this one is a copy or a part, or that was compressed or rotated to it.
    fn without_end<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        if let Some((older, ..)) = unpacked(name) {
            return Some(older);
        }
        if let Some(older) = COPIES.iter().find_map(|end| name.strip_suffix(end.as_bytes())) {
            return Some(older);
        }
        let first = self.halves().0.len() + 1;
        let mut places = (first..name.len()).map(|at| name.split_at(at));
        places
            .find(|(_, end)| number(end).is_some() || Stamp::whole(end).is_some())
            .map(|(older, _)| older)
    }
}

/// Whether a program keeps it beside a log.
fn is_tools(name: &[u8]) -> bool {
    TOOLS.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// A name without capitals, but for the letter that stands in a time.
fn folded(name: &[u8]) -> Vec<u8> {
    let mut folded = name.to_ascii_lowercase();
    for at in 1..folded.len().saturating_sub(1) {
        if folded[at] == b't' && folded[at - 1].is_ascii_digit() && folded[at + 1].is_ascii_digit()
        {
            folded[at] = b'T';
        }
    }
    folded
}

fn separates(byte: &u8) -> bool {
    b".-_~".contains(byte)
}

/// Whether what stands between base and extension tells of a copy: a date or number in some form,
/// or a word.
fn is_copy(middle: &[u8]) -> bool {
    let written = |byte: &u8| byte.is_ascii_digit() || b".-_:TZ+".contains(byte);
    let dated = middle.iter().any(u8::is_ascii_digit) && middle.iter().all(written);
    let mut words = middle.split(|byte| !byte.is_ascii_alphanumeric());
    dated || words.any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(live: &str, name: &str) -> bool {
        Family::of(OsStr::new(live)).unwrap().related(OsStr::new(name))
    }

    #[test]
    fn copies_of_a_log_are_related() {
        for name in [
            "audit.log.gz",
            "audit.log.zst",
            "audit.log.bak",
            "audit.log~",
            "audit.log.old",
            "audit.log.tmp",
            "audit.log.save.1",
            "audit.log_old",
            "audit.log-before-upgrade",
            "audit.log.01",
            "audit.log.1.lz4",
            "audit.log.1.Z",
            "audit.log.1.gz.tmp",
            "audit.log.1.gz.1.gz",
            "audit.log.1.1",
            "audit.log.gz.1",
            "audit-2026-01-02T15-04-05.000.log.lz4",
            "audit-2026-01-02T15-04-05.000.log.gz.tmp",
            "audit-2026-01-02T15-04-05.000.log.1.gz.1.gz",
            "audit-2026-13-02T15-04-05.000.log",
            "audit-2026-01-02T15-04-05.000",
            "audit-20260230.log",
            "audit-old.log",
            "audit-old.log.gz",
            "audit_backup.log",
            "audit-old-1.log",
            "audit-1.log",
            "audit.LOG.1",
            "AUDIT.LOG",
            "Audit.log.1.GZ",
            "audit.log.1.GZ",
            "audit-2026-01-02t15-04-05.000.log",
            "audit.log.BAK",
        ] {
            assert!(related("audit.log", name), "{name}");
        }
        assert!(related("audit", "audit.bak") && related("audit", "audit.old.gz"));
    }

    #[test]
    fn other_files_are_not() {
        for name in [
            "audit.log",
            "audit.log.1",
            "audit.log.1.gz",
            "audit-20261128.log",
            "audit.log.lock",
            "audit.log.pos",
            "audit-policy.yaml",
            "audit-policy.log",
            "audit-webhook.log",
            "audit-webhook.log.1",
            "audit-webhook.log.1.gz",
            "audit-webhook.log.bak",
            "audit-webhook-2026-01-02T15-04-05.000.log",
            "audit-webhook-2026-01-02T15-04-05.000.log.gz",
            "audit.yaml",
            "audit2.log",
            "audit2.log.1",
            "kube-apiserver.log",
            "kube-apiserver.log.gz",
            "termination.log",
            ".lock",
            ".audit.log.swp",
            "xaudit.log.bak",
            "README",
            "AUDIT-WEBHOOK.LOG",
            "AUDIT.LOG.LOCK",
        ] {
            assert!(!related("audit.log", name), "{name}");
        }
        assert!(!related("audit", "audit.yaml") && !related("audit", "audit-webhook"));
    }
}
