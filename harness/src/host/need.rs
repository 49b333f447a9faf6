//! Everything that the harness needs of a host, and its purpose.

use nix::unistd::Uid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Qemu,
    Mmdebstrap,
    Mke2fs,
    Depmod,
    ArchiveKeys,
    Gpgv,
    QemuImg,
    Gpg,
    Tshark,
    Ip,
    Ids,
    Namespaces,
}

/// The needs to run a machine from an image that is built.
pub const RUN: &[Need] = &[Need::Qemu];

/// The needs to build an image. The order is the order of proving: namespaces need the ids.
pub const BUILD: &[Need] =
    &[Need::Mmdebstrap, Need::Mke2fs, Need::ArchiveKeys, Need::Gpgv, Need::QemuImg, Need::Ids, Need::Namespaces];

/// The needs to use a kernel that comes with modules of its own.
pub const MODULES: &[Need] = &[Need::Depmod, Need::Mke2fs];

/// The needs of `cargo test`, besides the others: archives and lists of checksums are made and signed there, captures
/// are read, and a run has no network.
pub const TESTS: &[Need] = &[Need::Gpg, Need::Tshark, Need::Ip];

impl Need {
    pub fn name(self) -> &'static str {
        match self {
            Need::Qemu => "qemu-system-x86_64",
            Need::Mmdebstrap => "mmdebstrap",
            Need::Mke2fs => "mke2fs",
            Need::Depmod => "depmod",
            Need::ArchiveKeys => "archive keys",
            Need::Gpgv => "gpgv",
            Need::QemuImg => "qemu-img",
            Need::Gpg => "gpg",
            Need::Tshark => "tshark",
            Need::Ip => "ip",
            Need::Ids => "newuidmap",
            Need::Namespaces => "namespaces",
        }
    }

    /// Its purpose in a few words.
    pub fn purpose(self) -> &'static str {
        match self {
            Need::Qemu => "runs the machines",
            Need::Mmdebstrap => "builds images from packages",
            Need::Mke2fs => "writes root disks",
            Need::Depmod => "indexes the modules of `--kernel`",
            Need::ArchiveKeys => "tell Debian's packages from others",
            Need::Gpgv => "checks who signed what is downloaded",
            Need::QemuImg => "unpacks disk images",
            Need::Gpg => "signs archives of the tests' own",
            Need::Tshark => "reads captures in the tests",
            Need::Ip => "takes the network away in the tests",
            Need::Ids => "lets an ordinary user build images",
            Need::Namespaces => "keep a build apart from this host",
        }
    }

    /// Whether it is needed for this user: root needs no ids from others.
    pub fn applies(self) -> bool {
        self != Need::Ids || !Uid::effective().is_root()
    }
}
