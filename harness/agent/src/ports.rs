//! x86's I/O ports, from user space: a QEMU device answers within the instruction, with no interrupt and no driver.

use anyhow::{Result, ensure};
use std::arch::asm;

/// Lets this thread, and what it forks, use `count` ports from `first` on. Before that, [`read`] and [`write`] kill.
pub fn allow(first: u16, count: u16) -> Result<()> {
    // SAFETY: only says which ports may be used; the caller knows the device behind them.
    let allowed = unsafe { libc::ioperm(first.into(), count.into(), 1) };
    ensure!(
        allowed == 0,
        "no access to I/O port {first:#x}: {} (the kernel needs CONFIG_X86_IOPL_IOPERM and no lockdown)",
        std::io::Error::last_os_error()
    );
    Ok(())
}

/// Fills the buffer, byte by byte.
pub fn read(port: u16, into: &mut [u8]) {
    // SAFETY: `rep insb` writes `len` bytes from the start of a buffer of that length.
    unsafe {
        asm!("rep insb", in("dx") port, inout("rdi") into.as_mut_ptr() => _, inout("rcx") into.len() => _,
             options(nostack, preserves_flags));
    }
}

/// Writes all bytes, one by one.
pub fn write(port: u16, bytes: &[u8]) {
    // SAFETY: `rep outsb` reads `len` bytes from the start of a buffer of that length.
    unsafe {
        asm!("rep outsb", in("dx") port, inout("rsi") bytes.as_ptr() => _, inout("rcx") bytes.len() => _,
             options(nostack, preserves_flags, readonly));
    }
}

/// Writes 16 bits at once.
pub fn write_word(port: u16, word: u16) {
    // SAFETY: touches no memory.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") word, options(nostack, nomem, preserves_flags)) }
}
