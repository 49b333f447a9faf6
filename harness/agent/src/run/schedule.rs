//! The schedule of a run, in virtual microseconds since Ready.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tunelab_protocol::Plan;

/// Steps that are due at the same moment come in this order: probes see the quiet before a round, and the end is last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Probe(usize),
    Phase(usize),
    Change { phase: usize, change: usize },
    Round { phase: usize, round: u32 },
    End,
}

pub struct Schedule<'a> {
    plan: &'a Plan,
    end_us: u64,
    heap: BinaryHeap<Reverse<(u64, Due)>>,
}

impl<'a> Schedule<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        let mut heap = BinaryHeap::new();
        let mut start_us = 0;
        for (number, phase) in plan.phases.iter().enumerate() {
            heap.push(Reverse((start_us, Due::Phase(number))));
            heap.push(Reverse((start_us, Due::Round { phase: number, round: 0 })));
            for (number_of_change, change) in phase.changes.iter().enumerate() {
                let due = Due::Change { phase: number, change: number_of_change };
                heap.push(Reverse((start_us + change.at_us, due)));
            }
            start_us += phase.lasts_us();
        }
        heap.push(Reverse((start_us, Due::End)));
        for (number, probe) in plan.probes.iter().enumerate().filter(|(_, p)| p.every_us > 0) {
            heap.push(Reverse((probe.after_us, Due::Probe(number))));
        }
        Schedule { plan, end_us: start_us, heap }
    }

    fn again(&mut self, at_us: u64, due: Due) {
        let next = match due {
            Due::Probe(number) => (at_us + self.plan.probes[number].every_us, due),
            Due::Round { phase, round } if round + 1 < self.plan.phases[phase].rounds => {
                (at_us + self.plan.phases[phase].every_us, Due::Round { phase, round: round + 1 })
            }
            _ => return,
        };
        // The end looks once more at everything by itself.
        if next.0 < self.end_us {
            self.heap.push(Reverse(next));
        }
    }
}

impl Iterator for Schedule<'_> {
    type Item = (u64, Due);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((at_us, due)) = self.heap.pop()?;
        self.again(at_us, due);
        Some((at_us, due))
    }
}
