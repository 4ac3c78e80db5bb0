//! One member being decoded: four libraries behind one call.

use auditseal_format::{ForeignError, ForeignFrames};
use flate2::FlushDecompress;
use liblzma::stream::{Action, Stream};

use crate::MAX_WINDOW_LOG;
use crate::codec::Codec;
use crate::damage::DamageKind;

/// What the xz library takes beside the dictionary, with room to spare.
const XZ_OVERHEAD: u64 = 1 << 20;

/// What one call did.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
    /// The member ended here, and its checksum, where it has one, is right.
    pub(crate) done: bool,
    /// Nothing more can be had of the member.
    pub(crate) fault: Option<DamageKind>,
}

/// A member's decoder.
pub(crate) enum Member {
    /// Lines that nobody compressed.
    Plain,
    Gzip(flate2::Decompress),
    Zstd(ForeignFrames),
    Xz(Stream),
    Bzip2(bzip2::Decompress),
}

impl Member {
    /// `None`: there is no memory for it.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        Some(match codec {
            Codec::Gzip => Self::Gzip(flate2::Decompress::new_gzip(15)),
            Codec::Zstd => Self::Zstd(ForeignFrames::new(MAX_WINDOW_LOG)?),
            Codec::Xz => {
                let limit = (1 << MAX_WINDOW_LOG) + XZ_OVERHEAD;
                Self::Xz(Stream::new_stream_decoder(limit, 0).ok()?)
            }
            Codec::Bzip2 => Self::Bzip2(bzip2::Decompress::new(false)),
        })
    }

    /// Decodes some of `input` into `output`, neither of them empty.
    pub(crate) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Self::Plain => {
                let length = input.len().min(output.len());
                output[..length].copy_from_slice(&input[..length]);
                Step { consumed: length, produced: length, ..Step::default() }
            }
            Self::Gzip(inflate) => {
                let before = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(input, output, FlushDecompress::None);
                let moved = between(before, (inflate.total_in(), inflate.total_out()));
                moved.with(
                    matches!(status, Ok(flate2::Status::StreamEnd)),
                    status.is_err().then_some(DamageKind::Corrupt),
                )
            }
            Self::Zstd(frames) => {
                let step = frames.decode(input, output);
                let moved =
                    Step { consumed: step.consumed, produced: step.produced, ..Step::default() };
                let fault = step.error.map(|error| match error {
                    ForeignError::Memory => DamageKind::TooLarge,
                    ForeignError::Corrupt => DamageKind::Corrupt,
                });
                moved.with(step.done, fault)
            }
            Self::Xz(stream) => {
                let before = (stream.total_in(), stream.total_out());
                let status = stream.process(input, output, Action::Run);
                let moved = between(before, (stream.total_in(), stream.total_out()));
                let done = matches!(status, Ok(liblzma::stream::Status::StreamEnd));
                let fault = status.err().map(|error| match error {
                    liblzma::stream::Error::MemLimit | liblzma::stream::Error::Mem => {
                        DamageKind::TooLarge
                    }
                    _ => DamageKind::Corrupt,
                });
                moved.with(done, fault)
            }
            Self::Bzip2(stream) => {
                let before = (stream.total_in(), stream.total_out());
                let status = stream.decompress(input, output);
                let moved = between(before, (stream.total_in(), stream.total_out()));
                let fault = match status {
                    Err(_) => Some(DamageKind::Corrupt),
                    Ok(bzip2::Status::MemNeeded) => Some(DamageKind::TooLarge),
                    Ok(_) => None,
                };
                moved.with(matches!(status, Ok(bzip2::Status::StreamEnd)), fault)
            }
        }
    }
}

impl Step {
    fn with(self, done: bool, fault: Option<DamageKind>) -> Self {
        Self { done, fault, ..self }
    }
}

/// How far a library's own counters of input and output moved; within one call that is at most as
/// long as the slices were.
fn between(before: (u64, u64), after: (u64, u64)) -> Step {
    let moved =
        |before: u64, after: u64| usize::try_from(after.saturating_sub(before)).unwrap_or(0);
    Step {
        consumed: moved(before.0, after.0),
        produced: moved(before.1, after.1),
        ..Step::default()
    }
}
