//! Turns the text of a recipe into a [`Recipe`], or into every problem in it at once.

use super::{
    Init, KEYS, Machine, Recipe, Source, disk, packages,
    reader::{Problems, Table, nearest},
};
use crate::{error::Result, visible::is_hidden, vm::bounds};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

impl Recipe {
    /// `file` is its name in messages; keyrings are looked for in `keys/` beside it.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self> {
        Self::parse_with(name, file, text, &[Path::new(file).with_file_name(KEYS)])
    }

    /// `keys` are the folders in which keyrings are looked for.
    pub(super) fn parse_with(name: &str, file: &str, text: &str, keys: &[PathBuf]) -> Result<Self> {
        let problems = Problems::new(file, text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            problems.add(error.span().unwrap_or_default(), error.message(), None);
        }
        check_name(name, &problems);
        // Problems after a syntax error would only confuse.
        let recipe = syntax.is_empty().then(|| {
            let table = Table::new(document.get_ref(), 0..0, &problems);
            let recipe = read(name, &table, keys, &problems);
            table.finish();
            recipe
        });
        match (problems.into_error(), recipe.flatten()) {
            (None, Some(recipe)) => Ok(recipe),
            (Some(error), _) => Err(error),
            (None, None) => unreachable!("a recipe without problems is whole"),
        }
    }
}

/// Checks the name, which becomes a part of file names.
fn check_name(name: &str, problems: &Problems<'_>) {
    if !super::is_name(name) {
        let hint = Some("names of images are made of letters, digits, `.`, `_` and `-`".into());
        problems.add(0..0, format!("`{name}.toml` does not name an image"), hint);
    }
}

fn read(name: &str, file: &Table<'_, '_>, keys: &[PathBuf], problems: &Problems<'_>) -> Option<Recipe> {
    let summary = file.string("summary").map(|(text, _)| text);
    if file.get("summary").is_none() {
        file.missing("summary", "\"Debian 12 (bookworm)\"");
    }
    let cannot = file.strings("cannot", "lines").unwrap_or_default().into_iter().map(|(line, _)| line).collect();
    let kernel = read_kernel(file, problems);
    let init = read_init(file, problems);
    let disk = file.table("disk").map(|table| disk::read(table, keys, problems));
    let packages = file.table("packages").map(|table| packages::read(table, keys, problems));
    if file.get("disk").is_none() && file.get("packages").is_none() {
        file.missing("packages", "{ suite = \"bookworm\", install = [\"linux-image-cloud-amd64\"] }");
    }
    let machine = file.table("machine").map_or_else(Machine::default, |table| read_machine(table, problems));
    let source = match (disk, packages) {
        (Some(disk), packages) => Source::Disk { disk: disk?, add: packages.flatten() },
        (None, packages) => Source::Packages(packages??),
    };
    Some(Recipe { name: name.into(), summary: summary?, cannot, kernel, source, init, machine })
}

fn read_kernel(file: &Table<'_, '_>, problems: &Problems<'_>) -> Option<String> {
    let (kernel, span) = file.string("kernel")?;
    if !kernel.starts_with(|c: char| c.is_ascii_digit()) || kernel.ends_with('.') {
        let hint = Some("how its release begins: `6`, `6.1` or `6.1.0-56`".into());
        problems.add(span, format!("`{kernel}` is no version of a kernel"), hint);
    }
    Some(kernel)
}

/// A disk image brings its own init; a root made of packages has none that was ever set up.
fn read_init(file: &Table<'_, '_>, problems: &Problems<'_>) -> Init {
    let from_disk = file.get("disk").is_some();
    if let Some((word, span)) = file.string("init") {
        let (message, hint) = match (word.as_str(), from_disk) {
            ("agent", false) | ("distribution", true) => return init_of(from_disk),
            ("agent", true) => ("a disk image is booted by its own init".into(), Some("leave `init` out".into())),
            ("distribution", false) => {
                ("only a disk image has an init of its own".into(), Some("leave `init` out, or add `[disk]`".into()))
            }
            _ => {
                let near = nearest(&word, ["agent", "distribution"].into_iter());
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                (format!("unknown init `{word}`: it is `agent` or `distribution`"), hint)
            }
        };
        problems.add(span, message, hint);
    }
    init_of(from_disk)
}

fn init_of(from_disk: bool) -> Init {
    if from_disk { Init::Distribution } else { Init::Agent }
}

fn read_machine(table: Table<'_, '_>, problems: &Problems<'_>) -> Machine {
    let mut machine = Machine::default();
    if let Some((text, span)) = table.string("memory") {
        match parse_mib(&text).map(|mib| (mib, bounds::check_memory(u64::from(mib) << 20))) {
            Some((_, Err(why))) => problems.add(span, why, None),
            Some((mib, Ok(()))) => machine.memory_mib = mib,
            None => problems.add(
                span,
                format!("`{text}` is no size of memory"),
                Some("such as `512 MiB` or `1 GiB`".into()),
            ),
        }
    }
    let whole = |v: &DeValue<'_>| v.as_integer().and_then(|n| n.as_str().parse().ok());
    if let Some((cpus, span)) = table.read("cpus", "a number from 1 to 64", whole) {
        bounds::check_cpus(cpus).unwrap_or_else(|why| problems.add(span, why, None));
        machine.cpus = cpus;
    }
    if let Some((cmdline, span)) = table.string("cmdline") {
        let words: Vec<String> = cmdline.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let checked = words.iter().try_for_each(|word| bounds::check_word(word));
        let checked = checked.and_then(|()| bounds::check_cmdline(&words));
        // A control character has been reported already.
        if let Some(why) = checked.err().filter(|_| !cmdline.contains(is_hidden)) {
            problems.add(span, why, None);
        }
        machine.cmdline = cmdline;
    }
    table.finish();
    machine
}

/// Parses `512 MiB` or `1 GiB`.
fn parse_mib(text: &str) -> Option<u32> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    match unit.trim() {
        "MiB" => Some(number),
        "GiB" => number.checked_mul(1024),
        _ => None,
    }
}
