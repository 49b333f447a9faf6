//! Processes and tasks that answer.

pub mod backend;
mod http;
pub mod upstream;
