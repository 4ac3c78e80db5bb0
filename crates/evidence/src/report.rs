//! What came of checking a proof, in words and as JSON.

use std::io::{self, Write};

use auditseal_chain::Verdict;
use auditseal_format::{EventProof, ProofError, hash};
use serde::Serialize;

use crate::event::EventField;
use crate::knowledge::{Judged, Knowledge, Uncheckable};
use crate::page;
use crate::proved::Proved;
use crate::shown::shown;

/// A proof that was checked.
#[derive(Debug, Clone)]
pub struct CheckedProof {
    /// The proof, if it holds by itself.
    proof: Option<EventProof>,
    judged: Judged,
}

/// Checks a file that somebody gave as a proof.
///
/// # Errors
/// [`Uncheckable`] where nothing that is known is for its chain: then nothing can be said of it.
pub fn check(file: &[u8], known: &Knowledge) -> Result<CheckedProof, Uncheckable> {
    match EventProof::read(file) {
        Ok(proof) => {
            let judged = known.judge(&proof)?;
            Ok(CheckedProof { proof: Some(proof), judged })
        }
        Err(error) => {
            let (verdict, why) = verdict(&error);
            let judged = Judged { fault: Some((verdict, why)), ..Judged::default() };
            Ok(CheckedProof { proof: None, judged })
        }
    }
}

fn verdict(error: &ProofError) -> (Verdict, String) {
    let verdict = match error {
        ProofError::Malformed(_) => Verdict::Malformed,
        ProofError::Note(fault) => Verdict::from(fault),
        ProofError::Unproved(_) | ProofError::Line(_) => Verdict::Tampered,
    };
    (verdict, shown(error.to_string().as_bytes()))
}

impl CheckedProof {
    /// Whether the event is proved.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.judged.fault.is_none()
    }

    /// Why it isn't.
    #[must_use]
    pub fn fault(&self) -> Option<(Verdict, &str)> {
        self.judged.fault.as_ref().map(|(verdict, why)| (*verdict, why.as_str()))
    }

    /// The proof, if it holds.
    #[must_use]
    pub fn proof(&self) -> Option<&EventProof> {
        self.proof.as_ref().filter(|_| self.holds())
    }

    fn proved(&self) -> Option<Proved<'_>> {
        Some(Proved::of(self.proof()?, &self.judged))
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(proved) = self.proved() else {
            let (verdict, why) = self.fault().unwrap_or((Verdict::Malformed, ""));
            return writeln!(out, "{}: {why}\nNOT PROVED", verdict.name());
        };
        let (proof, seal) = (proved.proof, proved.proof.seal());
        let line = format!(
            "{} of {}, {} bytes, hash {}",
            proof.line(),
            seal.payload.root.lines,
            proof.event().len(),
            hash(proof.event())
        );
        let of = [
            ("origin", seal.origin.to_string()),
            ("seal", proof.id().to_string()),
            ("line", line),
            ("key", seal.key.to_string()),
            ("sealed", seal.sealed.to_string()),
        ];
        of.iter().try_for_each(|(name, value)| writeln!(out, "{name:<17} {value}"))?;
        writeln!(out, "\nthe event says, escaped (`tail -n 1 FILE` gives its bytes):")?;
        match &proved.fields {
            None => {
                writeln!(out, "  not read: it isn't an audit event, or can be read in two ways")?
            }
            Some(fields) => fields
                .iter()
                .try_for_each(|field| writeln!(out, "  {:<17} {}", field.name, field.value))?,
        }
        for (title, sentences) in [("proved", &proved.proves), ("not proved", &proved.lacks)] {
            writeln!(out, "\n{title}:")?;
            sentences.iter().try_for_each(|sentence| writeln!(out, "  - {sentence}"))?;
        }
        writeln!(out, "\nPROVED {} {}:{}", seal.origin, seal.seq, proof.line())
    }

    /// Writes it as one JSON document and a newline. Texts are escaped as for a terminal.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let proved = self.proved();
        let document = Document {
            proved: self.holds(),
            verdict: self.fault().map(|(verdict, _)| verdict),
            detail: self.fault().map(|(_, why)| why),
            seal: proved.as_ref().map(|proved| {
                let (id, seal) = (proved.proof.id(), proved.proof.seal());
                SealSaid {
                    origin: seal.origin.to_string(),
                    seq: id.seq,
                    hash: id.hash.to_string(),
                    key: seal.key.to_string(),
                    sealed: seal.sealed.to_string(),
                    lines: seal.payload.root.lines,
                }
            }),
            event: proved.as_ref().map(|proved| EventSaid {
                line: proved.proof.line(),
                bytes: proved.proof.event().len(),
                hash: hash(proved.proof.event()).to_string(),
                time: proved.time.map(|time| time.to_string()),
                fields: proved.fields.as_deref(),
            }),
            proves: proved.as_ref().map(|proved| proved.proves.as_slice()).unwrap_or_default(),
            does_not_prove: proved
                .as_ref()
                .map(|proved| proved.lacks.as_slice())
                .unwrap_or_default(),
        };
        serde_json::to_writer(&mut *out, &document)?;
        out.write_all(b"\n")
    }

    /// Writes it as one HTML page that needs nothing else, to be printed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn html(&self, out: &mut impl Write) -> io::Result<()> {
        let (proved, fault) = (self.proved(), self.fault());
        out.write_all(page::page(proved.as_ref(), fault).as_bytes())
    }
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    proved: bool,
    verdict: Option<Verdict>,
    detail: Option<&'a str>,
    seal: Option<SealSaid>,
    event: Option<EventSaid<'a>>,
    proves: &'a [String],
    does_not_prove: &'a [String],
}

#[derive(Serialize)]
struct SealSaid {
    origin: String,
    seq: u64,
    hash: String,
    key: String,
    sealed: String,
    lines: u64,
}

#[derive(Serialize)]
struct EventSaid<'a> {
    line: u64,
    bytes: usize,
    hash: String,
    time: Option<String>,
    fields: Option<&'a [EventField]>,
}
