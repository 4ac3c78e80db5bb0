//! The file name of a spooled object: its plain key, but for the origin. Which of its keys it goes
//! to is for the uploads to find out.

use auditseal_format::{Date, ObjectKey, Origin};

const SUFFIX: &str = ".jsonl.zst";

pub(crate) fn write(key: &ObjectKey) -> String {
    format!("{:012}_{}{SUFFIX}", key.seq, key.date)
}

/// `None` for any other file: temporary ones, and what others put here.
pub(crate) fn parse(origin: &Origin, name: &str) -> Option<ObjectKey> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('_');
    let key = ObjectKey {
        origin: origin.clone(),
        seq: parts.next()?.parse().ok()?,
        date: Date::parse(parts.next()?.as_bytes())?,
        alternate: None,
    };
    (write(&key) == name).then_some(key)
}

/// Whether it is the name of an object from before the first release: `<seq>_<date>_e<epoch>`.
pub(crate) fn is_earlier(origin: &Origin, name: &str) -> bool {
    let plain = name.strip_suffix(SUFFIX).and_then(|name| name.rsplit_once("_e"));
    plain.is_some_and(|(plain, epoch)| {
        epoch.parse::<u32>().is_ok() && parse(origin, &format!("{plain}{SUFFIX}")).is_some()
    })
}
