//! A client that sends one datagram by IPv6, into a network of its own.

use super::client::Client;
use super::failed::Failed;
use std::mem;
use std::net::{Ipv6Addr, UdpSocket};

/// The client is served once its datagram has left. Its socket stays, and holds what the kernel needs to reach the
/// address: no collection frees that.
pub fn send(client: &Client) -> Result<(), Failed> {
    let target = client.beyond()?.behind_the_router().map_err(|e| Failed::of_any(&e))?;
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).map_err(|e| Failed::of(&e))?;
    socket.connect((target, client.target().port())).map_err(|e| Failed::of(&e))?;
    socket.send(b"tunelab").map_err(|e| Failed::of(&e))?;
    mem::forget(socket);
    Ok(())
}
