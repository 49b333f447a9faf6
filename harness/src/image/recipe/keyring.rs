//! Reads `keyring`: the name of a file of keys that comes with the project.

use super::{
    Keyring,
    reader::{Problems, Table, nearest},
};
use crate::image::checksum;
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
