//! What a store showed.

use std::fmt;

use super::{Done, Failed};

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it must.
    Passed,
    /// The store can't be held to it, for this reason.
    Cannot(String),
    /// Otherwise than it must, in these words.
    Failed(String),
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What the store does in its own way.
    pub notes: Vec<String>,
}

/// What a store showed: each case, and how it ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// The cases, in the order they ran.
    pub cases: Vec<Case>,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, outcome: Result<Done, Failed>) {
        let (outcome, notes) = match outcome {
            Ok(Done::Passed(notes)) => (Outcome::Passed, notes),
            Ok(Done::Cannot(why)) => (Outcome::Cannot(why), Vec::new()),
            Err(Failed(why)) => (Outcome::Failed(why), Vec::new()),
        };
        self.cases.push(Case { name, outcome, notes });
    }

    /// The cases that failed, a line each; empty for none.
    #[must_use]
    pub fn failures(&self) -> String {
        let failed = self.cases.iter().filter_map(|case| match &case.outcome {
            Outcome::Failed(why) => Some(format!("{}: {why}\n", case.name)),
            _ => None,
        });
        failed.collect()
    }

    /// What the store can't do, and what it does in its own way.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let of = |case: &Case| {
            let why = match &case.outcome {
                Outcome::Cannot(why) => Some(why),
                _ => None,
            };
            let all = why.into_iter().chain(&case.notes);
            all.map(|note| format!("{}: {note}", case.name)).collect::<Vec<_>>()
        };
        self.cases.iter().flat_map(of).collect()
    }
}

impl fmt::Display for Report {
    /// A line for each case, for machines: name, `passed`, `can't` or `failed`, and why or what
    /// else, with tabs between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            let (word, words) = match &case.outcome {
                Outcome::Passed => ("passed", case.notes.join("; ")),
                Outcome::Cannot(why) => ("can't", why.clone()),
                Outcome::Failed(why) => ("failed", why.clone()),
            };
            writeln!(f, "{}\t{word}\t{}", case.name, auditseal_store::clean(&words, 300))?;
        }
        Ok(())
    }
}
