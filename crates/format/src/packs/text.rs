//! The text of an attestation, written and read. Strict: whatever is accepted prints the same text again.

use std::fmt::{self, Write as _};
use std::str::Lines;

use auditseal_audit::{Date, Time, TimeField};
use auditseal_merkle::Hash;

use super::MAX_SIZES;
use super::attestation::{
    Attestation, Attested, BatchSize, Blob, MAX_FINDINGS, PackLock, PartSize, VERSION, VerdictName,
};
use crate::decimal::number;
use crate::seal::MAX_RANGES;
use crate::{MalformedNote, SealId};

impl Attestation {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        self.write(&mut text).expect("write to a string");
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "{VERSION}\norigin {}\nkey {}", self.origin, self.key)?;
        writeln!(to, "objects {} {}\ndate {}", self.first, self.last, self.date)?;
        writeln!(to, "prev {}\nhead {}", self.prev, self.head)?;
        writeln!(to, "pack {} {} {}", self.pack.hash, self.pack.size, self.generation)?;
        writeln!(to, "text {}", self.text)?;
        match &self.index {
            None => writeln!(to, "index -")?,
            Some(index) => writeln!(to, "index {} {}", index.hash, index.size)?,
        }
        writeln!(to, "times {}\nuntimed {}\ngaps {}", self.field, self.untimed, self.gaps)?;
        match &self.times {
            None => writeln!(to, "first -\nlast -")?,
            Some((first, last)) => writeln!(to, "first {first}\nlast {last}")?,
        }
        writeln!(to, "sealed {} {}", self.sealed.0, self.sealed.1)?;
        match &self.lock {
            PackLock::None => writeln!(to, "lock none")?,
            PackLock::Undisclosed => writeln!(to, "lock undisclosed")?,
            PackLock::Governance(until) => writeln!(to, "lock governance {until}")?,
            PackLock::Compliance(until) => writeln!(to, "lock compliance {until}")?,
        }
        writeln!(to, "judged {}\nattested {}", self.judged, self.attested)?;
        for BatchSize { seal, parts } in &self.batches {
            write!(to, "batch {seal}")?;
            parts.iter().try_for_each(|part| write!(to, " {}/{}", part.bytes, part.lines))?;
            to.push('\n');
        }
        writeln!(to, "findings {}", self.findings)?;
        for Attested { verdict, seq, through, hash, detail } in &self.found {
            write!(to, "finding {verdict} {seq}")?;
            match (through, hash) {
                (Some(last), _) => write!(to, "-{last}")?,
                (None, Some(hash)) => write!(to, ":{hash}")?,
                (None, None) => {}
            }
            writeln!(to, " {detail}")?;
        }
        Ok(())
    }

    /// Reads the text of an attestation.
    ///
    /// # Errors
    /// [`MalformedNote`] unless the text is exactly what FORMAT.md allows.
    pub fn parse(text: &str) -> Result<Self, MalformedNote> {
        let mut lines = Reader(text.lines(), "");
        let attestation = lines.read().ok_or_else(|| {
            malformed(format!("line '{}' isn't there, or not as it should be", lines.1))
        })?;
        // One comparison stands for all canonical rules.
        if attestation.text() != text {
            return Err(malformed("not in canonical form".to_owned()));
        }
        attestation.validate()?;
        Ok(attestation)
    }
}

pub(super) fn malformed(what: String) -> MalformedNote {
    MalformedNote { what }
}

/// The lines that are left, and the keyword of the one looked at last.
pub(super) struct Reader<'a>(pub(super) Lines<'a>, pub(super) &'static str);

impl<'a> Reader<'a> {
    /// What stands behind the keyword of the next line.
    pub(super) fn line(&mut self, keyword: &'static str) -> Option<&'a str> {
        self.1 = keyword;
        self.0.next()?.strip_prefix(keyword)?.strip_prefix(' ')
    }

    pub(super) fn value<T>(
        &mut self,
        keyword: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        read(self.line(keyword)?)
    }

    fn read(&mut self) -> Option<Attestation> {
        self.1 = VERSION;
        (self.0.next()? == VERSION).then_some(())?;
        let origin = self.value("origin", |text| text.parse().ok())?;
        let key = self.value("key", |text| text.parse().ok())?;
        let (first, last) = self.line("objects")?.split_once(' ')?;
        let (first, last) = (SealId::seq(first)?, SealId::seq(last)?);
        let date = self.value("date", |text| Date::parse(text.as_bytes()))?;
        let (prev, head) = (self.value("prev", hash)?, self.value("head", hash)?);
        let (pack, generation) = self.line("pack")?.rsplit_once(' ')?;
        let (pack, generation) = (blob(pack)?, u32::try_from(number(generation)?).ok()?);
        let text = self.value("text", number)?;
        let index = match self.line("index")? {
            "-" => None,
            index => Some(blob(index)?),
        };
        let field: TimeField = self.value("times", |text| text.parse().ok())?;
        let untimed = self.value("untimed", number)?;
        let gaps = self.value("gaps", number)?;
        let times = match (self.line("first")?, self.line("last")?) {
            ("-", "-") => None,
            (first, last) => Some((time(first)?, time(last)?)),
        };
        let (opened, closed) = self.line("sealed")?.split_once(' ')?;
        let sealed = (time(opened)?, time(closed)?);
        let lock = self.value("lock", lock)?;
        let judged = self.value("judged", time)?;
        let attested = self.value("attested", time)?;
        let objects = last.checked_sub(first)?.checked_add(1)?;
        let objects = Some(objects).filter(|objects| *objects <= MAX_SIZES)?;
        let batches = (0..objects).map(|_| self.value("batch", batch)).collect::<Option<_>>()?;
        let findings = self.value("findings", number)?;
        let told = usize::try_from(findings).unwrap_or(usize::MAX).min(MAX_FINDINGS);
        let found = (0..told).map(|_| self.value("finding", found)).collect::<Option<_>>()?;
        self.1 = "end";
        self.0.next().is_none().then_some(())?;
        let pack_of = Attestation {
            origin,
            key,
            first,
            last,
            date,
            prev,
            head,
            generation,
            pack,
            text,
            index,
            field,
            untimed,
            gaps,
            times,
            sealed,
            lock,
            judged,
            attested,
            batches,
            findings,
            found,
        };
        Some(pack_of)
    }
}

pub(super) fn hash(text: &str) -> Option<Hash> {
    text.parse().ok()
}

pub(super) fn time(text: &str) -> Option<Time> {
    Time::parse(text.as_bytes())
}

pub(super) fn blob(text: &str) -> Option<Blob> {
    let (of, size) = text.split_once(' ')?;
    Some(Blob { hash: hash(of)?, size: number(size)? })
}

fn lock(text: &str) -> Option<PackLock> {
    match text.split_once(' ') {
        None if text == "none" => Some(PackLock::None),
        None if text == "undisclosed" => Some(PackLock::Undisclosed),
        Some(("governance", until)) => time(until).map(PackLock::Governance),
        Some(("compliance", until)) => time(until).map(PackLock::Compliance),
        _ => None,
    }
}

fn batch(text: &str) -> Option<BatchSize> {
    let mut fields = text.split(' ');
    let seal = u32::try_from(number(fields.next()?)?).ok()?;
    let part = |text: &str| {
        let (bytes, lines) = text.split_once('/')?;
        Some(PartSize { bytes: number(bytes)?, lines: number(lines)? })
    };
    // One more than there may be shows that there are too many.
    let parts = fields.take(MAX_RANGES + 1).map(part).collect::<Option<_>>()?;
    Some(BatchSize { seal, parts })
}

fn found(text: &str) -> Option<Attested> {
    let mut fields = text.splitn(3, ' ');
    let verdict = VerdictName::new(fields.next()?)?;
    let place = fields.next()?;
    let detail = fields.next()?.to_owned();
    let (seq, through, of) = match (place.split_once('-'), place.split_once(':')) {
        (Some((seq, last)), _) => (seq, Some(SealId::seq(last)?), None),
        (None, Some((seq, of))) => (seq, None, Some(hash(of)?)),
        (None, None) => (place, None, None),
    };
    Some(Attested { verdict, seq: SealId::seq(seq)?, through, hash: of, detail })
}
