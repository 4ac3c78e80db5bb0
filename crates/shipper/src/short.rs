//! Takes that turned out shorter when they were packed, and the ranges and losses they become.

use auditseal_format::FileId;
use auditseal_format::seal::Range;

use crate::types::{Loss, PackedJob, Take};

/// Puts a file's end behind its gap: a file whose last take is short wouldn't be known as taken
/// after a restart, and be taken once more. Only of the first, for what follows is packed again.
pub(crate) fn close_short<C>(takes: &mut Vec<Take<C>>, done: &PackedJob) {
    let mut short = done.short.iter().map(|(at, ..)| *at);
    let Some(at) = short.find(|at| takes[*at].is_final) else { return };
    takes[at].is_final = false;
    let Take { file, end, anchor, .. } = takes[at];
    let name = takes[at].name.clone();
    takes.insert(at + 1, Take::end_of(file, end, anchor, name));
}

/// The first take that must come behind the gap of a short one before it: that goes on in the same
/// file, or stands before a file of which nothing is left but the gap that begins it.
pub(crate) fn behind_short<C>(takes: &[Take<C>], done: &PackedJob) -> Option<usize> {
    let behind = |take: &Take<C>, at: usize| {
        done.short.iter().filter(|(short, ..)| *short < at).any(|(short, end, ..)| {
            let short = &takes[*short];
            let begun_by_gap = short.start == 0 && *end == 0;
            short.file == take.file || (begun_by_gap && take.before == Some(short.file))
        })
    };
    (0..takes.len()).find(|at| behind(&takes[*at], *at))
}

/// The ranges of a batch; returns what couldn't be read any more when it was packed.
pub(crate) fn ranges<C>(takes: &[Take<C>], done: &PackedJob, out: &mut Vec<Range>) -> Vec<Loss> {
    let mut lost = Vec::new();
    for (at, (take, facts)) in takes.iter().zip(&done.facts).enumerate() {
        let mut range = Range {
            file: take.file,
            start: take.start,
            end: take.end,
            lines: facts.lines,
            is_final: take.is_final,
            unterminated: facts.unterminated,
            anchor: take.anchor,
            name: take.name.clone(),
            before: take.before.filter(|other: &FileId| *other != take.file),
            holes: facts.holes.clone(),
        };
        if let Some((_, end, anchor, reason)) = done.short.iter().find(|short| short.0 == at) {
            range.end = *end;
            range.anchor = *anchor;
            range.is_final = false;
            let loss = Loss {
                file: Some(take.file),
                name: Some(take.name.clone()),
                start: Some(*end),
                end: Some(take.end),
                anchor: Some(take.anchor),
                reason,
            };
            lost.extend(loss.sound());
        }
        if range.start < range.end || range.is_final {
            out.push(range);
        }
    }
    lost
}
