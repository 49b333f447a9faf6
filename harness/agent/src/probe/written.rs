//! A file that grows, such as a log. It must lie on tmpfs, as all that is written during a run.

use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::PathBuf;

/// The file, and how much of it was read; one that does not exist has no lines.
pub struct Written {
    path: PathBuf,
    read_bytes: usize,
}

impl Written {
    pub fn to(path: PathBuf) -> Self {
        Written { path, read_bytes: 0 }
    }

    /// Reads what was written since the last time.
    pub fn news(&mut self) -> Result<String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e).with_context(|| format!("failed to read {}", self.path.display())),
        };
        let news = String::from_utf8_lossy(bytes.get(self.read_bytes..).unwrap_or_default()).into_owned();
        self.read_bytes = bytes.len();
        Ok(news)
    }
}
