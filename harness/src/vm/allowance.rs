//! Limits for QEMU, counted by what the host let it do, not by the wall clock.
//!
//! On a host with a load of twelve a machine gets a sixth of a CPU, and everything takes six times as long. So the time
//! in which a thread of QEMU's wanted to run, and the host ran others or read a disk, does not count. The time in which
//! QEMU worked, or had nothing to do, counts.

use nix::time::ClockId;
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// The most that one look counts. If the last look was longer ago, it was this process that did not run (a suspended
/// laptop, a stopped job, a busy host).
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// A QEMU that uses no CPU at all for this long is dead, whatever it waits for.
const STILL: Duration = Duration::from_secs(120);

/// The activity of a QEMU, as the host's kernel counts it.
#[derive(Debug, Clone, Copy)]
pub struct Pulse(Option<Pid>);

impl Pulse {
    /// The pulse of a process that is not reaped yet.
    pub fn of(pid: Pid) -> Self {
        Pulse(Some(pid))
    }

    /// The pulse for a conversation with no QEMU behind it: all time counts.
    pub fn none() -> Self {
        Pulse(None)
    }

    /// Begins a wait now.
    pub fn allow(self, limit: Duration) -> Allowance {
        let mut allowance = Allowance {
            pulse: self,
            limit,
            begun: (Instant::now(), self.cpu()),
            looked: (Instant::now(), self.cpu()),
            waits: HashMap::new(),
            passed: Duration::ZERO,
            worked: Duration::ZERO,
            denied: Duration::ZERO,
            still: Duration::ZERO,
            untold: Duration::ZERO,
        };
        allowance.kept_waiting();
        allowance
    }

    /// The CPU time that all threads have used.
    fn cpu(self) -> Duration {
        let clock = self.0.and_then(|pid| ClockId::pid_cpu_clock_id(pid).ok());
        clock.and_then(|clock| clock.now().ok()).map_or(Duration::ZERO, Duration::from)
    }

    fn threads(self) -> Vec<Thread> {
        let Some(pid) = self.0 else { return Vec::new() };
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| Thread::look(task.file_name().to_str()?, &task.path())).collect()
    }
}

/// One thread of QEMU's.
struct Thread {
    number: u32,
    /// All the time in which it could have run and the host ran others.
    waited: Duration,
    /// Whether it waits for a disk, or for memory to come back from one.
    on_disk: bool,
    /// Whether it runs, or waits for a CPU.
    wants_cpu: bool,
}

impl Thread {
    fn look(number: &str, task: &std::path::Path) -> Option<Self> {
        let stat = fs::read_to_string(task.join("stat")).ok()?;
        // `12 (qemu-system-x86) S 1 ...`; the name may contain anything.
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        // The file has nanoseconds on a CPU, nanoseconds in the queue for one, slices. A kernel without it reports no
        // queue.
        let schedule = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let waited = schedule.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0);
        Some(Thread {
            number: number.parse().ok()?,
            waited: Duration::from_nanos(waited),
            on_disk: state == 'D',
            wants_cpu: state == 'R',
        })
    }
}

/// A wait that has begun. The caller must look again and again: [`Allowance::wait`] does it.
#[derive(Debug)]
pub struct Allowance {
    pulse: Pulse,
    limit: Duration,
    /// The moment it began, and the CPU time at that moment.
    begun: (Instant, Duration),
    looked: (Instant, Duration),
    /// How long each thread had been kept waiting by the last look.
    waits: HashMap<u32, Duration>,
    /// The time since then, as far as the looks saw it.
    passed: Duration,
    worked: Duration,
    denied: Duration,
    /// The time without any CPU time used, while no thread waited for a CPU.
    still: Duration,
    /// The part of `denied` in which a thread waited for a CPU, and which it will report when it has had one.
    untold: Duration,
}

impl Allowance {
    /// Waits for `work` until the limit is spent.
    pub async fn wait<T>(mut self, work: impl Future<Output = T>) -> Result<T, Overdue> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(self.pause()) => self.look()?,
            }
        }
    }

    /// Counts the time since the last look.
    pub fn look(&mut self) -> Result<(), Overdue> {
        let (now, cpu) = (Instant::now(), self.pulse.cpu());
        let passed = (now - self.looked.0).min(LONGEST_LOOK);
        let worked = cpu.saturating_sub(self.looked.1);
        self.looked = (now, cpu);
        self.passed += passed;
        self.worked += worked;
        let kept = self.kept_waiting();
        // A thread reports its wait for a CPU when it has one again. A thread that had none since the last look waits
        // now.
        let told = kept.by_cpu.min(self.untold);
        let starved = if worked.is_zero() && kept.wants_cpu { passed } else { Duration::ZERO };
        self.untold = self.untold - told + starved;
        let by_disk = if kept.on_disk { passed.saturating_sub(worked) } else { Duration::ZERO };
        self.denied += by_disk.max(kept.by_cpu - told + starved);
        let still = self.pulse.0.is_some() && worked.is_zero() && !kept.wants_cpu;
        self.still = if still { self.still + passed } else { Duration::ZERO };
        if self.spent() >= self.limit || self.still >= STILL { Err(self.overdue()) } else { Ok(()) }
    }

    /// Starts the wait again, after what was waited for has happened.
    pub fn begin_again(&mut self) {
        *self = self.pulse.allow(self.limit);
    }

    pub fn pulse(&self) -> Pulse {
        self.pulse
    }

    /// How much of the limit is spent, up to the last look.
    pub fn spent(&self) -> Duration {
        self.passed.saturating_sub(self.denied).max(self.worked.min(self.passed))
    }

    /// The same, or the CPU time used since the wait began if that is more, which covers a look that took long.
    pub fn worked_or_spent(&self) -> Duration {
        self.spent().max(self.pulse.cpu().saturating_sub(self.begun.1))
    }

    /// How long the caller may sleep until the next look.
    pub fn pause(&self) -> Duration {
        LOOK.min(self.limit.saturating_sub(self.spent())).max(Duration::from_millis(1))
    }

    /// Reports what was seen so far, in the form of a wait that is over.
    pub fn overdue(&self) -> Overdue {
        let passed = self.begun.0.elapsed();
        Overdue {
            passed,
            cpu: self.pulse.0.map(|_| self.pulse.cpu().saturating_sub(self.begun.1)),
            denied: passed.saturating_sub(self.spent()),
        }
    }

    /// Counts what kept QEMU's threads waiting since the last call.
    fn kept_waiting(&mut self) -> Kept {
        let threads = self.pulse.threads();
        let before = std::mem::take(&mut self.waits);
        let waited = |thread: &Thread| {
            let before = before.get(&thread.number).copied().unwrap_or_default();
            thread.waited.saturating_sub(before)
        };
        let by_cpu = threads.iter().map(waited).sum();
        self.waits = threads.iter().map(|thread| (thread.number, thread.waited)).collect();
        let any = |is: fn(&Thread) -> bool| threads.iter().any(is);
        Kept { by_cpu, on_disk: any(|thread| thread.on_disk), wants_cpu: any(|thread| thread.wants_cpu) }
    }
}

struct Kept {
    /// The waits for a CPU that are over.
    by_cpu: Duration,
    /// Whether a thread waits for a disk now.
    on_disk: bool,
    wants_cpu: bool,
}

/// A spent limit, and what passed meanwhile. In a message it comes after what did not happen and a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    pub passed: Duration,
    /// The CPU time that QEMU used, if there is a QEMU.
    pub cpu: Option<Duration>,
    /// The time in which the host kept QEMU waiting, or us.
    pub denied: Duration,
}

impl Overdue {
    /// Whether the host kept QEMU waiting for more than a third of the time.
    pub fn busy_host(&self) -> bool {
        self.denied > self.passed / 3
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cpu) = self.cpu else { return write!(f, "{} passed", seconds(self.passed)) };
        write!(f, "in {} QEMU used {} of CPU", seconds(self.passed), seconds(cpu))?;
        if self.busy_host() {
            write!(f, " and was kept waiting for {} by this busy host ({})", seconds(self.denied), load())?;
        }
        Ok(())
    }
}

/// `load 12`, as uptime(1) says it.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split_whitespace().next().and_then(|load| load.parse::<f64>().ok());
    load.map_or_else(|| "load unknown".into(), |load| format!("load {load:.0}"))
}

/// `61 s`, `2.5 s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
