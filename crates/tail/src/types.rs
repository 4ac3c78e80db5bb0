//! What the follower is told, and what it tells.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use auditseal_format::{Anchor, FileId};

use crate::content::{Content, ReadError};
use crate::disk::{DiskFile, Refusal};
use crate::gap::Gap;

/// How far a file had been taken, from the notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The file.
    pub file: FileId,
    /// Bytes of it that notes account for.
    pub offset: u64,
    /// The anchor at `offset`.
    pub anchor: Anchor,
    /// Its base name then: a hint, for messages and for files that can't be read any more.
    pub name: OsString,
}

/// All that the notes say about the source's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Files begun and not final.
    pub cursors: Vec<Known>,
    /// Every final range of every file, `offset` being its end. A file may come several times (a
    /// late append makes it final again): each end lets a shorter compressed copy be recognised,
    /// so leave none out.
    pub finals: Vec<Known>,
}

/// How far a file has been taken, for a note's `cursor` lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The file.
    pub file: FileId,
    /// End of the last take handed out.
    pub offset: u64,
    /// The anchor at `offset`.
    pub anchor: Anchor,
    /// Its base name now, or the last known.
    pub name: OsString,
}

/// Follow a live source, or take what there is and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Wait for lines to be finished and for late writers.
    Follow,
    /// Take everything there is at once, unterminated tails included.
    Drain,
}

/// Files, bytes and attempts that a follower handles at a time. None of them decides what is
/// archived: what is beyond one of them waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors held. Further files are opened when the first ones are sealed.
    pub open: usize,
    /// Files begun and not final at which unfinished last lines of rotated files are no longer
    /// waited for: each such file takes a line in every note, and a note's length is bounded.
    pub begun: usize,
    /// Files that may be begun beyond these before new ones have to wait.
    pub begun_spare: usize,
    /// Finished files that are remembered, the newest ones, besides those whose backups are there:
    /// what was renamed otherwise, or is put back, is recognised and not taken again. 1,024 take
    /// about 200 kB, and are more than there are numbers in logrotate's names.
    pub finals: usize,
    /// Listings in one look of a directory that changes faster than it can be opened.
    pub relists: usize,
    /// Bytes that are read or decoded in one look to find out what a file is and where a long line
    /// ends.
    pub work: u64,
    /// Decoded bytes that are handed out at a time: until they are packed they are held in memory,
    /// twice while the decoder's buffer grows. Longer lines are decoded again by whoever packs them.
    pub piece: u64,
    /// Bytes of a hole from which on it is a take of its own.
    pub hole: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open: 256,
            begun: 96,
            begun_spare: 16,
            finals: FINALS_KEPT,
            relists: 6,
            work: 32 << 20,
            piece: 1 << 20,
            hole: 64 << 20,
        }
    }
}

/// [`Limits::finals`], unless said otherwise.
pub const FINALS_KEPT: usize = 1024;

/// Mode, limits and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Follow or drain.
    pub mode: Mode,
    /// How long, in milliseconds, an overlapping apiserver may still write to a rotated file.
    pub linger: u64,
    /// Most bytes of unlinked files kept from being freed: they are on etcd's disk.
    pub max_unlinked_bytes: u64,
    /// Bytes of that disk that stay free before any are kept, and at most a twentieth of it.
    pub min_free_bytes: u64,
    /// What is handled at a time.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Follow,
            linger: 135_000,
            max_unlinked_bytes: 1 << 30,
            min_free_bytes: 512 << 20,
            limits: Limits::default(),
        }
    }
}

/// One thing that was reported of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file was created under this name, or got it from elsewhere.
    Appeared(OsString),
    /// A file was renamed, within the directory.
    Renamed {
        /// The name that it lost.
        from: OsString,
        /// The name that it got.
        to: OsString,
    },
    /// The file of this name was deleted, or taken elsewhere.
    Removed(OsString),
}

/// What was reported of the directory since the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    /// In the order in which it happened.
    pub events: Vec<Notice>,
    /// Something happened to the directories' names, or to whose files they are: anything but a
    /// write. Otherwise a listing would show what the last one showed, but for the files' sizes.
    pub changed: bool,
    /// More may have happened.
    pub lost: bool,
}

/// Bytes to take from one file.
pub struct Take<F> {
    /// The file.
    pub file: FileId,
    /// Its base name now, or the last known.
    pub name: OsString,
    /// First byte.
    pub start: u64,
    /// Byte after the last; equal to `start` only when `final_`.
    pub end: u64,
    /// The anchor at `end`.
    pub anchor: Anchor,
    /// Nothing more is expected of the file. Should it grow yet, a further take follows.
    pub final_: bool,
    /// The last byte isn't `\n`.
    pub unterminated: bool,
    /// On a file's first take, when the file stands before one already begun: that one.
    pub before: Option<FileId>,
    /// Where the bytes are read.
    pub content: Arc<Content<F>>,
}

impl<F: DiskFile> Take<F> {
    /// Whether the bytes before `end` are still those the take was cut from.
    ///
    /// Ask *after* reading the payload: a truncation can't be undone, so a yes then means that
    /// every byte read before was of the file this take names. A no means that some may belong to
    /// the file that replaced it, and mustn't be sealed under this one's name. They are lost then:
    /// the follower goes on behind them, and never hands them out again.
    ///
    /// # Errors
    /// When the bytes can't be read.
    pub fn holds(&self) -> Result<bool, ReadError> {
        self.content.holds(self.end, &self.anchor)
    }
}

// By hand: a derived one would ask `F: Debug` of every disk.
impl<F> std::fmt::Debug for Take<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Take")
            .field("file", &self.file)
            .field("name", &self.name)
            .field("range", &(self.start..self.end))
            .field("final_", &self.final_)
            .field("unterminated", &self.unterminated)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

/// Something that couldn't be read in this look. The next look tries again.
#[derive(Debug)]
pub struct Problem {
    /// Base name of the file; empty for the directory itself.
    pub name: OsString,
    /// What was tried: `list`, `open`, `stat`, `read`, `inspect`.
    pub operation: &'static str,
    /// What the disk answered.
    pub error: io::Error,
}

/// Whether anything is left of what is known, and what it waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Left {
    /// Everything that is known of is taken.
    #[default]
    Nothing,
    /// Something can't be taken yet: time must pass, or the disk refuses.
    Later,
    /// What is left waits for descriptors, or for room, that sealing what was handed out frees.
    Sealing,
    /// There is more to do: look again at once.
    More,
}

/// What one look found.
pub struct Look<F> {
    /// Ranges to take, in rotation order.
    pub takes: Vec<Take<F>>,
    /// Losses. A gap stands after the takes of its file, of this look and of earlier ones.
    pub gaps: Vec<Gap>,
    /// What couldn't be read.
    pub problems: Vec<Problem>,
    /// Files that have a name of the log's and aren't opened, and why: each once, when it is seen
    /// first.
    pub refusals: Vec<(OsString, Refusal)>,
    /// What has the live file's name and isn't opened, and why: whenever a listing shows it.
    pub refused_live: Option<(OsString, Refusal)>,
    /// Compressed files that were taken to their ends and have bytes behind those, which are no part
    /// of them: each once, with the stored offset where these begin.
    pub ignored: Vec<(OsString, u64)>,
    /// Files that look like the log's and aren't taken, for their names mean nothing: each once.
    pub strangers: Vec<OsString>,
    /// There is more to do: look again at once.
    pub more: bool,
    /// Whether anything is left of what is known. A caller in [`Mode::Drain`] is done with
    /// [`Left::Nothing`], and with nothing else.
    pub left: Left,
}

impl<F> Default for Look<F> {
    fn default() -> Self {
        Self {
            takes: Vec::new(),
            gaps: Vec::new(),
            problems: Vec::new(),
            refusals: Vec::new(),
            refused_live: None,
            ignored: Vec::new(),
            strangers: Vec::new(),
            more: false,
            left: Left::Nothing,
        }
    }
}

impl<F> std::fmt::Debug for Look<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look")
            .field("takes", &self.takes)
            .field("gaps", &self.gaps)
            .field("problems", &self.problems)
            .field("refusals", &self.refusals)
            .field("refused_live", &self.refused_live)
            .field("ignored", &self.ignored)
            .field("strangers", &self.strangers)
            .field("more", &self.more)
            .field("left", &self.left)
            .finish()
    }
}

/// What is known and not taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes of plain files, incomplete lines included.
    pub bytes: u64,
    /// Bytes of compressed files, as stored, that have not been taken to their end.
    pub gzip_bytes: u64,
    /// Files with bytes to take.
    pub files: usize,
    /// The oldest such file's name.
    pub oldest: Option<OsString>,
    /// Descriptors held.
    pub open: usize,
    /// Files that wait for a descriptor.
    pub waiting: usize,
    /// Files that have a name of the log's and aren't opened.
    pub refused: usize,
    /// Milliseconds since when no live file is there; `None`: one is.
    pub absent: Option<u64>,
    /// The compressed file that has lain there for longest without its end, and for how many
    /// milliseconds: it is read when it is whole, or given up.
    pub unfinished: Option<(OsString, u64)>,
    /// Bytes of held files that are unlinked.
    pub unlinked_bytes: u64,
    /// Milliseconds until the oldest such file is deleted, if backups go on being deleted as they
    /// were so far; `None` before the first was.
    pub until_loss: Option<u64>,
}
