//! The plan, as QEMU's firmware configuration device (fw_cfg) holds it.
//!
//! Each look is a few I/O instructions of our own: no interrupt comes in, and nothing depends on when the host gets
//! round to something. A machine saved between two looks finds the plan after the same instruction in every restore.

use crate::ports;
use anyhow::{Context, Result};
use std::time::Duration;
use tunelab_protocol::{NO_PLAN, PLAN_FILE};

/// The device's two ports: one selects an item, the other gives its next byte.
const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;
/// The item that lists the files: a count, then entries of size, item and name, big-endian.
const DIRECTORY: u16 = 0x19;
const ENTRY: usize = 64;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until there is a plan, and reads it.
pub fn wait_for_plan() -> Result<String> {
    ports::allow(SELECTOR, 2)?;
    loop {
        // The size is part of the directory, so the directory is read each time.
        let (item, size) = find().with_context(|| format!("QEMU has no `{PLAN_FILE}` for us"))?;
        let text = read(item, size);
        if text != NO_PLAN.as_bytes() {
            return String::from_utf8(text).context("the plan is not UTF-8");
        }
        std::thread::sleep(PAUSE);
    }
}

/// Finds the item and the size of the plan.
fn find() -> Option<(u16, usize)> {
    let count = read(DIRECTORY, 4).try_into().map(u32::from_be_bytes).ok()? as usize;
    let listing = read(DIRECTORY, 4 + count * ENTRY);
    listing[4..].chunks_exact(ENTRY).find_map(|entry| {
        let (size, item, name) = (&entry[..4], &entry[4..6], &entry[8..]);
        let name = name.split(|b| *b == 0).next()?;
        let found = name == PLAN_FILE.as_bytes();
        found
            .then(|| (u16::from_be_bytes([item[0], item[1]]), u32::from_be_bytes(size.try_into().expect("4")) as usize))
    })
}

/// Reads the first `size` bytes of an item.
fn read(item: u16, size: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; size];
    ports::write_word(SELECTOR, item);
    ports::read(DATA, &mut bytes);
    bytes
}
