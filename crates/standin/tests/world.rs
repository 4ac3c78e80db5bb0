//! The state machine by itself: who is let in, and when faults strike.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auditseal_standin::{Bucket, Delivery, Dialect, Effect, Fault, Keys, On, Request, World};

const NOW: i64 = 1_792_567_680_000_000;

fn google() -> World {
    let keys = Keys::fresh().unwrap();
    World::new(Dialect::Google, keys).with("b", Bucket { versioned: true, ..Bucket::default() })
}

fn get(target: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Request::new("GET", target, headers, "")
}

#[test]
fn only_the_token_opens_google() {
    let keys = Keys::fresh().unwrap();
    let right = format!("Bearer {}", keys.secret);
    let wrong = format!("Bearer {}", Keys::fresh().unwrap().secret);
    let mut world = World::new(Dialect::Google, keys).with("b", Bucket::default()).with_token();
    for target in ["/b?list-type=2", "/storage/v1/b/b", "/b/k"] {
        for headers in [&[][..], &[("authorization", wrong.as_str())]] {
            assert_eq!(world.answer(&get(target, headers), NOW).0.status, 401, "{target}");
        }
        let (answer, _) = world.answer(&get(target, &[("authorization", &right)]), NOW);
        assert_ne!(answer.status, 401, "{target}");
    }
}

#[test]
fn nobody_unsigned_gets_in_elsewhere() {
    for (dialect, status) in [(Dialect::Aws, 403), (Dialect::Minio, 403), (Dialect::Azure, 401)] {
        let mut world = World::new(dialect, Keys::fresh().unwrap()).with("b", Bucket::default());
        for target in ["/b/k", "/b?versions", "/account/b/k", "/nowhere/k"] {
            let (answer, _) = world.answer(&get(target, &[]), NOW);
            assert_eq!(answer.status, status, "{dialect:?} {target}");
        }
    }
}

#[test]
fn faults_strike_when_they_are_to() {
    let mut world = google();
    world.faults = vec![
        Fault::once(On::List, 1, Effect::Refuse(503, "SlowDown")),
        Fault::once(On::Get, 0, Effect::Cut),
    ];
    let list = |world: &mut World| world.answer(&get("/b?list-type=2", &[]), NOW);
    assert_eq!(list(&mut world).0.status, 200);
    let (answer, delivery) = world.answer(&get("/b/k", &[]), NOW);
    assert_eq!((answer.status, delivery), (404, Delivery::Half));
    assert_eq!(list(&mut world).0.status, 503);
    assert_eq!(list(&mut world).0.status, 200, "once");
    assert_eq!(world.answer(&get("/b/k", &[]), NOW).1, Delivery::Whole, "once");
    world.faults = vec![Fault::always(On::All, Effect::Hang)];
    for _ in 0..3 {
        assert_eq!(list(&mut world).1, Delivery::Never);
    }
}

#[test]
fn a_seed_gives_the_same_faults_again() {
    assert_eq!(Fault::seeded(7, 30, 99), Fault::seeded(7, 30, 99));
    assert_ne!(Fault::seeded(7, 30, 99), Fault::seeded(9, 30, 99));
    let all = Fault::seeded(3, 200, 99);
    assert!(all.iter().any(|fault| fault.effect == Effect::Cut));
    assert!(all.iter().any(|fault| fault.effect == Effect::HtmlPage));
    assert!(all.iter().any(|fault| fault.effect == Effect::Refuse(413, "EntityTooLarge")));
}

/// A mark that fails before it is set, or after, is a doubt that asking again settles.
#[test]
fn faults_strike_marks_and_nothing_beside_them() {
    let mut world = google();
    world.shadow("b", "k", b"x", NOW);
    world.faults = vec![
        Fault::once(On::Mark, 0, Effect::Refuse(503, "SlowDown")),
        Fault::once(On::Mark, 0, Effect::StoreThenHang),
    ];
    let patch = |time: &str| {
        let body = format!("{{\"customTime\":\"{time}\"}}");
        Request::new("PATCH", "/storage/v1/b/b/o/k?ifMetagenerationMatch=1", vec![], body)
    };
    let seen = |world: &mut World| {
        let (answer, _) = world.answer(&get("/storage/v1/b/b/o/k", &[]), NOW);
        String::from_utf8(answer.body.to_vec()).unwrap().contains("customTime")
    };
    let time = "2026-10-21T07:28:00Z";
    assert_eq!(world.answer(&patch(time), NOW).0.status, 503);
    assert!(!seen(&mut world));
    assert_eq!(world.answer(&patch(time), NOW).1, Delivery::Never);
    assert!(seen(&mut world));
    assert_eq!(world.answer(&patch(time), NOW).0.status, 412, "it was changed since");
    let earlier = b"{\"customTime\":\"2026-10-20T00:00:00Z\"}";
    let back = Request::new("PATCH", "/storage/v1/b/b/o/k", vec![], &earlier[..]);
    assert_eq!(world.answer(&back, NOW).0.status, 400, "it never moves back");
}
