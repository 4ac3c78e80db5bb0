//! The parts of the zstd frame that are written by hand: FORMAT.md, "Object".

/// Smallest window, base-2 logarithm of bytes.
pub const MIN_WINDOW_LOG: u8 = 17;
/// Largest window: what readers that don't ask for more accept (8 MiB, RFC 8878).
pub const MAX_WINDOW_LOG: u8 = 23;
/// Most bytes that the final block and its header take: what one fetch of the tail must hold.
pub const MAX_SEAL_BLOCK: usize = 65_536;
/// Bytes of the frame header.
pub(crate) const HEADER: usize = 14;
/// Bytes of a block header.
pub(crate) const BLOCK_HEADER: usize = 3;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The header of an object's frame.
pub(crate) fn header(window: u8, content: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4] = 0xc0;
    bytes[5] = window_descriptor(window);
    bytes[6..].copy_from_slice(&content.to_le_bytes());
    bytes
}

/// The header that libzstd writes when it knows no size: for decoding blocks by themselves.
pub(crate) fn sizeless_header(window: u8) -> [u8; 6] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, 0x00, window_descriptor(window)]
}

/// An empty raw block with the last-block bit: ends a sequence of blocks.
pub(crate) const TERMINATOR: [u8; BLOCK_HEADER] = [1, 0, 0];

fn window_descriptor(window: u8) -> u8 {
    (window - 10) << 3
}

/// The header of the final raw block.
pub(crate) fn final_block(length: usize) -> [u8; BLOCK_HEADER] {
    let [a, b, c, _] = u32::try_from(1 | length << 3).unwrap_or(u32::MAX).to_le_bytes();
    [a, b, c]
}
