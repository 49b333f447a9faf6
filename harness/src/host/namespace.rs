//! Mount and pid namespaces in which a command is root without being root. Every ordinary user may have them, mounts
//! made inside vanish with them, and killing the first process kills everything in them.
//!
//! For root only the mounts and pids are unshared. For others a user namespace comes first, in which uid 0 is the user
//! (so that files written by "root" belong to the user, and a home folder closed to others is no obstacle) and 1 to
//! 65535 are the ids that /etc/subuid and /etc/subgid grant.

use super::lack::{Fix, Lack};
use crate::error::{Context, Error, Result};
use nix::unistd::{Gid, Pid, Uid};
use std::{ffi::OsStr, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

/// Waits to be given its ids; if the pipe ends instead, the process that would give them is gone.
const WAIT_FOR_IDS: &str = r#"echo ready && read -r _ && exec "$@""#;

/// `setpriv` sets the death signal last: gaining capabilities in the new namespace clears an earlier one.
const ENTER: &[&str] =
    &["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"];

/// How many ids a distribution's root file system needs besides root: up to `nobody`, 65534.
const IDS: u32 = 65535;

/// Starts `argv`, prepared by `prepare` (environment, stdio), in namespaces of its own. Dropping the child kills all of
/// them, as does the death of this process. The child's stdin is closed, and its stdout is taken.
pub async fn spawn<S: AsRef<OsStr>>(argv: &[S], prepare: impl FnOnce(&mut Command)) -> Result<Child> {
    let root = Uid::effective().is_root();
    let mut command = if root { Command::new(ENTER[0]) } else { Command::new("unshare") };
    if root {
        command.args(&ENTER[1..]);
    } else {
        command.args(["--user", "sh", "-c", WAIT_FOR_IDS, "sh"]).args(ENTER);
    }
    prepare(&mut command);
    command.arg("--").args(argv).env("PATH", super::path());
    // The child has a group of its own: Ctrl-C is for us to handle, not for half of a package installation.
    command.process_group(0).kill_on_drop(true);
    command.stdin(if root { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped());
    let mut child = command.spawn().host(|| "failed to start `unshare`".into())?;
    if !root {
        give_ids(&mut child).await?;
    }
    Ok(child)
}

/// Once the child is in its user namespace, lets `newuidmap` and `newgidmap` write its maps.
async fn give_ids(child: &mut Child) -> Result<()> {
    let (pid, stdin) = (child.id(), child.stdin.take());
    let (Some(stdout), Some(mut stdin), Some(pid)) = (&mut child.stdout, stdin, pid) else {
        return Err(Error::host("`unshare` has no pipes"));
    };
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).await.map_err(|e| no_namespaces().cause(e))?;
    let ids = Ids::of_this_user()
        .map_err(|lack| Error::host(lack.what).hint("run `tunelab doctor`, it knows the command"))?;
    let pid = Pid::from_raw(pid as i32);
    map("newuidmap", pid, Uid::current().as_raw(), ids.first_uid).await?;
    map("newgidmap", pid, Gid::current().as_raw(), ids.first_gid).await?;
    stdin.write_all(b"\n").await.host(|| "failed to start a command in its namespace".into())
}

async fn map(tool: &str, pid: Pid, own: u32, first: u32) -> Result<()> {
    let words = [pid.as_raw() as u32, 0, own, 1, 1, first, IDS].map(|n| n.to_string());
    let out = Command::new(tool)
        .args(words)
        .env("PATH", super::path())
        .output()
        .await
        .map_err(|e| Error::host(format!("failed to run `{tool}`")).cause(e))?;
    if out.status.success() {
        return Ok(());
    }
    Err(Error::host(format!("`{tool}` failed: {}", String::from_utf8_lossy(&out.stderr).trim())))
}

fn no_namespaces() -> Error {
    Error::host("this host does not let an ordinary user have a user namespace").hint(
        "as root: `sysctl kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu) \
         or `sysctl kernel.unprivileged_userns_clone=1` (older Debian); or run tunelab as root",
    )
}

/// The ids granted to this user, or the command that grants them.
pub fn granted_ids() -> Result<String, Lack> {
    let ids = Ids::of_this_user()?;
    Ok(format!("{IDS} ids from {}", ids.first_uid))
}

/// The first of [`IDS`] ids of each kind that this user may use besides their own.
#[derive(Debug, PartialEq, Eq)]
struct Ids {
    first_uid: u32,
    first_gid: u32,
}

impl Ids {
    fn of_this_user() -> Result<Self, Lack> {
        let uid = Uid::current();
        let user = nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |u| u.name);
        let [uids, gids] = ["/etc/subuid", "/etc/subgid"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
        match (granted(&uids, &user, uid.as_raw()), granted(&gids, &user, uid.as_raw())) {
            (Some(first_uid), Some(first_gid)) => Ok(Ids { first_uid, first_gid }),
            _ => Err(Lack {
                what: format!("`/etc/subuid` and `/etc/subgid` do not grant user `{user}` {IDS} ids"),
                fix: Fix::Command(grant(&user, &free_range(&(uids + &gids)))),
            }),
        }
    }
}

fn grant(user: &str, range: &str) -> Vec<String> {
    ["usermod", "--add-subuids", range, "--add-subgids", range, user].map(str::to_owned).into()
}

/// Finds the first id of a range that is long enough, in lines `user:first:count`.
fn granted(text: &str, user: &str, uid: u32) -> Option<u32> {
    ranges(text).find(|(who, _, count)| (*who == user || *who == uid.to_string()) && *count >= IDS).map(|r| r.1)
}

/// Returns a range after all that are granted, as usermod(8) takes it.
fn free_range(text: &str) -> String {
    let first = ranges(text).map(|(_, first, count)| first + count).max().unwrap_or(0).max(100_000);
    format!("{first}-{}", first + IDS)
}

fn ranges(text: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    text.lines().filter_map(|line| {
        let mut parts = line.split(':');
        Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_or_number_and_must_be_long_enough() {
        let text = "small:100000:10\nlab:200000:65536\n1007:300000:65536\n";
        assert_eq!(granted(text, "lab", 1), Some(200_000));
        assert_eq!(granted(text, "who", 1007), Some(300_000));
        assert_eq!(granted(text, "small", 2), None);
        assert_eq!(free_range(text), "365536-431071");
        assert_eq!(free_range(""), "100000-165535");
    }
}
