//! A pack that was made is read back before it is put: each of its objects must hold by its own seal, and
//! what was found of the loose ones and can't be found in it has to be attested.

use std::fs::File;
use std::io::{self, Read};

use auditseal_chain::{Begin, Chain, Extent, Finding, Outcome, Place, Rules, Sighting, Trust};
use auditseal_format::packs::{
    Attestation, Attested, MAX_FINDINGS, PackDecoder, PackSink, VerdictName,
};
use auditseal_format::{Fault, Hash, ObjectSeal, SealId};
use auditseal_index::Builder;

/// Bytes that are read together.
const PIECE: usize = 256 << 10;
/// Characters of a finding's words that an attestation has.
const SAID: usize = 1000;

/// What a pack shows by itself.
#[derive(Debug)]
pub(crate) struct Shown {
    /// What is wrong with its objects.
    pub(crate) findings: Vec<Finding>,
    /// The hashes of their notes, in order.
    pub(crate) notes: Vec<Hash>,
    /// The index of their lines; `None` where they have more to find than an index may hold.
    pub(crate) index: Option<Vec<u8>>,
}

/// Reads a pack from its start to its end, behind a note where that is known.
///
/// # Errors
/// Why it isn't what is to be attested.
pub(crate) fn read_back(
    mut pack: impl Read,
    attestation: &Attestation,
    (rules, note): (Rules, Option<&ObjectSeal>),
) -> Result<Shown, String> {
    let before = SealId { seq: attestation.first - 1, hash: attestation.prev };
    let from = Begin::After(before);
    let extent = Extent { from, to: Some(attestation.last) };
    let rules = Rules { extent, retention: None, head: None, store: None, ..rules };
    let mut chain = Chain::new(attestation.origin.clone(), rules);
    note.into_iter().for_each(|note| chain.behind(note));
    let index = Builder::new(attestation.first);
    let mut sink = Sink { attestation, chain, index, notes: Vec::new(), wrong: None };
    let mut decoder = PackDecoder::new(attestation).map_err(|fault| fault.to_string())?;
    let mut piece = vec![0; PIECE];
    loop {
        match pack.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                decoder.take(&piece[..read], &mut sink).map_err(|fault| fault.to_string())?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    decoder.finish(&mut sink).map_err(|fault| fault.to_string())?;
    if let Some(wrong) = sink.wrong {
        return Err(wrong);
    }
    if sink.notes.last() != Some(&attestation.head) {
        return Err("its last object isn't the one that was judged".to_owned());
    }
    let (_, report) = sink.chain.finish(None);
    let index = sink.index.finish().ok();
    Ok(Shown { findings: report.findings.findings, notes: sink.notes, index })
}

/// The same of a file whose objects were judged to be the chain's: whose keys may sign there isn't asked again.
pub(crate) fn read_file(
    path: &std::path::Path,
    attestation: &Attestation,
    rules: Rules,
) -> Result<Shown, String> {
    let rules = Rules { trust: Trust::Anyone, ..rules };
    read_back(File::open(path).map_err(|error| error.to_string())?, attestation, (rules, None))
}

struct Sink<'a> {
    attestation: &'a Attestation,
    chain: Chain,
    index: Builder,
    notes: Vec<Hash>,
    wrong: Option<String>,
}

impl PackSink for Sink<'_> {
    fn payload(&mut self, _: usize, bytes: &[u8]) {
        self.index.text(bytes);
    }

    fn object(&mut self, nth: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        self.index.end_batch();
        if let Err(fault) = &payload
            && !fault.leaves_lines_true()
        {
            self.wrong.get_or_insert(format!("object {nth} in it: {fault}"));
        }
        let Attestation { first, date, .. } = *self.attestation;
        if seal.seal.seq != first + nth as u64 {
            self.wrong.get_or_insert(format!("object {nth} in it is of seq {}", seal.seal.seq));
            return;
        }
        self.notes.push(seal.hash);
        let place = Place { seq: seal.seal.seq, alternate: None, date };
        let outcome = Outcome::Note(Box::new(seal), payload);
        self.chain.object(Sighting {
            pack: Some("".into()),
            outcome,
            ..Sighting::unreadable(place)
        });
    }

    fn is_done(&self) -> bool {
        self.wrong.is_some()
    }
}

/// Writes into an attestation what was found of its objects and isn't shown by the pack.
pub(crate) fn attest_findings(attestation: &mut Attestation, found: &[Finding], shown: &Shown) {
    let about = |of: &Finding| (of.verdict, of.seq, of.through);
    let mut told = Vec::new();
    let mut total = 0;
    for finding in found {
        let Some(seq) = finding.seq else { continue };
        let through = finding.through.unwrap_or(seq);
        let (first, last) = (seq.max(attestation.first), through.min(attestation.last));
        let shows = shown.findings.iter().any(|other| about(other) == about(finding));
        if first > last || shows {
            continue;
        }
        total += 1;
        if told.len() < MAX_FINDINGS {
            let through = Some(last).filter(|last| first < *last);
            let nth = usize::try_from(first - attestation.first).unwrap_or(usize::MAX);
            let hash = shown.notes.get(nth).copied().filter(|_| through.is_none());
            // Names of verdicts are short.
            let Some(verdict) = VerdictName::new(finding.verdict.name()) else { continue };
            told.push(Attested { verdict, seq: first, through, hash, detail: said(finding) });
        }
    }
    attestation.findings = total;
    attestation.found = told;
}

/// What a finding says, in printable ASCII.
fn said(finding: &Finding) -> String {
    let key = finding.key.as_ref().map(|key| format!(" (key {key})")).unwrap_or_default();
    let version = finding.version.as_ref().map(|id| format!(" (version {id})")).unwrap_or_default();
    let words = format!("{}{key}{version}", finding.detail);
    let plain = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    let text: String = words.chars().map(plain).take(SAID).collect();
    let text = text.trim();
    if text.is_empty() { "?".to_owned() } else { text.to_owned() }
}
