//! A node in a temporary directory, driven through the program alone.
#![allow(clippy::unwrap_used, reason = "a test's helper fails the test")]
#![allow(dead_code, reason = "shared by several test files, each using a part")]

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// No run takes nearly so long; one that does hangs.
const HANGS: Duration = Duration::from_secs(60);

/// The program, without whatever the environment says about stores, proxies and flags. Another one where
/// AUDITSEAL_PROGRAM names it: so it is seen that a test fails with one that has the fault.
pub(crate) fn program() -> Command {
    let ours = || env!("CARGO_BIN_EXE_auditseal").into();
    let mut command = Command::new(std::env::var_os("AUDITSEAL_PROGRAM").unwrap_or_else(ours));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = ["AUDITSEAL_", "AWS_", "GOOGLE_", "AZURE_"];
        if ours.iter().any(|start| name.starts_with(start))
            || name.to_ascii_uppercase().ends_with("_PROXY")
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.err, String::from_utf8_lossy(&self.out));
        self
    }

    /// The command was refused: exit code 2, this reason, and a hint.
    #[track_caller]
    pub(crate) fn refused(&self, why: &str) {
        assert_eq!(self.code, 2, "{}\n{}", self.err, String::from_utf8_lossy(&self.out));
        let lines: Vec<_> = self.err.lines().filter(|line| !line.starts_with("20")).collect();
        assert_eq!(lines.len(), 2, "one line that says why, and a hint: {}", self.err);
        assert!(lines[0].starts_with("auditseal: failed to "), "{}", self.err);
        assert!(lines[0].contains(why), "expected {why:?}: {}", self.err);
        assert!(lines[1].starts_with("hint: "), "{}", self.err);
        assert!(self.out.is_empty(), "{:?}", self.text());
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Done {
    Running::start(command).end(HANGS)
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    out: Option<thread::JoinHandle<Vec<u8>>>,
    err: Option<thread::JoinHandle<Vec<u8>>>,
}

fn drain<R: Read + Send + 'static>(pipe: Option<R>) -> Option<thread::JoinHandle<Vec<u8>>> {
    pipe.map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
    })
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        Self { child, out, err }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the process ends, and fails when it takes longer than `limit`.
    #[track_caller]
    pub(crate) fn end(mut self, limit: Duration) -> Done {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > limit {
                self.child.kill().unwrap();
                let err = self.err.take().unwrap().join().unwrap();
                panic!("runs for more than {limit:?}: {}", String::from_utf8_lossy(&err));
            }
            thread::sleep(Duration::from_millis(5));
        };
        let read = |pipe: Option<thread::JoinHandle<_>>| {
            pipe.map(|t| t.join().unwrap()).unwrap_or_default()
        };
        let (out, err) = (read(self.out.take()), read(self.err.take()));
        let err = String::from_utf8(err).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        Done { code: status.code().unwrap_or(-1), out, err }
    }

    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.signal(Signal::TERM);
        self.end(Duration::from_secs(10))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A failing test leaves no process behind; one that has ended can't be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until something holds, and fails when it doesn't for too long.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < HANGS, "still not: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) vkey: String,
}

impl Node {
    /// A node with an empty log directory and a fresh key.
    pub(crate) fn new() -> Self {
        let mut node = Self { dir: tempfile::tempdir().unwrap(), vkey: String::new() };
        fs::create_dir(node.path("logs")).unwrap();
        node.vkey = node.keygen("key");
        node
    }

    /// A node whose live log holds this.
    pub(crate) fn with(log: &[u8]) -> Self {
        let node = Self::new();
        node.write("audit.log", log);
        node
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn shown(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn store(&self) -> String {
        format!("file://{}", self.shown("store"))
    }

    /// A key of the node that the writers are, in this file.
    pub(crate) fn keygen(&self, file: &str) -> String {
        self.keygen_for("prod/cp-1", file)
    }

    pub(crate) fn keygen_for(&self, name: &str, file: &str) -> String {
        let mut command = program();
        command.args(["keygen", "--name", name, "--out"]).arg(self.path(file));
        finish(&mut command).ok().text().trim_end().to_owned()
    }

    /// Appends to a file of the log directory.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path("logs").join(name);
        let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// All files of the log directory in rotation order.
    pub(crate) fn source(&self) -> Vec<u8> {
        let mut files: Vec<_> =
            fs::read_dir(self.path("logs")).unwrap().map(|entry| entry.unwrap().path()).collect();
        // The backups' names sort by their stamps; '-' sorts before '.', so the live file is last.
        files.sort();
        files.iter().flat_map(|path| fs::read(path).unwrap()).collect()
    }

    /// `run` or `backfill` with all that it needs, but for the sources and the store.
    pub(crate) fn bare(&self, command: &str) -> Command {
        self.bare_in("state", command)
    }

    fn bare_in(&self, state: &str, command: &str) -> Command {
        let mut program = program();
        program.args([command, "--cluster", "prod", "--node", "cp-1"]);
        program.arg("--key").arg(self.path("key")).arg("--state").arg(self.path(state));
        program
    }

    /// The same with the live log and a local store.
    pub(crate) fn writer(&self, command: &str) -> Command {
        self.writer_in("state", command)
    }

    fn writer_in(&self, state: &str, command: &str) -> Command {
        let mut program = self.bare_in(state, command);
        program.args(["--source", &format!("audit={}", self.shown("logs/audit.log"))]);
        program.args(["--store", &self.store()]);
        program
    }

    /// The daemon, quick enough for a test.
    pub(crate) fn daemon(&self) -> Command {
        self.daemon_in("state")
    }

    /// The same with another state directory.
    pub(crate) fn daemon_in(&self, state: &str) -> Command {
        let mut daemon = self.writer_in(state, "run");
        // A seal promises the next within three heartbeats: long enough for a slow machine.
        daemon.args(["--window", "200ms", "--heartbeat", "30s"]);
        daemon
    }

    pub(crate) fn backfill(&self) -> Done {
        finish(&mut self.writer("backfill"))
    }

    /// A command that reads the local store.
    pub(crate) fn reader(&self, command: &str) -> Command {
        let mut program = program();
        program.args([command, "--store", &self.store()]);
        program
    }

    pub(crate) fn read<S: AsRef<OsStr>>(&self, command: &str, args: &[S]) -> Done {
        finish(self.reader(command).args(args))
    }

    pub(crate) fn verify(&self) -> Done {
        self.read("verify", &["--origin", "prod/cp-1/audit", "--vkey", &self.vkey])
    }

    pub(crate) fn cat(&self) -> Done {
        self.read("cat", &["--origin", "prod/cp-1/audit", "--vkey", &self.vkey])
    }

    /// The archive is complete, and gives back exactly the source.
    #[track_caller]
    pub(crate) fn assert_same(&self) {
        let report = self.verify();
        assert_eq!(report.code, 0, "{}{}", report.text(), report.err);
        assert!(report.text().contains("COMPLETE until="), "{}", report.text());
        let restored = self.cat().ok().out;
        let source = self.source();
        assert_eq!(restored.len(), source.len());
        assert!(restored == source, "the same length, and other bytes");
    }

    /// The secret half of a key file.
    pub(crate) fn seed(&self, key: &str) -> String {
        let text = fs::read_to_string(self.path(key)).unwrap();
        let seed = text.trim_end().splitn(5, '+').nth(4).unwrap().to_owned();
        assert!(seed.len() > 40, "a seed in base64");
        seed
    }
}

/// Whether permissions mean nothing to this process.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a program that listens says; nothing if it doesn't, yet.
pub(crate) fn page(address: &str, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// Lines as kube-apiserver writes them.
pub(crate) fn events(from: usize, to: usize) -> Vec<u8> {
    let line = |i| {
        let time = format!("2026-11-21T08:{:02}:{:02}.{i:06}Z", i / 60 % 60, i % 60);
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"{i}\",\
             \"stage\":\"ResponseComplete\",\"verb\":\"get\",\"stageTimestamp\":\"{time}\"}}\n"
        )
    };
    (from..to).flat_map(|i| line(i).into_bytes()).collect()
}

/// Seals have another hash in each run, for their keys are made anew.
pub(crate) fn without_hashes(text: &str) -> String {
    let mut parts = text.split("seal ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        let hash = part.chars().take_while(char::is_ascii_hexdigit).count();
        let shown = if hash == 64 { "HASH" } else { &part[..hash] };
        format!("{text}seal {shown}{}", &part[hash..])
    })
}
