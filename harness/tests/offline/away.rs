//! Away from the checkout: the real binary in empty folders, in a user's projects, and with scenarios named by paths.

use crate::made;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;
use tunelab::{built_in, cache::Cache, scenario::FILE};

/// A folder of the user, with a cache elsewhere.
struct Away {
    home: TempDir,
    cache: TempDir,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Away {
    fn new() -> Self {
        let [home, cache] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Away { home, cache }
    }

    /// A folder with `small` in `scenarios/`, and nothing else.
    fn project() -> Self {
        let away = Away::new();
        away.scenario("scenarios/small", made::SMALL);
        away
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn scenario(&self, folder: &str, text: &str) {
        self.write(&format!("{folder}/{FILE}"), text);
        self.write(&format!("{folder}/base.conf"), "net.netfilter.nf_conntrack_max = 100\n");
    }

    /// Runs in a folder below this one; the output is without the names of temporary folders.
    fn run_in(&self, folder: &str, args: &[&str], variables: &[(&str, &Path)]) -> Said {
        let mut command = made::tunelab_in(&self.path(folder));
        let output =
            command.args(args).env("TUNELAB_CACHE", self.cache.path()).envs(variables.to_vec()).output().unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replace(self.home.path().to_str().unwrap(), "HOME");
            text.replace(built_in::folder(&self.cache()).to_str().unwrap(), "BUILT-IN")
        };
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn run(&self, args: &[&str]) -> Said {
        self.run_in("", args, &[])
    }

    fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said
    }

    /// The error about the input, and the hint.
    fn refused(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}: {}", said.err);
        said.err
    }

    fn cache(&self) -> Cache {
        Cache::at(self.cache.path().to_owned()).unwrap()
    }

    fn unpacked(&self, path: &str) -> PathBuf {
        built_in::folder(&self.cache()).join(path)
    }
}

const BUILT_IN: &str =
    "note: the scenarios are the built-in ones: no folder here or above has one in its `scenarios/`\n";
const OWN: &str = "note: the scenarios are those in `HOME/scenarios`; the built-in ones are found by name\n";

fn files(folder: &Path, below: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files(&path, below, into);
        } else if !path.to_str().unwrap().ends_with(".snap.new") {
            into.insert(path.strip_prefix(below).unwrap().display().to_string(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn the_binary_carries_what_the_checkout_has() {
    let (root, mut expected) = (made::repository(), BTreeMap::new());
    ["scenarios", "snapshots", "images"].iter().for_each(|folder| files(&root.join(folder), &root, &mut expected));
    let embedded: BTreeMap<_, _> =
        tunelab_catalogue::files().into_iter().map(|file| (file.path, file.bytes.into_owned())).collect();
    assert_eq!(embedded.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(embedded == expected);
}

#[test]
fn an_empty_folder_has_the_whole_catalogue() {
    let away = Away::new();
    for args in
        [&["list", "--format=json"][..], &["list"], &["matrix"], &["claims", "--format=json"], &["claims", "21"]]
    {
        let (here, there) = (away.ok(args), made::tunelab_in(&made::repository()).args(args).output().unwrap());
        assert!(here.out == String::from_utf8(there.stdout).unwrap(), "{args:?}");
        assert_eq!(here.err, BUILT_IN, "{args:?}");
    }
    assert!(away.ok(&["image", "list"]).out.contains("debian-testing"));
    assert_eq!(fs::read_dir(away.home.path()).unwrap().count(), 0, "nothing is left in the user's folder");
}

#[test]
fn what_is_built_in_cannot_be_written() {
    let away = Away::new();
    assert_eq!(
        away.refused(&["scenario", "conntrack-leak", "--accept"]),
        "error: `conntrack-leak` is built in, and so is its snapshot: `--accept` cannot change it\nhint: make it yours: \
         `cp -r BUILT-IN/scenarios/conntrack-leak . && tunelab scenario ./conntrack-leak --accept`\n"
    );
    assert!(away.refused(&["docs"]).starts_with("error: there is no project to write pages of"));
    // Do as the hint says.
    let from = away.unpacked("scenarios/conntrack-leak");
    assert!(Command::new("cp").arg("-r").arg(from).arg(away.home.path()).status().unwrap().success());
    let refused = away.refused(&["scenario", "./conntrack-leak", "--accept", "--variant=nope"]);
    assert!(refused.starts_with("error: `conntrack-leak` has no variant `nope`"), "{refused}");
}

#[test]
fn what_was_changed_in_the_cache_is_unpacked_again() {
    let away = Away::new();
    away.ok(&["list"]);
    let file = away.unpacked("scenarios/conntrack-leak/nginx.conf");
    let before = fs::read(&file).unwrap();
    fs::write(&file, "worker_processes 4;").unwrap();
    let said = away.ok(&["list"]).err;
    let why = "note: unpacked the built-in scenarios again: in `BUILT-IN`, `scenarios/conntrack-leak/nginx.conf` was changed\n";
    assert!(said.contains(why), "{said}");
    assert_eq!(fs::read(&file).unwrap(), before);
    let stray = away.unpacked("scenarios/mine/scenario.toml");
    fs::create_dir(stray.parent().unwrap()).unwrap();
    fs::write(&stray, made::SMALL).unwrap();
    assert!(away.ok(&["list"]).err.contains("`scenarios/mine/scenario.toml` was added"));
    assert!(!stray.exists());
    assert_eq!(away.ok(&["list"]).err, BUILT_IN, "once");
    let room = fs::read_dir(away.cache().catalogue()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(room.filter(|name| !name.as_encoded_bytes().starts_with(b".")).count(), 1);
}

#[test]
fn several_unpack_it_at_once() {
    let away = Away::new();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tunelab"));
        command.arg("matrix").current_dir(away.home.path()).env("TUNELAB_CACHE", away.cache.path());
        command.env_remove("CARGO_MANIFEST_DIR").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started = [(); 4].map(|()| start());
    let said = started.map(|child| child.wait_with_output().unwrap());
    assert!(said.iter().all(|said| said.status.success() && said.stderr == BUILT_IN.as_bytes()), "{said:?}");
}

#[test]
fn a_catalogue_of_another_binary_is_pruned() {
    let away = Away::new();
    away.ok(&["list"]);
    let old = away.cache().catalogue().join("0123456789abcdef");
    fs::create_dir_all(old.join("scenarios/x")).unwrap();
    let said = away.ok(&["image", "prune"]).out;
    assert!(said.contains("removed catalogue") && said.contains("0123456789abcdef"), "{said}");
    assert!(!old.exists() && away.unpacked("images").exists(), "today's stays");
}

#[test]
fn another_packages_cargo_does_not_mislead() {
    let away = Away::new();
    away.scenario("other/scenarios/small", made::SMALL);
    fs::create_dir(away.path("empty")).unwrap();
    let other = away.path("other");
    for name in ["other", "tunelab"] {
        let variables = [("CARGO_MANIFEST_DIR", other.as_path()), ("CARGO_PKG_NAME", Path::new(name))];
        assert_eq!(away.run_in("empty", &["list"], &variables).err, BUILT_IN, "{name}");
    }
    // `cargo run --manifest-path` of tunelab uses the checkout, and says nothing of it; a project here is nearer.
    let ours = made::repository();
    let variables = [("CARGO_MANIFEST_DIR", ours.as_path()), ("CARGO_PKG_NAME", Path::new("tunelab"))];
    assert_eq!(away.run_in("empty", &["list"], &variables).err, "");
    assert!(away.run_in("other", &["list"], &variables).out.starts_with("small  "));
}

#[test]
fn a_project_of_ones_own_is_a_folder_of_scenarios() {
    let away = Away::project();
    fs::create_dir_all(away.path("scenarios/notes/deeper")).unwrap();
    let said = away.run_in("scenarios/notes/deeper", &["list"], &[]);
    assert_eq!((said.code, said.out.lines().next()), (Some(0), Some("small  two ways of leaving")));
    assert_eq!(said.err, format!("{OWN}note: `HOME/scenarios/notes` is no scenario: it has no `scenario.toml`\n"));
    assert_eq!(away.ok(&["matrix"]).out, "[{\"image\":\"debian-12\",\"scenario\":\"small\"}]\n");
    let said = away.ok(&["claims"]);
    let sentence = "there is no article here whose claims could be settled: no `HOME/scenarios/article.toml`\n";
    assert_eq!((said.out.as_str(), said.err.as_str()), (sentence, OWN));
    assert_eq!(away.ok(&["claims", "--format=json"]).out, "[]\n");
    assert!(
        away.refused(&["claims", "one-line-once"]).contains("the article has no claim `one-line-once`: there is no")
    );
}

#[test]
fn pages_of_a_project_leave_others_alone() {
    let away = Away::project();
    away.write("docs/scenarios/theirs.md", "# Written by hand\n");
    assert_eq!(away.run(&["docs", "--check"]).code, Some(1));
    assert_eq!(away.ok(&["docs"]).out, "docs/scenarios/small.md\n");
    assert!(away.path("docs/scenarios/theirs.md").exists() && !away.path("docs/claims.md").exists());
    away.ok(&["docs", "--check"]);
    away.scenario("scenarios/new", made::SMALL);
    fs::remove_dir_all(away.path("scenarios/small")).unwrap();
    assert_eq!(away.ok(&["docs"]).out, "docs/scenarios/new.md\ndocs/scenarios/small.md\n");
    assert!(!away.path("docs/scenarios/small.md").exists(), "its scenario is gone");
}

#[test]
fn a_name_is_the_projects_then_a_built_in_one() {
    let away = Away::project();
    let refused = |name: &str| away.refused(&["scenario", name, "--variant=nope"]);
    assert!(refused("small").contains("`small` has no variant `nope`"));
    assert!(refused("conntrack-leak").contains("`conntrack-leak` has no variant `nope`"));
    assert_eq!(
        away.refused(&["scenario", "smal"]),
        "error: there is no scenario `smal`\nhint: did you mean `small`? (looked for in `HOME/scenarios` and among the \
         built-in ones)\n"
    );
    assert!(refused("contrack-leak").contains("did you mean `conntrack-leak`?"), "the nearest of all there are");
    // One of the built-in names is the project's, and the message says so.
    away.scenario("scenarios/conntrack-leak", made::SMALL);
    let said = away.run(&["shell", "no-such-image", "--scenario", "conntrack-leak"]);
    assert_eq!(said.code, Some(2));
    assert!(away.ok(&["list", "--format=json"]).out.contains("two ways of leaving"));
}

#[test]
fn a_folder_that_only_has_the_name_captures_nothing() {
    let away = Away::new();
    away.write("scenarios/login/steps.feature", "Given a user");
    let note = "note: `HOME/scenarios` holds no scenario: no folder in it has a `scenario.toml`\n";
    let said = away.ok(&["list"]);
    assert_eq!(said.err, format!("{note}{BUILT_IN}"));
    assert!(said.out.contains("conntrack-leak"));
    let refused = away.refused(&["scenario", "conntrack-lek"]);
    assert!(refused.contains("(looked for in `HOME/scenarios` and among the built-in ones)"), "{refused}");
}

#[test]
fn what_has_the_name_and_is_no_folder_is_told() {
    let away = Away::new();
    away.write("scenarios", "a list of what we saw");
    let note = "note: `HOME/scenarios` is passed over: Not a directory (os error 20)\n";
    assert_eq!(away.ok(&["list"]).err, format!("{note}{BUILT_IN}"));
}

#[test]
fn a_path_names_a_scenario_anywhere() {
    let away = Away::new();
    away.scenario("incidents/web3", made::SMALL);
    let absolute = away.path("incidents/web3");
    let found = [
        ("", "./incidents/web3"),
        ("", "incidents/web3/"),
        ("", absolute.to_str().unwrap()),
        ("", "incidents/web3/scenario.toml"),
        ("incidents/web3", "."),
        ("incidents/web3", "scenario.toml"),
        ("incidents", "./web3"),
    ];
    for (folder, path) in found {
        let said = away.run_in(folder, &["scenario", path, "--variant=nope"], &[]);
        assert_eq!(said.code, Some(2), "{path}");
        assert_eq!(said.err, "error: `web3` has no variant `nope`\nhint: known here: `default`, `tuned`\n", "{path}");
    }
    assert_eq!(
        away.refused(&["scenario", "./incidents/wbe3"]),
        "error: there is no scenario at `HOME/incidents/wbe3`: no such folder\nhint: did you mean \
         `HOME/incidents/web3`?\n"
    );
    assert_eq!(
        away.refused(&["scenario", "./incidents"]),
        "error: there is no scenario at `HOME/incidents`: no `scenario.toml` in it\nhint: there are some in it: \
         `./incidents/web3`\n"
    );
    let said = away.run_in("incidents", &["scenario", "web3"], &[]);
    assert_eq!(said.err, "error: there is no scenario `web3`\nhint: the folder here is one: `./web3`\n");
}

/// The recipe of an image that exists nowhere else.
fn own_image(summary: &str) -> String {
    format!("summary = \"{summary}\"\n[packages]\nsuite = \"bookworm\"\ninstall = [\"nginx\"]\n")
}

#[test]
fn recipes_of_ones_own_stand_beside_the_built_in_ones() {
    let away = Away::new();
    away.write("mine/extra.toml", &own_image("mine"));
    away.write("mine/debian-12.toml", &own_image("not theirs"));
    let repository = made::repository();
    // It is signed by keys that come with tunelab.
    fs::copy(repository.join("images/ubuntu-12.04.toml"), away.path("mine/precise.toml")).unwrap();
    let said = away.ok(&["image", "list", "--images=mine"]);
    assert!(
        ["extra", "not theirs", "precise", "debian-testing"].iter().all(|name| said.out.contains(name)),
        "{}",
        said.out
    );
    assert_eq!(said.err, "note: image `debian-12` is `mine/debian-12.toml`, not the built-in one\n");
    // The same under `cargo run`, which says nothing about its own folder.
    let ours = [("CARGO_MANIFEST_DIR", repository.as_path()), ("CARGO_PKG_NAME", Path::new("tunelab"))];
    let said = away.run_in("", &["image", "list", "--images=mine"], &ours);
    let theirs = repository.join("images/debian-12.toml");
    assert_eq!(said.err, format!("note: image `debian-12` is `mine/debian-12.toml`, not `{}`\n", theirs.display()));
    assert!(
        away.refused(&["image", "list", "--images=nowhere"]).starts_with("error: no recipes of images in `nowhere`")
    );
    away.write("empty/readme.md", "no recipe");
    assert!(away.refused(&["image", "list", "--images=empty"]).starts_with("error: no recipes of images in `empty`"));

    away.scenario("web3", made::SMALL);
    away.write("web3/images/beside.toml", &own_image("beside"));
    let refused = away.refused(&["scenario", "./web3", "--image=besid"]);
    assert!(refused.contains("did you mean `beside`?"), "{refused}");
    away.scenario("db1", made::SMALL);
    away.write("db1/images/beside.toml", &own_image("another"));
    let refused = away.refused(&["scenario", "./web3", "./db1"]);
    assert!(
        refused.contains("to `db1` the image `beside` is another one than `HOME/web3/images/beside.toml`"),
        "{refused}"
    );
}

#[test]
fn an_image_without_a_recipe_is_told_before_a_run() {
    let away = Away::new();
    away.scenario("scenarios/small", &format!("images = [\"mine\"]\n{}", made::SMALL));
    assert!(away.ok(&["list"]).out.contains("on mine (no such image)"));
    let refused = away.refused(&["matrix"]);
    assert!(refused.contains("there is no image `mine`, on which `small` is to run"), "{refused}");
    away.write("images/mine.toml", &own_image("mine"));
    away.ok(&["matrix"]);
    assert!(!away.ok(&["list"]).out.contains("no such image"));
}
