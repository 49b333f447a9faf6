//! Runs mmdebstrap on each of a recipe's mirrors until one can be reached, and tells how far it is.

use super::{Packages, Recipe, failure::Failure, mmdebstrap, progress::Progress};
use crate::{
    error::{Context, Result},
    host::namespace,
    story::{StepPart, Teller},
};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, BufReader};

/// The place where an image is built, and its name there.
pub struct Place<'a> {
    pub room: &'a Path,
    /// Where mmdebstrap's whole output is left if it fails.
    pub log: &'a Path,
    pub uuid: &'a str,
    /// Whether the root is put together in memory.
    pub tmpfs: bool,
}

/// The purpose of the packages.
pub enum Job {
    /// They make a root: it leaves what `pack.sh` does.
    Root,
    /// They are for a system that has those listed in `status`: it leaves what `download.sh` does.
    Download,
}

/// Leaves in the room what `pack.sh` makes of the packages.
pub async fn install(
    recipe: &Recipe,
    packages: &Packages,
    job: &Job,
    place: &Place<'_>,
    teller: &Teller,
    step: &StepPart<'_>,
) -> Result<()> {
    if let Some(keyring) = &packages.keyring {
        std::fs::copy(&keyring.path, place.room.join(mmdebstrap::KEYRING))
            .host(|| format!("failed to copy `{}`", keyring.path.display()))?;
    }
    let Some((last, others)) = packages.mirrors.split_last() else {
        return run(packages, job, None, place, step).await?.map_err(|failure| failure.error(recipe, place.log));
    };
    for (mirror, next) in others.iter().zip(&packages.mirrors[1..]) {
        match run(packages, job, Some(mirror), place, step).await? {
            Ok(()) => return Ok(()),
            Err(failure) if failure.is_unreachable() => {
                teller.notice(format!("`{mirror}` cannot be used ({}): trying `{next}`", failure.reason()));
            }
            Err(failure) => return Err(failure.error(recipe, place.log)),
        }
    }
    run(packages, job, Some(last), place, step).await?.map_err(|failure| failure.error(recipe, place.log))
}

/// Runs mmdebstrap once. The inner error is its own.
async fn run(
    packages: &Packages,
    job: &Job,
    mirror: Option<&str>,
    place: &Place<'_>,
    step: &StepPart<'_>,
) -> Result<Result<(), Failure>> {
    let environment = mmdebstrap::environment(place.room, place.uuid, place.tmpfs);
    let argv = match job {
        Job::Root => mmdebstrap::argv(packages, mirror, place.room),
        Job::Download => mmdebstrap::download_argv(packages, mirror, place.room),
    };
    let mut child = namespace::spawn(&argv, |command| {
        command.envs(environment).env("TUNELAB_INSTALL", packages.install.join(" ")).current_dir(place.room);
    })
    .await?;
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).split(b'\n');
    let (mut progress, mut output) = (Progress::default(), Vec::new());
    while let Some(line) = lines.next_segment().await.host(|| "failed to read from mmdebstrap".into())? {
        output.extend_from_slice(&line);
        output.push(b'\n');
        if let Some((fraction, detail)) = progress.read(&String::from_utf8_lossy(&line)) {
            step.progress(fraction, detail);
        }
    }
    let status = child.wait().await.host(|| "failed to wait for mmdebstrap".into())?;
    if status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(Failure { output: String::from_utf8_lossy(&output).into_owned(), keyring: packages.keyring.clone() }))
}
