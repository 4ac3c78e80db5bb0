//! A packed archive behind a round trip: read with its objects, and without them.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::files::files_below;
use crate::reader::{Taken, gets, measure, serve};

/// What is read: an archive and its packs, each a directory, a trust file, and the chain.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// The archive's directory.
    pub archive: &'a Path,
    /// That of its packs.
    pub packs: &'a Path,
    /// A trust file that names the chain and the auditor.
    pub trust: &'a Path,
    /// The chain.
    pub origin: &'a str,
}

/// Puts both behind a wire with this round trip, and has `program` read them: the objects alone, both, and
/// the packs with no more of the objects than the genesis.
///
/// # Errors
/// A command that fails, files that can't be read, or sockets that can't be had.
pub fn run(of: Packed<'_>, round_trip: Duration, program: &Path) -> io::Result<Vec<Taken>> {
    let mut archive = files(of.archive, "k8s/")?;
    let packs = files(of.packs, "k8s-packs/")?;
    let verify = || command(program, "verify", of);
    let mut taken = Vec::new();
    let (server, wire) = serve(archive.clone().into_iter(), round_trip)?;
    taken.push(gets(&server, &wire)?);
    taken.push(measure("verify, objects", verify(), &server, &wire)?);
    taken.push(measure("cat, objects", command(program, "cat", of), &server, &wire)?);
    drop(server);
    let both = archive.clone().into_iter().chain(packs.clone());
    let (server, wire) = serve(both, round_trip)?;
    taken.push(measure("verify, both", verify(), &server, &wire)?);
    drop(server);
    archive.retain(|(key, ..)| key.contains("date=1970-01-01"));
    let (server, wire) = serve(archive.into_iter().chain(packs), round_trip)?;
    taken.push(measure("verify, packs", verify(), &server, &wire)?);
    taken.push(measure("cat, packs", command(program, "cat", of), &server, &wire)?);
    Ok(taken)
}

fn command(program: &Path, name: &str, of: Packed<'_>) -> Command {
    let mut command = Command::new(program);
    command.args([name, "--store", "s3://bucket/k8s", "--origin", of.origin, "--trust"]);
    command.arg(of.trust);
    command
}

type Object = (String, Vec<u8>, i64);

/// The files below a directory as objects below a prefix, a microsecond apart in the order of their keys.
fn files(directory: &Path, prefix: &str) -> io::Result<Vec<Object>> {
    let named = |(name, bytes)| (format!("{prefix}{name}"), bytes);
    let found = files_below(directory)?.into_iter().map(named);
    let begun = 4_000_000_000_000_000;
    Ok(found.zip(begun..).map(|((key, bytes), at)| (key, bytes, at)).collect())
}
