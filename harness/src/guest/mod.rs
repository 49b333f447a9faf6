//! Talks to the programs in a machine: SSH while deploying, and the events out. (The plan goes in with the restore:
//! [`crate::vm::Machine::restore`].)

mod events;
mod keys;
mod ssh;
mod terminal;

pub use events::Events;
pub use keys::Keys;
pub use ssh::{Output, Ssh, command_line};
pub use terminal::Terminal;
