//! What a server may do to us, played by one on the loopback interface.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use auditseal_store::{Error, Kind};
use auditseal_vault::{Options, open};
use bytes::Bytes;
use common::{OBJECT, Server, answer, in_child, listed, with_s3_keys, xml_error};
use futures::TryStreamExt;

const BYTES: Bytes = Bytes::from_static(b"some bytes");

/// The errors of every operation against one server.
async fn all_errors(server: &Server) -> Vec<Error> {
    errors_of(server, "s3://bucket/prefix").await
}

async fn errors_of(server: &Server, url: &str) -> Vec<Error> {
    let store = server.open(url);
    vec![
        store.put_new("k", BYTES).await.unwrap_err(),
        store.get("k", None, 100).await.unwrap_err(),
        store.tail("k", None, 100).await.unwrap_err(),
        store.stream("k", None).await.map(|_| ()).unwrap_err(),
        listed(&*store, "").await.remove(0).unwrap_err(),
    ]
}

#[test]
fn folders_are_asked_for_by_how_they_begin() {
    with_s3_keys("folders_are_asked_for_by_how_they_begin", async {
        // A marker lies over all that `cluster=b` holds.
        let server = Server::new(|request, stream| {
            let seen = "<ListBucketResult><CommonPrefixes><Prefix>p/cluster=a/</Prefix></CommonPrefixes></ListBucketResult>";
            let all = "<ListVersionsResult><CommonPrefixes><Prefix>p/cluster=a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>p/cluster=b/</Prefix></CommonPrefixes></ListVersionsResult>";
            let versions = request.target.contains("?versions");
            let answer = answer("200 OK", "", if versions { all } else { seen });
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let store = server.open("s3://bucket/p");
        let found: Vec<_> = store.folders("cluster=").try_collect().await.unwrap();
        assert_eq!(found, ["cluster=a", "cluster=b"]);
        let asked = ["list-type=2", "versions"].map(|what| {
            format!("/bucket?{what}&encoding-type=url&prefix=p%2Fcluster%3D&delimiter=%2F")
        });
        let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(targets, asked);
        let stray = store.folders("node=").try_collect::<Vec<_>>().await.unwrap_err();
        assert!(stray.to_string().contains("wasn't asked for"), "{stray}");
    });
}

#[test]
fn a_silent_server_times_out() {
    with_s3_keys("a_silent_server_times_out", async {
        let server = Server::new(|_, _| std::thread::sleep(Duration::from_secs(60)));
        let begun = Instant::now();
        for error in all_errors(&server).await {
            assert_eq!(error.kind(), Kind::Timeout, "{error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(server.requests().len(), 5, "one attempt per call");
    });
}

#[test]
fn a_body_that_stalls_times_out() {
    with_s3_keys("a_body_that_stalls_times_out", async {
        let server = Server::new(|_, stream| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n{OBJECT}\r\nabc"
            );
            stream.write_all(head.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_secs(60));
        });
        let store = server.open("s3://bucket");
        let error = store.get("k", None, 100).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(error.to_string().contains("3 of 50 bytes"), "{error}");
        let (_, pieces) = store.stream("k", None).await.unwrap();
        let error = pieces.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
    });
}

/// At 16 KiB/s, a quarter of what is asked for at first; 16 KiB then last a second.
#[test]
fn a_thin_link_is_given_more_time_with_each_attempt() {
    with_s3_keys("a_thin_link_is_given_more_time_with_each_attempt", async {
        let server = Server::new(|request, stream| {
            let second = Duration::from_secs(1);
            if request.method == "PUT" {
                std::thread::sleep(second);
                stream.write_all(answer("200 OK", "ETag: \"e\"\r\n", "").as_bytes()).ok();
                return;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 16384\r\nConnection: close\r\n{OBJECT}\r\n"
            );
            stream.write_all(head.as_bytes()).ok();
            for _ in 0..32 {
                std::thread::sleep(second / 32);
                stream.write_all(&[b'x'; 512]).ok();
            }
        });
        let options = Options { timeout: Duration::from_millis(200), ..server.options() };
        let store = open("s3://bucket", &options).unwrap();
        let bytes = Bytes::from(vec![b'x'; 16_384]);
        let mut attempts = Vec::new();
        for key in ["first", "second"] {
            let mut tries = (1, 1);
            while let Err(error) = store.put_new(key, bytes.clone()).await {
                assert_eq!((error.kind(), tries.0 < 9), (Kind::Timeout, true), "{error}");
                tries.0 += 1;
            }
            loop {
                match store.get(key, None, 20_000).await {
                    Ok(fetched) => break assert_eq!(fetched.bytes, bytes),
                    Err(error) => assert_eq!(error.kind(), Kind::Timeout, "{error}"),
                }
                tries.1 += 1;
                assert!(tries.1 < 9);
            }
            attempts.push(tries);
        }
        assert!(attempts[0].0 > 1 && attempts[0].1 > 1, "{attempts:?}: it is a thin link");
        assert_eq!(attempts[1], (1, 1), "what was learned isn't forgotten");
        // Silence gets no more time for that: nothing moves there.
        let silent = Server::new(|_, _| std::thread::sleep(Duration::from_secs(60)));
        let store = open("s3://bucket", &Options { endpoint: Some(silent.endpoint()), ..options });
        let store = store.unwrap();
        let begun = Instant::now();
        for _ in 0..10 {
            store.get("k", None, 100).await.unwrap_err();
            store.put_new("k", BYTES).await.unwrap_err();
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    });
}

#[test]
fn puts_carry_what_each_store_needs() {
    with_s3_keys("puts_carry_what_each_store_needs", async {
        let server = Server::fixed(answer("200 OK", "ETag: \"e\"\r\nx-amz-version-id: v7\r\n", ""));
        let stored = server.open("s3://bucket/pre").put_new("a=b/c.d", BYTES).await.unwrap();
        assert_eq!(stored.version.as_deref(), Some("v7"));
        server.open("gs://bucket/pre").put_new("a=b/c.d", BYTES).await.unwrap();
        let requests = server.requests();
        let [s3, gcs] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((s3.method.as_str(), s3.target.as_str()), ("PUT", "/bucket/pre/a%3Db/c.d"));
        assert_eq!(s3.header("if-none-match"), "*");
        assert!(s3.header("authorization").contains("/us-east-1/s3/"));
        assert_eq!(s3.header("x-amz-checksum-sha256").len(), 44, "{s3:?}");
        assert_eq!(gcs.header("x-goog-if-generation-match"), "0");
        assert_eq!(gcs.header("authorization"), "Bearer", "no token, for plain HTTP gives it away");
        for request in &requests {
            assert_eq!(request.body, BYTES);
            assert_eq!(request.header("content-type"), "application/zstd");
            assert_eq!(request.header("content-encoding"), "");
        }
    });
}

#[test]
fn an_azure_account_comes_from_the_endpoint_or_the_environment() {
    let name = "an_azure_account_comes_from_the_endpoint_or_the_environment";
    let key = common::secret();
    in_child(name, &[("AZURE_STORAGE_ACCOUNT_KEY", &key)], async {
        let server = Server::fixed(answer("201 Created", "ETag: \"e\"\r\n", ""));
        let endpoint = Some(format!("{}/account", server.endpoint()));
        let store = open("az://box/pre", &Options { endpoint, ..server.options() }).unwrap();
        store.put_new("k", BYTES).await.unwrap();
        let request = server.requests().remove(0);
        assert_eq!(request.target, "/account/box/pre/k");
        assert_eq!(request.header("if-none-match"), "*");
        assert_eq!(request.header("x-ms-blob-content-type"), "application/zstd");
        assert!(request.header("authorization").starts_with("SharedKey account:"), "{request:?}");
        let error = open("az://box", &Options::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        let hint = error.hint().unwrap_or("none");
        assert!(hint.contains("set AZURE_STORAGE_ACCOUNT_NAME"), "{error}: {hint}");
    });
}

#[test]
fn the_environment_cannot_turn_off_the_lock() {
    let name = "the_environment_cannot_turn_off_the_lock";
    let key = common::secret();
    let env = [
        ("AWS_ACCESS_KEY_ID", key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", key.as_str()),
        ("AWS_CONDITIONAL_PUT", "disabled"),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
    ];
    in_child(name, &env, async {
        let server = Server::fixed(answer("200 OK", "ETag: \"e\"\r\n", ""));
        server.open("s3://bucket").put_new("k", BYTES).await.unwrap();
        let region = Some("ap-south-2".to_owned());
        let store = open("s3://bucket", &Options { region, ..server.options() }).unwrap();
        store.put_new("k", BYTES).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests[0].header("if-none-match"), "*");
        assert_eq!(requests[0].target, "/bucket/k");
        assert!(requests[0].header("authorization").contains("/eu-north-1/s3/"));
        assert!(requests[1].header("authorization").contains("/ap-south-2/s3/"));
    });
}

#[test]
fn only_the_stores_word_counts_as_absent() {
    with_s3_keys("only_the_stores_word_counts_as_absent", async {
        let page =
            answer("404 Not Found", "", "<html><title>Nothing\nhere</title> NoSuchKey</html>");
        let cases = [
            (xml_error("404 Not Found", "NoSuchKey"), Kind::NotFound),
            (xml_error("404 Not Found", "NoSuchBucket"), Kind::NoBucket),
            (page, Kind::Unavailable),
            (answer("404 Not Found", "", ""), Kind::Unavailable),
            (xml_error("403 Forbidden", "AccessDenied"), Kind::Denied),
            (xml_error("503 Slow Down", "SlowDown"), Kind::Unavailable),
            (answer("302 Found", "", ""), Kind::Other),
        ];
        for (given, kind) in cases {
            let server = Server::fixed(given.clone());
            for url in ["s3://bucket/prefix", "gs://bucket/prefix"] {
                for error in errors_of(&server, url).await {
                    assert_eq!(error.kind(), kind, "{given}\n{error}");
                    let shown = error.to_string();
                    assert!(shown.contains(url) && !shown.contains(['\n', '<']), "{shown}");
                }
            }
            assert_eq!(server.requests().len(), 10, "one attempt per call");
        }
    });
}

#[test]
fn a_conflict_is_told_from_a_taken_key() {
    with_s3_keys("a_conflict_is_told_from_a_taken_key", async {
        for (status, code, kind) in [
            ("412 Precondition Failed", "PreconditionFailed", Kind::AlreadyExists),
            ("409 Conflict", "ConditionalRequestConflict", Kind::Unavailable),
            ("413 Too Large", "EntityTooLarge", Kind::TooLarge),
        ] {
            let server = Server::fixed(xml_error(status, code));
            let error = server.open("s3://bucket").put_new("k", BYTES).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    });
}

#[test]
fn the_right_region_is_named() {
    with_s3_keys("the_right_region_is_named", async {
        let header = "x-amz-bucket-region: eu-west-3\r\n";
        let server = Server::fixed(answer(
            "301 Moved",
            header,
            "<Error><Code>PermanentRedirect</Code></Error>",
        ));
        for error in all_errors(&server).await {
            assert_eq!(
                error.hint(),
                Some(
                    "the bucket is in the region eu-west-3: give --region eu-west-3, or set \
                     AWS_REGION; an --endpoint of AWS's must name the same"
                ),
                "{error}"
            );
        }
    });
}

/// Nobody but the host that was named gets credentials, a session's token or what is sealed.
#[test]
fn a_redirect_to_another_host_is_not_followed() {
    with_s3_keys("a_redirect_to_another_host_is_not_followed", async {
        for status in ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"] {
            let elsewhere = Server::fixed(answer("200 OK", OBJECT, ""));
            let location = format!("Location: {}/bucket/prefix/k\r\n", elsewhere.endpoint());
            let server = Server::fixed(answer(status, &location, ""));
            for error in all_errors(&server).await {
                assert!(error.to_string().contains(&status[..3]), "{status}: {error}");
                assert!(error.hint().unwrap_or("none").contains("--endpoint"), "{status}: {error}");
            }
            assert!(elsewhere.requests().is_empty(), "{status}: {:?}", elsewhere.requests());
        }
    });
}

/// On the same host it is, a few times, where something is asked for. A put is done where it was sent or not at all: by a
/// 303 it would become a get, whose success would pass for its own.
#[test]
fn a_redirect_on_the_same_host_is_followed_a_few_times() {
    with_s3_keys("a_redirect_on_the_same_host_is_followed_a_few_times", async {
        for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
            let server = Server::new(move |request, stream| {
                let there = request.target.starts_with("/there/");
                let location = format!("Location: /there{}\r\n", request.target);
                let found = answer("200 OK", OBJECT, "bytes");
                let text = if there { found } else { answer(status, &location, "") };
                stream.write_all(text.as_bytes()).unwrap();
            });
            let store = server.open("s3://bucket/prefix");
            assert_eq!(store.get("k", None, 100).await.unwrap().bytes, "bytes", "{status}");
            // What is put is read once, so that it can't be sent again.
            let before = server.requests().len();
            store.put_new("k", BYTES).await.unwrap_err();
            assert_eq!(server.requests().len() - before, 1, "{status}");
        }
        let looping = Server::fixed(answer("307 Temporary", "Location: /bucket/prefix/k\r\n", ""));
        looping.open("s3://bucket/prefix").get("k", None, 100).await.unwrap_err();
        assert_eq!(looping.requests().len(), 5);
        let seen = Server::new(|request, stream| {
            let see = answer("303 See Other", "Location: /bucket/prefix/k\r\n", "");
            let text = if request.method == "PUT" { see } else { answer("200 OK", OBJECT, "") };
            stream.write_all(text.as_bytes()).unwrap();
        });
        seen.open("s3://bucket/prefix").put_new("k", BYTES).await.unwrap_err();
        assert_eq!(seen.requests().len(), 1);
    });
}

#[test]
fn an_error_that_isnt_text_keeps_its_status() {
    with_s3_keys("an_error_that_isnt_text_keeps_its_status", async {
        let mut raw = answer("403 Forbidden", "", "????").into_bytes();
        let end = raw.len();
        raw[end - 4..].copy_from_slice(&[0xff, 0xfe, 0x00, 0x1b]);
        for error in all_errors(&Server::fixed(raw)).await {
            assert_eq!(error.kind(), Kind::Denied, "{error}");
        }
    });
}

/// A server that writes for as long as it can after `head`, and counts.
fn flood(head: &'static str) -> (Server, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let server = Server::new(move |_, stream| {
        stream.write_all(head.as_bytes()).ok();
        let block = [b'x'; 65_536];
        while stream.write_all(&block).is_ok() {
            count.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
    });
    (server, written)
}

const MIB: u64 = 1024 * 1024;

#[test]
fn endless_errors_are_cut() {
    with_s3_keys("endless_errors_are_cut", async {
        let (server, written) = flood("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n");
        for error in all_errors(&server).await {
            assert_eq!(error.kind(), Kind::Unavailable, "{error}");
            assert!(error.to_string().len() < 1000);
        }
        // What the kernel's socket buffers take is written, too.
        let sent = written.load(Ordering::Relaxed);
        assert!(sent < 80 * MIB, "{sent} bytes went out");
    });
}

#[test]
fn an_endless_listing_is_cut() {
    with_s3_keys("an_endless_listing_is_cut", async {
        let (server, _) = flood("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult>");
        let entries = listed(&*server.open("s3://bucket"), "").await;
        assert_eq!(entries.len(), 1);
        let error = entries[0].as_ref().unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.to_string().contains("exceeds"), "{error}");
    });
}

#[test]
fn the_announced_size_is_checked_before_and_after() {
    with_s3_keys("the_announced_size_is_checked_before_and_after", async {
        let (server, written) = flood(
            "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n",
        );
        let store = server.open("s3://bucket");
        let error = store.get("k", None, 1000).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge, "{error}");
        assert!(written.load(Ordering::Relaxed) < 20 * MIB);
        let short = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 90\r\nConnection: close\r\n{OBJECT}\r\nabc"
        );
        let error = Server::fixed(short).open("s3://bucket").get("k", None, 100).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        // No length at all: nothing says when it would end.
        let open_end = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{OBJECT}\r\nabc");
        Server::fixed(open_end).open("s3://bucket").get("k", None, 100).await.unwrap_err();
    });
}

#[test]
fn a_chunked_body_longer_than_announced_is_refused() {
    with_s3_keys("a_chunked_body_longer_than_announced_is_refused", async {
        // Both length headers: HTTP says that the chunks count, the announcement says 3.
        let lie = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n{OBJECT}\r\n6\r\nabcdef\r\n0\r\n\r\n"
        );
        let server = Server::fixed(lie);
        let error = server.open("s3://bucket").get("k", None, 100).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unavailable | Kind::Other), "{error}");
    });
}

#[test]
fn whole_objects_instead_of_ranges() {
    with_s3_keys("whole_objects_instead_of_ranges", async {
        let (server, written) = flood(
            "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n",
        );
        let error = server.open("s3://bucket").tail("k", None, 1000).await.unwrap_err();
        assert!(error.to_string().contains("non-partial"), "{error}");
        assert!(written.load(Ordering::Relaxed) < 40 * MIB);
        let small = Server::fixed(answer("200 OK", OBJECT, "whole"));
        assert_eq!(small.open("s3://bucket").tail("k", None, 5).await.unwrap().bytes, "whole");
        let wrong = "Content-Range: bytes 0-4/99\r\n";
        let wrong = Server::fixed(answer("206 Partial", &format!("{OBJECT}{wrong}"), "wrong"));
        wrong.open("s3://bucket").tail("k", None, 5).await.unwrap_err();
    });
}

fn page(keys: &[&str], next: Option<&str>) -> String {
    let entries: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><LastModified>2026-10-21T07:28:00.123Z</LastModified><ETag>\"e\"</ETag><Size>5</Size></Contents>"))
        .collect();
    let next = next.map_or(String::new(), |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    answer(
        "200 OK",
        "",
        &format!("<?xml version=\"1.0\"?><ListBucketResult>{entries}{next}</ListBucketResult>"),
    )
}

#[test]
fn listings_end_with_their_first_error() {
    with_s3_keys("listings_end_with_their_first_error", async {
        let server = Server::new(|request, stream| {
            let given = if request.target.contains("continuation-token") {
                xml_error("500 Oops", "InternalError")
            } else {
                page(&["pre/a/1", "pre/a/2", "pre/a"], Some("t"))
            };
            stream.write_all(given.as_bytes()).unwrap();
        });
        let entries = listed(&*server.open("s3://bucket/pre"), "a").await;
        let keys: Vec<_> = entries.iter().flatten().map(|info| info.key.as_str()).collect();
        assert_eq!(keys, ["a/1", "a/2"], "the folder's own marker isn't an object");
        assert_eq!(entries[0].as_ref().unwrap().modified, 1_792_567_680_123_000);
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[2].as_ref().unwrap_err().kind(), Kind::Unavailable);
        assert!(
            server.requests()[0].target.contains("prefix=pre%2Fa%2F"),
            "{:?}",
            server.requests()
        );
        let foreign = Server::fixed(page(&["pre/a/1", "other/x", "pre/a/2"], None));
        let entries = listed(&*foreign.open("s3://bucket/pre"), "a").await;
        assert_eq!(entries.len(), 1, "nothing of such a page is taken: {entries:?}");
        assert!(entries[0].as_ref().unwrap_err().to_string().contains("wasn't asked for"));
    });
}

#[test]
fn nobody_there() {
    with_s3_keys("nobody_there", async {
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().to_string()
        };
        let endpoint = Some(format!("http://{closed}"));
        let store = open("s3://b", &Options { endpoint, ..Options::default() }).unwrap();
        let error = store.get("k", None, 10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
        // No resolver knows it, whoever is asked (RFC 6761).
        let endpoint = Some("http://store.invalid".to_owned());
        let store = open("s3://b", &Options { endpoint, ..Options::default() }).unwrap();
        for error in [
            store.put_new("k", BYTES).await.unwrap_err(),
            store.get("k", None, 10).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        }
        let plain = Server::fixed(answer("400 Bad Request", "", "plain HTTP"));
        let endpoint = Some(format!("https://{}", plain.address));
        let store = open("s3://b", &Options { endpoint, ..plain.options() }).unwrap();
        let error = store.get("k", None, 10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.hint().unwrap_or("none").contains("http://"), "{error} {:?}", error.hint());
    });
}

/// What the store says of the bytes that it got is held against what was sent; what it doesn't say, or
/// what is no checksum of them, isn't.
#[test]
fn a_checksum_in_the_answer_must_be_that_of_the_bytes() {
    with_s3_keys("a_checksum_in_the_answer_must_be_that_of_the_bytes", async {
        let sha256 = "DSLNzBDm0Enb4a9RI9UIc/38Gk9YMG5Yy2JBvpRyAU0=";
        let (ours, other) = (format!("x-amz-checksum-sha256: {sha256}"), sha256.replace('D', "E"));
        let md5 = "nQVoRp0gbBrt8bcfEvR0vA==";
        let cases = [
            (ours.clone(), true),
            (format!("x-amz-checksum-sha256: {other}"), false),
            (format!("Content-MD5: {md5}"), true),
            ("Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==".to_owned(), false),
            (format!("x-goog-hash: crc32c=AAAAAA==,md5={md5}"), true),
            (format!("x-goog-hash: crc32c=AAAAAA==\r\nx-goog-hash: md5={md5}"), true),
            ("x-goog-hash: crc32c=AAAAAA==,md5=AAAAAAAAAAAAAAAAAAAAAA==".to_owned(), false),
            ("x-goog-hash: crc32c=AAAAAA==".to_owned(), true),
            ("x-amz-version-id: 3".to_owned(), true),
        ];
        for (header, agrees) in cases {
            let head = format!("ETag: \"0123456789abcdef0123456789abcdef\"\r\n{header}\r\n");
            let server = Server::fixed(answer("200 OK", &head, ""));
            match server.open("s3://bucket").put_new("k", BYTES).await {
                Ok(_) => assert!(agrees, "{header}"),
                Err(error) => {
                    assert!(!agrees && error.kind() == Kind::Unavailable, "{header}: {error}");
                    assert!(error.to_string().contains("other bytes than were sent"), "{error}");
                }
            }
        }
    });
}
