//! Too much of something right: too deep, too long, too many. None of it takes long, and the message is short.

use super::{Project, Row, look};

const SCENARIO: &str = "scenarios/whole/scenario.toml";

/// A row with this text in place of the file, and what is said.
fn whole(
    name: &'static str,
    file: &'static str,
    text: impl Fn() -> String + Send + Sync + 'static,
    says: &[&str],
) -> Row {
    let given = move |project: &Project| {
        project.put(file, text().as_bytes());
        look()
    };
    Row::new(name, given, says)
}

/// A row with tables of numbered names, added to the file.
fn tables(name: &'static str, of: &'static str, says: &[&str]) -> Row {
    let given = move |project: &Project| {
        let more: String = (0..3000).map(|n| format!("[{of}.n{n}]\n")).collect();
        project.edit(SCENARIO, "[machine]", &format!("{more}[machine]"));
        look()
    };
    Row::new(name, given, says)
}

/// A row with networks of which each has an interface of its own on the server.
fn links() -> Row {
    let given = |project: &Project| {
        let more: String = (0..200).map(|n| format!("[network.n{n}]\n")).collect();
        project.edit(SCENARIO, "[machine]", &format!("{more}[machine]"));
        look()
    };
    Row::new("links", given, &["has a problem", "these networks have 203 links, more than 200"])
}

pub fn rows() -> Vec<Row> {
    let rules = "scenarios/whole/rules.v4";
    vec![
        whole(
            "deep arrays",
            SCENARIO,
            || format!("summary = {}", "[".repeat(100_000)),
            &["has 2 problems", "max recursion depth"],
        ),
        whole(
            "deep keys",
            SCENARIO,
            || format!("{} = 1", vec!["a"; 100_000].join(".")),
            &["toml:1:1: this is no TOML: recursion limit"],
        ),
        whole(
            "deep tables",
            SCENARIO,
            || format!("[{}]", vec!["a"; 100_000].join(".")),
            &["toml:1:1: this is no TOML: recursion limit"],
        ),
        whole(
            "a long line",
            SCENARIO,
            || format!("summary = \"{}", "x".repeat(200_000)),
            &["toml:1:200011: this is no TOML"],
        ),
        whole(
            "a long text",
            SCENARIO,
            || format!("summary = \"{}\"", "x".repeat(70_000)),
            &["70000 characters, more than the 4096"],
        ),
        whole(
            "unknown keys",
            SCENARIO,
            || (0..3000).map(|n| format!("k{n} = 1\n")).collect(),
            &["problems, of which these are 50"],
        ),
        whole("lines of nothing", rules, || "nothing\n".repeat(5000), &["has 5000 problems, of which these are 50"]),
        whole("lines of no TOML", SCENARIO, || "=\n".repeat(5000), &["has 50 problems", "this is no TOML"]),
        tables("variants", "variant", &["there are 3002 of `variant`, more than 500"]),
        tables("clients", "clients", &["there are 3004 of `clients`, more than 500"]),
        tables("hosts", "host", &["there are 3002 of `host`, more than 500"]),
        tables("networks", "network", &["there are 3002 of `network`, more than 500"]),
        tables("services", "service", &["there are 3005 of `service`, more than 500"]),
        links(),
        tables("metrics", "metric", &["there are 3006 of `metric`, more than 500"]),
        tables("claims", "claim", &["there are 3001 of `claim`, more than 500"]),
        whole(
            "phases",
            SCENARIO,
            || "[[phase]]\nduration = \"1 s\"\n".repeat(3000),
            &["there are 3000 phases, more than 500"],
        ),
        whole(
            "paths",
            SCENARIO,
            || format!("[clients.a]\npath = \"/{}\"\ntimes = 9999\n", "x".repeat(4000)),
            &["are 40005999 characters"],
        ),
    ]
}
