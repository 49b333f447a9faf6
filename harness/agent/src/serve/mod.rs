//! Processes and tasks that answer.

pub mod backend;
pub mod echo;
mod http;
pub mod nginx;
pub mod upstream;
