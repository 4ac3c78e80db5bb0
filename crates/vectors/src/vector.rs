//! The text of a vector: `testdata/vectors/README.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use auditseal_format::{Hash, Time, hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chain::head_text;
use crate::{Archive, Chain};

/// Characters of base64 in a line.
const WIDTH: usize = 76;
/// What the first line of an object of the archive begins with, and of one below the root of packs.
const OBJECT: &str = "object: ";
const PACKED: &str = "packed: ";

/// One case: an archive, what its reader is told, and what the reader must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    /// The case's name, and its file's.
    pub name: String,
    /// What was done, in one line.
    pub about: String,
    /// 0: complete; 1: findings; 2: nothing to check; 3: two histories are known.
    pub exit: u8,
    /// `<VERDICT> <origin> <seq or ->`, sorted.
    pub findings: Vec<String>,
    /// Information: the same shape, sorted.
    pub infos: Vec<String>,
    /// Times up to which the chains are complete, sorted: one for each.
    pub until: Vec<Time>,
    /// Trusted keys.
    pub vkeys: Vec<String>,
    /// Origins that are asked for.
    pub origins: Vec<String>,
    /// A trust file's lines, in place of keys.
    pub trust: Vec<String>,
    /// A heads file's lines.
    pub heads: Vec<String>,
    /// Head known out of band, `SEQ:HASH`.
    pub head: Option<String>,
    /// The note to begin with, `SEQ:HASH`, or `SEQ`.
    pub from: Option<String>,
    /// The seq to end with.
    pub to: Option<u64>,
    /// When the reader looks.
    pub now: Time,
    /// Hash of the restored source.
    pub restored: Option<Hash>,
    /// The archive.
    pub objects: Archive,
    /// What stands below the root of packs.
    pub packs: Archive,
}

impl Vector {
    /// A vector of one chain that the reader trusts and looks at as soon as it is sealed. What is
    /// to be found in it is still to be said: [`Vector::complete`] or [`Vector::finding`].
    #[must_use]
    pub fn new(name: &str, about: &str, chain: &Chain) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            exit: 1,
            findings: vec![],
            infos: vec![],
            until: vec![],
            vkeys: vec![chain.current_signer().identity().to_string()],
            origins: vec![],
            trust: vec![],
            heads: vec![],
            head: None,
            from: None,
            to: None,
            now: chain.now(),
            restored: None,
            objects: chain.archive(),
            packs: Archive::new(),
        }
    }

    /// A chain that is as it should be.
    #[must_use]
    pub fn good(name: &str, about: &str, chain: &Chain) -> Self {
        Self::new(name, about, chain).complete(chain.head().seal.sealed).restores(&chain.restored())
    }

    /// A chain is complete up to this time.
    #[must_use]
    pub fn complete(mut self, until: Time) -> Self {
        self.exit = 0;
        self.until.push(until);
        self.until.sort();
        self
    }

    /// `cat` gives these bytes.
    #[must_use]
    pub fn restores(mut self, source: &[u8]) -> Self {
        self.restored = Some(hash(source));
        self
    }

    /// A verdict that must be reported.
    #[must_use]
    pub fn finding(mut self, finding: &str) -> Self {
        self.exit = 1;
        self.findings.push(finding.to_owned());
        self.findings.sort();
        self.findings.dedup();
        self
    }

    /// Information that must be reported.
    #[must_use]
    pub fn info(mut self, info: &str) -> Self {
        self.infos.push(info.to_owned());
        self.infos.sort();
        self.infos.dedup();
        self
    }

    /// Another trusted key.
    #[must_use]
    pub fn trust(mut self, vkey: impl fmt::Display) -> Self {
        self.vkeys.push(vkey.to_string());
        self
    }

    /// An origin that is asked for.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.to_owned());
        self
    }

    /// A trust file of these blocks is given, in place of keys.
    #[must_use]
    pub fn policy(mut self, blocks: &str) -> Self {
        let lines = std::iter::once("auditseal/trust/v1").chain(blocks.lines());
        self.trust = lines.map(str::to_owned).collect();
        self.vkeys.clear();
        self
    }

    /// A heads file of these lines is given.
    #[must_use]
    pub fn known(mut self, heads: &str) -> Self {
        let lines = std::iter::once("auditseal/heads/v1").chain(heads.lines());
        self.heads = lines.map(str::to_owned).collect();
        self
    }

    /// Two histories are known.
    #[must_use]
    pub fn forked(mut self) -> Self {
        self.exit = 3;
        self
    }

    /// The head of this chain is known.
    #[must_use]
    pub fn head_of(mut self, chain: &Chain) -> Self {
        self.head = Some(head_text(chain.head()));
        self
    }

    /// Reading begins with this note of the chain.
    #[must_use]
    pub fn from(mut self, chain: &Chain, seq: usize) -> Self {
        self.from = Some(head_text(chain.get(seq)));
        self
    }

    /// Reading begins at this seq, of whose note nothing is known.
    #[must_use]
    pub fn from_seq(mut self, seq: u64) -> Self {
        self.from = Some(seq.to_string());
        self
    }

    /// Reading ends with this seq.
    #[must_use]
    pub fn to(mut self, seq: u64) -> Self {
        self.to = Some(seq);
        self
    }

    /// When the reader looks.
    #[must_use]
    pub fn now(mut self, now: Time) -> Self {
        self.now = now;
        self
    }

    /// Another archive.
    #[must_use]
    pub fn objects(mut self, objects: Archive) -> Self {
        self.objects = objects;
        self
    }

    /// What stands below the root of packs.
    #[must_use]
    pub fn packs(mut self, packs: Archive) -> Self {
        self.packs = packs;
        self
    }

    /// The committed vectors, by name.
    ///
    /// # Errors
    /// When a file can't be read or isn't a vector.
    pub fn committed() -> Result<BTreeMap<String, Self>, String> {
        let mut vectors = BTreeMap::new();
        let entries =
            std::fs::read_dir(committed_dir()).map_err(|e| format!("list vectors: {e}"))?;
        for entry in entries {
            let path = entry.map_err(|e| format!("list vectors: {e}"))?.path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| format!("read {}: {e}", path.display()))?;
                let vector: Self =
                    text.parse().map_err(|e| format!("read {}: {e}", path.display()))?;
                vectors.insert(vector.name.clone(), vector);
            }
        }
        Ok(vectors)
    }
}

/// The directory that the committed vectors are in.
#[must_use]
pub fn committed_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors")
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name: {}\nabout: {}\nexit: {}", self.name, self.about, self.exit)?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "finding: {finding}"))?;
        self.infos.iter().try_for_each(|info| writeln!(f, "info: {info}"))?;
        self.until.iter().try_for_each(|until| writeln!(f, "until: {until}"))?;
        self.vkeys.iter().try_for_each(|vkey| writeln!(f, "vkey: {vkey}"))?;
        self.origins.iter().try_for_each(|origin| writeln!(f, "origin: {origin}"))?;
        self.trust.iter().try_for_each(|line| writeln!(f, "trust: {line}"))?;
        self.heads.iter().try_for_each(|line| writeln!(f, "heads: {line}"))?;
        if let Some(head) = &self.head {
            writeln!(f, "head: {head}")?;
        }
        if let Some(from) = &self.from {
            writeln!(f, "from: {from}")?;
        }
        if let Some(to) = self.to {
            writeln!(f, "to: {to}")?;
        }
        writeln!(f, "now: {}", self.now)?;
        if let Some(restored) = self.restored {
            writeln!(f, "restored: {restored}")?;
        }
        for (which, store) in [(OBJECT, &self.objects), (PACKED, &self.packs)] {
            for (key, object) in store {
                writeln!(f, "\n{which}{key}")?;
                let text = STANDARD.encode(object);
                for line in text.as_bytes().chunks(WIDTH) {
                    writeln!(f, "{}", String::from_utf8_lossy(line))?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Vector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split("\n\n");
        let header = parts.next().unwrap_or_default();
        let mut vector = Self {
            name: String::new(),
            about: String::new(),
            exit: 2,
            findings: vec![],
            infos: vec![],
            until: vec![],
            vkeys: vec![],
            origins: vec![],
            trust: vec![],
            heads: vec![],
            head: None,
            from: None,
            to: None,
            now: Time::EPOCH,
            restored: None,
            objects: Archive::new(),
            packs: Archive::new(),
        };
        for line in header.lines() {
            vector.header_line(line).ok_or_else(|| format!("bad line {line:?}"))?;
        }
        for object in parts {
            let (key, data) = object.split_once('\n').unwrap_or((object, ""));
            let (store, key) = match (key.strip_prefix(OBJECT), key.strip_prefix(PACKED)) {
                (Some(key), _) => (&mut vector.objects, key),
                (None, Some(key)) => (&mut vector.packs, key),
                (None, None) => return Err("an object has no key".to_owned()),
            };
            let bytes = STANDARD.decode(data.replace('\n', "")).map_err(|e| e.to_string())?;
            store.insert(key.trim_end().to_owned(), bytes);
        }
        // One spelling, so that a hand-edited vector is noticed.
        if vector.to_string() == text {
            Ok(vector)
        } else {
            Err("not in canonical form".to_owned())
        }
    }
}

impl Vector {
    fn header_line(&mut self, line: &str) -> Option<()> {
        let (field, value) = line.split_once(": ")?;
        let owned = value.to_owned();
        match field {
            "name" => self.name = owned,
            "about" => self.about = owned,
            "exit" => self.exit = value.parse().ok()?,
            "finding" => self.findings.push(owned),
            "info" => self.infos.push(owned),
            "until" => self.until.push(value.parse().ok()?),
            "vkey" => self.vkeys.push(owned),
            "origin" => self.origins.push(owned),
            "trust" => self.trust.push(owned),
            "heads" => self.heads.push(owned),
            "head" => self.head = Some(owned),
            "from" => self.from = Some(owned),
            "to" => self.to = Some(value.parse().ok()?),
            "now" => self.now = value.parse().ok()?,
            "restored" => self.restored = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}
