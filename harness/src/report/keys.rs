//! The page `docs/reference/scenario.md` and the JSON Schema of a scenario, made of the catalogue of keys.

use crate::scenario::keys::{Key, Kind, TABLES, Table, probes};
use serde_json::{Map, Value, json};

const HEAD: &str = "\
# The keys of a scenario

Do not edit this page: `tunelab docs` writes it from `harness/src/scenario/keys.rs`. A longer introduction is in
`scenarios/README.md`. Editors that know JSON Schema complete and check keys by `docs/schema/scenario.schema.json`, which the
first line of each scenario names.
";

/// The table whose keys are probes.
const PROBE: &str = "probe";

/// Returns the page.
pub fn page() -> String {
    TABLES.iter().fold(HEAD.to_owned(), |page, table| page + "\n" + &section(table))
}

fn section(table: &Table) -> String {
    let row = |key: &Key, meaning: &str| {
        let default = match (key.needed, key.default) {
            (true, _) => "needed".to_owned(),
            (false, "") => String::new(),
            (false, default) => format!("`{default}`"),
        };
        let example = key.example.replace('|', "\\|");
        format!("| `{}` | {} | {default} | `{example}` | {} |\n", key.name, words(&key.kind), meaning)
    };
    let probes = probes().filter(|_| table.name == PROBE).map(|(key, about)| row(&key, about));
    let rows: String = probes.chain(table.keys.iter().map(|key| row(key, key.meaning))).collect();
    let head = "| key | type | default | example | meaning |\n|---|---|---|---|---|\n";
    format!("## `{}`\n\n{}\n\n{head}{rows}", table.written, table.about)
}

/// The type in words.
fn words(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Flag => "true or false".into(),
        Kind::Count | Kind::Integer => "number".into(),
        Kind::Time => "time".into(),
        Kind::Size => "size".into(),
        Kind::Share => "share".into(),
        Kind::Rate => "rate".into(),
        Kind::Scale => "scale".into(),
        Kind::BitRate => "bit rate".into(),
        Kind::Address => "address".into(),
        Kind::Range => "addresses".into(),
        Kind::File => "file".into(),
        Kind::Name => "name".into(),
        Kind::Sysctl => "sysctl".into(),
        Kind::Word(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" "),
        Kind::List(of) => format!("list of {}", words(of)),
        Kind::OneOrMany(of) => format!("{}, or a list", words(of)),
        Kind::Table(name) => format!("table ({})", written(name)),
        Kind::Tables(name) => format!("tables `{}`", written(name)),
        Kind::Array(name) => format!("tables `{}`", written(name)),
        Kind::Map(of) => format!("table of {}", words(of)),
        Kind::Either(all) => all.iter().map(words).collect::<Vec<_>>().join(" or "),
        Kind::Any => "any".into(),
    }
}

fn written(table: &str) -> &'static str {
    crate::scenario::keys::table(table).map_or("", |table| table.written)
}

/// Returns the JSON Schema (2020-12) of a scenario file.
pub fn schema() -> String {
    let definitions: Map<String, Value> = TABLES
        .iter()
        .filter(|table| table.name != "root")
        .map(|table| (table.name.to_owned(), object(table)))
        .collect();
    let mut root = object(&TABLES[0]);
    let own = root.as_object_mut().expect("a schema is an object");
    own.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    own.insert("title".into(), "tunelab scenario".into());
    own.insert("$defs".into(), definitions.into());
    format!("{root:#}\n")
}

fn object(table: &Table) -> Value {
    let property = |key: &Key, meaning: &str| {
        let mut schema = of(&key.kind);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), format!("{meaning} (for example `{}`)", key.example).into());
        }
        (key.name.to_owned(), schema)
    };
    let probes = probes().filter(|_| table.name == PROBE).map(|(key, about)| property(&key, about));
    let properties: Map<String, Value> =
        probes.chain(table.keys.iter().map(|key| property(key, key.meaning))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema of a value. Numbers with units are texts.
fn of(kind: &Kind) -> Value {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match kind {
        Kind::Text | Kind::File | Kind::Name | Kind::Sysctl | Kind::Address | Kind::Range => {
            json!({ "type": "string" })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Time => pattern(r"^[0-9.]+ *(us|ms|s|min|h|d)$"),
        Kind::Size => pattern(r"^[0-9.]+ *(B|kB|MB|GB|KiB|MiB|GiB)$"),
        Kind::Share => pattern(r"^[0-9.]+ *%$"),
        Kind::Rate => pattern(r"^[0-9]+ */ *(us|ms|s|min|h|d)$"),
        Kind::Scale => pattern(r"^1( */ *[0-9]+)?$"),
        Kind::BitRate => pattern(r"^[0-9.]+ *[kMG]?bit/s$"),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::List(inner) => json!({ "type": "array", "items": of(inner) }),
        Kind::OneOrMany(inner) => json!({ "anyOf": [of(inner), { "type": "array", "items": of(inner) }] }),
        Kind::Table(name) => json!({ "$ref": format!("#/$defs/{name}") }),
        Kind::Tables(name) => {
            json!({ "type": "object", "additionalProperties": { "$ref": format!("#/$defs/{name}") } })
        }
        Kind::Array(name) => json!({ "type": "array", "items": { "$ref": format!("#/$defs/{name}") } }),
        Kind::Map(inner) => json!({ "type": "object", "additionalProperties": of(inner) }),
        Kind::Either(all) => json!({ "anyOf": all.iter().map(of).collect::<Vec<_>>() }),
        Kind::Any => json!({}),
    }
}
