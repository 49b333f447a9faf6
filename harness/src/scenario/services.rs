//! Reads `[service.x]`: nginx, haproxy, our own servers, node.js, or any program of the image.

use super::{
    certificate,
    files::{self, Files},
    hosts::SERVER,
    model::Host,
    problems::Problems,
    section::{Read, Section, Value},
    units::Micros,
    values::{Body, RequestPath, SomeTime, text},
};
use std::net::SocketAddr;
use toml::Spanned;
use tunelab_protocol::{Http, Listen, Ready, Reply, Server, Service, ServiceKind, StartedBy};

/// A kind of service: its name, and its reader.
struct Kind {
    name: &'static str,
    read: fn(&str, &Section<'_>, &Files<'_>) -> Option<ServiceKind>,
}

const KINDS: [Kind; 6] = [
    Kind { name: "nginx", read: nginx },
    Kind { name: "haproxy", read: haproxy },
    Kind { name: "http", read: http },
    Kind { name: "udp", read: udp },
    Kind { name: "node", read: node },
    Kind { name: "command", read: command },
];

/// Reads each `[service.x]`, in the order in which they start.
pub fn services(root: &Section<'_>, hosts: &[Host], files: &Files<'_>) -> Vec<Service> {
    let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let mut found: Vec<Service> = Vec::new();
    for (name, section) in root.named("service") {
        let host = section.get::<Spanned<String>>("on");
        if let Some(host) = host.as_ref().filter(|host| !known.contains(&host.get_ref().as_str())) {
            let message = format!("there is no host `{}`", host.get_ref());
            section.problems.unknown(host.span(), message, host.get_ref(), &known);
        }
        let host = host.map_or_else(|| SERVER.to_owned(), Spanned::into_inner);
        let name = name.into_inner();
        // Which keys there are is a matter of the kind.
        let Some(kind) = kind(&name, &section) else { continue };
        let kind = (kind.read)(&name, &section, files);
        let log = section.get::<LogFile>("log").map(|log| log.0);
        section.finish();
        let Some(kind) = kind else { continue };
        let service = Service { name, host, log, kind };
        if let Some(other) = found.iter().find(|other| clash(other, &service)) {
            let message = format!("`{}` listens where `service.{}` does", section.path(), other.name);
            section.problems.report(section.span(), message, "one address, one service");
        }
        found.push(service);
    }
    // What answers comes before what passes requests on, which may look for it when it starts.
    found.sort_by_key(|service| matches!(service.kind, ServiceKind::Nginx { .. } | ServiceKind::Program { .. }));
    found
}

/// The path of a log in the guest.
struct LogFile(String);

/// The folders in the guest that are in memory: what is written elsewhere goes to the image's disk, which is read-only.
const WRITABLE: [&str; 4] = ["/var/log/", "/run/", "/tmp/", "/var/tmp/"];

impl Read for LogFile {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let path = text(value, problems, "a path such as `/var/log/app.log`")?;
        let is_file = path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
        if is_file && WRITABLE.iter().any(|folder| path.starts_with(folder)) {
            return Some(LogFile(path.to_owned()));
        }
        let message = format!("`{path}` is no file that a service can write in the guest");
        let folders = WRITABLE.map(|folder| format!("`{folder}`")).join(", ");
        problems.report_with_hint(value.span(), message, "not writable", format!("in memory are {folders}"));
        None
    }
}

/// Returns the kind; a service that is called like a kind is of that kind.
fn kind(name: &str, section: &Section<'_>) -> Option<&'static Kind> {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let of = |word: &str| KINDS.iter().find(|kind| kind.name == word);
    if section.value("kind").is_none() && of(name).is_some() {
        return of(name);
    }
    let word = section.need::<Spanned<String>>("kind")?;
    let found = of(word.get_ref());
    if found.is_none() {
        let message = format!("unknown kind of service `{}`", word.get_ref());
        section.problems.unknown(word.span(), message, word.get_ref(), &names);
    }
    found
}

fn clash(a: &Service, b: &Service) -> bool {
    let listens = |service: &Service| match &service.kind {
        ServiceKind::Server(server) => Some(server.listen.clone()),
        _ => None,
    };
    let one_place = |x: &SocketAddr, y: &SocketAddr| {
        x.port() == y.port() && (x.ip() == y.ip() || x.ip().is_unspecified() || y.ip().is_unspecified())
    };
    match listens(a).zip(listens(b)) {
        // All hosts share the guest's files.
        Some((Listen::Unix(x), Listen::Unix(y))) => x == y,
        Some((Listen::Tcp(x), Listen::Tcp(y)) | (Listen::Udp(x), Listen::Udp(y))) => {
            a.host == b.host && one_place(&x, &y)
        }
        _ => false,
    }
}

fn nginx(_: &str, section: &Section<'_>, files: &Files<'_>) -> Option<ServiceKind> {
    let started_by = section.get_or("started-by", StartedBy::Lab);
    let config = config(section, files, files::nginx_conf)?;
    Some(ServiceKind::Nginx { config, started_by })
}

/// Reads `config`, which is needed, and `certificate`, which it names.
fn config(section: &Section<'_>, files: &Files<'_>, check: files::Check) -> Option<String> {
    let name = section.need::<String>("config");
    let text = name.as_ref().and_then(|name| files.text_of(name));
    certificate::read(section, files, &text.unwrap_or_default());
    name?;
    files.one(section, "config", check)
}

/// haproxy in the foreground, with a master that can be told to reload (-W). The last argument is its configuration.
fn haproxy(_: &str, section: &Section<'_>, files: &Files<'_>) -> Option<ServiceKind> {
    let config = config(section, files, files::plain_text);
    let ready = match section.get::<Ready>("ready") {
        Some(ready) => ready,
        None => {
            let text = section.get::<String>("config").and_then(|name| files.text_of(&name));
            let port = text.as_deref().and_then(bound_port);
            if port.is_none() && text.is_some() {
                let hint = "`ready = \"tcp:80\"` says where it listens";
                section.problems.report_with_hint(
                    section.span(),
                    "`ready` is missing, and no line of the configuration binds a port",
                    "in this table",
                    hint,
                );
            }
            Ready::Tcp(port?)
        }
    };
    let argv = ["haproxy", "-W", "-db", "-f"].map(str::to_owned).into_iter().chain([config?]);
    Some(ServiceKind::Program { argv: argv.collect(), ready, reload_by_usr2: true })
}

/// Returns the port of the first line such as `bind :80`, `bind 10.0.0.1:80,10.0.0.1:81`.
fn bound_port(config: &str) -> Option<u16> {
    let binds = config.lines().filter_map(|line| line.trim().strip_prefix("bind "));
    binds.filter_map(|rest| rest.split([',', ' ']).next()?.rsplit(':').next()?.parse().ok()).next()
}

/// Any program in the foreground. Its files lie in its working directory.
fn command(_: &str, section: &Section<'_>, files: &Files<'_>) -> Option<ServiceKind> {
    section.filled("command");
    let argv = section.need::<Vec<String>>("command");
    let mut told = argv.clone().unwrap_or_default();
    for file in section.get::<Vec<Spanned<String>>>("files").unwrap_or_default() {
        files.deploy(&file, files::plain_text);
        told.extend(files.text_of(file.get_ref()));
    }
    certificate::read(section, files, &told.join(" "));
    let ready = section.need::<Ready>("ready");
    Some(ServiceKind::Program { argv: argv.filter(|argv| !argv.is_empty())?, ready: ready?, reload_by_usr2: false })
}

impl Read for Ready {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "a port such as `tcp:80` or `udp:53`")?;
        let found = word.split_once(':').and_then(|(kind, port)| {
            let port = port.parse().ok().filter(|port| *port > 0)?;
            match kind {
                "tcp" => Some(Ready::Tcp(port)),
                "udp" => Some(Ready::Udp(port)),
                _ => None,
            }
        });
        if found.is_none() {
            problems.report(value.span(), format!("`{word}` is no port"), "should be like `tcp:80` or `udp:53`");
        }
        found
    }
}

fn http(name: &str, section: &Section<'_>, _: &Files<'_>) -> Option<ServiceKind> {
    let server = server(name, section);
    let reply = section.get_or("answer", Reply::default());
    let server = Server {
        backlog: section.get_or("backlog", 511),
        response_time_us: section.get_or("response-time", Micros::default()).0,
        accept_every_us: section.get_or("accept-every", Micros::default()).0,
        idle_timeout_us: section.get::<SomeTime>("idle-timeout").map(|time| time.0),
        never_closes: section.get::<Never>("close").is_some(),
        reply,
        ..server?
    };
    check_closing(section, &server);
    Some(ServiceKind::Server(server))
}

/// Reports what a server does not do because it closes too early, or never.
fn check_closing(section: &Section<'_>, server: &Server) {
    if server.reply == Reply::Reset {
        section.refuse(&["body", "protocol", "close"], "it resets each connection in place of an answer");
        if matches!(server.listen, Listen::Unix(_)) {
            let hint = "a connection of TCP can be reset: `listen = \":3000\"`";
            let span = section.span_of("answer");
            section.problems.report_with_hint(span, "a Unix socket knows no RST", "without effect", hint);
        }
    }
    if server.never_closes {
        section.refuse(&["idle-timeout"], "it never closes a connection");
    }
    let never = server.never_closes.then_some("close");
    let idle = server.idle_timeout_us.filter(|_| !server.never_closes).map(|_| "idle-timeout");
    for key in never.or(idle).into_iter().filter(|_| !server.keep_alive) {
        let hint = "`protocol = \"HTTP/1.1\"` keeps connections";
        let message = format!("`{key}` has no effect: it closes after each answer");
        section.problems.report_with_hint(section.span_of(key), message, "without effect", hint);
    }
}

impl Read for Reply {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        if value.get_ref().is_str() {
            let word = text(value, problems, "`reset`")?;
            if word != "reset" {
                problems.unknown(value.span(), format!("nothing answers `{word}`"), word, &["reset"]);
            }
            return Some(Reply::Reset);
        }
        let status = u16::read(value, problems)?;
        // RFC 9110: what is below 200 is followed by the answer, and these three have no content.
        if !(200..=599).contains(&status) || [204, 205, 304].contains(&status) {
            let message = format!("`{status}` is no status of an answer with a body");
            let hint = "from 200 to 599, but not 204, 205 or 304; `answer = \"reset\"` gives none";
            problems.report_with_hint(value.span(), message, "not such a status", hint);
        }
        Some(Reply::Status(status))
    }
}

/// The word `never`.
struct Never;

impl Read for Never {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`never`")?;
        if word != "never" {
            problems.unknown(value.span(), format!("no server closes `{word}`"), word, &["never"]);
        }
        Some(Never)
    }
}

fn node(name: &str, section: &Section<'_>, files: &Files<'_>) -> Option<ServiceKind> {
    let server = server(name, section);
    section.need::<String>("program");
    let node = files.one(section, "program", files::program);
    Some(ServiceKind::Server(Server { node: Some(node?), ..server? }))
}

/// Reads what our own server and a program for node.js have in common.
fn server(name: &str, section: &Section<'_>) -> Option<Server> {
    let listen = section.need::<Listen>("listen");
    let (keep_alive, body_bytes) =
        (section.get_or("protocol", Http::V1_1) == Http::V1_1, section.get_or("body", Body(512)).0);
    let never_answer = section.get::<RequestPath>("never-answer").map(|path| path.0);
    Some(Server { keep_alive, body_bytes, never_answer, ..Server::at(name, listen?) })
}

/// Sends each datagram back as it came.
fn udp(name: &str, section: &Section<'_>, _: &Files<'_>) -> Option<ServiceKind> {
    let listen = section.need::<Spanned<Listen>>("listen");
    let read_every_us = section.get_or("read-every", Micros::default()).0;
    let listen = listen?;
    let Listen::Tcp(address) = *listen.get_ref() else {
        section.problems.report(
            listen.span(),
            "a service of UDP listens at an address and a port",
            "should be `address:port`",
        );
        return None;
    };
    Some(ServiceKind::Server(Server { read_every_us, ..Server::at(name, Listen::Udp(address)) }))
}

#[cfg(test)]
mod tests {
    use super::bound_port;

    #[test]
    fn the_first_port_that_haproxy_binds() {
        assert_eq!(bound_port("frontend a\n  bind :80\n  bind :81\n"), Some(80));
        assert_eq!(bound_port("bind 10.0.0.1:8080,10.0.0.1:81 ssl\n"), Some(8080));
        assert_eq!(bound_port("  bind /run/x.sock\n bind *:443\n"), Some(443));
        assert_eq!(bound_port("frontend a\n"), None);
    }
}
