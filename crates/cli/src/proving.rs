//! prove: one event of an archive, in a file that proves it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditseal_archive::{self as archive, FoundStage, MadeProof, ProveError, ProveOptions};
use auditseal_chain::Verdict;
use auditseal_evidence::{Knowledge, check};
use auditseal_format::{Origin, SealId, Time};
use auditseal_reader::Window;
use auditseal_trust::Heads;
use clap::{ArgAction, Args};

use crate::failure::{Failure, archive_hint};
use crate::help;
use crate::output::print;
use crate::packing::PackPlace;
use crate::runtime::block_on;
use crate::stats::Stats;
use crate::store_flags::StoreFlags;
use crate::times::time;
use crate::trusting::Policy;
use crate::vkeys::vkeys;

#[derive(Debug, Args)]
#[command(after_help = help::PROVE, override_usage = help::PROVE_USAGE)]
pub(crate) struct Prove {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    stats: Stats,
    /// The chain.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE")]
    origin: Origin,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append,
          required_unless_present = "trust")]
    vkey: Vec<String>,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    place: PackPlace,
    /// The line: number of its seal, and which of the seal's lines it is, from 1. Only that seal's
    /// object is read.
    #[arg(long, env = "AUDITSEAL_LINE", value_name = "SEQ:LINE", value_parser = seq_and_line,
          required_unless_present = "audit_id")]
    line: Option<(u64, u64)>,
    /// The auditID of a request: of its lines, one for each stage, the last is proved, and all are
    /// named. The chain is looked through, or what --since and --until leave of it.
    #[arg(long, env = "AUDITSEAL_AUDIT_ID", value_name = "ID", conflicts_with = "line")]
    audit_id: Option<String>,
    /// With --audit-id, look only through the seals around that time: RFC 3339, a local date or date and
    /// time, or how long ago, like 7d.
    #[arg(long, env = "AUDITSEAL_SINCE", value_name = "TIME", value_parser = time,
          conflicts_with = "line")]
    since: Option<Time>,
    /// The same, up to that time.
    #[arg(long, env = "AUDITSEAL_UNTIL", value_name = "TIME", value_parser = time,
          conflicts_with = "line")]
    until: Option<Time>,
    /// File to write the proof to; never overwritten. - is standard output, and what is said of the proof goes to
    /// standard error.
    #[arg(long, env = "AUDITSEAL_OUT", value_name = "FILE")]
    out: PathBuf,
}

/// The name of standard output.
const STDOUT: &str = "-";

pub(crate) fn prove(args: &Prove) -> Result<ExitCode, Failure> {
    let to_stdout = args.out.as_os_str() == STDOUT;
    if !to_stdout && fs::symlink_metadata(&args.out).is_ok() {
        return Err(unwritten(&args.out, &"it is there already, and a proof isn't overwritten"));
    }
    let keys = if args.policy.trust.is_some() { Vec::new() } else { vkeys(&args.vkey)? };
    let policy = args.policy.file(&args.origin)?;
    let packs = match &policy {
        Some((file, _)) => args.place.of_chains(&args.store, file)?(&args.origin),
        None => args.place.without_trust(&args.store).map(|()| None)?,
    };
    let window = Window { since: args.since, until: args.until };
    let trusted = policy.as_ref().map(|(_, trusted)| trusted.clone());
    let options = ProveOptions { vkeys: keys.clone(), trusted, packs, extent: None, window };
    let (store, _bill) = args.stats.open(&args.store)?;
    let made = match (args.line, &args.audit_id) {
        (Some((seq, line)), _) => {
            block_on(archive::prove_line(store, &args.origin, &options, seq, line))?
        }
        (None, id) => {
            let id = id.as_deref().unwrap_or_default();
            block_on(archive::prove_request(store, &args.origin, &options, id))?
        }
    };
    let made = made.map_err(|error| failure(&error))?;
    made.findings.iter().for_each(|finding| tracing::warn!("{finding}"));
    let origin = args.origin.clone();
    let known = match policy {
        Some((trust, _)) => {
            Knowledge::File { trust, heads: Heads::default(), origin: Some(origin) }
        }
        None => Knowledge::Keys { origin, vkeys: keys, head: None },
    };
    let file = made.proof.bytes();
    // Whoever is given it is the judge of whoever made it.
    let checked = check(&file, &known).map_err(Failure::new)?;
    match checked.fault() {
        // The seals before it showed that it may sign here; the proof alone doesn't.
        Some((Verdict::WrongKey, _)) => tracing::warn!(
            "a seal before seal {} names its key as the next: whoever checks the proof must be given {} too",
            made.proof.id().seq,
            made.proof.seal().key
        ),
        Some((verdict, why)) => {
            return Err(Failure::new(format!("prove the line: {}: {why}", verdict.name())).code(1));
        }
        None => {}
    }
    if to_stdout {
        print(|out| out.write_all(&file))?;
        // Nobody may be reading any more.
        drop(told(&made, "the proof", file.len(), &mut io::stderr().lock()));
    } else {
        write(&args.out, &file)?;
        let name = args.out.display().to_string();
        print(|out| told(&made, &name, file.len(), out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn failure(error: &ProveError) -> Failure {
    let hint = match error {
        ProveError::Archive(error) => archive_hint(error),
        ProveError::NoSeal(..) => Some(
            "`auditseal ls` lists the seals that there are, and `auditseal verify` says what is wrong with \
             them"
                .to_owned(),
        ),
        ProveError::Line(..) => Some(
            "lines are counted from 1; `auditseal inspect` says how many a seal has".to_owned(),
        ),
        ProveError::NoRequest(..) => Some(
            "an auditID is compared letter by letter; without --since and --until the whole chain is \
             looked through, and another node's API server may have served the request: its chain is \
             another --origin"
                .to_owned(),
        ),
    };
    Failure::new(error).hint(hint).code(if error.is_finding() { 1 } else { 2 })
}

fn unwritten(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("write proof {}: {why}", path.display()))
        .hint(Some("name a file that isn't there yet, in a folder that is"))
}

/// A proof is there whole, or not at all.
fn write(path: &Path, file: &[u8]) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut out = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            unwritten(path, &"it is there already, and a proof isn't overwritten")
        }
        _ => unwritten(path, &error),
    })?;
    out.write_all(file).and_then(|()| out.sync_all()).map_err(|error| {
        drop(fs::remove_file(path));
        unwritten(path, &error)
    })
}

fn told(made: &MadeProof, name: &str, size: usize, out: &mut impl Write) -> io::Result<()> {
    let proof = &made.proof;
    let SealId { seq, hash } = proof.id();
    let own = (seq, proof.line());
    for FoundStage { seq, line, stage } in &made.stages {
        let mark = if (*seq, *line) == own { ", the proved one" } else { "" };
        writeln!(out, "found {seq}:{line} {stage}{mark}")?;
    }
    let more = made.stages_total - made.stages.len() as u64;
    if more > 0 {
        writeln!(out, "found {more} more lines with this auditID")?;
    }
    if made.unreadable > 0 {
        let some = made.unreadable;
        writeln!(out, "note: {some} lines have this auditID's characters and can't be read")?;
    }
    if made.stages_total > 1 {
        writeln!(out, "note: --line SEQ:LINE proves another of them")?;
    }
    writeln!(out, "line {} of seal {seq} of {}", own.1, proof.seal().origin)?;
    writeln!(out, "seal {seq}:{hash}, sealed {}", proof.seal().sealed)?;
    let (event, siblings) = (proof.event().len(), proof.siblings());
    let more = if siblings == 1 { "sibling" } else { "siblings" };
    writeln!(out, "wrote {name} ({size} bytes: {event} of the event, {siblings} {more})")
}

fn seq_and_line(text: &str) -> Result<(u64, u64), String> {
    let read = || {
        let (seq, line) = text.split_once(':')?;
        let number: u64 = line.parse().ok()?;
        let plain = number > 0 && number.to_string() == line;
        plain.then_some((SealId::seq(seq)?, number))
    };
    read().ok_or_else(|| "expected SEQ:LINE, lines counted from 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_in_one_way() {
        assert_eq!(seq_and_line("0:1"), Ok((0, 1)));
        assert_eq!(
            seq_and_line("999999999999:18446744073709551615"),
            Ok((999_999_999_999, u64::MAX))
        );
        for text in
            ["", "1", "1:", ":1", "1:0", "01:1", "1:01", "+1:1", "1:+1", "1:1:1", "1000000000000:1"]
        {
            assert!(seq_and_line(text).is_err(), "{text}");
        }
    }
}
