//! The bytes of an object on their way here.

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use object_store::{Error as StoreError, GetResult};

use crate::call::{Call, Home};
use crate::pace::Patience;
use auditseal_store::{Error, Fetched, Kind};

/// An object's body on its way: no slower than the pace, and neither shorter nor longer than said.
pub(crate) struct Body {
    call: Call,
    pieces: BoxStream<'static, Result<Bytes, StoreError>>,
    patience: Patience,
    expected: u64,
}

impl Body {
    pub(crate) fn new(call: Call, result: GetResult, expected: u64) -> Self {
        let patience = call.patience();
        Self { call, pieces: result.into_stream(), patience, expected }
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.patience.next(&mut self.pieces).await.map_err(|slow| {
            let why = format!(
                "{} of {} bytes after {:.1} s of waiting",
                self.patience.received(),
                self.expected,
                slow.waited.as_secs_f64()
            );
            self.call.error(Kind::Timeout, &why)
        })?;
        let received = self.patience.received();
        match piece {
            Some(Err(error)) => Err(self.call.translate(&error)),
            Some(Ok(_)) if received > self.expected => Err(self.call.error(
                Kind::Unavailable,
                &format!("more than the announced {} bytes arrived", self.expected),
            )),
            None if received < self.expected => Err(self.call.error(
                Kind::Unavailable,
                &format!("the answer ended after {received} of {} bytes", self.expected),
            )),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            None => Ok(None),
        }
    }
}

/// Buffers a body of at most `limit` bytes, which must be as long as was announced.
pub(crate) async fn collect(call: &Call, result: GetResult, limit: u64) -> Result<Fetched, Error> {
    let expected = result.range.end - result.range.start;
    let info = call.base().info(result.meta.clone());
    if expected > limit {
        return Err(
            call.error(Kind::TooLarge, &format!("it has {expected} bytes, the limit is {limit}"))
        );
    }
    if matches!(call.base().home(), Home::Directory(_)) {
        // A file comes in one piece: as a stream it would come in 8 KiB, each from another thread.
        let bytes = result.bytes().await.map_err(|error| call.translate(&error))?;
        let read = bytes.len() as u64;
        if read != expected {
            let why = format!("the answer ended after {read} of {expected} bytes");
            return Err(call.error(Kind::Unavailable, &why));
        }
        return Ok(Fetched { info, bytes });
    }
    let mut body = Body::new(call.clone(), result, expected);
    // The size is the server's word: memory grows with what really arrives.
    let mut bytes = BytesMut::with_capacity(usize::try_from(expected.min(1 << 20)).unwrap_or(0));
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Fetched { info, bytes: bytes.freeze() })
}
