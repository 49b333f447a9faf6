//! A recipe with one mistake in it.

use super::{Project, Row, strings};

const RECIPE: &str = "images/debian-12.toml";

const EDITS: &[(&str, &str, &[&str])] = &[
    ("summary = \"a", "summary = \"\\u001b[31ma", &[":2:11: there is a control character in `summary`, `\\u{1b}`"]),
    ("summary = \"a suite\"", "summary = \"a suite", &[":2:"]),
    ("[packages]", "[packages", &["images/debian-12.toml:5:"]),
    ("[packages]", "cannot = [\"\\u0007\"]\n[packages]", &["a control character in `cannot`"]),
    ("suite = \"bookworm\"", "suite = \"../x y\"", &["`../x y` is no name of a suite"]),
    ("\"keys.gpg\"", "\"../keys.gpg\"", &["no keyring `../keys.gpg`"]),
    ("\"keys.gpg\"", "\"key.gpg\"", &["no keyring `key.gpg`", "did you mean `keys.gpg`?"]),
    ("memory = \"512 MiB\"", "memory = \"1 MiB\"", &["at least `128 MiB`"]),
    ("memory = \"512 MiB\"", "memory = \"4000000 GiB\"", &["at most `1024 GiB`"]),
    ("memory = \"512 MiB\"", "memory = \"99999999999 GiB\"", &["is no size of memory"]),
    ("cpus = 1", "cpus = 0", &["from 1 to 64 CPUs"]),
    ("cpus = 1", "cpus = 99999999999", &["must be a number from 1 to 64"]),
    ("cmdline = \"quiet", "cmdline = \"\\nquiet", &["in `cmdline`"]),
    ("cmdline = \"quiet", "cmdline = \"é quiet", &["`é` is not one word"]),
    ("http://mirror.invalid/debian", "http://mirror.invalid/a b", &["is no URL"]),
];

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = EDITS
        .iter()
        .map(|(from, to, says)| {
            let given = move |project: &Project| {
                project.edit(RECIPE, from, to);
                strings(&["image", "list"])
            };
            Row::new(format!("{to:?}"), given, &[&["error: `images/debian-12.toml` has a problem"], *says].concat())
        })
        .collect();
    let named = |project: &Project| {
        let from = project.home().join(RECIPE);
        std::fs::rename(&from, from.with_file_name("a\u{1b} b.toml")).unwrap();
        strings(&["image", "list"])
    };
    rows.push(Row::new("an image with an odd name", named, &["`a\\u{1b} b.toml` does not name an image"]));
    rows
}
