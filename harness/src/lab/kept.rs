//! `run.json`, beside a run's events: everything that is needed to read the run again without a machine, wherever its folder
//! was copied to.

use super::{Clock, RunResult};
use crate::{
    error::{Context, Error, Result},
    outcome::Record,
    plan::RunSpec,
    read,
    scenario::{self, Machine, Scenario},
    story::RunName,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};
use tunelab_protocol::Plan;

const FILE: &str = "run.json";
/// The file of events in the same folder.
pub const EVENTS: &str = "events.jsonl";
/// Raised whenever the document changes its meaning.
const FORMAT: u32 = 2;
/// The most that a document may have, in bytes: a scenario's files are at most 1 MiB each.
const MOST: u64 = 64 << 20;

/// The document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    format: u32,
    /// tunelab's version and how it was started.
    tunelab: String,
    command: Vec<String>,
    run: RunName,
    /// The image's kernel, or the one in its place, as `uname -r` says it.
    kernel: String,
    kernel_sha256: String,
    modules_sha256: Option<String>,
    clock: Clock,
    wall_seconds: f64,
    boot_retries: Vec<String>,
    /// Why no snapshot is of this run.
    not_comparable: Option<String>,
    /// The scenario's own file and all that it deploys, by name.
    files: BTreeMap<String, String>,
    plan: Plan,
}

/// The facts that the lab knows of a run besides its record.
pub struct Circumstances<'a> {
    pub kernel: &'a str,
    pub kernel_sha256: &'a str,
    pub modules_sha256: Option<&'a str>,
    pub clock: Clock,
    pub wall_seconds: f64,
    pub boot_retries: &'a [String],
}

/// Writes the document into the folder of the run's events.
pub fn write(folder: &Path, spec: &RunSpec, known: &Circumstances<'_>) -> Result<()> {
    let mut files = BTreeMap::from([(scenario::FILE.to_owned(), spec.source.inner().clone())]);
    for (name, path) in &spec.files {
        files.insert(name.clone(), read::text(path, "the file", read::TEXT)?);
    }
    let kept = Kept {
        format: FORMAT,
        tunelab: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect(),
        run: (*spec.run).clone(),
        kernel: known.kernel.to_owned(),
        kernel_sha256: known.kernel_sha256.to_owned(),
        modules_sha256: known.modules_sha256.map(str::to_owned),
        clock: known.clock,
        wall_seconds: known.wall_seconds,
        boot_retries: known.boot_retries.to_vec(),
        not_comparable: spec.not_comparable.map(str::to_owned),
        files,
        plan: spec.plan.clone(),
    };
    let path = folder.join(FILE);
    let text = serde_json::to_vec_pretty(&kept).expect("a run is plain data");
    fs::write(&path, text).host(|| format!("failed to write `{}`", path.display()))
}

/// A run as its folder has it: the scenario as it was, and what came of it.
pub struct Again {
    pub scenario: Scenario,
    pub spec: RunSpec,
    pub result: Result<RunResult>,
}

/// Reads a run again from its folder.
///
/// # Errors
/// Input, where the folder has no run in it, or one of another version of tunelab. That the run itself failed is in
/// [`Again::result`].
pub fn read(folder: &Path) -> Result<Again> {
    let path = folder.join(FILE);
    let hint = "name the folder of one run: `tunelab scenario NAME --out DIR` puts one for each run into DIR";
    let text =
        read::text(&path, "the run", MOST).map_err(|e| if e.hint_text().is_none() { e.hint(hint) } else { e })?;
    let broken = |why: String| Error::input(format!("`{}` is no run: {why}", path.display())).hint(hint);
    let version = serde_json::from_str::<serde_json::Value>(&text).map_err(|e| broken(e.to_string()))?;
    if version["format"] != FORMAT {
        return Err(broken(format!("its format is {}, and this tunelab reads {FORMAT}", version["format"])));
    }
    let kept: Kept = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    let scenario = kept.scenario()?;
    let run = Arc::new(kept.run.clone());
    let spec = RunSpec {
        run: run.clone(),
        machine: Machine::default(),
        files: BTreeMap::new(),
        certificates: BTreeSet::new(),
        rehearsals: Vec::new(),
        plan: kept.plan.clone(),
        source: scenario.source.clone(),
        not_comparable: kept.not_comparable.as_ref().map(|_| "its run was not one of the scenario's own"),
    };
    let result = Record::load(&folder.join(EVENTS)).map(|record| RunResult {
        run,
        kernel: kept.kernel,
        kernel_sha256: kept.kernel_sha256,
        modules_sha256: kept.modules_sha256,
        clock: kept.clock,
        virtual_seconds: record.lasted().as_secs_f64(),
        wall_seconds: kept.wall_seconds,
        boot_retries: kept.boot_retries,
        path: folder.to_owned(),
        not_copied: None,
        record,
    });
    Ok(Again { scenario, spec, result })
}

impl Kept {
    /// The scenario as it was when it ran, whatever became of its folder since.
    fn scenario(&self) -> Result<Scenario> {
        let home = tempfile::tempdir().host(|| "failed to create a temporary folder".into())?;
        let folder = home.path().join(&self.plan.scenario);
        let failed = || format!("failed to write to `{}`", folder.display());
        fs::create_dir(&folder).host(failed)?;
        for (name, text) in &self.files {
            if name.contains('/') || name.starts_with('.') {
                return Err(Error::input(format!("`{name}` is no name of a file in a run")));
            }
            fs::write(folder.join(name), text).host(failed)?;
        }
        scenario::load(&folder)
    }
}
