//! SHA-256 of files, several at a time.

use crate::read;
use sha2::{Digest, Sha256};
use std::{
    io::{self, Read},
    path::Path,
    thread,
};

/// Large enough that the hash takes the time, not the system call.
const CHUNK_BYTES: usize = 1 << 20;

/// Returns the file's size in bytes and its SHA-256 in hex.
pub fn of_file(path: &Path) -> io::Result<(u64, String)> {
    let mut file = read::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        hash.update(&chunk[..n]);
        size += n as u64;
    }
}

/// Runs one thread a file: the root disk takes the time, and the others finish meanwhile.
pub fn of_files(paths: &[&Path]) -> Vec<io::Result<(u64, String)>> {
    thread::scope(|scope| {
        let running: Vec<_> = paths.iter().map(|path| scope.spawn(|| of_file(path))).collect();
        running.into_iter().map(|t| t.join().expect("hashing does not panic")).collect()
    })
}

pub fn of_bytes(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
