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

    /// Reads what was written since the last time. A file that is shorter than then was begun anew.
    pub fn news(&mut self) -> Result<String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e).with_context(|| format!("failed to read {}", self.path.display())),
        };
        let from = if bytes.len() < self.read_bytes { 0 } else { self.read_bytes };
        self.read_bytes = bytes.len();
        Ok(String::from_utf8_lossy(&bytes[from..]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Written;

    #[test]
    fn each_text_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Written::to(path.clone());
        let mut after = |text: Option<&str>| {
            text.iter().for_each(|text| std::fs::write(&path, text).unwrap());
            log.news().unwrap()
        };
        assert_eq!(after(None), "", "there is no file yet");
        assert_eq!(after(Some("one\n")), "one\n");
        assert_eq!(after(Some("one\ntwo\n")), "two\n");
        assert_eq!(after(None), "");
        assert_eq!(after(Some("new\n")), "new\n", "it was begun anew");
    }
}
