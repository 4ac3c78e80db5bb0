//! A scripted server that speaks TLS, with a certificate for itself and for Google's hosts. Asked as
//! a proxy it answers for the host behind it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Request, receive};

/// Of the server, and of a service account. It is in the repository, so it protects nothing.
pub(crate) const KEY: &str = include_str!("../data/loopback.key");

pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let config = config();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some((request, mut stream)) = accept(stream.unwrap(), &config) else {
                    continue;
                };
                let answer = answer(&request);
                log.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).ok();
                stream.conn.send_close_notify();
                stream.flush().ok();
            }
        });
        Self { address, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// The file to trust it by.
pub(crate) fn certificate() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/loopback.pem")
}

fn config() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(certificate()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

fn accept(mut stream: TcpStream, config: &Arc<ServerConfig>) -> Option<(Request, Stream)> {
    let mut first = [0];
    stream.peek(&mut first).ok()?;
    // What begins otherwise than a handshake asks a proxy.
    if first != [0x16] {
        receive(&stream)?;
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    }
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    Some((receive(&mut stream)?, stream))
}
