//! A person's or a script's session in a guest: this process's own terminal or pipes, joined to a shell there.

use super::{
    Ssh,
    ssh::{quote, while_allowed},
};
use crate::error::{Context, Error, Result};
use crate::vm::Pulse;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::termios::{self, SetArg, Termios};
use std::io::{ErrorKind, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tunelab_protocol::guest;
use tunelab_ssh::{BlockDirections, Channel, Session};

/// A shell reports a command that a signal ended as 128 and its number.
const BY_SIGNAL: i32 = 128;
/// The time for sshd to give us a shell.
const OPENING: Duration = Duration::from_secs(60);
/// The time for sshd's last word, once the shell has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// One session, of a command or of a login shell.
pub struct Terminal {
    command: Option<String>,
    /// Whether the guest gives the shell a terminal: it does if all three of our streams are terminals.
    pty: bool,
}

impl Terminal {
    pub fn new(command: Option<String>) -> Self {
        Terminal { command, pty: stdin().is_terminal() && stdout().is_terminal() && stderr().is_terminal() }
    }

    /// Whether keys go to the guest one by one, Ctrl-C too.
    pub fn is_interactive(&self) -> bool {
        self.pty
    }

    /// Waits until the shell or the command ends; returns its exit code. Dropping it gives this terminal back.
    pub async fn join(self, ssh: &Ssh) -> Result<u8> {
        let raw = self.pty.then(Raw::enter).transpose()?;
        let (waker, woken) = UnixStream::pair().host(|| "failed to prepare a session".into())?;
        let mut resized = signal(SignalKind::window_change()).host(|| "failed to watch the window".into())?;
        let resizes = async {
            while resized.recv().await.is_some() && (&waker).write_all(&[0]).is_ok() {}
            std::future::pending().await
        };
        let ended = tokio::select! {
            ended = ssh.converse(move |session, pulse| self.talk(session, pulse, woken)) => ended,
            () = resizes => unreachable!("it never ends"),
        };
        drop(raw);
        ended
    }

    fn talk(&self, session: &Session, pulse: Pulse, woken: UnixStream) -> Result<u8> {
        let mut channel = self.open(session, pulse).guest(|| "the guest gave us no shell".into())?;
        session.set_blocking(false);
        let pumped = Pump::new(session, &mut channel, woken).run();
        session.set_blocking(true);
        pumped?;
        exit_code(&mut channel, pulse).guest(|| "the guest's shell ended without a word".into())
    }

    fn open(&self, session: &Session, pulse: Pulse) -> std::io::Result<Channel> {
        let allowance = &mut pulse.allow(OPENING);
        let mut channel = while_allowed(allowance, || session.channel_session())?;
        if self.pty {
            let (columns, rows) = window();
            let term = std::env::var("TERM").unwrap_or_else(|_| "vt100".into());
            while_allowed(allowance, || channel.request_pty(&term, None, Some((columns, rows, 0, 0))))?;
        }
        match (&self.command, self.pty) {
            // The shell's terminal goes with the shell, and with it everything that holds the session open.
            (Some(command), true) => while_allowed(allowance, || channel.exec(command))?,
            (None, true) => while_allowed(allowance, || channel.shell())?,
            // Pipes do not: a daemon left behind would keep the session open for ever.
            (command, false) => {
                let command = command.as_ref().map_or_else(String::new, |command| format!(" {}", quote(command)));
                while_allowed(allowance, || channel.exec(&format!("exec {} session{command}", guest::AGENT)))?;
            }
        }
        Ok(channel)
    }
}

fn exit_code(channel: &mut Channel, pulse: Pulse) -> std::io::Result<u8> {
    let allowance = &mut pulse.allow(FAREWELL);
    while_allowed(allowance, || channel.close())?;
    while_allowed(allowance, || channel.wait_close())?;
    let code = match channel.exit_signal()?.exit_signal {
        Some(name) => BY_SIGNAL + format!("SIG{name}").parse::<Signal>().map_or(0, |signal| signal as i32),
        None => channel.exit_status()?,
    };
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// The local terminal in raw mode; dropping it restores the terminal.
struct Raw(Termios);

impl Raw {
    fn enter() -> Result<Self> {
        let before = termios::tcgetattr(stdin()).host(|| "failed to ask for the terminal's mode".into())?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin(), SetArg::TCSADRAIN, &raw).host(|| "failed to set the terminal's mode".into())?;
        Ok(Raw(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);

/// Returns columns and rows of our terminal.
fn window() -> (u32, u32) {
    let mut size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills in a `winsize` that outlives it; where it fails, ours stays.
    let _ = unsafe { window_size(stdin().as_raw_fd(), &raw mut size) };
    (size.ws_col.into(), size.ws_row.into())
}

/// Carries bytes both ways until the guest's side has ended.
struct Pump<'a> {
    session: &'a Session,
    channel: &'a mut Channel,
    /// Gives a byte for each change of the window; it ends when our result is not awaited any more.
    woken: UnixStream,
    /// Bytes that were read here and not yet taken by the guest.
    typed: Vec<u8>,
    input: Input,
}

#[derive(PartialEq, Eq)]
enum Input {
    Open,
    /// Our input ended; the guest's shell does not know it yet.
    Ended,
    Told,
}

impl<'a> Pump<'a> {
    fn new(session: &'a Session, channel: &'a mut Channel, woken: UnixStream) -> Self {
        Pump { session, channel, woken, typed: Vec::new(), input: Input::Open }
    }

    fn run(mut self) -> Result<()> {
        loop {
            let out = carry(self.channel, &mut stdout())?;
            let err = carry(&mut self.channel.stderr(), &mut stderr())?;
            let typed = self.send()?;
            if self.channel.eof() {
                return Ok(());
            }
            if !(out || err || typed) {
                self.wait()?;
            }
        }
    }

    /// Sends input; returns whether the guest took something.
    fn send(&mut self) -> Result<bool> {
        if !self.typed.is_empty() {
            let taken = ready(self.channel.write(&self.typed)).guest(lost)?;
            self.typed.drain(..taken.unwrap_or(0));
            return Ok(taken.is_some());
        }
        if self.input == Input::Ended && ready(self.channel.send_eof().map_err(Into::into)).guest(lost)?.is_some() {
            self.input = Input::Told;
            return Ok(true);
        }
        Ok(false)
    }

    /// Waits until one of the sides has something for the other.
    fn wait(&mut self) -> Result<()> {
        let towards = match self.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => PollFlags::POLLIN | PollFlags::POLLOUT,
            _ => PollFlags::POLLIN,
        };
        // SAFETY: the session owns its socket and outlives this call.
        let socket = unsafe { BorrowedFd::borrow_raw(self.session.as_raw_fd()) };
        let (woken, input) = (self.woken.try_clone().host(lost)?, stdin());
        let mut sides = vec![PollFd::new(socket, towards), PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        if self.input == Input::Open && self.typed.is_empty() {
            sides.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut sides, PollTimeout::NONE) {
            Err(Errno::EINTR) => return Ok(()),
            polled => polled.host(lost)?,
        };
        let happened: Vec<bool> = sides.iter().map(|side| side.any().unwrap_or(true)).collect();
        drop(sides);
        if happened[1] {
            self.resize()?;
        }
        if happened.get(2) == Some(&true) { self.read_typed() } else { Ok(()) }
    }

    fn read_typed(&mut self) -> Result<()> {
        let mut buffer = [0; 1 << 14];
        // `Stdin` would not do: `poll` cannot see its buffer.
        match nix::unistd::read(stdin(), &mut buffer) {
            Ok(0) | Err(Errno::EIO) => self.input = Input::Ended,
            Ok(n) => self.typed.extend_from_slice(&buffer[..n]),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(e) => return Err(Error::host("failed to read from standard input").cause(e)),
        }
        Ok(())
    }

    fn resize(&mut self) -> Result<()> {
        if self.woken.read(&mut [0; 64]).host(lost)? == 0 {
            return Err(Error::interrupted());
        }
        let (columns, rows) = window();
        // A size that does not get through is no reason to end; the next one may.
        let _ = self.channel.request_pty_size(columns, rows, None, None);
        Ok(())
    }
}

fn lost() -> String {
    "lost the session in the guest".into()
}

/// Carries what the guest has sent to one of our outputs; returns whether there was something.
fn carry(from: &mut impl Read, to: &mut impl Write) -> Result<bool> {
    let mut buffer = [0; 1 << 15];
    let n = ready(from.read(&mut buffer)).guest(lost)?.unwrap_or(0);
    to.write_all(&buffer[..n]).and_then(|()| to.flush()).host(|| "failed to write what the guest said".into())?;
    Ok(n > 0)
}

/// Returns `None` if it would have to wait.
fn ready<T>(done: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}
