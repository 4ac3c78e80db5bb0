//! Reading takes and packing them: the one place where source bytes pass through.

use std::cell::RefCell;
use std::time::Duration;

use auditseal_format::{
    Anchor, Compression, PackError, Packer, PackerTools, RangeFacts, TimeField, hash,
};
use auditseal_shipper::{Job, PackedJob, Part, Take};
use auditseal_tail::{DiskFile, GapReason, ReadError};

/// What reads a take's bytes.
type Content<F> = std::sync::Arc<auditseal_tail::Content<F>>;

/// Bytes from which on a hole isn't read, where a take is nothing else or its content knows of it.
pub(crate) const LARGE: u64 = 1 << 20;
/// Bytes read at a time.
const READ: usize = 256 << 10;
/// Bytes before an offset that its anchor covers.
const ANCHOR: usize = 4096;

thread_local! {
    /// What this thread's last packer allocated. Packing threads live as long as their chain does.
    static TOOLS: RefCell<Option<PackerTools>> = RefCell::default();
}

/// Least payload after which they are kept, bytes: only a backlog fills one batch after the other,
/// and a daemon that packs every few seconds shouldn't hold them meanwhile.
const KEEP: u64 = 12 << 20;

/// Waits before bytes are asked for again that the disk refused. Nothing else is packed meanwhile.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(450), Duration::from_secs(2)];

/// Why a take ends early: its file was cut in place.
const TRUNCATED: &str = "truncated";

/// How far a take could be read after all.
#[derive(Debug, Clone, Copy)]
struct Short {
    end: u64,
    anchor: Anchor,
    why: &'static str,
}

/// Packs a job of lines whose times are where `times` says.
///
/// A take that can't be read any more to its end is packed as far as it can be, and the result
/// says so; the rest is sealed as a gap. What was read under a file that was replaced meanwhile
/// is not sealed under its name.
///
/// # Errors
/// [`PackError`]: the compressor failed, or its output doesn't decode to its input.
pub(crate) fn pack<F: DiskFile>(
    job: &Job<Content<F>>,
    (compression, times): (Compression, TimeField),
) -> Result<PackedJob, PackError> {
    let mut short: Vec<Option<Short>> = vec![None; job.takes.len()];
    // Their holes stand in the same seal: the room for small ones shrinks by as many.
    let holes = job.max_holes.saturating_sub(job.takes.iter().map(large_holes).sum());
    loop {
        let tools = TOOLS.take().unwrap_or_default();
        let mut packer = Packer::reusing(tools, compression, holes)?.timed_by(times);
        match take_all(&mut packer, &job.takes, &short)? {
            Ok(facts) => {
                let short = short.into_iter().enumerate().filter_map(|(at, short)| {
                    short.map(|short| (at, short.end, short.anchor, short.why))
                });
                let (packed, tools) = packer.finish_keeping()?;
                TOOLS.set((packed.payload.bytes >= KEEP).then_some(tools));
                return Ok(PackedJob { packed, facts, short: short.collect() });
            }
            // From the start again: the payload already holds bytes that don't belong there.
            // Each round makes one take shorter than it was, so this ends.
            Err((at, found)) => short[at] = Some(found),
        }
    }
}

type Taken = Result<Vec<RangeFacts>, (usize, Short)>;

fn take_all<F: DiskFile>(
    packer: &mut Packer,
    takes: &[Take<Content<F>>],
    short: &[Option<Short>],
) -> Result<Taken, PackError> {
    let mut facts = Vec::with_capacity(takes.len());
    for (at, take) in takes.iter().enumerate() {
        let limit = short[at].map_or(take.end, |short| short.end);
        packer.begin_range(take.start);
        if let Err(found) = read_take(packer, take, limit)? {
            return Ok(Err((at, found)));
        }
        facts.push(packer.end_range()?);
    }
    Ok(Ok(facts))
}

/// Whether the file system says of a large take that it is nothing but a hole: terabytes of it are
/// NULs that take no room, and an hour to read.
fn is_hole<F: DiskFile>(take: &Take<Content<F>>) -> bool {
    let [part] = &take.parts[..] else { return false };
    let data = || part.content.data_after(take.start);
    take.end - take.start >= LARGE && data().is_ok_and(|data| data >= take.end)
}

/// How many holes of a take aren't read.
fn large_holes<F: DiskFile>(take: &Take<Content<F>>) -> usize {
    let known = take.parts.iter().flat_map(|part| part.content.holes());
    let known = known.filter(|(_, length)| *length >= LARGE).count();
    known + usize::from(is_hole(take))
}

/// How many bytes from `at` on are in a large hole that the content knows of.
fn in_known_hole<F: DiskFile>(part: &Part<Content<F>>, at: u64) -> u64 {
    let large = part.content.holes().iter().filter(|(_, length)| *length >= LARGE);
    let mut here = large.filter_map(|(from, length)| length.checked_sub(at.checked_sub(*from)?));
    here.next_back().unwrap_or(0).min(part.end.saturating_sub(at))
}

/// Reads a take up to `limit` into the packer, part by part.
fn read_take<F: DiskFile>(
    packer: &mut Packer,
    take: &Take<Content<F>>,
    limit: u64,
) -> Result<Result<(), Short>, PackError> {
    let mut buffer = vec![0; READ];
    let mut tail = Vec::with_capacity(2 * ANCHOR);
    let mut at = take.start;
    let mut proved = None;
    for part in &take.parts {
        let from = at;
        if limit == take.end && is_hole(take) {
            packer.hole(take.end - at);
            keep_last(&mut tail, &[0; ANCHOR]);
            at = take.end;
        }
        while at < part.end.min(limit) {
            let hole = in_known_hole(part, at);
            if hole > 0 {
                packer.hole(hole);
                keep_last(&mut tail, &[0; ANCHOR]);
                at += hole;
                continue;
            }
            let wanted = usize::try_from(part.end.min(limit) - at).unwrap_or(READ).min(READ);
            match read(&part.content, at, &mut buffer[..wanted]) {
                Ok(n) => {
                    packer.source(&buffer[..n])?;
                    keep_last(&mut tail, &buffer[..n]);
                    at += n as u64;
                }
                // It was longer when it was looked at. What was read of this part may be what was
                // written since, and would be sealed twice: here, and as the new file's.
                Err(TRUNCATED) => return Ok(Err(cut(take, proved))),
                Err(why) => return Ok(Err(Short { end: at, anchor: anchor(take, &tail), why })),
            }
        }
        // Asked after reading: a truncation can't be undone, so a yes now covers all that was read.
        // A part that was cut short has no anchor to ask for; it was whole when it was looked at.
        let whole = at == part.end && from < at;
        if whole && !matches!(again(|| part.content.holds(part.end, &part.anchor)), Ok(true)) {
            return Ok(Err(cut(take, proved)));
        }
        if whole {
            proved = Some(part);
        }
    }
    Ok(Ok(()))
}

/// A take is good up to the last part that was proved after it was read.
fn cut<F: DiskFile>(take: &Take<Content<F>>, proved: Option<&Part<Content<F>>>) -> Short {
    let nothing = || (take.start, anchor(take, &[]));
    let (end, anchor) = proved.map_or_else(nothing, |part| (part.end, part.anchor));
    Short { end, anchor, why: TRUNCATED }
}

fn read<F: DiskFile>(
    content: &Content<F>,
    at: u64,
    buffer: &mut [u8],
) -> Result<usize, &'static str> {
    match again(|| content.read_at(at, buffer)) {
        Ok(0) => Err(TRUNCATED),
        Ok(n) => Ok(n),
        Err(ReadError::Damaged(damage)) => Err(GapReason::of_damaged(damage.codec).word()),
        Err(ReadError::Io(_)) => Err("unreadable"),
    }
}

/// Asks again what could be read a moment ago: a network file system may be away for a second, and
/// what is refused here is lost.
fn again<T>(mut ask: impl FnMut() -> Result<T, ReadError>) -> Result<T, ReadError> {
    for wait in AGAIN {
        match ask() {
            Err(ReadError::Io(_)) => std::thread::sleep(wait),
            answer => return answer,
        }
    }
    ask()
}

fn keep_last(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(ANCHOR)..]);
    tail.drain(..tail.len().saturating_sub(ANCHOR));
}

/// The anchor behind the last bytes that were read of a take.
fn anchor<F: DiskFile>(take: &Take<Content<F>>, tail: &[u8]) -> Anchor {
    let missing = (ANCHOR - tail.len()) as u64;
    let from = take.start.saturating_sub(missing);
    let mut bytes = vec![0; usize::try_from(take.start - from).unwrap_or(0)];
    // What lies before the take may be gone with the rest. Nobody will resume at this anchor: the
    // gap behind it has the one where reading goes on.
    let first = take.parts.first().map(|part| part.content.read_at(from, &mut bytes));
    let read = first.and_then(Result::ok).unwrap_or(0);
    bytes.truncate(read);
    bytes.extend_from_slice(tail);
    hash(&bytes)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_disk_that_was_away_for_a_moment_is_asked_again() {
        let mut asked = 0;
        let answer = again(|| {
            asked += 1;
            if asked < 3 { Err(ReadError::Io(io::Error::other("stale handle"))) } else { Ok(7) }
        });
        assert!(matches!(answer, Ok(7)), "{answer:?}");
        let mut asked = 0;
        let answer = again(|| {
            asked += 1;
            Err::<(), _>(ReadError::Io(io::Error::other("bad sector")))
        });
        assert!(matches!(answer, Err(ReadError::Io(_))) && asked == 4, "{asked}");
    }
}
