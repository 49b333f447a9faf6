//! `tunelab doctor`: what this host has and lacks; `--fix` installs it.

use super::say::say;
use crate::{
    cache::Cache,
    error::Result,
    host::{self, BUILD, Fix, InstallPolicy, Need, Packaging, RUN, Row, Survey, TESTS, kvm, kvm::KvmState, resources},
    lab::proof::{self, Proof},
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
#[command(
    after_help = "Exits with 3 if something needed is missing. What only `--kernel` and `cargo test` need is no failure."
)]
pub struct Args {
    /// Install what is missing: as root at once, else after asking
    #[arg(long)]
    fix: bool,
    /// With `--fix`: also what only `--kernel` and `cargo test` need
    #[arg(long, requires = "fix")]
    all: bool,
    /// `json` is one object, for scripts
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// Exits with 3 if something needed is missing, after the table has said what.
pub async fn run(args: Args, cache: &Cache, teller: &Teller) -> Result<()> {
    let (needed, optional) = ([RUN, BUILD].concat(), [&[Need::Depmod], TESTS].concat());
    let wanted = if args.all { [&needed[..], &optional[..]].concat() } else { needed.clone() };
    let fixed = if args.fix { host::require(&wanted, InstallPolicy::Auto, teller).await } else { Ok(()) };
    let found = Found {
        needed: host::survey(&needed).await,
        optional: host::survey(&optional).await,
        kvm: kvm::proven(cache, None).await,
        proof: prove(cache, teller).await,
    };
    match args.format {
        Format::Human => say(found.human(cache)?)?,
        Format::Json => say(format!("{:#}\n", found.json(cache)?))?,
    }
    // The reason why fixing failed says more than that something is still missing.
    fixed?;
    if found.needed.lacks().next().is_some() {
        return Err(host::refusal(&found.needed));
    }
    found.proof.map(drop)
}

async fn prove(cache: &Cache, teller: &Teller) -> Result<Proof> {
    let step = teller.step("booting, saving and restoring a machine");
    let proof = proof::proven(cache).await?;
    step.done();
    Ok(proof)
}

/// Everything to be said about this host.
struct Found {
    needed: Survey,
    /// The needs of `--kernel` and `cargo test` alone.
    optional: Survey,
    kvm: KvmState,
    proof: Result<Proof>,
}

impl Found {
    fn human(&self, cache: &Cache) -> Result<String> {
        let (needed, optional) = (tools("needed", &self.needed), tools("for `--kernel` and tests", &self.optional));
        Ok(format!("{needed}\n\n{optional}\n\n{}\n", machine(cache, &self.kvm, &self.proof)?))
    }

    fn json(&self, cache: &Cache) -> Result<serde_json::Value> {
        let rows = |survey: &Survey, needed: bool| survey.rows.iter().map(|row| entry(row, needed)).collect::<Vec<_>>();
        let needs = [rows(&self.needed, true), rows(&self.optional, false)].concat();
        Ok(json!({
            "needs": needs,
            "machine": match &self.proof {
                Ok(proof) => json!(proof),
                Err(why) => json!({ "problem": format!("{why:?}") }),
            },
            "cache": { "path": cache.root(), "free_bytes": resources::disk_free_bytes(cache.root())? },
            "cpus": resources::cpus(),
            "memory_bytes": resources::memory_total_bytes(),
            "memory_available_bytes": resources::memory_available_bytes(),
            "kvm": self.kvm,
        }))
    }
}

fn tools(title: &str, survey: &Survey) -> Table {
    let mut table = Table::new();
    let packaging = Packaging::here();
    let package = format!("{} package", packaging.name());
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header([title, "for", "found", &package]);
    for row in &survey.rows {
        let found = match &row.found {
            Ok(fact) => fact.clone(),
            Err(lack) => format!("✗ {}", lack.what),
        };
        table.add_row([row.need.name(), row.need.purpose(), &found, &packaging.packages(row.need).join(" ")]);
    }
    table
}

/// Makes the document's entry for one need.
fn entry(row: &Row, needed: bool) -> serde_json::Value {
    let mut entry = json!({
        "name": row.need.name(), "purpose": row.need.purpose(), "packages": Packaging::here().packages(row.need),
        "needed": needed, "ok": row.found.is_ok(),
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
}

fn machine(cache: &Cache, kvm: &KvmState, proof: &Result<Proof>) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(["this host", ""]);
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let free = resources::disk_free_bytes(cache.root())?;
    table.add_row(["cache".into(), format!("{}, {} free", cache.root().display(), gib(free))]);
    table.add_row(["processors".into(), resources::cpus().to_string()]);
    let (total, available) = (resources::memory_total_bytes(), resources::memory_available_bytes());
    table.add_row(["memory".into(), format!("{}, {} available", gib(total), gib(available))]);
    table.add_row(["acceleration".into(), kvm.to_string()]);
    table.add_row(["a machine".into(), proof.as_ref().map_or_else(|why| format!("✗ {why}"), ToString::to_string)]);
    Ok(table)
}
