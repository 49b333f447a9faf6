//! sysctl.d files and single sysctls, each by whichever of its names this kernel knows.

use super::scale::Scale;
use crate::events::Events;
use crate::fault::Mistake;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tunelab_protocol::probe::sysctl as read;
use tunelab_protocol::{Event, Host, Sysctl, spellings, todays_name};

/// All settings as files.
const TREE: &str = "/proc/sys";

pub fn write(name: &str, value: &str) -> Result<()> {
    write_as(TREE.as_ref(), name, value).map(drop).with_context(|| format!("failed to set {name} = {value}"))
}

/// The settings of one host.
pub struct Settings<'a> {
    /// Stands before the names in events: nothing for the server, so that a setting of another host is not taken for one
    /// of the server's.
    pub of: &'a str,
    pub scale: &'a Scale,
    pub events: &'a Events,
}

impl Settings<'_> {
    /// Applies files in order, then single ones. What this kernel does not have or refuses is an outcome, unless
    /// required.
    pub fn apply(&self, host: &Host) -> Result<()> {
        for file in &host.sysctl_files {
            let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
            for (name, value) in parse(&text, file)? {
                self.set(&name, &value, false)?;
            }
        }
        host.sysctls.iter().try_for_each(|sysctl| self.set_one(sysctl))?;
        host.report_sysctls.iter().for_each(|name| self.report(name));
        Ok(())
    }

    /// Sets a single one on the running machine, and reports its effective value.
    pub fn change(&self, sysctl: &Sysctl) -> Result<()> {
        self.set_one(sysctl)?;
        self.report(&todays_name(&sysctl.name));
        Ok(())
    }

    /// A value that was scaled is reported as it was written, while it is in force.
    fn report(&self, name: &str) {
        let value = read(name).map(|value| self.scale.written(self.of, name, value));
        self.events.emit(Event::Sysctl { name: format!("{}{name}", self.of), value });
    }

    fn set_one(&self, Sysctl { name, value, required }: &Sysctl) -> Result<()> {
        self.set(name, value, *required)
    }

    fn set(&self, name: &str, value: &str, required: bool) -> Result<()> {
        let of = self.of;
        let scaled = self.scale.value(of, name, value);
        let why = match write_as(TREE.as_ref(), name, &scaled) {
            Ok(used) if used == name => return Ok(()),
            Ok(used) => {
                self.events.emit(Event::SysctlRenamed { name: format!("{of}{name}"), used });
                return Ok(());
            }
            Err(e) if e.kind() == ErrorKind::NotFound => "not on this kernel".to_string(),
            Err(e) => e.to_string(),
        };
        if required {
            let what = format!("failed to set {name} = {scaled}, which the scenario demands: {why}");
            return Err(Mistake::in_scenario(name, what).into());
        }
        self.events.emit(Event::SysctlRefused { name: format!("{of}{name}"), value: value.into(), why });
        Ok(())
    }
}

/// Writes by the name as given, else by another that this kernel knows; returns the name used.
fn write_as(tree: &Path, name: &str, value: &str) -> Result<String, Error> {
    let others = spellings(name).into_iter().filter(|other| other != name);
    for name in std::iter::once(name.to_string()).chain(others) {
        // The file is never created: for a name that is missing, kernels would answer "permission denied".
        match File::options().write(true).open(file(tree, &name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            open => return open?.write_all(value.as_bytes()).map(|()| name),
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// A sysctl's file: dots become slashes (no interface name with a dot in it is meant here).
fn file(tree: &Path, name: &str) -> PathBuf {
    tree.join(name.replace('.', "/"))
}

/// Parses sysctl.conf(5): `name = value`, comments with `#` or `;`; `-` in front says that failing is fine.
fn parse(text: &str, file: &str) -> Result<Vec<(String, String)>, Mistake> {
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, l)| !l.is_empty() && !l.starts_with(['#', ';']));
    lines
        .map(|(n, line)| {
            let wrong = || Mistake::in_file(file, Some(n), format!("`{line}` is not `name = value`"));
            let (name, value) = line.split_once('=').ok_or_else(wrong)?;
            let name = name.trim().trim_start_matches('-').replace('/', ".");
            Ok((name, value.trim().to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_dashes_and_slashes() {
        let text = "# a\n; b\n\nnet.ipv4.ip_local_port_range = 18000 65535\n-net/core/somaxconn=4096\n";
        let want = [("net.ipv4.ip_local_port_range", "18000 65535"), ("net.core.somaxconn", "4096")];
        assert_eq!(parse(text, "/f").unwrap(), want.map(|(a, b)| (a.to_string(), b.to_string())));
        let wrong = parse("# a\nno equals sign", "/f").unwrap_err();
        assert_eq!(wrong, Mistake::in_file("/f", Some(2), "`no equals sign` is not `name = value`"));
    }

    const OLD: &str = "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait";
    const NEW: &str = "net.netfilter.nf_conntrack_tcp_timeout_time_wait";

    /// A kernel that has these settings.
    fn kernel(names: &[&str]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for name in names {
            let file = file(tree.path(), name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        tree
    }

    fn used(kernel: &[&str], name: &str) -> Option<String> {
        let tree = self::kernel(kernel);
        let used = write_as(tree.path(), name, "1").ok()?;
        assert_eq!(std::fs::read_to_string(file(tree.path(), &used)).unwrap(), "1");
        Some(used)
    }

    #[test]
    fn as_written_where_the_kernel_has_it_so() {
        assert_eq!(used(&[OLD, NEW], OLD).unwrap(), OLD);
        assert_eq!(used(&[OLD, NEW], NEW).unwrap(), NEW);
        assert_eq!(used(&["net.nf_conntrack_max"], "net.nf_conntrack_max").unwrap(), "net.nf_conntrack_max");
    }

    #[test]
    fn else_by_another_name_of_it() {
        assert_eq!(used(&[NEW], OLD).unwrap(), NEW);
        assert_eq!(used(&[OLD], NEW).unwrap(), OLD);
        let limit = "net.netfilter.nf_conntrack_max";
        assert_eq!(used(&[limit], "net.ipv4.ip_conntrack_max").unwrap(), limit);
    }

    #[test]
    fn missing_under_all_names_is_missing_and_nothing_is_made() {
        let tree = kernel(&["net.ipv4.tcp_tw_reuse"]);
        for name in [OLD, "net.ipv4.tcp_tw_recycle"] {
            assert_eq!(write_as(tree.path(), name, "1").unwrap_err().kind(), ErrorKind::NotFound);
        }
        assert_eq!(std::fs::read_dir(tree.path().join("net/ipv4")).unwrap().count(), 1);
    }
}
