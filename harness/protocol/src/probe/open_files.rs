//! Open files: descriptors of services' processes, files open in the whole machine, and how many there may be.

use super::{Look, Read, Sampled, Scope, Values, reading, sysctl, text};
use crate::reading::Unit::Count;

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "open-files",
    about: "descriptors of nginx and of the services that metrics ask for, and open files in all",
    scope: Scope::Guest,
    modules: &[],
    readings: &[
        reading("files.nginx", Count, "/proc/PID/fd", "descriptors of all of nginx's processes"),
        reading("files.worker", Count, "/proc/PID/fd", "descriptors of the one that has most"),
        reading("files.worker_limit", Count, "/proc/PID/limits", "its soft limit of open files"),
        reading("files.open", Count, "fs.file-nr", "files open in the whole machine"),
        reading("files.limit", Count, "fs.file-nr", "the most that may be (fs.file-max)"),
        reading("files.NAME", Count, "/proc/PID/fd", "descriptors of all processes of that service"),
        reading("files.NAME.worker", Count, "/proc/PID/fd", "descriptors of the one that has most"),
        reading("files.NAME.worker_limit", Count, "/proc/PID/limits", "its soft limit of open files"),
    ],
    read,
};

fn read(look: &Look<'_>) -> Read {
    let (open, at_most) = sysctl("fs.file-nr").as_deref().and_then(file_nr).ok_or("no fs.file-nr")?;
    let mut values: Values = [("files.open".to_string(), open), ("files.limit".to_string(), at_most)].into();
    let nginx = Held::by(&of_nginx());
    values.extend(nginx.named("files.nginx", "files"));
    for service in look.of {
        let name = format!("files.{service}");
        let Some(pids) = (look.processes)(service) else { continue };
        values.extend(Held::by(&pids).named(&name, &name));
        // It was stopped: no process of it holds anything.
        values.entry(format!("{name}.worker")).or_insert(0);
    }
    Ok(values)
}

/// The descriptors of some processes.
struct Held {
    all: u64,
    /// The descriptors of the process that has most, and its soft limit; `None`: no process runs.
    busiest: Option<(u64, Option<u64>)>,
}

impl Held {
    /// A process that has ended by now holds nothing.
    fn by(pids: &[u32]) -> Self {
        let descriptors = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
        let held: Vec<(u32, u64)> = pids.iter().map(|pid| (*pid, descriptors(pid))).collect();
        let limit = |pid| text(&format!("/proc/{pid}/limits")).ok().as_deref().and_then(soft_limit);
        let busiest = held.iter().max_by_key(|(_, held)| *held).map(|(pid, held)| (*held, limit(*pid)));
        Held { all: held.iter().map(|(_, held)| held).sum(), busiest }
    }

    /// The readings `all`, and below `group` those of the process that has most.
    fn named(&self, all: &str, group: &str) -> Vec<(String, u64)> {
        let mut values = vec![(all.to_owned(), self.all)];
        if let Some((most, limit)) = self.busiest {
            values.push((format!("{group}.worker"), most));
            values.extend(limit.map(|limit| (format!("{group}.worker_limit"), limit)));
        }
        values
    }
}

/// All processes of nginx.
fn of_nginx() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| text(&format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "nginx")).collect()
}

/// Parses `Max open files            1024                 4096                 files`.
fn soft_limit(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

/// Parses `1024 0 9223372036854775807` (in use, free, at most): the first and the last.
fn file_nr(numbers: &str) -> Option<(u64, u64)> {
    let mut numbers = numbers.split_whitespace().map(str::parse);
    numbers.next()?.ok().zip(numbers.nth(1)?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last() {
        assert_eq!(file_nr("1024 0 99"), Some((1024, 99)));
        assert_eq!(file_nr(""), None);
    }

    #[test]
    fn descriptors_of_this_process() {
        let _open = std::fs::File::open("/proc/self/stat").unwrap();
        let values: Values = Held::by(&[std::process::id()]).named("files.app", "files.app").into_iter().collect();
        assert!(values["files.app"] >= 4 && values["files.app.worker"] == values["files.app"], "{values:?}");
        assert!(values["files.app.worker_limit"] >= values["files.app"], "{values:?}");
        let none: Vec<_> = Held::by(&[]).named("files.app", "files.app");
        assert_eq!(none, [("files.app".to_string(), 0)]);
    }
}
