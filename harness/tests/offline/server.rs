//! A small HTTP server on a loopback port: it serves what a test says, as badly as the test says.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

/// A request that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub path: String,
    /// `Range: bytes=FROM-`.
    pub from: Option<u64>,
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    /// The connection ends after this many bytes of the body.
    pub cut: Option<usize>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Reply { status, headers: vec![], body: vec![], cut: None }
    }

    pub fn of(body: &[u8]) -> Self {
        Reply { body: body.into(), ..Reply::status(200) }
    }

    /// The reply of a server that knows ranges.
    pub fn ranged(body: &[u8], request: &Request) -> Self {
        let size = body.len() as u64;
        match request.from {
            None => Reply::of(body),
            Some(from) if from >= size => Reply::status(416),
            Some(from) => Reply {
                status: 206,
                headers: vec![format!("Content-Range: bytes {from}-{}/{size}", size - 1)],
                ..Reply::of(&body[from as usize..])
            },
        }
    }

    pub fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }
}

/// Serves as long as the test's process lives.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, told) = (Arc::new(answer), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, told) = (answer.clone(), told.clone());
                // A client that goes away is its own affair.
                thread::spawn(move || talk(stream, &*answer, &told).ok());
            }
        });
        Server { url, seen }
    }

    /// Serves the files below a folder.
    pub fn folder(folder: PathBuf) -> Self {
        Self::start(move |request| match std::fs::read(folder.join(request.path.trim_start_matches('/'))) {
            Ok(body) => Reply::ranged(&body, request),
            Err(_) => Reply::status(404),
        })
    }

    /// The URL of a port where nothing listens.
    pub fn dead() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn talk(
    stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        seen.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        let mut writer = &stream;
        write!(writer, "HTTP/1.1 {} Told\r\nContent-Length: {}\r\n", reply.status, reply.body.len())?;
        for header in &reply.headers {
            write!(writer, "{header}\r\n")?;
        }
        writer.write_all(b"\r\n")?;
        let end = reply.cut.unwrap_or(reply.body.len());
        writer.write_all(&reply.body[..end])?;
        if reply.cut.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads the next request on this connection, if there is one.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = plain(line.split(' ').nth(1).unwrap_or_default());
    let mut from = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            return Ok(Some(Request { path, from }));
        }
        let header = header.trim().to_ascii_lowercase();
        if let Some(range) = header.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
}

/// Decodes percent signs: apt asks for `%2b` where a version has a `+`.
fn plain(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        plain.push(u8::from_str_radix(code, 16).unwrap().into());
        plain.push_str(rest);
    }
    plain
}
