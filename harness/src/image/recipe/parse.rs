//! From the text of a recipe to a [`Recipe`], or every problem in it at once.

use super::{
    Init, Machine, Packages, Recipe, Source,
    reader::{Problems, Table, nearest},
};
use crate::error::Result;
use toml::de::{DeArray, DeTable, DeValue};

impl Recipe {
    /// `file` is what messages call it.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self> {
        let problems = Problems::new(file, text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            problems.add(error.span().unwrap_or_default(), error.message(), None);
        }
        let table = Table::new(document.get_ref(), 0..0, &problems);
        let recipe = read(name, &table, &problems);
        table.finish();
        match (problems.into_error(), recipe) {
            (None, Some(recipe)) => Ok(recipe),
            (Some(error), _) => Err(error),
            (None, None) => unreachable!("a recipe without problems is whole"),
        }
    }
}

fn read(name: &str, file: &Table<'_, '_>, problems: &Problems<'_>) -> Option<Recipe> {
    let summary = file.string("summary").map(|(text, _)| text);
    if file.get("summary").is_none() {
        file.missing("summary", "\"Debian 12, kernel 6.1\"");
    }
    let init = read_init(file, problems);
    let source = file.table("packages").map(|table| read_packages(table, problems));
    if file.get("packages").is_none() {
        file.missing("packages", "{ suite = \"bookworm\", install = [\"linux-image-cloud-amd64\"] }");
    }
    let machine = file.table("machine").map_or_else(Machine::default, |table| read_machine(table, problems));
    let recipe = Recipe { name: name.into(), summary: summary?, source: Source::Packages(source??), init, machine };
    Some(recipe)
}

fn read_init(file: &Table<'_, '_>, problems: &Problems<'_>) -> Init {
    if let Some((word, span)) = file.string("init")
        && word != "agent"
    {
        let hint = nearest(&word, ["agent"].into_iter()).map(|near| format!("did you mean `{near}`?"));
        problems.add(span, format!("unknown init `{word}`: it is `agent`"), hint);
    }
    Init::Agent
}

fn read_packages(table: Table<'_, '_>, problems: &Problems<'_>) -> Option<Packages> {
    let suite = table.string("suite");
    if let Some((suite, span)) = &suite
        && !is_word(suite)
    {
        problems.add(span.clone(), format!("`{suite}` is no name of a suite"), Some("such as `bookworm`".into()));
    }
    let install = table.read("install", "an array of package names", |v| v.as_array().map(|_| ())).and_then(|_| {
        let names = table.get("install")?.get_ref().as_array()?;
        read_names(names, problems)
    });
    for (key, example) in [("suite", "\"bookworm\""), ("install", "[\"linux-image-cloud-amd64\"]")] {
        if table.get(key).is_none() {
            table.missing(key, example);
        }
    }
    table.finish();
    Some(Packages { suite: suite?.0, install: install? })
}

fn read_names(names: &DeArray<'_>, problems: &Problems<'_>) -> Option<Vec<String>> {
    let mut read = Vec::new();
    for name in names {
        match name.get_ref().as_str() {
            Some(text) if is_word(text) => read.push(text.to_owned()),
            Some(text) => problems.add(name.span(), format!("`{text}` is no name of a package"), None),
            None => problems.add(name.span(), "a package name must be a string", None),
        }
    }
    Some(read)
}

fn read_machine(table: Table<'_, '_>, problems: &Problems<'_>) -> Machine {
    let mut machine = Machine::default();
    if let Some((text, span)) = table.string("memory") {
        match parse_mib(&text) {
            Some(mib) => machine.memory_mib = mib,
            None => problems.add(
                span,
                format!("`{text}` is no size of memory"),
                Some("such as `512 MiB` or `1 GiB`".into()),
            ),
        }
    }
    let whole = |v: &DeValue<'_>| v.as_integer().and_then(|n| n.as_str().parse().ok()).filter(|n| (1..=64).contains(n));
    if let Some((cpus, _)) = table.read("cpus", "a number from 1 to 64", whole) {
        machine.cpus = cpus;
    }
    if let Some((cmdline, _)) = table.string("cmdline") {
        machine.cmdline = cmdline;
    }
    table.finish();
    machine
}

/// `512 MiB`, `1 GiB`; at least 64 MiB.
fn parse_mib(text: &str) -> Option<u32> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    let mib = match unit.trim() {
        "MiB" => number,
        "GiB" => number.checked_mul(1024)?,
        _ => return None,
    };
    (mib >= 64).then_some(mib)
}

/// What mmdebstrap takes as one word: nothing that could be an option or a second argument.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:_/=~".contains(c))
}
