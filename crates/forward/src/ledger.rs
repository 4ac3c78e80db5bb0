//! What a sink has, on the disk: its [`Book`], its dead letters, and the file itself where the sink is one.
//!
//! Order of writing, which holds whenever the power goes:
//! 1. Lines and dead letters are appended, and the positions move in memory.
//! 2. A commit makes these files durable, and then replaces the book in one step.
//! 3. At a start, both files are cut to what the book says. What was behind is handed over again.
//!
//! A file that somebody has renamed meanwhile is known by its inode, and cut where it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use auditseal_delivery::{Book, BookError, Reached, WrittenFile};
use auditseal_format::{Origin, hash};

use crate::disk::Disk;

/// Bytes by which a file is known again.
const ANCHOR: u64 = 4096;
/// Bytes that are copied at a time.
const PIECE: u64 = 1 << 20;
/// Files beside a sink's file that hold what stood behind one place in it.
const ASIDE: u64 = 100;

/// Why a ledger can't be opened or written.
#[derive(Debug)]
pub enum LedgerError {
    /// A file operation failed.
    Io(&'static str, PathBuf, io::Error),
    /// The book can't be read.
    Book(PathBuf, BookError),
    /// The book is another sink's.
    OtherSink(PathBuf, String),
    /// The file isn't the one that was written.
    Foreign(PathBuf, &'static str),
    /// What was written can't be made durable, and nobody knows what of it is there.
    Lost(PathBuf, Option<io::Error>),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, path, error) if is_full(error) => {
                write!(f, "{what} {}: its disk is full ({error})", path.display())
            }
            Self::Io(what, path, error) => write!(f, "{what} {}: {error}", path.display()),
            Self::Book(path, error) => write!(f, "read positions {}: {error}", path.display()),
            Self::OtherSink(path, sink) => {
                write!(f, "read positions {}: they are of {sink}", path.display())
            }
            Self::Foreign(path, why) => write!(f, "go on in {}: {why}", path.display()),
            Self::Lost(path, error) => {
                let why = match error {
                    Some(error) if is_full(error) => format!("its disk is full ({error})"),
                    Some(error) if error.kind() == io::ErrorKind::NotFound => {
                        "somebody took it away before that".to_owned()
                    }
                    Some(error) => error.to_string(),
                    None => "its disk may have lost something of it".to_owned(),
                };
                write!(f, "make durable what was written to {}: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, _, error) | Self::Lost(_, Some(error)) => Some(error),
            Self::Book(_, error) => Some(error),
            Self::OtherSink(..) | Self::Foreign(..) | Self::Lost(_, None) => None,
        }
    }
}

/// No room, or none for this user.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl LedgerError {
    /// Whether it may pass by itself: a disk that is full gets room again.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Io(..) | Self::Lost(..))
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io(..) | Self::Lost(..) => {
                Some("--forward-state names a folder that this user may write, on a disk with room")
            }
            Self::Book(..) => {
                Some("without its file of positions a sink is handed everything once more")
            }
            Self::OtherSink(..) => {
                Some("give each sink a name of its own: ?name=NAME behind its URL")
            }
            Self::Foreign(..) => Some(
                "nobody else may write to the file; move it away and remove the sink's positions to have all of it written anew",
            ),
        }
    }
}

/// Where a ledger's files are.
#[derive(Debug, Clone)]
pub(crate) struct LedgerPaths {
    /// The folder of books and dead letters.
    pub(crate) folder: PathBuf,
    /// What the sink is called.
    pub(crate) name: String,
    /// The file that lines are written to, where the sink is one.
    pub(crate) file: Option<PathBuf>,
}

impl LedgerPaths {
    fn book(&self) -> PathBuf {
        self.folder.join(format!("{}.positions", self.name))
    }

    pub(crate) fn refused(&self) -> PathBuf {
        self.folder.join(format!("{}.refused.jsonl", self.name))
    }
}

/// The ledger of one sink. Its operations block.
#[derive(Debug)]
pub(crate) struct Ledger {
    disk: Box<dyn Disk>,
    paths: LedgerPaths,
    book: Book,
    /// The last bytes of the file.
    tail: Vec<u8>,
    /// What couldn't be written whole: some of it may stand in the file.
    failed: Vec<u8>,
    /// How often something was settled, and how much of it is durable.
    settled: u64,
    durable: u64,
    /// What must be durable before the book may say so.
    unsynced: (bool, bool),
    /// The book doesn't say yet that somebody writes to the file.
    unopened: bool,
    /// The file of which the disk lost something that was written to it.
    lost: Option<(PathBuf, io::ErrorKind)>,
}

impl Ledger {
    /// Opens the ledger of a sink, and cuts its files to what it says.
    pub(crate) fn open(
        disk: Box<dyn Disk>,
        paths: LedgerPaths,
        sink: &str,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self {
            disk,
            paths,
            book: Book::new(sink),
            tail: Vec::new(),
            failed: Vec::new(),
            settled: 0,
            durable: 0,
            unsynced: (false, false),
            unopened: false,
            lost: None,
        };
        ledger.load()?;
        Ok(ledger)
    }

    /// Goes back to what is durable, and cuts the files to that.
    pub(crate) fn load(&mut self) -> Result<(), LedgerError> {
        let book = self.read_book()?;
        let new = book.is_none();
        self.book = book.unwrap_or_else(|| Book::new(&self.book.sink));
        (self.tail, self.failed) = (Vec::new(), Vec::new());
        self.cut_refused()?;
        self.cut_renamed()?;
        self.cut_file(new)?;
        (self.durable, self.unsynced, self.lost) = (self.settled, (false, false), None);
        // Before anything is written to the file: else nobody would know whose its first lines are, or which file they
        // are in. Where the state's disk is full, this waits with the first line.
        self.unopened = new || self.paths.file.is_some();
        match self.commit() {
            Err(error) if new => Err(error),
            _ => Ok(()),
        }
    }

    fn read_book(&self) -> Result<Option<Book>, LedgerError> {
        let path = self.paths.book();
        let failed = |error| LedgerError::Io("read positions", path.clone(), error);
        let Some(size) = self.disk.size(&path).map_err(failed)? else { return Ok(None) };
        let text = self.disk.read(&path, 0, size).map_err(failed)?;
        let text = String::from_utf8_lossy(&text);
        let book: Book = text.parse().map_err(|error| LedgerError::Book(path.clone(), error))?;
        if book.sink == self.book.sink {
            Ok(Some(book))
        } else {
            Err(LedgerError::OtherSink(path, book.sink))
        }
    }

    fn cut_refused(&mut self) -> Result<(), LedgerError> {
        let path = self.paths.refused();
        let failed = |error| LedgerError::Io("cut", path.clone(), error);
        let size = self.disk.size(&path).map_err(failed)?.unwrap_or(0);
        if size < self.book.refused {
            // Somebody read it and took it away: what is refused from now on stands at its begin.
            self.book.refused = size;
        } else if size > self.book.refused {
            self.disk.cut(&path, self.book.refused).map_err(failed)?;
        }
        Ok(())
    }

    /// Cuts the file that was written to, where it was renamed after a crash: what stands behind our lines there is
    /// written again, to another file.
    fn cut_renamed(&mut self) -> Result<(), LedgerError> {
        let Some(path) = self.paths.file.clone() else { return Ok(()) };
        let WrittenFile { bytes, anchor, inode } = self.book.written;
        let failed = |error| LedgerError::Io("look for the file that was", path.clone(), error);
        let Some(inode) = inode else { return self.tell_grown(&path).map_err(failed) };
        if self.disk.inode(&path).map_err(failed)? == Some(inode) {
            return Ok(());
        }
        if let Some(renamed) = self.disk.beside(&path, inode).map_err(failed)? {
            let failed = |error| LedgerError::Io("go on behind", renamed.clone(), error);
            let size = self.disk.size(&renamed).map_err(failed)?.unwrap_or(0);
            let from = bytes.saturating_sub(ANCHOR);
            let tail = self.disk.read(&renamed, from, bytes).map_err(failed)?;
            let ours = size >= bytes && anchor == (!tail.is_empty()).then(|| hash(&tail));
            // Of a file without an anchor nobody knows whose it is.
            if ours && size > bytes && anchor.is_some() {
                self.set_aside(&renamed, bytes, size).map_err(failed)?;
                self.disk.cut(&renamed, bytes).map_err(failed)?;
                self.disk.sync(&renamed).map_err(failed)?;
            }
            if ours && (size == bytes || anchor.is_some()) {
                return Ok(());
            }
        }
        tracing::warn!(
            "{} isn't the file that was written to, and that one isn't found beside it: what was written behind its first {bytes} bytes is written again, and is there twice",
            path.display()
        );
        Ok(())
    }

    /// Says so if a file that was renamed after an orderly stop has more in it than it had then.
    fn tell_grown(&self, path: &Path) -> io::Result<()> {
        if let Some((other, more)) = self.grown(path)? {
            tracing::warn!(
                "{} has {more} bytes behind what is known to be handed over: these positions are older than it, and what stands there is written again to {}, and is there twice",
                other.display(),
                path.display()
            );
        }
        Ok(())
    }

    /// The file that was renamed, if it has more in it than it had after an orderly stop, and how much: it was written
    /// to since, and what is known of it is older, as after a state was restored.
    fn grown(&self, path: &Path) -> io::Result<Option<(PathBuf, u64)>> {
        let WrittenFile { bytes, anchor, .. } = self.book.written;
        if anchor.is_none() || self.disk.size(path)?.unwrap_or(0) > 0 {
            return Ok(None);
        }
        for other in self.disk.alike(path)? {
            let more = self.disk.size(&other)?.unwrap_or(0).saturating_sub(bytes);
            if more == 0 {
                continue;
            }
            let tail = self.disk.read(&other, bytes.saturating_sub(ANCHOR), bytes)?;
            if anchor == Some(hash(&tail)) {
                return Ok(Some((other, more)));
            }
        }
        Ok(None)
    }

    fn cut_file(&mut self, new: bool) -> Result<(), LedgerError> {
        let Some(path) = self.paths.file.clone() else { return Ok(()) };
        let failed = |error| LedgerError::Io("go on in", path.clone(), error);
        let foreign = |why| Err(LedgerError::Foreign(path.clone(), why));
        let WrittenFile { bytes, anchor, .. } = self.book.written;
        let Some(size) = self.disk.size(&path).map_err(failed)? else {
            // It was rotated away, or is new.
            self.book.written = WrittenFile::default();
            return Ok(());
        };
        if new && size > 0 {
            return foreign("it has something in it that was not handed over by us");
        }
        if size == 0 {
            // It was rotated away, and whoever did so made a new one.
            self.book.written = WrittenFile::default();
            return Ok(());
        }
        if size < bytes {
            return foreign("it is shorter than what was written to it");
        }
        self.tail = self.disk.read(&path, bytes.saturating_sub(ANCHOR), bytes).map_err(failed)?;
        if anchor != self.anchor() {
            return foreign("it has other bytes than what was written to it");
        }
        if size > bytes {
            self.set_aside(&path, bytes, size).map_err(failed)?;
            self.disk.cut(&path, bytes).map_err(failed)?;
        }
        Ok(())
    }

    /// Copies what stands behind our lines to a file beside, durably: it may be what we wrote last before a crash, and
    /// is handed over again then, or somebody else's.
    fn set_aside(&mut self, path: &Path, from: u64, to: u64) -> io::Result<()> {
        for nth in 0..ASIDE {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".behind-{from}"));
            if nth > 0 {
                name.push(format!(".{nth}"));
            }
            let aside = PathBuf::from(name);
            let there = self.disk.size(&aside)?.unwrap_or(0);
            if !self.begins_alike(path, from, &aside, there)? || there > to - from {
                continue;
            }
            let mut at = there;
            while from + at < to {
                let piece = self.disk.read(path, from + at, to.min(from + at + PIECE))?;
                self.disk.write_at(&aside, at, &piece)?;
                at += piece.len() as u64;
            }
            self.disk.sync(&aside)?;
            self.disk.sync_names(path.parent().unwrap_or(Path::new("/")))?;
            tracing::warn!(
                "{} had {} bytes behind what is known to be handed over: they are in {} now, and what of them was ours is written again",
                path.display(),
                to - from,
                aside.display()
            );
            return Ok(());
        }
        Err(io::Error::other("too many files with .behind- in their names stand beside it"))
    }

    /// Whether a file is the beginning of what stands at a place in another: a copy that wasn't finished, say.
    fn begins_alike(&self, path: &Path, from: u64, aside: &Path, there: u64) -> io::Result<bool> {
        let mut at = 0;
        while at < there {
            let next = there.min(at + PIECE);
            if self.disk.read(aside, at, next)? != self.disk.read(path, from + at, from + next)? {
                return Ok(false);
            }
            at = next;
        }
        Ok(true)
    }

    fn anchor(&self) -> Option<auditseal_format::Hash> {
        (!self.tail.is_empty()).then(|| hash(&self.tail))
    }

    /// How far a chain is handed over.
    pub(crate) fn reached(&self, origin: &Origin) -> Option<Reached> {
        self.book.chains.get(origin).copied()
    }

    /// Writes what came of a parcel: its lines to the file, its dead letters, and how far the chain is handed over. All of
    /// it counts or, after an error, none, and the same is written again. What it returns is durable once
    /// [`Ledger::commit_to`] it was.
    pub(crate) fn settle(
        &mut self,
        origin: &Origin,
        reached: Reached,
        (text, letters): (&[u8], &[u8]),
    ) -> Result<u64, LedgerError> {
        if self.unopened && !text.is_empty() {
            self.put(true)?;
        }
        self.is_whole()?;
        self.find_files()?;
        let begun = (self.book.written, self.book.refused, self.tail.clone());
        if let Err(error) = self.append(text).and_then(|()| self.refuse(letters)) {
            (self.book.written, self.book.refused, self.tail) = begun;
            self.failed = text.to_vec();
            // Else a part of a line stands there for as long as nothing can be written. What can't be cut now is cut
            // before the next write, or at the next start.
            drop(self.find_files());
            return Err(error);
        }
        self.failed = Vec::new();
        self.book.chains.insert(origin.clone(), reached);
        self.settled += 1;
        if begun.0.bytes == 0 && !text.is_empty() {
            // A file without an anchor isn't known again. What can't be written now, the next commit tells.
            drop(self.commit());
        }
        Ok(self.settled)
    }

    /// Writes dead letters of a parcel that isn't handed over yet. After a restart it is handed over again, and they
    /// are written again.
    pub(crate) fn keep_letters(&mut self, letters: &[u8]) -> Result<u64, LedgerError> {
        self.is_whole()?;
        self.find_files()?;
        self.refuse(letters)?;
        self.settled += 1;
        Ok(self.settled)
    }

    /// After a sync that failed the system may call durable what it has lost: nothing goes on before [`Ledger::load`].
    fn is_whole(&self) -> Result<(), LedgerError> {
        let lost = self.lost.clone().map(|(path, kind)| {
            // Of all others nobody knows what a disk did with it.
            LedgerError::Lost(
                path,
                Some(kind).filter(|kind| *kind == io::ErrorKind::NotFound).map(Into::into),
            )
        });
        lost.map_or(Ok(()), Err)
    }

    /// Whether nothing goes on before it is loaded again.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    fn sync(&mut self, path: &Path) -> Result<(), LedgerError> {
        self.disk.sync(path).map_err(|error| {
            self.lost = Some((path.to_owned(), error.kind()));
            LedgerError::Lost(path.to_owned(), Some(error))
        })
    }

    /// Makes durable what was written to the sink's file, where it is now: somebody may have renamed it since.
    fn sync_file(&mut self, path: &Path) -> Result<(), LedgerError> {
        let failed = |error| LedgerError::Io("look for", path.to_owned(), error);
        let inode = self.book.written.inode;
        if self.disk.size(path).map_err(failed)?.is_none()
            && let Some(inode) = inode
            && let Some(renamed) = self.disk.beside(path, inode).map_err(failed)?
        {
            return self.sync(&renamed);
        }
        self.sync(path)
    }

    /// Takes note of files that somebody took away, and cuts what a write that failed left behind.
    fn find_files(&mut self) -> Result<(), LedgerError> {
        if let Some(path) = self.paths.file.clone() {
            let failed = |error| LedgerError::Io("write", path.clone(), error);
            let bytes = self.book.written.bytes;
            match self.disk.size(&path).map_err(failed)? {
                Some(size) if size < bytes => {
                    let why = "it is shorter than what was written to it";
                    return Err(LedgerError::Foreign(path, why));
                }
                Some(size) if size > bytes => {
                    let behind = self.disk.read(&path, bytes, size).map_err(failed)?;
                    if !self.failed.starts_with(&behind) {
                        let why = "somebody else has written to it";
                        return Err(LedgerError::Foreign(path, why));
                    }
                    self.disk.cut(&path, bytes).map_err(failed)?;
                }
                Some(_) => {}
                None => self.let_go(&path)?,
            }
        }
        self.cut_refused()
    }

    /// Ends a file that somebody renamed while it was written to, before another is begun in its place.
    fn let_go(&mut self, path: &Path) -> Result<(), LedgerError> {
        if self.book.written == WrittenFile::default() {
            return Ok(());
        }
        let failed = |error| LedgerError::Io("end", path.to_owned(), error);
        let renamed = match self.book.written.inode.filter(|_| self.unsynced.0) {
            Some(inode) => self.disk.beside(path, inode).map_err(failed)?,
            None => None,
        };
        if let Some(renamed) = renamed {
            self.sync(&renamed)?;
        }
        self.disk.sync_names(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
        (self.book.written, self.tail) = (WrittenFile::default(), Vec::new());
        self.unsynced.0 = false;
        self.put(true)
    }

    /// Appends lines to the file.
    fn append(&mut self, text: &[u8]) -> Result<(), LedgerError> {
        let Some(path) = self.paths.file.clone().filter(|_| !text.is_empty()) else {
            return Ok(());
        };
        self.unsynced.0 = true;
        let at = self.book.written.bytes;
        self.disk
            .write_at(&path, at, text)
            .map_err(|error| LedgerError::Io("write", path, error))?;
        self.book.written.bytes += text.len() as u64;
        let keep = usize::try_from(ANCHOR).unwrap_or(usize::MAX);
        self.tail.extend_from_slice(&text[text.len().saturating_sub(keep)..]);
        let over = self.tail.len().saturating_sub(keep);
        self.tail.drain(..over);
        self.book.written.anchor = self.anchor();
        Ok(())
    }

    /// Appends dead letters.
    fn refuse(&mut self, letters: &[u8]) -> Result<(), LedgerError> {
        if letters.is_empty() {
            return Ok(());
        }
        let path = self.paths.refused();
        self.unsynced.1 = true;
        let written = self.disk.write_at(&path, self.book.refused, letters);
        written.map_err(|error| LedgerError::Io("write", path, error))?;
        self.book.refused += letters.len() as u64;
        Ok(())
    }

    /// Makes durable what was settled up to there, unless it is.
    pub(crate) fn commit_to(&mut self, settled: u64) -> Result<(), LedgerError> {
        if self.durable >= settled { Ok(()) } else { self.commit() }
    }

    /// Makes all of it durable.
    pub(crate) fn commit(&mut self) -> Result<(), LedgerError> {
        let all = self.durable == self.settled && !self.unopened;
        if all { Ok(()) } else { self.put(true) }
    }

    /// Makes all of it durable, and says that the file is written to no more: whoever renames it then has it whole.
    pub(crate) fn close(&mut self) -> Result<(), LedgerError> {
        if self.paths.file.is_some() { self.put(false) } else { self.commit() }
    }

    /// Makes the files durable, and replaces the book.
    fn put(&mut self, open: bool) -> Result<(), LedgerError> {
        self.is_whole()?;
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |error| LedgerError::Io(what, path, error)
        };
        if let (true, Some(path)) = (self.unsynced.0, self.paths.file.clone()) {
            self.sync_file(&path)?;
            let folder = path.parent().unwrap_or(Path::new("/"));
            self.disk.sync_names(folder).map_err(io("sync", folder))?;
        }
        if let Some(path) = &self.paths.file {
            let inode = self.disk.inode(path).map_err(io("look at", path))?;
            self.book.written.inode = inode.filter(|_| open);
        }
        let refused = self.paths.refused();
        // Unless somebody has taken it away since it was written.
        if self.unsynced.1 && self.disk.size(&refused).map_err(io("sync", &refused))?.is_some() {
            self.sync(&refused)?;
        }
        let (path, next) =
            (self.paths.book(), self.paths.folder.join(format!("{}.next", self.paths.name)));
        let text = self.book.to_string();
        if self.disk.size(&next).map_err(io("write", &next))?.is_some() {
            self.disk.cut(&next, 0).map_err(io("write", &next))?;
        }
        self.disk.write_at(&next, 0, text.as_bytes()).map_err(io("write", &next))?;
        self.disk.sync(&next).map_err(io("sync", &next))?;
        self.disk.rename(&next, &path).map_err(io("write", &path))?;
        self.disk.sync_names(&self.paths.folder).map_err(io("sync", &self.paths.folder))?;
        self.durable = self.settled;
        self.unsynced = (false, false);
        self.unopened = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
