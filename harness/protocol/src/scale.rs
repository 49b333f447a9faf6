//! The scale of a run: an incident of 100 000 clients is run with 100 of them where every limit that counts things is a
//! thousandth, too. Times are never scaled, nor is what belongs to one connection, nor memory: a page stays a page.
//!
//! This is the one place that knows what is scaled. The host scales what comes ([`Plan::shrunk`]), the agent scales
//! settings as it applies them, and what was counted is told in the incident's size ([`Event::whole`]).

use crate::{Action, Close, Conditions, Entries, Event, Phase, Plan, Search, ServiceKind, readings, spellings};
use std::collections::BTreeSet;

/// The sysctls that count things, by today's names, each with the part that the guest needs for itself at any scale:
/// its own neighbours, its own routes, the packets of one burst.
const SYSCTLS: &[(&str, u64)] = &[
    ("net.netfilter.nf_conntrack_max", 0),
    ("net.netfilter.nf_conntrack_buckets", 0),
    ("net.netfilter.nf_conntrack_expect_max", 0),
    ("net.ipv4.tcp_max_tw_buckets", 0),
    ("net.ipv4.tcp_max_orphans", 16),
    ("net.ipv4.tcp_max_syn_backlog", 0),
    ("net.core.somaxconn", 0),
    ("net.core.netdev_max_backlog", 100),
    ("net.unix.max_dgram_qlen", 0),
    ("net.ipv4.neigh.default.gc_thresh1", 16),
    ("net.ipv4.neigh.default.gc_thresh2", 16),
    ("net.ipv4.neigh.default.gc_thresh3", 16),
    ("net.ipv6.neigh.default.gc_thresh1", 16),
    ("net.ipv6.neigh.default.gc_thresh2", 16),
    ("net.ipv6.neigh.default.gc_thresh3", 16),
    ("net.ipv4.route.gc_thresh", 16),
    ("net.ipv4.route.max_size", 16),
    ("net.ipv6.route.gc_thresh", 16),
    ("net.ipv6.route.max_size", 16),
    ("net.ipv4.inet_peer_threshold", 16),
    ("net.ipv4.tcp_challenge_ack_limit", 0),
    ("net.ipv4.icmp_msgs_per_sec", 0),
    ("net.ipv4.icmp_msgs_burst", 0),
    ("fs.file-max", 1024),
];

/// A range of ports: its first port stays, and the range gets shorter.
const RANGE: &str = "net.ipv4.ip_local_port_range";

/// The files that a process opens for itself: nginx's worker begins with seven, and one for each listener.
const OWN_FILES: u64 = 9;

/// From this on a limit is none: the highest number of a signed `int`, which most sysctls are.
const UNLIMITED: u64 = i32::MAX as u64;

/// All names of sysctls that are scaled, by today's names.
pub fn sysctls() -> impl Iterator<Item = &'static str> {
    SYSCTLS.iter().map(|(name, _)| *name).chain([RANGE])
}

/// A number at the scale 1/`by`, rounded, and at least 1 where it was. `own` of it is not scaled.
pub fn part(number: u64, own: u64, by: u32) -> u64 {
    let by = u64::from(by);
    if number >= UNLIMITED || number <= own || by == 1 {
        return number;
    }
    own + ((number - own + by / 2) / by).max(1)
}

/// The number in the incident's size that has this part.
fn whole(part: u64, own: u64, by: u32) -> u64 {
    if part >= UNLIMITED || part <= own { part } else { own + (part - own).saturating_mul(u64::from(by)) }
}

/// The value of a sysctl at the scale 1/`by`, by any of its names; `None`: it is not scaled.
pub fn sysctl(name: &str, value: &str, by: u32) -> Option<String> {
    let is = |known: &str| spellings(known).iter().any(|spelling| spelling == name);
    if is(RANGE) {
        let mut ends = value.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), Some(Ok(last)), None) = (ends.next(), ends.next(), ends.next()) else { return None };
        let ports = last.checked_add(1)?.checked_sub(first)?;
        return Some(format!("{first} {}", first + part(ports, 0, by).max(1) - 1));
    }
    let (_, own) = SYSCTLS.iter().find(|(known, _)| is(known))?;
    let number = value.trim().parse::<u64>().ok()?;
    Some(part(number, *own, by).to_string())
}

/// The parameter of a kernel module at the scale 1/`by`. conntrack's `hashsize` is not among them: the kernel derives
/// nf_conntrack_max from it as the module is loaded, and both are scaled after that.
pub fn module_parameter(module: &str, parameter: &str, by: u32) -> Option<String> {
    let (name, value) = parameter.split_once('=')?;
    let scaled = matches!((module.replace('-', "_").as_str(), name), ("xt_recent", "ip_list_tot"));
    scaled.then(|| Some(format!("{name}={}", part(value.parse().ok()?, 0, by))))?
}

/// A limit of open files at the scale 1/`by`.
pub fn open_files(limit: u64, by: u32) -> u64 {
    part(limit, OWN_FILES, by)
}

/// A configuration of nginx at the scale 1/`by`: connections and files of a worker, connections that an upstream keeps or
/// takes, the backlogs of its listeners. Where none is written, nginx's own backlog is 511 (`NGX_LISTEN_BACKLOG`). Files
/// that it includes stay as they are.
pub fn nginx(config: &str, by: u32) -> String {
    let mut listeners = Vec::new();
    directives(config, |words| {
        listeners.extend((words[0] == "listen").then(|| Listener::of(words)));
        None
    });
    let mut number = 0;
    directives(config, |words| {
        let counts = |own| Some(format!("{} {}", words[0], part(words.get(1)?.parse().ok()?, own, by)));
        match words[0] {
            "worker_rlimit_nofile" => counts(OWN_FILES),
            // A worker has a connection for each listener, and one to its master.
            "worker_connections" => counts(Listener::sockets(&listeners) + 1),
            "keepalive" => counts(0),
            "listen" => {
                number += 1;
                option(words, "backlog=", Listener::takes_options(&listeners, number - 1).then_some(511), by)
            }
            "server" => option(words, "max_conns=", None, by),
            _ => None,
        }
    })
}

/// A `listen` of nginx.
#[derive(Default)]
struct Listener {
    /// `*:80` for `80`, `*:80` and `0.0.0.0:80`; `127.0.0.1:80` for `127.0.0.1`.
    address: String,
    /// It sets options of the socket.
    options: bool,
    /// It is of UDP, and has no queue of connections.
    datagrams: bool,
}

impl Listener {
    /// Options of the socket (ngx_http_core_module, `listen`): of all lines with one address, one may have such.
    const OPTIONS: [&str; 11] = [
        "setfib=",
        "fastopen=",
        "backlog=",
        "rcvbuf=",
        "sndbuf=",
        "accept_filter=",
        "deferred",
        "ipv6only=",
        "reuseport",
        "so_keepalive=",
        "bind",
    ];

    fn of(words: &[&str]) -> Self {
        let Some((address, options)) = words[1..].split_first() else { return Listener::default() };
        let address = address.trim_matches(['"', '\'']);
        let port = address.strip_prefix("0.0.0.0:").or(address.strip_prefix("*:")).unwrap_or(address);
        let address = match port.parse::<u16>() {
            Ok(port) => format!("*:{port}"),
            Err(_) if port.contains(':') && !port.ends_with(']') => port.to_owned(),
            Err(_) => format!("{port}:80"),
        };
        let sets = |option: &&str| Self::OPTIONS.iter().any(|known| option.starts_with(known));
        let datagrams = ["quic", "udp"].iter().any(|word| options.contains(word));
        Listener { address, options: options.iter().any(sets), datagrams }
    }

    /// The number of sockets that nginx opens for them.
    fn sockets(all: &[Listener]) -> u64 {
        all.iter().map(|listener| (&listener.address, listener.datagrams)).collect::<BTreeSet<_>>().len() as u64
    }

    /// Whether this is the line of its address that may have options: the one that has, or else the first.
    fn takes_options(all: &[Listener], number: usize) -> bool {
        let same = |other: &Listener| other.address == all[number].address && !other.datagrams;
        let here = || all.iter().enumerate().filter(|(_, other)| same(other));
        let one = here().find(|(_, other)| other.options).or(here().next());
        one.is_some_and(|(at, _)| at == number)
    }
}

/// A directive with the number of one of its options scaled; without the option it gets this one.
fn option(words: &[&str], name: &str, usual: Option<u64>, by: u32) -> Option<String> {
    let written = words.iter().find_map(|word| word.strip_prefix(name));
    // Anything else than a number is the user's own mistake, which the program tells.
    let written = written.map_or(Ok(None), |number| number.parse().map(Some)).ok()?;
    let others: Vec<&str> = words.iter().filter(|word| !word.starts_with(name)).copied().collect();
    Some(format!("{} {name}{}", others.join(" "), part(written.or(usual)?, 0, by)))
}

/// The text with the simple directives changed that `change` has something else for: it is given the words of each, the
/// first of which is its name. Comments and quoted texts are as nginx reads them.
fn directives<'a>(text: &'a str, mut change: impl FnMut(&[&'a str]) -> Option<String>) -> String {
    let (mut out, mut copied) = (String::new(), 0);
    let (mut words, mut word): (Vec<&str>, Option<usize>) = (Vec::new(), None);
    let (mut begins, mut quote, mut comment) = (0, None::<(char, bool)>, false);
    for (at, c) in text.char_indices() {
        match (comment, quote, c) {
            (true, _, _) => comment = c != '\n',
            (_, Some((open, escaped)), _) => {
                quote = if c == open && !escaped { None } else { Some((open, c == '\\' && !escaped)) };
            }
            (.., '#') if word.is_none() => comment = true,
            (.., '"' | '\'') if word.is_none() => (word, quote) = (Some(at), Some((c, false))),
            _ if c.is_whitespace() || ";{}".contains(c) => {
                if let Some(from) = word.take() {
                    begins = if words.is_empty() { from } else { begins };
                    words.push(&text[from..at]);
                }
                if c == ';'
                    && !words.is_empty()
                    && let Some(changed) = change(&words)
                {
                    out += &text[copied..begins];
                    out += &changed;
                    copied = at;
                }
                if ";{}".contains(c) {
                    words.clear();
                }
            }
            _ => word = word.or(Some(at)),
        }
    }
    out + &text[copied..]
}

/// A configuration of haproxy at the scale 1/`by`: the connections that it may have, and that a server may be given or kept;
/// the backlogs of its listeners.
pub fn haproxy(config: &str, by: u32) -> String {
    config.split_inclusive('\n').map(|line| haproxy_line(line, by)).collect()
}

/// Keywords of haproxy that count connections.
const OF_HAPROXY: [&str; 6] = ["maxconn", "minconn", "fullconn", "backlog", "maxqueue", "pool-max-conn"];

fn haproxy_line(line: &str, by: u32) -> String {
    let code = line.split('#').next().unwrap_or_default();
    let words: Vec<&str> = code.split_whitespace().collect();
    // The first word is the keyword; servers and listeners have further ones after their names and addresses.
    let first = match words.first().copied() {
        Some("server") => 3,
        Some("bind") => 2,
        Some("default-server") => 1,
        Some(word) if OF_HAPROXY.contains(&word) => 0,
        _ => return line.to_owned(),
    };
    let (mut out, mut rest) = (String::new(), line);
    for (number, word) in words.iter().enumerate() {
        let (before, after) = rest.split_once(word).unwrap_or((rest, ""));
        let counts = number > first && OF_HAPROXY.contains(&words[number - 1]);
        let scaled = word.parse().ok().filter(|_| counts).map(|written| part(written, 0, by).to_string());
        out += before;
        out += scaled.as_deref().unwrap_or(word);
        rest = after;
    }
    out + rest
}

/// A reading that the guest took, in the incident's size: what counts things is that many times as much. Times, bytes,
/// shares and what belongs to one connection are as they were read.
fn whole_reading(name: &str, value: u64, by: u32) -> u64 {
    // Readings of other hosts than the server have the host before them.
    let name = name.rsplit_once(": ").map_or(name, |(_, name)| name);
    let counts = readings::find(name).is_some_and(|(_, reading)| reading.unit == readings::Unit::Count);
    let of_one = ["connection.", "TcpExt.TCPMemoryPressuresChrono", "Tcp.Rto", "Ip.DefaultTTL", "Ip.Forwarding"];
    let of_one = of_one.iter().any(|prefix| name.starts_with(prefix)) && !name.ends_with(".count");
    match counts && !of_one {
        true if name == "files.open" || name == "files.limit" => whole(value, own("fs.file-max"), by),
        true if name.starts_with("files.") => whole(value, OWN_FILES, by),
        true => whole(value, 0, by),
        false => value,
    }
}

fn own(name: &str) -> u64 {
    SYSCTLS.iter().find(|(known, _)| *known == name).map_or(0, |(_, own)| *own)
}

impl Plan {
    /// The same plan with all that comes at the scale of the plan: clients, their rates and pools, the networks' rates,
    /// the backlogs and rates of our own servers. Sysctls, limits and files stay as they are written: the agent scales them as it applies them.
    pub fn shrunk(mut self) -> Plan {
        let by = self.scale;
        for service in &mut self.services {
            if let ServiceKind::Server(server) = &mut service.kind {
                server.backlog = part(u64::from(server.backlog), 0, by) as u32;
                // These are rates: with fewer that come, the time between two is longer.
                server.accept_every_us = server.accept_every_us.saturating_mul(u64::from(by));
                server.read_every_us = server.read_every_us.saturating_mul(u64::from(by));
            }
        }
        for clients in &mut self.clients {
            if let Close::Pool { size, .. } = &mut clients.visit.close {
                *size = part(u64::from(*size), 0, by) as u32;
            }
        }
        let slower = |conditions: &mut Conditions| {
            conditions.rate_bps = conditions.rate_bps.div_ceil(u64::from(by));
        };
        self.links.iter_mut().for_each(|link| slower(&mut link.conditions));
        for phase in &mut self.phases {
            *phase = phase.shrunk(by);
            for change in &mut phase.changes {
                if let Action::Network { conditions, .. } = &mut change.action {
                    slower(conditions);
                }
            }
        }
        self
    }
}

impl Phase {
    /// The same phase with fewer clients: those that come, and the rates that it searches between.
    pub fn shrunk(&self, by: u32) -> Phase {
        let number = |count: u32| part(u64::from(count), 0, by) as u32;
        if let Some(search) = self.search.filter(|_| by > 1) {
            let (least, most) = (number(search.least), number(search.most));
            return self.with_search(Search { least, most, ..search });
        }
        let mut phase = self.clone();
        for arrivals in &mut phase.arrivals {
            arrivals.spacing_us = arrivals.spacing_us.saturating_mul(u64::from(by));
            arrivals.count = number(arrivals.count);
            arrivals.at_once = number(arrivals.at_once);
        }
        phase
    }
}

impl Event {
    /// The same event in the size of the incident: what counts things is so many times as much. Lines of the kernel's log
    /// stay as they are, each an event of its own; the agent tells sysctls and limits of open files as they were written.
    pub fn whole(mut self, by: u32) -> Event {
        let more = |count: &mut u64| *count = whole(*count, 0, by);
        match &mut self {
            Event::Round { outcomes, errors, per_1000_s, .. } => {
                outcomes.values_mut().for_each(|counted| more(&mut counted.clients));
                errors.values_mut().for_each(more);
                *per_1000_s = per_1000_s.map(|rate| rate.saturating_mul(by));
            }
            Event::Sample { values } => {
                values.iter_mut().for_each(|(name, value)| *value = whole_reading(name, *value, by));
            }
            Event::NginxLog { texts } | Event::ServiceLog { texts, .. } => texts.values_mut().for_each(more),
            Event::Entries(entries) => {
                let Entries { created, picked_up, alive_at_end, lives_by_state, .. } = entries;
                [created, picked_up, alive_at_end].into_iter().for_each(more);
                lives_by_state.values_mut().for_each(|lives| more(&mut lives.entries));
            }
            Event::Rules { rules, .. } => rules.iter_mut().for_each(|rule| {
                more(&mut rule.packets);
                more(&mut rule.bytes);
            }),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(part(65_536, 0, 100), 655);
        assert_eq!(part(40, 0, 100), 1, "not nothing");
        assert_eq!(part(0, 0, 100), 0);
        assert_eq!(part(1024, 10, 100), 20);
        assert_eq!(part(7, 10, 100), 7, "the process's own");
        assert_eq!(part(u64::MAX / 2, 0, 100), u64::MAX / 2);
        assert_eq!((whole(655, 0, 100), whole(20, 10, 100), whole(9, 10, 100)), (65_500, 1010, 9));
    }

    #[test]
    fn settings_by_any_name() {
        let scaled = |name, value| sysctl(name, value, 1000);
        assert_eq!(scaled("net.ipv4.ip_local_port_range", "18000\t65535").as_deref(), Some("18000 18047"));
        assert_eq!(scaled("net.ipv4.netfilter.ip_conntrack_max", "65536").as_deref(), Some("66"));
        assert_eq!(scaled("net.netfilter.nf_conntrack_tcp_timeout_established", "600"), None);
        assert_eq!(scaled("net.core.somaxconn", "many"), None);
        assert_eq!(module_parameter("xt_recent", "ip_list_tot=5000", 100).as_deref(), Some("ip_list_tot=50"));
        assert_eq!(module_parameter("nf_conntrack", "hashsize=8192", 100), None);
    }

    #[test]
    fn every_sysctl_has_todays_name() {
        assert!(sysctls().all(|name| crate::todays_name(name) == name));
    }

    #[test]
    fn nginx_keeps_all_else() {
        let scaled = |config: &str| nginx(config, 100);
        assert_eq!(scaled("worker_rlimit_nofile 8192; # keepalive 5;\n"), "worker_rlimit_nofile 91; # keepalive 5;\n");
        assert_eq!(scaled("events { worker_connections\t4096; }\r\n"), "events { worker_connections 42; }\r\n");
        let upstream = "upstream a { server 10.0.0.1 weight=2 max_conns=300; keepalive 200; keepalive_requests 1000; }";
        let want = "upstream a { server 10.0.0.1 weight=2 max_conns=3; keepalive 2; keepalive_requests 1000; }";
        assert_eq!(scaled(upstream), want);
        let config = "server { listen 80; listen [::]:80 default_server backlog=65535; return 200 \"listen 80; #\"; }\n\
                      server {\n  listen 80\n    ; listen 443 quic;\n  location ~ 'a{2};' { }\n}\n";
        let want = "server { listen 80 backlog=5; listen [::]:80 default_server backlog=655; return 200 \"listen 80; #\"; }\n\
                    server {\n  listen 80\n    ; listen 443 quic;\n  location ~ 'a{2};' { }\n}\n";
        assert_eq!(scaled(config), want);
        assert_eq!(
            scaled("worker_connections many; worker_connections;"),
            "worker_connections many; worker_connections;"
        );
    }

    #[test]
    fn haproxy_too() {
        assert_eq!(
            haproxy("global\n  maxconn 2000\n  timeout client 5s\n", 100),
            "global\n  maxconn 20\n  timeout client 5s\n"
        );
    }

    #[test]
    fn readings_are_told_whole() {
        assert_eq!(whole_reading("conntrack.count", 30, 1000), 30_000);
        assert_eq!(whole_reading("gateway: conntrack.count", 30, 1000), 30_000);
        assert_eq!(whole_reading("memory.available_bytes", 30, 1000), 30);
        assert_eq!(whole_reading("connection.80.cwnd", 10, 1000), 10);
        assert_eq!(whole_reading("connection.80.count", 10, 1000), 10_000);
        assert_eq!(whole_reading("files.worker", 14, 200), 1009);
        assert_eq!(whole_reading("Tcp.RtoMin", 200, 1000), 200);
        assert_eq!(whole_reading("TcpExt.ListenDrops", 2, 1000), 2000);
    }
}
