//! Versions, locks and protected puts, as they look on the wire and when the server lies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auditseal_store::{
    Canary, Error, Kind, Lock, LockMode, LockedBy, Retention, Store, Version, canary,
};
use auditseal_vault::{Encryption, Options, open};
use bytes::Bytes;
use common::{OBJECT, Request, Server, answer, in_child, secret, with_s3_keys, xml_error};
use futures::StreamExt;

const BYTES: Bytes = Bytes::from_static(b"some bytes");
const UNTIL: i64 = 1_792_567_680_000_000;

/// A server that gives to each request what `given` says.
fn server(given: impl Fn(&Request) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |request, stream| {
        stream.write_all(given(request).as_bytes()).ok();
    })
}

async fn versions(store: &dyn Store, prefix: &str) -> Vec<Result<Version, Error>> {
    store.versions(prefix).take(50).collect().await
}

fn entry(key: &str, id: &str) -> String {
    format!(
        "<Version><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>true</IsLatest><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size></Version>"
    )
}

fn page(entries: &str, next: Option<(&str, &str)>) -> String {
    let next = next.map_or(String::new(), |(key, id)| {
        format!("<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{id}</NextVersionIdMarker>")
    });
    let xml =
        format!("<?xml version=\"1.0\"?><ListVersionsResult>{entries}{next}</ListVersionsResult>");
    answer("200 OK", "", &xml)
}

#[test]
fn pages_of_versions_are_followed_to_their_end() {
    with_s3_keys("pages_of_versions_are_followed_to_their_end", async {
        let server = server(|request| {
            if request.target.contains("version-id-marker=v%2F2") {
                assert!(request.target.contains("key-marker=pre%2Fa%2F1%2B"), "{}", request.target);
                page(&entry("pre/a/2", "v3"), None)
            } else {
                page(
                    &(entry("pre/a/1", "v1") + &entry("pre/a//b", "v2")),
                    Some(("pre/a/1+", "v/2")),
                )
            }
        });
        let found = versions(&*server.open("s3://bucket/pre"), "a").await;
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        let keys: Vec<_> =
            found.iter().map(|v| (v.key.as_str(), v.id.as_deref().unwrap())).collect();
        assert_eq!(keys, [("a/1", "v1"), ("a//b", "v2"), ("a/2", "v3")]);
        let target = &server.requests()[0].target;
        assert_eq!(target, "/bucket?versions&encoding-type=url&prefix=pre%2Fa%2F");
    });
}

type Lie = Box<dyn Fn(&Request) -> String + Send + Sync>;

#[test]
fn listings_that_lie_end_with_an_error() {
    with_s3_keys("listings_that_lie_end_with_an_error", async {
        let lies: [(&str, Lie); 8] = [
            ("leads back", Box::new(|_| page(&entry("a/1", "v1"), Some(("a/1", "v1"))))),
            (
                "leads back",
                Box::new(|request| {
                    let next = if request.target.contains("marker=x") { "y" } else { "x" };
                    page(&entry("a/1", "v1"), Some((next, "v1")))
                }),
            ),
            (
                "without holding anything",
                Box::new(|request| {
                    let at: u64 = request.target.rsplit("=v").next().unwrap().parse().unwrap_or(0);
                    page("", Some(("k", &format!("v{}", at + 1))))
                }),
            ),
            ("wasn't asked for", Box::new(|_| page(&entry("other", "v1"), None))),
            ("is no ListVersionsResult", Box::new(|_| answer("200 OK", "", "<ListBucketResult/>"))),
            ("is no ListVersionsResult", Box::new(|_| answer("200 OK", "", ""))),
            ("HTML page", Box::new(|_| answer("200 OK", "", "<html>log in</html>"))),
            ("ends early", Box::new(|_| answer("200 OK", "", "<ListVersionsResult><Version>"))),
        ];
        for (why, lie) in lies {
            let server = server(lie);
            let found = versions(&*server.open("s3://bucket"), "a").await;
            let error = found.last().unwrap().as_ref().unwrap_err();
            assert!(error.to_string().contains(why), "{why}: {error}");
            assert_ne!(error.kind(), Kind::NotFound);
            assert!(found.len() < 9, "{why}: {}", found.len());
        }
    });
}

/// A circle of any length is told, whatever leads into it, without remembering each of its pages.
#[test]
fn a_listing_that_goes_round_in_circles_ends() {
    with_s3_keys("a_listing_that_goes_round_in_circles_ends", async {
        for (begin, length) in [(0, 1), (0, 5), (3, 2), (7, 11)] {
            let server = server(move |request| {
                let at = request.target.rsplit_once("version-id-marker=").map_or("0", |(_, at)| at);
                let next = at.parse::<usize>().unwrap() + 1;
                let next = if next == begin + length + 1 { begin + 1 } else { next };
                page(&entry("a/1", "v1"), Some(("a/1", &next.to_string())))
            });
            let store = server.open("s3://bucket");
            let found: Vec<_> = store.versions("a").take(100).collect().await;
            let error = found.last().unwrap().as_ref().unwrap_err();
            assert!(error.to_string().contains("leads back"), "{error}");
            assert!(found.len() < 4 * (begin + length) + 3, "{} pages", found.len());
        }
    });
}

/// A page that failed is asked for again, and no other.
#[test]
fn a_listing_goes_on_behind_a_bookmark() {
    with_s3_keys("a_listing_goes_on_behind_a_bookmark", async {
        let asked = std::sync::atomic::AtomicU32::new(0);
        let server = server(move |request| {
            if !request.target.contains("key-marker=pre%2Fa%2F1") {
                return page(&entry("pre/a/1", "v1"), Some(("pre/a/1", "v1")));
            }
            match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => xml_error("503 Slow Down", "SlowDown"),
                _ => page(&entry("pre/a/2", "v2"), None),
            }
        });
        let store = server.open("s3://bucket/pre");
        let mut parts = store.parts("a", None);
        let first = parts.next().await.unwrap().unwrap();
        assert_eq!(first.versions[0].key, "a/1");
        assert_eq!(parts.next().await.unwrap().unwrap_err().kind(), Kind::Unavailable);
        assert!(parts.next().await.is_none(), "an error is its end");
        let mut rest = store.parts("a", first.behind.as_ref());
        let last = rest.next().await.unwrap().unwrap();
        assert_eq!((last.versions[0].key.as_str(), last.behind), ("a/2", None));
        assert!(rest.next().await.is_none());
        assert_eq!(server.requests().len(), 3);
    });
}

#[test]
fn another_version_than_asked_for_is_an_error() {
    with_s3_keys("another_version_than_asked_for_is_an_error", async {
        for (headers, right) in
            [("x-amz-version-id: v1\r\n", true), ("x-amz-version-id: v2\r\n", false), ("", false)]
        {
            let server = server(move |request| {
                let range = if request.headers.contains_key("range") {
                    "Content-Range: bytes 0-4/5\r\n"
                } else {
                    ""
                };
                let status = if range.is_empty() { "200 OK" } else { "206 Partial" };
                let lock = "x-amz-object-lock-mode: COMPLIANCE\r\nx-amz-object-lock-retain-until-date: 2026-10-21T07:28:00Z\r\n";
                answer(status, &format!("{OBJECT}{range}{headers}{lock}"), "bytes")
            });
            let store = server.open("s3://bucket");
            let errors = [
                store.get("k", Some("v1"), 9).await.err(),
                store.tail("k", Some("v1"), 5).await.err(),
                store.stream("k", Some("v1")).await.err(),
                store.lock("k", Some("v1")).await.err(),
            ];
            for error in errors {
                let kind = error.as_ref().map(Error::kind);
                assert_eq!(kind, (!right).then_some(Kind::WrongVersion), "{headers}: {error:?}");
            }
            assert!(server.requests().iter().all(|r| r.target.contains("versionId=v1")));
            assert!(store.get("k", None, 9).await.is_ok());
            let empty = store.get("k", Some(""), 9).await.unwrap_err();
            assert_eq!(empty.kind(), Kind::Invalid, "an empty id would mean the latest");
        }
    });
}

/// The lock that an S3 server's answers to HEAD and to `?retention` amount to.
async fn s3_lock(head: &'static str, retention: String) -> Result<Lock, Error> {
    let server = server(move |request| match request.method.as_str() {
        "HEAD" => answer("200 OK", &format!("{OBJECT}{head}"), ""),
        _ => retention.clone(),
    });
    server.open("s3://bucket").lock("k", None).await
}

#[test]
fn locks_of_s3() {
    with_s3_keys("locks_of_s3", async {
        let full = "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2026-10-21T07:28:00.000Z\r\nx-amz-object-lock-legal-hold: ON\r\n";
        let lock = s3_lock(full, xml_error("500 Oops", "InternalError")).await.unwrap();
        let governance = Lock {
            mode: LockMode::Governance,
            until: Some(UNTIL),
            legal_hold: true,
            by: LockedBy::Version,
        };
        assert_eq!(lock, governance);
        // Whoever may not see the headers may still be told, or be told that it may not know.
        let told = answer(
            "200 OK",
            "",
            "<Retention xmlns=\"x\"><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-10-21T07:28:00Z</RetainUntilDate></Retention>",
        );
        let lock = s3_lock("", told).await.unwrap();
        assert_eq!((lock.mode, lock.until), (LockMode::Compliance, Some(UNTIL)));
        for code in ["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"] {
            assert_eq!(s3_lock("", xml_error("404 Not Found", code)).await.unwrap(), Lock::NONE);
        }
        let denied = s3_lock("", xml_error("403 Forbidden", "AccessDenied")).await.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied, "not knowing is no lock's absence");
        assert!(denied.hint().unwrap().contains("s3:GetObjectRetention"));
        // SeaweedFS's answer where nothing is locked; the bucket's own settings tell what it means.
        for (code, absent) in
            [("ObjectLockConfigurationNotFoundError", true), ("AccessDenied", false)]
        {
            let server = server(move |request| match request.target.split_once('?') {
                None => answer("200 OK", OBJECT, ""),
                Some((_, "retention")) => xml_error("400 Bad Request", "InvalidRequest"),
                Some(_) => xml_error("404 Not Found", code),
            });
            let lock = server.open("s3://bucket").lock("k", None).await;
            assert_eq!(lock.ok(), absent.then_some(Lock::NONE), "{code}");
        }
        let odd = "x-amz-object-lock-mode: FOREVER\r\n";
        assert!(s3_lock(odd, String::new()).await.unwrap_err().to_string().contains("mode"));
        let undated = "x-amz-object-lock-mode: COMPLIANCE\r\n";
        assert!(s3_lock(undated, String::new()).await.unwrap_err().to_string().contains("date"));
        // A proxy's empty 404 isn't the store's word.
        let proxy = Server::fixed(answer("404 Not Found", "", ""));
        let error = proxy.open("s3://bucket").lock("k", None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        let absent = Server::fixed(xml_error("404 Not Found", "NoSuchKey"));
        let error = absent.open("s3://bucket").lock("k", None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
    });
}

async fn google_lock(object: &'static str, bucket: &'static str) -> Result<Lock, Error> {
    let server = server(move |request| {
        let of_object = request.target.contains("/o/a%2Fk?");
        answer("200 OK", "", if of_object { object } else { bucket })
    });
    server.open("gs://bucket/a").lock("k", Some("17")).await
}

#[tokio::test]
async fn locks_of_google() {
    let lock = |mode, by| Lock { mode, until: Some(UNTIL), legal_hold: false, by };
    let own = "{\"generation\":\"17\",\"retention\":{\"mode\":\"Locked\",\"retainUntilTime\":\"2026-10-21T07:28:00Z\"},\"retentionExpirationTime\":\"2026-10-21T07:28:00Z\"}";
    let found = google_lock(own, "").await.unwrap();
    assert_eq!(found, lock(LockMode::Compliance, LockedBy::Version), "the bucket isn't even asked");
    let of_bucket = "{\"generation\":\"17\",\"retentionExpirationTime\":\"2026-10-21T07:28:00Z\"}";
    for (policy, mode) in [
        ("{\"retentionPolicy\":{\"isLocked\":true}}", LockMode::Compliance),
        ("{\"retentionPolicy\":{}}", LockMode::Governance),
    ] {
        let found = google_lock(of_bucket, policy).await.unwrap();
        assert_eq!(found, lock(mode, LockedBy::Bucket), "{policy}");
    }
    let held = google_lock("{\"generation\":\"17\",\"eventBasedHold\":true}", "").await.unwrap();
    assert_eq!(held, Lock { legal_hold: true, ..Lock::NONE });
    let other = google_lock("{\"generation\":\"18\"}", "").await.unwrap_err();
    assert_eq!(other.kind(), Kind::WrongVersion, "{other}");
    let absent = Server::fixed(answer(
        "404 Not Found",
        "",
        "{\"error\":{\"code\":404,\"message\":\"No such object: b/k\",\"errors\":[{\"reason\":\"notFound\"}]}}",
    ));
    let error = absent.open("gs://bucket").lock("k", None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}

fn azure(name: &str, body: impl Future<Output = ()>) {
    in_child(name, &[("AZURE_STORAGE_ACCOUNT_KEY", &secret())], body);
}

fn azure_store(server: &Server, options: Options) -> Arc<dyn Store> {
    let endpoint = Some(format!("{}/account", server.endpoint()));
    open("az://box/pre", &Options { endpoint, ..options }).unwrap()
}

#[test]
fn locks_of_azure() {
    azure("locks_of_azure", async {
        for (blob, container, mode, until, by) in [
            (
                "x-ms-immutability-policy-mode: locked\r\nx-ms-immutability-policy-until-date: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
                "",
                LockMode::Compliance,
                Some(UNTIL),
                LockedBy::Version,
            ),
            (
                "x-ms-immutability-policy-mode: unlocked\r\nx-ms-immutability-policy-until-date: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
                "",
                LockMode::Governance,
                Some(UNTIL),
                LockedBy::Version,
            ),
            (
                "",
                "x-ms-has-immutability-policy: true\r\n",
                LockMode::Undisclosed,
                None,
                LockedBy::Bucket,
            ),
            (
                "",
                "x-ms-has-immutability-policy: false\r\n",
                LockMode::None,
                None,
                LockedBy::Version,
            ),
        ] {
            let server = server(move |request| {
                let of_blob = request.target.starts_with("/account/box/pre/k");
                let headers = if of_blob { blob } else { container };
                answer("200 OK", &format!("{OBJECT}x-ms-version-id: v1\r\n{headers}"), "")
            });
            let lock = azure_store(&server, server.options()).lock("k", Some("v1")).await.unwrap();
            assert_eq!((lock.mode, lock.until, lock.by), (mode, until, by), "{blob}{container}");
            assert!(server.requests()[0].header("authorization").starts_with("SharedKey account:"));
        }
    });
}

fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_792_567_680 - 86_400)
}

fn protected(encryption: Encryption, legal_hold: bool, options: Options) -> Options {
    let retention = Some(Retention { compliance: true, duration: Duration::from_secs(86_400) });
    Options { retention, legal_hold, encryption: Some(encryption), clock: noon, ..options }
}

#[test]
fn protected_puts_sign_what_they_ask_for() {
    with_s3_keys("protected_puts_sign_what_they_ask_for", async {
        let server = Server::fixed(answer("200 OK", "ETag: \"e\"\r\nx-amz-version-id: v7\r\n", ""));
        let options = protected(Encryption::S3Kms("key-1".into()), true, server.options());
        let stored = open("s3://bucket", &options).unwrap().put_new("k", BYTES).await.unwrap();
        assert_eq!(stored.version.as_deref(), Some("v7"));
        let options =
            protected(Encryption::GoogleKey("projects/p".into()), false, server.options());
        open("gs://bucket", &options).unwrap().put_new("k", BYTES).await.unwrap();
        let requests = server.requests();
        let [s3, google] = &requests[..] else { panic!("{requests:?}") };
        for (name, value) in [
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-object-lock-retain-until-date", "2026-10-21T07:28:00Z"),
            ("x-amz-object-lock-legal-hold", "ON"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
        ] {
            assert_eq!(s3.header(name), value);
            let (_, signed) = s3.header("authorization").split_once("SignedHeaders=").unwrap();
            assert!(signed.split([';', ',']).any(|header| header == name), "{signed}");
        }
        assert_eq!(s3.header("if-none-match"), "*");
        assert_eq!(s3.header("x-amz-checksum-sha256").len(), 44);
        assert_eq!(s3.header("authorization").matches("Signature=").count(), 1, "signed once");
        assert_eq!(google.header("x-goog-object-lock-mode"), "COMPLIANCE");
        assert_eq!(google.header("x-goog-encryption-kms-key-name"), "projects/p");
        assert_eq!(google.header("x-goog-if-generation-match"), "0");
    });
}

#[test]
fn protected_puts_to_azure_are_signed_once() {
    azure("protected_puts_to_azure_are_signed_once", async {
        let server =
            Server::fixed(answer("201 Created", "ETag: \"e\"\r\nx-ms-version-id: v1\r\n", ""));
        let options = protected(Encryption::AzureScope("scope".into()), true, server.options());
        let stored = azure_store(&server, options).put_new("k", BYTES).await.unwrap();
        assert_eq!(stored.version.as_deref(), Some("v1"));
        let request = server.requests().remove(0);
        assert_eq!(request.header("x-ms-encryption-scope"), "scope");
        assert_eq!(request.header("x-ms-legal-hold"), "true");
        assert_eq!(request.header("x-ms-immutability-policy-mode"), "locked");
        let until = request.header("x-ms-immutability-policy-until-date");
        assert_eq!(until, "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(request.header("authorization").matches("SharedKey").count(), 1);
    });
}

#[test]
fn an_archive_tier_is_told_from_an_absence() {
    with_s3_keys("an_archive_tier_is_told_from_an_absence", async {
        let server = Server::fixed(xml_error("403 Forbidden", "InvalidObjectState"));
        let error = server.open("s3://bucket").get("k", Some("v1"), 9).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Archived, "{error}");
        assert!(error.hint().unwrap().contains("restore"));
        let marker = Server::fixed(xml_error("405 Method Not Allowed", "MethodNotAllowed"));
        let error = marker.open("s3://bucket").get("k", Some("v1"), 9).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
    });
}

#[test]
fn a_server_that_ignores_the_condition_is_found_out() {
    with_s3_keys("a_server_that_ignores_the_condition_is_found_out", async {
        // As Ceph's gateway does in a bucket with versions: it takes whatever comes.
        let server =
            server(|_| answer("200 OK", &format!("{OBJECT}x-amz-version-id: v2\r\n"), "bytes"));
        let found = canary(&*server.open("s3://bucket"), "k").await;
        assert_eq!(found, Canary::Ignored { version: Some("v2".to_owned()) });
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{requests:?}");
        assert_eq!((requests[1].method.as_str(), &requests[1].body[..]), ("PUT", &b"bytes"[..]));
        assert_eq!(requests[1].header("if-none-match"), "*");
    });
}
