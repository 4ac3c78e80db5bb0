//! Taking the parts of an index off its front.

use crate::{IndexError, Ordinals, ordinals};

/// What is left of an index's bytes.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    pub(crate) fn rest(&self) -> usize {
        self.0.len()
    }

    /// What an index of this kind begins with.
    pub(crate) fn magic(&mut self, magic: &[u8]) -> Result<(), IndexError> {
        let common = magic.len().min(self.0.len());
        if self.0[..common] != magic[..common] {
            return Err(IndexError::Unknown);
        }
        self.slice(magic.len()).map(drop)
    }

    pub(crate) fn slice(&mut self, length: usize) -> Result<&'a [u8], IndexError> {
        let (slice, rest) = self.0.split_at_checked(length).ok_or(IndexError::Short)?;
        self.0 = rest;
        Ok(slice)
    }

    /// A part, of which the index says its length.
    pub(crate) fn bytes(&mut self, length: u32) -> Result<&'a [u8], IndexError> {
        self.slice(length as usize)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(IndexError::Short)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, IndexError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Numbers of 32 bits.
    pub(crate) fn numbers<const N: usize>(&mut self) -> Result<[u32; N], IndexError> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.array().map(u32::from_le_bytes)?;
        }
        Ok(numbers)
    }

    /// A set that may be empty: it then has no bytes.
    pub(crate) fn open_set(&mut self, length: u32, below: u32) -> Result<Ordinals, IndexError> {
        let mut bytes = self.bytes(length)?;
        let mut set = Ordinals::none(below);
        let sound =
            bytes.is_empty() || ordinals::take(&mut bytes, below, |run| set.fill(run)).is_some();
        if sound && bytes.is_empty() {
            Ok(set)
        } else {
            Err(IndexError::Altered("its open batches"))
        }
    }
}
