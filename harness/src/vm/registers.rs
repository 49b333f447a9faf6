//! Reads `info registers` and `info lapic`, and tells a vCPU that is stuck from one that works.

/// The state of one vCPU at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// The address at which it executes; 0 is never taken for a place.
    pub rip: u64,
    /// EFLAGS.IF: whether it takes interrupts.
    pub interrupts: bool,
    /// If an interrupt waits for it: the count to which it last set its timer.
    pub asked: Option<u64>,
    /// All that QEMU shows of it.
    pub registers: String,
}

impl Cpu {
    /// Whether it was, with interrupts off, in the same place as at another look.
    pub fn deaf_where(&self, other: &Cpu) -> bool {
        !self.interrupts && self.rip.abs_diff(other.rip) < SAME_PLACE
    }
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
    Some(Cpu { rip, interrupts: flags & (1 << 9) != 0, asked: None, registers: registers.to_owned() })
}

/// If the answer of `info lapic` has interrupts that are requested and not taken (`IRR\t 236 `, or `IRR\t (none)`): the
/// count to which the guest last set the timer (`initial_count = 249544`; 0 if it never did).
pub fn interrupt_waits(text: &str) -> Option<u64> {
    let requested = text.lines().filter_map(|line| line.strip_prefix("IRR"));
    let waits = requested.map(str::trim).any(|vectors| !matches!(vectors, "" | "(none)"));
    let count = |text: &str| text.split_once("initial_count = ")?.1.split_whitespace().next()?.parse().ok();
    waits.then(|| count(text).unwrap_or_default())
}

fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.split_whitespace().find_map(|word| word.strip_prefix(name))?;
    u64::from_str_radix(value, 16).ok()
}

/// Where a vCPU hangs: in all of `looks` (oldest first) it was deaf and in the same place, and either an interrupt
/// waited for it while it never set its timer again, or none of its registers changed. It may be halted or not: an idle
/// kernel halts with interrupts on, or nothing would ever wake it.
///
/// Deaf and in the same place is not enough: where instructions are counted, QEMU answers between two slices of the
/// vCPU's time, and a slice ends wherever the guest sets its timer, with interrupts off, each time. Nor is an interrupt
/// that waits: the next slice ends as that timer fires, and each answer may be from another slice than the one before.
pub fn stuck(looks: &[Vec<Cpu>]) -> Option<u64> {
    let waits = |then: &Cpu, now: &Cpu| then.asked.is_some() && then.asked == now.asked;
    deaf(looks, waits).or_else(|| deaf(looks, |then, now| then.registers == now.registers))
}

/// Where a vCPU was with interrupts off in all of `looks`, if `is` also holds for each of them, compared with the last.
fn deaf(looks: &[Vec<Cpu>], is: impl Fn(&Cpu, &Cpu) -> bool) -> Option<u64> {
    looks.last()?.iter().enumerate().find_map(|(n, now)| {
        let then = |then: &Cpu| then.deaf_where(now) && is(then, now);
        looks.iter().all(|look| look.get(n).is_some_and(then)).then_some(now.rip)
    })
}
