//! Lays a variant's tables over those of the scenario: a variant changes, adds or takes away anything of the machine,
//! the topology, the services, the clients and the phases.
//!
//! Tables are merged key by key; any other value takes the place of the scenario's, an array too; `"none"` takes a key
//! away. Phases, which are an array, go by their names: `phase.burst.rounds = 3`.

use super::{
    problems::Problems,
    section::{Section, Value},
};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// The parts of a file that a variant can change: the scale, and tables.
pub const PARTS: [&str; 7] = ["scale", "machine", "host", "network", "service", "clients", PHASE];
const PHASE: &str = "phase";

/// The value that takes a key away.
const NONE: &str = "none";

/// Returns the scenario's parts with those of the variant laid over them.
pub fn merged<'a>(root: &Section<'a>, variant: &Section<'a>) -> DeTable<'a> {
    let mut parts = DeTable::new();
    for part in PARTS {
        let (key, over) = (root.key(part).or(variant.key(part)), variant.value(part));
        let Some(key) = key else { continue };
        if over.is_some_and(is_none) {
            if root.value(part).is_none() {
                nothing_there(key, root.problems);
            }
            continue;
        }
        let value = match (root.value(part), over) {
            (Some(base), Some(over)) if part == PHASE => phases(base, over, root.problems),
            (Some(base), Some(over)) => laid_over(base, over, root.problems),
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => continue,
        };
        parts.insert(key.clone(), value);
    }
    parts
}

fn is_none(value: &Value<'_>) -> bool {
    value.get_ref().as_str() == Some(NONE)
}

fn nothing_there(key: &Spanned<DeString<'_>>, problems: &Problems) {
    let message = format!("there is no `{}` to take away", key.get_ref());
    problems.report_with_hint(key.span(), message, "without effect", "`none` is for a key that the scenario has");
}

fn laid_over<'a>(base: &Value<'a>, over: &Value<'a>, problems: &Problems) -> Value<'a> {
    let (DeValue::Table(base_table), DeValue::Table(over_table)) = (base.get_ref(), over.get_ref()) else {
        return over.clone();
    };
    let mut table = base_table.clone();
    for (key, value) in over_table {
        let name = key.get_ref().as_ref();
        if is_none(value) {
            if table.remove(name).is_none() {
                nothing_there(key, problems);
            }
            continue;
        }
        let value = base_table.get(name).map_or_else(|| value.clone(), |base| laid_over(base, value, problems));
        table.insert(key.clone(), value);
    }
    Spanned::new(base.span(), DeValue::Table(table))
}

/// Lays `phase.NAME` over the phase of that name.
fn phases<'a>(base: &Value<'a>, over: &Value<'a>, problems: &Problems) -> Value<'a> {
    let (Some(phases), Some(changes)) = (base.get_ref().as_array(), over.get_ref().as_table()) else {
        let hint = "for example `phase.burst.rounds = 3`";
        problems.report_with_hint(over.span(), "a variant changes phases by their names", "no table", hint);
        return base.clone();
    };
    let name = |phase: &Value<'a>| phase.get_ref().as_table()?.get("name")?.get_ref().as_str().map(str::to_owned);
    let known: Vec<String> = phases.iter().filter_map(name).collect();
    for key in changes.keys().filter(|key| !known.iter().any(|name| name == key.get_ref().as_ref())) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        problems.unknown(key.span(), format!("there is no phase `{}`", key.get_ref()), key.get_ref(), &known);
    }
    let laid = phases.iter().filter_map(|phase| {
        let change = name(phase).and_then(|name| changes.get(name.as_str()));
        match change {
            Some(change) if is_none(change) => None,
            Some(change) => Some(laid_over(phase, change, problems)),
            None => Some(phase.clone()),
        }
    });
    Spanned::new(base.span(), DeValue::Array(laid.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let table = DeTable::parse(text).unwrap();
        let problems = Problems::of("x", text);
        let root = Section::root(table.get_ref(), &problems);
        let variant = root.section("variant").unwrap();
        let merged = merged(&root, &variant);
        let plain = toml::Table::try_from(simple(&DeValue::Table(merged))).unwrap();
        assert_eq!(problems.count(), 0);
        plain.to_string()
    }

    fn simple(value: &DeValue<'_>) -> toml::Value {
        match value {
            DeValue::String(text) => toml::Value::String(text.to_string()),
            DeValue::Integer(n) => toml::Value::Integer(n.as_str().parse().unwrap()),
            DeValue::Array(all) => toml::Value::Array(all.iter().map(|v| simple(v.get_ref())).collect()),
            DeValue::Table(table) => toml::Value::Table(
                table.iter().map(|(key, value)| (key.get_ref().to_string(), simple(value.get_ref()))).collect(),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tables_are_merged_and_all_else_is_replaced() {
        let text = "[host.server]\nfirewall = [\"a\"]\nsysctls = { x = 1, y = 2 }\n[machine]\ncpus = 2\n\
                    [variant]\nhost.server = { firewall = [\"b\"], sysctls = { y = 3, x = \"none\" } }\n\
                    service.app.kind = \"http\"\nmachine = \"none\"\n";
        let want =
            "[host.server]\nfirewall = [\"b\"]\n\n[host.server.sysctls]\ny = 3\n\n[service.app]\nkind = \"http\"\n";
        assert_eq!(shown(&text.replace("machine = \"none\"\n", "")).replace("[machine]\ncpus = 2\n\n", ""), want);
    }

    #[test]
    fn phases_go_by_name() {
        let text = "[[phase]]\nname = \"a\"\nrounds = 1\n[[phase]]\nname = \"b\"\n[variant]\nphase = { a.rounds = 2, b = \"none\" }\n";
        assert_eq!(shown(text), "[[phase]]\nname = \"a\"\nrounds = 2\n");
    }
}
