//! A part of a chain, judged: which of its objects are proved, where packs are cut, and what was found.

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Finding, Retention, Rules, Verdict};
use auditseal_format::packs::{Cut, Cutter, Measure};
use auditseal_format::{ObjectSeal, Origin, SealId, Time};
use auditseal_reader::{
    Batch, Depth, Entry, How, IN_FLIGHT, PackedLines, Packs, Payloads, Reading, Sealed, Source,
    Step,
};
use auditseal_store::Error;

/// Objects that are judged before their packs are made: about two days of a chain that seals every five
/// seconds.
pub(crate) const SLICE: usize = 32_768;

/// What a part of a chain came to.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    /// The packs that can be made, in order, each with its objects.
    pub(crate) packs: Vec<Uncut>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// How many findings there are.
    pub(crate) findings_total: u64,
    /// The store gave no answer: nothing behind is packed, for what it would have said decides where
    /// packs are cut.
    pub(crate) error: Option<Error>,
    /// A signed history forks here, and nobody said which is the chain's: nothing from there on is packed.
    pub(crate) fork: Option<u64>,
    /// Proved objects that are in none of the packs.
    pub(crate) left: u64,
    /// When the oldest proved seal was made, that of the genesis excepted.
    pub(crate) oldest: Option<Time>,
}

/// A pack that can be made.
#[derive(Debug)]
pub(crate) struct Uncut {
    pub(crate) cut: Cut,
    pub(crate) objects: Vec<Batch>,
    /// The last object's seal.
    pub(crate) head: SealId,
    /// Its note, where that is at hand: the next slice begins behind it.
    pub(crate) note: Option<Box<ObjectSeal>>,
    /// The latest date by the store of what was judged at its seqs.
    pub(crate) judged: Time,
}

/// Judges what is listed of a part, and cuts it; `ended` is the seal with which the part is known to end. What
/// these packs hold is judged beside it, and isn't packed again. `before` is the note behind which it begins, where its
/// key isn't trusted by itself and seals led to it. `looked` is told how many objects were judged.
pub(crate) async fn judge(
    source: &Source,
    origin: &Origin,
    (entries, packs): (&[Entry], &Packs),
    (rules, before): (Rules, Option<&ObjectSeal>),
    (ended, now): (Option<SealId>, Option<Time>),
    mut looked: impl FnMut(u64),
) -> Slice {
    let from = rules.extent.from;
    let payloads = Arc::new(Payloads::of(&rules.trust, from.known()));
    let retention: Option<Retention> = rules.retention;
    let depth = Depth::Payload(&payloads);
    let how = How { depth, retention, concurrency: IN_FLIGHT, keep: 0, packed: PackedLines::None };
    let reading = Reading::new(source, origin, entries, packs, (rules, before), how);
    let mut reading = reading.going_on();
    let mut cutting = Cutting::from(from);
    let mut slice = Slice::default();
    let mut judged = 0;
    while let Some(Step { accepted, error, .. }) = reading.next().await {
        accepted.into_iter().for_each(|sealed| cutting.take(sealed));
        judged += 1;
        looked(judged);
        slice.error = error;
        if slice.error.is_some() {
            break;
        }
    }
    let answered = slice.error.is_none();
    let (last, report) = reading.finish(now.filter(|_| answered));
    if answered {
        last.into_iter().for_each(|sealed| cutting.take(sealed));
        cutting.end(ended);
    }
    slice.findings = report.findings.findings;
    slice.findings_total = report.findings.findings_total;
    let forks = slice.findings.iter().filter(|finding| finding.verdict == Verdict::Fork);
    slice.fork = forks.filter_map(|finding| finding.seq).min();
    slice.left = cutting.open.len() as u64;
    slice.oldest = cutting.oldest;
    for pack in cutting.packs {
        if slice.fork.is_none_or(|fork| pack.cut.last < fork) {
            slice.packs.push(pack);
        } else {
            slice.left += pack.objects.len() as u64;
        }
    }
    for pack in &mut slice.packs {
        let (first, last) = (pack.cut.first, pack.cut.last);
        let from = entries.partition_point(|entry| entry.place.seq < first);
        let here = entries[from..].iter().take_while(|entry| entry.place.seq <= last);
        let latest = here.map(|entry| entry.modified).max().unwrap_or(0);
        pack.judged = Time::from_micros(latest);
    }
    slice
}

/// The part of the entries that is judged next: at most so many of them, and no object's versions apart; `end` is
/// the last seq of all.
/// What lies behind isn't judged yet.
pub(crate) fn next(
    entries: &[Entry],
    from: Begin,
    end: Option<u64>,
    most: usize,
) -> (usize, Extent) {
    let start = entries.partition_point(|entry| entry.place.seq < from.seq());
    let rest = &entries[start..];
    let to = rest.get(most).map(|behind| behind.place.seq);
    // Of what stands at the seq behind, nothing is looked at.
    let to = to.and_then(|seq| seq.checked_sub(1)).filter(|to| from.seq() <= *to);
    (start, Extent { from, to: to.or(end) })
}

struct Cutting {
    cutter: Cutter,
    packs: Vec<Uncut>,
    /// The proved objects behind the last pack.
    open: Vec<(Batch, SealId)>,
    /// The note of the last of these.
    newest: Option<Box<ObjectSeal>>,
    /// When the first of all was made that a pack may have.
    oldest: Option<Time>,
}

impl Cutting {
    fn from(begin: Begin) -> Self {
        let cutter = match begin {
            Begin::Genesis | Begin::After(_) => Cutter::new(),
            Begin::Known(_) | Begin::At(_) => Cutter::new().from_the_midst(),
        };
        Self { cutter, packs: Vec::new(), open: Vec::new(), newest: None, oldest: None }
    }

    fn take(&mut self, sealed: Sealed) {
        let note = &sealed.note;
        if note.pack.is_some() {
            return;
        }
        let cut = if note.whole {
            self.cutter.take(Measure::of(&note.seal, note.place.date))
        } else {
            self.cutter.hole()
        };
        self.close(cut);
        if note.whole {
            let packable = note.place.seq > 0;
            self.oldest = self.oldest.or(packable.then_some(note.seal.seal.sealed));
            self.open.push((Batch::of(&sealed), note.seal.id()));
            self.newest = Some(sealed.note.seal);
        }
    }

    /// Behind the seal with which the chain has ended no later one comes: its pack ends with it.
    fn end(&mut self, ended: Option<SealId>) {
        let last = self.open.last().map(|(_, seal)| *seal);
        if last.is_some() && last == ended {
            let cut = self.cutter.hole();
            self.close(cut);
        }
    }

    /// Takes the objects of a pack that ended.
    fn close(&mut self, cut: Option<Cut>) {
        let Some(cut) = cut else { return };
        let behind = self.open.partition_point(|(_, seal)| seal.seq <= cut.last);
        let rest = self.open.split_off(behind);
        let before = std::mem::replace(&mut self.open, rest);
        let inside = before.into_iter().filter(|(_, seal)| cut.first <= seal.seq);
        let (objects, seals): (Vec<Batch>, Vec<SealId>) = inside.unzip();
        let Some(head) = seals.last().copied() else { return };
        let note = self.newest.take_if(|note| note.id() == head);
        self.packs.push(Uncut { cut, objects, head, note, judged: Time::EPOCH });
    }
}
