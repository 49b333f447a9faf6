//! nginx's error log, read at the end of each phase: its lines, without the parts that differ from line to line.

use super::written::Written;
use crate::events::Events;
use crate::serve::nginx;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use tunelab_protocol::Event;

/// The logs of all configurations.
pub struct NginxLog(Vec<Written>);

impl NginxLog {
    /// `services` are their names and their configurations.
    pub fn of(services: &[(&str, &str)]) -> Result<Self> {
        let mut paths = BTreeSet::new();
        for (service, config) in services {
            paths.extend(nginx::logs(service, config)?);
        }
        Ok(NginxLog(paths.into_iter().map(Written::to).collect()))
    }

    /// Reports what was written since the last report, if anything was.
    pub fn tell_news(&mut self, events: &Events) -> Result<()> {
        let texts = self.news()?;
        if !texts.is_empty() {
            events.emit(Event::NginxLog { texts });
        }
        Ok(())
    }

    /// Reports the same at the end, also if nothing was written: then nginx had nothing to say.
    pub fn tell(&mut self, events: &Events) -> Result<()> {
        events.emit(Event::NginxLog { texts: self.news()? });
        Ok(())
    }

    fn news(&mut self) -> Result<BTreeMap<String, u64>> {
        let mut texts = BTreeMap::<String, u64>::new();
        for log in &mut self.0 {
            for line in log.news()?.lines().filter(|line| !line.is_empty()) {
                *texts.entry(kind(line)).or_default() += 1;
            }
        }
        Ok(texts)
    }
}

/// `2012/09/27 10:00:00 [error] 7#7: *3 connect() to unix:/x failed (11: Words) while connecting to upstream, client: ...`
/// becomes `connect() failed (11: Words) while connecting to upstream`.
fn kind(line: &str) -> String {
    let said = line.split_once("] ").map_or(line, |(_, rest)| rest);
    let said = said.split_once(": ").filter(|(process, _)| process.contains('#')).map_or(said, |(_, rest)| rest);
    let said = match said.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
        Some((connection, rest)) if connection.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => said,
    };
    let said = said.split(", client: ").next().unwrap_or_default();
    match (said.split_once(' '), said.find(" failed (")) {
        (Some((call, _)), Some(at)) if call.ends_with("()") => format!("{call}{}", &said[at..]),
        _ => said.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn kinds_without_what_differs() {
        let stamp = "2026/01/01 00:00:00";
        let of = |rest: &str| kind(&format!("{stamp} {rest}"));
        assert_eq!(
            of("[error] 90#90: *7 connect() to unix:/run/a.sock failed (11: Resource temporarily unavailable) while \
                connecting to upstream, client: 10.1.0.7, server: , request: \"GET / HTTP/1.1\""),
            "connect() failed (11: Resource temporarily unavailable) while connecting to upstream"
        );
        assert_eq!(
            of("[crit] 90#91: accept4() failed (24: Too many open files)"),
            "accept4() failed (24: Too many open files)"
        );
        let warning = "4096 worker_connections exceed open file resource limit: 1024";
        assert_eq!(of(&format!("[warn] 88#88: {warning}")), warning);
    }

    #[test]
    fn what_is_no_line_of_nginx_stays() {
        assert_eq!(kind("*x of something: else"), "*x of something: else");
        assert_eq!(kind("] "), "");
    }
}
