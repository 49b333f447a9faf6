//! The command line of mmdebstrap; pure.

use super::Packages;
use std::path::Path;

/// Raised when what is built changes its form: files, names, trimming. Part of every key, as are the scripts.
pub const VERSION: u32 = 1;

/// Runs in the finished root file system and leaves what becomes the image.
pub const PACK: &str = include_str!("pack.sh");

/// All times in an image are no later than this (2023-01-01), so that the day of the build is not in it.
pub const SOURCE_DATE_EPOCH: u32 = 1_672_531_200;

/// Given to dpkg once it exists in the root. As mmdebstrap's own `--dpkgopt` they would send each essential package
/// through a filter in Python, 10 s in all. Kernel hooks are left out because our own initrd boots the kernel.
const TRIM: &str = r#"mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
for path in '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' '/etc/kernel/*.d/*'; do
    echo "path-exclude=$path"
done > "$1/etc/dpkg/dpkg.cfg.d/tunelab""#;

/// A tmpfs over `$TMPDIR` if asked for, then mmdebstrap, whose two outputs become one.
const START: &str = r#"if [ -n "$TUNELAB_TMPFS" ]; then mount -t tmpfs -o mode=755 tunelab "$TMPDIR"; fi
exec mmdebstrap "$@" 2>&1"#;

pub fn argv(packages: &Packages) -> Vec<String> {
    let mut argv: Vec<String> = ["sh", "-ec", START, "sh"].map(Into::into).into();
    argv.extend(options().map(Into::into));
    argv.push(format!("--include={}", packages.install.join(",")));
    // By name, because mmdebstrap prints each hook before it runs it.
    argv.push("--essential-hook=eval \"$TUNELAB_TRIM\"".into());
    argv.push("--customize-hook=eval \"$TUNELAB_PACK\"".into());
    argv.push(packages.suite.clone());
    argv.push("/dev/null".into());
    argv
}

/// `root` because the namespace already makes it so; `null` because the last hook takes the result; no `/sys`
/// because only the owner of the network may mount it and no package here looks at it.
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

/// What [`argv`] and the scripts in it read.
pub fn environment(room: &Path, uuid: &str, tmpfs: bool) -> Vec<(&'static str, String)> {
    vec![
        ("LC_ALL", "C.UTF-8".into()),
        ("DEBIAN_FRONTEND", "noninteractive".into()),
        ("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH.to_string()),
        ("TMPDIR", room.join("scratch").display().to_string()),
        ("TUNELAB_TRIM", TRIM.into()),
        ("TUNELAB_PACK", PACK.into()),
        ("TUNELAB_OUT", room.display().to_string()),
        ("TUNELAB_UUID", uuid.into()),
        ("TUNELAB_TMPFS", if tmpfs { "1" } else { "" }.into()),
    ]
}
