//! The guest's own sshd, with this machine's keys and nothing of the distribution's configuration.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// The file in which sshd notes its pid, whatever starts it.
pub const SSHD_PID: &str = "/run/tunelab/sshd.pid";

const IN_INITRD: &str = "/etc/tunelab";
const HOME: &str = "/run/tunelab/ssh";
const HOST_KEY: &str = "ssh_host_ecdsa_key";
const AUTHORIZED: &str = "authorized_keys";
/// Programs that OpenSSH has from 9.8 on, the first version that penalises sources; older versions refuse to start with
/// a word that they do not know.
const SESSION_PROGRAMS: [&str; 2] = ["/usr/lib/openssh/sshd-session", "/usr/libexec/openssh/sshd-session"];

/// The keys that the host put into the initrd; they are read before the initrd is left behind.
pub struct Keys {
    pub host_key: Vec<u8>,
    authorized: Vec<u8>,
}

impl Keys {
    pub fn read() -> Result<Self> {
        let read = |name: &str| {
            let path = Path::new(IN_INITRD).join(name);
            fs::read(&path).with_context(|| format!("the initrd holds no {}", path.display()))
        };
        Ok(Keys { host_key: read(HOST_KEY)?, authorized: read(AUTHORIZED)? })
    }
}

pub fn start(keys: &Keys) -> Result<()> {
    fs::create_dir_all(HOME)?;
    fs::set_permissions(HOME, fs::Permissions::from_mode(0o700))?;
    write_private(HOST_KEY, &keys.host_key)?;
    write_private(AUTHORIZED, &keys.authorized)?;
    // Else sshd complains to the user of `tunelab shell`.
    fs::write("/var/log/lastlog", "")?;
    // It runs in the foreground as our child, so that its death is seen; `-e` writes its errors to the console.
    Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", "/dev/null", "-h"])
        .arg(format!("{HOME}/{HOST_KEY}"))
        .args(["-o", &format!("AuthorizedKeysFile={HOME}/{AUTHORIZED}")])
        .args(["-o", &format!("PidFile={}", SSHD_PID)])
        .args(["-o", "PermitRootLogin=yes", "-o", "PasswordAuthentication=no", "-o", "UsePAM=no"])
        .args(["-o", "UseDNS=no", "-o", "StrictModes=no", "-o", "Subsystem=sftp internal-sftp"])
        .args(["-o", "LoginGraceTime=0", "-o", "MaxStartups=100", "-o", "PrintMotd=no", "-o", "PrintLastLog=no"])
        .args(no_penalties(|program| Path::new(program).exists()))
        .env("PATH", crate::tool::PATH)
        .stdin(Stdio::null())
        .spawn()
        .context("failed to start sshd")?;
    Ok(())
}

/// Turns penalties off. The host opens several connections and logs in by the first that answers. Each of the others
/// would count against it: from fifteen seconds of penalties on (a second each, five for a login before the keys are in
/// place) sshd closes every connection at once.
fn no_penalties(is_there: impl Fn(&str) -> bool) -> &'static [&'static str] {
    if SESSION_PROGRAMS.into_iter().any(is_there) { &["-o", "PerSourcePenalties=no"] } else { &[] }
}

fn write_private(name: &str, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let path = Path::new(HOME).join(name);
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(bytes).with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::no_penalties;

    #[test]
    fn only_an_sshd_that_has_penalties_is_told_to_forget_them() {
        assert!(no_penalties(|_| false).is_empty());
        assert_eq!(no_penalties(|program| program == "/usr/lib/openssh/sshd-session"), ["-o", "PerSourcePenalties=no"]);
    }
}
