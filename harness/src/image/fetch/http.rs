//! One HTTP request; its answer is appended to a file.

use super::{Seen, size};
use crate::error::{Context, Error, Result};
use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    path::PathBuf,
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};
use ureq::{
    Agent,
    http::{Response, header},
    tls::{TlsConfig, TlsProvider},
};

/// How a request ended, if not by a fault of this host.
#[derive(Debug)]
pub enum Ended {
    Whole,
    /// This URL will not do, however often it is asked.
    Refused(String),
    /// Asking again may help.
    Broken(String),
}

pub struct Get {
    pub url: String,
    pub part: PathBuf,
    pub stall: Duration,
    pub seen: Arc<Seen>,
}

impl Get {
    /// Requests what `part` lacks and appends it. Blocks.
    pub fn run(self) -> Result<Ended> {
        let have = size(&self.part);
        let mut request = agent().get(&self.url).config().timeout_per_read(Some(self.stall)).build();
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(e) => return Ok(Ended::Broken(e.to_string())),
        };
        let from = match response.status().as_u16() {
            200 => 0,
            206 if starts_at(&response) == Some(have) => have,
            206 => return Ok(Ended::Refused("it sends from another place than was asked for".into())),
            // The server has no more than that: either all is here, or what is here belongs to another file. The
            // checksum tells.
            416 if have > 0 => return Ok(Ended::Whole),
            status @ (408 | 425 | 429 | 500..) => return Ok(Ended::Broken(format!("the server says {status}"))),
            status => return Ok(Ended::Refused(format!("the server says {status}"))),
        };
        let total = length(&response).map(|rest| from + rest);
        self.seen.total_bytes.store(total.unwrap_or(0), Ordering::Relaxed);
        self.append(have, from, total, &mut response.body_mut().as_reader())
    }

    /// Appends a body that begins at `from`. If the server knows no ranges, the bytes that the part has already are
    /// skipped: if this is the wrong file, or the connection ends early, nothing is lost.
    fn append(&self, have: u64, from: u64, total: Option<u64>, body: &mut impl Read) -> Result<Ended> {
        let failed = || format!("failed to write `{}`", self.part.display());
        let mut file = File::options().create(true).append(true).open(&self.part).host(failed)?;
        let (mut bytes, mut chunk) = (from, vec![0; 64 << 10]);
        loop {
            if self.seen.stop.load(Ordering::Relaxed) {
                return Err(Error::interrupted());
            }
            match body.read(&mut chunk) {
                Ok(0) if total.is_some_and(|total| bytes < total) => {
                    return Ok(Ended::Broken(format!("the connection ended after {bytes} bytes")));
                }
                Ok(0) => return file.sync_all().host(failed).map(|()| Ended::Whole),
                Ok(n) => {
                    let known = have.saturating_sub(bytes).min(n as u64) as usize;
                    file.write_all(&chunk[known..n]).host(failed)?;
                    bytes += n as u64;
                    self.seen.bytes.store(bytes.max(have), Ordering::Relaxed);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Ok(Ended::Broken(e.to_string())),
            }
        }
    }
}

/// Fetches a small file, whole, into memory: `None` means that it is not there.
pub fn small(url: &str, stall: Duration) -> Result<Option<Vec<u8>>, Ended> {
    /// A list of checksums has a line an image.
    const AT_MOST_BYTES: u64 = 4 << 20;
    let request = agent().get(url).config().timeout_per_read(Some(stall)).build();
    let mut response = request.call().map_err(|e| Ended::Broken(e.to_string()))?;
    match response.status().as_u16() {
        200 => {}
        404 | 410 => return Ok(None),
        status @ (408 | 425 | 429 | 500..) => return Err(Ended::Broken(format!("the server says {status}"))),
        status => return Err(Ended::Refused(format!("the server says {status}"))),
    }
    let body = response.body_mut().with_config().limit(AT_MOST_BYTES).read_to_vec();
    body.map(Some).map_err(|e| Ended::Broken(e.to_string()))
}

/// TLS is OpenSSL, which is linked for SSH already. The environment says which hosts may be asked (`https_proxy`).
fn agent() -> &'static Agent {
    static AGENT: LazyLock<Agent> = LazyLock::new(|| {
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .user_agent(concat!("tunelab/", env!("CARGO_PKG_VERSION")));
        config.build().into()
    });
    &AGENT
}

/// The bytes that follow in the body, where the server says it.
fn length<B>(response: &Response<B>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Where the range starts: `bytes 100-199/200` starts at 100.
fn starts_at<B>(response: &Response<B>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
