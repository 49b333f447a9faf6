//! One machine, from its first instruction or from a saved state to its proven end.

use super::allowance::Pulse;
use super::argv::{self, Start, Wiring};
use super::death::Death;
use super::monitor::Monitor;
use super::process::Process;
use super::processor::Seat;
use super::qcow2;
use super::spec::{MachineSpec, RootDisk, Shape};
use super::state::{Draft, RestoreError, SavedState};
use super::watch::{Expected, Watched, watch};
use crate::error::{Context, Error, Result};
use nix::sys::signal::Signal;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;

/// How long a failed conversation waits for the watcher to report that the machine died of something: so many turns, in
/// each of which a busy host runs the watcher, too.
const AFTERTHOUGHT: (u32, Duration) = (10, Duration::from_millis(50));

/// How long QEMU may take from hanging up to its end.
const ENDING: Duration = Duration::from_secs(2);

/// The file for what a guest with a writable root disk writes, and in the end for its saved state.
pub const LAYER: &str = "disk.qcow2";
/// The file for captured packets, in the folder of a machine.
pub const PACKETS: &str = "capture.pcap";

/// A machine with its files: `console.log`, `events.jsonl` and `qemu.log` in the folder it was given.
///
/// [`Machine::shutdown`] is the way out; dropping it kills QEMU without proof.
pub struct Machine {
    dir: PathBuf,
    shape: Shape,
    layered: bool,
    monitor: Arc<Monitor>,
    version: String,
    ssh_port: Option<u16>,
    expected: Arc<Expected>,
    death: tokio::sync::watch::Receiver<Option<Death>>,
    watcher: tokio::task::JoinHandle<()>,
    process: Process,
    _seat: Option<Seat>,
}

impl Machine {
    /// Starts the guest. Returns as soon as it runs, long before it can be talked to.
    pub async fn boot(spec: &MachineSpec, dir: &Path) -> Result<Self> {
        if let RootDisk::Layered(below) = &spec.root {
            let size = std::fs::metadata(below).host(|| format!("failed to look at `{}`", below.display()))?.len();
            let layer = dir.join(LAYER);
            std::fs::write(&layer, qcow2::empty(size)).host(|| format!("failed to write `{}`", layer.display()))?;
        }
        let mut machine = Self::launch(spec, dir, Start::Boot, None).await?;
        machine.expected.run(true);
        let network = machine.monitor.human("info usernet").await;
        let port = machine.or_death(network).await?;
        machine.ssh_port = Some(forwarded_port(&port).ok_or_else(|| {
            Error::host("QEMU forwards no port to the guest's SSH").hint("is its user-mode network (slirp) built in?")
        })?);
        Ok(machine)
    }

    /// Brings a saved machine back, stopped, with `plan` where its parked agent looks for one: after [`Machine::cont`]
    /// the agent executes it. The plan is also `plan.json` in `dir`.
    pub async fn restore(
        spec: &MachineSpec,
        saved: &SavedState,
        plan: &[u8],
        dir: &Path,
    ) -> Result<Self, RestoreError> {
        if saved.manifest.shape != spec.shape {
            return Err(saved.refused("it was saved by a machine of another shape"));
        }
        let plan_file = dir.join("plan.json");
        std::fs::write(&plan_file, plan).host(|| format!("failed to write `{}`", plan_file.display()))?;
        let state = tokio::task::spawn_blocking({
            let saved = saved.clone();
            move || saved.copy()
        });
        let state = state.await.map_err(|e| Error::host("checking a state was interrupted").cause(e))??;
        let start = Start::Restore { plan: &plan_file, state: state.as_raw_fd() };
        // QEMU exits when a state does not load, and says why.
        let machine =
            Self::launch(spec, dir, start, Some(state.into())).await.map_err(|e| saved.refused(e.message()))?;
        if machine.version != saved.manifest.qemu {
            let refused = saved.refused(&format!("QEMU {} wrote it, this is {}", saved.manifest.qemu, machine.version));
            machine.shutdown().await?;
            return Err(refused);
        }
        Ok(machine)
    }

    async fn launch(spec: &MachineSpec, dir: &Path, start: Start<'_>, state: Option<OwnedFd>) -> Result<Self> {
        let files = |e| format!("failed to prepare a machine in `{}`: {e}", dir.display());
        let (ours, theirs) = UnixStream::pair().host(|| files("a socket"))?;
        let (console, events, layer) = (dir.join("console.log"), dir.join("events.jsonl"), dir.join(LAYER));
        let packets = dir.join(PACKETS);
        let log = File::create(dir.join("qemu.log")).host(|| files("`qemu.log`"))?;
        let monitor = theirs.as_raw_fd();
        let wiring = Wiring { console: &console, events: &events, packets: &packets, layer: &layer, monitor, start };
        let mut command = Command::new(&spec.qemu);
        command.args(argv::command_line(spec, &wiring)).stdin(Stdio::null());
        command.stdout(log.try_clone().host(|| files("`qemu.log`"))?).stderr(log);
        let seat = if spec.shape.accel.is_virtual() { Seat::take() } else { None };
        seat.iter().for_each(|seat| seat.give_to(&mut command));
        let inherited = state.into_iter().chain([theirs.into()]).collect();
        let process = Process::spawn(command, inherited).await?;
        let (monitor, version, said) = match Monitor::connect(ours, start, process.pulse()).await {
            Ok(connected) => connected,
            Err(e) => return Err(Self::stillborn(process, e, dir).await),
        };
        let (monitor, expected) = (Arc::new(monitor), Arc::new(Expected::default()));
        let (tell, death) = tokio::sync::watch::channel(None);
        let watched = Watched {
            monitor: monitor.clone(),
            exit: process.exit(),
            said,
            console,
            events,
            expected: expected.clone(),
            pulse: process.pulse(),
        };
        let watcher = tokio::spawn(async move {
            let died = watch(watched).await;
            tell.send_replace(Some(died));
        });
        Ok(Machine {
            dir: dir.to_owned(),
            shape: spec.shape.clone(),
            layered: matches!(spec.root, RootDisk::Layered(_)),
            monitor,
            version,
            ssh_port: None,
            expected,
            death,
            watcher,
            process,
            _seat: seat,
        })
    }

    /// A QEMU that ends before it is a machine found something wrong with this host or its command line; or it was
    /// killed, as it can be at any time.
    async fn stillborn(process: Process, error: Error, dir: &Path) -> Error {
        let log = dir.join("qemu.log");
        let mut exit = process.exit();
        // If it hung up, it ends by itself; if it was only silent, there is nothing to learn.
        let ended = tokio::time::timeout(ENDING, exit.wait_for(Option::is_some)).await;
        let status = ended.ok().and_then(|ended| *ended.ok()?);
        let _ = process.end().await;
        if let Some(status) = status.filter(|status| status.signal() == Some(Signal::SIGKILL as i32)) {
            return Death::of_process(status).into_error(&dir.join("console.log"), &log);
        }
        let words = super::console::tail(&log, 5);
        if words.is_empty() {
            return error.hint(format!("QEMU's own output is in `{}`", log.display()));
        }
        Error::host(format!("QEMU did not start: {}", words.join("\n  "))).cause(error)
    }

    /// Port on 127.0.0.1 that leads to the guest's port 22; a restored machine has none.
    pub fn ssh_port(&self) -> Option<u16> {
        self.ssh_port
    }

    /// The record that QEMU writes: lines of the event port, and nothing from before a restore.
    pub fn events(&self) -> PathBuf {
        self.dir.join("events.jsonl")
    }

    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    fn qemu_log(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    /// QEMU's version as QEMU gives it, with the distribution's own part.
    pub fn qemu_version(&self) -> &str {
        &self.version
    }

    pub async fn cont(&self) -> Result<()> {
        let continued = self.monitor.human("cont").await;
        self.or_death(continued).await?;
        self.expected.run(true);
        Ok(())
    }

    /// The pulse of its QEMU, for code that waits for the guest.
    pub fn pulse(&self) -> Pulse {
        self.process.pulse()
    }

    /// From now on, takes a running guest for dead if it writes nothing for this much of the time that QEMU could use.
    pub fn limit_silence(&self, limit: Option<Duration>) {
        self.expected.limit_silence(limit);
    }

    /// Stops the guest for good and keeps its state in `dir`.
    pub async fn save(self, dir: &Path) -> Result<SavedState> {
        let Monitor::Qmp(qmp) = &*self.monitor else {
            return Err(Error::host("a machine that was restored cannot be saved again"));
        };
        self.expected.run(false);
        let mut draft = Draft::begin(dir)?;
        let layer = self.layered.then(|| self.dir.join(LAYER));
        let saved = async {
            qmp.stop().await?;
            qmp.remove_network(argv::NETWORK).await?;
            if layer.is_none() {
                qmp.add_image(draft.path()).await?;
            }
            qmp.save(argv::SNAPSHOT).await
        };
        let saved = saved.await;
        if let Err(why) = self.or_death(saved).await? {
            return Err(unsaved(dir, &why));
        }
        let (version, shape) = (self.version.clone(), self.shape.clone());
        self.shutdown().await?;
        let finish = move || {
            layer.map_or(Ok(()), |layer| draft.replace_with(&layer))?;
            draft.finish(version, shape)
        };
        tokio::task::spawn_blocking(finish).await.host(|| "saving a machine was interrupted".into())?
    }

    /// Returns only if the machine dies, with an error that says how.
    pub async fn watch(&self) -> Error {
        self.died().await.into_error(&self.console(), &self.qemu_log())
    }

    /// Does `work` with the guest for as long as it lives. A death explains more than the failure it causes.
    pub async fn while_alive<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            died = self.watch() => Err(died),
            done = work => self.or_death(done).await,
        }
    }

    async fn or_death<T>(&self, result: Result<T>) -> Result<T> {
        let Err(error) = result else { return result };
        match self.died_meanwhile().await {
            Some(death) => Err(death.into_error(&self.console(), &self.qemu_log())),
            None => Err(error),
        }
    }

    async fn died(&self) -> Death {
        match self.death.clone().wait_for(Option::is_some).await {
            Ok(death) => death.clone().expect("waited for"),
            // Only `shutdown` ends the watcher early, and it takes the machine away.
            Err(_) => std::future::pending().await,
        }
    }

    async fn died_meanwhile(&self) -> Option<Death> {
        let (turns, turn) = AFTERTHOUGHT;
        let waited = async {
            for _ in 0..turns {
                tokio::time::sleep(turn).await;
            }
        };
        tokio::select! {
            biased;
            death = self.died() => Some(death),
            () = waited => None,
        }
    }

    /// Kills QEMU, waits until the kernel has taken it apart, and proves that nothing of it survived.
    pub async fn shutdown(self) -> Result<()> {
        self.watcher.abort();
        self.process.end().await
    }
}

/// The size of a small saved machine, in megabytes: with less room none is written.
const SAVED_MB: u64 = 100;

/// The error for a state that could not be written, most often for want of room.
fn unsaved(dir: &Path, why: &str) -> Error {
    // QEMU tells a full disk as `-5`.
    let why = match super::free_space(dir).map(|free| free >> 20) {
        Some(free_mb) if free_mb < SAVED_MB => format!("its disk is full, {free_mb} MB are free ({why})"),
        _ => why.to_owned(),
    };
    Error::host(format!("failed to save the machine in `{}`: {why}", dir.display()))
        .hint("a saved machine takes 100 to 300 MB; free some space, or point `TUNELAB_CACHE` elsewhere")
}

/// Reads the host's port from the answer of `info usernet`, in the line of the forwarding rule.
fn forwarded_port(usernet: &str) -> Option<u16> {
    let line = usernet.lines().find(|line| line.contains("TCP[HOST_FORWARD]"))?;
    // `TCP[HOST_FORWARD]   3       127.0.0.1 38627       10.0.2.15    22     0     0`
    line.split_whitespace().nth(3)?.parse().ok()
}
