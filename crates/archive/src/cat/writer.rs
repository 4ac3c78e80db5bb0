//! The thread that decodes and writes, fed with blocks that have been checked.

use std::io::{self, Write};
use std::sync::Arc;

use auditseal_format::{FileId, ObjectSeal};
use auditseal_reader::Window;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::output::Output;
use super::restore::{Keep, Restore, Stop};
use auditseal_chain::Place;

/// What is done with a payload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// All of a file's bytes are written.
    All,
    /// All of a file's lines are written, without holes.
    AllLines,
    /// The lines inside the window are remembered.
    Look(Window),
    /// The lines that the latest look remembered are written.
    Kept,
}

enum Message {
    Open {
        place: Place,
        seal: Arc<ObjectSeal>,
        file: FileId,
        mode: Mode,
        packed: bool,
        check_times: bool,
    },
    Blocks(Bytes),
    Payload(Bytes),
    Close,
}

/// How writing ended.
pub(super) struct Ended {
    /// Bytes written.
    pub(super) bytes: u64,
    /// What stopped it, and at which object.
    pub(super) stopped: Option<(Place, Stop)>,
}

/// A thread that writes. Each sending method says whether it still takes anything.
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    thread: JoinHandle<Ended>,
}

impl Writer {
    /// A writer that waits for the first object.
    pub(super) fn start<W: Output + Send + 'static>(out: W) -> Self {
        // One message: what waits here is memory, up to 32 MiB of it.
        let (messages, mut inbox) = mpsc::channel(1);
        let thread = tokio::task::spawn_blocking(move || {
            let mut out = Counting { out, bytes: 0 };
            let stopped = write_all(State::default(), &mut inbox, &mut out);
            Ended { bytes: out.bytes, stopped }
        });
        Self { messages, thread }
    }

    /// Begins an object, which a pack may hold; `check_times`: what its note says of its lines' times is held
    /// against the lines.
    pub(super) async fn open(
        &mut self,
        (place, packed): (Place, bool),
        seal: &Arc<ObjectSeal>,
        file: FileId,
        mode: Mode,
        check_times: bool,
    ) -> bool {
        let seal = Arc::clone(seal);
        let open = Message::Open { place, seal, file, mode, packed, check_times };
        self.messages.send(open).await.is_ok()
    }

    /// Hands over the next bytes of its payload.
    pub(super) async fn payload(&mut self, payload: Bytes) -> bool {
        self.messages.send(Message::Payload(payload)).await.is_ok()
    }

    /// Hands over the next of its blocks' bytes.
    pub(super) async fn blocks(&mut self, blocks: Bytes) -> bool {
        self.messages.send(Message::Blocks(blocks)).await.is_ok()
    }

    /// Ends it.
    pub(super) async fn close(&mut self) -> bool {
        self.messages.send(Message::Close).await.is_ok()
    }

    /// Waits until everything is written.
    pub(super) async fn end(self) -> Ended {
        drop(self.messages);
        match self.thread.await {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn write_all(
    mut state: State,
    inbox: &mut mpsc::Receiver<Message>,
    out: &mut impl Output,
) -> Option<(Place, Stop)> {
    while let Some(message) = inbox.blocking_recv() {
        if let Message::Open { place, .. } = &message {
            state.place = Some(*place);
        }
        if let Err(stop) = state.take(message, out) {
            return state.place.map(|place| (place, stop));
        }
    }
    let flushed = out.flush().map_err(Stop::Write);
    flushed.err().zip(state.place).map(|(stop, place)| (place, stop))
}

#[derive(Default)]
struct State {
    place: Option<Place>,
    open: Option<Restore>,
    keep: Keep,
}

impl State {
    fn take(&mut self, message: Message, out: &mut impl Output) -> Result<(), Stop> {
        match message {
            Message::Open { seal, file, mode, packed, check_times, .. } => {
                let open = match mode {
                    Mode::All => Restore::all(&seal, file, true),
                    Mode::AllLines => Restore::all(&seal, file, false),
                    Mode::Look(window) => Restore::look(&seal, file, window),
                    Mode::Kept => Restore::some(&seal, file, std::mem::take(&mut self.keep)),
                };
                let open = open.checking(check_times);
                self.open = Some(if packed { open } else { open.decoding(&seal)? });
            }
            Message::Payload(payload) => {
                if let Some(open) = &mut self.open {
                    open.payload(&payload, out)?;
                }
            }
            Message::Blocks(blocks) => {
                if let Some(open) = &mut self.open {
                    open.blocks(&blocks, out)?;
                }
            }
            Message::Close => {
                if let Some(open) = self.open.take() {
                    self.keep = open.finish(out)?.unwrap_or_default();
                }
            }
        }
        Ok(())
    }
}

impl<W: Output> Output for Counting<W> {
    fn hole(&mut self, length: u64) -> io::Result<()> {
        self.out.hole(length)?;
        self.bytes += length;
        Ok(())
    }
}

struct Counting<W> {
    out: W,
    bytes: u64,
}

impl<W: Output> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
