//! What is answered to a request.

use super::exposition::{OPENMETRICS, PLAIN, openmetrics, plain};
use super::health::{Health, alive, ready};
use super::snapshot::Snapshot;

/// Begins a line of what is to be known and stands against nothing.
pub(super) const NOTE: &str = "note: ";

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
    let metrics = || match wants_openmetrics(accept) {
        true => (OPENMETRICS, openmetrics(snapshot)),
        false => (PLAIN, plain(snapshot)),
    };
    page(method, path, metrics, || alive(snapshot), || ready(snapshot))
}

/// Answers a request to a process that counts this, answers, and has these reasons not to be ready.
#[must_use]
pub(crate) fn respond_plainly(
    (method, path): (&str, &str),
    metrics: impl FnOnce() -> String,
    against: impl FnOnce() -> Vec<String>,
) -> Reply {
    let ready = || Health { reasons: against(), ..Health::default() };
    page(method, path, || (PLAIN, metrics()), Health::default, ready)
}

fn page(
    method: &str,
    path: &str,
    metrics: impl FnOnce() -> (&'static str, String),
    alive: impl FnOnce() -> Health,
    ready: impl FnOnce() -> Health,
) -> Reply {
    let say = |status, body: &str| Reply { status, content: TEXT, body: body.to_owned() };
    if !matches!(method, "GET" | "HEAD") {
        return say(405, "only GET and HEAD\n");
    }
    match path {
        "/metrics" => {
            let (content, body) = metrics();
            Reply { status: 200, content, body }
        }
        "/healthz" => judged("alive", &alive()),
        "/readyz" => judged("ready", &ready()),
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
    for note in &health.notes {
        body.push_str(NOTE);
        body.push_str(note);
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
    fn a_process_without_sources_has_the_same_pages() {
        let ask = |method, path, against: &[&str]| {
            let against = || against.iter().map(|&why| why.to_owned()).collect();
            let reply = respond_plainly((method, path), || "a 1\n".to_owned(), against);
            (reply.status, reply.body)
        };
        assert_eq!(ask("GET", "/metrics", &[]), (200, "a 1\n".to_owned()));
        assert_eq!(ask("GET", "/readyz", &[]), (200, "ready\n".to_owned()));
        let full = ["out: its disk is full"];
        assert_eq!(ask("GET", "/readyz", &full).0, 503);
        assert_eq!(ask("GET", "/readyz", &full).1, "not ready\nout: its disk is full\n");
        assert_eq!(ask("GET", "/healthz", &full), (200, "alive\n".to_owned()));
        assert_eq!((ask("POST", "/metrics", &[]).0, ask("GET", "/x", &[]).0), (405, 404));
    }

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
