//! The health server beyond its bounds: who comes late waits, and nobody is turned away unheard.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use auditseal_observe::{Snapshot, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections at a time, as `server.rs` has it.
const CONNECTIONS: usize = 16;
/// Bytes and headers of a request's head, as `server.rs` has it.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Snapshot::default));
    address
}

/// The first line of the answer to a request with these headers; empty if there is none.
async fn ask(address: SocketAddr, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    // A server that has answered early reads no further.
    stream.write_all(request.as_bytes()).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let text = String::from_utf8(answer).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_client_is_answered_however_many_come_at_once() {
    for clients in [CONNECTIONS - 1, CONNECTIONS, CONNECTIONS + 1, 10 * CONNECTIONS] {
        let address = start().await;
        let mut asking = JoinSet::new();
        for _ in 0..clients {
            asking.spawn(ask(address, ""));
        }
        let answers = asking.join_all().await;
        let good = answers.iter().filter(|answer| *answer == "HTTP/1.1 200 OK").count();
        assert_eq!(good, clients, "{answers:?}");
    }
}

/// Clients that say nothing hold all places; each is let go when its time for a head is over.
#[tokio::test]
async fn silent_clients_delay_and_do_not_lock_out() {
    let address = start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(30), ask(address, "")).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_refused_and_the_next_is_answered() {
    let address = start().await;
    for count in [HEADERS - 1, HEADERS, HEADERS + 1, 10 * HEADERS] {
        // One more is the host.
        let answer = ask(address, &"x: y\r\n".repeat(count - 1)).await;
        assert_eq!(answer.contains(" 200 "), count <= HEADERS, "{count} headers: {answer}");
        assert!(!answer.is_empty(), "{count} headers: refused with a word");
    }
    for bytes in [HEAD_BYTES / 2, 2 * HEAD_BYTES, 10 * HEAD_BYTES] {
        let answer = ask(address, &format!("x: {}\r\n", "y".repeat(bytes))).await;
        assert_eq!(answer.contains(" 200 "), bytes < HEAD_BYTES, "{bytes} bytes: {answer}");
    }
    assert_eq!(ask(address, "").await, "HTTP/1.1 200 OK");
}
