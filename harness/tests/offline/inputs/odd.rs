//! Odd things that a path can lead to in place of the text that is meant.

use std::{
    fs::{self, File},
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
};

pub struct Odd {
    pub name: &'static str,
    /// Puts it where a good file was.
    pub put: fn(&Path),
    pub says: &'static [&'static str],
    /// It is wrong as text only: a file that is no text may hold it.
    pub is_text: bool,
}

const fn odd(name: &'static str, put: fn(&Path), says: &'static [&'static str]) -> Odd {
    Odd { name, put, says, is_text: false }
}

const fn text(name: &'static str, put: fn(&Path), says: &'static [&'static str]) -> Odd {
    Odd { name, put, says, is_text: true }
}

pub const ALL: &[Odd] = &[
    odd(
        "a pipe",
        |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        &["is a pipe, not a regular file"],
    ),
    odd("a link to a device", |path| symlink("/dev/zero", path).unwrap(), &[]),
    odd("a folder", |path| fs::create_dir(path).unwrap(), &["is a folder, not a regular file"]),
    odd("a socket", |path| drop(UnixListener::bind(path).unwrap()), &["is a socket, not a regular file"]),
    odd("a hole", |path| File::create(path).unwrap().set_len(3 << 30).unwrap(), &["is larger than"]),
    odd("a link that leads nowhere", |path| symlink("nowhere", path).unwrap(), &["a link that leads nowhere"]),
    odd("a link to itself", |path| symlink(path.file_name().unwrap(), path).unwrap(), &["failed to read"]),
    text(
        "Latin-1",
        |path| fs::write(path, b"# fine\n# caf\xe9\n").unwrap(),
        &[":2:6: ", "looks like Latin-1 (byte 0xe9)", "iconv -f LATIN1"],
    ),
    text("Windows-1252", |path| fs::write(path, b"# \x93x\x94\n").unwrap(), &[":1:3: ", "looks like Windows-1252"]),
    text(
        "UTF-16",
        |path| fs::write(path, b"\xff\xfe#\0x\0\n\0").unwrap(),
        &[":1:1: ", "looks like UTF-16", "iconv -f UTF-16"],
    ),
    text(
        "UTF-16 without a mark",
        |path| fs::write(path, b"#\0x\0\n\0").unwrap(),
        &[":1:2: ", "UTF-16, little-endian", "iconv -f UTF-16LE"],
    ),
    text("something binary", |path| fs::write(path, b"\x7fELF\x02\x01\x01\xff\x00").unwrap(), &["no text at all"]),
];
