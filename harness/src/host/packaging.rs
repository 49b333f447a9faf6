//! How this host installs packages, and their names there, as os-release(5) tells.

use super::need::Need;
use std::sync::LazyLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packaging {
    Debian,
    Fedora,
    OpenSuse,
    Arch,
    /// Any other distribution: Debian's names say best what to look for.
    Other,
}

static HERE: LazyLock<Packaging> = LazyLock::new(|| {
    let text = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| std::fs::read_to_string(path).ok());
    Packaging::of(&text.unwrap_or_default())
});

impl Packaging {
    pub fn here() -> Self {
        *HERE
    }

    /// Goes by `ID`, else by the first of `ID_LIKE` that is known.
    pub fn of(os_release: &str) -> Self {
        let ids = [value(os_release, "ID"), value(os_release, "ID_LIKE")];
        let words: Vec<_> = ids.iter().flat_map(|ids| ids.split_whitespace()).collect();
        // RHEL and its relatives name Fedora, but their QEMU has no emulation and another name.
        if words.contains(&"rhel") {
            return Packaging::Other;
        }
        words.into_iter().find_map(known).unwrap_or(Packaging::Other)
    }

    pub fn name(self) -> &'static str {
        match self {
            Packaging::Debian | Packaging::Other => "Debian",
            Packaging::Fedora => "Fedora",
            Packaging::OpenSuse => "openSUSE",
            Packaging::Arch => "Arch",
        }
    }

    /// We run only what was tried; elsewhere the user is told the command.
    pub fn is_tried(self) -> bool {
        self == Packaging::Debian
    }

    /// The words before the packages' names. `None` where we know no package manager.
    pub fn install(self) -> Option<&'static [&'static str]> {
        match self {
            Packaging::Debian => Some(&["apt-get", "install", "--yes", "--no-install-recommends"]),
            Packaging::Fedora => Some(&["dnf", "install"]),
            Packaging::OpenSuse => Some(&["zypper", "install"]),
            Packaging::Arch => Some(&["pacman", "-S", "--needed"]),
            Packaging::Other => None,
        }
    }

    /// Empty where we know no package of the distribution.
    pub fn packages(self, need: Need) -> &'static [&'static str] {
        match self {
            Packaging::Debian | Packaging::Other => debian(need),
            Packaging::Fedora => fedora(need),
            Packaging::OpenSuse => opensuse(need),
            Packaging::Arch => arch(need),
        }
    }
}

fn known(id: &str) -> Option<Packaging> {
    match id {
        "debian" | "ubuntu" => Some(Packaging::Debian),
        "fedora" => Some(Packaging::Fedora),
        "opensuse" | "suse" | "opensuse-tumbleweed" | "opensuse-leap" => Some(Packaging::OpenSuse),
        "arch" => Some(Packaging::Arch),
        _ => None,
    }
}

fn value<'t>(os_release: &'t str, key: &str) -> &'t str {
    let assigned = |line: &'t str| line.trim().strip_prefix(key)?.strip_prefix('=');
    os_release.lines().rev().find_map(assigned).unwrap_or_default().trim_matches(['"', '\''])
}

fn debian(need: Need) -> &'static [&'static str] {
    match need {
        Need::Qemu => &["qemu-system-x86"],
        Need::Mmdebstrap => &["mmdebstrap"],
        Need::Mke2fs => &["e2fsprogs"],
        Need::Depmod => &["kmod"],
        Need::ArchiveKeys => &["debian-archive-keyring"],
        Need::Gpgv => &["gpgv"],
        Need::QemuImg => &["qemu-utils"],
        Need::Gpg => &["gnupg"],
        Need::Tshark => &["tshark"],
        Need::Ip => &["iproute2"],
        Need::Ids => &["uidmap"],
        Need::Namespaces => &["util-linux"],
    }
}

fn fedora(need: Need) -> &'static [&'static str] {
    match need {
        Need::Qemu => &["qemu-system-x86-core"],
        Need::ArchiveKeys => &["debian-keyring"],
        Need::Gpgv | Need::Gpg => &["gnupg2"],
        Need::QemuImg => &["qemu-img"],
        Need::Tshark => &["wireshark-cli"],
        Need::Ip => &["iproute"],
        Need::Ids => &["shadow-utils"],
        Need::Mmdebstrap | Need::Mke2fs | Need::Depmod | Need::Namespaces => debian(need),
    }
}

fn opensuse(need: Need) -> &'static [&'static str] {
    match need {
        Need::Qemu => &["qemu-x86"],
        Need::Mmdebstrap | Need::ArchiveKeys => &[],
        Need::Gpgv | Need::Gpg => &["gpg2"],
        Need::QemuImg => &["qemu-img"],
        Need::Tshark => &["wireshark"],
        Need::Ids => &["shadow"],
        Need::Mke2fs | Need::Depmod | Need::Ip | Need::Namespaces => debian(need),
    }
}

fn arch(need: Need) -> &'static [&'static str] {
    match need {
        // Arch has it in the users' repository alone.
        Need::Mmdebstrap => &[],
        Need::Gpgv | Need::Gpg => &["gnupg"],
        Need::QemuImg => &["qemu-img"],
        Need::Tshark => &["wireshark-cli"],
        Need::Ids => &["shadow"],
        Need::Qemu | Need::Mke2fs | Need::Depmod | Need::ArchiveKeys | Need::Ip | Need::Namespaces => debian(need),
    }
}
