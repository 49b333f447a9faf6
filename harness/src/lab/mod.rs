//! One run end to end. To come; these are the types `cli`, `outcome` and `report` rely on.

use crate::{cache::Cache, error::Result, outcome::Record, plan::RunSpec, story::RunName, story::Teller};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// `-icount`: days in seconds, and the same bytes every time.
    Virtual,
    /// Real time, KVM where it works.
    Wall,
}

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Request {
    pub runs: Vec<RunSpec>,
    pub clock: Clock,
    /// Machines at once.
    pub jobs: usize,
    /// Leaves the run's folder (console, overlay) where it is.
    pub keep: bool,
    /// Packages missing on this host may be installed.
    pub install: bool,
    /// Records are copied to here.
    pub out: Option<PathBuf>,
    /// Becomes true when the user wants it to end: clean up and return `Error::interrupted()`.
    pub cancel: watch::Receiver<bool>,
}

#[derive(Debug, Clone)]
pub struct RunResult {
    pub run: Arc<RunName>,
    /// As `uname -r` says it.
    pub kernel: String,
    pub clock: Clock,
    pub virtual_seconds: f64,
    pub wall_seconds: f64,
    /// Where the record is kept.
    pub path: PathBuf,
    pub record: Record,
}

/// Results in the order of `request.runs`. The outer error: nothing could run at all.
pub async fn run_all(_request: Request, _cache: &Cache, _teller: &Teller) -> Result<Vec<Result<RunResult>>> {
    Err(crate::error::Error::host("there is no lab yet"))
}
