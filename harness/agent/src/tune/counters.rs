//! Reads what the rules of a firewall have counted, as the guest's own programs print it.

use super::rules::loader;
use crate::tool;
use anyhow::{Context, Result};
use std::path::Path;
use tunelab_protocol::rules::{Rule, parse};
use tunelab_protocol::{CountedRule, Format, Ruleset};

/// A rule of a file, and its place.
type Placed = (String, Rule);

/// Returns the rules with a counter of this thread's namespace, for the formats of the files that were loaded there.
pub fn counted(loaded: &[Ruleset]) -> Result<Vec<CountedRule>> {
    let of_format = |format| counted_of(format, loaded);
    Ok(formats_of(loaded).map(of_format).collect::<Result<Vec<_>>>()?.concat())
}

/// Returns those of them that are gone once `files` were loaded by [`super::replace_rules`].
pub fn replaced(loaded: &[Ruleset], files: &[Ruleset]) -> Result<Vec<CountedRule>> {
    let mut all = Vec::new();
    for format in formats_of(loaded).filter(|format| formats_of(files).any(|other| other == *format)) {
        let mut counted = counted_of(format, loaded)?;
        if loader(format).keeps_other_tables() {
            let texts = files.iter().filter(|rules| rules.format == format).map(read).collect::<Result<Vec<_>>>()?;
            counted.retain(|rule| texts.iter().any(|text| replaces(format, text, &rule.table)));
        }
        all.extend(counted);
    }
    Ok(all)
}

fn formats_of(files: &[Ruleset]) -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(|format| files.iter().any(|rules| rules.format == *format))
}

fn counted_of(format: Format, loaded: &[Ruleset]) -> Result<Vec<CountedRule>> {
    let Some((program, args)) = loader(format).prints()? else { return Ok(Vec::new()) };
    let printed = parse(format, &tool::run(program, args)?);
    let files = loaded.iter().filter(|rules| rules.format == format);
    Ok(named(&printed, &in_force(format, files)?))
}

fn read(rules: &Ruleset) -> Result<String> {
    std::fs::read_to_string(&rules.file).with_context(|| format!("failed to read {}", rules.file))
}

/// Whether a file with this text takes the place of this table when it is loaded. One of iptables does so with the tables
/// that it has; one of nftables adds to what is there, unless it says `flush ruleset`.
fn replaces(format: Format, text: &str, table: &str) -> bool {
    match format {
        Format::Nftables => text.lines().any(|line| line.trim().starts_with("flush ruleset")),
        _ => text.lines().any(|line| line.trim().strip_prefix('*') == Some(table)),
    }
}

/// The rules of the files as they follow each other in each chain.
fn in_force<'a>(format: Format, files: impl Iterator<Item = &'a Ruleset>) -> Result<Vec<Placed>> {
    let mut placed: Vec<Placed> = Vec::new();
    for rules in files {
        let text = read(rules)?;
        placed.retain(|(_, rule)| !replaces(format, &text, &rule.table));
        let name = Path::new(&rules.file).file_name().unwrap_or_default().to_string_lossy();
        placed.extend(parse(format, &text).into_iter().map(|rule| (format!("{name}:{}", rule.line), rule)));
    }
    Ok(placed)
}

/// Names the printed rules as the files do: the nth of a chain here is the nth there. Where a chain has not as many, as
/// with `-I`, the printed words stay.
fn named(printed: &[Rule], placed: &[Placed]) -> Vec<CountedRule> {
    let in_chain = |rule: &Rule, other: &Rule| (&rule.table, &rule.chain) == (&other.table, &other.chain);
    let one = |(at, rule): (usize, &Rule)| {
        let counter = rule.counter?;
        let before = printed[..at].iter().filter(|other| in_chain(rule, other)).count();
        let all = printed.iter().filter(|other| in_chain(rule, other)).count();
        let there: Vec<&Placed> = placed.iter().filter(|(_, other)| in_chain(rule, other)).collect();
        let own = there.get(before).filter(|_| there.len() == all);
        Some(CountedRule {
            place: own.map(|(place, _)| place.clone()),
            table: rule.table.clone(),
            chain: rule.chain.clone(),
            text: own.map_or_else(|| rule.text.clone(), |(_, own)| own.text.clone()),
            packets: counter.packets,
            bytes: counter.bytes,
        })
    };
    printed.iter().enumerate().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "*nat\n[1:60] -A POSTROUTING -o internet -j MASQUERADE\nCOMMIT\n\
                           *filter\n[4:240] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n[0:0] -A INPUT -j DROP\nCOMMIT\n";

    fn names(files: &[&str]) -> Vec<(Option<String>, String, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let rules = files.iter().enumerate().map(|(n, text)| {
            let file = folder.path().join(format!("{n}.v4"));
            std::fs::write(&file, text).unwrap();
            Ruleset { format: Format::Iptables, file: file.display().to_string() }
        });
        let rules: Vec<Ruleset> = rules.collect();
        let placed = in_force(Format::Iptables, rules.iter()).unwrap();
        let named = named(&parse(Format::Iptables, PRINTED), &placed);
        named.into_iter().map(|rule| (rule.place, rule.text, rule.packets)).collect()
    }

    #[test]
    fn rules_have_the_words_of_their_file() {
        let nat = "*nat\n-A POSTROUTING -o internet -j MASQUERADE\nCOMMIT\n*filter\n-A INPUT -j LOG\nCOMMIT\n";
        let filter = "*filter\n-A INPUT -p tcp --dport 80 -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n";
        let place = |place: &str| Some(place.to_owned());
        assert_eq!(
            names(&[nat, filter]),
            [
                (place("0.v4:2"), "-A POSTROUTING -o internet -j MASQUERADE".into(), 1),
                (place("1.v4:2"), "-A INPUT -p tcp --dport 80 -j ACCEPT".into(), 4),
                (place("1.v4:3"), "-A INPUT -j DROP".into(), 0),
            ]
        );
    }

    #[test]
    fn without_an_order_the_printed_words_stay() {
        let file = "*filter\n-A INPUT -j DROP\n-I INPUT -p tcp --dport 80 -j ACCEPT\nCOMMIT\n";
        let wanted = (None, "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT".to_owned(), 4);
        assert_eq!(names(&[file])[1], wanted);
    }
}
