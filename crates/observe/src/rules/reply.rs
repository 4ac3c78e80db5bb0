//! What is answered to a request.

use super::exposition::{OPENMETRICS, PLAIN, openmetrics, plain};
use super::health::{Health, alive, ready};
use super::snapshot::Snapshot;

const TEXT: &str = "text/plain; charset=utf-8";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content type of the body.
    pub content: &'static str,
    /// The body.
    pub body: String,
}

/// Answers a request. `accept` is its header's value, or empty.
#[must_use]
pub fn respond(method: &str, path: &str, accept: &str, snapshot: &Snapshot) -> Reply {
    let say = |status, body: &str| Reply { status, content: TEXT, body: body.to_owned() };
    if !matches!(method, "GET" | "HEAD") {
        return say(405, "only GET and HEAD\n");
    }
    match path {
        "/metrics" if wants_openmetrics(accept) => {
            Reply { status: 200, content: OPENMETRICS, body: openmetrics(snapshot) }
        }
        "/metrics" => Reply { status: 200, content: PLAIN, body: plain(snapshot) },
        "/healthz" => judged("alive", &alive(snapshot)),
        "/readyz" => judged("ready", &ready(snapshot)),
        "/" => say(200, "auditseal: /metrics /healthz /readyz\n"),
        _ => say(404, "there are /metrics, /healthz and /readyz\n"),
    }
}

fn judged(word: &str, health: &Health) -> Reply {
    let (status, mut body) = match health.is_fine() {
        true => (200, format!("{word}\n")),
        false => (503, format!("not {word}\n")),
    };
    for reason in &health.reasons {
        body.push_str(reason);
        body.push('\n');
    }
    Reply { status, content: TEXT, body }
}

/// Whether OpenMetrics is accepted, and not less gladly than plain text. A header that makes no
/// sense is one that doesn't ask for it.
fn wants_openmetrics(accept: &str) -> bool {
    let quality = |wanted: &str| {
        let found = accept.split(',').filter_map(|part| {
            let mut fields = part.split(';').map(str::trim);
            if !fields.next()?.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let mut quality = 1.0;
            for field in fields {
                match field.split_once('=') {
                    Some(("q", value)) => quality = value.parse::<f32>().ok()?,
                    Some(("version", "1.0.0" | "0.0.1" | "0.0.4")) => {}
                    Some(("version", _)) => return None,
                    _ => {}
                }
            }
            Some(quality)
        });
        found.fold(0.0_f32, f32::max)
    };
    let open = quality("application/openmetrics-text");
    open > 0.0 && open >= quality("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_ask() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, open) in [
            (prometheus, true),
            ("", false),
            ("*/*", false),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text; q=0", false),
            ("application/openmetrics-text; version=7.0.0", false),
            ("application/openmetrics-text;q=0.3,text/plain", false),
            ("application/openmetrics-text;q=x", false),
            (";;;,,,q=q=q", false),
        ] {
            let reply = respond("GET", "/metrics", accept, &Snapshot::default());
            assert_eq!(reply.content == OPENMETRICS, open, "{accept}");
            assert_eq!(reply.body.ends_with("# EOF\n"), open, "{accept}");
        }
    }

    #[test]
    fn other_requests_are_refused() {
        let ask = |method, path| respond(method, path, "", &Snapshot::default()).status;
        assert_eq!(ask("POST", "/metrics"), 405);
        assert_eq!(ask("GET", "/../etc/passwd"), 404);
        assert_eq!(ask("GET", "/healthz"), 200);
        assert_eq!(ask("HEAD", "/readyz"), 503);
        let reply = respond("GET", "/readyz", "", &Snapshot::default());
        assert_eq!(reply.body, "not ready\nnot yet started\n");
    }
}
