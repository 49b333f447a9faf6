//! Rules, sysctls, limits, modules: each file in its own format, applied as its own tool would.

mod counters;
pub mod lacks;
mod limits;
mod modules;
mod nginx;
mod rules;
mod scale;
mod sysctl;

pub use counters::{counted as counted_rules, replaced as counted_rules_replaced};
pub use limits::{Nofile, install as install_limits, login, raise_own};
pub use modules::{load as load_module, words as module_words};
pub use nginx::directive as nginx_directive;
pub use rules::{leave_untracked, load as load_rules, remove as remove_rules, replace as replace_rules};
pub use scale::{Defaults, Scale};
pub use sysctl::{Settings, write};
pub use tunelab_protocol::probe::sysctl as read;
