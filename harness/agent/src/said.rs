//! The standard streams of a program: written into a file in memory, never into a pipe.
//!
//! A pipe ends when the last process that holds it has ended, and a daemon holds what it was started with: a reader
//! that waits for the end waits as long as the daemon lives. A pipe can also be full. A file has neither problem.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tunelab_protocol::guest;

/// The number of bytes at the end that are looked at.
const TAIL: u64 = 16 * 1024;
const CHUNK: usize = 4096;

/// The streams of one program, or one of them.
pub struct Said {
    file: File,
    /// Where its own text begins: what a service wrote before it was started again stays in the file.
    began: u64,
    /// How far the text was handed out as lines.
    heard: u64,
}

impl Said {
    /// Makes a file without a name: it is gone with the last process that has it open.
    pub fn unnamed() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder().join(format!("said-{}-{number}", std::process::id()));
        let said = Self::at(&path)?;
        fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
        Ok(said)
    }

    /// Makes the file of a service, in [`guest::SAID`].
    pub fn of_service(name: &str) -> Result<Self> {
        fs::create_dir_all(guest::SAID).with_context(|| format!("failed to create {}", guest::SAID))?;
        Self::at(&path_of(name))
    }

    fn at(path: &Path) -> Result<Self> {
        let failed = || format!("failed to create {}", path.display());
        // It is opened to append, so that several programs write one after the other.
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).mode(0o666).open(path).with_context(failed)?;
        // A service of another user may open it again, as `/dev/stderr`. The umask does not apply here.
        file.set_permissions(fs::Permissions::from_mode(0o666)).with_context(failed)?;
        let began = file.metadata().with_context(failed)?.len();
        Ok(Said { file, began, heard: began })
    }

    /// The file as a program's standard output or error, or both.
    pub fn stdio(&self) -> Result<Stdio> {
        Ok(self.file.try_clone().context("failed to share a file")?.into())
    }

    /// The next whole line; `None`: there is none yet.
    pub fn next_line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            let mut chunk = [0; CHUNK];
            let read = self.file.read_at(&mut chunk, self.heard + line.len() as u64).context("failed to read back")?;
            let chunk = &chunk[..read];
            if let Some(end) = chunk.iter().position(|b| *b == b'\n') {
                line.extend(&chunk[..end]);
                self.heard += line.len() as u64 + 1;
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if read == 0 {
                return Ok(None);
            }
            line.extend(chunk);
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.from(self.began)
    }

    /// The last few kilobytes of the text.
    pub fn tail(&self) -> String {
        self.from(self.file.metadata().map_or(0, |m| m.len()).saturating_sub(TAIL).max(self.began))
    }

    fn from(&self, mut at: u64) -> String {
        let (mut all, mut chunk) = (Vec::new(), [0; CHUNK]);
        while let Ok(read @ 1..) = self.file.read_at(&mut chunk, at) {
            all.extend(&chunk[..read]);
            at += read as u64;
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// The file for a service's streams.
pub fn path_of(name: &str) -> PathBuf {
    Path::new(guest::SAID).join(format!("{}.log", name.replace('/', "-")))
}

/// Our own folder, once there is one; before that, a folder that an initrd has.
fn folder() -> &'static Path {
    [guest::HOME, "/run", "/tmp"].into_iter().map(Path::new).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

/// Makes a file without a name that holds this text, for a program to read.
pub fn scratch(text: &str) -> Result<File> {
    let mut file = Said::unnamed()?.file;
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).context("failed to write to a file in memory")?;
    Ok(file)
}

/// The last lines of a text, as one.
pub fn last_lines(text: &str, lines: usize) -> String {
    let tail: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).rev().take(lines).collect();
    tail.into_iter().rev().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn lines_come_when_they_are_whole() {
        let mut said = Said::unnamed().unwrap();
        let mut say = |text: &str| {
            let mut command = Command::new("printf");
            assert!(command.arg(text).stdout(said.stdio().unwrap()).status().unwrap().success());
            std::iter::from_fn(|| said.next_line().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(say("a\\nb"), ["a"]);
        assert_eq!(say("c"), [] as [&str; 0]);
        let long = "x".repeat(3 * CHUNK);
        assert_eq!(say(&format!("\\n{long}\\n\\n")), ["bc", &long, ""]);
        assert!(said.text().starts_with("a\nbc\nxxx"));
    }

    #[test]
    fn what_is_started_again_writes_on_and_reads_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut first = Said::at(&path).unwrap();
        writeln!(first.file, "ready").unwrap();
        assert_eq!(first.next_line().unwrap().as_deref(), Some("ready"));
        let mut second = Said::at(&path).unwrap();
        assert_eq!(second.next_line().unwrap(), None, "the first was ready, and not this one");
        writeln!(second.file, "ready again").unwrap();
        assert_eq!((second.text(), second.tail()), ("ready again\n".into(), "ready again\n".into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "ready\nready again\n");
    }

    #[test]
    fn the_last_lines_that_say_something() {
        assert_eq!(last_lines("a\nb\n\nc\n", 2), "b; c");
        assert_eq!(last_lines("", 2), "");
    }
}
