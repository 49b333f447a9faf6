//! nginx's processes, once it runs.

use crate::tool;
use anyhow::{Context, Result};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// All of them.
pub fn processes() -> Result<Vec<Pid>> {
    Ok(tool::processes()?.into_iter().filter(|&pid| tool::comm(pid).trim_end() == "nginx").collect())
}

/// The one that no other of them started.
pub fn master() -> Result<Pid> {
    let all = processes()?;
    all.iter().copied().find(|&pid| !all.contains(&parent(pid))).context("no nginx runs")
}

/// The first worker, once it has set itself up: that it says so in its title is the last thing it does of that.
pub fn worker() -> Result<Pid> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let since = Instant::now();
    loop {
        if let Some(pid) = processes()?.into_iter().find(|&pid| title(pid).contains("worker process")) {
            return Ok(pid);
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "nginx has no worker after {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn title(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Of a process that runs; 0 if it is gone.
fn parent(pid: Pid) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    Pid::from_raw(parent_in(&stat).unwrap_or(0))
}

/// `90 (nginx) S 1 ...`: a name may have brackets and spaces in it.
fn parent_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent_in;

    #[test]
    fn parents() {
        assert_eq!(parent_in("90 (a) b) S 17 90 90 0"), Some(17));
        assert_eq!(parent_in(""), None);
    }
}
