//! tunelab, the host side. The module list is a map, in reading order; imports go down only.

pub mod cli;

pub mod report;

pub mod project;

pub mod lab;

pub mod outcome;
pub mod plan;
pub mod scenario;

pub mod guest;
pub mod image;
pub mod vm;

pub mod host;

pub mod built_in;
pub mod cache;
pub mod error;
pub mod story;

/// The guest agent, as built for this very harness by `build.rs`.
pub static AGENT: &[u8] = include_bytes!(env!("TUNELAB_AGENT"));
