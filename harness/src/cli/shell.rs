//! `tunelab shell`: to come.

use super::Outcome;
use crate::{error::Result, host::InstallPolicy};

#[derive(Debug, clap::Args)]
pub struct Args {
    image: String,
}

pub async fn run(_args: Args, _policy: InstallPolicy) -> Result<Outcome> {
    todo!()
}
