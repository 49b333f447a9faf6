//! Builds of real images: two at once, by two processes, into two caches; the same bytes, and nothing anywhere else.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};
use tunelab::{cache::Cache, image};

/// One image for each way in which the suites differ: time stamps of packages, kernels, usrmerge.
const IMAGES: [&str; 2] = ["debian-12", "debian-13"];

#[test]
#[ignore = "builds two images twice: two minutes and 400 MB of packages"]
fn two_at_once_are_the_same_as_two_by_two_processes_and_nothing_is_left_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (together, apart) = (folder.path().join("together"), folder.path().join("apart"));
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();

    build(&together, &IMAGES, &elsewhere).wait();
    let both = IMAGES.map(|image| build(&apart, &[image], &elsewhere));
    both.into_iter().for_each(Building::wait);

    let [together, apart] = [together, apart].map(|root| {
        owned_by_this_user(&root);
        image::list(&Cache::at(root).unwrap()).unwrap()
    });
    assert_eq!((together.len(), apart.len()), (2, 2));
    for (one, other) in together.iter().zip(&apart) {
        assert_eq!(one.manifest.packages, other.manifest.packages, "the mirror changed meanwhile: try again");
        assert_eq!(one.manifest.files, other.manifest.files, "{}", one.manifest.image);
    }
    let left: Vec<_> = fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "outside of the cache: {left:?}");
}

struct Building(std::process::Child);

/// Starts a build with `elsewhere` as the home and the temporary folder.
fn build(cache: &Path, images: &[&str], elsewhere: &Path) -> Building {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tunelab"));
    command.args(["image", "build", "--jobs=2"]).args(images).env("TUNELAB_CACHE", cache);
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"] {
        command.env(variable, elsewhere);
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    Building(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

impl Building {
    fn wait(self) {
        let output = self.0.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

pub fn owned_by_this_user(path: &Path) {
    let facts = fs::symlink_metadata(path).unwrap();
    assert_eq!(facts.uid(), nix::unistd::Uid::effective().as_raw(), "{}", path.display());
    if facts.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| owned_by_this_user(&entry.unwrap().path()));
    }
}
