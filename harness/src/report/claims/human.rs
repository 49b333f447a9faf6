//! For people: one row a claim; for those that were asked for, the evidence and how to repeat it.

use super::{Group, closing, command, groups};
use crate::outcome::claims::Settled;
use comfy_table::{ContentArrangement, Table, presets};

/// `shown` are the claims that were asked for, out of `all`.
pub fn render(all: &[Settled], shown: &[&Settled], images: &[String], evidence: bool) -> String {
    let mut out = format!("{}\n", table(shown, images).trim_fmt());
    if evidence {
        out.extend(shown.iter().map(|settled| told(settled)));
    }
    out += &format!("\n{}\n", closing(all, images));
    if !evidence {
        out += "`tunelab claims NAME` shows the evidence of one, `--verbose` that of all\n";
    }
    out
}

fn table(shown: &[&Settled], images: &[String]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["#", "claim"].into_iter().chain(images.iter().map(String::as_str)));
    for settled in shown {
        let verdicts = settled.images.iter().map(|(_, standing)| standing.verdict.word().to_owned());
        let row = [settled.claim.number.to_string(), settled.claim.id.clone()].into_iter().chain(verdicts);
        table.add_row(row);
    }
    table
}

fn told(settled: &Settled) -> String {
    let claim = &settled.claim;
    let mut out = format!("\n{}. {}: {}\n", claim.number, claim.id, claim.says);
    out += &format!("   \"{}\" ({})\n", claim.quote, claim.section);
    out.extend(groups(settled).iter().map(of_group));
    out
}

fn of_group(group: &Group<'_>) -> String {
    let mut out = format!("   {} {}\n", group.standing().verdict.word(), group.place());
    for (n, part) in group.standing().parts.iter().enumerate() {
        out += &format!("     {} of {}: {}\n", part.claim, part.scenario, part.verdict.word());
        out.extend(group.evidence(n).iter().map(|line| format!("       {line}\n")));
        out += &format!("       {}\n", command(part, &group.images()));
    }
    out
}
