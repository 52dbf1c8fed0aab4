//! Why an instruction could not be done, before it is known which one it is.

use libcli::{Exit, Failure};
use libfetch::FetchError;
use libsandbox::SandboxError;
use libstore::StoreError;

/// What went wrong, what to do about it, and the exit status it means.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StepError {
    exit: Exit,
    what: String,
    detail: String,
}

impl StepError {
    /// The Dockerfile, or something it names, is not what it should be (exit 3).
    pub fn input(what: impl std::fmt::Display) -> Self {
        Self { exit: Exit::BadInput, what: what.to_string(), detail: String::new() }
    }

    /// Could not do it (exit 1).
    pub fn failed(what: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Failed, what: what.to_string(), detail: String::new() }
    }

    /// Wraps a system error with what was being done.
    pub fn io<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Self + '_ {
        move |error| Self::failed(format!("{what}: {error}"))
    }

    /// Adds lines below the message.
    #[must_use]
    pub fn with_detail(mut self, detail: String) -> Self {
        self.detail = detail;
        self
    }

    /// The failure at `place` (`Dockerfile:7`), with `snippet` below the message.
    pub fn at(self, place: String, snippet: &str) -> Failure {
        Failure::new(self.exit, place, self.what).with_detail(format!("{snippet}{}", self.detail))
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let failure = Failure::from(error);
        Self { exit: failure.exit(), what: text, detail: String::new() }
    }
}

impl From<FetchError> for StepError {
    fn from(error: FetchError) -> Self {
        if error.is_input() { Self::input(error) } else { Self::failed(error) }
    }
}

impl From<SandboxError> for StepError {
    fn from(error: SandboxError) -> Self {
        let exit = match &error {
            SandboxError::Interrupted(signal) => Exit::Status(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            SandboxError::User(_) => Exit::BadInput,
            _ => Exit::Failed,
        };
        Self { exit, what: error.to_string(), detail: String::new() }
    }
}

/// The instruction, as a snippet below a message: `   7 | >>> RUN make`.
pub fn snippet(line: u32, text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("{line:4} | >>> {}\n", shown.replace('\n', " "))
}
