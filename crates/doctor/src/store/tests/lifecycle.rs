use auditseal_format::{ObjectKey, Origin};
use auditseal_store::check_markable;

use super::*;

pub(super) fn rule(prefix: &str) -> LifecycleRule {
    LifecycleRule {
        id: "r".to_owned(),
        enabled: true,
        prefix: prefix.to_owned(),
        marked_only: false,
        expires: false,
        expires_versions: false,
        moves_to: vec![],
    }
}

fn moving(prefix: &str, classes: &[&str]) -> LifecycleRule {
    let moves_to = classes.iter().map(|&class| class.to_owned()).collect();
    LifecycleRule { moves_to, ..rule(prefix) }
}

#[test]
fn lifecycle_rules() {
    fn rules(s: &mut StoreFacts, rule: LifecycleRule) {
        s.facts.lifecycle = Ok(vec![rule]);
    }
    hold(&[
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, ..rule("") }),
            "lifecycle",
            Status::Fail,
            "genesis",
        ),
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, ..rule("p/cluster=a") }),
            "lifecycle",
            Status::Fail,
            "expires objects",
        ),
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, ..rule("p/") }),
            "lifecycle",
            Status::Fail,
            "",
        ),
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, ..rule("other/") }),
            "lifecycle",
            Status::Pass,
            "1 in all",
        ),
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, enabled: false, ..rule("") }),
            "lifecycle",
            Status::Pass,
            "",
        ),
        (
            S3,
            |s| rules(s, LifecycleRule { expires_versions: true, ..rule("") }),
            "lifecycle",
            Status::Warn,
            "older versions",
        ),
        (
            S3,
            |s| {
                rules(s, LifecycleRule { expires_versions: true, ..rule("") });
                s.newest = None;
            },
            "lifecycle",
            Status::Fail,
            "older versions",
        ),
        (
            S3,
            |s| rules(s, moving("", &["GLACIER"])),
            "lifecycle",
            Status::Warn,
            "moves objects to GLACIER, where they must be restored",
        ),
        (
            S3,
            |s| rules(s, moving("", &["GLACIER_IR", "DEEP_ARCHIVE"])),
            "lifecycle",
            Status::Warn,
            "GLACIER_IR, then DEEP_ARCHIVE, where",
        ),
        (
            S3,
            |s| rules(s, moving("", &["GLACIER_IR"])),
            "lifecycle",
            Status::Pass,
            "rule \\\"r\\\" moves objects to GLACIER_IR; none expires any",
        ),
        (
            S3,
            |s| rules(s, moving("x/", &["GLACIER"])),
            "lifecycle",
            Status::Pass,
            "no rule touches",
        ),
        (S3, |s| rules(s, rule("")), "lifecycle", Status::Pass, "no rule touches"),
        (
            S3,
            |s| rules(s, LifecycleRule { expires: true, ..rule("p/auditseal-worm-test/") }),
            "lifecycle",
            Status::Pass,
            "no rule touches",
        ),
        (
            "s3://b",
            |s| rules(s, LifecycleRule { expires: true, ..rule("tmp/") }),
            "lifecycle",
            Status::Pass,
            "no rule touches",
        ),
        (
            "s3://b",
            |s| rules(s, LifecycleRule { expires: true, ..rule("clu") }),
            "lifecycle",
            Status::Fail,
            "expires objects",
        ),
        (
            "s3://b",
            |s| rules(s, LifecycleRule { expires: true, ..rule("cluster=c/node=n") }),
            "lifecycle",
            Status::Fail,
            "expires objects",
        ),
        (
            GS,
            |s| rules(s, LifecycleRule { expires: true, id: String::new(), ..rule("") }),
            "lifecycle",
            Status::Fail,
            "a rule for all keys",
        ),
        (
            AZ,
            |s| s.facts.lifecycle = Err(denied()),
            "lifecycle",
            Status::Unknown,
            "management-policy show --resource-group",
        ),
    ]);
}

/// What is deleted must be packed, which the mark says and an age doesn't.
#[test]
fn rules_delete_by_the_mark_and_never_by_age_alone() {
    fn deleting(prefix: &str, marked_only: bool) -> LifecycleRule {
        LifecycleRule { expires: true, expires_versions: true, marked_only, ..rule(prefix) }
    }
    fn rules<const N: usize>(s: &mut StoreFacts, rules: [LifecycleRule; N]) {
        s.facts.lifecycle = Ok(rules.into());
    }
    hold(&[
        (
            S3,
            |s| rules(s, [deleting("p/", true)]),
            "lifecycle",
            Status::Pass,
            "rule \\\"r\\\" deletes only what carries the tag auditseal-packed=true; none expires by age",
        ),
        (GS, |s| rules(s, [deleting("", true)]), "lifecycle", Status::Pass, "daysSinceCustomTime"),
        (S3, |s| rules(s, [deleting("p/", false)]), "lifecycle", Status::Fail, "packed or not"),
        (
            S3,
            |s| rules(s, [deleting("p/", false)]),
            "lifecycle",
            Status::Fail,
            "but what carries the tag auditseal-packed=true: only `pack` marks",
        ),
        // One by the mark doesn't excuse one by age beside it.
        (
            S3,
            |s| rules(s, [deleting("p/", true), deleting("", false)]),
            "lifecycle",
            Status::Fail,
            "packed or not",
        ),
        (
            S3,
            |s| rules(s, [LifecycleRule { expires: false, ..deleting("p/", false) }]),
            "lifecycle",
            Status::Warn,
            "alone but those that carry the tag",
        ),
        (
            S3,
            |s| rules(s, [LifecycleRule { expires: false, ..deleting("p/", true) }]),
            "lifecycle",
            Status::Pass,
            "none expires any",
        ),
        (
            S3,
            |s| rules(s, [deleting("p/", true), moving("p/", &["GLACIER_IR"])]),
            "lifecycle",
            Status::Pass,
            "auditseal-packed=true; rule \\\"r\\\" moves objects to GLACIER_IR; none expires by age",
        ),
        (
            S3,
            |s| rules(s, [deleting("p/", true), moving("p/", &["GLACIER"])]),
            "lifecycle",
            Status::Warn,
            "must be restored",
        ),
        // Packs are what is left.
        (
            S3,
            |s| rules(s, [deleting("p-packs/", false)]),
            "lifecycle",
            Status::Fail,
            "expires packs",
        ),
        (
            S3,
            |s| rules(s, [LifecycleRule { expires: false, ..deleting("p-packs/c", false) }]),
            "lifecycle",
            Status::Warn,
            "destroys older versions",
        ),
        (S3, |s| rules(s, [deleting("p-", true)]), "lifecycle", Status::Pass, "no rule touches"),
        (
            S3,
            |s| rules(s, [LifecycleRule { enabled: false, ..deleting("p-packs/", false) }]),
            "lifecycle",
            Status::Pass,
            "no rule touches",
        ),
        (
            "s3://b",
            |s| rules(s, [deleting("-packs/", false)]),
            "lifecycle",
            Status::Pass,
            "no rule",
        ),
        (
            AZ,
            |s| s.facts.lifecycle = Err(denied()),
            "lifecycle",
            Status::Unknown,
            "it must ask for the index tag auditseal-packed=true, and never for age alone",
        ),
    ]);
}

/// What a store refuses to mark is where every chain begins.
#[test]
fn the_genesis_of_a_chain_is_never_marked() {
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let genesis = ObjectKey::genesis(origin).to_string();
    assert!(check_markable(&genesis).is_err(), "{genesis}");
}
