//! Chooses a connection's first sequence number in place of the kernel: by TCP_REPAIR, which is there since Linux 3.5.

use super::failed::Failed;
use std::os::fd::AsRawFd;

/// The first connection's number, and how much older each further one's is: more than a window, and more than the
/// kernel's clock (a number every 64 ns in net/core/secure_seq.c) would make of the time between.
const FIRST: u32 = 0xc000_0000;
const OLDER_BY: u32 = 1 << 24;

/// Makes each socket's number older than that of the one before it. To be called before it connects.
pub fn choose_older(socket: &impl AsRawFd, number: u32) -> Result<(), Failed> {
    let set = |option, value: u32| {
        // SAFETY: the value is read within the call.
        let failed = unsafe {
            let (pointer, size) = ((&raw const value).cast(), size_of::<u32>() as u32);
            libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, pointer, size) != 0
        };
        if failed { Err(Failed::of(&std::io::Error::last_os_error())) } else { Ok(()) }
    };
    /// linux/tcp.h: TCP_SEND_QUEUE.
    const SEND_QUEUE: u32 = 2;
    set(libc::TCP_REPAIR, 1)?;
    set(libc::TCP_REPAIR_QUEUE, SEND_QUEUE)?;
    set(libc::TCP_QUEUE_SEQ, FIRST.wrapping_sub(number.wrapping_mul(OLDER_BY)))?;
    set(libc::TCP_REPAIR, 0)
}
