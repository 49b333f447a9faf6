//! Open files: descriptors of nginx's processes, files open in the whole machine, and how many there may be.

use super::Values;
use crate::serve::nginx;
use crate::tune::Nofile;
use anyhow::{Context, Result};

pub fn read() -> Result<Values> {
    let descriptors = |pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
    let processes = nginx::processes()?;
    let held: Vec<u64> = processes.iter().copied().map(descriptors).collect();
    let (open, at_most) = crate::tune::read("fs.file-nr").as_deref().and_then(file_nr).context("no fs.file-nr")?;
    let mut values = vec![("files.nginx", held.iter().sum()), ("files.open", open), ("files.limit", at_most)];
    if let Some((&busiest, &most)) = processes.iter().zip(&held).max_by_key(|(_, held)| **held) {
        values.extend([("files.worker", most), ("files.worker_limit", Nofile::of_process(busiest)?.soft)]);
    }
    Ok(values.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
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
