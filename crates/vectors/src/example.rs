//! The worked example in FORMAT.md.

use std::fmt::Write as _;
use std::path::PathBuf;

use auditseal_format::ObjectSeal;

use crate::{Chain, Parts, Piece, TestSigner};

/// Where the generated part of FORMAT.md begins.
pub const BEGIN: &str = "<!-- worked-example:begin -->\n";
/// Where it ends.
pub const END: &str = "<!-- worked-example:end -->\n";

/// Where FORMAT.md is.
#[must_use]
pub fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../format/FORMAT.md")
}

/// The example's chain: the genesis and one batch of two short lines.
#[must_use]
pub fn chain() -> Chain {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", "{\"verb\":\"get\"}\n{\"verb\":\"list\"}\n")]);
    chain
}

/// FORMAT.md with the example's values between the two markers; `None` without the markers.
#[must_use]
pub fn with_example(page: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", section()))
}

/// The key, the bytes, the note.
fn section() -> String {
    let chain = chain();
    let object = &chain.head().bytes;
    let parts = Parts::of(object);
    let read = ObjectSeal::read(object).expect("a sealed object");
    let last = usize::try_from(read.blocks().end).expect("a small object");
    let mut text = String::new();
    let mut fence = |title: &str, content: &str| {
        text.push_str(&format!("{title}\n\n```text\n{content}```\n"));
    };
    fence("Its key:", &format!("{}\n", chain.key(1)));
    let layout = layout(object, parts.blocks.len(), last);
    fence(&format!("\nIts bytes:\n\n{layout}"), &hexdump(object));
    fence("\nIts note:", &parts.note);
    fence("\nThe note's hash:", &format!("{}\n", chain.head().hash));
    text
}

/// The parts of the object, as a table.
fn layout(object: &[u8], blocks: usize, last: usize) -> String {
    let hex = |bytes: &[u8]| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.join(" ")
    };
    let kind = match object[14] >> 1 & 3 {
        0 => "raw",
        1 => "RLE",
        _ => "compressed",
    };
    let line = object.len() - last - 3;
    format!(
        "| offset | bytes | content |\n|---|---|---|\n\
         | `00000000` | 14 | frame header; the content size `{}` is {} |\n\
         | `0000000e` | {blocks} | the blocks: one {kind} block, its header `{}` |\n\
         | `{last:08x}` | 3 | header of the final block: `{}` is 1 \\| {line} << 3 |\n\
         | `{:08x}` | {line} | the seal line |",
        hex(&object[6..14]),
        u64::from_le_bytes(object[6..14].try_into().expect("eight bytes")),
        hex(&object[14..17]),
        hex(&object[last..last + 3]),
        last + 3,
    )
}

/// As `hexdump -C` prints it.
fn hexdump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, bytes) in bytes.chunks(16).enumerate() {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut hex, byte| {
                // Writing to a String can't fail.
                write!(hex, " {byte:02x}").expect("write to a string");
                hex
            })
        };
        let (left, right) = bytes.split_at(bytes.len().min(8));
        let shown: String = bytes
            .iter()
            .map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' })
            .collect();
        writeln!(text, "{:08x} {:<24} {:<24}  |{shown}|", row * 16, hex(left), hex(right))
            .expect("write to a string");
    }
    writeln!(text, "{:08x}", bytes.len()).expect("write to a string");
    text
}
