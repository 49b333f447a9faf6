//! Reads a Debian package as it is, without dpkg: its description, its kernel and its modules.
//!
//! Format: deb(5), an `ar` archive of two tar archives.

use crate::{
    error::{Error, Result},
    image::unpack,
    read,
};
use std::{
    collections::BTreeMap,
    io::{Cursor, ErrorKind, Read},
    path::{Path, PathBuf},
};

pub const MAGIC: &[u8] = b"!<arch>\n";

/// A package for x86-64.
pub struct Deb<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    /// The name in `control`.
    pub name: String,
    depends: String,
}

impl<'a> Deb<'a> {
    pub fn open(file: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let mut deb = Deb { file, bytes, name: String::new(), depends: String::new() };
        let mut control = BTreeMap::new();
        deb.each("control.tar", |path, entry| {
            if path == Path::new("control") {
                let mut text = String::new();
                entry.take(read::TEXT).read_to_string(&mut text)?;
                let field = |line: &str| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
                control.extend(text.lines().filter_map(field));
            }
            Ok(true)
        })?;
        let mut take = |key: &str| control.remove(key).unwrap_or_default();
        (deb.name, deb.depends) = (take("Package"), take("Depends"));
        match take("Architecture").as_str() {
            "amd64" => Ok(deb),
            "" => Err(deb.broken("it does not say its architecture")),
            other => Err(Error::input(format!("the package `{}` is for {other}", file.display()))
                .hint("tunelab's machines and images are x86-64: Debian calls them amd64")),
        }
    }

    /// Returns `boot/vmlinuz-*`, whole.
    pub fn kernel(&self) -> Result<Vec<u8>> {
        let mut kernel = None;
        self.each("data.tar", |path, entry| {
            if path.parent() == Some(Path::new("boot")) && name(path).starts_with("vmlinuz-") {
                let mut bytes = Vec::new();
                entry.take(read::KERNEL).read_to_end(&mut bytes)?;
                kernel = Some(bytes);
            }
            Ok(kernel.is_none())
        })?;
        kernel.ok_or_else(|| self.without_kernel())
    }

    /// Hands out every regular file below `lib/modules/RELEASE`, by its path there. Returns false if there is none.
    pub fn modules(&self, mut take: impl FnMut(&Path, &mut dyn Read) -> std::io::Result<()>) -> Result<bool> {
        let mut any = false;
        self.each("data.tar", |path, entry| {
            let path = path.strip_prefix("usr").unwrap_or(path);
            if let Ok(below) = path.strip_prefix("lib/modules") {
                any = true;
                take(&below.components().skip(1).collect::<PathBuf>(), entry)?;
            }
            Ok(true)
        })?;
        Ok(any)
    }

    /// Hands out the regular files of one of the two archives, until `see` wants no more (`false`).
    fn each(&self, member: &str, mut see: impl FnMut(&Path, &mut dyn Read) -> std::io::Result<bool>) -> Result<()> {
        let Some((name, packed)) = members(self.bytes).find(|(name, _)| name.starts_with(member)) else {
            return Err(self.broken(&format!("it has no `{member}`")));
        };
        let mut walk = || {
            let mut archive = tar::Archive::new(unpack::by_name(&name, Cursor::new(packed))?);
            for entry in archive.entries()? {
                let mut entry = entry?;
                let path = entry.path()?.components().filter(|c| c.as_os_str() != ".").collect::<PathBuf>();
                if entry.header().entry_type().is_file() && !see(&path, &mut entry)? {
                    break;
                }
            }
            Ok::<_, std::io::Error>(())
        };
        walk().map_err(|e| self.unreadable(&name, e))
    }

    fn unreadable(&self, member: &str, error: std::io::Error) -> Error {
        let file = self.file.display();
        let hint = match error.kind() {
            ErrorKind::Unsupported => format!(
                "unpack it by `dpkg-deb -x {file} DIR` (and its modules, if it is those), then give \
                 `--kernel DIR/boot/vmlinuz-RELEASE --modules DIR/lib/modules/RELEASE`"
            ),
            _ => "the download may be incomplete".into(),
        };
        Error::input(format!("failed to read `{member}` of the package `{file}`")).cause(error).hint(hint)
    }

    fn broken(&self, why: &str) -> Error {
        Error::input(format!("`{}` is no whole Debian package: {why}", self.file.display()))
            .hint("the download may be incomplete")
    }

    /// A metapackage says in its dependencies where the kernel is.
    fn without_kernel(&self) -> Error {
        let near = self.depends.split([',', '|']).filter_map(|word| word.split_whitespace().next());
        let near: Vec<&str> = near.filter(|word| word.starts_with("linux-")).collect();
        let error = Error::input(format!("the package `{}` (`{}`) holds no kernel", self.file.display(), self.name));
        match &near[..] {
            [] => error.hint("a kernel's package has `boot/vmlinuz-RELEASE` in it"),
            near => error.hint(format!("it depends on {}: give that one", near.join(", "))),
        }
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// The name and content of each member of an `ar` archive: a line of 60 characters before each, padded to even length.
fn members(bytes: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let mut rest = bytes.strip_prefix(MAGIC).unwrap_or_default();
    std::iter::from_fn(move || {
        let header = std::str::from_utf8(rest.get(..60)?).ok()?;
        let size: usize = header.get(48..58)?.trim().parse().ok()?;
        let content = rest.get(60..60 + size)?;
        rest = rest.get(60 + size.next_multiple_of(2)..).unwrap_or_default();
        Some((header[..16].trim_end().trim_end_matches('/').to_owned(), content))
    })
}

/// Reads the file's bytes.
pub fn read(file: &Path, what: &str) -> Result<Vec<u8>> {
    read::bytes(file, what, read::KERNEL)
}
