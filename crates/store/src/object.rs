//! What a store says of an object, and of a part of a listing.

use bytes::Bytes;

/// What a store says about a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The key, relative to the prefix that the store was opened with.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The store's own date of the object, microseconds since the Unix epoch.
    pub modified: i64,
    /// The version id, where the store has versions.
    pub version: Option<String>,
}

/// The answer to a [`Store::put_new`](crate::Store::put_new) that the store accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The version id, where the store has versions.
    pub version: Option<String>,
}

/// An object's bytes, or its last part, together with what the store says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the store says of the object; `size` is that of the whole object.
    pub info: ObjectInfo,
    /// The bytes asked for.
    pub bytes: Bytes,
}

/// A version of an object as listed, or a marker that hides the versions before it.
///
/// A key is *hidden* when its latest entry is a marker, or when no entry of it is the latest: S3
/// and the like leave a marker where an object was deleted by its key, Google and Azure none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The key, relative to the prefix that the store was opened with.
    pub key: String,
    /// The id to read this version by; none where the store has no versions. In a bucket of S3 that
    /// never kept any it is `null`.
    pub id: Option<String>,
    /// Size in bytes; 0 for a marker.
    pub size: u64,
    /// The store's own date of the version, microseconds since the Unix epoch.
    pub modified: i64,
    /// Whether a reader who names no version gets this one, or is told "absent" by this marker.
    pub latest: bool,
    /// Whether it is a delete marker: it has no bytes.
    pub marker: bool,
    /// Whether it lies in an archive tier, from which it must be restored before it can be read, as
    /// far as a listing tells: one that has been restored may still say so.
    pub archived: bool,
}

impl Version {
    /// Something that stands at `name` and is no object: what is listed of it is a name that no object
    /// has, in which it is said in words what it is.
    #[must_use]
    pub fn no_object(name: &str, what: &str) -> Self {
        let key = format!("{name} ({what})");
        Self { key, id: None, size: 0, modified: 0, latest: true, marker: false, archived: false }
    }

    /// What it is in words, if it is no object and stands at `name`, where none can be put.
    #[must_use]
    pub fn in_the_way_of(&self, name: &str) -> Option<&str> {
        self.key.strip_prefix(name)?.strip_prefix(" (")?.strip_suffix(')')
    }
}

/// Where a listing goes on, as the store named it: good for the listing that gave it, as long as the
/// store takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark(Vec<(&'static str, String)>);

impl Bookmark {
    /// The place that these parameters of a request name.
    #[must_use]
    pub fn at(query: Vec<(&'static str, String)>) -> Self {
        Self(query)
    }

    /// The parameters of [`Bookmark::at`].
    #[must_use]
    pub fn query(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// Behind this key: for stores that list in the order of keys, and name no places themselves.
    #[must_use]
    pub fn behind(key: &str) -> Self {
        Self(vec![("start-after", key.to_owned())])
    }

    /// The key of [`Bookmark::behind`].
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == "start-after").map(|(_, key)| key.as_str())
    }
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Versions and markers.
    pub versions: Vec<Version>,
    /// Where the listing goes on behind them, after an error as well; `None`: it can be begun from
    /// its start only, or this is its end.
    pub behind: Option<Bookmark>,
}
