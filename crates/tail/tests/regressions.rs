//! Histories that went wrong once.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::Settings;
use sim::history::Turn::{self, *};
use sim::history::run;
use sim::ops::Op::{self, *};
use sim::oracle::{Allowed, check};

fn replay(script: &[(u8, Op)], turns: &[Turn], unruly: bool) {
    let agent = run(script.to_vec(), turns, Settings::default());
    check(&agent, Allowed { disorder: true, unruly });
}

#[test]
fn a_vanished_live_file_takes_the_first_name() {
    replay(
        &[
            (0, Finish),
            (0, Finish),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (2, Wait(10)),
            (14, DeleteOldest),
            (34, Rotate),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 20)),
            (0, Append(1, 0)),
            (0, Append(1, 20)),
            (0, Rotate),
            (0, Append(1, 65500)),
            (0, Append(1, 0)),
            (0, GzipCreate),
            (0, Append(1, 0)),
            (0, Partial(65500)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (12, DeleteOldest),
            (1, DeleteOldest),
            (15, DeleteOldest),
            (16, Append(1, 0)),
            (16, Rotate),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, DeleteOldest),
            (0, DeleteOldest),
        ],
        &[Look(0)],
        false,
    );
}

#[test]
fn a_held_file_waits_for_no_listing() {
    replay(
        &[
            (0, Create),
            (1, Rotate),
            (0, Rotate),
            (0, GzipCreate),
            (0, DeleteOldest),
            (7, Restart),
            (8, Append(1, 0)),
            (2, GzipCreate),
            (1, DeleteOldest),
            (2, DeleteOldest),
            (0, ClockBack(1)),
            (14, UnlinkLive),
            (20, SecondOpen),
            (0, Append(1, 0)),
            (0, Truncate),
            (0, Truncate),
            (0, Append(1, 0)),
            (0, Create),
            (0, Restart),
            (8, Partial(0)),
            (51, Rename),
            (18, DeleteOldest),
        ],
        &[Crash, Commit, Look(0), Look(1), Commit],
        true,
    );
}

#[test]
fn two_renames_amid_a_listing() {
    replay(
        &[
            (1, Finish),
            (0, Append(1, 0)),
            (1, Rotate),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (2, Rotate),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
        ],
        &[Look(0), Look(0)],
        false,
    );
}

#[test]
fn an_empty_gzip_is_no_copy() {
    replay(
        &[
            (1, Finish),
            (0, Append(1, 0)),
            (1, Rotate),
            (7, Append(1, 0)),
            (0, GzipFill),
            (0, GzipRemove),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (0, Wait(10)),
            (0, DeleteOldest),
            (0, Wait(10)),
            (0, Append(1, 20)),
            (0, Append(1, 0)),
            (0, GzipCreate),
            (0, Append(1, 20)),
            (0, DeleteOldest),
            (0, Append(1, 20)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (3, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
        ],
        &[Look(0), Look(0), Sleep(1), Look(0)],
        false,
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
fn a_file_that_came_and_went_amid_a_look() {
    replay(
        &[
            (1, Finish),
            (0, Append(1, 0)),
            (5, Rotate),
            (11, Append(1, 0)),
            (0, GzipFill),
            (0, GzipRemove),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (0, Wait(10)),
            (0, DeleteOldest),
            (0, Wait(10)),
            (0, Append(1, 20)),
            (0, Append(1, 0)),
            (0, GzipCreate),
            (0, Append(1, 20)),
            (0, DeleteOldest),
            (0, Append(1, 20)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (3, DeleteOldest),
            (39, Append(1, 0)),
        ],
        &[Look(0), Look(1), Look(1), Commit, Crash],
        false,
    );
}

#[test]
fn a_file_listed_empty_and_gone() {
    replay(
        &[
            (2, GzipCreate),
            (1, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Strangers),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (18, Rotate),
            (0, DeleteOldest),
            (9, Append(1, 0)),
            (0, Rotate),
            (0, DeleteOldest),
            (19, GzipCreate),
            (18, Append(1, 0)),
        ],
        &[Sleep(1), Look(0), Look(0), Look(0)],
        false,
    );
}

#[test]
fn events_lost_amid_a_look() {
    replay(
        &[
            (20, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (13, Wait(10)),
            (66, Append(1, 0)),
            (0, DeleteOldest),
            (13, GzipCreate),
            (3, Append(1, 0)),
            (18, DeleteOldest),
            (0, Strangers),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Rotate),
            (0, Append(1, 0)),
            (1, DeleteOldest),
            (0, Rotate),
            (0, Append(1, 0)),
            (0, DeleteOldest),
            (0, Append(1, 0)),
            (0, Append(1, 0)),
            (11, Strangers),
            (9, Append(1, 0)),
        ],
        &[Sleep(1), Look(0), Deaf(0)],
        false,
    );
}
