//! Things that a host lacks, each with what mends it.

/// A thing that a host does not have or that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The words after the need's name: `not found`, `is 6.0, needed is 7.2 or later`.
    pub what: String,
    pub fix: Fix,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Packages to install, by the names of this host's distribution.
    Packages(&'static [&'static str]),
    /// A command for root.
    Command(Vec<String>),
    /// Advice about what a person has to decide.
    Advice(String),
}
