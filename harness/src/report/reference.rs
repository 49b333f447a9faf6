//! The page `docs/reference/metrics.md`: functions and readings, made of the definitions that the parser and the agent use.

use crate::scenario::value::FUNCTIONS;
use tunelab_protocol::{
    probe::{SAMPLED, Scope},
    readings::{self, COUNTERS, Reading},
};

const HEAD: &str = "\
# Metrics

`[metric.NAME]` with `value = \"FUNCTION(...)\"` puts a number into the outcome and the snapshot of a scenario; `where` narrows it
down, `tolerance` says how far two builds of a machine may be apart in it. Do not edit this page: `tunelab docs` writes it from
`harness/src/scenario/value.rs` and `harness/protocol/src/probe/`.
";

pub fn render() -> String {
    format!("{HEAD}\n{}\n{}\n{}", functions(), readings(), counters())
}

fn functions() -> String {
    let row = |(_, example, gives): &(&str, &str, &str)| format!("| `{example}` | {gives} |\n");
    let rows: String = FUNCTIONS.iter().map(row).collect();
    format!("## Functions\n\n| for example | what it gives |\n|---|---|\n{rows}")
}

fn readings() -> String {
    let row = |(probe, reading): (Option<&str>, &Reading)| {
        let Reading { name, unit, source, since, meaning } = reading;
        let probe = probe.map_or_else(String::new, |probe| format!("`{probe}`"));
        let since = since.map_or_else(String::new, |since| format!(", since Linux {since}"));
        format!("| `{name}` | {} | {probe} | {source}{since} | {meaning} |\n", unit.word())
    };
    let rows: String = readings::all().map(row).collect();
    let head = "| reading | unit | probe | read from | meaning |\n|---|---|---|---|---|\n";
    let of_hosts: Vec<String> = SAMPLED
        .into_iter()
        .filter(|probe| probe.scope == Scope::Host)
        .map(|probe| format!("`{}`", probe.key))
        .collect();
    let hosts = format!(
        "These probes are read on any host (`hosts`): {}. The others see the whole guest.",
        of_hosts.join(", ")
    );
    format!("## Readings\n\nA reading without a unit is a count. {hosts}\n\n{head}{rows}")
}

fn counters() -> String {
    let group = |(group, counters): &(&str, &str)| {
        let words: Vec<&str> = counters.split_whitespace().collect();
        format!("- `{group}.`: {}\n", words.join(", "))
    };
    let groups: String = COUNTERS.iter().map(group).collect();
    format!(
        "## Counters of the kernel\n\nThe probe `netstat` reads /proc/net/netstat and /proc/net/snmp. Each counter is a reading by \
         the kernel's name, such as `TcpExt.ListenDrops`; one that a kernel does not have is `absent`.\n\n{groups}"
    )
}
