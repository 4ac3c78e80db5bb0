//! What a node had sealed is there after it went on from another's objects.

use super::disk::agent::{Archive, Archived};

/// Nothing that was sealed is excused: its bytes are there, or, of what was lost, that it is.
pub(super) fn assert_kept(before: &Archive, after: &Archive) {
    for (file, sealed) in &before.files {
        let Some(now) = after.files.get(file) else {
            assert!(!sealed.has_any() && sealed.gaps.is_empty(), "{file} is gone: {sealed:?}");
            continue;
        };
        for (at, byte) in sealed.bytes.iter().enumerate().filter(|(at, _)| !in_hole(sealed, *at)) {
            let same = now.bytes.get(at) == Some(byte) && !in_hole(now, at);
            // Behind a gap the reader knows nothing of a file.
            assert!(same || !now.gaps.is_empty(), "{file}: byte {at} of {}", sealed.bytes.len());
        }
        for gap in &sealed.gaps {
            let read = gap.start.is_some_and(|start| start < now.bytes.len() as u64);
            assert!(read || now.final_ || !now.gaps.is_empty(), "{file}: {gap:?} is forgotten");
        }
    }
    for gap in &before.nameless {
        let named = after.nameless.iter().any(|other| other.reason == gap.reason);
        assert!(named, "{gap:?} is forgotten");
    }
}

fn in_hole(file: &Archived, at: usize) -> bool {
    file.holes.iter().any(|hole| hole.contains(&at))
}
