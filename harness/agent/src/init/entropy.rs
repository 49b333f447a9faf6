//! Entropy for old kernels (3.x): they gather next to none in a virtual machine, where OpenSSL waits for /dev/random.

use anyhow::{Context, Result};
use std::fs::File;
use std::os::fd::AsRawFd;

/// `RNDADDENTROPY` of random(4): `_IOW('R', 0x03, int [2])`.
const ADD_ENTROPY: libc::c_ulong = 0x4008_5203;
/// The entropy in bits that a kernel has if it seeds itself.
const ENOUGH: u32 = 256;
const BYTES: usize = 64;

/// `struct rand_pool_info`.
#[repr(C)]
struct Pool {
    entropy_bits: libc::c_int,
    bytes: libc::c_int,
    buffer: [u8; BYTES],
}

/// Credits a secret that the host has made for this machine alone, if the kernel has too little entropy of its own.
pub fn credit(secret: &[u8]) -> Result<()> {
    let available = std::fs::read_to_string("/proc/sys/kernel/random/entropy_avail").unwrap_or_default();
    if available.trim().parse().unwrap_or(0) >= ENOUGH {
        return Ok(());
    }
    let mut pool = Pool { entropy_bits: BYTES as libc::c_int * 8, bytes: BYTES as libc::c_int, buffer: [0; BYTES] };
    for (n, byte) in secret.iter().enumerate() {
        pool.buffer[n % BYTES] ^= byte.rotate_left((n / BYTES) as u32);
    }
    let random = File::options().write(true).open("/dev/random").context("failed to open /dev/random")?;
    // SAFETY: the pool is as long as it says, and outlives the call.
    if unsafe { libc::ioctl(random.as_raw_fd(), ADD_ENTROPY, &pool) } < 0 {
        return Err(std::io::Error::last_os_error()).context("failed to add entropy");
    }
    Ok(())
}
