//! Guests that break: each break is found soon, told apart, and reported with the console's last lines.

use crate::{
    bench::{Bench, ENDLESS, on_bench},
    command::{Tunelab, kill},
};
use std::time::Duration;
use tunelab::{
    error::{Error, Exit},
    host::InstallPolicy,
    lab::{self, Clock, Wanted},
    story::Teller,
};

/// Far more than it takes to find a death: 3 s as the host lets QEMU run, 20 to 60 s where nothing ticks in the guest
/// any more, and QEMU answers seldom.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_panic() {
    on_bench(async |bench| {
        let panic = bench.panics();
        let error = died_of(bench, "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger").await;
        panic.was_told();
        let message = error.message();
        assert!(message.starts_with("the guest's kernel panicked: sysrq triggered crash\n"), "{error:?}");
        assert!(message.contains("the console's last lines:\n") && message.contains("RIP: "), "{error:?}");
    });
}

/// By way of kexec, the kernel is replaced with one of three bytes: `cli`, and a jump to itself.
#[test]
fn a_hang_with_interrupts_off() {
    let command = r#"perl -e '
            my $kernel = "\xfa\xeb\xfe";
            my $segment = pack("PQQQ", $kernel, length $kernel, 0x1000000, 4096);
            syscall(246, 0x1000000, 1, $segment, 0) == 0 or die "kexec_load: $!";
            syscall(169, 0xfee1dead, 672274793, 0x45584543, 0);
            die "reboot: $!"'"#;
    on_bench(async |bench| {
        let error = died_of(bench, command).await;
        let hangs = "the guest hangs: the vCPU stays at rip=0x1000001 with interrupts off";
        assert!(error.message().starts_with(hangs), "{error:?}");
    });
}

/// The error when `command` breaks a machine that has just been booted.
async fn died_of(bench: &Bench, command: &str) -> Error {
    let (recipe, teller) = (&bench.shared.image.recipe, Teller::silent());
    let machine = &lab::own_shape(recipe);
    let wanted = Wanted { image: recipe, kernel: None, machine, run: None, clock: Clock::Virtual };
    let open = lab::open(&wanted, InstallPolicy::Never, &bench.cache, &teller);
    let open = open.await.unwrap_or_else(|e| panic!("{e:?}"));
    // A process that a command leaves behind, with its streams, does not delay the end of the command.
    let left = open.machine.while_alive(open.ssh.run("sleep 100000 & echo left; echo and >&2", 2 * SOON)).await;
    let left = left.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!((&left.stdout[..], &left.stderr[..]), (&b"left\n"[..], &b"and\n"[..]));
    let breaking = open.machine.while_alive(open.ssh.run(command, 2 * SOON));
    let broke = open.machine.pulse().allow(SOON).wait(breaking).await;
    let error = broke.unwrap_or_else(|overdue| panic!("not found: {overdue}")).expect_err("it broke");
    assert_eq!(error.exit(), Exit::Guest);
    assert!(error.hint_text().unwrap().contains("console.log"), "{error:?}");
    open.close(true).await.unwrap();
    error
}

#[test]
fn qemu_killed() {
    on_bench(async |bench| {
        let mut tunelab = Tunelab::scenario(bench, ENDLESS);
        tunelab.wait_for(": started");
        let qemu = bench.processes();
        assert_eq!(qemu.len(), 1, "{qemu:#?}");
        kill(qemu[0].0, "KILL");
        let ended = tunelab.end();
        assert_eq!(ended.code, Some(4), "{}", ended.told);
        assert!(ended.told.contains("QEMU was killed by signal 9"), "{}", ended.told);
        let kept = bench.runs();
        assert_eq!(kept.len(), 1, "the folder that the hint names: {kept:#?}");
        let console = kept[0].join("console.log");
        assert!(console.exists() && ended.told.contains(console.to_str().unwrap()), "{}", ended.told);
    });
}
