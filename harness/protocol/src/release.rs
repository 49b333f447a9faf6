//! Versions of Linux.

/// Major and minor.
pub type Version = (u32, u32);

/// Returns the version of a release, as of `uname -r`: `6.1.0-56-cloud-amd64` is 6.1.
pub fn version(release: &str) -> Option<Version> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn major_and_minor() {
        assert_eq!(version("6.1.0-56-cloud-amd64"), Some((6, 1)));
        assert_eq!(version("3.5.0"), Some((3, 5)));
        assert_eq!(version("7.2-rc1+deb14"), Some((7, 2)));
        assert_eq!(version("six"), None);
    }
}
