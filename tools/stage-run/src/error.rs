//! The error of an instruction, before it is known which one that is.

use libcli::{Exit, Failure};
use libcopy::CopyError;
use libdockerfile::ParseError;
use libsandbox::SandboxError;
use libstore::StoreError;

/// An error, what to do about it, and the exit status it means.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StepError {
    exit: Exit,
    what: String,
    /// Advice, if `what` has none.
    hint: String,
    token: String,
    /// Whether the token is an image that is not there.
    image: bool,
    detail: String,
    pending: bool,
    left: Option<Box<Left>>,
}

/// The status, log and tree of a failed command, for its record.
#[derive(Debug)]
pub struct Left {
    /// Its status.
    pub status: u8,
    /// Its output: a path in the store.
    pub log: String,
    /// The id under which the store keeps its tree, if that could be kept.
    pub id: Option<String>,
}

/// Whether a failure only says that something else ended the stage: another one that failed, or a signal.
pub fn was_stopped(failure: &Failure) -> bool {
    const ENDING: [u8; 3] = [129, 130, 143];
    match failure.exit() {
        Exit::Stopped => true,
        Exit::Status(status) => ENDING.contains(&status),
        _ => false,
    }
}

impl StepError {
    /// The Dockerfile, or something it names, is not what it should be (exit 3).
    pub fn input(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::BadInput, what.to_string())
    }

    /// Could not do it (exit 1).
    pub fn failed(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::Failed, what.to_string())
    }

    /// Later it may work (exit 75).
    pub fn try_again(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::TryAgain, what.to_string())
    }

    /// In a dry run, `what` is needed and would have to be made first.
    pub fn pending(what: impl std::fmt::Display) -> Self {
        Self { pending: true, ..Self::failed(what) }
    }

    /// Something else of the same build failed.
    pub fn stopped(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::Stopped, what.to_string())
    }

    /// Ends with this status and says nothing.
    pub fn quiet(exit: Exit) -> Self {
        Self::new(exit, String::new())
    }

    /// The thing that would have to be made first, if that is the trouble.
    pub fn needs(&self) -> Option<&str> {
        self.pending.then_some(self.what.as_str())
    }

    /// Wraps a system error with what was being done.
    pub fn io<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Self + '_ {
        move |error| Self::failed(format!("{what}: {error}"))
    }

    fn new(exit: Exit, what: String) -> Self {
        Self {
            exit,
            what,
            hint: String::new(),
            token: String::new(),
            image: false,
            detail: String::new(),
            pending: false,
            left: None,
        }
    }

    /// Names the text at fault, unless it is known already.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        if self.token.is_empty() {
            token.clone_into(&mut self.token);
        }
        self
    }

    /// Says what to do: `; did you mean X?`.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// Says that the error is about an image that is not there.
    #[must_use]
    pub fn image(mut self, name: &str) -> Self {
        self.image = true;
        self.token(name)
    }

    /// The image that was looked for and is not there.
    pub fn missing_image(&self) -> Option<&str> {
        self.image.then_some(self.token.as_str())
    }

    /// Whether the Dockerfile is at fault, or what it names.
    pub fn is_input(&self) -> bool {
        self.exit == Exit::BadInput
    }

    /// Puts words before the message.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// Drops words at the start of the message, which are said already.
    #[must_use]
    pub fn without(mut self, words: &str) -> Self {
        self.what = self.what.strip_prefix(words).map(str::to_owned).unwrap_or(self.what);
        self
    }

    /// Adds lines below the message.
    #[must_use]
    pub fn with_detail(mut self, detail: String) -> Self {
        self.detail = detail;
        self
    }

    /// Adds a line below all others.
    #[must_use]
    pub fn and_detail(mut self, line: &str) -> Self {
        self.detail += line;
        self
    }

    /// Says what the command left behind.
    #[must_use]
    pub fn leaving(mut self, left: Left) -> Self {
        self.left = Some(Box::new(left));
        self
    }

    /// Takes out what the command left.
    pub fn take_left(&mut self) -> Option<Box<Left>> {
        self.left.take()
    }

    /// The failure of no instruction.
    pub fn into_failure(self) -> Failure {
        Failure::new(self.exit, "", self.what + &self.hint)
    }

    /// The failure of an instruction at `place` (`Dockerfile:7`), whose lines are shown below the message.
    pub fn at(self, place: String, lines: &Lines) -> Failure {
        let detail = format!("{}{}", lines.snippet(&self.token), self.detail);
        Failure::new(self.exit, place, self.what + &self.hint).with_detail(detail)
    }
}

/// Where an instruction is in the Dockerfile, and how it is written there.
pub struct Lines<'a> {
    /// Its first line.
    pub first: u32,
    /// The instruction as one line.
    pub text: &'a str,
    /// Its physical lines, when there are several.
    pub lines: &'a [String],
}

impl Lines<'_> {
    fn snippet(&self, token: &str) -> String {
        match self.lines {
            [] => libdockerfile::snippet_of(&[self.text], self.first, token),
            lines => libdockerfile::snippet_of(lines, self.first, token),
        }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let failure = Failure::from(error);
        Self::new(failure.exit(), text)
    }
}

impl From<CopyError> for StepError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Io { .. } | CopyError::Changed(_) => Self::failed(error),
            other => Self::input(other),
        }
    }
}

/// Words that can't be.
impl From<ParseError> for StepError {
    fn from(error: ParseError) -> Self {
        Self::input(error.to_string()).token(&error.token)
    }
}

impl From<SandboxError> for StepError {
    fn from(error: SandboxError) -> Self {
        let exit = match &error {
            SandboxError::Interrupted(signal) => Exit::Status(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            SandboxError::User(_) | SandboxError::NoUser(_) => Exit::BadInput,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
