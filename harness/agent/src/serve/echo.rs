//! Sends each datagram back to where it came from.

use super::server::pause;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tunelab_protocol::Server;

pub fn bind(address: SocketAddr) -> Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address).with_context(|| format!("cannot bind udp {address}"))?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket)?)
}

/// Runs for ever. An answer that cannot be sent is lost, as datagrams are: the peer, or the kernel, had its reasons.
pub async fn forever(socket: UdpSocket, server: &Server) {
    let mut buffer = [0; 2048];
    loop {
        pause(server.read_every_us).await;
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    }
}
