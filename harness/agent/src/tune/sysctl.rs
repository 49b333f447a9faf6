//! sysctl.d files and single sysctls.

use crate::events::Events;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use tunelab_protocol::{Event, Server, Sysctl};

/// A sysctl's file: dots become slashes (no interface name with a dot in it is meant here).
fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name.replace('.', "/"))
}

/// The value now; `None` if this kernel has no such name.
pub fn read(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path(name)).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub fn write(name: &str, value: &str) -> Result<()> {
    std::fs::write(path(name), value).with_context(|| format!("failed to set {name} = {value}"))
}

/// Files in order, then single ones. A name that is missing or a value that is refused is an outcome, unless required.
pub fn apply(server: &Server, events: &Events) -> Result<()> {
    for file in &server.sysctl_files {
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
        for (name, value) in parse(&text).with_context(|| format!("in {file}"))? {
            set(&name, &value, false, events)?;
        }
    }
    for Sysctl { name, value, required } in &server.sysctls {
        set(name, value, *required, events)?;
    }
    for name in &server.report_sysctls {
        events.emit(Event::Sysctl { name: name.clone(), value: read(name) });
    }
    Ok(())
}

fn set(name: &str, value: &str, required: bool, events: &Events) -> Result<()> {
    let why = match std::fs::write(path(name), value) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "not on this kernel".to_string(),
        Err(e) => e.to_string(),
    };
    if required {
        bail!("failed to set {name} = {value}: {why}");
    }
    events.emit(Event::SysctlRefused { name: name.into(), value: value.into(), why });
    Ok(())
}

/// sysctl.conf(5): `name = value`, comments with `#` or `;`, `-` in front says that failing is fine.
fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    lines
        .map(|line| {
            let (name, value) = line.split_once('=').with_context(|| format!("`{line}` is not `name = value`"))?;
            let name = name.trim().trim_start_matches('-').replace('/', ".");
            Ok((name, value.trim().to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn comments_dashes_and_slashes() {
        let text = "# a\n; b\n\nnet.ipv4.ip_local_port_range = 18000 65535\n-net/core/somaxconn=4096\n";
        let want = [("net.ipv4.ip_local_port_range", "18000 65535"), ("net.core.somaxconn", "4096")];
        assert_eq!(parse(text).unwrap(), want.map(|(a, b)| (a.to_string(), b.to_string())));
        assert!(parse("no equals sign").is_err());
    }
}
