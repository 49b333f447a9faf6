//! The one way to read a file that a user brings: a scenario, a file that it deploys, a recipe, a keyring, a kernel.
//!
//! Such a path may lead to anything: a pipe that no program writes to, a device that never ends, a hole of gigabytes.
//! Opening it never blocks, only a regular file is read (links are followed), and no more of it than its kind may have.

use crate::error::{Error, Result};
use std::{
    fs::{File, FileType, Metadata},
    io::{ErrorKind, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// The most bytes of a file that people write: scenarios, recipes, rules, settings, programs.
pub const TEXT: u64 = 1 << 20;
/// The most bytes of a file that tunelab wrote itself: snapshots, descriptions of the cache's entries.
pub const WRITTEN: u64 = 16 << 20;
/// The most bytes of a kernel, or of a package with one and its modules.
pub const KERNEL: u64 = 1 << 30;

/// Opens a regular file, and nothing else.
pub fn open(path: &Path) -> std::io::Result<File> {
    let regular = |seen: Metadata| match seen.is_file() {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("it is {}, not a regular file", kind(seen.file_type())))),
    };
    // The file is looked at before it is opened: opening some devices has effects.
    std::fs::metadata(path).and_then(regular)?;
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// Reads all of a regular file. `what` it is comes before its path in messages: `the kernel`.
pub fn bytes(path: &Path, what: &str, most: u64) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| {
        let error = Error::input(format!("failed to read {what} `{}`", path.display()));
        let hint = (e.kind() == ErrorKind::NotFound && path.is_symlink()).then_some("it is a link that leads nowhere");
        hint.into_iter().fold(error.cause(e), Error::hint)
    };
    check(&std::fs::metadata(path).map_err(failed)?, path, what, most)?;
    let file = open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    // It may have grown meanwhile, and a file of /proc says 0 before it is read.
    if bytes.len() as u64 > most { Err(too_large(path, what, most)) } else { Ok(bytes) }
}

/// Reads all of a regular file that is UTF-8; the error says what it seems to be, where, and how to convert it.
pub fn text(path: &Path, what: &str, most: u64) -> Result<String> {
    let bytes = bytes(path, what, most)?;
    match String::from_utf8(bytes) {
        // Text with two bytes for each character, one of them zero, is UTF-8 too, by chance.
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(text) => Err(no_text(path, what, text.as_bytes(), text.find('\0').unwrap_or_default())),
        Err(e) => Err(no_text(path, what, e.as_bytes(), e.utf8_error().valid_up_to())),
    }
}

/// Reads text that people wrote, from a file in this folder: a link may not lead out of it.
pub fn text_within(folder: &Path, name: &str, what: &str) -> Result<String> {
    let path = folder.join(name);
    stays_within(folder, &path)?;
    text(&path, what, TEXT)
}

/// Checks that `path`, all links followed, lies in `folder`; a missing file is left to the code that reads it.
fn stays_within(folder: &Path, path: &Path) -> Result<()> {
    let (Ok(home), Ok(leads)) = (folder.canonicalize(), path.canonicalize()) else { return Ok(()) };
    if leads.starts_with(home) {
        return Ok(());
    }
    let message = format!("`{}` is a link out of its folder, to `{}`", path.display(), leads.display());
    Err(Error::input(message).hint("put a copy of the file there; links within the folder are fine"))
}

fn check(seen: &Metadata, path: &Path, what: &str, most: u64) -> Result<()> {
    if !seen.is_file() {
        let message = format!("{what} `{}` is {}, not a regular file", path.display(), kind(seen.file_type()));
        let error = Error::input(message);
        return Err(match seen.file_type().is_fifo() {
            true => error.hint("save what comes out of it to a file, and give that"),
            false => error,
        });
    }
    if seen.len() > most { Err(too_large(path, what, most)) } else { Ok(()) }
}

fn kind(of: FileType) -> &'static str {
    match of {
        of if of.is_dir() => "a folder",
        of if of.is_fifo() => "a pipe",
        of if of.is_socket() => "a socket",
        of if of.is_char_device() || of.is_block_device() => "a device",
        _ => "something else",
    }
}

fn too_large(path: &Path, what: &str, most: u64) -> Error {
    Error::input(format!("{what} `{}` is larger than {} MiB", path.display(), most >> 20))
        .hint("it may be another file than you mean; what is read here is never that large")
}

/// `at` is the first byte that no text has.
fn no_text(path: &Path, what: &str, bytes: &[u8], at: usize) -> Error {
    let (line, column) = place(bytes, at);
    let byte = bytes.get(at).copied().unwrap_or_default();
    let (file, what) = (path.display(), what.trim());
    let says = |seems: &str| Error::input(format!("{file}:{line}:{column}: {what} is not UTF-8 but {seems}"));
    let convert = |from: &str| format!("`iconv -f {from} -t UTF-8 {file}` converts it");
    match guess(bytes) {
        Guess::Text(name, from) => says(&format!("looks like {name} (byte 0x{byte:02x})")).hint(convert(from)),
        Guess::Binary => says(&format!("no text at all (byte 0x{byte:02x})")).hint("give a text file"),
    }
}

enum Guess {
    /// The name that people use, and the name that iconv(1) uses.
    Text(&'static str, &'static str),
    Binary,
}

fn guess(bytes: &[u8]) -> Guess {
    let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() * 3 > bytes.len() / 2;
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Guess::Text("UTF-32", "UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Guess::Text("UTF-16", "UTF-16"),
        _ if zeros(1) => Guess::Text("UTF-16, little-endian, without a mark", "UTF-16LE"),
        _ if zeros(0) => Guess::Text("UTF-16, big-endian, without a mark", "UTF-16BE"),
        _ if bytes.iter().any(control) => Guess::Binary,
        _ if bytes.iter().any(|b| (0x80..0xa0).contains(b)) => Guess::Text("Windows-1252", "WINDOWS-1252"),
        _ => Guess::Text("Latin-1", "LATIN1"),
    }
}

/// Returns line and column from 1, in characters as far as there are any.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}
