//! Reads what mmdebstrap, apt and dpkg print, and says how far they are.

/// Where each stage starts, as a share of the whole time, by the words that begin it. Measured with 130 packages.
const STAGES: &[(&str, f64, &str)] = &[
    ("I: running apt-get update", 0.02, "reading the package lists"),
    ("I: downloading packages", 0.10, "downloading packages"),
    ("I: extracting archives", 0.15, "unpacking the base system"),
    ("I: installing essential", 0.28, "installing the base system"),
    ("I: installing remaining", 0.50, "installing packages"),
    ("I: running --customize-hook", 0.94, "writing the root disk"),
    ("I: removing tempdir", 0.99, "cleaning up"),
];

/// How far the build is, 0 to 1, and what it is at.
#[derive(Debug, Default)]
pub struct Progress {
    stage: usize,
    /// Lines of dpkg expected and seen in this stage: one to unpack and one to set up for each package.
    expected: u32,
    seen: u32,
}

impl Progress {
    /// Reads a line; returns how far the build is, if the line says it.
    pub fn read(&mut self, line: &str) -> Option<(f64, String)> {
        if let Some(stage) = STAGES.iter().position(|(words, ..)| line.starts_with(words)) {
            (self.stage, self.seen) = (stage, 0);
            return Some((self.fraction(), STAGES[stage].2.into()));
        }
        if let Some(count) = newly_installed(line) {
            // Essential packages were counted before; the last count that apt gives is this stage's.
            (self.expected, self.seen) = (count * 2, 0);
            return None;
        }
        let detail = detail(line)?;
        self.seen += 1;
        Some((self.fraction(), detail))
    }

    fn fraction(&self) -> f64 {
        let start = STAGES[self.stage].1;
        let end = STAGES.get(self.stage + 1).map_or(1.0, |s| s.1);
        let share = if self.expected == 0 { 0.0 } else { (f64::from(self.seen) / f64::from(self.expected)).min(1.0) };
        start + (end - start) * share
    }
}

/// Reads 131 from `0 upgraded, 131 newly installed, 0 to remove and 0 not upgraded.`
fn newly_installed(line: &str) -> Option<u32> {
    let (before, _) = line.split_once(" newly installed")?;
    before.rsplit(' ').next()?.parse().ok()
}

fn detail(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    match (words.next()?, words.next()?) {
        (get, _) if get.starts_with("Get:") => Some(format!("downloading {}", words.nth(2)?)),
        ("Unpacking", package) => Some(format!("unpacking {package}")),
        ("Setting", "up") => Some(format!("setting up {}", words.next()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_apt_and_dpkg_become_how_far_it_is() {
        let mut progress = Progress::default();
        assert_eq!(progress.read("I: downloading packages with apt..."), Some((0.10, "downloading packages".into())));
        assert_eq!(progress.read("0 upgraded, 10 newly installed, 0 to remove and 0 not upgraded."), None);
        let get = "Get:3 http://mirror bookworm/main amd64 kmod amd64 30+20221128-1 [95.2 kB]";
        assert_eq!(progress.read(get).unwrap().1, "downloading kmod");
        progress.read("I: installing remaining packages inside the chroot...");
        let (fraction, detail) = progress.read("Setting up kmod (30+20221128-1) ...").unwrap();
        assert_eq!(detail, "setting up kmod");
        assert!(fraction > 0.50 && fraction < 0.94);
        assert_eq!(progress.read("(Reading database ... 100%"), None);
    }
}
