//! A tree of modules as the guest needs it: unpacked (an old modprobe knows no xz, a new one no gz), indexed by
//! depmod(8), and on a disk of its own, from which the guest reads no more than it uses.

use super::deb::Deb;
use crate::{
    error::{Context, Error, Result},
    host,
    image::{ext4, modules, unpack},
    read,
};
use sha2::{Digest, Sha256};
use std::{
    ffi::OsStr,
    fs,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    process::Command,
};

/// Files that depmod reads and does not make. Everything else beside the modules is stale or leads out of the tree.
const KEPT: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// Finds the tree: the user may have pointed at it, or at a folder that it was installed below.
pub fn find(given: &Path, release: &str) -> Result<PathBuf> {
    let below = ["lib/modules", "usr/lib/modules", ""].map(|dir| given.join(dir).join(release));
    let mut tried = below.into_iter().chain([given.to_owned()]);
    let found = tried.find(|dir| files(dir).is_ok_and(|files| files.iter().any(|file| wanted(file))));
    found.ok_or_else(|| {
        Error::input(format!("there are no kernel modules in `{}`", given.display()))
            .hint(format!("give the folder that `make modules_install` fills, `lib/modules/{release}`"))
    })
}

/// SHA-256 in hex over the paths and contents of all files that would be taken.
pub fn sha256(tree: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files(tree)?.iter().filter(|file| wanted(file)) {
        let path = tree.join(file);
        let bytes = read::bytes(&path, "the module", read::KERNEL)?;
        let name = file.as_os_str().as_encoded_bytes();
        for part in [name, &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// Copies a folder's modules to `to`, unpacked.
pub fn of_folder(tree: &Path, to: &Path) -> Result<()> {
    for file in files(tree)? {
        let path = tree.join(&file);
        let open = fs::File::open(&path).host(|| format!("failed to read `{}`", path.display()))?;
        keep(&file, open, to).map_err(|e| damaged(&path, e))?;
    }
    Ok(())
}

/// Copies a package's modules to `to`, unpacked. Returns false if it has none.
pub fn of_package(deb: &Deb<'_>, to: &Path) -> Result<bool> {
    deb.modules(|path, content| keep(path, content, to))
}

fn damaged(path: &Path, error: std::io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::Unsupported => "unpack them first; as they are it reads .ko, .ko.gz, .ko.xz, .ko.zst",
        _ => "the file may be damaged",
    };
    Error::input(format!("failed to unpack the module `{}`", path.display())).cause(error).hint(hint)
}

fn keep(path: &Path, content: impl Read, to: &Path) -> std::io::Result<()> {
    if !wanted(path) {
        return Ok(());
    }
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut plain = unpack::by_name(name, content)?;
    let to = to.join(path).with_file_name(unpack::plain_name(name));
    fs::create_dir_all(to.parent().expect("it was joined"))?;
    std::io::copy(&mut plain, &mut fs::File::create(to)?).map(drop)
}

fn wanted(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    KEPT.contains(&name) || is_module(name)
}

fn is_module(name: &str) -> bool {
    unpack::plain_name(name).ends_with(".ko")
}

/// Returns the release that the modules of an unpacked tree were built for, as each says (`vermagic`); `None` if there
/// are no modules. The modules that are looked at must be for our machines.
pub fn release(tree: &Path) -> Result<Option<String>> {
    const VERMAGIC: &[u8] = b"\0vermagic=";
    for file in files(tree)?.iter().filter(|file| is_module(&file.to_string_lossy())) {
        let path = tree.join(file);
        let bytes = read::bytes(&path, "the module", read::KERNEL)?;
        modules::check(file, &bytes)?;
        if let Some(at) = bytes.windows(VERMAGIC.len()).position(|window| window == VERMAGIC) {
            let text = bytes[at + VERMAGIC.len()..].split(|b| *b == b' ' || *b == 0).next();
            return Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()));
        }
    }
    Ok(None)
}

/// Paths of all regular files below `dir`, in order.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        let entries = fs::read_dir(&path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        for entry in entries.host(|| format!("failed to read `{}`", path.display()))? {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(folder.join(entry.file_name())),
                Ok(kind) if kind.is_file() => found.push(folder.join(entry.file_name())),
                // `build` and `source` lead to where the kernel was built.
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes modprobe's indices into `base/lib/modules/RELEASE`.
pub fn index(base: &Path, release: &str) -> Result<()> {
    // Distributions that have merged /usr build a depmod that looks in `usr`.
    let usr = base.join("usr");
    std::os::unix::fs::symlink(".", &usr).host(|| format!("failed to create `{}`", usr.display()))?;
    run(Command::new("depmod").arg("--basedir").arg(base).arg(release))
}

/// Makes a disk (raw, ext4) with the files in `dir`; the same files give the same bytes.
pub fn disk(dir: &Path, image: &Path) -> Result<()> {
    const BLOCK: u64 = 4096;
    let files = files(dir)?;
    let size = |file: &PathBuf| fs::metadata(dir.join(file)).map_or(0, |m| m.len().div_ceil(BLOCK));
    let blocks: u64 = files.iter().map(size).sum();
    // It is made as the root disk is: with what Linux 3.2 knows, and nothing of this host's mke2fs.conf.
    let features = "none,extents,filetype,sparse_super,large_file,dir_index,dir_nlink,extra_isize,flex_bg,uninit_bg";
    const ID: &str = "74756e65-6c61-4b65-8d6f-64756c657300";
    let config = image.with_extension("conf");
    fs::write(&config, "[fs_types]\next4 = {\ninode_size = 256\n}\n")
        .host(|| format!("failed to write `{}`", config.display()))?;
    // There are a few hundred folders; their blocks and inodes are in what is added.
    let made = run(Command::new("mke2fs")
        .env("MKE2FS_CONFIG", &config)
        .args(["-q", "-t", "ext4", "-b", &BLOCK.to_string(), "-m", "0", "-L", "modules", "-U", ID, "-O", features])
        .args(["-E", &format!("root_owner=0:0,hash_seed={ID},nodiscard,lazy_itable_init=0")])
        .args(["-N", &(files.len() + 2048).to_string(), "-d"])
        .args([dir, image])
        .arg(((blocks + files.len() as u64 / 8) * 105 / 100 + 4096).to_string()));
    made?;
    let edited = ext4::forget_times(image, 0).and_then(|()| ext4::forget_owners(image));
    edited.host(|| format!("failed to edit `{}`", image.display()))?;
    fs::remove_file(&config).host(|| format!("failed to remove `{}`", config.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.env("PATH", host::path()).env("LC_ALL", "C.UTF-8").output();
    let output = output.host(|| format!("failed to start `{program}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::host(format!("`{program}` ended with {}: {}", output.status, said.trim())))
}
