//! Machines on busy hosts, and QEMUs that say nothing, answer late or not at all: a script stands in for QEMU.

use nix::{
    errno::Errno,
    libc,
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Child, Command},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tunelab::{
    error::{Error, Exit},
    vm::{Accel, Machine, MachineSpec, Overdue, Pulse, RootDisk, Shape, living},
};

/// Writes the console's first line and answers like QEMU, but it ignores the commands in DEAF; between commands it
/// burns CPU, if BURNS.
const QEMU: &str = r#"#!/usr/bin/perl
use strict;
my ($deaf, $burns) = ('DEAF', BURNS);
my ($fd, $console, $events);
for (@ARGV) {
    $fd = $1 if /^socket,id=monitor,fd=(\d+)/;
    $console = $1 if /^file,id=console,path=(.*)/;
    $events = $1 if /^file,id=events,path=(.*)/;
}
open(my $c, '>', $console); syswrite($c, "hello\n");
open(my $e, '>', $events);
open(my $monitor, '+<&=', $fd) or die;
sub say_it { syswrite($monitor, $_[0] . "\r\n") }
say_it('{"QMP": {"version": {}, "capabilities": []}}') unless $deaf eq 'all';
my $bits = ''; vec($bits, $fd, 1) = 1;
my $heard = '';
while (1) {
    if (!select(my $ready = $bits, undef, undef, $burns ? 0 : undef)) { for my $n (1 .. 10000) {} next }
    sysread($monitor, $heard, 4096, length $heard) or exit 0;
    while ($heard =~ s/^(.*?)\n//) {
        my $line = $1;
        my ($id) = $line =~ /"id":(\d+)/;
        next if $line =~ /$deaf/;
        my $answer = '{}';
        $answer = '"7.2.22\n"' if $line =~ /info version/;
        $answer = '"  TCP[HOST_FORWARD]   3       127.0.0.1 38627       10.0.2.15    22     0     0\n"' if $line =~ /info usernet/;
        $answer = '""' if $line =~ /info registers/;
        say_it(qq({"return": $answer, "id": $id}));
    }
}
"#;

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Bench(tempfile::tempdir().unwrap())
    }

    async fn boot(&self, deaf_to: &str, burns: bool) -> Result<Machine, Error> {
        self.start(&QEMU.replace("DEAF", deaf_to).replace("BURNS", if burns { "1" } else { "0" })).await
    }

    async fn start(&self, script: &str) -> Result<Machine, Error> {
        let qemu = self.0.path().join("qemu");
        fs::write(&qemu, script).unwrap();
        fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
        let spec = MachineSpec {
            qemu,
            shape: Shape { accel: Accel::WallTcg, memory_mb: 64, cpus: 1 },
            seed: 1,
            kernel: "kernel".into(),
            linux: (6, 1),
            modules: None,
            initrd: "initrd".into(),
            cmdline: vec![],
            root: RootDisk::ReadOnly("root".into()),
        };
        Machine::boot(&spec, self.0.path()).await
    }
}

/// The seconds that follow these words.
fn seconds_after(words: &str, text: &str) -> f64 {
    let (_, after) = text.split_once(words).unwrap_or_else(|| panic!("no `{words}` in: {text}"));
    after.split_whitespace().next().unwrap().parse().unwrap()
}

/// A person, or a kernel short of memory, kills it: it is tried once more, and not told as if this host could run none.
#[tokio::test]
async fn a_qemu_that_is_killed_as_it_starts_is_a_machine_that_died() {
    let bench = Bench::new();
    let told = async |script: &str| bench.start(script).await.err().expect("no machine");
    let error = told("#!/bin/sh\nkill -9 $$\n").await;
    assert_eq!(error.exit(), Exit::Guest, "{error:?}");
    assert!(error.message().starts_with("QEMU was killed by signal 9"), "{error:?}");
    let error = told("#!/bin/sh\necho no such machine\nexit 1\n").await;
    assert_eq!((error.exit(), error.message()), (Exit::Host, "QEMU did not start: no such machine"));
}

#[tokio::test]
async fn a_guest_that_works_in_silence_is_told_with_the_cpu_that_it_used() {
    let bench = Bench::new();
    let machine = bench.boot("nothing", true).await.unwrap();
    machine.limit_silence(Some(Duration::from_secs(2)));
    let error = machine.watch().await;
    assert_eq!(error.exit(), Exit::Guest);
    let used = seconds_after("QEMU used ", error.message());
    assert!(error.message().starts_with("the guest said nothing: in "), "{error:?}");
    assert!((1.5..2.5).contains(&used), "{error:?}");
    machine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_guest_that_does_nothing_is_told_so() {
    let bench = Bench::new();
    let machine = bench.boot("nothing", false).await.unwrap();
    machine.limit_silence(Some(Duration::from_secs(1)));
    let error = machine.watch().await;
    assert!(seconds_after("QEMU used ", error.message()) < 0.5, "{error:?}");
    assert!(seconds_after("nothing: in ", error.message()) >= 1.0, "{error:?}");
    machine.shutdown().await.unwrap();
}

/// A machine that is given up in the middle, as by Ctrl-C: after the wait for `living`, nothing of it is left.
#[tokio::test]
async fn a_killed_qemu_is_waited_for_until_it_is_reaped() {
    let bench = Bench::new();
    let before = living().borrow().clone();
    let machine = bench.boot("nothing", true).await.unwrap();
    let born: Vec<i32> = living().borrow().difference(&before).copied().filter(|pid| is_of(*pid, &bench)).collect();
    assert_eq!(born.len(), 1, "{born:?}");
    drop(machine);
    living().wait_for(|living| !living.contains(&born[0])).await.unwrap();
    assert!(!fs::exists(format!("/proc/{}", born[0])).unwrap(), "not even a zombie");
}

fn is_of(pid: i32, bench: &Bench) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).contains(bench.0.path().to_str().unwrap())
}

/// A process that burns the first CPU that we may use.
struct Burner(Child);

impl Burner {
    fn new() -> Self {
        Burner::of(libc::SCHED_OTHER)
    }

    /// Starts one with this policy of the scheduler, sched(7).
    fn of(policy: i32) -> Self {
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let cpu = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu).unwrap()).unwrap();
        let mut here = CpuSet::new();
        here.set(cpu).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        // SAFETY: between fork and exec two async-signal-safe system calls are made.
        unsafe {
            command.pre_exec(move || {
                sched_setaffinity(Pid::from_raw(0), &here)?;
                Errno::result(libc::sched_setscheduler(0, policy, &libc::sched_param { sched_priority: 0 }))?;
                Ok(())
            })
        };
        Burner(command.spawn().unwrap())
    }

    fn pulse(&self) -> Pulse {
        Pulse::of(Pid::from_raw(self.0.id() as i32))
    }

    /// How long a wait with this limit lasts, and its error.
    async fn waits(&self, limit: Duration) -> (Duration, Overdue) {
        let since = Instant::now();
        let overdue = self.pulse().allow(limit).wait(std::future::pending::<()>()).await.unwrap_err();
        (since.elapsed(), overdue)
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn waits_last_as_much_longer_as_the_host_keeps_qemu_waiting() {
    let limit = Duration::from_secs(1);
    let crowd: Vec<Burner> = (0..5).map(|_| Burner::new()).collect();
    let (lasted, overdue) = crowd[0].waits(limit).await;
    // It gets a fifth of one CPU at most.
    assert!(lasted > 3 * limit, "{lasted:?}, {overdue}");
    assert!(overdue.cpu.unwrap() < limit + limit / 4, "{overdue}");
    assert!(overdue.to_string().contains(" by this busy host (load "), "{overdue}");
}

/// A thread reports how long it waited for a CPU when it has one again; this one has none for longer than the limit.
#[tokio::test]
async fn a_qemu_that_gets_no_cpu_at_all_is_waited_for_as_well() {
    let limit = Duration::from_millis(200);
    let (_busy, starved) = (Burner::new(), Burner::of(libc::SCHED_IDLE));
    let waiting = starved.pulse().allow(limit).wait(std::future::pending::<()>());
    let waited = tokio::time::timeout(10 * limit, waiting).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_wait_for_a_fact_ends_with_it() {
    let burner = Burner::new();
    assert_eq!(burner.pulse().allow(Duration::from_secs(60)).wait(async { 7 }).await, Ok(7));
}
