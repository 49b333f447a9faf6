//! `tunelab doctor`: what this host has and lacks; `--fix` installs it.

use super::say::say;
use crate::{
    cache::Cache,
    error::Result,
    host::{self, BUILD, Fix, InstallPolicy, Need, RUN, Survey, TESTS, kvm, kvm::KvmState, resources},
    story::Teller,
};
use comfy_table::{Table, presets};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Human,
    Json,
}

/// What this host has and lacks to run tunelab, each proven by running it
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 3 if something needed is missing.")]
pub struct Args {
    /// Install what is missing: as root at once, else after asking
    #[arg(long)]
    fix: bool,
    /// `json` is one object, for scripts
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// Exit 3 if something needed is missing, after the table has said what.
pub async fn run(args: Args, cache: &Cache, teller: &Teller) -> Result<()> {
    let needs = [RUN, BUILD, &[Need::Depmod], TESTS].concat();
    let fixed = if args.fix { host::require(&needs, InstallPolicy::Auto, teller).await } else { Ok(()) };
    let survey = host::survey(&needs).await;
    let kvm = kvm::proven(cache).await;
    match args.format {
        Format::Human => say(format!("{}\n\n{}\n", tools(&survey), machine(cache, &kvm)?))?,
        Format::Json => say(format!("{:#}\n", document(&survey, cache, &kvm)?))?,
    }
    // The reason why fixing failed says more than that something is still missing.
    fixed?;
    if survey.lacks().next().is_none() { Ok(()) } else { Err(host::refusal(&survey)) }
}

fn tools(survey: &Survey) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(["needed", "for", "found", "Debian package"]);
    for row in &survey.rows {
        let found = match &row.found {
            Ok(fact) => fact.clone(),
            Err(lack) => format!("✗ {}", lack.what),
        };
        table.add_row([row.need.name(), row.need.purpose(), &found, &row.need.packages().join(" ")]);
    }
    table
}

fn machine(cache: &Cache, kvm: &KvmState) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(["this host", ""]);
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let free = resources::disk_free_bytes(cache.root())?;
    table.add_row(["cache".into(), format!("{}, {} free", cache.root().display(), gib(free))]);
    table.add_row(["processors".into(), resources::cpus().to_string()]);
    let (total, available) = (resources::memory_total_bytes(), resources::memory_available_bytes());
    table.add_row(["memory".into(), format!("{}, {} available", gib(total), gib(available))]);
    table.add_row(["acceleration".into(), kvm.to_string()]);
    Ok(table)
}

fn document(survey: &Survey, cache: &Cache, kvm: &KvmState) -> Result<serde_json::Value> {
    let rows = survey.rows.iter().map(|row| {
        let mut entry = json!({
            "name": row.need.name(), "purpose": row.need.purpose(), "packages": row.need.packages(), "ok": row.found.is_ok(),
        });
        match &row.found {
            Ok(fact) => entry["found"] = json!(fact),
            Err(lack) => {
                entry["problem"] = json!(lack.what);
                entry["fix"] = match &lack.fix {
                    Fix::Packages(_) => json!(null),
                    Fix::Command(argv) => json!(argv.join(" ")),
                    Fix::Advice(advice) => json!(advice),
                };
            }
        }
        entry
    });
    Ok(json!({
        "needs": rows.collect::<Vec<_>>(),
        "cache": { "path": cache.root(), "free_bytes": resources::disk_free_bytes(cache.root())? },
        "cpus": resources::cpus(),
        "memory_bytes": resources::memory_total_bytes(),
        "memory_available_bytes": resources::memory_available_bytes(),
        "kvm": kvm,
    }))
}
