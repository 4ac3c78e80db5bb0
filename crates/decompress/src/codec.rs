//! Which codec, by a name's ending and by a file's first bytes.

/// A way of compressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// `.gz`: what kube-apiserver and logrotate make unless told otherwise.
    Gzip,
    /// `.zst`.
    Zstd,
    /// `.xz`.
    Xz,
    /// `.bz2`.
    Bzip2,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2];

    /// The name that its tool has.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// What its tool appends to a file's name, with the dot.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Xz => ".xz",
            Self::Bzip2 => ".bz2",
        }
    }

    /// A file name without the codec's suffix, and the codec.
    #[must_use]
    pub fn strip(name: &[u8]) -> Option<(&[u8], Self)> {
        let stripped = |codec: Self| Some((name.strip_suffix(codec.suffix().as_bytes())?, codec));
        Self::ALL.into_iter().find_map(stripped)
    }

    /// The codec whose member these bytes begin.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.begins(bytes))
    }

    /// The bytes that each of its members begins with.
    pub(crate) const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b, 0x08],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            Self::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
            Self::Bzip2 => b"BZh",
        }
    }

    /// Whether a member begins with these bytes, a skippable frame included.
    pub(crate) fn begins(self, bytes: &[u8]) -> bool {
        let skippable = matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        bytes.starts_with(self.magic()) || (self == Self::Zstd && skippable)
    }

    /// Whether a member begins anywhere in these bytes. Of bzip2, whose first bytes are letters that
    /// a text may hold, more of them are asked for: its level, and the first block's first bytes.
    pub(crate) fn begins_within(self, bytes: &[u8]) -> bool {
        let rest = |at: usize| &bytes[(at + self.magic().len()).min(bytes.len())..];
        let starts = bytes.windows(self.magic().len()).enumerate();
        let mut starts = starts.filter(|(_, found)| *found == self.magic()).map(|(at, _)| at);
        match self {
            Self::Bzip2 => starts.any(|at| matches!(rest(at), [b'1'..=b'9', 0x31, 0x41, ..])),
            _ => starts.next().is_some(),
        }
    }

    /// Whether these few bytes, the file's last, may be the first ones of a member.
    pub(crate) fn may_begin(self, bytes: &[u8]) -> bool {
        let skippable =
            matches!(bytes, [0x50..=0x5f] | [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d]);
        self.magic().starts_with(bytes) || (self == Self::Zstd && skippable)
    }

    /// Whether these bytes are a member's first ones but for one byte: a member that a disk has
    /// damaged, not something that is no member at all.
    pub(crate) fn nearly_begins(self, bytes: &[u8]) -> bool {
        let magic = self.magic();
        let same = magic.iter().zip(bytes).filter(|(wanted, found)| wanted == found).count();
        bytes.len() >= magic.len() && same + 1 >= magic.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_bytes_tell_the_codec() {
        assert_eq!(Codec::strip(b"audit.log.1.gz"), Some((&b"audit.log.1"[..], Codec::Gzip)));
        for codec in Codec::ALL {
            let name = format!("a{}", codec.suffix());
            assert_eq!(Codec::strip(name.as_bytes()), Some((&b"a"[..], codec)));
            assert_eq!(Codec::of(codec.magic()), Some(codec));
            assert!(codec.may_begin(&codec.magic()[..2]) && !codec.begins(&codec.magic()[..2]));
        }
        assert_eq!(Codec::strip(b"audit.log.1.Z"), None);
        assert_eq!(Codec::of(&[0x53, 0x2a, 0x4d, 0x18]), Some(Codec::Zstd), "skippable");
        assert_eq!(Codec::of(b"{\"kind\""), None);
    }

    #[test]
    fn a_member_is_found_among_other_bytes() {
        for codec in [Codec::Gzip, Codec::Bzip2] {
            let magic: &[u8] = match codec {
                Codec::Bzip2 => b"BZh9\x31\x41",
                _ => codec.magic(),
            };
            for before in 0..70 {
                let bytes = [&vec![0; before], magic, b"rest"].concat();
                assert!(codec.begins_within(&bytes), "{codec:?} behind {before}");
                assert!(!codec.begins_within(&bytes[..before + magic.len() - 1]), "{codec:?}");
            }
        }
        assert!(!Codec::Bzip2.begins_within(b"the text BZh9, and BZh"));
    }

    #[test]
    fn one_wrong_byte_is_a_damaged_member_two_are_something_else() {
        assert!(Codec::Gzip.nearly_begins(&[0x1f, 0x8b, 0x09]));
        assert!(Codec::Gzip.nearly_begins(&[0x1e, 0x8b, 0x08]));
        assert!(!Codec::Gzip.nearly_begins(&[0x1e, 0x8b, 0x09]));
        assert!(!Codec::Gzip.nearly_begins(&[0, 0, 0]));
        assert!(!Codec::Bzip2.nearly_begins(b"BY"));
    }
}
