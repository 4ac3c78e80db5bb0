//! Stores that fail, and stores that lie: what each command makes of them, through the program.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use auditseal_standin::{Bucket, Dialect, Effect, Fault, Keys, On, Retention, time};
use lab::Lab;
use node::{Done, Running, events, finish, program, until};

#[test]
fn a_sound_store_passes() {
    for dialect in [Dialect::Aws, Dialect::Minio, Dialect::Azure] {
        let lab = Lab::new(dialect);
        // Objects, versions and markers come in pages of three.
        lab.server.world().page = 3;
        lab.backfill(&["--require-retention", "1d"]).ok();
        assert!(lab.verdict().ok().text().contains("COMPLETE until="));
        lab.read("verify", &["--require-retention", "1d"]).ok();
        assert_eq!(lab.read("verify", &["--require-retention", "30d"]).code, 1);
    }
}

/// Asked for, and on standard error: a report stays what it is.
#[test]
fn what_reading_cost_is_told() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&[]).ok();
    let bill = |done: &Done| {
        let line =
            done.err.lines().find_map(|line| line.strip_prefix("stats: ")).map(str::to_owned);
        let numbers = line.unwrap_or_default();
        let mut numbers = numbers.split(' ').filter_map(|word| word.parse::<u64>().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    };
    let told = lab.read("verify", &["--stats"]).ok();
    let (requests, bytes) = bill(&told);
    assert!((3..100).contains(&requests) && bytes > 1_000, "{}", told.err);
    let ordinary = lab.read("verify", &[]).ok();
    assert_eq!((bill(&ordinary), ordinary.out), ((0, 0), told.out));
}

#[test]
fn a_store_that_ignores_the_condition_is_refused() {
    for dialect in [Dialect::Aws, Dialect::Google, Dialect::Azure] {
        let lab = Lab::new(dialect);
        lab.becomes([Fault::always(On::Put, Effect::IgnoreCondition)]);
        lab.backfill(&[]).refused("ignores If-None-Match");
        let doctor = lab.ask("doctor", &[]);
        assert_eq!(doctor.code, 1, "{}", doctor.text());
        assert!(doctor.text().contains("fail  create-only"), "{}", doctor.text());
        let allowed = lab.backfill(&["--allow-overwrite-store"]).ok();
        assert!(allowed.err.contains("the store puts over objects"), "{}", allowed.err);
    }
}

/// What it claims can't be told from the truth, except by trying.
#[test]
fn a_store_that_lies_about_its_locks_is_found_out_by_worm_test() {
    let lab = Lab::new(Dialect::Aws);
    lab.becomes([Fault::always(On::All, Effect::ClaimLock)]);
    let table = lab.ask("worm-test", &["--require-retention", "365d"]);
    assert_eq!(table.code, 1, "{}", table.text());
    assert!(table.text().contains("COMPLIANCE until"), "it says: {}", table.text());
    assert!(table.text().contains("BYTES LOST"), "and does: {}", table.text());
    assert!(table.text().contains("NOT SAFE"), "{}", table.text());
    lab.becomes([]);
    let honest = lab.ask("worm-test", &[]);
    assert_eq!(honest.code, 0, "{}", honest.text());
}

/// Where the writer locks, and the bucket nothing by itself.
#[test]
fn worm_test_puts_its_canary_as_a_batch_is_put() {
    for dialect in [Dialect::Aws, Dialect::Minio, Dialect::Azure] {
        let free = Bucket { default: None, ..Lab::locking(true) };
        let lab = Lab::with(dialect, free);
        let bare = lab.ask("worm-test", &[]);
        assert_eq!(bare.code, 1, "{}", bare.text());
        assert!(bare.text().contains("BYTES LOST"), "{}", bare.text());
        let demand = ["--retention", "2d", "--require-retention", "2d"];
        let locked = lab.ask("worm-test", &demand);
        assert_eq!(locked.code, 0, "{}", locked.text());
        let lifted = row(&locked, "lift legal hold");
        assert!(lifted.contains("it has no legal hold") && lifted.ends_with("not tried"));
        let short = lab.ask("worm-test", &["--retention", "2d", "--require-retention", "3d"]);
        assert_eq!(short.code, 1, "{}", short.text());
        let held = lab.ask("worm-test", &["--legal-hold", "--retention", "2d"]);
        assert_eq!(held.code, 1, "{}", held.text());
        assert!(row(&held, "delete version").ends_with("refused"), "{}", held.text());
        assert!(row(&held, "lift legal hold").ends_with("LOCK WEAKENED"), "{}", held.text());
    }
}

/// The line of an attempt in worm-test's table.
fn row(done: &Done, attempt: &str) -> String {
    let text = done.text();
    let found = text.lines().find(|line| line.split("  ").next() == Some(attempt));
    found.unwrap_or_else(|| panic!("no {attempt}: {text}")).to_owned()
}

/// What the agent is told to demand, doctor and worm-test are told in the same words.
#[test]
fn governance_is_enough_where_it_is_what_is_demanded() {
    let lab = Lab::with(Dialect::Aws, Lab::locking(false));
    let weak = ["--require-retention", "1d", "--require-retention-mode", "governance"];
    lab.backfill(&weak).ok();
    for (demand, code) in [(&weak[..], 0), (&weak[..2], 1)] {
        let doctor = lab.ask("doctor", demand);
        assert_eq!(doctor.code, code, "{demand:?} {}", doctor.text());
        let table = lab.ask("worm-test", &[demand, &["--yes"]].concat());
        let short = "less than demanded: whoever may bypass GOVERNANCE";
        assert_eq!(table.text().contains(short), code == 1, "{}", table.text());
    }
}

/// It may delete nothing, and change the retention of what it can't read the lock of.
#[test]
fn a_lock_that_is_shortened_unseen_is_not_called_safe() {
    let lab = Lab::with(Dialect::Aws, Lab::locking(false));
    lab.becomes([
        Fault::always(On::Delete, Effect::Refuse(403, "AccessDenied")),
        Fault::always(On::All, Effect::HideLock),
    ]);
    let table = lab.ask("worm-test", &[]);
    assert_eq!(table.code, 2, "{}", table.text());
    assert!(row(&table, "shorten, bypassing").ends_with("????"), "{}", table.text());
}

#[test]
fn a_containers_policy_is_not_known_to_be_locked() {
    let policy = Some(Retention { firm: true, until: time::DAY });
    let lab = Lab::with(Dialect::Azure, Bucket { policy, ..Bucket::default() });
    for demand in [&[][..], &["--require-retention", "1d"]] {
        let table = lab.ask("worm-test", demand);
        assert_eq!(table.code, 2, "{}", table.text());
        let text = table.text();
        assert!(text.contains("run: az storage container immutability-policy show"), "{text}");
        assert!(text.contains("--container-name bucket"), "{text}");
    }
}

/// Doctor's own suggestion, where there is an archive: it is followed as it stands.
#[test]
fn what_doctor_suggests_can_be_run_and_harms_nothing() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&[]).ok();
    let text = lab.ask("doctor", &[]).text();
    let suggested = text.lines().find_map(|line| line.trim().strip_prefix("run: auditseal "));
    let suggested: Vec<_> = suggested.unwrap().split(' ').collect();
    assert_eq!(suggested[..3], ["worm-test", "--store", "s3://bucket/k8s/worm-test"]);
    let mut command = program();
    command.args(&suggested).env("NO_PROXY", "127.0.0.1").envs(lab.server.environment());
    finish(&mut command).ok();
    let text = lab.ask("doctor", &[]).text();
    assert!(!text.contains("delete markers"), "the canary's are not the archive's: {text}");
    assert!(!lab.read("verify", &[]).ok().text().contains("UNEXPECTED_OBJECT"));
    let mut all = program();
    all.args(["verify", "--vkey", &lab.node.vkey]);
    let all = lab.at(&mut all, &[]).ok().text();
    assert!(all.contains("info: UNEXPECTED_OBJECT"), "{all}");
}

/// The variable that people know from AWS's own tools.
#[test]
fn a_profile_that_is_not_read_is_said_once() {
    let lab = Lab::new(Dialect::Aws);
    let said = |store: &str, command: &str| {
        let mut program = program();
        program.args([command, "--store", store, "--endpoint", &lab.server.endpoint()]);
        program.env("AWS_PROFILE", "admin").env("NO_PROXY", "127.0.0.1");
        let done = finish(program.envs(lab.server.environment()));
        done.err.matches("AWS_PROFILE isn't read").count()
    };
    for command in ["doctor", "worm-test", "ls"] {
        assert_eq!(said("s3://bucket/other", command), 1, "{command}");
    }
    assert_eq!(said("gs://bucket/other", "ls"), 0);
    assert!(!lab.ask("doctor", &[]).err.contains("AWS_PROFILE"));
}

#[test]
fn a_lock_that_is_a_day_short_is_an_alarm() {
    for dialect in [Dialect::Aws, Dialect::Azure] {
        let lab = Lab::new(dialect);
        lab.becomes([Fault::always(On::Put, Effect::ShortLock)]);
        let asked = ["--retention", "9d", "--require-retention", "9d"];
        let done = lab.backfill(&asked);
        assert_eq!(done.code, 1, "{}", done.err);
        assert!(done.err.contains("the lock falls short of what is demanded"), "{}", done.err);
        let found = lab.read("verify", &["--require-retention", "9d"]);
        assert_eq!(found.code, 1, "{}", found.text());
        assert!(found.text().contains("WEAK_WORM "), "{}", found.text());
        lab.read("verify", &["--require-retention", "8d"]).ok();
        let doctor = lab.ask("doctor", &["--require-retention", "9d"]);
        assert_eq!(doctor.code, 1, "{}", doctor.text());
    }
}

#[test]
fn who_may_not_read_locks_is_told_so() {
    let lab = Lab::new(Dialect::Aws);
    lab.becomes([Fault::always(On::All, Effect::HideLock)]);
    let done = lab.backfill(&["--require-retention", "1d"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("s3:GetObjectRetention"), "{}", done.err);
    let found = lab.read("verify", &["--require-retention", "1d"]);
    assert_eq!(found.code, 2, "{}{}", found.text(), found.err);
    lab.read("verify", &[]).ok();
}

#[test]
fn a_store_that_returns_another_version_is_not_believed() {
    for dialect in [Dialect::Aws, Dialect::Minio, Dialect::Google, Dialect::Azure] {
        let lab = Lab::new(dialect);
        lab.backfill(&[]).ok();
        let key = {
            let world = lab.server.world();
            let keys: Vec<_> = world.buckets["bucket"].objects.keys().cloned().collect();
            keys.last().unwrap().clone()
        };
        assert!(lab.server.world().shadow("bucket", &key, b"something else", time::now()));
        let found = lab.verdict();
        assert_eq!(found.code, 1, "{}", found.text());
        assert!(found.text().contains("SHADOWED "), "{}", found.text());
        lab.becomes([Fault::always(On::All, Effect::OtherVersion)]);
        let found = lab.read("verify", &[]);
        assert_ne!(found.code, 0, "{}", found.text());
        let said = format!("{}{}", found.text(), found.err);
        assert!(said.contains("was asked for, the store returned"), "{said}");
        assert_ne!(lab.read("cat", &[]).code, 0);
    }
}

#[test]
fn what_was_hidden_is_found_under_each_clouds_marker() {
    for dialect in Dialect::ALL {
        let lab = Lab::new(dialect);
        lab.backfill(&[]).ok();
        let keys: Vec<_> = lab.server.world().buckets["bucket"].objects.keys().cloned().collect();
        for key in &keys {
            lab.server.world().hide("bucket", key, time::now());
        }
        let found = lab.verdict();
        assert_eq!(found.code, 1, "{}", found.text());
        assert!(found.text().contains("HIDDEN "), "{}", found.text());
    }
}

#[test]
fn an_archive_tier_is_couldnt_check() {
    for dialect in [Dialect::Aws, Dialect::Azure] {
        let lab = Lab::new(dialect);
        lab.backfill(&[]).ok();
        let keys: Vec<_> = lab.server.world().buckets["bucket"].objects.keys().cloned().collect();
        lab.server.world().archive("bucket", keys.last().unwrap());
        let found = lab.read("verify", &[]);
        assert_eq!(found.code, 2, "{}{}", found.text(), found.err);
        let said = format!("{}{}", found.text(), found.err);
        assert!(said.contains("restore"), "{said}");
    }
}

#[test]
fn a_wrong_key_gets_nowhere() {
    for dialect in [Dialect::Aws, Dialect::Azure] {
        let lab = Lab::new(dialect);
        let mut command = lab.node.bare("backfill");
        command.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
        let other = Keys::fresh().unwrap().secret;
        let store = if dialect == Dialect::Aws { "s3://bucket" } else { "az://bucket" };
        command.args(["--store", store, "--endpoint", &lab.server.endpoint()]);
        command.envs(lab.server.environment()).env("NO_PROXY", "127.0.0.1");
        command.env("AWS_SECRET_ACCESS_KEY", &other).env("AZURE_STORAGE_ACCOUNT_KEY", &other);
        let done = finish(command.args(["--give-up", "1s"]));
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(lab.server.world().buckets["bucket"].objects.is_empty());
    }
}

/// As a bad network and a busy store make them: whatever happens, it's tried again until all is
/// there, once.
#[test]
fn an_archive_made_through_faults_is_whole() {
    for (seed, dialect) in (1..=8).zip(Dialect::ALL.into_iter().cycle()) {
        let lab = Lab::new(dialect);
        lab.becomes(Fault::seeded(seed, 12, 40));
        let mut codes = Vec::new();
        for _ in 0..20 {
            let done = lab.backfill(&["--timeout", "300ms", "--batch-size", "1KiB"]);
            codes.push(done.code);
            match done.code {
                0 => break,
                // A question of the start wasn't answered: whoever started it starts it again.
                2 => continue,
                _ => panic!("seed {seed}: {}", done.err),
            }
        }
        assert_eq!(codes.last(), Some(&0), "seed {seed}: {codes:?}");
        lab.becomes([]);
        assert!(lab.verdict().ok().text().contains("COMPLETE until="), "seed {seed}");
        assert!(lab.count_once() > 3, "seed {seed}");
    }
}

/// Each way to be refused or cut off, twice at each of the first puts: the daemon says so, goes on
/// trying, and needs nobody to start it again.
#[test]
fn the_daemon_comes_through_every_refusal_of_a_put() {
    let effects = [
        Effect::Refuse(400, "ExpiredToken"),
        Effect::Refuse(403, "ExpiredToken"),
        Effect::Refuse(404, "NoSuchBucket"),
        Effect::Refuse(409, "ConditionalRequestConflict"),
        Effect::Refuse(413, "EntityTooLarge"),
        Effect::Reset,
        Effect::StoreThenFail(409, "OperationAborted"),
        Effect::StoreThenFail(500, "InternalError"),
        Effect::Cut,
    ];
    for dialect in Dialect::ALL {
        let lab = Lab::new(dialect);
        let mut command = lab.node.bare("run");
        command.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
        command.args(["--window", "100ms", "--heartbeat", "30s", "--batch-size", "1KiB"]);
        // Each counts the puts that come to it: one more is hit before it each time.
        let faults = effects.iter().enumerate();
        lab.becomes(faults.map(|(at, effect)| Fault {
            on: On::Put,
            spares: 1 + 2 * at as u64,
            hits: 2,
            effect: effect.clone(),
        }));
        let daemon = Running::start(lab.aimed(&mut command));
        let held = |lab: &Lab| lab.read("cat", &[]).out == lab.node.source();
        until("the archive holds the log", || held(&lab));
        let left = || lab.server.world().faults.iter().filter(|fault| fault.hits > 0).count();
        let mut more = 40;
        until("every fault has struck", || {
            lab.node.write("audit.log", &events(more, more + 2));
            more += 2;
            left() == 0
        });
        until("the archive holds the rest", || held(&lab));
        let done = daemon.stop().ok();
        assert!(done.err.matches("upload: ").count() >= effects.len(), "{}", done.err);
        assert!(lab.verdict().ok().text().contains("COMPLETE until="), "{dialect:?}");
        assert!(lab.count_once() > 3, "{dialect:?}");
    }
}

/// Each way to fail, each command, every log line: none shows a credential.
#[track_caller]
fn hides_the_key(dialect: Dialect) {
    let lab = Lab::new(dialect);
    lab.backfill(&[]).ok();
    // The account is in every URL, and S3's key id is no secret either.
    let (_, secret) = lab.server.environment().pop().unwrap();
    let hidden = |done: &Done| {
        for shown in [&done.err, &done.text()] {
            assert!(!shown.contains(secret.as_str()), "{shown}");
            assert!(!shown.contains(&secret[secret.len() / 2..]), "a part: {shown}");
            assert!(!shown.replace("Signature=***", "").contains("Signature="), "{shown}");
        }
    };
    for effect in [
        Effect::Refuse(403, "SignatureDoesNotMatch"),
        Effect::StoreThenFail(500, "InternalError"),
        Effect::Hang,
        Effect::Cut,
        Effect::WrongBytes,
        Effect::HtmlPage,
        Effect::HideLock,
    ] {
        lab.becomes([Fault::always(On::All, effect.clone())]);
        let quick = ["--timeout", "100ms", "--log-level", "trace"];
        // It tries again for seconds what may yet be answered: once is enough.
        if !matches!(effect, Effect::Hang | Effect::Cut | Effect::WrongBytes | Effect::HtmlPage) {
            hidden(&lab.read("verify", &quick));
        }
        hidden(&lab.ask("doctor", &quick));
        // It asks so often that each request's silence adds up.
        if effect != Effect::Hang {
            hidden(&lab.ask("worm-test", &[&quick[..], &["--yes"]].concat()));
        }
        let give_up = [&quick[..], &["--give-up", "300ms", "--retention", "1d"]].concat();
        hidden(&lab.backfill(&give_up));
    }
}

#[test]
fn no_credential_of_s3_shows_however_it_fails() {
    hides_the_key(Dialect::Aws);
}

#[test]
fn no_credential_of_azure_shows_however_it_fails() {
    hides_the_key(Dialect::Azure);
}
