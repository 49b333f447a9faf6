//! The sources of things: scenarios, their snapshots, and the recipes of images.
//!
//! A project is a folder with `scenarios/` in it, here or above. Anything it lacks comes with the binary (`built_in`),
//! and a scenario may also be named by its path. Reading order: `mod` (the project), `named` (what a NAME means),
//! `images` (which recipes count), `label` (two scenarios of one name in one command).

mod images;
mod label;
mod named;

use crate::{
    PROGRAM,
    built_in::BuiltIn,
    cache::Cache,
    error::{Error, Result},
    image::Recipes,
    outcome::snapshot::Shelf,
    scenario::{Article, Catalogue, FILE, SCENARIOS, Scenario, load},
};
use std::{
    cell::{OnceCell, RefCell},
    path::{Path, PathBuf},
};

/// A scenario with everything that belongs to it.
#[derive(Debug, Clone)]
pub struct Found {
    pub scenario: Scenario,
    /// Its name in this command: its own, or the end of its path where another one has that name too.
    pub label: String,
    pub snapshots: Shelf,
    pub origin: Origin,
    /// Folders with recipes that come with it.
    images: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Found by name, in the project's `scenarios/`.
    Project,
    /// Found by name, in what the binary carries.
    BuiltIn,
    /// Found by its path.
    Path,
}

/// A folder with `scenarios/` in it.
#[derive(Debug)]
struct Tree {
    folder: PathBuf,
    catalogue: Catalogue,
}

#[derive(Debug)]
pub struct Project {
    own: Option<Tree>,
    /// Whether the project is a checkout under `cargo run`, which needs no note about its place.
    is_checkout: bool,
    /// Paths called `scenarios` that are no folder with a scenario in it, and what they are.
    passed_over: Vec<(PathBuf, String)>,
    /// The folder given by `--images`.
    given: Option<PathBuf>,
    built_in: OnceCell<(BuiltIn, Tree)>,
    notes: RefCell<Vec<String>>,
}

impl Project {
    /// Finds the nearest folder, from the current one upwards, with a scenario in its `scenarios/`; then, under
    /// `cargo run` of tunelab itself, its checkout.
    pub fn find(images: Option<&Path>) -> Result<Self> {
        let checkout = checkout();
        let here = std::env::current_dir().ok();
        let above = here.iter().flat_map(|dir| dir.ancestors()).map(Path::to_owned);
        let (mut own, mut passed_over) = (None, Vec::new());
        for folder in above.chain(checkout.clone()) {
            let scenarios = folder.join(SCENARIOS);
            match Catalogue::of(&folder) {
                Ok(catalogue) if !catalogue.names().is_empty() => {
                    own = Some(Tree { folder, catalogue });
                    break;
                }
                Ok(_) => passed_over.push((scenarios, format!("holds no scenario: no folder in it has a `{FILE}`"))),
                Err(_) if scenarios.symlink_metadata().is_err() => {}
                Err(e) => passed_over.push((scenarios, format!("is passed over: {}", cause_of(&e)))),
            }
        }
        let is_checkout = own.as_ref().is_some_and(|tree| Some(&tree.folder) == checkout.as_ref());
        let given = images.map(Path::to_owned);
        if let Some(folder) = images {
            Recipes::are_in(folder)?;
        }
        Ok(Project { own, is_checkout, passed_over, given, built_in: OnceCell::new(), notes: RefCell::default() })
    }

    /// The project in this folder.
    pub fn at(folder: &Path) -> Result<Self> {
        let own = Some(Tree { folder: folder.to_owned(), catalogue: Catalogue::of(folder)? });
        let (built_in, notes) = (OnceCell::new(), RefCell::default());
        Ok(Project { own, is_checkout: true, passed_over: Vec::new(), given: None, built_in, notes })
    }

    /// The user's folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.own.as_ref().map(|tree| tree.folder.as_path())
    }

    /// Returns the project's scenarios, or those that come with the binary where there is no project.
    pub fn catalogue(&self) -> Result<&Catalogue> {
        self.tree().map(|tree| &tree.catalogue)
    }

    /// Loads all scenarios, whole; the first wrong one ends it.
    pub fn scenarios(&self) -> Result<Vec<Found>> {
        self.catalogue()?.names().iter().map(|name| self.by_name(name)).collect()
    }

    /// The article whose claims the project's scenarios may settle; a project of the user's own need not have one.
    pub fn article(&self) -> Result<Option<Article>> {
        Article::of(&self.tree()?.folder)
    }

    /// Takes what the user should know about the places of things, a line each; each is said once.
    pub fn notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// Notes where a NAME is looked for, and which scenarios a command about all of them means.
    pub fn introduce(&self) {
        let mut notes = self.notes.borrow_mut();
        for (folder, why) in &self.passed_over {
            notes.push(format!("`{}` {why}", folder.display()));
        }
        if let Some(tree) = self.own.as_ref().filter(|_| !self.is_checkout) {
            let folder = tree.catalogue.folder().display();
            notes.push(format!("the scenarios are those in `{folder}`; the built-in ones are found by name"));
        }
    }

    /// Notes that there is no project, for commands that are about all scenarios.
    pub fn introduce_built_in(&self) {
        if self.own.is_none() {
            let line = "the scenarios are the built-in ones: no folder here or above has one in its `scenarios/`";
            self.notes.borrow_mut().push(line.into());
        }
    }

    /// Adds a note.
    pub fn note(&self, line: String) {
        self.notes.borrow_mut().push(line);
    }

    fn tree(&self) -> Result<&Tree> {
        self.own.as_ref().map_or_else(|| self.built_in(), Ok)
    }

    /// The binary's catalogue, unpacked when it is first needed.
    fn built_in(&self) -> Result<&Tree> {
        if self.built_in.get().is_none() {
            let built_in = BuiltIn::open(&Cache::open()?)?;
            if let Some(why) = &built_in.mended {
                let folder = built_in.folder().display();
                self.note(format!("unpacked the built-in scenarios again: in `{folder}`, {why}"));
            }
            let folder = built_in.folder().to_owned();
            let tree = Tree { catalogue: Catalogue::of(&folder)?, folder };
            let _ = self.built_in.set((built_in, tree));
        }
        Ok(&self.built_in.get().expect("just set").1)
    }
}

impl Tree {
    fn has(&self, name: &str) -> bool {
        self.catalogue.has(name)
    }

    /// Loads a scenario, which is checked with its project's article.
    fn load(&self, name: &str, origin: Origin) -> Result<Found> {
        let scenario = self.catalogue.load(name)?;
        Ok(Found { origin, ..Found::in_project(&self.folder, scenario) })
    }
}

impl Found {
    /// A scenario of `scenarios/` in this folder.
    pub fn in_project(project: &Path, scenario: Scenario) -> Self {
        // A scenario that has snapshots of its own keeps them, however it is named.
        let beside = scenario.folder.join("snapshots").is_dir();
        let snapshots = match beside {
            true => Shelf::beside(&scenario.folder),
            false => Shelf::of_project(project, &scenario.name),
        };
        let images = folders_of([scenario.folder.join(images::FOLDER)]);
        Found { label: scenario.name.clone(), origin: Origin::Project, snapshots, images, scenario }
    }

    /// A scenario as a record has it, to be compared with the snapshots of `known`, the one of that name in a project. None is
    /// written.
    pub fn of_a_record(label: &str, scenario: Scenario, known: Option<Found>) -> Self {
        let snapshots = known.map_or_else(|| Shelf::beside(&scenario.folder), |known| known.snapshots).read_only();
        Found { label: label.to_owned(), origin: Origin::Path, snapshots, images: Vec::new(), scenario }
    }

    /// A scenario in a folder of its own.
    fn alone(folder: &Path) -> Result<Self> {
        let scenario = load(folder)?;
        let images = folders_of([folder.join(images::FOLDER)]);
        let (label, snapshots) = (scenario.name.clone(), Shelf::beside(folder));
        Ok(Found { label, origin: Origin::Path, snapshots, images, scenario })
    }

    /// Refuses to store an outcome if the snapshots cannot be changed.
    pub fn check_writable(&self) -> Result<()> {
        if self.snapshots.is_writable() {
            return Ok(());
        }
        let (name, folder) = (&self.scenario.name, self.scenario.folder.display());
        Err(Error::input(format!("`{name}` is built in, and so is its snapshot: `--accept` cannot change it"))
            .hint(format!("make it yours: `cp -r {folder} . && tunelab scenario ./{name} --accept`")))
    }
}

fn folders_of(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    folders.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// Finds tunelab's own source, if `cargo run` has just built and started this very binary from it. Cargo sets the
/// variables for every package's programs and tests, and all that they start: only ours counts.
fn checkout() -> Option<PathBuf> {
    let ours = |variable: &str, value: &Path| std::env::var_os(variable).is_some_and(|said| Path::new(&said) == value);
    // This library lies below the program's package.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    (ours("CARGO_PKG_NAME", PROGRAM.as_ref()) && ours("CARGO_MANIFEST_DIR", root)).then(|| root.to_owned())
}

fn cause_of(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.message().to_owned(), ToString::to_string)
}
