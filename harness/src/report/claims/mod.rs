//! Shows the article's claims and the verdicts of runs on them: a table or evidence for people, JSON, a page in
//! Markdown.

mod human;
mod json;
mod markdown;

pub use human::render as human;
pub use json::render as json;
pub use markdown::render as markdown;

use crate::outcome::claims::{Part, Settled, Standing};

/// Images on which a claim has the same verdict for the same reasons, shown once; only the numbers may differ.
struct Group<'a> {
    images: Vec<(&'a str, &'a Standing)>,
}

impl<'a> Group<'a> {
    fn standing(&self) -> &'a Standing {
        self.images[0].1
    }

    fn images(&self) -> Vec<&'a str> {
        self.images.iter().map(|(image, _)| *image).collect()
    }

    /// Returns where the verdict stands and why: `on debian-12: no scenario settles it yet`.
    fn place(&self) -> String {
        let reason = self.standing().reason.iter().map(|reason| format!(": {reason}")).collect::<String>();
        format!("on {}{reason}", self.images().join(", "))
    }

    /// Returns the evidence for the nth part, a line for each way it was shown; by image where they differ.
    fn evidence(&self, part: usize) -> Vec<String> {
        let mut found: Vec<(Vec<&str>, String)> = Vec::new();
        for (image, standing) in &self.images {
            let evidence = standing.parts[part].evidence.join("; ");
            match found.iter_mut().find(|(_, known)| *known == evidence) {
                Some((images, _)) => images.push(image),
                None => found.push((vec![image], evidence)),
            }
        }
        match &found[..] {
            [(_, evidence)] if evidence.is_empty() => Vec::new(),
            [(_, evidence)] => vec![evidence.clone()],
            _ => found.iter().map(|(images, evidence)| format!("{}: {evidence}", images.join(", "))).collect(),
        }
    }
}

fn groups(settled: &Settled) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (image, standing) in &settled.images {
        match groups.iter_mut().find(|group| alike(group.standing(), standing)) {
            Some(group) => group.images.push((image, standing)),
            None => groups.push(Group { images: vec![(image, standing)] }),
        }
    }
    groups
}

fn alike(a: &Standing, b: &Standing) -> bool {
    let without_numbers = |standing: &Standing| {
        let parts =
            standing.parts.iter().map(|part| Part { figure: String::new(), evidence: Vec::new(), ..part.clone() });
        (standing.verdict, standing.reason.clone(), parts.collect::<Vec<_>>())
    };
    without_numbers(a) == without_numbers(b)
}

/// Returns the command that runs again what the part is made of.
fn command(part: &Part, images: &[&str]) -> String {
    let (scenario, variants) = (&part.scenario, part.variants.join(","));
    format!("tunelab scenario {scenario} --image {} --variant {variants}", images.join(","))
}

/// Returns what decided and how to see it again, or why nothing did: one row for each way it was shown.
fn shown<'a>(settled: &'a Settled) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (image, standing) in &settled.images {
        let part = standing.decided_by();
        let figure = match (&standing.reason, part) {
            (Some(reason), _) => reason,
            (None, Some(part)) => &part.figure,
            (None, None) => "",
        };
        let same = |row: &&mut Row<'_>| (row.verdict, row.figure) == (standing.verdict.word(), figure);
        match rows.iter_mut().find(same) {
            Some(row) => row.images.push(image),
            None => rows.push(Row { verdict: standing.verdict.word(), images: vec![image], figure, part }),
        }
    }
    rows
}

/// A line of the table, for the images that share it.
struct Row<'a> {
    verdict: &'static str,
    images: Vec<&'a str>,
    figure: &'a str,
    part: Option<&'a Part>,
}

impl Row<'_> {
    /// Returns the images of the row; `all`, where all of several share it.
    fn on(&self, images: &[String]) -> String {
        if images.len() > 1 && self.images.len() == images.len() { "all".into() } else { self.images.join(", ") }
    }

    /// Returns the command that repeats the row; empty where there is nothing to repeat.
    fn command(&self) -> String {
        self.part.map_or_else(String::new, |part| command(part, &self.images))
    }
}

/// Says in a sentence how far the article is settled.
fn closing(all: &[Settled], images: &[String]) -> String {
    let on = |settled: &&Settled| !images.is_empty() && settled.settled_on() == images.len();
    let everywhere = all.iter().filter(on).count();
    let somewhere = all.iter().filter(|s| s.settled_on() > 0).count() - everywhere;
    let never = all.iter().filter(|s| s.claim.cannot.is_some()).count();
    let mut out = match images {
        [one] => format!("{everywhere} of {} claims are settled on {one}", all.len()),
        _ => format!("{everywhere} of {} claims are settled on all {} images", all.len(), images.len()),
    };
    if somewhere > 0 {
        out += &format!(", {somewhere} more on some of them");
    }
    if never > 0 {
        out += &format!("; {never} cannot be by any experiment");
    }
    out
}
