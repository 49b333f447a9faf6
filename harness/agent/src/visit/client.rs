//! A visitor's connection: the kernel's own TCP, and HTTP as a browser would speak it.

use super::{Fare, Visitor};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tunelab_protocol::{Http, Visit};

pub struct Client {
    stream: TcpStream,
    patience: Duration,
}

impl Client {
    pub async fn connect(visitor: &Visitor) -> Result<Self, Fare> {
        let socket = visitor.place.enter(|| {
            let socket = TcpSocket::new_v4()?;
            if let Some(source) = visitor.own_address() {
                socket.bind(source.into())?;
            }
            Ok(socket)
        });
        let socket = socket.map_err(|e| Fare::of_any(&e))?;
        let patience = Duration::from_micros(visitor.population.visit.patience_us);
        match timeout(patience, socket.connect(visitor.target.into())).await {
            Err(_) => Err(Fare::ConnectTimeout),
            Ok(Err(e)) => Err(Fare::of(&e)),
            Ok(Ok(stream)) => Ok(Client { stream, patience }),
        }
    }

    pub async fn send(&mut self, visit: &Visit, path: &str) -> Result<(), Fare> {
        self.stream.write_all(request(visit, path).as_bytes()).await.map_err(|e| Fare::of(&e))
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(&mut self, visit: &Visit, path: &str) -> Result<(), Fare> {
        self.send(visit, path).await?;
        match timeout(self.patience, read_answer(&mut self.stream)).await {
            Err(_) => Err(Fare::AnswerTimeout),
            Ok(outcome) => outcome,
        }
    }

    /// Until the server's FIN; then ours follows.
    pub async fn wait_for_close(&mut self) -> Result<(), Fare> {
        let mut rest = [0; 256];
        let until_end = async {
            while self.stream.read(&mut rest).await.map_err(|e| Fare::of(&e))? > 0 {}
            Ok(())
        };
        timeout(self.patience, until_end).await.unwrap_or(Err(Fare::AnswerTimeout))
    }

    /// RST instead of FIN.
    pub fn reset(self) -> Result<(), Fare> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(|e| Fare::of(&e))
    }
}

fn request(visit: &Visit, path: &str) -> String {
    let version = match visit.http {
        Http::V1_0 => "1.0",
        Http::V1_1 => "1.1",
    };
    let connection = match (visit.http, visit.keep_alive) {
        (Http::V1_0, true) => "Connection: keep-alive\r\n",
        (Http::V1_1, false) => "Connection: close\r\n",
        _ => "",
    };
    format!("GET {path} HTTP/{version}\r\nHost: server\r\nUser-Agent: tunelab\r\n{connection}\r\n")
}

async fn read_answer(stream: &mut TcpStream) -> Result<(), Fare> {
    let mut bytes = Vec::with_capacity(2048);
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut bytes).await?;
    };
    let (ok, length) = parse_head(&String::from_utf8_lossy(&bytes[..head]));
    while length.is_some_and(|length| bytes.len() < head + length) {
        read_more(stream, &mut bytes).await?;
    }
    if ok { Ok(()) } else { Err(Fare::ErrorStatus) }
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<(), Fare> {
    match stream.read_buf(bytes).await {
        Ok(0) => Err(Fare::Closed),
        Ok(_) => Ok(()),
        Err(e) => Err(Fare::of(&e)),
    }
}

/// Whether the status is 2xx, and the length of the body where it is said.
fn parse_head(head: &str) -> (bool, Option<usize>) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    (status.starts_with('2'), length)
}

#[cfg(test)]
mod tests {
    use super::parse_head;

    #[test]
    fn status_and_length() {
        assert_eq!(parse_head("HTTP/1.1 200 OK\r\ncontent-Length: 12\r\n\r\n"), (true, Some(12)));
        assert_eq!(parse_head("HTTP/1.1 502 Bad Gateway\r\n\r\n"), (false, None));
    }
}
