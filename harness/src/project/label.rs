//! Labels for two scenarios of one name in one command: as much of their paths as tells them apart.

use super::Found;
use std::path::Path;

pub fn tell_apart(found: &mut [Found]) {
    let folders: Vec<_> = found.iter().map(|found| found.scenario.folder.clone()).collect();
    for (number, one) in found.iter_mut().enumerate() {
        let same_name = |other: &Path| other.file_name() == folders[number].file_name();
        let others = folders.iter().enumerate().filter(|(n, other)| *n != number && same_name(other));
        let others: Vec<&Path> = others.map(|(_, other)| other.as_path()).collect();
        if !others.is_empty() {
            one.label = shortest(&folders[number], &others);
        }
    }
}

/// The shortest end of the path that none of the others has.
fn shortest(path: &Path, others: &[&Path]) -> String {
    let parts: Vec<_> = path.components().collect();
    let ends =
        (0..parts.len().saturating_sub(1)).rev().map(|from| parts[from..].iter().collect::<std::path::PathBuf>());
    let unique = ends.into_iter().find(|end| !others.iter().any(|other| other.ends_with(end)));
    unique.unwrap_or_else(|| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_the_path_as_is_needed() {
        let other = [Path::new("/b/x/web3")];
        assert_eq!(shortest(Path::new("/b/y/web3"), &other), "y/web3");
        assert_eq!(shortest(Path::new("/a/x/web3"), &other), "a/x/web3");
    }
}
