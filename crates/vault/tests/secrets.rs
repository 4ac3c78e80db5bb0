//! No credential in any error, in any form.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditseal_store::{Error, Retention, Store};
use auditseal_vault::{Options, open};
use bytes::Bytes;
use common::{Server, answer, in_child, listed, secret, tls, xml_error};
use futures::TryStreamExt;
use tracing_subscriber::fmt::MakeWriter;

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

/// All that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let all = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        all.with_writer(log.clone()).init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

async fn errors_of(store: &dyn Store) -> Vec<Error> {
    vec![
        store.put_new("k", Bytes::from_static(b"x")).await.unwrap_err(),
        store.get("k", None, 10).await.unwrap_err(),
        store.tail("k", None, 10).await.unwrap_err(),
        listed(store, "").await.remove(0).unwrap_err(),
        store.versions("").try_collect::<Vec<_>>().await.unwrap_err(),
        store.lock("k", None).await.unwrap_err(),
        store.facts().await.time.unwrap_err(),
    ]
}

/// Neither the account's key nor what it signed: that is the token itself.
#[test]
fn of_google_by_a_service_account() {
    let key = tls::account_key();
    let account =
        format!("{{\"private_key\":{key:?},\"private_key_id\":\"1\",\"client_email\":\"a@b\"}}");
    let line = key.lines().nth(3).unwrap();
    let env = [("GOOGLE_SERVICE_ACCOUNT_KEY", account.as_str()), ("LINE", line)];
    in_child("of_google_by_a_service_account", &env, async {
        let (log, folder) = (Log::start(), tempfile::tempdir().unwrap());
        let echoes: [fn(&str) -> String; 4] = [
            |sent| answer("500 Echo", "", &format!("you sent {sent}")),
            |sent| answer("401 Echo", "", sent),
            |sent| answer("403 Echo", "", sent.strip_prefix("Bearer ").unwrap()),
            |sent| {
                let error = format!("<Error><Code>Denied</Code><Message>{sent}</Message></Error>");
                answer("403 Echo", "", &error)
            },
        ];
        for echo in echoes {
            let server = tls::Server::new(folder.path(), move |request| {
                echo(request.header("authorization"))
            });
            let endpoint = Some(format!("https://{}", server.address));
            let ca_certificate = Some(server.certificate.clone());
            let options = Options { endpoint, ca_certificate, ..Options::default() };
            let store = open("gs://bucket", &options).unwrap();
            let errors = errors_of(&*store).await;
            let sent = server.requests()[0].header("authorization").to_owned();
            let token = sent.strip_prefix("Bearer ").unwrap();
            assert_eq!(token.split('.').count(), 3, "{token}");
            let shown = format!("{errors:?} {store:?} {options:?} {}", log.text());
            for part in token.split('.') {
                assert!(!shown.contains(part), "{part} shows in {shown}");
            }
            for error in &errors {
                check(&["LINE"], error);
                assert!(error.to_string().contains("***"), "it was quoted: {error}");
            }
        }
        assert!(!log.text().contains(&std::env::var("LINE").unwrap()[..32]));
    });
}

/// A token endpoint that quotes what it was sent, one that answers nonsense, and one that works
/// before a store that quotes the token.
#[test]
fn of_google_by_a_refresh_token() {
    let [refresh, client, token] = [secret(), secret(), secret()];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("adc.json");
    let credentials = format!(
        "{{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"{client}\",\"refresh_token\":\"{refresh}\"}}"
    );
    std::fs::write(&file, credentials).unwrap();
    let (granted, asked) = (token.clone(), AtomicUsize::new(0));
    let google = tls::Server::new(folder.path(), move |request| {
        let sent = String::from_utf8_lossy(&request.body);
        if request.header("host") != "accounts.google.com" {
            return answer("403 Echo", "", request.header("authorization"));
        }
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => answer("400 Bad Request", "", &format!("cannot serve {sent}")),
            1 => answer("400 Bad Request", "", &format!("{{\"error_description\":\"{sent}\"}}")),
            2 => answer("200 OK", "", &format!("\"{granted}\"")),
            3 => answer(
                "200 OK",
                "",
                &format!("{{\"access_token\":\"x\",\"expires_in\":\"{granted}\"}}"),
            ),
            _ => answer(
                "200 OK",
                "",
                &format!("{{\"access_token\":\"{granted}\",\"expires_in\":3600}}"),
            ),
        }
    });
    let proxy = format!("http://{}", google.address);
    let env = [
        ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()),
        ("HTTPS_PROXY", &proxy),
        ("CERTIFICATE", google.certificate.to_str().unwrap()),
        ("REFRESH", &refresh),
        ("CLIENT", &client),
        ("TOKEN", &token),
    ];
    in_child("of_google_by_a_refresh_token", &env, async {
        let names = ["REFRESH", "CLIENT", "TOKEN"];
        let log = Log::start();
        let ca_certificate = std::env::var_os("CERTIFICATE").map(Into::into);
        let store = open("gs://bucket", &Options { ca_certificate, ..Options::default() }).unwrap();
        let mut refused = Vec::new();
        for _ in 0..4 {
            refused.push(store.get("k", None, 10).await.unwrap_err());
        }
        assert!(refused[0].to_string().contains("400: cannot serve"), "{}", refused[0]);
        let echoed = errors_of(&*store).await;
        assert!(echoed[0].to_string().contains("403: Bearer ***"), "{}", echoed[0]);
        for error in refused.iter().chain(&echoed) {
            check(&names, error);
        }
        hides(&names, &store, &log.text());
    });
    if std::env::var_os("REFRESH").is_none() {
        let hosts: Vec<_> = google.requests().iter().map(|r| r.header("host").to_owned()).collect();
        assert_eq!(hosts[..4], ["accounts.google.com"; 4]);
        assert!(hosts.len() > 8, "{hosts:?}");
    }
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
        // The same where they come from a file of variables.
        let other = secret();
        let json = ("GOOGLE_SERVICE_ACCOUNT_KEY".into(), format!("\"{other}\"").into());
        let azure = ("AZURE_STORAGE_ACCOUNT_KEY".into(), format!("{other}!not-base64").into());
        let options = Options { environment: vec![json, azure], ..Options::default() };
        for url in ["gs://bucket/x", "az://box/x"] {
            let error = open(url, &options).unwrap_err();
            let shown = format!("{error} {error:?} {options:?}");
            assert!(!shown.contains(&other[other.len() / 2..]), "{shown}");
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
