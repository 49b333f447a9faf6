//! QEMU's human monitor, the one that restored machines have.
//!
//! A QMP monitor lives in a thread of its own, which QEMU 7.2 wakes at every leap of the clock; this one is part of the
//! main loop, and six virtual days are a tenth shorter.

use crate::error::{Context, Error, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

const PROMPT: &[u8] = b"(qemu) ";

/// `None` once an answer was left half read: what comes next would be taken for another's.
pub struct Human(Mutex<Option<UnixStream>>);

impl Human {
    /// Reads the greeting; `limit` bounds how long QEMU may take to start.
    pub async fn connect(stream: std::os::unix::net::UnixStream, limit: Duration) -> Result<Self> {
        let hello = async {
            stream.set_nonblocking(true)?;
            let mut stream = UnixStream::from_std(stream)?;
            read_answer(&mut stream).await?;
            std::io::Result::Ok(stream)
        };
        let stream = tokio::time::timeout(limit, hello)
            .await
            .host(|| format!("QEMU's monitor said nothing within {limit:?}"))?
            .host(|| "QEMU ended before its monitor said hello".into())?;
        Ok(Human(Mutex::new(Some(stream))))
    }

    /// One command line; what QEMU says to it, which for most commands that succeed is nothing.
    pub async fn ask(&self, command: &str, limit: Duration) -> Result<String> {
        let mut place = self.0.lock().await;
        let out_of_step = || Error::guest(format!("QEMU's monitor is out of step, `{command}` was not sent"));
        let mut stream = place.take().ok_or_else(out_of_step)?;
        let conversation = async {
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            read_answer(&mut stream).await
        };
        let answer = tokio::time::timeout(limit, conversation)
            .await
            .guest(|| format!("QEMU did not answer `{command}` within {limit:?}"))?
            .guest(|| format!("QEMU hung up on `{command}`"))?;
        *place = Some(stream);
        // The first line is our own, echoed with the cursor's movements.
        Ok(answer.split_once('\n').map_or("", |(_, answer)| answer).replace('\r', ""))
    }
}

/// All up to the next prompt.
async fn read_answer(stream: &mut UnixStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(PROMPT) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.truncate(bytes.len() - PROMPT.len());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
