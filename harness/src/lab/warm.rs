//! The warm machine: booted, deployed to, parked and saved once for each image, shape and stack; each run restores it.

use super::{agent, distribution, login::log_in, retry::twice, room::Room, slow};
use crate::{
    cache::{Cache, Claim},
    error::{Context, Error, Result},
    guest::{Events, Keys, Ssh},
    image::{self, Image, initrd},
    plan::RunSpec,
    read,
    story::Teller,
    vm::{Accel, Machine, MachineSpec, RestoreError, RootDisk, SavedState, Shape, argv},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tunelab_protocol::{Event, guest};
use tunelab_ssh::Certificate;

/// The limit for one file, or one command, as the host lets QEMU run.
const DEPLOY: Duration = Duration::from_secs(60);
/// The file beside the state with the kernel as the parked agent reports it. It is written last.
const FACTS: &str = "warm.json";

/// A saved machine that waits for its plan.
#[derive(Debug, Clone)]
pub struct Warm {
    pub spec: MachineSpec,
    pub state: SavedState,
    /// The kernel's release, as `uname -r` says it.
    pub kernel: String,
    /// Errors of the boots before the one that it was saved from.
    pub boot_retries: Vec<String>,
    /// It is not pruned before the last copy of this is gone.
    _claim: Arc<Claim>,
}

#[derive(Serialize, Deserialize)]
struct Facts {
    kernel: String,
    /// The key of the recipe it was booted from.
    #[serde(default)]
    image: String,
    /// SHA-256 of the agent: [`agent::sha256`].
    #[serde(default)]
    agent: String,
    #[serde(default)]
    boot_retries: Vec<String>,
}

/// Whether this tunelab could make the saved machine in `dir` from one of these recipes.
pub fn is_of(dir: &Path, recipes: &[image::Recipe]) -> bool {
    facts(dir).is_some_and(|f| f.agent == agent::sha256() && recipes.iter().any(|recipe| recipe.key() == f.image))
}

fn facts(dir: &Path) -> Option<Facts> {
    serde_json::from_slice(&read::bytes(&dir.join(FACTS), "a state's facts", read::WRITTEN).ok()?).ok()
}

/// Everything that a warm machine depends on.
pub struct Recipe<'a> {
    pub image: &'a Image,
    pub accel: Accel,
    pub stack: Stack<'a>,
}

/// The demands of a scenario on the machine it runs on.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    pub machine: &'a crate::scenario::Machine,
    pub files: Option<&'a BTreeMap<String, PathBuf>>,
    /// Names of files to make beside them, each with a key and its certificate.
    pub certificates: Option<&'a BTreeSet<String>>,
    /// Commands that make the guest read what a run's programs need.
    pub rehearsals: &'a [Vec<String>],
    pub seed: u64,
}

impl<'a> From<&'a RunSpec> for Stack<'a> {
    fn from(run: &'a RunSpec) -> Self {
        Stack {
            machine: &run.machine,
            files: Some(&run.files),
            certificates: Some(&run.certificates),
            rehearsals: &run.rehearsals,
            seed: run.run.seed,
        }
    }
}

impl Recipe<'_> {
    /// Equal keys mean equal machines: image, shape, command line, agent, deployed files.
    pub fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(self.image.key.as_bytes());
        part(format!("{:?}", argv::blueprint(&self.spec(PathBuf::new()))).as_bytes());
        part(agent::bytes());
        for (name, bytes) in files(self.stack.files)? {
            part(name.as_bytes());
            part(&bytes);
        }
        self.certificates().for_each(|name| part(name.as_bytes()));
        part(&rehearsals(self.stack.rehearsals));
        Ok(hex::encode(&hash.finalize()[..8]))
    }

    fn certificates(&self) -> impl Iterator<Item = &String> {
        self.stack.certificates.into_iter().flatten()
    }

    fn shape(&self) -> Shape {
        let machine = self.stack.machine;
        Shape { accel: self.accel, memory_mb: (machine.memory_bytes >> 20) as u32, cpus: machine.cpus }
    }

    fn cmdline(&self) -> Vec<String> {
        let own = self.image.disk().map_or_else(Vec::new, |disk| distribution::cmdline(&disk.root_device));
        let image = self.image.recipe.machine.cmdline.split_whitespace().map(str::to_owned);
        // A foreign kernel may break before it has a console: this shows its words. A distribution's own has been seen
        // to boot.
        let early = self.image.foreign.as_ref().map(|_| "earlyprintk=serial,ttyS0,115200".to_owned());
        let own = early.into_iter().chain(own);
        own.chain(image).chain(self.stack.machine.cmdline.iter().cloned()).collect()
    }

    fn root(&self) -> RootDisk {
        let path = self.image.root.clone();
        match self.image.disk() {
            Some(_) => RootDisk::Layered(path),
            None => RootDisk::ReadOnly(path),
        }
    }

    fn spec(&self, initrd: PathBuf) -> MachineSpec {
        MachineSpec {
            qemu: "qemu-system-x86_64".into(),
            shape: self.shape(),
            seed: self.stack.seed,
            kernel: self.image.kernel.clone(),
            linux: tunelab_protocol::version(self.image.release()).unwrap_or((0, 0)),
            initrd,
            cmdline: self.cmdline(),
            root: self.root(),
            modules: self.image.foreign.as_ref().and_then(|kernel| kernel.tree.clone()),
        }
    }
}

/// Finds or makes the warm machine. Two processes that want the same one make it once.
pub async fn ensure(recipe: &Recipe<'_>, cache: &Cache, teller: &Teller) -> Result<Warm> {
    let key = recipe.key()?;
    let (_lock, claim) = lock(cache, &key).await?;
    let dir = cache.states().join(&key);
    match find(recipe, &dir, &claim) {
        Ok(warm) => return Ok(warm),
        Err(RestoreError::Failed(e)) => return Err(e),
        Err(RestoreError::Unusable(why)) if SavedState::is_in(&dir) => {
            teller.notice(format!("{why}: making it again"));
        }
        Err(RestoreError::Unusable(_)) => {}
    }
    make(recipe, cache, &key, claim, teller).await
}

/// Makes it anew because `damaged`, the one in the cache, turned out to be `why`. Another process may have done so.
pub async fn remake(
    recipe: &Recipe<'_>,
    damaged: &SavedState,
    why: &str,
    cache: &Cache,
    teller: &Teller,
) -> Result<Warm> {
    let key = recipe.key()?;
    let (_lock, claim) = lock(cache, &key).await?;
    match find(recipe, &cache.states().join(&key), &claim) {
        Ok(warm) if warm.state.manifest != damaged.manifest => return Ok(warm),
        _ => {}
    }
    teller.notice(format!("{why}: making it again"));
    make(recipe, cache, &key, claim, teller).await
}

/// Takes the lock, to be alone in making it, and the claim, to keep it.
async fn lock(cache: &Cache, key: &str) -> Result<(File, Arc<Claim>)> {
    let dir = cache.states().join(key);
    let path = dir.with_extension("lock");
    let locking = tokio::task::spawn_blocking(move || {
        let file = File::create(&path).host(|| format!("failed to create `{}`", path.display()))?;
        file.lock().host(|| format!("failed to lock `{}`", path.display()))?;
        Ok((file, Arc::new(Claim::take(&dir)?)))
    });
    locking.await.host(|| "waiting for a lock was interrupted".into())?
}

fn find(recipe: &Recipe, dir: &Path, claim: &Arc<Claim>) -> Result<Warm, RestoreError> {
    let state = SavedState::open(dir)?;
    let unusable = || format!("the saved machine in `{}` cannot be used: `{FACTS}` cannot be read", dir.display());
    let Facts { kernel, boot_retries, .. } = facts(dir).ok_or_else(|| RestoreError::Unusable(unusable()))?;
    Ok(Warm { spec: recipe.spec(PathBuf::new()), state, kernel, boot_retries, _claim: claim.clone() })
}

async fn make(recipe: &Recipe<'_>, cache: &Cache, key: &str, claim: Arc<Claim>, teller: &Teller) -> Result<Warm> {
    let dir = cache.states().join(key);
    let attempt = async |room: &Room| make_in(room, recipe, &dir, teller).await;
    let ((state, kernel), _, boot_retries) = twice("boot", &recipe.image.name, cache, teller, attempt).await?;
    let (image, agent) = (recipe.image.recipe.key(), agent::sha256().to_owned());
    let facts = Facts { kernel: kernel.clone(), image, agent, boot_retries: boot_retries.clone() };
    let facts = serde_json::to_vec(&facts).expect("plain data");
    fs::write(dir.join(FACTS), facts).host(|| format!("failed to write to `{}`", dir.display()))?;
    Ok(Warm { spec: recipe.spec(PathBuf::new()), state, kernel, boot_retries, _claim: claim })
}

/// Makes the machine's state; returns it with the kernel's release.
async fn make_in(room: &Room, recipe: &Recipe<'_>, dir: &Path, teller: &Teller) -> Result<(SavedState, String)> {
    let (machine, ssh) = boot_and_deploy(recipe, room, teller).await?;
    let parking = teller.step("parking the machine");
    let parked = machine.while_alive(park(&machine, &ssh));
    let kernel = slow::told(teller, machine.pulse(), "the machine has been parking", parked).await?;
    parking.done();
    let saving = teller.step("saving the warm machine");
    let pulse = machine.pulse();
    let state = slow::told(teller, pulse, "the warm machine has been saved", machine.save(dir)).await?;
    saving.done();
    Ok((state, kernel))
}

/// Boots a machine with the agent and the scenario's files in place, and a way in.
pub async fn boot_and_deploy(recipe: &Recipe<'_>, room: &Room, teller: &Teller) -> Result<(Machine, Ssh)> {
    let keys = Keys::generate();
    let initrd_path = room.path().join("initrd");
    fs::write(&initrd_path, initrd_bytes(recipe.image, &keys)?)
        .host(|| format!("failed to write `{}`", initrd_path.display()))?;
    let booting = teller.step(booting(recipe.image));
    let machine = Machine::boot(&recipe.spec(initrd_path), room.path()).await?;
    let logging_in = machine.while_alive(log_in(&machine, recipe.image.recipe.init, &keys));
    let booted = format!("`{}` has been booting", recipe.image.name);
    let ssh = slow::told(teller, machine.pulse(), &booted, logging_in).await?;
    booting.done();
    let deploying = teller.step("deploying over SSH");
    let provided = machine.while_alive(provide(&ssh, recipe));
    slow::told(teller, machine.pulse(), "deploying has been going on", provided).await?;
    deploying.done();
    Ok((machine, ssh))
}

async fn provide(ssh: &Ssh, recipe: &Recipe<'_>) -> Result<()> {
    if recipe.image.disk().is_some() {
        distribution::prepare(ssh, recipe.image).await?;
    }
    ssh.upload(guest::REHEARSALS, 0o644, rehearsals(recipe.stack.rehearsals), DEPLOY).await?;
    deploy(ssh, recipe.stack.files).await?;
    certify(ssh, recipe.certificates()).await
}

fn rehearsals(commands: &[Vec<String>]) -> Vec<u8> {
    serde_json::to_vec(commands).expect("commands are plain data")
}

fn booting(image: &Image) -> String {
    match &image.foreign {
        Some(kernel) => format!("booting `{}` with kernel {}", image.name, kernel.release),
        None => format!("booting `{}`", image.name),
    }
}

/// The image's part and this machine's own keys, one archive after the other.
fn initrd_bytes(image: &Image, keys: &Keys) -> Result<Vec<u8>> {
    let mut bytes = initrd::fixed(&image.modules, agent::bytes())?;
    if image.disk().is_some() {
        bytes.extend(distribution::seed(keys)?);
        return Ok(bytes);
    }
    bytes.extend(initrd::archive([
        ("etc/tunelab/authorized_keys", 0o600, keys.authorized_keys()),
        ("etc/tunelab/ssh_host_ecdsa_key", 0o600, keys.host_key()?),
        ("etc/tunelab/ssh_host_ecdsa_key.pub", 0o644, keys.host_key_public()),
    ]));
    Ok(bytes)
}

async fn deploy(ssh: &Ssh, paths: Option<&BTreeMap<String, PathBuf>>) -> Result<()> {
    ssh.upload(guest::AGENT, 0o755, agent::bytes().to_vec(), DEPLOY).await?;
    for (name, bytes) in files(paths)? {
        ssh.upload(&format!("{}/{name}", guest::FILES), 0o644, bytes, DEPLOY).await?;
    }
    Ok(())
}

/// Makes a key with a certificate, in the files with these names, and for clients to trust.
async fn certify(ssh: &Ssh, names: impl Iterator<Item = &String>) -> Result<()> {
    let mut names = names.peekable();
    if names.peek().is_none() {
        return Ok(());
    }
    // The name that clients ask for; see `tls_client`.
    let made = Certificate::self_signed("server").host(|| "failed to make a certificate".into())?;
    ssh.upload(guest::CERTIFICATE, 0o644, made.certificate.clone().into_bytes(), DEPLOY).await?;
    let both = (made.key + &made.certificate).into_bytes();
    for name in names {
        ssh.upload(&format!("{}/{name}", guest::FILES), 0o644, both.clone(), DEPLOY).await?;
    }
    Ok(())
}

/// Reads the scenario's files, by the names they have in the guest.
fn files(paths: Option<&BTreeMap<String, PathBuf>>) -> Result<Vec<(String, Vec<u8>)>> {
    let read = |(name, path): (&String, &PathBuf)| Ok((name.clone(), read::bytes(path, "the file", read::TEXT)?));
    paths.into_iter().flatten().map(read).collect()
}

/// Waits until the agent says that all is warm and quiet; returns the kernel's release.
async fn park(machine: &Machine, ssh: &Ssh) -> Result<String> {
    let mut events = Events::of(machine).await?;
    // The agent ends sshd, and with it the connection, maybe before sshd's answer arrives: only the event counts.
    let launched = ssh.launch(format!("{} park", guest::AGENT), DEPLOY);
    let parked = tokio::select! {
        parked = machine.pulse().allow(DEPLOY).wait(events.next()) => parked,
        Err(refused) = launched => return Err(refused),
    };
    match parked.map_err(|overdue| Error::guest(format!("the agent did not park: {overdue}")))??.event {
        Event::Parked { kernel, .. } => Ok(kernel),
        Event::Failed { what, hint, .. } => {
            let error = Error::guest(format!("the agent could not park: {what}"));
            Err(hint.into_iter().fold(error, Error::hint))
        }
        other => Err(Error::guest(format!("the agent said `{other:?}` instead of `parked`"))),
    }
}
