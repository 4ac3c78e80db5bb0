//! Histories that a soak by the hundred thousand found: several rare events within milliseconds.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Limits, Settings};
use sim::history::Turn::*;
use sim::history::{replay, run};
use sim::ops::Op::*;
use sim::oracle::{Allowed, check};
use sim::owners::Which::*;
use sim::places;
use sim::places::To::*;
use sim::swaps::Copy::{Longer, Other, Shorter};

#[test]
#[rustfmt::skip]
fn a_live_file_cut_and_grown_to_its_old_length_again() {
    replay(
        &[(29, Append(1, 0)), (0, Strangers), (0, Append(1, 0)), (0, Rename), (0, Partial(0)), (0, Rename), (0, Truncate), (0, Truncate), (0, Append(1, 0)), (0, Truncate), (0, Partial(0)), (0, Restart), (0, Partial(0)), (11, ClockBack(1)), (19, Restart), (0, Copy), (0, Partial(0)), (0, Append(1, 0)), (0, Create), (0, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (0, Append(1, 4893)), (0, Strangers), (4, Append(1, 0)), (5, Append(1, 0)), (0, DeleteOldest), (3, Restart), (8, Restart), (11, Copy), (1, DeleteOldest), (17, ClockBack(1)), (5, Finish), (0, Append(3, 26)), (53, Copy), (0, Append(1, 2)), (0, Append(3, 18)), (0, SameStamp)], &[Sleep(1), Look(0), Look(0), Look(44), Look(0), Look(134), Sleep(1), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_reported_file_stands_where_its_name_says() {
    replay(
        &[(0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (0, DeleteOldest), (0, GzipCreate), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (6, DeleteOldest), (2, DeleteOldest), (16, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (3, DeleteOldest), (0, Gzip), (1, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (20, Append(1, 0)), (1, DeleteOldest), (0, GzipCreate), (0, Append(1, 0)), (37, Append(1, 0))], &[Look(0), Crash, Look(0), Sleep(18), Look(0), Look(5000), Commit, Crash], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_hole_cut_and_grown_again_while_it_is_read() {
    replay(
        &[(2, Append(1, 65500)), (0, UnlinkLive), (2, Create), (13, Append(1, 0)), (5, Rotate), (2, Append(1, 0)), (2, Append(1, 0)), (0, Append(1, 0)), (19, GzipCreate), (4, Partial(0)), (1, Append(1, 0)), (1, ClockBack(1)), (42, Gzip), (32, Append(1, 0)), (1, Append(1, 0)), (18, Append(1, 0)), (3, SecondOpen), (3, Append(1, 0)), (2, Append(1, 0)), (2, Partial(0)), (18, Append(1, 0)), (0, Append(3, 65500)), (34, Truncate), (43, Append(1, 0)), (11, Append(1, 0)), (17, Append(1, 0)), (0, Truncate), (0, Append(1, 0))],
        &[Look(0), Crash, Commit], true,
    );
}

/// A node that starts for the first time knows of nothing that could be missing, whatever is
/// rotated and compressed amid its first look.
#[test]
fn amid_the_first_look_of_all_nothing_is_missed() {
    for (first, second) in (0..12).flat_map(|first| (0..12).map(move |second| (first, second))) {
        let script = [
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (first, Gzip),
            (second, Rotate),
            (0, Append(1, 0)),
            (0, Gzip),
            (second, Gzip),
        ];
        replay(&script, &[Sleep(5), Look(0), Look(0), Look(0), Look(0), Look(1 << 20)], true);
    }
}

#[test]
#[rustfmt::skip]
fn a_file_that_only_begins_alike_is_cut_before_anything_of_it_is_taken() {
    replay(
        &[(0, Append(1, 0)), (3, SameStamp), (4, Append(1, 0)), (26, Rename), (3, Append(1, 0)), (8, Replace(Live, Other(0))), (29, Append(1, 0)), (4, Restart), (3, Append(1, 0)), (2, Truncate), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Strangers), (0, Append(1, 0))], &[Look(0), Commit, Commit, Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn of_two_files_that_begin_alike_the_one_that_is_archived_is_known_after_a_restart() {
    replay(
        &[(14, Restart), (0, Repoint(Fresh, false)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, SecondAppend(0)), (0, SecondAppend(0)), (0, Append(1, 0)), (0, SecondAppend(0)), (0, Partial(0)), (0, Rotate), (0, Finish), (18, Finish), (4, Replace(Oldest, Other(87))), (45, Finish), (2, Repoint(Fresh, false)), (17, Finish), (3, Append(1, 0))], &[Crash, Commit, Commit, Look(0), Look(1), Look(110), Look(159), Look(0), Commit, Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_piece_of_a_copy_is_archived_and_refused_later() {
    replay(
        &[(0, Append(1, 0)), (0, Append(1, 0)), (0, Rename), (1, Append(2, 0)), (0, Rotate), (4, GzipFill), (0, GzipRemove), (0, Append(2, 16)), (0, Replace(Live, Shorter(0))), (0, Strangers), (0, Rotate), (0, Partial(0)), (0, SameStamp), (0, Append(1, 0)), (0, Append(1, 0)), (2, Gzip), (17, Append(1, 0)), (1, Append(1, 0)), (4, Partial(0)), (0, Append(1, 0)), (1, Restart), (1, There(0, places::There::Rotate)), (9, Restart), (2, Restart), (1, Append(1, 224)), (1, Append(1, 0)), (2, Append(2, 17)), (0, Append(1, 0)), (0, UnlinkLive), (0, Append(1, 0)), (0, Own), (0, Append(1, 0)), (5, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, Estrange(Oldest))], &[Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_copy_is_cut_before_it_is_read() {
    replay(
        &[(0, Append(1, 0)), (1, Restart), (2, Wait(10)), (4, Append(1, 0)), (0, Copy), (0, ClockBack(1)), (0, There(0, places::There::Rotate)), (0, Append(1, 0)), (0, Append(1, 0)), (0, UnlinkLive), (0, Append(1, 0)), (45, Partial(0)), (0, Rename), (2, Finish), (4, Restart), (0, Append(1, 0)), (0, Append(1, 0)), (50, Rename), (1, Append(1, 0)), (0, Replace(Oldest, Longer(0))), (0, Strangers), (0, Append(1, 0)), (20, Replace(Live, Longer(0))), (0, Append(1, 0)), (6, Restart), (1, Append(1, 0)), (6, DeleteOldest), (5, Strangers), (3, Truncate), (0, Append(1, 66)), (0, Append(1, 0)), (0, Append(1, 0))], &[Look(0), Look(0), Deaf(66), Look(5000)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_live_copy_never_becomes_whole() {
    replay(
        &[(0, Append(1, 0)), (0, Replace(Live, Shorter(0)))], &[Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_longer_copy_is_compressed_before_it_is_seen() {
    replay(
        &[(0, Append(1, 0)), (4, Replace(Live, Shorter(0))), (27, Append(1, 0)), (0, Rotate), (0, Gzip)], &[Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_shorter_copy_of_a_backup_comes_when_that_is_over() {
    replay(
        &[(20, Partial(0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Wait(10)), (0, Append(1, 0)), (0, Append(1, 0)), (11, Restart), (7, Append(1, 0)), (3, Finish), (3, Finish), (12, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (0, Rename), (0, Append(1, 0)), (0, Append(1, 0)), (0, Finish), (0, Rotate), (0, Append(1, 0)), (0, Strangers), (28, Wait(140000)), (56, Create), (4, Replace(Oldest, Shorter(20)))], &[Sleep(1), Look(0), Look(0), Look(0), Sleep(7), Look(0), Look(5000), Commit, Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_copy_is_cut_while_it_is_compared() {
    replay(
        &[(4, Finish), (0, Finish), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Create), (1, Restart), (15, Replace(Live, Longer(0))), (15, Restart), (0, Copy)], &[Sleep(6), Look(0), Commit, Look(1), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_file_renamed_amid_a_listing_is_refused_once() {
    replay(
        &[(4, Append(1, 0)), (0, Truncate), (8, Finish), (1, Append(1, 0)), (13, Append(1, 0)), (0, Rename), (0, GzipCreate), (0, Finish), (0, Append(1, 0)), (0, DeleteOldest), (0, Estrange(Oldest)), (0, Append(1, 0)), (25, Create), (3, SecondAppend(0)), (13, Restart), (3, Restart), (5, Append(1, 0)), (2, Replace(Live, Longer(0))), (10, Restart), (0, Append(1, 0)), (0, Restart), (0, Create), (0, Restart), (0, Append(1, 0)), (0, Estrange(Live)), (0, Append(1, 0)), (1, Estrange(Live)), (2, Rename)], &[Commit, Look(66), Look(44), Look(0), Look(0), Look(0), Look(0), Sleep(8), Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_copy_of_a_piece_of_a_line_is_cut_when_the_line_is_whole() {
    replay(
        &[(1, Append(1, 0)), (2, Restart), (7, Estrange(Live)), (7, Append(1, 0)), (1, Copy), (4, ClockBack(1)), (0, There(0, places::There::Rotate)), (0, Append(1, 0)), (0, Append(1, 0)), (21, ClockBack(1)), (3, Rename), (36, Partial(0)), (0, Copy), (2, Rename), (4, Rename), (11, Append(1, 0)), (3, Append(1, 0)), (49, Rename), (1, Partial(0)), (0, Replace(Newest, Longer(0))), (0, Strangers), (7, Partial(0)), (27, Replace(Live, Longer(0))), (2, Append(1, 0)), (0, Restart), (0, Append(1, 0)), (4, DeleteOldest), (43, Append(1, 0)), (3, Truncate)], &[Look(0), Look(5000), Look(1)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_strangers_backup_is_not_what_the_live_file_became() {
    replay(
        &[(0, Restart), (2, Restart), (2, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (30, Restart), (3, Foreign(0)), (0, Rotate), (0, DeleteOldest), (0, Gzip)], &[Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_copy_grows_and_is_cut_before_anybody_sees_that() {
    replay(
        &[(0, Append(1, 0)), (3, Strangers), (2, Append(1, 0)), (22, Replace(Live, Shorter(50))), (4, There(0, places::There::Rotate)), (15, Append(1, 0)), (3, Truncate)], &[Look(0), Look(5000), Look(0), Look(0), Look(0)], true,
    );
}

/// The file of a backup's name came and went unseen, and so did a live file that was listed first
/// amid it: that one was never renamed, and must not be taken for what had the name.
#[test]
#[rustfmt::skip]
fn a_live_file_listed_amid_the_reports_isnt_what_they_name() {
    replay(
        &[(0, Append(1, 0)), (1, Rotate), (2, Append(1, 0)), (2, DeleteOldest), (0, Create), (0, UnlinkLive)],
        &[Look(1 << 20), Look(1 << 20), Crash], true,
    );
    replay(
        &[(0, Append(1, 0)), (1, Rotate), (1, DeleteOldest), (3, UnlinkLive), (10, Create), (12, Rename), (9, Rotate), (7, Create), (2, DeleteOldest), (11, Rotate)],
        &[Look(1 << 20), Commit, Commit, Look(1 << 20)], true,
    );
}

/// A copy that was read and has lost the live name again to a shorter one: its last line is nowhere
/// else.
#[test]
#[rustfmt::skip]
fn of_two_copies_within_one_look_the_longer_one_goes_on() {
    for (script, turns) in [
        (&[(0, Append(1, 0)), (7, Replace(Live, Shorter(0))), (9, Append(1, 0)), (1, Replace(Live, Shorter(53)))][..], &[Look(0)][..]),
        (&[(0, Append(1, 0)), (5, Replace(Live, Shorter(0))), (8, Replace(Live, Longer(0))), (4, Append(1, 4)), (1, Replace(Live, Shorter(48)))], &[Look(0)]),
        (&[(0, Append(1, 0)), (7, Replace(Live, Longer(0))), (9, Append(1, 0)), (0, Replace(Live, Longer(1))), (0, Replace(Live, Shorter(34)))], &[Look(0)]),
        (&[(0, Append(1, 0)), (0, Append(1, 22)), (5, Replace(Live, Longer(0))), (4, Replace(Newest, Other(75))), (10, Append(2, 17)), (10, Replace(Live, Shorter(80))), (4, Own), (2, Replace(Live, Longer(1)))], &[Look(288), Look(1), Commit]),
    ] {
        replay(script, turns, true);
    }
}

/// A live copy is cut in place after it is found to be alike, and before it is asked where lines of
/// it were sealed: it is no other file, and what was made of it before is none.
#[test]
#[rustfmt::skip]
fn a_copy_is_cut_before_it_is_asked_at_its_marks() {
    replay(
        &[(0, Append(1, 0)), (9, Replace(Live, Longer(1))), (13, Copy), (0, Copy)], &[Look(5000), Look(0)], true,
    );
    replay(
        &[(0, Append(1, 0)), (12, Append(1, 0)), (6, Repoint(Back(0), false)), (10, Replace(Live, Longer(0))), (4, Append(1, 0)), (10, Copy)], &[Look(192), Look(1)], true,
    );
}

/// Its inode number is all that a listing tells of a live file, and it is given again at once.
#[test]
#[rustfmt::skip]
fn a_listed_copy_gives_its_inode_to_another_file_before_it_is_opened() {
    replay(
        &[(0, Append(1, 0)), (4, Replace(Live, Longer(1))), (6, Replace(Live, Other(0))), (0, Replace(Live, Longer(0))), (0, Append(1, 0))], &[Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn what_is_left_where_the_path_led_for_a_moment_is_a_gap() {
    replay(
        &[(0, Append(1, 0)), (0, Repoint(Fresh, false)), (1, Repoint(Back(0), false)), (0, Rotate), (0, Repoint(Fresh, true))], &[Look(1), Sleep(3), Sleep(16)], true,
    );
}

/// A stranger's backup came and went, and the live file was deleted under its own name: that one
/// wasn't renamed to it.
#[test]
#[rustfmt::skip]
fn a_live_file_that_is_deleted_later_never_had_the_name_of_what_came_and_went() {
    replay(
        &[(0, Append(1, 0)), (4, Wait(10)), (5, Foreign(0)), (0, DeleteOldest), (0, UnlinkLive)], &[Look(0), Look(0), Sleep(10), Sleep(14)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_piece_of_a_first_line_is_of_the_file_that_was_shortened() {
    replay(
        &[(0, Append(1, 0)), (0, SameStamp), (0, Replace(Oldest, Shorter(0))), (0, SameStamp)], &[Commit], true,
    );
    replay(
        &[(0, Append(1, 0)), (0, Replace(Live, Shorter(0))), (0, SameStamp), (0, Replace(Oldest, Shorter(0)))], &[Commit, Commit], true,
    );
}

/// A stranger's backup came and went between two listings, and the live file was renamed over by the
/// next one within a millisecond: the name that was reported first was the stranger's.
#[test]
#[rustfmt::skip]
fn a_live_file_that_is_renamed_over_never_had_the_name_of_what_came_and_went() {
    replay(
        &[(0, Append(1, 0)), (6, Append(1, 0)), (3, Strangers), (0, Foreign(0)), (1, SameStamp), (0, DeleteOldest)], &[Deaf(396), Look(1048576), Sleep(15), Look(1048576)], true,
    );
}

/// A stranger's file is given to who should have it between two halves of a listing, and deleted
/// before it can be opened.
#[test]
#[rustfmt::skip]
fn a_refused_file_that_may_be_opened_is_gone_by_then() {
    replay(
        &[(0, Append(1, 0)), (10, SameStamp), (0, Foreign(0)), (3, DeleteOldest), (8, Own), (2, DeleteOldest)], &[Look(128)], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_piece_of_a_copy_is_archived_as_another_files_beginning() {
    replay(
        &[(0, Append(1, 0)), (0, Append(1, 0)), (0, SameStamp), (0, Finish), (0, SameStamp), (4, Estrange(Live)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (0, Restart), (6, DeleteOldest), (2, Append(1, 0)), (14, Create), (0, Restart), (0, Repoint(Fresh, false)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Create), (0, Replace(Live, Longer(0))), (0, Finish), (0, Finish), (0, SameStamp), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Rename), (0, Append(2, 0)), (0, GzipCreate), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(2, 4000)), (8, Replace(Live, Other(1))), (0, Replace(Live, Shorter(20))), (6, Rotate), (18, Gzip), (0, Estrange(Oldest))], &[Look(0), Crash, Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn the_cursor_of_a_file_that_begins_alike_is_anothers() {
    replay(
    &[(10, Append(1, 0)), (6, Append(1, 0)), (10, Append(1, 0)), (1, Rotate), (2, There(0, places::There::Rotate)), (4, DeleteOldest), (12, Estrange(Oldest)), (70, Finish), (2, Finish), (1, Finish), (10, Append(1, 0)), (23, Restart), (5, Append(1, 0)), (6, Append(1, 0)), (2, Append(1, 0)), (9, Create), (12, UnlinkLive), (12, Strangers), (14, Finish), (6, SecondOpen), (38, Finish), (12, Partial(0)), (18, Rename), (11, Create), (0, Append(1, 0)), (3, SecondAppend(0)), (7, SecondAppend(0)), (2, SecondAppend(0)), (11, SecondAppend(0)), (42, SecondAppend(0)), (45, SecondAppend(0)), (19, Restart), (2, There(0, places::There::Rotate)), (2, Strangers), (6, Partial(0)), (19, Rename), (10, Replace(Oldest, Other(53))), (18, Partial(0)), (0, Create), (0, Append(1, 0)), (32, Create), (12, Repoint(Fresh, false)), (10, Partial(0)), (86, Append(1, 0)), (11, SecondOpen), (9, Append(1, 0)), (11, Append(1, 0))], &[Look(0), Look(0), Look(0), Look(0), Look(0), Commit, Look(0), Look(0), Commit, Look(0), Deaf(0), Commit, Look(1), Look(1), Crash, Commit, Look(0), Look(0), Look(0), Crash, Deaf(0), Look(0), Commit, Deaf(1), Look(0), Commit, Commit, Look(1), Look(22), Look(22), Look(0), Look(0), Deaf(0), Commit, Look(0), Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn two_pieces_of_first_lines_are_alike() {
    replay(
        &[(0, Append(1, 0)), (0, SameStamp), (0, Append(1, 0)), (0, Replace(Oldest, Shorter(37))), (0, SameStamp), (0, Replace(Newest, Shorter(37)))], &[Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn a_shorter_copy_may_be_opened_only_when_its_original_is_over() {
    replay(
        &[(0, Partial(0)), (1, Rotate), (1, Append(3, 16)), (0, GzipCreate), (0, Create), (0, Restart), (0, Rotate), (28, Append(4, 5)), (3, Rotate), (0, Finish), (9, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (2, Append(1, 0)), (3, Append(1, 0)), (2, Truncate), (9, Finish), (29, Finish), (2, Partial(0)), (0, Create), (5, ClockBack(2)), (37, Rotate), (11, Finish), (5, Finish), (11, Estrange(Live)), (1, Finish), (8, Finish), (12, Append(3, 16)), (3, Restart), (0, Append(1, 0)), (0, Append(1, 0)), (0, Gzip), (7, Restart), (0, Wait(140000)), (20, Replace(Newest, Shorter(25))), (0, Own)], &[Look(0), Look(1), Commit, Look(1)], true,
    );
}

/// A copy was listed and lost the live name before it could be opened, and the next copy but one has
/// its inode: what it had besides is in none of them.
#[test]
#[rustfmt::skip]
fn a_copy_that_was_listed_and_gone_isnt_the_later_one_with_its_inode() {
    replay(
        &[(0, Append(1, 0)), (10, Replace(Live, Other(0))), (5, Replace(Live, Other(0))), (9, Append(1, 0)), (1, Replace(Live, Longer(0)))], &[Look(0)], true,
    );
}

/// It is renamed amid a listing, for all that anybody can tell.
#[test]
#[rustfmt::skip]
fn a_backup_with_the_inode_of_a_live_file_that_was_listed_and_gone_may_be_that_one() {
    replay(
        &[(0, Append(1, 0)), (2, Replace(Live, Shorter(0))), (0, Replace(Live, Longer(0))), (12, Rename), (0, Append(1, 0)), (0, Rename)], &[Look(26), Look(1)], true,
    );
}

/// The path leads on before anybody wrote to the last of as many directories as are read at a time:
/// what was read is let go of all the same, or the path would never be followed.
#[test]
#[rustfmt::skip]
fn a_path_is_followed_though_no_live_file_is_where_it_was_followed_to() {
    replay(
        &[(0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Repoint(Fresh, false)), (0, Create), (0, Finish), (1, Finish), (1, Repoint(Fresh, false)), (2, Create), (9, Repoint(Back(2), false)), (3, Append(1, 0)), (3, Repoint(Fresh, false)), (0, Append(1, 0)), (0, Append(1, 0)), (1, Finish), (15, Create), (1, There(1, places::There::Rotate)), (13, Append(1, 0)), (2, Repoint(Back(1), false)), (0, Append(1, 0)), (9, Append(1, 0)), (14, Repoint(Fresh, false)), (1, Rotate), (6, Repoint(Fresh, false)), (4, Rotate), (14, Append(1, 0)), (13, Append(1, 0)), (0, Repoint(Fresh, false)), (3, Rotate), (2, Finish), (3, There(1, places::There::Rotate)), (3, Finish), (13, Repoint(Fresh, false)), (0, Rotate), (15, Append(1, 0)), (16, Create), (2, Repoint(Fresh, false)), (31, Restart), (1, Repoint(Fresh, false))],
        &[Look(66), Commit], true,
    );
}

/// The log is rotated in a directory that isn't read before others are: what is reported of it is
/// held against it, not against those.
#[test]
#[rustfmt::skip]
fn what_is_reported_of_a_directory_that_isnt_read_yet_is_no_gap() {
    replay(
        &[(0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Repoint(Fresh, false)), (0, Create), (0, Finish), (1, Strangers), (0, Repoint(Fresh, false)), (2, Create), (14, Repoint(Back(2), false)), (3, Append(1, 0)), (3, Repoint(Fresh, false)), (0, Append(1, 0)), (8, Finish), (2, Finish), (9, Create), (1, There(0, places::There::Rotate)), (13, Append(1, 0)), (4, Repoint(Back(0), false)), (0, Append(1, 0)), (40, Finish), (14, Repoint(Fresh, false)), (1, Rotate), (6, Repoint(Fresh, false)), (8, Rotate), (14, Append(1, 0)), (12, Append(1, 0)), (0, Wait(10)), (6, Wait(10)), (0, Repoint(Fresh, false)), (3, Rotate), (13, Repoint(Fresh, false)), (1, Create), (18, Append(1, 0)), (16, Append(1, 0)), (2, Repoint(Fresh, false)), (35, Append(1, 0)), (1, Repoint(Fresh, false)), (23, Create), (13, Append(1, 0)), (2, Rename)],
        &[Look(44)], true,
    );
}

/// Proved to be a piece of a backup that is held, it is compressed once that is let go of: nothing tells
/// then that all of it was taken.
#[test]
#[rustfmt::skip]
fn a_shorter_copy_is_compressed_when_its_original_is_over() {
    replay(
        &[(0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (4, Finish), (6, Restart), (16, Rename), (0, There(0, places::There::Rotate)), (0, Append(1, 0)), (0, Restart), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Wait(10)), (0, Rename), (0, Append(1, 0)), (0, Append(1, 0)), (0, Replace(Oldest, Shorter(25))), (0, Append(1, 0)), (0, Estrange(Newest)), (12, Append(1, 0)), (17, Wait(140000)), (0, Partial(0)), (0, Append(1, 0)), (11, Gzip)], &[Look(0), Look(88), Look(0), Commit, Look(0), Look(0)], true,
    );
}

/// Of two descriptors the live file has one and a file that isn't begun the other, and more are begun
/// than the notes have room for, which wait for a descriptor: what is final at once needs no room.
#[test]
#[rustfmt::skip]
fn a_file_that_is_final_at_once_waits_for_no_unfinished_one() {
    let script = [(3, Append(1, 20)), (0, Rotate), (3, GzipCreate), (12, Finish), (76, Append(1, 0)), (1, Append(1, 0)), (2, Restart), (1, Append(1, 0)), (15, GzipCreate), (8, Append(1, 20)), (7, Append(2, 305)), (11, Rotate), (73, Partial(0)), (15, Rotate), (14, Rotate), (5, Wait(10)), (13, Rotate), (1, Append(1, 0)), (1, Rotate), (13, Append(1, 0)), (12, Append(1, 0)), (7, Append(1, 0)), (18, Rotate), (0, Append(2, 65500)), (9, Rename), (3, Strangers), (3, Append(1, 0)), (15, Restart), (3, Append(1, 0)), (16, Append(1, 0)), (1, Append(3, 0)), (36, Append(1, 0)), (15, DeleteOldest), (77, Restart), (0, Create), (77, Create), (16, Rename), (12, Partial(0)), (7, Append(1, 0)), (3, Append(1, 20)), (1, Restart), (25, Rotate), (8, Append(1, 0)), (1, Append(1, 0)), (1, Append(1, 0)), (11, Append(1, 0)), (0, Rotate), (85, GzipCreate), (16, Append(1, 20)), (15, Append(1, 20)), (0, Rename), (48, Append(1, 20)), (76, Append(1, 0))];
    let turns = [Look(5000), Commit, Look(0), Commit, Commit, Deaf(42), Look(1), Commit, Commit, Look(64), Look(154), Look(0), Crash, Look(0), Commit];
    let limits = Limits { open: 2, begun: 3, begun_spare: 1, relists: 1, work: 65_536, piece: 700, hole: 3, ..Limits::default() };
    let agent = run(script.to_vec(), &turns, Settings { limits, ..Settings::default() });
    check(&agent, Allowed { disorder: true, unruly: true, ..Allowed::default() });
}

#[test]
#[rustfmt::skip]
fn what_is_reported_before_the_path_leads_elsewhere_turns_up_when_it_leads_back() {
    for delay in [4, 9] {
        replay(
            &[(0, Many(24)), (0, Repoint(Fresh, true)), (delay, Repoint(Back(0), false))], &[Look(0), Look(0)], true,
        );
    }
}

/// What a name meant is told by where the path led when it was reported.
#[test]
#[rustfmt::skip]
fn what_is_reported_right_before_the_path_leads_nowhere_is_owned_up_to() {
    replay(
        &[(0, Create), (6, Repoint(Fresh, false)), (2, Create), (2, Finish), (0, Append(1, 0)), (1, Append(1, 0)), (2, Restart), (11, Restart), (12, Append(1, 65500)), (1, Foreign(0)), (8, Append(1, 0)), (13, DeleteOldest), (2, There(0, places::There::Rotate)), (11, Repoint(Nowhere, false)), (0, Append(1, 0))], &[Commit, Look(44), Commit, Commit], true,
    );
}
