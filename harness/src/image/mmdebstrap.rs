//! Makes the command line of mmdebstrap; pure.

use super::Packages;
use std::path::Path;

/// Raised when the build's result changes its form: files, names, trimming. It is part of every key, as are the
/// scripts.
pub const VERSION: u32 = 1;

/// Runs in the finished root file system and leaves what becomes the image.
pub const PACK: &str = include_str!("pack.sh");

/// Runs in an empty root and leaves the packages that a disk lacks.
pub const DOWNLOAD: &str = include_str!("disk/download.sh");

/// Run around a suite that comes from a recipe's own mirrors, which may be an old one: before anything is set up, and
/// at the end.
pub const ARCHIVE: [&str; 2] = [include_str!("archive/begin.sh"), include_str!("archive/end.sh")];

/// All times in an image are no later than this (2023-01-01), so that the day of the build is not in it.
pub const SOURCE_DATE_EPOCH: u32 = 1_672_531_200;

/// The name of a recipe's keyring while its image is built: apt, which drops its privileges, can read it there.
pub const KEYRING: &str = "keyring.gpg";

/// Given to dpkg once it exists in the root. As mmdebstrap's own `--dpkgopt` they would send each essential package
/// through a filter in Python, 10 s in all. Kernel hooks are left out because our own initrd boots the kernel, and
/// firmware because QEMU's devices need none.
const TRIM: &str = r#"mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
for path in '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' '/etc/kernel/*.d/*' \
    '/lib/firmware/*'; do
    echo "path-exclude=$path"
done > "$1/etc/dpkg/dpkg.cfg.d/tunelab""#;

/// Mounts a tmpfs over `$TMPDIR` if asked for, then starts mmdebstrap, with its two outputs as one.
const START: &str = r#"if [ -n "$TUNELAB_TMPFS" ]; then mount -t tmpfs -o mode=755 tunelab "$TMPDIR"; fi
exec mmdebstrap "$@" 2>&1"#;

/// Signatures made with SHA-1 and DSA count as signed. apt before 3.0 is told so by its own options; later ones ask sqv
/// unless a gpgv is named, and sqv can be told by a file only.
const WEAK: [&str; 3] = [
    "--aptopt=APT::Hashes::SHA1::Weak \"true\"",
    "--aptopt=APT::Key::Assert-Pubkey-Algo \">=rsa1024,ed25519,ed448,dsa1024\"",
    "--aptopt=APT::Key::GPGVCommand \"/usr/bin/gpgv\"",
];

/// mmdebstrap's own hooks for dpkg before 1.17.11, and for suites before init-system-helpers. They look before they
/// act.
const OLD_DPKG: &str = "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-jessie-or-older";

/// `mirror` is the one of the recipe's mirrors that is tried, if it has any; `room` holds its keyring as [`KEYRING`].
pub fn argv(packages: &Packages, mirror: Option<&str>, room: &Path) -> Vec<String> {
    let mut argv: Vec<String> = ["sh", "-ec", START, "sh"].map(Into::into).into();
    argv.extend(options().map(Into::into));
    argv.extend(archive_options(packages, mirror));
    if mirror.is_some() {
        argv.extend(["--extract-hook=eval \"$TUNELAB_ARCHIVE_BEGIN\"", OLD_DPKG].map(Into::into));
    }
    argv.push(format!("--include={}", packages.install.join(",")));
    // The hook is given by name, because mmdebstrap prints each hook before it runs it.
    argv.push("--essential-hook=eval \"$TUNELAB_TRIM\"".into());
    if mirror.is_some() {
        argv.push("--customize-hook=eval \"$TUNELAB_ARCHIVE_END\"".into());
    }
    argv.push("--customize-hook=eval \"$TUNELAB_PACK\"".into());
    argv.push(packages.suite.clone());
    argv.push("/dev/null".into());
    argv.extend(mirror.into_iter().flat_map(|mirror| sources(packages, mirror, &room.join(KEYRING))));
    argv
}

/// The same archive and trust, but nothing is installed: apt downloads what another system lacks.
pub fn download_argv(packages: &Packages, mirror: Option<&str>, room: &Path) -> Vec<String> {
    const DOWNLOAD: [&str; 7] = [
        "--mode=root",
        "--variant=custom",
        "--format=null",
        "--verbose",
        "--skip=update,check/qemu,cleanup,chroot/mount",
        "--aptopt=Acquire::Languages \"none\"",
        "--setup-hook=eval \"$TUNELAB_DOWNLOAD\"",
    ];
    let mut argv: Vec<String> = ["sh", "-ec", START, "sh"].map(Into::into).into();
    argv.extend(DOWNLOAD.map(Into::into));
    argv.extend(archive_options(packages, mirror));
    argv.extend([packages.suite.clone(), "/dev/null".into()]);
    argv.extend(mirror.into_iter().flat_map(|mirror| sources(packages, mirror, &room.join(KEYRING))));
    argv
}

/// Options of apt that an old or a partial archive needs.
fn archive_options(packages: &Packages, mirror: Option<&str>) -> Vec<String> {
    let mut options = Vec::new();
    if packages.expired {
        options.push("--aptopt=Acquire::Check-Valid-Until \"false\"".into());
    }
    if packages.weak_signature {
        options.extend(WEAK.map(Into::into));
    }
    if mirror.is_none() && !packages.components.is_empty() {
        options.push(format!("--components={}", packages.components.join(",")));
    }
    options
}

/// Lines of a sources.list: the suite and its pockets on one mirror, trusted if one of the keyring's keys signed them.
fn sources(packages: &Packages, mirror: &str, keyring: &Path) -> Vec<String> {
    let components = if packages.components.is_empty() { "main".into() } else { packages.components.join(" ") };
    let suites = std::iter::once(&packages.suite).chain(&packages.pockets);
    suites.map(|suite| format!("deb [signed-by=\"{}\"] {mirror} {suite} {components}", keyring.display())).collect()
}

/// `root` because the namespace already makes it so; `null` because the last hook takes the result; no `/sys` because
/// only the owner of the network may mount it and no package here looks at it.
fn options() -> [&'static str; 7] {
    [
        "--mode=root",
        "--variant=essential",
        "--format=null",
        "--verbose",
        "--skip=check/qemu,cleanup,chroot/mount/sys",
        "--dpkgopt=force-unsafe-io",
        "--aptopt=Acquire::Languages \"none\"",
    ]
}

/// The variables that [`argv`] and the scripts in it read.
pub fn environment(room: &Path, uuid: &str, tmpfs: bool) -> Vec<(&'static str, String)> {
    vec![
        ("LC_ALL", "C.UTF-8".into()),
        ("DEBIAN_FRONTEND", "noninteractive".into()),
        ("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH.to_string()),
        ("TMPDIR", room.join("scratch").display().to_string()),
        ("TUNELAB_ARCHIVE_BEGIN", ARCHIVE[0].into()),
        ("TUNELAB_ARCHIVE_END", ARCHIVE[1].into()),
        ("TUNELAB_TRIM", TRIM.into()),
        ("TUNELAB_PACK", PACK.into()),
        ("TUNELAB_DOWNLOAD", DOWNLOAD.into()),
        ("TUNELAB_OUT", room.display().to_string()),
        ("TUNELAB_UUID", uuid.into()),
        ("TUNELAB_TMPFS", if tmpfs { "1" } else { "" }.into()),
    ]
}
