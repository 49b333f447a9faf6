//! Reads all that the run will need, as long as the disk may still be waited for.
//!
//! Under the virtual clock, time leaps while the guest waits for a disk, which goes at the host's pace: up to 21
//! virtual seconds a wait were seen. So nothing cold may be left: `--repeat 2` shows two fingerprints if something is.

use crate::serve::{nginx, server};
use crate::tool::{self, first_of};
use crate::tune::nginx_directive;
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tunelab_protocol::{Listen, Server, guest};

/// Programs that a plan starts.
const PROGRAMS: [&[&str]; 3] = [&["nginx"], &["iptables-legacy-restore", "iptables-restore"], &["modprobe"]];

/// The time limit for each rehearsal. The spinner runs beside it, so that this is several times as long on the host.
const REHEARSAL: Duration = Duration::from_secs(5);

/// Modules that a plan may need and that keep no state of their own until it does. libcrc32c, which conntrack needs,
/// makes the kernel look for the fastest checksum of this CPU, in folders of which nothing else is needed.
///
/// conntrack itself is not among them: before Linux 4.10 it tracks from the moment it is loaded.
const MODULES: [&str; 10] = [
    "veth",
    "tun",
    "sch_netem",
    "af_packet",
    "libcrc32c",
    "nfnetlink",
    "nf_defrag_ipv4",
    "nf_defrag_ipv6",
    "x_tables",
    "ip_tables",
];

/// Modules that a plan may load in the run, and that do something from then on.
const LOADED: [&str; 4] = ["nf_conntrack", "sctp", "tcp_diag", "unix_diag"];

/// Folders read whole (below /lib/modules/RELEASE/kernel: conntrack and its matches; iptables' extensions).
const MODULE_FOLDERS: [&str; 4] = ["net/netfilter", "net/ipv4/netfilter", "net/ipv6/netfilter", "lib"];
const FOLDERS: [&str; 4] = ["/usr/lib/x86_64-linux-gnu/xtables", "/lib/xtables", "/etc/modprobe.d", "/lib/modprobe.d"];

/// Files that the C library and nginx look at when they start.
const FILES: [&str; 9] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/protocols",
    "/etc/services",
    "/etc/nginx/mime.types",
    "/etc/ssl/openssl.cnf",
];

pub fn warm() -> Result<()> {
    for module in MODULES {
        // It may be built in, or missing in this kernel: the code that needs it will say so.
        let _ = tool::modprobe(module, "");
    }
    let release = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
    let modules = Path::new("/lib/modules").join(release);
    let mut files: BTreeSet<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    files.extend(inside(&modules));
    for folder in MODULE_FOLDERS {
        files.extend(below(&modules.join("kernel").join(folder)));
    }
    for folder in FOLDERS {
        files.extend(inside(Path::new(folder)));
    }
    for names in PROGRAMS {
        if let Some(name) = first_of(names) {
            files.extend(with_libraries(name));
        }
    }
    for module in LOADED {
        files.extend(loaded_for(module));
    }
    for file in files {
        // A missing file is missing in the run as well; looking it up warmed that.
        let _ = std::fs::read(file);
    }
    rehearse();
    Ok(())
}

/// A program and the shared libraries that it is linked to, as its own loader lists them.
fn with_libraries(name: &str) -> Vec<PathBuf> {
    let Some(program) = tool::find(name) else { return Vec::new() };
    let said = rehearsed(Command::new(&program).env("LD_TRACE_LOADED_OBJECTS", "1"));
    let libraries = said.split_whitespace().filter(|w| w.starts_with('/')).map(PathBuf::from);
    libraries.chain([program.clone()]).collect()
}

/// The files that modprobe would load for a module and with it: soft dependencies lie in folders that nothing else
/// needs, and modprobe looks there even if the module that names them (libcrc32c) is loaded already.
fn loaded_for(module: &str) -> Vec<PathBuf> {
    // It may be built in, or missing in this kernel: nothing will be loaded.
    let said = tool::run("modprobe", &["-q", "--show-depends", module]).unwrap_or_default();
    said.lines().filter_map(insmod).collect()
}

/// The file of a line like `insmod /lib/modules/6.1.0/kernel/net/netfilter/nf_conntrack.ko hashsize=512`.
fn insmod(line: &str) -> Option<PathBuf> {
    line.strip_prefix("insmod ")?.split_whitespace().next().map(PathBuf::from)
}

/// Starts each program once: this is the best way to find what it looks up by name, and in which folders.
fn rehearse() {
    let commands = std::fs::read_to_string(guest::REHEARSALS).unwrap_or_default();
    for argv in serde_json::from_str::<Vec<Vec<String>>>(&commands).unwrap_or_default() {
        let [program, args @ ..] = &argv[..] else { continue };
        with_libraries(program).iter().for_each(|file| drop(std::fs::read(file)));
        rehearsed(Command::new(program).args(args).current_dir(guest::FILES));
    }
    for (program, args) in [
        ("modprobe", &["-n", "-q", "nf_conntrack"][..]),
        ("iptables-legacy-restore", &["--version"]),
        ("iptables-legacy-save", &["--version"]),
        ("ip6tables-legacy-save", &["--version"]),
    ] {
        rehearsed(Command::new(program).args(args));
    }
    for config in inside(Path::new(guest::FILES)) {
        if config.extension().is_some_and(|of| of == "js") {
            start_node(&config);
            continue;
        }
        let text = std::fs::read_to_string(&config).unwrap_or_default();
        if text.contains(" nofile ") {
            log_in();
        }
        if text.contains("http {") {
            rehearsed(Command::new("nginx").args(["-t", "-c", &config.to_string_lossy()]));
            // Its log and pid file are owned by root now; the run's nginx may be another user's.
            let named = ["error_log", "pid"].into_iter().filter_map(|name| nginx_directive(&text, name));
            for left in named.map(PathBuf::from).chain(nginx::default_logs(nginx::NAME)) {
                let _ = std::fs::remove_file(left);
            }
        }
    }
}

/// Starts it, and returns what it writes; it may fail, or never come to its end, without harm.
fn rehearsed(command: &mut Command) -> String {
    tool::end_of(command, Stdio::null(), REHEARSAL).map(|ended| ended.stdout).unwrap_or_default()
}

/// Rehearses a service's program: node.js with its libraries, and all that it looks at when it starts. No client speaks
/// to it: its input ends at once, and with that the program.
fn start_node(program: &Path) {
    let Some(node) = server::node() else { return };
    with_libraries(&node.to_string_lossy()).iter().for_each(|file| drop(std::fs::read(file)));
    let socket = format!("{}/rehearsal.sock", guest::HOME);
    let description = Server {
        node: Some(program.to_string_lossy().into_owned()),
        ..Server::at("rehearsal", Listen::Unix(socket.clone()))
    };
    let _ = server::command(&description).map(|mut command| rehearsed(&mut command));
    let _ = std::fs::remove_file(socket);
}

/// Rehearses a login, for a limits.d file: whether it reaches a login will be asked of PAM, which has many modules.
fn log_in() {
    files_of_pam().iter().for_each(|file| drop(std::fs::read(file)));
    for user in ["nobody", "root"] {
        rehearsed(Command::new("su").args(["-s", "/bin/sh", user, "-c", "ulimit -Sn"]));
    }
}

fn files_of_pam() -> Vec<PathBuf> {
    const FOLDERS: [&str; 4] = ["/etc/pam.d", "/etc/security", "/lib/x86_64-linux-gnu/security", "/lib/security"];
    let programs = ["su", "sh"].into_iter().flat_map(with_libraries);
    FOLDERS.into_iter().flat_map(|folder| inside(Path::new(folder))).chain(programs).collect()
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect()
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_dir())
        .collect();
    inside(folder).into_iter().chain(folders.iter().flat_map(|f| below(f))).collect()
}

#[cfg(test)]
mod tests {
    use super::insmod;
    use std::path::Path;

    #[test]
    fn files_that_modprobe_would_load() {
        assert_eq!(
            insmod("insmod /lib/modules/3.2.0/a.ko hashsize=512 "),
            Some(Path::new("/lib/modules/3.2.0/a.ko").into())
        );
        assert_eq!(insmod("builtin crc32c_generic"), None);
    }
}
