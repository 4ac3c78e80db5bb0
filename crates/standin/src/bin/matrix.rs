//! `matrix DIR` prints the page of docs/ from the lines in the files of DIR.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it's what it is for")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use auditseal_standin::matrix;

fn main() -> ExitCode {
    let made = std::env::args().nth(1).ok_or("usage: matrix DIR".to_owned()).and_then(|folder| {
        let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut lines = BTreeMap::new();
        for entry in entries.flatten() {
            let text = std::fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
            lines.insert(entry.file_name().to_string_lossy().into_owned(), text);
        }
        matrix::page(&lines)
    });
    match made {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("matrix: {why}");
            ExitCode::from(2)
        }
    }
}
