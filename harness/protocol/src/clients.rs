//! Clients: where they are, what they ask, and how they close.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A group of clients that all behave alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    pub name: String,
    /// The host with their sockets.
    pub host: String,
    /// Source addresses, taken one after the other: one client, one address. `None`: the host's own, which its kernel
    /// chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<IpNet>,
    pub target: SocketAddr,
    pub visit: Visit,
}

/// A visit: all that one client does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    #[serde(default, skip_serializing_if = "Protocol::is_default")]
    pub protocol: Protocol,
    pub http: Http,
    #[serde(default, skip_serializing_if = "Method::is_get")]
    pub method: Method,
    /// Sends `Connection: keep-alive` or `close` explicitly where it differs from the version's default.
    pub keep_alive: bool,
    /// Paths that are requested one after the other on one connection; names, for queries.
    pub paths: Vec<String>,
    /// Pauses between requests, one for each but the last.
    pub pauses_us: Vec<u64>,
    /// The client gives up after this time without a connection.
    pub connect_timeout_us: u64,
    /// The client gives up after this time without an answer.
    pub response_timeout_us: u64,
    /// Attempts after the first one: with a datagram that had no answer; with a new connection after any failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// From a failure to the first new connection; to each further one it is twice as long as to the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_us: Option<u64>,
    /// Idle time before the kernel asks whether the other end is there (SO_KEEPALIVE, TCP_KEEPIDLE); `None`: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_us: Option<u64>,
    /// Time after which the kernel gives up sending (TCP_USER_TIMEOUT); `None`: its own (tcp_retries2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_timeout_us: Option<u64>,
    /// Report for each answer in which flights it came ([`crate::Answer`]): what arrives within this time, half a round
    /// trip, belongs to one flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_trip_us: Option<u64>,
    /// All visits are by one client, which comes back from this port, also after it vanished; else each client has an address of its own, and a
    /// port that its kernel chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The first sequence number of each connection is older than that of the one before, as of a client that began
    /// anew. Else the clock of the client's kernel makes each later than the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older_sequence: bool,
    /// Asks for the errors of its datagrams (`IP_RECVERR`, ip(7)): else UDP does not report an ENOBUFS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub receive_errors: bool,
    /// Datagrams of one client that wait for their answers at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub in_flight: u32,
    /// Requests follow one another by the pauses alone: it reads no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignores_answers: bool,
    /// It sends each request in pieces; `None`: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<Pace>,
    /// It reads each answer in pieces; `None`: as it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Pace>,
    /// A packet that its kernel did not send, after the first request and its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Injected>,
    pub close: Close,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn one() -> u32 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

impl Visit {
    /// The most bytes that a request for this path has.
    pub fn request_bytes(&self, path: &str) -> u64 {
        /// More than the head has beside the path.
        const HEAD: u64 = 200;
        let head = if self.protocol == Protocol::Tcp { 0 } else { HEAD };
        head + path.len() as u64 + self.method.body_bytes()
    }
}

/// Pieces of so many bytes, and the time between two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub bytes: u64,
    pub every_us: u64,
}

/// A packet that the network delivers in the client's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injected {
    pub packet: Packet,
    /// Bytes that its sequence number is ahead of the right one; below zero: behind.
    pub offset: i32,
}

/// The right number of `Request` is its own, that of the others the next one that the client would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packet {
    /// RST, without ACK.
    Reset,
    /// SYN, without ACK.
    Syn,
    /// ACK, without data.
    Ack,
    /// The segment that carried the first request, again.
    Request,
}

impl Packet {
    pub const WORDS: [(&str, Packet); 4] =
        [("reset", Packet::Reset), ("syn", Packet::Syn), ("ack", Packet::Ack), ("request", Packet::Request)];
}

/// The protocol of one client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Over TCP; see [`Http`] for the version.
    #[default]
    Http,
    /// The same over TLS. The guest's own OpenSSL speaks it ([`tls_client`]).
    Https,
    /// A text for each path on one connection; an empty one waits for what the server says by itself. An answer is what
    /// comes first, and what has come with it.
    Tcp,
    /// One SYN and no more: the client's address answers nothing, and no SYN is sent a second time.
    Syn,
    /// A datagram for each path; the client waits for one back.
    Udp,
    /// A query for the address (A) of each name; the client waits for the answer (RFC 1035).
    Dns,
    /// One datagram by IPv6, into a network that no packet went to before, by a route that is made for it. Nothing
    /// comes back; the socket stays.
    Udp6,
    /// One IPv6 packet with a header that the sender writes (IPPROTO_RAW), to an address on the link that no host has.
    /// The packet waits for its neighbour to be found, and is given up; nothing comes back.
    Raw6,
    /// An ICMP echo request for each path.
    Icmp,
}

impl Protocol {
    /// The words for protocols in a scenario; the version matters to HTTP only.
    pub const WORDS: [(&str, Protocol, Http); 10] = [
        ("HTTP/1.0", Protocol::Http, Http::V1_0),
        ("HTTP/1.1", Protocol::Http, Http::V1_1),
        ("HTTPS", Protocol::Https, Http::V1_1),
        ("TCP", Protocol::Tcp, Http::V1_1),
        ("SYN", Protocol::Syn, Http::V1_1),
        ("UDP", Protocol::Udp, Http::V1_1),
        ("DNS", Protocol::Dns, Http::V1_1),
        ("UDP6", Protocol::Udp6, Http::V1_1),
        ("RAW6", Protocol::Raw6, Http::V1_1),
        ("ICMP", Protocol::Icmp, Http::V1_1),
    ];

    /// The words alone.
    pub const NAMES: [&str; Self::WORDS.len()] = {
        let mut names = [""; Self::WORDS.len()];
        let mut n = 0;
        while n < names.len() {
            names[n] = Self::WORDS[n].0;
            n += 1;
        }
        names
    };

    /// Whether it is spoken on connections.
    pub fn connects(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Https | Protocol::Tcp)
    }

    /// Whether it is spoken by datagrams of UDP that are answered.
    pub fn is_udp(self) -> bool {
        matches!(self, Protocol::Udp | Protocol::Dns)
    }

    /// Whether the packets go to addresses that no host has, in networks that are made for them.
    pub fn is_beyond(self) -> bool {
        matches!(self, Protocol::Udp6 | Protocol::Raw6)
    }

    pub fn is_default(&self) -> bool {
        *self == Protocol::default()
    }
}

/// The command that speaks TLS for one client: it encrypts its standard input, decrypts to its standard output, and has
/// its connection to this port of the loopback interface. It trusts [`crate::guest::CERTIFICATE`] alone, which it checks
/// without the name. The options are those of OpenSSL 1.0.1 (s_client(1ssl)); at the end of its input it says
/// close_notify.
pub fn tls_client(port: u16) -> Vec<String> {
    let options = ["-quiet", "-no_ign_eof", "-verify", "2", "-verify_return_error", "-servername", "server", "-CAfile"];
    let to = format!("127.0.0.1:{port}");
    let words = ["openssl", "s_client"].into_iter().chain(options);
    words.chain([crate::guest::CERTIFICATE, "-connect", &to]).map(str::to_owned).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Http {
    #[serde(rename = "1.0")]
    V1_0,
    #[serde(rename = "1.1")]
    V1_1,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    #[default]
    Get,
    /// With so many bytes after the head.
    Post { body_bytes: u64 },
}

impl Method {
    pub fn is_get(&self) -> bool {
        *self == Method::Get
    }

    /// Bytes after the head.
    pub fn body_bytes(self) -> u64 {
        match self {
            Method::Get => 0,
            Method::Post { body_bytes } => body_bytes,
        }
    }
}

/// How a client closes. After `Vanish` and `LateDuplicate` its address answers nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Close {
    /// The client sends the first FIN.
    Client,
    /// The server sends the first FIN (HTTP/1.0 style), the client answers with its own.
    Server,
    /// The client sends the first FIN after its last request, reads the answer, and then closes.
    Half,
    /// The client sends RST.
    Reset,
    /// The client is gone without FIN or RST. `after_request`: it does not wait for the answer to the last request.
    Vanish { after_request: bool },
    /// The server closes first; then the network delivers a second copy of an old packet.
    LateDuplicate { of: Duplicate, after_us: u64 },
    /// The connection goes back into a pool of at most `size`, from which later clients take it, the last one first.
    /// `idle_us`: one that was idle for longer is closed in place of taken; `None`: none is.
    Pool {
        size: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle_us: Option<u64>,
    },
    /// The client stays connected until the run ends.
    Never,
}

impl Close {
    /// Whether the client's address is gone afterwards.
    pub fn vanishes(self) -> bool {
        matches!(self, Close::Vanish { .. } | Close::LateDuplicate { .. })
    }

    /// Whether the connection outlives the client.
    pub fn stays(self) -> bool {
        matches!(self, Close::Pool { .. } | Close::Never)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicate {
    /// A pure ACK of the connection's middle (the one that completed the handshake).
    Ack,
    /// The segment that carried the first request.
    Request,
}
