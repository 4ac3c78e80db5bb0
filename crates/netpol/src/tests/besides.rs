//! Flows beside changes, against a count that is made plainly, and within bounds.

use auditseal_audit::Time;
use auditseal_flows::{Flow, FlowDirection, FlowVerdict};
use proptest::prelude::*;

use super::{flow, outside, pod};
use crate::{BESIDE_ROWS, Beside, BesideChange, FlowSeal, SeenBefore};

fn seal(line: u64) -> FlowSeal {
    FlowSeal { origin: "c/n/f".into(), seq: 1, line }
}

fn at(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

fn seen(seconds: i64, verdict: FlowVerdict) -> Flow {
    Flow {
        time: Some(at(seconds)),
        verdict,
        ..flow(pod("lab", &[("run", "probe")]), pod("shop", &[("app", "db")]), 5432)
    }
}

fn told(changes: Vec<Time>, flows: &[Flow]) -> (Vec<BesideChange>, Beside) {
    let fill = || {
        let mut beside = Beside::new("shop", "db", changes.clone(), BESIDE_ROWS);
        flows.iter().zip(1..).for_each(|(flow, line)| beside.add(flow, &seal(line)));
        beside
    };
    (fill().finish(), fill())
}

#[test]
fn a_flow_stands_beside_the_last_change_before_it() {
    use FlowVerdict::{Allowed, Denied, Unknown};
    // One at the very time of a change is of after it.
    let flows = [
        seen(1, Allowed),
        seen(10, Denied),
        seen(19, Denied),
        seen(20, Allowed),
        seen(21, Unknown),
    ];
    let (changes, beside) = told(vec![at(20), at(10), at(10)], &flows);
    assert_eq!(beside.totals().earlier, 1);
    let rows = |of: &BesideChange| {
        of.rows
            .iter()
            .map(|row| (row.verdict, row.before, row.lines, row.first.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(changes.len(), 2);
    assert_eq!((changes[0].until, changes[1].until), (Some(at(20)), None));
    assert_eq!(rows(&changes[0]), [(Denied, SeenBefore::Allowed, 2, 2)]);
    assert_eq!(rows(&changes[1]), [(Allowed, SeenBefore::Denied, 1, 4)]);
    assert_eq!(changes[1].untold, 1);
}

#[test]
fn what_concerns_other_policies_or_none_stands_beside_nothing() {
    let own = seen(15, FlowVerdict::Denied);
    let flows = [
        Flow { reply: Some(true), ..own.clone() },
        Flow { time: None, ..own.clone() },
        // The peer's own policies stopped it on its way out.
        Flow { direction: Some(FlowDirection::Egress), ..own.clone() },
        Flow { direction: Some(FlowDirection::Ingress), ..own.clone() },
        Flow { no_zone: true, direction: Some(FlowDirection::Ingress), ..own },
    ];
    let (changes, beside) = told(vec![at(10)], &flows);
    let totals = beside.totals();
    assert_eq!((totals.answers, totals.untimed, totals.elsewhere), (1, 1, 1));
    assert_eq!(totals.no_zone, 1);
    assert_eq!(changes[0].rows.len(), 1);
    assert_eq!(changes[0].rows[0].first.line, 4);
}

/// Ten times as many kinds as there is room for: they are counted at their change, and nothing is said of what was before.
#[test]
fn of_more_kinds_than_are_kept_the_lines_are_counted() {
    let room = 1000_u32;
    let mut beside = Beside::new("shop", "db", vec![at(0), at(10)], room as usize);
    for n in 0..10 * room {
        let ip = std::net::Ipv4Addr::from(0xcb00_0000 + n).to_string();
        let one = flow(outside(&ip), pod("shop", &[("app", "db")]), 80);
        beside.add(&Flow { time: Some(at(1)), ..one }, &seal(1));
    }
    beside.add(&seen(11, FlowVerdict::Denied), &seal(2));
    let changes = beside.finish();
    assert_eq!(changes[0].rows.len(), room as usize);
    assert_eq!((changes[0].unlisted, changes[1].unlisted), (u64::from(9 * room), 1));
}

#[test]
fn what_was_before_is_not_said_where_not_all_of_it_is_kept() {
    let mut beside = Beside::new("shop", "db", vec![at(0), at(10)], 2);
    beside.add(&seen(11, FlowVerdict::Denied), &seal(1));
    beside.add(&seen(11, FlowVerdict::Allowed), &seal(2));
    // Later in the log, and of before: there is no room for it.
    beside.add(&seen(1, FlowVerdict::Allowed), &seal(3));
    let changes = beside.finish();
    let rows: Vec<_> = changes[1].rows.iter().map(|row| (row.verdict, row.before)).collect();
    assert_eq!(rows, [(FlowVerdict::Denied, SeenBefore::Unsure)]);
    assert_eq!((changes[0].unlisted, changes[1].unjudged), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each line is counted once, beside the change that a look through all of them finds; and a block is said to have passed
    /// before only if such a flow did.
    #[test]
    fn each_line_is_counted_once_and_where_it_belongs(
        changes in prop::collection::vec(0..40_i64, 1..5),
        lines in prop::collection::vec((0..50_i64, 0..9_i64, any::<bool>()), 0..30),
    ) {
        let verdict = |denied| if denied { FlowVerdict::Denied } else { FlowVerdict::Allowed };
        let flows: Vec<Flow> = lines
            .iter()
            .map(|(time, lasts, denied)| Flow { until: Some(at(time + lasts)), ..seen(*time, verdict(*denied)) })
            .collect();
        let (told, beside) = told(changes.iter().map(|one| at(*one)).collect(), &flows);
        let mut sorted = changes;
        sorted.sort_unstable();
        sorted.dedup();
        // Of a line that lasts over a change the last such change is meant.
        let place = |time: i64, lasts: i64| {
            sorted.iter().rposition(|change| *change <= time || *change < time + lasts)
        };
        for (index, change) in told.iter().enumerate() {
            let here = |denied: bool| {
                lines.iter().filter(|line| place(line.0, line.1) == Some(index) && line.2 == denied).count() as u64
            };
            let rows = |verdict| change.rows.iter().filter(move |row| row.verdict == verdict);
            let blocked: u64 = rows(FlowVerdict::Denied).map(|row| row.lines).sum();
            let passed: u64 = rows(FlowVerdict::Allowed).map(|row| row.lines).sum();
            prop_assert_eq!(blocked, here(true));
            prop_assert_eq!(passed + change.as_before, here(false));
            for row in &change.rows {
                let earlier = |denied: bool| lines.iter().any(|line| place(line.0, line.1) < Some(index) && line.2 == denied);
                let says = matches!(row.before, SeenBefore::Allowed | SeenBefore::Both);
                prop_assert!(!says || earlier(false));
                prop_assert_eq!(row.before == SeenBefore::Never, !earlier(false) && !earlier(true));
            }
        }
        let early = lines.iter().filter(|line| place(line.0, line.1).is_none()).count() as u64;
        prop_assert_eq!(beside.totals().earlier, early);
    }
}
