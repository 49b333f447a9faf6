//! Phases that are repeated, as they were written: a sequence, and how often it comes.

use tunelab_protocol::Phase;

/// The longest sequence that is looked for.
const LONGEST: usize = 12;

/// Returns the phases in order, each sequence that is repeated once, with the number of times.
pub fn groups(phases: &[Phase]) -> Vec<(&[Phase], usize)> {
    let (mut found, mut rest) = (Vec::new(), phases);
    while !rest.is_empty() {
        let longest = LONGEST.min(rest.len() / 2);
        let length = (1..=longest).find(|length| rest[..*length] == rest[*length..2 * length]).unwrap_or(1);
        let times = rest.chunks(length).take_while(|chunk| *chunk == &rest[..length]).count();
        found.push((&rest[..length], times));
        rest = &rest[length * times..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &str) -> String {
        let phase = |name: char| Phase {
            name: name.into(),
            rounds: 1,
            every_us: 1,
            changes: Vec::new(),
            search: None,
            arrivals: Vec::new(),
        };
        let phases: Vec<Phase> = names.chars().map(phase).collect();
        let group = |(phases, times): &(&[Phase], usize)| {
            format!("{times}{}", phases.iter().map(|phase| phase.name.as_str()).collect::<String>())
        };
        groups(&phases).iter().map(group).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sequences_are_told_once() {
        assert_eq!(shown("dndndnxx"), "3dn 2x");
        assert_eq!(shown("abc"), "1a 1b 1c");
        assert_eq!(shown("aaab"), "3a 1b");
        assert_eq!(shown(""), "");
    }
}
