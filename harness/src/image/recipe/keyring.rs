//! Reads `keyring`: the name of a file of keys that comes with the project.

use super::{
    Keyring,
    reader::{Problems, Table, nearest},
};
use crate::read;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// `keys` are the folders of keyrings; the first that has the name counts.
pub fn read(table: &Table<'_, '_>, keys: &[PathBuf], problems: &Problems<'_>) -> Option<Keyring> {
    let (name, span) = table.string("keyring")?;
    let Some(folder) = keys.iter().find(|folder| names(folder).contains(&name)) else {
        let known: Vec<String> = keys.iter().flat_map(|folder| names(folder)).collect();
        let hint = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        let folders: Vec<_> = keys.iter().map(|folder| format!("`{}`", folder.display())).collect();
        problems.add(span, format!("no keyring `{name}` in {}", folders.join(" or ")), Some(hint));
        return None;
    };
    let path = folder.join(&name);
    match read::bytes(&path, "the keyring", read::TEXT) {
        Ok(bytes) if bytes.starts_with(b"-----BEGIN") => {
            let hint = Some("`gpg --dearmor` makes the binary form of it".into());
            problems.add(span, format!("`{}` is armored, which gpgv does not read", path.display()), hint);
            None
        }
        // The path is made absolute, because a build runs elsewhere.
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
