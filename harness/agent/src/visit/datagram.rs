//! A client that speaks UDP: a datagram for each path, and one back for each.

use super::client::{Client, free_to_bind};
use super::failed::Failed;
use nix::sys::socket::{setsockopt, sockopt::Ipv4RecvErr};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tunelab_protocol::Outcome;

pub async fn ask(client: &Client) -> Result<(), Failed> {
    let socket = connected(client)?;
    client.each_path(async |_, path| exchange(client, &socket, path.as_bytes(), |_| Some(Ok(()))).await).await
}

/// A socket that hears the target only, and the errors that ICMP tells of it.
pub fn connected(client: &Client) -> Result<UdpSocket, Failed> {
    let socket = client.host.enter(|| {
        let socket = Socket::new(Domain::for_address(client.target()), Type::DGRAM, Some(Protocol::UDP))?;
        if let Some(source) = client.own_address() {
            free_to_bind(&socket, source)?;
            socket.bind(&source.into())?;
        }
        if client.plan().receive_errors {
            setsockopt(&socket, Ipv4RecvErr, &true)?;
        }
        // Connected, so that an ICMP error finds its way back here.
        socket.connect(&client.target().into())?;
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_std(socket.into())?)
    });
    socket.map_err(|e| Failed::of_any(&e))
}

/// Sends a datagram until it is answered, as often as the clients try. `read` says what an answer means; `None`: it is
/// an answer to something else.
pub async fn exchange(
    client: &Client,
    socket: &UdpSocket,
    datagram: &[u8],
    read: impl Fn(&[u8]) -> Option<Result<(), Failed>>,
) -> Result<(), Failed> {
    let mut answer = [0; 2048];
    for _ in 0..=client.plan().retries {
        socket.send(datagram).await.map_err(|e| Failed::of(&e))?;
        let answered = async {
            loop {
                let length = socket.recv(&mut answer).await.map_err(|e| Failed::of(&e))?;
                if let Some(meaning) = read(&answer[..length]) {
                    return meaning;
                }
            }
        };
        if let Ok(ended) = timeout(client.response_timeout(), answered).await {
            return ended;
        }
    }
    Err(Failed::as_(Outcome::ResponseTimeout))
}
