//! No credential in any error, in any form.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Debug;
use std::time::Duration;

use auditseal_vault::{Error, Options, Retention, open};
use bytes::Bytes;
use common::{Server, answer, in_child, listed, secret, xml_error};
use futures::TryStreamExt;

const NAMES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Demands that none of the variables' values shows.
fn hides(names: &[&str], shown: &impl Debug, text: &str) {
    let shown = format!("{shown:?} {shown:#?} {text}");
    for name in names {
        let value = std::env::var(name).unwrap();
        assert!(!shown.contains(&value), "{name} shows in {shown}");
        // A part is as bad: encodings may change the rest.
        let part = &value[value.len() / 2..];
        assert!(!shown.contains(part), "a part of {name} shows in {shown}");
    }
}

fn check(names: &[&str], error: &Error) {
    hides(names, error, &format!("{error} {error:#} {:?}", error.hint()));
}

#[test]
fn of_s3() {
    let [id, key, token] = [secret(), secret(), secret()];
    let env = [(NAMES[0], id.as_str()), (NAMES[1], &key), (NAMES[2], &token)];
    in_child("of_s3", &env, async {
        // A server that echoes the whole request, as a debugging proxy does.
        let echo = Server::new(|request, stream| {
            use std::io::Write;
            let body = format!("you sent {:?}", request.headers.get("authorization"));
            stream.write_all(answer("500 Echo", "", &body).as_bytes()).ok();
        });
        let denied = Server::fixed(xml_error("403 Forbidden", "SignatureDoesNotMatch"));
        let garbage = Server::fixed("no HTTP at all\r\n\r\n");
        for (server, names) in [(&echo, &NAMES[1..]), (&denied, &NAMES[..]), (&garbage, &NAMES[..])]
        {
            let store = server.open("s3://bucket/prefix");
            check(names, &store.put_new("k", Bytes::from_static(b"x")).await.unwrap_err());
            check(names, &store.get("k", None, 10).await.unwrap_err());
            check(names, &store.tail("k", None, 10).await.unwrap_err());
            check(names, listed(&*store, "").await[0].as_ref().unwrap_err());
            check(names, &store.lock("k", Some("v")).await.unwrap_err());
            check(names, &store.versions("").try_collect::<Vec<_>>().await.unwrap_err());
            let retention = Some(Retention { compliance: true, duration: Duration::from_secs(9) });
            let store = open("s3://bucket", &Options { retention, ..server.options() }).unwrap();
            check(names, &store.put_new("k", Bytes::from_static(b"x")).await.unwrap_err());
            hides(&NAMES, &store, "");
            hides(&NAMES, &server.options(), "");
        }
        let named = format!("s3://{}:{}@bucket/x", id_of(0), id_of(1));
        check(&NAMES, &open(&named, &Options::default()).unwrap_err());
        let endpoint = Some(format!("https://{}:{}@host", id_of(0), id_of(1)));
        check(&NAMES, &open("s3://b", &Options { endpoint, ..Options::default() }).unwrap_err());
        let query = format!("s3://bucket/x?X-Amz-Credential={}", id_of(0));
        check(&NAMES, &open(&query, &Options::default()).unwrap_err());
    });
}

fn id_of(at: usize) -> String {
    std::env::var(NAMES[at]).unwrap()
}

#[test]
fn of_azure() {
    let signature = secret();
    let sas = format!("sv=2024-11-04&ss=b&sig={signature}");
    let env = [("AZURE_STORAGE_SAS_KEY", sas.as_str()), ("SIGNATURE", &signature)];
    in_child("of_azure", &env, async {
        let echo = Server::new(|request, stream| {
            use std::io::Write;
            let body = format!("cannot serve {}", request.target);
            stream.write_all(answer("500 Echo", "", &body).as_bytes()).ok();
        });
        let endpoint = Some(format!("{}/account", echo.endpoint()));
        let store = open("az://box", &Options { endpoint, ..echo.options() }).unwrap();
        let errors = [
            store.get("k", None, 10).await.unwrap_err(),
            store.put_new("k", Bytes::from_static(b"x")).await.unwrap_err(),
            listed(&*store, "").await.remove(0).unwrap_err(),
            store.versions("").try_collect::<Vec<_>>().await.unwrap_err(),
        ];
        assert!(echo.requests()[0].target.contains("sig="), "the token was sent");
        for error in &errors {
            check(&["SIGNATURE"], error);
            assert!(error.to_string().contains("cannot serve"), "{error}");
        }
        hides(&["SIGNATURE"], &store, "");
        let endpoint = Some("http://127.0.0.1:9/account".to_owned());
        let timeout = Duration::from_secs(1);
        let options = Options { endpoint, timeout, ..Options::default() };
        let store = open("az://box", &options).unwrap();
        check(&["SIGNATURE"], &store.get("k", None, 10).await.unwrap_err());
        check(&["SIGNATURE"], &store.lock("k", None).await.unwrap_err());
        check(&["SIGNATURE"], &store.versions("").try_collect::<Vec<_>>().await.unwrap_err());
    });
}

#[test]
fn of_unreadable_settings() {
    let key = secret();
    let (json, azure) = (format!("\"{key}\""), format!("{key}!not-base64"));
    let env = [
        ("GOOGLE_SERVICE_ACCOUNT_KEY", json.as_str()),
        ("AZURE_STORAGE_ACCOUNT_KEY", &azure),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        ("AWS_SECRET_ACCESS_KEY", &key),
        ("PLAIN", &key),
    ];
    in_child("of_unreadable_settings", &env, async {
        for url in ["gs://bucket/x", "az://box/x", "s3://bucket/x"] {
            let error = open(url, &Options::default()).unwrap_err();
            check(&["PLAIN"], &error);
            assert!(error.hint().is_some(), "{error}");
        }
    });
}

#[test]
fn of_proxies() {
    let password = secret();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let proxy = format!("http://joe:{password}@{closed}");
    let env = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("PASSWORD", &password),
        ("AWS_ACCESS_KEY_ID", "id-of-nobody"),
        ("AWS_SECRET_ACCESS_KEY", "key-of-nobody"),
    ];
    in_child("of_proxies", &env, async {
        let store = open("s3://bucket", &Options::default()).unwrap();
        let error = store.get("k", None, 10).await.unwrap_err();
        check(&["PASSWORD"], &error);
    });
}
