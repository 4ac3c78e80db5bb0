//! The objects of a pack → the pack, in a file.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use auditseal_format::packs::{Attestation, Cut, PackDraft};
use auditseal_format::{Compression, DecoderPool, ObjectSeal, Origin, PackError, PayloadError};
use auditseal_reader::{Batch, Error, IN_FLIGHT, Source};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::maker::Maker;

/// Pieces of objects that wait to be packed.
const AHEAD: usize = 4;
/// Bytes of a pack that are written together.
const WRITTEN: usize = 256 << 10;

/// Why a pack couldn't be made.
#[derive(Debug)]
pub(crate) enum NotBuilt {
    /// An object isn't what it was when it was judged, or the store gives no answer.
    Read(Error),
    /// The file for it couldn't be written.
    Spool(io::Error),
    /// libzstd.
    Pack(PackError),
    /// An object's payload doesn't decode any more.
    Payload(PayloadError),
    /// Not all objects came.
    Short,
}

impl std::fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Spool(error) => write!(f, "write pack under way: {error}"),
            Self::Pack(error) => write!(f, "{error}"),
            Self::Payload(error) => write!(f, "decompress object: {error}"),
            Self::Short => f.write_str("make pack: not all of its objects came"),
        }
    }
}

enum Message {
    Open(Arc<ObjectSeal>),
    Blocks(Bytes),
    Close,
}

/// Makes a pack of these objects in a file; gives what can be attested of it.
pub(crate) async fn build(
    maker: &Maker,
    source: &Source,
    origin: &Origin,
    (cut, objects): (Cut, Vec<Batch>),
    compression: Compression,
    path: &Path,
) -> Result<Attestation, NotBuilt> {
    let file = File::create(path).map_err(NotBuilt::Spool)?;
    let (to, inbox) = mpsc::channel(AHEAD);
    let built = maker.run(move || write(cut, compression, file, inbox));
    let sent = send(source, origin, objects, to).await;
    let built = built.await;
    // Where the store gave less, the packer only knows that something is missing.
    sent.map_err(NotBuilt::Read)?;
    built
}

async fn send(
    source: &Source,
    origin: &Origin,
    objects: Vec<Batch>,
    to: mpsc::Sender<Message>,
) -> Result<(), Error> {
    // Room is waited for in their order, and given back when an object was handed over.
    let fetched = futures::stream::iter(objects)
        .then(|batch| async move {
            let room = source.room(batch.size).await;
            (batch, room)
        })
        .map(|(batch, room)| async move {
            let fetched = batch.fetch(source.clone(), origin.clone()).await;
            (fetched, room)
        });
    let mut fetched = std::pin::pin!(fetched.buffered(IN_FLIGHT));
    while let Some((fetched, _room)) = fetched.next().await {
        let blocks = fetched?.check().await?;
        let open = Message::Open(Arc::clone(&blocks.seal));
        let sent = to.send(open).await.is_ok()
            && blocks.pieces(async |piece| to.send(Message::Blocks(piece)).await.is_ok()).await?
            && to.send(Message::Close).await.is_ok();
        // The packer has stopped, and says why.
        if !sent {
            return Ok(());
        }
    }
    Ok(())
}

fn write(
    cut: Cut,
    compression: Compression,
    file: File,
    mut inbox: mpsc::Receiver<Message>,
) -> Result<Attestation, NotBuilt> {
    let mut file = BufWriter::with_capacity(WRITTEN, file);
    let decoders = DecoderPool::default();
    let mut out = Vec::with_capacity(WRITTEN);
    let mut draft = PackDraft::new(compression, cut, &mut out).map_err(NotBuilt::Pack)?;
    let mut open = None;
    while let Some(message) = inbox.blocking_recv() {
        match message {
            Message::Open(seal) => {
                let decoder = decoders.decoder(&seal.seal.payload).map_err(NotBuilt::Payload)?;
                open = Some((seal, decoder));
            }
            Message::Blocks(blocks) => {
                let Some((_, decoder)) = &mut open else { continue };
                let mut packed = Ok(());
                let decoded = decoder.blocks(&blocks, |payload| {
                    if packed.is_ok() {
                        packed = draft.payload(payload, &mut out);
                    }
                });
                decoded.map_err(NotBuilt::Payload)?;
                packed.map_err(NotBuilt::Pack)?;
            }
            Message::Close => {
                let Some((seal, mut decoder)) = open.take() else { continue };
                decoder.finish().map_err(NotBuilt::Payload)?;
                decoders.put_back(decoder);
                draft.seal(&seal, &mut out).map_err(NotBuilt::Pack)?;
            }
        }
        file.write_all(&out).map_err(NotBuilt::Spool)?;
        out.clear();
    }
    file.flush().map_err(NotBuilt::Spool)?;
    draft.finish().ok_or(NotBuilt::Short)
}
