//! Tests that start no virtual machine.

mod host;
mod image;
