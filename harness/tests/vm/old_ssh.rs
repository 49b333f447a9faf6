//! SSH as Ubuntu 12.04 speaks it: the guest's sshd is limited to what OpenSSH 5.9p1 knew.

use crate::bench::{IMAGE, Use, with};
use std::{path::Path, time::Duration};
use tunelab::{
    error::{Error, Exit},
    guest::{Keys, Ssh},
    host::InstallPolicy,
    lab::{self, Clock, OpenMachine, Wanted},
    story::Teller,
};

/// sshd_config(5) of OpenSSH 5.9p1: its defaults, as far as its successors still have them.
const OF_5_9: [&str; 2] = [
    "Ciphers=aes128-ctr,aes192-ctr,aes256-ctr",
    // The user's key: ed25519 came with 6.5, RSA with SHA-2 with 7.2.
    "PubkeyAcceptedAlgorithms=ecdsa-sha2-nistp256,ssh-rsa",
];
/// The time limit for one command; an emulated guest makes an RSA key in some seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Key exchange, host key, MACs.
type Config = [&'static str; 3];

const ECDSA: [Config; 2] = [
    ["ecdh-sha2-nistp256,ecdh-sha2-nistp384", "ecdsa-sha2-nistp256", "hmac-sha2-256"],
    ["diffie-hellman-group14-sha1", "ecdsa-sha2-nistp256", "hmac-sha1"],
];
const RSA: [Config; 3] = [
    ["ecdh-sha2-nistp256", "ssh-rsa", "hmac-sha1,hmac-sha2-256"],
    ["diffie-hellman-group14-sha1", "ssh-rsa", "hmac-sha1"],
    // 5.9's own default host key list: RSA must be chosen, for it is RSA that is pinned.
    ["diffie-hellman-group14-sha1", "ecdsa-sha2-nistp256,ssh-rsa", "hmac-sha1"],
];

#[test]
#[ignore = "makes an RSA key and logs in five times by old, slow algorithms in an emulated guest: two minutes"]
fn nothing_but_what_openssh_5_9_knew() {
    with(Use::Shared, Use::None, async |bench| {
        let recipe = bench.recipes().find(IMAGE).unwrap();
        let policy = InstallPolicy::Never;
        let machine = lab::own_shape(&recipe);
        let wanted = Wanted { image: &recipe, kernel: None, machine: &machine, run: None, clock: Clock::Wall };
        let opened = lab::open(&wanted, policy, &bench.cache, &Teller::silent()).await;
        let open = opened.unwrap_or_else(|e| panic!("{e:?}"));
        let keys = provide(&open).await;
        for config in ECDSA {
            works(&open, &keys, config).await;
        }
        let stranger = Keys::generate();
        let error = refused(&open, &stranger).await;
        assert_eq!(error.message(), "SSH to the guest failed: its host key is not the one expected");

        let rsa = open.ssh.run("cat /run/old/rsa.pub", LIMIT).await.unwrap().stdout;
        let pinned = keys.pin(std::str::from_utf8(&rsa).unwrap()).unwrap();
        for config in RSA {
            works(&open, &pinned, config).await;
        }
        serve(&open, ECDSA[0]).await;
        let error = refused(&open, &pinned).await;
        assert_eq!(error.message(), "SSH to the guest failed: handshake", "no RSA there: {error:?}");
        open.close(false).await.unwrap_or_else(|e| panic!("{e:?}"));
    });
}

/// Provides host keys of both kinds and the user's key, beside the guest's own.
async fn provide(open: &OpenMachine) -> Keys {
    let keys = Keys::generate();
    let make = "mkdir -p /run/old && ssh-keygen -q -t rsa -b 2048 -N '' -f /run/old/rsa";
    open.ssh.run(make, LIMIT).await.unwrap();
    for (name, bytes) in [("ecdsa", keys.host_key().unwrap()), ("authorized", keys.authorized_keys())] {
        let path = Path::new("/run/old").join(name);
        open.ssh.upload(path.to_str().unwrap(), 0o600, bytes.into(), LIMIT).await.unwrap();
    }
    keys
}

/// Puts an sshd of this configuration in the place of the last one. Connections of the last one live on.
async fn serve(open: &OpenMachine, [kex, host_key, macs]: Config) {
    let options = [
        OF_5_9[0],
        OF_5_9[1],
        &format!("KexAlgorithms={kex}"),
        &format!("HostKeyAlgorithms={host_key}"),
        &format!("MACs={macs}"),
        "AuthorizedKeysFile=/run/old/authorized",
        "PermitRootLogin=yes",
        "StrictModes=no",
        "UsePAM=no",
        "PidFile=/run/tunelab/sshd.pid",
    ];
    let options: String = options.iter().map(|option| format!(" -o '{option}'")).collect();
    let start = format!("/usr/sbin/sshd -f /dev/null -h /run/old/ecdsa -h /run/old/rsa{options}");
    // The port is free once the last one is gone; the file is there once the next one listens.
    let pid = "/run/tunelab/sshd.pid";
    let replace = format!("kill $(cat {pid}) && rm -f {pid} && until test -s {pid}; do {start}; sleep 0.3; done");
    open.ssh.run(replace, LIMIT).await.unwrap_or_else(|e| panic!("{e:?}"));
}

/// Checks a login, a command and a file.
async fn works(open: &OpenMachine, keys: &Keys, config: Config) {
    serve(open, config).await;
    let port = open.machine.ssh_port().unwrap();
    let ssh = Ssh::connect(port, keys, open.machine.pulse().allow(LIMIT))
        .await
        .unwrap_or_else(|e| panic!("{config:?}: {e:?}"));
    ssh.upload("/run/old/file", 0o600, vec![b'x'; 100_000], LIMIT)
        .await
        .unwrap_or_else(|e| panic!("{config:?}: {e:?}"));
    let said = ssh.run("wc -c < /run/old/file", LIMIT).await.unwrap().stdout;
    assert_eq!(said, b"100000\n", "{config:?}");
}

async fn refused(open: &OpenMachine, keys: &Keys) -> Error {
    let (port, allowance) = (open.machine.ssh_port().unwrap(), open.machine.pulse().allow(LIMIT));
    let error = Ssh::connect(port, keys, allowance).await.err().expect("must be refused");
    assert_eq!(error.exit(), Exit::Guest);
    error
}
