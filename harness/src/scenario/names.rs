//! The names that a file gives to its parts, whether those parts are right or not: a reference to a part that was
//! refused is no second mistake.

use super::section::{Section, Value};

/// All names in one file.
pub struct Names {
    pub clients: Vec<String>,
    pub upstreams: Vec<String>,
    pub backends: Vec<String>,
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
            clients: root.names_of("clients"),
            upstreams: root.names_of("upstream"),
            backends: root.names_of("backend"),
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

fn flights(root: &Section<'_>) -> bool {
    let clients = root.value("clients").and_then(|value| value.get_ref().as_table());
    let says = |table: &Value<'_>| Some(table.get_ref().as_table()?.get("flights")?.get_ref().as_bool() != Some(false));
    clients.into_iter().flat_map(|clients| clients.values()).any(|table| says(table) == Some(true))
}

fn phases(root: &Section<'_>) -> Vec<String> {
    let tables = root.value("phase").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let name = |table: &Value<'_>| Some(table.get_ref().as_table()?.get("name")?.get_ref().as_str()?.to_owned());
    tables.filter_map(name).collect()
}
