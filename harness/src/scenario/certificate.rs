//! Reads `certificate = "server.pem"` of a service: a file that the lab makes, with a key and its certificate for TLS.

use super::{
    files::{Files, deployed},
    model::Variant,
    section::Section,
};
use toml::Spanned;
use tunelab_protocol::Protocol;

/// Reads `certificate`. The program hears of the file by its configuration or its arguments, which are `told`.
pub fn read(section: &Section<'_>, files: &Files<'_>, told: &str) {
    let Some(name) = section.get::<Spanned<String>>("certificate") else { return };
    let problems = section.problems.count();
    files.make(&name);
    if section.problems.count() > problems || told.contains(name.get_ref()) {
        return;
    }
    let path = deployed(name.get_ref());
    let message = format!("`certificate` has no effect in `{}`: nothing there names `{path}`", section.path());
    let hint = format!("in nginx's configuration: `ssl_certificate {path}; ssl_certificate_key {path};`");
    section.problems.report_with_hint(name.span(), message, "without effect", hint);
}

/// Reports clients that speak HTTPS where no service of any variant has a certificate that they could trust. A variant
/// may take it away, to show what becomes of them.
pub fn check(root: &Section<'_>, variants: &[Variant], files: &Files<'_>) {
    if root.problems.count() > 0 || files.makes_some() {
        return;
    }
    let tables = root.value("clients").and_then(|clients| clients.get_ref().as_table());
    for clients in variants.iter().flat_map(|variant| &variant.setup.clients) {
        if clients.visit.protocol == Protocol::Https {
            let table = tables.and_then(|tables| tables.get(clients.name.as_str()));
            let message = format!("clients `{}` trust the lab's certificate, and no service has it", clients.name);
            let hint = "give one to the service: `certificate = \"server.pem\"`";
            root.problems.report_with_hint(table.map_or(0..0, |t| t.span()), message, "none is served", hint);
        }
    }
}
