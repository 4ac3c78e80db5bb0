//! The usual proxy variables are honoured.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use auditseal_store::Kind;
use auditseal_vault::{Options, open};
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

/// China's servers, and the one that exchanges a token there: by the names that they have.
#[test]
fn servers_of_other_partitions_are_asked_by_their_names() {
    let name = "servers_of_other_partitions_are_asked_by_their_names";
    let token = std::env::temp_dir().join(format!("auditseal-token-{}", std::process::id()));
    std::fs::write(&token, "token").unwrap();
    let token = token.to_str().unwrap();
    let role = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        ("AWS_ROLE_ARN", "arn:aws-cn:iam::123456789012:role/auditseal-writer"),
    ];
    let keys: [(&str, &str); 0] = [];
    for (extra, expected) in [
        (&keys[..], "s3.cn-north-1.amazonaws.com.cn:443"),
        (&role[..], "sts.cn-north-1.amazonaws.com.cn:443"),
    ] {
        let proxy = through_proxy(name, extra, async {
            let region = Some("cn-north-1".to_owned());
            let timeout = Duration::from_secs(2);
            let store =
                open("s3://some-bucket/x", &Options { region, timeout, ..Options::default() });
            let store = store.unwrap();
            assert!(store.get("k", None, 10).await.is_err());
            // Our own requests, too.
            let listed = futures::StreamExt::next(&mut store.versions("")).await;
            assert!(listed.unwrap().is_err());
        });
        let seen = proxy.requests();
        if std::env::var_os("HTTPS_PROXY").is_none() {
            assert!(seen.len() >= 2, "{seen:?}");
            assert!(seen.iter().all(|request| request.target == expected), "{seen:?}");
        }
    }
    std::fs::remove_file(token).ok();
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
