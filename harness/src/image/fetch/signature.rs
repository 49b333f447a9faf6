//! Checks a file's signature with gpgv, which knows a keyring and nothing else.

use crate::{
    error::{Context, Error, Result},
    host,
    image::Keyring,
};
use std::process::Stdio;
use tokio::process::Command;

/// Checks that one of the keyring's keys signed `text`, which messages call `what`.
pub async fn check(what: &str, text: &[u8], signature: &[u8], keyring: &Keyring) -> Result<()> {
    let folder = tempfile::tempdir().host(|| "failed to make a temporary folder".into())?;
    let [text_path, signature_path] = ["text", "signature"].map(|name| folder.path().join(name));
    for (path, bytes) in [(&text_path, text), (&signature_path, signature)] {
        std::fs::write(path, bytes).host(|| format!("failed to write `{}`", path.display()))?;
    }
    let out = Command::new("gpgv")
        // gpgv would look for keyrings and a configuration there.
        .env("GNUPGHOME", folder.path())
        .env("PATH", host::path())
        .env("LC_ALL", "C.UTF-8")
        .args(["--status-fd", "1", "--keyring"])
        .arg(&keyring.path)
        .args([&signature_path, &text_path])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| Error::host("failed to run `gpgv`").cause(e).hint("run `tunelab doctor --fix`"))?;
    let status = String::from_utf8_lossy(&out.stdout);
    if out.status.success() && is_good(&status) {
        return Ok(());
    }
    let why = reason(&status);
    Err(Error::host(format!("the signature of `{what}` is not to be trusted: {why}"))
        .hint(format!("only the keys of `{}` are asked; is that the right keyring for it?", keyring.path.display())))
}

/// gpgv also exits with 0 for a key that is expired or revoked, and says so here only. None of the keys that come with
/// the project ever expires, so an expired key must be replaced, not trusted all the same.
fn is_good(status: &str) -> bool {
    let says = |word| after(status, word).is_some();
    says("GOODSIG ") && !says("EXPKEYSIG ") && !says("REVKEYSIG ")
}

/// Puts into words the lines that gpgv writes for programs (doc/DETAILS of GnuPG).
fn reason(status: &str) -> String {
    let after = |word: &str| after(status, word);
    if let Some(key) = after("BADSIG ") {
        format!("what key {key} signed is something else")
    } else if let Some(key) = after("NO_PUBKEY ") {
        format!("it is by key {key}, which is not in the keyring")
    } else if let Some(key) = after("REVKEYSIG ") {
        format!("key {key} is revoked")
    } else if let Some(key) = after("EXPKEYSIG ") {
        format!("key {key} is expired")
    } else if after("NODATA").is_some() {
        "it is no signature".into()
    } else {
        "gpgv finds no good signature".into()
    }
}

/// Returns the word that follows one of gpgv's words for programs.
fn after(status: &str, word: &str) -> Option<String> {
    let rest = status.lines().find_map(|line| line.strip_prefix("[GNUPG:] ")?.strip_prefix(word))?;
    Some(rest.split_whitespace().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_key_does_not_make_up_for_another() {
        assert!(is_good("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AB12 Someone\n[GNUPG:] VALIDSIG 00AB12 1 2 3"));
        assert!(!is_good("[GNUPG:] GOODSIG AB12 Someone\n[GNUPG:] REVKEYSIG EF56 Someone"));
        assert!(!is_good("[GNUPG:] VALIDSIG 00AB12 1 2 3") && !is_good(""));
    }

    #[test]
    fn what_gpgv_says_becomes_words() {
        assert_eq!(reason("[GNUPG:] NEWSIG\n[GNUPG:] BADSIG AB12 Someone"), "what key AB12 signed is something else");
        let unknown = "[GNUPG:] ERRSIG CD34 1 10 00 1400000000 9 -\n[GNUPG:] NO_PUBKEY CD34\n";
        assert_eq!(reason(unknown), "it is by key CD34, which is not in the keyring");
        assert_eq!(reason("[GNUPG:] EXPKEYSIG EF56 Someone"), "key EF56 is expired");
        assert_eq!(reason("[GNUPG:] REVKEYSIG EF56 Someone\n[GNUPG:] VALIDSIG 00EF56 1 2 3"), "key EF56 is revoked");
        assert_eq!(reason("[GNUPG:] NODATA 4"), "it is no signature");
        assert_eq!(reason(""), "gpgv finds no good signature");
    }
}
