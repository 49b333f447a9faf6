//! `tunelab image list`: what each image is, how it is obtained, what is built, and what cannot be done there.

use crate::{
    host::resources::size,
    image::{Packages, Recipe, Source, Stored},
};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

/// Of what is read in a pipe or a log, in characters; on a terminal its own width counts.
const WIDTH: u16 = 100;

/// A recipe, and what the store has of it.
pub struct Row<'a> {
    pub recipe: &'a Recipe,
    pub stored: Option<&'a Stored>,
}

pub fn human(rows: &[Row<'_>]) -> String {
    let mut table = fitting();
    table.set_header(["image", "release", "obtained from", "kernel", "size"]);
    for Row { recipe, stored } in rows {
        let (kernel, bytes) = stored.map_or(("not built".to_owned(), String::new()), |s| {
            (s.manifest.kernel_release.clone(), size(s.size_bytes))
        });
        table.add_row([&recipe.name, &recipe.summary, &obtained(recipe), &kernel, &bytes]);
    }
    let mut out = format!("{}\n", table.trim_fmt());
    let mut limits = fitting();
    for (name, what) in rows.iter().flat_map(|row| row.recipe.cannot.iter().map(|what| (&row.recipe.name, what))) {
        limits.add_row([name, what]);
    }
    if limits.row_count() > 0 {
        out += &format!("\nwhat the lab cannot do there\n{}\n", limits.trim_fmt());
    }
    out
}

fn fitting() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table
}

pub fn json(rows: &[Row<'_>]) -> Value {
    let document = |Row { recipe, stored }: &Row<'_>| {
        json!({
            "name": recipe.name,
            "summary": recipe.summary,
            "obtained_from": obtained(recipe),
            "source": recipe.source,
            "init": recipe.init,
            "machine": recipe.machine,
            "cannot": recipe.cannot,
            "key": recipe.key(),
            "built": stored.is_some(),
            "kernel": stored.map(|s| &s.manifest.kernel_release),
            "size_bytes": stored.map(|s| s.size_bytes),
            "path": stored.map(|s| &s.dir),
        })
    };
    rows.iter().map(document).collect()
}

fn obtained(recipe: &Recipe) -> String {
    match &recipe.source {
        Source::Packages(packages) => packages_of(packages),
        Source::Disk { disk, add } => {
            let disk = format!("disk image of {}", host(&disk.urls));
            add.as_ref().map_or(disk.clone(), |add| format!("{disk}, and {}", packages_of(add)))
        }
    }
}

fn packages_of(packages: &Packages) -> String {
    match packages.mirrors.is_empty() {
        true => format!("packages of {}", packages.suite),
        false => format!("packages of {} from {}", packages.suite, host(&packages.mirrors)),
    }
}

/// Of the first URL; the others are its mirrors.
fn host(urls: &[String]) -> &str {
    let url = urls.first().map_or("", String::as_str);
    url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default()
}
