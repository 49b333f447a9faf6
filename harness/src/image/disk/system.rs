//! Reads what a distribution's disk holds out of its file systems, without booting it.

use super::table::{self, Partition};
use crate::{
    error::{Context, Error, Result},
    image::{Package, manifest, modules},
};
use ext4_view::{Ext4, Ext4Read};
use std::{cmp::Ordering, fs::File, os::unix::fs::FileExt, sync::Arc};

/// File systems that Linux may have for its root, by bytes at an offset: none of these can be looked into here.
const FOREIGN: [(&str, u64, &[u8]); 5] = [
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x1_0040, b"_BHRfS_M"),
    ("LVM", 512, b"LABELONE"),
    ("squashfs", 0, b"hsqs"),
    ("LUKS", 0, b"LUKS"),
];

/// The disk's root file system, and others beside it that may hold kernels.
pub struct System {
    /// Number of the partition, as [`Partition`] counts.
    pub root_partition: u32,
    root: Ext4,
    others: Vec<Ext4>,
}

/// A kernel and those of its modules that our initrd needs, in load order.
pub struct Kernel {
    /// The release in its file's name.
    pub release: String,
    /// Where it was found, for messages.
    pub path: String,
    pub image: Vec<u8>,
    pub modules: Vec<(String, Vec<u8>)>,
}

impl System {
    /// Finds the file systems. `disk` is raw.
    pub fn find(disk: File) -> Result<Self> {
        let disk = Arc::new(disk);
        let partitions = table::read(&disk).map_err(unreadable)?;
        let (mut root, mut others, mut seen) = (None, Vec::new(), Vec::new());
        for Partition { number, start } in partitions {
            let (kind, device) = (kind(&disk, start), Partition::device(number));
            if kind != EXT {
                seen.push(format!("{device} is {kind}"));
                continue;
            }
            let system = Ext4::load(Box::new(Section { disk: disk.clone(), start })).map_err(unreadable)?;
            if root.is_none() && system.exists("/sbin/init").unwrap_or(false) {
                root = Some((number, system));
            } else {
                seen.push(format!("{device} is {EXT}, without `/sbin/init`"));
                others.push(system);
            }
        }
        let (root_partition, root) = root.ok_or_else(|| {
            Error::input(format!("the disk image holds no root file system that can be read: {}", told(&seen)))
                .hint("tunelab reads ext2, ext3 and ext4 on partitions of their own, as Debian's and Ubuntu's images have them")
        })?;
        Ok(System { root_partition, root, others })
    }

    /// Finds the newest kernel that has its modules, as a boot loader would choose.
    pub fn kernel(&self) -> Result<Kernel> {
        let places = std::iter::once((&self.root, "/boot")).chain(self.others.iter().map(|system| (system, "/")));
        let mut found = Vec::new();
        for (system, folder) in places {
            for release in releases(system, folder) {
                if self.root.exists(format!("/lib/modules/{release}/modules.dep").as_str()).unwrap_or(false) {
                    found.push((release, system, folder));
                }
            }
        }
        found.sort_by(|(one, ..), (other, ..)| by_version(one, other));
        let (release, system, folder) = found.pop().ok_or_else(|| {
            Error::input(
                "the disk image holds no kernel: no `vmlinuz-RELEASE` whose modules are in `/lib/modules/RELEASE`",
            )
            .hint("an image for containers has none; take one for virtual machines")
        })?;
        let path = format!("{}/vmlinuz-{release}", folder.trim_end_matches('/'));
        let image = read(system, &path)?;
        let modules =
            modules::closure_by(|file| read(&self.root, &format!("/lib/modules/{release}/{}", file.display())))?;
        Ok(Kernel { release, path, image, modules })
    }

    /// Returns dpkg's own list, as it is.
    pub fn dpkg_status(&self) -> Result<String> {
        let text = read(&self.root, "/var/lib/dpkg/status")
            .map_err(|e| Error::input("the disk image holds no list of packages of dpkg's").cause(e))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Without cloud-init nothing in the guest would look for the seed, and SSH would never let us in.
    pub fn require_cloud_init(&self) -> Result<()> {
        if self.root.exists("/etc/cloud/cloud.cfg").unwrap_or(false) {
            return Ok(());
        }
        Err(Error::input("the disk image holds no cloud-init, by which tunelab gets into it")
            .hint("distributions publish images with it as `cloud`, `genericcloud` or `cloudimg`"))
    }
}

/// Reads from dpkg's status file what it has installed.
pub fn installed(status: &str) -> Vec<Package> {
    let field = |stanza: &str, name: &str| {
        let line = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().to_owned()
    };
    let stanzas = status.split("\n\n").filter(|stanza| field(stanza, "Status").ends_with(" ok installed"));
    let lines = stanzas.map(|s| [field(s, "Package"), field(s, "Version"), field(s, "Architecture")].join("\t"));
    manifest::packages(&lines.collect::<Vec<_>>().join("\n"))
}

const EXT: &str = "ext";

/// Says in a word what a partition holds.
fn kind(disk: &File, start: u64) -> &'static str {
    let is = |at: u64, magic: &[u8]| {
        let mut found = vec![0; magic.len()];
        disk.read_exact_at(&mut found, start + at).is_ok() && found == magic
    };
    if is(1024 + 0x38, &[0x53, 0xef]) {
        return EXT;
    }
    FOREIGN.iter().find(|(_, at, magic)| is(*at, magic)).map_or("something else", |(name, ..)| *name)
}

fn told(seen: &[String]) -> String {
    if seen.is_empty() { "it is too short for a disk".into() } else { seen.join(", ") }
}

fn releases(system: &Ext4, folder: &str) -> Vec<String> {
    let entries = system.read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| Some(entry.file_name().as_str().ok()?.to_owned()));
    names.filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned)).collect()
}

fn read(system: &Ext4, path: &str) -> Result<Vec<u8>> {
    system.read(path).host(|| format!("failed to read `{path}` of the disk image"))
}

fn unreadable(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::input("the disk image cannot be read")
        .cause(e)
        .hint("it may be damaged, or of a kind that tunelab does not know")
}

/// Orders releases by their numbers: `3.2.0-9` is older than `3.2.0-126`.
fn by_version(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other))
}

fn parts(version: &str) -> Vec<(u64, &str)> {
    let words = version.split(|c: char| !c.is_ascii_alphanumeric());
    words.map(|word| (word.parse().unwrap_or(0), word)).collect()
}

/// A partition, as ext4-view reads it.
struct Section {
    disk: Arc<File>,
    start: u64,
}

impl Ext4Read for Section {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.disk.read_exact_at(into, self.start + at)?)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::{fs, path::Path, process::Command};

    /// A kernel with everything that our initrd needs built in.
    const KERNEL: [(&str, &str); 3] = [
        ("boot/vmlinuz-3.2.0-126-virtual", "newer"),
        ("lib/modules/3.2.0-126-virtual/modules.dep", ""),
        (
            "lib/modules/3.2.0-126-virtual/modules.builtin",
            "a/virtio_pci.ko\na/virtio_blk.ko\na/virtio_net.ko\na/ext4.ko\n",
        ),
    ];
    const INIT: (&str, &str) = ("sbin/init", "");

    /// Makes `image`, a disk that is one ext4 file system with these files.
    pub fn make_disk(image: &Path, files: &[(&str, &[u8])]) {
        let tree = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.env("PATH", crate::host::path()).args(["-q", "-t", "ext4", "-d"]).args([tree.path(), image]).arg("8M");
        assert!(mke2fs.output().unwrap().status.success());
    }

    fn disk(files: &[(&str, &str)]) -> File {
        let image = tempfile::NamedTempFile::new().unwrap();
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        make_disk(image.path(), &files);
        image.into_file()
    }

    fn system(files: &[&[(&str, &str)]]) -> System {
        System::find(disk(&files.concat())).unwrap_or_else(|e| panic!("{e:?}"))
    }

    fn refused<T>(result: Result<T>) -> String {
        result.err().expect("refused").to_string()
    }

    #[test]
    fn the_newest_kernel_that_has_its_modules() {
        let older = [("boot/vmlinuz-3.2.0-9-virtual", "older"), ("lib/modules/3.2.0-9-virtual/modules.dep", "")];
        let bare = [("boot/vmlinuz-4.0", "without modules")];
        let kernel = system(&[&[INIT], &KERNEL, &older, &bare]).kernel().unwrap();
        assert_eq!((kernel.release.as_str(), &kernel.image[..]), ("3.2.0-126-virtual", &b"newer"[..]));
        assert!(kernel.modules.is_empty());
    }

    #[test]
    fn a_disk_without_a_kernel_or_cloud_init_or_dpkg() {
        let system = system(&[&[INIT], &[("boot/vmlinuz-4.0", "without modules")]]);
        assert!(refused(system.kernel()).contains("holds no kernel"));
        assert!(refused(system.require_cloud_init()).contains("holds no cloud-init"));
        assert!(refused(system.dpkg_status()).contains("no list of packages"));
    }

    #[test]
    fn a_disk_without_a_root() {
        let no_init = refused(System::find(disk(&[("data", "")])));
        assert!(no_init.ends_with("can be read: /dev/vda is ext, without `/sbin/init`"), "{no_init}");
        let short = tempfile::tempfile().unwrap();
        assert!(refused(System::find(short)).ends_with("it is too short for a disk"));
    }

    #[test]
    fn a_root_of_another_file_system_is_called_by_its_name() {
        for (name, at, magic) in FOREIGN {
            let disk = tempfile::tempfile().unwrap();
            disk.set_len(1 << 20).unwrap();
            disk.write_all_at(magic, at).unwrap();
            let told = refused(System::find(disk));
            assert!(told.ends_with(&format!("/dev/vda is {name}")), "{told}");
        }
    }

    #[test]
    fn a_disk_that_ends_too_soon() {
        let disk = disk(&[INIT]);
        let begin = tempfile::tempfile().unwrap();
        let mut bytes = vec![0; 4096];
        disk.read_exact_at(&mut bytes, 0).unwrap();
        begin.write_all_at(&bytes, 0).unwrap();
        let told = refused(System::find(begin));
        assert!(told.contains("cannot be read") || told.contains("without `/sbin/init`"), "{told}");
    }

    #[test]
    fn runs_of_digits_are_numbers() {
        let mut releases = ["3.2.0-9-virtual", "3.2.0-126-virtual", "3.2.0-126-generic", "2.6.38-1"];
        releases.sort_by(|one, other| by_version(one, other));
        assert_eq!(releases, ["2.6.38-1", "3.2.0-9-virtual", "3.2.0-126-generic", "3.2.0-126-virtual"]);
    }

    #[test]
    fn what_dpkg_has_installed() {
        let status = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nDescription: x\n y\n\n\
                      Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n";
        let found = installed(status);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("a", "1"));
    }
}
