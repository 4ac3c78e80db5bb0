//! Is every byte that was ever there taken exactly once, or owned up to?

use auditseal_tail::{FileId, Gap, GapReason};

use super::agent::{Agent, Archived};
use super::{Need, Story, World};

/// What a history may contain that loosens the check.
#[derive(Debug, Default, Clone, Copy)]
pub struct Allowed {
    /// Names don't follow the order of writing.
    pub disorder: bool,
    /// Files vanish in no particular order, so that one unseen may be missing between two others.
    pub unruly: bool,
    /// No line is archived twice, whatever copies lie beside the log and whoever starts again.
    pub once: bool,
}

/// Checks the archive against what was written. Call after the agent has settled, long after the
/// last write.
pub fn check(agent: &Agent, allowed: Allowed) {
    let world = agent.disk.world();
    let live = world.dir.get(super::ops::LIVE).and_then(|index| world.inodes[*index].story);
    let owners = owners(agent, &world);
    let confused = confused(agent, &world.stories);
    for (index, story) in world.stories.iter().enumerate() {
        let of: Vec<(&FileId, &Archived)> =
            owners[index].iter().map(|file| (file, &agent.archive.files[file])).collect();
        // The identity of a first line without end is what there is of it. A compressed file that
        // ends there can't be told for a copy of one that goes on.
        let headless = of.iter().any(|(_, a)| !a.bytes.contains(&b'\n') && a.holes.is_empty());
        // Nor, after a restart, a copy made of a file half read, or before another apiserver wrote
        // more, if the file was never final at that length.
        let copied = story.late || story.names.iter().any(|name| name.starts_with("audit.log."));
        // Nor one that turns up long after the file was let go of. Nothing proves then that it holds
        // only what was taken, and what isn't proved to be taken is taken: twice, not never.
        // Nor, after a restart, a shorter copy of it that is still being made.
        let copied = (copied || story.shortened) && agent.crashes > 0;
        let excused = headless || (!allowed.once && (story.stale || copied));
        assert!(
            of.len() <= 1 || excused,
            "story {index} taken {} times: {:?}",
            of.len(),
            of.iter().map(|(f, a)| (f, a.bytes.len(), a.final_, &a.ends)).collect::<Vec<_>>(),
        );
        let best = of.iter().max_by_key(|(_, archived)| archived.bytes.len()).copied();
        // Cut again and again within one look: the first cut's gap has no end, and covers these too.
        // What the live file held in between may be known of a copy, but was never seen in it.
        let copy = |file: &FileId| {
            let last = agent.archive.files[file].last.as_ref();
            last.is_some_and(|known| known.name.to_string_lossy().starts_with("audit.log."))
        };
        let mut previous = story.previous.filter(|_| story.truncated);
        while let Some(at) = previous.filter(|at| owners[*at].iter().all(copy)) {
            if gapped(agent, &world.stories[at]) {
                break;
            }
            previous = world.stories[at].previous;
        }
        let cut_before = previous.is_some_and(|story| gapped(agent, &world.stories[story]));
        check_story(agent, index, &world.stories, best, Some(index) == live, cut_before, confused);
        // A piece of one of several that begin alike may be archived as another's beginning.
        let beginning = if story.twins.is_empty() { 0 } else { common(agent, story) };
        let taken = best.map_or(0, |(_, archived)| archived.bytes.len());
        check_refused(agent, story, taken.max(beginning));
    }
    check_gaps(agent, &world);
    if !allowed.unruly {
        check_unseen(agent, &world.stories, &owners);
    }
    if !allowed.disorder {
        // A file that was renamed and compressed between two entries of one listing shows up from
        // nowhere: where it belongs, can't be told then.
        let plain = |file: &&FileId| {
            let last = agent.archive.files[*file].last.as_ref();
            last.is_some_and(|known| !known.name.to_string_lossy().ends_with(".gz"))
        };
        let order: Vec<usize> = agent
            .archive
            .order
            .iter()
            .filter(plain)
            .filter_map(|file| owners.iter().position(|files| files.contains(file)))
            .collect();
        assert!(order.is_sorted(), "files stand in the order of writing: {order:?}");
    }
}

/// Which files hold bytes of which story.
fn owners(agent: &Agent, world: &World) -> Vec<Vec<FileId>> {
    let mut owners: Vec<Vec<FileId>> = vec![Vec::new(); world.stories.len()];
    // The longest first: what is no more than the beginning of several may be of any that is left.
    let mut files: Vec<_> = agent.archive.files.iter().collect();
    files.sort_by_key(|(_, archived)| std::cmp::Reverse(archived.bytes.len()));
    for (file, archived) in files {
        if archived.bytes.is_empty() {
            continue;
        }
        // A piece of a first line may be the beginning of several: its name decides.
        let name = archived.last.as_ref().map(|known| known.name.to_string_lossy().into_owned());
        let named = |story: &Story| name.as_ref().is_some_and(|name| story.names.contains(name));
        let holds = |story: &Story| archived.is_of(file, story);
        // Where two of them had that name, it is of the last of which there is no more than a piece.
        let piece = !archived.bytes.contains(&b'\n');
        let shortened = |story: &Story| piece && story.shortened;
        let story = world
            .stories
            .iter()
            .rposition(|story| holds(story) && named(story) && shortened(story))
            .or_else(|| world.stories.iter().position(|story| holds(story) && named(story)))
            .or_else(|| world.stories.iter().position(holds));
        let Some(story) = story else {
            panic!("{file:?} holds bytes that no file ever held: {:?}", text(&archived.bytes));
        };
        // Several files may begin so: each is one of them.
        let twins = world.stories[story].twins.iter().copied();
        let twins = twins.filter(|twin| holds(&world.stories[*twin]));
        // What is there once more of them is a piece of the one that a shorter copy was made of.
        let whole = |story: &Story| archived.bytes.len() == story.bytes.len();
        let other = |story: &Story| !story.shortened || whole(story);
        let story = [story].into_iter().chain(twins);
        let story = story.min_by_key(|twin| (owners[*twin].len(), other(&world.stories[*twin])));
        owners[story.unwrap_or_default()].push(*file);
    }
    owners
}

fn check_story(
    agent: &Agent,
    index: usize,
    stories: &[Story],
    best: Option<(&FileId, &Archived)>,
    live: bool,
    cut_before: bool,
    confused: bool,
) {
    let story = &stories[index];
    let whole = story.bytes.len();
    // An unfinished line of the live file is waited for.
    let ready = if live { lines(&story.bytes) } else { whole };
    // Where the name was reported twice, that tells of the loss whatever the disk looks like.
    let hidden = story.overwritten && !story.told;
    let tricked = hidden || story.truncated || unknowable(story);
    let need = match story.need {
        // Nobody saw it, but its name was reported.
        Need::Nothing if story.announced && !tricked => ready.min(1),
        Need::Nothing => 0,
        // Cut and written anew between being listed and being read: nobody can tell.
        _ if story.truncated && !story.read => 0,
        _ if hidden => 0,
        // Nor is that of a live file whose copy, still being made, has its place.
        Need::UpTo(length) if live => lines(&story.bytes[..length.min(whole)]),
        Need::UpTo(length) => length.min(ready),
        Need::All => ready,
    };
    // So it is with what a copy had besides that was cut, or whose inode another file got, before it
    // was read.
    let need = story.unread.map_or(need, |known| need.min(known));
    let taken = best.map_or(0, |(_, archived)| archived.bytes.len());
    let none = taken == 0;
    // A piece of a first line is archived under the piece's own identity.
    let nameless = best.is_none_or(|(_, archived)| !archived.bytes.contains(&b'\n'));
    // What it has in common with another file may stand under that one's identity. That tells
    // nothing of the rest: a gap does, if nothing was taken under this one's.
    // Nor does a piece of a first line tell whose it is, where several are cut off alike.
    let alike = !story.twins.is_empty() || (story.shortened && lines(&story.bytes[..need]) == 0);
    let taken = if alike { taken.max(common(agent, story)) } else { taken };
    let owned_up = (cut_before && none)
        || best.is_some_and(|(_, archived)| !archived.gaps.is_empty())
        || (nameless && gapped(agent, story))
        || (story.is_swapped() && parted(agent, stories, story))
        || unopened(agent, story, need)
        || (story.need == Need::Nothing && confused);
    let found = |twin: &usize| stories[*twin].relisted;
    // The cursor of a file that begins so may be another one's.
    let whole_archived = best.is_some_and(|(_, archived)| archived.final_) && taken == whole;
    let others = whole_archived || best.is_none() || story.twins.iter().any(found);
    let own = story.twins.is_empty() || !others;
    let vanished = story.cursor && !story.relisted && own;
    assert!(
        (taken >= need && !vanished) || owned_up,
        "story {index} {:?} ({whole} bytes, truncated: {}): {taken} of {need} bytes taken, and no \
         gap. crashes {}, lost: {:?}",
        story.names,
        story.truncated,
        agent.crashes,
        text(&story.bytes[taken.min(whole)..need.max(taken).min(whole)]),
    );
    if let Some((file, archived)) = best
        && !live
        && taken == whole
    {
        assert!(archived.final_, "{file:?} is over, all of it is taken, and it isn't final");
    }
}

/// Whether a gap says that a file of this name is gone, of which nothing was read; or that the rest is
/// of the one that had the name before and begins alike, when both are gone.
fn parted(agent: &Agent, stories: &[Story], story: &Story) -> bool {
    let named = |gap: &Gap| story.names.contains(gap.name.to_str().unwrap());
    let gone = |gap: &Gap| gap.reason == GapReason::DeletedBeforeRead && gap.end.is_none();
    let alike = |archived: &Archived| story.twins.iter().any(|t| archived.fits(&stories[*t].bytes));
    let rests = agent.archive.files.values().filter(|archived| alike(archived));
    rests.flat_map(|archived| &archived.gaps).any(|gap| gone(gap) && named(gap))
        || agent.archive.nameless.iter().any(|gap| gap.reason != GapReason::Unseen && named(gap))
}

/// Whether a gap says that the file itself was gone before it was opened, and held as much, or was cut
/// before it was identified: what is archived of it was read of a copy beside it. Of a compressed file that
/// nobody has read, its size doesn't tell how much it held.
fn unopened(agent: &Agent, story: &Story, need: usize) -> bool {
    let copied = story.names.iter().any(|name| name.starts_with("audit.log."));
    let gone = |gap: &Gap| {
        let named = story.names.contains(gap.name.to_str().unwrap());
        let cut = gap.reason == GapReason::Truncated && gap.end.is_none();
        let lost = matches!(gap.reason, GapReason::DeletedBeforeRead | GapReason::Unrecognised);
        let packed = gap.name.to_str().is_some_and(|name| name.ends_with(".gz"));
        let unmeasured = lost && packed && gap.end.is_none();
        named && (cut || unmeasured || gap.end.is_some_and(|end| end >= need as u64))
    };
    copied && agent.archive.nameless.iter().any(gone)
}

/// How much of the story's beginning is archived, of whichever file.
fn common(agent: &Agent, story: &Story) -> usize {
    let alike = |archived: &Archived| {
        let both = archived.bytes.iter().zip(&story.bytes).enumerate();
        let lost = |at: usize| archived.holes.iter().any(|hole| hole.contains(&at));
        both.take_while(|(at, (a, b))| a == b || lost(*at)).count()
    };
    agent.archive.files.values().map(alike).max().unwrap_or(0)
}

/// What a listing showed and wasn't opened is said not to be archived; or it was opened after all,
/// and all of it is. One name will do: renamed amid a listing, it is seen under both.
fn check_refused(agent: &Agent, story: &Story, taken: usize) {
    // Refused while it was open already, it is read on, and its unfinished line is waited for.
    if taken == story.bytes.len() || (taken > 0 && taken == lines(&story.bytes)) {
        return;
    }
    // Nor is anything missing of a piece of it, made by somebody who began to copy it, once all that
    // is in that piece is archived: it isn't opened again.
    for (names, _) in story.refused.values().filter(|(_, length)| *length > taken) {
        let named = |gap: &Gap| gap.name.to_str().is_some_and(|name| names.contains(name));
        // Given to who should have them amid a listing, it may be gone before it is opened.
        let why = |gap: &Gap| {
            matches!(
                gap.reason,
                GapReason::Refused | GapReason::DeletedBeforeRead | GapReason::Unrecognised
            )
        };
        let says = |gap: &Gap| why(gap) && named(gap);
        let said = agent.archive.nameless.iter().any(says);
        assert!(said, "{names:?} isn't opened, and no gap says so");
    }
}

/// Whether it has its name in common with another file, and nothing that the follower was told says
/// that there were two: reports were lost, or heard by a run that ended.
fn unknowable(story: &Story) -> bool {
    story.replaced && !story.told
}

/// Whether a gap speaks of this story.
fn gapped(agent: &Agent, story: &Story) -> bool {
    let head = head(&story.bytes);
    agent.archive.files.iter().any(|(file, archived)| {
        !archived.gaps.is_empty() && Some(file.hash) == head && archived.fits(&story.bytes)
    }) || agent.archive.nameless.iter().any(|gap| story.names.contains(gap.name.to_str().unwrap()))
}

/// Whether a gap has the name of a file that is archived: reports don't tell which of two files
/// that were renamed about when the directory was listed is the one it showed.
fn confused(agent: &Agent, stories: &[Story]) -> bool {
    let archive = &agent.archive;
    let unread = |gap: &&Gap| {
        !matches!(gap.reason, GapReason::Unseen | GapReason::Replaced) && gap.end.is_none()
    };
    archive.nameless.iter().filter(unread).any(|gap| {
        let mut named = stories.iter().filter(|s| s.names.contains(gap.name.to_str().unwrap()));
        named.any(|story| archive.of(story).is_some())
    })
}

/// No gap is claimed for what isn't lost.
fn check_gaps(agent: &Agent, world: &World) {
    let (archive, stories, destroyed) = (&agent.archive, &world.stories, world.destroyed);
    let gaps = archive.files.values().flat_map(|archived| &archived.gaps).chain(&archive.nameless);
    for gap in gaps {
        if gap.reason == GapReason::Refused {
            let refused = gap.name.to_str().is_some_and(|name| world.refused.contains(name));
            assert!(refused, "it was never refused, yet: {gap:?}");
            continue;
        }
        // Where a copy is renamed over a backup that nobody has read, nobody can tell whether what
        // was there before was the same.
        let name = gap.name.to_str().unwrap_or_default();
        let unread = matches!(gap.reason, GapReason::Replaced | GapReason::DeletedBeforeRead);
        if unread && gap.file.is_none() && world.swapped.contains(name) {
            continue;
        }
        // In a directory to which the path led for less than a look, a file may lie for ever that
        // nobody has read: that it was reported is all that is known of it.
        let left_behind =
            |story: &Story| (story.stranded || story.left) && story.names.contains(name);
        if gap.file.is_none() && stories.iter().any(left_behind) {
            continue;
        }
        // A live file that was listed, then renamed and compressed before it could be opened, is
        // no longer known for the same: an alarm too many, which is better than one too few.
        let live = gap.file.is_none() && gap.name == super::ops::LIVE;
        // Nor is a view of the directory like the one before, if all its files were renamed,
        // compressed or empty, and nobody reported that.
        let vanished = live && (gap.reason != GapReason::Unseen || agent.deaf);
        // After a crash, all of very few descriptors may be held by files that must wait for the one
        // that was there before, and that one waits for a descriptor.
        let few = agent.settings.limits.open < 5 && agent.crashes > 0;
        let vanished = vanished || (few && gap.reason == GapReason::Unseen);
        assert!(destroyed || vanished, "nothing was lost, yet: {gap:?}");
    }
    for (file, archived) in &archive.files {
        // Only a take that was cut before it was packed makes such a gap: up to its end.
        let short = |gap: &&Gap| gap.reason == GapReason::Truncated && gap.end.is_some();
        for gap in archived.gaps.iter().chain(&archived.shorts).filter(short) {
            let end = usize::try_from(gap.end.unwrap_or_default()).unwrap_or(usize::MAX);
            let cut =
                |story: &Story| story.is(file) && story.destroyed() && story.bytes.len() >= end;
            assert!(stories.iter().any(cut), "nothing of {file:?} was cut, yet: {gap:?}");
        }
        let Some(gap) = archived.gaps.iter().find(|gap| !endless(gap.reason)) else {
            continue;
        };
        let story = stories.iter().find(|story| archived.fits(&story.bytes) && archived.has_any());
        if let Some(story) = story {
            assert!(
                archived.bytes.len() < story.bytes.len() || agent.crashes > 0,
                "{file:?} is whole, yet: {gap:?}"
            );
        }
    }
}

/// Where the oldest files go first, none that stood behind an archived one is missing in silence.
fn check_unseen(agent: &Agent, stories: &[Story], owners: &[Vec<FileId>]) {
    let first = owners.iter().position(|files| !files.is_empty()).unwrap_or(stories.len());
    let confused = confused(agent, stories);
    let owned_up = agent.archive.nameless.iter().any(|gap| gap.reason == GapReason::Unseen);
    for (index, story) in stories.iter().enumerate().skip(first) {
        let unknown = story.stranded || story.foreign || unknowable(story);
        let silent = owners[index].is_empty() && lines(&story.bytes) > 0 && !unknown;
        assert!(
            !silent || owned_up || gapped(agent, story) || confused,
            "story {index} {:?} is missing, and nothing says so",
            story.names
        );
    }
}

/// Whether nobody can know how much is lost, if anything is.
fn endless(reason: GapReason) -> bool {
    matches!(reason, GapReason::Truncated | GapReason::GzipDamaged)
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

fn head(bytes: &[u8]) -> Option<auditseal_merkle::Hash> {
    let base = bytes.iter().position(|byte| *byte != 0)?;
    let line = bytes[base..].split(|byte| *byte == b'\n').next()?;
    Some(auditseal_merkle::hash(line))
}

fn text(bytes: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(bytes).chars().take(120).collect();
    shown.replace('\0', "·")
}
