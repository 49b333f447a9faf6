//! Writes events, stamped with the guest's own clock.

use anyhow::{Context, Result};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write;
use std::rc::Rc;
use tunelab_protocol::{Event, Stamped};

/// The event port. Cheap to clone; one thread writes.
#[derive(Clone)]
pub struct Events(Rc<Inner>);

struct Inner {
    port: RefCell<File>,
    /// CLOCK_MONOTONIC in microseconds when the plan started.
    start_us: Cell<Option<u64>>,
}

impl Events {
    pub fn new(port: File) -> Self {
        Events(Rc::new(Inner { port: RefCell::new(port), start_us: Cell::new(None) }))
    }

    /// Time counts from here.
    pub fn start(&self) {
        self.0.start_us.set(Some(monotonic_us()));
    }

    /// Microseconds since the plan started.
    pub fn now_us(&self) -> u64 {
        self.0.start_us.get().map_or(0, |start| monotonic_us() - start)
    }

    /// Writes one event. Nobody can be told that telling failed: the machine ends, and the host sees silence.
    pub fn emit(&self, event: Event) {
        self.emit_at(self.now_us(), event);
    }

    pub fn emit_at(&self, at_us: u64, event: Event) {
        let mut line = serde_json::to_vec(&Stamped { at_us, event }).expect("events are plain data");
        line.push(b'\n');
        self.0.port.borrow_mut().write_all(&line).expect("the event port takes all");
    }
}

/// CLOCK_MONOTONIC in microseconds.
pub fn monotonic_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("every kernel has it");
    now.tv_sec() as u64 * 1_000_000 + now.tv_nsec() as u64 / 1_000
}

/// Opens a virtio-serial port by its name; without udev there is no /dev/virtio-ports.
pub fn open_port(name: &str) -> Result<File> {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").context("this guest has no virtio-serial port")?;
    for port in ports {
        let port = port?;
        let known = std::fs::read_to_string(port.path().join("name")).unwrap_or_default();
        if known.trim() == name {
            let node = std::path::Path::new("/dev").join(port.file_name());
            let file = File::options().read(true).write(true).open(&node);
            return file.with_context(|| format!("failed to open `{}`", node.display()));
        }
    }
    anyhow::bail!("no virtio-serial port is named `{name}`")
}
