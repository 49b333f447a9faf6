//! Checks the files that a scenario names, each in its own format: that they exist, and a light check of each.

use super::{
    problems::{Problems, nearest},
    section::Section,
    words,
};
use crate::{
    error::{Error, Result},
    read,
    visible::is_hidden,
};
use std::{cell::RefCell, collections::BTreeSet, path::Path};
use toml::Spanned;
use tunelab_protocol::{Format, guest, todays_name};

/// The scenario's folder, and which of its files are deployed.
pub struct Files<'a> {
    folder: &'a Path,
    problems: &'a Problems,
    named: RefCell<BTreeSet<String>>,
    /// Rules whose interfaces were checked, each for a host.
    checked: RefCell<BTreeSet<String>>,
    /// Files with a certificate that the lab makes.
    made: RefCell<BTreeSet<String>>,
    sysctls: RefCell<BTreeSet<String>>,
}

/// The beginning of the names that the user's own files have in the guest.
const YOURS: &str = "yours.";

/// A check of one file's text; the problems that it reports are in that file.
pub type Check = fn(&Problems);

impl<'a> Files<'a> {
    pub fn of(folder: &'a Path, problems: &'a Problems) -> Self {
        Files {
            folder,
            problems,
            named: RefCell::default(),
            checked: RefCell::default(),
            made: RefCell::default(),
            sysctls: RefCell::default(),
        }
    }

    /// Notes a file as deployed; reports that it is missing, or what is wrong in it. Each file is checked once.
    pub fn deploy(&self, name: &Spanned<String>, check: Check) {
        if !self.named.borrow_mut().insert(name.get_ref().clone()) {
            return;
        }
        match self.text(name) {
            Ok(text) => {
                let path = self.folder.join(name.get_ref());
                let found = Problems::of(path.display().to_string(), text);
                check(&found);
                self.problems.adopt(name.span(), found);
            }
            Err(error) => self.problems.take_named(name.span(), error),
        }
    }

    /// Notes a file that the lab makes beside those that are deployed; reports a name that it cannot have.
    pub fn make(&self, name: &Spanned<String>) {
        let word = name.get_ref();
        if !is_name(word) || self.folder.join(word).exists() {
            let message = format!("`{word}` cannot be a file that the lab makes");
            let label = if is_name(word) { "there is such a file already" } else { "not a name" };
            let hint = "a name of its own, without a folder: `certificate = \"server.pem\"`";
            self.problems.report_with_hint(name.span(), message, label, hint);
        }
        self.made.borrow_mut().insert(word.clone());
    }

    /// Whether the lab makes a file for some service.
    pub fn makes_some(&self) -> bool {
        !self.made.borrow().is_empty()
    }

    /// Deploys the file that a key names, and returns its path in the guest.
    pub fn one(&self, section: &Section<'_>, key: &'static str, check: Check) -> Option<String> {
        let name = section.get::<Spanned<String>>(key)?;
        self.deploy(&name, check);
        Some(deployed(name.get_ref()))
    }

    /// Deploys the sysctl.d files that a key names, and returns their paths in the guest.
    pub fn sysctls_of(&self, section: &Section<'_>, key: &'static str) -> Vec<String> {
        let names = section.get::<Vec<Spanned<String>>>(key).unwrap_or_default();
        names.iter().for_each(|name| self.deploy_sysctls(name));
        names.iter().map(|name| deployed(name.get_ref())).collect()
    }

    /// Reports interfaces in rules of a host that it does not have: a rule for one of them matches no packet. `path` is the
    /// file's path in the guest, and `span` the host's place in the scenario.
    pub fn check_interfaces(&self, path: &str, span: std::ops::Range<usize>, host: &str, interfaces: &[&str]) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some(text) = self.text_of(name) else { return };
        if !self.checked.borrow_mut().insert(format!("{name} {host} {interfaces:?}")) {
            return;
        }
        let found = Problems::of(self.folder.join(name).display().to_string(), text);
        check_interfaces(&found, host, interfaces);
        self.problems.adopt(span, found);
    }

    /// The text of a file that was deployed; `None` if it could not be read, which was reported.
    pub fn text_of(&self, name: &str) -> Option<String> {
        read::text_within(self.folder, name, "the file").ok()
    }

    /// Like [`Files::deploy`], and remembers the sysctls that the file sets.
    fn deploy_sysctls(&self, name: &Spanned<String>) {
        self.deploy(name, sysctl_d);
        if let Ok(text) = self.text(name) {
            self.sysctls.borrow_mut().extend(sysctl_names(&text));
        }
    }

    fn text(&self, name: &Spanned<String>) -> Result<String> {
        let name = name.get_ref();
        if !is_name(name) {
            let hint = "name a file beside this one, by a name of its own";
            return Err(Error::input(format!("`{name}` is no name of a file in the scenario's folder")).hint(hint));
        }
        let path = self.folder.join(name);
        if path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return Err(Error::input(format!("there is no file `{name}` beside this one")).hint(self.near(name)));
        }
        read::text_within(self.folder, name, "the file")
    }

    fn near(&self, name: &str) -> String {
        let entries = std::fs::read_dir(self.folder).into_iter().flatten().flatten();
        let names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        match nearest(name, &names.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it would be `{}`", self.folder.join(name).display()),
        }
    }

    /// Returns all files deployed, all that the lab makes, and all sysctls that are set.
    pub fn into_parts(self) -> [BTreeSet<String>; 3] {
        [self.named, self.made, self.sysctls].map(RefCell::into_inner)
    }
}

/// Whether a file beside the scenario's may have this name in the guest.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && !name.starts_with('.') && !name.starts_with(YOURS)
}

/// The path in the guest of a file by its name.
pub fn deployed(name: &str) -> String {
    format!("{}/{name}", guest::FILES)
}

/// The check of a file of firewall rules.
pub fn of_firewall(format: Format) -> Check {
    match format {
        Format::Iptables | Format::Ip6tables => iptables_save,
        _ => plain_text,
    }
}

/// Checks only that it is text: the program that reads it says the rest.
pub fn plain_text(file: &Problems) {
    plain(file);
}

/// Whether the text is free of characters that no format in the guest has: a byte order mark, which the programs there
/// read as a part of the first word, and control characters. Where there is one it is reported, and nothing else is
/// looked at: that may be wrong because of it.
fn plain(file: &Problems) -> bool {
    let found = |c: char| is_hidden(c) && !matches!(c, '\t' | '\n' | '\r');
    let Some((at, c)) = file.text().char_indices().find(|(_, c)| found(*c)) else { return true };
    let span = at..at + c.len_utf8();
    if (at, c) == (0, '\u{feff}') {
        let message = "it begins with a byte order mark, which programs in the guest take for a part of the first word";
        let hint = "`sed -i '1s/^\\xef\\xbb\\xbf//' FILE` removes it";
        file.report_with_hint(0..0, message, "an invisible mark", hint);
    } else {
        file.report(span, format!("there is a control character in this line, `{}`", c.escape_default()), "not text");
    }
    false
}

/// Returns the lines with the place of each, without blank lines and comments.
fn lines<'t>(text: &'t str, comments: &'t [char]) -> impl Iterator<Item = (std::ops::Range<usize>, &'t str)> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        let line = line.trim();
        (!line.is_empty() && !line.starts_with(comments)).then(|| (start..start + line.len(), line))
    })
}

/// Splits `a.b = c`; a leading `-` means that the kernel may not have it.
fn sysctl_line(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_start_matches('-');
    words::is_sysctl(name).then_some((name, value.trim()))
}

/// Returns the names that a file sets, with dots, as `sysctl -a` of the current kernel prints them.
pub fn sysctl_names(text: &str) -> Vec<String> {
    lines(text, &['#', ';'])
        .filter_map(|(_, line)| Some(todays_name(&sysctl_line(line)?.0.replace('/', "."))))
        .collect()
}

/// Checks a file of sysctl.d(5): `name = value` lines.
pub fn sysctl_d(file: &Problems) {
    if !plain(file) {
        return;
    }
    for (span, line) in lines(file.text(), &['#', ';']) {
        match sysctl_line(line) {
            None => file.report_with_hint(
                span,
                format!("`{line}` is no sysctl.d line"),
                "not `name = value`",
                "for example `net.ipv4.ip_local_port_range = 18000 65535`",
            ),
            Some((_, "")) => file.report(span, format!("`{line}` sets nothing"), "no value"),
            Some(_) => {}
        }
    }
}

/// Checks a file of limits.d: lines of `domain type item value`, see limits.conf(5).
pub fn limits_d(file: &Problems) {
    if !plain(file) {
        return;
    }
    for (span, line) in lines(file.text(), &['#']) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields[..] {
            [_, "soft" | "hard" | "-", "nofile", value] if is_no_limit(value) => file.report_with_hint(
                span,
                format!("`{value}` is no number of files"),
                "Linux has no unlimited `nofile`",
                "the most that can be had is fs.nr_open, 1048576 unless it was changed",
            ),
            [_, "soft" | "hard" | "-", _, value] if is_limit(value) => {}
            [_, "soft" | "hard" | "-", _, value] => file.report(span, format!("`{value}` is no limit"), "not a number"),
            [_, kind, _, _] => {
                file.unknown(span, format!("`{kind}` is no type of limit"), kind, &["soft", "hard", "-"]);
            }
            _ => file.report_with_hint(
                span,
                format!("`{line}` is no limits.d line"),
                "not `domain type item value`",
                "for example `* soft nofile 999999`",
            ),
        }
    }
}

fn is_limit(value: &str) -> bool {
    is_no_limit(value) || value.parse::<u64>().is_ok()
}

fn is_no_limit(value: &str) -> bool {
    matches!(value, "unlimited" | "infinity" | "-1")
}

/// Checks a file in the format of iptables-save: `*table`, chains, rules, `COMMIT`.
pub fn iptables_save(file: &Problems) {
    if !plain(file) {
        return;
    }
    if let Some(at) = file.text().find("\r\n") {
        let message = "lines end as on Windows (CR LF): iptables-restore takes the CR for a part of the last word";
        let hint = "`sed -i 's/\\r$//' FILE` makes line ends of Linux of them";
        // Other problems may only follow from this one.
        return file.report_with_hint(at..at + 1, message, "the first", hint);
    }
    let mut open: Option<std::ops::Range<usize>> = None;
    for (span, line) in lines(file.text(), &['#']) {
        match (line.as_bytes()[0], &open) {
            (b'*', None) => open = Some(span),
            (b'*', Some(_)) => file.report(span, "a table begins before the last one's `COMMIT`", "begins here"),
            (_, None) => {
                let hint = "a rules file is what iptables-save prints: `*filter`, chains, rules, `COMMIT`";
                file.report_with_hint(span, format!("`{line}` stands outside a table"), "no `*table` before", hint);
            }
            (b':' | b'-' | b'[', Some(_)) => {}
            (_, Some(_)) if line == "COMMIT" => open = None,
            (_, Some(_)) => {
                let words = ["COMMIT", "-A INPUT", ":INPUT DROP [0:0]"];
                file.unknown(span, format!("`{line}` is no line of a rules file"), line, &words);
                // A `COMMIT` with a typing error is one mistake: it ends the table.
                open = open.filter(|_| nearest(line, &words) != Some("COMMIT"));
            }
        }
    }
    if let Some(span) = open {
        file.report(span, "this table has no `COMMIT`", "begins here");
    }
}

/// Reports interfaces in rules that the host does not have.
pub fn check_interfaces(rules: &Problems, host: &str, interfaces: &[&str]) {
    for (at, rule) in lines(rules.text(), &['#']) {
        for (flag, interface) in interfaces_of(rule) {
            let is_own = |own: &&str| match interface.strip_suffix('+') {
                Some(start) => own.starts_with(start),
                None => interface == *own,
            };
            if !interfaces.iter().chain(&["lo"]).any(is_own) {
                let message = format!("host `{host}` has no interface `{interface}`: this rule matches no packet");
                let own: Vec<String> = interfaces.iter().map(|own| format!("`{flag} {own}`")).collect();
                let hint =
                    format!("it has {}; or give a network that name: `interface = \"{interface}\"`", own.join(", "));
                rules.report_with_hint(at.clone(), message, "matches nothing", hint);
            }
        }
    }
}

/// The interfaces that a rule names, each with its flag.
fn interfaces_of(rule: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let flags = ["-i", "-o", "--in-interface", "--out-interface"];
    words.windows(2).filter(|pair| flags.contains(&pair[0])).map(|pair| (pair[0], pair[1])).collect()
}

/// Checks only that a program is not empty: its interpreter reads it in the guest.
pub fn program(file: &Problems) {
    if file.text().trim().is_empty() {
        file.report(0..0, "there is no program in this file", "empty");
    }
}

/// Checks only that the braces are balanced: nginx itself reads its configuration in the guest.
pub fn nginx_conf(file: &Problems) {
    if !plain(file) {
        return;
    }
    let mut open = Vec::new();
    let (mut quote, mut comment, mut escaped) = (None, false, false);
    for (at, c) in file.text().char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => comment = false,
            _ if comment => {}
            _ if quote.is_some() => quote = quote.filter(|q| *q != c),
            '#' => comment = true,
            '"' | '\'' => quote = Some(c),
            '{' => open.push(at),
            '}' if open.pop().is_none() => file.report(at..at + 1, "`}` closes nothing", "one too many"),
            _ => {}
        }
    }
    for at in open {
        file.report(at..at + 1, "`{` is never closed", "opened here");
    }
}
