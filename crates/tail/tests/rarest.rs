//! The rarest histories that a soak of six hundred thousand found.

mod sim;

use auditseal_tail::{Limits, Settings};
use sim::history::Turn::*;
use sim::history::{replay, run};
use sim::ops::Op::*;
use sim::oracle::{Allowed, check};
use sim::owners::Which::*;
use sim::places;
use sim::places::To::*;
use sim::swaps::Copy::{Other, Shorter};

/// A live file is listed, gone before it is opened, and a stranger's backup gets its inode and is given to
/// its owner before anybody sees that it was refused: that is how a rotated live file looks.
#[test]
#[rustfmt::skip]
fn an_inode_given_to_a_strangers_file_is_told_by_nothing_once_that_is_opened() {
    replay(
        &[(0, Append(1, 0)), (2, Replace(Live, Shorter(0))), (0, Foreign(0)), (0, Own)], &[Look(0), Commit, Commit, Look(146), Commit], true,
    );
}

/// Of two files that begin alike a shorter copy was made of the second, which a restart can't tell for
/// one.
#[test]
#[rustfmt::skip]
fn a_piece_of_a_file_that_begins_like_another_is_not_of_that_one() {
    replay(
        &[(0, Append(3, 5)), (37, SecondAppend(0)), (3, SecondAppend(0)), (0, Partial(0)), (0, Partial(0)), (0, SecondAppend(0)), (0, Append(4, 17)), (12, SecondAppend(0)), (2, Rename), (0, ClockBack(1)), (19, Append(1, 0)), (0, Restart), (0, GzipCreate), (9, Replace(Oldest, Other(95))), (9, Restart), (1, Restart), (0, Append(1, 0)), (38, Append(1, 0)), (9, Replace(Oldest, Shorter(10))), (3, Rotate), (65, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (56, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (1, Append(1, 0))], &[Look(0), Look(81), Commit, Sleep(1), Crash, Look(0), Look(1)], true,
    );
}

/// The path leads nowhere, or where no log is yet: what is written to a backup in the directory that it
/// led to before, long after the rename, is found in a listing of that.
#[test]
#[rustfmt::skip]
fn who_writes_to_a_file_renamed_where_the_path_led_goes_on_until_there_is_another() {
    replay(
        &[(0, Finish), (1, Finish), (0, Finish), (21, Append(1, 0)), (6, Finish), (12, Restart), (0, Repoint(Nowhere, false)), (0, SecondOpen), (0, There(0, places::There::Rotate)), (20, Finish), (0, Wait(140000)), (7, Repoint(Fresh, false)), (1, Append(1, 0))], &[Look(0), Look(0), Look(0), Look(1), Commit, Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_directory_without_a_live_file_is_no_reason_to_leave_the_one_before() {
    replay(
        &[(0, Repoint(Fresh, false)), (20, Rotate), (10, Repoint(Nowhere, false)), (0, Append(2, 0)), (1, There(0, places::There::Rotate)), (1, SecondOpen), (1, SecondOpen), (3, SecondOpen), (7, Append(1, 0)), (3, There(1, places::There::Rotate)), (4, Append(1, 0)), (12, Wait(140000)), (8, Append(1, 0))], &[Look(1), Look(44), Commit, Look(0), Commit, Look(0), Look(0), Commit, Look(0), Look(0), Commit, Commit, Look(0), Look(0), Deaf(0), Commit, Commit, Commit, Look(0), Look(0), Look(0), Look(1)], true,
    );
}

/// More are begun than the notes have room for, all of them wait for a descriptor, and a compressed file
/// that isn't begun holds the only one that isn't the live file's.
#[test]
#[rustfmt::skip]
fn what_has_the_last_descriptor_is_begun_though_too_many_are() {
    let script = [(2, Append(1, 20)), (0, Append(2, 10)), (52, Rotate), (5, GzipFill), (9, GzipRemove), (54, Append(1, 0)), (3, Finish), (3, Restart), (7, Restart), (17, Append(3, 30)), (1, Rotate), (19, GzipCreate), (0, Append(1, 0)), (18, Rotate), (2, Rotate), (14, Rotate), (2, GzipCreate), (18, Append(1, 4000)), (4, Append(1, 20)), (7, Rotate), (0, Finish), (0, Rotate), (2, Rotate), (59, Wait(10)), (17, Rotate), (34, GzipCreate), (12, Wait(10)), (64, Finish), (80, Append(1, 20)), (16, Gzip), (0, Append(1, 0)), (24, Partial(0)), (41, GzipCreate), (11, Rotate), (38, GzipCreate), (8, Wait(10)), (17, Append(1, 0)), (14, Append(2, 20)), (7, Rename), (14, Append(1, 20)), (1, Gzip), (76, Append(1, 0))];
    let turns = [Look(22), Look(0), Look(0), Crash, Look(1), Look(1), Commit];
    let limits = Limits { open: 2, begun: 3, begun_spare: 1, relists: 1, work: 65_536, piece: 700, hole: 3, ..Limits::default() };
    let agent = run(script.to_vec(), &turns, Settings { limits, ..Settings::default() });
    check(&agent, Allowed { disorder: true, unruly: true, ..Allowed::default() });
}

/// The listing after a time without reports shows the one file that was there before, and both that and
/// the next one, which no listing ever showed, are deleted before it comes to the latter.
#[test]
#[rustfmt::skip]
fn what_is_deleted_right_after_it_was_listed_shows_nothing_of_what_came_later() {
    replay(
        &[(14, Append(1, 0)), (85, Append(1, 0)), (1, Rotate), (1, Append(1, 20)), (8, Rotate), (2, Append(1, 20)), (3, Append(1, 20)), (7, Append(1, 20)), (3, DeleteOldest), (0, DeleteOldest), (0, Append(1, 0))], &[Commit, Look(0), Commit, Deaf(0), Look(22), Commit, Commit, Look(0), Look(22)], false,
    );
}

/// A file that begins alike is renamed over a backup that is half read, compressed, listed by the next run
/// and gone before it is opened: of that name one gap tells, where the first one stands.
#[test]
#[rustfmt::skip]
fn the_gap_of_a_file_covers_the_one_that_had_its_name_after_it() {
    replay(
        &[(3, Append(3, 5979)), (13, Append(1, 0)), (12, Append(1, 0)), (0, Repoint(Nowhere, false)), (12, Finish), (15, Finish), (17, Restart), (2, Append(1, 0)), (1, Append(1, 0)), (1, Append(1, 0)), (1, Append(1, 0)), (3, Append(1, 0)), (11, Append(1, 0)), (30, Append(1, 0)), (2, Append(1, 0)), (7, There(0, places::There::Rotate)), (78, Append(1, 0)), (11, Append(1, 0)), (18, Append(1, 0)), (12, Append(1, 0)), (1, Append(1, 0)), (2, Append(1, 0)), (5, Append(1, 0)), (3, Append(1, 0)), (18, Append(1, 0)), (5, Append(1, 0)), (18, Append(1, 0)), (1, Append(1, 0)), (0, Append(1, 0)), (1, Append(1, 0)), (2, Append(1, 0)), (5, Append(1, 0)), (3, Append(1, 0)), (13, Append(1, 0)), (2, Repoint(Fresh, false)), (1, Append(2, 0)), (6, Finish), (5, Rotate), (3, Finish), (2, Finish), (7, Finish), (9, Own), (49, Finish), (18, Finish), (5, Partial(0)), (6, Gzip), (3, Copy), (18, Rename), (82, DeleteOldest), (48, Partial(0)), (7, Append(1, 0)), (67, Restart), (21, Rotate), (75, Append(1, 0)), (10, Append(1, 0)), (13, Replace(Oldest, Other(0))), (0, Rename), (3, Append(1, 0)), (1, Rotate), (11, Finish), (6, Finish), (8, GzipCreate), (44, Append(1, 0)), (12, Create), (45, Create), (11, Append(1, 0)), (16, Restart), (11, Append(1, 0)), (36, Gzip), (11, Restart), (7, Append(1, 0)), (61, DeleteOldest)], &[Look(1), Look(22), Commit, Look(0), Look(0), Look(1), Look(1), Commit, Look(0), Look(0), Look(1), Commit, Look(1), Crash, Look(0), Look(0), Look(0), Look(0), Look(0), Deaf(0), Look(0), Look(0), Look(0), Look(0), Crash, Look(0), Look(0), Look(0), Crash, Look(0), Deaf(0), Look(0), Look(0), Look(0)], true,
    );
}
