//! In which order the objects of a chain give back the source's bytes.

use std::collections::HashMap;

use auditseal_format::FileId;
use auditseal_format::seal::{Kind, Range};

use auditseal_reader::{Batch, Packs, Sealed, Window};

/// Batches that one file's bytes are in, `first` to `last` by their index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: usize,
    last: usize,
}

/// A file that the chain has begun.
#[derive(Debug, Default)]
struct Begun {
    /// With a range, not only with a gap: where it stands is settled.
    ranged: bool,
    runs: Vec<Run>,
}

/// The plan: small per batch, and otherwise bounded by files and by how they are interleaved.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    window: Window,
    batches: Vec<Batch>,
    files: HashMap<FileId, Begun>,
    /// The files in the source's rotation order.
    order: Vec<FileId>,
}

impl Plan {
    pub(crate) fn new(window: Window) -> Self {
        Self { window, ..Self::default() }
    }

    /// Takes the chain's next note.
    pub(crate) fn note(&mut self, sealed: &Sealed) {
        let note = &sealed.note;
        let seal = &note.seal.seal;
        for file in seal.gaps.iter().filter_map(|gap| gap.file) {
            self.begin(file, None);
        }
        for range in &seal.ranges {
            self.begin(range.file, range.before).ranged = true;
        }
        if seal.kind != Kind::Batch || !note.whole || (note.timed && !self.window.meets(seal)) {
            return;
        }
        let at = self.batches.len();
        self.batches.push(Batch::of(sealed));
        for range in &seal.ranges {
            let runs = &mut self.files.entry(range.file).or_default().runs;
            match runs.last_mut() {
                // Nothing but this file came between.
                Some(run) if run.last + 1 >= at => run.last = at,
                _ => runs.push(Run { first: at, last: at }),
            }
        }
    }

    /// Gives a file its place in the order when the chain first names it. Of a file that began with
    /// a gap, the first range still says where it stands; later ranges don't, and nothing stands
    /// before a file that isn't begun.
    fn begin(&mut self, file: FileId, before: Option<FileId>) -> &mut Begun {
        let known = self.files.get(&file);
        let behind = before.filter(|_| known.is_none_or(|begun| !begun.ranged));
        let behind = behind.filter(|other| self.files.contains_key(other) && *other != file);
        if known.is_none() || behind.is_some() {
            if known.is_some() {
                self.order.retain(|other| *other != file);
            }
            let at = self.order.iter().position(|begun| Some(*begun) == behind);
            self.order.insert(at.unwrap_or(self.order.len()), file);
        }
        self.files.entry(file).or_default()
    }

    /// How many steps there are.
    pub(crate) fn fetches(&self) -> u64 {
        let mut before = None;
        let anew = self.order().filter(|(_, at)| before.replace(*at) != Some(*at));
        anew.count() as u64
    }

    /// The batches in the order of the source's bytes, each with the files that it is fetched for, in their order.
    /// A batch that has all of several files is fetched for them together.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (Vec<FileId>, Batch)> {
        let mut order = self.order().peekable();
        std::iter::from_fn(move || {
            let (file, at) = order.next()?;
            let mut files = vec![file];
            while let Some((file, _)) = order.next_if(|(_, next)| *next == at) {
                files.push(file);
            }
            Some((files, self.batches[at].clone()))
        })
    }

    /// Of the batches in packs, in the order of the source's bytes, the seq of each that another pack holds than the one
    /// before.
    pub(crate) fn turns(&self, packs: &Packs) -> impl Iterator<Item = u64> {
        let mut before = None;
        self.order().filter_map(move |(_, at)| {
            let Batch { packed, place, .. } = &self.batches[at];
            let pack = packs.with(place.seq).filter(|_| *packed)?.attested_at.as_str();
            (before.replace(pack) != Some(pack)).then_some(place.seq)
        })
    }

    /// The files in the source's order, and for each the batches that it is in.
    fn order(&self) -> impl Iterator<Item = (FileId, usize)> {
        self.order.iter().flat_map(|file| {
            let runs = self.files.get(file).into_iter().flat_map(|begun| &begun.runs);
            let batches = runs.flat_map(|run| run.first..=run.last);
            batches.map(|batch| (*file, batch))
        })
    }
}

/// Cuts files, in the source's order, into runs that lie so in a payload too: each run can be written as the payload is
/// decoded.
pub(super) fn runs<'a>(ranges: &[Range], mut files: &'a [FileId]) -> Vec<&'a [FileId]> {
    let mut places: HashMap<FileId, (usize, usize)> = HashMap::new();
    for (at, range) in ranges.iter().enumerate() {
        places.entry(range.file).or_insert((at, at)).1 = at;
    }
    let follows = |(before, behind): (&FileId, &FileId)| {
        let ends = places.get(before).map(|(_, last)| *last);
        let begins = places.get(behind).map(|(first, _)| *first);
        ends < begins
    };
    let mut runs = Vec::new();
    while !files.is_empty() {
        let pairs = files.iter().zip(&files[1..]);
        let (run, rest) = files.split_at(1 + pairs.take_while(|pair| follows(*pair)).count());
        runs.push(run);
        files = rest;
    }
    runs
}
