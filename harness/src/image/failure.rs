//! Finds out why mmdebstrap failed, from what it printed.

use super::{Keyring, Recipe};
use crate::error::Error;
use std::path::Path;

/// Lines of output that an error carries.
const LAST_LINES: usize = 12;

/// apt's words about a mirror that is not there, or does not have what it should.
const UNREACHABLE: &[&str] = &[
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect",
    "Connection failed",
    "Connection timed out",
    "Unable to connect",
    "does not have a Release file",
    "Failed to fetch",
];

/// apt's words about a mirror that is there and cannot be trusted. It says `Failed to fetch` of that as well.
const UNTRUSTED: &[&str] = &[
    "is not signed",
    "NO_PUBKEY",
    "BADSIG",
    "GPG error",
    "signatures were invalid",
    "signatures couldn't be verified",
    "Hash Sum mismatch",
];

/// apt's words, and those of sqv for it, about something that will be made only later, as this host sees it.
const EARLY: &[&str] = &["is not valid yet", "not live until", "Not live until"];

/// The hint for a full disk.
pub const FULL: &str = "the disk under the cache is full; make room, or put the cache elsewhere with `TUNELAB_CACHE`";

const EXPIRED: &[&str] = &["is expired"];
const WEAK: &[&str] = &["untrusted public key algorithm", "not considered secure"];

pub struct Failure {
    /// Everything it printed.
    pub output: String,
    /// The keyring that the signatures must come from.
    pub keyring: Option<Keyring>,
}

impl Failure {
    /// Whether another mirror may do. A mirror that cannot be trusted is not passed over in silence.
    pub fn is_unreachable(&self) -> bool {
        let there = self.says(UNTRUSTED) || self.says(EARLY) || self.says(EXPIRED) || self.is_weak();
        self.says(UNREACHABLE) && !there
    }

    /// The first of apt's lines that says why.
    pub fn reason(&self) -> &str {
        let reason = self.output.lines().find(|line| UNREACHABLE.iter().any(|words| line.contains(words)));
        reason.unwrap_or_default().trim_start_matches(['E', 'W', ':', ' ']).trim()
    }

    pub fn error(self, recipe: &Recipe, log: &Path) -> Error {
        // On a full disk there is no log either; the hint says so.
        let _ = std::fs::write(log, &self.output);
        let lines: Vec<_> = self.output.lines().collect();
        let tail = lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| format!("  {line}"));
        let tail = tail.collect::<Vec<_>>().join("\n");
        Error::host(format!("failed to build image `{}`: mmdebstrap ended with\n{tail}", recipe.name))
            .hint(self.hint(&recipe.name, log))
    }

    fn hint(&self, name: &str, log: &Path) -> String {
        let recipe = format!("`images/{name}.toml`");
        if self.says(&["No space left on device"]) {
            FULL.into()
        } else if self.says(EARLY) {
            "this host's clock may be wrong: what `date` says is before the mirror's last change".into()
        } else if self.says(EXPIRED) {
            format!("if this archive is known to be no longer kept up, say `expired = true` in {recipe}")
        } else if self.is_weak() {
            format!("if this archive is known to be so old, say `weak_signature = true` in {recipe}")
        } else if self.says(UNTRUSTED) {
            match &self.keyring {
                Some(keyring) => format!("no key of `images/keys/{}` vouches for what this mirror has", keyring.name),
                None => "the keys that this host has do not vouch for what this mirror has".into(),
            }
        } else if self.says(&["Unable to locate package", "has no installation candidate"]) {
            format!("{recipe} names a package that its suite does not have")
        } else if self.says(UNREACHABLE) {
            "a package mirror could not be reached, or lacks a file; check the network and try again".into()
        } else {
            format!("everything it printed is in `{}`", log.display())
        }
    }

    /// apt names no reason for a signature that it finds good but too weak: it says that the key is invalid, where it
    /// says `BADSIG`, `EXPKEYSIG` and the like of others.
    fn is_weak(&self) -> bool {
        const INVALID: &str = "signatures were invalid: ";
        let named = self.output.split(INVALID).skip(1);
        let bare = |key: &str| key.starts_with(|c: char| c.is_ascii_hexdigit()) && key.len() >= 40;
        self.says(WEAK) || named.filter_map(|rest| rest.split_whitespace().next()).any(bare)
    }

    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.output.contains(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn recipe() -> Recipe {
        let text = "summary = 's'\npackages = { suite = 'bookworm', install = ['kmod'] }";
        Recipe::parse("small", "images/small.toml", text).unwrap()
    }

    fn failure(output: &str) -> Failure {
        Failure { output: output.into(), keyring: None }
    }

    #[test]
    fn what_mmdebstrap_printed_becomes_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("small.log");
        let hint = |output: &str| {
            let error = failure(output).error(&recipe(), &log);
            assert_eq!(error.exit(), Exit::Host);
            assert!(output.lines().all(|line| error.message().contains(line)));
            assert_eq!(std::fs::read_to_string(&log).unwrap(), output);
            error.hint_text().unwrap().to_owned()
        };
        assert!(hint("dpkg: error: No space left on device").contains("full"));
        assert!(hint("E: Unable to locate package ngnix").contains("images/small.toml"));
        assert!(hint("W: Temporary failure resolving 'mirror'").contains("network"));
        assert!(hint("E: Release file for http://m is expired (invalid since 3d)").contains("`expired = true`"));
        let early = "E: Release file for http://m/InRelease is not valid yet (invalid for another 3h 5min 10s).";
        assert!(hint(early).contains("clock"));
        assert!(hint("E: The repository 'http://m' is not signed.").contains("vouch"));
        let key = "E7E8".repeat(10);
        assert!(hint(&format!("The following signatures were invalid: {key}\nE: is not signed.")).contains("weak"));
        assert!(hint("The following signatures were invalid: BADSIG 97FF37FEE7E8CD3C Old").contains("vouch"));
        assert!(hint("something else").contains("small.log"));
    }

    #[test]
    fn a_mirror_is_passed_over_when_it_is_not_there_and_not_when_it_lies() {
        assert!(failure("E: Failed to fetch http://m/x.deb  404  Not Found [IP: 127.0.0.1 80]").is_unreachable());
        assert!(failure("Could not connect to localhost:1 (127.0.0.1). - connect (111)").is_unreachable());
        assert!(failure("E: The repository 'http://m precise Release' does not have a Release file.").is_unreachable());
        let lie = "W: Failed to fetch http://m/Release.gpg  The following signatures couldn't be verified";
        assert!(!failure(lie).is_unreachable());
        assert!(!failure("E: Failed to fetch http://m/x.deb  Hash Sum mismatch").is_unreachable());
        assert!(!failure("E: Unable to locate package x").is_unreachable());
        assert!(
            !failure("E: Release file for http://m is not valid yet\nE: Failed to fetch http://m").is_unreachable()
        );
        assert_eq!(failure("I: x\nE: Failed to fetch http://m  404").reason(), "Failed to fetch http://m  404");
    }
}
