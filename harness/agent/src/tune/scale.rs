//! The scale of a run, where it meets the guest's own limits: limits that are not set anywhere are scaled as well, and what is
//! reported is what was written, not what was set for it.

use super::{Nofile, sysctl};
use anyhow::{Context, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use tunelab_protocol::probe::sysctl as read;
use tunelab_protocol::scale;
use tunelab_protocol::{Config, ModuleLoad, Plan, todays_name};

/// conntrack's buckets can be set by this file on all kernels, by their sysctl since 4.7 only.
const HASHSIZE: &str = "/sys/module/nf_conntrack/parameters/hashsize";

/// Everything that counts things is so many times smaller than in the incident.
pub struct Scale {
    by: u32,
    /// The value that was set and the one that was written for it, by a host's prefix and today's name.
    written: RefCell<BTreeMap<(String, String), (String, String)>>,
    /// The limits of open files that were written, by those that were set for them.
    files: RefCell<BTreeMap<u64, u64>>,
}

/// The limits of one host as its kernel has them.
pub struct Defaults(Vec<(&'static str, String)>);

impl Scale {
    pub fn of(plan: &Plan) -> Self {
        Scale { by: plan.scale, written: RefCell::default(), files: RefCell::default() }
    }

    /// Whether anything is scaled at all.
    pub fn is_whole(&self) -> bool {
        self.by == 1
    }

    /// The value to set for one that is written.
    pub fn value(&self, host: &str, name: &str, value: &str) -> String {
        let scaled = if self.is_whole() { None } else { scale::sysctl(name, value, self.by) };
        let Some(scaled) = scaled else { return value.to_owned() };
        let key = (host.to_owned(), todays_name(name));
        self.written.borrow_mut().insert(key, (scaled.clone(), in_one_line(value)));
        scaled
    }

    /// The value that was written where this one was set for it; else the value itself.
    pub fn written(&self, host: &str, name: &str, value: String) -> String {
        let written = self.written.borrow();
        let found = written.get(&(host.to_owned(), todays_name(name))).filter(|(set, _)| *set == in_one_line(&value));
        found.map_or(value, |(_, written)| written.clone())
    }

    /// Scales the parameters of a module, where they count things.
    pub fn module(&self, module: &ModuleLoad) -> String {
        let scaled = |word: &str| {
            let scaled = if self.is_whole() { None } else { scale::module_parameter(&module.name, word, self.by) };
            scaled.unwrap_or_else(|| word.to_owned())
        };
        module.parameters.split_whitespace().map(scaled).collect::<Vec<_>>().join(" ")
    }

    /// Reads the limits of the host in this namespace. All hosts are read before any is scaled: some limits are the
    /// whole guest's.
    pub fn defaults(&self) -> Defaults {
        let names = if self.is_whole() { Vec::new() } else { scale::sysctls().collect() };
        Defaults(names.into_iter().filter_map(|name| Some((name, read(name)?))).collect())
    }

    /// Scales them. What cannot be written in this namespace is the whole guest's, and was scaled with the server's.
    pub fn apply(&self, host: &str, defaults: &Defaults) {
        for (name, value) in &defaults.0 {
            let _ = sysctl::write(name, &self.value(host, name, value));
        }
    }

    /// Scales the number of conntrack's buckets, once its module is there.
    pub fn buckets(&self) -> Result<()> {
        let hashsize = Path::new(HASHSIZE);
        if self.is_whole() || !hashsize.exists() {
            return Ok(());
        }
        let text = std::fs::read_to_string(hashsize).context("failed to read conntrack's hashsize")?;
        let buckets = text.trim().parse().with_context(|| format!("`{}` is no number of buckets", text.trim()))?;
        let scaled = scale::part(buckets, 0, self.by).to_string();
        std::fs::write(hashsize, &scaled).with_context(|| format!("failed to set conntrack's hashsize to {scaled}"))
    }

    /// Scales the limits of open files.
    pub fn files(&self, limits: Nofile) -> Nofile {
        let scaled = |limit| {
            let scaled = scale::open_files(limit, self.by);
            self.files.borrow_mut().insert(scaled, limit);
            scaled
        };
        Nofile { soft: scaled(limits.soft), hard: scaled(limits.hard) }
    }

    /// The limits as they were written. A limit that was not scaled, such as init's, is told as it is.
    pub fn written_files(&self, limits: Nofile) -> Nofile {
        let files = self.files.borrow();
        let written = |limit| files.get(&limit).copied().unwrap_or(limit);
        Nofile { soft: written(limits.soft), hard: written(limits.hard) }
    }

    /// Scales the configurations where they lie.
    pub fn configs(&self, configs: &[Config]) -> Result<()> {
        for config in configs {
            let (path, scaled): (_, fn(&str, u32) -> String) = match config {
                Config::Nginx(path) => (path, scale::nginx),
                Config::Haproxy(path) => (path, scale::haproxy),
            };
            let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
            std::fs::write(path, scaled(&text, self.by)).with_context(|| format!("failed to write {path}"))?;
        }
        Ok(())
    }
}

/// The kernel separates the numbers of a value by tabs.
fn in_one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(by: u32) -> Scale {
        Scale { by, written: RefCell::default(), files: RefCell::default() }
    }

    #[test]
    fn what_was_written_is_told() {
        let scale = scale(1000);
        let name = "net.ipv4.ip_local_port_range";
        assert_eq!(scale.value("", name, "18000 65535"), "18000 18047");
        assert_eq!(scale.written("", name, "18000\t18047".into()), "18000 65535");
        assert_eq!(scale.written("", name, "32768\t60999".into()), "32768\t60999", "another is in force");
        assert_eq!(scale.written("gateway: ", name, "18000\t18047".into()), "18000\t18047", "another host's");
    }

    #[test]
    fn at_full_size_nothing_is() {
        let scale = scale(1);
        assert_eq!(scale.value("", "net.core.somaxconn", " 4096"), " 4096");
        assert!(scale.defaults().0.is_empty());
    }
}
