#![allow(clippy::too_many_lines, reason = "tables")]

use auditseal_store::{Kind, LifecycleRule, LockedBy, Operation, StoreTime};
use auditseal_vault::site;

use super::*;

mod lifecycle;
use lifecycle::rule;

const DAY: Duration = Duration::from_secs(86_400);
const NOW: i64 = 1_792_567_680_000_000;

fn denied() -> Error {
    Error::new(Operation::Facts, "s3://b", Kind::Denied, "403 AccessDenied")
}

fn year(mode: LockMode) -> Lock {
    let until = NOW + i64::try_from((365 * DAY).as_micros()).unwrap();
    Lock { mode, until: Some(until), legal_hold: false, by: LockedBy::Version }
}

/// The store's date so many seconds after an exchange that took two.
fn time(seconds: i64) -> StoreTime {
    let (asked, answered) = (NOW - 2_000_000, NOW);
    StoreTime { store: NOW + seconds * 1_000_000, asked, answered }
}

fn governance(days: u32) -> Option<Retention> {
    Some(Retention { compliance: false, duration: days * DAY })
}

fn demand(days: u32) -> Option<Retention> {
    Some(Retention { compliance: true, duration: days * DAY })
}

/// A store in which nothing is wrong.
fn sound(url: &str) -> StoreFacts {
    let facts = Facts {
        time: Ok(time(1)),
        versioning: Ok(Versioning::On),
        lock: Ok(BucketLock { enabled: true, mode: LockMode::Compliance, period: Some(365 * DAY) }),
        lifecycle: Ok(vec![]),
        private: Ok(true),
        encryption: Ok(Some("aws:kms k".to_owned())),
        soft_delete: Ok(7 * DAY),
        uniform_access: Ok(Some(true)),
        excess: Ok(vec![]),
    };
    let newest = Some(("cluster=c/x".to_owned(), Some("v".to_owned()), NOW));
    StoreFacts {
        site: site(url).unwrap(),
        endpoint: None,
        server: None,
        now: NOW,
        require: demand(365),
        facts,
        quirks: Quirks::default(),
        borrowed: None,
        holds: Ok(Holds { versions: 3, genesis: Some("g".to_owned()), newest, ..Holds::default() }),
        newest: Some(Ok(year(LockMode::Compliance))),
        create_only: Some(Canary::Honoured),
    }
}

fn found(store: &StoreFacts, name: &str) -> Check {
    let checks = check(store);
    checks.into_iter().find(|check| check.check == name).unwrap()
}

type Row = (&'static str, fn(&mut StoreFacts), &'static str, Status, &'static str);

fn hold(rows: &[Row]) {
    for &(url, change, name, status, text) in rows {
        let mut store = sound(url);
        change(&mut store);
        let check = found(&store, name);
        let said = format!("{check:?}");
        assert_eq!(check.status, status, "{url} {said}");
        assert!(said.contains(text), "expected {text:?}: {said}");
        if status == Status::Fail {
            assert!(check.why.is_some(), "{said}");
        }
    }
}

const S3: &str = "s3://b/p";
const GS: &str = "gs://b/p";
const AZ: &str = "az://c/p";

#[test]
fn a_sound_store_passes() {
    for url in [S3, GS, AZ] {
        let checks = check(&sound(url));
        assert!(checks.iter().all(|check| check.status == Status::Pass), "{checks:#?}");
    }
    let directory = check(&sound("file:///x"));
    let words: Vec<_> = directory.iter().map(|check| (check.check, check.status)).collect();
    let expected = [("reach", Status::Pass), ("worm", Status::Warn), ("create-only", Status::Pass)];
    assert_eq!(words, expected);
}

#[test]
fn locks() {
    fn lock(s: &mut StoreFacts, enabled: bool, mode: LockMode, days: Option<u32>) {
        let period = days.map(|days| days * DAY);
        s.facts.lock = Ok(BucketLock { enabled, mode, period });
    }
    fn untold(s: &mut StoreFacts) {
        s.newest = None;
        s.holds = Ok(Holds { versions: 50_000, more: true, untold: true, ..Holds::default() });
    }
    fn none(s: &mut StoreFacts) {
        s.newest = Some(Ok(Lock::NONE));
        lock(s, true, LockMode::None, None);
    }
    hold(&[
        (
            S3,
            |s| lock(s, false, LockMode::None, None),
            "lock",
            Status::Fail,
            "put-object-lock-configuration",
        ),
        (
            S3,
            |s| lock(s, true, LockMode::Compliance, Some(364)),
            "lock",
            Status::Fail,
            "365 days are demanded",
        ),
        (S3, |s| lock(s, true, LockMode::Governance, Some(400)), "lock", Status::Fail, "Bypass"),
        (
            S3,
            |s| {
                lock(s, true, LockMode::Governance, Some(400));
                s.require = None;
            },
            "lock",
            Status::Warn,
            "GOVERNANCE",
        ),
        (
            S3,
            |s| {
                lock(s, true, LockMode::Governance, Some(400));
                s.require = governance(365);
            },
            "lock",
            Status::Warn,
            "Bypass",
        ),
        (
            GS,
            |s| {
                lock(s, true, LockMode::Governance, Some(364));
                s.require = governance(365);
            },
            "lock",
            Status::Fail,
            "365 days are demanded",
        ),
        (S3, none, "lock", Status::Fail, "nothing is locked by default"),
        (S3, |s| lock(s, true, LockMode::None, None), "lock", Status::Pass, "by its writer"),
        (S3, |s| s.facts.lock = Err(denied()), "lock", Status::Unknown, "essential: true"),
        (
            GS,
            |s| lock(s, false, LockMode::None, None),
            "lock",
            Status::Fail,
            "--retention-period=365d",
        ),
        (
            GS,
            |s| lock(s, true, LockMode::Governance, Some(400)),
            "lock",
            Status::Fail,
            "--lock-retention-period",
        ),
        (
            AZ,
            |s| {
                lock(s, true, LockMode::Undisclosed, None);
                s.newest = Some(Ok(year(LockMode::Undisclosed)));
            },
            "lock",
            Status::Unknown,
            "immutability-policy show",
        ),
        (
            AZ,
            |s| lock(s, true, LockMode::Undisclosed, None),
            "lock",
            Status::Pass,
            "own lock is firm",
        ),
        (
            AZ,
            |s| lock(s, false, LockMode::None, None),
            "lock",
            Status::Fail,
            "immutability-policy create --period 365",
        ),
        (
            S3,
            |s| s.newest = Some(Ok(year(LockMode::Governance))),
            "newest-lock",
            Status::Fail,
            "bypass",
        ),
        (
            S3,
            |s| {
                s.require = governance(365);
                s.newest = Some(Ok(year(LockMode::Governance)));
            },
            "newest-lock",
            Status::Pass,
            "GOVERNANCE",
        ),
        (
            S3,
            |s| {
                s.require = governance(366);
                s.newest = Some(Ok(year(LockMode::Governance)));
            },
            "newest-lock",
            Status::Fail,
            "GOVERNANCE for 366 days is demanded: it ends too early",
        ),
        (
            AZ,
            |s| s.newest = Some(Ok(year(LockMode::Undisclosed))),
            "newest-lock",
            Status::Unknown,
            "immutability-policy show",
        ),
        (S3, |s| s.newest = Some(Ok(Lock::NONE)), "newest-lock", Status::Fail, "isn't locked"),
        (S3, |s| s.require = demand(366), "newest-lock", Status::Fail, "too early"),
        (
            S3,
            |s| {
                s.require = None;
                s.now = i64::MAX;
            },
            "newest-lock",
            Status::Warn,
            "has passed",
        ),
        (
            S3,
            |s| {
                s.require = None;
                s.newest = Some(Ok(year(LockMode::Governance)));
            },
            "newest-lock",
            Status::Warn,
            "",
        ),
        (S3, |s| s.newest = Some(Err(denied())), "newest-lock", Status::Unknown, "essential: true"),
        (S3, |s| s.newest = None, "newest-lock", Status::Unknown, "worm-test"),
        (S3, untold, "newest-lock", Status::Unknown, "essential: true"),
        (
            S3,
            untold,
            "newest-lock",
            Status::Unknown,
            "verify --store s3://b/p --vkey VKEY --require",
        ),
        (
            S3,
            |s| {
                untold(s);
                lock(s, true, LockMode::None, None);
            },
            "lock",
            Status::Unknown,
            "essential: true",
        ),
        (
            S3,
            |s| {
                untold(s);
                s.facts.lifecycle = Ok(vec![LifecycleRule { expires_versions: true, ..rule("") }]);
            },
            "lifecycle",
            Status::Fail,
            "older versions",
        ),
    ]);
}

#[test]
fn everything_else() {
    let owns = |s: &mut StoreFacts| s.facts.excess = Ok(vec!["storage.objects.delete".to_owned()]);
    hold(&[
        (S3, |s| s.holds = Err(denied()), "reach", Status::Unknown, "essential: true"),
        (
            S3,
            |s| s.holds = Ok(Holds { markers: 2, ..Holds::default() }),
            "reach",
            Status::Warn,
            "2 delete markers",
        ),
        (
            S3,
            |s| s.facts.versioning = Ok(Versioning::Suspended),
            "versioning",
            Status::Fail,
            "Status=Enabled",
        ),
        (
            S3,
            |s| s.facts.versioning = Err(denied()),
            "versioning",
            Status::Unknown,
            "essential: true",
        ),
        (
            GS,
            |s| s.facts.versioning = Ok(Versioning::Off),
            "versioning",
            Status::Pass,
            "nothing can be shadowed",
        ),
        (
            AZ,
            |s| s.facts.versioning = Err(denied()),
            "versioning",
            Status::Unknown,
            "essential: false",
        ),
        (
            S3,
            |s| s.quirks.latest_only = true,
            "versioning",
            Status::Fail,
            "the server lists no versions",
        ),
        (S3, |s| s.quirks.wants_md5 = true, "checksum", Status::Pass, "beside SHA-256"),
        (
            S3,
            |s| s.create_only = Some(Canary::Ignored { version: None }),
            "create-only",
            Status::Fail,
            "ignored",
        ),
        (
            S3,
            |s| s.create_only = Some(Canary::Unchecked(denied())),
            "create-only",
            Status::Unknown,
            "403",
        ),
        (
            S3,
            |s| s.create_only = None,
            "create-only",
            Status::Unknown,
            "worm-test --store s3://b/p/worm-test",
        ),
        (
            S3,
            |s| s.facts.private = Ok(false),
            "public-access",
            Status::Warn,
            "put-public-access-block",
        ),
        (
            GS,
            |s| s.facts.private = Ok(false),
            "public-access",
            Status::Warn,
            "--public-access-prevention",
        ),
        (AZ, |s| s.facts.private = Ok(false), "public-access", Status::Fail, "--public-access off"),
        (GS, owns, "permissions", Status::Warn, "storage.objects.delete"),
        (S3, |s| s.facts.excess = Err(denied()), "permissions", Status::Unknown, "worm-test"),
        (
            GS,
            |s| s.facts.soft_delete = Ok(Duration::ZERO),
            "soft-delete",
            Status::Warn,
            "--soft-delete-duration=7d",
        ),
        (
            AZ,
            |s| s.facts.soft_delete = Err(denied()),
            "soft-delete",
            Status::Unknown,
            "az storage account",
        ),
        (
            GS,
            |s| s.facts.uniform_access = Ok(Some(false)),
            "uniform-access",
            Status::Warn,
            "--uniform-bucket-level-access",
        ),
        (S3, |s| s.facts.encryption = Err(denied()), "encryption", Status::Unknown, "403"),
        (S3, |s| s.facts.encryption = Ok(None), "encryption", Status::Pass, "own keys"),
        (
            AZ,
            |s| s.facts.excess = Ok(vec!["d (delete)".to_owned()]),
            "permissions",
            Status::Warn,
            "r, c and l",
        ),
        (S3, |s| s.facts.time = Ok(time(-60)), "clock", Status::Warn, "58 s ahead"),
        (S3, |s| s.facts.time = Ok(time(3600)), "clock", Status::Fail, "behind"),
        (
            S3,
            |s| s.facts.time = Ok(StoreTime { asked: NOW - 40_000_000, ..time(-20) }),
            "clock",
            Status::Pass,
            "",
        ),
        (S3, |s| s.now += 60_000_000, "clock", Status::Pass, ""),
        (S3, |s| s.facts.time = Err(denied()), "clock", Status::Unknown, ""),
    ]);
}

#[test]
fn commands_name_the_bucket_and_its_server() {
    let mut store = sound(S3);
    store.endpoint = Some("http://h:1".to_owned());
    store.facts.versioning = Ok(Versioning::Off);
    let command = found(&store, "versioning").command.unwrap();
    assert_eq!(
        command,
        "aws s3api put-bucket-versioning --versioning-configuration Status=Enabled --bucket b --endpoint-url http://h:1"
    );
}

#[test]
fn the_largest_put_is_what_was_seen_or_said() {
    for (url, words) in
        [("s3://b", "5.0 GiB by"), ("gs://b", "5.0 TiB by"), ("az://a/b", "4.9 GiB by")]
    {
        let check = found(&sound(url), "largest-put");
        assert!(check.status == Status::Pass && check.found.starts_with(words), "{check:?}");
    }
    let elsewhere = |largest| {
        let mut store = sound("s3://b");
        store.server = Some("http://127.0.0.1:9".to_owned());
        store.holds.as_mut().unwrap().largest = largest;
        found(&store, "largest-put")
    };
    assert_eq!(elsewhere(16 << 20).status, Status::Pass);
    let short = elsewhere((16 << 20) - 1);
    assert_eq!((short.status, short.essential), (Status::Unknown, false));
    assert!(short.found.contains("the largest object so far has 16.0 MiB"), "{}", short.found);
    assert!(short.fix.unwrap().contains("client_max_body_size"));
    assert!(elsewhere(0).found.contains("nothing is stored yet"));
}
