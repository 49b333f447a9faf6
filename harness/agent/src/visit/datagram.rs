//! A client that speaks UDP: a datagram for each path, and one back for each.

use super::client::{Client, free_to_bind};
use super::failed::Failed;
use nix::sys::socket::{setsockopt, sockopt::Ipv4RecvErr};
use socket2::{Domain, Protocol, Socket, Type};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout_at};
use tunelab_protocol::Outcome;

pub async fn ask(client: &Client) -> Result<(), Failed> {
    ask_all(client, |_, path| path.as_bytes().to_vec(), |_, _| Some(Ok(()))).await
}

/// A datagram without an answer.
struct Waiting {
    number: usize,
    datagram: Vec<u8>,
    retries: u32,
    until: Instant,
}

/// Sends a datagram for each path, from one socket, until it is answered, as often as the clients try, and as many at
/// once as they do. `read` says what an answer means to a datagram of this number; `None`: it is an answer to something
/// else.
pub async fn ask_all(
    client: &Client,
    datagram: impl Fn(usize, &str) -> Vec<u8>,
    read: impl Fn(&[u8], usize) -> Option<Result<(), Failed>>,
) -> Result<(), Failed> {
    let (socket, visit) = (connected(client)?, client.plan());
    let mut paths = visit.paths.iter().zip(std::iter::once(&0).chain(&visit.pauses_us)).enumerate();
    let (mut waiting, mut answer) = (Vec::<Waiting>::new(), [0; 2048]);
    loop {
        while waiting.len() < visit.in_flight as usize {
            let Some((number, (path, pause_us))) = paths.next() else { break };
            if *pause_us > 0 {
                sleep(Duration::from_micros(*pause_us)).await;
            }
            let datagram = datagram(number, path);
            socket.send(&datagram).await.map_err(|e| Failed::of(&e))?;
            waiting.push(Waiting { number, datagram, retries: visit.retries, until: client.answer_until() });
        }
        let Some(first) = waiting.iter_mut().min_by_key(|waiting| waiting.until) else { return Ok(()) };
        match timeout_at(first.until, socket.recv(&mut answer)).await {
            Ok(length) => {
                let answer = &answer[..length.map_err(|e| Failed::of(&e))?];
                let mut meanings = waiting.iter().enumerate();
                let meaning = meanings.find_map(|(at, waiting)| Some((at, read(answer, waiting.number)?)));
                if let Some((at, meaning)) = meaning {
                    waiting.remove(at);
                    meaning?;
                }
            }
            Err(_) if first.retries == 0 => return Err(Failed::as_(Outcome::ResponseTimeout)),
            Err(_) => {
                socket.send(&first.datagram).await.map_err(|e| Failed::of(&e))?;
                (first.retries, first.until) = (first.retries - 1, client.answer_until());
            }
        }
    }
}

/// A socket that hears the target only, and the errors that ICMP tells of it.
fn connected(client: &Client) -> Result<UdpSocket, Failed> {
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
