//! Writes to standard error, for what is told beside the result.

use std::io::{Write, stderr};

/// Writes a line, and ignores a failure: a terminal that was closed, or a reader that is gone, must not end a run that
/// is being cleaned up, as `eprintln!` would by its panic.
pub fn aside(line: impl AsRef<str>) {
    let _ = writeln!(stderr(), "{}", line.as_ref());
}
