//! tunelab, the host side. The module list is a map, in reading order; imports go down only.

#[cfg(not(target_os = "linux"))]
compile_error!("tunelab runs on Linux alone: it needs namespaces, /proc and Linux's signals");
#[cfg(not(target_arch = "x86_64"))]
compile_error!("tunelab runs on x86-64 alone: its guests and their agent are x86-64");

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
pub mod read;
pub mod story;
pub mod visible;

/// The name of the program, and of its package.
pub const PROGRAM: &str = "tunelab";
