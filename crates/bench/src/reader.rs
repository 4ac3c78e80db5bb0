//! The readers behind a round trip: a chain in a stand-in for S3, a wire that delays, and the program.
//!
//! The reference of each command is the same objects, got by the vault's own client with as many
//! requests in flight: what a reader takes on top of it is its own.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use auditseal_format::Time;
use auditseal_standin::{Bucket, Dialect, Entry, Keys, Server, World};
use auditseal_vectors::{Chain, Piece, TestSigner};

/// Requests of the reference in flight.
const IN_FLIGHT: usize = 128;
/// Lines of each batch.
const LINES: i64 = 8;
/// Microseconds between two batches.
const WINDOW: i64 = 5_000_000;
const HOUR: i64 = 3_600_000_000;

/// What one command took.
#[derive(Debug)]
pub struct Taken {
    /// Which.
    pub name: &'static str,
    /// Wall time.
    pub time: Duration,
    /// The most memory that it held at once, KiB.
    pub peak: u64,
    /// Requests that it sent.
    pub requests: u64,
}

/// Puts a chain of so many objects behind a wire with this round trip, and has `program` read it.
///
/// # Errors
/// A command that fails, or sockets that can't be had.
pub fn run(objects: usize, round_trip: Duration, program: &Path) -> io::Result<Vec<Taken>> {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let begun = chain.now();
    for n in 1..objects as i64 {
        let now = begun.saturating_add(n * WINDOW);
        chain.at(now).batch(&[Piece::new("audit.log", lines(now))]);
    }
    let at = chain.now().micros();
    let objects_of = chain.archive().into_iter().map(|(key, bytes)| (key, bytes, at));
    let (server, wire) = serve(objects_of, round_trip)?;
    let vkey = chain.current_signer().identity().to_string();
    let before_now = |hours: i64| chain.now().saturating_add(-HOUR * hours).to_string();
    let hour = before_now(1);
    // About the midst of what there is.
    let midst = objects as i64 * WINDOW / HOUR / 2;
    let (since, until) = (before_now(midst + 1), before_now(midst));
    let reader = ["--origin", "c/n/s", "--vkey", &vkey];
    let window = ["cat", "--allow-unanchored", "--since", &since, "--until", &until];
    let commands: [(&'static str, Vec<&str>); 5] = [
        ("verify", [&["verify", "--at", "2026-11-21"][..], &reader].concat()),
        ("ls", vec!["ls", "-o", "json", "--origin", "c/n/s"]),
        ("cat", [&["cat"][..], &reader].concat()),
        ("cat, the last hour", {
            [&["cat", "--allow-unanchored", "--since", &hour][..], &reader].concat()
        }),
        ("cat, an hour in the midst", [&window[..], &reader].concat()),
    ];
    let mut taken = vec![gets(&server, &wire)?];
    for (name, args) in commands {
        let mut command = Command::new(program);
        command.args(args).args(["--store", "s3://bucket"]);
        taken.push(measure(name, command, &server, &wire)?);
    }
    Ok(taken)
}

/// Puts objects, each with its date, in a bucket behind a wire with this round trip.
pub(crate) fn serve(
    objects: impl Iterator<Item = (String, Vec<u8>, i64)>,
    round_trip: Duration,
) -> io::Result<(Server, Wire)> {
    let mut bucket = Bucket { versioned: true, ..Bucket::default() };
    for (at, (key, bytes, time)) in objects.enumerate() {
        let entry = Entry {
            id: format!("v{at}"),
            bytes: bytes.into(),
            time,
            live: true,
            ..Entry::default()
        };
        bucket.objects.insert(key, vec![entry]);
    }
    let keys = Keys::fresh().map_err(|error| io::Error::other(error.to_string()))?;
    let server = Server::start(World::new(Dialect::Aws, keys).with("bucket", bucket))?;
    let target = server.endpoint().trim_start_matches("http://").to_owned();
    let wire = Wire::start(target.parse().map_err(io::Error::other)?, round_trip / 2)?;
    Ok((server, wire))
}

/// Runs a command against what is served.
pub(crate) fn measure(
    name: &'static str,
    mut command: Command,
    server: &Server,
    wire: &Wire,
) -> io::Result<Taken> {
    command.args(["--endpoint", &wire.url()]);
    command.env("NO_PROXY", "127.0.0.1").envs(server.environment()).stdout(Stdio::null());
    wire.requests.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    let peak = peak_of(&mut command)?;
    let requests = wire.requests.load(Ordering::Relaxed);
    Ok(Taken { name, time: begun.elapsed(), peak, requests })
}

/// A batch's lines, written right before it was sealed.
fn lines(sealed: Time) -> Vec<u8> {
    let line = |n: i64| {
        let time = sealed.saturating_add(-n * 1_000);
        let head =
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"#;
        let rest = r#""stage":"ResponseComplete","verb":"get","stageTimestamp":"#;
        format!("{head}\"{}\",{rest}\"{time}\"}}\n", time.micros()).into_bytes()
    };
    (1..=LINES).rev().flat_map(line).collect()
}

/// Gets each object once, and nothing else.
pub(crate) fn gets(server: &Server, wire: &Wire) -> io::Result<Taken> {
    use futures::StreamExt as _;
    let environment = server.environment().into_iter();
    let options = auditseal_vault::Options {
        endpoint: Some(wire.url()),
        environment: environment.map(|(name, value)| (name.into(), value.into())).collect(),
        ..auditseal_vault::Options::default()
    };
    let store = auditseal_vault::open("s3://bucket", &options).map_err(io::Error::other)?;
    let keys: Vec<String> = server.world().buckets["bucket"].objects.keys().cloned().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    wire.requests.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    let got = runtime.block_on(async {
        let gets = keys.iter().map(|key| store.get(key, None, 64 << 20));
        let gets = futures::stream::iter(gets).buffered(IN_FLIGHT);
        gets.fold(Ok(0), |sum: Result<usize, auditseal_store::Error>, got| async {
            Ok(sum? + got?.bytes.len())
        })
        .await
    });
    let bytes = got.map_err(io::Error::other)?;
    assert!(bytes > 0, "objects have bytes");
    let requests = wire.requests.load(Ordering::Relaxed);
    Ok(Taken { name: "the same gets", time: begun.elapsed(), peak: 0, requests })
}

/// Runs a command to its end; the most memory that it held, KiB.
fn peak_of(command: &mut Command) -> io::Result<u64> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let (peak, ended) = watch(&mut child)?;
    if ended.success() {
        return Ok(peak);
    }
    let mut said = String::new();
    child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
    Err(io::Error::other(format!("{command:?}: {ended}: {said}")))
}

/// Waits for a process to end; the most memory that it held, KiB, and how it ended.
pub(crate) fn watch(child: &mut Child) -> io::Result<(u64, ExitStatus)> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The kernel keeps the peak; the last look before the end may miss what came behind it.
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = kib.unwrap_or(peak).max(peak);
        }
        match child.try_wait()? {
            Some(ended) => return Ok((peak, ended)),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A wire that delays what passes it, each way, and counts requests.
pub(crate) struct Wire {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Wire {
    fn start(target: SocketAddr, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, requests) = (listener.local_addr()?, Arc::<AtomicU64>::default());
        let count = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                let pair = (client.try_clone(), server.try_clone());
                let (Ok(back_to), Ok(back_from)) = pair else { continue };
                carry(client, server, delay, Some(Arc::clone(&count)));
                carry(back_from, back_to, delay, None);
            }
        });
        Ok(Self { address, requests })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Carries bytes one way, each piece so long after it came.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration, count: Option<Arc<AtomicU64>>) {
    let (send, pieces) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let piece = buffer[..length].to_vec();
            let begins = [&b"GET "[..], b"HEAD ", b"PUT "].iter().any(|it| piece.starts_with(it));
            if let Some(count) = count.as_ref().filter(|_| begins) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            if send.send((Instant::now() + delay, piece)).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        to.set_nodelay(true).ok();
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}
