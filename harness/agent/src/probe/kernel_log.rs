//! The kernel's log, line by line, as it is written, read from /proc/kmsg: /dev/kmsg came with Linux 3.5.

use crate::events::Events;
use crate::fd;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Read;
use tunelab_protocol::Event;

/// Follows until the run ends; lines written before are not of this run.
pub fn follow(events: &Events) -> Result<()> {
    let log = fd::watch(File::open("/proc/kmsg").context("failed to open /proc/kmsg")?)?;
    drain(&mut log.get_ref(), &mut Vec::new());
    let events = events.clone();
    tokio::task::spawn_local(async move {
        let mut pending = Vec::new();
        while let Ok(mut ready) = log.readable().await {
            drain(&mut log.get_ref(), &mut pending);
            ready.clear_ready();
            while let Some(end) = pending.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let (level, text) = parse(String::from_utf8_lossy(&line).trim_end());
                events.emit(Event::Log { level, text });
            }
        }
    });
    Ok(())
}

fn drain(file: &mut impl Read, into: &mut Vec<u8>) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = file.read(&mut buffer) {
        into.extend_from_slice(&buffer[..length]);
    }
}

/// Parses `<4>[   12.345678] text`; the time stamp is dropped, as the event has its own.
fn parse(line: &str) -> (u8, String) {
    let (level, rest) = match line.strip_prefix('<').and_then(|l| l.split_once('>')) {
        Some((priority, rest)) => (priority.parse::<u32>().unwrap_or(6) & 7, rest),
        None => (6, line),
    };
    let text = match rest.strip_prefix('[').and_then(|r| r.split_once("] ")) {
        Some((stamp, text)) if stamp.trim().parse::<f64>().is_ok() => text,
        _ => rest,
    };
    (level as u8, text.to_string())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn level_and_stamp() {
        let full = "nf_conntrack: nf_conntrack: table full, dropping packet";
        assert_eq!(parse(&format!("<4>[   12.345678] {full}")), (4, full.to_string()));
        assert_eq!(parse("[not a stamp] x"), (6, "[not a stamp] x".to_string()));
    }
}
