//! What kube-apiserver's flags mean for its audit log. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::check::Check;

/// The flags that concern the audit log, and what else is told with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    values: BTreeMap<String, String>,
    /// The minor version, where an image's tag tells.
    pub minor: Option<u32>,
    /// What is mounted where, in a manifest: the path in the container and the host's type.
    pub mounts: Vec<Mount>,
}

/// A volume of a static pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is in the container.
    pub path: String,
    /// Where it is on the node.
    pub host: String,
    /// The volume's type: `File`, `DirectoryOrCreate`…
    pub kind: String,
}

#[derive(Deserialize)]
struct Pod {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(default)]
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    volume_mounts: Vec<VolumeMount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeMount {
    name: String,
    mount_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: String,
    host_path: Option<HostPath>,
}

#[derive(Deserialize)]
struct HostPath {
    path: String,
    r#type: Option<String>,
}

/// Reads a static pod's manifest.
///
/// # Errors
/// A sentence when it isn't one.
pub fn manifest(text: &str) -> Result<Flags, String> {
    let pod: Pod =
        auditseal_yaml::read(text).map_err(|error| format!("it can't be read: {error}"))?;
    let arguments = |container: &Container| {
        container.command.iter().chain(&container.args).cloned().collect::<Vec<_>>()
    };
    let apiserver = pod.spec.containers.iter().find(|container| {
        arguments(container)
            .iter()
            .any(|word| word.ends_with("kube-apiserver") || word.starts_with("--audit-"))
    });
    let container = apiserver.ok_or("no container in it runs kube-apiserver")?;
    let mounts = container.volume_mounts.iter().filter_map(|mount| {
        let volume = pod.spec.volumes.iter().find(|volume| volume.name == mount.name)?;
        let host = volume.host_path.as_ref()?;
        Some(Mount {
            path: mount.mount_path.clone(),
            host: host.path.clone(),
            kind: host.r#type.clone().unwrap_or_default(),
        })
    });
    Ok(Flags {
        mounts: mounts.collect(),
        minor: minor(&container.image),
        ..arguments_of(&arguments(container))
    })
}

/// Reads a command line's words: `--flag=value`, or `--flag` and the value.
#[must_use]
pub fn arguments_of(words: &[String]) -> Flags {
    let mut values = BTreeMap::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match words.next_if(|next| !next.starts_with("--")) {
                Some(value) => (flag, value.clone()),
                None => (flag, "true".to_owned()),
            },
        };
        // Only these: others hold names of keys and tokens that are none of our business.
        if name.starts_with("audit-") {
            values.insert(name.to_owned(), value.trim_matches(['"', '\'']).to_owned());
        }
    }
    Flags { values, ..Flags::default() }
}

/// Reads a file of flags: words, with backslashes, quotes and comments as shells and units have
/// them.
#[must_use]
pub fn file(text: &str) -> Flags {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words =
        lines.flat_map(str::split_whitespace).map(|word| word.trim_matches(['"', '\'', '\\']));
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        // `ARGS="--audit-log-path=…`, as a unit's environment file has it.
        let at = word.find("--audit-").unwrap_or(0);
        word.get(at..).unwrap_or(word).to_owned()
    });
    arguments_of(&words.collect::<Vec<_>>())
}

/// `…/kube-apiserver:v1.36.2` is 36.
fn minor(image: &str) -> Option<u32> {
    let (_, tag) = image.rsplit_once(':')?;
    tag.trim_start_matches('v').strip_prefix("1.")?.split(['.', '-', '+']).next()?.parse().ok()
}

/// How many backups there may be, and how old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many, and no older than this.
    Of(Option<u64>, Option<Duration>),
    /// It depends on kube-apiserver's version, which isn't known.
    ByVersion,
}

impl Flags {
    /// The value of a flag; none where it isn't given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Where on the node the file is that the apiserver knows by this path: its manifest tells, the
    /// deepest mount above the file first.
    #[must_use]
    pub fn on_node(&self, inside: &str) -> PathBuf {
        let below = |mount: &Mount| {
            let rest = Path::new(inside).strip_prefix(&mount.path).ok()?;
            Some((mount.path.len(), Path::new(&mount.host).join(rest)))
        };
        let deepest = self.mounts.iter().filter_map(below).max_by_key(|(depth, _)| *depth);
        deepest.map_or_else(|| inside.into(), |(_, path)| path)
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "true")
    }

    /// When a backup is deleted.
    #[must_use]
    pub fn limit(&self) -> Limit {
        const DAY: u64 = 86_400;
        let (count, age) = (self.number("audit-log-maxbackup"), self.number("audit-log-maxage"));
        let modern = self.minor.map(|minor| minor >= 36);
        if modern.is_none() && count == 0 {
            return Limit::ByVersion;
        }
        // Since 1.36 what isn't given has a default; before, it has none.
        let default = |value: u64, default: u64| match (value, modern) {
            (0, Some(true)) => Some(default),
            (0, _) => None,
            (value, _) => Some(value),
        };
        let age = default(age, 366).map(|days| Duration::from_secs(days.saturating_mul(DAY)));
        Limit::Of(default(count, 100), age)
    }
}

/// Judges the flags.
#[must_use]
pub fn check(flags: &Flags) -> Vec<Check> {
    let mut checks = vec![written(flags), mode(flags), size(flags), backups(flags)];
    checks.push(match flags.get("audit-log-format") {
        Some("legacy") => Check::fail("flag-format", "legacy")
            .why("those lines aren't audit events: nothing can be searched or indexed")
            .fix("--audit-log-format=json"),
        _ => Check::pass("flag-format", "json"),
    });
    checks.push(match flags.is_on("audit-log-truncate-enabled") {
        true => Check::warn("flag-truncate", "large events are cut")
            .why("kube-apiserver removes the bodies of large requests before anybody sees them")
            .fix("leave --audit-log-truncate-enabled out: auditseal takes lines of any length"),
        false => Check::pass("flag-truncate", "events are written whole"),
    });
    checks.push(match flags.is_on("audit-log-compress") {
        true => Check::pass("flag-compress", "backups are compressed; they are read too"),
        false => Check::pass("flag-compress", "backups are plain"),
    });
    checks.extend(mounts(flags));
    checks
}

fn written(flags: &Flags) -> Check {
    let name = "flag-audit";
    if flags.get("audit-policy-file").is_none() {
        return Check::fail(name, "there is no --audit-policy-file")
            .why("without a policy kube-apiserver logs nothing")
            .fix("write a policy, and name it by --audit-policy-file");
    }
    match flags.get("audit-log-path") {
        None => Check::fail(name, "there is no --audit-log-path")
            .why("kube-apiserver writes no audit log")
            .fix(
                "--audit-log-path=/var/log/kubernetes/audit/audit.log, with its directory mounted",
            ),
        Some("-") => Check::fail(name, "the log goes to standard output")
            .why("there is no file to follow, and the container's runtime cuts long lines")
            .fix(
                "--audit-log-path=/var/log/kubernetes/audit/audit.log, with its directory mounted",
            ),
        Some(path) => Check::pass(name, path),
    }
}

fn mode(flags: &Flags) -> Check {
    let name = "flag-mode";
    match flags.get("audit-log-mode").unwrap_or("blocking") {
        "batch" => Check::warn(name, "batch")
            .why("events wait in memory: they are lost when kube-apiserver is killed, and dropped when the buffer is full")
            .fix("--audit-log-mode=blocking"),
        mode => Check::pass(name, mode),
    }
}

fn size(flags: &Flags) -> Check {
    let name = "flag-maxsize";
    let fix = "--audit-log-maxsize=100";
    match (flags.get("audit-log-maxsize"), flags.minor) {
        (Some("0"), Some(minor)) if minor >= 36 => {
            Check::fail(name, "0: the file is never rotated")
                .why("it grows until the disk is full, and the disk is etcd's too")
                .fix(fix)
        }
        (Some("0"), None) => Check::warn(name, "0: never rotated since 1.36, 100 MB before")
            .why("a file that is never rotated grows until the disk is full")
            .fix(fix),
        (Some(size), _) if size != "0" => Check::pass(name, format!("{size} MB")),
        _ => Check::pass(name, "100 MB, the default"),
    }
}

fn backups(flags: &Flags) -> Check {
    let name = "flag-backups";
    match flags.limit() {
        Limit::ByVersion => Check::pass(name, "all are kept before 1.36, 100 since"),
        Limit::Of(None, None) => Check::warn(name, "all are kept")
            .why("nothing is lost, until the disk is full")
            .fix("--audit-log-maxbackup=10"),
        Limit::Of(Some(count), _) if count < 3 => Check::warn(name, format!("{count} kept"))
            .why("they are the buffer while auditseal or the store is down")
            .fix("--audit-log-maxbackup=10, as far as the disk allows"),
        Limit::Of(count, age) => {
            let count = count.map(|count| format!("{count} kept"));
            let age = age.map(|age| format!("for {} days at most", crate::units::days(age)));
            Check::pass(name, [count, age].into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
    }
}

fn mounts(flags: &Flags) -> Option<Check> {
    let name = "flag-mount";
    let log = flags.get("audit-log-path").filter(|path| *path != "-")?;
    if flags.mounts.is_empty() {
        return None;
    }
    let below = |mount: &&Mount| {
        log.strip_prefix(mount.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let deepest = flags.mounts.iter().filter(below).max_by_key(|mount| mount.path.len());
    Some(match deepest {
        Some(mount) if mount.path == log || mount.kind.starts_with("File") => {
            Check::fail(name, format!("{} is mounted as a single file", mount.host))
                .why("it can't be renamed, so it isn't rotated: once it is full, every further event is lost")
                .fix("mount the directory instead: hostPath type DirectoryOrCreate, mountPath the log's directory")
        }
        Some(mount) => Check::pass(name, format!("{} is mounted as a directory", mount.host)),
        None => Check::fail(name, format!("nothing is mounted at {log}"))
            .why("the log is inside the container, and goes with it")
            .fix("mount the log's directory: hostPath type DirectoryOrCreate"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    const MANIFEST: &str = "
apiVersion: v1
kind: Pod
spec:
  containers:
  - name: kube-apiserver
    image: example/kube-apiserver:v1.35.2
    command: [kube-apiserver, --audit-log-path=/var/log/audit/audit.log, --audit-policy-file=/etc/p.yaml, --audit-log-maxbackup=10, --token-auth-file=/secret]
    volumeMounts:
    - {mountPath: /var/log/audit, name: audit}
    - {mountPath: /etc/p.yaml, name: policy}
  volumes:
  - name: audit
    hostPath: {path: /var/log/k8s, type: DirectoryOrCreate}
  - name: policy
    hostPath: {path: /etc/k8s/p.yaml, type: File}
";

    fn status(flags: &Flags, name: &str) -> (Status, String) {
        let checks = check(flags);
        let found = checks.iter().find(|check| check.check == name).unwrap();
        (found.status, found.found.clone())
    }

    #[test]
    fn a_manifest_is_read() {
        let flags = manifest(MANIFEST).unwrap();
        assert_eq!(flags.minor, Some(35));
        assert_eq!(flags.get("audit-log-path"), Some("/var/log/audit/audit.log"));
        assert_eq!(flags.get("token-auth-file"), None);
        assert_eq!(flags.limit(), Limit::Of(Some(10), None));
        assert!(
            check(&flags).iter().all(|check| check.status == Status::Pass),
            "{:?}",
            check(&flags)
        );
        let file =
            MANIFEST.replace("mountPath: /var/log/audit,", "mountPath: /var/log/audit/audit.log,");
        assert_eq!(status(&manifest(&file).unwrap(), "flag-mount").0, Status::Fail);
        let none = MANIFEST.replace("mountPath: /var/log/audit,", "mountPath: /elsewhere,");
        assert!(status(&manifest(&none).unwrap(), "flag-mount").1.contains("nothing is mounted"));
        assert!(manifest("spec: {containers: []}").unwrap_err().contains("kube-apiserver"));
        assert!(manifest("- 1").is_err());
    }

    #[test]
    fn each_rule() {
        let base = "# a comment --audit-log-mode=batch\nARGS=\"--audit-policy-file=/p \\\n--audit-log-path /a/b.log";
        for (more, name, expected, found) in [
            ("", "flag-audit", Status::Pass, "/a/b.log"),
            ("--audit-log-path=-", "flag-audit", Status::Fail, "standard output"),
            ("", "flag-mode", Status::Pass, "blocking"),
            ("--audit-log-mode=batch", "flag-mode", Status::Warn, "batch"),
            ("--audit-log-format=legacy", "flag-format", Status::Fail, "legacy"),
            ("--audit-log-truncate-enabled", "flag-truncate", Status::Warn, "cut"),
            ("--audit-log-compress=true", "flag-compress", Status::Pass, "read too"),
            ("--audit-log-maxsize=0", "flag-maxsize", Status::Warn, "since 1.36"),
            ("--audit-log-maxsize=512", "flag-maxsize", Status::Pass, "512 MB"),
            ("", "flag-backups", Status::Pass, "100 since"),
            ("--audit-log-maxbackup=1", "flag-backups", Status::Warn, "1 kept"),
            (
                "--audit-log-maxbackup=9 --audit-log-maxage=30",
                "flag-backups",
                Status::Pass,
                "9 kept, for 30 days at most",
            ),
        ] {
            let (status, text) = status(&file(&format!("{base} {more}\"")), name);
            assert_eq!(status, expected, "{name} of {more}: {text}");
            assert!(text.contains(found), "{name} of {more}: {text}");
        }
        assert_eq!(status(&file("--audit-log-path=/a"), "flag-audit").0, Status::Fail, "no policy");
        let new = Flags { minor: Some(36), ..file("--audit-log-maxsize=0") };
        assert_eq!(status(&new, "flag-maxsize").0, Status::Fail);
        assert_eq!(new.limit(), Limit::Of(Some(100), Some(Duration::from_secs(366 * 86_400))));
        let old = Flags { minor: Some(35), ..file("--audit-log-maxsize=0") };
        assert_eq!(status(&old, "flag-maxsize").0, Status::Pass);
        assert_eq!(status(&old, "flag-backups").0, Status::Warn);
    }
}
