//! Reads `[disk]`: where a disk image is, and what proves that it is the right one.

use super::{
    Disk, Proof, Sums, keyring,
    reader::{Problems, Table},
    url,
};
use std::path::PathBuf;

/// The keys that prove a disk image; a recipe has exactly one.
const PROOFS: [&str; 3] = ["sha256", "sha512", "sums"];

pub fn read(table: Table<'_, '_>, keys: &[PathBuf], problems: &Problems<'_>) -> Option<Disk> {
    let urls = table.strings("urls", "URLs");
    for (url, span) in urls.iter().flatten() {
        url::check(url, span, &["http", "https"], problems);
        if url::file_name(url).is_none() {
            problems.add(span.clone(), format!("`{url}` names no file"), None);
        }
    }
    if table.get("urls").is_none() {
        table.missing("urls", "[\"https://cloud.debian.org/images/.../debian-12-genericcloud-amd64.qcow2\"]");
    }
    let sha256 = checksum(&table, "sha256", 64, problems);
    let sha512 = checksum(&table, "sha512", 128, problems);
    let sums = table.table("sums").and_then(|sums| read_sums(sums, keys, problems));
    check_one_proof(&table, problems);
    table.finish();
    let proof = sha256.map(Proof::Sha256).or(sha512.map(Proof::Sha512)).or(sums.map(Proof::Sums));
    Some(Disk { urls: urls?.into_iter().map(|(url, _)| url).collect(), proof: proof? })
}

fn check_one_proof(table: &Table<'_, '_>, problems: &Problems<'_>) {
    let given: Vec<_> = PROOFS.into_iter().filter_map(|key| Some((key, table.get(key)?))).collect();
    match &given[..] {
        [_] => {}
        [] => {
            let hint = "add `sha256 = \"...\"` as its publisher gives it, or \
                `sums = { file = \"SHA256SUMS\", signature = \"SHA256SUMS.gpg\", keyring = \"NAME.gpg\" }`";
            problems.add(table.start(), "nothing proves that this disk image is the right one", Some(hint.into()));
        }
        [(first, _), (second, value), ..] => {
            problems.add(value.span(), format!("both `{first}` and `{second}`: one of them is enough"), None);
        }
    }
}

fn checksum(table: &Table<'_, '_>, key: &'static str, digits: usize, problems: &Problems<'_>) -> Option<String> {
    let (text, span) = table.string(key)?;
    if text.len() == digits && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Some(text.to_ascii_lowercase());
    }
    problems.add(span, format!("`{key}` must be {digits} hexadecimal digits"), None);
    None
}

fn read_sums(table: Table<'_, '_>, keys: &[PathBuf], problems: &Problems<'_>) -> Option<Sums> {
    let [file, signature] = ["file", "signature"].map(|key| table.string(key));
    for (name, span) in [&file, &signature].into_iter().flatten() {
        if name.is_empty() || name.contains('/') {
            let hint = Some("it is beside the disk image".into());
            problems.add(span.clone(), format!("`{name}` is no name of a file"), hint);
        }
    }
    let examples = [("file", "\"SHA256SUMS\""), ("signature", "\"SHA256SUMS.gpg\""), ("keyring", "\"NAME.gpg\"")];
    for (key, example) in examples {
        if table.get(key).is_none() {
            table.missing(key, example);
        }
    }
    let keyring = keyring::read(&table, keys, problems);
    table.finish();
    Some(Sums { file: file?.0, signature: signature?.0, keyring: keyring? })
}
