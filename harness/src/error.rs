//! The one error of the harness: what failed, on what, what to try, and the exit code it ends in.

use crate::visible::{as_long, visible};
use miette::{LabeledSpan, NamedSource};
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes that scripts may rely on. 0 is "all as expected".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// An outcome or a claim differs from its snapshot.
    Differs = 1,
    /// A scenario, a recipe or a flag is wrong, or a file that a program in the guest was to read.
    Input = 2,
    /// This host cannot run it: something is missing, full or forbidden.
    Host = 3,
    /// The guest broke: it panicked, hung or was lost.
    Guest = 4,
    Interrupted = 130,
}

/// Messages are lower case without a full stop, values in backticks.
pub struct Error(Box<Inner>);

struct Inner {
    exit: Exit,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    hint: Option<String>,
    /// The text, for errors in a file the user wrote.
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    /// Every problem of one file, all at once.
    related: Vec<Error>,
}

impl Error {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            exit,
            message: visible(&message.into()),
            cause: None,
            hint: None,
            source: None,
            labels: Vec::new(),
            related: Vec::new(),
        }))
    }

    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, message)
    }

    pub fn host(message: impl Into<String>) -> Self {
        Self::new(Exit::Host, message)
    }

    pub fn guest(message: impl Into<String>) -> Self {
        Self::new(Exit::Guest, message)
    }

    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(visible(&hint.into()));
        self
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Points into the text of a file the user wrote. A line that fills screens is not shown: its number must do.
    #[must_use]
    pub fn at(mut self, source: NamedSource<String>, labels: Vec<LabeledSpan>) -> Self {
        let offset = labels.first().map_or(0, LabeledSpan::offset);
        if let Some((line, column)) = unshowable(source.inner(), offset) {
            let name = visible(source.name());
            if !self.0.message.starts_with(&format!("{name}:")) {
                self.0.message = format!("{name}:{line}:{column}: {}", self.0.message);
            }
            return self;
        }
        self.0.source = Some(NamedSource::new(visible(source.name()), as_long(source.inner())));
        self.0.labels = labels;
        self
    }

    #[must_use]
    pub fn related(mut self, related: Vec<Error>) -> Self {
        self.0.related = related;
        self
    }

    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// Bytes of a line that a frame still shows.
const SHOWN: usize = 2_000;

/// Returns the offset's line and column if that line, or one beside it, is too long to be shown.
fn unshowable(text: &str, offset: usize) -> Option<(usize, usize)> {
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let around = before.rsplitn(3, '\n').take(2).map(str::len).chain(after.splitn(3, '\n').take(2).map(str::len));
    let line = before.rsplit('\n').next().unwrap_or_default();
    let place = || (before.matches('\n').count() + 1, line.chars().count() + 1);
    (around.max() > Some(SHOWN)).then(place)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The whole story in plain text, as tests and pipes see it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        let mut cause = std::error::Error::source(self);
        while let Some(c) = cause {
            write!(f, ": {c}")?;
            cause = c.source();
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\nhint: {hint}")?;
        }
        for related in &self.0.related {
            write!(f, "\n{related:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|c| c as _)
    }
}

impl miette::Diagnostic for Error {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.hint.as_ref().map(|h| Box::new(h) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source.as_ref().map(|s| s as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.0.labels.is_empty()).then(|| Box::new(self.0.labels.iter().cloned()) as _)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        (!self.0.related.is_empty()).then(|| Box::new(self.0.related.iter().map(|r| r as &dyn miette::Diagnostic)) as _)
    }
}

/// `.host("what failed")` turns an I/O error into one of this host, with what was being done.
pub trait Context<T> {
    fn host(self, message: impl FnOnce() -> String) -> Result<T>;
    fn guest(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn host(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::host(message()).cause(e))
    }

    fn guest(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::guest(message()).cause(e))
    }
}
