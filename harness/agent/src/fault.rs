//! Where the fault of a failure lies: a mistake in what the user wrote is reported as such, with its place.

use std::fmt;
use tunelab_protocol::{Event, Fault};

/// A mistake in a file of the user. Somewhere in the chain of an error, it says where the fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub fault: Fault,
    what: String,
}

impl Mistake {
    pub fn in_file(path: &str, line: Option<u32>, what: impl Into<String>) -> Self {
        Mistake { fault: Fault::File { path: path.to_owned(), line }, what: what.into() }
    }

    /// A mistake in the scenario itself, where these words stand.
    pub fn in_scenario(words: impl Into<String>, what: impl Into<String>) -> Self {
        Mistake { fault: Fault::Scenario { words: words.into() }, what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Mistake {}

/// The last event of a plan that cannot go on.
pub fn event(error: &anyhow::Error) -> Event {
    let mistake = error.chain().find_map(|cause| cause.downcast_ref::<Mistake>());
    match mistake {
        Some(Mistake { fault, what }) => Event::Failed { what: what.clone(), hint: None, fault: fault.clone() },
        None => Event::Failed { what: format!("{error:#}"), hint: None, fault: Fault::Guest },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_mistake_is_found_below_what_was_being_done() {
        let mistake = Mistake::in_file("/f", Some(3), "no such target");
        let error = Err::<(), _>(mistake.clone()).context("failed to load /f").unwrap_err();
        let fault = mistake.fault;
        assert_eq!(event(&error), Event::Failed { what: "no such target".into(), hint: None, fault });
    }

    #[test]
    fn else_it_is_the_guests() {
        let error = anyhow::anyhow!("no memory").context("failed to start a service");
        let what = "failed to start a service: no memory".into();
        assert_eq!(event(&error), Event::Failed { what, hint: None, fault: Fault::Guest });
    }
}
