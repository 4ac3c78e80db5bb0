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
    let [directory, chains, objects] = arguments.as_slice() else {
        eprintln!("estate: usage: estate DIRECTORY CHAINS OBJECTS");
        return ExitCode::from(2);
    };
    let (Ok(chains), Ok(objects)) = (chains.parse(), objects.parse()) else {
        eprintln!("estate: CHAINS and OBJECTS are numbers");
        return ExitCode::from(2);
    };
    match write(Path::new(directory), chains, objects) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("estate: {error}");
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
