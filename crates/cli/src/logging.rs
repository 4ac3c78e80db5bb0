//! Log lines on standard error.

use std::fmt;
use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// How log lines on standard error look.
    #[arg(
        long,
        help_heading = "Logging",
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "AUDITSEAL_LOG_FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug or a filter like auditseal_agent=debug.
    #[arg(
        long,
        help_heading = "Logging",
        global = true,
        env = "AUDITSEAL_LOG_LEVEL",
        value_name = "LEVEL"
    )]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What is shown unless somebody asks for something else.
const DEFAULT: &str = "warn,auditseal_agent=info";

/// Which log lines are written, for whoever wants it changed.
pub(crate) struct Levels {
    /// What it began with.
    first: String,
    reload: Box<dyn Fn(EnvFilter) + Send + Sync>,
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").field("first", &self.first).finish_non_exhaustive()
    }
}

impl Levels {
    /// What `wanted` means; what it began with, where nothing is.
    ///
    /// # Errors
    /// A sentence when it means nothing.
    pub(crate) fn read(&self, wanted: Option<&str>) -> Result<EnvFilter, String> {
        let wanted = wanted.filter(|level| !level.trim().is_empty()).unwrap_or(&self.first);
        filter(wanted).ok_or_else(|| format!("AUDITSEAL_LOG_LEVEL {wanted:?} is no level"))
    }

    /// From now on these are written.
    pub(crate) fn set(&self, filter: EnvFilter) {
        (self.reload)(filter);
    }
}

/// Starts logging; `bar` says that a progress bar tells what the info lines would.
pub(crate) fn start(logging: &Logging, bar: bool) -> Levels {
    let terminal = std::io::stderr().is_terminal();
    let default = if bar && terminal { "warn" } else { DEFAULT };
    let wanted = logging.log_level.as_deref().filter(|level| !level.trim().is_empty());
    // A filter that can't be read must not keep the daemon from starting.
    let readable = wanted.filter(|level| filter(level).is_some());
    let first = readable.unwrap_or(default).to_owned();
    let base = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&first))
        .with_writer(std::io::stderr)
        // It would panic when standard error is a pipe that nobody reads any more.
        .log_internal_errors(false);
    // Its only error is that logging has ended.
    let reload: Box<dyn Fn(EnvFilter) + Send + Sync> = match logging.log_format {
        LogFormat::Text => {
            let base = base.with_ansi(terminal).with_target(false).with_filter_reloading();
            let handle = base.reload_handle();
            base.init();
            Box::new(move |filter| drop(handle.reload(filter)))
        }
        LogFormat::Json => {
            let base = base.json().flatten_event(true).with_target(false).with_filter_reloading();
            let handle = base.reload_handle();
            base.init();
            Box::new(move |filter| drop(handle.reload(filter)))
        }
    };
    if let Some(level) = wanted.filter(|_| readable.is_none()) {
        tracing::warn!("--log-level {level:?} can't be read: using the default, {default}");
    }
    Levels { first, reload }
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
