//! Facts that the harness finds out about this host.

use tunelab::host::{self, Fix, InstallPolicy, Lack, Need, Packaging, install, kvm};

#[tokio::test]
async fn qemu_is_proven_by_running_it_and_the_tiny_guest_runs_under_tcg() {
    let survey = host::survey(host::RUN).await;
    let found = survey.rows[0].found.as_ref().expect("QEMU is needed by these tests: run `tunelab doctor --fix`");
    assert!(found.ends_with("TCG"), "{found}");
    let scratch = tempfile::tempdir().unwrap();
    kvm::runs_a_guest("tcg", scratch.path()).await.unwrap();
    let why = kvm::runs_a_guest("no-such-accelerator", scratch.path()).await.unwrap_err();
    assert!(why.contains("no-such-accelerator"), "{why}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn what_is_lacking_becomes_one_command() {
    let package = |names| Lack { what: "not found".into(), fix: Fix::Packages(names) };
    let ids = Lack { what: "none".into(), fix: Fix::Command(vec!["usermod".into(), "me".into()]) };
    let advice = Lack { what: "forbidden".into(), fix: Fix::Advice("think".into()) };
    let steps = install::steps(
        Packaging::Debian,
        [&package(&["mmdebstrap"]), &advice, &package(&["uidmap"]), &ids].into_iter(),
    );
    let command = install::one_command(&steps).replace("sudo ", "");
    assert_eq!(command, "apt-get install --yes --no-install-recommends mmdebstrap uidmap && usermod me");
    assert!(install::steps(Packaging::Debian, [&advice].into_iter()).is_empty());
}

/// The command for a host with this os-release, without `sudo`.
fn command(os_release: &str, needs: &[Need]) -> String {
    let packaging = Packaging::of(os_release);
    let lacks: Vec<_> = needs.iter().map(|need| Lack { what: "not found".into(), fix: need.fix(packaging) }).collect();
    install::one_command(&install::steps(packaging, lacks.iter())).replace("sudo ", "")
}

#[test]
fn each_distribution_has_its_own_command_and_names() {
    let needs = [Need::Qemu, Need::Gpgv, Need::QemuImg, Need::Gpg, Need::Ids];
    assert_eq!(
        command("PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n", &needs),
        "apt-get install --yes --no-install-recommends qemu-system-x86 gpgv qemu-utils gnupg uidmap"
    );
    assert_eq!(
        command("NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=44\n", &needs),
        "dnf install qemu-system-x86-core gnupg2 qemu-img shadow-utils"
    );
    assert_eq!(
        command("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", &needs),
        "zypper install qemu-x86 gpg2 qemu-img shadow"
    );
    assert_eq!(command("ID=arch\n", &needs), "pacman -S --needed qemu-system-x86 gnupg qemu-img shadow");
}

#[test]
fn a_distribution_is_told_by_its_id_and_else_by_whom_it_is_like() {
    for (text, packaging) in [
        ("ID=ubuntu\nID_LIKE=debian\n", Packaging::Debian),
        ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Packaging::Debian),
        ("ID='nobara'\nID_LIKE='fedora'\n", Packaging::Fedora),
        ("ID=\"sles\"\nID_LIKE=\"suse\"\n", Packaging::OpenSuse),
        ("ID=manjaro\nID_LIKE=arch\n", Packaging::Arch),
        ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Packaging::Other),
        ("ID=alpine\n", Packaging::Other),
        ("VERSION_ID=\"13\"\nBUILD_ID=debian\n", Packaging::Other),
        ("", Packaging::Other),
    ] {
        assert_eq!(Packaging::of(text), packaging, "{text}");
    }
}

/// On Fedora and Arch apt-get is a package, for building images of Debian.
#[test]
fn only_what_was_tried_is_run() {
    let run = [Packaging::Debian, Packaging::Fedora, Packaging::OpenSuse, Packaging::Arch, Packaging::Other]
        .map(|packaging| InstallPolicy::Auto.allows(packaging));
    assert_eq!(run, [true, false, false, false, false]);
    assert!(!InstallPolicy::Never.allows(Packaging::Debian));
}

#[test]
fn where_no_command_is_known_a_person_is_told_what_to_look_for() {
    let lack = |need: Need, packaging| Lack { what: "not found".into(), fix: need.fix(packaging) };
    let lacks = [lack(Need::Qemu, Packaging::Other), lack(Need::QemuImg, Packaging::Other)];
    assert!(install::steps(Packaging::Other, lacks.iter()).is_empty());
    let said = install::by_hand(Packaging::Other, lacks.iter());
    assert_eq!(said.as_deref(), Some("install what Debian calls `qemu-system-x86`, `qemu-utils`"));
    assert_eq!(install::by_hand(Packaging::Fedora, lacks.iter()), None);
    let Fix::Advice(advice) = Need::Mmdebstrap.fix(Packaging::OpenSuse) else { panic!("no package is known") };
    assert!(advice.starts_with("`mmdebstrap` is in no package of openSUSE that we know"), "{advice}");
}
