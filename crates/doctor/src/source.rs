//! What a source's facts mean for whoever follows it. Pure: facts in, checks out.

use std::path::PathBuf;
use std::time::Duration;

use auditseal_format::printable;

use crate::check::Check;
use crate::disk::Disk;
use crate::flags::{self, Flags, Limit};
use crate::policy::{self, Policy};
pub use crate::sample::Sample;
use crate::units::{size, span};

/// An age of the newest event at which nobody seems to write any more.
const STALE: Duration = Duration::from_secs(86_400);
/// Files named of those that look like the log's and aren't archived.
const NAMED: usize = 3;

/// What is known of a source.
#[derive(Debug, Clone, Default)]
pub struct SourceFacts {
    /// The live file.
    pub path: PathBuf,
    /// What the live file is.
    pub live: Live,
    /// Where kube-apiserver writes, where its flags tell.
    pub written: Option<Written>,
    /// Whether the live file is the place of a mount by itself.
    pub mounted: Option<bool>,
    /// Rotation times that backups' names tell, microseconds since the Unix epoch, oldest first.
    pub rotations: Vec<i64>,
    /// How many backups there are, and how many of them are compressed.
    pub backups: (u64, u64),
    /// Backups that can't be read, with the reason for the first.
    pub unreadable: Option<String>,
    /// What has a backup's name and is no file that is read, with the reason for the first.
    pub refused: Option<String>,
    /// Files that look like this log's and aren't, sorted; as they may be shown.
    pub related: Vec<String>,
    /// This machine's time.
    pub now: i64,
    /// kube-apiserver's flags and where they were found, or why they weren't.
    pub flags: Option<Result<(String, Flags), String>>,
    /// Its policy and where that was found, or why it wasn't.
    pub policy: Option<Result<(String, Policy), String>>,
    /// What the newest files hold.
    pub sample: Sample,
    /// Configurations of logrotate that cover the log, and how each rotates it.
    pub logrotate: Vec<(String, Rotates)>,
    /// The file system that the log is on.
    pub(crate) disk: Option<Disk>,
}

/// How logrotate rotates a log, from bad to worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rotates {
    /// It renames the file.
    ByRenaming,
    /// It renames the file, and writes over what it deletes.
    AndShreds,
    /// It copies the file and cuts it.
    ByTruncating,
}

/// Where kube-apiserver writes its log, by its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is the source.
    Here,
    /// It has the source's name, and this process doesn't see where it is on the node.
    Perhaps(PathBuf),
    /// It is another file.
    Elsewhere(PathBuf),
}

/// What the live file is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Live {
    /// There, readable, with so many bytes.
    There(u64),
    /// Not there, though its directory is.
    #[default]
    NotYet,
    /// There, and no file, for this reason: nothing of it is read.
    NoFile(String),
    /// It or its directory can't be read.
    Unreadable(String),
    /// Its directory isn't there, or holds no one log.
    Absent(String),
}

/// Judges a source.
#[must_use]
pub fn check(source: &SourceFacts) -> Vec<Check> {
    let mut checks = vec![source.live()];
    if matches!(source.live, Live::Absent(_)) {
        return checks;
    }
    checks.extend(source.written());
    checks.extend(source.newest());
    checks.extend(source.mount());
    checks.extend(source.backups());
    checks.push(source.siblings());
    checks.push(source.rotation());
    checks.push(source.logrotate());
    checks.extend(source.disk());
    checks.extend(source.content());
    match &source.flags {
        Some(Ok((place, found))) => {
            checks.push(Check::pass("flags", format!("read from {place}")));
            checks.extend(flags::check(found));
        }
        Some(Err(why)) => checks.push(Check::unknown("flags", why.as_str()).essential()),
        None => checks.push(
            Check::unknown("flags", "kube-apiserver's flags weren't found on this machine")
                .fix("give its manifest by --manifest, or its flags by --apiserver-flags"),
        ),
    }
    match &source.policy {
        Some(Ok((place, found))) => {
            checks.push(Check::pass("policy", format!("read from {place}")));
            checks.extend(policy::check(found));
        }
        Some(Err(why)) => checks.push(Check::unknown("policy", why.as_str()).essential()),
        None => checks.push(
            Check::unknown("policy", "the audit policy wasn't found on this machine")
                .fix("give it by --policy"),
        ),
    }
    checks
}

impl SourceFacts {
    fn live(&self) -> Check {
        let (name, path) = ("live", printable(&self.path));
        match &self.live {
            Live::There(bytes) => Check::pass(name, format!("{path}, {}", size(*bytes))),
            Live::NotYet => Check::warn(name, format!("{path} isn't there yet"))
                .why("auditseal waits for it; if it never comes, nothing is archived")
                .fix("is that --audit-log-path, as this machine or container sees it?"),
            Live::NoFile(why) => Check::fail(name, format!("{path}: {why}"))
                .why("auditseal reads regular files only: nothing is archived while this has the log's name")
                .fix("find out who put it there: kube-apiserver writes a regular file"),
            Live::Unreadable(why) => Check::fail(name, format!("{path}: {why}"))
                .why("kube-apiserver writes it with mode 0600")
                .fix("run auditseal as root with all capabilities dropped but DAC_READ_SEARCH"),
            Live::Absent(why) => Check::fail(name, format!("{path}: {why}"))
                .why("there is nothing to follow")
                .fix("name the live file, or its directory, as this machine or container sees it"),
        }
    }

    fn written(&self) -> Option<Check> {
        let name = "written";
        Some(match self.written.as_ref()? {
            Written::Here => Check::pass(name, "kube-apiserver's flags name this file"),
            Written::Perhaps(log) => {
                let log = printable(log);
                Check::pass(
                    name,
                    format!("kube-apiserver writes {log}, which isn't seen from here"),
                )
            }
            Written::Elsewhere(log) => {
                let log = printable(log);
                Check::warn(name, format!("kube-apiserver writes another file, {log}"))
                    .why("what it writes there isn't archived from here")
                    .fix("name that file by --source, as this machine or container sees it")
            }
        })
    }

    fn newest(&self) -> Option<Check> {
        let at = self.sample.newest?;
        let age = Duration::from_micros(u64::try_from(self.now.saturating_sub(at)).unwrap_or(0));
        let found = format!("the newest event is {} old", span(age));
        Some(if age < STALE {
            Check::pass("newest", found)
        } else {
            Check::warn("newest", found)
                .why("a kube-apiserver that runs logs something every few seconds, if its policy says so")
                .fix("is that --audit-log-path, as this machine or container sees it, and is it running?")
        })
    }

    fn mount(&self) -> Option<Check> {
        let name = "mount";
        Some(match self.mounted? {
            false => Check::pass(name, "the log is a file in its directory"),
            true => Check::fail(name, "the log is mounted as a single file")
                .why("a rename doesn't reach through such a mount: after a rotation this is the old file for ever, and kube-apiserver can't rotate one that is mounted so for it")
                .fix("mount the directory that holds it, here and in kube-apiserver's manifest"),
        })
    }

    fn backups(&self) -> Option<Check> {
        let name = "backups";
        let unreadable = self.unreadable.as_ref().map(|why| {
            Check::fail(name, format!("some can't be read: {why}"))
                .why("what was rotated while auditseal was down is only there")
                .fix("run auditseal as root with all capabilities dropped but DAC_READ_SEARCH")
        });
        let refused = || {
            let why = self.refused.as_ref()?;
            let check = Check::fail(name, format!("some are no files: {why}"));
            Some(
                check
                    .why("auditseal reads regular files only: what has a backup's name and is none isn't archived")
                    .fix("find out who put it there: rotation makes regular files"),
            )
        };
        unreadable.or_else(refused)
    }

    fn siblings(&self) -> Check {
        let name = "siblings";
        let Some(example) =
            self.related.get(..self.related.len().min(NAMED)).filter(|e| !e.is_empty())
        else {
            return Check::pass(name, "each file that looks like this log's is archived");
        };
        let (count, named) = (self.related.len(), example.join(", "));
        let files = if count == 1 {
            "1 file looks like this log's and isn't".to_owned()
        } else {
            format!("{count} files look like this log's and aren't")
        };
        let more = match count - example.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Check::warn(name, format!("{files} archived: {named}{more}"))
            .why("no rotation gives such names, so nobody can tell whose lines these are; when the file is deleted, they are gone")
            .fix("if its lines are in no other file here, give it a name that rotation gives, such as audit.log.9 or audit.log.9.gz; else move it away")
    }

    /// The time from one rotation to the next, as the last few were.
    fn interval(&self) -> Option<Duration> {
        let last = &self.rotations[self.rotations.len().saturating_sub(10)..];
        let (first, newest) = (last.first()?, last.last()?);
        let steps = u64::try_from(last.len().checked_sub(1)?).ok().filter(|steps| *steps > 0)?;
        Some(Duration::from_micros(newest.abs_diff(*first) / steps))
    }

    fn rotation(&self) -> Check {
        let name = "rotation";
        let (count, packed) = self.backups;
        let packed = if packed > 0 { format!(", {packed} compressed") } else { String::new() };
        let Some(interval) = self.interval() else {
            let few = "too few to tell how often the log is rotated";
            return Check::unknown(name, format!("{count} backups{packed}: {few}"));
        };
        let found = format!("{count} backups{packed}, rotated every {}", span(interval));
        let limit = match &self.flags {
            Some(Ok((_, flags))) => flags.limit(),
            _ => Limit::ByVersion,
        };
        let Limit::Of(kept, age) = limit else {
            return Check::unknown(name, format!("{found}; how many are kept isn't known"))
                .fix("give kube-apiserver's manifest by --manifest");
        };
        let by_count =
            kept.map(|kept| interval.saturating_mul(u32::try_from(kept).unwrap_or(u32::MAX)));
        let Some(whole) = [by_count, age].into_iter().flatten().min() else {
            return Check::pass(name, format!("{found}; none is deleted"));
        };
        let oldest = span(self.until_loss(interval, kept, age));
        let found =
            format!("{found}; each is deleted {} later, the oldest in {oldest}", span(whole));
        let why = "so long auditseal or the store may be down before something is lost";
        let fix = "raise --audit-log-maxbackup or --audit-log-maxsize, as far as the disk allows";
        match whole.as_secs() / 3600 {
            0 => Check::fail(name, found).why(why).fix(fix),
            1..24 => Check::warn(name, found).why(why).fix(fix),
            _ => Check::pass(name, found),
        }
    }

    /// Until the oldest backup is deleted, if it goes on like that.
    fn until_loss(&self, interval: Duration, kept: Option<u64>, age: Option<Duration>) -> Duration {
        let at = |from: i64, after: Duration| {
            let after = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
            let left = from.saturating_add(after).saturating_sub(self.now);
            Duration::from_micros(u64::try_from(left).unwrap_or(0))
        };
        let (first, last) = (self.rotations.first(), self.rotations.last());
        let by_count = kept.zip(last).map(|(kept, last)| {
            let more = kept.saturating_sub(self.backups.0).saturating_add(1);
            at(*last, interval.saturating_mul(u32::try_from(more).unwrap_or(u32::MAX)))
        });
        let by_age = age.zip(first).map(|(age, first)| at(*first, age));
        [by_count, by_age].into_iter().flatten().min().unwrap_or_default()
    }

    fn logrotate(&self) -> Check {
        let name = "logrotate";
        let fix = "leave rotation to kube-apiserver: take the log out of that file";
        match self.logrotate.iter().max_by_key(|(_, rotates)| *rotates) {
            None => Check::pass(name, "no configuration covers the log"),
            Some((file, Rotates::ByTruncating)) => Check::fail(name, format!("{file} copies and truncates the log"))
                .why("what is written between the copy and the truncation is lost, and the rest of the file becomes a hole")
                .fix(fix),
            Some((file, Rotates::AndShreds)) => Check::fail(name, format!("{file} shreds the log's backups"))
                .why("what it writes over a backup before it deletes it looks as if somebody had written the log anew: it may be archived as lines, and the backup's end told to be lost")
                .fix(fix),
            Some((file, Rotates::ByRenaming)) => Check::warn(name, format!("{file} rotates the log too"))
                .why("kube-apiserver goes on writing to the file that was renamed, and deletes backups by its own count")
                .fix(fix),
        }
    }

    fn disk(&self) -> Option<Check> {
        let disk = self.disk?;
        let found = format!("{disk} where the log is");
        let why = "when it's full, kube-apiserver writes parts of lines, and etcd may be on it too";
        let fix = "free some; keep auditseal's --state and --spool-limit within what is there";
        Some(match disk.percent_free() {
            0..3 => Check::fail("disk", found).why(why).fix(fix),
            3..10 => Check::warn("disk", found).why(why).fix(fix),
            _ => Check::pass("disk", found),
        })
    }

    /// The command that counts bodies and makes a policy without them.
    fn suggests(&self) -> String {
        let path = self.path.to_string_lossy();
        // A name that a shell would take for something else isn't for copying.
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:".contains(c);
        let path = if path.chars().all(plain) { &path } else { "PATH" };
        format!("auditseal doctor --suggest-policy --on {path}")
    }

    fn content(&self) -> Vec<Check> {
        let sample = &self.sample;
        if sample.lines == 0 {
            return vec![Check::unknown("content", "there are no lines to look at")];
        }
        let of = format!("of the newest {} lines", sample.lines);
        let mut checks = vec![match &sample.example {
            None => Check::pass("content", format!("none {of} holds a body of a Secret, a ConfigMap or a token")),
            Some(example) => Check::fail("content", format!("{} {of} hold bodies of Secrets, ConfigMaps or tokens, such as {example}", sample.bodies))
                .why("passwords and tokens would lie in the archive, and its lock keeps them there for years")
                .fix("log these resources at level Metadata before anything is archived; change what has been in the log")
                .command(self.suggests()),
        }];
        if sample.variables > 0 {
            let found = format!(
                "{} {of} hold a container's variable that looks like a credential, with its value",
                sample.variables
            );
            checks.push(Check::warn("variables", found)
                .why("it would lie in the archive for as long as its lock lasts, and whoever may read the archive could use it")
                .fix("take it from a Secret by valueFrom, and change it; until then, log workloads at level Metadata")
                .command(self.suggests()));
        }
        if sample.foreign > 0 {
            let found = format!("{} {of} are no audit events", sample.foreign);
            checks.push(Check::warn("format", found)
                .why("they are archived as they are, and counted; is it another log, or was it truncated?")
                .fix("name kube-apiserver's own audit log, and let nobody else rotate it"));
        }
        if sample.cut > 0 {
            checks.push(
                Check::warn("truncated", format!("{} {of} were cut by kube-apiserver", sample.cut))
                    .why("what was cut is in no log")
                    .fix("leave --audit-log-truncate-enabled out"),
            );
        }
        checks
    }
}

#[cfg(test)]
mod tests {
    use auditseal_tail::Room;

    use super::*;
    use crate::check::Status;

    const MINUTE: i64 = 60_000_000;

    fn disk(free: u64) -> Disk {
        Disk { room: Room { free, all: 100 }, memory: false }
    }

    fn sound() -> SourceFacts {
        SourceFacts {
            path: "/var/log/audit.log".into(),
            live: Live::There(5),
            written: Some(Written::Here),
            mounted: Some(false),
            rotations: (0..5).map(|n| n * 300 * MINUTE).collect(),
            backups: (5, 1),
            now: 1300 * MINUTE,
            flags: Some(Ok((
                "f".into(),
                flags::file("--audit-log-maxbackup=10 --audit-policy-file=/p --audit-log-path=/l"),
            ))),
            policy: Some(
                policy::parse("kind: Policy\nrules: [{level: Metadata}]").map(|p| ("p".into(), p)),
            ),
            sample: Sample { lines: 10, newest: Some(1299 * MINUTE), ..Sample::default() },
            disk: Some(disk(50)),
            ..SourceFacts::default()
        }
    }

    fn found(source: &SourceFacts, name: &str) -> (Status, String) {
        let checks = check(source);
        let found = checks.iter().find(|check| check.check == name).unwrap();
        (found.status, found.found.clone())
    }

    #[test]
    fn a_sound_source_passes() {
        let checks = check(&sound());
        assert!(checks.iter().all(|check| check.status == Status::Pass), "{checks:#?}");
        let text = found(&sound(), "rotation").1;
        assert_eq!(
            text,
            "5 backups, 1 compressed, rotated every 5 hours; each is deleted 2 days later, the oldest in 28 hours"
        );
    }

    #[test]
    fn whether_anybody_writes_to_it() {
        type Change = fn(&mut SourceFacts);
        let table: [(Change, &str, Status, &str); 3] = [
            (
                |s| s.written = Some(Written::Elsewhere("/other/audit.log".into())),
                "written",
                Status::Warn,
                "another file, /other/audit.log",
            ),
            (
                |s| s.written = Some(Written::Perhaps("/host/audit.log".into())),
                "written",
                Status::Pass,
                "isn't seen from here",
            ),
            (
                |s| s.sample.newest = Some(s.now - 3 * 24 * 60 * MINUTE),
                "newest",
                Status::Warn,
                "is 3 days old",
            ),
        ];
        for (change, name, status, text) in table {
            let mut source = sound();
            change(&mut source);
            let (is, said) = found(&source, name);
            assert!(is == status && said.contains(text), "{name}: {said}");
        }
    }

    #[test]
    fn the_worst_that_logrotate_does_is_told() {
        use Rotates::{AndShreds, ByRenaming, ByTruncating};
        for (first, second, status, text) in [
            (ByRenaming, ByRenaming, Status::Warn, "rotates the log too"),
            (AndShreds, ByRenaming, Status::Fail, "a shreds"),
            (AndShreds, ByTruncating, Status::Fail, "b copies"),
        ] {
            let logrotate = vec![("a".into(), first), ("b".into(), second)];
            let (is, said) = found(&SourceFacts { logrotate, ..sound() }, "logrotate");
            assert!(is == status && said.contains(text), "{said}");
        }
    }

    #[test]
    fn each_rule() {
        type Change = fn(&mut SourceFacts);
        let minutes: Change = |s| s.rotations = (0..5).map(|n| n * MINUTE).collect();
        let table: [(Change, &str, Status, &str); 19] = [
            (|s| s.live = Live::NotYet, "live", Status::Warn, "isn't there yet"),
            (|s| s.live = Live::Unreadable("denied".into()), "live", Status::Fail, "denied"),
            (|s| s.live = Live::Absent("gone".into()), "live", Status::Fail, "gone"),
            (|s| s.mounted = Some(true), "mount", Status::Fail, "single file"),
            (|s| s.unreadable = Some("x".into()), "backups", Status::Fail, "x"),
            (
                |s| s.related = vec!["audit.log.bak".into()],
                "siblings",
                Status::Warn,
                "1 file looks like this log's and isn't archived: audit.log.bak",
            ),
            (minutes, "rotation", Status::Fail, "every 60 s; each is deleted 10 minutes later"),
            (
                |s| s.rotations = (0..5).map(|n| n * 60 * MINUTE).collect(),
                "rotation",
                Status::Warn,
                "10 hours later",
            ),
            (|s| s.rotations.truncate(1), "rotation", Status::Unknown, "too few"),
            (|s| s.flags = None, "rotation", Status::Unknown, "isn't known"),
            (|s| s.flags = None, "flags", Status::Unknown, "weren't found"),
            (|s| s.flags = Some(Err("why".into())), "flags", Status::Unknown, "why"),
            (|s| s.policy = None, "policy", Status::Unknown, "wasn't found"),
            (|s| s.live = Live::NoFile("it is odd".into()), "live", Status::Fail, "it is odd"),
            (|s| s.refused = Some("y".into()), "backups", Status::Fail, "some are no files: y"),
            (|s| s.disk = Some(disk(9)), "disk", Status::Warn, "9 B of 100 B"),
            (|s| s.disk = Some(disk(2)), "disk", Status::Fail, ""),
            (
                |s| {
                    s.sample.bodies = 2;
                    s.sample.example = Some("get secrets".into());
                },
                "content",
                Status::Fail,
                "such as get secrets",
            ),
            (|s| s.sample = Sample::default(), "content", Status::Unknown, "no lines"),
        ];
        for (change, name, status, text) in table {
            let mut source = sound();
            change(&mut source);
            let (is, said) = found(&source, name);
            assert_eq!(is, status, "{name}: {said}");
            assert!(said.contains(text), "{name}: {said}");
        }
        let mut odd = sound();
        odd.sample = Sample { lines: 9, foreign: 1, variables: 3, cut: 2, ..Sample::default() };
        assert_eq!(found(&odd, "variables").0, Status::Warn);
        assert_eq!(found(&odd, "format").0, Status::Warn);
        assert_eq!(found(&odd, "truncated").0, Status::Warn);
    }
}
