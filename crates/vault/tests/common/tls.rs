//! A scripted server that speaks TLS, with a certificate for itself and for Google's hosts. Asked as
//! a proxy it answers for the host behind it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Request, receive};

/// A service account's private key, PEM.
pub(crate) fn account_key() -> String {
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

pub(crate) struct Server {
    pub(crate) address: String,
    /// The file to trust it by.
    pub(crate) certificate: PathBuf,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// With a key of its own, whose certificate goes to a file in `folder`.
    pub(crate) fn new(
        folder: &Path,
        answer: impl Fn(&Request) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let certificate = folder.join("server.pem");
        let config = config(&certificate);
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
        Self { address, certificate, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn config(certificate: &Path) -> Arc<ServerConfig> {
    let names = ["127.0.0.1", "storage.googleapis.com", "accounts.google.com"];
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names.map(str::to_owned)).unwrap();
    std::fs::write(certificate, cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![cert.into()], signing_key.into()).unwrap())
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
