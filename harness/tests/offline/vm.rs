//! The machine without a machine: command lines, output of QEMU and kernels, states on disk, the record's tail.

use insta::assert_snapshot;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tunelab::error::Exit;
use tunelab::guest::{Events, Keys};
use tunelab::vm::argv::{Start, Wiring, command_line, kernel_command_line};
use tunelab::vm::console::{Cry, Listener, cry, tail};
use tunelab::vm::registers::{interrupt_waits, parse, stuck};
use tunelab::vm::{Accel, Draft, MachineSpec, RestoreError, RootDisk, SavedState, Shape};
use tunelab_protocol::Event;

fn spec(accel: Accel) -> MachineSpec {
    MachineSpec {
        qemu: "qemu-system-x86_64".into(),
        shape: Shape { accel, memory_mb: 1024, cpus: 1 },
        seed: 42,
        kernel: "image/kernel".into(),
        linux: (6, 1),
        modules: None,
        initrd: "run/initrd".into(),
        cmdline: vec!["nolapic_timer".into()],
        root: RootDisk::ReadOnly("image/root.img".into()),
    }
}

/// The command line, one option a line.
fn argv(spec: &MachineSpec, start: Start) -> String {
    let (console, events) = (Path::new("a, b/console.log"), Path::new("a, b/events.jsonl"));
    let packets = Path::new("a, b/capture.pcap");
    let words =
        command_line(spec, &Wiring { console, events, packets, layer: Path::new("run/disk.qcow2"), monitor: 7, start });
    let words: Vec<String> = words.into_iter().map(|w| w.into_string().unwrap()).collect();
    words.join(" ").replace(" -", "\n-")
}

#[test]
fn boots_under_the_virtual_clock() {
    assert_snapshot!(argv(&spec(Accel::VirtualClock { shift: 1 }), Start::Boot), @r#"
    -nodefaults
    -no-user-config
    -display none
    -accel tcg,thread=single
    -icount shift=1,sleep=off,rr=record,rrfile=/dev/null
    -rtc base=2026-01-01T00:00:00,clock=vm
    -seed 42
    -machine q35,usb=off,smbus=off,sata=off,vmport=off,hpet=off
    -cpu qemu64,+rdrand
    -smp 1
    -m 1024M
    -kernel image/kernel
    -initrd run/initrd
    -append console=ttyS0 quiet panic=-1 oops=panic mitigations=off nowatchdog cryptomgr.notests net.ifnames=0 tsc=reliable no_timer_check psi=0 transparent_hugepage=never tsc_early_khz=1000010 tunelab.spin nolapic_timer
    -blockdev {"driver":"raw","file":{"driver":"file","filename":"image/root.img","read-only":true},"node-name":"root","read-only":true}
    -device virtio-blk-pci,drive=root,ioeventfd=off
    -netdev user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22
    -netdev hubport,id=outside,hubid=0,netdev=net
    -netdev hubport,id=card,hubid=0
    -device virtio-net-pci,mac=52:54:00:12:34:56,ioeventfd=off,tx=timer,guest_announce=off,romfile=,netdev=card
    -chardev file,id=console,path=a,, b/console.log
    -device isa-serial,chardev=console
    -chardev file,id=events,path=a,, b/events.jsonl
    -device isa-debugcon,iobase=0xe9,readback=0xe9,chardev=events
    -chardev file,id=packets,path=a,, b/capture.pcap
    -device isa-debugcon,iobase=0xea,readback=0xe9,chardev=packets
    -fw_cfg name=opt/tunelab.plan,string=-
    -chardev socket,id=monitor,fd=7
    -mon chardev=monitor,mode=control
    -no-reboot
    -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
    "#);
}

#[test]
fn restores_under_the_virtual_clock() {
    let start = Start::Restore { plan: Path::new("a, b/plan.json"), state: 8 };
    assert_snapshot!(argv(&spec(Accel::VirtualClock { shift: 1 }), start), @r#"
    -nodefaults
    -no-user-config
    -display none
    -accel tcg,thread=single
    -icount shift=1,sleep=off,rr=record,rrfile=/dev/null
    -rtc base=2026-01-01T00:00:00,clock=vm
    -seed 42
    -machine q35,usb=off,smbus=off,sata=off,vmport=off,hpet=off
    -cpu qemu64,+rdrand
    -smp 1
    -m 1024M
    -kernel image/kernel
    -blockdev {"driver":"raw","file":{"driver":"file","filename":"image/root.img","read-only":true},"node-name":"root","read-only":true}
    -device virtio-blk-pci,drive=root,ioeventfd=off
    -device virtio-net-pci,mac=52:54:00:12:34:56,ioeventfd=off,tx=timer,guest_announce=off,romfile=
    -chardev file,id=console,path=a,, b/console.log
    -device isa-serial,chardev=console
    -chardev file,id=events,path=a,, b/events.jsonl
    -device isa-debugcon,iobase=0xe9,readback=0xe9,chardev=events
    -chardev file,id=packets,path=a,, b/capture.pcap
    -device isa-debugcon,iobase=0xea,readback=0xe9,chardev=packets
    -fw_cfg name=opt/tunelab.plan,file=a,, b/plan.json
    -chardev socket,id=monitor,fd=7
    -mon chardev=monitor,mode=readline
    -no-reboot
    -blockdev {"driver":"qcow2","file":{"driver":"file","filename":"/proc/self/fd/8","locking":"off"},"node-name":"state"}
    -loadvm warm
    -S
    -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
    "#);
}

#[test]
fn wall_clock_machines_differ_in_the_clock_only() {
    assert_snapshot!(argv(&spec(Accel::WallTcg), Start::Boot).lines().filter(|l| !l.contains("dev")).collect::<Vec<_>>().join("\n"), @r#"
    -nodefaults
    -no-user-config
    -display none
    -accel tcg
    -rtc base=utc
    -machine q35,usb=off,smbus=off,sata=off,vmport=off,hpet=off
    -cpu qemu64,+rdrand
    -smp 1
    -m 1024M
    -kernel image/kernel
    -initrd run/initrd
    -append console=ttyS0 quiet panic=-1 oops=panic mitigations=off nowatchdog cryptomgr.notests net.ifnames=0 nolapic_timer
    -fw_cfg name=opt/tunelab.plan,string=-
    -no-reboot
    -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
    "#);
    let kvm = argv(&spec(Accel::WallKvm), Start::Boot);
    assert!(kvm.contains("-accel kvm") && kvm.contains("-cpu host"), "{kvm}");
    assert!(!kernel_command_line(&spec(Accel::WallTcg)).contains("tunelab.spin"));
}

#[test]
fn what_old_kernels_need_they_get_whatever_the_image() {
    let of = |linux| kernel_command_line(&MachineSpec { linux, cmdline: vec![], ..spec(Accel::WallTcg) });
    let now = of((4, 0));
    let old = format!("{now} nolapic_timer rcutree.rcu_cpu_stall_suppress=1 rcupdate.rcu_cpu_stall_suppress=1");
    assert_eq!(of((3, 2)), old);
    assert_eq!(of((3, 5)), old);
    assert_eq!(of((6, 1)), now);
}

#[test]
fn a_layer_lies_on_a_distributions_disk_and_comes_back_with_the_state() {
    let layered = MachineSpec { root: RootDisk::Layered("image/root.img".into()), ..spec(Accel::WallTcg) };
    let disks = |start| {
        let line = argv(&layered, start);
        line.lines().filter(|l| l.starts_with("-blockdev") || l.starts_with("-loadvm")).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(disks(Start::Boot), @r#"-blockdev {"backing":{"driver":"raw","file":{"driver":"file","filename":"image/root.img","read-only":true},"read-only":true},"cache":{"no-flush":true},"driver":"qcow2","file":{"driver":"file","filename":"run/disk.qcow2"},"node-name":"root"}"#);
    assert_snapshot!(disks(Start::Restore { plan: Path::new("plan"), state: 9 }), @r#"
    -blockdev {"backing":{"driver":"raw","file":{"driver":"file","filename":"image/root.img","read-only":true},"read-only":true},"cache":{"no-flush":true},"driver":"qcow2","file":{"driver":"file","filename":"/proc/self/fd/9","locking":"off"},"node-name":"root"}
    -loadvm warm
    "#);
}

#[test]
fn kernels_cry_at_the_start_of_a_line() {
    let oops = |text: &str| Some(Cry::Oops(text.into()));
    for (line, expected) in [
        (
            "[    3.1] Kernel panic - not syncing: sysrq triggered crash",
            Some(Cry::Panic("sysrq triggered crash".into())),
        ),
        ("[    3.1][   T1] BUG: unable to handle page fault", oops("BUG: unable to handle page fault")),
        ("Oops: 0002 [#1] SMP", oops("Oops: 0002 [#1] SMP")),
        ("[ 1.0] nginx: said \"BUG: not mine\"", None),
        ("", None),
    ] {
        assert_eq!(cry(line), expected, "{line}");
    }
}

#[test]
fn a_cry_that_comes_in_pieces_is_heard_once_whole() {
    let mut console = tempfile::NamedTempFile::new().unwrap();
    let mut listener = Listener::default();
    console.write_all(b"hello\r\n[ 1.0] Kernel panic - not sync").unwrap();
    assert_eq!(listener.listen(console.path()), None);
    console.write_all(b"ing: no init\r\n").unwrap();
    assert_eq!(listener.listen(console.path()), Some(Cry::Panic("no init".into())));
    assert_eq!(listener.listen(console.path()), None);
    assert_eq!(tail(console.path(), 1), ["[ 1.0] Kernel panic - not syncing: no init"]);
    assert!(tail(Path::new("no such file"), 1).is_empty());
}

#[test]
fn registers_tell_a_hang_from_work() {
    let text = "\nCPU#0\nRAX=00 RBX=00\nRIP=ffffffff81a00010 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\n";
    let look = |text: &str, asked| {
        let mut cpus = parse(text);
        cpus[0].asked = asked;
        cpus
    };
    let moved = |from: &str, to: &str| look(&text.replace(from, to), Some(249_544));
    let rip = 0xffff_ffff_81a0_0010;
    let place = Some(rip);
    assert_eq!((parse(text)[0].rip, parse(text)[0].interrupts, parse(text).len()), (rip, false, 1));

    let (hung, near) = (look(text, Some(249_544)), moved("81a00010", "81a00019"));
    assert_eq!(stuck(&[hung.clone(), near, hung.clone()]), place, "deaf to an interrupt, in a loop");
    for (from, to) in [("81a00010", "81a01010"), ("RFL=00000046", "RFL=00000246")] {
        assert_eq!(stuck(&[hung.clone(), moved(from, to), hung.clone()]), None, "{to}");
    }
    let armed = look(&text.replace("RAX=00", "RAX=01"), Some(249_541));
    assert_eq!(stuck(&[hung.clone(), armed, hung]), None, "it set its timer again");
    let silent = look(text, None);
    assert_eq!(stuck(&[silent.clone(), silent.clone()]), place, "nobody asks, and nothing moves");
    assert_eq!(stuck(&[look(&text.replace("RAX=00", "RAX=01"), None), silent]), None, "nobody asks: it may work");
    assert_eq!(stuck(&[]), None);
}

#[test]
fn the_local_apic_tells_whether_an_interrupt_waits() {
    let timer = "Timer\t DCR=0x3 (divide by 16) initial_count = 65591 current_count = 0\n";
    assert_eq!(interrupt_waits(&format!("{timer}ISR\t (none)\nIRR\t 35(level) 236 \n\nAPR 0x00")), Some(65_591));
    assert_eq!(interrupt_waits("IRR\t 35(level)"), Some(0));
    assert_eq!(interrupt_waits(&format!("{timer}ISR\t 236 \nIRR\t (none)\n\nAPR 0x00")), None);
}

/// Writes a state of some bytes into `dir`.
fn saved(dir: &Path) -> SavedState {
    let draft = Draft::begin(dir).unwrap();
    std::fs::write(draft.path(), [7; 100_000]).unwrap();
    draft.finish("7.2.22".into(), spec(Accel::WallTcg).shape).unwrap()
}

fn why<T: std::fmt::Debug>(result: Result<T, RestoreError>) -> String {
    match result.unwrap_err() {
        RestoreError::Unusable(why) => why,
        RestoreError::Failed(e) => panic!("{e:?}"),
    }
}

#[test]
fn a_state_is_whole_or_unusable() {
    let dir = tempfile::tempdir().unwrap();
    assert!(why(SavedState::open(dir.path())).contains("state.json"));
    saved(dir.path());
    SavedState::open(dir.path()).unwrap().copy().unwrap();

    let file = dir.path().join("state.qcow2");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..60_000]).unwrap();
    let state = SavedState::open(dir.path()).unwrap();
    assert!(why(state.copy()).contains("60000 bytes instead of 100000"));
    let mut flipped = whole.clone();
    flipped[50_000] ^= 1;
    std::fs::write(&file, flipped).unwrap();
    assert!(why(state.copy()).contains("checksum"));

    // A new draft makes the old state unusable at once, and leaves nothing behind if it is given up.
    drop(Draft::begin(dir.path()).unwrap());
    why(SavedState::open(dir.path()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Whatever is in the place of a state, or of its files, makes way for a new one, and is reported unusable before.
#[test]
fn a_state_takes_the_place_of_anything() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("state");
    assert!(!SavedState::is_in(&dir));
    std::fs::write(&dir, "a file").unwrap();
    assert!(SavedState::is_in(&dir) && why(SavedState::open(&dir)).contains("state.json"));
    saved(&dir).check().unwrap();
    for name in ["state.json", "state.qcow2", "warm.json"] {
        let _ = std::fs::remove_file(dir.join(name));
        std::fs::create_dir(dir.join(name)).unwrap();
        std::fs::write(dir.join(name).join("inside"), "").unwrap();
        assert!(SavedState::is_in(&dir), "{name}");
        if name != "warm.json" {
            why(SavedState::open(&dir).and_then(|state| state.check()));
        }
        saved(&dir).check().unwrap();
        assert!(!dir.join(name).is_dir(), "{name}");
    }
}

/// The copy is the machine's own: what the machine writes there is not in the cache.
#[test]
fn a_state_is_copied_for_whoever_loads_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = saved(dir.path());
    state.copy().unwrap().write_all(b"scribble").unwrap();
    state.copy().unwrap();
}

#[tokio::test]
async fn the_record_is_followed_line_by_line() {
    let mut record = tempfile::NamedTempFile::new().unwrap();
    let mut events = Events::open(record.path()).await.unwrap();
    record.write_all(b"{\"at_us\":0,\"event\":\"ready\"}\n{\"at_us\":5,\"ev").unwrap();
    assert_eq!(events.next().await.unwrap().event, Event::Ready);
    let waiting = tokio::time::timeout(Duration::from_millis(60), events.next()).await;
    assert!(waiting.is_err(), "half a line is none: {waiting:?}");
    record.write_all(b"ent\":\"done\"}\n\x01garbage\n").unwrap();
    let done = events.next().await.unwrap();
    assert_eq!((done.at_us, done.event), (5, Event::Done));
    let error = events.next().await.unwrap_err();
    assert_eq!(error.exit(), Exit::Guest);
    assert!(error.message().starts_with("line 3 of the guest's events is no event"), "{error:?}");
    assert!(error.message().contains("\\u{1}garbage"), "{error:?}");
}

#[test]
fn keys_are_fresh_and_of_a_kind_that_old_servers_have() {
    let (keys, others) = (Keys::generate(), Keys::generate());
    assert!(keys.authorized_keys().starts_with("ecdsa-sha2-nistp256 "));
    assert!(keys.host_key().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_ne!(keys.host_key().unwrap(), others.host_key().unwrap());
    assert_ne!(keys.authorized_keys(), keys.host_key_public());
}
