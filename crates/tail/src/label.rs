//! Base names as small as can be, for a directory may hold a hundred thousand of them.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use auditseal_decompress::Codec;

use crate::age::Age;
use crate::names::{Family, Role};
use crate::stamp::Stamp;

/// A base name, and what it means in its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// It can be made of what it means.
    Stamped(Stamp, Option<Codec>),
    Other(Box<(Option<Role>, OsString)>),
}

impl Label {
    pub(crate) fn of(family: &Family, name: &OsStr) -> Self {
        Self::new(family, family.role(name), name)
    }

    /// A name that was reported, with this meaning: where the path leads elsewhere since, that is
    /// its meaning in another family.
    pub(crate) fn reported(family: &Family, role: Role, name: &OsStr) -> Self {
        Self::new(family, Some(role), name)
    }

    fn new(family: &Family, role: Option<Role>, name: &OsStr) -> Self {
        if let Some(Role { age, codec }) = role
            && let Some(stamp) = age.stamp()
        {
            let small = Self(Kind::Stamped(stamp, codec));
            // Another name may mean the same; and whether this one can be made again is not to rest
            // upon the rules of names.
            if small.text(family) == name {
                return small;
            }
        }
        Self(Kind::Other(Box::new((role, name.to_owned()))))
    }

    /// What it means; `None`: nothing in its family.
    pub(crate) fn role(&self) -> Option<Role> {
        match &self.0 {
            Kind::Stamped(stamp, codec) => Some(Role { age: Age::of_stamp(*stamp), codec: *codec }),
            Kind::Other(other) => other.0,
        }
    }

    /// The name, of the family that it was given with.
    pub(crate) fn text(&self, family: &Family) -> OsString {
        match &self.0 {
            Kind::Stamped(stamp, codec) => {
                let (base, ext) = family.halves();
                let written = stamp.text();
                let halves = if stamp.is_before_extension() {
                    [written.as_slice(), ext]
                } else {
                    [ext, written.as_slice()]
                };
                let suffix = codec.map_or("", Codec::suffix).as_bytes();
                OsString::from_vec([base, halves[0], halves[1], suffix].concat())
            }
            Kind::Other(other) => other.1.clone(),
        }
    }

    /// What is kept of it as text.
    fn kept(&self) -> Option<&OsStr> {
        match &self.0 {
            Kind::Stamped(..) => None,
            Kind::Other(other) => Some(&other.1),
        }
    }

    /// How the names stand to each other as texts, in one family.
    pub(crate) fn cmp_text(&self, other: &Self, family: &Family) -> Ordering {
        match (&self.0, &other.0) {
            // Both are as long, and all that stands before the digits is the same.
            (Kind::Stamped(a, codec), Kind::Stamped(b, other)) if a.is_written_as(*b) => {
                let suffix = |codec: &Option<Codec>| codec.map_or("", Codec::suffix);
                a.cmp(b).then_with(|| suffix(codec).cmp(suffix(other)))
            }
            _ => self.text(family).as_bytes().cmp(other.text(family).as_bytes()),
        }
    }
}

/// In rotation order, as far as they mean something.
impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        self.role().cmp(&other.role()).then_with(|| self.kept().cmp(&other.kept()))
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that look alike in every way that a family knows of.
    fn names() -> Vec<String> {
        let stamps = [
            "2026-01-02T15-04-05.678",
            "2026-01-02T15-04-05.679",
            "2026-01-02T15-04-05",
            "2026-01-02T15:04:05",
            "2026-01-02-15-04-05",
            "2026-01-02_150405",
            "20260102-1795231800",
            "20261121-1795231800",
            "20260102150405",
            "2026010215",
            "20260102",
            "1795231800",
        ];
        let mut names = vec!["audit.log".to_owned(), "notes.txt".to_owned(), "audit.log.gz".into()];
        for stamp in stamps {
            for separator in ['-', '.', '_'] {
                for behind in
                    ["", ".1", "-20260103", ".gz", ".zst", ".xz", ".bz2", ".1.gz", ".gz.1"]
                {
                    names.push(format!("audit{separator}{stamp}.log{behind}"));
                    names.push(format!("audit.log{separator}{stamp}{behind}"));
                }
            }
        }
        names.extend((1..12).flat_map(|n| [format!("audit.log.{n}"), format!("audit.{n}.log.gz")]));
        names
    }

    #[test]
    fn a_label_gives_back_the_name_and_what_it_means() {
        for live in ["audit.log", "audit", "a.b.json"] {
            let family = Family::of(OsStr::new(live)).unwrap();
            for name in names().iter().map(|name| name.replace("audit", "a.b")).chain(names()) {
                let name = OsStr::new(&name);
                let label = Label::of(&family, name);
                assert_eq!(label.text(&family), name);
                assert_eq!(label.role(), family.role(name), "{name:?}");
            }
        }
    }

    #[test]
    fn labels_are_in_the_order_of_their_texts() {
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let names = names();
        let labels: Vec<Label> = names.iter().map(|n| Label::of(&family, OsStr::new(n))).collect();
        for (a, first) in names.iter().zip(&labels) {
            for (b, second) in names.iter().zip(&labels) {
                assert_eq!(first.cmp_text(second, &family), a.cmp(b), "{a} {b}");
                assert_eq!(first == second, a == b, "{a} {b}");
                assert_eq!(first.cmp(second) == Ordering::Equal, a == b, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_names_that_kube_apiserver_gives_take_no_room() {
        assert_eq!(size_of::<Label>(), 16);
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        for name in ["audit-2026-01-02T15-04-05.678.log", "audit-2026-01-02T15-04-05.678.log.gz"] {
            let label = Label::of(&family, OsStr::new(name));
            assert!(matches!(label.0, Kind::Stamped(..)), "{name}");
        }
    }
}
