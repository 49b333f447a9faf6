//! Kernels of the user's own: the image's, taken out of it, with and without what belongs to it.

use crate::{
    bench::{Bench, IMAGE, SHORT, Use, with},
    command::{BINARY, environment},
};
use assert_cmd::Command;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The time for a boot, its death and the report, 30 s, twice: a boot that breaks is tried again.
const SOON: Duration = Duration::from_secs(60);

/// A kernel and a folder of modules as a user has them.
pub struct Own {
    pub kernel: PathBuf,
    pub modules: PathBuf,
}

impl Own {
    pub fn of(bench: &Bench) -> Self {
        let (image, folder) = (&bench.shared.image, bench.repository().join("own"));
        fs::create_dir(&folder).unwrap();
        let kernel = folder.join("vmlinuz");
        fs::copy(&image.kernel, &kernel).unwrap();
        let dump = format!("rdump /usr/lib/modules {}", folder.display());
        let mut debugfs = Command::new("debugfs");
        debugfs.env("PATH", tunelab::host::path()).args(["-R", &dump]).arg(&image.root).assert().success();
        Own { kernel, modules: folder.join("modules").join(image.release()) }
    }

    /// Makes a package like a distribution's: modules packed, and no list of dependencies, for depmod makes it later.
    fn package(&self, release: &str) -> PathBuf {
        let tree = self.kernel.with_file_name("tree");
        let modules = tree.join("lib/modules").join(release);
        for folder in [tree.join("DEBIAN"), tree.join("boot"), tree.join("lib/modules")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::rename(&self.kernel, tree.join("boot").join(format!("vmlinuz-{release}"))).unwrap();
        fs::rename(&self.modules, &modules).unwrap();
        let pack = "rm modules.dep* modules.alias* modules.symbols* && find . -name '*.ko' -exec gzip -1 {} +";
        Command::new("sh").args(["-ec", pack]).current_dir(&modules).assert().success();
        let control =
            "Package: linux-image-own\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nDescription: a kernel\n";
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let package = tree.with_extension("deb");
        let build = ["-Zgzip", "-z1", "--root-owner-group", "--build"];
        Command::new("dpkg-deb").args(build).args([&tree, &package]).assert().success();
        package
    }

    fn words(&self) -> [&str; 4] {
        ["--kernel", self.kernel.to_str().unwrap(), "--modules", self.modules.to_str().unwrap()]
    }
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn tunelab(bench: &Bench, words: &[&str]) -> Ended {
    let output =
        Command::new(BINARY).args(words).current_dir(bench.repository()).envs(environment(bench)).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Asserts that it ends with 4 and the console's last lines, soon.
fn broke(bench: &Bench, words: &[&str]) -> String {
    let since = Instant::now();
    let ended = tunelab(bench, &[&["shell", IMAGE], words, &["--", "true"]].concat());
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
    ended.stderr
}

#[test]
fn its_modules_are_there_with_their_parameters() {
    with(Use::Shared, Use::None, async |bench| {
        let own = Own::of(bench);
        let asks = "uname -r; modprobe nf_conntrack && cd /sys/module && \
                    cat nf_conntrack/parameters/hashsize virtio_net/parameters/napi_tx; basename /lib/modules/[0-9]*";
        let parameters = ["--module", "nf_conntrack=hashsize=2048", "--module", "virtio-net=napi_tx=0"];
        let words = [&["shell", IMAGE], &own.words()[..], &parameters, &["--memory", "512MiB", "--", asks]].concat();
        let ended = tunelab(bench, &words);
        let release = bench.shared.image.release();
        assert_eq!(ended.stdout, format!("{release}\n2048\nN\n{release}\n"), "{}", ended.stderr);
    });
}

#[test]
fn a_scenario_says_whose_kernel_it_was_and_compares_nothing() {
    with(Use::Shared, Use::None, async |bench| {
        let own = Own::of(bench);
        let mut words = vec!["scenario", SHORT, "--variant", "article", "--format", "json"];
        words.extend(own.words());
        let ended = tunelab(bench, &words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(document["foreign_kernel"], bench.shared.image.release());
        assert_eq!(document["kernel"], document["foreign_kernel"]);
        assert_eq!(document["kernel_sha256"], bench.shared.image.kernel_sha256());
        assert_eq!(document["modules_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(document["snapshot"], "not-compared");
        assert_eq!(document["outcome"]["total"]["failed"], 0);
    });
}

#[test]
fn a_package_is_booted_as_it_is_with_its_packed_modules() {
    with(Use::Shared, Use::None, async |bench| {
        let release = bench.shared.image.release();
        let package = Own::of(bench).package(release);
        let asks = "uname -r; modprobe nf_conntrack && ls -d /sys/module/nf_conntrack; find /lib/modules/ -name nf_conntrack.ko";
        let ended = tunelab(bench, &["shell", IMAGE, "--kernel", package.to_str().unwrap(), "--", asks]);
        let module = format!("/lib/modules/{release}/kernel/net/netfilter/nf_conntrack.ko");
        assert_eq!(ended.stdout, format!("{release}\n/sys/module/nf_conntrack\n{module}\n"), "{}", ended.stderr);
    });
}

#[test]
fn a_kernel_without_virtio() {
    with(Use::Shared, Use::None, async |bench| {
        let own = Own::of(bench);
        let told = broke(bench, &["--kernel", own.kernel.to_str().unwrap()]);
        assert!(told.contains("the guest could not be brought up: this kernel has no `virtio_pci`"), "{told}");
        assert!(told.contains("the console's last lines"), "{told}");
        fs::remove_file(found(&own.modules, "virtio_net.ko")).unwrap();
        let ended = tunelab(bench, &[&["shell", IMAGE], &own.words()[..]].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let lack = "has no `virtio_net`, neither built in nor as a module";
        assert!(ended.stderr.contains(lack), "{}", ended.stderr);
    });
}

#[test]
fn a_kernel_that_panics_at_boot() {
    with(Use::Shared, Use::None, async |bench| {
        let panic = bench.panics();
        let told = broke(bench, &["--cmdline", "rdinit=/nothing"]);
        panic.was_told();
        assert!(told.contains("the guest's kernel panicked: VFS: Unable to mount root fs"), "{told}");
        assert!(told.contains("the console's last lines") && told.contains("CONFIG_BLK_DEV_INITRD"), "{told}");
    });
}

#[test]
fn a_kernel_that_resets_the_machine_at_once() {
    with(Use::Shared, Use::None, async |bench| {
        let kernel = bench.repository().join("bzImage");
        fs::write(&kernel, resets_at_once()).unwrap();
        let told = broke(bench, &["--kernel", kernel.to_str().unwrap()]);
        assert!(told.contains("the guest rebooted, which none of ours does\n"), "{told}");
        assert!(told.contains("not a word on its console"), "{told}");
        assert!(told.contains("is damaged, or was built for a CPU with more than"), "{told}");
    });
}

/// A bzImage of four instructions, in real mode: reset by the keyboard controller, and wait for it.
fn resets_at_once() -> Vec<u8> {
    let mut image = vec![0; 4096];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    // Three sectors of real mode; the magic of a boot sector and of a kernel; protocol 2.15; where its release stands.
    put(0x1f1, &[3]);
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS\x0f\x02");
    put(0x20e, &[0x00, 0x06]);
    // Loaded high, an initrd anywhere, 64-bit.
    put(0x211, &[1]);
    put(0x22c, &[0xff, 0xff, 0xff, 0x7f]);
    put(0x236, &[1]);
    put(0x800, b"6.1.0 (nobody)\0");
    // jmp 0x280; mov al, 0xfe; out 0x64, al; hlt; jmp to hlt
    put(0x200, &[0xeb, 0x7e]);
    put(0x280, &[0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd]);
    image
}

#[test]
fn a_kernel_without_conntrack() {
    with(Use::Shared, Use::None, async |bench| {
        let own = Own::of(bench);
        fs::remove_file(found(&own.modules, "nf_conntrack.ko")).unwrap();
        let told = broke(bench, &[&["--scenario", SHORT], &own.words()[..]].concat());
        let lack = "this kernel has no connection tracking, neither built in nor as a module (CONFIG_NF_CONNTRACK)";
        assert!(told.contains(lack), "{told}");
    });
}

#[test]
fn a_kernel_without_iptables() {
    let lack = "this kernel has no iptables, neither built in nor as a module (CONFIG_IP_NF_IPTABLES)";
    says_that_it_lacks("ip_tables", lack);
}

#[test]
fn a_kernel_without_the_table_of_the_rules() {
    with(Use::Shared, Use::None, async |bench| {
        let blacklist = "module_blacklist=iptable_filter";
        let ended = tunelab(bench, &["shell", IMAGE, "--scenario", SHORT, "--cmdline", blacklist, "--", "true"]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let refused = "rules.v4`, line 5: iptables refuses it: ";
        assert!(ended.stderr.contains(refused), "{}", ended.stderr);
        assert!(ended.stderr.contains("unable to initialize table 'filter'"), "{}", ended.stderr);
    });
}

#[test]
fn a_kernel_without_veth() {
    says_that_it_lacks("veth", "failed to make the veth pair internet/link1 (CONFIG_VETH): Operation not supported");
}

/// Without this module nothing tells of conntrack's entries, and a socket that listens hears nothing.
#[test]
fn a_kernel_without_conntracks_netlink() {
    let lack = "this kernel tells nothing of conntrack (CONFIG_NF_CT_NETLINK): Invalid argument";
    says_that_it_lacks("nf_conntrack_netlink", lack);
}

/// Boots a kernel that refuses to load a module: it then lacks the module.
fn says_that_it_lacks(module: &str, lack: &str) {
    with(Use::Shared, Use::None, async |bench| {
        let told = broke(bench, &["--scenario", SHORT, "--cmdline", &format!("module_blacklist={module}")]);
        assert!(told.contains(lack), "{told}");
    });
}

/// Finds the file of this name, somewhere below.
fn found(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.file_name().unwrap() == name => return path,
                false => {}
            }
        }
    }
    panic!("no `{name}` below `{}`", folder.display());
}
