//! Installs what is missing: at once as root, after asking on a terminal, else not at all. It does so only on
//! distributions where that was tried; on others the command is told.

use super::{
    Packaging,
    lack::{Fix, Lack},
};
use crate::{
    error::{Context, Error, Result},
    story::{StepGuard, Teller},
};
use nix::unistd::Uid;
use std::{io::IsTerminal, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::Instant,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallPolicy {
    /// Installs as root at once, on a terminal after asking; else refuses.
    Auto,
    /// `--no-install`: refuses.
    Never,
}

/// How long another installation may hold dpkg's lock, in seconds: it may be another tunelab's.
const LOCK_SECONDS: u64 = 300;

const APT: &str = "apt-get";

/// Commands for root, in order.
pub type Steps = Vec<Vec<String>>;

impl InstallPolicy {
    pub fn allows(self, packaging: Packaging) -> bool {
        self == InstallPolicy::Auto && packaging.is_tried()
    }
}

/// Returns the commands that mend what is lacking, with all packages in one. Empty if no command can help.
pub fn steps<'l>(packaging: Packaging, lacks: impl Iterator<Item = &'l Lack> + Clone) -> Steps {
    let packages = packages(lacks.clone());
    let install = packaging.install().filter(|_| !packages.is_empty()).map(|words| {
        let words: Vec<_> = words.iter().chain(&packages).copied().collect();
        if words[0] == APT { apt(&words[1..]) } else { words.into_iter().map(str::to_owned).collect() }
    });
    let commands = lacks.filter_map(|lack| match &lack.fix {
        Fix::Command(argv) => Some(argv.clone()),
        _ => None,
    });
    install.into_iter().chain(commands).collect()
}

/// The sentence about packages where we know no command for them.
pub fn by_hand<'l>(packaging: Packaging, lacks: impl Iterator<Item = &'l Lack>) -> Option<String> {
    let names: Vec<_> = packages(lacks).into_iter().map(|name| format!("`{name}`")).collect();
    (packaging.install().is_none() && !names.is_empty())
        .then(|| format!("install what Debian calls {}", names.join(", ")))
}

/// Returns each package once.
fn packages<'l>(lacks: impl Iterator<Item = &'l Lack>) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for lack in lacks {
        let Fix::Packages(names) = lack.fix else { continue };
        for name in names {
            if !packages.contains(name) {
                packages.push(*name);
            }
        }
    }
    packages
}

fn apt(args: &[&str]) -> Vec<String> {
    let lock = format!("DPkg::Lock::Timeout={LOCK_SECONDS}");
    [APT, "-o", &lock].iter().chain(args).map(|word| (*word).to_owned()).collect()
}

/// The line that a person types; with `sudo` unless root.
pub fn one_command(steps: &Steps) -> String {
    let sudo = if Uid::effective().is_root() { "" } else { "sudo " };
    let lines = steps.iter().map(|argv| {
        format!("{sudo}{}", argv.join(" ").replace(&format!("-o DPkg::Lock::Timeout={LOCK_SECONDS} "), ""))
    });
    lines.collect::<Vec<_>>().join(" && ")
}

/// Carries the steps out as `policy` and this host allow; else `refusal`.
pub async fn carry_out(
    steps: &Steps,
    policy: InstallPolicy,
    teller: &Teller,
    refusal: impl Fn() -> Error,
) -> Result<()> {
    let allowed = !steps.is_empty() && policy.allows(Packaging::here()) && starts(APT).await;
    if !allowed || !(Uid::effective().is_root() || asked(steps).await?) {
        return Err(refusal());
    }
    for argv in steps {
        if argv[0] == APT {
            let packages: Vec<_> = argv.iter().skip_while(|word| *word != "--no-install-recommends").skip(1).collect();
            let packages: Vec<_> = packages.iter().map(|p| p.as_str()).collect();
            teller.notice(format!("installing {}", packages.join(", ")));
            let step = teller.step(format!("installing {}", packages.join(", ")));
            if !has_candidates(&packages).await {
                run(&apt(&["update"]), &step).await?;
            }
            run(argv, &step).await?;
            step.done();
        } else {
            teller.notice(format!("running `{}`", argv.join(" ")));
            let step = teller.step(argv[0].clone());
            run(argv, &step).await?;
            step.done();
        }
    }
    Ok(())
}

/// Asks on a terminal; returns whether the person there says yes.
async fn asked(steps: &Steps) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && starts("sudo").await) {
        return Ok(false);
    }
    let question = format!("run `{}`?", one_command(steps));
    let ask = move || dialoguer::Confirm::new().with_prompt(question).default(true).interact();
    tokio::task::spawn_blocking(ask).await.host(|| "asking panicked".into())?.host(|| "failed to ask".into())
}

async fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").env("PATH", super::path()).stdin(Stdio::null());
    command.output().await.is_ok_and(|out| out.status.success())
}

/// Whether apt knows each package: on a fresh machine its lists are empty.
async fn has_candidates(packages: &[&str]) -> bool {
    let out = Command::new("apt-cache").arg("policy").args(packages).env("LC_ALL", "C").output().await;
    out.is_ok_and(|out| {
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.lines().filter(|line| line.contains("Candidate:") && !line.contains("(none)")).count() == packages.len()
    })
}

/// Runs one command as root. It waits for another apt's lock on the package lists, which no option of apt waits for.
async fn run(argv: &[String], step: &StepGuard) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(LOCK_SECONDS);
    loop {
        let (ok, output) = attempt(argv, step).await?;
        if ok {
            return Ok(());
        }
        if !output.contains("Could not get lock") || Instant::now() > deadline {
            let tail: Vec<_> = output.lines().rev().take(8).collect();
            let tail: Vec<_> = tail.into_iter().rev().map(|line| format!("  {line}")).collect();
            return Err(Error::host(format!("`{}` failed with\n{}", argv.join(" "), tail.join("\n")))
                .hint(format!("run `{}` and see", one_command(&vec![argv.to_vec()]))));
        }
        step.progress(None, "waiting for another apt");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Makes one attempt; returns whether it succeeded, and all that it printed.
async fn attempt(argv: &[String], step: &StepGuard) -> Result<(bool, String)> {
    let root = Uid::effective().is_root();
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.arg("env");
    }
    // One pipe for both outputs keeps their order; failures are on stderr, the rest on stdout.
    command.args(["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "sh", "-c", "exec \"$@\" 2>&1", "sh"]).args(argv);
    command.env("PATH", super::path()).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().host(|| format!("failed to start `{}`", argv[0]))?;
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut output = String::new();
    while let Some(line) = lines.next_line().await.host(|| format!("failed to read from `{}`", argv[0]))? {
        step.progress(None, line.clone());
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().await.host(|| format!("failed to wait for `{}`", argv[0]))?;
    Ok((status.success(), output))
}
