//! Histories that went wrong once.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use sim::history::Turn::*;
use sim::history::replay;
use sim::ops::Op::*;
use sim::places::There as place;
use sim::places::To::*;

#[test]
#[rustfmt::skip]
fn a_vanished_live_file_takes_the_first_name() {
    replay(
        &[(0, Finish), (0, Finish), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (2,
        Wait(10)), (14, DeleteOldest), (34, Rotate), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Append(1,
        0)), (0, Append(1, 20)), (0, Append(1, 0)), (0, Append(1, 20)), (0, Rotate), (0,
        Append(1, 65500)), (0, Append(1, 0)), (0, GzipCreate), (0, Append(1, 0)), (0,
        Partial(65500)), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (12,
        DeleteOldest), (1, DeleteOldest), (15, DeleteOldest), (16, Append(1, 0)), (16,
        Rotate), (0, Append(1, 0)), (0, Rotate), (0, DeleteOldest), (0, DeleteOldest)],
        &[Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_held_file_waits_for_no_listing() {
    replay(
        &[(0, Create), (1, Rotate), (0, Rotate), (0, GzipCreate), (0, DeleteOldest), (7,
        Restart), (8, Append(1, 0)), (2, GzipCreate), (1, DeleteOldest), (2, DeleteOldest),
        (0, ClockBack(1)), (14, UnlinkLive), (20, SecondOpen), (0, Append(1, 0)), (0,
        Truncate), (0, Truncate), (0, Append(1, 0)), (0, Create), (0, Restart), (8,
        Partial(0)), (51, Rename), (18, DeleteOldest)], &[Crash, Commit, Look(0), Look(1),
        Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn two_renames_amid_a_listing() {
    replay(
        &[(1, Finish), (0, Append(1, 0)), (1, Rotate), (0, Append(1, 0)), (0, DeleteOldest),
        (0, Append(1, 0)), (0, Append(1, 0)), (2, Rotate), (0, Append(1, 0)), (0, Append(1,
        0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0,
        Append(1, 0)), (0, Append(1, 0))], &[Look(0), Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn an_empty_gzip_is_no_copy() {
    replay(
        &[(1, Finish), (0, Append(1, 0)), (1, Rotate), (7, Append(1, 0)), (0, GzipFill), (0,
        GzipRemove), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Wait(10)), (0,
        DeleteOldest), (0, Wait(10)), (0, Append(1, 20)), (0, Append(1, 0)), (0,
        GzipCreate), (0, Append(1, 20)), (0, DeleteOldest), (0, Append(1, 20)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (3, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0))], &[Look(0), Look(0), Sleep(1), Look(0)], false,
    );
}

#[test]
fn a_name_of_a_file_known_only_compressed() {
    replay(
        &[
            (1, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Rename),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, GzipRemove),
            (0, GzipRemove),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (3, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Strangers),
            (0, Append(1, 0)),
        ],
        &[Commit, Look(0)],
        true,
    );
}

#[test]
#[rustfmt::skip]
fn a_file_that_came_and_went_amid_a_look() {
    replay(
        &[(1, Finish), (0, Append(1, 0)), (5, Rotate), (11, Append(1, 0)), (0, GzipFill),
        (0, GzipRemove), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Wait(10)),
        (0, DeleteOldest), (0, Wait(10)), (0, Append(1, 20)), (0, Append(1, 0)), (0,
        GzipCreate), (0, Append(1, 20)), (0, DeleteOldest), (0, Append(1, 20)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (3, DeleteOldest), (39,
        Append(1, 0))], &[Look(0), Look(1), Look(1), Commit, Crash], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_file_listed_empty_and_gone() {
    replay(
        &[(2, GzipCreate), (1, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Strangers), (0, Append(1, 0)), (0, Append(1,
        0)), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0,
        Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (18, Rotate), (0,
        DeleteOldest), (9, Append(1, 0)), (0, Rotate), (0, DeleteOldest), (19, GzipCreate),
        (18, Append(1, 0))], &[Sleep(1), Look(0), Look(0), Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn events_lost_amid_a_look() {
    replay(
        &[(20, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (0, DeleteOldest), (0,
        DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (13, Wait(10)), (66, Append(1, 0)), (0, DeleteOldest), (13,
        GzipCreate), (3, Append(1, 0)), (18, DeleteOldest), (0, Strangers), (0, Append(1,
        0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0,
        Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (1, DeleteOldest), (0, Rotate), (0,
        Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (11,
        Strangers), (9, Append(1, 0))], &[Sleep(1), Look(0), Deaf(0)], false,
    );
}

#[test]
fn an_unreadable_gzip_is_waited_for_without_haste() {
    replay(
        &[
            (1, Append(2, 5979)),
            (0, Rename),
            (9, Wait(10)),
            (7, Append(1, 0)),
            (10, UnlinkLive),
            (0, Create),
            (0, Restart),
            (0, DeleteOldest),
            (0, Rename),
            (0, GzipRemove),
            (0, DeleteOldest),
        ],
        &[Look(0), Look(0), Look(1048576), Commit, Look(0)],
        true,
    );
}

#[test]
fn an_empty_live_file_after_a_crash() {
    replay(
        &[
            (1, Finish),
            (0, Wait(10)),
            (0, GzipCreate),
            (9, GzipCreate),
            (14, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (51, Append(1, 0)),
            (0, Rotate),
            (0, Rotate),
            (0, DeleteOldest),
            (0, DeleteOldest),
            (0, DeleteOldest),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Rotate),
            (10, DeleteOldest),
            (51, Finish),
        ],
        &[Crash, Look(0), Look(0), Look(88), Commit],
        false,
    );
}

#[test]
#[rustfmt::skip]
fn reports_lost_after_the_first_look_of_all() {
    replay(
        &[(0, Rotate), (2, Append(1, 0)), (1, Append(1, 0)), (0, Append(1, 0)), (2,
        Append(1, 0)), (3, Rotate), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Append(1,
        0)), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, Gzip), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (0,
        Append(1, 0)), (1, Append(1, 0))], &[Look(0), Sleep(12), Deaf(0)], false,
    );
}

#[test]
fn what_was_reported_is_owned_up_to_before_anything_is_begun() {
    replay(
        &[
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (17, Rotate),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, DeleteOldest),
            (0, GzipRemove),
            (0, DeleteOldest),
            (0, Append(1, 20)),
            (0, Rotate),
            (0, Rotate),
            (3, Append(1, 20)),
            (0, Rotate),
            (12, DeleteOldest),
            (13, Append(1, 22)),
            (3, Append(1, 0)),
            (2, Append(1, 0)),
            (65, Append(1, 0)),
        ],
        &[Look(0), Look(1), Look(0), Look(86), Commit, Crash],
        false,
    );
}

#[test]
#[rustfmt::skip]
fn a_file_missed_by_the_first_listing_and_reports_lost() {
    replay(
        &[(10, Append(1, 0)), (0, Append(1, 0)), (0, Rotate), (0, Append(1, 20)), (0,
        Append(1, 0)), (0, Rotate), (0, Append(1, 0)), (0, Append(1, 20)), (0, Append(1,
        20)), (0, Append(1, 20)), (0, Append(1, 20)), (0, Gzip), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (1, Append(1, 0)), (1, Rotate),
        (3, Append(1, 20)), (2, Append(1, 0)), (0, DeleteOldest), (14, DeleteOldest), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Gzip), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (1, Append(1, 0))], &[Sleep(1), Look(0), Sleep(3),
        Deaf(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_name_reported_before_the_file_was_listed() {
    replay(
        &[(0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0, DeleteOldest), (0,
        DeleteOldest), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Partial(0)), (25, Append(1, 0)), (0,
        DeleteOldest), (0, Strangers), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1,
        65500)), (0, DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest),
        (0, DeleteOldest), (14, DeleteOldest), (16, Append(1, 0)), (19, Rotate), (0,
        Append(1, 0)), (1, Rotate), (4, DeleteOldest), (3, Rotate), (0, DeleteOldest), (0,
        DeleteOldest)], &[Sleep(1), Look(0), Look(0), Look(0)], false,
    );
}

#[test]
fn a_vanished_live_file_is_not_given_an_older_name() {
    replay(
        &[
            (0, Append(1, 0)),
            (1, Rotate),
            (0, Append(1, 0)),
            (2, Rotate),
            (0, GzipRemove),
            (0, DeleteOldest),
            (0, Gzip),
        ],
        &[Look(0)],
        true,
    );
}

#[test]
#[rustfmt::skip]
fn what_is_known_must_be_seen_after_reports_were_lost() {
    replay(
        &[(1, Append(1, 0)), (17, Finish), (5, Append(1, 0)), (3, Finish), (56, Append(1,
        20)), (12, Finish), (2, Rotate), (33, Append(1, 20)), (11, GzipCreate), (14,
        Append(1, 0)), (3, Rotate), (0, Rotate), (0, Append(1, 20)), (15, Append(1, 0)), (0,
        DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        DeleteOldest), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (1,
        Append(1, 0))], &[Look(0), Look(0), Look(22), Look(0), Crash, Look(0), Look(44),
        Look(0), Look(0), Look(0), Look(0), Look(0), Commit, Look(0), Look(0), Look(0),
        Look(1), Look(0), Look(0), Commit, Crash, Look(0), Look(42), Look(0), Look(0),
        Crash, Look(0), Deaf(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_gzip_that_may_have_grown_while_nobody_ran() {
    replay(
        &[(89, Create), (4, Append(1, 0)), (82, Append(2, 0)), (55, Wait(10)), (13,
        Wait(10)), (34, Append(2, 4000)), (60, Append(3, 5979)), (0, Append(1, 0)), (2,
        Append(1, 0)), (12, Append(1, 0)), (3, SecondAppend(0)), (18, SecondAppend(0)), (13,
        Append(1, 0)), (0, Rename), (3, Append(1, 0)), (27, GzipRemove), (3,
        SecondAppend(0)), (13, Finish), (0, Rotate), (3, Append(1, 0)), (31, Restart), (30,
        Restart), (1, Restart), (2, DeleteOldest), (2, GzipCreate), (50, Append(1, 0)), (2,
        Append(1, 0)), (2, Append(1, 0)), (0, SecondAppend(0)), (0, Restart), (2,
        Partial(0)), (18, Rotate), (0, SecondOpen), (9, GzipCreate), (7, Append(1, 0)), (3,
        Truncate), (2, Append(1, 0)), (1, Append(1, 0)), (15, Append(1, 0)), (2, Append(1,
        0)), (14, SecondPartial(0)), (16, SecondAppend(0)), (72, DeleteOldest), (4,
        Append(2, 0)), (79, Append(1, 0)), (0, Rotate), (3, Append(1, 0)), (0, SecondOpen),
        (73, DeleteOldest), (5, Append(1, 0)), (10, GzipCreate), (17, Create), (3,
        DeleteOldest), (13, Restart), (1, Append(1, 0)), (0, Rotate), (16, Append(1, 0)),
        (3, Append(1, 0)), (2, Append(1, 0)), (3, UnlinkLive), (53, Create), (2, Append(2,
        0)), (15, Append(1, 0)), (3, SecondAppend(9)), (2, Append(1, 0)), (3, Gzip), (29,
        Append(1, 0)), (2, Append(1, 0)), (3, DeleteOldest)], &[Deaf(0), Commit, Look(0),
        Look(0), Look(152), Look(0), Look(1), Look(1048576), Commit, Look(0), Look(44),
        Look(0), Look(22), Look(22), Crash, Commit, Commit, Commit, Look(5000), Commit,
        Commit, Commit], true,
    );
}

#[test]
#[rustfmt::skip]
fn no_file_is_begun_before_an_older_one_that_waits() {
    replay(
        &[(0, Append(1, 0)), (11, Finish), (13, Append(1, 0)), (12, Append(1, 0)), (0,
        DeleteOldest), (0, Append(1, 0)), (0, Rotate), (2, Append(1, 0)), (76, GzipCreate),
        (21, Rotate), (0, DeleteOldest), (0, Append(1, 20)), (0, Append(1, 0)), (8,
        Append(1, 0)), (12, Append(1, 20)), (0, Rotate), (0, Append(1, 0)), (7, Rotate), (1,
        Append(1, 0)), (0, Rotate), (2, Append(1, 0)), (1, Append(1, 0)), (2, Append(1, 0)),
        (13, Rotate), (2, Append(1, 0)), (18, Rotate), (0, DeleteOldest), (0, Append(1,
        20)), (4, DeleteOldest), (5, DeleteOldest), (41, DeleteOldest), (1, DeleteOldest),
        (9, GzipCreate), (37, Append(1, 0)), (5, Finish), (7, Append(1, 0)), (8, Append(1,
        0)), (3, Append(1, 0)), (3, DeleteOldest), (1, Append(1, 0)), (2, Append(1, 0)), (6,
        Append(1, 0)), (1, Append(1, 0)), (0, Append(1, 0))], &[Commit, Look(0), Look(0),
        Look(0), Crash, Sleep(4), Look(0), Look(0), Look(5000), Look(5000), Look(1),
        Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn names_reported_after_some_were_lost() {
    replay(
        &[(52, Append(1, 0)), (0, SecondAppend(0)), (0, SecondAppend(0)), (0,
        SecondAppend(0)), (0, Append(1, 0)), (29, Rotate), (13, SecondAppend(0)), (23,
        SecondAppend(0)), (1, Gzip), (2, SecondAppend(0)), (33, UnlinkLive), (20, Append(1,
        0)), (0, Create), (77, Append(1, 18)), (0, Append(1, 8)), (0, DeleteOldest), (0,
        Create), (0, Append(1, 41)), (13, Restart), (14, SecondAppend(0)), (3, Partial(0)),
        (31, Copy), (1, Append(1, 0)), (25, Truncate), (1, SecondAppend(0)), (32, Rename),
        (12, Rename), (14, Rename), (1, Rename), (2, Append(1, 0)), (0, Append(1, 0)), (0,
        Rotate), (0, Strangers), (1, Append(1, 0)), (30, Append(1, 0)), (61, Append(1, 0)),
        (16, Append(1, 0)), (7, Append(1, 0)), (3, Restart), (14, DeleteOldest), (4,
        Restart), (19, UnlinkLive), (3, Append(1, 0)), (19, Append(1, 0)), (1, Create), (0,
        Append(1, 0)), (0, Rotate), (0, DeleteOldest)], &[Look(1), Look(1), Look(0),
        Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Look(0), Deaf(0),
        Look(44), Look(0), Commit, Commit], true,
    );
}

#[test]
fn a_copy_tells_the_name_of_a_vanished_live_file() {
    replay(
        &[
            (11, Append(1, 20)),
            (3, Rotate),
            (1, Gzip),
            (19, Partial(0)),
            (2, DeleteOldest),
            (45, GzipCreate),
            (9, Append(1, 0)),
            (12, DeleteOldest),
            (2, Rotate),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, DeleteOldest),
            (0, DeleteOldest),
        ],
        &[Look(0), Commit, Commit, Look(0), Look(0), Look(0), Commit, Look(0), Look(0), Look(0)],
        false,
    );
}

#[test]
fn a_live_file_that_could_have_any_name_gets_none() {
    replay(
        &[
            (10, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, SecondAppend(0)),
            (0, SecondAppend(0)),
            (0, Rotate),
            (0, Gzip),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (3, Rotate),
            (5, Gzip),
            (2, Finish),
            (3, Append(1, 0)),
            (3, Rotate),
            (0, Gzip),
            (0, Append(1, 0)),
        ],
        &[Look(0), Look(0), Look(0)],
        true,
    );
}

#[test]
#[rustfmt::skip]
fn a_vanished_live_file_is_not_the_first_compressed_one() {
    replay(
        &[(1, GzipCreate), (3, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 1)), (0,
        Append(1, 57)), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1, 20)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, DeleteOldest), (0, DeleteOldest), (3, Rotate),
        (0, DeleteOldest), (5, Append(1, 0)), (2, Rotate), (0, Append(1, 0)), (0, Rotate),
        (0, GzipCreate), (0, DeleteOldest), (0, Gzip), (0, Rotate), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 20))], &[Look(0),
        Sleep(11), Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_compressed_file_does_not_owe_what_another_lost() {
    replay(
        &[(6, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (2, DeleteOldest), (1, Rotate), (0, DeleteOldest),
        (4, Partial(0)), (0, DeleteOldest), (0, Partial(0)), (0, Rotate), (0, GzipFill), (0,
        GzipRemove)], &[Sleep(14), Look(0)], false,
    );
}

#[test]
fn an_overwritten_live_file_takes_no_later_name() {
    replay(
        &[
            (11, Append(1, 0)),
            (10, Append(1, 0)),
            (3, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, DeleteOldest),
            (0, SameStamp),
            (37, Append(1, 0)),
            (64, Finish),
            (3, DeleteOldest),
            (2, Rotate),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, DeleteOldest),
            (0, DeleteOldest),
        ],
        &[
            Look(0),
            Look(0),
            Commit,
            Look(0),
            Look(0),
            Look(0),
            Look(0),
            Look(0),
            Look(0),
            Look(0),
            Sleep(1),
        ],
        false,
    );
}

#[test]
#[rustfmt::skip]
fn an_overwriting_file_already_gone() {
    replay(
        &[(0, Append(1, 0)), (33, Append(1, 0)), (2, Rotate), (4, GzipCreate), (6,
        DeleteOldest), (15, Append(1, 0)), (11, Append(1, 0)), (5, Partial(0)), (11,
        DeleteOldest), (6, Rotate), (1, Finish), (2, Append(1, 0)), (17, DeleteOldest), (3,
        Append(1, 0)), (3, DeleteOldest), (18, Append(1, 0)), (4, DeleteOldest), (1,
        Append(1, 0)), (6, Strangers), (21, Partial(0)), (41, GzipCreate), (14,
        DeleteOldest), (7, Append(2, 65500)), (15, DeleteOldest), (79, Append(1, 0)), (1,
        Append(2, 65500)), (17, SameStamp), (14, Append(1, 0)), (2, Append(1, 0)), (1,
        DeleteOldest), (6, DeleteOldest), (9, DeleteOldest), (1, Append(1, 0)), (8,
        Append(1, 0)), (16, DeleteOldest), (2, Rotate), (0, DeleteOldest), (0, Append(1,
        0)), (0, Rotate), (0, DeleteOldest)], &[Look(1), Look(0), Look(0), Look(0), Look(1),
        Look(22), Look(0), Commit, Look(0), Look(1048576), Look(0), Look(0), Look(1),
        Look(0), Commit, Look(0), Look(0)], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_stale_copy_that_outlasts_its_plain_file() {
    replay(
        &[(5, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Restart), (0, Restart), (0,
        Append(1, 0)), (0, Restart), (0, Append(1, 4802)), (0, Wait(10)), (0, Append(1, 0)),
        (0, Restart), (0, Append(1, 0)), (0, Append(1, 0)), (5, Append(1, 0)), (2, Append(1,
        0)), (3, Append(1, 0)), (6, Restart), (5, SecondOpen), (28, Rotate), (0, GzipFill),
        (0, Append(1, 0)), (0, Create), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1,
        0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, SecondAppend(0)), (3, Wait(140000)),
        (7, Append(1, 0)), (13, GzipRemove)], &[Sleep(1), Look(0), Look(5000), Look(132),
        Sleep(1), Look(1), Commit, Look(0)], true,
    );
}

#[test]
#[rustfmt::skip]
fn an_overwritten_files_inode_is_the_next_live_ones() {
    replay(
        &[(0, Append(1, 0)), (5, DeleteOldest), (13, Append(1, 0)), (2, DeleteOldest), (18,
        DeleteOldest), (0, Strangers), (0, Append(1, 0)), (0, DeleteOldest), (0, Append(1,
        0)), (0, Rotate), (0, Rotate), (0, Append(1, 0)), (0, Rotate), (0, Rotate), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, GzipCreate), (0, Rotate),
        (0, Append(1, 0)), (0, Append(1, 0)), (10, SameStamp), (0, Append(1, 22)), (5,
        Append(1, 0)), (4, Rotate), (16, Rotate), (0, Append(1, 0)), (0, Append(1, 20)), (0,
        Append(1, 0)), (0, Append(1, 20)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 20)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 20)), (0, Append(1, 0)), (1, Append(1, 0))], &[Deaf(0), Look(1), Look(0)],
        false,
    );
}

#[test]
fn time_passes_amid_a_look() {
    let script = [
        (1, Create),
        (1, SecondOpen),
        (2, Append(1, 0)),
        (2, Append(1, 0)),
        (49, Wait(140_000)),
        (0, Rotate),
        (0, Gzip),
        (12, GzipCreate),
        (16, SecondAppend(0)),
    ];
    let turns = [
        Look(0),
        Look(0),
        Look(0),
        Look(0),
        Commit,
        Look(44),
        Commit,
        Commit,
        Commit,
        Commit,
        Look(0),
    ];
    replay(&script, &turns, true);
}

#[test]
#[rustfmt::skip]
fn the_inode_of_a_live_file_that_is_gone_comes_again() {
    replay(
        &[(67, Rotate), (31, Append(1, 65500)), (15, Rotate), (0, DeleteOldest), (14, Append(1,
        0)), (2, Append(1, 0)), (3, Rotate), (0, DeleteOldest), (8, Append(1, 20)), (1, Rotate),
        (0, Append(4, 38)), (3, Append(1, 20)), (10, DeleteOldest), (0, Append(1, 0)), (63,
        Finish), (11, Append(1, 0))], &[Look(244), Commit, Look(0), Crash, Look(0), Look(0),
        Look(0), Commit, Look(0), Commit, Look(1048576), Look(0), Commit, Commit, Look(0),
        Look(0), Look(0), Look(0), Look(0), Commit, Commit], false,
    );
}

#[test]
#[rustfmt::skip]
fn a_file_that_is_lost_from_its_first_byte_on_is_not_taken_from_a_copy() {
    replay(
        &[(15, Create), (14, Append(1, 0)), (14, Copy), (0, Append(1, 0)), (0, UnlinkLive), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1,
        0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0,
        Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)), (0, Append(1, 0)),
        (0, Restart), (48, Append(1, 0)), (11, Append(1, 0))], &[Look(0), Look(0), Look(0),
        Look(0), Crash, Commit, Look(0), Commit, Look(0), Commit, Commit, Look(0), Look(0), Crash,
        Look(0), Look(1), Commit], true,
    );
}

/// It was asked only whether it is another file, and cut before it was asked what it is.
#[test]
#[rustfmt::skip]
fn what_is_too_short_to_be_another_file_is_not_read_for_that() {
    replay(
        &[(6, Append(1, 0)), (0, There(0, place::Rotate)), (0, Restart), (0, Restart), (0,
        Append(1, 0)), (0, Restart), (0, Append(1, 0)), (0, Rename), (0, Truncate), (0,
        Truncate), (0, Finish), (0, Gzip), (13, Append(1, 0)), (0, Append(1, 0)), (7,
        Partial(0)), (0, Beside(100)), (0, SecondAppend(0)), (0, Append(1, 0)), (0, Own), (0,
        Partial(0)), (0, Append(1, 0)), (6, SecondAppend(0)), (2, Repoint(Fresh, false)), (3,
        Create), (11, Append(1, 0)), (1, Append(1, 0)), (39, Append(1, 0)), (20, Append(1, 0)),
        (0, ClockBack(1)), (0, SameStamp), (0, Append(1, 0)), (0, Append(1, 0)), (0, Rotate),
        (0, Append(1, 0)), (0, GzipCreate), (0, Rename), (0, Append(1, 0)), (0, There(0,
        place::Gzip)), (0, Restart), (13, Create), (5, Restart), (1, Rename), (10, Append(1,
        0)), (2, Append(1, 0)), (15, Restart), (7, Append(1, 0)), (12, Append(1, 0)), (3,
        Repoint(Back(0), false)), (13, Rotate), (13, Finish), (5, Append(1, 0)), (5, Append(1,
        0)), (1, Truncate)], &[Look(5000), Commit, Sleep(2), Look(1), Crash, Commit, Look(0),
        Look(0)], true,
    );
}
