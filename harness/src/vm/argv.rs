//! The QEMU command line, from small pure functions. Each says why its words are there.

use super::spec::{Accel, MachineSpec, RootDisk, Shape};
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use tunelab_protocol::{EVENT_PORT, MODULES_DISK, NO_PLAN, PACKET_PORT, PLAN_FILE, PORT_READS};

/// The date at which the guest's clock starts. It is fixed: a run must not depend on the day it is made.
const EPOCH: &str = "2026-01-01T00:00:00";

/// The part of a machine that belongs to one run: files and inherited file descriptors.
#[derive(Debug, Clone)]
pub struct Wiring<'a> {
    /// QEMU writes ttyS0 here.
    pub console: &'a Path,
    /// QEMU writes the record here.
    pub events: &'a Path,
    /// QEMU writes the captured packets here; empty unless the plan asks for them.
    pub packets: &'a Path,
    /// QEMU writes the guest's disk writes here if the root disk is layered.
    pub layer: &'a Path,
    /// The other end of our socket, which QEMU inherits: no path, no length limit, nothing left on disk.
    pub monitor: RawFd,
    pub start: Start<'a>,
}

/// How the guest starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    Boot,
    /// Loads a saved machine, stopped, with the plan in this file.
    Restore {
        plan: &'a Path,
        /// An inherited copy of the saved state for this machine alone: QEMU writes to the file it loads from. If the
        /// root disk is layered, the same file is the layer.
        state: RawFd,
    },
}

/// The name of a saved state inside its file.
pub const SNAPSHOT: &str = "warm";

/// The user network's name in QEMU. It is removed before a machine is saved, so that the state restores without it.
pub const NETWORK: &str = "net";
/// The port of the hub that the guest's card is plugged into.
const CARD_PORT: &str = "card";

/// The whole command line, without the program's name.
pub fn command_line(spec: &MachineSpec, wiring: &Wiring) -> Vec<OsString> {
    [
        nothing_by_default(),
        accelerator(spec),
        machine(&spec.shape),
        kernel(spec, wiring.start),
        root_disk(&spec.root, wiring),
        modules_disk(spec.modules.as_deref()),
        network(wiring.start),
        console(wiring.console),
        port_out("events", EVENT_PORT, wiring.events),
        port_out("packets", PACKET_PORT, wiring.packets),
        plan(wiring.start),
        monitor(wiring),
        end_of_life(),
        start(&spec.root, wiring.start),
        sandbox(),
    ]
    .concat()
}

/// The command line without this host's paths: two machines that boot to the same state have it in common.
pub fn blueprint(spec: &MachineSpec) -> Vec<OsString> {
    let nowhere = Path::new("");
    let anywhere = MachineSpec {
        kernel: nowhere.into(),
        initrd: nowhere.into(),
        root: spec.root.anywhere(),
        modules: spec.modules.as_ref().map(|_| nowhere.into()),
        ..spec.clone()
    };
    let wiring =
        Wiring { console: nowhere, events: nowhere, packets: nowhere, layer: nowhere, monitor: 0, start: Start::Boot };
    command_line(&anywhere, &wiring)
}

/// Gives QEMU only what is asked for: no devices, windows or configuration files of the host.
fn nothing_by_default() -> Vec<OsString> {
    words(["-nodefaults", "-no-user-config", "-display", "none"])
}

/// Chooses how the guest runs and by which clock. `sleep=off` lets an idle guest leap; `clock=vm` ties its calendar to
/// it.
///
/// `rr=record` makes two runs the same to the byte. Under it QEMU's main loop and its vCPU never work at the same time.
/// Without it the main loop may find the vCPU halted before its last instructions are counted, and leap a few
/// nanoseconds too far (7.2: `icount_start_warp_timer` against `icount_process_data`; about once in ten thousand
/// leaps). The recording itself is not used.
fn accelerator(spec: &MachineSpec) -> Vec<OsString> {
    match spec.shape.accel {
        Accel::VirtualClock { shift } => words([
            "-accel".into(),
            "tcg,thread=single".into(),
            "-icount".into(),
            format!("shift={shift},sleep=off,rr=record,rrfile=/dev/null"),
            "-rtc".into(),
            format!("base={EPOCH},clock=vm"),
            "-seed".into(),
            spec.seed.to_string(),
        ]),
        Accel::WallTcg => words(["-accel", "tcg", "-rtc", "base=utc"]),
        Accel::WallKvm => words(["-accel", "kvm", "-rtc", "base=utc"]),
    }
}

/// q35 without the parts that cost exits or start-up time; under icount it idles far cheaper than `microvm`.
///
/// `hpet=off`: from QEMU 9.1 on (its HPET was reworked in July 2024) an HPET that the guest has switched off goes on
/// firing, and idle time crawls: four hours took 160 s on 10.0. The guest has better clocks.
///
/// TCG's `qemu64` is the same plain CPU on every host: the features that `max` adds (XSAVE, SMAP, PCID ...) cost a
/// third of the speed. RDRAND is there because `-seed` makes it repeatable.
fn machine(shape: &Shape) -> Vec<OsString> {
    let cpu = if shape.accel == Accel::WallKvm { "host" } else { "qemu64,+rdrand" };
    words([
        "-machine".into(),
        "q35,usb=off,smbus=off,sata=off,vmport=off,hpet=off".into(),
        "-cpu".into(),
        cpu.into(),
        "-smp".into(),
        shape.cpus.to_string(),
        "-m".into(),
        format!("{}M", shape.memory_mb),
    ])
}

/// Boots the kernel directly. A restored machine has the initrd's contents in its memory already, but the kernel's
/// option ROM is part of the machine and must be there again.
fn kernel(spec: &MachineSpec, start: Start) -> Vec<OsString> {
    let mut argv = vec!["-kernel".into(), spec.kernel.clone().into()];
    if start == Start::Boot {
        argv.extend(["-initrd".into(), spec.initrd.clone().into()]);
        argv.extend(["-append".into(), kernel_command_line(spec).into()]);
    }
    argv
}

/// Words that pay on every kernel: no calibration against a clock that leaps, no watchdogs that wake an idle guest, a
/// panic that ends QEMU at once, no tests of the kernel's own ciphers (on 6.12 and 7.2 they take 0.6 s of a boot).
/// Under the virtual clock every wake-up of an idle guest costs a seventh of a millisecond of wall time, and those of
/// khugepaged (every 10 s) and PSI (every 2 s) say nothing about networks.
pub fn kernel_command_line(spec: &MachineSpec) -> String {
    let mut line = vec!["console=ttyS0", "quiet", "panic=-1", "oops=panic", "mitigations=off", "nowatchdog"];
    line.extend(["cryptomgr.notests", "net.ifnames=0"]);
    if spec.shape.accel.is_virtual() {
        line.extend([
            "tsc=reliable",
            "no_timer_check",
            "psi=0",
            "transparent_hugepage=never",
            "tsc_early_khz=1000010",
            "tunelab.spin",
        ]);
    }
    if spec.linux < (4, 0) {
        line.extend(OLD);
    }
    line.extend(spec.cmdline.iter().map(String::as_str));
    line.join(" ")
}

/// Before 4.0 the local APIC's timer wakes an idle guest more often than the PIT's (five virtual days on 3.5: 14 s
/// against 6 s of wall time), and RCU takes a leap of the clock for a stall. RCU's parameter belongs to `rcutree` in
/// 3.2 and 3.5 and to `rcupdate` later; a kernel is silent about the name it does not know.
const OLD: [&str; 3] = ["nolapic_timer", "rcutree.rcu_cpu_stall_suppress=1", "rcupdate.rcu_cpu_stall_suppress=1"];

/// The root disk as `/dev/vda`. `ioeventfd=off` here and below: the queue is served in the vCPU's own exit, not by the
/// main loop whenever the host runs it.
///
/// Under `rr=record` with `sleep=off`, QEMU never completes a request that it could answer without waiting for a file
/// (7.2: `replay_bh_schedule_oneshot_event` queues the answer, and only `icount_account_warp_timer` looks there, which
/// `sleep=off` turns off). Hence the file below the layer is raw and its holes are read as well, and there are no
/// flushes, discards or writes of zeros: with `write-cache=off` the guest has nothing to flush, and each write is
/// followed by its tables. Nothing is forced out: a layer is thrown away, or its checksum tells whether it is whole.
fn root_disk(root: &RootDisk, wiring: &Wiring) -> Vec<OsString> {
    let node = match root {
        RootDisk::ReadOnly(path) => serde_json::json!({
            "node-name": "root", "driver": "raw", "read-only": true,
            "file": { "driver": "file", "filename": path, "read-only": true },
        }),
        RootDisk::Layered(below) => serde_json::json!({
            "node-name": "root", "driver": "qcow2", "cache": { "no-flush": true },
            "file": match wiring.start {
                Start::Boot => serde_json::json!({ "driver": "file", "filename": wiring.layer }),
                Start::Restore { state, .. } => inherited(state),
            },
            "backing": {
                "driver": "raw", "read-only": true,
                "file": { "driver": "file", "filename": below, "read-only": true },
            },
        }),
    };
    let mut device = "virtio-blk-pci,drive=root,ioeventfd=off".to_owned();
    if let RootDisk::Layered(_) = root {
        device += ",write-cache=off,discard=off,write-zeroes=off";
    }
    words(["-blockdev".into(), node.to_string(), "-device".into(), device])
}

fn inherited(file: RawFd) -> serde_json::Value {
    serde_json::json!({ "driver": "file", "filename": format!("/proc/self/fd/{file}"), "locking": "off" })
}

/// The disk with modules of a kernel that is not the image's own. It is found by its serial: the order of disks is not
/// fixed.
fn modules_disk(path: Option<&Path>) -> Vec<OsString> {
    let Some(path) = path else { return Vec::new() };
    let node = serde_json::json!({
        "node-name": "modules", "driver": "raw", "read-only": true,
        "file": { "driver": "file", "filename": path, "read-only": true },
    });
    let device = format!("virtio-blk-pci,drive=modules,serial={MODULES_DISK},ioeventfd=off");
    words(["-blockdev".into(), node.to_string(), "-device".into(), device])
}

/// A user-mode network that leads nowhere (`restrict`). While deploying it has one port for SSH, which QEMU picks (port
/// 0), so that two machines cannot race for one.
///
/// A hub joins it to the card: once removed from the hub, it is gone. Plugged into the card itself, it would stay,
/// hidden, until the card goes (`netdev_del` in QEMU: its NIC keeps the queue), and from 10.0 on its state would be
/// saved, which no restored machine could load.
///
/// A restored machine has only the card (see [`NETWORK`]): the user network wakes QEMU's main loop once a second of the
/// host's time. `guest_announce=off`: after a restore QEMU would make the guest announce itself, by interrupts at the
/// host's pace. `tx=timer`: from 8.2 on the other way to send (`tx=bh`) waits, under `rr=record`, in a queue that only
/// `icount_account_warp_timer` empties, which `sleep=off` turns off; nothing would ever leave the guest.
fn network(start: Start) -> Vec<OsString> {
    const CARD: &str = "virtio-net-pci,mac=52:54:00:12:34:56,ioeventfd=off,tx=timer,guest_announce=off,romfile=";
    match start {
        Start::Boot => words([
            "-netdev".into(),
            format!("user,id={NETWORK},restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22"),
            "-netdev".into(),
            format!("hubport,id=outside,hubid=0,netdev={NETWORK}"),
            "-netdev".into(),
            format!("hubport,id={CARD_PORT},hubid=0"),
            "-device".into(),
            format!("{CARD},netdev={CARD_PORT}"),
        ]),
        Start::Restore { .. } => words(["-device", CARD]),
    }
}

/// Sends ttyS0 to a file. An ISA serial port is synchronous by nature: writing to it takes no host time that shows.
fn console(path: &Path) -> Vec<OsString> {
    vec![
        "-chardev".into(),
        file_option("file,id=console,path=", path),
        "-device".into(),
        "isa-serial,chardev=console".into(),
    ]
}

/// Writes events and packets out, byte by byte, within the guest's own instruction. QEMU writes the files itself: a
/// slow harness cannot hold the guest up. A virtio-serial port would not do: kernels for clouds come without its driver
/// (Ubuntu 12.04's and 12.10's).
fn port_out(name: &str, port: u16, path: &Path) -> Vec<OsString> {
    vec![
        "-chardev".into(),
        file_option(&format!("file,id={name},path="), path),
        "-device".into(),
        format!("isa-debugcon,iobase={port:#x},readback={PORT_READS:#x},chardev={name}").into(),
    ]
}

/// Passes the plan in as a file of QEMU's firmware configuration, which the parked agent looks at again and again.
///
/// A virtio-serial port would not do: QEMU detaches those from their sockets while the guest is stopped (7.2,
/// `virtconsole_enable_backend`), so that the plan would come in after `cont`, by the main loop, in pieces of 4096
/// bytes, racing the guest. Reading this device is one I/O instruction of the guest's own: no interrupt, no host.
fn plan(start: Start) -> Vec<OsString> {
    let file = format!("name={PLAN_FILE},");
    let option = match start {
        Start::Boot => (file + "string=" + NO_PLAN).into(),
        Start::Restore { plan, .. } => file_option(&(file + "file="), plan),
    };
    vec!["-fw_cfg".into(), option]
}

/// Uses QMP where a machine is made. Where its clock leaps, it uses the human monitor, which has no thread for leaps to
/// wake.
fn monitor(wiring: &Wiring) -> Vec<OsString> {
    let mode = if wiring.start == Start::Boot { "control" } else { "readline" };
    words([
        "-chardev".into(),
        format!("socket,id=monitor,fd={}", wiring.monitor),
        "-mon".into(),
        format!("chardev=monitor,mode={mode}"),
    ])
}

/// A guest that reboots (after a panic: at once, by `panic=-1`) ends QEMU, and the harness waits for that end.
fn end_of_life() -> Vec<OsString> {
    words(["-no-reboot"])
}

/// A restored machine has loaded its state when its monitor says hello, and waits to be continued.
fn start(root: &RootDisk, start: Start) -> Vec<OsString> {
    let Start::Restore { state, .. } = start else { return vec![] };
    let mut argv = Vec::new();
    if let RootDisk::ReadOnly(_) = root {
        let node = serde_json::json!({ "node-name": "state", "driver": "qcow2", "file": inherited(state) });
        argv.extend(words(["-blockdev".into(), node.to_string()]));
    }
    argv.extend(words(["-loadvm", SNAPSHOT, "-S"]));
    argv
}

/// QEMU needs neither to start a process nor to gain privileges: a guest that breaks out finds little.
fn sandbox() -> Vec<OsString> {
    words(["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"])
}

/// QEMU splits these options at commas; a doubled comma stands for one in the path.
fn file_option(option: &str, path: &Path) -> OsString {
    let mut option = option.as_bytes().to_vec();
    for byte in path.as_os_str().as_bytes() {
        option.extend(std::iter::repeat_n(*byte, if *byte == b',' { 2 } else { 1 }));
    }
    OsString::from_vec(option)
}

fn words<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> Vec<OsString> {
    words.into_iter().map(Into::into).collect()
}
