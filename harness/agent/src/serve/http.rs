//! Just enough HTTP for a server that always has the same answer.

use crate::http_head;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head that is accepted, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// The first line of a head: `GET /path HTTP/1.0`.
pub struct Request {
    pub path: String,
    pub version: String,
}

/// Reads one request with its body; `None` when the peer is done.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = http_head::end(&bytes) {
            break end;
        }
        if bytes.len() > HEAD_LIMIT || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]);
    let mut left = http_head::content_length(&text).unwrap_or(0).saturating_sub((bytes.len() - head) as u64);
    let mut words = text.split_whitespace().skip(1).map(str::to_string);
    let request = words.next().zip(words.next()).map(|(path, version)| Request { path, version });
    let mut rest = [0; 4096];
    while left > 0 {
        match stream.read(&mut rest).await? {
            0 => return Ok(None),
            read => left = left.saturating_sub(read as u64),
        }
    }
    Ok(request)
}

/// Writes a whole answer with `body` bytes.
pub async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    keep_alive: bool,
    body: u64,
) -> std::io::Result<()> {
    let (version, connection) = if keep_alive { ("1.1", "keep-alive") } else { ("1.0", "close") };
    // The words after another status may be missing (RFC 9112, 4).
    let reason = if status == 200 { "OK" } else { "" };
    let mut bytes = format!(
        "HTTP/{version} {status} {reason}\r\nServer: tunelab\r\nContent-Type: text/plain\r\n\
         Connection: {connection}\r\nContent-Length: {body}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + body as usize, b'x');
    stream.write_all(&bytes).await
}
