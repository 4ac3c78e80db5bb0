//! The private key's file.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use auditseal_format::{Origin, Scope};
use auditseal_note::{KeyError, Signer as _, StaticSigner};
use auditseal_spool::failpoint;
use auditseal_tail::fs::open_named;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// Makes a key for all that `name` covers, writes its private half to `path` (mode 0600, never over
/// a file that is there), and returns the public vkey.
///
/// # Errors
/// [`Error`] when the file can't be written. Never carries key material.
pub fn keygen(path: &Path, name: &Scope) -> Result<String, Error> {
    let what = || format!("write key {}", path.display());
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|e| Error::new(ErrorKind::Other, "read random bytes", e))?;
    let invalid = |e| Error::new(ErrorKind::Usage, &what(), e);
    let text = StaticSigner::private_text(name.as_str(), &seed).map_err(invalid)?;
    let signer = StaticSigner::from_seed(name.as_str(), &seed).map_err(invalid)?;
    write_new(path, &text).map_err(|e: io::Error| {
        let error = Error::new(ErrorKind::Other, &what(), &e);
        match e.kind() {
            io::ErrorKind::AlreadyExists => error.hint(
                "a key that sealed anything must not be overwritten: choose another file, or give \
                 --keep to have the vkey of this one",
            ),
            io::ErrorKind::NotFound => error.hint("its directory must exist"),
            _ => error,
        }
    })?;
    Ok(signer.key().to_string())
}

/// Writes a file that isn't there, durably: whole, or not at all.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key would keep the next attempt from making a whole one.
        drop(fs::remove_file(path));
        return written;
    }
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads a private key.
///
/// # Errors
/// [`Error`] when the file can't be read, isn't a private key, or can be read by others. Never
/// carries key material, not even when a key was given in the place of its file.
pub fn read_signer(path: &Path) -> Result<StaticSigner, Error> {
    if path.as_os_str().as_encoded_bytes().starts_with(b"PRIVATE+KEY+") {
        let why = "this is a private key itself, not the name of its file";
        return Err(Error::new(ErrorKind::Usage, "read key", why)
            .hint("put it into a file of mode 0600; if others saw it, make a new key"));
    }
    let what = format!("read key {}", path.display());
    let fail = |why: &dyn fmt::Display| Error::new(ErrorKind::Usage, &what, why);
    let (text, mode) = read_private(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => fail(&e).hint(ABSENT),
        io::ErrorKind::InvalidInput => fail(&e).hint(KEY_HINT),
        io::ErrorKind::InvalidData => fail(&"not a private key: it isn't text").hint(KEY_HINT),
        _ => fail(&e).hint("it must be a file that the user auditseal runs as can read"),
    })?;
    if mode & 0o007 != 0 {
        return Err(fail(&format!("everybody can read or write it (mode {:04o})", mode & 0o7777))
            .hint("chmod 600 the file; make a new key if others had access to the machine"));
    }
    StaticSigner::from_private_text(&text).map_err(|error| {
        match error {
            KeyError::Half => fail(&"this is a public key (vkey), and the private one is needed"),
            KeyError::Shape => fail(&"not a private key"),
            error => fail(&error),
        }
        .hint(KEY_HINT)
    })
}

/// Reads the private key that is to sign for these chains.
///
/// # Errors
/// As [`read_signer`], and when the key's name says that it is for other chains: no reader would
/// take its seals for theirs.
pub(crate) fn signer_for(path: &Path, origins: &[&Origin]) -> Result<StaticSigner, Error> {
    let signer = read_signer(path)?;
    let Some(origin) = origins.iter().find(|origin| !origin.admits(signer.key())) else {
        return Ok(signer);
    };
    let why = format!("it is a key for {}, and the chain is {origin}", signer.key().name());
    let node = origin.node_scope();
    Err(Error::new(ErrorKind::Usage, &format!("read key {}", path.display()), why).hint(format!(
        "a key signs what its name says: give this node's own key, or the --cluster, --node and \
         source names that this one is for. For a new chain make one with: auditseal keygen --name \
         {node} --out FILE"
    )))
}

/// What no key file leads to. Who makes a new key for a chain that is there can't go on with it.
const ABSENT: &str = "is the path right, and its file system mounted? A chain is continued only by \
                      the key that began it; for a new chain make one with: auditseal keygen --name \
                      CLUSTER/NODE --out FILE";

/// What a wrong key file leads to.
const KEY_HINT: &str = "give the file that `auditseal keygen` wrote";

/// The file's text and mode: of one file, whatever its name stands for a moment later.
fn read_private(path: &Path) -> io::Result<(Zeroizing<String>, u32)> {
    let file = open_named(path)?;
    failpoint!("agent.start.key");
    let mode = file.metadata()?.permissions().mode();
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY));
    file.take(MAX_KEY as u64).read_to_string(&mut text)?;
    Ok((text, mode))
}

/// Longer than any key's text: whatever else was named isn't read whole, and the buffer never
/// moves, which would leave a copy behind.
const MAX_KEY: usize = 4096;
