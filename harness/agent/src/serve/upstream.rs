//! A host in a namespace of its own that the server forwards to: it answers, then stays connected and silent.

use super::{echo, http};
use crate::net::Site;
use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddrV4;
use tokio::net::{TcpListener, TcpStream};
use tunelab_protocol::Upstream;

/// Listens inside `site` until the run ends.
pub fn start(site: &Site, upstream: &Upstream) -> Result<()> {
    let address = SocketAddrV4::new(upstream.address, upstream.port);
    let socket = site.namespace.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&address.into()).with_context(|| format!("upstream {} cannot bind {address}", upstream.name))?;
        socket.listen(4096)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })?;
    let listener = TcpListener::from_std(socket.into())?;
    tokio::task::spawn_local(echo::forever(site.namespace.enter(|| echo::bind(address))?));
    let body = upstream.body_bytes;
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(converse(stream, body));
        }
    });
    Ok(())
}

async fn converse(mut stream: TcpStream, body: u64) {
    while let Ok(Some(_)) = http::read_request(&mut stream).await {
        if http::answer(&mut stream, true, body).await.is_err() {
            return;
        }
    }
}
