//! The rules for words that leave the scenario: for a file's name, a request, a terminal, the guest's settings. Each
//! rule stands here once, for all keys and files that have such a word.

use crate::visible::{is_hidden, quoted};

/// The most characters of a name: records are folders that have three of them in their own name.
const NAME: usize = 64;
/// The most characters of the path of one request.
const PATH: usize = 4096;
/// The most characters of a sentence.
const SENTENCE: usize = 4096;

/// Checks a name: it becomes a file name, a row of a report and a word of a claim. The error is a message and a hint.
pub fn check_name(name: &str) -> Result<(), (String, &'static str)> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(good) || name.starts_with('-') {
        return Err((format!("`{}` is not a name", quoted(name)), "names are made of a-z, 0-9 and `-`"));
    }
    if name.len() > NAME {
        return Err((format!("`{name}` is too long for a name"), "a name has at most 64 characters"));
    }
    Ok(())
}

/// Checks a scenario's folder: its name becomes that of its records and snapshots. The error is a message and a hint.
pub fn check_folder(name: &str) -> Result<(), (String, &'static str)> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) || name.len() > NAME {
        let hint = "a scenario's folder has a name of at most 64 letters, digits, `.`, `_` and `-`";
        return Err((format!("the folder `{name}` does not name a scenario"), hint));
    }
    Ok(())
}

/// Checks a text that is shown: on terminals, in tables, on pages.
pub fn check_text(text: &str) -> Result<(), String> {
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
        return Err(format!("there is a control character in this text, `{}`", hidden.escape_default()));
    }
    let length = text.chars().count();
    if length > SENTENCE {
        return Err(format!("this text has {length} characters, more than the {SENTENCE} that fit"));
    }
    Ok(())
}

/// Checks the path that a request asks for, or that a server is asked for. A line end in it would be a request of its
/// own.
pub fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(format!("`{}` is no path of a request", quoted(path)));
    }
    if path.len() > PATH {
        return Err(format!("this path has {} characters, more than the {PATH} that fit into a request", path.len()));
    }
    Ok(())
}

/// Whether this names a setting below /proc/sys, with dots or slashes. An empty part would lead out of there.
pub fn is_sysctl(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-*".contains(c);
    let part = |part: &str| !part.is_empty() && part.chars().all(good);
    name.len() <= 256 && name.contains(['.', '/']) && name.split(['.', '/']).all(part)
}
