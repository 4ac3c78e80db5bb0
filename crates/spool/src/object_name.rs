//! The file name of a spooled object: its key, but for the origin.

use auditseal_format::{Date, ObjectKey, Origin};

const SUFFIX: &str = ".jsonl.zst";

pub(crate) fn write(key: &ObjectKey) -> String {
    format!("{:012}_{}_e{}{SUFFIX}", key.seq, key.date, key.epoch)
}

/// `None` for any other file: temporary ones, and what others put here.
pub(crate) fn parse(origin: &Origin, name: &str) -> Option<ObjectKey> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('_');
    let key = ObjectKey {
        origin: origin.clone(),
        seq: parts.next()?.parse().ok()?,
        date: Date::parse(parts.next()?.as_bytes())?,
        epoch: parts.next()?.strip_prefix('e')?.parse().ok()?,
    };
    (write(&key) == name).then_some(key)
}
