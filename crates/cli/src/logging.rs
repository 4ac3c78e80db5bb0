//! Log lines on standard error.

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, Logging};

/// What is shown unless somebody asks for something else.
const DEFAULT: &str = "warn,auditseal_agent=info";

pub(crate) fn start(logging: &Logging) {
    let wanted = logging.log_level.as_deref().unwrap_or(DEFAULT);
    // A filter that can't be read must not keep the daemon from starting.
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match logging.log_format {
        LogFormat::Text => {
            use std::io::IsTerminal as _;
            base.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
        }
        LogFormat::Json => base.json().flatten_event(true).with_target(false).init(),
    }
}
