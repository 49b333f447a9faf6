//! A client that speaks UDP: a datagram for each path, and one back for each.

use super::{Fare, Visitor};
use nix::sys::socket::{setsockopt, sockopt::Ipv4RecvErr};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub async fn ask(visitor: &Visitor) -> Result<(), Fare> {
    let socket = visitor.place.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        if let Some(source) = visitor.own_address() {
            socket.bind(&source.into())?;
        }
        if visitor.population.visit.recverr {
            setsockopt(&socket, Ipv4RecvErr, &true)?;
        }
        // Connected, so that an ICMP error finds its way back here.
        socket.connect(&visitor.target.into())?;
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_std(socket.into())?)
    });
    let socket = socket.map_err(|e| Fare::of_any(&e))?;
    let mut answer = [0; 2048];
    visitor
        .each_path(async |_, path| {
            socket.send(path.as_bytes()).await.map_err(|e| Fare::of(&e))?;
            let heard = timeout(visitor.patience(), socket.recv(&mut answer)).await;
            heard.map_err(|_| Fare::AnswerTimeout)?.map(drop).map_err(|e| Fare::of(&e))
        })
        .await
}
