//! What two carriers have in common.

use std::io;

use auditseal_format::FileId;

use super::{Follower, proves};
use crate::accounts::Mark;
use crate::carriers::Carrier;
use crate::disk::{Disk, DiskFile};
use crate::scan::{Head, anchor_at};
use crate::types::Look;
use crate::unpack::{End, Skip};

/// What a carrier has in common with the one that an account reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Different,
    /// Not known in this look, or not before the file is over.
    Unknown,
    /// So many bytes, which is all of the shorter one.
    Alike(u64),
    /// It is compressed, whole, begins with all that the other one holds, so many bytes, and goes
    /// on.
    Longer(u64),
    /// It was cut since it was identified: what was read of it is of no file any more.
    Cut,
}

impl<D: Disk> Follower<D> {
    /// Whether the carrier holds the same bytes as the one that `file`'s account reads from. What
    /// is proved so need not be read again when that one is gone.
    pub(super) fn likeness(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Likeness> {
        let Some(account) = self.accounts.get(&file) else { return Ok(Likeness::Different) };
        let mark = account.mark();
        let other = account.carrier().and_then(|other| self.carriers.get(other));
        let Some((size, packed, Some(source))) = other.map(|o| (o.size(), o.packed(), o.file()))
        else {
            return Ok(Likeness::Different);
        };
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(Likeness::Different) };
        let Some(mine) = carrier.file() else { return Ok(Likeness::Different) };
        if carrier.packed() {
            return match packed {
                // Judged when it is needed: two passes over one pair of files are enough.
                true => Ok(Likeness::Alike(0)),
                false => self.likeness_packed(id, file, &*source, size, look),
            };
        }
        if packed {
            // The live file is no copy of a compressed one. Another plain file that is shorter may
            // be, and is asked again when that one is done.
            let shorter = carrier.size() < mark.0 && !carrier.is_live();
            return Ok(match shorter {
                true => Likeness::Alike(0),
                false if proves(&*mine, Some(mark))? => Likeness::Alike(mark.0),
                false => Likeness::Different,
            });
        }
        let length = carrier.size().min(size);
        let (here, there) = (anchor_at(&*mine, length)?, anchor_at(&*source, length)?);
        // Asked last: was it still the identified file that this was read from?
        if here.is_none() || !proves(&*mine, Some((head.end, head.anchor)))? {
            return Ok(Likeness::Cut);
        }
        if here != there {
            return self.unlike(&file, &*source);
        }
        if length == carrier.size() {
            carrier.prove(file, length, here);
        }
        Ok(Likeness::Alike(length))
    }

    fn likeness_packed(
        &mut self,
        id: u64,
        file: FileId,
        source: &D::File,
        size: u64,
        look: &mut Look<D::File>,
    ) -> io::Result<Likeness> {
        let marks = self.marks_up_to(file, source, size)?;
        let other = self.accounts.get(&file).and_then(|account| account.carrier());
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(Likeness::Different) };
        if carrier.differs(other) {
            return Ok(Likeness::Different);
        }
        let Some(at) = carrier.unpack().map(|unpack| unpack.at()) else {
            return Ok(Likeness::Different);
        };
        if at > size && carrier.passed(file) != Some(size) {
            // Whether it begins with all that the other one holds is seen on the way only.
            carrier.rewind();
        }
        carrier.compare(other);
        let Some(unpack) = carrier.unpack() else { return Ok(Likeness::Different) };
        let mut skip = Skip::Reached;
        if unpack.at() <= size {
            skip = pass(carrier, file, &marks, &mut self.work)?.0;
        }
        let begins = carrier.passed(file) == Some(size);
        let Some(unpack) = carrier.unpack() else { return Ok(Likeness::Different) };
        if skip != Skip::Pending {
            skip = unpack.skip_to_end(&mut self.work)?;
        }
        let (length, anchor, whole) =
            (unpack.at(), unpack.anchor(), unpack.end() == Some(&End::Whole));
        if skip == Skip::Pending {
            look.more = true;
            return Ok(Likeness::Unknown);
        }
        if !whole {
            // Being written, or damaged: either way the one we hold is the better one.
            return Ok(Likeness::Unknown);
        }
        if length > size && begins {
            carrier.rewind();
            return Ok(Likeness::Longer(size));
        }
        if length > size || anchor_at(source, length)? != Some(anchor) {
            let likeness = self.unlike(&file, source)?;
            if let (Likeness::Different, Some(carrier)) = (likeness, self.carriers.get_mut(id)) {
                carrier.differ(other);
            }
            return Ok(likeness);
        }
        carrier.prove(file, length, Some(anchor));
        carrier.rewind();
        Ok(Likeness::Alike(length))
    }

    /// Bytes differ from those of the file that an account reads from. If that was cut since it was
    /// inspected, nobody can tell yet whether a copy was made of it before; the next look can. As
    /// another file it would be taken twice.
    fn unlike(&self, file: &FileId, source: &D::File) -> io::Result<Likeness> {
        let proof = self.accounts.get(file).and_then(|account| account.proof());
        Ok(if proves(source, proof)? { Likeness::Different } else { Likeness::Unknown })
    }

    /// Whether a comparison of the carrier with the one that `file`'s account reads from is under way.
    pub(super) fn compares(&self, id: u64, file: &FileId) -> bool {
        let other = self.accounts.get(file).and_then(|account| account.carrier());
        self.carriers.get(id).is_some_and(|carrier| carrier.compares(other))
    }

    /// Wherever the file that an account reads from was taken to, and its end: there, a copy of it
    /// has the same bytes.
    pub(super) fn marks_up_to(
        &self,
        file: FileId,
        source: &D::File,
        size: u64,
    ) -> io::Result<Vec<Mark>> {
        let end = anchor_at(source, size)?.map(|anchor| (size, anchor));
        let taken = self.accounts.get(&file).map_or(&[][..], |account| account.marks());
        let sealed = self.accounts.marks(&file);
        let mut marks: Vec<Mark> = taken.iter().copied().chain(sealed).chain(end).collect();
        marks.sort_unstable_by_key(|mark| mark.0);
        Ok(marks)
    }
}

/// Decodes a compressed file up to where its account stands, and proves on the way, wherever the
/// file was final once and at the end, that it is the same file. Returns the last offset proved.
pub(super) fn pass<F: DiskFile>(
    carrier: &mut Carrier<F>,
    file: FileId,
    marks: &[Mark],
    work: &mut u64,
) -> io::Result<(Skip, Option<u64>)> {
    let mut proved = carrier.passed(file);
    let taken = marks.last().map_or(0, |mark| mark.0);
    if carrier.unpack().is_some_and(|unpack| unpack.at() > taken) {
        carrier.rewind();
        proved = None;
    }
    let mut skip = Skip::Reached;
    for (offset, anchor) in marks {
        let Some(unpack) = carrier.unpack() else { break };
        if unpack.at() > *offset {
            continue;
        }
        skip = unpack.skip_to(*offset, work)?;
        if skip != Skip::Reached {
            break;
        }
        if unpack.anchor() != *anchor {
            proved = None;
            break;
        }
        proved = Some(*offset);
    }
    carrier.pass(file, proved);
    Ok((skip, proved))
}
