//! What was read of a line.

use std::ops::Range;

use auditseal_audit::text;

use super::members::{SLOTS, Slot};

/// The longest value of a field that is read, in bytes between its quotes; a line with a longer one isn't.
pub(super) const MAX_RAW: usize = 4096;
/// The most source addresses of a line.
pub(super) const MAX_ADDRESSES: usize = 16;
/// The most digits of a code.
const MAX_DIGITS: usize = 9;

/// The bytes of a line's fields, as they stand in it.
#[derive(Debug, Default)]
pub(super) struct Fields {
    raw: Vec<u8>,
    strings: [Range<usize>; SLOTS],
    addresses: Vec<Range<usize>>,
    code: Option<Range<usize>>,
    /// Where the open one begins.
    open: usize,
    pub(super) impersonated: bool,
}

/// A line's fields; what is absent is empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    strings: [&'a str; SLOTS],
    addresses: &'a [Range<usize>],
    raw: &'a [u8],
    impersonated: bool,
    /// `responseStatus.code`.
    pub(crate) code: Option<u32>,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.raw.clear();
        self.strings = Default::default();
        self.addresses.clear();
        self.code = None;
        self.impersonated = false;
    }

    pub(super) fn begin(&mut self) {
        self.open = self.raw.len();
    }

    /// Adds to the open field; says whether there is room for it.
    pub(super) fn extend(&mut self, part: &[u8]) -> bool {
        let fits = self.raw.len() - self.open + part.len() <= MAX_RAW;
        if fits {
            self.raw.extend_from_slice(part);
        }
        fits
    }

    pub(super) fn end_string(&mut self, slot: Slot) {
        self.strings[slot as usize] = self.open..self.raw.len();
    }

    /// Says whether there is room for it.
    pub(super) fn end_address(&mut self) -> bool {
        self.addresses.push(self.open..self.raw.len());
        self.addresses.len() <= MAX_ADDRESSES
    }

    pub(super) fn end_code(&mut self) {
        self.code = Some(self.open..self.raw.len());
    }

    /// What the fields mean. `None`: one of them is no text, or the code no number of at most nine digits.
    pub(super) fn facts(&mut self) -> Option<Facts<'_>> {
        let Self { raw, strings, addresses, .. } = self;
        for span in strings.iter_mut().chain(addresses) {
            if memchr::memchr(b'\\', &raw[span.clone()]).is_some() {
                let mut decoded = Vec::new();
                text::decode(&raw[span.clone()], &mut decoded)?;
                *span = raw.len()..raw.len() + decoded.len();
                raw.append(&mut decoded);
            }
        }
        let text = |span: &Range<usize>| std::str::from_utf8(&self.raw[span.clone()]).ok();
        let mut strings = [""; SLOTS];
        for (string, span) in strings.iter_mut().zip(&self.strings) {
            *string = text(span)?;
        }
        if self.addresses.iter().any(|span| text(span).is_none()) {
            return None;
        }
        let code = match &self.code {
            Some(span) => Some(code(&self.raw[span.clone()])?),
            None => None,
        };
        let (addresses, raw, impersonated) = (&*self.addresses, &*self.raw, self.impersonated);
        Some(Facts { strings, addresses, raw, impersonated, code })
    }
}

fn code(digits: &[u8]) -> Option<u32> {
    let plain = digits.len() <= MAX_DIGITS && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

impl<'a> Facts<'a> {
    /// `auditID`.
    pub(crate) fn audit_id(&self) -> &'a str {
        self.strings[Slot::AuditId as usize]
    }

    /// `verb`.
    pub(crate) fn verb(&self) -> &'a str {
        self.strings[Slot::Verb as usize]
    }

    /// `user.username`, and `impersonatedUser.username` where there is such an object.
    pub(crate) fn users(&self) -> impl Iterator<Item = &'a str> {
        let user = |slot: Slot| self.strings[slot as usize];
        let impersonated = self.impersonated.then(|| user(Slot::Impersonated));
        [user(Slot::User)].into_iter().chain(impersonated)
    }

    /// Resource, group and subresource of `objectRef`.
    pub(crate) fn resource(&self) -> [&'a str; 3] {
        [Slot::Resource, Slot::Group, Slot::Subresource].map(|slot| self.strings[slot as usize])
    }

    /// Its namespace and name.
    pub(crate) fn object(&self) -> [&'a str; 2] {
        [Slot::Namespace, Slot::Name].map(|slot| self.strings[slot as usize])
    }

    /// `sourceIPs`.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &'a str> {
        let raw = self.raw;
        self.addresses.iter().filter_map(|span| std::str::from_utf8(&raw[span.clone()]).ok())
    }
}
