//! Proves KVM by a Linux that ran under it: /dev/kvm may exist, open, run a few bytes, and still be of no use.

use crate::{cache::Cache, error::Result, read};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::Command;

/// The verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum KvmState {
    /// Linux ran under it.
    Proven,
    /// A guest of seven bytes ran under it; no Linux was at hand.
    RunsBytes,
    /// There is no `/dev/kvm`.
    Absent,
    /// It is there and no guest runs; the text says what happened.
    Unusable { why: String },
}

impl KvmState {
    pub fn usable(&self) -> bool {
        *self == KvmState::Proven
    }
}

impl fmt::Display for KvmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvmState::Proven => write!(f, "KVM works"),
            KvmState::RunsBytes => write!(f, "KVM runs a tiny guest; the first machine in real time will try Linux"),
            KvmState::Absent => write!(f, "no KVM here (no `/dev/kvm`): emulating"),
            KvmState::Unusable { why } => write!(f, "KVM is here but runs no guest ({why}): emulating"),
        }
    }
}

/// A verdict holds until the next boot and for one QEMU.
#[derive(Serialize, Deserialize)]
struct Verdict {
    boot_id: String,
    qemu: String,
    state: KvmState,
}

/// A guest of seven bytes ends in milliseconds; one that does not end in this time never will.
const DEADLINE: Duration = Duration::from_secs(10);
/// Linux without a root disk ends in a second or two. Where the host is only busy, TCG serves as well.
const LINUX: Duration = Duration::from_secs(30);

const QEMU: &str = "qemu-system-x86_64";

/// The processor of machines under KVM, which is the one that is proven. A plainer one may seem to work where this one
/// fails: it was seen to run these seven bytes and then to hang in Linux.
pub const CPU: &str = "host";

/// Returns the verdict, from the cache if this boot already has one. An unreadable cache only costs time. The verdict
/// is final only with a kernel (a bzImage) at hand.
pub async fn proven(cache: &Cache, linux: Option<&Path>) -> KvmState {
    if !Path::new("/dev/kvm").exists() {
        return KvmState::Absent;
    }
    let file = cache.root().join("kvm.json");
    let (boot_id, qemu) = (boot_id(), qemu_version().await);
    let known = read::bytes(&file, "a proof", read::WRITTEN)
        .ok()
        .and_then(|text| serde_json::from_slice::<Verdict>(&text).ok());
    if let Some(known) = known
        && known.boot_id == boot_id
        && known.qemu == qemu
        && (known.state != KvmState::RunsBytes || linux.is_none())
    {
        return known.state;
    }
    let state = try_out(cache, linux).await.unwrap_or_else(|why| KvmState::Unusable { why });
    let verdict = serde_json::to_vec(&Verdict { boot_id, qemu, state: state.clone() });
    let _ = std::fs::write(file, verdict.expect("a verdict is plain data"));
    state
}

async fn try_out(cache: &Cache, linux: Option<&Path>) -> Result<KvmState, String> {
    runs_a_guest("kvm", cache.root()).await?;
    let Some(kernel) = linux else { return Ok(KvmState::RunsBytes) };
    runs_linux("kvm", kernel, LINUX).await?;
    Ok(KvmState::Proven)
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

async fn qemu_version() -> String {
    let out = Command::new(QEMU).arg("--version").env("PATH", super::path()).output().await;
    out.map(|out| String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

/// The guest writes this to the port of `isa-debug-exit`; QEMU then exits with twice that and one.
const WORD: u8 = 0x10;

/// The firmware of a machine that has no other: these bytes are all that its processor ever sees. The reset vector is
/// 16 bytes below the end: `mov dx, 0xf4; mov al, WORD; out dx, al; hlt`.
fn firmware() -> Vec<u8> {
    let mut rom = vec![0xf4; 64 << 10];
    let reset = rom.len() - 16;
    rom[reset..reset + 7].copy_from_slice(&[0xba, 0xf4, 0x00, 0xb0, WORD, 0xee, 0xf4]);
    rom
}

/// Runs a guest to its end under an accelerator; the error says what happened instead. `scratch` holds the firmware
/// meanwhile.
pub async fn runs_a_guest(accelerator: &str, scratch: &Path) -> Result<(), String> {
    let rom = tempfile::NamedTempFile::new_in(scratch).map_err(|e| e.to_string())?;
    std::fs::write(rom.path(), firmware()).map_err(|e| e.to_string())?;
    let mut command = machine(accelerator);
    command.args(["-m", "16", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-bios"]).arg(rom.path());
    let out = ended(command, "a guest of 7 bytes", DEADLINE).await?;
    if out.status.code() == Some(i32::from(WORD) * 2 + 1) { Ok(()) } else { Err(instead(&out)) }
}

/// Boots a Linux that has no root disk under an accelerator: it says so, panics and so ends QEMU. The error says what
/// happened instead. A processor on which seven bytes run may still stay silent here.
pub async fn runs_linux(accelerator: &str, kernel: &Path, limit: Duration) -> Result<(), String> {
    let mut command = machine(accelerator);
    command.args(["-m", "256", "-serial", "stdio", "-append", "console=ttyS0 panic=-1 mitigations=off", "-kernel"]);
    command.arg(kernel);
    let out = ended(command, "a Linux without a root disk", limit).await?;
    let console = String::from_utf8_lossy(&out.stdout);
    match console.contains("Unable to mount root fs") {
        true => Ok(()),
        false if console.trim().is_empty() => Err(instead(&out)),
        false => Err(format!("Linux ended with `{}`", console.lines().last().unwrap_or_default().trim())),
    }
}

fn machine(accelerator: &str) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(["-nodefaults", "-display", "none", "-machine", "q35", "-no-reboot", "-accel", accelerator])
        .args(["-cpu", if accelerator == "kvm" { CPU } else { "max" }]);
    command.env("PATH", super::path()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn ended(mut command: Command, what: &str, limit: Duration) -> Result<Output, String> {
    match tokio::time::timeout(limit, command.output()).await {
        Err(_) => Err(format!("{what} did not end in {} s", limit.as_secs())),
        Ok(Err(e)) => Err(format!("`{QEMU}` does not start: {e}")),
        Ok(Ok(out)) => Ok(out),
    }
}

fn instead(out: &Output) -> String {
    let stderr = String::from_utf8_lossy(&out.stderr);
    let said = stderr.lines().map(str::trim).find(|line| !line.is_empty() && !line.contains("warning:"));
    format!("QEMU ended with {}: {}", out.status, said.unwrap_or("nothing said"))
}
