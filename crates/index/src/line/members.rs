//! Which members of an event are read, and what their values must be.

/// A string that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    AuditId,
    Verb,
    User,
    Impersonated,
    Resource,
    Group,
    Subresource,
    Namespace,
    Name,
}

/// How many of them there are.
pub(super) const SLOTS: usize = 9;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Anything: it isn't read.
    Anything,
    /// A string.
    Text(Slot),
    /// An object, whose members are read.
    Object(Inside),
    /// A list of strings.
    Addresses,
    /// A string of that list.
    Address,
    /// A number.
    Code,
}

/// An object whose members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Event,
    User,
    Impersonated,
    ObjectRef,
    Status,
}

/// The longest of the keys below, in bytes.
pub(super) const LONGEST_KEY: usize = 16;

/// What the value of a key must be, and a bit that no other key which is read has.
pub(super) fn member(inside: Inside, key: &[u8]) -> (Want, u32) {
    match (inside, key) {
        (Inside::Event, b"auditID") => (Want::Text(Slot::AuditId), 1 << 0),
        (Inside::Event, b"verb") => (Want::Text(Slot::Verb), 1 << 1),
        (Inside::Event, b"user") => (Want::Object(Inside::User), 1 << 2),
        (Inside::Event, b"impersonatedUser") => (Want::Object(Inside::Impersonated), 1 << 3),
        (Inside::Event, b"sourceIPs") => (Want::Addresses, 1 << 4),
        (Inside::Event, b"objectRef") => (Want::Object(Inside::ObjectRef), 1 << 5),
        (Inside::Event, b"responseStatus") => (Want::Object(Inside::Status), 1 << 6),
        (Inside::User, b"username") => (Want::Text(Slot::User), 1 << 7),
        (Inside::Impersonated, b"username") => (Want::Text(Slot::Impersonated), 1 << 8),
        (Inside::ObjectRef, b"resource") => (Want::Text(Slot::Resource), 1 << 9),
        (Inside::ObjectRef, b"apiGroup") => (Want::Text(Slot::Group), 1 << 10),
        (Inside::ObjectRef, b"subresource") => (Want::Text(Slot::Subresource), 1 << 11),
        (Inside::ObjectRef, b"namespace") => (Want::Text(Slot::Namespace), 1 << 12),
        (Inside::ObjectRef, b"name") => (Want::Text(Slot::Name), 1 << 13),
        (Inside::Status, b"code") => (Want::Code, 1 << 14),
        _ => (Want::Anything, 0),
    }
}
