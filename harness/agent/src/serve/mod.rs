//! Processes and tasks that answer.

pub mod backend;
pub mod echo;
mod http;
pub mod nginx;
mod refused;
mod running;
pub mod upstream;

pub use running::Running;
