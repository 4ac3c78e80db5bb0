//! Lines to fuzz with, and what this program says of their times: `crates/e2e/times.sh` holds that
//! against the second verifier.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::process::ExitCode;

use auditseal_format::{LineTimes, TimeField};
use auditseal_vectors::client::Lines;

const USAGE: &str = "usage:
  lines make SEED COUNT     write so many lines
  lines times HOW FILE      write each line's certain time, or '-'; HOW is what a note says: audit,
                            json:FIELD or none";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere else to say that it couldn't be said.
            writeln!(io::stderr(), "lines: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> io::Result<()> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, USAGE);
    match arguments {
        ["make", seed, count] => {
            let seed = seed.parse().map_err(|_| usage())?;
            make(seed, count.parse().map_err(|_| usage())?)
        }
        ["times", how, path] => times(how.parse().map_err(|()| usage())?, path),
        _ => Err(usage()),
    }
}

fn make(seed: u64, count: u64) -> io::Result<()> {
    let (mut lines, mut out) = (Lines::new(seed), BufWriter::new(io::stdout().lock()));
    for _ in 0..count {
        out.write_all(&lines.line())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn times(field: TimeField, path: &str) -> io::Result<()> {
    // An odd size: a line may come in pieces of any.
    let mut file = BufReader::with_capacity(9_973, File::open(path)?);
    let (mut times, mut out) = (LineTimes::new(field), BufWriter::new(io::stdout().lock()));
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return out.flush();
        }
        let (mut written, length) = (Ok(()), piece.len());
        times.each(piece, |time| {
            let line = time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            if written.is_ok() {
                written = writeln!(out, "{line}");
            }
        });
        written?;
        file.consume(length);
    }
}
