//! Objects that are files here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetResult, GetResultPayload, ObjectStore, PutMode, PutOptions, PutPayload,
};

use crate::call::Call;
use crate::directory::{self, Directory, Walk};
use auditseal_store::{Error, Kind};
use auditseal_store::{ObjectFile, Stored, Version};

/// An object of a directory, open.
pub(crate) struct OpenFile {
    call: Call,
    file: File,
    size: u64,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").field("size", &self.size).finish_non_exhaustive()
    }
}

impl OpenFile {
    /// The file behind an answer, if it is one.
    pub(crate) fn of(call: Call, result: GetResult) -> Option<Self> {
        let size = result.meta.size;
        match result.payload {
            GetResultPayload::File(file, _) => Some(Self { call, file, size }),
            GetResultPayload::Stream(_) => None,
        }
    }
}

impl ObjectFile for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let why = format!("it ended before byte {}", offset + buffer.len() as u64);
                self.call.error(Kind::Unavailable, &why)
            }
            _ => {
                let source = Box::new(error);
                self.call.translate(&StoreError::Generic { store: "directory", source })
            }
        })
    }
}

/// Why an object can't be put where files can be neither linked nor renamed safely.
const NO_CREATE_ONLY: &str = "its file system has neither hard links nor a rename that replaces \
     nothing, so nothing would keep a second writer from replacing this object";

/// Puts a file, by a hard link or else by a rename that replaces nothing.
pub(crate) async fn put(
    store: &dyn ObjectStore,
    call: &Call,
    at: &Arc<Directory>,
    path: &Path,
    bytes: Bytes,
) -> Result<Stored, Error> {
    if !at.is_linkless() {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = store.put_opts(path, PutPayload::from(bytes.clone()), options).await;
        match put {
            Err(error) if at.refused(&error) => {}
            put => {
                put.map_err(|error| call.translate(&error))?;
                return Ok(Stored::default());
            }
        }
    }
    let file = at.root.join(path.as_ref());
    let put = off_loop(move || directory::put_by_rename(&file, &bytes));
    put.await.map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => call.error(Kind::Unsupported, NO_CREATE_ONLY).with_hint(
            "keep the archive on ext4, XFS, Btrfs or another file system with hard links, or in a \
             bucket",
        ),
        io::ErrorKind::AlreadyExists => call.error(Kind::AlreadyExists, "the name is taken"),
        _ => call.io(error),
    })?;
    Ok(Stored::default())
}

/// What stands at a name if it is neither a file nor a folder.
pub(crate) async fn what_else(at: &Directory, path: &Path) -> Option<&'static str> {
    let file = at.root.join(path.as_ref());
    let kind = off_loop(move || std::fs::metadata(file).map(|meta| meta.file_type()));
    match kind.await {
        Ok(kind) => directory::no_file(kind),
        Err(error) => directory::is_loop(&error).then_some(directory::LOOP),
    }
}

/// Lists a directory, where each object is its only version.
pub(crate) fn list(
    call: Call,
    at: &Directory,
    below: &Path,
) -> BoxStream<'static, Result<Version, Error>> {
    let walk = Some((call, Walk::new(&at.root, below.as_ref())));
    let chunks = stream::unfold(walk, |state| async move {
        let (call, mut walk) = state?;
        let read = off_loop(move || Ok((walk.next_chunk(), walk))).await;
        match read.and_then(|(chunk, walk)| Ok((chunk?, walk))) {
            Ok((chunk, _)) if chunk.is_empty() => None,
            Ok((chunk, walk)) => {
                let chunk = chunk.into_iter().map(Ok).collect::<Vec<_>>();
                Some((stream::iter(chunk), Some((call, walk))))
            }
            Err(error) => Some((stream::iter(vec![Err(call.io(error))]), None)),
        }
    });
    chunks.flatten().boxed()
}

/// Runs what waits for a disk on a thread of its own.
async fn off_loop<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => Err(io::Error::other(error)),
        },
        // Whoever waits for it does nothing else.
        Err(_) => work(),
    }
}
