//! Marks as they look on the wire, and when the server can't keep them, or lies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;

use auditseal_store::Kind;
use auditseal_vault::{Options, open};
use common::{Request, Server, answer, in_child, secret, with_s3_keys, xml_error};

const KEY: &str = "cluster=c/node=n/source=s/date=2026-11-21/000000000001.jsonl.zst";
const GENESIS: &str = "cluster=c/node=n/source=s/date=1970-01-01/000000000000.jsonl.zst";
const DATE: &str = "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n";

fn server(reply: impl Fn(&Request) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |request, stream| {
        stream.write_all(reply(request).as_bytes()).ok();
    })
}

/// A server whose object has these tags, and which takes any.
fn tagged(tags: &'static str) -> Server {
    server(move |request| match request.method.as_str() {
        "GET" => answer("200 OK", "x-amz-version-id: v1\r\n", tags),
        _ => answer("200 OK", "x-amz-version-id: v1\r\n", ""),
    })
}

/// The bodies of the requests that would change something.
fn changes(server: &Server) -> Vec<String> {
    let changing = server.requests().into_iter().filter(|request| request.method != "GET");
    changing.map(|request| String::from_utf8(request.body).unwrap()).collect()
}

#[test]
fn a_tag_is_put_beside_those_that_are_there() {
    with_s3_keys("a_tag_is_put_beside_those_that_are_there", async {
        let server = tagged(
            "<Tagging><TagSet><Tag><Key>a&amp;b</Key><Value>&lt;x&gt;</Value></Tag><Tag><Key>auditseal-packed</Key><Value>no</Value></Tag><Tag><Key>empty</Key><Value/></Tag></TagSet></Tagging>",
        );
        let store = server.open("s3://bucket/pre");
        assert!(!store.marked(KEY, Some("v1")).await.unwrap(), "by its name alone it is no mark");
        store.mark(KEY, Some("v1")).await.unwrap();
        let requests = server.requests();
        let put = requests.last().unwrap();
        assert_eq!(
            put.target,
            "/bucket/pre/cluster%3Dc/node%3Dn/source%3Ds/date%3D2026-11-21/000000000001.jsonl.zst?tagging&versionId=v1"
        );
        assert_eq!(requests[1].target, put.target);
        assert_eq!(
            changes(&server),
            [
                "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>a&amp;b</Key><Value>&lt;x&gt;</Value></Tag><Tag><Key>empty</Key><Value></Value></Tag><Tag><Key>auditseal-packed</Key><Value>true</Value></Tag></TagSet></Tagging>"
            ]
        );
        assert!(!put.header("content-md5").is_empty());
        assert!(put.header("authorization").contains("x-amz-checksum-sha256"));
    });
}

#[test]
fn what_is_marked_or_has_no_room_is_left_alone() {
    with_s3_keys("what_is_marked_or_has_no_room_is_left_alone", async {
        let server = tagged(
            "<Tagging><TagSet><Tag><Key>auditseal-packed</Key><Value>true</Value></Tag></TagSet></Tagging>",
        );
        let store = server.open("s3://bucket");
        store.mark(KEY, Some("v1")).await.unwrap();
        assert!(store.marked(KEY, Some("v1")).await.unwrap());
        assert!(changes(&server).is_empty());
        // Ten tags are as many as an object may have.
        for (others, fits) in [(9, true), (10, false), (11, false)] {
            let others: String = (0..others)
                .map(|at| format!("<Tag><Key>k{at}</Key><Value>v</Value></Tag>"))
                .collect();
            let tags = format!("<Tagging><TagSet>{others}</TagSet></Tagging>").leak();
            let server = tagged(tags);
            let marked = server.open("s3://bucket").mark(KEY, Some("v1")).await;
            assert_eq!(changes(&server).len(), usize::from(fits));
            if let Err(error) = marked {
                assert_eq!((error.kind(), fits), (Kind::Invalid, false), "{error}");
                assert!(error.to_string().contains("no room for another"), "{error}");
            }
        }
        let server = tagged("");
        let store = server.open("s3://bucket");
        assert_eq!(store.mark(GENESIS, Some("v1")).await.unwrap_err().kind(), Kind::Invalid);
        assert!(server.requests().is_empty(), "of a genesis nothing is even asked");
    });
}

#[test]
fn a_server_that_knows_no_tags_is_never_sent_any() {
    with_s3_keys("a_server_that_knows_no_tags_is_never_sent_any", async {
        type Lie = Box<dyn Fn(&Request) -> String + Send + Sync>;
        let other = "<Tagging><TagSet/></Tagging>";
        let cases: [(Lie, Kind, &str); 8] = [
            (
                Box::new(|_| xml_error("501 Not Implemented", "NotImplemented")),
                Kind::Unsupported,
                "NotImplemented",
            ),
            (
                Box::new(|_| xml_error("403 Forbidden", "AccessDenied")),
                Kind::Denied,
                "AccessDenied",
            ),
            (Box::new(|_| xml_error("404 Not Found", "NoSuchKey")), Kind::NotFound, "NoSuchKey"),
            // It takes no notice of the question, and would take the tags for the object's bytes.
            (
                Box::new(|_| answer("200 OK", "", "{\"kind\":\"Event\"}")),
                Kind::Unavailable,
                "is no Tagging",
            ),
            (
                Box::new(|_| answer("200 OK", "", "<html>log in</html>")),
                Kind::Unavailable,
                "HTML page",
            ),
            (
                Box::new(|_| {
                    answer(
                        "200 OK",
                        "",
                        "<Tagging><TagSet><Tag><Value>x</Value></Tag></TagSet></Tagging>",
                    )
                }),
                Kind::Unavailable,
                "a tag has no name",
            ),
            (
                Box::new(|_| answer("200 OK", "", "<Tagging><TagSet>")),
                Kind::Unavailable,
                "ends early",
            ),
            (
                Box::new(move |_| answer("200 OK", "x-amz-version-id: v2\r\n", other)),
                Kind::WrongVersion,
                "version v1 was asked for",
            ),
        ];
        for (lie, kind, why) in cases {
            let server = server(lie);
            let store = server.open("s3://bucket");
            let errors = [
                store.mark(KEY, Some("v1")).await.unwrap_err(),
                store.marked(KEY, Some("v1")).await.unwrap_err(),
            ];
            assert!(errors[0].to_string().starts_with(&format!("mark s3://bucket/{KEY}: ")));
            assert!(errors[1].to_string().starts_with("read the mark of s3://bucket/"));
            for error in errors {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().contains(why), "{why}: {error}");
                match kind {
                    Kind::Unsupported => assert!(error.hint().unwrap().contains("by age")),
                    Kind::Denied => {
                        assert!(error.hint().unwrap().contains("s3:PutObjectVersionTagging"));
                    }
                    _ => {}
                }
            }
            assert!(changes(&server).is_empty(), "{why}");
        }
    });
}

#[test]
fn who_may_not_mark_is_told_the_right_that_lacks_and_who_is_unknown_is_not() {
    let name = "who_may_not_mark_is_told_the_right_that_lacks_and_who_is_unknown_is_not";
    with_s3_keys(name, async {
        for (code, right) in [
            ("AccessDenied", true),
            ("AllAccessDisabled", true),
            ("ExpiredToken", false),
            ("InvalidAccessKeyId", false),
            ("SignatureDoesNotMatch", false),
            ("RequestTimeTooSkewed", false),
        ] {
            let server = Server::fixed(xml_error("403 Forbidden", code));
            let error = server.open("s3://bucket").mark(KEY, Some("v1")).await.unwrap_err();
            let hint = error.hint().unwrap_or_default();
            assert_eq!(error.kind(), Kind::Denied, "{code}");
            assert_eq!(hint.contains("s3:PutObjectVersionTagging"), right, "{code}: {hint}");
        }
    });
}

#[test]
fn a_server_that_gives_tags_and_takes_none_is_told_apart() {
    with_s3_keys("a_server_that_gives_tags_and_takes_none_is_told_apart", async {
        let server = server(move |request| match request.method.as_str() {
            "GET" => answer("200 OK", "", "<Tagging><TagSet/></Tagging>"),
            _ => xml_error("501 Not Implemented", "NotImplemented"),
        });
        let error = server.open("s3://bucket").mark(KEY, None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(server.requests().iter().all(|request| request.target.ends_with("?tagging")));
    });
}

const UNMARKED: &str = "{\"generation\":\"17\",\"metageneration\":\"3\"}";
const MARKED: &str =
    "{\"generation\":\"17\",\"metageneration\":\"4\",\"customTime\":\"2026-10-21T07:28:00Z\"}";

#[tokio::test]
async fn google_gets_the_stores_own_time_as_a_custom_time() {
    let marking = server(|request| match request.method.as_str() {
        "GET" => answer("200 OK", DATE, UNMARKED),
        _ => answer("200 OK", DATE, MARKED),
    });
    let store = marking.open("gs://bucket");
    assert!(!store.marked(KEY, Some("17")).await.unwrap());
    store.mark(KEY, Some("17")).await.unwrap();
    assert_eq!(changes(&marking), ["{\"customTime\":\"2026-10-21T07:28:00Z\"}"]);
    let patch = marking.requests().pop().unwrap();
    assert_eq!(patch.method, "PATCH");
    assert!(patch.target.starts_with("/storage/v1/b/bucket/o/cluster%3Dc%2Fnode%3Dn%2F"));
    let (_, query) = patch.target.split_once('?').unwrap();
    let fields = "fields=generation%2Cmetageneration%2CcustomTime";
    assert_eq!(query, format!("{fields}&generation=17&ifMetagenerationMatch=3"));
    // Whatever it is set to, and by whom: it is never moved.
    for time in ["2026-10-21T07:28:00Z", "2099-01-01T00:00:00Z", "1985-01-01T00:00:00Z"] {
        let body =
            format!("{{\"generation\":\"17\",\"metageneration\":\"4\",\"customTime\":\"{time}\"}}");
        let server = Server::fixed(answer("200 OK", DATE, &body));
        let store = server.open("gs://bucket");
        store.mark(KEY, None).await.unwrap();
        assert!(store.marked(KEY, None).await.unwrap() && changes(&server).is_empty());
    }
}

#[tokio::test]
async fn google_says_what_it_changed_and_must_have_been_asked_for_that() {
    let error = "{\"error\":{\"code\":412,\"message\":\"At least one of the pre-conditions you specified did not hold.\",\"errors\":[{\"reason\":\"conditionNotMet\"}]}}";
    for (get, patched, kind, why) in [
        // Somebody changed it between the question and the change.
        (
            answer("200 OK", DATE, UNMARKED),
            answer("412 Precondition Failed", "", error),
            Kind::Unavailable,
            "pre-conditions",
        ),
        (
            answer("200 OK", DATE, UNMARKED),
            answer("200 OK", "", "{\"generation\":\"18\",\"customTime\":\"x\"}"),
            Kind::WrongVersion,
            "version 17",
        ),
        (
            answer("200 OK", DATE, UNMARKED),
            answer("200 OK", "", UNMARKED),
            Kind::Unavailable,
            "no custom time",
        ),
        (
            answer("200 OK", "", UNMARKED),
            answer("200 OK", "", MARKED),
            Kind::Unavailable,
            "no date",
        ),
        (
            answer("200 OK", DATE, "{\"generation\":\"17\"}"),
            answer("200 OK", "", MARKED),
            Kind::Unavailable,
            "no metageneration",
        ),
        (
            answer("200 OK", DATE, "{\"generation\":\"18\",\"metageneration\":\"1\"}"),
            answer("200 OK", "", MARKED),
            Kind::WrongVersion,
            "version 17",
        ),
        (
            answer("200 OK", DATE, "[]"),
            answer("200 OK", "", MARKED),
            Kind::Unavailable,
            "can't be understood",
        ),
        (
            answer(
                "403 Forbidden",
                "",
                "{\"error\":{\"message\":\"no storage.objects.get access\"}}",
            ),
            String::new(),
            Kind::Denied,
            "403",
        ),
    ] {
        let server = server(move |request| match request.method.as_str() {
            "GET" => get.clone(),
            _ => patched.clone(),
        });
        let error = server.open("gs://bucket").mark(KEY, Some("17")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{why}: {error}");
        assert!(error.to_string().contains(why), "{why}: {error}");
        if kind == Kind::Denied {
            assert!(error.hint().unwrap().contains("storage.objects.update"));
        }
    }
}

#[test]
fn azure_gets_an_index_tag() {
    let variables =
        [("AZURE_STORAGE_ACCOUNT_KEY", &*secret()), ("AZURE_STORAGE_ACCOUNT_NAME", "acc")];
    in_child("azure_gets_an_index_tag", &variables, async {
        let server = server(|request| match request.method.as_str() {
            "GET" => answer(
                "200 OK",
                "",
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Tags><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tags>",
            ),
            _ => answer("204 No Content", "", ""),
        });
        let endpoint = Some(format!("{}/acc", server.endpoint()));
        let store = open("az://c/pre", &Options { endpoint, ..server.options() }).unwrap();
        assert!(!store.marked(KEY, Some("2026-1")).await.unwrap());
        store.mark(KEY, Some("2026-1")).await.unwrap();
        assert_eq!(
            changes(&server),
            [
                "<Tags><TagSet><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>auditseal-packed</Key><Value>true</Value></Tag></TagSet></Tags>"
            ]
        );
        let put = server.requests().pop().unwrap();
        assert_eq!(put.method, "PUT");
        assert!(
            put.target.ends_with("000000000001.jsonl.zst?comp=tags&versionid=2026-1"),
            "{}",
            put.target
        );
    });
}

#[tokio::test]
async fn a_directory_keeps_no_marks_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("file://{}", root.path().display());
    let store = open(&url, &Options::default()).unwrap();
    store.put_new(KEY, bytes::Bytes::from_static(b"x")).await.unwrap();
    for error in
        [store.mark(KEY, None).await.unwrap_err(), store.marked(KEY, None).await.unwrap_err()]
    {
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.to_string().ends_with("a directory keeps no marks"), "{error}");
        assert!(error.hint().unwrap().contains("nothing in it expires"));
    }
    assert_eq!(store.mark("../x", None).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(store.mark(GENESIS, None).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "it leaves nothing behind");
}
