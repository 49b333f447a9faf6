//! The names that a file gives to its parts, whether those parts are right or not: a reference to a part that was
//! refused is no second mistake.

use super::{
    hosts::SERVER,
    section::{Section, Value},
};

/// All names in one file.
pub struct Names {
    pub clients: Vec<String>,
    pub services: Vec<String>,
    /// With the server, whether the file names it or not.
    pub hosts: Vec<String>,
    pub variants: Vec<String>,
    pub phases: Vec<String>,
    pub metrics: Vec<String>,
    /// Keys of `[probe]`.
    pub probes: Vec<String>,
    /// Whether some clients have `flights` with anything but `false`.
    pub flights: bool,
}

impl Names {
    pub fn of(root: &Section<'_>) -> Self {
        Names {
            clients: with_variants(root, "clients"),
            services: with_variants(root, "service"),
            hosts: hosts(root),
            variants: root.names_of("variant"),
            phases: phases(root),
            metrics: root.names_of("metric"),
            probes: root.names_of("probe"),
            flights: flights(root),
        }
    }
}

/// Returns the names for messages that list what is known.
pub fn words(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Returns the tables of a group, in the file and in its variants.
fn groups<'a>(root: &Section<'a>, key: &'static str) -> Vec<&'a toml::de::DeTable<'a>> {
    let variants = root.value("variant").and_then(|value| value.get_ref().as_table());
    let of_variants = variants.into_iter().flat_map(|variants| variants.values());
    let of_variants = of_variants.filter_map(|variant| variant.get_ref().as_table()?.get(key));
    let all = root.value(key).into_iter().chain(of_variants);
    all.filter_map(|group| group.get_ref().as_table()).collect()
}

fn with_variants(root: &Section<'_>, key: &'static str) -> Vec<String> {
    let mut names = Vec::new();
    for name in groups(root, key).into_iter().flat_map(|group| group.keys()).map(|name| name.get_ref().to_string()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn hosts(root: &Section<'_>) -> Vec<String> {
    let mut names = with_variants(root, "host");
    if !names.iter().any(|name| name == SERVER) {
        names.insert(0, SERVER.to_owned());
    }
    names
}

fn flights(root: &Section<'_>) -> bool {
    let says = |table: &Value<'_>| Some(table.get_ref().as_table()?.get("flights")?.get_ref().as_bool() != Some(false));
    groups(root, "clients").into_iter().flat_map(|clients| clients.values()).any(|table| says(table) == Some(true))
}

fn phases(root: &Section<'_>) -> Vec<String> {
    let tables = root.value("phase").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let name = |table: &Value<'_>| Some(table.get_ref().as_table()?.get("name")?.get_ref().as_str()?.to_owned());
    tables.filter_map(name).collect()
}
