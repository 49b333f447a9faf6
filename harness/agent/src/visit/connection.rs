//! A client's connection: the kernel's own TCP, and on it HTTP as a browser would speak it, or any text.

use super::client::{Client, free_to_bind};
use super::{failed::Failed, flights::Flights, sequence, tls::Tls};
use crate::http_head;
use std::io;
use std::mem;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tunelab_protocol::{Answer, Close, Http, Method, Outcome, Pace, Protocol, Visit};

pub struct Connection {
    stream: TcpStream,
    /// The layer that encrypts; `None`: nothing is encrypted.
    tls: Option<Tls>,
    response_timeout: Duration,
    /// Half a round trip, if answers are reported by flights.
    half_trip: Option<Duration>,
    /// It reads in pieces.
    reads: Option<Pace>,
    protocol: Protocol,
}

impl Connection {
    /// HTTP goes through `tls`, if there is one; the handshake is a part of the first request.
    pub async fn connect(client: &Client, tls: Option<Tls>) -> Result<Self, Failed> {
        let visit = client.plan();
        let socket = client.host.enter(|| {
            let socket = if client.target().is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            if let Some(source) = client.own_address() {
                free_to_bind(&socket, source)?;
                // A client that comes back needs this: its own last connection from there may not be quite gone.
                socket.set_reuseaddr(source.port() != 0)?;
                socket.bind(source)?;
            }
            if visit.half_trip_us.is_some() {
                make_room(&socket)?;
            }
            set_timers(&socket, visit)?;
            if tls.is_some() {
                // openssl's own connection has it, too: the end of the handshake and the request are two small segments.
                socket.set_nodelay(true)?;
            }
            Ok(socket)
        });
        let socket = socket.map_err(|e| Failed::of_any(&e))?;
        if visit.older_sequence {
            sequence::choose_older(&socket, client.number)?;
        }
        let [connect, response_timeout] =
            [visit.connect_timeout_us, visit.response_timeout_us].map(Duration::from_micros);
        let half_trip = visit.half_trip_us.map(Duration::from_micros);
        match timeout(connect, socket.connect(client.target())).await {
            Err(_) => Err(Failed::as_(Outcome::ConnectTimeout)),
            Ok(Err(e)) => Err(Failed::of_connect(&e)),
            Ok(Ok(stream)) => {
                let (reads, protocol) = (visit.reads, visit.protocol);
                Ok(Connection { stream, tls, response_timeout, half_trip, reads, protocol })
            }
        }
    }

    pub async fn send(&mut self, visit: &Visit, path: &str) -> Result<(), Failed> {
        let request = request(visit, path);
        match &mut self.tls {
            None => self.write(&request, visit.sends).await.map_err(|e| Failed::of(&e)),
            // OpenSSL takes no request before the handshake is done.
            Some(tls) => timeout(self.response_timeout, tls.write(&mut self.stream, &request))
                .await
                .unwrap_or(Err(Failed::as_(Outcome::ResponseTimeout))),
        }
    }

    async fn write(&mut self, request: &[u8], pace: Option<Pace>) -> io::Result<()> {
        let Some(Pace { bytes, every_us }) = pace else { return self.stream.write_all(request).await };
        for (number, piece) in request.chunks(bytes as usize).enumerate() {
            if number > 0 {
                sleep(Duration::from_micros(every_us)).await;
            }
            self.stream.write_all(piece).await?;
        }
        Ok(())
    }

    /// Reads more of an answer; 0 at the end. A slow reader comes to it after a while.
    async fn read(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Failed> {
        let mut most = u64::MAX;
        if let Some(pace) = self.reads {
            sleep(Duration::from_micros(pace.every_us)).await;
            most = pace.bytes;
            bytes.reserve(most as usize);
        }
        match &mut self.tls {
            None => (&mut self.stream).take(most).read_buf(bytes).await.map_err(|e| Failed::of(&e)),
            Some(tls) => tls.read(&mut self.stream, bytes).await,
        }
    }

    /// Sends a request and reads the whole answer; returns how it came, if that is reported. After the last request some
    /// clients send no more.
    pub async fn ask(
        &mut self,
        visit: &Visit,
        path: &str,
        last: bool,
        paused_us: u64,
    ) -> Result<Option<Answer>, Failed> {
        let mut flights = self.flights();
        let server = flights.as_ref().and_then(Flights::other_end);
        let start = Instant::now();
        self.send(visit, path).await?;
        if last && visit.close == Close::Half {
            self.stream.shutdown().await.map_err(|e| Failed::of(&e))?;
        }
        match timeout(self.response_timeout, self.read_answer(flights.as_mut())).await {
            Err(_) => return Err(Failed::as_(Outcome::ResponseTimeout)),
            Ok(outcome) => outcome?,
        }
        let took_us = start.elapsed().as_micros() as u64;
        let mss = socket2::SockRef::from(&self.stream).tcp_mss().unwrap_or_default();
        Ok(flights.map(|flights| Answer {
            paused_us,
            took_us,
            mss,
            server_rto_ms: server.as_ref().map(|s| s.rto_ms),
            server_cwnd: server.as_ref().map(|s| s.cwnd),
            sent_with_cwnd: flights.sent_by.as_ref().map(|s| s.cwnd),
            flights: flights.into_bytes(),
        }))
    }

    /// An empty list of flights, if an answer is reported by flights.
    fn flights(&self) -> Option<Flights> {
        Some(Flights::new(self.own_address().ok()?, self.half_trip?))
    }

    /// The client's end.
    pub fn own_address(&self) -> Result<SocketAddrV4, Failed> {
        match self.stream.local_addr().map_err(|e| Failed::of(&e))? {
            SocketAddr::V4(own) => Ok(own),
            SocketAddr::V6(_) => Err(Failed::of_any(&anyhow::anyhow!("it speaks IPv6"))),
        }
    }

    async fn read_answer(&mut self, mut flights: Option<&mut Flights>) -> Result<(), Failed> {
        let mut bytes = Vec::with_capacity(2048);
        if self.protocol == Protocol::Tcp {
            self.read_more(&mut bytes, flights).await?;
            return self.read_rest();
        }
        let head = loop {
            if let Some(end) = http_head::end(&bytes) {
                break end;
            }
            self.read_more(&mut bytes, flights.as_deref_mut()).await?;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let (status, length) = (status(&text), http_head::content_length(&text).unwrap_or(0) as usize);
        while bytes.len() < head + length {
            self.read_more(&mut bytes, flights.as_deref_mut()).await?;
        }
        if (200..300).contains(&status) { Ok(()) } else { Err(Failed::status(status)) }
    }

    /// Reads what has come with the first bytes of an answer, so that it is not taken for the next one.
    fn read_rest(&mut self) -> Result<(), Failed> {
        let mut rest = [0; 2048];
        loop {
            match self.stream.try_read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(Failed::of(&e)),
            }
        }
    }

    async fn read_more(&mut self, bytes: &mut Vec<u8>, flights: Option<&mut Flights>) -> Result<(), Failed> {
        let length = self.read(bytes).await?;
        if length == 0 {
            return Err(Failed::as_(Outcome::Closed));
        }
        if let Some(flights) = flights {
            flights.arrived(length, Instant::now());
        }
        Ok(())
    }

    /// Waits for the server's FIN; then ours follows.
    pub async fn wait_for_close(&mut self) -> Result<(), Failed> {
        let limit = self.response_timeout;
        let until_end = async {
            if let Some(tls) = self.tls.take() {
                tls.wait_for_close(&mut self.stream).await;
                return Ok(());
            }
            let mut rest = [0; 256];
            while self.stream.read(&mut rest).await.map_err(|e| Failed::of(&e))? > 0 {}
            Ok(())
        };
        timeout(limit, until_end).await.unwrap_or(Err(Failed::as_(Outcome::ResponseTimeout)))
    }

    /// Closes with FIN. With TLS it waits for the server's FIN, up to the client's timeout.
    pub async fn close(mut self) {
        if let Some(tls) = self.tls.take() {
            let _ = timeout(self.response_timeout, tls.close(&mut self.stream)).await;
        }
    }

    /// Leaves the connection as it is until the run ends.
    pub fn leave_open(self) {
        mem::forget(self.stream);
    }

    /// Closes with RST instead of FIN.
    pub fn reset(self) -> Result<(), Failed> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(|e| Failed::of(&e))
    }
}

/// Enlarges the receive buffer. A flight comes all at once, before any of it is read: of the kernel's first 128 kB
/// (`tcp_rmem`), too little would be left for a second flight, and our window, not the server's, would tell its size.
fn make_room(socket: &TcpSocket) -> anyhow::Result<()> {
    const ROOM_BYTES: usize = 4 << 20;
    Ok(nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RcvBufForce, &ROOM_BYTES)?)
}

/// Sets the kernel's timers for a connection that is idle or not acknowledged.
fn set_timers(socket: &TcpSocket, visit: &Visit) -> anyhow::Result<()> {
    let socket = socket2::SockRef::from(socket);
    if let Some(us) = visit.keepalive_us {
        // The interval and the number of probes are the kernel's own.
        socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(Duration::from_micros(us)))?;
    }
    if let Some(us) = visit.user_timeout_us {
        socket.set_tcp_user_timeout(Some(Duration::from_micros(us)))?;
    }
    Ok(())
}

fn request(visit: &Visit, path: &str) -> Vec<u8> {
    if visit.protocol == Protocol::Tcp {
        return path.as_bytes().to_vec();
    }
    let version = match visit.http {
        Http::V1_0 => "1.0",
        Http::V1_1 => "1.1",
    };
    let connection = match (visit.http, visit.keep_alive) {
        (Http::V1_0, true) => "Connection: keep-alive\r\n",
        (Http::V1_1, false) => "Connection: close\r\n",
        _ => "",
    };
    let (method, length, body) = match visit.method {
        Method::Get => ("GET", String::new(), 0),
        Method::Post { body_bytes } => ("POST", format!("Content-Length: {body_bytes}\r\n"), body_bytes),
    };
    let head =
        format!("{method} {path} HTTP/{version}\r\nHost: server\r\nUser-Agent: tunelab\r\n{connection}{length}\r\n");
    let mut request = head.into_bytes();
    request.resize(request.len() + body as usize, b'x');
    request
}

/// The status, 0 if there is none.
fn status(head: &str) -> u16 {
    head.lines().next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn statuses() {
        assert_eq!(status("HTTP/1.1 200 OK\r\ncontent-Length: 12\r\n\r\n"), 200);
        assert_eq!(status("HTTP/1.1 502 Bad Gateway\r\n\r\n"), 502);
        assert_eq!(status(""), 0);
    }
}
