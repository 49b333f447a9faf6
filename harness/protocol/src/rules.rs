//! Firewall rules in their own formats: as they stand in a file, and as the guest's programs print them with counters.

use crate::Format;

/// A rule of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `filter`; with nftables' family in front, `inet filter`.
    pub table: String,
    pub chain: String,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The rule as it is written, without the numbers of its counter.
    pub text: String,
    /// `None`: it counts nothing. iptables counts for each rule, nftables only where the rule says `counter`.
    pub counter: Option<Counter>,
}

/// The packets that met a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

/// Returns the rules of a text in this format, in their order. What is not written as iptables-save and `nft list
/// ruleset` write it (`-I`, `add rule`) is left out.
pub fn parse(format: Format, text: &str) -> Vec<Rule> {
    match format {
        Format::Iptables | Format::Ip6tables => iptables(text),
        Format::Nftables => Nft::default().read(text),
        Format::Ipset | Format::Ipvs => Vec::new(),
    }
}

/// Reads `*filter` and `[12:720] -A INPUT -p tcp -j ACCEPT`, with or without the numbers.
fn iptables(text: &str) -> Vec<Rule> {
    let (mut table, mut rules) = (String::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(name) = text.strip_prefix('*') {
            table = name.to_owned();
        }
        let (numbers, text) = match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((numbers, rest)) => (numbers.split_once(':'), rest.trim_start()),
            None => (None, text),
        };
        let Some(chain) = text.strip_prefix("-A ").and_then(|rest| rest.split_whitespace().next()) else { continue };
        let number = |text: &str| text.parse().unwrap_or(0);
        let counted = numbers.map(|(packets, bytes)| Counter { packets: number(packets), bytes: number(bytes) });
        let counter = Some(counted.unwrap_or_default());
        rules.push(Rule { table: table.clone(), chain: chain.to_owned(), line, text: text.to_owned(), counter });
    }
    rules
}

/// Reads blocks in braces: `table inet filter { chain input { type filter hook input priority 0; tcp dport 80 accept } }`.
#[derive(Default)]
struct Nft {
    /// The words before each brace that is open.
    open: Vec<String>,
    /// Braces that are open within a rule: `{ 80, 443 }`.
    inner: usize,
    statement: String,
    /// The line on which the statement began.
    began: u32,
    rules: Vec<Rule>,
}

impl Nft {
    fn read(mut self, text: &str) -> Vec<Rule> {
        for (line, text) in (1..).zip(text.lines()) {
            let mut quoted = false;
            for c in text.chars() {
                match c {
                    '"' => quoted = !quoted,
                    '#' if !quoted => break,
                    _ => {}
                }
                if quoted { self.write(c, line) } else { self.take(c, line) }
            }
            // A line that ends with a backslash goes on in the next one.
            match self.statement.strip_suffix('\\') {
                Some(rest) => self.statement.truncate(rest.len()),
                None if self.inner == 0 => self.end(),
                None => {}
            }
            self.statement.push(' ');
        }
        self.rules
    }

    fn take(&mut self, c: char, line: u32) {
        match c {
            '{' if self.is_in_chain() => self.inner += 1,
            '}' if self.inner > 0 => self.inner -= 1,
            '{' => return self.open.push(std::mem::take(&mut self.statement).trim().to_owned()),
            '}' => {
                self.end();
                self.open.pop();
                return;
            }
            ';' if self.inner == 0 => return self.end(),
            _ => {}
        }
        self.write(c, line);
    }

    fn write(&mut self, c: char, line: u32) {
        if self.statement.trim().is_empty() {
            self.began = line;
        }
        self.statement.push(c);
    }

    fn is_in_chain(&self) -> bool {
        self.open.last().is_some_and(|head| head.starts_with("chain "))
    }

    /// A statement ends: a rule, if it stands in a chain and is none of the chain's own properties.
    fn end(&mut self) {
        let statement = std::mem::take(&mut self.statement);
        let [.., table, chain] = &self.open[..] else { return };
        let Some(chain) = chain.strip_prefix("chain ") else { return };
        let mut words: Vec<&str> = statement.split_whitespace().collect();
        let properties = ["type", "policy", "comment", "flags", "device", "devices"];
        if words.first().is_none_or(|first| properties.contains(first)) {
            return;
        }
        let table = table.strip_prefix("table ").unwrap_or(table);
        // Without a family it is `ip`.
        let table = if table.contains(' ') { table.to_owned() } else { format!("ip {table}") };
        let counter = counter(&mut words);
        let text = words.join(" ");
        self.rules.push(Rule { table, chain: chain.trim().to_owned(), line: self.began, text, counter });
    }
}

/// Takes the numbers out of `counter packets 5 bytes 300`. A counter that has a name is not the rule's own.
fn counter(words: &mut Vec<&str>) -> Option<Counter> {
    let at = words.iter().take_while(|word| **word != "comment").position(|word| *word == "counter")?;
    match words[at + 1..] {
        ["name", ..] => None,
        ["packets", packets, "bytes", bytes, ..] => {
            let counter = Counter { packets: packets.parse().ok()?, bytes: bytes.parse().ok()? };
            words.drain(at + 1..at + 5);
            Some(counter)
        }
        _ => Some(Counter::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<'a> = (&'a str, &'a str, u32, &'a str, Option<(u64, u64)>);

    fn check(format: Format, text: &str, wanted: &[Read<'_>]) {
        let rules = parse(format, text);
        let read: Vec<Read<'_>> = rules
            .iter()
            .map(|rule| {
                let counter = rule.counter.map(|counter| (counter.packets, counter.bytes));
                (rule.table.as_str(), rule.chain.as_str(), rule.line, rule.text.as_str(), counter)
            })
            .collect();
        assert_eq!(read, wanted);
    }

    #[test]
    fn rules_of_iptables() {
        let text = "# made\n*nat\n:PREROUTING ACCEPT [3:180]\n[2:120] -A PREROUTING -p tcp -j REDIRECT\nCOMMIT\n\
                    *filter\n-A INPUT -m comment --comment \"a [b] c\" -j DROP\n-I INPUT -j LOG\nCOMMIT\n";
        check(
            Format::Iptables,
            text,
            &[
                ("nat", "PREROUTING", 4, "-A PREROUTING -p tcp -j REDIRECT", Some((2, 120))),
                ("filter", "INPUT", 7, "-A INPUT -m comment --comment \"a [b] c\" -j DROP", Some((0, 0))),
            ],
        );
    }

    #[test]
    fn rules_of_nftables() {
        let text = "flush ruleset\ntable inet filter {\n  set seen {\n    type ipv4_addr\n    elements = { 10.0.0.1 }\n  }\n\
                    chain input {\n  type filter hook input priority 0; policy drop;\n  comment \"of the chain\"\n\
                    \tct state established counter packets 7 bytes 420 accept # fine\n\
                    tcp dport { 80,\n 443 } counter drop comment \"no; counter {\"\n\
                    ip saddr 10.0.0.0/8 \\\n accept\n counter name web\n }\n}\n\
                    table nat { chain post { oifname \"eth0\" counter masquerade } }\n";
        check(
            Format::Nftables,
            text,
            &[
                ("inet filter", "input", 10, "ct state established counter accept", Some((7, 420))),
                (
                    "inet filter",
                    "input",
                    11,
                    "tcp dport { 80, 443 } counter drop comment \"no; counter {\"",
                    Some((0, 0)),
                ),
                ("inet filter", "input", 13, "ip saddr 10.0.0.0/8 accept", None),
                ("inet filter", "input", 15, "counter name web", None),
                ("ip nat", "post", 18, "oifname \"eth0\" counter masquerade", Some((0, 0))),
            ],
        );
    }
}
