//! How the services are started, and which limits of open files are reported.

use serde::{Deserialize, Serialize};

/// How services are started: this decides where their limit of open files comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartedBy {
    /// By the agent, with the limits that the limits.d file names for any user, or without a limit.
    #[default]
    Lab,
    /// Like a daemon that init starts: with process 1's own limits. The limits.d file lies where PAM looks for it.
    Init,
    /// By a user from a login, in a PAM session (su(1)); our own servers as with `Init`.
    Login(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitOf {
    /// Process 1.
    Init,
    NginxMaster,
    NginxWorker,
    /// A shell of this user after a login.
    Login(String),
}

impl std::fmt::Display for LimitOf {
    /// Writes the name that the outcome has.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LimitOf::Init => f.write_str("init"),
            LimitOf::NginxMaster => f.write_str("nginx-master"),
            LimitOf::NginxWorker => f.write_str("nginx-worker"),
            LimitOf::Login(user) => write!(f, "login-{user}"),
        }
    }
}
