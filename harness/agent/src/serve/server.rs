//! Our own server: a process of its own, as in production, with its own open files.

use super::{echo, http};
use crate::tool;
use anyhow::{Context, Result};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;
use tunelab_protocol::{Listen, Reply, Server};

/// The line that it writes to its standard output once it listens.
pub const READY: &str = "ready";
/// The beginning of a line on its standard input: the time from request to answer from now on, in microseconds.
pub const RESPONSE_TIME: &str = "response-time ";

/// Requests by version, `HTTP/1.0`: written as one line of JSON when its standard input ends. Then it ends too.
pub type Heard = BTreeMap<String, u64>;

static HEARD: Mutex<Heard> = Mutex::new(Heard::new());
static RESPONSE_TIME_US: AtomicU64 = AtomicU64::new(0);

/// The command that starts it: our own program, or the scenario's under node.js. Both speak as is said here.
pub fn command(server: &Server) -> Result<Command> {
    let description = serde_json::to_string(server)?;
    let mut command = match &server.node {
        None => Command::new("/proc/self/exe"),
        Some(_) => Command::new(node().context("this image has no node.js: its recipe does not install `nodejs`")?),
    };
    command.arg(server.node.as_deref().unwrap_or("serve")).arg(description);
    Ok(command)
}

/// Debian called it `nodejs` for some years.
pub fn node() -> Option<PathBuf> {
    ["node", "nodejs"].into_iter().find_map(tool::find)
}

pub fn main(config: &str) -> Result<()> {
    let server: Server = serde_json::from_str(config).context("the server's configuration is no JSON of ours")?;
    RESPONSE_TIME_US.store(server.response_time_us, Ordering::Relaxed);
    std::thread::spawn(listen_to_the_lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(server))
}

/// Takes changes until its standard input ends, and then tells what it heard.
fn listen_to_the_lab() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if let Some(us) = line.strip_prefix(RESPONSE_TIME).and_then(|us| us.trim().parse().ok()) {
            RESPONSE_TIME_US.store(us, Ordering::Relaxed);
        }
    }
    let heard = HEARD.lock().expect("nothing panics with it");
    println!("{}", serde_json::to_string(&*heard).expect("plain data"));
    std::process::exit(0);
}

async fn serve(server: Server) -> Result<()> {
    let server: &'static Server = Box::leak(Box::new(server));
    match &server.listen {
        Listen::Unix(path) => {
            let _ = std::fs::remove_file(path);
            let socket = listen(Domain::UNIX, &SockAddr::unix(path)?, server)?;
            // A service that passes on may run as another user.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
            let listener = UnixListener::from_std(socket.into())?;
            println!("{READY}");
            loop {
                take(listener.accept().await.map(|(stream, _)| stream), server).await?;
            }
        }
        Listen::Udp(address) => {
            let socket = echo::bind(*address)?;
            println!("{READY}");
            echo::forever(socket, server).await;
            Ok(())
        }
        Listen::Tcp(address) => {
            let socket = listen(Domain::for_address(*address), &SockAddr::from(*address), server)?;
            let listener = TcpListener::from_std(socket.into())?;
            println!("{READY}");
            loop {
                take(listener.accept().await.map(|(stream, _)| stream), server).await?;
            }
        }
    }
}

fn listen(domain: Domain, address: &SockAddr, server: &Server) -> Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if domain != Domain::UNIX {
        socket.set_reuse_address(true)?;
    }
    socket.bind(address).with_context(|| format!("service {} cannot bind {:?}", server.name, server.listen))?;
    socket.listen(server.backlog as i32)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Waits, as a server that is slow; not for 0 µs.
pub async fn pause(us: u64) {
    if us > 0 {
        tokio::time::sleep(Duration::from_micros(us)).await;
    }
}

/// A connection of TCP or of a Unix socket.
trait Stream: AsyncRead + AsyncWrite + AsFd + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + AsFd + Unpin + 'static> Stream for T {}

/// Takes a connection. A server outlives it if there is none: if it has no descriptor left, it tries again after a
/// second, as the servers of most languages do, and the connection waits in the accept queue.
async fn take(accepted: std::io::Result<impl Stream>, server: &'static Server) -> Result<()> {
    match accepted {
        Ok(stream) => drop(tokio::task::spawn_local(converse(stream, server))),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => pause(1_000_000).await,
        Err(e) if e.raw_os_error() == Some(libc::ECONNABORTED) => {}
        Err(e) => return Err(e.into()),
    }
    pause(server.accept_every_us).await;
    Ok(())
}

async fn converse(mut stream: impl Stream, server: &Server) {
    answer_all(&mut stream, server).await;
    if server.never_closes {
        std::mem::forget(stream);
    }
}

/// Answers until the connection is to be closed.
async fn answer_all(stream: &mut impl Stream, server: &Server) {
    while let Some(request) = next_request(stream, server).await {
        *HEARD.lock().expect("nothing panics with it").entry(request.version).or_default() += 1;
        if server.never_answer.as_ref().is_some_and(|path| request.path.starts_with(path.as_str())) {
            // A long poll: only the other end can finish it.
            let _ = http::read_request(stream).await;
            return;
        }
        pause(RESPONSE_TIME_US.load(Ordering::Relaxed)).await;
        let Reply::Status(status) = server.reply else {
            // Closing resets it then (socket(7), SO_LINGER).
            let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            return;
        };
        let answered = http::answer(stream, status, server.keep_alive, server.body_bytes).await;
        if answered.is_err() || !server.keep_alive {
            return;
        }
    }
}

/// `None`: the connection is to be closed, by the other end or because it was idle for too long.
async fn next_request(stream: &mut (impl AsyncRead + Unpin), server: &Server) -> Option<http::Request> {
    let request = http::read_request(stream);
    match server.idle_timeout_us {
        None => request.await.ok()?,
        Some(us) => timeout(Duration::from_micros(us), request).await.ok()?.ok()?,
    }
}
