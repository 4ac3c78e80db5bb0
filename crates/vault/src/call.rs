//! One operation on one key: where the objects lie, and what an error says of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::client::HttpError;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta};

use crate::directory::Directory;
use crate::location::Location;
use crate::pace::{Pace, Patience};
use crate::request::Cloud;
use crate::translate;
use auditseal_store::{Error, Kind, ObjectInfo, Operation};

/// What the objects lie in.
#[derive(Debug, Clone)]
pub(crate) enum Home {
    /// A directory, whose absence the file system reports like that of an object.
    Directory(Arc<Directory>),
    /// A cloud's bucket.
    Cloud(Arc<Cloud>),
}

/// Where a store's objects lie, and how long one waits for them.
#[derive(Clone)]
pub(crate) struct Base {
    home: Home,
    location: Location,
    pace: Pace,
}

impl Base {
    pub(crate) fn new(home: Home, location: Location, pace: Pace) -> Self {
        Self { home, location, pace }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The store's URL, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.location.shown
    }

    /// The longest that a put may be under way.
    pub(crate) fn longest(&self) -> Duration {
        self.pace.longest()
    }

    pub(crate) fn call(&self, operation: Operation, key: &str) -> Call {
        let target = if key.is_empty() {
            self.location.shown.clone()
        } else {
            format!("{}/{key}", self.location.shown)
        };
        Call { base: self.clone(), operation, target }
    }

    /// What stands below the store's prefix, or begins there.
    pub(crate) fn below(&self, key: &str) -> String {
        match (self.location.prefix.as_str(), key) {
            ("", key) => key.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        }
    }

    /// The whole path of a key, or of a prefix that may be empty.
    pub(crate) fn path(&self, call: &Call, key: &str) -> Result<Path, Error> {
        Path::parse(self.below(key)).map_err(|error| call.error(Kind::Invalid, &error.to_string()))
    }

    pub(crate) fn object_path(&self, call: &Call, key: &str) -> Result<Path, Error> {
        auditseal_store::check_key(key).map_err(|why| call.error(Kind::Invalid, why))?;
        self.path(call, key)
    }

    /// The key of a path below this store's prefix; of any other the path.
    pub(crate) fn key<'a>(&self, path: &'a str) -> &'a str {
        let below = match self.location.prefix.as_str() {
            "" => None,
            prefix => path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')),
        };
        below.unwrap_or(path)
    }

    pub(crate) fn info(&self, meta: ObjectMeta) -> ObjectInfo {
        let path = meta.location.as_ref();
        ObjectInfo {
            key: self.key(path).to_owned(),
            size: meta.size,
            modified: meta.last_modified.timestamp_micros(),
            version: meta.version,
        }
    }

    /// An absent directory must not pass for absent objects, nor be created by a put: an unmounted
    /// archive would look empty, and a new one would begin beside it. Nor must what lies below the mount
    /// point of its file system pass for it.
    pub(crate) fn check_root(&self, call: &Call) -> Result<(), Error> {
        let Home::Directory(at) = &self.home else { return Ok(()) };
        if let Some(point) = at.unmounted() {
            let point = point.display();
            let why = format!("nothing is mounted at {point}, which /etc/fstab names");
            return Err(call.error(Kind::Unavailable, &why).with_hint(
                "mount it; or, if it is no mount point any more, take it out of /etc/fstab",
            ));
        }
        if !at.root.is_dir() {
            return Err(call
                .error(Kind::NoBucket, "the directory doesn't exist")
                .with_hint("is its file system mounted?"));
        }
        Ok(())
    }
}

/// One operation on one key: what an error says of it.
#[derive(Clone)]
pub(crate) struct Call {
    base: Base,
    operation: Operation,
    target: String,
}

impl Call {
    /// Where the objects lie.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// How long a reader waits for the bytes of an object.
    pub(crate) fn patience(&self) -> Patience {
        self.base.pace.reader()
    }

    pub(crate) fn error(&self, kind: Kind, why: &str) -> Error {
        Error::new(self.operation, &self.target, kind, why)
    }

    /// The error of one of our own requests.
    pub(crate) fn http(&self, error: &HttpError) -> Error {
        translate::http(self.operation, &self.target, error)
    }

    /// Demands that what the store says it returned is what was asked for.
    pub(crate) fn check_version(
        &self,
        asked: Option<&str>,
        returned: Option<&str>,
    ) -> Result<(), Error> {
        let returned = returned.filter(|id| !id.is_empty());
        match asked {
            None => Ok(()),
            Some(id) if returned == Some(id) => Ok(()),
            // What S3 lists so where versions were never on comes without an id.
            Some("null") if returned.is_none() => Ok(()),
            Some(id) => {
                let returned = returned.unwrap_or("none");
                let why = format!("version {id} was asked for, the store returned {returned}");
                Err(self.error(Kind::WrongVersion, &why))
            }
        }
    }

    /// The error of a directory's file system.
    pub(crate) fn io(&self, error: io::Error) -> Error {
        self.translate(&StoreError::Generic { store: "directory", source: Box::new(error) })
    }

    pub(crate) fn translate(&self, error: &StoreError) -> Error {
        let ours = translate::error(self.operation, &self.target, error);
        match ours.kind() {
            Kind::NotFound => self.base.check_root(self).err().unwrap_or(ours),
            _ => ours,
        }
    }
}
