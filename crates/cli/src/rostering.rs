//! netpol --objects: pods and namespaces as somebody saw them, for logs that tell no labels.

use std::path::PathBuf;

use auditseal_format::Time;
use auditseal_netpol::{FilledTotals, Roster, RosterFile};
use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::objects::{documents, text_of};
use crate::times::time;

/// What objects tell of pods of which the log doesn't.
#[derive(Debug, Args)]
pub(crate) struct Objects {
    /// Pods and namespaces, as `kubectl get pods,namespaces -A -o yaml` (or json) printed them: their labels and
    /// addresses count for flows of the time in which they are known to have been there. `-` is standard input.
    /// Repeatable, also with files of other times.
    #[arg(long, env = "AUDITSEAL_OBJECTS", value_name = "FILE")]
    objects: Vec<PathBuf>,
    /// When the file was written, up to which its pods were there [default: the newest time in it]. Of one file alone:
    /// each of several has its own.
    #[arg(
        long,
        env = "AUDITSEAL_OBJECTS_AT",
        value_name = "TIME",
        value_parser = past,
        requires = "objects"
    )]
    objects_at: Option<Time>,
}

impl Objects {
    /// Whether there are any.
    pub(crate) fn are_given(&self) -> bool {
        !self.objects.is_empty()
    }

    /// All files.
    pub(crate) fn read(&self) -> Result<Roster, Failure> {
        self.one_time()?;
        let mut roster = Roster::default();
        for path in &self.objects {
            let name = path.display().to_string();
            let failed = |why: String| {
                let hint =
                    "it should be what `kubectl get pods,namespaces -A -o yaml` or -o json printed";
                let why = auditseal_chain::escape(&why);
                Failure::new(format!("read objects {name}: {why}")).hint(Some(hint))
            };
            let mut told = 0;
            for document in documents(&text_of(path).map_err(&failed)?) {
                let objects: Value = auditseal_yaml::read(&document).map_err(|why: String| {
                    failed(why.lines().next().unwrap_or_default().to_owned())
                })?;
                let file = name.escape_debug().to_string();
                roster
                    .add(&file, self.objects_at, &objects)
                    .map_err(|why| failed(why.to_string()))?;
                told += roster.files().last().map_or(0, |file| file.pods + file.namespaces);
            }
            if told == 0 {
                return Err(failed("there is neither a pod nor a namespace in it".to_owned()));
            }
        }
        Ok(roster)
    }

    /// Refuses one time for several files: a pod of the older one may be gone by when the newer one was written.
    fn one_time(&self) -> Result<(), Failure> {
        if self.objects_at.is_none() || self.objects.len() < 2 {
            return Ok(());
        }
        let count = self.objects.len();
        let why = format!(
            "read objects: {count} files have one --objects-at, and each was written at its own time"
        );
        let hint = "without --objects-at each counts until the newest time in it";
        Err(Failure::new(why).hint(Some(hint)))
    }
}

/// A time that has come: no file was written tomorrow.
fn past(text: &str) -> Result<Time, String> {
    let (at, now) = (time(text)?, time("0s")?);
    if at <= now { Ok(at) } else { Err(format!("no file was written by then: now it is {now}")) }
}

/// What the files are worth, and what they told of the lines.
pub(crate) fn told(files: &[RosterFile], filled: &FilledTotals) -> Vec<String> {
    let mut lines: Vec<String> = files.iter().map(file).collect();
    if files.is_empty() {
        return lines;
    }
    let all = filled.lines;
    lines.push(format!(
        "lines of which objects tell a side: {all}; nothing proves that, nor that labels were the same before"
    ));
    lines.extend(
        filled
            .lacking
            .iter()
            .map(|(why, lines)| format!("lines with a side that is {why}: {lines}")),
    );
    lines
}

fn file(file: &RosterFile) -> String {
    let RosterFile { name, written, said, pods, namespaces, others } = file;
    let by = if *said { "as --objects-at says" } else { "the newest time in it" };
    let others = match others {
        0 => String::new(),
        others => format!(", of other kinds {others}, which say nothing here"),
    };
    format!(
        "objects {name}: pods {pods}, namespaces {namespaces}{others}; as they were at {written}, {by}"
    )
}
