//! Takes that can't be read to their end any more when they are packed.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod sim;

use auditseal_tail::GapReason;
use sim::Op;
use sim::agent::Agent;
use sim::desk::BIG;

#[test]
fn bytes_refused_only_when_they_are_packed_are_lost_to_the_takes_end() {
    let line = [&[b'z'; 999][..], b"\n"].concat();
    for rotated in [false, true] {
        let mut agent = Agent::plain();
        // So far before the take's end that the search for that doesn't come across them.
        agent.put(&line.repeat(100));
        let index = agent.disk.world().dir["audit.log"];
        agent.disk.world().bad.insert(index, (20_480, 24_576));
        if rotated {
            agent.ops([Op::Rotate]);
        }
        agent.settle();
        assert_eq!(agent.gaps(), [(Some(20_480), Some(100_000), GapReason::Unreadable)]);
        assert_eq!(agent.archived()[0].final_, rotated);
        if !rotated {
            agent.put(&line);
            agent.settle();
            assert_eq!(agent.gaps().len(), 1, "it goes on behind them");
        }
        let archived = agent.archived()[0];
        assert_eq!(archived.bytes.len(), if rotated { 100_000 } else { 101_000 });
        assert!(archived.holes.iter().eq([&(20_480..100_000)]));
        assert!(archived.bytes[..20_480].chunks(1000).all(|piece| line.starts_with(piece)));
        assert!(archived.bytes[100_000..].chunks(1000).all(|piece| piece == line));
    }
}

/// A look amid which these happen; `None` when it is over before. Then all is brought to an end.
fn cut_amid(delay: u8, ops: &[Op]) -> Option<Agent> {
    let mut agent = Agent::plain();
    agent.put(b"one\ntwo\n");
    agent.settle();
    agent.put(b"three\n");
    let script =
        ops.iter().enumerate().map(|(nth, op)| (if nth == 0 { delay } else { 0 }, op.clone()));
    agent.disk.world().script.extend(script);
    agent.look(BIG);
    if !agent.disk.world().script.is_empty() {
        return None;
    }
    agent.settle();
    agent.put(b"four\n");
    agent.settle();
    Some(agent)
}

#[test]
fn a_file_cut_before_its_take_is_packed_is_a_gap_even_if_a_copy_has_the_bytes() {
    let rewritten = vec![Op::Truncate, Op::Append(1, 60)];
    for ops in [vec![Op::Truncate], rewritten, vec![Op::Copy]] {
        let mut shorts = 0;
        for (delay, agent) in (0..).map_while(|delay| Some((delay, cut_amid(delay, &ops)?))) {
            let what = format!("{ops:?} at {delay}");
            let (texts, mut gaps) = (agent.texts(), agent.gaps());
            assert!(texts.len() == 2 && texts[1].ends_with("four\n"), "{what}: {texts:?}");
            shorts += agent.shorts;
            if agent.shorts == 1 {
                assert_eq!(texts[0], "one\ntwo\n\0\0\0\0\0\0", "{what}");
                assert_eq!(gaps.remove(0), (Some(8), Some(14), GapReason::Truncated), "{what}");
            } else if ops == [Op::Copy] || texts[0].len() > 8 {
                assert_eq!(texts[0], "one\ntwo\nthree\n", "{what}");
            }
            // Nobody can tell how much more was written before the cut.
            let taken = texts[0].len() as u64;
            assert_eq!(gaps[0], (Some(taken), None, GapReason::Truncated), "{what}");
        }
        assert!(shorts > 0, "{ops:?} at no time met a take that wasn't packed yet");
    }
}

/// What a note says of a loss must do to know the file again.
#[test]
fn a_restart_takes_nothing_twice_behind_what_was_lost() {
    let line = [&[b'z'; 999][..], b"\n"].concat();
    // Lost when packed, when cut, and the first bytes of all.
    for bad in [(20_480, 24_576), (94_208, 98_304), (4096, 8192), (0, 4096)] {
        for rotated in [false, true] {
            let mut agent = Agent::plain();
            agent.put(&line.repeat(100));
            let index = agent.disk.world().dir["audit.log"];
            agent.disk.world().bad.insert(index, bad);
            if rotated {
                agent.ops([Op::Rotate]);
            }
            for _ in 0..30 {
                agent.settle();
                agent.disk.world().clock += 10_000;
            }
            let (texts, gaps) = (agent.texts(), agent.gaps());
            agent.crash();
            for _ in 0..30 {
                agent.settle();
                agent.disk.world().clock += 10_000;
            }
            let what = format!("{bad:?}, rotated: {rotated}");
            assert!(agent.texts() == texts, "{what}: {} files", agent.texts().len());
            // Of a file that can't be read to its end, nobody knows whether it could be now.
            let mut again = agent.gaps();
            again.dedup();
            assert_eq!(again, gaps, "{what}");
        }
    }
}
