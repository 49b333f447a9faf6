//! Proves that QEMU does here what a run takes: a machine of 64 MB is booted, saved and restored by the very command
//! line of a run, and an idle minute of it leaps by.
//!
//! Its guest is 100 bytes, not Linux: this needs no image, and takes less than a second. The verdict is remembered for
//! the QEMU that gave it, by its checksum.

pub mod guest;

use super::{SHIFT, room::Room};
use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host, read,
    vm::{Accel, Machine, MachineSpec, RootDisk, Shape},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const QEMU: &str = "qemu-system-x86_64";
/// The file in the cache.
const REMEMBERED: &str = "qemu.json";
/// A step of a machine that works takes less than a second; a busy host may take long.
const STEP: Duration = Duration::from_secs(60);
/// The time between two looks at what the guest wrote.
const LOOK: Duration = Duration::from_millis(5);
/// An idle minute takes a fifth of a second. Where the clock does not leap it takes a minute, where it crawls longer.
const LEAP: Duration = Duration::from_secs(20);

/// The proof: what QEMU was seen to do, and how long each took, in seconds of wall time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// QEMU's version as QEMU gives it, with the distribution's own part.
    pub qemu: String,
    /// From the start of QEMU to the guest's first byte.
    pub boot_seconds: f64,
    pub save_seconds: f64,
    /// From the start of QEMU to the guest's first byte after the restore.
    pub restore_seconds: f64,
    /// The wall time of sixty idle seconds of the guest.
    pub idle_minute_seconds: f64,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proof { boot_seconds, save_seconds, restore_seconds, idle_minute_seconds, .. } = self;
        write!(
            f,
            "booted in {boot_seconds:.2} s, saved in {save_seconds:.2} s, restored in {restore_seconds:.2} s, \
             an idle minute in {idle_minute_seconds:.2} s"
        )
    }
}

/// A proof holds for one QEMU.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Remembered {
    file: Identity,
    /// SHA-256 of the file, in hex: a package that was installed again is the same QEMU.
    sha256: String,
    proof: Proof,
}

/// The identity of the file: as long as it is the same, so is the file, which need not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Identity {
    path: PathBuf,
    size: u64,
    modified_ns: i128,
}

/// Returns the proof, from the cache if this QEMU gave one. An unreadable cache only costs time.
pub async fn proven(cache: &Cache) -> Result<Proof> {
    let file = find().ok_or_else(|| Error::host(format!("`{QEMU}` was not found")))?;
    let remembered = cache.root().join(REMEMBERED);
    let known = read::bytes(&remembered, "a proof", read::WRITTEN)
        .ok()
        .and_then(|text| serde_json::from_slice::<Remembered>(&text).ok());
    if let Some(known) = &known
        && known.file == file
    {
        return Ok(known.proof.clone());
    }
    let sha256 = checksum(&file.path)?;
    let proof = match known {
        Some(known) if known.sha256 == sha256 => known.proof,
        _ => prove(cache).await?,
    };
    let text = serde_json::to_vec_pretty(&Remembered { file, sha256, proof: proof.clone() }).expect("plain data");
    let _ = fs::write(remembered, text);
    Ok(proof)
}

/// Finds the QEMU that is started, following links.
fn find() -> Option<Identity> {
    let path = std::env::split_paths(&host::path()).map(|dir| dir.join(QEMU)).find(|path| path.is_file())?;
    let path = path.canonicalize().ok()?;
    let about = fs::metadata(&path).ok()?;
    let modified_ns = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    Some(Identity { path, size: about.len(), modified_ns })
}

fn checksum(path: &Path) -> Result<String> {
    let bytes = fs::read(path).host(|| format!("failed to read `{}`", path.display()))?;
    Ok(hex::encode(Sha256::digest(bytes)))
}

async fn prove(cache: &Cache) -> Result<Proof> {
    let room = Room::open(cache, "doctor")?;
    let spec = spec(room.path())?;
    let (boot, restored) = (room.path().join("boot"), room.path().join("restored"));
    let folders = [&boot, &restored].into_iter().try_for_each(fs::create_dir);
    folders.host(|| format!("failed to prepare a machine in `{}`", room.path().display()))?;

    let (since, machine) = (Instant::now(), Machine::boot(&spec, &boot).await?);
    until(&machine, guest::BOOTED, STEP).await?;
    let boot_seconds = since.elapsed().as_secs_f64();

    let (since, qemu) = (Instant::now(), machine.qemu_version().to_owned());
    let saved = machine.save(&room.path().join("state")).await?;
    let save_seconds = since.elapsed().as_secs_f64();

    let since = Instant::now();
    let machine = Machine::restore(&spec, &saved, b"-", &restored).await.map_err(Error::from)?;
    machine.cont().await?;
    until(&machine, guest::RESTORED, STEP).await?;
    let restore_seconds = since.elapsed().as_secs_f64();

    let since = Instant::now();
    until(&machine, guest::WAITED, LEAP).await?;
    let idle_minute_seconds = since.elapsed().as_secs_f64();
    machine.shutdown().await?;
    Ok(Proof { qemu, boot_seconds, save_seconds, restore_seconds, idle_minute_seconds })
}

/// Waits until the guest says a word.
async fn until(machine: &Machine, word: &str, limit: Duration) -> Result<()> {
    let said = async {
        while !fs::read_to_string(machine.events()).unwrap_or_default().contains(word) {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    let silent = || Error::host(format!("QEMU runs a machine that does not say `{word}` within {limit:?}"));
    let said = tokio::time::timeout(limit, machine.while_alive(said)).await;
    said.map_err(|_| silent().hint("try again when this host is less busy; then it is this QEMU"))?
}

/// A machine as a run has it, except for the content of its files.
fn spec(dir: &Path) -> Result<MachineSpec> {
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).host(|| format!("failed to write `{}`", path.display())).map(|()| path)
    };
    Ok(MachineSpec {
        qemu: QEMU.into(),
        shape: Shape { accel: Accel::VirtualClock { shift: SHIFT }, memory_mb: 64, cpus: 1 },
        seed: 1,
        kernel: write("kernel", &guest::kernel())?,
        linux: (6, 1),
        initrd: write("initrd", &guest::INITRD)?,
        cmdline: Vec::new(),
        root: RootDisk::ReadOnly(write("root.img", &[0; 1 << 16])?),
        modules: None,
    })
}
