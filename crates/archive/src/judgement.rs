//! What a verification of chains by their keys, and one of an estate, have in common.

use std::io::{self, Write};

use serde::Serialize;

/// What a verification came to, and how it is told.
pub trait Judgement: Serialize + Sized {
    /// 0 if all that was asked for is complete, 1 if anything is wrong, 2 if that couldn't be found out,
    /// 3 if two histories of a chain are known.
    fn exit_code(&self) -> u8;

    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    fn text(&self, out: &mut impl Write) -> io::Result<()>;

    /// Writes it as one JSON document and a newline. Names are those of its fields, and `exit` the exit
    /// code; times are `YYYY-MM-DDThh:mm:ss.ffffffZ`, a head is `SEQ:HASH`, what is absent is `null`.
    ///
    /// # Errors
    /// Those of `out`.
    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct Document<'a, R> {
            exit: u8,
            #[serde(flatten)]
            report: &'a R,
        }
        serde_json::to_writer(&mut *out, &Document { exit: self.exit_code(), report: self })?;
        out.write_all(b"\n")
    }
}
