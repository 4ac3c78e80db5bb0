//! How a failure is shown: what failed and why, then what might help.

use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::OnceLock;

use crate::logging::LogFormat;

/// A failure of the whole command.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), hint: None, code: 2 }
    }

    pub(crate) fn hint(mut self, hint: Option<impl ToString>) -> Self {
        self.hint = hint.map(|hint| hint.to_string());
        self
    }

    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What failed and why, fit for a log.
    pub(crate) fn told(&self) -> String {
        visible(&without_credentials(&redact(&self.text)))
    }

    /// The last word of a failed command: it must work when logging doesn't.
    pub(crate) fn show(&self, format: LogFormat) -> ExitCode {
        let safe = |text: &str| visible(&without_credentials(&redact(text)));
        let (text, hint) = (safe(&self.text), self.hint.as_deref().map(safe));
        let shown = match format {
            LogFormat::Text => {
                let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
                format!("auditseal: failed to {text}\n{hint}")
            }
            LogFormat::Json => {
                let line = serde_json::json!({
                    "timestamp": auditseal_agent::system_clock()().wall.to_string(),
                    "level": "ERROR",
                    "message": format!("failed to {text}"),
                    "hint": hint,
                });
                format!("{line}\n")
            }
        };
        // Nobody may be reading any more; the exit code says the rest.
        drop(io::stderr().write_all(shown.as_bytes()));
        ExitCode::from(self.code)
    }
}

/// Says that this program itself is wrong, where, and what to do: whoever sees it can't mend it. Of
/// what it would say by itself only what was written in its source is shown, for the rest may be
/// anything that it has read.
pub(crate) fn fault(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let why = info.payload().downcast_ref::<&str>().copied();
    let thread = std::thread::current();
    let said = fault_text(place.as_deref(), why, thread.name());
    drop(io::stderr().write_all(said.as_bytes()));
}

fn fault_text(place: Option<&str>, why: Option<&str>, thread: Option<&str>) -> String {
    let (place, thread) = (place.unwrap_or("an unknown place"), thread.unwrap_or("unnamed"));
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "auditseal: a fault of auditseal {version} itself, at {place} (thread {thread}){why}\n\
         hint: nothing that was sealed is lost; start it again, and report this line to whoever \
         you have auditseal from\n"
    )
}

/// Private keys are given by file. One that was given instead of a file, a path or a name must not
/// end up in a log with the message that says so.
fn redact(text: &str) -> String {
    let mut parts = text.split("PRIVATE+KEY+");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let secret = |c: char| c.is_ascii_graphic() && !matches!(c, '\'' | '"');
        shown.push_str("PRIVATE+KEY+…");
        shown.push_str(part.trim_start_matches(secret));
    }
    shown
}

/// Who asks is given by files. Credentials that stand in a URL instead must not end up in a log with the message that
/// refuses it, wherever on the command line it stood.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sink =
            shown.rsplit(|c: char| !c.is_ascii_graphic()).next().unwrap_or_default().contains('+');
        let end = part
            .find(|c: char| !c.is_ascii_graphic() || matches!(c, '\'' | '"'))
            .unwrap_or(part.len());
        // A password may hold what ends a host; that of a sink is told from no path.
        let host = part[..end].split('/').next().unwrap_or_default().len();
        let secret = part[..if sink { end } else { host }].rfind('@');
        shown.push_str("://");
        shown.push_str(secret.map_or("", |_| "…"));
        shown.push_str(&part[secret.unwrap_or(0)..]);
    }
    shown
}

/// What names of files and texts of others hold must not act on the terminal. What is said may have several lines.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && auditseal_chain::hides(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Hints where there is no better one.
const STORE: &str = "check --store, --endpoint, the credentials and the network";
const SOURCE: &str = "--source names the live log file, or the directory that holds it";

/// Who tells the command that was typed. Asked only where something fails, for it reads the whole grammar.
static TYPED: OnceLock<fn() -> String> = OnceLock::new();

/// Takes note of who tells the command that was typed, for hints: a placeholder would have to be understood first.
pub(crate) fn ask_for_command(typed: fn() -> String) {
    // It is the same one always.
    TYPED.get_or_init(|| typed);
}

/// Names that command's help.
pub(crate) fn help() -> String {
    let command = TYPED.get().map_or_else(|| "auditseal".to_owned(), |typed| typed());
    format!("`{command} --help` explains every argument")
}

impl From<auditseal_agent::Error> for Failure {
    fn from(error: auditseal_agent::Error) -> Self {
        use auditseal_agent::ErrorKind;
        let general = match error.kind() {
            ErrorKind::Usage => Some(help()),
            ErrorKind::Source => Some(SOURCE.to_owned()),
            ErrorKind::Store => Some(STORE.to_owned()),
            ErrorKind::DiskFull | ErrorKind::Locked | ErrorKind::Other => None,
        };
        Self::new(&error).hint(error.get_hint().map(str::to_owned).or(general))
    }
}

impl From<auditseal_store::Error> for Failure {
    fn from(error: auditseal_store::Error) -> Self {
        Self::new(&error).hint(error.hint().map(str::to_owned).or_else(|| Some(general(&error))))
    }
}

impl From<auditseal_reader::Error> for Failure {
    fn from(error: auditseal_reader::Error) -> Self {
        Self::new(&error).hint(archive_hint(&error))
    }
}

/// What may help with an error of the read path.
pub(crate) fn archive_hint(error: &auditseal_reader::Error) -> Option<String> {
    error.hint().or_else(|| match error {
        auditseal_reader::Error::Store(error) => Some(general(error)),
        _ => None,
    })
}

fn general(error: &auditseal_store::Error) -> String {
    match error.kind() {
        auditseal_store::Kind::Invalid => help(),
        _ => STORE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_are_not_shown() {
        for (given, shown) in [
            (
                "invalid value 'opensearch+https://u:secret@h/x' for",
                "invalid value 'opensearch+https://…@h/x' for",
            ),
            ("loki+http://u:sec/ret@h and s3://b/a@b", "loki+http://…@h and s3://b/a@b"),
            ("https://u:s@cret@h:1/x", "https://…@h:1/x"),
            ("file:///srv/a@b and x@y", "file:///srv/a@b and x@y"),
            ("\"otlp+http://u:secret@h\" is", "\"otlp+http://…@h\" is"),
            ("://@", "://…@"),
        ] {
            assert_eq!(without_credentials(given), shown);
        }
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_it_is_written() {
        let failure = Failure::new("read \u{1b}[31mred\u{202e}\nhere");
        assert_eq!(failure.told(), "read \\u{1b}[31mred\\u{202e}\nhere");
    }

    #[test]
    fn a_fault_says_where_and_what_to_do_and_nothing_that_was_read() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let hook = std::panic::take_hook();
        let into = std::sync::Arc::clone(&seen);
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string);
            let why = info.payload().downcast_ref::<&str>().copied();
            into.lock().expect("no other").push(fault_text(place.as_deref(), why, Some("t")));
        }));
        let token = String::from("top secret");
        drop(std::panic::catch_unwind(|| panic!("a literal")));
        drop(std::panic::catch_unwind(|| panic!("the value {token} is wrong")));
        std::panic::set_hook(hook);
        let seen = seen.lock().expect("no other");
        assert!(seen[0].contains("a literal") && seen[0].contains("failure.rs:"), "{}", seen[0]);
        assert!(!seen[1].contains("secret") && seen[1].contains("failure.rs:"), "{}", seen[1]);
        assert!(seen.iter().all(|said| said.contains("itself") && said.contains("hint: ")));
    }
}
