//! A guest that QEMU boots as if it were Linux: sixteen-bit code behind the header of a bzImage.
//!
//! It says [`BOOTED`], spins until it finds itself restored, says [`RESTORED`], halts through a minute of the clock's
//! ticks, and says [`WAITED`], all on the port of events.

use tunelab_protocol::EVENT_PORT;

pub const BOOTED: &str = "booted";
pub const RESTORED: &str = "restored";
pub const WAITED: &str = "waited";

/// Only its size matters: a machine that boots has an initrd, a restored machine has none, and the guest can see that
/// in the firmware's configuration (fw_cfg, key 0x0b).
pub const INITRD: [u8; 257] = [0; 257];

/// Ticks of the BIOS's timer in a minute, at 18.2 a second.
const TICKS: u16 = 1092;

/// Where the code lies in the file: behind the boot sector and the header (Documentation/arch/x86/boot.rst).
const CODE: usize = 0x240;

/// A bzImage of protocol 2.04: one setup sector beside the boot sector, and a kernel proper that is never jumped to.
pub fn kernel() -> Vec<u8> {
    let mut file = vec![0; 3 * 512];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[1]);
    put(0x1fe, &[0x55, 0xaa]);
    put(0x200, &[0xeb, (CODE - 0x202) as u8]);
    put(0x202, b"HdrS");
    put(0x206, &0x0204_u16.to_le_bytes());
    // The kernel is loaded high, at 1 MiB.
    put(0x211, &[1]);
    put(0x22c, &0x03ff_ffff_u32.to_le_bytes());
    put(CODE, &code());
    file
}

fn code() -> Vec<u8> {
    let mut code = vec![0xfb]; // sti: a guest that keeps interrupts off for long is taken for hung
    say(&mut code, BOOTED);
    code.extend([
        0xba, 0x10, 0x05, // again: mov dx, 0x510
        0xb8, 0x0b, 0x00, //        mov ax, 0x0b      the initrd's size
        0xef, //                    out dx, ax
        0x42, //                    inc dx
        0xec, 0x88, 0xc4, //        in al, dx; mov ah, al
        0xec, 0x08, 0xe0, //        in al, dx; or al, ah
        0x75, 0xf0, //              jnz again
    ]);
    say(&mut code, RESTORED);
    let [low, high] = TICKS.to_le_bytes();
    code.extend([
        0xb8, 0x40, 0x00, 0x8e, 0xd8, // mov ax, 0x40; mov ds, ax
        0x8b, 0x1e, 0x6c, 0x00, //       mov bx, [0x6c]      the BIOS counts ticks there
        0xf4, //                         wait: hlt
        0xa1, 0x6c, 0x00, //             mov ax, [0x6c]
        0x29, 0xd8, //                   sub ax, bx
        0x3d, low, high, //              cmp ax, TICKS
        0x72, 0xf5, //                   jb wait
    ]);
    say(&mut code, WAITED);
    code.extend([0xf4, 0xeb, 0xfd]); // end: hlt; jmp end
    code
}

fn say(code: &mut Vec<u8>, word: &str) {
    let [low, high] = EVENT_PORT.to_le_bytes();
    code.extend([0xba, low, high]); // mov dx, EVENT_PORT
    code.extend(word.bytes().chain([b'\n']).flat_map(|byte| [0xb0, byte, 0xee])); // mov al, byte; out dx, al
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_behind_the_header() {
        assert!(CODE + code().len() <= 1024);
    }
}
