//! A disk that hangs at the start, as far as a test without rights can have one: a FIFO that nobody
//! writes to stands where the spool of one source reads. `crates/e2e/hang.sh` has real ones.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use node::{Node, Running, events, finish, page, program, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

/// Two sources; opening the spool of the first one gives no answer.
struct Hung {
    node: Node,
    fifo: std::path::PathBuf,
    address: String,
}

impl Hung {
    fn new() -> Self {
        let node = Node::with(&events(0, 10));
        fs::create_dir(node.path("more")).unwrap();
        fs::write(node.path("more/audit.log"), events(10, 30)).unwrap();
        let spool = node.path("state/prod,cp-1,audit");
        fs::create_dir_all(&spool).unwrap();
        let fifo = spool.join("exchange");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        Self { node, fifo, address }
    }

    fn start(&self) -> Running {
        let mut run = self.node.writer("run");
        run.args(["--source", &format!("more={}", self.node.shown("more/audit.log"))]);
        run.args(["--window", "200ms", "--heartbeat", "30s", "--listen", &self.address]);
        Running::start(run.stderr(File::create(self.node.path("stderr")).unwrap()))
    }

    fn said(&self, what: &str) -> bool {
        fs::read_to_string(self.node.path("stderr")).unwrap().contains(what)
    }

    fn archived(&self, source: &str) -> Vec<u8> {
        let origin = format!("prod/cp-1/{source}");
        self.node.read("cat", &["--origin", &origin, "--vkey", &self.node.vkey]).out
    }

    fn status(&self) -> String {
        finish(program().args(["status", "--once", "--listen", &self.address])).text()
    }
}

#[test]
fn a_source_whose_disk_hangs_at_the_start_is_named_and_the_other_is_archived() {
    let hung = Hung::new();
    let daemon = hung.start();
    until("the other source is archived", || hung.archived("more") == events(10, 30));
    until("it is named", || {
        hung.said("has given no answer for 5 s: the disk of this source's spool")
    });
    until("status names it", || {
        let status = hung.status().replace("\n ", "").replace("  ", " ");
        status.contains("prod/cp-1/audit: not yet started: the state directory's disk has given")
    });
    let mut more = File::options().append(true).open(hung.node.path("more/audit.log")).unwrap();
    more.write_all(&events(30, 40)).unwrap();
    until("the other goes on", || hung.archived("more") == events(10, 40));
    assert_eq!(hung.archived("audit"), b"");
    daemon.stop().ok();
    assert!(hung.said("prod,cp-1,audit has given no answer for"), "its last words name it");
    // The disk is sound again, and nothing is lost.
    fs::remove_file(&hung.fifo).unwrap();
    let daemon = hung.start();
    until("it is archived", || hung.archived("audit") == hung.node.source());
    daemon.stop().ok();
    hung.node.assert_same();
}

/// What it would have been refused for at the start it is refused for then.
#[test]
fn what_a_late_disk_tells_is_refused_as_at_the_start() {
    let hung = Hung::new();
    let daemon = hung.start();
    until("the other source is archived", || hung.archived("more") == events(10, 30));
    // The daemon's open comes back as soon as this one does. It may have seen by then that a FIFO isn't read as a
    // file is, and have closed it: whether the bytes still find a reader is not what is asked here.
    let mut fifo = File::options().write(true).open(&hung.fifo).unwrap();
    drop(fifo.write_all(b"no exchange of ours"));
    drop(fifo);
    let done = daemon.end(Duration::from_secs(10));
    assert_eq!(done.code, 2);
    // A FIFO can't be read as a file is.
    assert!(hung.said("failed to read ") && hung.said("prod,cp-1,audit/exchange: "));
    fs::remove_file(&hung.fifo).unwrap();
    fs::write(&hung.fifo, "no exchange of ours").unwrap();
    let done = hung.start().end(Duration::from_secs(10));
    assert_eq!(done.code, 2);
    assert!(hung.said("prod,cp-1,audit/exchange: what it names isn't all here"));
}

/// `forward` whose state is on a disk that hangs answers, and ends when it is told to.
#[test]
fn forward_ends_in_time_though_its_disk_hangs() {
    let node = Node::with(b"");
    fs::create_dir_all(node.path("store")).unwrap();
    fs::create_dir_all(node.path("handed")).unwrap();
    let fifo = node.path("handed/lock");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let trust = format!(
        "auditseal/trust/v1\norigin prod/cp-1/audit static {}\n  begin 0\n  silent-after 10m\n",
        node.vkey
    );
    fs::write(node.path("trust"), trust).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut forward = program();
    forward.args(["forward", "--store", &node.store(), "--trust", &node.shown("trust")]);
    forward.args(["--sink", &format!("file://{}", node.shown("out")), "--listen", &address]);
    forward.args(["--forward-state", &node.shown("handed")]);
    let forward = Running::start(forward.stderr(Stdio::piped()));
    until("it answers", || page(&address, "/healthz").ends_with("alive\n"));
    assert!(page(&address, "/readyz").ends_with("not ready\nnot yet started\n"));
    forward.signal(Signal::TERM);
    let done = forward.end(Duration::from_secs(20));
    assert_eq!(done.code, 2, "{}", done.err);
    let why = "handed: its disk has given no answer for ";
    assert!(done.err.contains(why), "{}", done.err);
}
