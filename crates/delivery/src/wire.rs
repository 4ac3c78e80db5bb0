//! Protocol Buffers, as far as they are written and read here: <https://protobuf.dev/programming-guides/encoding>.

/// Writes fields of a message.
#[derive(Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A field of 64 bits.
    pub(crate) fn fixed(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A number.
    pub(crate) fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    /// Bytes, a string or a message.
    pub(crate) fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }
}

/// A field of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// It is no message, or ends within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMessage;

/// The fields of a message, until its end or what is none.
pub(crate) fn fields(mut text: &[u8]) -> impl Iterator<Item = Result<(u64, Field<'_>), NoMessage>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let field = field(&mut text).ok_or(NoMessage);
        if field.is_err() {
            text = &[];
        }
        Some(field)
    })
}

fn field<'a>(text: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(text)?;
    let field = match tag & 7 {
        0 => Field::Number(varint(text)?),
        1 => take(text, 8).map(|_| Field::Other)?,
        2 => {
            let length = usize::try_from(varint(text)?).ok()?;
            Field::Bytes(take(text, length)?)
        }
        5 => take(text, 4).map(|_| Field::Other)?,
        _ => return None,
    };
    // There is no field 0.
    Some((tag >> 3, field)).filter(|(number, _)| *number > 0)
}

fn take<'a>(text: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = text.split_at_checked(length)?;
    *text = rest;
    Some(taken)
}

fn varint(text: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(text, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number in any::<u64>(), bytes in any::<Vec<u8>>(), fixed in any::<u64>()) {
            let mut message = Message::default();
            message.number(1, number).bytes(2, &bytes).fixed(900, fixed);
            let read: Vec<_> = fields(&message.0).map(Result::unwrap).collect();
            prop_assert_eq!(read, vec![(1, Field::Number(number)), (2, Field::Bytes(&bytes)), (900, Field::Other)]);
        }

        #[test]
        fn anything_has_an_end(text in any::<Vec<u8>>()) {
            prop_assert!(fields(&text).count() <= text.len());
        }
    }

    #[test]
    fn what_is_cut_is_no_message() {
        let mut message = Message::default();
        message.number(1, 300).bytes(2, b"why").fixed(3, 7);
        // Between two fields it ends as well.
        let whole = [0, 3, 8];
        for end in (0..message.0.len()).filter(|end| !whole.contains(end)) {
            assert_eq!(fields(&message.0[..end]).last(), Some(Err(NoMessage)), "{end}");
        }
        for text in ["<html>", "ok", "{}"] {
            assert!(fields(text.as_bytes()).any(|field| field.is_err()), "{text}");
        }
    }

    #[test]
    fn numbers_are_as_the_page_says() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
    }
}
