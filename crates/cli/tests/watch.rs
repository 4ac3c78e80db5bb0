//! `--listen`, `status`, `--stay-on-fork`, the apiserver's count, and `retire`, as people use them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use node::{Done, Node, Running, events, finish, program, until};

/// An address that nobody had a moment ago.
fn free(host: &str) -> SocketAddr {
    TcpListener::bind(format!("{host}:0")).unwrap().local_addr().unwrap()
}

fn listening(node: &Node, address: SocketAddr) -> Running {
    Running::start(node.daemon().arg("--listen").arg(address.to_string()))
}

/// Sends these bytes and returns everything that is answered.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(address: SocketAddr, path: &str) -> String {
    raw(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

fn status(address: SocketAddr, more: &[&str]) -> Done {
    finish(program().args(["status", "--listen", &address.to_string()]).args(more))
}

fn ready(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok() && get(address, "/readyz").starts_with("HTTP/1.1 200")
}

#[test]
fn metrics_health_and_status_say_what_is() {
    for host in ["127.0.0.1", "[::1]"] {
        let node = Node::with(&events(0, 100));
        let address = free(host);
        assert_eq!(status(address, &[]).code, 2, "nobody is there");
        let daemon = listening(&node, address);
        until("it is ready", || ready(address));
        let stored =
            "auditseal_sealed_events_total{origin=\"prod/cp-1/audit\",source=\"audit\"} 100";
        until("the lines are counted", || get(address, "/metrics").contains(stored));
        until("the store has them", || {
            get(address, "/metrics").contains(
                "auditseal_spool_bytes{origin=\"prod/cp-1/audit\",source=\"audit\"} 0.0\n",
            )
        });
        let page = get(address, "/metrics");
        assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
        assert!(
            page.contains(&format!("auditseal_key_info{{vkey=\"{}\"}} 1", node.vkey)),
            "{page}"
        );
        assert!(!page.contains(&node.seed("key")), "the secret half stays secret");
        let open =
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n";
        let open = raw(address, open);
        assert!(open.contains("application/openmetrics-text; version=1.0.0"), "{open}");
        assert!(open.ends_with("# EOF\n"), "{open}");
        assert!(get(address, "/healthz").ends_with("alive\n"));

        let said = status(address, &[]);
        assert_eq!(said.code, 0, "{}{}", said.text(), said.err);
        assert!(said.text().contains("100 events"), "{}", said.text());
        assert_eq!(said.text().matches("  sealed ").count(), 1, "one source: {}", said.text());
        let json = status(address, &["--format", "json"]).ok().text();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["ready"], true);
        assert_eq!(json["sources"].as_array().unwrap().len(), 1, "{json}");
        assert_eq!(json["program"]["reload_failures_total"], 0.0);
        assert_eq!(json["sources"][0]["sealed_events_total"], 100.0);
        assert_eq!(json["sources"][0]["time_until_loss_seconds"], serde_json::Value::Null);
        daemon.stop().ok();
        node.assert_same();
    }
}

/// A directory stands where the live file should be, and each look meets it.
#[test]
fn a_problem_that_stays_is_said_once() {
    let node = Node::with(&events(0, 10));
    let address = free("127.0.0.1");
    let daemon = listening(&node, address);
    until("the archive holds the log", || node.cat().out == node.source());
    fs::remove_file(node.path("logs/audit.log")).unwrap();
    fs::create_dir(node.path("logs/audit.log")).unwrap();
    until("it isn't ready", || get(address, "/readyz").starts_with("HTTP/1.1 503"));
    assert!(get(address, "/readyz").contains("1 files beside the log are not opened"));
    // Five looks a second.
    thread::sleep(Duration::from_secs(3));
    let done = daemon.stop().ok();
    let said = done.err.lines().filter(|line| line.contains("audit.log (it is a directory)"));
    assert_eq!(said.count(), 1, "{}", done.err);
}

/// Lines are deleted before they are read, once while the daemon is stopped, once more before a
/// backfill.
#[test]
fn a_gap_is_logged_and_counted_by_its_reason_and_in_the_summary() {
    let node = Node::with(&events(5, 10));
    // What stays: without it the next view of the directory is an `unseen` gap besides.
    node.write("audit-2026-11-21T08-00-00.000.log", &events(0, 5));
    let address = free("127.0.0.1");
    let mut kept = events(0, 10);
    let mut lose = |from: usize| {
        node.write("audit.log", &events(from, from + 1));
        fs::remove_file(node.path("logs/audit.log")).unwrap();
        node.write("audit.log", &events(from + 1, from + 5));
        kept.extend(events(from + 1, from + 5));
        kept.clone()
    };
    let daemon = listening(&node, address);
    until("the archive holds the log", || node.cat().out == node.source());
    daemon.stop().ok();
    let archived = lose(10);
    let daemon = listening(&node, address);
    until("it answers", || TcpStream::connect(address).is_ok());
    let metric = "auditseal_gaps_total{origin=\"prod/cp-1/audit\",source=\"audit\",reason=";
    until("the gap is counted", || {
        get(address, "/metrics").contains(&format!("{metric}\"deleted-before-read\"}} 1"))
    });
    assert!(get(address, "/metrics").contains(&format!("{metric}\"truncated\"}} 0")));
    until("the archive holds the rest", || node.cat().out == archived);
    let said = status(address, &[]).text();
    assert!(said.contains("  found    1 gaps"), "{said}");
    let logged = |err: &str| {
        let lines = err.lines().filter(|line| line.contains("source bytes were lost"));
        assert!(lines.clone().all(|line| line.contains("deleted-before-read")), "{err}");
        lines.count()
    };
    let done = daemon.stop().ok();
    assert_eq!(logged(&done.err), 1, "{}", done.err);
    let archived = lose(20);
    // The gap is sealed, and `verify` tells it: that is no failure of backfill.
    let done = node.backfill().ok();
    assert!(done.text().contains("; 1 GAPS; head "), "{}", done.text());
    assert_eq!(logged(&done.err), 1, "{}", done.err);
    assert_eq!(node.cat().out, archived);
}

#[test]
fn an_address_that_is_taken_is_said_at_once() {
    let node = Node::with(&events(0, 1));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refused = listening(&node, address).end(Duration::from_secs(20));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains(&format!("failed to listen at {address}")), "{}", refused.err);
}

#[test]
fn hostile_clients_get_nothing_and_hold_nothing_up() {
    let node = Node::with(&events(0, 10));
    let address = free("127.0.0.1");
    let daemon = listening(&node, address);
    until("it is ready", || ready(address));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
        b"GET /metrics HTTP/1.1\r\nAccept: \xff\xfe;;q=,\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        long.as_bytes(),
        headers.as_bytes(),
    ] {
        let answer = raw(address, bytes);
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.");
        assert!(fine, "{answer}");
    }
    // More connections than there are places, and none of them says anything.
    let idle: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    node.write("audit.log", &events(10, 20));
    until("the log is archived meanwhile", || node.cat().out == node.source());
    let begun = Instant::now();
    until("somebody else is answered", || get(address, "/healthz").contains("alive"));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    drop(idle);
    daemon.stop().ok();
}

/// An apiserver's metrics, as far as they matter here.
fn apiserver(counted: Arc<AtomicU64>) -> (SocketAddr, thread::JoinHandle<()>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let serve = move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 2048];
            let n = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..n]).into_owned();
            let count = counted.load(Ordering::SeqCst);
            if count == 0 {
                return;
            }
            let body = format!(
                "# TYPE apiserver_audit_event_total counter\napiserver_audit_event_total {count}\n\
                 apiserver_audit_error_total{{plugin=\"log\"}} 2\nprocess_start_time_seconds 1795000000.5\n"
            );
            let (code, body) = match head.contains("authorization: Bearer sesame\r\n") {
                true => ("200 OK", body.as_str()),
                false => ("401 Unauthorized", ""),
            };
            let length = body.len();
            drop(write!(
                stream,
                "HTTP/1.1 {code}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ));
        }
    };
    (address, thread::spawn(serve))
}

#[test]
fn the_apiservers_count_is_sealed_and_shown() {
    let node = Node::with(&events(0, 5));
    let counted = Arc::new(AtomicU64::new(123));
    let (server, served) = apiserver(Arc::clone(&counted));
    let address = free("127.0.0.1");
    let token = node.path("token");
    fs::write(&token, "wrong\n").unwrap();
    let mut command = node.daemon();
    command.args([
        "--apiserver-metrics",
        &format!("http://{server}/metrics"),
        "--apiserver-interval",
        "100ms",
    ]);
    command.arg("--apiserver-token-file").arg(&token).arg("--listen").arg(address.to_string());
    let daemon = Running::start(&mut command);
    let failures =
        "auditseal_source_count_failures_total{origin=\"prod/cp-1/audit\",source=\"audit\"} 0\n";
    until("a wrong token is counted", || {
        ready(address) && !get(address, "/metrics").contains(failures)
    });
    // The token is rotated.
    fs::write(&token, "sesame\n").unwrap();
    let shown = "auditseal_source_events{origin=\"prod/cp-1/audit\",source=\"audit\"} 123.0";
    until("the count is shown", || get(address, "/metrics").contains(shown));
    assert!(status(address, &[]).text().contains("123 by the apiserver, 2 errors, 0 unaccounted"));
    let keys = || {
        let rows = node.read("ls", &["--format", "json"]).ok().text();
        let row = rows.lines().last().unwrap().to_owned();
        serde_json::from_str::<serde_json::Value>(&row).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let before = keys();
    node.write("audit.log", &events(5, 9));
    until("another seal is stored", || keys() != before);
    let seal = node.read("inspect", &[keys()]).ok().text();
    assert!(seal.contains("123 events, 2 errors since 2026-11-18T11:06:40.500000Z"), "{seal}");
    let done = daemon.stop().ok();
    assert!(done.err.contains("read the apiserver's count: "), "{}", done.err);
    assert!(!done.err.contains("sesame") && !done.err.contains("wrong"), "{}", done.err);
    node.assert_same();
    counted.store(0, Ordering::SeqCst);
    drop(TcpStream::connect(server));
    served.join().unwrap();
}

#[test]
fn what_cannot_be_meant_of_an_apiserver_is_refused() {
    let node = Node::with(&events(0, 1));
    let token = node.shown("key");
    for (args, why) in [
        (vec!["127.0.0.1:6443"], "it is no URL"),
        (vec!["ftp://127.0.0.1/metrics"], "it is no http or https URL"),
        (vec!["other=https://127.0.0.1/metrics"], "there is no such source"),
        (vec!["https://user:hunter2@127.0.0.1/metrics"], "it holds credentials"),
        (vec!["http://192.0.2.1/metrics", "--apiserver-token-file", &token], "in clear"),
    ] {
        let done = finish(node.daemon().arg("--apiserver-metrics").args(args));
        done.refused(why);
        assert!(!done.err.contains("hunter2"), "{}", done.err);
    }
}

#[test]
fn a_node_that_goes_away_is_retired() {
    let node = Node::with(&events(0, 20));
    finish(&mut node.writer("retire")).refused("the store has no such chain");
    assert!(!node.path("store/cluster=prod").exists(), "no chain was begun");
    let daemon = Running::start(&mut node.daemon());
    until("the archive holds the log", || node.cat().out == node.source());
    daemon.stop().ok();
    let later = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey, "--at", "2100-01-01"];
    assert!(node.read("verify", &later).text().contains("SILENT"));
    node.write("audit.log", &events(20, 25));
    let retired = finish(&mut node.writer("retire")).ok().text();
    assert!(retired.contains("sealed 5 lines"), "{retired}");
    node.read("verify", &later).ok();
    node.assert_same();
    // A second time there is nothing to do, and nothing is sealed.
    assert!(finish(&mut node.writer("retire")).ok().text().contains("nothing new"));
}

#[test]
fn a_node_that_is_gone_is_retired_from_elsewhere() {
    let node = Node::with(&events(0, 20));
    let daemon = Running::start(&mut node.daemon());
    until("the archive holds the log", || node.cat().out == node.source());
    daemon.stop().ok();
    fs::remove_dir_all(node.path("state")).unwrap();
    fs::remove_file(node.path("logs/audit.log")).unwrap();
    finish(&mut node.writer("retire")).ok();
    let later = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey, "--at", "2100-01-01"];
    let report = node.read("verify", &later).text();
    assert!(!report.contains("SILENT"), "{report}");
    assert!(report.contains("REANCHORED"), "{report}");
}

#[test]
fn a_forked_agent_stays_and_says_so() {
    let node = Node::with(&events(0, 10));
    let addresses = [free("127.0.0.1"), free("127.0.0.1")];
    let start = |state: &str, address: SocketAddr| {
        let mut command = node.daemon_in(state);
        command.arg("--listen").arg(address.to_string()).arg("--stay-on-fork");
        Running::start(&mut command)
    };
    let mut one = start("state", addresses[0]);
    until("the archive holds the log", || node.cat().out == node.source());
    // A restored snapshot of the node: the same key, and a copy of the state.
    let chain = "prod,cp-1,audit";
    fs::create_dir_all(node.path("double").join(chain)).unwrap();
    for entry in fs::read_dir(node.path("state").join(chain)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), node.path("double").join(chain).join(entry.file_name())).unwrap();
    }
    let mut other = start("double", addresses[1]);
    until("both answer", || addresses.iter().all(|address| TcpStream::connect(address).is_ok()));
    let forked =
        |address: &SocketAddr| get(*address, "/readyz").contains(": forked: another writer");
    let mut written = 10;
    until("one of them forks", || {
        node.write("audit.log", &events(written, written + 1));
        written += 1;
        addresses.iter().any(forked)
    });
    assert!(!one.ended() && !other.ended());
    let at = addresses.iter().position(forked).unwrap();
    let said = status(addresses[at], &[]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.text().contains("FORK"), "{}", said.text());
    assert!(get(addresses[at], "/healthz").contains("alive"), "restarting can't help");
    let (loser, winner) = if at == 0 { (one, other) } else { (other, one) };
    assert_eq!(loser.stop().code, 3);
    winner.stop().ok();
}
