//! The text of each refusal, as a user sees it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auditseal_store::Kind;
use auditseal_vault::{Options, open};

fn refusal(url: &str, options: &Options) -> String {
    let error = open(url, options).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    error.to_string()
}

#[test]
fn of_urls() {
    let forms = "use s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///ABSOLUTE/PATH";
    for (url, text) in [
        ("ftp://host/x", format!("open ftp://…: the scheme isn't known: {forms}")),
        ("audit-bucket", format!("open the store: it isn't a URL: {forms}")),
        ("s3:///prefix", "open s3://…: the URL names no bucket".to_owned()),
        ("az://", "open az://…: the URL names no container".to_owned()),
        (
            "file://var/lib/archive",
            "open file://…: a file URL needs an absolute path, with three slashes: file:///var/lib/archive".to_owned(),
        ),
        ("gs://bucket/%g0", "open gs://…: the URL holds a bad percent-encoding".to_owned()),
        ("s3://b/x?versionId=1", "open s3://…: a store's URL takes no query and no fragment".to_owned()),
        ("\u{7}://\u{202e}", "open ://…: the URL holds control characters".to_owned()),
    ] {
        assert_eq!(refusal(url, &Options::default()), text);
    }
}

#[test]
fn of_endpoints() {
    for (endpoint, text) in [
        (
            "localhost:9000",
            "open s3://b: the endpoint must begin with http:// or https:// and name a host",
        ),
        ("127.0.0.1:9000", "open s3://b: the endpoint isn't a URL: write https://HOST:PORT"),
        ("http://", "open s3://b: the endpoint isn't a URL: write https://HOST:PORT"),
        ("https://h/?x=1", "open s3://b: the endpoint takes no query and no fragment"),
        (
            "https://u:p@h",
            "open s3://b: the endpoint must not hold credentials: set them in the environment",
        ),
    ] {
        let options = Options { endpoint: Some(endpoint.to_owned()), ..Options::default() };
        assert_eq!(refusal("s3://b", &options), text);
    }
}

#[test]
fn of_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "not a certificate\n").unwrap();
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n")
        .unwrap();
    for (path, why) in [(missing, "No such file"), (empty, "no PEM certificate"), (broken, "")] {
        let options = Options { ca_certificate: Some(path.clone()), ..Options::default() };
        let text = refusal("gs://b", &options);
        assert!(text.contains(why) && text.contains(path.to_str().unwrap()), "{text}");
    }
}
