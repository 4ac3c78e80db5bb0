//! The lines of one origin, as they come.

use std::collections::BTreeMap;

use auditseal_format::{Hash, Origin, SealId};

use crate::item::{Acceptance, Item, RetentionRule, Silence, TrustedKey};
use crate::refused::Refused;

use crate::trusted::TrustedOrigin;

/// What stands of a block so far. Each line is held against those above it, so that an error names
/// the later one.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) origin: Origin,
    /// The line that it begins with.
    line: usize,
    keys: Vec<TrustedKey>,
    begin: Option<Option<SealId>>,
    rest: Rest,
    /// The hash that each seq was given.
    hashes: BTreeMap<u64, Hash>,
}

#[derive(Debug, Default)]
struct Rest {
    retention: Option<RetentionRule>,
    silence: Option<Silence>,
    accepted: Vec<Acceptance>,
}

impl Block {
    /// A block that begins with this key.
    pub(crate) fn new(line: usize, origin: Origin, key: TrustedKey) -> Result<Self, String> {
        let (begin, rest, hashes) = (None, Rest::default(), BTreeMap::new());
        let mut block = Self { origin, line, keys: Vec::new(), begin, rest, hashes };
        block.key(key)?;
        Ok(block)
    }

    /// Whether a line is the block's, and doesn't begin another.
    pub(crate) fn goes_on_with(&self, item: &Item) -> bool {
        match item {
            Item::Key(origin, _) => *origin == self.origin,
            Item::Auditor(_) => false,
            _ => true,
        }
    }

    /// Takes the next line.
    pub(crate) fn take(&mut self, item: Item) -> Result<(), String> {
        match item {
            Item::Key(_, key) if self.begin.is_none() => self.key(key),
            Item::Key(..) => Err("the origin's keys stand together, before its other lines".into()),
            Item::Begin(begin) => {
                self.once(self.begin.is_none(), "begin")?;
                self.starts(begin)
            }
            Item::Retention(rule) => {
                self.after_begin("retention")?;
                let free = self.rest.retention.is_none() && self.rest.silence.is_none();
                self.once(free, "retention")?;
                self.rest.retention = Some(rule);
                Ok(())
            }
            Item::Silence(silence) => {
                self.after_begin("silent-after or ended")?;
                self.once(self.rest.silence.is_none(), "silent-after or ended")?;
                self.falls_silent(silence)
            }
            Item::Accept(acceptance) => self.accept(acceptance),
            Item::Auditor(_) => Err("an auditor is no chain's".to_owned()),
        }
    }

    /// The whole block.
    pub(crate) fn finish(self) -> Result<(Origin, TrustedOrigin), Refused> {
        let lacks = |word| Refused {
            line: self.line,
            what: format!("{} has no line '{word}'", self.origin),
        };
        let begin = self.begin.ok_or_else(|| lacks("begin"))?;
        let silence = self.rest.silence.ok_or_else(|| lacks("silent-after' or 'ended"))?;
        let Rest { retention, accepted, .. } = self.rest;
        let origin = TrustedOrigin { keys: self.keys, begin, retention, silence, accepted };
        Ok((self.origin, origin))
    }

    fn key(&mut self, key: TrustedKey) -> Result<(), String> {
        if let Some(before) = self.keys.last() {
            let over = before.until.is_some_and(|until| until.seq < key.from);
            if !over {
                return Err("two keys for one seq: one key's until= comes before the next one's \
                            from="
                    .to_owned());
            }
        }
        if let Some(until) = key.until {
            if until.seq < key.from {
                return Err("until= is before from=".to_owned());
            }
            self.named(until)?;
        }
        self.keys.push(key);
        Ok(())
    }

    fn starts(&mut self, begin: Option<SealId>) -> Result<(), String> {
        let seq = begin.map_or(0, |seal| seal.seq);
        if !self.has_key_at(seq) {
            return Err("no key is trusted for the seal that it begins with".to_owned());
        }
        begin.map_or(Ok(()), |seal| self.named(seal))?;
        self.begin = Some(begin);
        Ok(())
    }

    fn falls_silent(&mut self, silence: Silence) -> Result<(), String> {
        if let Silence::Ended(seal) = silence {
            if seal.seq < self.first_seq() || !self.has_key_at(seal.seq) {
                return Err("it ends before it begins, or where no key is trusted".to_owned());
            }
            self.named(seal)?;
        } else if self.keys.last().is_some_and(|key| key.until.is_some()) {
            return Err(
                "no key is trusted for what comes next: say with 'ended' where it ended, or \
                        name the key"
                    .to_owned(),
            );
        }
        self.rest.silence = Some(silence);
        Ok(())
    }

    fn accept(&mut self, acceptance: Acceptance) -> Result<(), String> {
        let Some(silence) = self.rest.silence else {
            return Err("'accept' stands behind 'silent-after' or 'ended'".to_owned());
        };
        let seq = acceptance.seal.seq;
        let ended = matches!(silence, Silence::Ended(last) if last.seq < seq);
        if seq < self.first_seq() || ended || !self.has_key_at(seq) {
            return Err(
                "it is about a seal before the chain's beginning or behind its end, or for \
                        which no key is trusted"
                    .to_owned(),
            );
        }
        let place = |of: &Acceptance| (of.seal.seq, of.verdict);
        let last = self.rest.accepted.last().map(place);
        if last.is_some_and(|last| last >= place(&acceptance)) {
            return Err(
                "accepted verdicts stand in the order of seq and word, each once".to_owned()
            );
        }
        self.named(acceptance.seal)?;
        self.rest.accepted.push(acceptance);
        Ok(())
    }

    fn first_seq(&self) -> u64 {
        self.begin.flatten().map_or(0, |seal| seal.seq)
    }

    fn has_key_at(&self, seq: u64) -> bool {
        self.keys.iter().any(|key| key.covers(seq))
    }

    /// Of one seq there is one seal in a trust file, or it would trust both branches of a fork.
    fn named(&mut self, seal: SealId) -> Result<(), String> {
        let known = *self.hashes.entry(seal.seq).or_insert(seal.hash);
        if known == seal.hash {
            Ok(())
        } else {
            Err(format!("seq {} stands above with another hash", seal.seq))
        }
    }

    fn after_begin(&self, word: &str) -> Result<(), String> {
        if self.begin.is_some() { Ok(()) } else { Err(format!("'{word}' stands behind 'begin'")) }
    }

    fn once(&self, free: bool, word: &str) -> Result<(), String> {
        let origin = &self.origin;
        if free {
            Ok(())
        } else {
            Err(format!("{origin} has '{word}' once, in the order of the page"))
        }
    }
}
