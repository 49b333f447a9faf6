//! `tunelab completions`: the words that a shell offers on Tab.

use super::{Cli, Outcome, say::say};
use crate::{PROGRAM, error::Result};
use clap::CommandFactory;
use clap_complete::Shell;

const AFTER: &str = "\
Examples:
  tunelab completions bash > ~/.local/share/bash-completion/completions/tunelab
  tunelab completions zsh > ~/.zfunc/_tunelab     (a folder of $fpath)
  tunelab completions fish > ~/.config/fish/completions/tunelab.fish";

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    say(String::from_utf8_lossy(&script))?;
    Ok(Outcome::AsExpected)
}
