//! From `object_store`'s errors to ours.

use std::error::Error as StdError;
use std::io;

use object_store::Error as StoreError;
use object_store::client::HttpError;

use crate::answer::Failure;
use crate::cause::{innermost, transport};
use auditseal_store::{Error, Kind, Operation};

/// The failed exchange inside an error, if there was one.
pub(crate) fn failure(error: &StoreError) -> Option<Failure> {
    failed_exchange(error)
}

/// As [`failure`], for an error of any layer.
pub(crate) fn failed_exchange(error: &(dyn StdError + 'static)) -> Option<Failure> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let mut http: Option<&HttpError> = None;
    while let Some(link) = next {
        if let Some(failure) = link.downcast_ref::<Failure>() {
            return Some(failure.clone());
        }
        http = http.or(link.downcast_ref::<HttpError>());
        next = link.source();
    }
    // Bodies of objects are read outside the guard.
    http.map(|error| Failure { what: transport(error), for_credentials: false })
}

/// Turns a failed exchange into our error.
fn of_failure(operation: Operation, target: &str, failure: &Failure) -> Error {
    let ours = Error::new(operation, target, failure.kind(operation), &failure.to_string());
    match failure.hint() {
        Some(hint) => ours.with_hint(hint),
        None => ours,
    }
}

/// Turns an error of one of our own requests into ours.
pub(crate) fn http(operation: Operation, target: &str, error: &HttpError) -> Error {
    match failed_exchange(error) {
        Some(failure) => of_failure(operation, target, &failure),
        None => Error::new(operation, target, Kind::Unavailable, &innermost(error)),
    }
}

/// Turns an error of `object_store` into ours.
pub(crate) fn error(operation: Operation, target: &str, error: &StoreError) -> Error {
    if let Some(failure) = failure(error) {
        return of_failure(operation, target, &failure);
    }
    let kind = match error {
        StoreError::NotFound { .. } => Kind::NotFound,
        StoreError::AlreadyExists { .. } => Kind::AlreadyExists,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Kind::Denied,
        StoreError::InvalidPath { .. } => Kind::Invalid,
        _ => io_kind(operation, error).unwrap_or(Kind::Other),
    };
    let ours = Error::new(operation, target, kind, &innermost(error));
    match kind {
        Kind::Denied => ours.with_hint(
            "the process may not write or read there: check owner, mode and mount options",
        ),
        _ => ours,
    }
}

fn io_kind(operation: Operation, error: &StoreError) -> Option<Kind> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(link) = next {
        if let Some(error) = link.downcast_ref::<io::Error>() {
            return Some(match error.kind() {
                // Another object stands where a directory would: nothing can be below it.
                io::ErrorKind::NotADirectory if operation != Operation::Put => Kind::NotFound,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Denied,
                io::ErrorKind::TimedOut => Kind::Timeout,
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => Kind::Invalid,
                _ => Kind::Unavailable,
            });
        }
        next = link.source();
    }
    None
}
