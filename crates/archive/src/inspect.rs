//! `inspect`: one object, all that its seal says, and what of it holds.
//!
//! It trusts no key, so it decompresses what anybody signed: the format bounds what that costs.

use std::io::{self, Write};
use std::sync::Arc;

use auditseal_format::seal::{Gap, Range, Seal};
use auditseal_format::{Fault, FileId, ObjectKey, ObjectSeal};
use auditseal_store::{Kind, Store};
use serde::Serialize;

use crate::size;
use auditseal_chain::{Outcome, Verdict, escape};
use auditseal_reader::{
    Chosen, Depth, Error, Gate, Listing, Object, Payloads, Source, Wanted, choose, read,
};

/// A name and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name: a note's keyword, or `note`, `frame`, … for what was checked.
    pub name: &'static str,
    /// The value, for a person.
    pub value: String,
}

/// What was found out about one claim of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked: `seal`, `signature`, `place`, `bytes` or `times`; `versions` where those at its key
    /// stand in its way.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// How, or why not.
    pub detail: String,
}

/// One object. The names of its fields are those of the JSON document.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Its key.
    pub key: String,
    /// Which version of it this is, where the store has versions.
    pub version: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Hash of its note.
    pub hash: Option<String>,
    /// The signed note, verbatim.
    pub note: Option<String>,
    /// What the note says, in its order.
    pub facts: Vec<Fact>,
    /// What holds. The chain isn't looked at, and no key is trusted.
    pub checks: Vec<Check>,
}

/// Reads one object whole and checks it by itself.
///
/// # Errors
/// [`Error::NoObject`] and [`Error::Store`].
pub async fn inspect(store: Arc<dyn Store>, key: &str) -> Result<Inspection, Error> {
    let source = Source::new(store);
    let Found { outcome, size, version, notice } = find(&source, key).await?;
    let mut inspection = Inspection {
        key: escape(key),
        version: version.as_deref().map(escape),
        size,
        hash: None,
        note: None,
        facts: Vec::new(),
        checks: Vec::new(),
    };
    match outcome {
        Outcome::Note(object, payload) => {
            inspection.hash = Some(object.hash.to_string());
            inspection.note = Some(object.note.clone());
            inspection.facts = facts(&object.seal);
            inspection.checks = checks(&object, key, payload);
        }
        Outcome::Fault(fault) => {
            let detail = escape(&format!("{}: {fault}", Verdict::from(&fault)));
            inspection.checks.push(Check { name: "seal", holds: false, detail });
        }
        Outcome::Gone | Outcome::Unreadable => return Err(Error::NoObject(key.to_owned())),
    }
    let covered = notice.map(|detail| Check { name: "versions", holds: false, detail });
    inspection.checks.extend(covered);
    Ok(inspection)
}

/// What is at a key.
struct Found {
    outcome: Outcome,
    size: u64,
    version: Option<Arc<str>>,
    /// Why it has to be named to be seen.
    notice: Option<String>,
}

/// Of one of our keys the version that holds, of any other the latest.
async fn find(source: &Source, key: &str) -> Result<Found, Error> {
    let Some(ours) = ObjectKey::parse(key) else { return latest(source, key).await };
    let versions = Listing::of(source, &ours).await?;
    let payloads = Arc::new(Payloads::anyones());
    let chosen = choose(source, &ours.origin, &versions, Depth::Payload(&payloads)).await;
    let Some(Chosen { examined, notice }) = chosen else {
        return Err(Error::NoObject(key.to_owned()));
    };
    if let Some(error) = examined.error {
        return Err(Error::Store(error));
    }
    let (sighting, notice) = (examined.sighting, notice.map(|notice| notice.to_string()));
    let (outcome, size, version) = (sighting.outcome, sighting.size, sighting.version);
    Ok(Found { outcome, size, version, notice })
}

async fn latest(source: &Source, key: &str) -> Result<Found, Error> {
    let mut size = u64::MAX;
    let object = Object { key, version: None };
    let wanted = Wanted::Payload(Gate::elsewhere(&Arc::new(Payloads::anyones())));
    let look =
        read(source, object, &mut size, wanted).await.map_err(|error| match error.kind() {
            Kind::NotFound => Error::NoObject(key.to_owned()),
            // Stores refuse a key that ends in '/'; whoever typed it meant a prefix.
            Kind::Invalid if !key.ends_with(".jsonl.zst") => Error::NoObject(key.to_owned()),
            _ => Error::Store(error),
        })?;
    match look.error {
        Some(error) => Err(Error::Store(error)),
        None => Ok(Found { outcome: look.outcome, size, version: None, notice: None }),
    }
}

fn checks(object: &ObjectSeal, key: &str, payload: Result<(), Fault>) -> Vec<Check> {
    let seal = &object.seal;
    let place = match ObjectKey::parse(key) {
        None => Err("the key isn't one of ours".to_owned()),
        Some(key) if key.origin != seal.origin => {
            Err(format!("{}: this is an object of {}", Verdict::WrongOrigin, seal.origin))
        }
        Some(key) if key.seq != seal.seq => Err(format!("this is the object of seq {}", seal.seq)),
        Some(_) => Ok("origin and seq are the key's".to_owned()),
    };
    let said = |fault: &Fault| Err(escape(&format!("{}: {fault}", Verdict::from(fault))));
    let bytes = match &payload {
        Err(fault) if !fault.leaves_lines_true() => said(fault),
        _ => Ok("frame, blocks, lines and root are the signed ones".to_owned()),
    };
    let times = match &payload {
        Ok(()) => Some(Ok("the lines' times are within what the note says".to_owned())),
        Err(fault) => fault.leaves_lines_true().then(|| said(fault)),
    };
    let check = |name, result: Result<String, String>| Check {
        name,
        holds: result.is_ok(),
        detail: result.unwrap_or_else(|why| why),
    };
    let mut checks = vec![
        check("seal", Ok("canonical".to_owned())),
        check("signature", Ok(format!("valid for the key that it names, {}", seal.key))),
        check("place", place),
        check("bytes", bytes),
    ];
    // Of other bytes than the signed ones nobody asks when they happened.
    checks.extend(times.map(|times| check("times", times)));
    checks
}

fn facts(seal: &Seal) -> Vec<Fact> {
    let payload = &seal.payload;
    let mut facts = vec![
        fact("origin", &seal.origin),
        fact("seq", seal.seq),
        fact("kind", seal.kind),
        optional("prev", seal.prev),
        fact("key", &seal.key),
        fact("next", &seal.next),
        fact("root", payload.root.hash),
        fact("chunks", payload.root.chunks),
        fact("lines", payload.root.lines),
        sized("bytes", payload.bytes),
        fact("blocks", payload.blocks),
        sized("blocks", payload.blocks_len),
        sized("window", 1 << payload.window),
        fact("malformed", payload.malformed),
        fact("times", payload.field),
        fact("untimed", payload.untimed),
        optional("first", payload.times.map(|times| times.0)),
        optional("last", payload.times.map(|times| times.1)),
        optional("index", seal.index),
        fact("sealed", seal.sealed),
        fact("boot", format!("{} + {:.3}s", seal.boot.id, seal.boot.nanos as f64 / 1e9)),
        optional("next-by", seal.next_by),
    ];
    facts.extend(seal.cluster_uid.map(|uid| fact("cluster-uid", uid)));
    facts.extend(seal.config.map(|config| fact("config", config)));
    facts.extend(seal.counters.map(|counters| {
        let (events, errors) = (counters.events, counters.errors);
        fact("counters", format!("{events} events, {errors} errors since {}", counters.since))
    }));
    facts.extend(seal.reason.as_ref().map(|reason| fact("reason", reason)));
    seal.ranges.iter().for_each(|range| range_facts(range, &mut facts));
    facts.extend(seal.gaps.iter().map(|gap: &Gap| fact("gap", auditseal_chain::lost(gap))));
    facts.extend(seal.cursors.iter().map(|cursor| {
        let at = format!("{} at byte {}", cursor.name, cursor.offset);
        fact("cursor", format!("{at}, file {}", short(&cursor.file)))
    }));
    facts.extend(seal.stored.iter().map(|stored| {
        let alternate = stored.alternate.map_or_else(String::new, |name| format!(" as {name}"));
        fact("stored", format!("seq {} is in store {}{alternate}", stored.seq, stored.store))
    }));
    facts
}

fn range_facts(range: &Range, facts: &mut Vec<Fact>) {
    let flags = match (range.is_final, range.unterminated) {
        (false, false) => "",
        (true, false) => ", final",
        (false, true) => ", unterminated",
        (true, true) => ", final, unterminated",
    };
    let Range { start, end, lines, name, .. } = range;
    let text = format!("{name} bytes {start} to {end}, {lines} lines{flags}");
    facts.push(fact("range", format!("{text}, file {}", short(&range.file))));
    facts.extend(range.before.map(|other| fact("before", short(&other))));
    facts.extend(
        range
            .holes
            .iter()
            .map(|hole| fact("hole", format!("{} NUL bytes at {}", hole.length, hole.offset))),
    );
}

/// Enough of a file's identity to tell it from others in the same print.
fn short(file: &FileId) -> String {
    let hash = file.hash.to_string();
    format!("{}…:{}:{}", hash.get(..12).unwrap_or(&hash), file.base, file.copy)
}

fn fact(name: &'static str, value: impl std::fmt::Display) -> Fact {
    Fact { name, value: escape(&value.to_string()) }
}

fn optional<T: std::fmt::Display>(name: &'static str, value: Option<T>) -> Fact {
    value.map_or_else(|| fact(name, "-"), |value| fact(name, value))
}

fn sized(name: &'static str, bytes: u64) -> Fact {
    if bytes < 1000 {
        fact(name, bytes)
    } else {
        fact(name, format!("{bytes} ({})", size::short(bytes)))
    }
}

impl Inspection {
    /// Whether everything that one object alone can show holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<12} {}", "object", self.key)?;
        if let Some(version) = &self.version {
            writeln!(out, "{:<12} {version}", "version")?;
        }
        writeln!(out, "{:<12} {}", "size", self.size)?;
        if let Some(hash) = &self.hash {
            writeln!(out, "{:<12} {hash}", "note hash")?;
        }
        for Fact { name, value } in &self.facts {
            writeln!(out, "{name:<12} {value}")?;
        }
        for Check { name, holds, detail } in &self.checks {
            writeln!(out, "{:<4} {name}: {detail}", if *holds { "ok" } else { "BAD" })?;
        }
        writeln!(out, "note: one object shows neither its place in the chain nor whose key it is")
    }

    /// Writes it as one JSON document and a newline.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
