//! The guest's console as a file: its last lines, and the words a dying kernel says.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use tunelab_protocol::GAVE_UP;

/// The words of a kernel that breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cry {
    /// `Kernel panic - not syncing: ...`; the text after the colon.
    Panic(String),
    /// Our own init could not do without something; it says what.
    Init(String),
    /// `BUG: ...`, `Oops: ...`, `general protection fault ...`: the whole line.
    Oops(String),
}

/// Reads what was added since the last look and finds a [`Cry`] in it.
#[derive(Debug, Default)]
pub struct Listener {
    /// Bytes looked at.
    seen: u64,
    /// A line that has not ended yet.
    partial: String,
}

impl Listener {
    /// Returns the first cry since the last call. A console that cannot be read says nothing.
    pub fn listen(&mut self, console: &Path) -> Option<Cry> {
        let added = read_from(console, self.seen).unwrap_or_default();
        self.seen += added.len() as u64;
        self.partial.push_str(&String::from_utf8_lossy(&added));
        let whole = self.partial.rfind('\n').map_or(0, |end| end + 1);
        let lines: String = self.partial.drain(..whole).collect();
        lines.lines().find_map(cry)
    }

    /// Bytes read so far: as long as the number grows, the guest lives.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}

/// Finds a cry only at the start of a line, after the kernel's time stamp: a log that quotes such words is no death.
pub fn cry(line: &str) -> Option<Cry> {
    let said = without_time(line.trim());
    if let Some(why) = said.strip_prefix(GAVE_UP) {
        return Some(Cry::Init(why.to_owned()));
    }
    if let Some(why) = said.strip_prefix("Kernel panic - not syncing") {
        return Some(Cry::Panic(why.trim_start_matches(':').trim().to_owned()));
    }
    ["BUG: ", "Oops: ", "Internal error: Oops", "general protection fault", "invalid opcode: "]
        .iter()
        .any(|word| said.starts_with(word))
        .then(|| Cry::Oops(said.to_owned()))
}

/// Removes the time stamp: `[   12.345678] text` and `[   12.345678][    T1] text` become `text`.
fn without_time(line: &str) -> &str {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        rest = after.trim_start();
    }
    rest
}

/// The last `lines` lines of the console, as they stand below an error's first line; or a line that says there are
/// none.
pub fn last_lines(console: &Path, lines: usize) -> String {
    match &tail(console, lines)[..] {
        [] => "\nnot a word on its console".to_owned(),
        lines => format!("\nthe console's last lines:\n  {}", lines.join("\n  ")),
    }
}

/// The last `lines` lines of a file, without control characters; empty if there is none.
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    /// Far more than the lines asked for.
    const ENOUGH: u64 = 16 * 1024;
    let length = path.metadata().map_or(0, |m| m.len());
    let bytes = read_from(path, length.saturating_sub(ENOUGH)).unwrap_or_default();
    let text: String =
        String::from_utf8_lossy(&bytes).chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| line.trim_end().to_owned()).collect()
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut added = Vec::new();
    file.read_to_end(&mut added)?;
    Ok(added)
}
