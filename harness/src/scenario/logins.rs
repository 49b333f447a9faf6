//! Reads how services are started, and which limits are asked for: `"init"`, `"login:nobody"`.

use super::{
    problems::Problems,
    section::{Read, Value},
    values::text,
};
use tunelab_protocol::{LimitOf, StartedBy};

impl Read for StartedBy {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "`init` or `login:USER`")?;
        match (word, login(word)) {
            ("init", _) => Some(StartedBy::Init),
            (_, Some(user)) => Some(StartedBy::Login(user)),
            _ => unknown(value, problems, word, &["init", "login:nobody", "login:root"]),
        }
    }
}

impl Read for LimitOf {
    fn read(value: &Value<'_>, problems: &Problems) -> Option<Self> {
        let word = text(value, problems, "a process or `login:USER`")?;
        match (word, login(word)) {
            ("init", _) => Some(LimitOf::Init),
            ("nginx-master", _) => Some(LimitOf::NginxMaster),
            ("nginx-worker", _) => Some(LimitOf::NginxWorker),
            (_, Some(user)) => Some(LimitOf::Login(user)),
            _ => {
                unknown(value, problems, word, &["init", "nginx-master", "nginx-worker", "login:nobody", "login:root"])
            }
        }
    }
}

/// Returns the user of `login:nobody`; the name becomes a word of a command line, and of a claim.
fn login(word: &str) -> Option<String> {
    let user = word.strip_prefix("login:")?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins = user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    (begins && user.len() <= 32 && user.chars().all(good)).then(|| user.to_owned())
}

fn unknown<T>(value: &Value<'_>, problems: &Problems, word: &str, known: &[&str]) -> Option<T> {
    problems.unknown(value.span(), format!("`{word}` is neither a process nor a login"), word, known);
    None
}
