//! The one place that checks whether a machine still lives: process, monitor, console, record, vCPU and disk.

use super::allowance::{Allowance, Pulse};
use super::console::{Cry, Listener};
use super::death::Death;
use super::monitor::Monitor;
use super::qmp::{Cause, Event};
use super::registers::{self, Cpu};
use crate::error::Result;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The time between two looks at the files.
const LOOK: Duration = Duration::from_millis(50);
/// After this long without a byte the vCPU itself is looked at. This and the limits below count time that the host let
/// QEMU use.
const SUSPICION: Duration = Duration::from_millis(1500);
/// The time between two looks at the vCPU, and how long they must agree: no driver keeps interrupts off for 2.5 s in a
/// critical section.
const LOOK_AT_CPU: Duration = Duration::from_millis(250);
const DEAF: Duration = Duration::from_millis(2500);
/// How long the last words of a dying kernel may take to be written, in wall time: without them there is less to tell.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// With less room than this, QEMU's writes may fail at any moment.
const ROOM: u64 = 1 << 20;

/// Everything that the watcher looks at.
pub struct Watched {
    pub monitor: Arc<Monitor>,
    pub exit: watch::Receiver<Option<ExitStatus>>,
    /// Events that QEMU sends by itself.
    pub said: mpsc::UnboundedReceiver<Event>,
    pub console: PathBuf,
    pub events: PathBuf,
    pub expected: Arc<Expected>,
    pub pulse: Pulse,
}

/// The requests of the machine's owner, so that their effect is not taken for a death.
#[derive(Debug, Default)]
pub struct Expected {
    running: AtomicBool,
    /// Milliseconds for which the guest may write no byte; 0 is no limit.
    silence_ms: AtomicU64,
}

impl Expected {
    pub fn run(&self, running: bool) {
        self.running.store(running, Ordering::SeqCst);
    }

    pub fn limit_silence(&self, limit: Option<Duration>) {
        let ms = limit.map_or(0, |l| u64::try_from(l.as_millis()).unwrap_or(u64::MAX));
        self.silence_ms.store(ms, Ordering::SeqCst);
    }

    fn running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    fn silence(&self) -> Option<Duration> {
        match self.silence_ms.load(Ordering::SeqCst) {
            0 => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }
}

/// Watches until the machine dies.
pub async fn watch(watched: Watched) -> Death {
    let Watched { monitor, mut exit, mut said, console, events, expected, pulse } = watched;
    let sight = Mutex::new(Listener::default());
    let listen = || sight.lock().expect("no panics here").listen(&console);
    let reason = Mutex::new(None);
    let death = tokio::select! {
        status = ended(&mut exit) => Death::of_process(status),
        death = follow(&monitor, &mut said, &expected, &reason) => death,
        death = vital_signs(&monitor, &events, &expected, &sight, &console, pulse) => death,
    };
    // The guest's last words explain how QEMU ended: a panic reboots, a reboot ends QEMU with status 0.
    if !matches!(death, Death::Panic(_) | Death::Init(_) | Death::Oops(_))
        && let Some(cry) = listen()
    {
        return cry.into();
    }
    if matches!(death, Death::Panic(_) | Death::Init(_) | Death::Oops(_)) {
        last_words(&mut exit, &console).await;
    }
    let mut reason = *reason.lock().expect("no panics here");
    if death == Death::Exited(0) && reason.is_none() {
        // The reason may arrive a moment after QEMU's end.
        reason = tokio::time::timeout(LAST_WORDS, why_it_ended(&mut said)).await.ok().flatten();
    }
    match (death, reason) {
        (Death::Exited(0), Some(Cause::GuestShutdown)) => Death::PoweredOff,
        (Death::Exited(0), Some(Cause::GuestReset)) => Death::Rebooted,
        // The human monitor gives no reason.
        (Death::Exited(0), None) => Death::Ended,
        (death, _) => death,
    }
}

async fn ended(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
    match status {
        Some(status) => status,
        // The process guard is gone, so nothing waits for an answer.
        None => std::future::pending().await,
    }
}

/// Follows QEMU's events; ends only if QEMU stops a guest that should run.
async fn follow(
    monitor: &Monitor,
    events: &mut mpsc::UnboundedReceiver<Event>,
    expected: &Expected,
    reason: &Mutex<Option<Cause>>,
) -> Death {
    while let Some(event) = events.recv().await {
        match event {
            Event::Shutdown(cause) => *reason.lock().expect("no panics here") = Some(cause),
            Event::Stop if expected.running() => {
                if let Monitor::Qmp(qmp) = monitor
                    && let Ok(status) = qmp.status().await
                    && !status.running
                    && expected.running()
                {
                    return Death::Stopped(status.status);
                }
            }
            Event::Stop => {}
        }
    }
    // The monitor hangs up when QEMU ends: its exit status says more.
    std::future::pending().await
}

/// Reads QEMU's reason for its end, if it still gives one.
async fn why_it_ended(events: &mut mpsc::UnboundedReceiver<Event>) -> Option<Cause> {
    while let Some(event) = events.recv().await {
        if let Event::Shutdown(cause) = event {
            return Some(cause);
        }
    }
    None
}

/// Looks at what the guest writes and, when it writes nothing, at the reason.
async fn vital_signs(
    monitor: &Monitor,
    events: &std::path::Path,
    expected: &Expected,
    sight: &Mutex<Listener>,
    console: &std::path::Path,
    pulse: Pulse,
) -> Death {
    let mut written = 0;
    // Begins at the first look that finds nothing new.
    let mut silence: Option<Allowance> = None;
    let mut between_looks = pulse.allow(LOOK_AT_CPU);
    let mut looks = Looks::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let (cry, heard) = {
            let mut listener = sight.lock().expect("no panics here");
            (listener.listen(console), listener.seen())
        };
        if let Some(cry) = cry {
            return cry.into();
        }
        let now_written = heard + events.metadata().map_or(0, |m| m.len());
        if now_written != written || !expected.running() {
            (written, silence) = (now_written, None);
            looks = Looks::default();
            continue;
        }
        let limit = expected.silence();
        let silence = silence.get_or_insert_with(|| pulse.allow(limit.unwrap_or(Duration::MAX)));
        let overdue = silence.look().err();
        if silence.spent() < SUSPICION.min(limit.unwrap_or(SUSPICION)) || between_looks.look().is_ok() {
            continue;
        }
        between_looks.begin_again();
        // This comes first: a full disk looks like a hang from the outside.
        if let Some(death) = no_room(events) {
            return death;
        }
        // Before its first word a kernel may still be unpacking itself, with interrupts off, for seconds.
        if written > 0
            && let Ok(cpus) = look_at_cpus(monitor).await
            && let Some(rip) = looks.stuck(silence.worked_or_spent(), cpus)
        {
            return Death::Deaf { rip };
        }
        if limit.is_some()
            && let Some(overdue) = overdue
        {
            return Death::Silent(overdue);
        }
    }
}

/// The vCPUs at each look, oldest first, and what QEMU had done by then.
#[derive(Debug, Default)]
struct Looks {
    at: Vec<Duration>,
    cpus: Vec<Vec<Cpu>>,
}

impl Looks {
    /// Adds one more look, and returns where a vCPU hangs.
    ///
    /// Where instructions are counted, QEMU answers between two slices of the vCPU's time, and a slice in which no
    /// timer runs lasts 2^31 ns: for the loop `jmp .` ten seconds of work. So it is the time that counts, not the number
    /// of looks.
    fn stuck(&mut self, at: Duration, cpus: Vec<Cpu>) -> Option<u64> {
        self.at.push(at);
        self.cpus.push(cpus);
        let long_ago = self.at.iter().rposition(|&before| before + DEAF <= at)?;
        // Later looks need none that are older.
        self.at.drain(..long_ago);
        self.cpus.drain(..long_ago);
        registers::stuck(&self.cpus)
    }
}

/// Looks at the registers before and after the interrupts, as QEMU may let the guest work between two answers.
async fn look_at_cpus(monitor: &Monitor) -> Result<Vec<Cpu>> {
    let mut cpus = registers_of(monitor).await?;
    for (n, cpu) in cpus.iter_mut().enumerate().filter(|(_, cpu)| !cpu.interrupts) {
        let asked = registers::interrupt_waits(&monitor.human(&format!("info lapic {n}")).await?);
        let still = registers_of(monitor).await?.get(n).is_some_and(|now| now.deaf_where(cpu));
        cpu.asked = asked.filter(|_| still);
    }
    Ok(cpus)
}

async fn registers_of(monitor: &Monitor) -> Result<Vec<Cpu>> {
    Ok(registers::parse(&monitor.human("info registers -a").await?))
}

fn no_room(events: &std::path::Path) -> Option<Death> {
    let dir = events.parent()?;
    let free = super::free_space(dir)?;
    (free < ROOM).then(|| Death::NoRoom { dir: dir.to_owned(), free_mb: free >> 20 })
}

/// Lets a dying kernel finish its sentence: until QEMU ends (`panic=-1`) or nothing more comes.
async fn last_words(exit: &mut watch::Receiver<Option<ExitStatus>>, console: &std::path::Path) {
    let quiet = async {
        let mut length = None;
        loop {
            let now = console.metadata().ok().map(|m| m.len());
            if length == Some(now) {
                return;
            }
            length = Some(now);
            tokio::time::sleep(2 * LOOK).await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, async {
        tokio::select! { _ = ended(exit) => (), () = quiet => () }
    })
    .await;
}

impl From<Cry> for Death {
    fn from(cry: Cry) -> Self {
        match cry {
            Cry::Panic(why) => Death::Panic(why),
            Cry::Init(why) => Death::Init(why),
            Cry::Oops(line) => Death::Oops(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(rip: u64, registers: &str) -> Vec<Cpu> {
        vec![Cpu { rip, interrupts: false, asked: Some(1), registers: registers.into() }]
    }

    #[test]
    fn two_looks_are_enough_if_the_time_between_them_is() {
        for registers in ["a", "b"] {
            let second = Duration::from_secs(1);
            let mut looks = Looks::default();
            assert_eq!(looks.stuck(second, cpu(7, "a")), None);
            assert_eq!(looks.stuck(2 * second, cpu(7, registers)), None, "a second is not enough");
            assert_eq!(looks.stuck(20 * second, cpu(7, "a")), Some(7));
        }
    }

    #[test]
    fn a_look_that_sees_work_begins_anew() {
        let mut looks = Looks::default();
        let look = |n: u32| looks.stuck(n * LOOK_AT_CPU, cpu(if n == 5 { 7000 } else { 7 }, &n.to_string()));
        let found: Vec<_> = (0..=16).map(look).collect();
        let (last, earlier) = found.split_last().unwrap();
        assert_eq!((last, earlier.iter().flatten().count()), (&Some(7), 0));
    }
}
