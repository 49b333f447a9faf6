//! The catalogue of keys: each key of a scenario file with its type, default, meaning and an example. From here come the
//! reference page, the JSON Schema and the examples of errors; a reader that asks for a key that is not here fails in
//! every test.

use tunelab_protocol::{
    Protocol,
    probe::{FOLLOWED, SAMPLED},
};

/// The type of a value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    Flag,
    Count,
    /// A whole number, also below zero.
    Integer,
    /// `10 ms`, `1 h`.
    Time,
    /// `512 B`, `1 GiB`.
    Size,
    /// `0.5 %`.
    Share,
    /// `200/min`.
    Rate,
    /// `1/100`.
    Scale,
    /// `10 Mbit/s`.
    BitRate,
    /// An IP address.
    Address,
    /// Addresses: a subnet, or one.
    Range,
    /// The name of a file beside the scenario's.
    File,
    /// The name of something in this file.
    Name,
    /// A sysctl by its dotted name.
    Sysctl,
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Kind),
    OneOrMany(&'static Kind),
    /// A table of this catalogue.
    Table(&'static str),
    /// Tables of this catalogue, each with a name of its own.
    Tables(&'static str),
    /// `[[key]]`: tables of this catalogue one after the other.
    Array(&'static str),
    /// A table whose keys the user chooses.
    Map(&'static Kind),
    /// Any of these.
    Either(&'static [Kind]),
    /// A value that depends on another key.
    Any,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// The value where the key is missing; empty: nothing.
    pub default: &'static str,
    /// The file is refused without it.
    pub needed: bool,
    pub meaning: &'static str,
    /// A value as it is written.
    pub example: &'static str,
}

/// One kind of table.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// How it is written in a file.
    pub written: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

const fn key(name: &'static str, kind: Kind, meaning: &'static str, example: &'static str) -> Key {
    Key { name, kind, default: "", needed: false, meaning, example }
}

const fn needed(name: &'static str, kind: Kind, meaning: &'static str, example: &'static str) -> Key {
    Key { name, kind, default: "", needed: true, meaning, example }
}

const fn or(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, default, needed: false, meaning, example }
}

use Kind::{
    Address, Any, Array, BitRate, Count, Either, File, Flag, Integer, List, Map, Name, OneOrMany, Range, Rate, Share,
    Size, Sysctl, Tables, Text, Time, Word,
};

/// All tables of a scenario file.
pub const TABLES: &[Table] = &[
    Table {
        name: "root",
        written: "the file itself",
        about: "The scenario as a whole.",
        keys: &[
            needed("summary", Text, "what happens, in a sentence", r#""a full table drops new connections""#),
            or(
                "images",
                List(&Name),
                r#"["debian-12"]"#,
                "the images it runs on; the first is the default, CI runs all",
                r#"["debian-12", "debian-11"]"#,
            ),
            or(
                "scale",
                Kind::Scale,
                "\"1\"",
                "the part of the incident that a run has: clients, rates and every limit that counts things are so many times smaller, times are not; outcomes are told in the incident's size",
                r#""1/100""#,
            ),
            key("machine", Kind::Table("machine"), "the guest", r#"{ memory = "1 GiB" }"#),
            key(
                "host",
                Tables("host"),
                "network stacks; `server` is the guest's first namespace and there without a table",
                "{ gateway = { forwards = true } }",
            ),
            key(
                "network",
                Tables("network"),
                "what joins hosts and clients; without any there is `internet`, which joins clients to the server",
                r#"{ internet = { delay = "20 ms" } }"#,
            ),
            key(
                "service",
                Tables("service"),
                "processes that serve or pass on",
                r#"{ nginx = { config = "nginx.conf" } }"#,
            ),
            needed(
                "clients",
                Tables("clients"),
                "groups of clients, each with one behaviour",
                r#"{ browsers = { addresses = "10.1.0.0/16", close = "client" } }"#,
            ),
            needed(
                "phase",
                Array("phase"),
                "stretches of the run, one after the other",
                r#"[{ name = "load", duration = "1 min" }]"#,
            ),
            key("probe", Kind::Table("probe"), "what is looked at, and how often", r#"{ conntrack = "1 min" }"#),
            key(
                "metric",
                Tables("metric"),
                "numbers of the outcome, by names of your own",
                r#"{ served = { value = "count(served)" } }"#,
            ),
            key(
                "series",
                Tables("series"),
                "readings over time",
                r#"{ entries = { of = "conntrack.count", every = "10 s" } }"#,
            ),
            needed(
                "variant",
                Tables("variant"),
                "the settings that are compared; at least one",
                r#"{ default = { summary = "as the kernel comes" } }"#,
            ),
            key(
                "claim",
                Tables("claim"),
                "statements that the run confirms or refutes",
                r#"{ fills = { says = "it fills", control = ["raised"], assert = ["drops > 0"] } }"#,
            ),
        ],
    },
    Table {
        name: "machine",
        written: "[machine]",
        about: "The guest. Variants of one shape share a saved machine.",
        keys: &[
            or("memory", Size, r#""1 GiB""#, "memory, 128 MiB to 1 TiB", r#""2 GiB""#),
            or("cpus", Count, "1", "CPUs; the virtual clock has one", "1"),
            key(
                "cmdline",
                List(&Text),
                "words for the kernel's command line; `module.parameter=value` reaches modules too",
                r#"["slub_nomerge"]"#,
            ),
            key(
                "modules",
                Map(&Text),
                "modules to load first, with their parameters",
                r#"{ nf_conntrack = "hashsize=1024" }"#,
            ),
            key(
                "limits",
                File,
                "a limits.d file, for the services; for PAM where nginx is `started-by` init or a login",
                r#""limits.conf""#,
            ),
            key(
                "packages",
                List(&Text),
                "packages besides the image's own; another image is built with them",
                r#"["haproxy"]"#,
            ),
        ],
    },
    Table {
        name: "host",
        written: "[host.NAME]",
        about: "A network stack: the server is the guest's first namespace, any other host has one of its own.",
        keys: &[
            or(
                "addresses",
                OneOrMany(&Address),
                r#""10.0.0.1""#,
                "its own addresses; by default 10.0.0.1 for the server, 10.0.0.2 for the next host ...",
                r#"["10.0.0.1", "fd00::1"]"#,
            ),
            or("forwards", Flag, "false", "it passes on packets of others", "true"),
            key(
                "firewall",
                OneOrMany(&File),
                "files, loaded in this order: `.v4` and `.v6` as of iptables-save, `.nft` as of `nft list ruleset`, `.ipset` as \
                 of `ipset save`, `.ipvs` as of ipvsadm-save",
                r#"["rules.v4"]"#,
            ),
            key(
                "sysctl-files",
                List(&File),
                "sysctl.d files, applied in this order; what a kernel does not take is part of the outcome",
                r#"["base.conf"]"#,
            ),
            key(
                "sysctls",
                Map(&Any),
                "single sysctls, set after the files; a kernel that does not take one ends the run, unless its name begins with `-`",
                r#"{ "net.core.somaxconn" = 128 }"#,
            ),
            key("initcwnd", Count, "segments of the first flight, on its routes", "10"),
            or("rto-min", Time, r#""200 ms""#, "the shortest retransmission timeout on its routes", r#""100 ms""#),
        ],
    },
    Table {
        name: "network",
        written: "[network.NAME]",
        about: "A network that joins hosts, and clients to them.",
        keys: &[
            or(
                "hosts",
                List(&Name),
                r#"["server"]"#,
                "the hosts on it; the first is the way out for clients",
                r#"["gateway", "server"]"#,
            ),
            or("delay", Time, r#""0 s""#, "how long each packet is on the way, in each direction", r#""20 ms""#),
            or("loss", Share, r#""0 %""#, "the share of packets that are lost", r#""1 %""#),
            or(
                "reorder",
                Share,
                r#""0 %""#,
                "the share of packets that are not delayed, and so overtake others",
                r#""1 %""#,
            ),
            key(
                "rate",
                BitRate,
                "how many bits a second it carries, in each direction; up to 1000 packets wait",
                r#""10 Mbit/s""#,
            ),
            or("mtu", Count, "1500", "the largest packet, in bytes; with IPv6 at least 1280", "1400"),
            key(
                "by",
                Word(&["netem", "agent"]),
                "the part that delays and loses packets; by default the kernel's netem where it has one",
                r#""agent""#,
            ),
            or(
                "on-link",
                Flag,
                "false",
                "its first host asks for each address by ARP; else a router is between them",
                "true",
            ),
            or(
                "interface",
                Text,
                "the network's own name",
                "the name of its interface on each of its hosts",
                r#""eth0""#,
            ),
        ],
    },
    Table {
        name: "service",
        written: "[service.NAME]",
        about: "A process that serves, on a host. Which keys it has depends on its kind.",
        keys: &[
            or(
                "kind",
                Word(&["nginx", "haproxy", "http", "udp", "node", "command"]),
                "its name",
                "what it is; a service that is called like a kind is of that kind",
                r#""http""#,
            ),
            or("on", Name, r#""server""#, "the host on which it runs", r#""server""#),
            key("config", File, "nginx, haproxy: its configuration", r#""nginx.conf""#),
            key(
                "started-by",
                Text,
                "nginx: `init` (process 1's limits) or `login:USER` (a user starts it from a login)",
                r#""login:nobody""#,
            ),
            key(
                "ready",
                Text,
                "haproxy, command: the port at which it listens once it is ready; for haproxy the first that it binds",
                r#""udp:53""#,
            ),
            key(
                "log",
                Text,
                "the file into which it writes its log, for `count(log.NAME)`; by default its standard output and error are its log, for nginx its `error_log`",
                r#""/var/log/app.log""#,
            ),
            key(
                "command",
                List(&Text),
                "command: the program and its arguments; it stays in the foreground",
                r#"["dnsmasq", "--keep-in-foreground"]"#,
            ),
            key("files", List(&File), "command: files in its working directory", r#"["dnsmasq.conf"]"#),
            key(
                "certificate",
                Text,
                "nginx, haproxy, command: a file that the lab makes beside the others, in `/run/tunelab/files`: a key and its certificate, which clients of HTTPS trust",
                r#""server.pem""#,
            ),
            key("program", File, "node: a program for node.js", r#""server.js""#),
            key(
                "listen",
                Text,
                "http, udp, node: where it listens: `address:port`, `:port`, or (not udp) `unix:/path`",
                r#""127.0.0.1:3000""#,
            ),
            or(
                "protocol",
                Word(&["HTTP/1.0", "HTTP/1.1"]),
                r#""HTTP/1.1""#,
                "http, node: HTTP/1.1 keeps connections, HTTP/1.0 closes after each answer",
                r#""HTTP/1.0""#,
            ),
            or("body", Size, r#""512 B""#, "http, node: bytes of each answer", r#""100 kB""#),
            key(
                "never-answer",
                Text,
                "http, node: requests with a path that begins so are never answered",
                r#""/poll""#,
            ),
            or("backlog", Count, "511", "http: length of the accept queue that it asks for", "128"),
            or("response-time", Time, r#""0 s""#, "http: time from request to answer", r#""50 ms""#),
            or("accept-every", Time, r#""0 s""#, "http: time between two connections that it accepts", r#""1500 ms""#),
            or(
                "answer",
                Either(&[Count, Word(&["reset"])]),
                "200",
                "http: the status of each answer; `reset`: it resets each connection in place of an answer",
                "503",
            ),
            key(
                "close",
                Word(&["never"]),
                "http: `never`: it closes no connection, not even one that the other end has closed",
                r#""never""#,
            ),
            or("read-every", Time, r#""0 s""#, "udp: time between two datagrams that it reads", r#""10 ms""#),
            or("idle-timeout", Time, "never", "http: it closes a connection that is idle for so long", r#""5 s""#),
        ],
    },
    Table {
        name: "clients",
        written: "[clients.NAME]",
        about: "Clients of one behaviour.",
        keys: &[
            or(
                "from",
                Name,
                "the only network",
                "the network or the host where they are; needed where there are several networks",
                r#""internet""#,
            ),
            key(
                "addresses",
                Range,
                "their addresses, one for each client, or one for all; clients on a host have its address",
                r#""10.1.0.0/16""#,
            ),
            or(
                "to",
                Text,
                r#""server:80""#,
                "a host, or an address that a rule translates, and a port; for HTTPS the usual port is 443",
                r#""server:80""#,
            ),
            or(
                "protocol",
                Word(&Protocol::NAMES),
                r#""HTTP/1.1""#,
                "what they speak; TCP is any text (`text`), answered by any; HTTPS is HTTP/1.1 over TLS, by the image's `openssl`, and trusts the lab's `certificate` alone",
                r#""UDP""#,
            ),
            or("method", Word(&["GET", "POST"]), r#""GET""#, "HTTP: the method of each request", r#""POST""#),
            or("body", Size, r#""0 B""#, "HTTP: bytes that a POST carries", r#""1 kB""#),
            or("keep-alive", Flag, "true for HTTP/1.1", "HTTP: the connection is kept between requests", "false"),
            or(
                "path",
                OneOrMany(&Text),
                r#""/""#,
                "what they request, one after the other; for UDP the content of each datagram",
                r#"["/", "/poll"]"#,
            ),
            or(
                "text",
                OneOrMany(&Text),
                r#""""#,
                "TCP: what they send, one after the other, each answered before the next; an empty text waits for what the server says by itself",
                r#""PING\r\n""#,
            ),
            or("name", OneOrMany(&Text), r#""example.test""#, "DNS: the names that they ask for", r#""example.test""#),
            or("times", Count, "1", "how often they request all of them", "10"),
            key(
                "pause",
                OneOrMany(&Time),
                "the time between two requests; in a list, a request follows each",
                r#""1 s""#,
            ),
            or(
                "timeout",
                Either(&[Time, Kind::Table("timeout")]),
                r#""5 s""#,
                "how long they wait for a connection, and for each answer",
                r#""5 s""#,
            ),
            or(
                "retries",
                Count,
                "0",
                "so many more attempts: UDP and DNS after a timeout, with connections after any failure; the last one counts",
                "2",
            ),
            or(
                "backoff",
                Time,
                r#""1 s""#,
                "with connections: from a failure to the first retry; each further one takes twice as long as the one before",
                r#""500 ms""#,
            ),
            or(
                "receive-errors",
                Flag,
                "false",
                "UDP, DNS: they ask what became of their datagrams (IP_RECVERR)",
                "true",
            ),
            or(
                "keepalive",
                Either(&[Time, Word(&["off"])]),
                r#""off""#,
                "with connections: idle time before their kernel asks whether the server is there",
                r#""300 s""#,
            ),
            or(
                "user-timeout",
                Time,
                "tcp_retries2",
                "HTTP: after so long without an acknowledgement their kernel gives up (TCP_USER_TIMEOUT)",
                r#""30 s""#,
            ),
            or(
                "in-flight",
                Count,
                "1",
                "UDP, DNS: so many datagrams of one client wait for their answers at once, on one socket",
                "64",
            ),
            key(
                "send",
                Kind::Table("pace"),
                "HTTP: they send each request in pieces; not with HTTPS",
                r#"{ bytes = "100 B", every = "1 s" }"#,
            ),
            key(
                "read",
                Kind::Table("pace"),
                "HTTP: they read each answer in pieces; not with HTTPS",
                r#"{ bytes = "4 kB", every = "1 s" }"#,
            ),
            or(
                "wait",
                Flag,
                "true",
                "HTTP: they read the answer to a request before they go on; else they send by the pauses alone, and read none",
                "false",
            ),
            key(
                "inject",
                Kind::Table("inject"),
                "HTTP: a packet comes in their name, 300 ms after the first answer; IPv4 only",
                r#"{ packet = "reset", offset = 1000 }"#,
            ),
            or("flights", Flag, "false", "HTTP: report for each answer in which flights it came", "true"),
            key(
                "source-port",
                Count,
                "HTTP: all of them are one client, which comes back from this port, also after it vanished",
                "40000",
            ),
            key(
                "sequence",
                Word(&["older"]),
                "HTTP: each connection begins with an older number than the one before (TCP_REPAIR)",
                r#""older""#,
            ),
            key(
                "close",
                Either(&[Word(&["client", "half", "server", "reset", "vanish", "never"]), Kind::Table("close")]),
                "HTTP: which side closes, and how; `half`: they send FIN after the last request, and read the answer",
                r#""client""#,
            ),
        ],
    },
    Table {
        name: "timeout",
        written: "timeout = { ... }",
        about: "The timeouts of clients, each by itself.",
        keys: &[
            or("connect", Time, r#""5 s""#, "for a connection", r#""5 s""#),
            or(
                "response",
                Time,
                r#""5 s""#,
                "for each answer; with HTTPS the handshake is a part of the first",
                r#""20 min""#,
            ),
        ],
    },
    Table {
        name: "pace",
        written: "send = { ... }, read = { ... }",
        about: "Pieces, and the time between two of them.",
        keys: &[
            needed("bytes", Size, "bytes of a piece", r#""100 B""#),
            needed("every", Time, "the time between two pieces", r#""1 s""#),
        ],
    },
    Table {
        name: "inject",
        written: "inject = { ... }",
        about: "A packet that the network delivers in a client's name, and that its kernel did not send.",
        keys: &[
            needed(
                "packet",
                Word(&["reset", "syn", "ack", "request"]),
                "RST, SYN or ACK without data, or the first request again",
                r#""reset""#,
            ),
            or(
                "offset",
                Integer,
                "0",
                "bytes that its sequence number is ahead of the right one, below zero behind; right is the next number, and for `request` its own",
                "-1",
            ),
        ],
    },
    Table {
        name: "close",
        written: "close = { ... }",
        about: "A way to close, with its particulars.",
        keys: &[
            key("vanish", Kind::Table("vanish"), "they are gone without FIN or RST", "{ after-request = true }"),
            key(
                "pool",
                Kind::Table("pool"),
                "the connection goes back into a pool, from which the next client takes it",
                "{ size = 4 }",
            ),
            key(
                "late-duplicate",
                Kind::Table("late-duplicate"),
                "the server closes first; then an old packet arrives a second time",
                r#"{ of = "ack", after = "30 s" }"#,
            ),
        ],
    },
    Table {
        name: "vanish",
        written: "close.vanish = { ... }",
        about: "How clients vanish.",
        keys: &[or(
            "after-request",
            Flag,
            "false",
            "they do not wait for the answer to the last request; not with HTTPS",
            "true",
        )],
    },
    Table {
        name: "pool",
        written: "close.pool = { ... }",
        about: "Connections that clients of one name and one address share.",
        keys: &[
            needed(
                "size",
                Count,
                "the most connections; a client that finds none free waits, up to its timeout to connect",
                "4",
            ),
            or(
                "idle",
                Time,
                "never",
                "a connection that was idle for longer is closed in place of used; else it is used even if the server has closed it",
                r#""60 s""#,
            ),
        ],
    },
    Table {
        name: "late-duplicate",
        written: "close.late-duplicate = { ... }",
        about: "An old packet that arrives again.",
        keys: &[
            needed(
                "of",
                Word(&["ack", "request"]),
                "which packet: the ACK that completed the handshake, or the first request",
                r#""ack""#,
            ),
            needed("after", Time, "how long after the client is gone", r#""30 s""#),
        ],
    },
    Table {
        name: "phase",
        written: "[[phase]]",
        about: "A stretch of the run: rounds of clients, a time with or without clients at a rate, or a search.",
        keys: &[
            needed("name", Text, "its name, for metrics and variants", r#""day""#),
            key("rounds", Count, "how many rounds", "144"),
            key("every", Time, "from the start of one round to that of the next", r#""1 h""#),
            key("duration", Time, "how long it lasts, in place of rounds", r#""6 h""#),
            or("spacing", Time, r#""20 ms""#, "between the arrivals of two clients", r#""5 ms""#),
            key(
                "clients",
                Map(&Either(&[Count, Rate, Kind::Table("arrivals")])),
                "how many of which clients come in each round; with `duration` also a rate",
                "{ browsers = 8 }",
            ),
            or("repeat", Either(&[Count, Kind::Table("repeat")]), "1", "so often, one after the other", "7"),
            key(
                "change",
                Array("change"),
                "what changes on the running machine",
                r#"[{ at = "2 h", service.app = "restart" }]"#,
            ),
            key(
                "search",
                Kind::Table("search"),
                "finds the highest rate at which each client is served",
                r#"{ clients = "browsers", for = "5 min", between = ["100/s", "1000/s"] }"#,
            ),
        ],
    },
    Table {
        name: "arrivals",
        written: "phase.clients.NAME = { ... }",
        about: "Clients of one name that come in a round.",
        keys: &[
            needed("count", Count, "how many", "4"),
            or("after", Time, r#""0 s""#, "from the round's start to the first", r#""1 s""#),
            or("spacing", Time, "the phase's", "between two of them", r#""5 ms""#),
            or("at-once", Count, "0", "at most so many at a time; 0 is no limit", "2"),
            or("rounds", Count, "all", "they come in the first rounds only", "5"),
        ],
    },
    Table {
        name: "repeat",
        written: "repeat = { ... }",
        about: "Phases that are repeated as a whole.",
        keys: &[
            needed("from", Text, "the first of them; this one is the last", r#""day""#),
            needed("times", Count, "how often", "7"),
        ],
    },
    Table {
        name: "search",
        written: "[phase.search]",
        about: "A search for a rate, by halving.",
        keys: &[
            needed("clients", Name, "the clients whose rate it is", r#""browsers""#),
            needed("for", Time, "how long each rate is held", r#""5 min""#),
            or("rest", Time, r#""0 s""#, "the time after it, so that what it left behind is gone", r#""70 s""#),
            needed("between", List(&Rate), "the lowest and the highest rate of clients", r#"["100/s", "1000/s"]"#),
            or("to", Share, r#""2 %""#, "how close it comes", r#""2 %""#),
        ],
    },
    Table {
        name: "change",
        written: "[[phase.change]]",
        about: "A change to the running machine.",
        keys: &[
            or("at", Time, r#""0 s""#, "since the phase began", r#""2 h""#),
            key(
                "for",
                Time,
                "then it is as before; for `stop`, `freeze`, `reboot`, response times and networks",
                r#""30 s""#,
            ),
            key(
                "service",
                Map(&Either(&[
                    Word(&["stop", "start", "restart", "reload", "freeze", "thaw"]),
                    Kind::Table("change-service"),
                ])),
                "what is done to services",
                r#"{ app = "restart" }"#,
            ),
            key(
                "network",
                Map(&Either(&[Word(&["cut", "restore"]), Kind::Table("conditions")])),
                "what becomes of networks",
                r#"{ internet = "cut" }"#,
            ),
            key(
                "host",
                Map(&Either(&[Word(&["reboot"]), Kind::Table("change-host")])),
                "what is changed on hosts; one without services and clients can lose all its state",
                r#"{ server = { conntrack = "flush" } }"#,
            ),
        ],
    },
    Table {
        name: "change-service",
        written: "service.NAME = { ... }",
        about: "A change to a service of kind http.",
        keys: &[needed("response-time", Time, "it answers after this time from now on", r#""30 s""#)],
    },
    Table {
        name: "change-host",
        written: "host.NAME = { ... }",
        about: "A change to a host.",
        keys: &[
            key("sysctls", Map(&Any), "sysctls that are set", r#"{ "net.ipv4.tcp_fin_timeout" = 5 }"#),
            key(
                "firewall",
                OneOrMany(&File),
                "files whose rules take the place of those of their formats; for `.v4` and `.v6`, in the tables that they have",
                r#"["other.v4"]"#,
            ),
            key("conntrack", Word(&["flush"]), "every entry is deleted", r#""flush""#),
        ],
    },
    Table {
        name: "conditions",
        written: "network.NAME = { ... }",
        about: "What a network does to packets from now on.",
        keys: &[
            or("delay", Time, r#""0 s""#, "how long each packet is on the way", r#""1 s""#),
            or("loss", Share, r#""0 %""#, "the share of packets that are lost", r#""5 %""#),
            or("reorder", Share, r#""0 %""#, "the share of packets that overtake others", r#""1 %""#),
            key("rate", BitRate, "how many bits a second it carries", r#""10 Mbit/s""#),
        ],
    },
    Table {
        name: "probe",
        written: "[probe]",
        about: "What is looked at, on the server unless `hosts` says otherwise: at its times, or as it happens.",
        keys: &[
            key(
                "sysctls",
                List(&Sysctl),
                "sysctls to report besides those that variants set",
                r#"["net.ipv4.tcp_tw_reuse"]"#,
            ),
            key(
                "open-file-limits",
                List(&Text),
                "limits of open files to report: `init`, `nginx-master`, `nginx-worker`, `login:USER`",
                r#"["nginx-worker"]"#,
            ),
        ],
    },
    Table {
        name: "probed",
        written: "probe.NAME = { ... }",
        about: "When a probe looks.",
        keys: &[
            needed("every", Time, "the time between two looks, at least 1 ms", r#""1 h""#),
            or("after", Time, r#""0 s""#, "from the start to the first look", r#""12 min""#),
            or(
                "hosts",
                List(&Name),
                r#"["server"]"#,
                "the hosts it is read on, if it reads what each has of its own (`docs/reference/metrics.md`)",
                r#"["server", "gateway"]"#,
            ),
        ],
    },
    Table {
        name: "metric",
        written: "[metric.NAME]",
        about: "A number of the outcome.",
        keys: &[
            needed(
                "value",
                Text,
                "a function of a reading, of what clients report, or of a log",
                r#""max(conntrack.count)""#,
            ),
            or(
                "where",
                Kind::Table("where"),
                "the whole run",
                "the part of the run that it is about",
                r#"{ phase = "day" }"#,
            ),
            or(
                "tolerance",
                Either(&[Count, Text, Kind::Table("tolerance"), List(&Kind::Table("tolerance"))]),
                "0",
                "how far two builds of the machine may be apart",
                r#""5 %""#,
            ),
            key("expected", Map(&Count), "calculated values to compare with, by their author", "{ article = 396 }"),
        ],
    },
    Table {
        name: "where",
        written: "where = { ... }",
        about: "A part of the run.",
        keys: &[
            key("phase", Text, "this phase", r#""day""#),
            key("clients", Name, "these clients", r#""browsers""#),
            or("outcome", Text, r#""served""#, "durations of clients with this outcome", r#""timed-out""#),
            key("after-pause", Time, "answers to requests that came after such a pause", r#""5 s""#),
            or("host", Name, r#""server""#, "readings and rules of this host", r#""gateway""#),
        ],
    },
    Table {
        name: "series-where",
        written: "series.NAME.where = { ... }",
        about: "Where a series is read.",
        keys: &[or("host", Name, r#""server""#, "readings of this host", r#""gateway""#)],
    },
    Table {
        name: "tolerance",
        written: "tolerance = { ... }",
        about: "One rule of a tolerance; the widest that applies counts.",
        keys: &[
            key("absolute", Any, "in the unit of the number", "3"),
            key("relative", Share, "a share of the number", r#""5 %""#),
            or("variants", List(&Name), "all", "only in these variants", r#"["default"]"#),
            key("since", Text, "only from this version of Linux on", r#""6.5""#),
            key("before", Text, "only up to this version of Linux, without it", r#""5.15""#),
        ],
    },
    Table {
        name: "series",
        written: "[series.NAME]",
        about: "A reading over time.",
        keys: &[
            needed("of", Text, "the reading", r#""tcp.time_wait""#),
            needed("every", Time, "whole seconds", r#""10 s""#),
            or(
                "where",
                Kind::Table("series-where"),
                "the server",
                "where it is read, if each host has a reading of its own",
                r#"{ host = "gateway" }"#,
            ),
            or(
                "tolerance",
                Either(&[Count, Text, Kind::Table("tolerance"), List(&Kind::Table("tolerance"))]),
                "0",
                "as of a metric",
                "1",
            ),
        ],
    },
    Table {
        name: "variant",
        written: "[variant.NAME]",
        about: "A setting. Its tables are laid over those of the scenario: tables are merged, other values and arrays replace, `\"none\"` takes a key away.",
        keys: &[
            key("summary", Text, "what is different, in a sentence", r#""conntrack's time_wait at 1 s""#),
            or("mitigates", Flag, "false", "it prevents what the scenario is about", "true"),
            key("scale", Any, "as above", r#""1""#),
            key("machine", Any, "as above", r#"{ memory = "2 GiB" }"#),
            key("host", Any, "as above", r#"{ server.sysctl-files = ["tuned.conf"] }"#),
            key("network", Any, "as above", r#"{ internet.delay = "100 ms" }"#),
            key("service", Any, "as above", "{ app.backlog = 64 }"),
            key("clients", Any, "as above", r#"{ pool.keepalive = "300 s" }"#),
            key("phase", Any, "phases by their names", "{ day.rounds = 3 }"),
        ],
    },
    Table {
        name: "claim",
        written: "[claim.NAME]",
        about: "A statement about the outcome. An experiment must be able to fail: `control`, or why there can be none.",
        keys: &[
            needed("says", Text, "the statement, in a sentence", r#""the table never drains""#),
            or("variants", List(&Name), "all", "all of `assert` is true in each of these", r#"["default"]"#),
            key("control", List(&Name), "and not in any of these", r#"["raised"]"#),
            key(
                "uncontrolled-because",
                Text,
                "why no variant could turn the verdict",
                r#""no setting makes the kernel log it""#,
            ),
            key("because", Text, "the reason in the kernel's source", r#""net/ipv4/tcp_timer.c: tcp_write_timeout""#),
            key(
                "applies-to",
                List(&Text),
                "true where the claim is about this kernel at all",
                r#"["table-limit > 0"]"#,
            ),
            key(
                "requires",
                List(&Text),
                "true in `variants` and `control`, or the claim is unsettled",
                r#"["served > 0"]"#,
            ),
            needed("assert", List(&Text), "what must be true", r#"["drops > 0"]"#),
        ],
    },
];

/// Returns the table of this name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// Returns the keys of probes, with what each looks at: sampled ones, then those that follow.
pub fn probes() -> impl Iterator<Item = (Key, &'static str)> {
    const WHEN: Kind = Either(&[Time, Kind::Table("probed")]);
    let sampled = SAMPLED.into_iter().map(|probe| (key(probe.key, WHEN, "", r#""1 min""#), probe.about));
    let followed =
        FOLLOWED.into_iter().map(|(name, about)| (key(name, Word(&["followed"]), "", r#""followed""#), about));
    sampled.chain(followed)
}

impl Table {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Returns the table at a path of a file, such as `clients.browsers.close`; `None` if the user chooses its keys.
pub fn at(path: &str) -> Option<&'static Table> {
    let parts: Vec<&str> = path.split('.').collect();
    let name = match parts[..] {
        [""] => "root",
        ["machine"] => "machine",
        ["probe"] => "probe",
        ["probe", _] => "probed",
        [group @ ("host" | "network" | "service" | "clients" | "metric" | "series" | "variant" | "claim"), _] => group,
        ["clients", _, "timeout"] => "timeout",
        ["clients", _, "send" | "read"] => "pace",
        ["clients", _, "inject"] => "inject",
        ["clients", _, "close"] => "close",
        ["clients", _, "close", "vanish"] => "vanish",
        ["clients", _, "close", "pool"] => "pool",
        ["clients", _, "close", "late-duplicate"] => "late-duplicate",
        ["metric", _, "where"] => "where",
        ["series", _, "where"] => "series-where",
        ["metric" | "series", _, "tolerance"] => "tolerance",
        [phase, ref rest @ ..] if phase.starts_with("phase ") => match (phase.contains(", change "), rest) {
            (true, []) => "change",
            (true, ["host", _]) => "change-host",
            (true, ["service", _]) => "change-service",
            (true, ["network", _]) => "conditions",
            (false, []) => "phase",
            (false, ["clients", _]) => "arrivals",
            (false, ["repeat"]) => "repeat",
            (false, ["search"]) => "search",
            _ => return None,
        },
        _ => return None,
    };
    table(name)
}

/// The keys that readers asked for, on this thread.
#[cfg(test)]
pub mod asked {
    use std::{cell::RefCell, collections::BTreeSet};

    thread_local! {
        static ASKED: RefCell<BTreeSet<(&'static str, &'static str)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub fn note(path: &str, key: &'static str) {
        if let Some(table) = super::at(path) {
            ASKED.with_borrow_mut(|asked| asked.insert((table.name, key)));
        }
    }

    pub fn all() -> BTreeSet<(&'static str, &'static str)> {
        ASKED.with_borrow(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A file with every kind of table and of service.
    const WHOLE: &str = r#"
summary = "all of it"
[machine]
[host.server]
[network.internet]
[service.haproxy]
config = "haproxy.cfg"
ready = "tcp:80"
[service.udp]
listen = "10.0.0.1:53"
[service.node]
program = "server.js"
listen = ":3000"
[service.command]
command = ["true"]
ready = "tcp:1"
[service.http]
listen = ":8080"
[service.nginx]
config = "nginx.conf"
[clients.some]
addresses = "10.1.0.0/16"
timeout = { connect = "5 s" }
send = { bytes = "1 B", every = "1 s" }
inject = { packet = "ack" }
close.vanish = {}
[clients.late]
addresses = "10.2.0.0/16"
protocol = "HTTP/1.0"
close.late-duplicate = { of = "ack", after = "1 s" }
[clients.pooled]
addresses = "10.4.0.1"
close.pool = { size = 4 }
[clients.queries]
addresses = "10.3.0.0/16"
protocol = "DNS"
[[phase]]
name = "all"
rounds = 1
every = "1 h"
clients = { some = { count = 1 } }
change = [{ service.http = { response-time = "1 s" }, network.internet = { delay = "1 s" }, host.server = { conntrack = "flush" } }]
repeat = { from = "all", times = 2 }
[[phase]]
name = "searching"
search = { clients = "some", for = "1 min", between = ["1/min", "1/s"] }
[[phase]]
name = "lasting"
duration = "1 min"
[probe]
sockets = { every = "1 s" }
[metric.a]
value = "count(served)"
where = { phase = "all" }
tolerance = { absolute = 1 }
[series.b]
of = "tcp.inuse"
every = "1 s"
where = { host = "server" }
[variant.only]
[claim.c]
says = "it is so"
uncontrolled-because = "it is a test"
assert = ["a > 0"]
"#;

    #[test]
    fn each_key_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("whole");
        std::fs::create_dir(&folder).unwrap();
        let files = [("scenario.toml", WHOLE), ("haproxy.cfg", "bind :80"), ("nginx.conf", " "), ("server.js", "x")];
        files.iter().for_each(|(name, text)| std::fs::write(Path::new(&folder).join(name), text).unwrap());
        super::super::load(&folder).unwrap_or_else(|e| panic!("{e:?}"));
        let asked = asked::all();
        for table in TABLES {
            for key in table.keys {
                assert!(asked.contains(&(table.name, key.name)), "no reader asks for `{}` of {}", key.name, table.name);
            }
        }
    }

    #[test]
    fn each_name_is_there_once_and_each_table_that_is_named_exists() {
        fn check(kind: &Kind) {
            match kind {
                Kind::Table(name) | Kind::Tables(name) | Kind::Array(name) => assert!(table(name).is_some(), "{name}"),
                Kind::List(of) | Kind::OneOrMany(of) | Kind::Map(of) => check(of),
                Kind::Either(all) => all.iter().for_each(check),
                _ => {}
            }
        }
        for table in TABLES {
            for (n, key) in table.keys.iter().enumerate() {
                assert!(table.keys[..n].iter().all(|other| other.name != key.name), "{}.{}", table.name, key.name);
                check(&key.kind);
                let text = format!("x = {}", key.example);
                assert!(toml::de::DeTable::parse(&text).is_ok(), "{}.{}: {text}", table.name, key.name);
            }
        }
    }

    #[test]
    fn tables_by_their_paths() {
        let name = |path| at(path).map(|table| table.name);
        assert_eq!(name(""), Some("root"));
        assert_eq!(name("clients.a.close.vanish"), Some("vanish"));
        assert_eq!(name("phase 2, change 1.host.server"), Some("change-host"));
        assert_eq!(name("phase 2.clients.a"), Some("arrivals"));
        assert_eq!(name("host.server.sysctls"), None);
    }
}
