//! The initrd: cpio archives, one after the other. The kernel unpacks them in turn. So the part that an image always
//! has, the agent, and the part of one machine alone are made apart and joined by appending.

use crate::error::{Context, Result};
use std::path::Path;

/// Type bits of a mode, as stat(2) has them.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// The agent as `/init` and an image's modules, which this file has in `/modules`, in load order.
pub fn fixed(modules: &Path, agent: &[u8]) -> Result<Vec<u8>> {
    let modules = std::fs::read(modules).host(|| format!("failed to read `{}`", modules.display()))?;
    let mut initrd = archive([("init", 0o755, agent)]);
    initrd.extend(modules);
    Ok(initrd)
}

/// The modules as `/modules/000-virtio_ring.ko` and so on.
pub(super) fn modules(modules: &[(String, Vec<u8>)]) -> Vec<u8> {
    archive(modules.iter().enumerate().map(|(n, (name, bytes))| (format!("modules/{n:03}-{name}.ko"), 0o644, bytes)))
}

/// Makes a cpio archive (newc) of files with their permissions, and the folders on the way. Same files, same bytes.
pub fn archive<P: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, u32, B)>) -> Vec<u8> {
    let mut archive = Archive::default();
    for (path, mode, bytes) in files {
        let path = path.as_ref().trim_start_matches('/');
        archive.folders_of(path);
        archive.entry(path, REGULAR | mode, bytes.as_ref());
    }
    archive.finish()
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    folders: Vec<String>,
    entries: u32,
}

impl Archive {
    fn folders_of(&mut self, path: &str) {
        let mut parents: Vec<_> = Path::new(path).ancestors().skip(1).filter_map(Path::to_str).collect();
        parents.reverse();
        for parent in parents {
            let known = parent.is_empty() || self.folders.iter().any(|f| f == parent);
            if !known {
                self.folders.push(parent.to_owned());
                self.entry(parent, DIRECTORY | 0o755, &[]);
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).expect("a file of an initrd is below 4 GiB");
        let links = if mode & DIRECTORY != 0 { 2 } else { 1 };
        let header = cpio::newc::Builder::new(path).ino(self.entries).mode(mode).nlink(links);
        let mut writer = header.write(&mut self.bytes, size);
        std::io::Write::write_all(&mut writer, content).expect("memory takes it");
        writer.finish().expect("memory takes it");
    }

    /// Pads the archive, so that another can follow.
    fn finish(mut self) -> Vec<u8> {
        cpio::newc::trailer(&mut self.bytes).expect("memory takes it");
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_folders_before_their_files_and_can_be_appended_to() {
        let bytes = archive([("a/b/one", 0o600, "1"), ("/a/two", 0o644, "22")]);
        assert_eq!(bytes.len() % 4, 0);
        let mut reader = cpio::newc::Reader::new(&bytes[..]).unwrap();
        let mut names = Vec::new();
        while !reader.entry().is_trailer() {
            names.push((reader.entry().name().to_owned(), reader.entry().mode()));
            reader = cpio::newc::Reader::new(reader.finish().unwrap()).unwrap();
        }
        let expected = [("a", 0o40755), ("a/b", 0o40755), ("a/b/one", 0o100600), ("a/two", 0o100644)];
        assert_eq!(names, expected.map(|(n, m)| (n.to_owned(), m)));
    }
}
