//! Every input that was tried in order to break something, as one table: the input, the exit code, and the message. The
//! real binary runs; no machine starts.
//!
//! An edit is one mistake, and one mistake is one error: unless a row says otherwise, nothing else may be reported.

mod cache;
mod edits;
mod files;
mod flags;
mod many;
mod odd;
mod project;
mod recipes;

use assert_cmd::Command;
use project::Project;
use std::{
    path::PathBuf,
    process::Output,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Longer than any of it takes on a busy host, and shorter than a hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// Makes the input, in a project of its own; returns the arguments.
type Given = Box<dyn Fn(&Project) -> Vec<String> + Send + Sync>;

/// One line of the table.
pub struct Row {
    pub name: String,
    pub given: Given,
    pub exit: i32,
    /// All of these are said, on standard output or standard error.
    pub says: Vec<String>,
}

impl Row {
    pub fn new(
        name: impl Into<String>,
        given: impl Fn(&Project) -> Vec<String> + Send + Sync + 'static,
        says: &[&str],
    ) -> Self {
        let says = says.iter().map(|part| (*part).to_owned()).collect();
        Row { name: name.into(), given: Box::new(given), exit: 2, says }
    }

    /// Says what went wrong; `None` if nothing did.
    fn wrong(&self) -> Option<String> {
        let project = Project::new();
        let args = (self.given)(&project);
        let output = run(&project, &args);
        let said = said(&output, &project);
        let missing: Vec<&String> = self.says.iter().filter(|part| !said.contains(part.as_str())).collect();
        let hidden = said.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        let panicked = said.contains("panicked");
        if output.status.code() == Some(self.exit) && missing.is_empty() && hidden.is_none() && !panicked {
            return None;
        }
        let code = output.status.code();
        Some(format!("## {}\n{args:?}\nexit {code:?}, lacks {missing:?}, hidden {hidden:?}\n{said}", self.name))
    }
}

fn run(project: &Project, args: &[String]) -> Output {
    let mut command = Command::cargo_bin("tunelab").unwrap();
    command.current_dir(project.home()).env("TUNELAB_CACHE", project.cache());
    command.args(args).timeout(DEADLINE).output().unwrap()
}

/// The output, without the temporary folder's name.
fn said(output: &Output, project: &Project) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&both).replace(&format!("{}/", project.home().display()), "");
    // A long message continues in the next line of its frame.
    said.replace("\n  | ", " ")
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Arguments that read the scenario, and refuse it then for another reason, so that nothing runs.
fn look() -> Vec<String> {
    strings(&["scenario", "whole", "--variant", "none"])
}

/// Runs the rows side by side, and reports all that went wrong.
fn check(rows: Vec<Row>, at_least: usize) {
    assert!(rows.len() >= at_least, "{} rows", rows.len());
    let (next, wrong) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |n| n.get()) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(row.wrong());
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} rows:\n\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// The path where the rows put something for the binary to find.
fn path(project: &Project, name: &str) -> PathBuf {
    project.home().join(name)
}

#[test]
fn the_project_that_is_broken_is_whole() {
    check(vec![Row::new("whole", |_| look(), &["`whole` has no variant `none`"])], 1);
}

#[test]
fn scenarios_with_a_mistake() {
    check(edits::rows(), 100);
}

#[test]
fn files_of_any_kind_in_any_place() {
    check(files::rows(), 60);
}

#[test]
fn flags_of_every_subcommand() {
    check(flags::rows(), 40);
}

#[test]
fn too_much_of_anything() {
    check(many::rows(), 10);
}

#[test]
fn recipes_with_a_mistake() {
    check(recipes::rows(), 12);
}

#[test]
fn caches_that_were_damaged() {
    check(cache::rows(), 6);
}
