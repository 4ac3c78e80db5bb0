//! Servers that speak a part of S3, or that are elsewhere: what each command makes of them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use auditseal_standin::{Bucket, Dialect, Effect, Fault, On};
use lab::{Lab, ORIGIN};
use node::{Done, finish, program, until};

/// Like R2 and Garage: no versions, and no list of them.
fn without_versions() -> Lab {
    let lab = Lab::with(Dialect::Aws, Bucket::default());
    lab.becomes([Fault::always(On::Versions, Effect::Refuse(501, "NotImplemented"))]);
    lab
}

#[test]
fn a_store_without_versions_holds_an_archive_and_says_what_it_cannot_promise() {
    let lab = without_versions();
    lab.server.world().page = 3;
    lab.backfill(&["--batch-size", "1KiB"]).ok();
    assert!(lab.count_once() > 3);
    let found = lab.verdict().ok().text();
    assert!(found.contains("COMPLETE until="), "{found}");
    assert!(found.contains("note: the store lists no versions (501 NotImplemented)"), "{found}");
    let json = lab.read("verify", &["--format", "json"]).ok().text();
    assert!(json.contains("\"versions_listed\":false"), "{json}");
    let list = lab.at(program().args(["ls", "--origin", ORIGIN]), &[]).ok().text();
    assert!(list.lines().count() > 3, "{list}");
    let key = lab.server.world().buckets["bucket"].objects.keys().next().unwrap().clone();
    lab.at(program().args(["inspect", key.strip_prefix("k8s/").unwrap()]), &[]).ok();
    let doctor = lab.ask("doctor", &[]);
    assert_eq!(doctor.code, 1, "{}", doctor.text());
    assert!(doctor.text().contains("the server lists no versions"), "{}", doctor.text());
    assert!(doctor.text().contains("pass  create-only"), "{}", doctor.text());
}

#[test]
fn an_agent_finds_its_chain_again_in_a_store_without_versions() {
    let lab = without_versions();
    lab.backfill(&[]).ok();
    std::fs::remove_dir_all(lab.node.path("state")).unwrap();
    lab.node.write("audit.log", &node::events(40, 50));
    lab.backfill(&["--hold", "10ms"]).ok();
    assert!(lab.verdict().ok().text().contains("COMPLETE until="));
}

/// What is gone there is missed, and what was put over isn't believed.
#[test]
fn what_is_missing_or_altered_is_noticed_without_versions() {
    for altered in [false, true] {
        let lab = without_versions();
        lab.backfill(&["--batch-size", "1KiB"]).ok();
        {
            let mut world = lab.server.world();
            let keys: Vec<_> = world.buckets["bucket"].objects.keys().cloned().collect();
            let key = &keys[keys.len() / 2];
            world.buckets.get_mut("bucket").unwrap().objects.remove(key);
            if altered {
                world.shadow("bucket", key, b"something else", 1);
            }
        }
        let found = lab.read("verify", &[]);
        assert_eq!(found.code, 1, "{}", found.text());
        assert!(found.text().contains("MISSING ") || altered, "{}", found.text());
        assert_ne!(lab.read("cat", &[]).code, 0);
    }
}

/// A proxy that refuses the question in the middle of a process's life hides nothing.
#[test]
fn a_store_that_listed_versions_before_is_not_taken_for_one_without() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&["--batch-size", "1KiB"]).ok();
    lab.becomes([Fault {
        on: On::Versions,
        spares: 1,
        hits: u64::MAX,
        effect: Effect::Refuse(501, "NotImplemented"),
    }]);
    lab.server.world().page = 3;
    let found = lab.read("verify", &[]);
    assert_eq!(found.code, 2, "{}{}", found.text(), found.err);
    assert!(found.err.contains("501 NotImplemented"), "{}", found.err);
}

/// Each command, at a bucket of another region.
#[track_caller]
fn told(done: &Done) {
    assert_eq!(done.code, 2, "{}\n{}", done.text(), done.err);
    let said = format!("{}{}", done.text(), done.err);
    assert!(said.contains("301 PermanentRedirect"), "{said}");
    assert!(said.contains("eu-north-1: give --region eu-north-1"), "{said}");
    assert!(!said.contains("no answer in time"), "{said}");
}

#[test]
fn a_bucket_in_another_region_is_told_by_every_command_at_once() {
    let lab = Lab::new(Dialect::Aws);
    lab.becomes([Fault::always(On::All, Effect::Elsewhere("eu-north-1"))]);
    told(&lab.backfill(&[]));
    let mut run = lab.node.bare("run");
    run.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
    told(&lab.at(&mut run, &[]));
    told(&lab.read("verify", &[]));
    told(&lab.read("cat", &[]));
    told(&lab.at(program().args(["ls", "--origin", ORIGIN]), &[]));
    let doctor = lab.ask("doctor", &[]);
    told(&doctor);
    // Nothing was listed, so nobody knows what is there.
    for claim in ["no object yet", "no chain to try it on"] {
        assert!(!doctor.text().contains(claim), "{}", doctor.text());
    }
    told(&lab.ask("worm-test", &[]));
}

/// One that answers, whatever it answers, isn't said to be silent.
#[test]
fn who_gives_up_says_what_the_store_answered() {
    let lab = Lab::new(Dialect::Aws);
    lab.becomes([Fault::always(On::All, Effect::Refuse(503, "SlowDown"))]);
    let done = lab.backfill(&["--give-up", "2s"]);
    done.refused("503 SlowDown");
    lab.becomes([Fault::always(On::All, Effect::Hang)]);
    lab.backfill(&["--give-up", "300ms"]).refused("no answer in time");
    let mut again = lab.node.bare("backfill");
    again.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
    lab.becomes([]);
    finish(lab.aimed(&mut again)).ok();
    until("it is whole", || lab.read("verify", &[]).code == 0);
}

/// It takes a put only with the oldest checksum: found out from its answer, once.
#[test]
fn a_server_that_wants_content_md5_gets_it() {
    let lab = Lab::new(Dialect::Aws);
    lab.becomes([Fault::always(On::Put, Effect::WantMd5)]);
    let done = lab.backfill(&["--batch-size", "1KiB", "--retention", "1d"]).ok();
    assert!(!done.err.contains("upload: "), "no upload is doubted: {}", done.err);
    assert!(lab.verdict().ok().text().contains("COMPLETE until="));
    assert!(lab.count_once() > 3);
    let doctor = lab.ask("doctor", &[]);
    let named = "pass  checksum";
    assert!(doctor.text().contains(named), "{}", doctor.text());
    let mut worm = program();
    worm.args(["worm-test", "--store", "s3://bucket/trial", "--retention", "1d"]);
    worm.args(["--endpoint", &lab.server.endpoint()]).env("NO_PROXY", "127.0.0.1");
    finish(worm.envs(lab.server.environment())).ok();
}
