//! The meanings of a NAME: a path to a scenario, one of the project's, or one that comes with the binary.

use super::{Found, Origin, Project, folders_of, images, label};
use crate::{
    built_in,
    error::{Error, Result},
    scenario::{FILE, SCENARIOS, nearest, suggestion},
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

impl Project {
    /// Returns all scenarios that are named, each once, and each with a label of its own.
    pub fn named(&self, names: &[String]) -> Result<Vec<Found>> {
        if names.iter().any(|name| !is_path(name)) {
            self.introduce();
        }
        let mut found: Vec<Found> = Vec::new();
        for name in names {
            let one = self.one(name)?;
            let folder = |found: &Found| std::fs::canonicalize(&found.scenario.folder).ok();
            if !found.iter().any(|other| folder(other) == folder(&one)) {
                found.push(one);
            }
        }
        label::tell_apart(&mut found);
        Ok(found)
    }

    fn one(&self, name: &str) -> Result<Found> {
        if is_path(name) { self.by_path(name) } else { self.by_name(name) }
    }

    pub(super) fn by_name(&self, name: &str) -> Result<Found> {
        if let Some(tree) = self.own.as_ref().filter(|tree| tree.has(name)) {
            return tree.load(name, Origin::Project);
        }
        if !built_in_names().iter().any(|known| known == name) {
            return Err(self.unknown(name));
        }
        if let Some(tree) = &self.own {
            self.note(format!("`{name}` is the built-in one: `{}` has none", tree.catalogue.folder().display()));
        }
        let found = self.built_in()?.load(name, Origin::BuiltIn)?;
        Ok(Found { snapshots: found.snapshots.clone().read_only(), ..found })
    }

    fn by_path(&self, typed: &str) -> Result<Found> {
        let folder = folder(Path::new(typed))?;
        // If it is a pipe or a link that leads nowhere, the code that loads it reports that.
        match folder.join(FILE).symlink_metadata() {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                return Err(Error::input(format!("failed to look into `{}`", folder.display())).cause(e));
            }
            Err(_) => return Err(nothing_at(typed, &folder)),
        }
        let parent = folder.parent().filter(|parent| parent.ends_with(SCENARIOS));
        let Some(project) = parent.and_then(Path::parent) else { return Found::alone(&folder) };
        let mut found = Found::in_project(project, crate::scenario::load(&folder)?);
        found.images.extend(folders_of([project.join(images::FOLDER)]));
        Ok(Found { origin: Origin::Path, ..found })
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::input(format!("there is no scenario `{name}`"));
        if Path::new(name).join(FILE).is_file() {
            return error.hint(format!("the folder here is one: `./{name}`"));
        }
        let own: Vec<String> = self.own.iter().flat_map(|tree| tree.catalogue.names()).cloned().collect();
        let built_in = built_in_names();
        let mut known: Vec<&str> = own.iter().chain(&built_in).map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        error.hint(format!("{} (looked for {})", suggestion(name, &known), self.places()))
    }

    /// The places where a name is looked for.
    fn places(&self) -> String {
        let folder = |path: &Path| format!("in `{}`", path.display());
        let own = self.own.iter().map(|tree| folder(tree.catalogue.folder()));
        let mut places: Vec<String> = self.passed_over.iter().map(|(path, _)| folder(path)).chain(own).collect();
        places.push("among the built-in ones".into());
        places.join(" and ")
    }
}

fn built_in_names() -> Vec<String> {
    built_in::names(SCENARIOS, &format!("/{FILE}"))
}

/// Whether this is a path. A name has no `/`; a folder of that name is `./NAME`, as with programs.
fn is_path(name: &str) -> bool {
    name.contains('/') || [".", "..", FILE].contains(&name)
}

/// Returns the scenario's folder, whether it or its file was typed; absolute, since its last part is the scenario's
/// name.
fn folder(typed: &Path) -> Result<PathBuf> {
    let failed = |e| Error::input(format!("there is no scenario at `{}`", typed.display())).cause(e);
    let is_file = typed.file_name().is_some_and(|name| name == FILE) && !typed.is_dir();
    let folder = if is_file { typed.parent().unwrap_or(Path::new("")) } else { typed };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A link's own name is the scenario's, but `..` has none.
    let climbs = folder.components().any(|part| part == std::path::Component::ParentDir);
    if climbs { folder.canonicalize() } else { std::path::absolute(folder) }.map_err(failed)
}

/// Says what is there instead, or what was most likely meant.
fn nothing_at(typed: &str, folder: &Path) -> Error {
    let inside = scenarios_in(folder);
    let beside = folder.parent().map(scenarios_in).unwrap_or_default();
    let meant = folder.file_name().and_then(|name| name.to_str()).and_then(|name| {
        let known: Vec<&str> = beside.iter().map(String::as_str).collect();
        nearest(name, &known).map(str::to_owned)
    });
    let hint = match (folder.is_dir(), meant) {
        (true, _) if !inside.is_empty() => {
            let paths: Vec<_> = inside.iter().map(|name| format!("`{}/{name}`", typed.trim_end_matches('/'))).collect();
            format!("there are some in it: {}", paths.join(", "))
        }
        (false, Some(near)) => format!("did you mean `{}`?", folder.with_file_name(near).display()),
        _ => format!("a scenario is a folder with a `{FILE}`; `tunelab list` shows those that have a name"),
    };
    let what = if folder.is_dir() { format!("no `{FILE}` in it") } else { "no such folder".into() };
    Error::input(format!("there is no scenario at `{}`: {what}", folder.display())).hint(hint)
}

fn scenarios_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let scenarios = entries.filter(|entry| entry.path().join(FILE).is_file());
    let mut names: Vec<String> = scenarios.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
