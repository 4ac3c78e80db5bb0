//! What a service manager sees: readiness, status, the watchdog; and how backfill stands back.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::io::ErrorKind;
#[cfg(feature = "failpoints")]
use std::io::{Read as _, Write as _};
#[cfg(feature = "failpoints")]
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use node::{Node, Running, events, finish, program, until};

/// A socket as systemd has one, and what was said on it.
struct Manager(UnixDatagram);

impl Manager {
    fn of(node: &Node) -> Self {
        let socket = UnixDatagram::bind(node.path("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self(socket)
    }

    fn watched(&self, node: &Node, watchdog: Duration) -> Command {
        let mut command = node.daemon();
        command.env("NOTIFY_SOCKET", node.path("notify"));
        command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command
    }

    /// The next message, if one comes soon.
    fn heard(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        match self.0.recv(&mut buffer) {
            Ok(n) => Some(String::from_utf8(buffer[..n].to_vec()).unwrap()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(e) => panic!("{e}"),
        }
    }

    #[track_caller]
    fn hears(&self, what: &str) {
        until(what, || self.heard().is_some_and(|message| message.contains(what)));
    }
}

#[test]
fn it_is_ready_when_the_chain_is_open_and_alive_while_it_turns() {
    let node = Node::with(&events(0, 100));
    let manager = Manager::of(&node);
    let daemon = Running::start(&mut manager.watched(&node, Duration::from_millis(300)));
    manager.hears("STATUS=asking the store");
    manager.hears("READY=1");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    manager.hears("STATUS=100 lines in ");
    daemon.signal(rustix::process::Signal::TERM);
    manager.hears("STOPPING=1");
    daemon.end(Duration::from_secs(10)).ok();
    node.assert_same();
}

/// A file where the store's directory should be: the store can't say where the chain goes on.
#[test]
fn it_is_not_ready_before_the_store_has_answered() {
    let node = Node::with(&events(0, 10));
    let manager = Manager::of(&node);
    fs::create_dir(node.path("store")).unwrap();
    fs::write(node.path("store/cluster=prod"), "in the way").unwrap();
    let daemon = Running::start(&mut manager.watched(&node, Duration::from_millis(300)));
    manager.hears("STATUS=asking the store");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(manager.heard(), None, "neither ready nor fed");
    }
    fs::remove_file(node.path("store/cluster=prod")).unwrap();
    manager.hears("READY=1");
    daemon.stop().ok();
    node.assert_same();
}

/// A loop that blocks, as by a look on a dead disk that holds its thread.
#[cfg(feature = "failpoints")]
#[test]
fn a_loop_that_hangs_starves_the_watchdog() {
    let node = Node::with(&events(0, 10));
    let manager = Manager::of(&node);
    let mut command = manager.watched(&node, Duration::from_millis(300));
    let daemon = Running::start(command.env("AUDITSEAL_FAILPOINT", "agent.loop.turn=40:hang"));
    manager.hears("WATCHDOG=1");
    until("silence", || manager.heard().is_none() && manager.heard().is_none());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(manager.heard(), None);
    }
    daemon.signal(rustix::process::Signal::KILL);
}

/// A look that never comes back, as on a dead disk: the pages answer all the same, the time since
/// the last look says it, and SIGTERM ends the process.
#[cfg(feature = "failpoints")]
#[test]
fn a_look_that_hangs_holds_up_neither_health_nor_the_end() {
    let node = Node::with(&events(0, 10));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listening = || {
        let mut command = node.daemon();
        command.arg("--listen").arg(address.to_string());
        command
    };
    let get = |path: &str| {
        let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let since_last_look = || {
        let page = get("/metrics");
        let line = page.lines().find(|line| line.starts_with("auditseal_last_look_seconds{"))?;
        line.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    let mut stalled = listening();
    stalled.env("AUDITSEAL_FAILPOINT", "agent.look.after=4:hang");
    let daemon = Running::start(&mut stalled);
    // Looks are 200 ms apart.
    until("a look hangs", || since_last_look().is_some_and(|seconds| seconds > 4.0));
    assert!(get("/healthz").ends_with("alive\n"), "a restart is for five minutes from now");
    let begun = Instant::now();
    daemon.signal(rustix::process::Signal::TERM);
    // It waits for the look, and for the store, as long as service managers allow.
    daemon.end(Duration::from_secs(10)).ok();
    assert!(begun.elapsed() > Duration::from_secs(5), "{:?}: nothing hung", begun.elapsed());
    node.write("audit.log", &events(10, 20));
    let daemon = Running::start(&mut listening());
    until("what hung is archived", || node.cat().out == node.source());
    assert!(since_last_look().is_some_and(|seconds| seconds < 4.0));
    daemon.stop().ok();
    node.assert_same();
}

/// A disk that hangs under one chain's spool, at whichever of its operations, or under its log: the
/// pages answer, the other chain goes on, SIGTERM ends the process, and the next start archives what
/// hung.
#[cfg(feature = "failpoints")]
#[test]
fn a_disk_that_hangs_holds_up_one_chain_alone() {
    let points = [
        "agent.look.after=6",
        "spool.write.before=6",
        "spool.sync.before=6",
        "spool.rename.before=6",
        "spool.sync_names.before=8",
        "spool.remove.before=2",
    ];
    // Each waits, most of the time.
    std::thread::scope(|scope| {
        for point in points {
            scope.spawn(move || hang_at(point));
        }
    });
}

#[cfg(feature = "failpoints")]
fn hang_at(point: &str) {
    let node = Node::with(&events(0, 10));
    for name in ["other", "more"] {
        fs::create_dir(node.path(name)).unwrap();
        fs::write(node.path(name).join("audit.log"), events(0, 10)).unwrap();
    }
    let others = ["other", "more"];
    let address = free_address();
    let daemon = || {
        let mut command = node.daemon();
        command.args(["--listen", &address.to_string()]);
        for name in others {
            command.args(["--source", &format!("{name}={}/audit.log", node.shown(name))]);
        }
        command
    };
    let held = |name: &str| {
        let origin = format!("prod/cp-1/{name}");
        node.read("cat", &["--origin", &origin, "--vkey", &node.vkey]).out
    };
    let hung = Running::start(daemon().env("AUDITSEAL_FAILPOINT", format!("{point}:hang")));
    let lines = |names: &[&str], n| {
        for name in names {
            let file = match *name {
                "audit" => node.path("logs/audit.log"),
                name => node.path(name).join("audit.log"),
            };
            let mut file = fs::File::options().append(true).open(file).unwrap();
            file.write_all(&events(n, n + 1)).unwrap();
        }
    };
    // Which of the three it strikes is chance; the other two go on.
    let chains = ["audit", "other", "more"];
    let mut n = 10;
    until("two chains go on", || {
        lines(&chains, n);
        n += 1;
        std::thread::sleep(Duration::from_millis(300));
        let whole = |name: &&&str| held(name).split(|b| *b == b'\n').count() > 20;
        n > 24 && chains.iter().filter(whole).count() >= 2
    });
    let page = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(page("/healthz").ends_with("alive\n"), "{point}");
    assert!(page("/metrics").contains("auditseal_last_look_seconds"), "{point}");
    let whole = |name: &&&str| held(name).split(|b| *b == b'\n').count() > 20;
    assert_eq!(chains.iter().filter(whole).count(), 2, "{point}: nothing hung");
    hung.signal(rustix::process::Signal::TERM);
    // It waits for the disk as long as service managers allow, and says which one it was.
    let said = hung.end(Duration::from_secs(15)).ok().err;
    let place = if point.starts_with("agent.look") { "audit.log" } else { "state/prod,cp-1," };
    let named = |line: &str| line.contains(place) && line.contains("has given no answer for ");
    assert!(said.lines().any(named), "{point}: {said}");
    let daemon = Running::start(&mut daemon());
    until("what hung is archived", || {
        node.cat().out == node.source()
            && others
                .iter()
                .all(|name| held(name) == fs::read(node.path(name).join("audit.log")).unwrap())
    });
    daemon.stop().ok();
    node.assert_same();
}

/// An address that nobody has, for now.
#[cfg(feature = "failpoints")]
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Whether it answers that it is alive.
#[cfg(feature = "failpoints")]
fn is_alive(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).is_ok() && answer.ends_with("alive\n")
}

/// A disk that hangs before anything is open.
#[cfg(feature = "failpoints")]
#[test]
fn a_disk_that_hangs_before_the_start_holds_up_neither_health_nor_the_end() {
    let node = Node::with(&events(0, 10));
    let address = free_address();
    let mut command = node.daemon();
    command.args(["--listen", &address.to_string()]);
    // The key is read before all else, and where it can't be, once more behind that.
    let hangs = "agent.start.key=1:hang,agent.start.key=2:hang";
    let daemon = Running::start(command.env("AUDITSEAL_FAILPOINT", hangs));
    until("it answers", || is_alive(address));
    daemon.signal(rustix::process::Signal::TERM);
    let done = daemon.end(Duration::from_secs(15));
    assert_eq!(done.code, 2, "{}", done.err);
    let waits = "has given no answer for 5 s: the disk of the key hangs";
    assert!(done.err.contains(waits), "{}", done.err);
    let named = |line: &str| line.contains(&node.shown("key")) && line.contains("gave an answer");
    assert!(done.err.lines().any(named), "{}", done.err);
    node.backfill().ok();
    node.assert_same();
}

/// A disk that hangs at the start, before it is known where the chain goes on.
#[cfg(feature = "failpoints")]
#[test]
fn a_disk_that_hangs_at_the_start_holds_up_neither_health_nor_the_end() {
    for point in ["agent.start.locked=1", "spool.sync_names.before=1", "spool.write.before=1"] {
        let node = Node::with(&events(0, 10));
        let address = free_address();
        let mut command = node.daemon();
        command.args(["--listen", &address.to_string()]);
        let daemon = Running::start(command.env("AUDITSEAL_FAILPOINT", format!("{point}:hang")));
        until("it answers", || is_alive(address));
        std::thread::sleep(Duration::from_millis(500));
        daemon.signal(rustix::process::Signal::TERM);
        let said = daemon.end(Duration::from_secs(15)).err;
        let state = node.shown("state");
        let named = |line: &str| line.contains(&state) && line.contains("answer");
        assert!(said.lines().any(named), "{point}: {said}");
        node.backfill().ok();
        node.assert_same();
    }
}

#[test]
fn backfill_reads_no_faster_than_it_may() {
    let log = events(0, 2000);
    let node = Node::with(&log);
    let seconds = log.len() as f64 / f64::from(128 << 10);
    assert!(seconds > 2.0, "long enough to tell: {seconds}");
    let begun = Instant::now();
    finish(node.writer("backfill").args(["--rate-limit", "128KiB/s"])).ok();
    let took = begun.elapsed().as_secs_f64();
    assert!(took >= seconds - 0.1, "{took} s instead of {seconds}");
    node.assert_same();
    finish(node.writer("backfill").args(["--rate-limit", "1KiB"])).refused("less than 64KiB");
}

/// An evicted Job: whoever asked for everything must not believe that it is there. What a final seal
/// said before is no excuse.
#[test]
fn a_one_shot_that_is_stopped_says_that_something_is_left() {
    let node = Node::with(&events(0, 3000));
    for command in ["backfill", "retire"] {
        let slow = Running::start(node.writer(command).args(["--rate-limit", "64KiB"]));
        until("it has begun", || fs::read_dir(node.path("state")).is_ok());
        std::thread::sleep(Duration::from_millis(500));
        slow.signal(rustix::process::Signal::TERM);
        let done = slow.end(Duration::from_secs(20));
        assert_eq!(done.code, 2, "{command}: {}", done.err);
        assert!(done.err.contains("stopped by a signal"), "{command}: {}", done.err);
        assert!(done.err.contains("hint: run it again"), "{command}: {}", done.err);
        if command == "backfill" {
            finish(&mut node.writer("backfill")).ok();
            node.assert_same();
            fs::write(node.path("logs/audit.log.1"), events(5000, 3000)).unwrap();
        }
    }
}

#[test]
fn backfill_stands_back() {
    let node = Node::with(&events(0, 2000));
    let mut slow = Running::start(node.writer("backfill").args(["--rate-limit", "64KiB"]));
    let nice = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse::<i32>();
        fields.ok()
    };
    until("nice 10", || nice(slow.id()) == Some(10));
    assert!(!slow.ended(), "seen while it worked");
}

#[test]
fn a_key_that_is_there_is_kept() {
    let node = Node::new();
    let key = fs::read(node.path("key")).unwrap();
    let keep_for = |node_name, name| {
        let mut keygen = program();
        keygen.args(["keygen", "--keep", "--name", node_name, "--out", &node.shown(name)]);
        finish(&mut keygen)
    };
    let keep = |name| keep_for("prod/cp-1", name);
    assert_eq!(keep("key").ok().text().trim_end(), node.vkey);
    assert_eq!(fs::read(node.path("key")).unwrap(), key);
    let made = keep("new").ok().text();
    assert_eq!(keep("new").ok().text(), made);
    fs::write(node.path("half"), "PRIVATE+KEY").unwrap();
    node::mode(&node.path("half"), 0o600);
    keep("half").refused("not a private key");
    // A disk that moved to another node, say: that one is another chain's.
    keep_for("prod/cp-2", "key").refused("it is a key for prod/cp-1, and not for prod/cp-2");
    assert_eq!(fs::read(node.path("key")).unwrap(), key);
    // The daemon says whose seals these are.
    let done = node.backfill();
    assert_eq!(done.code, 2, "no log yet: {}", done.err);
    node.write("audit.log", &events(0, 1));
    assert!(node.backfill().ok().err.contains(&node.vkey));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = finish(program().args(["completions", shell])).ok().text();
        for word in ["backfill", "worm-test", "rate-limit", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    finish(program().args(["completions", "tcsh"])).refused("tcsh");
}

#[test]
fn every_command_has_a_page() {
    let node = Node::new();
    let out = node.shown("");
    finish(program().args(["man", "--out", &out])).ok();
    let page = |name: &str| fs::read_to_string(node.path(name)).unwrap();
    assert!(page("auditseal.1").contains("auditseal\\-verify(1)"));
    assert!(!page("auditseal.1").contains("auditseal\\-man(1)"), "hidden from --help too");
    assert!(page("auditseal-backfill.1").contains("rate\\-limit"));
    // /etc/default/auditseal holds variables, and this is where they are looked up.
    assert!(page("auditseal-run.1").contains("AUDITSEAL_REQUIRE_RETENTION"));
    let refused = finish(program().args(["man", "--out", "/nowhere/at/all"]));
    refused.refused("write manual pages to /nowhere/at/all");
}
