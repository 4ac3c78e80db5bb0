//! One 1 KiB chunk of the root's input: a header and a piece of one line.

/// Size of a frame in bytes: BLAKE3's chunk.
pub const FRAME_SIZE: usize = 1024;
/// Size of a frame's header in bytes.
pub const FRAME_HEADER: usize = 16;
/// Bytes of a line that fit into one frame.
pub const FRAME_CAPACITY: usize = FRAME_SIZE - FRAME_HEADER;

/// The header of a frame.
///
/// Every frame says which line it belongs to, which piece of that line it is and whether the line
/// ends in it. A header once per line would not do: a hostile line could hold, at the right
/// offset, bytes that look like the first frame of another line, and a proof of one chunk would
/// then prove an event that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Index of the line in the batch, from 0.
    pub line: u64,
    /// Index of the frame in its line, from 0.
    pub piece: u32,
    /// Bytes of the line in this frame: [`FRAME_CAPACITY`] in every frame but a line's last.
    pub used: u16,
    /// Whether the line ends with this frame.
    pub last: bool,
}

impl Frame {
    /// The header's 16 bytes: `u64le line ‖ u32le piece ‖ u16le used ‖ u16le last`.
    #[must_use]
    pub fn header(&self) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[..8].copy_from_slice(&self.line.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.piece.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.used.to_le_bytes());
        bytes[14..].copy_from_slice(&u16::from(self.last).to_le_bytes());
        bytes
    }
}
