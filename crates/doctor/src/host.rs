//! Looking at the machine that a source is on, and changing nothing.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use auditseal_format::printable;
use auditseal_tail::Family;
use auditseal_tail::fs::{open_beside, open_live, open_named};

use crate::check::Check;
use crate::disk::Disk;
use crate::flags::{self, Flags};
use crate::policy;
use crate::source::{self, Live, Rotates, Sample, SourceFacts, Written};

/// What of the newest files is looked at, bytes each.
const SAMPLE: u64 = 4 << 20;
/// The largest configuration file that is read.
const CONFIGURATION: u64 = 4 << 20;

/// Where things are on the machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// The file system's root, before `proc` and `etc`.
    pub root: PathBuf,
    /// kube-apiserver's manifest, where it was named.
    pub manifest: Option<PathBuf>,
    /// A file of its flags, where one was named.
    pub flags: Option<PathBuf>,
    /// Its audit policy, where it was named.
    pub policy: Option<PathBuf>,
    /// This machine's time, microseconds since the Unix epoch.
    pub now: i64,
}

/// Checks a source: the live file, or the directory that holds it.
#[must_use]
pub fn examine_source(path: &Path, host: &Host) -> Vec<Check> {
    source::check(&gather(path, host))
}

fn gather(path: &Path, host: &Host) -> SourceFacts {
    let now = host.now;
    let (path, family) = match live(path) {
        Ok(found) => found,
        Err(why) => {
            return SourceFacts {
                path: path.into(),
                live: Live::Absent(why),
                ..SourceFacts::default()
            };
        }
    };
    let flags = host.flags();
    let policy = host.policy(&flags);
    let written = host.written(&flags, &path);
    let mut facts = SourceFacts { now, flags, policy, written, ..SourceFacts::default() };
    facts.live = match open_live(&path).and_then(|file| file.metadata()) {
        Ok(data) => Live::There(data.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Live::NotYet,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Live::NoFile(error.to_string())
        }
        Err(error) => Live::Unreadable(error.to_string()),
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    let mounts = fs::read_to_string(host.root.join("proc/self/mountinfo")).ok();
    let real = fs::canonicalize(&path).ok();
    facts.mounted = mounts.zip(real).map(|(mounts, real)| is_mount(&mounts, &real));
    let mut readable = Vec::new();
    for name in names(directory) {
        if family.related(&name) {
            facts.related.push(printable(&name).to_string());
        }
        if !family.has(&name) || name == family.live() {
            continue;
        }
        let file = directory.join(&name);
        facts.rotations.extend(family.rotated(&name).map(|at| at.micros()));
        let packed = family.is_packed(&name);
        facts.backups.0 += 1;
        facts.backups.1 += u64::from(packed);
        match open_beside(&file) {
            Ok(_) if !packed => readable.push(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                facts.refused.get_or_insert_with(|| format!("{}: {error}", printable(&name)));
            }
            Err(error) => facts.unreadable = Some(format!("{}: {error}", printable(&name))),
        }
    }
    facts.related.sort_unstable();
    facts.rotations.sort_unstable();
    readable.sort();
    for file in readable.last().map(|file| open_beside(file)).into_iter().chain([open_live(&path)])
    {
        sample(file, &mut facts.sample);
    }
    facts.logrotate = logrotate(host, &path);
    facts.disk = Disk::of(directory).ok().flatten();
    facts.path = path;
    facts
}

/// The live file that a path means.
pub(crate) fn live(path: &Path) -> Result<(PathBuf, Family), String> {
    let named = |path: &Path| {
        let name = path.file_name().ok_or("the path names no file")?;
        let family = Family::of(name).map_err(|error| error.to_string())?;
        Ok((path.to_owned(), family))
    };
    if !path.is_dir() {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return match directory {
            Some(directory) if !directory.is_dir() => Err("its directory isn't there".to_owned()),
            _ => named(path),
        };
    }
    let entries = fs::read_dir(path).map_err(|error| error.to_string())?;
    let names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name())
        .collect();
    match Family::among(names.iter().map(|name| name.as_os_str())) {
        Ok(Some(family)) => Ok((path.join(family.live()), family)),
        Ok(None) => Err("the directory holds no log yet".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn names(directory: &Path) -> impl Iterator<Item = OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_dir()));
    files.map(|entry| entry.file_name())
}

fn sample(file: io::Result<File>, sample: &mut Sample) {
    let read = || {
        let mut file = file?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(SAMPLE);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(SAMPLE).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>((bytes, from == 0))
    };
    // One that can't be read was reported as such.
    if let Ok((bytes, whole)) = read() {
        sample.add(&bytes, whole);
    }
}

/// Whether something is mounted at this very path. Octal escapes stand for blanks there.
fn is_mount(mountinfo: &str, path: &Path) -> bool {
    let unescape = |text: &str| {
        text.replace("\\040", " ")
            .replace("\\011", "\t")
            .replace("\\012", "\n")
            .replace("\\134", "\\")
    };
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    points.map(unescape).any(|point| Path::new(&point) == path)
}

fn text(path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let file = open_named(path).map_err(failed)?;
    file.take(CONFIGURATION).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

impl Host {
    /// The machine that this runs on.
    #[must_use]
    pub fn here(now: i64) -> Self {
        Self { root: "/".into(), manifest: None, flags: None, policy: None, now }
    }

    /// A machine of which nothing can be seen but what is named.
    #[must_use]
    pub fn elsewhere(now: i64) -> Self {
        // No path goes on below it.
        Self { root: "/dev/null".into(), ..Self::here(now) }
    }

    /// The flags and where they are from: what was named, else the usual manifest, else a process.
    fn flags(&self) -> Option<Result<(String, Flags), String>> {
        let from = |path: &Path, read: fn(&str) -> Result<Flags, String>| {
            let place = path.display().to_string();
            let flags =
                text(path).and_then(|text| read(&text).map_err(|why| format!("{place}: {why}")))?;
            Ok((place, flags))
        };
        if let Some(path) = &self.manifest {
            return Some(from(path, flags::manifest));
        }
        if let Some(path) = &self.flags {
            return Some(from(path, |text| Ok(flags::file(text))));
        }
        let usual = self.root.join("etc/kubernetes/manifests/kube-apiserver.yaml");
        if usual.exists() {
            return Some(from(&usual, flags::manifest));
        }
        self.process().map(|flags| Ok(("the running kube-apiserver".to_owned(), flags)))
    }

    fn process(&self) -> Option<Flags> {
        let processes = fs::read_dir(self.root.join("proc")).ok()?;
        processes.flatten().find_map(|process| {
            let line = fs::read(process.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let words: Vec<_> = line.split('\0').map(str::to_owned).collect();
            let program = Path::new(words.first()?).file_name()?;
            (program == OsStr::new("kube-apiserver")).then(|| flags::arguments_of(&words))
        })
    }

    /// The policy that is in force, as far as this machine tells.
    pub(crate) fn policy_now(&self) -> Option<Result<(String, policy::Policy), String>> {
        self.policy(&self.flags())
    }

    /// The policy: what was named, else what the flags name, if that is where the host has it.
    fn policy(
        &self,
        flags: &Option<Result<(String, Flags), String>>,
    ) -> Option<Result<(String, policy::Policy), String>> {
        let read = |path: &Path| {
            let place = path.display().to_string();
            let policy = text(path)
                .and_then(|text| policy::parse(&text).map_err(|why| format!("{place}: {why}")))?;
            Ok((place, policy))
        };
        if let Some(path) = &self.policy {
            return Some(read(path));
        }
        let Some(Ok((_, flags))) = flags else { return None };
        let inside = flags.get("audit-policy-file")?;
        let path = self.below_root(&flags.on_node(inside));
        path.exists().then(|| read(&path))
    }

    /// A path of the node's as this process sees it.
    fn below_root(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether kube-apiserver's log is this file; `None`: its flags don't say where it writes.
    fn written(
        &self,
        flags: &Option<Result<(String, Flags), String>>,
        live: &Path,
    ) -> Option<Written> {
        let Some(Ok((_, flags))) = flags else { return None };
        let inside = flags.get("audit-log-path").filter(|path| *path != "-")?;
        let log = flags.on_node(inside);
        let id = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        Some(match (id(live), id(&self.below_root(&log))) {
            (Some(here), Some(there)) if here == there => Written::Here,
            (Some(_), Some(_)) => Written::Elsewhere(log),
            _ if live == log => Written::Here,
            // In a container the node's directory may stand anywhere.
            _ if live.file_name() == log.file_name() => Written::Perhaps(log),
            _ => Written::Elsewhere(log),
        })
    }
}

/// Configurations of logrotate that cover the log.
fn logrotate(host: &Host, log: &Path) -> Vec<(String, Rotates)> {
    let folder = fs::read_dir(host.root.join("etc/logrotate.d")).into_iter().flatten().flatten();
    let files = folder.map(|entry| entry.path()).chain([host.root.join("etc/logrotate.conf")]);
    let covers = |path: PathBuf| {
        let text = text(&path).ok()?;
        let rotates = covered(&text, &log.to_string_lossy())?;
        Some((printable(&path).to_string(), rotates))
    };
    files.filter_map(covers).collect()
}

/// What a configuration of logrotate does to a path; `None`: it doesn't cover it.
fn covered(configuration: &str, log: &str) -> Option<Rotates> {
    let lines = configuration.lines().map(|line| line.split('#').next().unwrap_or_default());
    let plain = lines.collect::<Vec<_>>().join("\n");
    let everywhere = plain.split('{').next().unwrap_or_default();
    let mut rest = plain.as_str();
    while let Some((head, tail)) = rest.split_once('{') {
        let (body, after) = tail.split_once('}').unwrap_or((tail, ""));
        let mut patterns = head.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        if patterns
            .any(|pattern| pattern.starts_with('/') && matches(pattern.as_bytes(), log.as_bytes()))
        {
            let says = |text: &str, wanted: &str| text.split_whitespace().any(|w| w == wanted);
            let set = |word: &str| {
                says(body, word) || (says(everywhere, word) && !says(body, &format!("no{word}")))
            };
            return Some(match (set("copytruncate"), set("shred")) {
                (true, _) => Rotates::ByTruncating,
                (false, true) => Rotates::AndShreds,
                (false, false) => Rotates::ByRenaming,
            });
        }
        rest = after;
    }
    None
}

/// A shell's pattern: `*` and `?` stand for anything but a slash.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=end).any(|taken| matches(rest, text.get(taken..).unwrap_or_default()))
        }
        (Some((b'?', rest)), Some((byte, after))) => *byte != b'/' && matches(rest, after),
        (Some((wanted, rest)), Some((byte, after))) => wanted == byte && matches(rest, after),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::check::Status;

    #[test]
    fn mounts_are_found() {
        let info = "1 2 0:1 / / rw - ext4 x\n3 1 0:1 /a /var/log/my\\040audit.log ro - ext4 x\n";
        assert!(is_mount(info, Path::new("/var/log/my audit.log")));
        assert!(!is_mount(info, Path::new("/var/log/audit.log")));
    }

    #[test]
    fn logrotate_is_understood() {
        let (renames, shreds, truncates) =
            (Some(Rotates::ByRenaming), Some(Rotates::AndShreds), Some(Rotates::ByTruncating));
        for (text, expected) in [
            ("/var/log/*.log {\n daily\n}", None),
            ("/var/log/k/*.log {\n daily\n}", renames),
            ("# /var/log/k/*.log {}\n/x { }", None),
            ("/x\n\"/var/log/k/audit.log\" {\n copytruncate }", truncates),
            ("copytruncate\n/var/log/?/audit.log {}", truncates),
            ("copytruncate\n/var/log/?/audit.log { nocopytruncate }", renames),
            ("nocopytruncate\n/var/log/?/audit.log {}", renames),
            ("/var/log/k/audit.log {\n shred\n shredcycles 3\n}", shreds),
            ("/var/log/k/audit.log {\n shredcycles 3\n}", renames),
            ("shred\n/var/log/k/audit.log {}", shreds),
            ("shred\n/var/log/k/audit.log { noshred }", renames),
            ("shred\n/var/log/k/audit.log { copytruncate }", truncates),
            ("include /etc/logrotate.d", None),
        ] {
            assert_eq!(covered(text, "/var/log/k/audit.log"), expected, "{text}");
        }
    }

    #[test]
    fn files_that_nobody_archives_are_named() {
        let root = tempfile::tempdir().unwrap();
        let event = "{\"kind\":\"Event\"}\n";
        for name in [
            "audit.log",
            "audit-2026-11-21T01-00-00.000.log.1.zst",
            "audit.log-20261121.xz",
            "audit.log.1000.bz2",
            "audit.log.2",
            "audit.log.bak",
            "audit-old.log",
            "audit.log.1.lz4",
            "audit.log.\u{1b}[2J",
            "audit-policy.yaml",
            "kube-apiserver.log",
        ] {
            fs::write(root.path().join(name), event).unwrap();
        }
        let host = Host { root: root.path().join("none"), ..Host::here(0) };
        let checks = examine_source(&root.path().join("audit.log"), &host);
        let siblings = checks.iter().find(|check| check.check == "siblings").unwrap();
        assert_eq!(siblings.status, Status::Warn);
        assert_eq!(
            siblings.found,
            "4 files look like this log's and aren't archived: audit-old.log, audit.log.1.lz4, audit.log.\\u{1b}[2J, and 1 more"
        );
        let rotation = checks.iter().find(|check| check.check == "rotation").unwrap();
        assert!(rotation.found.starts_with("4 backups, 3 compressed"), "{}", rotation.found);
    }

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    /// Whoever may make names in the directory may make a pipe, which nobody ever writes to.
    #[test]
    fn what_is_no_file_is_told_and_never_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let event = "{\"kind\":\"Event\"}\n";
        let (log, host) = (root.path().join("audit.log"), Host::elsewhere(0));
        let found = |name: &str| {
            let mut checks = examine_source(&log, &host).into_iter();
            let check = checks.find(|check| check.check == name).unwrap();
            (check.status, check.found)
        };
        fs::write(&log, event).unwrap();
        for name in ["audit.log.1", "audit.log.2.gz"] {
            fifo(&root.path().join(name));
            assert_eq!(
                found("backups"),
                (Status::Fail, format!("some are no files: {name}: it is a FIFO"))
            );
            assert_eq!(found("live").0, Status::Pass);
            fs::remove_file(root.path().join(name)).unwrap();
        }
        symlink("/dev/zero", root.path().join("audit.log.1")).unwrap();
        assert!(found("backups").1.ends_with("audit.log.1: it is a symbolic link"));
        for make in [fifo, |path: &Path| symlink("/dev/zero", path).unwrap()] {
            fs::remove_file(&log).unwrap();
            make(&log);
            let (status, text) = found("live");
            assert_eq!(status, Status::Fail);
            assert!(
                text.ends_with(": it is a FIFO") || text.ends_with(": it is a device"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_pipe_in_a_configurations_place_is_told() {
        let root = tempfile::tempdir().unwrap();
        let (pipe, log) = (root.path().join("pipe"), root.path().join("audit.log"));
        fifo(&pipe);
        fs::write(&log, "").unwrap();
        let named = || Some(pipe.clone());
        for (name, host) in [
            ("flags", Host { manifest: named(), ..Host::elsewhere(0) }),
            ("flags", Host { flags: named(), ..Host::elsewhere(0) }),
            ("policy", Host { policy: named(), ..Host::elsewhere(0) }),
        ] {
            let checks = examine_source(&log, &host);
            let found = &checks.iter().find(|check| check.check == name).unwrap().found;
            assert!(found.ends_with("pipe: it is a named pipe, and no file"), "{found}");
        }
    }

    #[test]
    fn a_machine_is_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let event = "{\"kind\":\"Event\",\"verb\":\"get\",\"objectRef\":{\"resource\":\"pods\"}}\n";
        write("log/audit.log", event);
        for (hour, ending) in [("01", "log"), ("02", "log"), ("03", "log.gz")] {
            write(&format!("log/audit-2026-11-21T{hour}-00-00.000.{ending}"), event);
        }
        write("proc/self/mountinfo", "1 2 0:1 / / rw - ext4 x\n");
        write(
            "proc/7/cmdline",
            "/usr/bin/kube-apiserver\0--audit-policy-file=/etc/p.yaml\0--audit-log-path=/l\0--audit-log-maxbackup=3\0",
        );
        write("etc/p.yaml", "kind: Policy\nrules: [{level: Metadata}]\n");
        let now = 1_795_231_800_000_000; // 2026-11-21T03:30:00Z
        let host = Host { root: root.path().to_owned(), ..Host::here(now) };
        for path in ["log", "log/audit.log"] {
            let checks = examine_source(&root.path().join(path), &host);
            let found = |name: &str| checks.iter().find(|check| check.check == name).unwrap();
            assert_eq!(found("mount").status, Status::Pass);
            assert_eq!(
                found("rotation").found,
                "3 backups, 1 compressed, rotated every 60 minutes; each is deleted 3 hours later, the oldest in 30 minutes"
            );
            assert!(
                found("content").found.contains("newest 2 lines"),
                "{}",
                found("content").found
            );
            assert_eq!(found("siblings").status, Status::Pass);
            assert_eq!(found("policy-bodies").status, Status::Pass);
            assert_eq!(found("flag-mode").found, "blocking");
            assert_eq!(found("written").status, Status::Warn, "it writes /l");
        }
        let absent = examine_source(&root.path().join("nowhere/audit.log"), &host);
        assert_eq!((absent.len(), absent[0].status), (1, Status::Fail));
    }
    #[test]
    fn the_apiservers_own_log_is_told_from_another() {
        let root = tempfile::tempdir().unwrap();
        for name in ["var/log/kube/audit.log", "var/log/other/audit.log", "var/log/other/x.log"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let manifest = root.path().join("manifest.yaml");
        let host = Host {
            root: root.path().to_owned(),
            manifest: Some(manifest.clone()),
            ..Host::here(0)
        };
        let judged = |log: &str, source: &str| {
            let text = format!(
                "spec:\n  containers:\n  - command: [kube-apiserver, --audit-log-path={log}]\n\
                 \x20   volumeMounts:\n    - {{name: all, mountPath: /logs}}\n\
                 \x20   - {{name: own, mountPath: /logs/audit}}\n  volumes:\n\
                 \x20 - {{name: all, hostPath: {{path: /var/log/other}}}}\n\
                 \x20 - {{name: own, hostPath: {{path: /var/log/kube}}}}\n"
            );
            fs::write(&manifest, text).unwrap();
            host.written(&host.flags(), &root.path().join(source))
        };
        let at = |path: &str| PathBuf::from(path);
        for (log, source, expected) in [
            ("/logs/audit/audit.log", "var/log/kube/audit.log", Written::Here),
            ("/logs/audit.log", "var/log/other/audit.log", Written::Here),
            (
                "/logs/audit/audit.log",
                "var/log/other/audit.log",
                Written::Elsewhere(at("/var/log/kube/audit.log")),
            ),
            (
                "/logs/audit/audit.log",
                "var/log/other/x.log",
                Written::Elsewhere(at("/var/log/kube/audit.log")),
            ),
            // The node's directory isn't seen here.
            ("/far/audit.log", "var/log/kube/audit.log", Written::Perhaps(at("/far/audit.log"))),
            ("/far/y.log", "var/log/kube/audit.log", Written::Elsewhere(at("/far/y.log"))),
        ] {
            assert_eq!(judged(log, source), Some(expected), "{log} {source}");
        }
        assert_eq!(judged("-", "var/log/kube/audit.log"), None);
    }
}
