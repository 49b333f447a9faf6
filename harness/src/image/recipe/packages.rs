//! Reads `[packages]`.

use super::{
    Packages, keyring,
    reader::{Problems, Table},
    url,
};
use std::{ops::Range, path::PathBuf};

pub fn read(table: Table<'_, '_>, keys: &[PathBuf], problems: &Problems<'_>) -> Option<Packages> {
    let suite = table.string("suite");
    if let Some((suite, span)) = &suite {
        check_suite(suite, span, problems);
    }
    let install = table.strings("install", "package names");
    for (name, span) in install.iter().flatten() {
        check_word(name, span, "a package", problems);
        check_plain(name, span, problems);
    }
    for (key, example) in [("suite", "\"bookworm\""), ("install", "[\"linux-image-cloud-amd64\"]")] {
        if table.get(key).is_none() {
            table.missing(key, example);
        }
    }
    let pockets = table.strings("pockets", "names of suites").unwrap_or_default();
    pockets.iter().for_each(|(suite, span)| check_suite(suite, span, problems));
    let components = table.strings("components", "names of components").unwrap_or_default();
    components.iter().for_each(|(name, span)| check_word(name, span, "a component", problems));
    let mirrors = table.strings("mirrors", "URLs").unwrap_or_default();
    mirrors.iter().for_each(|(mirror, span)| url::check(mirror, span, &["http", "https", "file"], problems));
    let keyring = keyring::read(&table, keys, problems);
    let [expired, weak_signature] = ["expired", "weak_signature"].map(|key| table.flag(key));
    check_together(&table, problems);
    table.finish();
    Some(Packages {
        suite: suite?.0,
        pockets: texts(pockets),
        components: texts(components),
        mirrors: texts(mirrors),
        keyring,
        expired,
        weak_signature,
        install: texts(install?),
    })
}

/// Refuses keys that make no sense, or are not safe, without another one.
fn check_together(table: &Table<'_, '_>, problems: &Problems<'_>) {
    let [mirrors, keyring, pockets] = ["mirrors", "keyring", "pockets"].map(|key| table.get(key));
    if let (Some(mirrors), None) = (mirrors, keyring) {
        let hint = "name the file in `keys/` with the keys that may sign this suite: `keyring = \"NAME.gpg\"`";
        problems.add(mirrors.span(), "`mirrors` without a `keyring` would be trusted blindly", Some(hint.into()));
    }
    if let (None, Some(keyring)) = (mirrors, keyring) {
        let hint = "mmdebstrap knows the keys of the suites whose mirrors it knows";
        problems.add(keyring.span(), "`keyring` without `mirrors` vouches for nothing", Some(hint.into()));
    }
    if let (Some(pockets), None) = (pockets, mirrors) {
        let hint = "where no mirror is named, mmdebstrap adds a Debian suite's updates by itself";
        problems.add(pockets.span(), "`pockets` without `mirrors` says not where they are", Some(hint.into()));
    }
}

fn check_suite(suite: &str, span: &Range<usize>, problems: &Problems<'_>) {
    if !is_word(suite) {
        let hint = Some("such as `bookworm`".into());
        problems.add(span.clone(), format!("`{suite}` is no name of a suite"), hint);
    }
}

fn check_word(name: &str, span: &Range<usize>, of: &str, problems: &Problems<'_>) {
    if !is_word(name) {
        problems.add(span.clone(), format!("`{name}` is no name of {of}"), None);
    }
}

/// Refuses an ending that apt reads as an order: `kmod-` is "remove kmod", and `kmod+` is "install it" where no package
/// is called so; `g++` is.
fn check_plain(name: &str, span: &Range<usize>, problems: &Problems<'_>) {
    let does = match name.chars().last() {
        Some('-') => "removing",
        Some('+') if !name.ends_with("++") && !name.contains('=') => "installing",
        _ => return,
    };
    let plain = &name[..name.len() - 1];
    let hint = format!("`install` is all that is installed: write `{plain}`, or leave it out");
    problems.add(span.clone(), format!("apt takes `{name}` for {does} `{plain}`"), Some(hint));
}

/// Whether a package may have this name: apt takes it as one word, and not for an order.
pub fn is_package(name: &str) -> bool {
    is_word(name) && !name.contains('=') && !name.ends_with('-') && (!name.ends_with('+') || name.ends_with("++"))
}

/// Whether mmdebstrap and apt take it as one word: nothing that could be an option or a second argument.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:_/=~".contains(c))
}

fn texts(read: Vec<(String, Range<usize>)>) -> Vec<String> {
    read.into_iter().map(|(text, _)| text).collect()
}
