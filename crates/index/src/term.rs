//! What is looked up: combinations of a line's fields, as bytes that sort.

use std::fmt;

use auditseal_merkle::hash;

/// The longest value that stands in a term as it is, in bytes of UTF-8; of a longer one its hash does.
pub const MAX_VALUE: usize = 128;
/// The first byte of a value that stands for another: no other value has a byte below 20.
const HASHED: u8 = 1;
/// Hexadecimal digits of that hash.
const DIGITS: usize = 32;
/// Between two values.
pub(crate) const BETWEEN: u8 = 0;
/// The most values of a term.
const MAX_FIELDS: usize = 5;
/// Bytes of the longest term.
pub(crate) const MAX_TERM: usize = MAX_FIELDS * (MAX_VALUE + 1);

/// Which fields a term combines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermKind {
    /// What was done to which resource, in which namespace.
    Action,
    /// An answer of 400 or above: with what code, to what.
    Failure,
    /// From where.
    Address,
    /// To which object.
    Object,
    /// Who did what: the authenticated user, and the impersonated one.
    Actor,
}

/// A field of an audit event; one that is absent counts as empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermField {
    /// `objectRef.resource`, empty for a request that is about none.
    Resource,
    /// `objectRef.apiGroup`, empty for the core group.
    Group,
    /// `objectRef.subresource`.
    Subresource,
    /// `verb`.
    Verb,
    /// `objectRef.namespace`.
    Namespace,
    /// `objectRef.name`; a term has it only where it isn't empty.
    Name,
    /// `user.username` or `impersonatedUser.username`.
    User,
    /// One of `sourceIPs`.
    Address,
    /// `responseStatus.code`, decimal.
    Code,
}

impl TermKind {
    /// All kinds, in the order in which they sort.
    pub const ALL: [Self; 5] =
        [Self::Action, Self::Failure, Self::Address, Self::Object, Self::Actor];

    /// The fields that a term of this kind combines, in this order.
    #[must_use]
    pub const fn fields(self) -> &'static [TermField] {
        use TermField::{Address, Code, Group, Name, Namespace, Resource, Subresource, User, Verb};
        match self {
            Self::Action => &[Resource, Group, Subresource, Verb, Namespace],
            Self::Failure => &[Code, Resource, Group, Subresource, Verb],
            Self::Address => &[Address],
            Self::Object => &[Resource, Group, Subresource, Namespace, Name],
            Self::Actor => &[Resource, Group, Subresource, Verb, User],
        }
    }

    /// The byte that a term begins with.
    #[must_use]
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Action => b'a',
            Self::Failure => b'f',
            Self::Address => b'i',
            Self::Object => b'o',
            Self::Actor => b'u',
        }
    }

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A field's value as a term holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermValue<'a> {
    /// The value itself.
    Text(&'a str),
    /// Digits of the hash of a value that is too long, or holds control characters.
    Hashed(&'a str),
}

/// A combination of fields that a line has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(Box<[u8]>);

impl Term {
    /// A term of a kind's fields, in the order of [`TermKind::fields`]. `None`: there are more or fewer
    /// of them than the kind has, or an object without a name.
    #[must_use]
    pub fn new(kind: TermKind, values: &[&str]) -> Option<Self> {
        let mut bytes = vec![kind.byte()];
        put_values(values, &mut bytes);
        let fits = values.len() == kind.fields().len();
        fits.then(|| Self::parse(&bytes)).flatten()
    }

    /// A term that an index holds. `None`: these aren't the bytes of one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        is_term(bytes).then(|| Self(bytes.into()))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> TermKind {
        split(&self.0).map_or(TermKind::Action, |(kind, _)| kind)
    }

    /// Its fields' values, in the order of [`TermKind::fields`].
    pub fn values(&self) -> impl Iterator<Item = TermValue<'_>> {
        split(&self.0).into_iter().flat_map(|(_, values)| values.map(TermValue::of))
    }

    /// Its bytes, by which terms sort.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut term = f.debug_struct(match self.kind() {
            TermKind::Action => "Action",
            TermKind::Failure => "Failure",
            TermKind::Address => "Address",
            TermKind::Object => "Object",
            TermKind::Actor => "Actor",
        });
        for (field, value) in self.kind().fields().iter().zip(self.values()) {
            term.field(&format!("{field:?}"), &value);
        }
        term.finish()
    }
}

/// Whether these are the bytes of a term.
pub(crate) fn is_term(bytes: &[u8]) -> bool {
    let Some((kind, values)) = split(bytes) else { return false };
    let mut fields = kind.fields().iter();
    for value in values {
        let named = match fields.next() {
            None => false,
            Some(TermField::Name) => !value.is_empty(),
            Some(_) => true,
        };
        if !named || !is_value(value) {
            return false;
        }
    }
    fields.len() == 0
}

/// A term's kind and its values, as they stand in it.
pub(crate) fn split(bytes: &[u8]) -> Option<(TermKind, impl Iterator<Item = &[u8]>)> {
    let (first, values) = bytes.split_first()?;
    Some((TermKind::of(*first)?, values.split(|byte| *byte == BETWEEN)))
}

impl<'a> TermValue<'a> {
    /// The value of a term, as it stands in it.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        // It was looked at when the term was read or made.
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        match bytes.split_first() {
            Some((&HASHED, digits)) => Self::Hashed(text(digits)),
            _ => Self::Text(text(bytes)),
        }
    }
}

/// Whether a value stands in a term as its hash.
pub(crate) fn is_hashed(value: &str) -> bool {
    value.len() > MAX_VALUE || value.bytes().any(|byte| byte < b' ')
}

/// Writes a value as a term holds it.
pub(crate) fn put_value(value: &str, out: &mut Vec<u8>) {
    if !is_hashed(value) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(HASHED);
    let digits = hash(value.as_bytes()).to_string();
    out.extend(digits.bytes().take(DIGITS));
}

/// Writes values behind a term's kind.
pub(crate) fn put_values(values: &[&str], out: &mut Vec<u8>) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(BETWEEN);
        }
        put_value(value, out);
    }
}

fn is_value(value: &[u8]) -> bool {
    if let Some((&HASHED, digits)) = value.split_first() {
        let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        return digits.len() == DIGITS && digits.iter().all(digit);
    }
    value.len() <= MAX_VALUE
        && value.iter().all(|byte| *byte >= b' ')
        && std::str::from_utf8(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_terms_values_are_what_it_was_made_of(
            values in prop::collection::vec(prop_oneof!["[a-z/:é]{0,9}", "[\\x00-\\x1f]{1,3}", "x{120,140}"], 5),
        ) {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            let term = Term::new(TermKind::Actor, &values).unwrap();
            prop_assert!(term.as_bytes().len() <= MAX_TERM);
            prop_assert_eq!(Term::parse(term.as_bytes()), Some(term.clone()));
            for (value, back) in values.iter().zip(term.values()) {
                match back {
                    TermValue::Text(text) => prop_assert_eq!(text, *value),
                    TermValue::Hashed(digits) => {
                        prop_assert!(is_hashed(value));
                        prop_assert_eq!(digits, &hash(value.as_bytes()).to_string()[..32]);
                    }
                }
            }
        }

        #[test]
        fn any_bytes_are_a_term_or_none(bytes in prop::collection::vec(prop_oneof![
            Just(0), Just(1), Just(b'a'), Just(b'i'), Just(b'0'), any::<u8>()
        ], 0..60)) {
            if let Some(term) = Term::parse(&bytes) {
                prop_assert_eq!(term.values().count(), term.kind().fields().len());
                prop_assert_eq!(term.as_bytes(), bytes);
            }
        }
    }

    #[test]
    fn what_no_line_gives_is_no_term() {
        assert!(Term::new(TermKind::Address, &["10.0.0.1"]).is_some());
        assert!(Term::new(TermKind::Address, &["10.0.0.1", ""]).is_none());
        assert!(Term::new(TermKind::Address, &[]).is_none());
        assert!(Term::new(TermKind::Object, &["pods", "", "", "n", ""]).is_none());
        for bytes in [&b""[..], b"i\x01abc", b"i\x1f", b"i\xff", b"x", b"a\0\0\0", b"a\0\0\0\0\0"] {
            assert!(Term::parse(bytes).is_none(), "{bytes:?}");
        }
        let longest = vec!["x".repeat(MAX_VALUE); 5];
        let longest: Vec<_> = longest.iter().map(String::as_str).collect();
        let term = Term::new(TermKind::Actor, &longest).unwrap();
        assert_eq!(term.as_bytes().len(), MAX_TERM);
    }
}
