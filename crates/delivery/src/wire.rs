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

/// The fields of a message, until its end or what is none.
pub(crate) fn fields(mut text: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let tag = varint(&mut text)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut text)?),
            1 => take(&mut text, 8).map(|_| Field::Other)?,
            2 => {
                let length = usize::try_from(varint(&mut text)?).ok()?;
                Field::Bytes(take(&mut text, length)?)
            }
            5 => take(&mut text, 4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    })
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
            let read: Vec<_> = fields(&message.0).collect();
            prop_assert_eq!(read, vec![(1, Field::Number(number)), (2, Field::Bytes(&bytes)), (900, Field::Other)]);
        }

        #[test]
        fn anything_has_an_end(text in any::<Vec<u8>>()) {
            prop_assert!(fields(&text).count() <= text.len());
        }
    }

    #[test]
    fn numbers_are_as_the_page_says() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
    }
}
