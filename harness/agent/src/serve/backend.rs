//! The application behind nginx: a process of its own, as in production, with its own open files.

use super::{echo, http};
use crate::tool;
use anyhow::{Context, Result};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tunelab_protocol::{Backend, Listen};

/// The line that it writes to its standard output once it listens.
pub const READY: &str = "ready";

/// Requests by version, `HTTP/1.0`: written as one line of JSON when its standard input ends. Then it ends too.
pub type Heard = BTreeMap<String, u64>;

static HEARD: Mutex<Heard> = Mutex::new(Heard::new());

/// The command that starts it: our own program, or the scenario's under node.js. Both speak as is said here.
pub fn command(backend: &Backend) -> Result<Command> {
    let description = serde_json::to_string(backend)?;
    let mut command = match &backend.node {
        None => Command::new("/proc/self/exe"),
        Some(_) => Command::new(node().context("this image has no node.js: its recipe does not install `nodejs`")?),
    };
    command.arg(backend.node.as_deref().unwrap_or("backend")).arg(description);
    Ok(command)
}

/// Debian called it `nodejs` for some years.
pub fn node() -> Option<PathBuf> {
    ["node", "nodejs"].into_iter().find_map(tool::find)
}

pub fn main(config: &str) -> Result<()> {
    let backend: Backend = serde_json::from_str(config).context("the backend's configuration is no JSON of ours")?;
    std::thread::spawn(tell_at_the_end);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(backend))
}

fn tell_at_the_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let heard = HEARD.lock().expect("nobody panics with it");
    println!("{}", serde_json::to_string(&*heard).expect("plain data"));
    std::process::exit(0);
}

async fn serve(backend: Backend) -> Result<()> {
    let backend: &'static Backend = Box::leak(Box::new(backend));
    match &backend.listen {
        Listen::Unix(path) => {
            let _ = std::fs::remove_file(path);
            let socket = listen(Domain::UNIX, &SockAddr::unix(path)?, backend)?;
            // nginx's workers run as another user.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
            let listener = UnixListener::from_std(socket.into())?;
            println!("{READY}");
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::task::spawn_local(converse(stream, backend));
                pause(backend).await;
            }
        }
        Listen::Udp(address) => {
            let socket = echo::bind(*address)?;
            println!("{READY}");
            echo::forever(socket).await;
            Ok(())
        }
        Listen::Tcp(address) => {
            let socket = listen(Domain::IPV4, &SockAddr::from(*address), backend)?;
            let listener = TcpListener::from_std(socket.into())?;
            println!("{READY}");
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::task::spawn_local(converse(stream, backend));
                pause(backend).await;
            }
        }
    }
}

fn listen(domain: Domain, address: &SockAddr, backend: &Backend) -> Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if domain == Domain::IPV4 {
        socket.set_reuse_address(true)?;
    }
    socket.bind(address).with_context(|| format!("backend {} cannot bind {:?}", backend.name, backend.listen))?;
    socket.listen(backend.backlog as i32)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Waits between two connections, as a backend that is slow to accept.
async fn pause(backend: &Backend) {
    if backend.accept_every_us > 0 {
        tokio::time::sleep(Duration::from_micros(backend.accept_every_us)).await;
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, backend: &Backend) {
    while let Ok(Some(request)) = http::read_request(&mut stream).await {
        *HEARD.lock().expect("nobody panics with it").entry(request.version).or_default() += 1;
        if backend.hold_path.as_ref().is_some_and(|held| request.path.starts_with(held.as_str())) {
            // A long poll: only the other end can finish it.
            let _ = http::read_request(&mut stream).await;
            return;
        }
        if backend.answer_after_us > 0 {
            tokio::time::sleep(Duration::from_micros(backend.answer_after_us)).await;
        }
        let answered = http::answer(&mut stream, backend.keep_alive, backend.body_bytes).await;
        if answered.is_err() || !backend.keep_alive {
            return;
        }
    }
}
