//! Open files: descriptors of nginx's processes, and what is open in the whole machine.

use super::Values;
use crate::serve::nginx;
use anyhow::{Context, Result};

pub fn read() -> Result<Values> {
    let descriptors = |pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
    let of_nginx = nginx::processes()?.into_iter().map(descriptors).sum();
    let open = crate::tune::read("fs.file-nr").as_deref().and_then(first).context("no fs.file-nr")?;
    Ok([("files.nginx", of_nginx), ("files.open", open)].map(|(name, value)| (name.to_string(), value)).into())
}

/// `1024 0 9223372036854775807`: in use, free, at most.
fn first(numbers: &str) -> Option<u64> {
    numbers.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn file_nr() {
        assert_eq!(first("1024 0 99"), Some(1024));
        assert_eq!(first(""), None);
    }
}
