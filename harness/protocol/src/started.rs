//! Who starts what serves, and whose limits of open files are asked for.

use serde::{Deserialize, Serialize};

/// Who starts nginx and the backends: where their limit of open files comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartedBy {
    /// The agent, with what the limits.d file says for whomever, or without a limit.
    #[default]
    Lab,
    /// As init starts a daemon: with process 1's own limits. The limits.d file lies where PAM looks for it.
    Init,
    /// nginx by a user from a login, in a session of PAM's (su(1)); the backends as by init.
    Login(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitOf {
    /// Process 1.
    Init,
    NginxMaster,
    NginxWorker,
    /// A shell of this user's after a login.
    Login(String),
}

impl std::fmt::Display for LimitOf {
    /// As the outcome calls it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LimitOf::Init => f.write_str("init"),
            LimitOf::NginxMaster => f.write_str("nginx-master"),
            LimitOf::NginxWorker => f.write_str("nginx-worker"),
            LimitOf::Login(user) => write!(f, "login-{user}"),
        }
    }
}
