//! Many files, taken and lost as a test says, and a chain that is held against them.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use auditseal_format::seal::{Cursor, Range};
use auditseal_format::*;
use auditseal_note::StaticSigner;
use auditseal_shipper::*;

use super::{SECOND, World};

type Content = Arc<Vec<u8>>;

/// One file of the source.
#[derive(Debug, Clone)]
struct File {
    id: FileId,
    name: Vec<u8>,
    /// What was handed out or lost of it, lost bytes as they'd have been.
    bytes: Vec<u8>,
    /// A loss without an end closed it.
    closed: bool,
}

/// What one look brings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) takes: Vec<Taken>,
    pub(crate) losses: Vec<Gone>,
}

/// The next bytes of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    pub(crate) file: usize,
    pub(crate) lines: usize,
    /// NUL runs, one before each of the first lines.
    pub(crate) holes: usize,
    pub(crate) is_final: bool,
    /// Of the bytes, so many hundredths can be read when they are packed.
    pub(crate) short: Option<usize>,
    /// Names this file as the one behind, if it is begun.
    pub(crate) before: Option<usize>,
}

/// The next bytes of a file, which nobody will read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone {
    /// `None`: a file of which no more than the name was seen.
    pub(crate) file: Option<usize>,
    /// `None`: all that is left of it.
    pub(crate) bytes: Option<usize>,
}

/// A source of many files, and all that its shipper sealed.
pub(crate) struct Many {
    files: Vec<File>,
    names: usize,
    script: VecDeque<Found>,
    /// Files that a loss of the look under way begins.
    begun: Vec<usize>,
    /// From where to where each file's disk gives nothing.
    bad: BTreeMap<FileId, Vec<(u64, u64)>>,
    pub(crate) seals: Vec<Seal>,
    /// What each range has in the payload.
    payloads: Vec<Vec<u8>>,
    pub(crate) sizes: Vec<usize>,
    pub(crate) lost: Vec<Loss>,
    pub(crate) limits: Limits,
    pub(crate) key_name: String,
    pub(crate) version: String,
    now: u64,
    tools: Cell<Option<PackerTools>>,
}

impl Many {
    /// Files whose names have so many bytes, all of which must be escaped.
    pub(crate) fn new(names: usize, limits: Limits) -> Self {
        Self {
            files: vec![],
            names,
            script: VecDeque::new(),
            begun: vec![],
            bad: BTreeMap::new(),
            seals: vec![],
            payloads: vec![],
            sizes: vec![],
            lost: vec![],
            limits,
            key_name: ["o"; 3].map(|part| part.repeat(245)).join("/"),
            version: String::new(),
            now: SECOND,
            tools: Cell::new(None),
        }
    }

    fn file(&mut self, at: usize) -> usize {
        while self.files.len() <= at {
            let number = self.files.len();
            let id = FileId { hash: hash(&number.to_le_bytes()), base: u64::MAX, copy: u32::MAX };
            let mut name = vec![0xff; self.names.max(4)];
            name[..4].copy_from_slice(&(number as u32 | 0x8080_8080).to_le_bytes());
            self.files.push(File { id, name, bytes: vec![], closed: false });
        }
        at
    }

    fn take(&mut self, taken: &Taken) -> Option<Take<Content>> {
        let at = self.file(taken.file);
        let before = taken.before.map(|other| self.file(other));
        let before = before.filter(|other| *other != at && self.files[at].bytes.is_empty());
        let begun =
            |other: &usize| !self.files[*other].bytes.is_empty() || self.begun.contains(other);
        let before = before.filter(begun);
        let before = before.map(|other| self.files[other].id);
        let file = &mut self.files[at];
        if file.closed || (taken.lines == 0 && !taken.is_final) {
            return None;
        }
        let start = file.bytes.len();
        for line in 0..taken.lines {
            if line < taken.holes {
                file.bytes.extend([0; 3]);
            }
            file.bytes.extend(format!("{{\"event\":{start}.{line}}}\n").bytes());
        }
        let (start, end) = (start as u64, file.bytes.len() as u64);
        if let Some(hundredths) = taken.short.filter(|_| start < end) {
            let from = start + (end - start) * hundredths as u64 / 100;
            self.bad.entry(file.id).or_default().push((from.min(end - 1), end));
        }
        let anchor = hash(&file.bytes[file.bytes.len().saturating_sub(4096)..]);
        let content = Arc::new(file.bytes[start as usize..].to_vec());
        Some(Take {
            file: file.id,
            name: FileName::new(&file.name),
            start,
            end,
            mid_line: false,
            is_final: taken.is_final,
            anchor,
            before,
            parts: if start < end { vec![Part { end, anchor, content }] } else { vec![] },
        })
    }

    fn lose(&mut self, gone: &Gone) -> Option<Loss> {
        let Some(at) = gone.file else {
            let name = Some(FileName::new(&vec![0xfe; self.names.max(1)]));
            return Some(Loss {
                file: None,
                name,
                start: Some(0),
                end: gone.bytes.map(|n| n as u64 + 1),
                anchor: None,
                reason: "deleted-before-read",
            });
        };
        let at = self.file(at);
        let file = &mut self.files[at];
        let start = file.bytes.len() as u64;
        if file.closed || (start == 0 && gone.bytes.is_none()) {
            return None;
        }
        file.closed = gone.bytes.is_none();
        file.bytes.extend(vec![b'x'; gone.bytes.map_or(0, |n| n + 1)]);
        let anchor = hash(&file.bytes[file.bytes.len().saturating_sub(4096)..]);
        Some(Loss {
            file: Some(file.id),
            name: Some(FileName::new(&file.name)),
            start: Some(start),
            end: gone.bytes.map(|_| file.bytes.len() as u64),
            anchor: Some(anchor),
            reason: "truncated",
        })
    }

    fn look(&mut self) -> Input<Content> {
        let Some(found) = self.script.pop_front() else {
            return Input::Looked { takes: vec![], losses: vec![], rest: Rest::Nothing };
        };
        let begun = found.losses.iter().filter(|gone| gone.bytes.is_some());
        let begun = begun.filter_map(|gone| gone.file);
        let taken = |file: &usize| found.takes.iter().all(|taken| taken.file != *file);
        self.begun = begun.filter(taken).collect();
        let takes = found.takes.iter().filter_map(|taken| self.take(taken)).collect();
        let losses = found.losses.iter().filter_map(|gone| self.lose(gone)).collect();
        Input::Looked { takes, losses, rest: Rest::More }
    }

    fn pack(&self, job: &Job<Content>) -> PackedJob {
        let compression = Compression { level: 1, window: 17 };
        let tools = self.tools.take().unwrap_or_default();
        let mut packer = Packer::reusing(tools, compression, job.max_holes).unwrap();
        let (mut facts, mut short) = (vec![], vec![]);
        for (at, take) in job.takes.iter().enumerate() {
            packer.begin_range(take.start);
            let bad = self.bad.get(&take.file).into_iter().flatten();
            let cut = bad.filter(|bad| bad.0 < take.end && take.start < bad.1);
            let cut = cut.map(|bad| bad.0.max(take.start)).min();
            if let Some(end) = cut {
                short.push((at, end, hash(&end.to_le_bytes()), "unreadable"));
            }
            let mut from = take.start;
            for part in &take.parts {
                let to = part.end.min(cut.unwrap_or(u64::MAX)).max(from);
                packer.source(&part.content[..(to - from) as usize]).unwrap();
                from = part.end;
                if to < part.end {
                    break;
                }
            }
            facts.push(packer.end_range().unwrap());
        }
        let (packed, tools) = packer.finish_keeping().unwrap();
        self.tools.set(Some(tools));
        PackedJob { packed, facts, short }
    }

    /// Opens a sealed object as a reader does.
    fn sealed(&mut self, sealed: &SealedBatch) {
        let found = ObjectSeal::open(&sealed.bytes).unwrap();
        assert_eq!(found.seal, sealed.seal, "it reads back");
        let blocks = found.blocks();
        self.sizes.push(sealed.bytes.len() - blocks.end as usize);
        let mut payload = vec![];
        let mut decoder = PayloadDecoder::new(&found.seal.payload).unwrap();
        let blocks = &sealed.bytes[blocks.start as usize..blocks.end as usize];
        decoder.blocks(blocks, |part| payload.extend_from_slice(part)).unwrap();
        decoder.finish().unwrap();
        for range in &found.seal.ranges {
            let rest = payload.split_off(range.payload_bytes().unwrap() as usize);
            self.payloads.push(std::mem::replace(&mut payload, rest));
        }
        self.seals.push(found.seal);
    }

    /// Runs a one-shot through the looks, checks all that it sealed, and gives it.
    pub(crate) fn run(mut self, script: Vec<Found>) -> Self {
        self.script = script.into();
        let world = World::new(&[]);
        let long = "o".repeat(245);
        let config = Config {
            origin: Origin::new(&long, &long, &long).unwrap(),
            batch_bytes: 1 << 20,
            jobs: 3,
            limits: self.limits,
            cluster_uid: Some(seal::Uuid([7; 16])),
            machine_id: Some([7; 16]),
            store: "s".repeat(64),
            // This store never shows what it has.
            without: vec![super::seqs(0, 0)],
            ..world.config()
        };
        let signer = StaticSigner::from_seed(&self.key_name, &[1; 32]).unwrap();
        let clock = world.clock();
        let compression = Compression { level: 1, window: 17 };
        let start = Start::default();
        let mut shipper = Shipper::new(config, compression, Box::new(signer), start, clock);
        let counted = seal::Counters { since: clock.wall, events: u64::MAX, errors: u64::MAX };
        let mut inputs = VecDeque::from([Input::Wake, Input::Counted(Some(counted))]);
        let (mut done, mut turns) = (false, 0);
        while !done {
            turns += 1;
            assert!(turns < 100_000, "it comes to rest");
            let input = inputs.pop_front().unwrap_or_else(|| {
                self.now = self.now.max(shipper.deadline());
                Input::Wake
            });
            let now = Now { boot: seal::Boot { nanos: self.now, ..clock.boot }, ..clock };
            for action in shipper.step(input, now) {
                match action {
                    Action::Look(_) => inputs.push_back(self.look()),
                    Action::Pack(job) => {
                        let packed = Box::new(self.pack(&job));
                        inputs.push_back(Input::Packed(job.ticket, packed));
                    }
                    Action::Commit(_, sealed) => {
                        self.sealed(&sealed);
                        inputs.push_back(Input::Committed);
                    }
                    Action::Put(_) => {
                        let version = self.version.clone();
                        inputs.push_back(Input::Stored(Some(Pin { sha256: [9; 32], version })));
                    }
                    Action::Report(Report::Lost(loss)) => self.lost.push(loss),
                    Action::Report(_) | Action::Discard(_) => {}
                    Action::FindHead(_) => inputs.push_back(Input::HeadFound(None, None)),
                    Action::End(End::Done | End::Stopped) => done = true,
                    other => panic!("{other:?}"),
                }
            }
        }
        self.check();
        self
    }

    /// Nothing is lost but what gaps say, nothing is sealed twice, cursors are what they must be,
    /// and nothing stands before a file that isn't begun.
    fn check(&self) {
        let mut payloads = self.payloads.iter();
        let mut ends: BTreeMap<FileId, u64> = BTreeMap::new();
        let mut cursors: Vec<Cursor> = vec![];
        for seal in &self.seals {
            for range in &seal.ranges {
                let place = format!("seq {}, file {}", seal.seq, range.file);
                if let Some(other) = range.before {
                    assert!(ends.contains_key(&other), "{place} stands before nothing");
                }
                let end = ends.insert(range.file, range.end).unwrap_or(0);
                assert_eq!(range.start, end, "{place}");
                self.same_bytes(range, payloads.next().unwrap());
                set(&mut cursors, range.file, Some((range.end, range.anchor)), range.is_final);
            }
            for gap in &seal.gaps {
                let Some(file) = gap.file else { continue };
                let start = gap.start.unwrap();
                let end = ends.insert(file, gap.end.unwrap_or(start)).unwrap_or(0);
                assert_eq!(start, end, "seq {}, gap in {file}", seal.seq);
                let resumed = gap.end.and_then(|end| Some((end, self.anchor(file, end)?)));
                set(&mut cursors, file, resumed, gap.end.is_none());
            }
            let told = |cursor: &Cursor| (cursor.file, cursor.offset);
            let (told, want): (Vec<_>, Vec<_>) =
                (seal.cursors.iter().map(told).collect(), cursors.iter().map(told).collect());
            assert_eq!(told, want, "cursors of seq {}", seal.seq);
        }
        for file in &self.files {
            let end = ends.get(&file.id).copied().unwrap_or(0);
            assert_eq!(end, file.bytes.len() as u64, "file {}", file.id);
        }
        let gaps = self.seals.iter().flat_map(|seal| &seal.gaps);
        let gaps: Vec<_> = gaps.map(|gap| (gap.file, gap.start, gap.end)).collect();
        let lost: Vec<_> = self.lost.iter().map(|loss| (loss.file, loss.start, loss.end)).collect();
        assert_eq!(lost, gaps, "each gap is reported once");
    }

    fn anchor(&self, file: FileId, end: u64) -> Option<Anchor> {
        let file = self.files.iter().find(|known| known.id == file)?;
        let end = usize::try_from(end).unwrap();
        Some(hash(&file.bytes[end.saturating_sub(4096)..end]))
    }

    fn same_bytes(&self, range: &Range, payload: &[u8]) {
        let file = self.files.iter().find(|file| file.id == range.file).unwrap();
        let payload = payload.strip_suffix(b"\n").filter(|_| range.unterminated).unwrap_or(payload);
        let mut source = vec![];
        let mut rest = payload;
        for hole in &range.holes {
            let (head, tail) = rest.split_at((hole.offset - range.start) as usize - source.len());
            source.extend_from_slice(head);
            source.extend(vec![0; hole.length as usize]);
            rest = tail;
        }
        source.extend_from_slice(rest);
        assert_eq!(source, file.bytes[range.start as usize..range.end as usize]);
    }
}

/// A cursor's place in the list is that at which its file came to be begun and not final.
fn set(cursors: &mut Vec<Cursor>, file: FileId, at: Option<(u64, Anchor)>, ended: bool) {
    let known = cursors.iter().position(|cursor| cursor.file == file);
    match (known, at) {
        (Some(known), _) if ended => drop(cursors.remove(known)),
        (Some(known), Some((offset, _))) => cursors[known].offset = offset,
        (None, Some((offset, anchor))) if !ended => {
            cursors.push(Cursor { file, offset, anchor, name: FileName::new(b"") });
        }
        _ => {}
    }
}
