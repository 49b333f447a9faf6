//! Reads `keyring`: the name of a file of keys that comes with the project.

use super::{
    Keyring,
    reader::{Problems, Table, nearest},
};
use crate::read;
use sha2::{Digest, Sha256};
use std::path::Path;

/// `keys` is the folder they are in.
pub fn read(table: &Table<'_, '_>, keys: &Path, problems: &Problems<'_>) -> Option<Keyring> {
    let (name, span) = table.string("keyring")?;
    let known = names(keys);
    if !known.contains(&name) {
        let hint = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        problems.add(span, format!("no keyring `{name}` in `{}`", keys.display()), Some(hint));
        return None;
    }
    let path = keys.join(&name);
    match read::bytes(&path, "the keyring", read::TEXT) {
        Ok(bytes) if bytes.starts_with(b"-----BEGIN") => {
            let hint = Some("`gpg --dearmor` makes the binary form of it".into());
            problems.add(span, format!("`{}` is armored, which gpgv does not read", path.display()), hint);
            None
        }
        // A build runs elsewhere.
        Ok(bytes) => match std::path::absolute(&path) {
            Ok(path) => Some(Keyring { name, path, sha256: hex::encode(Sha256::digest(&bytes)) }),
            Err(e) => {
                problems.add(span, format!("`{}` is no path: {e}", path.display()), None);
                None
            }
        },
        Err(e) => {
            problems.add(span, e.message(), e.hint_text().map(str::to_owned));
            None
        }
    }
}

fn names(keys: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(keys).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".gpg"));
    names.sort();
    names
}
