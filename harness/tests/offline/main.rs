//! Tests that need no virtual machine.

mod scenario;
