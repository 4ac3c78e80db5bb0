//! A stream of bytes to another system, by TLS.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::apart::{Apart, Names};
use crate::build::install_crypto;
use crate::client::CONNECT_TIMEOUT;
use crate::files::Files;

/// An open stream.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Where the other system is, and who connects. Files are read again for every connection.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// `host:port`; the certificate must be for this host.
    pub address: String,
    /// PEM file of certificate authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Connects to another system. Its files and its name are asked for on threads of its own.
#[derive(Debug)]
pub struct TlsPeer {
    options: TlsOptions,
    files: Apart,
    names: Names,
}

impl TlsPeer {
    /// Prepares; nothing is read or asked yet.
    #[must_use]
    pub fn new(options: TlsOptions) -> Self {
        Self { options, files: Apart::files(), names: Names::default() }
    }

    /// Connects.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self) -> Result<TlsStream, String> {
        let TlsOptions { address, ca, identity } = self.options.clone();
        let read = move || Files::read(ca.as_deref(), identity.as_ref());
        let files =
            self.files.ask(read).await.map_err(|why| format!("read certificates: {why}"))?;
        let connector = TlsConnector::from(Arc::new(config(&files)?));
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
        let addresses = self.names.of(&address).await?;
        let stream = within(TcpStream::connect(&addresses[..])).await?;
        within(connector.connect(name, stream)).await
    }
}

async fn within<T>(attempt: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    let limit: Duration = CONNECT_TIMEOUT;
    match tokio::time::timeout(limit, attempt).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no connection in {} s", limit.as_secs())),
    }
}

fn config(files: &Files) -> Result<ClientConfig, String> {
    install_crypto();
    let shown = |error: &dyn std::fmt::Display| error.to_string();
    let builder = match &files.ca {
        None => {
            let config = ClientConfig::with_platform_verifier().map_err(|error| shown(&error))?;
            if files.identity.is_none() {
                return Ok(config);
            }
            let why =
                "a client certificate needs ca= as well: the authorities of who is connected to";
            return Err(why.to_owned());
        }
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| shown(&error))?;
                roots.add(certificate).map_err(|error| shown(&error))?;
            }
            if roots.is_empty() {
                return Err("the CA file holds no PEM certificate".to_owned());
            }
            ClientConfig::builder().with_root_certificates(roots)
        }
    };
    let Some(pem) = &files.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| shown(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| shown(&error))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| shown(&error))
}
