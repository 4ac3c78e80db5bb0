//! Makes corpora, and runs stages by themselves, for `benches/`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output")]

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use auditseal_bench::month::{self, Cost};
use auditseal_bench::packs;
use auditseal_bench::reader::{self, Taken};
use auditseal_bench::stages::{self, Bench};
use auditseal_bench::{Events, corpus};

const USAGE: &str = "usage:
  auditseal-bench corpus BYTES SEED             write events to standard output
  auditseal-bench file BYTES SEED FILE          write them into a file
  auditseal-bench rotated BYTES SEED EACH plain|gzip DIR
                                                write a log and its rotated backups of EACH bytes
  auditseal-bench stage NAME BYTES ROUNDS       run one stage; prints nanoseconds of each round
  auditseal-bench stages                        print the stages' names
  auditseal-bench reader OBJECTS MILLISECONDS PROGRAM
                                                read a chain behind such a round trip; prints
                                                name, seconds, KiB, requests and, of the gets alone,
                                                how many times as long
  auditseal-bench packs ARCHIVE PACKS TRUST ORIGIN MILLISECONDS PROGRAM
                                                the same of a packed archive, two directories
  auditseal-bench month DIR CHAINS DAYS LINES PROGRAM
                                                make so many days of seals, one each five seconds
  auditseal-bench month-pack DIR PROGRAM        have them packed; prints what the store held,
                                                the command, requests, bytes received, seconds,
                                                KiB, and the command's last line
  auditseal-bench month-read DIR MILLISECONDS PROGRAM HELD
                                                the same of reading them behind a round trip, while
                                                the store holds objects, objects and packs, or packs
  auditseal-bench hash FILE                     BLAKE3 of a file, read once
  auditseal-bench index FILE                    bytes of the index of a pack of these lines
BYTES are at least so many, in whole events. One SEED gives one log, always.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("auditseal-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> io::Result<()> {
    match arguments {
        ["corpus", bytes, seed] => {
            let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
            corpus::write(&mut Events::new(number(seed)?), number(bytes)?, &mut out)?;
            out.flush()
        }
        ["file", bytes, seed, path] => {
            say(corpus::file(number(seed)?, number(bytes)?, Path::new(path))?)
        }
        ["rotated", bytes, seed, each, kind @ ("plain" | "gzip"), directory] => {
            let (bytes, seed, each) = (number(bytes)?, number(seed)?, number(each)?);
            say(corpus::rotated(seed, bytes, each, *kind == "gzip", Path::new(directory))?)
        }
        ["stage", name, bytes, rounds] if stages::NAMES.contains(name) => {
            let bench = Bench::new(name, number(bytes)?)?;
            for _ in 0..number(rounds)? {
                let start = Instant::now();
                std::hint::black_box(bench.run(std::hint::black_box(name)));
                println!("{} {}", bench.bytes(), start.elapsed().as_nanos());
            }
            Ok(())
        }
        ["reader", objects, round_trip, program] => {
            let round_trip = Duration::from_millis(number(round_trip)?);
            tell(reader::run(number(objects)? as usize, round_trip, Path::new(program))?);
            Ok(())
        }
        ["packs", archive, packs, trust, origin, round_trip, program] => {
            let round_trip = Duration::from_millis(number(round_trip)?);
            let (archive, packs, trust) = (Path::new(archive), Path::new(packs), Path::new(trust));
            let of = packs::Packed { archive, packs, trust, origin };
            tell(packs::run(of, round_trip, Path::new(program))?);
            Ok(())
        }
        ["month", directory, chains, days, lines, program] => {
            let [chains, days, lines] = [number(chains)?, number(days)?, number(lines)?];
            let measure = month::Measure { chains, days, lines };
            let (objects, bytes) = month::make(measure, Path::new(directory), Path::new(program))?;
            println!("objects={objects} bytes={bytes}");
            Ok(())
        }
        ["month-pack", directory, program] => {
            month::pack(Path::new(directory), Path::new(program), cost)
        }
        ["month-read", directory, round_trip, program, held] => {
            let round_trip = Duration::from_millis(number(round_trip)?);
            month::read(Path::new(directory), round_trip, Path::new(program), held, cost)
        }
        ["stages"] => {
            stages::NAMES.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        ["index", path] => {
            println!("{}", stages::index(&std::fs::read(path)?).len());
            Ok(())
        }
        ["hash", path] => {
            println!("{}", stages::hash_file(Path::new(path))?);
            Ok(())
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
    }
}

fn cost(cost: &Cost) {
    let Cost { held, name, requests, received, time, peak, said } = cost;
    let time = time.as_secs_f64();
    println!("{held}\t{name}\t{requests}\t{received}\t{time:.2}\t{peak}\t{said}");
}

fn tell(taken: Vec<Taken>) {
    let alone = taken.first().map_or(1.0, |gets| gets.time.as_secs_f64());
    for Taken { name, time, peak, requests } in taken {
        let time = time.as_secs_f64();
        println!("{name}\t{time:.2}\t{peak}\t{requests}\t{:.2}", time / alone);
    }
}

fn say((bytes, lines): (u64, u64)) -> io::Result<()> {
    println!("bytes={bytes} lines={lines}");
    Ok(())
}

fn number(text: &str) -> io::Result<u64> {
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{text} is no number"));
    text.parse().map_err(wrong)
}
