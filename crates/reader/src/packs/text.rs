//! A pack's text, decompressed on one thread while another takes it apart: each has about half of the work.
//!
//! ```text
//! pieces of the pack ─▶ thread: zstd ─▶ pieces of text ─▶ thread: roots, seals ─▶ whoever asked
//!                                 ▲                                                   │
//!                                 └──────────────── their memory ◀────────────────────┘
//! ```

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use auditseal_format::packs::{Attestation, PackFault, PackObjects, PackSink, PackText};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Bytes of text in a piece. What refers to a few of them keeps all of them in memory.
pub(super) const PIECE: usize = 128 << 10;
/// Pieces that wait to be taken apart.
const AHEAD: usize = 8;
/// Pieces of memory that are kept for further text.
const SPARE: usize = 16;

/// Who gets what a pack holds, and before that the text in which it lies.
pub(super) trait TextSink: PackSink {
    /// The payloads that come next lie in this.
    fn lies_in(&mut self, text: &Bytes);
}

/// What came of a pack.
enum Text {
    Piece(Bytes),
    /// All came: whether that was the end of the frame.
    End(bool),
    Fault(PackFault),
}

/// Takes the text of a pack apart that comes in these pieces; `None` is its end. Whether it came to its end: where whoever
/// feeds stops before, or nothing more is wanted, it doesn't.
///
/// # Errors
/// No thread is to be had; and what is wrong with the pack.
pub(super) fn take_apart(
    (attestation, mut objects): (&Attestation, PackObjects<'_>),
    pieces: mpsc::Receiver<Option<Bytes>>,
    sink: &mut impl TextSink,
) -> io::Result<Result<bool, PackFault>> {
    thread::scope(|scope| {
        let (to, texts) = sync_channel(AHEAD);
        let work = move || decompress(attestation, pieces, &to);
        thread::Builder::new().name("unzip".to_owned()).spawn_scoped(scope, work)?;
        // It is dropped before the other thread is waited for.
        let texts: Receiver<Text> = texts;
        for text in texts {
            match text {
                Text::Piece(text) => {
                    sink.lies_in(&text);
                    if let Err(fault) = objects.take(&text, sink) {
                        return Ok(Err(fault));
                    }
                    if sink.is_done() {
                        return Ok(Ok(false));
                    }
                }
                Text::End(ended) => return Ok(objects.finish(ended, sink).map(|()| true)),
                Text::Fault(fault) => return Ok(Err(objects.broken(fault, sink))),
            }
        }
        Ok(Ok(false))
    })
}

/// Sends a pack's text until nobody takes it.
fn decompress(
    attestation: &Attestation,
    mut pieces: mpsc::Receiver<Option<Bytes>>,
    to: &SyncSender<Text>,
) {
    let mut decoder = match PackText::of(attestation) {
        Ok(decoder) => decoder,
        Err(fault) => return drop(to.send(Text::Fault(fault))),
    };
    let memory = Memory::default();
    while let Some(piece) = pieces.blocking_recv() {
        let Some(piece) = piece else { return drop(to.send(Text::End(decoder.is_ended()))) };
        let (mut bytes, mut more) = (&piece[..], true);
        while more {
            let mut text = memory.take();
            more = match decoder.next(&mut bytes, &mut text) {
                Ok(more) => more,
                Err(fault) => return drop(to.send(Text::Fault(fault))),
            };
            let text = Bytes::from_owner(Lent { text, memory: memory.clone() });
            if !text.is_empty() && to.send(Text::Piece(text)).is_err() {
                return;
            }
        }
    }
}

/// Memory for pieces of text, which comes back when nobody refers to a piece any more.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

impl Memory {
    fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(PIECE))
    }
}

/// A piece of text.
struct Lent {
    text: Vec<u8>,
    memory: Memory,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(std::mem::take(&mut self.text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as many pieces at a time as are kept.
    #[test]
    fn memory_comes_back_and_a_bounded_part_is_kept() {
        let memory = Memory::default();
        let lent = |text| Bytes::from_owner(Lent { text, memory: memory.clone() });
        let pieces: Vec<_> = (0..10 * SPARE).map(|_| lent(memory.take())).collect();
        let held = lent(vec![7; 3]);
        let slice = held.slice(1..2);
        drop((pieces, held));
        assert_eq!(memory.0.lock().unwrap().len(), SPARE);
        assert_eq!(slice[..], [7], "what somebody refers to stays");
        memory.0.lock().unwrap().clear();
        drop(slice);
        assert_eq!(memory.take(), [7; 3], "and comes back then");
    }
}
