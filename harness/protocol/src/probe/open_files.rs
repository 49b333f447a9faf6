//! Open files: descriptors of nginx's processes, files open in the whole machine, and how many there may be.

use super::{Read, Sampled, reading, sysctl, text};
use crate::readings::Unit::Count;

/// The probe, and its readings.
#[rustfmt::skip]
pub const PROBE: Sampled = Sampled {
    key: "open-files",
    about: "descriptors of nginx, and open files in all",
    readings: &[
        reading("files.nginx", Count, "/proc/PID/fd", "descriptors of all of nginx's processes"),
        reading("files.worker", Count, "/proc/PID/fd", "descriptors of the one that has most"),
        reading("files.worker_limit", Count, "/proc/PID/limits", "its soft limit of open files"),
        reading("files.open", Count, "fs.file-nr", "files open in the whole machine"),
        reading("files.limit", Count, "fs.file-nr", "the most that may be (fs.file-max)"),
    ],
    read,
};

fn read() -> Read {
    let descriptors = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
    let processes = of_nginx();
    let held: Vec<u64> = processes.iter().map(descriptors).collect();
    let (open, at_most) = sysctl("fs.file-nr").as_deref().and_then(file_nr).ok_or("no fs.file-nr")?;
    let mut values = vec![("files.nginx", held.iter().sum()), ("files.open", open), ("files.limit", at_most)];
    if let Some((busiest, most)) = processes.iter().zip(&held).max_by_key(|(_, held)| **held) {
        let limits = text(&format!("/proc/{busiest}/limits"))?;
        values.push(("files.worker", *most));
        values.extend(soft_limit(&limits).map(|limit| ("files.worker_limit", limit)));
    }
    Ok(values.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
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
    use super::file_nr;

    #[test]
    fn first_and_last() {
        assert_eq!(file_nr("1024 0 99"), Some((1024, 99)));
        assert_eq!(file_nr(""), None);
    }
}
