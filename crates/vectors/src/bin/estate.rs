//! Makes an archive of many chains, and the trust file for it: for measuring.
//!
//! `estate DIRECTORY CHAINS OBJECTS` writes the archive below DIRECTORY and the trust file to standard
//! output. Each object but the genesis has ten lines.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use auditseal_vectors::{Chain, Piece, TestSigner, events};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let made = match arguments.as_slice() {
        [directory, chains, objects] => match (chains.parse(), objects.parse()) {
            (Ok(chains), Ok(objects)) => {
                write(Path::new(directory), chains, objects).map_err(|error| error.to_string())
            }
            _ => Err("CHAINS and OBJECTS are numbers".to_owned()),
        },
        _ => Err("usage: estate DIRECTORY CHAINS OBJECTS".to_owned()),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            // There is nowhere else to say that it couldn't be said.
            writeln!(std::io::stderr(), "estate: {what}").ok();
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, chains: u64, objects: u64) -> std::io::Result<()> {
    let mut trust = "auditseal/trust/v1\n".to_owned();
    for node in 0..chains {
        let origin = format!("prod/cp-{node:05}/audit");
        let signer = TestSigner::of(&origin, u8::try_from(node % 200).unwrap_or_default());
        let key = signer.identity();
        trust += &format!("origin {origin} static {key}\n  begin 0\n  silent-after 366d\n");
        let mut chain = Chain::new(&origin, signer);
        chain.genesis();
        for batch in 1..objects {
            chain.batch(&[Piece::new("audit.log", events(10 * batch..10 * batch + 10))]);
        }
        for (key, bytes) in chain.archive() {
            let path = directory.join(key);
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(path, bytes)?;
        }
    }
    std::io::stdout().write_all(trust.as_bytes())
}
