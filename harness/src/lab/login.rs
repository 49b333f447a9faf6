//! The way into a guest that boots: how long it may take to let us in, and the error if it does not.

use crate::{
    error::{Error, Result},
    guest::{Keys, Ssh},
    image::Init,
    vm::{Allowance, Machine, console::last_lines},
};
use std::{path::Path, time::Duration};

/// Lines of the console in an error.
const LAST_LINES: usize = 10;

/// The limit from power-on to a shell, all on an emulated CPU, as the host lets it run. A guest that died is found at
/// once all the same.
///
/// Our own init has sshd up in seconds. A distribution's starts some hundred processes first: Debian 12 took 90 s on
/// two idle cores, Ubuntu 24.04 starts twice as many. Upstart's waits up to two minutes for a network, if it misses
/// one.
pub fn limit(init: Init) -> Duration {
    match init {
        Init::Agent => Duration::from_secs(180),
        Init::Distribution => Duration::from_secs(480),
    }
}

/// Run it under [`Machine::while_alive`].
pub async fn log_in(machine: &Machine, init: Init, keys: &Keys) -> Result<Ssh> {
    let port = machine.ssh_port().expect("a booted machine has one");
    within(machine.pulse().allow(limit(init)), port, keys, &machine.console(), init).await
}

async fn within(allowance: Allowance, port: u16, keys: &Keys, console: &Path, init: Init) -> Result<Ssh> {
    Ssh::connect(port, keys, allowance).await.map_err(|e| locked_out(e, console, init))
}

/// The error when the guest did not let us in: the console's last words are most of what can be known.
fn locked_out(error: Error, console: &Path, init: Init) -> Error {
    let needed = match init {
        Init::Agent => "the image's sshd must run on this kernel: before Linux 3.17 take one of Debian 11 or older",
        Init::Distribution => {
            "the disk must start cloud-init (with NoCloud among its data sources) and an SSH server by itself"
        }
    };
    let why = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
    Error::guest(format!("{error}{why}{}", last_lines(console, LAST_LINES)))
        .hint(format!("{needed}; console log at `{}`", console.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what QEMU does for a guest without an SSH server: takes the connection, and says nothing.
    async fn told(init: Init) -> Error {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let console = tempfile::NamedTempFile::new().unwrap();
        let said: String = (1..=LAST_LINES + 1).map(|n| format!("line {n}.\r\n")).collect();
        std::fs::write(console.path(), said).unwrap();
        let allowance = crate::vm::Pulse::none().allow(Duration::from_millis(100));
        let Err(error) = within(allowance, port, &Keys::generate(), console.path(), init).await else {
            panic!("nobody answers there");
        };
        assert_eq!(error.exit() as u8, 4);
        let text = format!("{error}");
        assert!(text.starts_with("no SSH in the guest: nothing answers on the guest's port 22; "), "{text}");
        assert!(text.ends_with(&format!("\n  line {}.", LAST_LINES + 1)), "{text}");
        assert!(!text.contains("line 1."), "{text}");
        assert!(error.hint_text().unwrap().contains(console.path().to_str().unwrap()), "{error:?}");
        error
    }

    #[tokio::test]
    async fn ssh_that_never_comes_is_told_with_the_consoles_last_lines() {
        assert!(told(Init::Agent).await.hint_text().unwrap().contains("sshd must run on this kernel"));
        assert!(told(Init::Distribution).await.hint_text().unwrap().contains("cloud-init"));
    }
}
