//! What binds a roll-up of packs' indexes to an auditor's word: FORMAT.md, "Roll-ups in a store".

use std::fmt;

use auditseal_audit::{Date, Time};
use auditseal_note::{Signer, VerifierKey};

use super::attestation::{AttestationError, Blob, signed_text};
use super::key::{PackKey, digits, print};
use super::text::{Reader, blob, malformed, time};
use crate::decimal::number;
use crate::seal::MAX_SEQ;
use crate::{MalformedNote, Origin, SealId};

/// First line of each.
const VERSION: &str = "auditseal/rolled-up/v1";
/// Most bytes of one.
pub const MAX_ROLLED: usize = 4096;

/// A month of the dates in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// Characters of its name: `2026-11`.
    const LENGTH: usize = 7;

    /// The month of a day.
    #[must_use]
    pub fn of(date: Date) -> Self {
        let text = date.to_string();
        let first = Date::parse(format!("{}-01", &text[..Self::LENGTH]).as_bytes());
        Self(first.unwrap_or(date))
    }

    /// Reads a month's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == Self::LENGTH).then_some(())?;
        Date::parse(format!("{text}-01").as_bytes()).map(Self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string()[..Self::LENGTH])
    }
}

/// What an auditor says of a roll-up: that it is that of their packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledUp {
    /// The chain.
    pub origin: Origin,
    /// The key that signs it.
    pub key: VerifierKey,
    /// The month in the keys of all packs' objects.
    pub month: Month,
    /// Seq of the first pack's first object.
    pub first: u64,
    /// Seq of the last pack's last object.
    pub last: u64,
    /// How many packs it is of.
    pub packs: u64,
    /// Its front, whose hash stands for all of it.
    pub front: Blob,
    /// How many bytes it has.
    pub size: u64,
    /// When, by the auditor's clock.
    pub attested: Time,
}

impl RolledUp {
    /// The key of the roll-up itself.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}{:016x}.rollup", self.stem(), print(&self.front.hash))
    }

    /// What its key, and that of this note, begin with.
    fn stem(&self) -> String {
        let Self { origin, month, first, last, .. } = self;
        format!("{}/month={month}/{first:012}-{last:012}-", PackKey::rollups(origin))
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { origin, key, month, first, last, packs, front, size, attested } = self;
        format!(
            "{VERSION}\norigin {origin}\nkey {key}\nmonth {month}\nobjects {first} {last}\npacks {packs}\n\
             front {} {}\nsize {size}\nattested {attested}\n",
            front.hash, front.size
        )
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// [`MalformedNote`] unless it is exactly what FORMAT.md allows.
    pub fn parse(text: &str) -> Result<Self, MalformedNote> {
        let mut lines = Reader(text.lines(), "");
        let read = Self::read(&mut lines).ok_or_else(|| {
            malformed(format!("line '{}' isn't there, or not as it should be", lines.1))
        })?;
        // One comparison stands for all canonical rules.
        if read.text() != text {
            return Err(malformed("not in canonical form".to_owned()));
        }
        let fits = 0 < read.first && read.first <= read.last && read.last <= MAX_SEQ;
        let packs = fits && 0 < read.packs && read.packs <= read.last - read.first + 1;
        if !packs || read.front.size > read.size {
            return Err(malformed("its numbers don't fit each other".to_owned()));
        }
        Ok(read)
    }

    fn read(lines: &mut Reader<'_>) -> Option<Self> {
        lines.1 = VERSION;
        (lines.0.next()? == VERSION).then_some(())?;
        let origin = lines.value("origin", |text| text.parse().ok())?;
        let key = lines.value("key", |text| text.parse().ok())?;
        let month = lines.value("month", Month::parse)?;
        let (first, last) = lines.line("objects")?.split_once(' ')?;
        let (first, last) = (SealId::seq(first)?, SealId::seq(last)?);
        let packs = lines.value("packs", number)?;
        let front = lines.value("front", blob)?;
        let size = lines.value("size", number)?;
        let attested = lines.value("attested", time)?;
        lines.1 = "end";
        let over = lines.0.next().is_none();
        over.then_some(Self { origin, key, month, first, last, packs, front, size, attested })
    }
}

/// Such a statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRolledUp {
    /// What it states.
    pub rolled: RolledUp,
    /// The bytes of the note.
    pub note: String,
}

impl SignedRolledUp {
    /// Signs one. `rolled.key` is set here.
    ///
    /// # Errors
    /// What breaks a rule of the format; nothing was signed then.
    pub fn sign(rolled: RolledUp, signer: &mut dyn Signer) -> Result<Self, MalformedNote> {
        let rolled = RolledUp { key: signer.key().clone(), ..rolled };
        let text = rolled.text();
        // What can't be read back must not be signed.
        if RolledUp::parse(&text)? != rolled {
            return Err(malformed("doesn't read back".to_owned()));
        }
        Ok(Self { rolled, note: signer.sign(&text) })
    }

    /// Reads a stored one whose signature holds for the key that it names; whether that key is to be trusted is
    /// the reader's question.
    ///
    /// # Errors
    /// [`AttestationError`].
    pub fn read(bytes: &[u8]) -> Result<Self, AttestationError> {
        if bytes.len() > MAX_ROLLED {
            return Err(AttestationError::Malformed(malformed("too large".to_owned())));
        }
        let (text, note) = signed_text(bytes, VERSION)?;
        let rolled = RolledUp::parse(text).map_err(AttestationError::Malformed)?;
        Ok(Self { rolled, note: note.to_owned() })
    }

    /// The key that it is stored at.
    #[must_use]
    pub fn key(&self) -> String {
        let own = print(&auditseal_merkle::hash(self.note.as_bytes()));
        format!("{}{own:016x}.note", self.rolled.stem())
    }

    /// Reads the key of one of a chain. `None` for another name, or another chain's.
    #[must_use]
    pub fn of_key(origin: &Origin, key: &str) -> Option<RolledUpName> {
        let name = key.strip_prefix(&PackKey::rollups(origin))?.strip_prefix("/month=")?;
        let (month, name) = name.split_once('/')?;
        let month = Month::parse(month)?;
        let mut parts = name.strip_suffix(".note")?.split('-');
        let mut seq = || parts.next().filter(|text| text.len() == 12)?.parse::<u64>().ok();
        let (first, last) = (seq()?, seq()?);
        let own = digits(parts.next()?)?;
        let fits = parts.next().is_none() && first <= last;
        fits.then_some(RolledUpName { month, first, last, own })
    }
}

/// What the key of such a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledUpName {
    /// The month.
    pub month: Month,
    /// The first seq that it is about.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The first eight bytes of the hash of the statement: [`PackKey::matches`].
    pub own: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_note::StaticSigner;

    fn signed() -> SignedRolledUp {
        let mut signer = StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap();
        let rolled = RolledUp {
            origin: "c/n/s".parse().unwrap(),
            key: signer.key().clone(),
            month: Month::of(Date::parse(b"2026-11-30").unwrap()),
            first: 1,
            last: 90,
            packs: 3,
            front: Blob::of(b"front"),
            size: 1000,
            attested: Time::EPOCH,
        };
        SignedRolledUp::sign(rolled, &mut signer).unwrap()
    }

    #[test]
    fn what_is_signed_is_read() {
        let signed = signed();
        assert_eq!(SignedRolledUp::read(signed.note.as_bytes()), Ok(signed.clone()));
        let folder = "_rollups/cluster=c/node=n/source=s/month=2026-11/000000000001-000000000090-";
        let front = &Blob::of(b"front").hash.to_string()[..16];
        assert_eq!(signed.rolled.key(), format!("{folder}{front}.rollup"));
        let name = SignedRolledUp::of_key(&signed.rolled.origin, &signed.key()).unwrap();
        assert_eq!((name.month, name.first, name.last), (signed.rolled.month, 1, 90));
        assert!(PackKey::matches(name.own, signed.note.as_bytes()));
        for other in ["c/n/t", "c/n/s2"] {
            assert_eq!(SignedRolledUp::of_key(&other.parse().unwrap(), &signed.key()), None);
        }
        for (from, to) in
            [(".note", ".rollup"), ("000000000001", "1"), ("2026-11", "2026-13"), ("90-", "90-0")]
        {
            let name = signed.key().replace(from, to);
            assert_eq!(SignedRolledUp::of_key(&signed.rolled.origin, &name), None, "{name}");
        }
    }

    #[test]
    fn whatever_is_changed_isnt_read() {
        let signed = signed();
        let good = signed.note.as_bytes();
        for at in 0..good.len() {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1;
            assert!(SignedRolledUp::read(&bytes).is_err(), "byte {at}");
        }
        assert!(SignedRolledUp::read(&vec![b'x'; MAX_ROLLED + 1]).is_err());
        let text = signed.rolled.text();
        for (from, to) in [
            ("objects 1 90", "objects 0 90"),
            ("objects 1 90", "objects 91 90"),
            ("packs 3", "packs 0"),
            ("packs 3", "packs 91"),
            ("packs 3", "packs 03"),
            ("size 1000", "size 4"),
            ("month 2026-11", "month 2026-11-01"),
            ("rolled-up/v1", "rolled-up/v2"),
        ] {
            assert!(RolledUp::parse(&text.replace(from, to)).is_err(), "{to}");
        }
        assert!(RolledUp::parse(&format!("{text}more\n")).is_err());
        let wrong = RolledUp { packs: 91, ..signed.rolled };
        let mut signer = StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap();
        assert!(SignedRolledUp::sign(wrong, &mut signer).is_err());
    }
}
