//! Shows claims to people: one row a claim; for those that were asked for, the evidence and how to repeat it.

use super::{Group, closing, command, groups, shown as rows};
use crate::outcome::claims::Settled;
use comfy_table::{ContentArrangement, Table, presets};

/// Returns the table, and the evidence if it is asked for. `shown` are the claims that were asked for, out of `all`.
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

/// Returns the table. A claim's place in the article is its number and its section.
fn table(shown: &[&Settled], images: &[String]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["#", "claim", "section", "verdict", "on", "what shows it, and what repeats it"]);
    for settled in shown {
        let (number, claim) = (settled.claim.number.to_string(), &settled.claim);
        let mut first = [number.as_str(), claim.id.as_str(), claim.section.as_str()];
        for row in rows(settled) {
            let repeat = [row.figure.to_owned(), row.command()].into_iter().filter(|line| !line.is_empty());
            let (on, shown) = (row.on(images), repeat.collect::<Vec<_>>().join("\n"));
            table.add_row(first.into_iter().chain([row.verdict, &on, &shown]));
            first = [""; 3];
        }
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
        out.extend(part.uncontrolled_because.iter().map(|why| format!("       no control: {why}\n")));
        out.extend(part.because.iter().map(|why| format!("       because: {why}\n")));
        out += &format!("       {}\n", command(part, &group.images()));
    }
    out
}
