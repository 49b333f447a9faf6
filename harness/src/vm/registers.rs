//! Reads `info registers` and `info lapic`, and tells a vCPU that is stuck from one that works.

/// The state of one vCPU at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// The address at which it executes; 0 is never taken for a place.
    pub rip: u64,
    /// EFLAGS.IF: whether it takes interrupts.
    pub interrupts: bool,
    /// Whether an interrupt waits for it.
    pub asked: bool,
    /// All that QEMU shows of it.
    pub registers: String,
}

/// A loop that goes nowhere stays within this many bytes.
const SAME_PLACE: u64 = 256;

/// Parses all vCPUs in the answer of `info registers -a`, in order. The answer does not say whether an interrupt waits.
pub fn parse(text: &str) -> Vec<Cpu> {
    text.split("CPU#").filter_map(one).collect()
}

/// Parses one vCPU: `RIP=ffffffff81a00000 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1` among other fields;
/// other modes have EIP and EFL.
fn one(registers: &str) -> Option<Cpu> {
    let rip = field(registers, "RIP=").or_else(|| field(registers, "EIP="))?;
    let flags = field(registers, "RFL=").or_else(|| field(registers, "EFL="))?;
    Some(Cpu { rip, interrupts: flags & (1 << 9) != 0, asked: false, registers: registers.to_owned() })
}

/// Whether the answer of `info lapic` has interrupts that are requested and not taken: `IRR\t 236 `, or `IRR\t (none)`.
pub fn interrupt_waits(text: &str) -> bool {
    text.lines().filter_map(|line| line.strip_prefix("IRR")).any(|vectors| !matches!(vectors.trim(), "" | "(none)"))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.split_whitespace().find_map(|word| word.strip_prefix(name))?;
    u64::from_str_radix(value, 16).ok()
}

/// Where a vCPU hangs: in all of `looks` (oldest first) it was deaf and in the same place, and either an interrupt
/// waited for it or none of its registers changed. It may be halted or not: an idle kernel halts with interrupts on, or
/// nothing would ever wake it.
///
/// Deaf and in the same place is not enough: where instructions are counted, QEMU answers between two slices of the
/// vCPU's time, and a slice ends wherever the guest sets its timer, with interrupts off, each time.
pub fn stuck(looks: &[Vec<Cpu>]) -> Option<u64> {
    deaf(looks, |then, _| then.asked).or_else(|| frozen(looks))
}

/// The same, but only if none of its registers changed.
pub fn frozen(looks: &[Vec<Cpu>]) -> Option<u64> {
    deaf(looks, |then, now| then.registers == now.registers)
}

/// Where a vCPU was with interrupts off in all of `looks`, if `is` also holds for each of them, compared with the last.
fn deaf(looks: &[Vec<Cpu>], is: impl Fn(&Cpu, &Cpu) -> bool) -> Option<u64> {
    looks.last()?.iter().enumerate().find_map(|(n, now)| {
        let then = |then: &Cpu| !then.interrupts && then.rip.abs_diff(now.rip) < SAME_PLACE && is(then, now);
        looks.iter().all(|look| look.get(n).is_some_and(then)).then_some(now.rip)
    })
}
