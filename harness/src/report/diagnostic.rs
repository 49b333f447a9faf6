//! Shows errors to people: what failed, where in which file, why, and a `hint:` on a line of its own.

use crate::error::Error;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use std::fmt;

/// Returns the text of an error, with colours and frames on a terminal, in ASCII without colour elsewhere.
pub fn render(error: &Error, terminal: bool) -> String {
    let theme = if terminal { GraphicalTheme::unicode() } else { theme_plain() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(120).with_context_lines(1);
    let mut out = format!("error: {}\n", error.message());
    out += &causes(error);
    if error.source_code().is_some() {
        out += &placed(&handler, error);
    }
    for related in error.related().into_iter().flatten() {
        out += &placed(&handler, related);
        out += &causes(related);
        out += &hint(related);
    }
    out + &hint(error)
}

fn theme_plain() -> GraphicalTheme {
    GraphicalTheme { characters: miette::ThemeCharacters::ascii(), ..GraphicalTheme::none() }
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(|why| format!("  because: {why}\n")).collect()
}

fn hint(diagnostic: &dyn Diagnostic) -> String {
    diagnostic.help().map(|help| format!("hint: {help}\n")).unwrap_or_default()
}

/// Returns miette's frame with the place in the file; the hint is ours, because miette calls it help.
fn placed(handler: &GraphicalReportHandler, diagnostic: &dyn Diagnostic) -> String {
    let mut frame = String::new();
    match handler.render_report(&mut frame, &Placed(diagnostic)) {
        Ok(()) => format!("\n{}\n", frame.trim_matches('\n')),
        Err(fmt::Error) => format!("\n{diagnostic}\n"),
    }
}

#[derive(Debug)]
struct Placed<'a>(&'a dyn Diagnostic);

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

impl std::error::Error for Placed<'_> {}

impl Diagnostic for Placed<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.labels()
    }
}
