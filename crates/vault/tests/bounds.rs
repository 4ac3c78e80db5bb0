//! Listings beyond their bounds: every entry comes, or the listing ends with an error.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use auditseal_store::Version;
use auditseal_vault::{Page, PageOptions};
use common::{Request, Server, answer, listed, with_s3_keys};
use futures::TryStreamExt;

/// Entries of a page: of S3 at most, and as many as are read at most, which is Azure's most.
const PAGE: usize = 1000;
const RECORDS: usize = 5000;
/// Empty pages in a row, as `listing.rs` has it.
const EMPTY_PAGES: usize = 1000;
/// Bytes of a page of metrics, as `page.rs` has it.
const METRICS: usize = 256 << 20;
/// Bytes of a page, as `client.rs` has it.
const LIST_LIMIT: usize = 32 << 20;

fn around(bound: usize) -> [usize; 4] {
    [bound - 1, bound, bound + 1, 10 * bound]
}

fn server(given: impl Fn(&Request) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |request, stream| {
        stream.write_all(given(request).as_bytes()).ok();
    })
}

/// The number behind `=at` in a request: where its page begins.
fn begin(request: &Request) -> usize {
    let at = request.target.split("=at").nth(1).unwrap_or("0");
    at.split('&').next().unwrap().parse().unwrap()
}

fn objects(count: usize, page: usize) -> Server {
    server(move |request| {
        let from = begin(request);
        let to = count.min(from + page);
        let mut xml = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
        for n in from..to {
            write!(xml, "<Contents><Key>{n:06}</Key><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size></Contents>").unwrap();
        }
        if to < count {
            write!(xml, "<NextContinuationToken>at{to}</NextContinuationToken>").unwrap();
        }
        answer("200 OK", "", &(xml + "</ListBucketResult>"))
    })
}

fn versions_of_one_key(count: usize) -> Server {
    server(move |request| {
        let from = begin(request);
        let to = count.min(from + PAGE);
        let mut xml = String::from("<?xml version=\"1.0\"?><ListVersionsResult>");
        for n in from..to {
            let latest = n == 0;
            write!(xml, "<Version><Key>k</Key><VersionId>v{n}</VersionId><IsLatest>{latest}</IsLatest><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size></Version>").unwrap();
        }
        if to < count {
            write!(xml, "<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>at{to}</NextVersionIdMarker>").unwrap();
        }
        answer("200 OK", "", &(xml + "</ListVersionsResult>"))
    })
}

#[test]
fn objects_beyond_a_page_are_listed_to_the_last() {
    with_s3_keys("objects_beyond_a_page_are_listed_to_the_last", async {
        for count in [PAGE - 1, PAGE, PAGE + 1, 10 * PAGE + 1] {
            let server = objects(count, PAGE);
            let found = listed(&*server.open("s3://bucket"), "").await;
            let keys: Vec<_> = found.into_iter().map(|object| object.unwrap().key).collect();
            let wanted: Vec<_> = (0..count).map(|n| format!("{n:06}")).collect();
            assert!(keys == wanted, "{count}: {} objects", keys.len());
            assert_eq!(server.requests().len(), count.div_ceil(PAGE));
        }
    });
}

#[test]
fn versions_of_a_key_beyond_a_page_are_listed_to_the_last() {
    with_s3_keys("versions_of_a_key_beyond_a_page_are_listed_to_the_last", async {
        for count in [PAGE - 1, PAGE, PAGE + 1, 10 * PAGE + 1] {
            let server = versions_of_one_key(count);
            let store = server.open("s3://bucket");
            let found: Vec<Version> = store.versions("").try_collect().await.unwrap();
            let ids: Vec<_> = found.into_iter().filter_map(|version| version.id).collect();
            let wanted: Vec<_> = (0..count).map(|n| format!("v{n}")).collect();
            assert!(ids == wanted, "{count}: {} versions", ids.len());
        }
    });
}

/// A page that no cloud sends isn't read in part.
#[test]
fn a_page_of_more_entries_than_any_clouds_is_an_error() {
    with_s3_keys("a_page_of_more_entries_than_any_clouds_is_an_error", async {
        for count in around(RECORDS) {
            let server = objects(count, count);
            let found = listed(&*server.open("s3://bucket"), "").await;
            if count <= RECORDS {
                assert_eq!(found.iter().filter(|entry| entry.is_ok()).count(), count);
            } else {
                let [Err(error)] = &found[..] else { panic!("{count}: {} entries", found.len()) };
                assert!(error.to_string().contains("more than 5000"), "{error}");
            }
        }
    });
}

#[test]
fn a_page_of_more_bytes_than_any_clouds_is_an_error() {
    with_s3_keys("a_page_of_more_bytes_than_any_clouds_is_an_error", async {
        let frame = "<ListBucketResult><!----></ListBucketResult>".len();
        for (length, good) in [(LIST_LIMIT, true), (LIST_LIMIT + 1, false), (2 * LIST_LIMIT, false)]
        {
            let filling = " ".repeat(length - frame);
            let server = server(move |_| {
                let xml = format!("<ListBucketResult><!--{filling}--></ListBucketResult>");
                answer("200 OK", "", &xml)
            });
            let mut options = server.options();
            options.timeout = Duration::from_secs(60);
            let store = auditseal_vault::open("s3://bucket", &options).unwrap();
            let found = listed(&*store, "").await;
            assert_eq!(found.is_empty(), good, "{length} bytes: {found:?}");
            assert!(good || found[0].is_err(), "{length} bytes: an error, and nothing else");
        }
    });
}

/// Where much was deleted, stores send empty pages. What comes behind them is found.
#[test]
fn empty_pages_are_passed_and_too_many_are_an_error() {
    with_s3_keys("empty_pages_are_passed_and_too_many_are_an_error", async {
        for empty in [EMPTY_PAGES - 1, EMPTY_PAGES, EMPTY_PAGES + 1] {
            let server = server(move |request| {
                let at = begin(request);
                let xml = if at < empty {
                    format!(
                        "<ListBucketResult><NextContinuationToken>at{}</NextContinuationToken></ListBucketResult>",
                        at + 1
                    )
                } else {
                    "<ListBucketResult><Contents><Key>last</Key><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size></Contents></ListBucketResult>".to_owned()
                };
                answer("200 OK", "", &xml)
            });
            let found = listed(&*server.open("s3://bucket"), "").await;
            assert_eq!(found.len(), 1, "{empty} empty pages");
            assert_eq!(found[0].is_ok(), empty < EMPTY_PAGES, "{empty}: {:?}", found[0]);
        }
    });
}

/// An apiserver's metrics have tens of megabytes. A page without an end is an error, not a part.
#[tokio::test]
async fn a_page_of_metrics_beyond_its_bound_is_an_error() {
    for (length, good) in [(METRICS - 1, true), (METRICS, true), (METRICS + 1, false)] {
        let server = Server::new(move |_, stream| {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).ok();
            let (piece, mut left) = (vec![b'#'; 1 << 20], length);
            while left > 0 && stream.write_all(&piece[..left.min(1 << 20)]).is_ok() {
                left -= left.min(1 << 20);
            }
        });
        let mut page = Page::new(PageOptions {
            url: format!("{}/metrics", server.endpoint()),
            token: None,
            ca: None,
            identity: None,
            timeout: Duration::from_secs(60),
        });
        let mut read = 0;
        let got = page.get(|piece| read += piece.len()).await;
        assert_eq!(got.is_ok(), good, "{length} bytes: {got:?}");
        assert!(!good || read == length, "{length} bytes: {read} were read");
    }
}
