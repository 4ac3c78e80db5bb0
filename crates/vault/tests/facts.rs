//! What a bucket's settings are read as.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::time::Duration;

use auditseal_doubles::MemoryStore;
use auditseal_store::{BucketLock, Kind, LifecycleRule, LockMode, Store, Versioning};
use auditseal_vault::{Options, open};
use common::{Server, answer, in_child, secret, with_s3_keys, xml_error};

const DATE: &str = "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n";
const DAY: Duration = Duration::from_secs(86_400);

/// A server whose answer depends on what follows the `?`.
fn server(answers: &'static [(&'static str, &'static str)], otherwise: String) -> Server {
    Server::new(move |request, stream| {
        let question = request.target.split_once('?').map_or("", |(_, query)| query);
        let found = answers.iter().find(|(name, _)| *name == question);
        let given = found.map_or(otherwise.clone(), |(_, body)| answer("200 OK", DATE, body));
        stream.write_all(given.as_bytes()).ok();
    })
}

fn rule(id: &str, prefix: &str) -> LifecycleRule {
    LifecycleRule {
        id: id.to_owned(),
        enabled: true,
        prefix: prefix.to_owned(),
        marked_only: false,
        expires: false,
        expires_versions: false,
        moves_to: vec![],
    }
}

#[test]
fn of_a_locked_s3_bucket() {
    with_s3_keys("of_a_locked_s3_bucket", async {
        let server = server(
            &[
                (
                    "versioning",
                    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
                ),
                (
                    "object-lock",
                    "<ObjectLockConfiguration xmlns=\"x\"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>",
                ),
                (
                    "lifecycle",
                    "<LifecycleConfiguration><Rule><ID>cold</ID><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter><Transition><Days>30</Days><StorageClass>GLACIER_IR</StorageClass></Transition><Transition><Days>90</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition></Rule><Rule><ID>old</ID><Status>Enabled</Status><Filter/><Expiration><Days>9</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule><Rule><ID>markers</ID><Status>Disabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule></LifecycleConfiguration>",
                ),
                (
                    "publicAccessBlock",
                    "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
                ),
                (
                    "encryption",
                    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k1</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
                ),
            ],
            xml_error("500 Oops", "InternalError"),
        );
        let facts = server.open("s3://bucket/some/prefix").facts().await;
        let time = facts.time.unwrap();
        assert_eq!(time.store, 1_792_567_680_000_000);
        assert!(0 < time.asked && time.asked <= time.answered);
        assert_eq!(facts.versioning.unwrap(), Versioning::On);
        let period = Some(730 * DAY);
        let lock = BucketLock { enabled: true, mode: LockMode::Compliance, period };
        assert_eq!(facts.lock.unwrap(), lock);
        let classes = ["GLACIER_IR", "DEEP_ARCHIVE", "GLACIER"].map(str::to_owned).to_vec();
        let cold = LifecycleRule { moves_to: classes, ..rule("cold", "a/") };
        let old = LifecycleRule { expires: true, expires_versions: true, ..rule("old", "") };
        let markers = LifecycleRule { enabled: false, ..rule("markers", "") };
        assert_eq!(facts.lifecycle.unwrap(), [cold, old, markers]);
        assert!(!facts.private.unwrap(), "one of the four isn't on");
        assert_eq!(facts.encryption.unwrap().unwrap(), "aws:kms k1");
    });
}

#[test]
fn of_a_plain_s3_bucket_and_of_one_that_nobody_may_ask() {
    with_s3_keys("of_a_plain_s3_bucket_and_of_one_that_nobody_may_ask", async {
        let plain = server(
            &[
                ("versioning", "<VersioningConfiguration/>"),
                ("lifecycle", "<LifecycleConfiguration/>"),
                ("object-lock", "<ObjectLockConfiguration/>"),
                ("encryption", "<Error/>"),
            ],
            xml_error("404 Not Found", "NoSuchPublicAccessBlockConfiguration"),
        );
        let facts = plain.open("s3://bucket").facts().await;
        assert_eq!(facts.versioning.unwrap(), Versioning::Off);
        let lock = BucketLock { enabled: false, mode: LockMode::None, period: None };
        assert_eq!(facts.lock.unwrap(), lock);
        assert_eq!((facts.lifecycle.unwrap().len(), facts.private.unwrap()), (0, false));
        assert_eq!(facts.encryption.unwrap_err().kind(), Kind::Unavailable);
        let denied = server(&[], xml_error("403 Forbidden", "AccessDenied"));
        let facts = denied.open("s3://bucket").facts().await;
        let errors = [
            facts.time.unwrap_err(),
            facts.versioning.unwrap_err(),
            facts.lock.unwrap_err(),
            facts.lifecycle.unwrap_err(),
            facts.private.unwrap_err(),
            facts.encryption.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), Kind::Denied, "{error}");
            assert!(error.to_string().starts_with("read the settings of s3://bucket: "), "{error}");
        }
    });
}

#[tokio::test]
async fn of_a_google_bucket() {
    let server = Server::fixed(answer(
        "200 OK",
        DATE,
        "{\"versioning\":{\"enabled\":true},\"retentionPolicy\":{\"retentionPeriod\":\"172800\",\"isLocked\":true},\"lifecycle\":{\"rule\":[{\"action\":{\"type\":\"Delete\"},\"condition\":{\"age\":9,\"matchesPrefix\":[\"a/\",\"b/\"]}},{\"action\":{\"type\":\"Delete\"},\"condition\":{\"numNewerVersions\":3}},{\"action\":{\"type\":\"SetStorageClass\",\"storageClass\":\"ARCHIVE\"}}]},\"iamConfiguration\":{\"publicAccessPrevention\":\"enforced\"},\"encryption\":{\"defaultKmsKeyName\":\"k\"},\"softDeletePolicy\":{\"retentionDurationSeconds\":\"604800\"}}",
    ));
    let facts = server.open("gs://bucket").facts().await;
    assert_eq!(server.requests()[0].target, "/storage/v1/b/bucket");
    let lock = BucketLock { enabled: true, mode: LockMode::Compliance, period: Some(2 * DAY) };
    assert_eq!((facts.lock.unwrap(), facts.versioning.unwrap()), (lock, Versioning::On));
    let all = LifecycleRule { expires: true, expires_versions: true, ..rule("", "a/") };
    let too = LifecycleRule { prefix: "b/".to_owned(), ..all.clone() };
    let versions = LifecycleRule { expires_versions: true, ..rule("", "") };
    let moved = LifecycleRule { moves_to: vec!["ARCHIVE".into()], ..rule("", "") };
    assert_eq!(facts.lifecycle.unwrap(), [all, too, versions, moved]);
    assert!(facts.private.unwrap());
    assert_eq!(facts.encryption.unwrap().unwrap(), "k");
    assert_eq!(facts.soft_delete.unwrap(), 7 * DAY);
    let open_bucket =
        Server::fixed(answer("200 OK", DATE, "{\"retentionPolicy\":{\"retentionPeriod\":\"9\"}}"));
    let facts = open_bucket.open("gs://bucket").facts().await;
    assert_eq!(facts.lock.unwrap().mode, LockMode::Governance);
    assert!(!facts.private.unwrap());
    assert_eq!(facts.versioning.unwrap(), Versioning::Off);
}

#[test]
fn of_an_azure_container() {
    in_child("of_an_azure_container", &[("AZURE_STORAGE_ACCOUNT_KEY", &secret())], async {
        let headers = format!(
            "{DATE}x-ms-has-immutability-policy: true\r\nx-ms-blob-public-access: blob\r\nx-ms-default-encryption-scope: scope\r\n"
        );
        let server = Server::fixed(answer("200 OK", &headers, ""));
        let endpoint = Some(format!("{}/account", server.endpoint()));
        let store = open("az://box", &Options { endpoint, ..server.options() }).unwrap();
        let facts = store.facts().await;
        assert_eq!(server.requests()[0].target, "/account/box?restype=container");
        let lock = BucketLock { enabled: true, mode: LockMode::Undisclosed, period: None };
        assert_eq!(facts.lock.unwrap(), lock);
        assert!(!facts.private.unwrap());
        assert_eq!(facts.encryption.unwrap().unwrap(), "scope");
        let untold = facts.versioning.unwrap_err();
        assert!(untold.hint().unwrap().contains("management interface"), "{untold}");
        assert!(facts.soft_delete.is_err() && facts.lifecycle.is_err());
        assert_eq!(facts.excess.unwrap(), ["everything, for this is the account's key"]);
    });
}

#[test]
fn of_azure_with_a_signature_nothing_but_its_permissions() {
    let signature = secret();
    let sas = format!("?sv=2024-11-04&sr=c&sp=rcdl&sig={signature}");
    let env = [("AZURE_STORAGE_SAS_TOKEN", sas.as_str()), ("SIGNATURE", &signature)];
    in_child("of_azure_with_a_signature_nothing_but_its_permissions", &env, async {
        let server = Server::fixed(answer("200 OK", DATE, ""));
        let endpoint = Some(format!("{}/account", server.endpoint()));
        let store = open("az://box", &Options { endpoint, ..server.options() }).unwrap();
        let facts = store.facts().await;
        assert!(server.requests()[0].target.contains("sig="), "the token was sent");
        assert_eq!(*facts.excess.as_ref().unwrap(), ["d (delete)"]);
        assert!(!format!("{facts:?}").contains(&std::env::var("SIGNATURE").unwrap()));
    });
}

#[test]
fn the_endpoint_is_the_options_or_the_environments() {
    let env = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9/"), ("AWS_ENDPOINT_URL", "http://h:8")];
    in_child("the_endpoint_is_the_options_or_the_environments", &env, async {
        let endpoint = |url: &str, endpoint: Option<&str>| {
            let endpoint = endpoint.map(str::to_owned);
            open(url, &Options { endpoint, ..Options::default() }).unwrap().endpoint()
        };
        assert_eq!(endpoint("s3://bucket", None).unwrap(), "http://127.0.0.1:9");
        assert_eq!(endpoint("s3://bucket", Some("http://h:1")).unwrap(), "http://h:1");
        assert_eq!(endpoint("https://acc.blob.core.windows.net/c", None), None);
    });
}

#[test]
fn a_slow_answer_is_no_wrong_clock() {
    with_s3_keys("a_slow_answer_is_no_wrong_clock", async {
        let slow = Server::new(|request, stream| {
            if request.target.ends_with("?versioning") {
                std::thread::sleep(Duration::from_millis(300));
            }
            stream.write_all(answer("200 OK", DATE, "<VersioningConfiguration/>").as_bytes()).ok();
        });
        let time = slow.open("s3://bucket").facts().await.time.unwrap();
        assert!(time.answered - time.asked >= 300_000, "{time:?}");
    });
}

#[tokio::test]
async fn of_what_has_none() {
    assert_eq!(MemoryStore::new().facts().await.lock.unwrap_err().kind(), Kind::Invalid);
    let root = tempfile::tempdir().unwrap();
    let store = open(&format!("file://{}", root.path().display()), &Options::default()).unwrap();
    assert!(store.facts().await.lock.unwrap_err().to_string().contains("nothing in it is locked"));
}

/// Rules that delete by the mark alone, and those that only look so.
#[test]
fn rules_that_select_by_the_mark() {
    with_s3_keys("rules_that_select_by_the_mark", async {
        const TAG: &str = "<Tag><Key>auditseal-packed</Key><Value>true</Value></Tag>";
        const OTHER: &str = "<Tag><Key>team</Key><Value>audit</Value></Tag>";
        for (filter, marked_only) in [
            (format!("<Filter>{TAG}</Filter>"), true),
            (format!("<Filter><And><Prefix>k8s/</Prefix>{TAG}</And></Filter>"), true),
            (format!("<Filter><And>{OTHER}{TAG}</And></Filter>"), true),
            (format!("<Filter>{OTHER}</Filter>"), false),
            (format!("<Filter><And><Prefix>k8s/</Prefix>{OTHER}</And></Filter>"), false),
            (TAG.replace("true", "false"), false),
            (format!("<Filter>{}</Filter>", TAG.replace("true", "false")), false),
            // The value of one tag beside the name of another.
            ("<Filter><And><Tag><Key>auditseal-packed</Key><Value>no</Value></Tag><Tag><Key>x</Key><Value>true</Value></Tag></And></Filter>".to_owned(), false),
            ("<Filter><And><Tag><Key>auditseal-packed</Key></Tag><Tag><Key>x</Key><Value>true</Value></Tag></And></Filter>".to_owned(), false),
            ("<Filter/>".to_owned(), false),
            ("<Prefix>auditseal-packed</Prefix>".to_owned(), false),
        ] {
            let rules = format!(
                "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>{filter}<Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"
            );
            let server = Server::fixed(answer("200 OK", DATE, &rules));
            let rules = server.open("s3://bucket").facts().await.lifecycle.unwrap();
            assert_eq!((rules.len(), rules[0].marked_only, rules[0].expires), (1, marked_only, true), "{filter}");
        }
    });
}

#[tokio::test]
async fn googles_rules_select_by_the_custom_time() {
    for (condition, marked_only) in [
        ("\"daysSinceCustomTime\":30", true),
        ("\"daysSinceCustomTime\":30,\"age\":400", true),
        ("\"customTimeBefore\":\"2027-01-01\"", true),
        ("\"daysSinceCustomTime\":0,\"age\":400", false),
        ("\"age\":400", false),
    ] {
        let body = format!(
            "{{\"lifecycle\":{{\"rule\":[{{\"action\":{{\"type\":\"Delete\"}},\"condition\":{{{condition}}}}}]}}}}"
        );
        let rules = Server::fixed(answer("200 OK", DATE, &body)).open("gs://bucket").facts().await;
        assert_eq!(rules.lifecycle.unwrap()[0].marked_only, marked_only, "{condition}");
    }
}
