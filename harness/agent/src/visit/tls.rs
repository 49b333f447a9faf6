//! TLS between a client's HTTP and its connection. The guest's own OpenSSL speaks it, as a program: what is not encrypted
//! goes by its standard input and output, what is encrypted by a connection from it to the agent, which carries it on.
//! The connection to the server is the client's own, as it is without TLS.

use super::failed::Failed;
use crate::net::Loopback;
use crate::said::Said;
use crate::tool;
use anyhow::{Context, Result, bail};
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tunelab_protocol::{Outcome, tls_client};

pub struct Tls {
    _openssl: Running,
    /// The other end of its standard input and output.
    plain: UnixStream,
    /// The other end of its connection.
    encrypted: TcpStream,
    to_server: Held,
    from_server: Held,
    /// It has decrypted something, so the handshake is behind it.
    agreed: bool,
    said: Said,
}

impl Tls {
    /// Starts OpenSSL; returns once it has its first message for the server.
    pub async fn start(loopback: &Loopback) -> Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let plain = UnixStream::from_std(ours)?;
        let said = Said::unnamed()?;
        let (listener, openssl) = loopback.enter(|| {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let openssl = openssl(listener.local_addr()?.port(), theirs.into(), &said)?;
            Ok((listener, openssl))
        })?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let greeting = async {
            let encrypted = listener.accept().await?.0;
            encrypted.readable().await?;
            io::Result::Ok(encrypted)
        };
        let encrypted = tokio::select! {
            biased;
            greeted = greeting => greeted?,
            _ = plain.readable() => bail!("openssl ended before it spoke: {}", said.tail()),
        };
        encrypted.set_nodelay(true)?;
        // It ends without TIME_WAIT: the kernel may count and limit those of all namespaces together.
        socket2::SockRef::from(&encrypted).set_linger(Some(Duration::ZERO))?;
        let [to_server, from_server] = Default::default();
        Ok(Tls { _openssl: openssl, plain, encrypted, to_server, from_server, agreed: false, said })
    }

    /// Has this encrypted and sent.
    pub async fn write(&mut self, server: &mut TcpStream, request: &[u8]) -> Result<(), Failed> {
        tokio::select! {
            biased;
            // If it has ended, reading tells why.
            _ = self.plain.write_all(request) => Ok(()),
            failed = carry(&mut self.to_server, &mut self.from_server, &mut self.encrypted, server) => Err(failed),
        }
    }

    /// Reads what is decrypted; 0 at the end.
    pub async fn read(&mut self, server: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<usize, Failed> {
        let read = tokio::select! {
            biased;
            read = self.plain.read_buf(bytes) => read,
            failed = carry(&mut self.to_server, &mut self.from_server, &mut self.encrypted, server) => return Err(failed),
        };
        match read {
            Ok(length) => {
                self.agreed |= length > 0;
                Ok(length)
            }
            // A socket says so if its other end was closed with something unread (unix_release_sock() in
            // net/unix/af_unix.c), and openssl reads what to send only once the handshake is done (apps/s_client.c).
            Err(e) if e.kind() == ErrorKind::ConnectionReset && !self.agreed => Err(self.failed()),
            Err(_) => Ok(0),
        }
    }

    fn failed(&self) -> Failed {
        let checked = self.said.text().contains("verify error:");
        let error = if checked { "certificate" } else { "handshake" };
        Failed { outcome: Outcome::TlsFailed, error: Some(error.into()) }
    }

    /// Waits until the server has closed, by RST too: its kernel sends that in place of FIN if the close_notify that answers
    /// the server's comes before close(2) and is not read.
    pub async fn wait_for_close(mut self, server: &mut TcpStream) {
        let mut rest = Vec::new();
        while self.read(server, &mut rest).await.is_ok_and(|length| length > 0) {
            rest.clear();
        }
        self.close(server).await;
    }

    /// Says close_notify, sends FIN after it, and waits for the server's FIN. What the server still says is not looked at,
    /// but read: closing with something unread would send RST.
    pub async fn close(mut self, server: &mut TcpStream) {
        // It may have ended already.
        let _ = self.plain.shutdown().await;
        {
            let (mut from_server, mut to_server) = server.split();
            let (mut from_openssl, mut to_openssl) = self.encrypted.split();
            let receiving = async {
                let _ = self.from_server.carry(&mut from_server, &mut to_openssl).await;
                pending::<()>().await;
            };
            tokio::select! {
                biased;
                _ = self.to_server.carry(&mut from_openssl, &mut to_server) => {}
                () = receiving => {}
            }
        }
        let mut rest = [0; 256];
        while server.read(&mut rest).await.is_ok_and(|length| length > 0) {}
    }
}

/// A program that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it; `plain` becomes its standard input and output.
fn openssl(port: u16, plain: OwnedFd, said: &Said) -> Result<Running> {
    let argv = tls_client(port);
    let [program, args @ ..] = &argv[..] else { bail!("there is no command for TLS") };
    let mut command = Command::new(tool::find(program).with_context(|| format!("this image has no `{program}`"))?);
    command.args(args).stdin(Stdio::from(plain.try_clone()?)).stdout(Stdio::from(plain)).stderr(said.stdio()?);
    Ok(Running(command.spawn().with_context(|| format!("failed to start `{program}`"))?))
}

/// Carries encrypted bytes both ways. It ends only if the connection to the server fails. What ends openssl is told by
/// what it decrypts. That the server reads no more is no failure: many servers close without waiting for the close_notify
/// that answers theirs, and send RST for it.
async fn carry(sent: &mut Held, received: &mut Held, openssl: &mut TcpStream, server: &mut TcpStream) -> Failed {
    let (mut from_server, mut to_server) = server.split();
    let (mut from_openssl, mut to_openssl) = openssl.split();
    let sending = async {
        let _ = sent.carry(&mut from_openssl, &mut to_server).await;
        pending().await
    };
    let receiving = async {
        match received.carry(&mut from_server, &mut to_openssl).await {
            Err(Broken::From(e)) => Failed::of(&e),
            Ok(()) | Err(Broken::To) => pending().await,
        }
    };
    tokio::select! { biased; failed = receiving => failed, failed = sending => failed }
}

/// The side that failed.
enum Broken {
    From(io::Error),
    To,
}

/// Bytes on their way from one connection to another.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// The end was carried too.
    ended: bool,
}

impl Held {
    /// Carries bytes until the end of the one connection, which it makes the other's. It may be stopped and called again:
    /// nothing is lost.
    async fn carry(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Broken> {
        loop {
            while !self.bytes.is_empty() {
                let written = to.write(&self.bytes).await.map_err(|_| Broken::To)?;
                self.bytes.drain(..written);
            }
            if self.ended {
                return Ok(());
            }
            if from.read_buf(&mut self.bytes).await.map_err(Broken::From)? == 0 {
                self.ended = true;
                to.shutdown().await.map_err(|_| Broken::To)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_is_stopped_loses_nothing() {
        let (mut source, mut from) = tokio::io::duplex(64);
        let (mut to, mut sink) = tokio::io::duplex(8);
        let text = *b"more than the other side takes at once";
        source.write_all(&text).await.unwrap();
        drop(source);
        let (mut held, mut arrived) = (Held::default(), Vec::<u8>::new());
        while arrived.len() < text.len() {
            let mut part = [0; 3];
            // It is stopped each time that something has arrived.
            let carried = tokio::select! {
                biased;
                read = sink.read(&mut part) => { arrived.extend(&part[..read.unwrap()]); false }
                ended = held.carry(&mut from, &mut to) => ended.is_ok(),
            };
            assert!(!carried || arrived.len() + 8 >= text.len(), "it ended before all was carried");
        }
        assert_eq!(arrived, text);
        assert!(held.carry(&mut from, &mut to).await.is_ok(), "the end is carried too");
        assert_eq!(sink.read(&mut [0]).await.unwrap(), 0);
    }
}
