//! The files in an image's folder, and how any file of the cache is removed.

use crate::{
    error::{Context, Error, Result},
    host::namespace,
};
use std::path::Path;

/// Names in an image's folder.
pub const KERNEL: &str = "kernel";
pub const MODULES: &str = "modules.cpio";
pub const ROOT: &str = "root.img";
pub const PACKAGES: &str = "packages.tar";

/// Removes a folder, a file, or a link. A root file system that an ordinary user's build left holds files of other ids
/// of that user, which only "root" of the namespace can remove.
pub async fn remove(dir: &Path) -> Result<()> {
    // This looks at a link itself, not at where it leads.
    let is_folder = dir.symlink_metadata().is_ok_and(|seen| seen.is_dir());
    let gone = if is_folder { std::fs::remove_dir_all(dir) } else { std::fs::remove_file(dir) };
    match gone {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    let argv = ["rm".as_ref(), "-rf".as_ref(), dir.as_os_str()];
    let mut child = namespace::spawn(&argv, |_| ()).await?;
    let status = child.wait().await.host(|| "failed to wait for `rm`".into())?;
    if status.success() {
        return Ok(());
    }
    Err(Error::host(format!("failed to remove `{}`", dir.display())))
}
