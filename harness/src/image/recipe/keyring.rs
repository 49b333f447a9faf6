//! Reads `keyring`: the name of a file of keys that comes with the project.

use super::{
    Keyring,
    reader::{Problems, Table, nearest},
};
use crate::image::checksum;
use std::path::{Path, PathBuf};

/// `keys` are the folders they are in; the first that has it counts.
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
    match std::fs::read(&path) {
        Ok(bytes) if bytes.starts_with(b"-----BEGIN") => {
            let hint = Some("`gpg --dearmor` makes the binary form of it".into());
            problems.add(span, format!("`{}` is armored, which gpgv does not read", path.display()), hint);
            None
        }
        Ok(_) => {
            let (_, sha256) = checksum::of_file(&path).ok()?;
            // A build runs elsewhere.
            Some(Keyring { name, path: std::path::absolute(&path).ok()?, sha256 })
        }
        Err(e) => {
            problems.add(span, format!("`{}` cannot be read: {e}", path.display()), None);
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
