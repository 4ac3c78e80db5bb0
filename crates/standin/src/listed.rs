//! What S3 lists of a bucket's live objects: each by itself, or as the folder that it lies in.

use std::ops::Bound;

use crate::bucket::{Bucket, Entry};

/// One entry of a listing.
#[derive(Debug)]
pub(crate) enum Listed<'a> {
    Object(&'a str, &'a Entry),
    /// All keys that go on alike up to the delimiter, that included.
    Folder(&'a str),
}

impl<'a> Listed<'a> {
    /// By what a listing goes on behind it.
    pub(crate) fn name(&self) -> &'a str {
        match self {
            Self::Object(name, _) | Self::Folder(name) => name,
        }
    }
}

/// What stands below a prefix, in order. Each entry costs one search, however many keys a folder holds.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) prefix: &'a str,
    /// Empty for none.
    pub(crate) delimiter: &'a str,
    /// The name behind which it goes on; empty for the beginning.
    pub(crate) behind: &'a str,
}

impl<'a> Listing<'a> {
    /// The folder of a name that is longer than the prefix.
    fn folder(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(self.prefix).filter(|_| !self.delimiter.is_empty())?;
        let end = self.prefix.len() + rest.find(self.delimiter)? + self.delimiter.len();
        name.get(..end)
    }
}

impl<'a> Iterator for Listing<'a> {
    type Item = Listed<'a>;

    fn next(&mut self) -> Option<Listed<'a>> {
        let passed = self.folder(self.behind).filter(|folder| *folder == self.behind);
        // The first text that is behind all that begin with the folder's.
        let beyond = passed.map(|folder| format!("{folder}\u{10ffff}"));
        let from = match &beyond {
            Some(beyond) => Bound::Excluded(beyond.as_str()),
            None if self.behind.is_empty() => Bound::Included(self.prefix),
            None => Bound::Excluded(self.behind.max(self.prefix)),
        };
        let keys = self.bucket.objects.range::<str, _>((from, Bound::Unbounded));
        let mut below = keys.take_while(|(key, _)| key.starts_with(self.prefix));
        let found = below.find_map(|(key, entries)| {
            Some((key.as_str(), entries.iter().find(|entry| entry.live && !entry.marker)?))
        });
        let (key, entry) = found?;
        let one = self.folder(key).map_or(Listed::Object(key, entry), Listed::Folder);
        self.behind = one.name();
        Some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        let mut bucket = Bucket::default();
        for key in ["a", "d/", "d/e/1", "d/e/2", "d/f", "d0", "dz/x"] {
            bucket.push(key, Entry { live: true, ..Entry::default() });
        }
        bucket.push("d/gone/1", Entry { live: true, marker: true, ..Entry::default() });
        bucket
    }

    fn names(prefix: &'static str, delimiter: &'static str, behind: &'static str) -> Vec<String> {
        let bucket = bucket();
        let listing = Listing { bucket: &bucket, prefix, delimiter, behind };
        listing.map(|one| one.name().to_owned()).collect()
    }

    #[test]
    fn folders_stand_for_what_lies_in_them() {
        assert_eq!(names("", "/", ""), ["a", "d/", "d0", "dz/"]);
        assert_eq!(names("d/", "/", ""), ["d/", "d/e/", "d/f"]);
        assert_eq!(names("d", "/", ""), ["d/", "d0", "dz/"]);
        assert_eq!(names("d/", "", ""), ["d/", "d/e/1", "d/e/2", "d/f"]);
        assert_eq!(names("none", "/", ""), Vec::<String>::new());
    }

    #[test]
    fn it_goes_on_behind_any_of_its_entries() {
        for (prefix, delimiter) in [("", "/"), ("d/", "/"), ("d", "/"), ("d/", ""), ("", "")] {
            let all = names(prefix, delimiter, "");
            for (at, name) in all.iter().enumerate() {
                let rest = names(prefix, delimiter, name.clone().leak());
                assert_eq!(rest, all[at + 1..], "{prefix:?} {delimiter:?} behind {name:?}");
            }
        }
    }
}
