//! Files that say whom to trust and who asks: read again for every use, for what is in them is rotated.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, Identity};
use zeroize::Zeroizing;

use crate::apart::Names;
use crate::build::install_crypto;
use crate::cause::innermost;
use crate::client::CONNECT_TIMEOUT;
use crate::regular;

/// What connections are made with.
#[derive(PartialEq)]
pub(crate) struct Files {
    pub(crate) ca: Option<Vec<u8>>,
    /// A key, and behind it its certificate.
    pub(crate) identity: Option<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Files {
    /// Reads a PEM file of authorities, and those of a certificate and its key.
    pub(crate) fn read(
        ca: Option<&Path>,
        identity: Option<&(PathBuf, PathBuf)>,
    ) -> Result<Self, String> {
        let ca = ca.map(read).transpose()?;
        let identity = match identity {
            None => None,
            Some((certificate, key)) => {
                let mut pem = Zeroizing::new(read(key)?);
                pem.push(b'\n');
                pem.extend_from_slice(&read(certificate)?);
                Some(pem)
            }
        };
        Ok(Self { ca, identity })
    }

    /// A client of HTTP that is made with them.
    fn client(&self, mut client: ClientBuilder) -> Result<Client, String> {
        if let Some(pem) = &self.ca {
            let found = Certificate::from_pem_bundle(pem).map_err(|error| innermost(&error))?;
            if found.is_empty() {
                return Err("the CA file holds no PEM certificate".to_owned());
            }
            client = client.tls_certs_only(found);
        }
        if let Some(pem) = &self.identity {
            client = client.identity(Identity::from_pem(pem).map_err(|error| innermost(&error))?);
        }
        client.build().map_err(|error| innermost(&error))
    }
}

/// A client of HTTP, made again when its files have changed.
#[derive(Debug, Default)]
pub(crate) struct KnownClient(Option<(Files, Client)>);

impl KnownClient {
    /// The client of these files, which looks names up by these; `prepared` says what else it is made with. It
    /// follows no redirect.
    pub(crate) fn of(
        &mut self,
        files: Files,
        names: &Names,
        prepared: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, String> {
        if let Some((known, client)) = &self.0
            && *known == files
        {
            return Ok(client.clone());
        }
        install_crypto();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(names.clone()))
            .redirect(reqwest::redirect::Policy::none());
        let client = files.client(prepared(client))?;
        self.0 = Some((files, client.clone()));
        Ok(client)
    }
}

/// The secret in a file, without the white space around it: what a header can say.
pub(crate) fn secret(path: &Path, what: &str) -> Result<Zeroizing<String>, String> {
    let bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("no {what} is in {}", path.display()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// What is in a file. It may block: whoever must not wait asks [`Apart`](crate::apart::Apart).
fn read(path: &Path) -> Result<Vec<u8>, String> {
    regular::read(path).map_err(|error| format!("read {}: {error}", path.display()))
}
