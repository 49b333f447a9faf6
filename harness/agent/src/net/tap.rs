//! A TAP device: frames that the kernel sends by it can be read, and frames that are written to it reach the kernel.

use anyhow::{Context, Result};
use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
};

const DEVICE: &str = "/dev/net/tun";

/// Makes a TAP device in the current namespace; it is gone with the descriptor. One read is one frame, one write is one
/// frame, and both return at once.
pub fn open(name: &str) -> Result<File> {
    let file = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE);
    let file = file.with_context(|| format!("failed to open {DEVICE} (CONFIG_TUN)"))?;
    // SAFETY: all zeroes is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero: it ends the text.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes an ifreq, which `request` is.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &mut request) } < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("failed to make the TAP device {name}"));
    }
    Ok(file)
}
