//! The bytes of an object on their way here.

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::{Error as StoreError, GetResult};

use crate::backend::Call;
use crate::pace::Patience;
use auditseal_store::{Error, Kind};

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
