//! Runs a command, or a login's shell with a script, for the user at the other end of SSH without a terminal.
//!
//! sshd ends a session when no process holds its streams any more, and a daemon that a script leaves behind holds them
//! for ever. So the command gets our pipes, and the session ends with it: what it wrote by then is passed on.

use crate::fd;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Milliseconds between two looks at whether the command has ended.
const LOOK_MS: u8 = 20;
/// The exit code for a command that a signal ended, as in a shell: this plus the signal's number.
const BY_SIGNAL: i32 = 128;

/// Ends this process with the command's exit code.
pub fn main(command: Option<&str>) -> Result<()> {
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let status = join(&mut shell_for(&shell, command), std::io::stdout(), std::io::stderr())?;
    std::process::exit(status.code().or_else(|| Some(BY_SIGNAL + status.signal()?)).unwrap_or(1));
}

/// The shell as sshd starts it: with a dash before its name, it is a login shell.
fn shell_for(shell: &str, command: Option<&str>) -> Command {
    let mut started = Command::new(shell);
    match command {
        Some(command) => started.args(["-c", command]),
        None => started.arg0(format!("-{}", shell.rsplit('/').next().unwrap_or(shell))),
    };
    started
}

/// Passes on what the command writes, until it has ended.
fn join(command: &mut Command, mut out: impl Write, mut err: impl Write) -> Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("failed to start a shell")?;
    let mut streams = streams(&mut child)?;
    loop {
        // Look for the end first: what it wrote before its end is in the pipes then.
        let ended = child.try_wait()?;
        let said = carry(&mut streams[0], &mut out)? | carry(&mut streams[1], &mut err)?;
        match ended {
            Some(status) => return Ok(status),
            None if !said => wait(&streams)?,
            None => {}
        }
    }
}

/// Its streams, which do not wait when they are read; `None`: that stream has ended.
fn streams(child: &mut Child) -> Result<[Option<File>; 2]> {
    let own = |stream: OwnedFd| {
        fd::return_at_once(&stream)?;
        Ok::<_, anyhow::Error>(Some(File::from(stream)))
    };
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    Ok([own(out.into())?, own(err.into())?])
}

/// Passes on all that is there; says whether there was something.
fn carry(from: &mut Option<File>, to: &mut impl Write) -> Result<bool> {
    let mut buffer = [0; 1 << 14];
    let mut some = false;
    while let Some(stream) = from {
        match stream.read(&mut buffer) {
            Ok(0) => *from = None,
            Ok(n) => {
                to.write_all(&buffer[..n]).and_then(|()| to.flush()).context("nobody listens any more")?;
                some = true;
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e).context("failed to read what a command says"),
        }
    }
    Ok(some)
}

/// Waits until it writes something more, or for a moment.
fn wait(streams: &[Option<File>; 2]) -> Result<()> {
    let mut open: Vec<PollFd> =
        streams.iter().flatten().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut open, LOOK_MS) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(e) => Err(e).context("poll"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn ran(command: &str) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = join(&mut shell_for("/bin/sh", Some(command)), &mut out, &mut err).unwrap();
        (status.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn it_ends_with_the_command_not_with_what_that_leaves_behind() {
        let since = Instant::now();
        assert_eq!(ran("sleep 20 & echo out; echo err >&2; exit 7"), (Some(7), "out\n".into(), "err\n".into()));
        assert!(since.elapsed() < Duration::from_secs(10), "it waited for the daemon");
    }

    #[test]
    fn all_that_was_said_is_passed_on() {
        let (code, out, _) = ran("yes | head -c 300000; kill -9 $$");
        assert_eq!((code, out.len()), (None, 300_000));
        assert_eq!(ran("exec >&- 2>&-; sleep 0.1; exit 3"), (Some(3), String::new(), String::new()));
    }
}
