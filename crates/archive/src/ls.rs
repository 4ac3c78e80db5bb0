//! `ls`: a row per object, from its last 64 KiB.

use std::io::{self, Write};
use std::sync::Arc;

use auditseal_format::packs::BatchSize;
use auditseal_format::seal::Seal;
use auditseal_format::{ObjectSeal, Origin, Time};
use auditseal_store::Store;
use futures::StreamExt as _;
use serde::Serialize;

use crate::cat::CatPacks;
use crate::size;
use auditseal_chain::{Extent, Outcome, Verdict, displayed, escape, shown};
use auditseal_reader::{
    Chosen, Depth, Entry, Error, IN_FLIGHT, Listing, Pack, Packs, Source, choose,
};

/// One object. The names of its fields are those of the JSON lines.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The chain, by its key.
    #[serde(serialize_with = "shown")]
    pub origin: Origin,
    /// Place in the chain, by its key; of a pack, of its first object.
    pub seq: u64,
    /// Of a pack, the place of its last object.
    pub through: Option<u64>,
    /// Of a pack, the key of the auditor who attests it: what is told of it is by that word, for it isn't read here.
    #[serde(serialize_with = "displayed")]
    pub auditor: Option<auditseal_format::VerifierKey>,
    /// Which of the seq's keys it is, if not the plain one.
    #[serde(serialize_with = "displayed")]
    pub alternate: Option<auditseal_format::Alternate>,
    /// What the seal is for.
    #[serde(serialize_with = "displayed")]
    pub kind: Option<auditseal_format::Kind>,
    /// When the note was made.
    #[serde(serialize_with = "displayed")]
    pub sealed: Option<Time>,
    /// Lowest `stageTimestamp`.
    #[serde(serialize_with = "displayed")]
    pub first: Option<Time>,
    /// Highest.
    #[serde(serialize_with = "displayed")]
    pub last: Option<Time>,
    /// Lines.
    pub lines: Option<u64>,
    /// Bytes of the lines.
    pub bytes: Option<u64>,
    /// Size of the object.
    pub stored_bytes: u64,
    /// Root of the payload.
    #[serde(serialize_with = "displayed")]
    pub root: Option<auditseal_format::Hash>,
    /// Hash of the note: with its seq, what `--from` and `--head` take.
    #[serde(serialize_with = "displayed")]
    pub hash: Option<auditseal_format::Hash>,
    /// The key that signed the note; whether it is trusted is not asked here.
    #[serde(serialize_with = "displayed")]
    pub vkey: Option<auditseal_format::VerifierKey>,
    /// The object's key.
    pub key: String,
    /// Which version of it this is, where the store has versions.
    pub version: Option<String>,
    /// Why it has to be named to be seen: `HIDDEN: detail` or `SHADOWED: detail`.
    pub notice: Option<String>,
    /// Why there is no seal to be read, or why it isn't this key's: `VERDICT: detail`.
    pub fault: Option<String>,
}

/// Lists the objects of `origins`, or of all chains, in the order of the chains; and the packs of which `packs` says
/// where they stand, each as it is attested. Returns what is to be known of packs that are left out.
///
/// # Errors
/// [`Error::Store`] when the listing failed, [`Error::Write`] what `each` returns. An object that
/// can't be read is a row with its fault.
pub async fn ls(
    store: Arc<dyn Store>,
    origins: &[Origin],
    packs: impl Fn(&Origin) -> Option<CatPacks>,
    mut each: impl FnMut(&Row) -> io::Result<()>,
) -> Result<Vec<String>, Error> {
    let source = Source::new(store);
    let mut listing = Listing::read(&source, origins).await?;
    let mut left_out = Vec::new();
    for origin in origins {
        // A chain whose objects have all gone may be in packs.
        listing.chains.entry(origin.clone()).or_default();
    }
    for (origin, entries) in listing.chains {
        let root = packs(&origin).map(|packs| packs.root());
        let packs = Packs::of(root.as_ref(), &origin, Extent::default()).await?;
        left_out.extend(packs.uncounted().map(|packs| format!("{origin}: {packs}")));
        let mut packed = packs.taken().iter().map(packed).peekable();
        let places = entries.chunk_by(|one, other| one.place == other.place);
        let rows = futures::stream::iter(places).map(|versions| row(&source, &origin, versions));
        let mut rows = std::pin::pin!(rows.buffered(IN_FLIGHT));
        while let Some(row) = rows.next().await {
            if let Some(row) = row {
                while let Some(pack) = packed.next_if(|pack| pack.seq <= row.seq) {
                    each(&pack).map_err(Error::Write)?;
                }
                each(&row).map_err(Error::Write)?;
            }
        }
        packed.try_for_each(|pack| each(&pack)).map_err(Error::Write)?;
    }
    Ok(left_out)
}

/// What is attested of a pack.
fn packed(pack: &Pack) -> Row {
    let attested = &*pack.attestation;
    // Of many packs not all sizes are kept.
    let sum = |of: fn(&BatchSize) -> u64| attested.batches.iter().map(of).sum();
    let sizes = !attested.batches.is_empty();
    let gone = "MISSING: attested, and not there in the attested size; `verify` looks closer";
    Row {
        origin: attested.origin.clone(),
        seq: attested.first,
        through: Some(attested.last),
        auditor: Some(attested.key.clone()),
        alternate: None,
        kind: None,
        sealed: Some(attested.sealed.1),
        first: attested.times.map(|times| times.0),
        last: attested.times.map(|times| times.1),
        lines: sizes.then(|| sum(|batch| batch.parts.iter().map(|part| part.lines).sum())),
        bytes: sizes.then(|| sum(|batch| batch.payload().unwrap_or(0))),
        stored_bytes: attested.pack.size,
        root: None,
        hash: Some(attested.head),
        vkey: None,
        key: attested.pack_key(),
        version: None,
        notice: None,
        fault: (!pack.is_listed()).then(|| gone.to_owned()),
    }
}

async fn row(source: &Source, origin: &Origin, versions: &[Entry]) -> Option<Row> {
    let Chosen { examined, notice } = choose(source, origin, versions, Depth::Seal).await?;
    let key = examined.sighting.place.key(origin);
    let size = examined.sighting.size;
    let empty = Row {
        origin: origin.clone(),
        seq: key.seq,
        through: None,
        auditor: None,
        alternate: key.alternate,
        kind: None,
        sealed: None,
        first: None,
        last: None,
        lines: None,
        bytes: None,
        stored_bytes: size,
        root: None,
        hash: None,
        vkey: None,
        key: key.to_string(),
        version: examined.sighting.version.as_deref().map(escape),
        notice: notice.map(|notice| notice.to_string()),
        fault: None,
    };
    let with_fault = |fault: String| Row { fault: Some(escape(&fault)), ..empty.clone() };
    Some(match (examined.sighting.outcome, examined.error) {
        (Outcome::Note(seal, _), _) => Row {
            fault: misplaced(&seal, &key),
            hash: Some(seal.hash),
            ..filled(empty, &seal.seal)
        },
        (Outcome::Fault(fault), _) => with_fault(format!("{}: {fault}", Verdict::from(&fault))),
        (_, Some(error)) => with_fault(error.to_string()),
        (Outcome::Gone | Outcome::Unreadable, None) => {
            with_fault(format!("{}: listed, but gone when it was read", Verdict::Missing))
        }
    })
}

fn filled(row: Row, seal: &Seal) -> Row {
    let payload = &seal.payload;
    Row {
        kind: Some(seal.kind),
        sealed: Some(seal.sealed),
        first: payload.times.map(|times| times.0),
        last: payload.times.map(|times| times.1),
        lines: Some(payload.root.lines),
        bytes: Some(payload.bytes),
        root: Some(payload.root.hash),
        vkey: Some(seal.key.clone()),
        ..row
    }
}

/// What key and note disagree on, as far as one object shows.
fn misplaced(object: &ObjectSeal, key: &auditseal_format::ObjectKey) -> Option<String> {
    let seal = &object.seal;
    if seal.origin != key.origin {
        Some(format!("{}: this is an object of {}", Verdict::WrongOrigin, seal.origin))
    } else if seal.seq != key.seq {
        Some(format!("{}: this is seq {}", Verdict::Reordered, seal.seq))
    } else {
        None
    }
}

impl Row {
    /// Writes the table's head.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text_head(out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:>9} {:<9} {:<19} {:<19} {:<19} {:>7} {:>6} {:>6} ROOT",
            "SEQ", "KIND", "SEALED (UTC)", "FIRST", "LAST", "LINES", "BYTES", "STORED"
        )
    }

    /// Writes the row as a line of the table: 116 columns while seq has at most nine digits.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let seq = match self.alternate {
            None => self.seq.to_string(),
            // The key tells the rest of it.
            Some(name) => format!("{}.{}", self.seq, name.to_string().get(..4).unwrap_or_default()),
        };
        let seq = match self.through {
            Some(last) => format!("{seq}-{last}"),
            None => seq,
        };
        let kind = self.kind.map(|kind| kind.to_string());
        let Some(kind) = kind.or(self.through.map(|_| "pack".to_owned())) else {
            let fault = self.fault.as_deref().unwrap_or("-");
            return writeln!(out, "{seq:>9} {fault} ({})", self.key);
        };
        let second = |time: &Option<Time>| {
            time.map_or_else(|| "-".to_owned(), |time| time.to_string().chars().take(19).collect())
        };
        let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), size::short);
        let root = self.root.map_or_else(String::new, |root| root.to_string());
        write!(
            out,
            "{seq:>9} {kind:<9} {} {:<19} {:<19} {:>7} {:>6} {:>6} {}",
            second(&self.sealed),
            second(&self.first),
            second(&self.last),
            self.lines.unwrap_or(0),
            size(self.bytes),
            size::short(self.stored_bytes),
            root.get(..12).unwrap_or("-"),
        )?;
        for remark in [&self.fault, &self.notice].into_iter().flatten() {
            write!(out, " {remark}")?;
        }
        writeln!(out)
    }

    /// Writes the row as one line of JSON.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
