//! Log lines on standard error.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, Logging};

/// What is shown unless somebody asks for something else.
const DEFAULT: &str = "warn,auditseal_agent=info";

/// Starts logging; `bar` says that a progress bar tells what the info lines would.
pub(crate) fn start(logging: &Logging, bar: bool) {
    let terminal = std::io::stderr().is_terminal();
    let default = if bar && terminal { "warn" } else { DEFAULT };
    let wanted = logging.log_level.as_deref().filter(|level| !level.trim().is_empty());
    // A filter that can't be read must not keep the daemon from starting.
    let filter = wanted.and_then(filter).unwrap_or_else(|| EnvFilter::new(default));
    let refused = wanted.filter(|level| self::filter(level).is_none());
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would panic when standard error is a pipe that nobody reads any more.
        .log_internal_errors(false);
    match logging.log_format {
        LogFormat::Text => base.with_ansi(terminal).with_target(false).init(),
        LogFormat::Json => base.json().flatten_event(true).with_target(false).init(),
    }
    if let Some(level) = refused {
        tracing::warn!("--log-level {level:?} can't be read: using the default, {default}");
    }
}

/// Reads a filter. A bare word must be a level or a crate of ours: anything else would be taken
/// for the name of a crate, and a misspelt level would silence all that matters.
fn filter(text: &str) -> Option<EnvFilter> {
    let known = |word: &str| {
        word.contains('=') || word.starts_with("auditseal") || word.parse::<LevelFilter>().is_ok()
    };
    if text.split(',').all(|word| known(word.trim())) {
        EnvFilter::try_new(text).ok()
    } else {
        None
    }
}
