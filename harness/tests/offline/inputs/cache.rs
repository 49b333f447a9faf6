//! Entries of the cache that a user, or a full disk, has changed: any of them is reported, and hangs nothing.

use super::{Project, Row, odd, path, strings};
use std::fs;
use tunelab::{cache::Cache, image::Recipes};

/// The path of the manifest of an image, a kernel or a saved machine.
fn manifest(project: &Project, of: &str) -> String {
    match of {
        "image" => {
            let recipe = Recipes::of(vec![path(project, "images")]).unwrap().find("debian-12").unwrap();
            let folder = recipe.dir(&Cache::at(project.cache()).unwrap());
            format!("cache/images/{}/manifest.json", folder.file_name().unwrap().to_str().unwrap())
        }
        "kernel" => "cache/kernels/6.1.0-0123456789ab/kernel.json".into(),
        _ => "cache/states/0123456789abcdef/state.json".into(),
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for of in ["image", "kernel", "saved machine"] {
        for odd in odd::ALL.iter().filter(|odd| odd.name != "a link that leads nowhere") {
            let given = move |project: &Project| {
                let manifest = manifest(project, of);
                fs::create_dir_all(path(project, &manifest).parent().unwrap()).unwrap();
                (odd.put)(&path(project, &manifest));
                strings(&["image", "verify"])
            };
            rows.push(Row { exit: 3, ..Row::new(format!("{of}: {}", odd.name), given, &["damaged in the cache"]) });
        }
    }
    let in_place = |project: &Project| {
        let folder = path(project, &manifest(project, "image")).parent().unwrap().to_owned();
        fs::write(folder, "").unwrap();
        strings(&["image", "verify"])
    };
    let says = &["debian-12: damaged: ", "is no folder"];
    rows.push(Row { exit: 3, ..Row::new("a file in the place of an image", in_place, says) });
    rows
}
