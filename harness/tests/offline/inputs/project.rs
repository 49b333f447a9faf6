//! A project for each row: a scenario that uses most of what there is, an image, a keyring, an article, a snapshot.

use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub struct Project {
    home: TempDir,
}

pub const SCENARIO: &str = r#"
summary = "most of what there is"
images = ["debian-12"]
scale = "1"


[machine]
memory = "1 GiB"
cpus = 1
cmdline = ["slub_nomerge"]
modules = { nf_conntrack = "hashsize=512" }
limits = "limits.conf"

[host.server]
addresses = "10.0.0.1"
forwards = true
firewall = ["rules.v4"]
sysctl-files = ["base.conf"]
sysctls = { "net.ipv4.tcp_syncookies" = 1 }
initcwnd = 10
rto-min = "200 ms"

[host.inside]
addresses = ["10.8.0.1", "fd08::1"]

[network.internet]
delay = "50 ms"

[network.within]
hosts = ["server", "inside"]
interface = "eth1"

[service.nginx]
config = "nginx.conf"
started-by = "init"

[service.app]
kind = "http"
listen = "unix:/run/tunelab/backend.sock"
never-answer = "/poll"
body = "512 B"

[service.node]
listen = "127.0.0.1:3000"
program = "server.js"

[service.inner]
on = "inside"
kind = "http"
listen = ":80"
backlog = 128

[service.dns]
on = "inside"
kind = "udp"
listen = "10.8.0.1:53"

[clients.browsers]
from = "internet"
addresses = "10.1.0.0/16"
path = ["/", "/poll"]
pause = "1 s"
timeout = "5 s"
flights = true
close = "client"

[clients.masked]
from = "internet"
addresses = "10.2.0.0/16"
to = "inside:80"
source-port = 50000
close = "reset"

[clients.late]
from = "internet"
addresses = "10.3.0.0/16"
keep-alive = false
close.late-duplicate = { of = "ack", after = "30 s" }

[clients.own]
from = "server"
to = "inside:53"
protocol = "UDP"
retries = 2

[[phase]]
name = "day"
rounds = 24
every = "1 h"
clients = { browsers = 4, masked = { count = 2, spacing = "20 ms", after = "1 s", rounds = 3 } }

[[phase]]
name = "night"
duration = "8 h"
repeat = 2
clients = { own = "2/min" }
change = [
    { at = "1 h", for = "10 min", network.internet = "cut" },
    { at = "2 h", service.app = "restart" },
]

[[phase]]
name = "found"
search = { clients = "browsers", for = "5 min", rest = "70 s", between = ["6/min", "1/s"], to = "2 %" }

[probe]
sockets = "1 min"
conntrack = { every = "1 h", after = "3 s" }
conntrack-entries = "followed"
kernel-log = "followed"
nginx-log = "followed"
sysctls = ["net.ipv4.tcp_tw_reuse"]
open-file-limits = ["init", "login:nobody"]

[metric.in-use]
value = "max(tcp.inuse)"
where = { phase = "day" }
tolerance = { absolute = 3, variants = ["default"] }

[metric.refused]
value = "count(502)"
where = { clients = "browsers" }
tolerance = "5 %"

[metric.rate]
value = "rate_max(browsers)"
expected = { article = "400/s" }

[metric.flights]
value = "max(round_trips)"

[metric.log-lines]
value = "count(log.kernel)"

[metric.said]
value = "count(log.nginx, 'upstream timed out')"

[series.table]
of = "conntrack.count"
every = "1 h"

[variant.default]
summary = "as the kernel comes"

[variant.tuned]
summary = "with more of it"
mitigates = true
machine.memory = "2 GiB"
service.app.body = "1 kB"
phase.night.change = [{ host.server.sysctls = { "net.ipv4.tcp_fin_timeout" = 5 } }]

[claim.it-fills]
says = "the table fills up"
variants = ["default"]
control = ["tuned"]
requires = ["refused > 0"]
assert = ["log-lines == 1"]
"#;

pub const RECIPE: &str = r#"
summary = "a suite"
kernel = "6.1"

[packages]
suite = "bookworm"
mirrors = ["http://mirror.invalid/debian"]
keyring = "keys.gpg"
install = ["linux-image-cloud-amd64"]

[machine]
memory = "512 MiB"
cpus = 1
cmdline = "quiet nowatchdog"
"#;

const ARTICLE: &str = r#"
[claim.it-fills]
number = 1
says = "the table fills up"
article = "And grows."
section = "Tables"
"#;

const SNAPSHOT: &str = "---\nsource: scenarios/whole/scenario.toml\nexpression: outcome\n---\nscenario = \"whole\"\n\n[variant.default.log]\nlines = 1\n";

/// Files of it that are replaced by odd ones, each with its path and its content.
pub const FILES: &[(&str, &str)] = &[
    ("scenarios/whole/scenario.toml", SCENARIO),
    ("scenarios/whole/nginx.conf", "events {}\nhttp {}\n"),
    ("scenarios/whole/rules.v4", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"),
    ("scenarios/whole/limits.conf", "* soft nofile 1024\n"),
    ("scenarios/whole/base.conf", "net.core.somaxconn = 16\n"),
    ("scenarios/whole/server.js", "console.log(1)\n"),
    ("scenarios/article.toml", ARTICLE),
    ("images/debian-12.toml", RECIPE),
    ("images/keys/keys.gpg", "not armored"),
    ("snapshots/whole@debian-12.snap", SNAPSHOT),
];

impl Project {
    pub fn new() -> Self {
        let project = Project { home: tempfile::tempdir().unwrap() };
        FILES.iter().for_each(|(name, text)| project.put(name, text.as_bytes()));
        fs::create_dir(project.cache()).unwrap();
        project
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn cache(&self) -> PathBuf {
        self.home().join("cache")
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Replaces the first `from` in a file by `to`; it must be there at least once.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.home().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` is not in `{name}`");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}
