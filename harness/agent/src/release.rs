//! The version of the running Linux: some of what the agent hears and does depends on it.

use std::sync::OnceLock;

/// Says whether the running kernel is of version `(major, minor)` or later, by `uname -r`. A distribution may have
/// brought single changes back to an older one: ask this only where the kernel itself cannot be asked.
pub fn at_least(version: (u32, u32)) -> bool {
    static RUNNING: OnceLock<(u32, u32)> = OnceLock::new();
    *RUNNING.get_or_init(|| nix::sys::utsname::uname().map_or((0, 0), |u| parse(&u.release().to_string_lossy())))
        >= version
}

/// `6.1.0-56-cloud-amd64` is (6, 1).
fn parse(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn major_and_minor() {
        assert_eq!(parse("6.1.0-56-cloud-amd64"), (6, 1));
        assert_eq!(parse("3.5.0"), (3, 5));
        assert_eq!(parse("7.2-rc1+deb14"), (7, 2));
    }
}
