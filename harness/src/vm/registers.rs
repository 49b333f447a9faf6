//! Reads `info registers` and tells a vCPU that is stuck from one that works.

/// What one look at one vCPU shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    /// Where it executes; 0 is never taken for a place.
    pub rip: u64,
    /// EFLAGS.IF: takes interrupts.
    pub interrupts: bool,
    /// Waits for an interrupt.
    pub halted: bool,
}

/// Bytes within which a loop that goes nowhere stays.
const SAME_PLACE: u64 = 256;

/// All vCPUs in the answer of `info registers -a`, in order.
pub fn parse(text: &str) -> Vec<Cpu> {
    let mut cpus = Vec::new();
    for line in text.lines() {
        // `RIP=ffffffff81a00000 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1`, EIP and EFL in other modes.
        let Some(rip) = field(line, "RIP=").or_else(|| field(line, "EIP=")) else { continue };
        let Some(flags) = field(line, "RFL=").or_else(|| field(line, "EFL=")) else { continue };
        let halted = field(line, "HLT=") == Some(1);
        cpus.push(Cpu { rip, interrupts: flags & (1 << 9) != 0, halted });
    }
    cpus
}

fn field(line: &str, name: &str) -> Option<u64> {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name))?;
    u64::from_str_radix(value, 16).ok()
}

/// Where a vCPU hangs, if it was deaf to interrupts and in the same place in all of `looks` (oldest first). Halted
/// or not: an idle kernel halts with interrupts on, or nothing would ever wake it.
pub fn stuck(looks: &[Vec<Cpu>]) -> Option<u64> {
    let (last, earlier) = looks.split_last()?;
    last.iter().enumerate().find_map(|(n, now)| {
        let deaf = |cpu: &Cpu| !cpu.interrupts && cpu.rip.abs_diff(now.rip) < SAME_PLACE;
        (deaf(now) && earlier.iter().all(|look| look.get(n).is_some_and(deaf))).then_some(now.rip)
    })
}
