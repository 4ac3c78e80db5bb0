//! Reads the chain back into the form that the oracle knows.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use auditseal_format::seal::{Gap, Range};
use auditseal_format::{Hash, ObjectSeal, PayloadDecoder};
use auditseal_tail::GapReason;
use bytes::Bytes;

use super::disk::agent::{Archive, Item, Packed};

/// What the objects of the chain hold, in its order, back from `head`; without it, from the newest
/// that there is. Commits check that ranges join.
pub(super) fn archive(objects: &[Bytes], head: Option<Hash>) -> Archive {
    let mut notes: BTreeMap<Hash, (ObjectSeal, &Bytes)> = BTreeMap::new();
    for bytes in objects {
        // Garbage is none of it.
        if let Ok(seal) = ObjectSeal::open(bytes) {
            notes.insert(seal.hash, (seal, bytes));
        }
    }
    // What a restored node has may not be what the store went on with: one history at a time.
    let newest = || notes.values().max_by_key(|(note, _)| note.seal.seq).map(|(note, _)| note.hash);
    let mut next = head.or_else(newest);
    let mut chain = Vec::new();
    while let Some((note, bytes)) = next.and_then(|hash| notes.remove(&hash)) {
        next = note.seal.prev;
        chain.push((note, bytes));
    }
    chain.reverse();
    let mut archive = Archive::default();
    // The oracle knows files up to their first gap; that what follows joins, `verify` checks.
    let mut behind_gap = BTreeSet::new();
    for (seal, object) in chain {
        super::disk::trace(|| {
            let (seal, ranges) = (&seal.seal, seal.seal.ranges.iter());
            let ranges: Vec<_> = ranges.map(|r| (r.file.to_string(), r.start, r.end)).collect();
            format!("reads {} {} {ranges:?} {:?}", seal.seq, seal.kind, seal.gaps)
        });
        let mut payload = &payload(&seal, object)[..];
        for range in &seal.seal.ranges {
            let (mine, rest) = payload.split_at(range.payload_bytes().unwrap() as usize);
            payload = rest;
            match archive.files.get_mut(&range.file) {
                Some(file) if behind_gap.contains(&range.file) => file.final_ = range.is_final,
                _ => archive.commit(Item::Take(packed(range, mine))),
            }
        }
        for lost in &seal.seal.gaps {
            if lost.file.is_none_or(|file| !behind_gap.contains(&file)) {
                archive.commit(Item::Gap(gap(lost)));
            }
            behind_gap.extend(lost.file);
            close(&mut archive, lost);
        }
    }
    archive
}

fn payload(seal: &ObjectSeal, object: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = PayloadDecoder::new(&seal.seal.payload).unwrap();
    let blocks = seal.blocks();
    let blocks = &object[blocks.start as usize..blocks.end as usize];
    decoder.blocks(blocks, &mut |piece: &[u8]| bytes.extend_from_slice(piece)).unwrap();
    decoder.finish().unwrap();
    bytes
}

fn packed(range: &Range, payload: &[u8]) -> Packed {
    let mut bytes = Vec::new();
    let mut payload = &payload[..payload.len() - usize::from(range.unterminated)];
    for hole in &range.holes {
        let before = (hole.offset - range.start) as usize - bytes.len();
        let (mine, rest) = payload.split_at(before);
        bytes.extend_from_slice(mine);
        bytes.resize(bytes.len() + hole.length as usize, 0);
        payload = rest;
    }
    bytes.extend_from_slice(payload);
    Packed {
        file: range.file,
        name: OsStr::from_bytes(range.name.as_bytes()).to_owned(),
        start: range.start,
        anchor: range.anchor,
        final_: range.is_final,
        before: range.before,
        bytes,
    }
}

fn gap(lost: &Gap) -> auditseal_tail::Gap {
    let reasons = [
        GapReason::DeletedBeforeRead,
        GapReason::Truncated,
        GapReason::Unreadable,
        GapReason::GzipDamaged,
        GapReason::Undecodable,
        GapReason::Replaced,
        GapReason::Budget,
        GapReason::Unseen,
    ];
    let name = lost.name.as_ref().map(|name| OsStr::from_bytes(name.as_bytes()).to_owned());
    auditseal_tail::Gap {
        file: lost.file,
        name: name.unwrap_or_default(),
        start: lost.start,
        end: lost.end,
        anchor: None,
        reason: reasons.into_iter().find(|r| r.word() == lost.reason.as_str()).unwrap(),
    }
}

/// A gap without an end closes its file.
fn close(archive: &mut Archive, lost: &Gap) {
    if let (Some(file), None) = (lost.file, lost.end)
        && let Some(archived) = archive.files.get_mut(&file)
    {
        archived.final_ = true;
    }
}
