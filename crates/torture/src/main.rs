//! Never lose, never duplicate: a writer that behaves as kube-apiserver's log does, and a checker
//! that knows every line it wrote.
//!
//! It uses nothing of auditseal: what judges the program shares no code with it.
//! `crates/e2e/torture.sh` runs both around the real program.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output")]

mod checker;
mod event;
mod lumberjack;
mod options;
mod record;
mod writer;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "usage:
  auditseal-torture writer DIR RECORD [--rate N] [--seconds N] [--seed N] [--size BYTES]
                    [--backups N] [--gzip] [--huge BYTES] [--forgiving]
  auditseal-torture checker RECORD < LOG

writer: writes --rate events a second for --seconds into DIR/audit.log, which is rotated at --size;
  of the backups the newest --backups are kept (0: all), compressed with --gzip. The event in the
  middle is as long as --huge says. Each line's hash goes to the file RECORD, what became of each
  file to RECORD.files. A failed write ends it, but with --forgiving it goes on as kube-apiserver
  does.
checker: says how many lines of LOG are lost, repeated, altered and out of order; exit code 1 if
  any is.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let outcome = Options::parse(arguments).and_then(|options| match command.as_deref() {
        Some("writer") => writer::run(&options).map(|told| (told.to_string(), true)),
        Some("checker") => checker::run(&options).map(|found| (found.to_string(), found.perfect())),
        _ => Err(USAGE.to_owned()),
    });
    match outcome {
        Ok((line, good)) => {
            println!("{line}");
            if good { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
