//! Lives as text for people. Nothing that acts on a terminal gets there.

use std::sync::Arc;

use auditseal_chain::escape;
use auditseal_format::Origin;
use auditseal_history::life::{Mark, ObjectName};

use crate::lives::ToldEntry;
use crate::said::{self, SaidKind, deed, reason, who, word};
use crate::shown::object_name;

/// Writes entries below each other, and the object's name where it is another than before.
#[derive(Debug)]
pub struct LifeText {
    chains: Vec<Origin>,
    /// Each field is listed.
    all: bool,
    last: Option<Arc<ObjectName>>,
}

/// How well a claim is known, in brackets; what is exact needs no word in a sentence.
pub(crate) fn bracket(mark: Option<&Mark>, always: bool) -> String {
    match mark {
        None => String::new(),
        Some(Mark::Exact) if !always => String::new(),
        Some(mark) => match reason(mark) {
            None => format!(" ({})", word(mark)),
            Some(why) => format!(" ({}: {why})", word(mark)),
        },
    }
}

impl LifeText {
    /// Of chains in the order in which they are numbered.
    #[must_use]
    pub fn new(chains: Vec<Origin>, all: bool) -> Self {
        Self { chains, all, last: None }
    }

    /// One entry, with what stands before it.
    pub fn entry(&mut self, told: &ToldEntry) -> String {
        let mut text = String::new();
        let entry = &told.entry;
        if self.last.as_ref() != Some(&told.object) {
            let begin = if self.last.is_none() { "" } else { "\n" };
            text = format!("{begin}{}\n", object_name(&told.object));
            self.last = Some(Arc::clone(&told.object));
        }
        let when = entry
            .when
            .map_or_else(|| "at a time that isn't certain".to_owned(), |when| when.to_string());
        let (who, deed) = (escape(&who(entry)), escape(&deed(entry)));
        text += &format!("\n{when}  {who}: {deed}{}\n", told.uid_unknown());
        for said in said::told(entry, told.flows.as_deref(), &self.chains, self.all) {
            let mark = bracket(said.mark.as_ref(), said.kind == SaidKind::Field);
            text += &format!("    {}{}\n", escape(&said.text), escape(&mark));
        }
        text
    }
}
