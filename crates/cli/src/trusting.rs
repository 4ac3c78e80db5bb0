//! A trust file on the command line of a reader.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use auditseal_agent::open_named;
use auditseal_archive::Shard;
use auditseal_format::Origin;
use auditseal_trust::{TrustFile, TrustedOrigin};
use clap::Args;

use crate::failure::Failure;

/// Most bytes of a trust file: more than a hundred thousand chains.
const LARGEST: u64 = 64 << 20;

/// What is trusted of the chain that is read.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// A trust file, in place of --vkey: what it says of the chain counts.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE", conflicts_with = "vkey")]
    pub(crate) trust: Option<PathBuf>,
}

impl Policy {
    /// The trust file, and what it says of a chain; `None` if there is no such file.
    pub(crate) fn file(
        &self,
        origin: &Origin,
    ) -> Result<Option<(TrustFile, TrustedOrigin)>, Failure> {
        let Some(path) = &self.trust else { return Ok(None) };
        let file = trust_file(path)?;
        match file.get(origin).cloned() {
            Some(trusted) => Ok(Some((file, trusted))),
            None => Err(untrusted(origin)),
        }
    }
}

/// What is trusted of many chains, and how far they are known.
#[derive(Debug, Args)]
pub(crate) struct Estate {
    /// A trust file, in place of --vkey: checks all chains that it names, or those of --origin, each as
    /// it says.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE",
          conflicts_with_all = ["vkey", "accept", "require_retention"])]
    pub(crate) trust: Option<PathBuf>,
    /// File that remembers how far each chain was verified: a chain that ends earlier, or has another
    /// history, is a finding. Made if it isn't there, and moved on.
    #[arg(
        long,
        env = "AUDITSEAL_HEADS",
        value_name = "FILE",
        requires = "trust",
        // Of two that exclude each other neither is required: without this, --vkey would pass it over.
        conflicts_with_all = ["head", "vkey"]
    )]
    pub(crate) heads: Option<PathBuf>,
    /// Only the chains of part I of N, from 0, which are always the same ones. Give each part a heads
    /// file of its own, and put them together by `trust merge`.
    #[arg(
        long,
        env = "AUDITSEAL_SHARD",
        value_name = "I/N",
        requires = "trust",
        conflicts_with = "vkey"
    )]
    pub(crate) shard: Option<Shard>,
}

pub(crate) fn untrusted(origin: &Origin) -> Failure {
    let why = format!("check signatures of {origin}: the trust file doesn't name this chain");
    Failure::new(why).hint(Some("`auditseal trust show` says what a trust file names"))
}

/// Reads a trust file.
pub(crate) fn trust_file(path: &Path) -> Result<TrustFile, Failure> {
    let text = text_of(path, "trust")?;
    TrustFile::parse(&text).map_err(|refused| {
        Failure::new(format!("read trust file {}: {refused}", path.display()))
            .hint(Some(TRUST_HINT))
    })
}

/// The text of such a file.
pub(crate) fn text_of(path: &Path, kind: &str) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::new(format!("read {kind} file {}: {why}", path.display())).hint(Some(TRUST_HINT))
    };
    let mut text = String::new();
    let io = |error: std::io::Error| failed(error.to_string());
    let file = open_named(path).map_err(io)?;
    let mut large = file.metadata().map_err(io)?.len() > LARGEST;
    if !large {
        // What isn't a file of the disk has no length.
        large = file.take(LARGEST + 1).read_to_string(&mut text).map_err(io)? as u64 > LARGEST;
    }
    if large {
        return Err(failed(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(text)
}

const TRUST_HINT: &str = "`auditseal trust init` writes a first trust file; each line of one has a \
                          single spelling (crates/trust/TRUST.md)";
