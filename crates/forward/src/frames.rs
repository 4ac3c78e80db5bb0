//! Frames of syslog on a TLS connection. Syslog has no answer: what the other side's connection took counts as had.

use std::time::Duration;

use auditseal_delivery::Heard;
use auditseal_vault::{TlsOptions, TlsStream, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// For a whole exchange.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A receiver that won't have a frame ends the connection: it is waited so long for that, and so much longer for
/// each MiB that it has to read first.
const SECOND_THOUGHTS: Duration = Duration::from_millis(20);
const EACH_MIB: Duration = Duration::from_millis(50);
/// The same once it has ended one: it is being found out which frame it was.
const CAREFUL: Duration = Duration::from_millis(200);
/// So many requests are written with that care then.
const CARES: u32 = 64;

/// Where frames go.
pub(crate) struct Frames {
    options: TlsOptions,
    open: Option<Box<TlsStream>>,
    cares: u32,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Frames {
    pub(crate) fn new(options: TlsOptions) -> Self {
        Self { options, open: None, cares: 0 }
    }

    /// Writes frames. A connection that ended may have ended before them; one that was made for them, and was well
    /// until then, ended for them.
    pub(crate) async fn write(&mut self, frames: &[u8]) -> Result<Heard, String> {
        let careful = self.cares > 0;
        self.cares = self.cares.saturating_sub(1);
        let thoughts = if careful { CAREFUL } else { SECOND_THOUGHTS };
        // Taken out: after an error, or when nobody waits for it any more, it is connected anew.
        let known = match self.open.take() {
            Some(mut open) => ended(&mut open, Duration::ZERO).await.is_none().then_some(open),
            None => None,
        };
        let made = known.is_none();
        let mut open = match known {
            Some(open) => open,
            None => Box::new(connect(&self.options).await?),
        };
        // Who isn't let in learns it after the handshake, and that isn't the frames' fault.
        if made && let Some(why) = ended(&mut open, thoughts).await {
            return Err(why);
        }
        let write = async {
            open.write_all(frames).await?;
            open.flush().await
        };
        let why = match tokio::time::timeout(TIMEOUT, write).await {
            Err(_) => return Err(format!("takes nothing for {} s", TIMEOUT.as_secs())),
            Ok(Err(error)) => Some(format!("it ended the connection: {error}")),
            Ok(Ok(())) => {
                let more = EACH_MIB.mul_f64(frames.len() as f64 / f64::from(1 << 20));
                ended(&mut open, thoughts + more).await
            }
        };
        let Some(why) = why else {
            self.open = Some(open);
            return Ok(Heard::All);
        };
        self.cares = CARES;
        if made { Ok(Heard::Ended(why)) } else { Err(why) }
    }
}

/// Waits for the end of a connection: why it ended, if it did. What it says besides, nobody understands.
async fn ended(open: &mut TlsStream, thoughts: Duration) -> Option<String> {
    let mut byte = [0];
    match tokio::time::timeout(thoughts, open.read(&mut byte)).await {
        Ok(Ok(0)) => Some("it ended the connection".to_owned()),
        Ok(Err(error)) => Some(format!("it ended the connection: {error}")),
        Ok(Ok(_)) | Err(_) => None,
    }
}
