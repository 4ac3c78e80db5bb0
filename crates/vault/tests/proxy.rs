//! The usual proxy variables are honoured.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use auditseal_vault::{Kind, Options, open};
use common::{OBJECT, Server, answer, in_child, secret};

/// Runs `name` with a proxy that the parent's run of the test provides, and returns what it saw.
fn through_proxy(name: &str, extra: &[(&str, &str)], body: impl Future<Output = ()>) -> Server {
    let proxy = Server::new(|request, stream| {
        use std::io::Write;
        let given = match request.method.as_str() {
            "CONNECT" => answer("502 Bad Gateway", "", ""),
            _ => answer("200 OK", OBJECT, "from the proxy"),
        };
        stream.write_all(given.as_bytes()).ok();
    });
    let (id, key) = (secret(), secret());
    let url = proxy.endpoint();
    let mut env = vec![
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", key.as_str()),
        ("HTTPS_PROXY", url.as_str()),
        ("http_proxy", url.as_str()),
    ];
    env.extend(extra);
    in_child(name, &env, body);
    proxy
}

#[test]
fn https_goes_through_connect() {
    let proxy = through_proxy("https_goes_through_connect", &[], async {
        let options = Options { timeout: Duration::from_secs(2), ..Options::default() };
        let store = open("s3://some-bucket/x", &options).unwrap();
        let error = store.get("k", None, 10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.hint().unwrap_or("none").contains("NO_PROXY"), "{error} {:?}", error.hint());
    });
    let seen = proxy.requests();
    if std::env::var_os("HTTPS_PROXY").is_none() {
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].method, "CONNECT");
        assert_eq!(seen[0].target, "s3.us-east-1.amazonaws.com:443");
    }
}

#[test]
fn plain_http_goes_through_an_absolute_get() {
    let proxy = through_proxy("plain_http_goes_through_an_absolute_get", &[], async {
        let endpoint = Some("http://store.invalid:8333".to_owned());
        let store = open("s3://b", &Options { endpoint, ..Options::default() }).unwrap();
        assert_eq!(store.get("k", None, 100).await.unwrap().bytes, "from the proxy");
    });
    let seen = proxy.requests();
    if std::env::var_os("http_proxy").is_none() {
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].target, "http://store.invalid:8333/b/k");
    }
}

#[test]
fn no_proxy_goes_straight() {
    let name = "no_proxy_goes_straight";
    let proxy = through_proxy(name, &[("NO_PROXY", "other.invalid,127.0.0.1")], async {
        let server = Server::fixed(answer("200 OK", OBJECT, "straight"));
        assert_eq!(server.open("s3://b").get("k", None, 100).await.unwrap().bytes, "straight");
    });
    assert!(proxy.requests().is_empty());
}
