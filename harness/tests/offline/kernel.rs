//! Kernels of the user's own: headers, packages and module folders, and every way in which they can be wrong.

use liblzma::stream::{LzmaOptions, Stream};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tunelab::{
    cache::Cache,
    error::{Error, Exit},
    image::{GivenKernel, Kernel, kernel},
    story::{Story, Teller},
};

/// The header of a bzImage of this release; `protocol` is the boot protocol, `flags` are its `xloadflags`.
fn bzimage(release: &str, protocol: u16, flags: u16) -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[0x1f1] = 3;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x600_u16.to_le_bytes());
    image[0x236..0x238].copy_from_slice(&flags.to_le_bytes());
    let text = format!("{release} (somebody@somewhere) #1 SMP\0");
    image[0x800..0x800 + text.len()].copy_from_slice(text.as_bytes());
    image
}

pub fn modern(release: &str) -> Vec<u8> {
    bzimage(release, 0x020f, 1)
}

/// A kernel from before headers said which machine a kernel is for, around an ELF file of this machine type.
fn old(release: &str, machine: u16) -> Vec<u8> {
    let mut image = bzimage(release, 0x020a, 0);
    let packed = gzip(&elf(machine));
    image[0x248..0x24c].copy_from_slice(&0x100_u32.to_le_bytes());
    let at = 4 * 512 + 0x100;
    image[0x248..0x24c].copy_from_slice(&0x100_u32.to_le_bytes());
    image.resize(at + packed.len(), 0);
    image[at..].copy_from_slice(&packed);
    let text = format!("{release} (x)\0");
    image[0x800..0x800 + text.len()].copy_from_slice(text.as_bytes());
    image
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// The bytes packed in each way that kernels, their modules and their packages have been; each with its ending.
fn packed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let lzma = Stream::new_lzma_encoder(&LzmaOptions::new_preset(1).unwrap()).unwrap();
    let mut lzma = liblzma::write::XzEncoder::new_stream(Vec::new(), lzma);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    lzma.write_all(bytes).and_then(|()| bzip2.write_all(bytes)).unwrap();
    [
        ("gz", gzip(bytes)),
        ("xz", xz(bytes)),
        ("zst", zstd::encode_all(bytes, 1).unwrap()),
        ("lzma", lzma.finish().unwrap()),
        ("bz2", bzip2.finish().unwrap()),
    ]
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        archive.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", bytes.len()).bytes());
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    archive
}

/// A package with parts packed as Debian and Ubuntu pack theirs.
fn deb(architecture: &str, depends: &str, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    deb_of(architecture, depends, ("data.tar.xz", xz(&tar(files))))
}

fn deb_of(architecture: &str, depends: &str, data: (&str, Vec<u8>)) -> Vec<u8> {
    let control = format!("Package: linux-image-x\nArchitecture: {architecture}\nDepends: {depends}\n");
    let control = gzip(&tar(&[("./control", control.into_bytes())]));
    ar(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar.gz", control), data])
}

/// The part of a module that is looked at before it goes into a guest; `machine` is as in its ELF header.
fn module_for(machine: u16, release: &str) -> Vec<u8> {
    let mut module = elf(machine);
    module.extend(format!("\0license=GPL\0vermagic={release} SMP preempt mod_unload \0").bytes());
    module
}

fn module(release: &str) -> Vec<u8> {
    module_for(62, release)
}

fn elf(machine: u16) -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..4].copy_from_slice(b"\x7fELF");
    elf[0x12..0x14].copy_from_slice(&machine.to_le_bytes());
    elf
}

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Desk(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn refused(&self, bytes: &[u8]) -> String {
        wrong(GivenKernel::open(&self.put("kernel", bytes), None)).replace(&self.0.path().display().to_string(), "")
    }

    fn prepare(&self, kernel: &Path, modules: Option<&Path>) -> Result<Kernel, Error> {
        self.prepare_telling(kernel, modules, &Teller::silent())
    }

    fn prepare_telling(&self, kernel: &Path, modules: Option<&Path>, teller: &Teller) -> Result<Kernel, Error> {
        let cache = Cache::at(self.0.path().join("cache")).unwrap();
        let given = GivenKernel::open(kernel, modules)?;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(kernel::ensure(&given, &cache, teller))
    }
}

fn wrong<T>(result: Result<T, Error>) -> String {
    let error = result.err().expect("it is wrong");
    assert_eq!(error.exit(), Exit::Input, "{error:?}");
    format!("{error:?}")
}

#[test]
fn a_header_says_the_release() {
    let desk = Desk::new();
    let open = |bytes: &[u8]| GivenKernel::open(&desk.put("bzImage", bytes), None).unwrap().release;
    assert_eq!(open(&modern("6.1.0-56-cloud-amd64")), "6.1.0-56-cloud-amd64");
    assert_eq!(open(&old("3.5.0", 62)), "3.5.0");
    assert_eq!(open(&bzimage("3.2.0-4-amd64", 0x020a, 0)), "3.2.0-4-amd64", "packed in a way that is not known here");
}

#[test]
fn what_is_no_kernel_for_these_machines_is_told_by_what_it_is() {
    let desk = Desk::new();
    let mut arm = vec![0; 4096];
    arm[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let mut cut_short = modern("6.1.0");
    cut_short[0x1f4..0x1f8].copy_from_slice(&(1_u32 << 19).to_le_bytes());
    let all: [(&str, Vec<u8>); 15] = [
        ("empty", vec![]),
        ("cut short", cut_short),
        ("text", b"not a kernel at all".to_vec()),
        ("vmlinux", elf(62)),
        ("vmlinux of another", elf(0)),
        ("arm64", arm.clone()),
        ("arm64 in gzip", gzip(&arm)),
        ("text in gzip", gzip(b"not a kernel at all")),
        ("initrd", b"070701000000".to_vec()),
        ("EFI", b"MZ and more".to_vec()),
        ("RPM", vec![0xed, 0xab, 0xee, 0xdb]),
        ("32 bit", bzimage("6.1.0-686", 0x020f, 0)),
        ("old and 32 bit", old("3.2.0-486", 3)),
        ("too old", old("2.6.32", 62)),
        ("without release", bzimage("?", 0x020f, 1)),
    ];
    let told: String = all.iter().map(|(what, bytes)| format!("{what}: {}\n", desk.refused(bytes))).collect();
    insta::assert_snapshot!(told);
}

#[test]
fn a_file_that_cannot_be_read_is_told_so() {
    let desk = Desk::new();
    assert!(wrong(GivenKernel::open(Path::new("no/such"), None)).contains("failed to read the kernel `no/such`"));
    assert!(wrong(GivenKernel::open(desk.0.path(), None)).contains("is a folder"));
}

#[test]
fn a_package_is_taken_as_it_is() {
    let desk = Desk::new();
    let with_kernel = deb("amd64", "", &[("./boot/config-6.1.0", vec![]), ("./boot/vmlinuz-6.1.0", modern("6.1.0"))]);
    let given = GivenKernel::open(&desk.put("a.deb", &with_kernel), None).unwrap();
    assert_eq!(given.release, "6.1.0");
}

#[test]
fn a_package_is_read_however_its_files_are_packed() {
    let desk = Desk::new();
    let files = tar(&[("./boot/vmlinuz-3.2.0", modern("3.2.0"))]);
    for (ending, bytes) in packed(&files).into_iter().chain([("", files.clone())]) {
        let name = format!("data.tar.{ending}");
        let package = desk.put("a.deb", &deb_of("amd64", "", (name.trim_end_matches('.'), bytes)));
        let given = GivenKernel::open(&package, None).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(given.release, "3.2.0", "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_package_is_told() {
    let desk = Desk::new();
    let all: [(&str, Vec<u8>); 7] = [
        ("arm64", deb("arm64", "", &[])),
        ("metapackage", deb("amd64", "linux-image-6.1.0-56-amd64 (= 6.1.180-1), kmod | busybox", &[])),
        ("no kernel", deb("amd64", "libc6", &[("./usr/bin/true", vec![])])),
        ("something else in boot/vmlinuz", deb("amd64", "", &[("./boot/vmlinuz-6", b"text".to_vec())])),
        ("cut short", deb("amd64", "", &[("./boot/vmlinuz-6", modern("6.1.0"))])[..480].to_vec()),
        ("packed by lz4", deb_of("amd64", "", ("data.tar.lz4", vec![]))),
        ("not lzma", ar(&[("debian-binary", vec![]), ("control.tar.lzma", b"text".to_vec())])),
    ];
    let told: String = all.iter().map(|(what, bytes)| format!("{what}: {}\n", desk.refused(bytes))).collect();
    insta::assert_snapshot!(told);
}

#[test]
fn modules_must_be_there_and_of_the_same_release() {
    let desk = Desk::new();
    let kernel = desk.put("bzImage", &modern("6.1.0"));
    let empty = desk.0.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let told = wrong(GivenKernel::open(&kernel, Some(&empty)));
    assert!(told.contains("there are no kernel modules in") && told.contains("lib/modules/6.1.0"), "{told}");
    let told = wrong(GivenKernel::open(&kernel, Some(&kernel)));
    assert!(told.contains("is neither a folder nor a Debian package"), "{told}");

    for (ending, bytes) in packed(&module("6.1.0-dirty")) {
        desk.put(&format!("{ending}/lib/modules/6.1.0/kernel/net/a.ko.{ending}"), &bytes);
        let told = wrong(desk.prepare(&kernel, Some(&desk.0.path().join(ending))));
        assert!(told.contains("are of Linux 6.1.0-dirty, the kernel"), "{told}");
    }
    desk.put("broken/kernel/a.ko.xz", b"not xz");
    let told = wrong(desk.prepare(&kernel, Some(&desk.0.path().join("broken"))));
    assert!(told.contains("failed to unpack the module"), "{told}");
    desk.put("unknown/kernel/a.ko.lz4", b"");
    let told = wrong(desk.prepare(&kernel, Some(&desk.0.path().join("unknown"))));
    assert!(told.contains("`a.ko.lz4` is packed by lz4") && told.contains("unpack them first"), "{told}");
    desk.put("arm64/kernel/a.ko", &module_for(183, "6.1.0"));
    let told = wrong(desk.prepare(&kernel, Some(&desk.0.path().join("arm64"))));
    assert!(told.contains("the kernel module `kernel/a.ko` is for arm64\nhint: tunelab's machines"), "{told}");
    desk.put("text/kernel/a.ko.gz", &gzip(b"text"));
    let told = wrong(desk.prepare(&kernel, Some(&desk.0.path().join("text"))));
    assert!(told.contains("`kernel/a.ko` is no ELF file"), "{told}");
    let left = fs::read_dir(desk.0.path().join("cache/kernels")).unwrap().flatten();
    let left: Vec<_> = left.filter(|entry| entry.path().is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Whatever damaged it, it is prepared again, and a line says why.
#[test]
fn a_kernel_in_the_cache_that_cannot_be_read_is_made_again() {
    type Damage = (fn(&Path), &'static str);
    let damages: [Damage; 5] = [
        (|dir| fs::write(dir.join("kernel.json"), "{}").unwrap(), "no `kernel.json` that can be read"),
        (|dir| fs::write(dir.join("kernel"), "short").unwrap(), "`kernel` has 5 bytes"),
        (|dir| fs::remove_file(dir.join("modules.cpio")).unwrap(), "`modules.cpio` cannot be read"),
        (
            |dir| {
                fs::remove_file(dir.join("kernel.json")).unwrap();
                fs::create_dir(dir.join("kernel.json")).unwrap();
            },
            "no `kernel.json` that can be read",
        ),
        (
            |dir| {
                fs::remove_dir_all(dir).unwrap();
                fs::write(dir, "a file").unwrap();
            },
            "no `kernel.json` that can be read",
        ),
    ];
    let desk = Desk::new();
    let kernel = desk.put("bzImage", &modern("6.1.0"));
    let first = desk.prepare(&kernel, None).unwrap();
    for (damage, why) in damages {
        damage(first.image.parent().unwrap());
        let (teller, mut story) = Teller::new();
        let again = desk.prepare_telling(&kernel, None, &teller).unwrap();
        assert_eq!(fs::read(again.image).unwrap(), modern("6.1.0"));
        let Some(Story::Notice(line)) = story.blocking_recv() else { panic!("nothing was said: {why}") };
        assert!(line.contains(why) && line.ends_with("preparing it again"), "{line}");
    }
}

#[test]
fn a_kernel_without_modules_is_whole_and_damage_is_mended() {
    let desk = Desk::new();
    let kernel = desk.put("bzImage", &modern("3.5.0"));
    let first = desk.prepare(&kernel, None).unwrap();
    assert_eq!((first.release.as_str(), &first.tree, &first.modules_sha256), ("3.5.0", &None, &None));
    fs::write(&first.image, "damaged").unwrap();
    let again = desk.prepare(&kernel, None).unwrap();
    assert_eq!((&again.image, &again.modules, &again.tree), (&first.image, &first.modules, &first.tree));
    assert_eq!(fs::read(&again.image).unwrap(), modern("3.5.0"));
    desk.put("bzImage", &modern("3.5.7"));
    assert_ne!(desk.prepare(&kernel, None).unwrap().sha256, first.sha256);
}
