//! One test per rule of life of a rotated file.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::{Family, GapReason};
use sim::Op;
use sim::agent::{Agent, Item};
use sim::desk::{BIG, drain};
use sim::ops::{LINGER, pack, stamped};

#[test]
fn takes_respect_the_limit_and_join() {
    let mut agent = Agent::plain();
    for n in 0..100 {
        agent.put(format!("line {n:03}\n").as_bytes());
    }
    let look = agent.look(95);
    assert!(look.more);
    let Some(Item::Take(first)) = agent.queue.front().cloned() else { panic!("no take") };
    assert_eq!((first.start, first.bytes.len()), (0, 90), "ten lines of nine bytes");
    agent.settle();
    assert_eq!(agent.archived()[0].bytes.len(), 900);
}

#[test]
fn a_rename_makes_a_drained_file_final_at_once() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.settle();
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.once();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
    assert_eq!(agent.archived().iter().map(|a| a.final_).collect::<Vec<_>>(), [true, false]);
    assert_eq!(
        agent.archived()[0].last.as_ref().map(|known| known.name.clone()),
        Some(stamped(5_010).into()),
        "the final take has the backup's name"
    );
}

#[test]
fn an_unterminated_rest_is_taken_when_nobody_can_finish_it() {
    let mut agent = Agent::plain();
    agent.put(b"one\nhalf");
    agent.settle();
    agent.ops([Op::Rotate]);
    agent.settle();
    agent.wait(LINGER - 1);
    agent.settle();
    assert_eq!(agent.texts(), ["one\n"], "an overlapping apiserver may finish the line");
    agent.wait(1);
    agent.settle();
    assert_eq!(agent.texts(), ["one\nhalf"]);
    assert!(agent.archived()[0].final_ && agent.gaps().is_empty());
}

#[test]
fn an_unterminated_rest_that_is_finished_in_time_is_one_line() {
    let mut agent = Agent::plain();
    agent.put(b"one\nhalf");
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.settle();
    agent.wait(LINGER / 3);
    agent.ops([Op::SecondAppend(3)]);
    agent.once();
    assert!(agent.archived()[0].final_ && agent.texts()[0].ends_with("}\n"));
}

/// A look may take minutes on a disk that hangs. What happens at its end, isn't long over by then.
#[test]
fn a_file_that_was_renamed_amid_a_long_look_lingers_from_its_end_on() {
    let mut agent = Agent::plain();
    agent.put(b"one\nhal");
    agent.settle();
    agent.disk.world().script.extend([(0, Op::Wait(2 * LINGER as u32)), (0, Op::Rotate)]);
    agent.once();
    agent.once();
    assert_eq!(agent.texts(), ["one\n"], "an overlapping apiserver may finish the line");
    agent.wait(LINGER);
    agent.settle();
    assert_eq!(agent.texts(), ["one\nhal"]);
}

#[test]
fn a_late_append_to_a_backup_follows_its_final_take() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.once();
    assert!(agent.archived()[0].final_);
    // Its directory entry goes, the descriptor stays.
    agent.unlink(&stamped(5_010));
    agent.ops([Op::SecondAppend(3)]);
    agent.once();
    assert!(agent.archived()[0].final_ && agent.texts()[0].starts_with("one\n{"));
    assert_eq!(agent.archived()[0].ends.len(), 2, "final twice");
    agent.once();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.follower.backlog().open, 1, "only the live file is held in the end");
}

#[test]
fn a_late_append_while_nobody_ran_is_seen_at_the_start() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::SecondOpen, Op::Rotate]);
    agent.once();
    agent.ops([Op::SecondAppend(3)]);
    agent.crash();
    agent.settle();
    assert!(agent.texts()[0].starts_with("one\n{") && agent.texts().len() == 1);
}

#[test]
fn a_late_append_to_a_backup_that_was_let_go_of_is_taken() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.follower.backlog().open, 1, "only the live file is held");
    let index = agent.disk.world().dir[&stamped(5_010)];
    agent.disk.world().put(index, b"late\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\nlate\n", "two\n"]);
    assert_eq!(agent.gaps(), []);
}

#[test]
fn a_backup_that_is_renamed_by_hand_is_read_on_under_its_new_name() {
    let mut agent = Agent::plain();
    agent.put(b"one\nhal");
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.settle();
    let index = {
        let mut world = agent.disk.world();
        let index = world.dir.remove(&stamped(5_010)).unwrap();
        world.dir.insert(stamped(4_000), index);
        index
    };
    agent.settle();
    agent.disk.world().put(index, b"f\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\nhalf\n", "two\n"]);
    let name = agent.archived()[0].last.as_ref().unwrap().name.clone();
    assert_eq!(name.to_str(), Some(&*stamped(4_000)));
}

#[test]
fn a_consumed_file_is_not_taken_again_after_a_restart() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.settle();
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"]);
    agent.crash();
    agent.ops([Op::Gzip]);
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n"], "nor when it is compressed");
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_deleted_live_file_is_followed_until_another_has_taken_over() {
    let mut agent = Agent::plain();
    agent.ops([Op::Append(1, 3)]);
    agent.settle();
    agent.ops([Op::UnlinkLive, Op::Append(1, 3)]);
    agent.wait(10 * LINGER);
    agent.settle();
    assert_eq!(agent.archived()[0].bytes.len(), 50, "the apiserver writes on");
    agent.wait(10 * LINGER);
    agent.settle();
    assert!(!agent.archived()[0].final_);
    agent.ops([Op::Create, Op::Append(1, 3)]);
    agent.settle();
    assert!(agent.archived()[0].final_, "long quiet, and there is a new one");
    assert_eq!(agent.texts().len(), 2);
}

#[test]
fn a_backup_overwritten_in_the_same_millisecond_is_drained() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.look(0);
    agent.ops([Op::SameStamp]);
    agent.put(b"four\n");
    agent.settle();
    let texts = agent.texts();
    assert_eq!((&*texts[0], &*texts[1], &*texts[3]), ("one\n", "two\n", "four\n"));
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_clock_that_steps_back_changes_no_order() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.look(0);
    agent.ops([Op::Rotate]);
    agent.put(b"two\n");
    agent.look(0);
    agent.look(0);
    agent.ops([Op::ClockBack(1000), Op::Rotate]);
    agent.put(b"three\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\n", "two\n", "three\n"]);
}

#[test]
fn different_files_with_one_first_line_are_copies() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"same\nfirst\n");
    agent.file(&stamped(2), b"same\nsecond\n");
    agent.put(b"same\nthird\n");
    agent.settle();
    assert_eq!(agent.texts(), ["same\nfirst\n", "same\nsecond\n", "same\nthird\n"]);
    // In the order in which they were met: the live file is asked first.
    let copies: Vec<u32> = agent.archive.order.iter().map(|file| file.copy).collect();
    assert_eq!(copies, [1, 2, 0]);
    agent.crash();
    agent.ops([Op::Gzip, Op::Gzip]);
    agent.put(b"more\n");
    agent.settle();
    assert_eq!(agent.texts(), ["same\nfirst\n", "same\nsecond\n", "same\nthird\nmore\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_smaller_file_with_a_known_first_line_is_taken_and_not_skipped() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"same\nlonger\n");
    agent.settle();
    agent.unlink(&stamped(1));
    agent.wait(LINGER + 1);
    agent.settle();
    agent.file(&stamped(2), b"same\n");
    agent.settle();
    assert_eq!(agent.texts(), ["same\nlonger\n", "same\n"]);
    assert_eq!(agent.archive.order[1].copy, 1);
}

/// A plain copy that was made before a late append: as long as the file was when it was final first.
#[test]
fn a_copy_of_what_a_file_was_when_it_was_final_first_holds_nothing_new() {
    for crash in [false, true] {
        let mut agent = Agent::plain();
        agent.put(b"one\n");
        agent.ops([Op::Rotate]);
        agent.put(b"two\n");
        agent.settle();
        let index = agent.disk.world().dir[&stamped(5_010)];
        agent.disk.world().put(index, b"late\n");
        agent.settle();
        assert_eq!(agent.archived()[0].ends.len(), 2, "final twice");
        agent.wait(LINGER + 1);
        agent.settle();
        agent.unlink(&stamped(5_010));
        agent.settle();
        if crash {
            agent.crash();
        }
        agent.file(&stamped(1), b"one\n");
        agent.settle();
        assert_eq!(agent.texts(), ["one\nlate\n", "two\n"], "crash: {crash}");
        assert_eq!(agent.gaps(), []);
    }
}

#[test]
fn names_of_others_are_left_alone() {
    let mut agent = Agent::plain();
    agent.ops([Op::Strangers]);
    agent.put(b"ours\n");
    agent.settle();
    assert_eq!(agent.texts(), ["ours\n"]);
}

#[test]
fn logrotates_numbers_come_oldest_first() {
    let mut agent = Agent::plain();
    agent.file("audit.log.1", b"newer\n");
    agent.file("audit.log.2.gz", &pack(b"older\n"));
    agent.file("audit.log.10", b"oldest\n");
    agent.put(b"live\n");
    agent.settle();
    assert_eq!(agent.texts(), ["oldest\n", "older\n", "newer\n", "live\n"]);
}

#[test]
fn draining_takes_everything_there_is() {
    let mut agent = Agent::with(drain());
    agent.file(&stamped(1), b"rotated\nhalf");
    agent.file(&format!("{}.gz", stamped(2)), &pack(b"packed\nhalf"));
    agent.put(b"live\nhalf");
    agent.settle();
    assert_eq!(agent.texts(), ["rotated\nhalf", "packed\nhalf", "live\nhalf"]);
    assert_eq!(agent.archived().iter().map(|a| a.final_).collect::<Vec<_>>(), [true, true, false]);
    // A second backfill goes on.
    agent.put(b" done\n");
    agent.crash();
    agent.settle();
    assert_eq!(agent.texts()[2], "live\nhalf done\n");
}

#[test]
fn a_first_line_in_pieces_is_hashed_once_complete() {
    let mut agent = Agent::plain();
    for _ in 0..50 {
        agent.put(&[b'p'; 5_000]);
        agent.look(BIG);
    }
    agent.put(b"\n");
    agent.settle();
    let line = [b'p'; 250_000];
    assert_eq!(agent.archive.order[0].hash, auditseal_merkle::hash(&line));
    assert_eq!(agent.archived()[0].bytes.len(), 250_001);
}

#[test]
fn nothing_waits_in_an_empty_directory() {
    let mut agent = Agent::plain();
    let look = agent.once();
    assert!(look.takes.is_empty() && look.gaps.is_empty() && !look.more);
    assert!(look.problems.is_empty());
    assert!(Family::among([]).is_ok_and(|family| family.is_none()));
}

#[test]
fn a_descriptor_is_held_until_its_bytes_are_committed() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate]);
    agent.look(BIG);
    agent.unlink(&stamped(5_010));
    for _ in 0..3 {
        agent.look(0);
        agent.wait(10 * LINGER);
    }
    assert_eq!(agent.follower.backlog().unlinked_bytes, 4, "it isn't sealed yet");
    agent.commit();
    assert_eq!(agent.texts(), ["one\n"]);
    agent.look(0);
    assert_eq!(agent.follower.backlog().unlinked_bytes, 0);
    agent.settle();
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_known_first_line_alone_makes_no_file_the_known_one() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"same\nfirst\n");
    agent.settle();
    agent.unlink(&stamped(1));
    agent.wait(LINGER + 1);
    agent.settle();
    agent.file(&stamped(2), b"same\nother, and longer\n");
    agent.file(&format!("{}.gz", stamped(3)), &pack(b"same\nthird, and longer\n"));
    agent.settle();
    assert_eq!(
        agent.texts(),
        ["same\nfirst\n", "same\nother, and longer\n", "same\nthird, and longer\n"]
    );
    // Nor does it after a restart, with a cursor in it.
    agent.put(b"same\nlive\nmore\n");
    agent.look(11);
    agent.commit();
    agent.unlink("audit.log");
    agent.crash();
    agent.put(b"same\nnext live file\n");
    agent.settle();
    assert_eq!(agent.texts()[3..], ["same\nlive\n", "same\nnext live file\n"]);
    assert_eq!(agent.gaps(), [(Some(10), None, GapReason::DeletedBeforeRead)]);
}

#[test]
fn a_file_renamed_before_it_is_opened_is_held_at_once() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    // After the listing, which takes two calls.
    agent.disk.world().script.push_back((2, Op::Rename));
    agent.look(0);
    agent.unlink(&stamped(5_010));
    agent.settle();
    assert_eq!(agent.texts(), ["one\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn a_file_cut_and_grown_to_its_length_again_before_it_was_renamed_is_another() {
    // All of it was taken, and it is final: nothing else would ask it any more.
    let mut agent = Agent::plain();
    agent.cut_above_the_cursor();
    assert_eq!(agent.texts(), ["one\ntwo\nth"]);
    assert!(agent.archived()[0].final_);
    agent.ops([Op::Truncate]);
    agent.put(b"six\nseven\n");
    agent.ops([Op::Rotate]);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nth", "six\nseven\n"]);
}

#[test]
fn a_copy_cut_and_grown_to_its_length_again_before_it_was_renamed_is_none() {
    let mut agent = Agent::plain();
    agent.file(&stamped(1), b"one\ntwo\nhalf");
    agent.put(b"one\ntwo\n");
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\n"], "all of it is in the other");
    agent.ops([Op::Truncate]);
    agent.put(b"six\nten\n");
    agent.ops([Op::Rotate]);
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    agent.wait(LINGER + 1);
    agent.settle();
    assert_eq!(agent.texts(), ["one\ntwo\nhalf", "six\nten\n"]);
}

#[test]
fn a_gzip_beside_its_plain_file_is_not_looked_into() {
    let mut agent = Agent::plain();
    agent.put(b"one\n");
    agent.ops([Op::Rotate, Op::GzipHalf]);
    agent.disk.world().denied.insert(stamped(5_010));
    for _ in 0..3 {
        agent.wait(LINGER + 1);
        agent.once();
    }
    assert!(agent.gaps().is_empty(), "the plain file may be opened yet");
    agent.disk.world().denied.clear();
    agent.settle();
    assert_eq!(agent.texts(), ["one\n"]);
    assert!(agent.gaps().is_empty());
}

#[test]
fn the_time_until_a_loss_is_learned_from_deletions() {
    let mut agent = Agent::plain();
    agent.file("audit-2026-01-02T10-00-00.000.log", b"one\n");
    agent.file("audit-2026-01-02T10-10-00.000.log.gz", &pack(b"two\n"));
    agent.file("audit-2026-01-02T10-20-00.000.log", b"three\n");
    agent.settle();
    assert_eq!(agent.follower.backlog().until_loss, None, "nothing was deleted yet");
    agent.unlink("audit-2026-01-02T10-00-00.000.log");
    agent.file("audit-2026-01-02T10-30-00.000.log", b"four\n");
    agent.settle();
    assert_eq!(agent.follower.backlog().until_loss, None, "nothing waits");
    agent.file("audit-2026-01-02T10-25-00.000.log", b"five\n");
    agent.look(0);
    let minutes = agent.follower.backlog().until_loss.unwrap() / 60_000;
    assert_eq!(minutes, 25, "30 are kept, the newest is five minutes younger");
}
