//! How each need of the harness is proven, and what to do without it.

use super::{
    Packaging,
    lack::{Fix, Lack},
    namespace,
    need::Need,
};
use std::{ffi::OsStr, io::ErrorKind, path::Path, process::Stdio};
use tokio::process::Command;

/// We never tried QEMU before 7.2 with `-icount shift=N,sleep=off`.
const QEMU_AT_LEAST: (u32, u32) = (7, 2);

impl Need {
    /// How a host where it is missing gets it.
    pub fn fix(self, packaging: Packaging) -> Fix {
        match packaging.packages(self) {
            [] => Fix::Advice(format!(
                "`{}` is in no package of {} that we know; build images on another host and copy them to the cache here",
                self.name(),
                packaging.name(),
            )),
            names => Fix::Packages(names),
        }
    }

    /// Proves it; returns its version or another fact that only a working one can tell.
    pub async fn prove(self) -> Result<String, Lack> {
        match self {
            Need::Qemu => self.prove_qemu().await,
            Need::Mmdebstrap => self.version(&["--version"]).await,
            Need::Mke2fs | Need::Ip => self.version(&["-V"]).await,
            Need::Depmod => self.version(&["--version"]).await,
            Need::ArchiveKeys => self.prove_keys(),
            Need::Gpgv | Need::QemuImg | Need::Gpg | Need::Tshark => self.version(&["--version"]).await,
            Need::Ids => self.prove_ids().await,
            Need::Namespaces => prove_namespaces().await,
        }
    }

    /// Proves that it starts, can emulate, and is recent enough.
    async fn prove_qemu(self) -> Result<String, Lack> {
        let version = self.version(&["--version"]).await?;
        let number = version.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()));
        let parts: Vec<u32> = number.unwrap_or_default().split('.').filter_map(|n| n.parse().ok()).collect();
        let (Some(&major), Some(&minor)) = (parts.first(), parts.get(1)) else {
            return Err(self.lack(format!("says `{version}` for its version")));
        };
        if (major, minor) < QEMU_AT_LEAST {
            let (wanted_major, wanted_minor) = QEMU_AT_LEAST;
            return Err(self.lack(format!("is {major}.{minor}, needed is {wanted_major}.{wanted_minor} or later")));
        }
        let accelerators = self.output(&["-accel", "help"]).await?;
        if !accelerators.lines().any(|line| line.trim() == "tcg") {
            return Err(self.lack("has no TCG (`-accel help` does not name it)"));
        }
        Ok(format!("{major}.{minor}, TCG"))
    }

    fn prove_keys(self) -> Result<String, Lack> {
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        if Path::new(keys).exists() { Ok(keys.into()) } else { Err(self.lack(format!("no `{keys}`"))) }
    }

    async fn prove_ids(self) -> Result<String, Lack> {
        // Without arguments it prints its usage and fails: it starts, which is all that is asked here.
        for tool in ["newuidmap", "newgidmap"] {
            if let Err(e) = command(tool).output().await {
                return Err(self.not_started(&e));
            }
        }
        namespace::granted_ids()
    }

    /// Returns the first line that it prints about itself.
    async fn version(self, args: &[&str]) -> Result<String, Lack> {
        Ok(self.output(args).await?.lines().next().unwrap_or_default().trim().to_owned())
    }

    async fn output(self, args: &[&str]) -> Result<String, Lack> {
        let out = command(self.name()).args(args).output().await.map_err(|e| self.not_started(&e))?;
        let text = [out.stdout, out.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        if out.status.success() { Ok(text) } else { Err(self.lack(format!("fails with `{}`", last_line(&text)))) }
    }

    fn not_started(self, error: &std::io::Error) -> Lack {
        match error.kind() {
            // A folder of `$PATH` that is closed to this user turns the first error into the second.
            ErrorKind::NotFound | ErrorKind::PermissionDenied => self.lack("not found"),
            _ => self.lack(format!("does not start: {error}")),
        }
    }

    fn lack(self, what: impl Into<String>) -> Lack {
        Lack { what: what.into(), fix: self.fix(Packaging::here()) }
    }
}

async fn prove_namespaces() -> Result<String, Lack> {
    let failed = |what: String, hint: &str| Lack { what, fix: Fix::Advice(hint.into()) };
    let mount = ["sh", "-ec", "mount -t tmpfs tunelab /mnt && echo made"];
    let advice = "run tunelab as root on a host that lets root mount (a container needs CAP_SYS_ADMIN)";
    let with_stderr = |command: &mut Command| {
        command.stderr(Stdio::piped());
    };
    let child = match namespace::spawn(&mount, with_stderr).await {
        Ok(child) => child,
        Err(e) => return Err(failed(e.to_string(), e.hint_text().unwrap_or(advice))),
    };
    let out = child.wait_with_output().await.map_err(|e| failed(e.to_string(), advice))?;
    if out.status.success() {
        return Ok("a mount was made in one".into());
    }
    Err(failed(format!("cannot mount in one: `{}`", last_line(&String::from_utf8_lossy(&out.stderr))), advice))
}

fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", super::path()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing said").trim()
}
