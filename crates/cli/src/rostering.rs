//! netpol --objects: pods and namespaces as somebody saw them, for logs that tell no labels.

use std::path::PathBuf;

use auditseal_format::Time;
use auditseal_netpol::{FilledTotals, Roster, RosterFile};
use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::objects::{LARGEST, documents, text_of};
use crate::times::time;

/// What a file of objects should be.
const PRINTED: &str = "it should be what `kubectl get pods,namespaces -A -o yaml` or -o json printed; a document has at most \
     4,000,000 values, some 14,000 pods: of more, print some namespaces into one file and some into another, and give each by \
     --objects";

const EACH_ITS_OWN: &str = "without --objects-at each counts until the newest time in it";

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

    /// Refuses standard input for more than one of these and of other files: who reads it first takes all of it.
    pub(crate) fn one_input(&self, others: &[PathBuf]) -> Result<(), Failure> {
        let is_input = |path: &&PathBuf| path.as_os_str() == "-";
        let count = others.iter().chain(&self.objects).filter(is_input).count();
        if count < 2 {
            return Ok(());
        }
        let why = format!("read standard input: {count} of the files are `-`, and it is read once");
        Err(Failure::new(why).hint(Some("write all but one of them to files")))
    }

    /// All files.
    pub(crate) fn read(&self) -> Result<Roster, Failure> {
        self.one_input(&[])?;
        self.one_time()?;
        let mut roster = Roster::default();
        for path in &self.objects {
            let name = auditseal_chain::escape(&path.display().to_string());
            let failed = |why: &str, hint: &str| {
                let why = auditseal_chain::escape(why);
                Failure::new(format!("read objects {name}: {why}")).hint(Some(hint))
            };
            let wrong = |why: &str| failed(why.lines().next().unwrap_or_default(), PRINTED);
            for document in documents(&text_of(path, LARGEST).map_err(|why| wrong(&why))?) {
                let objects: Value =
                    auditseal_yaml::read(&document).map_err(|why: String| wrong(&why))?;
                let added = roster.add(&name, self.objects_at, &objects);
                added.map_err(|why| wrong(&why.to_string()))?;
            }
            let told = roster.files().iter().find(|file| *file.name == *name);
            match told.map_or(0, |file| file.documents) {
                0 => return Err(wrong("there is neither a pod nor a namespace in it")),
                1 => {}
                count if self.objects_at.is_some() => {
                    let why = format!(
                        "{count} documents in it have one --objects-at, and each was written at its own time"
                    );
                    return Err(failed(&why, EACH_ITS_OWN));
                }
                _ => {}
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
        Err(Failure::new(why).hint(Some(EACH_ITS_OWN)))
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
    if filled.no_zone > 0 {
        lines.push(format!(
            "lines of these whose time has no zone, and was read as UTC: {}; where the node's clock has another, they may be told of another time's pods",
            filled.no_zone
        ));
    }
    lines.extend(
        filled
            .lacking
            .iter()
            .map(|(why, lines)| format!("lines with a side that is {why}: {lines}")),
    );
    lines
}

fn file(file: &RosterFile) -> String {
    let RosterFile { name, said, documents, pods, namespaces, others, .. } = file;
    let by = match (said, documents) {
        (true, _) => "as --objects-at says".to_owned(),
        (false, 0 | 1) => "the newest time in it".to_owned(),
        (false, count) => format!("the newest time in each of its {count} documents"),
    };
    let others = match others {
        0 => String::new(),
        others => format!(", of other kinds {others}, which say nothing here"),
    };
    let times = file.times();
    format!(
        "objects {name}: pods {pods}, namespaces {namespaces}{others}; as they were at {times}, {by}"
    )
}
