//! keygen, pubkey.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_format::Scope;
use auditseal_note::Signer as _;
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::failure::Failure;
use crate::help;
use crate::output::say;

#[derive(Debug, Args)]
#[command(after_help = help::KEYGEN)]
pub(crate) struct Keygen {
    /// What the key may sign: all chains of a node, CLUSTER/NODE, or one of them,
    /// CLUSTER/NODE/NAME. It is the key's name, and stands in every seal.
    #[arg(long, env = "AUDITSEAL_NAME", value_name = "CLUSTER/NODE")]
    pub(crate) name: Scope,
    /// File for the private key; made with mode 0600, never overwritten.
    #[arg(long, env = "AUDITSEAL_OUT", value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// If the file is there, keep it, and print the vkey of its key.
    #[arg(long, env = "AUDITSEAL_KEEP", value_parser = BoolishValueParser::new())]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
#[command(after_help = help::PUBKEY)]
pub(crate) struct Pubkey {
    /// File of the private key.
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,
}

pub(crate) fn keygen(args: &Keygen) -> Result<ExitCode, Failure> {
    auditseal_agent::keep_to_owner();
    // A half-written key isn't left behind by keygen: what is there is whole, or refused.
    if args.keep && fs::symlink_metadata(&args.out).is_ok() {
        let there = fs::metadata(&args.out);
        if there.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let what = format!("keep key {}: it is a link to what isn't there", args.out.display());
            let hint = "is the file system that it leads to mounted? A chain is continued only by \
                        the key that began it, so no other is made in its place";
            return Err(Failure::new(what).hint(Some(hint)));
        }
        let key = auditseal_agent::read_signer(&args.out)?.key().clone();
        if key.name() == args.name.as_str() {
            return say(&key.to_string());
        }
        let what = format!("keep key {}: it is a key for {}", args.out.display(), key.name());
        let hint = "a key signs what its name says: name another file, and leave this one to the \
                    chains that it began";
        return Err(Failure::new(format!("{what}, and not for {}", args.name)).hint(Some(hint)));
    }
    say(&auditseal_agent::keygen(&args.out, &args.name)?)
}

pub(crate) fn pubkey(args: &Pubkey) -> Result<ExitCode, Failure> {
    say(&auditseal_agent::read_signer(&args.key)?.key().to_string())
}
