//! Member after member, and how a file ends.

use std::fmt;
use std::io::{self, Read};

use crate::codec::Codec;
use crate::damage::{Damage, DamageKind, Error};
use crate::input::Input;
use crate::member::Member;

/// Bytes that must be at hand to tell what begins there: the longest magic number.
const MAGIC: usize = 6;
/// Bytes behind a member that are passed over: NUL bytes behind a stream of xz, the one codec whose
/// files may go on behind them, and what gzip and bzip2 ignore. Tools pad to a block of a disk or
/// tape.
const PADDING: u64 = 1 << 20;

enum Stage {
    /// Nothing is read yet.
    Front,
    /// Between members of this codec.
    Between(Codec),
    /// In a member; of no codec when the file isn't compressed at all.
    Member(Option<Codec>, Box<Member>),
    /// Behind the last member, in bytes that aren't one: where they begin.
    Behind(Codec, u64),
    Ended,
    Damaged(Damage),
}

/// Decompresses one file, front to back.
///
/// The file's first bytes say how: a `.gz` that is really a zstd file is read as one, and one that
/// begins with `{`, as every line of an audit log does, is taken as it is. Its name counts where
/// the first bytes say nothing: then the file is damaged.
///
/// It allocates 64 KiB for stored bytes and what the codec needs, at most 129 MiB, and nothing
/// before the first read.
pub struct Decoder<R> {
    codec: Codec,
    input: Input<R>,
    stage: Stage,
    position: u64,
    verified: u64,
    ignored: Option<u64>,
}

impl<R> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("codec", &self.codec)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Decoder<R> {
    /// A decoder of a file whose name promises `codec`.
    #[must_use]
    pub fn new(codec: Codec, reader: R) -> Self {
        Self {
            codec,
            input: Input::new(reader),
            stage: Stage::Front,
            position: 0,
            verified: 0,
            ignored: None,
        }
    }

    /// Uncompressed bytes read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Offset, in the stored file, of bytes behind the last member that are no member and hold none:
    /// padding, or anything else. gzip and bzip2 ignore such bytes, and so does this decoder. Known
    /// once a read gave 0 bytes.
    #[must_use]
    pub fn ignored(&self) -> Option<u64> {
        self.ignored
    }

    /// Reads the next uncompressed bytes; 0 means that the file ended as it should.
    ///
    /// # Errors
    /// When the reader fails, or nothing more can be had of the file. Behind a reader's error the
    /// decoder may be asked again.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.stage {
                Stage::Ended => return Ok(0),
                Stage::Damaged(damage) => return Err(Error::Damaged(damage.clone())),
                Stage::Front => self.front().map_err(Error::Io)?,
                Stage::Between(codec) => {
                    let codec = *codec;
                    self.between(codec).map_err(Error::Io)?;
                }
                Stage::Behind(codec, offset) => {
                    let (codec, offset) = (*codec, *offset);
                    self.behind(codec, offset).map_err(Error::Io)?;
                }
                Stage::Member(..) => {
                    let read = self.member(buf).map_err(Error::Io)?;
                    if read > 0 {
                        return Ok(read);
                    }
                }
            }
        }
    }

    fn front(&mut self) -> io::Result<()> {
        let named = self.codec;
        let bytes = self.input.peek(MAGIC)?;
        if let Some(codec) = Codec::of(bytes) {
            self.begin(codec);
        } else if bytes.first() == Some(&b'{') {
            self.stage = Stage::Member(None, Box::new(Member::Plain));
        } else {
            // A file of no bytes at all is no compressed file: it was created, never filled.
            let cut = named.may_begin(bytes);
            self.damaged(if cut { DamageKind::Truncated } else { DamageKind::Corrupt });
        }
        Ok(())
    }

    /// Whether another member follows, or what else.
    fn between(&mut self, codec: Codec) -> io::Result<()> {
        if codec == Codec::Xz {
            self.skip_padding()?;
        }
        let offset = self.input.offset();
        let bytes = self.input.peek(MAGIC)?;
        // What each codec's own tool does with anything else: gzip and bzip2 leave it, zstd and xz
        // refuse it.
        let lenient = matches!(codec, Codec::Gzip | Codec::Bzip2);
        if bytes.is_empty() {
            self.stage = Stage::Ended;
        } else if codec.begins(bytes) {
            self.begin(codec);
        } else if codec.may_begin(bytes) {
            self.damaged(DamageKind::Truncated);
        } else if lenient && !codec.nearly_begins(bytes) {
            self.stage = Stage::Behind(codec, offset);
        } else {
            self.damaged(DamageKind::Corrupt);
        }
        Ok(())
    }

    /// Passes over bytes that are no member. The codec's own tool stops at the first of them, so a
    /// member that stands behind them would be lost, and nobody would be told.
    fn behind(&mut self, codec: Codec, offset: u64) -> io::Result<()> {
        let bytes = self.input.peek(MAGIC)?;
        let (length, found) = (bytes.len(), codec.begins_within(bytes));
        if found || self.input.offset() - offset > PADDING {
            self.damaged(DamageKind::Corrupt);
        } else if length < MAGIC {
            self.ignored = Some(offset);
            self.stage = Stage::Ended;
        } else {
            // A member's first bytes may lie across the edge of what is at hand.
            self.input.take(length - (MAGIC - 1));
        }
        Ok(())
    }

    /// xz files may have NUL bytes between and behind their streams, by fours.
    fn skip_padding(&mut self) -> io::Result<()> {
        let end = self.input.offset() + PADDING;
        while self.input.offset() < end && self.input.peek(4)?.starts_with(&[0; 4]) {
            self.input.take(4);
        }
        Ok(())
    }

    fn begin(&mut self, codec: Codec) {
        match Member::new(codec) {
            Some(member) => self.stage = Stage::Member(Some(codec), Box::new(member)),
            None => self.damaged(DamageKind::TooLarge),
        }
    }

    /// Decodes within a member; 0 bytes: look at the stage again.
    fn member(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Stage::Member(codec, member) = &mut self.stage else { return Ok(0) };
        let codec = *codec;
        let bytes = self.input.peek(1)?;
        let ended = bytes.is_empty();
        let step = member.decode(bytes, buf);
        self.input.take(step.consumed);
        self.position += step.produced as u64;
        if let Some(kind) = step.fault {
            self.damaged(kind);
        } else if step.done {
            self.verified = self.position;
            self.stage = codec.map_or(Stage::Ended, Stage::Between);
        } else if ended && step.produced == 0 {
            // Nothing tells where a plain file should end.
            match codec {
                None => self.stage = Stage::Ended,
                Some(_) => self.damaged(DamageKind::Truncated),
            }
        } else if step.consumed == 0 && step.produced == 0 {
            // With bytes to read and room to write, a decoder that stands still never goes on.
            self.damaged(DamageKind::Corrupt);
        }
        Ok(step.produced)
    }

    fn damaged(&mut self, kind: DamageKind) {
        self.stage = Stage::Damaged(Damage {
            codec: self.codec,
            good: self.position,
            verified: self.verified,
            kind,
        });
    }
}
