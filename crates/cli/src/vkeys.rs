//! Public keys on the command line of a reader.

use std::io::{self, Read as _};
use std::path::Path;

use auditseal_agent::open_named;
use auditseal_format::VerifierKey;
use auditseal_note::KeyError;

use crate::failure::Failure;

/// Where public keys come from.
pub(crate) const VKEY_HINT: &str =
    "give the vkey that `auditseal keygen` or `auditseal pubkey` prints, or a file with it";

/// Reads trusted keys: each argument is a vkey (or several: a file's contents, as an environment
/// variable may hold them), or a file with one in each line.
pub(crate) fn vkeys(arguments: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for argument in arguments {
        let given: Result<Vec<_>, _> = argument.split_whitespace().map(str::parse).collect();
        match given {
            Ok(given) if !given.is_empty() => keys.extend(given),
            _ if Path::new(argument).exists() => keys.extend(key_file(argument)?),
            Err(error) if error != KeyError::Shape => {
                return Err(Failure::new(format!("read vkey: {error}")).hint(Some(VKEY_HINT)));
            }
            // Not repeated: it may be anything, also a secret.
            _ => {
                let why = "no such file, and not a key of the form NAME+HASH+BASE64";
                return Err(Failure::new(format!("read vkey: {why}")).hint(Some(VKEY_HINT)));
            }
        }
    }
    Ok(keys)
}

fn key_file(path: &str) -> Result<Vec<VerifierKey>, Failure> {
    let fail = |why: &dyn std::fmt::Display| {
        Failure::new(format!("read vkey file {path}: {why}")).hint(Some(VKEY_HINT))
    };
    let mut text = String::new();
    let read = open_named(Path::new(path)).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => fail(&"it isn't text"),
        _ => fail(&e),
    })?;
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Result<Vec<_>, _> = lines.map(str::parse).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        Ok(_) => Err(fail(&"no key in it")),
        Err(error) => Err(fail(&error)),
    }
}
