//! Mistakes of a user in the files that programs in the guest read, each in a variant of one scenario: exit code 2, the
//! file and its line. Also what only looks like a mistake: no log, a daemon that keeps its streams, much output.

use crate::{
    bench::{Bench, IMAGE, Use, with},
    command::{BINARY, environment},
};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

const NAME: &str = "mistakes";

const SCENARIO: &str = r#"
summary = "files with mistakes in them"

[host.server]
firewall = ["rules.v4"]
[service.nginx]
config = "nginx.conf"

[service.app]
kind = "http"
listen = "unix:/run/tunelab/backend.sock"
protocol = "HTTP/1.0"

[clients.some]
addresses = "10.1.0.0/16"
close = "client"

[[phase]]
name = "all"
rounds = 1
every = "1 min"
clients = { some = 4 }

[[phase]]
name = "after"
rounds = 1
every = "1 min"
clients = { some = 4 }

[probe]
nginx-log = "followed"

[variant.no-log]
[variant.daemon-and-much-said]
service.app = { kind = "node", program = "talks.js" }

[variant.target]
host.server.firewall = ["target.v4"]
[variant.refused-by-the-kernel]
host.server.firewall = ["chain.v4"]
[variant.directive]
service.nginx.config = "directive.conf"
[variant.certificate]
service.nginx.config = "certificate.conf"
[variant.upstream]
service.nginx.config = "upstream.conf"
[variant.listens-twice]
service.nginx.config = "twice.conf"
[variant.no-such-address]
service.nginx.config = "address.conf"
[variant.container]
service.nginx.config = "container.conf"
[variant.files]
machine.limits = "limits.conf"
[variant.syntax]
service.app = { kind = "node", program = "syntax.js" }
[variant.crash]
service.app = { kind = "node", program = "crash.js" }
[variant.sysctl]
host.server.sysctls = { "net.ipv4.tcp_tw_recycle" = 1 }

[variant.bind]
[variant.bind.service.app]
listen = "192.0.2.1:3000"

[variant.no-openssl.service.nginx]
config = "tls.conf"
certificate = "server.pem"
[variant.no-openssl.clients.some]
to = "server:443"
protocol = "HTTPS"
"#;

const RULES: &str = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n";
const TARGET: &str = "*filter\n:INPUT ACCEPT [0:0]\n# why\n-A INPUT -j NOSUCH\nCOMMIT\n";
const CHAIN: &str = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j MASQUERADE\nCOMMIT\n";

/// No `error_log` stands outside: Debian 12's nginx then keeps the standard error it began with. Lines from 8 on are
/// free.
fn nginx(head: &str, http: &str) -> String {
    format!(
        "user root;\npid /run/nginx.pid;\nevents {{}}\n{head}\nhttp {{\n  access_log off;\n  proxy_http_version 1.0;\n  \
         {http}\n  server {{\n    listen 80;\n    location / {{ proxy_pass http://unix:/run/tunelab/backend.sock; }}\n  }}\n}}\n"
    )
}

/// It does both like the lab's own: listens, says so, and ends with its input.
fn node(before: &str, serve: &str) -> String {
    format!(
        "var fs = require('fs'), http = require('http');\n{before}\nvar config = JSON.parse(process.argv[2]), n = 0;\n\
         var server = http.createServer(function (request, response) {{\n{serve}\n  n += 1; response.end('x');\n}});\n\
         try {{ fs.unlinkSync(config.listen.unix); }} catch (gone) {{}}\n\
         server.listen(config.listen.unix, function () {{ fs.writeSync(1, 'ready\\n'); }});\n\
         process.stdin.resume();\n\
         process.stdin.on('end', function () {{ fs.writeSync(1, JSON.stringify({{ 'HTTP/1.0': n }}) + '\\n'); process.exit(0); }});\n"
    )
}

fn files() -> Vec<(&'static str, String)> {
    let daemon = "require('child_process').spawn('sleep', ['100000'], { stdio: 'inherit', detached: true }).unref(); \
                  for (var i = 0; i < 3000; i++) fs.writeSync(i % 2 + 1, new Array(100).join('much ') + '\\n');";
    vec![
        ("rules.v4", RULES.into()),
        ("target.v4", TARGET.into()),
        ("chain.v4", CHAIN.into()),
        ("nginx.conf", nginx("", "")),
        ("directive.conf", nginx("", "keepalive_timeouts 65;")),
        (
            "certificate.conf",
            nginx("", "server { listen 443 ssl; ssl_certificate /etc/no.pem; ssl_certificate_key /etc/no.key; }"),
        ),
        ("upstream.conf", nginx("", "upstream app { server no-such-host:3000; }")),
        ("twice.conf", nginx("", "server { listen 80; listen 80; }")),
        ("address.conf", nginx("", "server { listen 192.0.2.1:8080; }")),
        ("container.conf", nginx("daemon off;", "")),
        (
            "tls.conf",
            nginx("", "server { listen 443 ssl; ssl_certificate F/server.pem; ssl_certificate_key F/server.pem; }")
                .replace("F/", "/run/tunelab/files/"),
        ),
        ("limits.conf", "# all\n* soft nofile 1024\n* hard nofile 99999999\n".into()),
        ("talks.js", node(daemon, "")),
        ("syntax.js", node("var = 1;", "")),
        ("crash.js", node("", "  throw new Error('boom');")),
    ]
}

/// Variant, file, line, and words of what is said.
const MISTAKES: [(&str, &str, u32, &str); 14] = [
    ("target", "target.v4", 4, "NOSUCH"),
    ("refused-by-the-kernel", "chain.v4", 4, "the kernel refuses a rule of this table"),
    ("directive", "directive.conf", 8, "unknown directive \"keepalive_timeouts\""),
    ("certificate", "certificate.conf", 8, "cannot load certificate \"/etc/no.pem\""),
    ("upstream", "upstream.conf", 8, "host not found in upstream \"no-such-host:3000\""),
    ("listens-twice", "twice.conf", 8, "duplicate listen"),
    ("no-such-address", "address.conf", 8, "bind() to 192.0.2.1:8080 failed"),
    ("container", "container.conf", 4, "nginx does not go into the background"),
    ("files", "limits.conf", 3, "99999999 files are more than the kernel allows"),
    ("syntax", "syntax.js", 2, "before it listened: SyntaxError"),
    ("crash", "crash.js", 5, "during the run: Error: boom"),
    ("sysctl", "scenario.toml", 60, "which the scenario demands: not on this kernel"),
    ("bind", "scenario.toml", 63, "cannot bind"),
    ("no-openssl", "scenario.toml", 69, "this image has no `openssl`"),
];

#[test]
fn each_mistake_is_told_with_its_file_and_line() {
    with(Use::Shared, Use::None, async |bench| {
        let folder = write(bench);
        let out = bench.repository().join("records");
        let (code, told) = run(bench, &["--out", out.to_str().unwrap()]);
        for good in ["no-log", "daemon-and-much-said"] {
            let document = &told[good];
            assert_eq!(document["outcome"]["total"]["served"], 8, "{document}");
            assert!(document["outcome"]["nginx-log"].is_object(), "{document}");
            let lasted = document["virtual_seconds"].as_f64().unwrap();
            assert!(lasted < 130.0, "it waited for {good}: {lasted} s");
        }
        for (variant, file, line, words) in MISTAKES {
            let error = &told[variant]["error"];
            let message = error["message"].as_str().unwrap_or_else(|| panic!("{variant}: {}", told[variant]));
            assert_eq!(error["exit"], 2, "{variant}: {message}");
            let place = format!("`{}`, line {line}: ", folder.join(file).display());
            assert!(message.starts_with(&place) && message.contains(words), "{variant}: {message}");
            assert!(!message.contains("/run/tunelab/files/"), "{variant}: {message}");
            let record = out.join(format!("{NAME}-{IMAGE}-{variant}-1-1"));
            let events = fs::read_to_string(record.join("events.jsonl")).unwrap();
            assert!(events.lines().last().unwrap().contains(r#""event":"failed""#), "{events}");
            assert!(fs::read_to_string(record.join("error.txt")).unwrap().contains(words));
        }
        assert_eq!(code, Some(2));
    });
}

fn write(bench: &Bench) -> PathBuf {
    let folder = bench.repository().join("scenarios").join(NAME);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("scenario.toml"), SCENARIO).unwrap();
    for (name, text) in files() {
        fs::write(folder.join(name), text).unwrap();
    }
    folder
}

/// The exit code, and the document of each variant.
fn run(bench: &Bench, more: &[&str]) -> (Option<i32>, BTreeMap<String, serde_json::Value>) {
    let mut command = Command::new(BINARY);
    command.args(["--no-install", "scenario", NAME, "--format", "json", "--jobs", "1"]).args(more);
    let output = command.current_dir(bench.repository()).envs(environment(bench)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told = documents.map(|document| (document["variant"].as_str().unwrap().to_owned(), document)).collect();
    print!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), told)
}
