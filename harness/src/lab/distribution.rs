//! The needs of a machine with a distribution's own init: the seed it finds on its disk, words for its kernel, and the
//! work over SSH before the scenario's files come.
//!
//! The seed is cloud-init's NoCloud, in words that every cloud-init since 0.6.3 (Ubuntu 12.04) knows.

use super::login::limit;
use crate::{
    error::{Context, Error, Result},
    guest::{Keys, Ssh},
    image::{Image, Init, initrd},
};
use serde_json::json;
use std::{path::Path, time::Duration};
use tunelab_protocol::guest;

/// The limit for dpkg to install what the image adds.
const INSTALL: Duration = Duration::from_secs(600);

/// The folder in the initrd where the agent looks for the seed.
const SEED: &str = "etc/tunelab/seed";

/// The card of every machine, see `vm::argv`.
const MAC: &str = "52:54:00:12:34:56";
const ADDRESS: &str = "10.0.2.15";

/// Units that a machine without a way out only waits for, or that start again what was ended. Units that a distribution
/// does not have do no harm, nor does any of this to an init before systemd.
const MASKED: [&str; 18] = [
    "ModemManager.service",
    "apparmor.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "apport.service",
    "fwupd-refresh.timer",
    "lxd-installer.socket",
    "man-db.timer",
    "motd-news.timer",
    "multipathd.service",
    "pollinate.service",
    "snapd.seeded.service",
    "snapd.service",
    "snapd.socket",
    "systemd-networkd-wait-online.service",
    "ua-reboot-cmds.service",
    "unattended-upgrades.service",
    "update-notifier-download.timer",
];

/// Words for the kernel's command line: where the agent finds the root, and what init must leave out.
pub fn cmdline(root_device: &str) -> Vec<String> {
    let mut words = vec![format!("tunelab.init={root_device}"), "fsck.mode=skip".into()];
    words.extend(MASKED.iter().map(|unit| format!("systemd.mask={unit}")));
    words
}

/// The initrd's part with the seed.
pub fn seed(keys: &Keys) -> Result<Vec<u8>> {
    let files = [("user-data", user_data(keys)?), ("meta-data", meta_data()), ("network-config", network_config())];
    Ok(initrd::archive(files.map(|(name, text)| (format!("{SEED}/{name}"), 0o600, text))))
}

/// The user data, in JSON, which is YAML. Only those of cloud-init's modules run that are named here: the others grow
/// disks, ask mirrors, make users and keys.
///
/// `user: root`: keys go to the default user first, and cloud-init gives up where that one does not exist.
fn user_data(keys: &Keys) -> Result<String> {
    let config = json!({
        "user": "root",
        "disable_root": false,
        "ssh_authorized_keys": [keys.authorized_keys().trim_end()],
        "ssh_keys": { "ecdsa_private": keys.host_key()?, "ecdsa_public": keys.host_key_public() },
        "cloud_init_modules": ["ssh"],
        "cloud_config_modules": [],
        "cloud_final_modules": ["final-message"],
    });
    Ok(format!("#cloud-config\n{config:#}\n"))
}

/// `network-interfaces` is for cloud-init before 0.7.7, which has no `network-config`.
fn meta_data() -> String {
    let interfaces = format!(
        "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n    address {ADDRESS}\n    netmask 255.255.255.0\n"
    );
    let data = json!({
        "instance-id": "tunelab",
        "local-hostname": "tunelab",
        "dsmode": "local",
        "network-interfaces": interfaces,
    });
    format!("{data:#}\n")
}

/// The network without anything to ask for an address, and without a name server that would not answer.
fn network_config() -> String {
    let card = json!({
        "type": "physical",
        "name": "eth0",
        "mac_address": MAC,
        "subnets": [{ "type": "static", "address": format!("{ADDRESS}/24") }],
    });
    format!("{:#}\n", json!({ "version": 1, "config": [card] }))
}

/// Makes room for our files, waits for the end of cloud-init (which may take as long again as the shell did), and
/// installs the packages that the image adds.
pub async fn prepare(ssh: &Ssh, image: &Image) -> Result<()> {
    let home = guest::HOME;
    let settle = limit(Init::Distribution);
    // `/run` itself may forbid executing.
    let make_room = format!(
        "mkdir -p {home} && mount -t tmpfs -o mode=0755 tunelab {home} && mkdir -p {} /run/lock /run/sshd",
        guest::FILES
    );
    ssh.run(make_room, settle).await?;
    let finished = "until [ -e /var/lib/cloud/instance/boot-finished ]; do sleep 0.2; done";
    ssh.run(finished, settle).await?;
    if let Some(packages) = &image.packages {
        install(ssh, packages).await?;
    }
    Ok(())
}

/// The script ends early if there are no packages: the disk had all that the image adds.
const UNPACK: &str = "set -e; mkdir packages; tar -C packages -xf packages.tar; rm packages.tar
    set -- packages/*.deb; if [ ! -e \"$1\" ]; then rmdir packages; exit 0; fi";

/// Installs in the order that dpkg finds. Services are not started (exit 101 of policy-rc.d): the plan does that.
async fn install(ssh: &Ssh, packages: &Path) -> Result<()> {
    let tar = tokio::fs::read(packages).await.host(|| format!("failed to read `{}`", packages.display()))?;
    let path = format!("{}/packages.tar", guest::HOME);
    ssh.upload(&path, 0o644, tar, INSTALL).await?;
    let install = format!(
        "cd {home} || exit 1
         {UNPACK}
         printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
         export DEBIAN_FRONTEND=noninteractive LC_ALL=C
         dpkg --force-unsafe-io --force-confold --install packages/*.deb < /dev/null > dpkg.log 2>&1 || {{ tail -n 5 dpkg.log >&2; exit 1; }}
         rm -r packages /usr/sbin/policy-rc.d",
        home = guest::HOME
    );
    let done = ssh.run(install, INSTALL).await;
    done.map(drop).map_err(|e| Error::guest("failed to install the image's additional packages").cause(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    #[test]
    fn a_command_line_that_every_kernel_takes_whole() {
        // The line may have 2048 with the end, of which the lab's own words and a scenario's take less than half.
        assert!(cmdline("/dev/vda1").join(" ").len() < 1024);
    }

    /// Returns the packages that the script leaves for dpkg, and whether it leaves a folder for them.
    fn unpacked(names: &[&str]) -> (String, bool) {
        let home = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(home.path().join(name), name).unwrap());
        fs::write(home.path().join("names"), names.join("\n")).unwrap();
        let run = |script: &str| {
            let out = Command::new("sh").args(["-c", script]).current_dir(home.path()).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8(out.stdout).unwrap()
        };
        // The archive is made as download.sh makes it.
        run("tar --create --file=packages.tar --files-from=names --format=ustar");
        (run(&format!("{UNPACK}\necho packages/*.deb")), home.path().join("packages").exists())
    }

    #[test]
    fn a_disk_that_lacks_no_package_is_left_alone() {
        assert_eq!(unpacked(&[]), (String::new(), false));
        assert_eq!(unpacked(&["a.deb", "b.deb"]), ("packages/a.deb packages/b.deb\n".into(), true));
    }

    #[test]
    fn the_seed_is_what_cloud_init_reads() {
        let keys = Keys::generate();
        let user_data = user_data(&keys).unwrap();
        let config = user_data.strip_prefix("#cloud-config\n").unwrap();
        let config: serde_json::Value = serde_json::from_str(config).unwrap();
        assert!(config["ssh_keys"]["ecdsa_private"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(meta_data().contains("auto eth0"));
        assert!(network_config().contains("10.0.2.15/24"));
    }
}
