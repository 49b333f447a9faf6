//! The limits of what a machine can be asked for, the same for scenarios, recipes and flags.

use crate::visible::quoted;
use std::ops::RangeInclusive;

/// A machine with less memory does not boot everywhere; with more, QEMU's processor has no addresses for it.
const MEMORY_BYTES: RangeInclusive<u64> = 128 << 20..=1 << 40;
const CPUS: RangeInclusive<u32> = 1..=64;
/// Characters of a word. The kernel's command line has 2048, and cuts off the rest in silence.
const WORD: usize = 256;
/// Characters of all words that a user adds.
const CMDLINE: usize = 1024;

pub fn check_memory(bytes: u64) -> Result<(), &'static str> {
    match bytes {
        bytes if bytes < *MEMORY_BYTES.start() => Err("a machine needs at least `128 MiB` of memory"),
        bytes if bytes > *MEMORY_BYTES.end() => Err("a machine has at most `1024 GiB` of memory"),
        _ => Ok(()),
    }
}

pub fn check_cpus(cpus: u32) -> Result<(), &'static str> {
    if CPUS.contains(&cpus) { Ok(()) } else { Err("a machine has from 1 to 64 CPUs") }
}

/// Checks one word of the kernel's command line.
pub fn check_word(word: &str) -> Result<(), String> {
    if word.is_empty() || word.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(format!("`{}` is not one word for the kernel's command line", quoted(word)));
    }
    if word.len() > WORD {
        return Err(format!("a word for the kernel's command line has at most {WORD} characters, not {}", word.len()));
    }
    Ok(())
}

/// Checks all words that a user adds to the kernel's command line.
pub fn check_cmdline<'w>(words: impl IntoIterator<Item = &'w String>) -> Result<(), String> {
    let all: usize = words.into_iter().map(|word| word.len() + 1).sum();
    if all > CMDLINE {
        return Err(format!(
            "these words are {all} characters of the kernel's command line, which has room for {CMDLINE}"
        ));
    }
    Ok(())
}

/// Whether this can name a module, or a parameter of one.
pub fn is_module_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good)
}
