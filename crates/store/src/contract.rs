//! What auditseal asks of an object store.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, Kind, Operation};
use crate::facts::Facts;
use crate::listing;
use crate::lock::Lock;
use crate::object::{Bookmark, Fetched, ObjectInfo, Part, Stored, Version};

/// In what a server differs from the cloud whose dialect it speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks {
    /// It says that it lists no versions (R2 and Garage do). What [`Store::versions`] gives is then
    /// each object's latest, and whether anything was put over or hidden isn't told. A directory has
    /// no others to list.
    pub latest_only: bool,
    /// It takes no put without `Content-MD5`, whatever other checksum there is.
    pub wants_md5: bool,
}

/// An object that is a file here, open: whoever reads it where it lies holds a piece of it in memory,
/// on one thread, instead of all of it.
pub trait ObjectFile: Send + Sync + std::fmt::Debug {
    /// Its size when it was opened, bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with the object's bytes from `offset` on. Blocks.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when it has fewer; else what the file system said.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error>;
}

/// What is said of marks by a store that keeps none.
const NO_MARKS: &str = "this store keeps no marks";

/// The bytes of a stream, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// An object store as auditseal uses it: objects are put once, read and listed, never changed. Beside
/// their bytes, a version may be marked as one that may go.
///
/// Keys are relative to the prefix of the store's URL, with `/` between segments. Reads take the id
/// of a version as [`Store::versions`] lists it, or none for the latest; a store that has no
/// versions refuses any id. The answer to an id is that version, checked, or an error.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Puts an object at a key that must be free.
    ///
    /// # Errors
    /// Every error is a *doubt*: the object may be there or not. Nothing but reading it back
    /// settles it; `AlreadyExists` isn't excepted (a retry inside the store's own front end
    /// answers so to the first writer).
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error>;

    /// Reads a whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// `Kind::NotFound` when the *store* says that the object is absent; `Kind::TooLarge` when it
    /// is larger than `limit` (nothing was buffered beyond that); `Kind::WrongVersion` when the
    /// store answered with another version than the one asked for; `Kind::Archived` when it must be
    /// restored first; anything else is no answer.
    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error>;

    /// Reads the last `length` bytes of an object, or all of it when it is shorter.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error>;

    /// Reads the bytes of a range that begins in the object; fewer where the object ends before the range does.
    ///
    /// # Errors
    /// As [`Store::get`]. A range that begins at the object's end or behind it may be an error of any kind, or empty.
    async fn range(
        &self,
        key: &str,
        version: Option<&str>,
        range: Range<u64>,
    ) -> Result<Fetched, Error> {
        let (info, mut pieces) = self.stream(key, version).await?;
        let (mut bytes, mut at) = (BytesMut::new(), 0_u64);
        while at < range.end
            && let Some(piece) = pieces.next().await
        {
            let piece = piece?;
            let inside = |end: u64| end.saturating_sub(at).min(piece.len() as u64) as usize;
            bytes.extend_from_slice(&piece[inside(range.start)..inside(range.end)]);
            at += piece.len() as u64;
        }
        Ok(Fetched { info, bytes: bytes.freeze() })
    }

    /// Reads an object from its start in pieces.
    ///
    /// # Errors
    /// As [`Store::get`]; a piece's error ends the stream.
    async fn stream(&self, key: &str, version: Option<&str>)
    -> Result<(ObjectInfo, Pieces), Error>;

    /// Opens an object that is a file here, to be read where it lies. `None` where objects come
    /// over a network: [`Store::get`] and [`Store::stream`] read those.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn file(&self, key: &str) -> Result<Option<Box<dyn ObjectFile>>, Error> {
        let _ = key;
        Ok(None)
    }

    /// Lists the objects below `prefix` (whole segments, `""` for all), in no particular order.
    ///
    /// A failed listing yields an error and ends: it is never taken for an empty one. Keys that
    /// [`Store::put_new`] would refuse (`a//b`) are somebody else's, and listed as they are.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>>;

    /// Lists the folders whose paths begin with `start`, which may end within a name: `cluster=`,
    /// `a/b/date=2026`. A folder is what of a key comes before the next `/`; each is listed once. One
    /// whose objects are all hidden is listed as well: what lies in it can be read by its versions.
    ///
    /// As [`Store::list`] otherwise.
    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        let parent = start.rsplit_once('/').map_or("", |(parent, _)| parent);
        listing::fold(self.versions(parent).map_ok(|version| version.key).boxed(), start)
    }

    /// Lists every version and every delete marker below `prefix`, in no particular order; in a
    /// store without versions each object once, as its latest and with no id.
    ///
    /// As [`Store::list`] otherwise.
    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>>;

    /// The same in parts, behind a bookmark that this listing gave once: so a listing that failed
    /// goes on where it was. A store that gives no bookmarks begins from the start.
    ///
    /// As [`Store::list`] otherwise. A bookmark that the store doesn't take any more is an error.
    fn parts(
        &self,
        prefix: &str,
        from: Option<&Bookmark>,
    ) -> BoxStream<'static, Result<Part, Error>> {
        let _ = from;
        listing::in_parts(self.versions(prefix))
    }

    /// Says what protects a version of an object from being changed and deleted.
    ///
    /// # Errors
    /// As [`Store::get`]. Not being allowed to know is `Kind::Denied`, never [`Lock::NONE`].
    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error>;

    /// Marks one version of an object: what it holds is in a pack, and it may go. What a bucket's
    /// lifecycle deletes, it selects by this mark; a lock holds all the same until it ends. The bytes
    /// stay as they are, and so do other tags of the version.
    ///
    /// Whoever marks vouches for the pack: that it is stored, locked and attested. Marking twice is
    /// marking once. Without an id it is the latest version, which somebody may have put over the true
    /// one: a store that lists ids wants them here.
    ///
    /// # Errors
    /// As [`Store::get`]; beside that [`Kind::Unsupported`] where the store keeps no marks, on any
    /// object (a directory; a server that speaks only a part of S3), and [`Kind::Invalid`] for what
    /// [`check_markable`](crate::check_markable) refuses, a chain's genesis. Where nothing is said
    /// whether it took effect, mark it again.
    async fn mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        let _ = version;
        Err(Error::new(Operation::Mark, key, Kind::Unsupported, NO_MARKS))
    }

    /// Whether a version of an object is marked as one that may go.
    ///
    /// # Errors
    /// As [`Store::get`]; beside that [`Kind::Unsupported`] where the store keeps no marks. Not being
    /// allowed to know is [`Kind::Denied`], never "no".
    async fn marked(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        let _ = version;
        Err(Error::new(Operation::Marked, key, Kind::Unsupported, NO_MARKS))
    }

    /// The longest that a [`Store::put_new`] may be under way, whoever began it: what was sent before
    /// has arrived by then, or never will. Zero where nothing outlives its process.
    fn allowance(&self) -> Duration {
        Duration::ZERO
    }

    /// What the server has shown so far that it does otherwise than its cloud.
    fn quirks(&self) -> Quirks {
        Quirks::default()
    }

    /// The server that is asked instead of the cloud's own, by an option or by the environment.
    fn endpoint(&self) -> Option<String> {
        None
    }

    /// Reads how the bucket is set up, and changes nothing: each setting, or why it isn't known.
    async fn facts(&self) -> Facts {
        let why = "this store has no settings to read";
        Facts::unknown(&Error::new(Operation::Facts, &format!("{self:?}"), Kind::Invalid, why))
    }
}
