//! The page `docs/claims.md`: the same bytes for the same snapshots.

use super::{Group, closing, command, groups};
use crate::outcome::claims::{Part, Settled};

const HEAD: &str = "\
# The article's claims

What Philip Tellis's \"Linux TCP/IP Tuning for Scalability\" (27 September 2012) claims, and what the lab's runs made of it
on each image. Do not edit this page: `tunelab docs` writes it from
`scenarios/article.toml` and the snapshots. A claim *holds* where the article is right; it *does not apply* where a
kernel has nothing of what it is about; it is *unsettled* where no run has decided.
";

pub fn render(all: &[Settled], shown: &[&Settled], images: &[String]) -> String {
    let mut out = format!("{HEAD}\n{}.\n\n", closing(all, images));
    out += &table(shown, images);
    out.extend(shown.iter().map(|settled| told(settled)));
    out
}

fn table(shown: &[&Settled], images: &[String]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let cells = |first: [&str; 2]| first.iter().map(|c| (*c).to_owned()).chain(images.iter().cloned()).collect();
    let mut out = row(cells(["#", "claim"]));
    out += &format!("|{}\n", "---|".repeat(images.len() + 2));
    for settled in shown {
        let claim = &settled.claim;
        let link = format!("[{}](#{}-{})", claim.says.replace('|', "\\|"), claim.number, claim.id);
        let verdicts = settled.images.iter().map(|(_, standing)| standing.verdict.word().to_owned());
        out += &row([claim.number.to_string(), link].into_iter().chain(verdicts).collect());
    }
    out
}

fn told(settled: &Settled) -> String {
    let claim = &settled.claim;
    let mut out = format!("\n## {}. {}\n\n{}\n\n", claim.number, claim.id, sentence(&claim.says));
    out += &format!("> {}\n>\n> *{}*\n\n", claim.quote, claim.section);
    out + &groups(settled).iter().map(of_group).collect::<Vec<_>>().join("\n")
}

fn sentence(says: &str) -> String {
    let mut letters = says.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn of_group(group: &Group<'_>) -> String {
    let mut out = format!("**{}** {}\n", group.standing().verdict.word(), group.place());
    out.extend((0..group.standing().parts.len()).map(|n| of_part(group, n)));
    out
}

fn of_part(group: &Group<'_>, n: usize) -> String {
    let part = &group.standing().parts[n];
    let Part { scenario, claim, verdict, .. } = part;
    let link = format!("[{scenario}](../scenarios/{scenario}/scenario.toml)");
    let mut out = format!("\n- `{claim}` of {link}: {}\n", verdict.word());
    out.extend(group.evidence(n).iter().map(|line| format!("  - {line}\n")));
    out + &format!("\n  ```sh\n  {}\n  ```\n", command(part, &group.images()))
}
