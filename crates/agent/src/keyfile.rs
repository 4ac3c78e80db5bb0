//! The private key's file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use auditseal_note::{Signer as _, StaticSigner};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// Makes a key named `name`, writes its private half to `path` (mode 0600, never over a file that
/// is there), and returns the public vkey.
///
/// # Errors
/// [`Error`] for a bad name, or when the file can't be written. Never carries key material.
pub fn keygen(path: &Path, name: &str) -> Result<String, Error> {
    let what = || format!("write key {}", path.display());
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|e| Error::new(ErrorKind::Other, "read random bytes", e))?;
    let invalid = |e| Error::new(ErrorKind::Usage, &what(), e);
    let text = StaticSigner::private_text(name, &seed).map_err(invalid)?;
    let signer = StaticSigner::from_seed(name, &seed).map_err(invalid)?;
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(|e: io::Error| {
        let error = Error::new(ErrorKind::Other, &what(), &e);
        if e.kind() == io::ErrorKind::AlreadyExists {
            return error
                .hint("a key that sealed anything must not be overwritten; choose another file");
        }
        error
    })?;
    Ok(signer.key().to_string())
}

/// Reads a private key.
///
/// # Errors
/// [`Error`] when the file can't be read, isn't a private key, or can be read by others.
pub fn read_signer(path: &Path) -> Result<StaticSigner, Error> {
    let what = format!("read key {}", path.display());
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|e| {
        let error = Error::new(ErrorKind::Usage, &what, &e);
        if e.kind() == io::ErrorKind::NotFound {
            return error.hint("make one with: auditseal keygen --out FILE");
        }
        error
    })?;
    let mode = fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o007 != 0 {
        return Err(Error::new(ErrorKind::Usage, &what, "everybody can read or write it")
            .hint("chmod 600 the file; make a new key if others had access to the machine"));
    }
    StaticSigner::from_private_text(&text).map_err(|e| Error::new(ErrorKind::Usage, &what, e))
}
