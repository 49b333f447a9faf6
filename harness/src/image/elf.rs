//! The few bytes of an ELF header that say what a file is for.

/// `EM_X86_64`.
const X86_64: u16 = 62;

/// The names of machines that the distributions know.
const NAMES: [(u16, &str); 8] = [
    (3, "32-bit x86"),
    (8, "MIPS"),
    (21, "64-bit PowerPC"),
    (22, "s390"),
    (40, "32-bit ARM"),
    (183, "arm64"),
    (243, "RISC-V"),
    (258, "LoongArch"),
];

/// The machine that an ELF file was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(u16);

impl Machine {
    /// Returns `None` if it is no ELF file.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..0x14).filter(|header| header.starts_with(b"\x7fELF"))?;
        let machine = [header[0x12], header[0x13]];
        // `EI_DATA` is 2 in a file with the high byte first.
        let swapped = header[5] == 2;
        Some(Machine(if swapped { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) }))
    }

    pub fn is_x86_64(self) -> bool {
        self.0 == X86_64
    }

    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(machine, _)| *machine == self.0).map_or("another architecture", |(_, name)| name)
    }
}
