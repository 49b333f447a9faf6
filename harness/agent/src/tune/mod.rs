//! Rules, sysctls, limits, modules: each file in its own format, applied as its own tool would.

mod limits;
mod rules;
mod sysctl;

pub use limits::{Nofile, raise_own};
pub use rules::load as load_rules;
pub use sysctl::{apply, read, write};
