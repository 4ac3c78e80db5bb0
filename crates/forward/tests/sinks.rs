//! Sinks that are busy, mute, slow or fussy: each line is there, or set aside and cited.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use auditseal_standin::{SinkManners, SinkServer};
use common::{lines, once, options, real, refused, sealed, sorted, stopped_after, store};
use serde_json::Value;

fn server(manners: SinkManners) -> SinkServer {
    SinkServer::start(manners).unwrap()
}

fn letters(state: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(state.join(format!("{name}.refused.jsonl"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Real lines, and some that sinks find hard.
fn raw() -> Vec<Vec<u8>> {
    let text = real();
    let mut raw: Vec<Vec<u8>> = lines(&text)[..900].iter().map(|line| line.to_vec()).collect();
    let long = format!(
        "{{\"kind\":\"Event\",\"verb\":\"create\",\"requestObject\":{{\"data\":\"{}\"}}}}\n",
        "x".repeat(1 << 20)
    );
    raw.insert(10, long.into_bytes());
    raw.insert(20, b"no event at all\n".to_vec());
    raw.insert(30, b"{\"verb\":\"REFUSED\"}\n".to_vec());
    raw.push(raw[0].clone());
    raw
}

#[tokio::test]
async fn opensearch_has_each_event_once() {
    let manners = SinkManners {
        busy: 7,
        mute: 5,
        item_busy: 90,
        request: 600_000,
        refuses: Some("REFUSED"),
        reversed: true,
        ..SinkManners::default()
    };
    let (server, folder, raw) = (server(manners), tempfile::tempdir().unwrap(), raw());
    let raw: Vec<&[u8]> = raw.iter().map(Vec::as_slice).collect();
    let chains = [sealed("c/n/s", &raw, 60), sealed("c/m/s", &raw[..100], 9)];
    let chains: Vec<_> = chains.iter().collect();
    let (all, state) = (store(&chains), folder.path().join("state"));
    let sink = format!("opensearch+{}/audit?name=os&max-request=100kB", server.url());
    for round in 0..4 {
        let time = Duration::from_millis(150 * round);
        stopped_after(&all, options(&chains, std::slice::from_ref(&sink), &state), time).await;
    }
    once(&all, options(&chains, &[sink], &state)).await;
    let holdings = server.holdings();
    assert!(holdings.templates.contains_key("audit"));
    assert_eq!(holdings.documents.len() + 2, raw.len() + 100, "but for the two that are refused");
    for ((index, id), document) in &holdings.documents {
        let cited = &document["auditseal"];
        let place =
            format!("{}/{}/{}", cited["origin"].as_str().unwrap(), cited["seq"], cited["line"]);
        assert!(index.starts_with("audit-2026.") && *id == place);
    }
    let cut =
        holdings.documents.values().filter(|document| document["auditseal"]["cut"].is_object());
    let cut: Vec<_> = cut
        .map(|document| {
            (document["verb"].clone(), document["auditseal"]["cut"]["members"][0].clone())
        })
        .collect();
    assert_eq!(cut, vec![("create".into(), "requestObject".into()); 2]);
    let mut refused: Vec<String> = letters(&state, "os")
        .iter()
        .map(|letter| letter["event"].as_str().unwrap().to_owned())
        .collect();
    refused.dedup();
    assert_eq!(refused, ["{\"verb\":\"REFUSED\"}"]);
    assert!(
        letters(&state, "os")
            .iter()
            .all(|letter| letter["reason"].as_str().unwrap().contains("400"))
    );
}

/// Lines, as often as each came.
fn had(server: &SinkServer) -> Vec<String> {
    let mut lines: Vec<String> =
        server.holdings().lines.iter().map(|(_, line)| line.clone()).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn loki_and_otlp_have_each_event() {
    for (protocol, path) in [("loki", ""), ("otlp", "?max-event=250kB")] {
        let manners = SinkManners {
            busy: 3,
            request: 600_000,
            line: 256 << 10,
            refuses: Some("REFUSED"),
            ..SinkManners::default()
        };
        let (server, folder, raw) = (server(manners), tempfile::tempdir().unwrap(), raw());
        let raw: Vec<&[u8]> = raw.iter().map(Vec::as_slice).collect();
        let chain = sealed("c/n/s", &raw, 60);
        let (all, state) = (store(&[&chain]), folder.path().join("state"));
        let sink = format!("{protocol}+{}{path}", server.url());
        let handed = once(&all, options(&[&chain], std::slice::from_ref(&sink), &state)).await;
        assert_eq!((handed[0].refused, handed[0].cut), (1, 1), "{protocol}");
        let mut expected = sorted(&raw.concat());
        expected.retain(|line| !line.contains("REFUSED") && line.len() < 1 << 20);
        let (plain, cut): (Vec<_>, Vec<_>) =
            had(&server).into_iter().partition(|line| !line.contains("\"cut\":"));
        assert!(plain == expected, "{protocol}: each once, {} of {}", plain.len(), expected.len());
        assert_eq!((cut.len(), server.holdings().dropped), (1, 0));
        let cut: Value = serde_json::from_str(&cut[0]).unwrap();
        assert_eq!((&cut["auditseal"]["seq"], &cut["auditseal"]["line"]), (&1.into(), &11.into()));
        let letters = letters(&state, &handed[0].sink);
        assert_eq!((letters.len(), &letters[0]["line"]), (1, &31.into()));
    }
}

/// A request whose answer is lost is made again: no more than that is there twice.
#[tokio::test]
async fn a_lost_answer_costs_one_request_of_doubles() {
    let (server, folder, text) = (
        server(SinkManners { mute: 6, ..SinkManners::default() }),
        tempfile::tempdir().unwrap(),
        real(),
    );
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw, 50);
    let sink = format!("loki+{}?max-request=20kB", server.url());
    once(&store(&[&chain]), options(&[&chain], &[sink], &folder.path().join("state"))).await;
    let (had, lost) = (had(&server).len(), server.holdings().requests / 6);
    let most = 20_000 / 300 + 1;
    assert!(
        had > raw.len() && had <= raw.len() + lost as usize * most,
        "{had} of {}, {lost} lost",
        raw.len()
    );
    let mut once: Vec<String> = self::had(&server);
    once.dedup();
    let mut expected = sorted(&text);
    expected.dedup();
    assert!(once == expected);
}

/// One is slow, one refuses everything, one isn't there: the others don't wait.
#[tokio::test]
async fn no_sink_holds_another_up() {
    let slow = server(SinkManners { slow: 400, ..SinkManners::default() });
    let refusing = server(SinkManners { refuses_all: true, ..SinkManners::default() });
    let fast = server(SinkManners::default());
    let (folder, text) = (tempfile::tempdir().unwrap(), real());
    let raw = lines(&text);
    let chain = sealed("c/n/s", &raw, 50);
    let state = folder.path().join("state");
    let file = folder.path().join("out");
    let sinks = [
        format!("loki+{}?name=slow&max-request=20kB", slow.url()),
        format!("otlp+{}?name=refusing", refusing.url()),
        "loki+http://127.0.0.1:9?name=gone".to_owned(),
        format!("otlp+{}?name=fast", fast.url()),
        format!("file://{}", file.display()),
    ];
    let begun = Instant::now();
    let handed = stopped_after(
        &store(&[&chain]),
        options(&[&chain], &sinks, &state),
        Duration::from_secs(5),
    )
    .await;
    assert!(begun.elapsed() < Duration::from_secs(12));
    let all = raw.len() as u64;
    let lines: Vec<u64> = handed.iter().map(|sink| sink.lines).collect();
    assert!(lines[0] > 0 && lines[0] < all, "{lines:?}");
    assert_eq!((lines[1], lines[2], lines[3], lines[4]), (0, 0, all, all));
    assert!(fs::read(file).unwrap() == text);
    // What refuses everything isn't believed: the events aren't at fault.
    assert!(handed[1].refused <= 100, "{:?}", handed[1]);
    refusing.holdings().manners.refuses_all = false;
    let handed = stopped_after(
        &store(&[&chain]),
        options(&[&chain], &sinks[1..2], &state),
        Duration::from_secs(3),
    )
    .await;
    let letters = letters(&state, "refusing").len();
    assert_eq!(handed[0].lines + letters as u64, all);
    assert_eq!(had(&refusing).len() + letters, raw.len());
}

/// What refuses everything, with 413 too, is waited for: what it refused until then is in the file, and nothing of
/// who asks.
#[tokio::test]
async fn what_is_refused_can_be_read_while_it_is_waited() {
    for (refuses_all, too_large_all) in [(true, false), (false, true)] {
        let manners =
            SinkManners { refuses_all, too_large_all, quotes: true, ..SinkManners::default() };
        let (server, folder, text) = (server(manners), tempfile::tempdir().unwrap(), real());
        let chain = sealed("c/n/s", &lines(&text)[..200], 50);
        let (state, token) = (folder.path().join("state"), folder.path().join("token"));
        fs::write(&token, "TOKEN-HUNTER2").unwrap();
        let sink = format!("opensearch+{}/a?name=os&token-file={}", server.url(), token.display());
        let handed = stopped_after(
            &store(&[&chain]),
            options(&[&chain], &[sink], &state),
            Duration::from_secs(6),
        )
        .await;
        assert_eq!((handed[0].lines, handed[0].refused), (0, 100));
        let letters = letters(&state, "os");
        assert_eq!(letters.len(), 100);
        let reasons = letters.iter().map(|letter| letter["reason"].as_str().unwrap());
        assert!(
            reasons.clone().all(|reason| reason.ends_with("quotes credentials, and so isn't told"))
        );
        assert!(!fs::read_to_string(state.join("os.refused.jsonl")).unwrap().contains("HUNTER2"));
    }
}

/// What is kept from a sink isn't written down beside it either: those letters are what people push by hand.
#[tokio::test]
async fn dead_letters_have_no_more_than_the_sink_would_have() {
    let manners = SinkManners { refuses: Some("REFUSED"), ..SinkManners::default() };
    let (server, folder) = (server(manners), tempfile::tempdir().unwrap());
    let raw: [&[u8]; 2] = [
        b"{\"verb\":\"REFUSED\",\"requestObject\":{\"data\":\"TOPSECRET\"}}\n",
        b"{\"verb\":\"get\"}\n",
    ];
    let chain = sealed("c/n/s", &raw, 60);
    let sinks = ["", "&redact=requestObject", "&fields=verb"].iter().zip(0..);
    for (option, nth) in sinks {
        let state = folder.path().join(nth.to_string());
        let sink = format!("opensearch+{}/p{nth}?name=os{option}", server.url());
        once(&store(&[&chain]), options(&[&chain], &[sink], &state)).await;
        let letters = letters(&state, "os");
        let event = letters[0]["event"].as_str().unwrap();
        assert!(letters.len() == 1 && event.contains("REFUSED"), "{event}");
        assert_eq!(event.contains("TOPSECRET"), option.is_empty(), "{event}");
    }
}

/// Of two that are one place, whichever comes first would decide what is there.
#[tokio::test]
async fn two_sinks_are_not_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let chain = sealed("c/n/s", &[b"{}\n"], 60);
    let all = store(&[&chain]);
    let of = |sinks: &[&str]| {
        let sinks: Vec<String> = sinks.iter().map(|sink| (*sink).to_owned()).collect();
        options(&[&chain], &sinks, &folder.path().join("state"))
    };
    for sinks in [
        ["opensearch+http://h:1/a?name=x", "opensearch+http://H:1/a?name=y&redact=user"],
        ["loki+http://h:1?name=x", "loki+http://h:1?name=y&max-event=9kB"],
        ["syslog+tls://h:1?name=x", "syslog+tls://h:1?name=y"],
    ] {
        let why = refused(&all, of(&sinks)).await;
        assert_eq!(why.to_string(), "choose sinks: x and y are one place");
        assert!(why.hint().is_some());
    }
    let (url, stop) = (server(SinkManners::default()), Duration::ZERO);
    let url = url.url();
    let apart = [
        format!("opensearch+{url}/a?name=1"),
        format!("opensearch+{url}/b?name=2"),
        format!("loki+{url}?name=3"),
        format!("loki+{url}?name=4&tenant=t"),
        format!("otlp+{url}?name=5"),
    ];
    let apart: Vec<&str> = apart.iter().map(String::as_str).collect();
    assert_eq!(stopped_after(&all, of(&apart), stop).await.len(), 5);
}

/// However its JSON spells who asked.
#[tokio::test]
async fn credentials_are_not_told_in_any_spelling() {
    for (option, secret, shown) in [
        ("basic-file", "ann:HUNTER2&co", "YW5uOkhVTlRFUjImY28"),
        ("token-file", "tok/HUNTER2+abc=&x", "HUNTER2"),
    ] {
        let manners = SinkManners { refuses_all: true, escapes: true, ..SinkManners::default() };
        let (server, folder, text) = (server(manners), tempfile::tempdir().unwrap(), real());
        let chain = sealed("c/n/s", &lines(&text)[..200], 50);
        let (state, file) = (folder.path().join("state"), folder.path().join("secret"));
        fs::write(&file, secret).unwrap();
        let sink = format!("opensearch+{}/a?name=os&{option}={}", server.url(), file.display());
        let time = Duration::from_secs(6);
        stopped_after(&store(&[&chain]), options(&[&chain], &[sink], &state), time).await;
        let letters = fs::read_to_string(state.join("os.refused.jsonl")).unwrap();
        assert_eq!(letters.lines().count(), 100);
        assert!(!letters.contains(shown), "{letters}");
    }
}

/// OpenSearch's parser refuses what JSON allows, and clients may write that: the event is there all the same.
#[tokio::test]
async fn what_is_no_object_for_opensearch_is_there_as_a_text() {
    let manners = SinkManners { strict: Some("odd"), ..SinkManners::default() };
    let (server, folder) = (server(manners), tempfile::tempdir().unwrap());
    let mut raw: Vec<&[u8]> = vec![b"{\"verb\":\"get\"}\n"; 5];
    raw.insert(2, b"{\"verb\":\"patch\",\"odd\":1,\"secret\":\"TOPSECRET\"}\n");
    let chain = sealed("c/n/s", &raw, 60);
    let all = store(&[&chain]);
    for (prefix, option) in [("a", ""), ("b", "&redact=secret")] {
        let sink = format!("opensearch+{}/{prefix}?name={prefix}{option}", server.url());
        // Handed over once more it is known.
        for round in 0..2 {
            let state = folder.path().join(format!("{prefix}{round}"));
            let sinks = std::slice::from_ref(&sink);
            let handed = once(&all, options(&[&chain], sinks, &state)).await;
            assert_eq!((handed[0].lines, handed[0].refused), (6, 0), "{handed:?}");
        }
        let holdings = server.holdings();
        let documents =
            holdings.documents.iter().filter(|((index, _), _)| index.starts_with(prefix));
        let texts: Vec<&Value> =
            documents.map(|(_, of)| of).filter(|of| of["message"].is_string()).collect();
        let text = texts[0]["message"].as_str().unwrap();
        assert!(texts.len() == 1 && text.contains("\"verb\":\"patch\""), "{texts:?}");
        assert_eq!(text.contains("TOPSECRET"), option.is_empty());
        assert_eq!(texts[0]["auditseal"]["line"], 3);
    }
}

/// A text that isn't taken now isn't refused: it is waited for.
#[tokio::test]
async fn a_text_that_is_not_taken_yet_is_waited_for() {
    // The seventh document is the text of the third.
    let manners = SinkManners { strict: Some("odd"), item_busy: 7, ..SinkManners::default() };
    let (server, folder) = (server(manners), tempfile::tempdir().unwrap());
    let mut raw: Vec<&[u8]> = vec![b"{\"verb\":\"get\"}\n"; 5];
    raw.insert(2, b"{\"verb\":\"patch\",\"odd\":1}\n");
    let chain = sealed("c/n/s", &raw, 60);
    let sink = format!("opensearch+{}/a?name=os", server.url());
    let options = options(&[&chain], &[sink], &folder.path().join("state"));
    let handed = once(&store(&[&chain]), options).await;
    assert_eq!((handed[0].lines, handed[0].refused), (6, 0), "{handed:?}");
    assert_eq!(server.holdings().documents.len(), 6);
}

/// As a text it takes more room than as an object, and it is the text that is there.
#[tokio::test]
async fn a_text_that_is_cut_is_counted_so() {
    let server = server(SinkManners { strict: Some("odd"), ..SinkManners::default() });
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{{\"odd\":1,\"a\":[\"\"{}]}}\n", ",\"\"".repeat(1300));
    let chain = sealed("c/n/s", &[line.as_bytes()], 60);
    let sink = format!("opensearch+{}/a?name=os&max-event=5000", server.url());
    let options = options(&[&chain], &[sink], &folder.path().join("state"));
    let handed = once(&store(&[&chain]), options).await;
    assert_eq!((handed[0].lines, handed[0].refused, handed[0].cut), (1, 0, 1), "{handed:?}");
    let holdings = server.holdings();
    let document = holdings.documents.values().next().unwrap();
    assert_eq!(document["auditseal"]["cut"]["bytes"], line.len() - 1);
}

/// A pipeline of OpenSearch may drop events: they aren't there, and nobody says that they are.
#[tokio::test]
async fn what_a_pipeline_drops_is_set_aside() {
    let manners = SinkManners { drops: Some("REFUSED"), ..SinkManners::default() };
    let (server, folder, raw) = (server(manners), tempfile::tempdir().unwrap(), raw());
    let raw: Vec<&[u8]> = raw.iter().map(Vec::as_slice).collect();
    let chain = sealed("c/n/s", &raw, 60);
    let state = folder.path().join("state");
    let sink = format!("opensearch+{}/audit?name=os", server.url());
    let handed = once(&store(&[&chain]), options(&[&chain], &[sink], &state)).await;
    assert_eq!((handed[0].lines, handed[0].refused), (raw.len() as u64 - 1, 1));
    assert_eq!(server.holdings().documents.len(), raw.len() - 1);
    let letters = letters(&state, "os");
    assert_eq!((letters.len(), &letters[0]["line"]), (1, &31.into()));
    assert!(letters[0]["reason"].as_str().unwrap().contains("noop"));
}

/// A proxy before the sink that wants a password says 200, and has nothing.
#[tokio::test]
async fn a_yes_of_somebody_else_is_waited_out() {
    for (protocol, path, page) in [
        ("loki", "", 0),
        ("otlp", "", 0),
        ("opensearch", "/audit", 0),
        ("opensearch", "/audit", 9 << 20),
    ] {
        let manners = SinkManners { login: true, page, ..SinkManners::default() };
        let (server, folder, text) = (server(manners), tempfile::tempdir().unwrap(), real());
        let raw = &lines(&text)[..100];
        let (chain, state) = (sealed("c/n/s", raw, 50), folder.path().join("state"));
        let (all, sink) = (store(&[&chain]), format!("{protocol}+{}{path}", server.url()));
        let sinks = std::slice::from_ref(&sink);
        let time = Duration::from_secs(1);
        let handed = stopped_after(&all, options(&[&chain], sinks, &state), time).await;
        assert_eq!((handed[0].lines, handed[0].refused), (0, 0), "{protocol}");
        let ended = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            server.holdings().manners.login = false;
        };
        let (handed, ()) = tokio::join!(once(&all, options(&[&chain], sinks, &state)), ended);
        assert_eq!((handed[0].lines, handed[0].refused), (100, 0), "{protocol}");
        // Nor was the page taken for its template.
        assert_eq!(server.holdings().templates.contains_key("audit"), protocol == "opensearch");
    }
}

/// That a place is taken is believed where what stands there is shown, and is this event.
#[tokio::test]
async fn a_known_event_that_is_not_there_is_waited_for() {
    for (status, text) in [
        (200, "{\"docs\":[]}"),
        (200, "{\"docs\":[{\"_id\":\"c/n/s/1/1\",\"found\":false}]}"),
        (302, "\"go away\""),
        (400, "{\"error\":\"what is this?\"}"),
        (404, "{}"),
        (413, "\"too large\""),
        (403, "\"a proxy's own\""),
    ] {
        let manners =
            SinkManners { knows_all: true, shows: Some((status, text)), ..SinkManners::default() };
        let (server, folder, text) = (server(manners), tempfile::tempdir().unwrap(), real());
        let chain = sealed("c/n/s", &lines(&text)[..20], 10);
        let (all, state) = (store(&[&chain]), folder.path().join("state"));
        let sinks = [format!("opensearch+{}/a?name=os", server.url())];
        let time = Duration::from_millis(700);
        let handed = stopped_after(&all, options(&[&chain], &sinks, &state), time).await;
        assert_eq!((handed[0].lines, handed[0].refused, handed[0].cut), (0, 0, 0), "{status}");
        server.holdings().manners = SinkManners::default();
        let handed = once(&all, options(&[&chain], &sinks, &state)).await;
        assert_eq!((handed[0].lines, handed[0].refused), (20, 0), "{status}");
        assert_eq!(server.holdings().documents.len(), 20, "{status}");
    }
}

/// A chain that was begun again under its old name: what the sink has of the old one isn't taken for the new one.
#[tokio::test]
async fn the_place_of_another_archives_event_is_no_success() {
    let (server, folder, text) =
        (server(SinkManners::default()), tempfile::tempdir().unwrap(), real());
    let raw = lines(&text);
    let sink = format!("opensearch+{}/a?name=os", server.url());
    for (name, refused) in [("first", 0), ("again", 0), ("other", 10)] {
        let raw = if name == "other" { &raw[10..20] } else { &raw[..10] };
        let chain = sealed("c/n/s", raw, 10);
        let state = folder.path().join(name);
        let sinks = std::slice::from_ref(&sink);
        let handed = once(&store(&[&chain]), options(&[&chain], sinks, &state)).await;
        assert_eq!((handed[0].lines, handed[0].refused), (10 - refused, refused), "{name}");
        assert_eq!(letters(&state, "os").len() as u64, refused);
    }
}
