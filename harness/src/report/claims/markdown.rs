//! Writes the page `docs/claims.md`: the same bytes for the same snapshots.

use super::{Group, closing, command, groups, shown as rows};
use crate::outcome::claims::{Part, Settled};

const HEAD: &str = "\
# The article's claims

What Philip Tellis's \"Linux TCP/IP Tuning for Scalability\" (27 September 2012) claims, and what the lab's runs made of it
on each image. Do not edit this page: `tunelab docs` writes it from
`scenarios/article.toml` and the snapshots. A claim *holds* where the article is right; it *does not apply* where a
kernel has nothing of what it is about; it is *unsettled* where no run has decided.
";

/// Returns the page. `shown` are the claims on it, out of `all`.
pub fn render(all: &[Settled], shown: &[&Settled], images: &[String]) -> String {
    let mut out = format!("{HEAD}\n{}.\n\n", closing(all, images));
    out += &table(shown, images);
    out.extend(shown.iter().map(|settled| told(settled)));
    out
}

/// Returns the table. A claim's place in the article is its number and its section.
fn table(shown: &[&Settled], images: &[String]) -> String {
    let line = |cells: [&str; 7]| format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    let mut out = line(["#", "claim", "section", "verdict", "on", "what shows it", "what repeats it"]);
    out += &format!("|{}\n", "---|".repeat(7));
    for settled in shown {
        let (number, claim) = (settled.claim.number.to_string(), &settled.claim);
        let link = format!("[{}](#{}-{})", claim.says, claim.number, claim.id);
        let mut first = [number.as_str(), &link, &claim.section];
        for row in rows(settled) {
            let on = row.on(images);
            let [number, link, section] = first;
            out += &line([number, link, section, row.verdict, &on, row.figure, &code(&row.command())]);
            first = [""; 3];
        }
    }
    out
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
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
    out.extend(part.uncontrolled_because.iter().map(|why| format!("  - no control: {why}\n")));
    out.extend(part.because.iter().map(|why| format!("  - because: {why}\n")));
    out + &format!("\n  ```sh\n  {}\n  ```\n", command(part, &group.images()))
}
