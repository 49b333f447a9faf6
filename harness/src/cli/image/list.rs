//! `tunelab image list`: what each image is, how it is obtained, what is built, and what cannot be done there.

use crate::{
    host::resources::size,
    image::{Packages, Recipe, Source, Stored},
};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::{Value, json};

/// The width of text for a pipe or a log, in characters; on a terminal its own width counts.
const WIDTH: u16 = 100;

/// A recipe, and what the store has of it.
pub struct Row<'a> {
    pub recipe: &'a Recipe,
    pub stored: Option<&'a Stored>,
}

/// How much the whole cache holds, and how much it may.
pub struct Room {
    pub held_bytes: u64,
    pub limit_bytes: Option<u64>,
}

pub fn human(rows: &[Row<'_>], room: &Room) -> String {
    let limits = limits(rows);
    let mut table = fitting();
    table.set_header(["image", "release", "kernel", "obtained from", "built", "size", "cannot"]);
    for Row { recipe, stored } in rows {
        let expected = recipe.kernel.clone().unwrap_or_default();
        let (kernel, built, bytes) = stored.map_or((expected, "no", String::new()), |s| {
            (s.manifest.kernel_release.clone(), "yes", size(s.size_bytes))
        });
        let own = recipe.cannot.iter().filter_map(|what| limits.iter().position(|limit| *limit == what));
        let cannot = own.map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(", ");
        let obtained = obtained(recipe);
        table.add_row([&recipe.name, &recipe.summary, &kernel, &obtained, built, &bytes, &cannot]);
    }
    if let Some(names) = table.column_mut(0) {
        // A name that the user may type is not broken over two lines.
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    let mut out = format!("{}\n", table.trim_fmt());
    if !limits.is_empty() {
        let mut notes = fitting();
        for (what, number) in limits.iter().zip(1..) {
            notes.add_row([&number.to_string(), *what]);
        }
        out += &format!("\nwhat the lab cannot do there\n{}\n", notes.trim_fmt());
    }
    out + &footer(rows, room)
}

/// Returns each limit once: several images share one.
fn limits<'a>(rows: &[Row<'a>]) -> Vec<&'a String> {
    let mut limits = Vec::new();
    for what in rows.iter().flat_map(|row| &row.recipe.cannot) {
        if !limits.contains(&what) {
            limits.push(what);
        }
    }
    limits
}

fn footer(rows: &[Row<'_>], room: &Room) -> String {
    let built: Vec<_> = rows.iter().filter_map(|row| row.stored).collect();
    let (count, bytes) = (built.len(), size(built.iter().map(|stored| stored.size_bytes).sum()));
    let limit = room.limit_bytes.map_or("without a limit".to_owned(), |limit| format!("its limit is {}", size(limit)));
    format!("\n{count} of {} built, {bytes}; the cache holds {} in all, {limit}\n", rows.len(), size(room.held_bytes))
}

fn fitting() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0));
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
            "kernel_expected": recipe.kernel,
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

/// Returns the host of the first URL; the others are its mirrors.
fn host(urls: &[String]) -> &str {
    let url = urls.first().map_or("", String::as_str);
    url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default()
}
