//! What an attacker sends, and that nothing but the canary is named to the server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::sync::Mutex;

use auditseal_attack::{Answer, Attacker, Attempt, CanaryBytes};
use auditseal_store::LockMode;
use auditseal_vault::{Encryption, Options, arm};
use common::{OBJECT, Request, Server, answer, with_s3_keys, xml_error};

const LOCK: &str = "x-amz-version-id: v1\r\nx-amz-object-lock-mode: GOVERNANCE\r\n\
                    x-amz-object-lock-retain-until-date: 2099-01-01T00:00:00Z\r\n";

async fn planted(options: &Options) -> Attacker {
    let (store, weapon) = arm("s3://bucket/some/prefix", options).unwrap();
    Attacker::plant(store, weapon, options.legal_hold).await.unwrap()
}

#[test]
fn nothing_but_the_canary_is_named() {
    with_s3_keys("nothing_but_the_canary_is_named", async {
        let canary = Mutex::new(String::new());
        let server = Server::new(move |request, stream| {
            let mut canary = canary.lock().unwrap();
            let headers = format!("{OBJECT}{LOCK}");
            let given = match request.method.as_str() {
                "PUT" if canary.is_empty() => {
                    *canary = String::from_utf8(request.body.clone()).unwrap();
                    answer("200 OK", &headers, "")
                }
                "GET" | "HEAD" => {
                    let body = if request.method == "HEAD" { "" } else { canary.as_str() };
                    answer("200 OK", &headers, body)
                }
                "POST" => answer(
                    "200 OK",
                    "",
                    "<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>",
                ),
                _ if request.target.contains("retention") => {
                    xml_error("403 Forbidden", "SignatureDoesNotMatch")
                }
                _ => xml_error("403 Forbidden", "AccessDenied"),
            };
            stream.write_all(given.as_bytes()).ok();
        });
        // The answers say nothing of the hold, as to somebody who may not see it.
        let encryption = Some(Encryption::S3Managed);
        let options = Options { legal_hold: true, encryption, ..server.options() };
        let attacker = planted(&options).await;
        assert_eq!(attacker.lock().as_ref().unwrap().mode, LockMode::Governance);
        assert_eq!(attacker.version(), Some("v1"));
        for attempt in attacker.attempts() {
            let answer = attacker.attempt(attempt).await;
            match attempt {
                Attempt::LowerMode => assert!(matches!(answer, Answer::Pointless(_))),
                // It was never weighed, so it is no refusal.
                Attempt::Shorten | Attempt::ShortenBypassing | Attempt::RemoveRetention => {
                    assert!(matches!(answer, Answer::Silent(_)), "{answer:?}");
                }
                Attempt::DeleteBatch => {
                    assert_eq!(answer, Answer::Refused("200 AccessDenied".into()))
                }
                _ => assert_eq!(answer, Answer::Refused("403 AccessDenied".into()), "{attempt:?}"),
            }
        }
        assert_eq!(attacker.look().await.bytes, CanaryBytes::Intact);
        let key = format!("/bucket/some/prefix/{}", attacker.key());
        assert!(attacker.key().starts_with("auditseal-worm-test/"));
        let requests = server.requests();
        let bypassing = |name: &str| {
            let header = "x-amz-bypass-governance-retention";
            requests.iter().filter(|r| r.method == name && r.header(header) == "true").count()
        };
        let hold = |r: &&Request| r.header("x-amz-object-lock-legal-hold") == "ON";
        assert_eq!(requests.iter().filter(hold).count(), 1, "the canary's alone");
        assert_eq!((bypassing("PUT"), bypassing("DELETE"), bypassing("POST")), (2, 1, 1));
        for request in &requests {
            let body = String::from_utf8_lossy(&request.body);
            let named = match request.method.as_str() {
                "POST" => {
                    body.matches("<Key>").count() == 1 && body.contains(&key["/bucket/".len()..])
                }
                _ => request.target.split('?').next() == Some(&key),
            };
            assert!(named, "{} {}", request.method, request.target);
            // Else a bucket that demands it would refuse for that reason.
            if request.method == "PUT" && !request.target.contains('?') {
                assert_eq!(request.header("x-amz-server-side-encryption"), "AES256");
            }
            assert!(request.header("authorization").contains("x-amz-content-sha256"));
        }
    });
}
