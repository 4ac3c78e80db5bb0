//! What is reported and what lies in the directories, where the path led elsewhere, or where what
//! got a log's name is a stranger's.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{GapReason, Left, Mode, Notice, Settings};
use sim::SimDisk;
use sim::agent::Agent;
use sim::desk::BIG;
use sim::ops::LINGER;
use sim::ops::Op::*;
use sim::owners::Which;
use sim::places::To;
use sim::swaps::Copy::Longer;

/// A node with a watch whose live file, of one line, is archived.
fn begun() -> Agent {
    let mut agent = Agent::new(SimDisk::new([]), Settings::default());
    agent.ops([Append(1, 0)]);
    agent.settle();
    assert_eq!(agent.texts().len(), 1);
    agent
}

/// A file with a backup's name is reported, listed and refused: that is the one gap it has. It isn't
/// deleted, though nothing of that name is known.
#[test]
fn a_refused_file_that_is_reported_is_not_said_to_be_deleted() {
    let mut agent = begun();
    agent.ops([Foreign(0)]);
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::Refused)]);
    agent.ops([Own]);
    agent.settle();
    assert_eq!(agent.texts().len(), 2, "made acceptable, it is archived");
}

/// A log that is open gets a second name, as a rotation by link and unlink gives it one, in a directory
/// where others may do so too: nothing of it is refused, for it is being read.
#[test]
fn a_file_that_is_open_is_not_refused_for_a_second_name() {
    let mut agent = begun();
    agent.ops([Estrange(Which::Live), Append(1, 0)]);
    agent.settle();
    agent.ops([Rotate, Append(1, 0)]);
    agent.settle();
    assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]));
}

/// The log is rotated right before the path leads elsewhere: the report comes, and the file lies in
/// a directory that the path doesn't lead to any more.
#[test]
fn a_report_from_before_the_path_led_elsewhere_is_of_a_file_that_is_there() {
    for compressed in [false, true] {
        let mut agent = begun();
        agent.ops([Rotate, Append(1, 0), Rotate, Append(1, 0)]);
        if compressed {
            agent.ops([Gzip, Gzip]);
        }
        agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
        agent.settle();
        assert_eq!((agent.texts().len(), agent.gaps()), (4, vec![]), "compressed: {compressed}");
    }
}

/// Reports are lost while every file of the directory is rotated away, one of them unseen. That a
/// file lies where the path led before says nothing of what was here.
#[test]
fn a_file_left_behind_hides_no_loss_where_the_path_leads_now() {
    let mut agent = begun();
    agent.ops([Partial(0), Repoint(To::Fresh, true), Create, Restart, Append(1, 0)]);
    agent.settle();
    agent.ops([Rotate, Append(1, 0), Rotate, Append(1, 0), DeleteOldest, DeleteOldest]);
    agent.look_after(true, BIG);
    agent.settle();
    assert_eq!(agent.gaps(), [(None, None, GapReason::Unseen)]);
}

/// A mirror renamed a longer copy over the log, and the old file is held for late lines. A backup
/// that comes and goes is another file: the old one has no name that it could lose.
#[test]
fn a_file_that_was_renamed_over_is_not_taken_for_a_backup_that_comes_and_goes() {
    let mut agent = begun();
    agent.ops([Replace(Which::Live, Longer(1))]);
    agent.settle();
    agent.ops([Foreign(0), DeleteOldest]);
    agent.settle();
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::DeletedBeforeRead)]);
}

/// A stranger's file gets a backup's name and is deleted, and the log is rotated and compressed, all
/// before the next look. The first name that is reported isn't the log's: its compressed copy says
/// which one is, and the other file is owned up to.
#[test]
fn a_backup_that_came_and_went_is_not_what_the_log_was_renamed_to() {
    let mut agent = begun();
    agent.ops([Foreign(0), Rotate, DeleteOldest, Gzip, Append(1, 0)]);
    agent.settle();
    assert_eq!(agent.texts().len(), 2);
    assert_eq!(agent.gaps(), [(Some(0), None, GapReason::DeletedBeforeRead)]);
}

/// A node whose path leads to a third directory, where two may be read at a time.
fn beyond() -> Agent {
    let mut agent = begun();
    agent.disk.world().places.most = 1;
    for _ in 0..2 {
        agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
        agent.settle();
    }
    assert!(agent.disk.world().places.beyond);
    assert_eq!(agent.texts().len(), 2, "the third one waits");
    agent
}

/// Until the path is followed, and all is taken.
fn follow(agent: &mut Agent) {
    for _ in 0..5 {
        agent.wait(LINGER + 1);
        agent.settle();
    }
    assert!(!agent.disk.world().places.beyond);
}

/// The log is rotated in a directory that isn't read before another is done. What was reported of it
/// is held against it then: what lies there is no loss, and what is gone by then is one.
#[test]
fn what_happens_in_a_directory_that_isnt_read_yet_is_compared_when_it_is() {
    for deleted in [false, true] {
        let mut agent = beyond();
        agent.ops([Rotate, Append(1, 0)]);
        agent.settle();
        if deleted {
            agent.ops([DeleteOldest]);
        }
        agent.settle();
        assert_eq!(agent.gaps(), [], "nothing is known of it yet");
        follow(&mut agent);
        let gap = (Some(0), None, GapReason::DeletedBeforeRead);
        assert_eq!(agent.gaps(), if deleted { vec![gap] } else { vec![] });
        assert_eq!(agent.texts().len(), if deleted { 3 } else { 4 });
    }
}

/// What was reported of a directory that isn't read yet is no news of another one: a live file that
/// vanished there meanwhile didn't get the name that was reported here, and hides no loss.
#[test]
fn what_is_reported_of_one_directory_names_no_file_of_another() {
    let mut agent = begun();
    agent.disk.world().places.most = 1;
    agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
    agent.settle();
    // The first one's file is final, and lingers.
    for wait in [LINGER + 1, LINGER / 2] {
        agent.wait(wait);
        agent.settle();
    }
    agent.ops([Append(1, 0)]);
    agent.settle();
    agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
    agent.settle();
    assert!(agent.disk.world().places.beyond);
    agent.ops([There(1, sim::places::There::Rotate), There(1, sim::places::There::DeleteOldest)]);
    agent.settle();
    agent.ops([Rotate, Append(1, 0), DeleteOldest]);
    agent.settle();
    assert_eq!(agent.gaps(), [], "nothing is known of it yet");
    // The first directory is done, and the second one's file isn't yet.
    for _ in 0..8 {
        agent.wait(LINGER / 12);
        agent.settle();
    }
    assert!(!agent.disk.world().places.beyond);
    follow(&mut agent);
    let lost = |gap: &(Option<u64>, Option<u64>, GapReason)| {
        *gap == (Some(0), None, GapReason::DeletedBeforeRead)
    };
    assert!(agent.gaps().iter().any(lost), "{:?}", agent.gaps());
    assert_eq!(agent.texts().len(), 3, "{:?}", agent.texts());
}

/// Who would wait for a live file, before what was read is let go of, would wait for ever where the
/// path has left the last directory that it was followed to before anybody wrote there.
#[test]
fn a_path_is_followed_though_no_live_file_is_where_it_was_followed_to() {
    let mut agent = begun();
    agent.disk.world().places.most = 1;
    agent.ops([Repoint(To::Fresh, true)]);
    agent.settle();
    agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
    agent.settle();
    assert!(agent.disk.world().places.beyond);
    follow(&mut agent);
    assert_eq!((agent.texts().len(), agent.gaps()), (2, vec![]));
}

/// More reports than are kept: that some are missing is said, once.
#[test]
fn reports_of_a_directory_that_isnt_read_yet_are_held_up_to_a_limit() {
    const HELD: usize = 65_536;
    for count in [HELD - 1, HELD, HELD + 1, 10 * HELD] {
        let mut agent = beyond();
        let report = |n: usize| Notice::Appeared(n.to_string().into());
        agent.disk.world().heard.extend((0..count).map(report));
        agent.look(BIG);
        follow(&mut agent);
        let gap = (None, None, GapReason::Unseen);
        let expected = if count > HELD { vec![gap] } else { vec![] };
        assert_eq!((agent.gaps(), agent.texts().len()), (expected, 3), "{count} reports");
    }
}

/// Who takes all that is there isn't done before the path is followed.
#[test]
fn nothing_is_left_only_where_the_path_is_followed() {
    let settings = Settings { mode: Mode::Drain, ..Settings::default() };
    let mut agent = Agent::new(SimDisk::new([]), settings);
    agent.disk.world().places.most = 1;
    for _ in 0..2 {
        agent.ops([Create, Append(1, 0)]);
        agent.look(0);
        agent.wait(LINGER + 1);
        agent.ops([Repoint(To::Fresh, true)]);
    }
    agent.ops([Create, Append(1, 0)]);
    for _ in 0..100 {
        let look = agent.look(BIG);
        agent.commit();
        agent.wait(5_000);
        if look.left == Left::Nothing {
            assert_eq!((agent.texts().len(), agent.gaps()), (3, vec![]));
            return;
        }
    }
    panic!("something is always left");
}

/// A file was over while the path led elsewhere, and is the live one again. Let go of as what is over
/// is, it would lose what is written after the path has left it once more.
#[test]
fn a_live_file_that_was_over_once_is_held() {
    let mut agent = begun();
    agent.ops([Repoint(To::Fresh, true), Create, Append(1, 0)]);
    agent.settle();
    agent.wait(LINGER + 1);
    // It is final in this look, and the path leads back before the next one.
    agent.look(BIG);
    agent.commit();
    assert!(agent.archived()[0].final_);
    agent.ops([Repoint(To::Back(0), true), Restart]);
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    agent.ops([Repoint(To::Fresh, true)]);
    agent.settle();
    agent.ops([Append(1, 0)]);
    for _ in 0..3 {
        agent.settle();
        agent.wait(LINGER + 1);
    }
    let lines = |text: &String| text.lines().count();
    assert_eq!(agent.texts().iter().map(lines).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(agent.gaps(), []);
}

/// A compressed copy was made before the last lines came, of a file that is held: it is known for a
/// copy, and still is when the path has led elsewhere and back, and nothing is held any more.
#[test]
fn a_copy_that_was_known_once_is_known_where_the_path_leads_again() {
    let mut agent = begun();
    agent.ops([Append(1, 0), SecondOpen, Rotate]);
    agent.look(0);
    agent.ops([Gzip]);
    agent.look(0);
    agent.ops([SecondAppend(3), Create, Append(1, 0)]);
    let lines = |text: &String| text.lines().count();
    for there in [To::Fresh, To::Back(0)] {
        for _ in 0..3 {
            agent.settle();
            agent.wait(LINGER + 1);
        }
        agent.ops([Repoint(there, true), Create, Append(1, 0)]);
    }
    agent.settle();
    assert_eq!(agent.texts().iter().map(lines).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(agent.gaps(), []);
}
