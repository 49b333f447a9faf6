//! Just enough HTTP for a server that always has the same answer.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head that is accepted, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// The first line of a head: `GET /path HTTP/1.0`.
pub struct Request {
    pub path: String,
    pub version: String,
}

/// Reads one request head; `None` when the peer is done.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let before = head.len();
        stream.read_buf(&mut head).await?;
        if head.len() == before || head.len() > HEAD_LIMIT {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_whitespace().skip(1).map(str::to_string);
    Ok(words.next().zip(words.next()).map(|(path, version)| Request { path, version }))
}

/// Writes a whole answer with `body` bytes.
pub async fn answer(stream: &mut (impl AsyncWrite + Unpin), keep_alive: bool, body: u64) -> std::io::Result<()> {
    let (version, connection) = if keep_alive { ("1.1", "keep-alive") } else { ("1.0", "close") };
    let mut bytes = format!(
        "HTTP/{version} 200 OK\r\nServer: tunelab\r\nContent-Type: text/plain\r\n\
         Connection: {connection}\r\nContent-Length: {body}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + body as usize, b'x');
    stream.write_all(&bytes).await
}
