//! Objects taken apart and put together again: how a test makes an object that
//! [`auditseal_format::SealedBatch`] would refuse to seal.
//!
//! Header, wrapper and block headers are written here once more, from FORMAT.md and not with the
//! code under test.

use auditseal_format::ObjectSeal;
use auditseal_note::Signer;

use crate::text;

/// An object in its parts. The final block's header and the frame header follow from them.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Base-2 logarithm of the window, for the frame header.
    pub window: u8,
    /// Bytes of the payload, for the frame header.
    pub payload: u64,
    /// The blocks.
    pub blocks: Vec<u8>,
    /// The signed note.
    pub note: String,
    /// The index.
    pub index: Option<Vec<u8>>,
}

impl Parts {
    /// Takes a correctly sealed object apart.
    ///
    /// # Panics
    /// When it isn't one.
    #[must_use]
    pub fn of(object: &[u8]) -> Self {
        let read = ObjectSeal::read(object).expect("a correctly sealed object");
        let blocks = read.blocks();
        let at = |offset: u64| usize::try_from(offset).expect("a small object");
        Self {
            window: read.seal.payload.window,
            payload: read.seal.payload.bytes,
            blocks: object[at(blocks.start)..at(blocks.end)].to_vec(),
            note: read.note,
            index: read.index,
        }
    }

    /// The note's text.
    ///
    /// # Panics
    /// When the note was replaced by something that has no text.
    #[must_use]
    pub fn text(&self) -> &str {
        let end = self.note.find("\n\n").expect("a note ends its text with an empty line");
        &self.note[..=end]
    }

    /// Has another text signed, whatever it says. Where it can be read, the frame header will fit
    /// what it states.
    #[must_use]
    pub fn with_text(mut self, text: &str, signer: &mut dyn Signer) -> Self {
        self.note = resign(text, signer);
        // From the text and not from what a strict reader makes of it: where that refuses the
        // note, the note is to be the only fault.
        let number = |keyword: &str| text::find(text, keyword).and_then(|n| n.parse().ok());
        self.payload = number("bytes").unwrap_or(self.payload);
        let window = number("window").and_then(|n| u8::try_from(n).ok());
        self.window = window.unwrap_or(self.window);
        self
    }

    /// Has an edited text signed.
    #[must_use]
    pub fn edit(self, signer: &mut dyn Signer, edit: impl FnOnce(&str) -> String) -> Self {
        let text = edit(self.text());
        self.with_text(&text, signer)
    }

    /// The seal line, its `\n` included.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        seal_line(&self.note, self.index.as_deref())
    }

    /// The object.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with_line(&self.line())
    }

    /// The object with a seal line of somebody's own, which is given the headers that fit it.
    #[must_use]
    pub fn bytes_with_line(&self, line: &[u8]) -> Vec<u8> {
        let header = frame_header(self.window, self.payload + line.len() as u64);
        assemble(&header, &self.blocks, line)
    }
}

/// Signs `text` and gives the whole note. No check is made of what it says.
pub fn resign(text: &str, signer: &mut dyn Signer) -> String {
    signer.sign(text)
}

/// Joins a frame header, blocks, and a final raw block that holds `line`.
#[must_use]
pub fn assemble(header: &[u8], blocks: &[u8], line: &[u8]) -> Vec<u8> {
    let mut last = raw_block(line);
    last[0] |= 1;
    [header, blocks, &last].concat()
}

/// The 14 bytes of an object's frame header.
#[must_use]
pub fn frame_header(window: u8, content: u64) -> [u8; 14] {
    let mut header = *b"\x28\xb5\x2f\xfd\xc0\0\0\0\0\0\0\0\0\0";
    header[5] = window.wrapping_sub(10) << 3;
    header[6..].copy_from_slice(&content.to_le_bytes());
    header
}

/// A raw zstd block without the last-block bit.
#[must_use]
pub fn raw_block(bytes: &[u8]) -> Vec<u8> {
    [&block_header(0, bytes.len())[..], bytes].concat()
}

/// An RLE block without the last-block bit: four bytes that decode to `length` times `byte`.
#[must_use]
pub fn rle_block(byte: u8, length: usize) -> Vec<u8> {
    [&block_header(1, length)[..], &[byte]].concat()
}

fn block_header(kind: u32, length: usize) -> [u8; 3] {
    let length = u32::try_from(length).expect("a block's length has 21 bits");
    let [a, b, c, _] = (kind << 1 | length << 3).to_le_bytes();
    [a, b, c]
}

/// The seal line of a note and an index, its `\n` included.
#[must_use]
pub fn seal_line(note: &str, index: Option<&[u8]>) -> Vec<u8> {
    let note = note.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    let mut line =
        format!(r#"{{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":"{note}""#).into_bytes();
    if let Some(index) = index {
        line.extend(br#","index":"#);
        line.extend(index);
    }
    line.extend(b"}\n");
    line
}
