//! Other logs in a directory that was named as one log's.
//!
//! At a start a directory with several logs is refused. One that comes later is archived by nobody,
//! though whoever named the directory believes that all in it is: so it is told.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::disk::Entry;
use crate::names::Family;

/// Logs that are told of at most, the first by their names.
const TOLD: usize = 32;

/// Those that one listing met: what is told of each is its live file's name, or else that of its
/// first backup; whether it is a backup's stands before it.
#[derive(Debug, Default)]
pub(super) struct Others {
    met: BTreeMap<Family, (bool, OsString)>,
    more: bool,
}

/// Other logs in a directory that was named as one log's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherLogs {
    /// A name of each, sorted: of the live file, where it's there.
    pub names: Vec<OsString>,
    /// There are more than are named.
    pub more: bool,
}

impl Others {
    /// An entry beside the log `family`. What can't be opened is no log, nor is it at a start.
    pub(super) fn met(&mut self, family: &Family, entry: &Entry) {
        let name = &entry.name;
        if entry.refusal.is_some() || family.has(name) || family.related(name) {
            return;
        }
        let known = self.met.keys().find(|other| other.has(name)).cloned();
        let Some(other) = known.or_else(|| Family::told_by(name)) else { return };
        let found = (*name != other.live(), name.clone());
        let told = self.met.entry(other).or_insert_with(|| found.clone());
        if found < *told {
            *told = found;
        }
        if self.met.len() > TOLD {
            self.met.pop_last();
            self.more = true;
        }
    }

    /// What is told of them.
    pub(super) fn told(self) -> OtherLogs {
        let mut names: Vec<OsString> = self.met.into_values().map(|(_, name)| name).collect();
        names.sort_unstable();
        OtherLogs { names, more: self.more }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::ffi::OsStr;

    use super::*;
    use crate::disk::Refusal;
    use crate::inode::{FileKey, FolderId};

    fn entry(name: &str) -> Entry {
        let key = FileKey { dev: 0, ino: 0 };
        Entry { name: name.into(), folder: FolderId(0), key, size: 0, refusal: None }
    }

    fn told<'a>(names: impl IntoIterator<Item = &'a str>) -> OtherLogs {
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let mut others = Others::default();
        names.into_iter().for_each(|name| others.met(&family, &entry(name)));
        others.told()
    }

    #[test]
    fn each_other_log_is_told_by_one_name() {
        let names = [
            "audit.log",
            "audit-2026-01-02T15-04-05.000.log",
            "audit.log.1",
            // Told as what looks like this log's.
            "audit.log.bak",
            "termination.log",
            ".lock",
            "policy.yaml",
            "apiserver-2026-01-02T15-04-05.000.log",
            "apiserver.log",
            "apiserver.log.1",
            "etcd.log.2.gz",
            "etcd.log.1",
            "x.json",
        ];
        let expected = ["apiserver.log", "etcd.log.1", "x.json"];
        assert_eq!(told(names).names, expected);
        let backwards: Vec<&str> = names.into_iter().rev().collect();
        assert_eq!(told(backwards).names, expected, "in whatever order they are listed");
    }

    #[test]
    fn what_may_not_be_opened_is_no_log() {
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let mut others = Others::default();
        others.met(&family, &Entry { refusal: Some(Refusal::Link), ..entry("other.log") });
        assert!(others.told().names.is_empty());
    }

    #[test]
    fn of_many_logs_the_first_are_told() {
        let names: Vec<String> = (0..1_000).map(|n| format!("log{n:04}x.log")).collect();
        let all = names.iter().map(String::as_str);
        let (first, last) = (told(all.clone()), told(all.rev()));
        assert_eq!(first, last);
        assert_eq!((first.names.len(), first.more), (TOLD, true));
        assert_eq!(
            (&*first.names[0], &*first.names[TOLD - 1]),
            ("log0000x.log".as_ref(), "log0031x.log".as_ref())
        );
    }
}
