//! Frames of syslog on a TLS connection. Syslog has no answer: what the other side's connection took counts as had.

use std::time::Duration;

use auditseal_delivery::Heard;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// For a whole exchange.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// A receiver that won't have a frame ends the connection: it is waited so long for that, and so much longer for
/// each MiB that it has to read first.
const SECOND_THOUGHTS: Duration = Duration::from_millis(20);
const EACH_MIB: Duration = Duration::from_millis(50);
/// And no shorter than the way there and back is known to take, up to this: its end comes no sooner.
const LONGEST_WAY: Duration = Duration::from_secs(1);
/// The same once it has ended one: it is being found out which frame it was.
const CAREFUL: Duration = Duration::from_millis(200);
/// So many requests are written with that care then.
const CARES: u32 = 64;

/// Where frames go.
#[derive(Debug)]
pub(crate) struct Frames<S> {
    open: Option<S>,
    cares: u32,
    /// How long the last connection took to be made: some ways there and back.
    way: Duration,
}

impl<S> Default for Frames<S> {
    fn default() -> Self {
        Self { open: None, cares: 0, way: Duration::ZERO }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// Writes frames. A connection that ended may have ended before them; one that was made for them, and was well
    /// until then, ended for them.
    pub(crate) async fn write(
        &mut self,
        frames: &[u8],
        connect: impl Future<Output = Result<S, String>>,
    ) -> Result<Heard, String> {
        let careful = self.cares > 0;
        self.cares = self.cares.saturating_sub(1);
        // Taken out: after an error, or when nobody waits for it any more, it is connected anew.
        let known = match self.open.take() {
            Some(mut open) => ended(&mut open, Duration::ZERO).await.is_none().then_some(open),
            None => None,
        };
        let made = known.is_none();
        let mut open = match known {
            Some(open) => open,
            None => {
                let begun = tokio::time::Instant::now();
                let open = connect.await?;
                self.way = begun.elapsed().min(LONGEST_WAY);
                open
            }
        };
        let thoughts = if careful { CAREFUL } else { SECOND_THOUGHTS }.max(self.way);
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
async fn ended(open: &mut (impl AsyncRead + Unpin), thoughts: Duration) -> Option<String> {
    let mut byte = [0];
    match tokio::time::timeout(thoughts, open.read(&mut byte)).await {
        Ok(Ok(0)) => Some("it ended the connection".to_owned()),
        Ok(Err(error)) => Some(format!("it ended the connection: {error}")),
        Ok(Ok(_)) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    /// A connection whose other side reads until it has so many bytes, and ends it a while after.
    async fn until(bytes: usize, idle: u64) -> Result<DuplexStream, String> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let mut read = vec![0; bytes];
            drop(theirs.read_exact(&mut read).await);
            tokio::time::sleep(Duration::from_secs(idle)).await;
            drop(theirs);
        });
        Ok(ours)
    }

    /// Its end comes as late as the way is long, which is known from how long the connection took.
    #[tokio::test(start_paused = true)]
    async fn a_receiver_far_away_is_waited_for() {
        for (way, seconds) in [(300, 1), (100, 3)] {
            let way = Duration::from_millis(way);
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                drop(theirs.read_exact(&mut [0; 3]).await);
                tokio::time::sleep(way * seconds / 4).await;
            });
            let connect = async {
                tokio::time::sleep(way * seconds).await;
                Ok(ours)
            };
            let mut frames = Frames::default();
            let ended = frames.write(b"7 a frame", connect).await;
            assert!(matches!(ended, Ok(Heard::Ended(_))), "{ended:?}");
        }
        // Ten times as far as is waited for.
        let mut frames = Frames::default();
        let connect = async {
            tokio::time::sleep(10 * LONGEST_WAY).await;
            until(3, 100).await
        };
        let begun = tokio::time::Instant::now();
        assert_eq!(frames.write(b"1 a", connect).await, Ok(Heard::All));
        assert!(begun.elapsed() < 13 * LONGEST_WAY, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_took_nothing_for_certain() {
        let mut frames = Frames::default();
        let well = frames.write(b"7 a frame", until(12, 0)).await;
        assert_eq!(well, Ok(Heard::All));
        // It ends within these; but it had taken others before, and is made anew.
        assert!(frames.write(b"7 a frame", until(0, 0)).await.is_err());
        // It was ended before anything was written to it: whoever asks isn't let in.
        assert!(frames.write(b"7 a frame", until(0, 0)).await.is_err());
        // It was made for these.
        let ended = frames.write(b"7 a frame", until(3, 0)).await;
        assert!(matches!(ended, Ok(Heard::Ended(_))), "{ended:?}");
        assert_eq!(frames.write(b"1 a", until(3, 10)).await, Ok(Heard::All));
        tokio::time::sleep(Duration::from_secs(20)).await;
        // It was idle for so long that it was ended: that is nobody's fault, and is noticed before.
        assert_eq!(frames.write(b"1 a", until(3, 10)).await, Ok(Heard::All));
        assert_eq!(frames.cares, CARES - 2);
    }
}
