//! Histories that a soak by the hundred thousand found: several rare events within milliseconds.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use sim::history::Turn::*;
use sim::history::replay;
use sim::ops::Op::*;

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
