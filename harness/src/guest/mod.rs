//! Talking to what runs in a machine: SSH while deploying, the plan in, the events out.

mod events;
mod keys;
mod plan_port;
mod ssh;

pub use events::Events;
pub use keys::Keys;
pub use plan_port::hand_over;
pub use ssh::{Output, Ssh};
