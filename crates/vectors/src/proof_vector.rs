//! The text of a vector of a proof: `testdata/proofs/README.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use auditseal_format::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 in a line.
const WIDTH: usize = 76;

/// One case: a file that is given as a proof, what its reader knows, and what the reader must say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofVector {
    /// The case's name, and its file's.
    pub name: String,
    /// What was done, in one line.
    pub about: String,
    /// 0: proved; 1: not; 2: nothing that is known is for its chain.
    pub exit: u8,
    /// With exit 1, the verdict.
    pub verdict: Option<String>,
    /// With exit 0, the hash of the event's bytes.
    pub event: Option<Hash>,
    /// The chain that is asked for.
    pub origin: Option<String>,
    /// Trusted keys.
    pub vkeys: Vec<String>,
    /// A seal known out of band, `SEQ:HASH`; with keys.
    pub head: Option<String>,
    /// A trust file's lines, in place of keys.
    pub trust: Vec<String>,
    /// A heads file's lines.
    pub heads: Vec<String>,
    /// The file.
    pub file: Vec<u8>,
}

impl ProofVector {
    /// The committed vectors, by name.
    ///
    /// # Errors
    /// When a file can't be read or isn't a vector.
    pub fn committed() -> Result<BTreeMap<String, Self>, String> {
        let mut vectors = BTreeMap::new();
        let entries =
            std::fs::read_dir(Self::committed_dir()).map_err(|e| format!("list vectors: {e}"))?;
        for entry in entries {
            let path = entry.map_err(|e| format!("list vectors: {e}"))?.path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let fail = |e: String| format!("read {}: {e}", path.display());
                let text = std::fs::read_to_string(&path).map_err(|e| fail(e.to_string()))?;
                let vector: Self = text.parse().map_err(fail)?;
                vectors.insert(vector.name.clone(), vector);
            }
        }
        Ok(vectors)
    }

    /// The directory that the committed vectors are in.
    #[must_use]
    pub fn committed_dir() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/proofs")
    }

    fn header_line(&mut self, line: &str) -> Option<()> {
        let (field, value) = line.split_once(": ")?;
        let owned = value.to_owned();
        match field {
            "proof" => self.name = owned,
            "about" => self.about = owned,
            "exit" => self.exit = value.parse().ok()?,
            "verdict" => self.verdict = Some(owned),
            "event" => self.event = Some(value.parse().ok()?),
            "origin" => self.origin = Some(owned),
            "vkey" => self.vkeys.push(owned),
            "head" => self.head = Some(owned),
            "trust" => self.trust.push(owned),
            "heads" => self.heads.push(owned),
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for ProofVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "proof: {}\nabout: {}\nexit: {}", self.name, self.about, self.exit)?;
        let verdict = self.verdict.iter().map(|verdict| format!("verdict: {verdict}"));
        let event = self.event.iter().map(|event| format!("event: {event}"));
        let origin = self.origin.iter().map(|origin| format!("origin: {origin}"));
        let vkeys = self.vkeys.iter().map(|vkey| format!("vkey: {vkey}"));
        let head = self.head.iter().map(|head| format!("head: {head}"));
        let trust = self.trust.iter().map(|line| format!("trust: {line}"));
        let heads = self.heads.iter().map(|line| format!("heads: {line}"));
        let lines = verdict.chain(event).chain(origin).chain(vkeys).chain(head);
        lines.chain(trust).chain(heads).try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f)?;
        let text = STANDARD.encode(&self.file);
        for line in text.as_bytes().chunks(WIDTH) {
            writeln!(f, "{}", String::from_utf8_lossy(line))?;
        }
        Ok(())
    }
}

impl FromStr for ProofVector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (header, data) = text.split_once("\n\n").ok_or("no empty line")?;
        let mut vector = Self::default();
        for line in header.lines() {
            vector.header_line(line).ok_or_else(|| format!("bad line {line:?}"))?;
        }
        vector.file = STANDARD.decode(data.replace('\n', "")).map_err(|e| e.to_string())?;
        // One spelling, so that a hand-edited vector is noticed.
        if vector.to_string() == text {
            Ok(vector)
        } else {
            Err("not in canonical form".to_owned())
        }
    }
}
