//! Finds which kernel modules the initrd needs, and in what order, from the files that depmod(8) wrote.

use super::{elf::Machine, unpack};
use crate::error::{Context, Error, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

/// The modules that our initrd needs to reach the root disk and the network.
pub const NEEDED: &[&str] = &["virtio_pci", "virtio_blk", "virtio_net", "ext4"];

/// Added where it is a module: ext4 asks the kernel's crypto API for it by name when it mounts.
const WHERE_PRESENT: &[&str] = &["crc32c_generic"];

/// The modules, decompressed, in load order; built-in ones are left out. `dir` is `/lib/modules/<release>`.
pub fn closure(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    closure_by(|file| {
        let path = dir.join(file);
        std::fs::read(&path).host(|| format!("failed to read `{}`", path.display()))
    })
}

/// The same for a folder that is not on this host: `read` gives a file by its path in it.
pub fn closure_by(read: impl Fn(&Path) -> Result<Vec<u8>>) -> Result<Vec<(String, Vec<u8>)>> {
    let text = |name: &str| read(Path::new(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let index = Index::parse(&text("modules.dep")?, text("modules.builtin").ok().as_deref());
    let order = load_order(&index, NEEDED)?;
    order.iter().map(|path| Ok((module_name(path), plain(path, &read(path)?)?))).collect()
}

/// `modules.dep` and `modules.builtin` of one kernel.
struct Index {
    /// A module's file and the files it needs, by module name.
    depends: BTreeMap<String, (PathBuf, Vec<PathBuf>)>,
    /// `None` if not known: then anything that is no module may be built in. The guest will say it if it is not.
    builtin: Option<BTreeSet<String>>,
}

impl Index {
    fn parse(dep: &str, builtin: Option<&str>) -> Self {
        let depends = dep.lines().filter_map(|line| {
            let (file, needs) = line.split_once(':')?;
            let needs = needs.split_whitespace().map(PathBuf::from).collect();
            Some((module_name(Path::new(file)), (file.into(), needs)))
        });
        let names = |text: &str| text.lines().map(|line| module_name(Path::new(line.trim()))).collect();
        Index { depends: depends.collect(), builtin: builtin.map(names) }
    }

    fn may_be_built_in(&self, name: &str) -> bool {
        self.builtin.as_ref().is_none_or(|builtin| builtin.contains(name))
    }
}

fn load_order(index: &Index, needed: &[&str]) -> Result<Vec<PathBuf>> {
    let mut order = Vec::new();
    for name in WHERE_PRESENT.iter().chain(needed) {
        match index.depends.get(*name) {
            Some((file, _)) => add(index, file, &mut order),
            None if index.may_be_built_in(name) || WHERE_PRESENT.contains(name) => {}
            None => {
                return Err(Error::input(format!("this kernel has no `{name}`, neither built in nor as a module"))
                    .hint("tunelab reaches its guests by virtio and ext4"));
            }
        }
    }
    Ok(order)
}

/// Adds modules depth first, so that what a module needs comes before it.
fn add(index: &Index, file: &Path, order: &mut Vec<PathBuf>) {
    if order.iter().any(|known| known == file) {
        return;
    }
    if let Some((_, needs)) = index.depends.get(&module_name(file)) {
        for need in needs {
            add(index, need, order);
        }
    }
    order.push(file.to_owned());
}

/// Returns the module's name: `kernel/drivers/block/virtio-blk.ko.xz` is module `virtio_blk`.
fn module_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(".ko").next().unwrap_or_default().replace('-', "_")
}

fn plain(path: &Path, packed: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = unpack::by_name(&name, packed).and_then(|mut reader| reader.read_to_end(&mut plain));
    read.host(|| format!("failed to unpack the kernel module `{}`", path.display()))?;
    check(path, &plain)?;
    Ok(plain)
}

/// Checks that a module, unpacked, is for our machines. A kernel says only "Exec format error" of another.
pub fn check(path: &Path, module: &[u8]) -> Result<()> {
    let says = |what: &str| Error::input(format!("the kernel module `{}` {what}", path.display()));
    match Machine::of(module) {
        Some(machine) if machine.is_x86_64() => Ok(()),
        Some(machine) => {
            Err(says(&format!("is for {}", machine.name())).hint("tunelab's machines and images are x86-64"))
        }
        None => Err(says("is no ELF file, as modules are").hint("the file may be damaged")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/a/virtio-blk.ko.xz: kernel/v/virtio.ko.xz kernel/v/virtio_ring.ko.xz\n\
                       kernel/v/virtio.ko.xz: kernel/v/virtio_ring.ko.xz\nkernel/v/virtio_ring.ko.xz:\n";

    #[test]
    fn needs_come_first_and_once() {
        let index = Index::parse(DEP, Some("kernel/fs/ext4/ext4.ko\n"));
        let order = load_order(&index, &["virtio_blk", "ext4"]).unwrap();
        let names: Vec<_> = order.iter().map(|p| module_name(p)).collect();
        assert_eq!(names, ["virtio_ring", "virtio", "virtio_blk"]);
    }

    #[test]
    fn a_kernel_without_virtio_is_refused_by_name() {
        let error = load_order(&Index::parse(DEP, Some("")), &["virtio_net"]).unwrap_err();
        assert!(error.message().contains("`virtio_net`"), "{error:?}");
    }
}
