//! The source side of a test chain: files that grow piece by piece, and what is lost of them.

use auditseal_format::seal::{Cursor, Gap, Word};
use auditseal_format::{Anchor, FileId, FileName, Time, hash};

/// Bytes that an anchor covers at most.
const ANCHOR: usize = 4096;

/// The next bytes of one source file, for [`crate::Chain::batch`].
#[derive(Debug, Clone)]
pub struct Piece {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_final: bool,
    pub(crate) name: Option<String>,
    pub(crate) before: Option<String>,
}

impl Piece {
    /// The next bytes of `file`: a label that stands for one file in the whole chain, whatever it
    /// is renamed to. It is the file's name too until [`Piece::named`] gives it another.
    ///
    /// The file's first piece has to hold its first line as a whole, or be the last one: a file has
    /// no identity before.
    #[must_use]
    pub fn new(file: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { file: file.to_owned(), bytes, is_final: false, name: None, before: None }
    }

    /// Marks the range `final`: the file was rotated away and read to its end.
    #[must_use]
    pub fn last(mut self) -> Self {
        self.is_final = true;
        self
    }

    /// Renames the file from here on.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Says that this file, begun with this piece, stands before the one with that label.
    #[must_use]
    pub fn before(mut self, file: &str) -> Self {
        self.before = Some(file.to_owned());
        self
    }
}

/// Source bytes that couldn't be read, for [`crate::Chain::gap`].
#[derive(Debug, Clone)]
pub struct Lost {
    file: Option<String>,
    length: Option<u64>,
    name: Option<String>,
    times: [Option<Time>; 2],
}

impl Lost {
    /// The next `length` bytes of a file that the chain has begun; it goes on behind them.
    #[must_use]
    pub fn bytes(file: &str, length: u64) -> Self {
        Self { length: Some(length), ..Self::rest(file) }
    }

    /// All that was left of a file that the chain has begun.
    #[must_use]
    pub fn rest(file: &str) -> Self {
        Self { file: Some(file.to_owned()), length: None, name: None, times: [None; 2] }
    }

    /// A file of which no more than perhaps the name was seen.
    #[must_use]
    pub fn unknown(name: Option<&str>) -> Self {
        Self { file: None, length: None, name: name.map(str::to_owned), times: [None; 2] }
    }

    /// The nearest sealed events on both sides.
    #[must_use]
    pub fn between(mut self, after: Option<Time>, before: Option<Time>) -> Self {
        self.times = [after, before];
        self
    }
}

/// The files of one chain in the order in which they stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(Vec<File>);

#[derive(Debug, Clone)]
struct File {
    label: String,
    name: String,
    id: FileId,
    /// All bytes so far; lost ones are zeros.
    content: Vec<u8>,
    /// End of the newest gap: an anchor can't cover what nobody has read.
    readable_from: usize,
    closed: bool,
}

/// Where a piece stands, once it is taken.
pub(crate) struct Taken {
    pub(crate) file: FileId,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) anchor: Anchor,
    pub(crate) name: FileName,
    pub(crate) before: Option<FileId>,
}

impl Files {
    /// Appends a piece to its file, which begins with it if the chain hasn't seen it yet.
    pub(crate) fn take(&mut self, piece: &Piece) -> Taken {
        let known = self.0.iter().any(|file| file.label == piece.file);
        let before = piece.before.as_deref().map(|label| self.get(label).id);
        if !known {
            self.begin(piece);
        }
        let file = self.get(&piece.file);
        let start = file.content.len() as u64;
        file.content.extend_from_slice(&piece.bytes);
        file.closed = piece.is_final;
        if let Some(name) = &piece.name {
            file.name.clone_from(name);
        }
        let end = file.content.len() as u64;
        let (file, anchor, name) = (file.id, file.anchor(), FileName::new(file.name.as_bytes()));
        Taken { file, start, end, anchor, name, before }
    }

    fn begin(&mut self, piece: &Piece) {
        let base = piece.bytes.iter().take_while(|byte| **byte == 0).count();
        let rest = &piece.bytes[base..];
        let first = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        assert!(
            first.len() < rest.len() || piece.is_final,
            "the first piece of {} has no complete line: the file has no identity yet",
            piece.file
        );
        let (hash, base) = (hash(first), base as u64);
        let twins = self.0.iter().filter(|file| (file.id.hash, file.id.base) == (hash, base));
        let copy = u32::try_from(twins.count()).expect("few files");
        let place = piece.before.as_ref().and_then(|before| self.place(before));
        let file = File {
            label: piece.file.clone(),
            name: piece.file.clone(),
            id: FileId { hash, base, copy },
            content: Vec::new(),
            readable_from: 0,
            closed: false,
        };
        self.0.insert(place.unwrap_or(self.0.len()), file);
    }

    /// Records a loss.
    pub(crate) fn lose(&mut self, lost: &Lost) -> Gap {
        let reason = Word::new("deleted").expect("a word");
        let [after, before] = lost.times;
        let mut gap = Gap {
            file: None,
            start: None,
            end: None,
            reason,
            after,
            before,
            name: lost.name.as_ref().map(|name| FileName::new(name.as_bytes())),
        };
        if let Some(label) = &lost.file {
            let file = self.get(label);
            let start = file.content.len();
            gap.file = Some(file.id);
            gap.start = Some(start as u64);
            gap.name.get_or_insert_with(|| FileName::new(file.name.as_bytes()));
            if let Some(length) = lost.length {
                let end = start + usize::try_from(length).expect("a small gap");
                gap.end = Some(end as u64);
                file.content.resize(end, 0);
                file.readable_from = end;
            } else {
                file.closed = true;
            }
        }
        gap
    }

    /// One cursor for each file that isn't final.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        let open = self.0.iter().filter(|file| !file.closed);
        open.map(|file| Cursor {
            file: file.id,
            offset: file.content.len() as u64,
            anchor: file.anchor(),
            name: FileName::new(file.name.as_bytes()),
        })
        .collect()
    }

    /// All files, one after the other.
    pub(crate) fn restored(&self) -> Vec<u8> {
        self.0.iter().flat_map(|file| file.content.iter().copied()).collect()
    }

    fn place(&self, label: &str) -> Option<usize> {
        self.0.iter().position(|file| file.label == label)
    }

    fn get(&mut self, label: &str) -> &mut File {
        let place = self.place(label);
        let file = place.and_then(|place| self.0.get_mut(place));
        file.unwrap_or_else(|| panic!("the chain has not begun a file {label}"))
    }
}

impl File {
    fn anchor(&self) -> Anchor {
        let end = self.content.len();
        hash(&self.content[end.saturating_sub(ANCHOR).max(self.readable_from)..])
    }
}
