//! Services: the processes that serve, or stand between clients and servers.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::StartedBy;

/// A service, started before the first phase, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: String,
    /// The host in whose namespace it runs.
    pub host: String,
    /// The file that it writes its log into, a guest path; `None`: its standard output and error (nginx: what its
    /// configuration says).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    pub kind: ServiceKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ServiceKind {
    /// `config` is a guest path.
    Nginx { config: String, started_by: StartedBy },
    /// Any program of the image, in the foreground.
    Program {
        /// The program and its arguments.
        argv: Vec<String>,
        ready: Ready,
        /// It reloads its configuration by SIGUSR2 instead of SIGHUP.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reload_by_usr2: bool,
    },
    /// Our own server, or a program for node.js in its place.
    Server(Server),
}

/// How it is known that a service is ready: it listens at this port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    Tcp(u16),
    Udp(u16),
}

impl std::fmt::Display for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ready::Tcp(port) => write!(f, "TCP port {port}"),
            Ready::Udp(port) => write!(f, "UDP port {port}"),
        }
    }
}

/// Our own server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub name: String,
    pub listen: Listen,
    /// Closes after each answer (HTTP/1.0) or keeps the connection (HTTP/1.1).
    pub keep_alive: bool,
    /// Length of the accept queue asked for in listen(2).
    pub backlog: u32,
    /// Time from request to answer.
    pub response_time_us: u64,
    /// Pause between two accept(2) calls; 0 accepts at once.
    pub accept_every_us: u64,
    pub body_bytes: u64,
    /// Requests with a path that starts with this are never answered (long poll).
    pub never_answer: Option<String>,
    /// It closes a connection on which no request has come for so long; `None`: it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Reply::is_ok")]
    pub reply: Reply,
    /// It never closes a connection, not even one that the other end has closed (CLOSE_WAIT).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_closes: bool,
    /// Pause between two datagrams that it reads; 0 reads each as it comes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_every_us: u64,
    /// A program for node.js that does all this instead of the agent. Its argument is this description, in JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

fn is_zero(us: &u64) -> bool {
    *us == 0
}

impl Server {
    /// A server that listens there, answers at once, keeps connections, and does nothing odd.
    pub fn at(name: &str, listen: Listen) -> Self {
        Server {
            name: name.to_owned(),
            listen,
            keep_alive: true,
            backlog: 511,
            response_time_us: 0,
            accept_every_us: 0,
            body_bytes: 0,
            never_answer: None,
            idle_timeout_us: None,
            reply: Reply::default(),
            never_closes: false,
            read_every_us: 0,
            node: None,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// An answer with this status.
    Status(u16),
    /// RST in place of an answer.
    Reset,
}

impl Reply {
    fn is_ok(&self) -> bool {
        *self == Reply::default()
    }
}

impl Default for Reply {
    fn default() -> Self {
        Reply::Status(200)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listen {
    Unix(String),
    Tcp(SocketAddr),
    /// Sends each datagram back as it came.
    Udp(SocketAddr),
}
