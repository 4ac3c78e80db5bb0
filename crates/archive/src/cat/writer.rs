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

/// What is sent to the thread together, in bytes and in messages: threads are changed for each time.
const TOGETHER: usize = 256 << 10;
const MANY: usize = 256;

/// What is done with a payload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// All of the files' bytes are written.
    All,
    /// All of the files' lines are written, without holes.
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
        files: Arc<[FileId]>,
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
    /// How often a file's first byte stands in the line that the file before it didn't end.
    pub(super) glued: u64,
    /// What stopped it, and at which object.
    pub(super) stopped: Option<(Place, Stop)>,
}

/// A thread that writes. Each sending method says whether it still takes anything.
pub(super) struct Writer {
    messages: mpsc::Sender<Vec<Message>>,
    /// What is sent next, and its bytes.
    waiting: Vec<Message>,
    bytes: usize,
    thread: JoinHandle<Ended>,
}

impl Writer {
    /// A writer that waits for the first object.
    pub(super) fn start<W: Output + Send + 'static>(out: W) -> Self {
        // One message: what waits here is memory, up to 32 MiB of it.
        let (messages, mut inbox) = mpsc::channel(1);
        let thread = tokio::task::spawn_blocking(move || {
            let mut out = Counting { out, bytes: 0, mid_line: false, file: None, glued: 0 };
            let stopped = write_all(State::default(), &mut inbox, &mut out);
            Ended { bytes: out.bytes, glued: out.glued, stopped }
        });
        Self { messages, waiting: Vec::new(), bytes: 0, thread }
    }

    /// Begins an object, which a pack may hold; `check_times`: what its note says of its lines' times is held
    /// against the lines.
    pub(super) async fn open(
        &mut self,
        (place, packed): (Place, bool),
        seal: &Arc<ObjectSeal>,
        files: &Arc<[FileId]>,
        mode: Mode,
        check_times: bool,
    ) -> bool {
        let (seal, files) = (Arc::clone(seal), Arc::clone(files));
        self.send(Message::Open { place, seal, files, mode, packed, check_times }, 0).await
    }

    /// Hands over the next bytes of its payload.
    pub(super) async fn payload(&mut self, payload: Bytes) -> bool {
        let bytes = payload.len();
        self.send(Message::Payload(payload), bytes).await
    }

    /// Hands over the next of its blocks' bytes.
    pub(super) async fn blocks(&mut self, blocks: Bytes) -> bool {
        let bytes = blocks.len();
        self.send(Message::Blocks(blocks), bytes).await
    }

    /// Ends it.
    pub(super) async fn close(&mut self) -> bool {
        self.send(Message::Close, 0).await
    }

    async fn send(&mut self, message: Message, bytes: usize) -> bool {
        self.waiting.push(message);
        self.bytes += bytes;
        if self.bytes < TOGETHER && self.waiting.len() < MANY {
            return true;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> bool {
        self.bytes = 0;
        self.messages.send(std::mem::take(&mut self.waiting)).await.is_ok()
    }

    /// Waits until everything is written.
    pub(super) async fn end(mut self) -> Ended {
        // Whether it still takes anything is what it says at its end.
        let _taken = self.flush().await;
        drop(self.messages);
        match self.thread.await {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn write_all(
    mut state: State,
    inbox: &mut mpsc::Receiver<Vec<Message>>,
    out: &mut impl Output,
) -> Option<(Place, Stop)> {
    while let Some(messages) = inbox.blocking_recv() {
        for message in messages {
            if let Message::Open { place, .. } = &message {
                state.place = Some(*place);
            }
            if let Err(stop) = state.take(message, out) {
                return state.place.map(|place| (place, stop));
            }
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
            Message::Open { seal, files, mode, packed, check_times, .. } => {
                let open = match mode {
                    Mode::All => Restore::all(&seal, &files, true),
                    Mode::AllLines => Restore::all(&seal, &files, false),
                    Mode::Look(window) => Restore::look(&seal, window),
                    Mode::Kept => Restore::some(&seal, &files, std::mem::take(&mut self.keep)),
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
        self.mid_line = true;
        Ok(())
    }

    fn file(&mut self, file: FileId) {
        let other = self.file.replace(file) != Some(file);
        self.glued += u64::from(other && self.mid_line);
    }
}

/// Counts what is written, and where the lines of two files become one.
struct Counting<W> {
    out: W,
    bytes: u64,
    /// The byte before isn't a `\n`.
    mid_line: bool,
    file: Option<FileId>,
    glued: u64,
}

impl<W: Output> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        if let Some(last) = bytes[..written].last() {
            self.mid_line = *last != b'\n';
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
