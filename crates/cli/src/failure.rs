//! How a failure is shown: what failed and why, then what might help.

use std::process::ExitCode;

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

    /// The one place that writes to standard error by itself: it must work when logging doesn't.
    #[expect(clippy::print_stderr, reason = "the last word of a failed command")]
    pub(crate) fn show(&self) -> ExitCode {
        eprintln!("auditseal: failed to {}", self.text);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl From<auditseal_agent::Error> for Failure {
    fn from(error: auditseal_agent::Error) -> Self {
        Self::new(&error).hint(error.get_hint())
    }
}

impl From<auditseal_vault::Error> for Failure {
    fn from(error: auditseal_vault::Error) -> Self {
        Self::new(&error).hint(error.hint())
    }
}

impl From<auditseal_archive::Error> for Failure {
    fn from(error: auditseal_archive::Error) -> Self {
        Self::new(&error).hint(error.hint())
    }
}
