//! Tests that need no virtual machine.

mod cli;
mod host;
mod image;
mod made;
mod outcome;
mod plan;
mod report;
mod scenario;
mod vm;
