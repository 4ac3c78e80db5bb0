//! cat --salvage: what wasn't proved, in a file or on standard error, and what that makes of the exit code.

use std::fs;
use std::path::PathBuf;

use auditseal_agent::system_clock;
use auditseal_archive::Restored;
use auditseal_format::{Origin, Time};

use crate::failure::Failure;

/// The file of `--report`. It is there from the beginning of a run on, and says so: what a run before
/// it wrote is never taken for this one's.
pub(crate) struct Report {
    path: PathBuf,
    origin: Origin,
    begun: Time,
}

impl Report {
    /// Puts a report that isn't ended in the place of any that is there.
    pub(crate) fn begin(path: PathBuf, origin: &Origin) -> Result<Self, Failure> {
        let report = Self { path, origin: origin.clone(), begun: system_clock()().wall };
        report.write("not ended: nothing is known of what isn't proved", "")?;
        Ok(report)
    }

    fn write(&self, state: &str, list: &str) -> Result<(), Failure> {
        let Self { path, origin, begun } = self;
        let text = format!("# salvage of {origin} begun {begun}: {state}\n{list}");
        let failed = |error| Failure::new(format!("write report {}: {error}", path.display()));
        fs::write(path, text).map_err(failed)
    }
}

/// Says what a salvage left out.
pub(crate) fn tell(restored: &Restored, report: Option<Report>) -> Result<(), Failure> {
    let Restored { unproved, unproved_total, .. } = restored;
    let count = counts(restored);
    let more = unproved_total - unproved.len() as u64;
    let mut list = unproved.iter().map(|what| format!("{what}\n")).collect::<String>();
    if more > 0 {
        list.push_str(&format!("… and {more} more of these\n"));
    }
    match report {
        Some(report) => report.write(&count, &list)?,
        None => list.lines().for_each(|what| tracing::warn!("not proved: {what}")),
    }
    if *unproved_total > 0 {
        tracing::warn!("{count}: what was given back is proved, and isn't all there was");
    }
    Ok(())
}

fn counts(restored: &Restored) -> String {
    let unread = restored.unread_total;
    match (restored.unproved_total - unread, unread) {
        (0, 0) => "all that is there is proved".to_owned(),
        (findings, 0) => counted(findings, "finding"),
        (0, unread) => format!("{} not read", counted(unread, "object")),
        (findings, unread) => {
            format!("{}, {} not read", counted(findings, "finding"), counted(unread, "object"))
        }
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// 1 for what is wrong, 2 where all that isn't proved couldn't be read: what is certainly wrong wins.
pub(crate) fn exit_code(restored: &Restored) -> u8 {
    let findings = restored.unproved_total > restored.unread_total;
    match (findings || restored.unanchored.is_some(), restored.unread_total) {
        (true, _) => 1,
        (false, 0) => 0,
        (false, _) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer that the store didn't give is no finding, and no pass.
    #[test]
    fn what_was_not_read_is_told_from_what_is_wrong() {
        for (unproved_total, unread_total, unanchored, code, text) in [
            (0, 0, false, 0, "all that is there is proved"),
            (0, 0, true, 1, "all that is there is proved"),
            (1, 0, false, 1, "1 finding"),
            (1, 1, false, 2, "1 object not read"),
            (1, 1, true, 1, "1 object not read"),
            (5, 3, false, 1, "2 findings, 3 objects not read"),
        ] {
            let restored = Restored {
                bytes: 0,
                closed: false,
                warnings: Vec::new(),
                unanchored: unanchored.then(|| "UNANCHORED".to_owned()),
                unproved: Vec::new(),
                unproved_total,
                unread_total,
            };
            assert_eq!((exit_code(&restored), counts(&restored).as_str()), (code, text));
        }
    }
}
