//! Writes events, stamped with the guest's own clock.

use crate::ports;
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;
use tunelab_protocol::{EVENT_PORT, Event, PORT_READS, Stamped};

/// The way by which events leave. Cheap to clone; one thread writes.
#[derive(Clone)]
pub struct Events(Rc<Inner>);

struct Inner {
    out: RefCell<Box<dyn Write>>,
    /// CLOCK_MONOTONIC in microseconds when the plan started.
    start_us: Cell<Option<u64>>,
}

impl Events {
    pub fn new(out: impl Write + 'static) -> Self {
        Events(Rc::new(Inner { out: RefCell::new(Box::new(out)), start_us: Cell::new(None) }))
    }

    /// Time counts from here.
    pub fn start(&self) {
        self.0.start_us.set(Some(monotonic_us()));
    }

    /// Microseconds since the plan started.
    pub fn now_us(&self) -> u64 {
        self.0.start_us.get().map_or(0, |start| monotonic_us() - start)
    }

    /// Writes one event. A failure to write cannot be reported: the machine ends, and the host sees silence.
    pub fn emit(&self, event: Event) {
        self.emit_at(self.now_us(), event);
    }

    pub fn emit_at(&self, at_us: u64, event: Event) {
        let mut line = serde_json::to_vec(&Stamped { at_us, event }).expect("events are plain data");
        line.push(b'\n');
        self.0.out.borrow_mut().write_all(&line).expect("events find their way out");
    }
}

/// CLOCK_MONOTONIC in microseconds.
pub fn monotonic_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("every kernel has it");
    now.tv_sec() as u64 * 1_000_000 + now.tv_nsec() as u64 / 1_000
}

/// The way out of a machine: QEMU writes what comes to this port into the record, within the instruction that sends it.
pub struct Port(());

impl Port {
    /// Opens the port for this thread and for what it forks.
    pub fn open() -> Result<Self> {
        ports::allow(EVENT_PORT, 1)?;
        let mut there = [0];
        ports::read(EVENT_PORT, &mut there);
        anyhow::ensure!(there == [PORT_READS], "this machine has no debug console at port {EVENT_PORT:#x}");
        Ok(Port(()))
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ports::write(EVENT_PORT, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
