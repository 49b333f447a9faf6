//! Hands a plan to a stopped machine, and proves that QEMU has taken all of it.
//!
//! Why this works (QEMU 7.2, `hw/char/virtio-console.c` and `virtio-serial-bus.c`): the port's readiness looks at the
//! queue and at `guest_connected`, both of which are part of the saved state, and not at whether the vCPU runs. So
//! QEMU's main loop copies what we write into the buffers that the guest's driver has posted, while the guest stands
//! still: 128 of 4096 bytes. When it continues, the plan is in its memory, at one and the same virtual nanosecond.

use crate::error::{Context, Error, Result};
use crate::vm::Machine;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// What fits into the guest's posted buffers. A read of QEMU's that ends early wastes the rest of a buffer: half.
pub const MOST: usize = 128 * 4096 / 2;
/// QEMU's main loop needs a millisecond.
const TAKEN: Duration = Duration::from_secs(10);

/// Writes `plan` as one line. The machine must be stopped, and its agent parked.
pub async fn hand_over(machine: &Machine, plan: &[u8]) -> Result<()> {
    if plan.len() >= MOST {
        let kb = plan.len() >> 10;
        return Err(Error::input(format!("the plan takes {kb} kB, more than the {} a guest takes in", MOST >> 10)));
    }
    let port = machine.plan_port().try_clone().host(|| "failed to duplicate a socket".into())?;
    let line = [plan, b"\n"].concat();
    let written = async {
        tokio::task::spawn_blocking(move || write(port, &line)).await.host(|| "the plan was interrupted".into())?
    };
    machine.while_alive(written).await?;
    // QEMU has read the last byte; when it answers this, it has also put it where the guest will find it.
    machine.round_trip().await
}

fn write(mut port: UnixStream, line: &[u8]) -> Result<()> {
    let not_taken = || "the machine does not take its plan".to_owned();
    port.set_write_timeout(Some(TAKEN)).host(not_taken)?;
    port.write_all(line).guest(not_taken)?;
    let since = Instant::now();
    loop {
        match unread(&port).host(not_taken)? {
            0 => return Ok(()),
            _ if since.elapsed() < TAKEN => std::thread::sleep(Duration::from_millis(1)),
            left => {
                let message = format!("{}: {left} bytes are left after {TAKEN:?}", not_taken());
                return Err(Error::guest(message).hint("is its agent parked?"));
            }
        }
    }
}

/// Bytes written to a socket and not yet read at the other end (as memory: 0 is 0).
fn unread(socket: &UnixStream) -> nix::Result<i32> {
    // SIOCOUTQ is TIOCOUTQ's other name.
    nix::ioctl_read_bad!(outq, nix::libc::TIOCOUTQ, nix::libc::c_int);
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the kernel writes one int.
    unsafe { outq(socket.as_raw_fd(), &mut bytes) }?;
    Ok(bytes)
}
