//! `tunelab man`: a manual page for each command, made from the text of `--help`.

use super::{Cli, Outcome};
use crate::error::{Context, Result};
use clap::CommandFactory;
use std::path::PathBuf;

const AFTER: &str = "\
Examples:
  tunelab man ~/.local/share/man/man1     then `man tunelab-scenario`";

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The folder for them; it is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let failed = || format!("failed to write manual pages to `{}`", args.folder.display());
    std::fs::create_dir_all(&args.folder).host(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).host(failed)?;
    Ok(Outcome::AsExpected)
}
