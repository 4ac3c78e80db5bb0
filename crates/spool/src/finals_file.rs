//! The file of the finals, and the one that says how long it is.

use std::io::{self, Read};

use crate::Error;
use crate::finals::{Behind, FINALS_HEADER, Final, Finals};
use crate::folder::Folder;

/// The file of the finals.
const FINALS: &str = "finals";
/// The file that says how many bytes the finals have at least: one that was cut is told by it.
pub(crate) const FINALS_LENGTH: &str = "finals.length";
/// Bytes of finals that are written at a time.
const PIECE: usize = 64 << 10;

/// What a chain's directory remembers of files that are final.
#[derive(Debug, Default)]
pub(crate) struct FinalsFile {
    /// Finals in the file, as of when it was last read or written.
    remembered: usize,
}

impl FinalsFile {
    pub(crate) fn remembered(&self) -> usize {
        self.remembered
    }

    /// All of them; `None` when there is no such file, or it was cut.
    pub(crate) fn read(&mut self, folder: &Folder) -> Result<Option<Vec<Final>>, Error> {
        if is_cut(folder)? {
            return Ok(None);
        }
        let Some(counted) = each(folder)? else { return Ok(None) };
        let mut count = 0;
        for known in counted {
            known.map_err(folder.cant("read", FINALS))?;
            count += 1;
        }
        // There may be a hundred thousand: a list that grows as it must takes twice its room.
        let mut finals = Vec::with_capacity(count);
        for known in each(folder)?.into_iter().flatten() {
            finals.push(known.map_err(folder.cant("read", FINALS))?);
        }
        self.remembered = finals.len();
        Ok(Some(finals))
    }

    /// Forgets what `keep` doesn't want, if at least `worth` can go. None is held in memory for that.
    pub(crate) fn forget(
        &mut self,
        folder: &mut Folder,
        worth: usize,
        alike: impl Fn(&Final) -> bool,
        keep: impl Fn(Behind, &Final) -> bool,
    ) -> Result<(), Error> {
        let Some(counted) = each(folder)? else { return Ok(()) };
        let mut all = Behind::default();
        for known in counted {
            all.all += 1;
            all.alike += usize::from(known.is_ok_and(|known| alike(&known)));
        }
        let Some(finals) = each(folder)? else { return Ok(()) };
        let kept = kept(finals, all, &alike, &keep).count();
        if kept + worth > all.all {
            return Ok(());
        }
        let Some(finals) = each(folder)? else { return Ok(()) };
        self.replace(folder, self::kept(finals, all, &alike, &keep))
    }

    /// Adds some, durably.
    pub(crate) fn add(&mut self, folder: &mut Folder, finals: &[Final]) -> Result<(), Error> {
        // The line break in front ends a line that a power cut tore.
        let mut text: String = finals.iter().map(|known| format!("\n{known}")).collect();
        text.push('\n');
        folder.append(FINALS, text.as_bytes())?;
        self.remembered += finals.len();
        measure(folder)
    }

    /// Writes others in the place of all, durably.
    pub(crate) fn replace(
        &mut self,
        folder: &mut Folder,
        finals: impl Iterator<Item = io::Result<Final>>,
    ) -> Result<(), Error> {
        forget_length(folder)?;
        self.remembered = write(folder, FINALS, finals)?;
        measure(folder)
    }

    /// Writes all that are known and `more` beside the file, under its name with this ending: it is to
    /// take the file's place, and may be shorter.
    pub(crate) fn write_beside(
        &mut self,
        folder: &mut Folder,
        ending: &str,
        more: &[Final],
    ) -> Result<(), Error> {
        let known = each(folder)?;
        let all = known.into_iter().flatten().chain(more.iter().map(|known| Ok(known.clone())));
        self.remembered = write(folder, &format!("{FINALS}{ending}"), all)?;
        forget_length(folder)
    }
}

/// Those that `keep` wants, of finals of which so many come behind their beginning; what can't be read is an error
/// to whoever writes them.
fn kept(
    finals: impl Iterator<Item = io::Result<Final>>,
    mut behind: Behind,
    alike: impl Fn(&Final) -> bool,
    keep: impl Fn(Behind, &Final) -> bool,
) -> impl Iterator<Item = io::Result<Final>> {
    finals.filter(move |known| {
        behind.all = behind.all.saturating_sub(1);
        let Ok(known) = known else { return true };
        behind.alike = behind.alike.saturating_sub(usize::from(alike(known)));
        keep(behind, known)
    })
}

/// Whether the finals are shorter than they were once written: a disk lost their end, or somebody
/// cut them. What isn't known of a file that is final would be sealed again.
fn is_cut(folder: &Folder) -> Result<bool, Error> {
    let Some(text) = folder.text(FINALS_LENGTH)? else { return Ok(false) };
    let found = length(folder)?.unwrap_or(0);
    // What isn't a number was cut itself.
    Ok(text.trim().parse().ok().is_none_or(|least: u64| found < least))
}

fn length(folder: &Folder) -> Result<Option<u64>, Error> {
    let files = folder.files()?;
    Ok(files.into_iter().find(|(name, _)| name == FINALS).map(|(_, size)| size))
}

/// Notes down, durably, how long the finals are now.
fn measure(folder: &mut Folder) -> Result<(), Error> {
    let Some(length) = length(folder)? else { return Ok(()) };
    let text = format!("{length}\n");
    folder.write_whole(FINALS_LENGTH, |disk, name| disk.write(name, text.as_bytes()))
}

/// Before the finals may become shorter.
fn forget_length(folder: &mut Folder) -> Result<(), Error> {
    folder.remove_if_there(FINALS_LENGTH)?;
    folder.sync_names()
}

fn each(folder: &Folder) -> Result<Option<Finals<Box<dyn Read>>>, Error> {
    match folder.read(FINALS)? {
        Some(file) => Finals::of(file).map_err(folder.cant("read", FINALS)),
        None => Ok(None),
    }
}

/// Returns how many there were.
fn write(
    folder: &mut Folder,
    name: &str,
    finals: impl Iterator<Item = io::Result<Final>>,
) -> Result<usize, Error> {
    let mut count = 0;
    folder.write_whole(name, |disk, name| {
        let mut text = String::new();
        disk.write(name, FINALS_HEADER.as_bytes())?;
        for known in finals {
            text += &format!("{}\n", known?);
            count += 1;
            if text.len() >= PIECE {
                disk.append(name, text.as_bytes())?;
                text.clear();
            }
        }
        if text.is_empty() { Ok(()) } else { disk.append(name, text.as_bytes()) }
    })?;
    Ok(count)
}
