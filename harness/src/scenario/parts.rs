//! The parts of an outcome besides its metrics, by their keys in its facts: claims name them so, and no metric may.

/// Names of clients with conntrack entries that outlive them.
pub const LEAKS: &str = "leaks";
/// Names of settings that the kernel did not take.
pub const REFUSED_SYSCTLS: &str = "refused-sysctls";
/// Names of settings that the kernel has under another name.
pub const RENAMED_SYSCTLS: &str = "renamed-sysctls";
/// A table of values by sysctl.
pub const SYSCTLS: &str = "sysctl";
/// A table of limits by process.
pub const OPEN_FILES: &str = "open-files";
/// The lines of the logs.
pub const LOG: &str = "log";
/// A table of readings over time.
pub const SERIES: &str = "series";

/// The part of the incident that the run had.
pub const SCALE: &str = "scale";

pub const ALL: [&str; 8] = [SCALE, LEAKS, REFUSED_SYSCTLS, RENAMED_SYSCTLS, SYSCTLS, OPEN_FILES, LOG, SERIES];
