//! Reads the header of a bzImage: does it boot here, and what does it call itself?
//!
//! Offsets and fields: Documentation/x86/boot.rst of Linux.

use crate::{
    error::{Error, Result},
    image::{elf::Machine, unpack},
};
use std::{io::Read, path::Path};
use tunelab_protocol::version;

/// The oldest kernel that the C library of today's distributions, and our agent, agree to run on.
const OLDEST: (u32, u32) = (3, 2);

/// `HdrS`, at 0x202.
const MAGIC: &[u8] = b"HdrS";
/// Boot protocol from which `xloadflags` says what the kernel is (Linux 3.8).
const SAYS_64_BIT: u16 = 0x020c;
const XLF_KERNEL_64: u16 = 1;
/// Boot protocol from which the header says where the packed kernel lies (Linux 2.6.26).
const SAYS_PAYLOAD: u16 = 0x0208;

/// Returns the release as `uname -r` will say it: `6.1.0-56-cloud-amd64`. `file` is for the messages.
pub fn release(file: &Path, image: &[u8]) -> Result<String> {
    let says = |what: &str| Error::input(format!("the kernel `{}` {what}", file.display()));
    if image.get(0x202..0x206) != Some(MAGIC) || u16_at(image, 0x1fe) != Some(0xaa55) {
        let (what, hint) = instead(image);
        return Err(says(what).hint(hint));
    }
    let protocol = u16_at(image, 0x206).unwrap_or(0);
    if image.len() < size(image) {
        let cut = format!("is cut short: {} bytes of {}", image.len(), size(image));
        return Err(says(&cut).hint("the copy or the download may be incomplete"));
    }
    if !is_64_bit(image, protocol) {
        return Err(says("is for 32-bit x86").hint("tunelab's machines and images are x86-64"));
    }
    let release = text_at(image, 0x200 + usize::from(u16_at(image, 0x20e).unwrap_or(0)));
    let release = release.filter(|text| version(text).is_some());
    let release = release.ok_or_else(|| says("does not say its release").hint("the file may be damaged"))?;
    if version(&release) < Some(OLDEST) {
        let oldest = format!("guests need Linux {}.{} or later", OLDEST.0, OLDEST.1);
        return Err(says(&format!("is Linux {release}")).hint(oldest));
    }
    Ok(release)
}

/// Checks that this is a kernel as [`release`] wants it, and the one that its file's name promises: its modules are
/// found by that name.
pub fn check(file: &Path, image: &[u8], named: &str) -> Result<()> {
    let own = release(file, image)?;
    if own == named {
        return Ok(());
    }
    Err(Error::input(format!("the kernel `{}` calls itself {own}, not {named}", file.display()))
        .hint("it could load none of the modules that are installed for it"))
}

/// The header says whether the kernel is 64-bit; before it did, the ELF file that it unpacks to says it. Where neither
/// can be read, the guest will say it.
fn is_64_bit(image: &[u8], protocol: u16) -> bool {
    if protocol >= SAYS_64_BIT {
        return u16_at(image, 0x236).is_some_and(|flags| flags & XLF_KERNEL_64 != 0);
    }
    let machine = payload(image, protocol).and_then(|elf| Machine::of(&elf));
    machine.is_none_or(Machine::is_x86_64)
}

/// The first bytes of the packed kernel, if the packing is known here.
fn payload(image: &[u8], protocol: u16) -> Option<Vec<u8>> {
    let offset = usize::try_from(u32_at(image, 0x248).filter(|_| protocol >= SAYS_PAYLOAD)?).ok()?;
    head(image.get(setup_size(image) + offset..)?)
}

/// The size in bytes of the real-mode part, with the boot sector.
fn setup_size(image: &[u8]) -> usize {
    match image.get(0x1f1) {
        None | Some(0) => 5 * 512,
        Some(sectors) => (usize::from(*sectors) + 1) * 512,
    }
}

/// The least size in bytes that the header allows: a signature may follow.
fn size(image: &[u8]) -> usize {
    let paragraphs = u32_at(image, 0x1f4).unwrap_or(0);
    setup_size(image).saturating_add((paragraphs as usize).saturating_mul(16))
}

/// The first bytes that the packed data unpacks to.
fn head(packed: &[u8]) -> Option<Vec<u8>> {
    let mut head = vec![0; 64];
    unpack::by_magic(packed)?.read_exact(&mut head).ok()?;
    Some(head)
}

/// Says what a file is that is no bzImage, and what to give in its place.
fn instead(image: &[u8]) -> (&'static str, &'static str) {
    const BZIMAGE: &str = "a kernel that boots here is a bzImage: `arch/x86/boot/bzImage` of a build, or a \
                           distribution's `vmlinuz`";
    const OTHER: &str = "tunelab's machines and images are x86-64";
    let is = |magic: &[u8]| image.starts_with(magic);
    match () {
        () if image.is_empty() => ("is an empty file", BZIMAGE),
        () if Machine::of(image).is_some_and(Machine::is_x86_64) => {
            ("is an ELF file, as `vmlinux` is", "give the bzImage that was packed from it, `arch/x86/boot/bzImage`")
        }
        () if is(b"\x7fELF") => ("is an ELF file of another architecture", OTHER),
        () if arm64(image) => ("is for arm64", OTHER),
        () if is(&[0x1f, 0x8b]) && head(image).is_some_and(|head| arm64(&head)) => {
            ("is for arm64, packed by gzip", OTHER)
        }
        () if is(&[0x1f, 0x8b]) => ("is something packed by gzip, not a kernel", BZIMAGE),
        () if is(b"070701") => ("is an initrd (a cpio archive)", BZIMAGE),
        () if is(b"MZ") => ("is a program for EFI, not a bzImage", BZIMAGE),
        () if is(&[0xed, 0xab, 0xee, 0xdb]) => {
            ("is an RPM package", "unpack it, and give its `vmlinuz` and, with `--modules`, its `lib/modules/RELEASE`")
        }
        () => ("is no bzImage", BZIMAGE),
    }
}

/// The magic is in Documentation/arch/arm64/booting.rst.
fn arm64(image: &[u8]) -> bool {
    image.get(0x38..0x3c) == Some(b"ARM\x64")
}

/// The text up to the first blank; what follows is who built it and when.
fn text_at(image: &[u8], at: usize) -> Option<String> {
    let text = image.get(at..(at + 256).min(image.len()))?;
    let end = text.iter().position(|b| *b == 0 || b.is_ascii_whitespace())?;
    String::from_utf8(text[..end].to_vec()).ok()
}

fn u16_at(image: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(image.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(image: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?))
}
