//! Sealing again, behind another head, what only this node's spool has.
//!
//! The spool's payloads serve as the source: the shipper is told of them as of what a look found, and
//! what it seals is written beside the objects of before, which stay the spool's until all of it is
//! durable.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_format::seal::Cursor;
use auditseal_format::{Compression, Kind, ObjectKey, ObjectSeal, Seal, Signer};
use auditseal_shipper::{
    Action, Adoption, Config, Head, Input, Left, Loss, Mode, Part, Rest, Shipper, Spooled, Start,
    Take,
};
use auditseal_spool::{Entry, Exchange, Final, Spool, failpoint};
use auditseal_tail::GapReason;

use crate::clock::Clock;
use crate::opened::{Bytes, Opened};
use crate::pack::{LARGE, pack};
use crate::start::{REASONS, read_seal};
use crate::{Error, ErrorKind};

/// What seals are made with.
pub(crate) struct Making {
    pub(crate) config: Config,
    pub(crate) compression: Compression,
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) clock: Clock,
}

/// What a chain goes on from, in place of some of ours.
pub(crate) struct Theirs {
    /// Up to this seq both have the same; `None`: they differ from the genesis on.
    pub(crate) common: Option<u64>,
    /// What the notes behind it say is final, oldest first.
    pub(crate) finals: Vec<Final>,
    /// Ours, held against them.
    pub(crate) adoption: Adoption,
    /// The newest of them.
    pub(crate) head: (ObjectKey, Vec<u8>),
}

type Content = Arc<Bytes>;

/// Lets `theirs` take the place of ours behind what both have, and seals behind it what only ours
/// have. Returns how many objects that took. After an error the spool is what it was.
pub(crate) fn repack(spool: &mut Spool, theirs: Theirs, making: Making) -> Result<u64, Error> {
    let Theirs { common, finals, adoption, head: (key, object) } = theirs;
    let note = ObjectSeal::open(&object)
        .map_err(|e| Error::new(ErrorKind::Other, &format!("take over {key}"), e))?;
    let ours = |entry: &Entry| common.is_none_or(|common| entry.key.seq > common);
    let (ours, both): (Vec<_>, Vec<_>) = spool.entries().partition(ours);
    let mut said = Vec::new();
    for entry in both {
        said.extend(Final::of(&read_seal(spool, &entry.key)?));
    }
    said.extend(finals);
    let reanchor = reanchored(spool, &ours)?;
    failpoint!("agent.adopt.before");
    let mut exchange = spool.exchange()?;
    exchange.add(&key, &object)?;
    let source = Leftovers {
        adoption,
        objects: ours.into_iter().map(|entry| entry.key).collect(),
        ready: VecDeque::new(),
    };
    let head = Head { hash: note.hash, seal: note.seal };
    let sealed = seal_all(source, (head, reanchor), making, &mut exchange)?;
    failpoint!("agent.adopt.packed");
    exchange.decide(&said)?;
    failpoint!("agent.adopt.after");
    Ok(sealed)
}

/// Why this node began anew in what it sealed, if it did: that stays true, and is said again.
fn reanchored(spool: &Spool, ours: &[Entry]) -> Result<Option<&'static str>, Error> {
    let mut reason = None;
    for entry in ours {
        let seal = read_seal(spool, &entry.key)?;
        if seal.kind == Kind::Reanchor {
            let word = seal.reason.as_ref().map(|word| word.as_str());
            reason = REASONS.into_iter().find(|known| Some(*known) == word).or(Some(REASONS[0]));
        }
    }
    Ok(reason)
}

/// Runs a shipper over the leftovers alone, to their end. It sends nothing.
fn seal_all(
    mut source: Leftovers,
    (head, reanchor): (Head, Option<&'static str>),
    making: Making,
    exchange: &mut Exchange<'_>,
) -> Result<u64, Error> {
    let Making { config, compression, signer, clock } = making;
    // What is here fits into the spool already, and a one-shot has more to come.
    let config = Config { mode: Mode::Live, spool_limit: u64::MAX, give_up: None, ..config };
    let (spooled, times) = (Spooled::default(), config.times);
    let start = Start { head: Some(head), spooled, reanchor, hold: u64::MAX };
    let mut shipper = Shipper::new(config, compression, signer, start, clock());
    let mut todo: VecDeque<Action<Content>> = shipper.step(Input::Wake, clock()).into();
    let (mut sealed, mut over) = (0, false);
    while !(over && todo.is_empty()) {
        let input = match todo.pop_front() {
            Some(Action::Look(_)) => source.look(exchange.spool())?.unwrap_or_else(|| {
                over = true;
                Input::Looked { takes: vec![], losses: vec![], rest: Rest::Nothing }
            }),
            Some(Action::Pack(job)) => {
                let packed = pack(&job, (compression, times))
                    .map_err(|e| Error::new(ErrorKind::Other, "pack batch", e))?;
                Input::Packed(job.ticket, Box::new(packed))
            }
            Some(Action::Commit(key, object)) => {
                exchange.add(&key, &object.bytes)?;
                sealed += 1;
                Input::Committed
            }
            // Whatever else it asks for is for whoever goes on from here.
            Some(_) => continue,
            None => Input::Wake,
        };
        let mut now = clock();
        if matches!(input, Input::Wake) {
            // Nothing here waits for time.
            now.boot.nanos = now.boot.nanos.max(shipper.deadline());
        }
        todo.extend(shipper.step(input, now));
    }
    Ok(sealed)
}

/// What only our objects have, object by object.
struct Leftovers {
    adoption: Adoption,
    objects: VecDeque<ObjectKey>,
    /// Of the object that was opened last.
    ready: VecDeque<Input<Content>>,
}

impl Leftovers {
    /// The next of it, as a look would have found it; `None` at the end.
    fn look(&mut self, spool: &Spool) -> Result<Option<Input<Content>>, Error> {
        while self.ready.is_empty() {
            let Some(key) = self.objects.pop_front() else { return Ok(None) };
            let seal = read_seal(spool, &key)?;
            let left = self.adoption.left(&seal);
            if !left.is_empty() {
                let opened = Opened::new(&spool.read(&key)?);
                let opened =
                    opened.map_err(|e| Error::new(ErrorKind::Other, &format!("open {key}"), e))?;
                self.open(&opened, &left);
            }
        }
        Ok(self.ready.pop_front())
    }

    fn open(&mut self, opened: &Opened, left: &[Left]) {
        let (mut takes, mut losses) = (Vec::new(), Vec::new());
        for left in left {
            match *left {
                Left::Range(at, from) => {
                    let take = self.take(opened, at, from);
                    // What isn't read of it stands in the seal: as many as one seal may hold.
                    let large = take.parts[0].content.holes().iter().any(|hole| hole.1 >= LARGE);
                    if large && !takes.is_empty() {
                        self.ready.push_back(looked(std::mem::take(&mut takes), vec![]));
                    }
                    takes.push(take);
                    if large {
                        self.ready.push_back(looked(std::mem::take(&mut takes), vec![]));
                    }
                }
                Left::Gap(at, from) => losses.push(loss(&opened.seal, at, from)),
            }
        }
        if !takes.is_empty() {
            self.ready.push_back(looked(takes, vec![]));
        }
        if !losses.is_empty() {
            self.ready.push_back(looked(vec![], losses));
        }
    }

    fn take(&self, opened: &Opened, at: usize, from: u64) -> Take<Content> {
        let range = &opened.seal.ranges[at];
        let content = Arc::new(opened.content(at));
        // Where theirs has begun the file, it stands where that says.
        let first = from == range.start && !self.adoption.has(&range.file);
        Take {
            file: range.file,
            name: range.name.clone(),
            start: from,
            end: range.end,
            mid_line: range.unterminated,
            is_final: range.is_final,
            anchor: range.anchor,
            before: range.before.filter(|_| first),
            parts: vec![Part { end: range.end, anchor: range.anchor, content }],
        }
    }
}

/// What was taken is sealed before the next is looked at.
fn looked(takes: Vec<Take<Content>>, losses: Vec<Loss>) -> Input<Content> {
    Input::Looked { takes, losses, rest: Rest::Sealing }
}

/// A gap as whoever found it told of it.
fn loss(seal: &Seal, at: usize, from: Option<u64>) -> Loss {
    let gap = &seal.gaps[at];
    let reason = GapReason::ALL.iter().find(|reason| reason.word() == gap.reason.as_str());
    let here = |cursor: &&Cursor| Some(cursor.file) == gap.file && Some(cursor.offset) == gap.end;
    Loss {
        file: gap.file,
        name: gap.name.clone(),
        start: from,
        end: gap.end,
        anchor: seal.cursors.iter().find(here).map(|cursor| cursor.anchor),
        reason: reason.map_or("unknown", |reason| reason.word()),
    }
}
