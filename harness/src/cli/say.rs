//! Standard output.

use crate::error::{Context, Result};
use std::io::{ErrorKind, Write, stdout};

/// Writes the text. A reader that has seen enough (`| head`) and is gone is no error: the rest is not needed, and the
/// exit code stays what the command says.
pub fn say(text: impl AsRef<str>) -> Result<()> {
    let mut out = stdout();
    match out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.host(|| "failed to write to standard output".into()),
    }
}
