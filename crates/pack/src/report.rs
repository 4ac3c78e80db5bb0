//! What packing came to.

use std::io::{self, Write};

use auditseal_chain::{Finding, displayed, shown};
use auditseal_format::{Origin, SealId, Time};
use serde::Serialize;

/// A pack that was made, or would be.
#[derive(Debug, Clone, Serialize)]
pub struct MadePack {
    /// Its key.
    pub key: String,
    /// Seq of its first object.
    pub first: u64,
    /// Seq of its last.
    pub last: u64,
    /// Objects in it.
    pub objects: u64,
    /// When its last seal was made.
    #[serde(serialize_with = "shown")]
    pub sealed: Time,
    /// Bytes of its text.
    pub text_bytes: u64,
    /// Bytes of the pack.
    pub stored_bytes: u64,
    /// Findings that its attestation tells.
    pub findings: u64,
    /// The key of the attestation; `None` if it was only tried.
    pub attestation: Option<String>,
}

/// What became of one chain. The names of its fields are those of the JSON document.
#[derive(Debug, Clone, Serialize)]
pub struct PackedChain {
    /// The chain.
    #[serde(serialize_with = "shown")]
    pub origin: Origin,
    /// The last seal that was packed before.
    #[serde(serialize_with = "displayed")]
    pub before: Option<SealId>,
    /// The last seal that is packed now.
    #[serde(serialize_with = "displayed")]
    pub until: Option<SealId>,
    /// When the newest packed seal was made; where nothing is packed, the oldest that waits.
    #[serde(serialize_with = "displayed")]
    pub packed_until: Option<Time>,
    /// The packs that were made.
    pub packs: Vec<MadePack>,
    /// Packs of before whose index was made again.
    pub reindexed: u64,
    /// Packs that others had attested and that this auditor attests too now.
    pub seconded: u64,
    /// Roll-ups of indexes that were made.
    pub rolled: u64,
    /// Why one wasn't made: what is looked for is found without it, by more reads.
    pub unrolled: Option<String>,
    /// Objects that packs hold and that were marked as ones that may go.
    pub marked: u64,
    /// Why none was marked, where packs are locked as demanded.
    pub unmarked: Option<String>,
    /// Proved objects that are in no pack yet.
    pub left: u64,
    /// How many findings there are.
    pub findings_total: u64,
    /// What is wrong, the first of it.
    pub findings: Vec<Finding>,
    /// What looks like an attestation, and doesn't count.
    pub unusable: Vec<String>,
    /// Why it went no further, where something failed.
    pub error: Option<String>,
    /// A fork that nobody decided: nothing from this seq on is packed.
    pub fork: Option<u64>,
}

/// What packing came to.
#[derive(Debug, Clone, Serialize)]
pub struct PackReport {
    /// Nothing was put.
    pub dry_run: bool,
    /// The chains.
    pub chains: Vec<PackedChain>,
}

impl PackedChain {
    /// Nothing was done yet.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            before: None,
            until: None,
            packed_until: None,
            packs: Vec::new(),
            reindexed: 0,
            seconded: 0,
            rolled: 0,
            unrolled: None,
            marked: 0,
            unmarked: None,
            left: 0,
            findings_total: 0,
            findings: Vec::new(),
            unusable: Vec::new(),
            error: None,
            fork: None,
        }
    }
}

impl PackReport {
    /// 0 if all was packed that could be and nothing is wrong, 1 for findings, 2 if something failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.chains.iter().any(|chain| chain.findings_total > 0) {
            1
        } else if self.chains.iter().any(|chain| chain.error.is_some()) {
            2
        } else {
            0
        }
    }

    /// Prints it for a person.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for chain in &self.chains {
            chain.text(self.dry_run, out)?;
        }
        Ok(())
    }

    /// Prints it for a program: one JSON document.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

impl PackedChain {
    fn text(&self, dry_run: bool, out: &mut impl Write) -> io::Result<()> {
        let Self { origin, packs, left, .. } = self;
        let made = if dry_run { "would be packed" } else { "packed" };
        let objects: u64 = packs.iter().map(|pack| pack.objects).sum();
        let text: u64 = packs.iter().map(|pack| pack.text_bytes).sum();
        let bytes: u64 = packs.iter().map(|pack| pack.stored_bytes).sum();
        let until = match (&self.until, &self.before) {
            (Some(until), _) => format!("until seq {}", until.seq),
            (None, Some(before)) => format!("nothing new behind seq {}", before.seq),
            (None, None) => "nothing yet".to_owned(),
        };
        writeln!(
            out,
            "{origin}: {objects} objects {made} in {} packs, {text} bytes of text in {bytes}; {until}; \
             {left} objects wait for a later seal",
            packs.len()
        )?;
        if self.reindexed > 0 {
            writeln!(out, "  {} packs of before have another index", self.reindexed)?;
        }
        if self.seconded > 0 {
            let does = if dry_run { "would be attested" } else { "are attested" };
            let many = self.seconded;
            writeln!(out, "  {many} packs that others attest {does} by this auditor too")?;
        }
        if self.rolled > 0 {
            writeln!(out, "  {} roll-ups of indexes were made", self.rolled)?;
        }
        if let Some(why) = &self.unrolled {
            writeln!(out, "  indexes aren't rolled up, and a search reads more of them: {why}")?;
        }
        if self.marked > 0 {
            writeln!(out, "  {} objects that packs hold are marked: they may go", self.marked)?;
        }
        if let Some(why) = &self.unmarked {
            writeln!(out, "  no object is marked: {why}")?;
        }
        for pack in packs {
            writeln!(
                out,
                "  {}  seq {}-{}, {} findings",
                pack.key, pack.first, pack.last, pack.findings
            )?;
        }
        for finding in &self.findings {
            writeln!(out, "  {finding}")?;
        }
        let more = self.findings_total - self.findings.len() as u64;
        if more > 0 {
            writeln!(out, "  and {more} more findings")?;
        }
        if let Some(seq) = self.fork {
            writeln!(
                out,
                "  two signed histories from seq {seq} on: nothing there is packed before the trust file \
                 says by 'accept FORK' which is the chain's"
            )?;
        }
        for unusable in &self.unusable {
            writeln!(out, "  not counted: {unusable}")?;
        }
        match &self.error {
            Some(error) => writeln!(out, "  stopped: {error}"),
            None => Ok(()),
        }
    }
}
