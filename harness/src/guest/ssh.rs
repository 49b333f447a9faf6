//! SSH into a guest, while deploying: `ssh2` behind one small type that never blocks the runtime or waits for ever.

use super::Keys;
use crate::error::{Context, Error, Result};
use crate::vm::{Allowance, Overdue, Pulse};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tunelab_ssh::{MethodType, Session};

/// Algorithms that OpenSSH 5.9 has too; the first of each that both sides know is used. An emulated CPU is also fastest
/// with elliptic curves and AES in counter mode.
const ALGORITHMS: [(MethodType, &str); 5] = [
    (MethodType::Kex, "ecdh-sha2-nistp256,diffie-hellman-group14-sha1"),
    (MethodType::CryptCs, "aes128-ctr,aes192-ctr,aes256-ctr"),
    (MethodType::CryptSc, "aes128-ctr,aes192-ctr,aes256-ctr"),
    (MethodType::MacCs, "hmac-sha1,hmac-sha2-256"),
    (MethodType::MacSc, "hmac-sha1,hmac-sha2-256"),
];
/// The limit for one handshake or one answer of sshd. An emulated guest takes a second; a busy one with old algorithms,
/// many.
const PATIENCE: Duration = Duration::from_secs(60);
/// The limit of one call of libssh2, which goes on where it was when it is called again.
const SLICE_MS: u32 = 200;
/// The time from one attempt to connect to the next, or an eighth of the time since the first: a distribution takes
/// minutes.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How many attempts are waited for at once.
const ATTEMPTS: usize = 4;
/// The time from one look at the attempts to the next.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a failed command's stderr that an error has.
const STDERR_END: usize = 600;

/// A login as root. Cheap to clone; the connection carries one command at a time.
#[derive(Clone)]
pub struct Ssh {
    session: Arc<Mutex<Session>>,
    /// The pulse of the QEMU behind it: an answer may take longer while that QEMU is kept waiting.
    pulse: Pulse,
}

/// The host that must answer.
struct Host {
    /// Its public key, as it comes over the wire.
    blob: Vec<u8>,
    algorithms: &'static str,
}

/// The output of a command that ended with status 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ssh {
    /// Logs in, trying until the limit is spent; the host must prove to have the host key of `keys`, to the bit.
    ///
    /// Run it under [`crate::vm::Machine::while_alive`]: a guest that died is no reason to wait.
    pub async fn connect(port: u16, keys: &Keys, mut allowance: Allowance) -> Result<Self> {
        let (user, host) = (keys.user_key()?, Host { blob: keys.host_blob(), algorithms: keys.host_algorithms() });
        blocking(move || {
            let mut refused = None;
            loop {
                let stream = match wait_for_banner(port, &mut allowance) {
                    Ok(stream) => stream,
                    // Why the last answer was refused says more than that the attempt after it had no time left.
                    Err((last, overdue)) => {
                        let silent = || Error::guest(format!("no SSH in the guest: {last}; {overdue}"));
                        return Err(refused.unwrap_or_else(silent));
                    }
                };
                match log_in(stream, &user, &host, allowance.pulse()) {
                    // A distribution's sshd may answer before its keys are in place.
                    Err(why) if allowance.look().is_ok() => refused = Some(why),
                    done => return done,
                }
                std::thread::sleep(PAUSE);
            }
        })
        .await
    }

    /// Runs `command` by root's shell. A status other than 0 is an error.
    pub async fn run(&self, command: impl Into<String>, limit: Duration) -> Result<Output> {
        self.exec(command.into(), Vec::new(), limit).await
    }

    /// Writes a file by way of a temporary name: a program that sees it sees all of it.
    pub async fn upload(&self, path: &str, mode: u32, bytes: Vec<u8>, limit: Duration) -> Result<()> {
        let path = quote(path);
        let command = format!("cat > {path}.part && chmod {mode:o} {path}.part && mv -f {path}.part {path}");
        self.exec(command, bytes, limit).await.map(drop)
    }

    /// Runs a command that ends the connection: a missing answer is no error, a status other than 0 is one.
    pub async fn launch(&self, command: impl Into<String>, limit: Duration) -> Result<()> {
        match self.converse_within(command.into(), Vec::new(), limit).await {
            (command, Ok((status, output))) if status != 0 => Err(failed(&command, status, &output.stderr)),
            _ => Ok(()),
        }
    }

    /// Uses the connection itself, for a conversation of another kind.
    pub(super) async fn converse<T: Send + 'static>(
        &self,
        talk: impl FnOnce(&Session, Pulse) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Ssh { session, pulse } = self.clone();
        blocking(move || talk(&session.lock().unwrap_or_else(|e| e.into_inner()), pulse)).await
    }

    async fn exec(&self, command: String, stdin: Vec<u8>, limit: Duration) -> Result<Output> {
        let (command, done) = self.converse_within(command, stdin, limit).await;
        let (status, output) = done?;
        if status == 0 { Ok(output) } else { Err(failed(&command, status, &output.stderr)) }
    }

    /// Runs one command; returns its status and output, with the command itself.
    async fn converse_within(
        &self,
        command: String,
        stdin: Vec<u8>,
        limit: Duration,
    ) -> (String, Result<(i32, Output)>) {
        let line = command.clone();
        let done = self.converse(move |session, pulse| {
            let done = Conversation { session, allowance: pulse.allow(limit) }.exec(&line, &stdin);
            done.guest(|| format!("lost the guest while running `{}`", shown(&line)))
        });
        let done = done.await;
        (command, done)
    }
}

/// Connects until something answers like an SSH server. On failure, returns what happened last.
///
/// QEMU accepts a connection whether or not the guest does: only the guest's first byte proves that it is there. A
/// connection that was opened before the guest had a network may hang for ever where a new one is answered, and a busy
/// host's sshd may need long for its first byte. So several are waited for at once.
///
/// Between the guest's network and its sshd, its kernel resets new connections, and QEMU closes our end: a busy guest
/// does it dozens of times. The next attempt follows at once.
fn wait_for_banner(port: u16, allowance: &mut Allowance) -> Result<TcpStream, (String, Overdue)> {
    let (start, mut next) = (Instant::now(), Instant::now());
    let mut attempts = Attempts {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        open: VecDeque::new(),
        last: "nothing answers on the guest's port 22".into(),
    };
    loop {
        if Instant::now() >= next {
            attempts.begin();
            next = Instant::now() + ATTEMPT.max(start.elapsed() / 8);
        }
        let open = attempts.open.len();
        if let Some(stream) = attempts.answered() {
            return Ok(stream);
        }
        if let Err(overdue) = allowance.look() {
            return Err((attempts.last, overdue));
        }
        if attempts.open.len() < open {
            next = Instant::now();
        }
        std::thread::sleep(PAUSE);
    }
}

/// Connections that are not answered yet, the newest last.
struct Attempts {
    address: SocketAddr,
    open: VecDeque<TcpStream>,
    /// The last thing that went wrong.
    last: String,
}

impl Attempts {
    /// Opens one more connection, for which the oldest makes room.
    fn begin(&mut self) {
        let connect = |address| {
            let stream = TcpStream::connect_timeout(address, ATTEMPT)?;
            stream.set_nonblocking(true).map(|()| stream)
        };
        match connect(&self.address) {
            Ok(stream) => self.open.push_back(stream),
            Err(e) => self.last = e.to_string(),
        }
        if self.open.len() > ATTEMPTS {
            self.open.pop_front();
        }
    }

    /// Returns the first connection that is answered, and drops those that were closed.
    fn answered(&mut self) -> Option<TcpStream> {
        let mut n = 0;
        while let Some(stream) = self.open.get(n) {
            match stream.peek(&mut [0]) {
                Ok(1..) => return self.open.remove(n),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => n += 1,
                _ => {
                    self.last = "the connection was closed".into();
                    self.open.remove(n);
                }
            }
        }
        None
    }
}

fn log_in(stream: TcpStream, user_key: &str, host: &Host, pulse: Pulse) -> Result<Ssh> {
    let failed = |what: &'static str| move || format!("SSH to the guest failed: {what}");
    stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true)).host(failed("socket"))?;
    let mut session = Session::new().host(failed("no session"))?;
    session.set_timeout(SLICE_MS);
    for (method, names) in ALGORITHMS.into_iter().chain([(MethodType::HostKey, host.algorithms)]) {
        session.method_pref(method, names).host(failed("algorithms"))?;
    }
    session.set_tcp_stream(stream);
    while_allowed(&mut pulse.allow(PATIENCE), || session.handshake()).guest(failed("handshake"))?;
    match session.host_key() {
        Some((key, _)) if key == host.blob => {}
        _ => return Err(Error::guest("SSH to the guest failed: its host key is not the one expected")),
    }
    let prove = || session.userauth_pubkey_memory("root", None, user_key, None);
    while_allowed(&mut pulse.allow(PATIENCE), prove).guest(failed("root's key was not accepted"))?;
    Ok(Ssh { session: Arc::new(Mutex::new(session)), pulse })
}

/// Calls libssh2 again whenever its slice of time is over, until `allowance` is spent.
pub(super) fn while_allowed<T, E: Into<std::io::Error>>(
    allowance: &mut Allowance,
    mut call: impl FnMut() -> Result<T, E>,
) -> std::io::Result<T> {
    loop {
        allowance.look().map_err(|overdue| std::io::Error::new(ErrorKind::TimedOut, overdue.to_string()))?;
        match call().map_err(Into::into) {
            Err(e) if e.kind() == ErrorKind::TimedOut => {}
            done => return done,
        }
    }
}

/// One command's conversation, all of it within a limit.
struct Conversation<'a> {
    session: &'a Session,
    allowance: Allowance,
}

impl Conversation<'_> {
    fn exec(&mut self, command: &str, stdin: &[u8]) -> std::io::Result<(i32, Output)> {
        let (session, allowance) = (self.session, &mut self.allowance);
        let mut channel = while_allowed(allowance, || session.channel_session())?;
        while_allowed(allowance, || channel.exec(&into_files(command)))?;
        let mut left = stdin;
        while !left.is_empty() {
            let written = while_allowed(allowance, || channel.write(left))?;
            left = &left[written..];
        }
        while_allowed(allowance, || channel.send_eof())?;
        // Our commands' stderr fits into the channel's window, so reading one after the other is safe.
        let stdout = read_all(allowance, &mut channel)?;
        let stderr = read_all(allowance, &mut channel.stderr())?;
        while_allowed(allowance, || channel.wait_close())?;
        Ok((channel.exit_status()?, Output { stdout, stderr }))
    }
}

fn read_all(allowance: &mut Allowance, from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 1 << 15];
    loop {
        match while_allowed(allowance, || from.read(&mut buffer))? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

fn failed(command: &str, status: i32, stderr: &[u8]) -> Error {
    let said = String::from_utf8_lossy(&stderr[stderr.len().saturating_sub(STDERR_END)..]);
    let said = said.trim();
    let told = if said.is_empty() { String::new() } else { format!(": {said}") };
    Error::guest(format!("`{}` ended with status {status} in the guest{told}", shown(command)))
}

/// Returns enough of a command to know it again.
fn shown(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    if line.chars().count() > 120 { line.chars().take(117).collect::<String>() + "..." } else { line.to_owned() }
}

/// A command line for root's shell: one word is a line that the shell reads, several are a program and its arguments.
pub fn command_line(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
    }
}

/// Turns the command's own streams into files, which are read when it has ended: sshd would keep the channel open for
/// as long as anything holds its pipes, and a daemon that the command leaves behind holds what it was started with.
fn into_files(command: &str) -> String {
    format!(
        "o=/run/tunelab-exec.$$
(
{command}
) > $o.out 2> $o.err
s=$?
[ -s $o.out ] && cat $o.out
[ -s $o.err ] && cat $o.err >&2
rm -f $o.out $o.err
exit $s"
    )
}

/// Quotes text as one word of a shell.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.host(|| "talking to the guest was interrupted".into())?
}
